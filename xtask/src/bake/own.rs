//! Units that come with tomte: its own helpers, each in a sandbox as any service's. A unit of the board with the same name
//! takes the place of one, and board.toml can do without.

use crate::{
    board::Config,
    check,
    diag::{Diagnostics, Severity},
    model::Unit,
    values::{specifier::Facts, unit_name::UnitName},
};

/// A unit, and whether a board wants it.
struct Own {
    name: &'static str,
    text: &'static str,
    wanted: fn(&Config) -> bool,
}

const OWN: [Own; 2] = [
    Own {
        name: "tomte-userd.socket",
        text: include_str!("own/tomte-userd.socket"),
        wanted: |config| config.userd,
    },
    Own {
        name: "tomte-userd.service",
        text: include_str!("own/tomte-userd.service"),
        wanted: |config| config.userd,
    },
];

/// The units that come along with `units` of a board with this `config`.
pub(super) fn units(
    config: &Config,
    units: &[Unit],
    facts: &Facts,
    diagnostics: &mut Diagnostics,
) -> Vec<Unit> {
    let is_there = |name: &str| units.iter().any(|unit| unit.name == name);
    // What may be noted of them is known: only what makes them unfit is said.
    let mut said = Diagnostics::default();
    let own: Vec<Unit> = OWN
        .iter()
        .filter(|own| (own.wanted)(config) && !is_there(own.name))
        .filter_map(|own| Some((UnitName::new(own.name).ok()?, own.text)))
        .map(|(name, text)| check::unit_of(name, text.into(), facts.clone(), &mut said))
        .collect();
    said.at_least(Severity::Error).iter().for_each(|problem| diagnostics.push(problem.clone()));
    own
}

/// Whether the unit called `name` is one of them.
pub(super) fn has(name: &str) -> bool {
    OWN.iter().any(|own| own.name == name)
}
