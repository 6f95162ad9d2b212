//! Devices: up with their nodes, waited for, and never stopped.

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Play},
};
use crate::{
    supervisor::{Event, UnitSet},
    table::{Kind, Manners, Micros, Relation},
    wire::{Power, Request},
};

const D: &str = "dev-x.device";
const A: &str = "a.service";
const B: &str = "b.service";

/// dev-x.device, and a.service, which is bound to it and comes after it. What the bake makes of that, but for `change`.
fn bound(change: impl FnOnce(&mut [UnitPlan; 3])) -> Play {
    let mut units = [target("t.target"), device(), service(A)];
    (units[0].wants, units[2].requires, units[2].after) = (std::vec![2], std::vec![1], std::vec![1]);
    units[1].related = std::vec![(Relation::BoundBy, 2)];
    change(&mut units);
    Play::new(&units)
}

fn device() -> UnitPlan {
    let manners = Manners {
        refuse_manual_stop: true,
        ignore_on_isolate: true,
        job_running_timeout: Micros::from_secs(90),
        ..Manners::DEFAULT
    };
    UnitPlan { manners, trigger: Some(Kind::Device("/dev/x")), ..target(D) }
}

/// Who was sent to look finds that the node is `there` or not.
fn found(t: &mut Play, there: bool) -> &mut Play {
    let (mut one, none) = (UnitSet::EMPTY, UnitSet::EMPTY);
    one.insert(t.id(D));
    let (there, gone) = if there { (one, none) } else { (none, one) };
    t.event(Event::Surveyed { there, gone })
}

#[test]
fn a_start_waits_until_the_node_is_there() {
    let mut t = bound(|_| {});
    t.boot().expect("survey");
    found(t.at(10), false).expect("").expect_log("started t.target; boot");
    assert_eq!((t.state(D), t.state(A)), ("inactive/dead/success".into(), "inactive/dead/success".into()));
    t.at(5_000).event(Event::MountsChanged).expect("survey");
    found(t.at(5_050), true).expect("start a.service").expect_log("started dev-x.device; started a.service");
    assert_eq!(t.state(D), "active/plugged/success");
}

#[test]
fn who_requires_a_device_fails_when_it_does_not_come_and_starts_when_it_comes_later() {
    let mut t = bound(|units| units[1].wants = std::vec![2]);
    t.boot().expect("survey");
    found(t.at(10), false).expect("");
    t.at(90_000)
        .expect("")
        .expect_log("started t.target; boot; job timeout dev-x.device; dependency a.service dev-x.device");
    t.at(100_000).event(Event::MountsChanged).expect("survey");
    found(t.at(100_050), true).expect("start a.service");
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn who_is_bound_to_a_device_goes_and_comes_with_it() {
    let mut t = bound(|units| units[1].wants = std::vec![2]);
    t.boot().expect("survey");
    found(t.at(10), true).expect("start a.service");
    t.at(1_000).event(Event::MountsChanged).expect("survey");
    found(t.at(1_050), false).expect("kill 15 a.service all").main(A, Exited(0)).empty(A);
    assert_eq!((t.state(D), t.state(A)), ("inactive/dead/success".into(), "inactive/dead/success".into()));
    t.at(2_000).event(Event::MountsChanged).expect("survey");
    found(t.at(2_050), true).expect("start a.service");
}

#[test]
fn nobody_stops_a_device_but_the_end_of_the_machine() {
    let mut units = [target("t.target"), device(), service(A), service(B)];
    (units[0].wants, units[2].requires) = (std::vec![2], std::vec![1]);
    units[3].related = std::vec![(Relation::Conflicts, 1)];
    let mut t = Play::new(&units);
    t.boot().expect("start a.service; survey");
    found(t.at(10), true).expect("");
    t.ask(1, Request::Stop { name: D }).expect("reply 1 refused");
    // Who conflicts with a device takes nothing from those that need it.
    t.ask(2, Request::Start { name: B }).expect("start b.service; reply 2 done");
    assert_eq!((t.state(D), t.state(A)), ("active/plugged/success".into(), "active/running/success".into()));
    t.shutdown(Power::PowerOff).expect("kill 15 a.service all; kill 15 b.service all");
    assert_eq!(t.state(D), "inactive/dead/success");
}

#[test]
fn a_device_goes_along_with_its_table_and_is_looked_for_again_when_that_stays() {
    let mut t = bound(|units| {
        (units[0].wants, units[1].related) = (std::vec![1, 2], std::vec![]);
        (units[2].requires, units[2].after) = (std::vec![], std::vec![]);
    });
    t.boot().expect("start a.service; survey");
    found(t.at(10), true)
        .expect("")
        .expect_log("started t.target; started a.service; boot; started dev-x.device");
    t.other = std::vec![target("t.target"), service(A).with(|plan| plan.runtime_directory = true)];
    t.ask(1, Request::Switch { timeout: 60 }).expect("open; kill 15 a.service all");
    assert_eq!(t.state(D), "inactive/dead/success");
    // It is there all the time, but the table that comes has none.
    t.at(20).event(Event::MountsChanged).expect("survey");
    found(t.at(80), true).expect("");
    assert_eq!(t.state(D), "inactive/dead/success");
    t.at(60_010).expect("reply 1 failed; survey");
    found(t.at(60_070), true).expect("");
    assert_eq!(t.state(D), "active/plugged/success");
}
