//! What is said when a unit names one that the table does not have.

use std::collections::BTreeSet;

use super::{Mention, Origin, Relation};
use crate::{
    diag::{Diagnostic, Diagnostics, closest},
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
        let slip = absent == Absent::Unknown && closest(&mention.other, known.iter().copied()).is_some();
        let Some(make) = weight(mention.relation, absent, slip) else { return };
        let why = match absent {
            Absent::Shutdown => "tomte shuts down without units, so this starts nothing".to_owned(),
            Absent::Done(why) => format!("not needed, {why}"),
            Absent::Foreign => "tomte has no such unit".to_owned(),
            Absent::Kind(kind) => format!("tomte has no {kind} units"),
            Absent::Unknown => "no such unit in this image".to_owned(),
        };
        let mut problem = make(format!("{assignment}: {why}"));
        if problem.severity != crate::diag::Severity::Error {
            if !self.said.insert(mention.other.clone()) {
                return;
            }
            problem.message.push_str("; dropped");
        }
        if slip {
            problem = problem.did_you_mean(&mention.other, known.iter().copied());
        }
        diagnostics.push(problem.at(place.clone()));
    }
}

/// How bad it is to name a missing unit; `None`: not worth a word.
const fn weight(relation: Relation, absent: Absent, slip: bool) -> Option<fn(String) -> Diagnostic> {
    match (relation, absent) {
        (Relation::After | Relation::Before, Absent::Shutdown) => None,
        (Relation::After | Relation::Before, Absent::Unknown) if slip => Some(Diagnostic::warning),
        (Relation::After | Relation::Before, _) | (Relation::Requires, Absent::Done(_)) => {
            Some(Diagnostic::note)
        }
        (Relation::Requires, _) => Some(Diagnostic::error),
        (_, Absent::Unknown | Absent::Shutdown) => Some(Diagnostic::warning),
        (_, Absent::Done(_) | Absent::Foreign | Absent::Kind(_)) => Some(Diagnostic::note),
    }
}

/// Reports that a unit names itself.
pub(super) fn itself(mention: &Mention, diagnostics: &mut Diagnostics) {
    if let Origin::Written(assignment, place) = &mention.origin {
        let message = format!("{assignment}: {} names itself; dropped", mention.unit);
        diagnostics.push(Diagnostic::warning(message).at(place.clone()));
    }
}

/// Reports that a name of the board, written as `setting`, is no unit.
pub(super) fn of_board(setting: &str, name: &str, known: &[&str], diagnostics: &mut Diagnostics) {
    let message = format!("{setting}: {name}: no such unit in this image");
    diagnostics.push(Diagnostic::error(message).did_you_mean(name, known.iter().copied()));
}
