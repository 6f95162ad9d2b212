//! The whole-set checks for `check`, which knows no board: the units are taken for those of an image that starts what
//! its [Install] sections say.

use tomte::table::{Micros, UnitId, limits::UNITS_MAX};

use super::{Graph, Wanted, bound};
use crate::{
    diag::{Code, Diagnostic, Diagnostics, Severity},
    model::Unit,
    values::time,
};

/// Says what is wrong with `units` as a whole. `complete`: they are all that the image has, so that what is missing
/// is missing.
pub fn check_set(units: &[Unit], complete: bool, sink: &mut Diagnostics) {
    if units.len() > UNITS_MAX {
        let message = format!("{} units: a table has at most {UNITS_MAX} (UNITS_MAX)", units.len());
        sink.push(Diagnostic::warning(Code::TableLimit, message));
    }
    if units.len() > usize::from(u16::MAX) / 2 {
        return; // ids are 16 bits, and targets come on top
    }
    let wanted = Wanted { default_target: "multi-user.target", enable: None, orphans: false };
    let mut found = Diagnostics::default();
    let graph = Graph::new(units.to_vec(), &wanted, &mut found);
    for problem in found.iter() {
        let missing = problem.code == Code::MissingUnit && !complete;
        match problem.severity {
            Severity::Error if missing => {
                sink.push(Diagnostic { severity: Severity::Note, ..problem.clone() });
            }
            Severity::Warning | Severity::Note if missing => {}
            Severity::Error | Severity::Warning | Severity::Note => sink.push(problem.clone()),
        }
    }
    if let Some(graph) = graph {
        endless(&graph).into_iter().for_each(|problem| sink.push(problem));
    }
}

/// That boot may never be over, if so.
fn endless(graph: &Graph) -> Option<Diagnostic> {
    let bound = bound::of_boot(graph);
    (bound.time == Micros::FOREVER).then(|| {
        let message = "boot may wait for ever: units that it waits for have no timeout";
        Diagnostic::note(Code::StartBound, message).help(longest(graph, &bound))
    })
}

/// That boot may take longer than `limit`, if so.
pub fn too_long(graph: &Graph, limit: Micros) -> Option<Diagnostic> {
    let bound = bound::of_boot(graph);
    (bound.time > limit).then(|| {
        let message =
            format!("boot may take {}; boot-timeout is {}", time::shown(bound.time), time::shown(limit));
        Diagnostic::warning(Code::StartBound, message).help(longest(graph, &bound))
    })
}

fn longest(graph: &Graph, bound: &bound::Bound) -> String {
    format!("the longest way: {}", way(graph, &bound.way))
}

/// `a.service 1min 30s, b.service infinity`
pub fn way(graph: &Graph, way: &[(UnitId, Micros)]) -> String {
    let part =
        |(id, time): &(UnitId, Micros)| format!("{} {}", graph.node(*id).unit.name, time::shown(*time));
    way.iter().map(part).collect::<Vec<_>>().join(", ")
}
