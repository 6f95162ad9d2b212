//! The order in which units start, and the cycles that leave none.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
};

use tomte::table::UnitId;

use super::{Graph, Origin};
use crate::diag::{Code, Diagnostic, Diagnostics};

/// Gives every node its wave, or reports each cycle once: the path, and the line behind each of its edges.
pub(super) fn order(graph: &mut Graph, diagnostics: &mut Diagnostics) {
    let mut waiting: BTreeSet<UnitId> = graph.ids().collect();
    let mut wave = 1;
    loop {
        let is_ready = |id: &UnitId| graph.node(*id).after.keys().all(|other| !waiting.contains(other));
        let ready: Vec<UnitId> = waiting.iter().copied().filter(is_ready).collect();
        if ready.is_empty() {
            break;
        }
        for id in ready {
            graph.nodes[id.index()].wave = wave;
            waiting.remove(&id);
        }
        wave += 1;
    }
    // Every unit on a cycle is still waiting, and so is every unit after one. The shortest cycle says the most.
    while let Some(path) = waiting.iter().filter_map(|id| way_back(graph, *id, &waiting)).min_by_key(Vec::len)
    {
        report(graph, &path, diagnostics);
        for on_path in path {
            waiting.remove(&on_path);
        }
    }
}

/// The shortest `start -> … -> start` along `after` through `waiting` units, without the second `start`.
fn way_back(graph: &Graph, start: UnitId, waiting: &BTreeSet<UnitId>) -> Option<Vec<UnitId>> {
    let mut came_from: BTreeMap<UnitId, UnitId> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(id) = queue.pop_front() {
        for next in graph.node(id).after.keys().copied() {
            if next == start {
                let mut path = vec![id];
                while let Some(before) = path.last().and_then(|id| came_from.get(id)) {
                    path.push(*before);
                }
                path.reverse();
                return Some(path);
            }
            if waiting.contains(&next) && !came_from.contains_key(&next) {
                came_from.insert(next, id);
                queue.push_back(next);
            }
        }
    }
    None
}

fn report(graph: &Graph, path: &[UnitId], diagnostics: &mut Diagnostics) {
    let name = |id: UnitId| graph.node(id).unit.name.as_str();
    let edges: Vec<(UnitId, UnitId)> =
        path.iter().copied().zip(path.iter().copied().cycle().skip(1)).collect();
    let implied = edges.iter().any(|(from, to)| {
        matches!(graph.node(*from).after[to], Origin::Implied(why) if why == super::implied::DEFAULT)
    });
    let mut text = String::from("ordering cycle: ");
    for id in path {
        let _ = write!(text, "{} -> ", name(*id));
    }
    text.push_str(name(path[0]));
    let mut problem = Diagnostic::error(Code::OrderingCycle, text);
    for (from, to) in edges {
        let why = match &graph.node(from).after[&to] {
            Origin::Written(assignment, None) => assignment.clone(),
            Origin::Written(assignment, Some(place)) => {
                problem.place = problem.place.or_else(|| Some(place.clone()));
                format!("{}:{}:{}: {assignment}", place.file.display(), place.line, place.column)
            }
            Origin::Implied(why) => (*why).to_owned(),
        };
        problem = problem.help(format!("{} starts after {}: {why}", name(from), name(to)));
    }
    if implied {
        problem = problem.help("a unit that early boot needs says DefaultDependencies=no");
    }
    diagnostics.push(problem);
}
