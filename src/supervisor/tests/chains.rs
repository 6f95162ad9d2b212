//! How far a start, a stop and a restart reach, as systemd 252 did each of them beside tomte.

use std::vec;

use super::{
    fixture::{UnitPlan, service, target},
    play::{Exited, Killed, Play},
};
use crate::{
    table::{CommandKind, Micros, Relation, Restart, ServiceType, StartLimit},
    wire::Request,
};

const A: &str = "a.service";
const B: &str = "b.service";
const C: &str = "c.service";

/// A target that wants nothing, then a.service, b.service, c.service.
fn units(change: impl FnOnce(&mut [UnitPlan; 4])) -> Play {
    let mut units = [target("boot.target"), service(A), service(B), service(C)];
    change(&mut units);
    let mut t = Play::new(&units);
    t.boot().expect("");
    t
}

/// a.service requires b.service, which requires c.service.
fn in_a_row(u: &mut [UnitPlan; 4]) {
    (u[1].requires, u[1].after) = (vec![2], vec![2]);
    (u[2].requires, u[2].after) = (vec![3], vec![3]);
}

fn up(t: &mut Play, name: &str) {
    t.ask(9, Request::Start { name }).expect(&std::format!("start {name}; reply 9 done"));
}

#[test]
fn what_is_up_pulls_in_nothing_again() {
    let mut t = units(in_a_row);
    t.ask(1, Request::Start { name: A });
    t.expect("start c.service; start b.service; start a.service; reply 1 done");
    t.main(A, Exited(0)).main(C, Exited(0)).expect("kill 15 a.service all; kill 15 c.service all");
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    // What is asked for itself does.
    t.ask(1, Request::Start { name: B }).expect("reply 1 done; start c.service");
}

#[test]
fn a_stop_does_not_pass_through_what_is_down() {
    let mut t = units(in_a_row);
    t.ask(1, Request::Start { name: A }).main(B, Exited(0));
    t.expect("start c.service; start b.service; start a.service; reply 1 done; kill 15 b.service all");
    t.ask(1, Request::Restart { name: C }).expect("kill 15 c.service all");
    t.main(C, Killed(15)).expect("start c.service; reply 1 done");
    t.ask(1, Request::Stop { name: C }).expect("kill 15 c.service all");
    t.main(C, Killed(15)).expect("reply 1 done");
    assert_eq!(t.state(A), "active/running/success");
    // What is asked for itself counts, down as it is.
    t.ask(1, Request::Stop { name: B }).expect("reply 1 done; kill 15 a.service all");
}

#[test]
fn whoever_requires_a_unit_restarts_along_with_it_by_itself_too() {
    let mut t = units(|u| {
        in_a_row(u);
        u[3].service.as_mut().expect("a service").restart = Restart::OnFailure;
    });
    t.ask(1, Request::Start { name: A });
    t.expect("start c.service; start b.service; start a.service; reply 1 done");
    t.main(C, Exited(1)).expect("kill 15 c.service all").at(100).expect("kill 15 a.service all");
    t.main(A, Killed(15)).expect("kill 15 b.service all");
    t.main(B, Killed(15)).expect("start c.service; start b.service; start a.service");
}

#[test]
fn nobody_restarts_along_with_a_unit_that_is_to_be_down() {
    let mut t = units(|u| {
        in_a_row(u);
        u[3].service.as_mut().expect("a service").restart = Restart::OnFailure;
    });
    t.ask(1, Request::Start { name: B }).main(C, Exited(1));
    t.expect("start c.service; start b.service; reply 1 done; kill 15 c.service all");
    t.at(50).ask(1, Request::Stop { name: C }).expect("kill 15 b.service all");
    // Its turn is after b.service's, and the restart's comes before that.
    t.at(100).main(B, Killed(15)).expect("reply 1 done");
    assert_eq!((t.state(B), t.state(C)), ("inactive/dead/success".into(), "inactive/dead/exit-code".into()));
}

#[test]
fn what_nobody_needs_stops_as_soon_as_it_is_up() {
    let mut t = units(|u| u[1].manners.stop_when_unneeded = true);
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done; kill 15 a.service all");
}

#[test]
fn what_is_bound_and_comes_after_does_not_start_without_it() {
    let bound = |after: bool| {
        move |u: &mut [UnitPlan; 4]| {
            u[1].requires = vec![2];
            u[1].after = if after { vec![2] } else { vec![] };
            u[2].related = vec![(Relation::BoundBy, 1)];
            let b = u[2].service.as_mut().expect("a service");
            b.commands.push((CommandKind::Condition, false));
        }
    };
    let mut t = units(bound(true));
    t.ask(1, Request::Start { name: A }).expect("condition b.service");
    t.control(B, Exited(1)).expect("kill 15 b.service all; reply 1 dependency");
    assert_eq!(t.state(A), "inactive/dead/success");
    let mut t = units(bound(false));
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done; condition b.service");
    // Who only requires it starts.
    let mut t = units(|u| {
        bound(true)(u);
        u[2].related.clear();
    });
    t.ask(1, Request::Start { name: A }).control(B, Exited(1));
    t.expect("condition b.service; kill 15 b.service all; start a.service; reply 1 done");
}

