//! What is said when a unit names one that the table does not have.

use std::collections::BTreeSet;

use super::{Mention, Origin};
use crate::{
    diag::{Code, Diagnostic, Diagnostics, Severity, closest},
    model::Relation,
    targets::{self, Absent},
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
        let absent = targets::absent(&mention.other);
        let meant = if absent == Absent::Unknown { meant(&mention.other, known) } else { None };
        let Some(severity) = weight(mention.relation, absent, meant.is_some()) else { return };
        let why = match absent {
            Absent::Shutdown => "tomte shuts down without units, so this starts nothing".to_owned(),
            Absent::Done(why) => format!("not needed, {why}"),
            Absent::Foreign => "tomte has no such unit".to_owned(),
            Absent::Kind(kind) => format!("tomte has no {kind} units"),
            Absent::Unknown => "no such unit in this image".to_owned(),
        };
        let mut problem = Diagnostic::new(severity, Code::MissingUnit, format!("{assignment}: {why}"));
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
const fn weight(relation: Relation, absent: Absent, slip: bool) -> Option<Severity> {
    match (relation, absent) {
        (Relation::After | Relation::Before, Absent::Shutdown) => None,
        (Relation::After | Relation::Before, Absent::Unknown) if slip => Some(Severity::Warning),
        (Relation::After | Relation::Before, _)
        | (Relation::Requires | Relation::BindsTo, Absent::Done(_)) => Some(Severity::Note),
        (Relation::Requires | Relation::BindsTo, _) => Some(Severity::Error),
        (_, Absent::Unknown | Absent::Shutdown) => Some(Severity::Warning),
        (_, Absent::Done(_) | Absent::Foreign | Absent::Kind(_)) => Some(Severity::Note),
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

/// Advice, if `name` looks like a slip for one of `known` of the same kind.
fn meant(name: &str, known: &[&str]) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, "service"));
    let alike = known.iter().filter_map(|other| other.strip_suffix(kind)?.strip_suffix('.'));
    closest(stem, alike).map(|stem| format!("did you mean \"{stem}.{kind}\"?"))
}
