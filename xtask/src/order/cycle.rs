//! The order in which units start, and circles of units: those that leave no order, and those that need each other.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
};

use tomte::table::UnitId;

use super::{Graph, Origin};
use crate::diag::{Code, Diagnostic, Diagnostics};

/// Circles that are reported; where there are more, one of these is mostly behind them.
const CYCLES_MAX: usize = 20;
/// Units of one circle that are named.
const SHOWN_MAX: usize = 32;
/// Units from which the way back to themselves is looked for, to find a short circle.
const STARTS_MAX: usize = 64;

/// Gives every node its wave, or reports each cycle once: the path, and the line behind each of its edges.
pub(super) fn order(graph: &mut Graph, diagnostics: &mut Diagnostics) {
    let mut blockers: Vec<usize> = graph.nodes.iter().map(|node| node.after.len()).collect();
    let mut ready: VecDeque<UnitId> = graph.ids().filter(|id| blockers[id.index()] == 0).collect();
    let mut waiting: BTreeSet<UnitId> = graph.ids().collect();
    while let Some(id) = ready.pop_front() {
        waiting.remove(&id);
        let waves = graph.node(id).after.keys().map(|other| graph.node(*other).wave);
        graph.nodes[id.index()].wave = waves.max().unwrap_or(0) + 1;
        for next in graph.node(id).before.clone() {
            blockers[next.index()] -= 1;
            if blockers[next.index()] == 0 {
                ready.push_back(next);
            }
        }
    }
    // Every unit on a cycle is still waiting, and so is every unit after one.
    let edges: Edges =
        waiting.iter().map(|id| (*id, graph.node(*id).after.keys().copied().collect())).collect();
    let (cycles, more) = cycles(edges);
    for path in cycles {
        report(graph, &path, diagnostics);
    }
    if more {
        diagnostics.push(Diagnostic::error(Code::OrderingCycle, "there are more ordering cycles"));
    }
}

/// Units, and those that each of them points to.
pub(super) type Edges = BTreeMap<UnitId, Vec<UnitId>>;

/// Circles in `edges` that have no unit in common, short ones first; and whether there are more.
pub(super) fn cycles(mut edges: Edges) -> (Vec<Vec<UnitId>>, bool) {
    let mut found = Vec::new();
    loop {
        trim(&mut edges);
        if edges.is_empty() || found.len() == CYCLES_MAX {
            return (found, !edges.is_empty());
        }
        let starts = edges.keys().copied().take(STARTS_MAX);
        let shortest = starts.filter_map(|id| way_back(&edges, id)).min_by_key(Vec::len);
        // All of the first units may lie between circles.
        let path = shortest.unwrap_or_else(|| any_cycle(&edges));
        for on_path in &path {
            edges.remove(on_path);
        }
        found.push(path);
    }
}

/// Drops units that point to none of the others, until all that are left do.
fn trim(edges: &mut Edges) {
    let mut pointed_at_by: BTreeMap<UnitId, Vec<UnitId>> = BTreeMap::new();
    let known: BTreeSet<UnitId> = edges.keys().copied().collect();
    for (id, next) in edges.iter_mut() {
        next.retain(|other| known.contains(other));
        for other in next {
            pointed_at_by.entry(*other).or_default().push(*id);
        }
    }
    let mut left: BTreeMap<UnitId, usize> = edges.iter().map(|(id, next)| (*id, next.len())).collect();
    let mut loose: Vec<UnitId> = left.iter().filter(|(_, next)| **next == 0).map(|(id, _)| *id).collect();
    while let Some(id) = loose.pop() {
        edges.remove(&id);
        for from in pointed_at_by.get(&id).into_iter().flatten() {
            let count = left.entry(*from).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                loose.push(*from);
            }
        }
    }
    edges.values_mut().for_each(|next| next.retain(|other| left[other] > 0));
}

