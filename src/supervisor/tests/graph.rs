//! Jobs and their order.

use std::vec;

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Play},
};
use crate::{
    table::ServiceType,
    wire::{Power, Request},
};

fn oneshot(name: &str) -> UnitPlan {
    service(name).with(|s| s.service_type = ServiceType::Oneshot)
}

fn all(mut units: vec::Vec<UnitPlan>) -> Play {
    let mut first = target("t.target");
    first.wants = (1..=u16::try_from(units.len()).expect("few")).collect();
    first.after = first.wants.clone();
    units.insert(0, first);
    Play::new(&units)
}

#[test]
fn a_start_waits_for_what_it_comes_after_and_the_rest_runs_in_parallel() {
    let mut c = service("c.service");
    c.after = vec![1, 2];
    let mut t = all(vec![oneshot("a.service"), oneshot("b.service"), c, service("d.service")]);
    t.boot().expect("start a.service; start b.service; start d.service");
    t.main("a.service", Exited(0)).expect("kill 15 a.service all");
    t.main("b.service", Exited(1)).expect("kill 15 b.service all; start c.service");
}

#[test]
fn what_requires_a_failure_and_comes_after_it_is_not_tried() {
    let mut b = service("b.service");
    (b.requires, b.after) = (vec![1], vec![1]);
    let mut c = service("c.service");
    (c.requires, c.after) = (vec![2], vec![2]);
    let mut d = service("d.service");
    d.requires = vec![1];
    let mut e = service("e.service");
    (e.wants, e.after) = (vec![1], vec![1]);
    let mut t = all(vec![oneshot("a.service"), b, c, d, e]);
    t.boot().expect("start a.service; start d.service");
    t.expect_log("started d.service");
    t.main("a.service", Exited(1)).expect("kill 15 a.service all; start e.service");
    t.expect_log(
        "main a.service exited 1; failed a.service exit-code; dependency b.service a.service; \
         dependency c.service b.service; started e.service; started t.target; boot",
    );
    assert_eq!(t.state("b.service"), "inactive/dead/success");
}

#[test]
fn a_stop_takes_along_who_requires_it_in_reverse_order() {
    let mut b = service("b.service");
    (b.requires, b.after) = (vec![1], vec![1]);
    let mut t = all(vec![service("a.service"), b, service("c.service")]);
    t.boot().expect("start a.service; start b.service; start c.service");
    t.ask(1, Request::Stop { name: "a.service" }).expect("kill 15 b.service all");
    t.main("b.service", Exited(0)).expect("kill 15 a.service all");
    t.main("a.service", Exited(0)).expect("reply 1 done");
    // A start brings back what it requires, not what requires it.
    t.ask(1, Request::Start { name: "a.service" }).expect("start a.service; reply 1 done");
    t.ask(1, Request::Stop { name: "a.service" }).main("a.service", Exited(0));
    t.expect("kill 15 a.service all; reply 1 done");
    t.ask(1, Request::Start { name: "b.service" }).expect("start a.service; start b.service; reply 1 done");
}

#[test]
fn a_restart_stops_and_starts_in_order() {
    let mut b = service("b.service");
    (b.requires, b.after) = (vec![1], vec![1]);
    let mut t = all(vec![service("a.service"), b]);
    t.boot().ask(1, Request::Restart { name: "a.service" });
    t.expect("start a.service; start b.service; kill 15 b.service all");
    t.main("b.service", Exited(0)).expect("kill 15 a.service all");
    t.main("a.service", Exited(0)).expect("start a.service; reply 1 done; start b.service");
}

#[test]
fn a_contrary_job_takes_the_place_of_the_one_before() {
    // With Restart=always, so that the start is seen not to wait for an automatic one.
    let mut t = all(vec![service("a.service").with(|s| s.restart = crate::table::Restart::Always)]);
    t.boot().ask(1, Request::Stop { name: "a.service" }).ask(2, Request::Start { name: "a.service" });
    t.expect("start a.service; kill 15 a.service all; reply 1 canceled");
    t.ask(3, Request::Start { name: "a.service" }).expect("");
    t.main("a.service", Exited(0)).expect("start a.service; reply 2 done; reply 3 done");
}

#[test]
fn shutdown_stops_all_in_reverse_order_and_starts_nothing() {
    let mut b = service("b.service");
    b.after = vec![1];
    let mut c = oneshot("c.service");
    c.after = vec![2];
    let mut t = all(vec![service("a.service"), b, c]);
    t.boot().ask(1, Request::Start { name: "c.service" });
    t.expect("start a.service; start b.service; start c.service");
    t.shutdown(Power::PowerOff).expect("reply 1 canceled; kill 15 c.service all");
    t.ask(1, Request::Start { name: "a.service" }).expect("reply 1 canceled");
    t.main("c.service", Exited(0)).expect("kill 15 b.service all");
    t.main("b.service", Exited(0)).expect("kill 15 a.service all");
    t.main("a.service", Exited(0)).expect("leave poweroff");
}

#[test]
fn a_restart_whose_requirement_fails_is_given_up() {
    let a = oneshot("a.service");
    let mut b = service("b.service").with(|s| s.restart = crate::table::Restart::Always);
    (b.requires, b.after) = (vec![1], vec![1]);
    let mut t = all(vec![a, b]);
    t.boot().main("a.service", Exited(0)).main("b.service", Exited(1)).at(100).main("a.service", Exited(1));
    assert_eq!(t.state("b.service"), "failed/failed/exit-code");
    t.at(60_000);
    assert_eq!(t.state("b.service"), "failed/failed/exit-code");
}
