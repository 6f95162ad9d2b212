//! Another table: who runs on, who goes down before and comes up after, and the way back.

use std::{vec, vec::Vec};

use super::{
    fixture::{UnitPlan, service, socket, target},
    play::{Exited, Play},
};
use crate::{
    supervisor::{Event, Slot},
    table::{Manners, Micros, Relation, Restart, ServiceType},
    wire::{Power, Request},
};

const A: &str = "a.service";
const B: &str = "b.service";
const C: &str = "c.service";
const SWITCH: Request<'static> = Request::Switch { timeout: 10 };

/// A target and what it wants.
fn all(mut units: Vec<UnitPlan>) -> Vec<UnitPlan> {
    let mut first = target("t.target");
    first.wants = (1..=u16::try_from(units.len()).expect("few")).collect();
    units.insert(0, first);
    units
}

/// The same name, another service.
fn changed(name: &str) -> UnitPlan {
    service(name).with(|s| s.timeout_stop = Micros::from_secs(7))
}

/// A service whose start fails.
fn never_ready(name: &str) -> UnitPlan {
    service(name).with(|s| s.service_type = ServiceType::Notify)
}

/// Booted with `units`; `client` 1 asks for `next`.
fn asked(units: &[UnitPlan], next: &[UnitPlan]) -> Play {
    let mut t = Play::new(units);
    t.boot();
    t.expect("start a.service; start b.service");
    t.other = next.to_vec();
    t.at(1000).ask(1, SWITCH);
    t
}

#[test]
fn what_is_the_same_runs_on_and_what_has_changed_starts_anew() {
    let (old, new) = (all(vec![service(A), service(B)]), all(vec![service(C), changed(B), service(A)]));
    let mut t = asked(&old, &new);
    let a = t.pid(A, Slot::Main);
    t.expect("open; kill 15 b.service all").main(B, Exited(0)).expect("switch");
    t.switched(&new).executed(C).expect("start c.service; start b.service");
    t.executed(B).expect("reply 1 done"); // what cannot be executed is not up
    assert_eq!((t.pid(A, Slot::Main), t.state(A).as_str()), (a, "active/running/success"));
    t.at(60_000).expect("");
}

#[test]
fn what_is_new_starts_even_before_the_default_target_is_reached() {
    let plans = |more: &[UnitPlan]| {
        let mut units = all([&[never_ready(A)], more].concat());
        units[0].after = vec![1];
        units
    };
    let (old, new) = (plans(&[]), plans(&[service(B)]));
    let mut t = Play::new(&old);
    t.boot().expect("start a.service");
    t.other = new.clone();
    t.ask(1, SWITCH).expect("open; switch").switched(&new).expect("start b.service");
}

#[test]
fn who_goes_with_a_unit_comes_back_with_it() {
    let mut needs = service(B);
    needs.requires = vec![1];
    needs.after = vec![1];
    let (old, new) = (all(vec![service(A), needs.clone()]), all(vec![changed(A), needs]));
    let mut t = asked(&old, &new);
    t.expect("open; kill 15 b.service all").main(B, Exited(0)).expect("kill 15 a.service all");
    t.main(A, Exited(0)).expect("switch");
    t.switched(&new).executed(A).executed(B).expect("start a.service; start b.service; reply 1 done");
}

#[test]
fn what_is_not_there_any_more_goes_and_nobody_misses_it() {
    let (old, new) = (all(vec![service(A), service(B)]), all(vec![service(A)]));
    let mut t = asked(&old, &new);
    t.expect("open; kill 15 b.service all").main(B, Exited(0)).expect("switch");
    t.switched(&new).expect("reply 1 done");
}

#[test]
fn what_only_others_have_to_do_with_restarts_nobody() {
    let mut after = service(B);
    after.after = vec![1];
    after.manners = Manners { stop_when_unneeded: true, ..Manners::DEFAULT };
    let (old, new) = (all(vec![service(A), service(B)]), all(vec![service(A), after]));
    let mut t = asked(&old, &new);
    t.expect("open; switch").switched(&new).expect("reply 1 done");
}

#[test]
fn what_was_down_stays_down_and_what_had_failed_is_tried_again() {
    let (old, new) = (all(vec![service(A), service(B)]), all(vec![changed(A), changed(B)]));
    let mut t = Play::new(&old);
    t.boot().ask(2, Request::Stop { name: A }).main(A, Exited(0)).main(B, Exited(1));
    t.expect("start a.service; start b.service; kill 15 a.service all; reply 2 done; kill 15 b.service all");
    t.other = new.clone();
    t.ask(1, SWITCH)
        .expect("open; switch")
        .switched(&new)
        .executed(B)
        .expect("start b.service; reply 1 done");
}

