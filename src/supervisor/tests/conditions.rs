//! `Condition*=` and `Assert*=`: looked at before each start, by somebody else.

use std::vec;

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Play},
};
use crate::{
    table::{Condition, Micros, Restart, StartLimit, Subject, Verdict},
    wire::{Power, Request},
};

const MET: Option<Option<Verdict>> = Some(Some(Verdict::Met));
const UNMET: Option<Option<Verdict>> = Some(Some(Verdict::Unmet(0)));

pub(super) fn conditional(plan: UnitPlan) -> UnitPlan {
    let condition = Condition {
        subject: Subject::PathExists,
        assert: false,
        trigger: false,
        negate: false,
        parameter: "/x",
    };
    UnitPlan { conditions: vec![condition], ..plan }
}

/// `t.target` wants a conditional `a.service` and `b.service`, which requires and follows it.
fn two() -> Play {
    let a = conditional(service("a.service").with(|s| s.restart = Restart::Always));
    let mut b = service("b.service");
    (b.requires, b.after) = (vec![1], vec![1]);
    let mut t = target("t.target");
    (t.wants, t.after) = (vec![1, 2], vec![1, 2]);
    Play::new(&[t, a, b])
}

#[test]
fn a_start_waits_for_the_look_at_its_conditions_and_goes_on_if_they_hold() {
    let mut t = two();
    t.boot().expect("examine a.service");
    t.verdict("a.service", Some(Verdict::Met)).expect("start a.service; start b.service");
}

#[test]
fn an_unmet_condition_passes_the_start_over_and_nobody_fails_for_it() {
    let mut t = two();
    t.examines = UNMET;
    t.boot().expect("examine a.service; start b.service");
    t.expect_log("unmet a.service 0; started b.service; started t.target; boot");
    assert_eq!(t.state("a.service"), "inactive/dead/success");
    t.ask(1, Request::Start { name: "a.service" }).expect("examine a.service; reply 1 done");
}

#[test]
fn a_failed_assertion_fails_the_start_and_who_requires_it() {
    let mut t = two();
    t.examines = Some(Some(Verdict::AssertFailed(3)));
    t.boot().expect("examine a.service");
    t.expect_log("assert a.service 3; dependency b.service a.service; started t.target; boot");
    t.ask(1, Request::Start { name: "a.service" }).expect("examine a.service; reply 1 assert");
}

#[test]
fn a_look_that_comes_to_nothing_fails_the_start() {
    let mut t = two();
    t.examines = Some(None);
    t.boot().expect("examine a.service");
    t.expect_log("not examined a.service; dependency b.service a.service; started t.target; boot");
}

#[test]
fn conditions_are_looked_at_again_before_a_restart_and_can_end_it() {
    let mut t = two();
    t.examines = MET;
    t.boot().main("a.service", Exited(1));
    t.expect("examine a.service; start a.service; start b.service; kill 15 a.service all");
    t.examines = UNMET;
    t.at(200).expect("kill 15 b.service all");
    t.main("b.service", Exited(0)).expect("examine a.service; start b.service");
    assert_eq!(t.state("a.service"), "failed/failed/exit-code");
}

#[test]
fn passed_over_starts_do_not_count_for_the_start_limit() {
    let mut a = conditional(service("a.service"));
    a.start_limit = StartLimit { interval: Micros::from_secs(10), burst: 1 };
    let mut t = Play::new(&[a]);
    t.examines = UNMET;
    t.boot();
    t.ask(1, Request::Start { name: "a.service" }).ask(2, Request::Start { name: "a.service" });
    t.examines = MET;
    t.ask(3, Request::Start { name: "a.service" });
    t.expect(
        "examine a.service; examine a.service; reply 1 done; examine a.service; reply 2 done; examine a.service; \
         start a.service; reply 3 done",
    );
}

#[test]
fn a_verdict_about_a_start_that_was_called_off_starts_nothing_and_the_next_start_looks_anew() {
    let mut t = two();
    t.boot().expect("examine a.service");
    t.ask(1, Request::Stop { name: "a.service" }).expect("reply 1 done");
    t.ask(2, Request::Start { name: "a.service" }).expect("");
    t.verdict("a.service", Some(Verdict::Met)).expect("examine a.service");
    t.verdict("a.service", Some(Verdict::Met)).expect("start a.service; reply 2 done");
}

#[test]
fn shutdown_does_not_wait_for_a_look() {
    let mut t = two();
    t.boot().shutdown(Power::Reboot).expect("examine a.service; leave reboot");
}