#[test]
fn of_whose_end_it_was_started_for_hears_what_starts_it_and_after_a_restart_of_its_own_again() {
    let mut t = units(|u| {
        u[1].related = vec![(Relation::OnFailure, 2)];
        let b = u[2].service.as_mut().expect("a service");
        (b.service_type, b.restart) = (ServiceType::Exec, Restart::OnFailure);
        b.commands = [
            CommandKind::Condition,
            CommandKind::StartPre,
            CommandKind::Start,
            CommandKind::StartPost,
            CommandKind::StopPost,
        ]
        .map(|kind| (kind, false))
        .into();
    });
    let told = |t: &Play| t.spawns.last().is_some_and(|spawn| spawn.monitor.is_some());
    up(&mut t, A);
    t.main(A, Exited(1)).expect("kill 15 a.service all; condition b.service");
    assert!(!told(&t), "man systemd.exec: ExecStart= and ExecStartPre=");
    t.control(B, Exited(0)).expect("startpre b.service");
    assert!(told(&t));
    t.control(B, Exited(0)).executed(B).expect("start b.service; startpost b.service");
    assert!(!told(&t));
    t.control(B, Exited(0)).main(B, Exited(1)).expect("kill 15 b.service all; stoppost b.service");
    assert!(!told(&t));
    t.control(B, Exited(0))
        .at(100)
        .control(B, Exited(0))
        .expect("kill 15 b.service all; condition b.service; startpre b.service");
    assert!(told(&t), "it is the same start, begun again");
    t.ask(1, Request::Restart { name: B }).expect("kill 15 b.service all");
    t.control(B, Killed(15)).control(B, Exited(0)).control(B, Exited(0));
    assert!(!told(&t), "nobody's end is the reason for this one");
}

/// service.c, `service_sigchld_event`: the end of a control process counts on the way down, too.
#[test]
fn a_start_that_is_called_off_has_failed_by_what_its_command_ended_with() {
    let cases = [
        (CommandKind::Condition, false, Killed(15), "failed/failed/signal"),
        (CommandKind::Condition, false, Exited(1), "failed/failed/exit-code"),
        (CommandKind::StartPre, false, Killed(15), "failed/failed/signal"),
        (CommandKind::StartPre, false, Exited(0), "inactive/dead/success"),
        (CommandKind::StartPre, true, Killed(15), "inactive/dead/success"),
        (CommandKind::StartPost, false, Killed(15), "failed/failed/signal"),
    ];
    for (kind, ignored, end, state) in cases {
        let mut t = units(|u| u[1].service.as_mut().expect("a service").commands.push((kind, ignored)));
        t.ask(1, Request::Start { name: A }).ask(2, Request::Stop { name: A });
        t.control(A, end);
        if kind == CommandKind::StartPost {
            t.main(A, Killed(15));
        }
        assert_eq!(t.state(A), state, "{kind:?} that ended with {end:?}");
    }
}

#[test]
fn a_daemon_on_its_way_up_may_end_by_the_signal_that_a_stop_sends() {
    let mut t = units(|u| u[1].service.as_mut().expect("a service").service_type = ServiceType::Forking);
    t.ask(1, Request::Start { name: A }).ask(2, Request::Stop { name: A }).control(A, Killed(15));
    assert_eq!(t.state(A), "inactive/dead/success");
}

#[test]
fn a_stop_in_the_middle_of_a_reload_ends_as_its_command_did() {
    let mut t = units(|u| {
        u[1].service.as_mut().expect("a service").commands.push((CommandKind::Reload, false));
    });
    up(&mut t, A);
    t.ask(1, Request::Reload { name: A }).ask(2, Request::Stop { name: A });
    t.control(A, Killed(15)).main(A, Killed(15));
    assert_eq!(t.state(A), "failed/failed/signal");
}

#[test]
fn one_that_was_skipped_until_its_limit_is_down_for_that_reason_and_its_start_has_failed() {
    let mut t = units(|u| {
        u[1].start_limit = StartLimit { interval: Micros::FOREVER, burst: 1 };
        u[1].service.as_mut().expect("a service").commands.push((CommandKind::Condition, false));
    });
    t.ask(1, Request::Start { name: A }).control(A, Exited(1));
    t.expect("condition a.service; kill 15 a.service all; reply 1 done");
    t.ask(1, Request::Start { name: A }).expect("reply 1 failed");
    assert_eq!(t.state(A), "inactive/dead/exec-condition");
}

#[test]
fn all_processes_of_a_start_have_its_id_and_no_other_start_has() {
    let mut plans = [target("boot.target"), service(A), service(B)];
    for unit in &mut plans[1..] {
        unit.service.as_mut().expect("a service").commands.extend([
            (CommandKind::StartPre, false),
            (CommandKind::StartPost, false),
            (CommandKind::Stop, false),
        ]);
    }
    let mut t = Play::new(&plans);
    t.boot();
    let mut seen = vec![];
    for name in [A, B, A] {
        t.spawns.clear();
        t.ask(1, Request::Start { name }).control(name, Exited(0)).control(name, Exited(0));
        // PID 1 and its table may be others in the meantime.
        plans[1..].reverse();
        t.replaced(&plans);
        t.ask(2, Request::Stop { name }).control(name, Exited(0)).main(name, Killed(15));
        let ids: vec::Vec<u64> = t.spawns.iter().map(|spawn| spawn.invocation).collect();
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| *id == ids[0]));
        seen.push(ids[0]);
        t.at(1_000 * seen.len() as u64);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}
