//! What is said when a unit names one that the table does not have.

use std::collections::BTreeSet;

use super::{
    Mention, Origin,
    known_units::{Fate, fate},
};
use crate::{
    diag::{Code, Diagnostic, Diagnostics, Severity, closest},
    model::Relation,
    targets,
};

/// Reports missing units: errors at every place, the rest once for each name.
#[derive(Default)]
pub(super) struct Missing {
    said: BTreeSet<String>,
}

impl Missing {
    /// Reports that `mention` names a unit that is none of `known`.
    pub(super) fn report(&mut self, mention: &Mention, known: &[&str], diagnostics: &mut Diagnostics) {
        let Origin::Written(assignment, place) = &mention.origin else {
            return; // a target tomte brings along orders itself after others if they are there
        };
        if place.is_none() && matches!(mention.relation, Relation::After | Relation::Before) {
            return; // and so does what was made of board.toml
        }
        let fate = fate(&mention.other);
        let meant = if fate == Fate::Unknown { meant(&mention.other, known) } else { None };
        let Some(severity) = weight(mention.relation, fate, meant.is_some()) else { return };
        let why = match fate {
            Fate::Shutdown => "tomte shuts down without units, so this starts nothing".to_owned(),
            Fate::Done(why) => format!("not needed, {why}"),
            Fate::Foreign(_) => "tomte has no such unit".to_owned(),
            Fate::Device if matches!(mention.relation, Relation::After | Relation::Before) => {
                "no unit asks for this device, so nobody waits for it".to_owned()
            }
            Fate::Device => {
                "only devices with a node in /dev are waited for: the unit starts whether this one is there or not".to_owned()
            }
            Fate::Kind(kind) => format!("tomte has no {kind} units"),
            Fate::Unknown => "no such unit in this image".to_owned(),
        };
        let mut problem = Diagnostic::new(severity, Code::MissingUnit, format!("{assignment}: {why}"));
        if let (Fate::Foreign(instead), false) = (fate, problem.severity == Severity::Note) {
            problem.help.extend((!instead.is_empty()).then(|| instead.to_owned()));
        }
        if problem.severity != Severity::Error {
            if !self.said.insert(mention.other.clone()) {
                return;
            }
            problem.message.push_str("; dropped");
        }
        problem.help.extend(meant);
        let written = assignment.split('=').nth(1).unwrap_or_default();
        diagnostics.push(problem.at(place.clone()).wide(written.chars().count()));
    }
}

/// How bad it is to name a missing unit; `None`: not worth a word.
const fn weight(relation: Relation, fate: Fate, slip: bool) -> Option<Severity> {
    match (relation, fate) {
        (Relation::After | Relation::Before, Fate::Shutdown | Fate::Done(_)) => None,
        (Relation::Conflicts, _) => None, // nothing to be kept apart from
        (Relation::After | Relation::Before, Fate::Unknown) if slip => Some(Severity::Warning),
        (Relation::After | Relation::Before, _) | (Relation::Requires | Relation::BindsTo, Fate::Done(_)) => {
            Some(Severity::Note)
        }
        (Relation::Requires | Relation::BindsTo, Fate::Device) => Some(Severity::Warning),
        (Relation::Requires | Relation::BindsTo | Relation::Requisite, _) => Some(Severity::Error),
        // systemd passes it over without a word (systemd.unit(5), Wants=); a slip of the pen is worth more than a note.
        (Relation::Wants, Fate::Unknown) if !slip => Some(Severity::Note),
        (_, Fate::Unknown | Fate::Shutdown) => Some(Severity::Warning),
        (_, Fate::Done(_) | Fate::Foreign(_) | Fate::Device | Fate::Kind(_)) => Some(Severity::Note),
    }
}

/// Reports that a unit names itself.
pub(super) fn itself(mention: &Mention, diagnostics: &mut Diagnostics) {
    if let Origin::Written(assignment, place) = &mention.origin {
        let message = format!("{assignment}: {} names itself; dropped", mention.unit);
        diagnostics.push(Diagnostic::warning(Code::NamesItself, message).at(place.clone()));
    }
}

/// Reports that a name of the board, written as `setting`, is no unit.
pub(super) fn of_board(setting: &str, name: &str, known: &[&str], diagnostics: &mut Diagnostics) {
    let mut problem =
        Diagnostic::error(Code::MissingBoardUnit, format!("{setting}: {name}: no such unit in this image"));
    problem.help.extend(meant(name, known));
    diagnostics.push(problem);
}

/// Reports that the board enables `name`, which boot does not start all the same: nobody that boot starts wants it.
pub(super) fn not_started(name: &str, wanted_by: &[&str], diagnostics: &mut Diagnostics) {
    let by =
        if wanted_by.is_empty() { "nobody".to_owned() } else { format!("only {}", wanted_by.join(" and ")) };
    let message = format!("enable: {name}: boot does not start it, for {by} wants it");
    let mut problem = Diagnostic::warning(Code::MissingUnit, message);
    for target in wanted_by {
        let hardware = targets::find(target).is_some_and(|target| target.hardware);
        let why = if hardware { ": systemd would start it when such a device appears" } else { "" };
        problem = problem.help(format!("enable {target} too{why}"));
    }
    diagnostics.push(problem);
}

/// Advice, if `name` looks like a slip for one of `known` of the same kind.
fn meant(name: &str, known: &[&str]) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, "service"));
    let alike = known.iter().filter_map(|other| other.strip_suffix(kind)?.strip_suffix('.'));
    closest(stem, alike).map(|stem| format!("did you mean \"{stem}.{kind}\"?"))
}