#[test]
fn what_is_wanted_now_and_was_not_before_starts_and_who_was_stopped_by_hand_stays_down() {
    let new = all(vec![service(A), service(B), service(C)]);
    let mut old = new.clone();
    old[0].wants = vec![1, 2];
    let mut t = Play::new(&old);
    t.boot().ask(2, Request::Stop { name: A }).main(A, Exited(0));
    t.expect("start a.service; start b.service; kill 15 a.service all; reply 2 done");
    t.other = new.clone();
    t.ask(1, SWITCH)
        .expect("open; switch")
        .switched(&new)
        .executed(C)
        .expect("start c.service; reply 1 done");
    assert_eq!(t.state(A), "inactive/dead/success");
}

#[test]
fn a_set_that_does_not_come_up_in_time_makes_room_for_the_one_before() {
    let (old, new) = (all(vec![service(A), service(B)]), all(vec![service(A), never_ready(B), service(C)]));
    let mut t = asked(&old, &new);
    t.expect("open; kill 15 b.service all").main(B, Exited(0)).expect("switch");
    t.switched(&new).expect("start b.service; start c.service");
    t.other = old.clone();
    t.at(10_999).expect("");
    t.at(11_000).expect("open before; kill 15 b.service all; kill 15 c.service all");
    t.main(C, Exited(0)).main(B, Exited(0)).expect("switch");
    t.switched(&old).executed(B).expect("start b.service; reply 1 failed");
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn a_set_of_which_one_fails_makes_room_at_once() {
    let new = all(vec![service(A), never_ready(B)]);
    let old = all(vec![service(A), service(B)]);
    let mut t = asked(&old, &new);
    t.main(B, Exited(0)).switched(&new).expect("open; kill 15 b.service all; switch; start b.service");
    t.other = old.clone();
    t.at(2000).main(B, Exited(1)).expect("kill 15 b.service all; open before; switch");
    t.switched(&old).executed(B).expect("start b.service; reply 1 failed");
}

#[test]
fn what_was_started_by_hand_and_is_not_in_the_other_table_comes_back_with_its_own() {
    let mut old = all(vec![service(A)]);
    old.push(service(B));
    let new = all(vec![never_ready(A)]);
    let mut t = Play::new(&old);
    t.boot().ask(2, Request::Start { name: B }).expect("start a.service; start b.service; reply 2 done");
    t.other = new.clone();
    t.ask(1, SWITCH).main(A, Exited(0)).main(B, Exited(0));
    t.expect("open; kill 15 a.service all; kill 15 b.service all; switch");
    t.switched(&new).expect("start a.service");
    t.other = old.clone();
    t.main(A, Exited(1)).switched(&old).executed(A).executed(B);
    t.expect("kill 15 a.service all; open before; switch; start a.service; start b.service; reply 1 failed");
}

#[test]
fn the_way_back_ends_whatever_becomes_of_those_that_never_come_to_rest() {
    let restless = service(B).with(|s| s.restart = Restart::Always);
    let (old, new) = (all(vec![service(A), restless]), all(vec![service(A), never_ready(B)]));
    let mut t = asked(&old, &new);
    t.main(B, Exited(0)).switched(&new).main(B, Exited(1));
    t.other = old.clone();
    t.at(2000).expect(
        "open; kill 15 b.service all; switch; start b.service; kill 15 b.service all; open before; switch",
    );
    t.spawn_fails = true;
    t.switched(&old).expect("start b.service; reply 1 failed");
    assert_eq!(t.state(B), "activating/auto-restart/resources");
}

#[test]
fn what_cannot_be_opened_changes_nothing() {
    let mut t = asked(&all(vec![service(A), service(B)]), &[]);
    t.expect("open; reply 1 invalid");
}

#[test]
fn whoever_does_not_go_down_in_time_keeps_the_table() {
    let slow = service(B).with(|s| s.timeout_stop = Micros::from_secs(60));
    let (old, new) = (all(vec![service(A), slow]), all(vec![changed(A), changed(B)]));
    let mut t = asked(&old, &new);
    t.expect("open; kill 15 a.service all; kill 15 b.service all").main(A, Exited(0)).expect("");
    t.at(11_000).expect("reply 1 failed; start a.service");
    t.main(B, Exited(0)).expect("start b.service");
}

#[test]
fn a_program_that_is_not_replaced_starts_again_what_it_has_stopped() {
    let mut t = asked(&all(vec![service(A), service(B)]), &all(vec![service(A), changed(B)]));
    t.main(B, Exited(0)).expect("open; kill 15 b.service all; switch");
    t.event(Event::NotReplaced).expect("reply 1 failed; start b.service");
}

#[test]
fn nobody_starts_what_goes_down() {
    let old = all(vec![service(A), service(B)]);
    let new = all(vec![changed(A).with(|s| s.restart = Restart::Always), changed(B)]);
    let mut t = asked(&old, &new);
    t.main(A, Exited(0)).ask(2, Request::Start { name: A });
    t.expect("open; kill 15 a.service all; kill 15 b.service all; reply 2 canceled");
    t.ask(3, SWITCH).ask(3, Request::Restart { name: A }).expect("reply 3 busy; reply 3 canceled");
    t.main(B, Exited(0)).expect("switch").switched(&new).executed(A).executed(B);
    t.expect("start a.service; start b.service; reply 1 done");
}

#[test]
fn a_socket_stays_open_while_its_service_is_replaced() {
    let plans = |service: UnitPlan| {
        let mut target = target("t.target");
        target.wants = vec![1];
        vec![target, socket("s.socket", 2), service]
    };
    let (old, new) = (plans(service(A)), plans(changed(A)));
    let mut t = Play::new(&old);
    t.boot().expect("watch s.socket; arm s.socket").readable("s.socket", true).expect("start a.service");
    t.other = new.clone();
    t.ask(1, SWITCH).expect("open; kill 15 a.service all").main(A, Exited(0)).expect("switch");
    t.switched(&new).executed(A).expect("start a.service; reply 1 done");
    t.main(A, Exited(0)).expect("kill 15 a.service all; arm s.socket");
}

#[test]
fn a_shutdown_is_held_up_by_nothing() {
    let (old, new) = (all(vec![service(A), service(B)]), all(vec![service(A), changed(B)]));
    let mut t = asked(&old, &new);
    t.expect("open; kill 15 b.service all").shutdown(Power::Halt).main(B, Exited(0)).main(A, Exited(0));
    t.expect("kill 15 a.service all; reply 1 canceled; leave halt");
}

#[test]
fn a_program_with_another_table_goes_on_with_that_and_there_is_no_way_back() {
    let new = all(vec![service(A), never_ready(B)]);
    let mut t = Play::new(&all(vec![service(A), service(B)]));
    t.boot().expect("start a.service; start b.service");
    t.other = new.clone();
    t.switch_unasked().expect("kill 15 b.service all").main(B, Exited(0)).expect("switch");
    t.switched(&new).expect("start b.service").main(B, Exited(1)).expect("kill 15 b.service all");
    assert_eq!(t.state(B), "failed/failed/exit-code");
}

#[test]
fn what_runs_without_a_name_in_the_table_runs_on_unless_the_name_is_taken() {
    let old = all(vec![service(A), service(B)]);
    let mut t = Play::new(&old);
    t.boot()
        .run(2, service("run.service"))
        .expect("start a.service; start b.service; make 3 for 2; start run.service; reply 2 done");
    let run = t.pid("run.service", Slot::Main);
    let more = all(vec![service(A), service(B), service(C)]);
    t.other = more.clone();
    t.ask(1, SWITCH)
        .expect("open; switch")
        .switched(&more)
        .executed(C)
        .expect("start c.service; reply 1 done");
    assert_eq!(t.pid("run.service", Slot::Main), run);
    let taken = all(vec![service(A), service(B), service("run.service")]);
    t.other = taken;
    t.ask(1, SWITCH).expect("open; kill 15 run.service all; kill 15 c.service all");
}

#[test]
fn a_trigger_waits_until_what_it_starts_may_start() {
    let plans = |service: UnitPlan| {
        let mut target = target("t.target");
        target.wants = vec![1, 3];
        let mut other = changed(B);
        other.related = vec![(Relation::Parts, 2)];
        vec![target, socket("s.socket", 2), service, other]
    };
    let (old, new) = (plans(service(A)), plans(changed(A)));
    let mut t = Play::new(&old);
    t.boot().expect("watch s.socket; start b.service; arm s.socket");
    t.other = new.clone();
    // It is down and has changed: nothing goes down, and the next program is asked for at once.
    t.ask(1, SWITCH).readable("s.socket", true).expect("open; switch");
    t.switched(&new).expect("arm s.socket; reply 1 done");
}
