//! How long starting a unit may take: the sum of the timeouts along the longest way through what it waits for.

use std::collections::{BTreeMap, BTreeSet};

use tomte::table::{CommandKind, Micros, ServiceType, UnitId};

use super::Graph;
use crate::model::Service;

/// A way through the order, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// At most this long; `FOREVER` if a unit on the way has no timeout.
    pub time: Micros,
    /// The units that may take time, in the order in which they start, each with its own part.
    pub way: Vec<(UnitId, Micros)>,
}

/// How long it may take until the default target is reached. A unit that a stop, a failed dependency or a condition
/// keeps from starting takes less.
pub fn of_boot(graph: &Graph) -> Bound {
    of(graph, graph.default_target)
}

/// How long it may take until `unit` has started, when boot starts it, or somebody at a time when nothing runs.
pub fn of(graph: &Graph, unit: UnitId) -> Bound {
    let started = with(graph, unit);
    let mut latest: BTreeMap<UnitId, (Micros, Option<UnitId>)> = BTreeMap::new();
    let mut ids: Vec<UnitId> = started.iter().copied().collect();
    ids.sort_by_key(|id| graph.node(*id).wave);
    for id in ids {
        let before = graph.node(id).after.keys().filter(|other| started.contains(*other));
        let last = before.map(|other| (latest[other].0, *other)).max();
        let (base, last) = last.map_or((Micros::ZERO, None), |(time, other)| (time, Some(other)));
        latest.insert(id, (plus(base, own(graph, id)), last));
    }
    let mut way = Vec::new();
    let mut next = Some(unit);
    while let Some(id) = next {
        let part = own(graph, id);
        if part > Micros::ZERO {
            way.push((id, part));
        }
        next = latest[&id].1;
    }
    way.reverse();
    Bound { time: latest[&unit].0, way }
}

/// `unit` and all that is started along with it.
fn with(graph: &Graph, unit: UnitId) -> BTreeSet<UnitId> {
    let mut found = BTreeSet::new();
    let mut queue = vec![unit];
    while let Some(id) = queue.pop() {
        if found.insert(id) {
            queue.extend(graph.node(id).wants.union(&graph.node(id).requires));
        }
    }
    found
}

fn own(graph: &Graph, id: UnitId) -> Micros {
    graph.node(id).unit.kind.service().map_or(Micros::ZERO, of_service)
}

/// Each command that the start waits for has the timeout for its own (systemd's service.c arms it anew).
fn of_service(service: &Service) -> Micros {
    let waits = |kind: &CommandKind| match kind {
        CommandKind::Condition | CommandKind::StartPre | CommandKind::StartPost => true,
        CommandKind::Start => !matches!(service.service_type, ServiceType::Simple | ServiceType::Idle),
        CommandKind::Reload | CommandKind::Stop | CommandKind::StopPost => false,
    };
    let commands = service.commands.iter().filter(|(kind, _)| waits(kind)).count();
    match service.timeout_start {
        _ if commands == 0 => Micros::ZERO,
        Micros::FOREVER => Micros::FOREVER,
        timeout => Micros(timeout.0.saturating_mul(commands as u64)),
    }
}

fn plus(one: Micros, other: Micros) -> Micros {
    Micros(one.0.saturating_add(other.0)) // FOREVER is the highest number
}