/// The shortest `start -> … -> start`, without the second `start`.
fn way_back(edges: &Edges, start: UnitId) -> Option<Vec<UnitId>> {
    let mut came_from: BTreeMap<UnitId, UnitId> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(id) = queue.pop_front() {
        for next in edges.get(&id).into_iter().flatten().copied() {
            if next == start {
                let mut path = vec![id];
                while let Some(before) = path.last().and_then(|id| came_from.get(id)) {
                    path.push(*before);
                }
                path.reverse();
                return Some(path);
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(next) {
                entry.insert(id);
                queue.push_back(next);
            }
        }
    }
    None
}

/// A circle that is met on the way from the first unit. Every unit points to another one.
fn any_cycle(edges: &Edges) -> Vec<UnitId> {
    let mut path: Vec<UnitId> = Vec::new();
    let mut at: BTreeMap<UnitId, usize> = BTreeMap::new();
    let mut next = edges.keys().next().copied();
    while let Some(id) = next {
        if let Some(start) = at.get(&id) {
            return path.split_off(*start);
        }
        at.insert(id, path.len());
        path.push(id);
        next = edges.get(&id).and_then(|next| next.first().copied());
    }
    path
}

/// `a -> b -> a`, and the pairs that the arrows stand for; of a long path, its first units.
pub(super) fn shown<'g>(
    path: &[UnitId],
    name: impl Fn(UnitId) -> &'g str,
) -> (String, Vec<(UnitId, UnitId)>) {
    let edges = path.iter().copied().zip(path.iter().copied().cycle().skip(1)).take(SHOWN_MAX).collect();
    let mut text = String::new();
    for id in path.iter().take(SHOWN_MAX) {
        let _ = write!(text, "{} -> ", name(*id));
    }
    if let Some(more) = path.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        let _ = write!(text, "{more} more -> ");
    }
    text.push_str(name(path[0]));
    (text, edges)
}

/// The line that an edge comes from, and its place.
pub(super) fn line(origin: &Origin) -> (String, Option<&crate::model::Place>) {
    match origin {
        Origin::Written(assignment, None) => (assignment.clone(), None),
        Origin::Written(assignment, Some(place)) => {
            (format!("{}:{}:{}: {assignment}", place.file.display(), place.line, place.column), Some(place))
        }
        Origin::Implied(why) => ((*why).to_owned(), None),
    }
}

fn report(graph: &Graph, path: &[UnitId], diagnostics: &mut Diagnostics) {
    let name = |id: UnitId| graph.node(id).unit.name.as_str();
    let (text, edges) = shown(path, name);
    let implied = edges.iter().any(|(from, to)| {
        matches!(graph.node(*from).after[to], Origin::Implied(why) if why == super::implied::DEFAULT)
    });
    let mut problem = Diagnostic::error(Code::OrderingCycle, format!("ordering cycle: {text}"));
    for (from, to) in edges {
        let edge = format!("{} starts after {}", name(from), name(to));
        problem = match &graph.node(from).after[&to] {
            Origin::Written(assignment, None) => problem.help(format!("{edge}: {assignment}")),
            Origin::Implied(why) => problem.help(format!("{edge}: {why}")),
            Origin::Written(assignment, Some(place)) => {
                let written = assignment.split('=').nth(1).unwrap_or_default().chars().count();
                match problem.place {
                    None => problem.at(place.clone()).wide(written).saying(edge),
                    Some(_) => problem.also(place.clone(), written, edge),
                }
            }
        };
    }
    if implied {
        problem = problem.help("a unit that early boot needs says DefaultDependencies=no");
    }
    diagnostics.push(problem);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(u16, u16)]) -> Edges {
        let mut edges = Edges::new();
        for (from, to) in pairs {
            edges.entry(UnitId(*from)).or_default().push(UnitId(*to));
        }
        edges
    }

    fn found(pairs: &[(u16, u16)]) -> Vec<Vec<u16>> {
        let (cycles, more) = cycles(edges(pairs));
        assert!(!more);
        cycles.iter().map(|path| path.iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn short_circles_come_first_and_what_only_leads_to_one_is_left_out() {
        assert_eq!(found(&[(0, 1), (1, 2)]), [[0_u16; 0]; 0]);
        assert_eq!(found(&[(0, 1), (1, 2), (2, 0), (3, 0), (4, 5), (5, 4)]), [vec![4, 5], vec![0, 1, 2]]);
        assert_eq!(found(&[(7, 7)]), [[7]]);
    }

    #[test]
    fn a_circle_behind_many_units_is_found() {
        let mut pairs: Vec<(u16, u16)> = (0..200).map(|n| (n, n + 1)).collect();
        pairs.extend([(200, 201), (201, 200)]);
        assert_eq!(found(&pairs), [[200, 201]]);
    }

    #[test]
    fn of_too_many_circles_some_are_told_and_long_ones_are_cut() {
        let pairs: Vec<(u16, u16)> =
            (0..100).flat_map(|n| [(2 * n, 2 * n + 1), (2 * n + 1, 2 * n)]).collect();
        let (some, more) = cycles(edges(&pairs));
        assert!(some.len() == CYCLES_MAX && more);
        let ring: Vec<UnitId> = (0..100).map(UnitId).collect();
        let (text, pairs) = shown(&ring, |_| "u");
        assert_eq!(pairs.len(), SHOWN_MAX);
        assert!(text.ends_with("u -> 68 more -> u"), "{text}");
    }
}
