//! Units that come with tomte: its own helpers, each in a sandbox as any service's. A unit of the board with the same name
//! takes the place of one, and board.toml can do without.

use tomte::wire::log::LOGD_UNIT;

use super::logd;
use crate::{
    board::{Board, Config},
    boot::keys::PowerKey,
    check,
    diag::{Diagnostics, Severity},
    model::{Relation, Unit},
    values::{specifier::Facts, unit_name::UnitName},
};

/// A unit, as a unit file would have it, and which boards have it.
struct Own {
    name: &'static str,
    text: fn(&Board) -> String,
    wanted: fn(&Config) -> bool,
    /// The target that starts it, whatever the board's `enable` says: that is about the board's own units.
    wanted_by: Option<&'static str>,
}

const OWN: [Own; 5] = [
    Own { name: LOGD_UNIT, text: logd::service, wanted: has_logd, wanted_by: Some("sysinit.target") },
    Own {
        name: logd::SOCKET_UNIT,
        text: |_| include_str!("own/tomte-logd.socket").to_owned(),
        wanted: has_logd,
        wanted_by: Some("sysinit.target"),
    },
    Own {
        name: "tomte-userd.socket",
        text: |_| include_str!("own/tomte-userd.socket").to_owned(),
        wanted: |config| config.userd,
        wanted_by: Some("basic.target"),
    },
    Own {
        name: "tomte-userd.service",
        text: |_| include_str!("own/tomte-userd.service").to_owned(),
        wanted: |config| config.userd,
        wanted_by: None,
    },
    Own {
        name: "tomte-powerkey.service",
        text: |board| {
            let word = if board.config.power_key == PowerKey::Reboot { "reboot" } else { "poweroff" };
            include_str!("own/tomte-powerkey.service").replace("${word}", word)
        },
        wanted: |config| config.power_key != PowerKey::Ignore,
        wanted_by: Some("basic.target"),
    },
];

fn has_logd(config: &Config) -> bool {
    config.logd.enabled
}

/// Adds those that `board` is to have, and what they mean for its other units.
pub(super) fn add(board: &Board, facts: &Facts, units: &mut Vec<Unit>, diagnostics: &mut Diagnostics) {
    // What may be noted of them is known: only what makes them unfit is said.
    let mut said = Diagnostics::default();
    for own in OWN.iter().filter(|own| (own.wanted)(&board.config)) {
        if units.iter().any(|unit| unit.name == own.name) {
            continue;
        }
        let Ok(name) = UnitName::new(own.name) else { continue };
        let mut unit = check::unit_of(name, (own.text)(board).into(), facts.clone(), &mut said);
        if let Some(target) = own.wanted_by {
            unit.relations.imply(Relation::WantedBy, target);
        }
        units.push(unit);
    }
    said.at_least(Severity::Error).iter().for_each(|problem| diagnostics.push(problem.clone()));
    if has_logd(&board.config) {
        logd::takes_output(units);
    }
    units.sort_by(|one, other| one.name.cmp(&other.name));
}
