//! PID 1 is replaced: what one supervisor has saved, another goes on with.

use std::{vec, vec::Vec};

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Play},
};
use crate::{
    supervisor::{Event, Facts, Pid, Slot},
    table::{Micros, Restart, ServiceType},
    wire::{Power, Request},
};

const A: &str = "a.service";
const B: &str = "b.service";

/// A target and what it wants.
fn all(mut units: Vec<UnitPlan>) -> Vec<UnitPlan> {
    let mut first = target("t.target");
    first.wants = (1..=u16::try_from(units.len()).expect("few")).collect();
    units.insert(0, first);
    units
}

fn user(name: &str) -> UnitPlan {
    service(name).with(|s| (s.user, s.group) = (Some(0), Some(0)))
}

#[test]
fn a_running_service_is_still_the_same_and_its_end_is_still_its_end() {
    let units = all(vec![service(A).with(|s| s.restart = Restart::Always), service(B)]);
    let mut t = Play::new(&units);
    t.boot().expect("start a.service; start b.service");
    let (pid, status) = (t.pid(A, Slot::Main), t.state(A));
    t.at(1000).replaced(&units).expect("");
    assert_eq!((t.pid(A, Slot::Main), t.state(A)), (pid, status));
    t.main(A, Exited(1)).expect("kill 15 a.service all");
    assert_eq!(t.state(A), "activating/auto-restart/exit-code");
    t.at(1050).replaced(&units).expect("");
    assert_eq!(t.state(A), "activating/auto-restart/exit-code");
    t.at(1100).expect("start a.service");
    t.at(2000).shutdown(Power::Halt).expect("kill 15 b.service all; kill 15 a.service all");
    t.replaced(&units).main(A, Exited(0)).main(B, Exited(0)).expect("leave halt");
}

#[test]
fn patience_goes_on_where_it_was() {
    let units = all(vec![service(A).with(|s| s.timeout_stop = Micros::from_secs(2))]);
    let mut t = Play::new(&units);
    t.boot().expect("start a.service");
    t.at(1000).ask(7, Request::Stop { name: A }).expect("kill 15 a.service all");
    t.at(2000).replaced(&units);
    t.at(2999).expect("");
    t.at(3000).expect("kill 9 a.service all");
    t.main(A, Exited(0)).expect("reply 7 done");
}

#[test]
fn units_are_known_by_their_names() {
    let mut t = Play::new(&all(vec![service(A), service(B)]));
    t.boot().expect("start a.service; start b.service");
    let (a, b) = (t.pid(A, Slot::Main), t.pid(B, Slot::Main));
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
    t.replaced(&all(vec![service("new.service"), service(B), service(A)])).expect("");
    assert_eq!((t.pid(A, Slot::Main), t.pid(B, Slot::Main)), (a, b));
    assert_eq!(t.state("new.service"), "inactive/dead/success");
    t.main(A, Exited(0)).expect("reply 1 done");
}

#[test]
fn whoever_waits_for_a_unit_that_is_gone_is_told() {
    let mut t = Play::new(&all(vec![service(A), service(B)]));
    t.boot().expect("start a.service; start b.service");
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
    t.replaced(&all(vec![service(B)])).expect("reply 1 nosuchunit");
}

#[test]
fn a_number_stays_its_holders_and_goes_back_after_it() {
    let units = all(vec![user(A), user(B)]);
    let mut t = Play::new(&all(vec![user(A)]));
    t.boot().expect("start a.service as 100");
    let (unit, pid) = (t.id(A), t.pid(A, Slot::Main).expect("a main process"));
    t.event(Event::Identified { unit, pid, uid: 100, gid: 100 });
    t.replaced(&units).ask(1, Request::Start { name: B }).expect("start b.service as 100; reply 1 done");
    t.ask(1, Request::Stop { name: A }).main(A, Exited(0));
    t.expect("kill 15 a.service all; clean a.service; reply 1 done");
    t.replaced(&units).ask(1, Request::Stop { name: B }).main(B, Exited(0));
    t.expect("kill 15 b.service all; clean b.service u100; reply 1 done");
}

#[test]
fn who_asks_for_a_new_program_is_answered_by_it_or_by_the_old_one() {
    let units = all(vec![service(A)]);
    let mut t = Play::new(&units);
    t.boot().expect("start a.service");
    t.ask(1, Request::Reexec).ask(2, Request::Reexec).expect("reexec; reexec");
    t.event(Event::NotReplaced).expect("reply 1 failed; reply 2 failed");
    t.ask(3, Request::Reexec).replaced(&units).expect("reexec; reply 3 accepted");
}

/// PID 1 fails; the shell has this process of `name`'s main slot, past its execve, or none.
fn recovered(t: &mut Play, units: &[UnitPlan], name: &str, main: Option<Pid>) {
    let unit = t.id(name);
    t.replaced_by_recovery(units, &|id| {
        let none = Facts { main: None, control: None, helper: false, examiner: false, known: false };
        let main = main.map(|pid| (pid, true));
        if id == unit { Facts { main, known: main.is_some(), ..none } } else { none }
    });
}

#[test]
fn an_end_that_was_lost_in_a_failure_is_found_out() {
    let units = [service(A).with(|s| s.restart = Restart::OnFailure)];
    let mut t = Play::new(&units);
    t.boot().expect("start a.service");
    recovered(&mut t, &units, A, None);
    t.at(100).expect("start a.service");
    let pid = t.pid(A, Slot::Main);
    recovered(&mut t, &units, A, pid);
    t.expect("");
    assert_eq!((t.pid(A, Slot::Main), t.state(A).as_str()), (pid, "active/running/success"));
}

#[test]
fn an_execve_that_was_lost_in_a_failure_is_found_out() {
    let units = [service(A).with(|s| s.service_type = ServiceType::Exec)];
    let mut t = Play::new(&units);
    t.boot().expect("start a.service");
    assert_eq!(t.state(A), "activating/start/success");
    let pid = t.pid(A, Slot::Main);
    recovered(&mut t, &units, A, pid);
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn a_janitor_that_was_lost_is_sent_again() {
    let units = [user(A)];
    let mut t = Play::new(&units);
    t.cleans = false;
    t.boot().expect("start a.service as 100");
    let (unit, pid) = (t.id(A), t.pid(A, Slot::Main).expect("a main process"));
    t.event(Event::Identified { unit, pid, uid: 100, gid: 100 });
    t.main(A, Exited(0)).expect("kill 15 a.service all; clean a.service u100");
    recovered(&mut t, &units, A, None);
    t.expect("clean a.service u100");
    t.event(Event::Cleaned { unit, clean: true }).expect("");
    assert_eq!(t.state(A), "inactive/dead/success");
}
