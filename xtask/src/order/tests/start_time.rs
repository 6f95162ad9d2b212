//! How long a start may take.

use tomte::table::{Call, CommandKind, Micros, Privilege, ServiceType};

use super::*;
use crate::{
    model::Command,
    order::{bound, bound::Bound, too_long},
};

fn service(name: &str, service_type: ServiceType, timeout: Micros, kinds: &[CommandKind]) -> Unit {
    let command = Command {
        place: None,
        call: Call::Execute,
        path: "/bin/true".to_owned(),
        argv: vec!["/bin/true".to_owned()],
        ignore_failure: false,
        expand: true,
        privilege: Privilege::Restricted,
    };
    let mut service = check::default_service();
    service.service_type = service_type;
    service.timeout_start = timeout;
    service.commands = kinds.iter().map(|kind| (*kind, command.clone())).collect();
    let unit = Unit::new(name, Kind::Service(Box::new(service)), check::START_LIMIT);
    Unit { file: Some(format!("units/{name}").into()), default_dependencies: false, ..unit }.with(
        9,
        "WantedBy",
        &["multi-user.target"],
    )
}

fn graph(units: Vec<Unit>) -> Graph {
    Graph::new(units, &MULTI_USER, &mut Diagnostics::default()).expect("a graph")
}

/// The time in seconds, and the units that may take it.
fn shown(graph: &Graph, bound: &Bound) -> (u64, String) {
    let names = bound.way.iter().map(|(id, _)| graph.node(*id).unit.name.trim_end_matches(".service"));
    (bound.time.0 / 1_000_000, names.collect::<Vec<_>>().join(" "))
}

const START: CommandKind = CommandKind::Start;

#[test]
fn the_longest_way_counts_and_what_nobody_waits_for_does_not() {
    let seconds = Micros::from_secs;
    let mut units = vec![
        service("a.service", ServiceType::Exec, seconds(10), &[START]),
        service("b.service", ServiceType::Exec, seconds(20), &[START]).with(2, "After", &["a.service"]),
        service("c.service", ServiceType::Exec, seconds(25), &[START]),
        // Started as soon as the process exists, but not before what runs in front of it.
        service(
            "d.service",
            ServiceType::Simple,
            seconds(5),
            &[CommandKind::StartPre, CommandKind::StartPre, START],
        )
        .with(2, "After", &["b.service"]),
        service("e.service", ServiceType::Simple, seconds(90), &[START, CommandKind::Stop]).with(
            2,
            "After",
            &["d.service"],
        ),
        target("multi-user.target").with_default_dependencies(),
    ];
    units.iter_mut().for_each(|unit| unit.default_dependencies = true);
    let graph = graph(units);
    assert_eq!(shown(&graph, &bound::of_boot(&graph)), (40, "a b d".to_owned()));
    let c = graph.ids().find(|id| graph.node(*id).unit.name == "c.service").expect("there");
    assert_eq!(shown(&graph, &bound::of(&graph, c)), (25, "c".to_owned()));
    let problem = too_long(&graph, Micros::from_secs(39)).expect("it may take longer");
    assert_eq!(problem.message, "boot may take 40s; boot-timeout is 39s");
    assert_eq!(problem.help, ["the longest way: a.service 10s, b.service 20s, d.service 10s"]);
    assert_eq!(too_long(&graph, Micros::from_secs(40)), None);
}

#[test]
fn a_unit_without_a_timeout_makes_the_time_endless() {
    let oneshot = service("a.service", ServiceType::Oneshot, Micros::FOREVER, &[START]);
    let mut later = service("b.service", ServiceType::Exec, Micros::from_secs(90), &[START]);
    later = later.with(2, "After", &["a.service"]);
    let mut units = vec![oneshot, later, target("multi-user.target")];
    units.iter_mut().for_each(|unit| unit.default_dependencies = true);
    let graph = graph(units);
    assert_eq!(bound::of_boot(&graph).time, Micros::FOREVER);
    assert!(too_long(&graph, Micros::from_secs(u64::from(u32::MAX))).is_some());
}
