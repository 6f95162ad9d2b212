//! What follows for other units (systemd.unit(5)), and what ends the machine.

use std::vec;

use super::{
    fixture::{UnitPlan, service, target},
    play::{Dumped, Exited, Killed, Play},
};
use crate::{
    table::{
        CommandKind, JobMode, Micros, NotifyAccess, Relation, Restart, ServiceType, StartLimit, UnitAction,
    },
    wire::{Request, ServiceResult, Verb},
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

fn start(t: &mut Play, names: &[&str]) {
    for name in names {
        t.ask(9, Request::Start { name }).expect(&std::format!("start {name}; reply 9 done"));
    }
}

#[test]
fn a_start_stops_whoever_conflicts() {
    let mut t = units(|u| u[1].related = vec![(Relation::Conflicts, 2)]);
    start(&mut t, &[B]);
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done; kill 15 b.service all");
    t.main(B, Killed(15)).ask(1, Request::Start { name: B });
    t.expect("kill 15 a.service all; start b.service; reply 1 done");
    // With an order between them the stop comes first.
    let mut t = units(|u| {
        u[1].related = vec![(Relation::Conflicts, 2)];
        u[1].after = vec![2];
    });
    start(&mut t, &[B]);
    t.ask(1, Request::Start { name: A }).expect("kill 15 b.service all");
    t.main(B, Killed(15)).expect("start a.service; reply 1 done");
}

#[test]
fn a_restart_calls_off_the_start_of_whoever_conflicts() {
    let mut t = units(|u| {
        u[1].related = vec![(Relation::Conflicts, 2)];
        u[2].after = vec![1];
    });
    start(&mut t, &[A]);
    t.ask(1, Request::Start { name: B }).expect("kill 15 a.service all");
    t.ask(2, Request::Restart { name: A }).expect("reply 1 canceled");
    t.main(A, Killed(15)).expect("start a.service; reply 2 done");
}

#[test]
fn a_start_that_contradicts_itself_is_refused() {
    let mut t = units(|u| {
        u[1].requires = vec![2, 3];
        u[2].related = vec![(Relation::Conflicts, 3)];
    });
    t.ask(1, Request::Start { name: A }).expect("reply 1 dependency");
    t.expect_log(
        "started boot.target; boot; contradiction a.service b.service; dependency a.service b.service",
    );
    // What is only wanted gives way.
    let mut t = units(|u| {
        (u[1].requires, u[1].wants) = (vec![2], vec![3]);
        u[2].related = vec![(Relation::Conflicts, 3)];
    });
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done; start b.service");
}

#[test]
fn a_start_that_has_begun_goes_on_when_another_is_refused() {
    let mut boot = target("boot.target");
    (boot.requires, boot.wants) = (vec![3], vec![1]); // so B, which conflicts with what is required, is left out
    let mut a = service(A).with(|s| s.commands.insert(0, (CommandKind::StartPre, false)));
    a.requires = vec![2, 3];
    let mut c = service(C);
    c.related = vec![(Relation::Conflicts, 2)];
    let mut t = Play::new(&[boot, a, service(B), c]);
    t.boot().expect("startpre a.service; start c.service");
    t.ask(1, Request::Start { name: A }).expect("");
    t.control(A, Exited(0)).expect("start a.service; reply 1 done");
}

#[test]
fn what_is_bound_goes_down_with_it_however_that_comes() {
    let bound = |u: &mut [UnitPlan; 4]| {
        u[1].requires = vec![2];
        u[2].related = vec![(Relation::BoundBy, 1)];
    };
    let mut t = units(bound);
    start(&mut t, &[B, A]);
    t.main(B, Exited(0))
        .expect("kill 15 b.service all; kill 15 a.service all")
        .main(A, Killed(15))
        .expect("");
    assert_eq!((t.state(A), t.state(B)), ("inactive/dead/success".into(), "inactive/dead/success".into()));
    // A restart of its own counts, unless it is direct.
    for (direct, follows) in
        [(false, "kill 15 b.service all; kill 15 a.service all"), (true, "kill 15 b.service all")]
    {
        let mut t = units(|u| {
            bound(u);
            let service = u[2].service.as_mut().expect("a service");
            (service.restart, service.restart_direct) = (Restart::Always, direct);
        });
        start(&mut t, &[B, A]);
        t.main(B, Exited(1)).expect(follows);
    }
}

#[test]
fn parts_are_stopped_and_restarted_along() {
    let mut t = units(|u| u[1].related = vec![(Relation::Parts, 2), (Relation::StoppedAlong, 3)]);
    start(&mut t, &[A, B, C]);
    t.ask(1, Request::Restart { name: A }).expect("kill 15 a.service all; kill 15 b.service all");
    t.main(A, Killed(15)).main(B, Killed(15)).expect("start a.service; reply 1 done; start b.service");
    t.ask(1, Request::Stop { name: A });
    t.expect("kill 15 c.service all; kill 15 a.service all; kill 15 b.service all");
    t.main(A, Killed(15)).main(B, Killed(15)).main(C, Killed(15)).expect("reply 1 done");
    start(&mut t, &[A, B]);
    t.main(A, Exited(1));
    assert_eq!(t.state(B), "active/running/success", "no job asked for it");
}

#[test]
fn a_requisite_has_to_be_up_already() {
    let mut t = units(|u| u[1].related = vec![(Relation::Requisite, 2)]);
    t.ask(1, Request::Start { name: A }).expect("reply 1 dependency");
    t.expect_log("started boot.target; boot; dependency a.service b.service");
    start(&mut t, &[B, A]);
}

#[test]
fn a_reload_is_passed_on_to_those_who_can() {
    let mut t = units(|u| {
        u[1].related = vec![(Relation::ReloadedAlong, 2), (Relation::ReloadedAlong, 3)];
        for unit in &mut u[1..3] {
            unit.service.as_mut().expect("a service").commands.push((CommandKind::Reload, false));
        }
        u[2].related = vec![(Relation::ReloadedAlong, 1)];
    });
    start(&mut t, &[A, B, C]);
    t.ask(1, Request::Reload { name: A }).expect("reload a.service; reload b.service");
}

#[test]
fn a_failure_and_a_success_start_others_who_are_told() {
    let mut t = units(|u| u[1].related = vec![(Relation::OnFailure, 2), (Relation::OnSuccess, 3)]);
    start(&mut t, &[A]);
    t.main(A, Dumped(11)).expect("kill 15 a.service all; start b.service");
    let (unit, outcome, of) =
        t.spawns.last().and_then(|spawn| spawn.monitor).expect("a unit that has failed");
    assert_eq!((unit, outcome.result, outcome.exit), (t.id(A), ServiceResult::CoreDump, Some(Dumped(11))));
    let a = t.spawns.iter().rfind(|spawn| spawn.unit == t.id(A)).expect("it ran");
    assert_eq!(of, a.invocation);
    start(&mut t, &[A]);
    t.main(A, Exited(0)).expect("kill 15 a.service all; start c.service");
    t.main(B, Exited(0)).ask(1, Request::Start { name: B });
    t.expect("kill 15 b.service all; start b.service; reply 1 done");
    assert_eq!(t.spawns.last().and_then(|spawn| spawn.monitor), None, "not started for anybody");
}

/// systemd.unit(5), `OnSuccessJobMode=`: what a success starts gives way to a stop unless the unit says otherwise.
#[test]
fn what_follows_an_end_gives_way_or_not_as_its_job_mode_says() {
    for (mode, first, then) in [
        (JobMode::Fail, "kill 15 a.service all", "reply 1 done"),
        (JobMode::Replace, "kill 15 a.service all; reply 1 canceled", "start c.service"),
        (JobMode::IgnoreRequirements, "kill 15 a.service all; reply 1 canceled", "start c.service"),
    ] {
        let mut t = units(|u| {
            u[1].related = vec![(Relation::OnSuccess, 3)];
            u[1].manners.on_success_mode = mode;
        });
        start(&mut t, &[A, C]);
        t.ask(1, Request::Stop { name: C }).expect("kill 15 c.service all");
        t.main(A, Exited(0)).expect(first).main(C, Killed(15)).expect(then);
    }
}

#[test]
fn a_start_without_its_requirements_pulls_in_nobody() {
    for (mode, follows) in [
        (JobMode::Replace, "kill 15 a.service all; start b.service; start c.service"),
        (JobMode::IgnoreRequirements, "kill 15 a.service all; start b.service"),
    ] {
        let mut t = units(|u| {
            u[1].related = vec![(Relation::OnFailure, 2)];
            u[1].manners.on_failure_mode = mode;
            u[2].requires = vec![3];
        });
        start(&mut t, &[A]);
        t.main(A, Exited(1)).expect(follows);
    }
}

#[test]
fn a_failure_may_leave_nothing_up_but_what_it_starts() {
    let mut t = units(|u| {
        u[1].related = vec![(Relation::OnFailure, 2)];
        u[1].manners.on_failure_mode = JobMode::Isolate;
        u[2].manners.allow_isolate = true;
    });
    start(&mut t, &[A, C]);
    t.main(A, Exited(1)).expect("kill 15 a.service all; start b.service; kill 15 c.service all");
    // Who may not be isolated is not started for it either (manager.c, `manager_add_job`).
    let mut t = units(|u| {
        u[1].related = vec![(Relation::OnFailure, 2)];
        u[1].manners.on_failure_mode = JobMode::Isolate;
    });
    start(&mut t, &[A, C]);
    t.main(A, Exited(1)).expect("kill 15 a.service all");
}

/// job.c, `job_finish_and_invalidate`: whoever requires it fails, the unit goes on, and its `OnFailure=` is started.
#[test]
fn a_job_that_takes_too_long_ends_and_what_it_has_begun_goes_on() {
    let mut t = units(|u| {
        u[1].service.as_mut().expect("a service").service_type = ServiceType::Notify;
        u[1].manners.job_running_timeout = Micros::from_secs(5);
        u[1].related = vec![(Relation::OnFailure, 3)];
        (u[2].requires, u[2].after) = (vec![1], vec![1]);
    });
    t.ask(1, Request::Start { name: A }).ask(2, Request::Start { name: B }).expect("start a.service");
    t.at(4_999).expect("").at(5_000).expect("reply 1 timeout; reply 2 dependency; start c.service");
    assert_eq!(t.state(A), "activating/start/success");
    t.main(A, Exited(0)).expect("kill 15 a.service all");
    assert_eq!(t.state(A), "failed/failed/protocol");
}

#[test]
fn a_job_may_have_waited_too_long_for_its_turn() {
    let mut t = units(|u| {
        u[1].service.as_mut().expect("a service").service_type = ServiceType::Notify;
        (u[2].wants, u[2].after) = (vec![1], vec![1]);
        u[2].manners.job_timeout = Micros::from_secs(5);
        u[2].manners.job_timeout_action = UnitAction::RebootForce;
    });
    t.ask(2, Request::Start { name: B }).expect("start a.service");
    t.at(4_999)
        .expect("")
        .at(5_000)
        .expect("reply 2 timeout; kill 15 a.service all; leave reboot for the job of b.service");
}

#[test]
fn the_time_of_a_job_goes_on_when_it_has_its_turn() {
    let mut t = units(|u| {
        for service in u[1..3].iter_mut().filter_map(|unit| unit.service.as_mut()) {
            (service.service_type, service.notify_access) = (ServiceType::Notify, NotifyAccess::Main);
        }
        (u[2].wants, u[2].after) = (vec![1], vec![1]);
        u[2].manners.job_timeout = Micros::from_secs(5);
    });
    t.ask(2, Request::Start { name: B }).expect("start a.service");
    t.at(3_000).executed(A).says(A, "READY=1").expect("start b.service");
    t.at(4_999).expect("").at(5_000).expect("reply 2 timeout");
    assert_eq!(t.state(B), "activating/start/success");
}

#[test]
fn every_restart_counts_as_a_failure_unless_it_is_direct() {
    for (direct, follows) in
        [(false, "kill 15 a.service all; start b.service"), (true, "kill 15 a.service all")]
    {
        let mut t = units(|u| {
            u[1].related = vec![(Relation::OnFailure, 2)];
            let service = u[1].service.as_mut().expect("a service");
            (service.restart, service.restart_direct) = (Restart::Always, direct);
        });
        start(&mut t, &[A]);
        t.main(A, Exited(1)).expect(follows);
    }
}

#[test]
fn what_is_upheld_is_started_again_and_again() {
    let mut t = units(|u| {
        u[1].related = vec![(Relation::Upholds, 2)];
        u[2].start_limit = StartLimit { interval: Micros::from_secs(1000), burst: 3 };
    });
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done; start b.service");
    t.main(B, Exited(1)).at(99).expect("kill 15 b.service all").at(100).expect("start b.service");
    t.ask(1, Request::Stop { name: B }).main(B, Killed(15)).expect("kill 15 b.service all; reply 1 done");
    t.at(200).expect("start b.service").main(B, Exited(1)).at(60_000).expect("kill 15 b.service all");
    // Nobody upholds it any more.
    let mut t = units(|u| u[1].related = vec![(Relation::Upholds, 2)]);
    t.ask(1, Request::Start { name: A })
        .ask(2, Request::Stop { name: A })
        .main(A, Killed(15))
        .main(B, Exited(0));
    t.at(60_000)
        .expect("start a.service; reply 1 done; start b.service; kill 15 a.service all; reply 2 done; kill 15 b.service all");
}

#[test]
fn nobody_is_upheld_by_a_unit_that_is_about_to_be_stopped() {
    let mut t = units(|u| {
        u[1].related = vec![(Relation::Upholds, 2)];
        (u[3].after, u[3].requires) = (vec![1], vec![1]);
    });
    start(&mut t, &[B]);
    t.ask(1, Request::Start { name: C }).expect("start a.service; start c.service; reply 1 done");
    t.ask(2, Request::Stop { name: A }).expect("kill 15 c.service all");
    t.main(B, Exited(0)).expect("kill 15 b.service all").at(60_000).expect("");
    assert_eq!((t.state(A), t.state(B)), ("active/running/success".into(), "inactive/dead/success".into()));
}

#[test]
fn what_nobody_needs_any_more_is_stopped() {
    let mut t = units(|u| {
        u[1].wants = vec![3];
        u[2].requires = vec![3];
        u[3].manners.stop_when_unneeded = true;
    });
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done; start c.service");
    start(&mut t, &[B]);
    t.main(A, Exited(0)).expect("kill 15 a.service all").main(B, Exited(1));
    t.expect("kill 15 b.service all; kill 15 c.service all");
    t.main(C, Killed(15)).expect("");
}

#[test]
fn a_unit_may_refuse_requests() {
    let mut t = units(|u| {
        u[1].manners.refuse_manual_start = true;
        u[2].manners.refuse_manual_stop = true;
        u[3].requires = vec![1];
    });
    start(&mut t, &[B]);
    t.ask(1, Request::Start { name: A })
        .ask(2, Request::Stop { name: B })
        .ask(3, Request::Restart { name: B });
    t.expect("reply 1 refused; reply 2 refused; reply 3 refused");
    t.ask(1, Request::Start { name: C }).expect("start c.service; reply 1 done; start a.service");
}

#[test]
fn isolation_stops_what_is_not_pulled_in() {
    let mut t = units(|u| {
        u[1].wants = vec![2];
        u[3].manners.ignore_on_isolate = true;
        u[0].manners.allow_isolate = true;
        u[1].manners.allow_isolate = true;
    });
    start(&mut t, &[B, C]);
    let isolate = Request::Job { verb: Verb::Start, mode: JobMode::Isolate, name: C };
    t.ask(1, Request::Isolate { name: B }).ask(2, isolate).expect("reply 1 refused; reply 2 refused");
    t.ask(1, Request::Isolate { name: A }).expect("start a.service; reply 1 done");
    t.ask(1, Request::Isolate { name: "boot.target" });
    t.expect("kill 15 b.service all; reply 1 done; kill 15 a.service all");
}

#[test]
fn an_end_may_end_the_machine() {
    let acting = |change: fn(&mut crate::table::Manners), restart| {
        let mut t = units(|u| {
            change(&mut u[1].manners);
            u[1].start_limit = StartLimit { interval: Micros::from_secs(10), burst: 1 };
            u[1].service.as_mut().expect("a service").restart = restart;
        });
        start(&mut t, &[A]);
        t
    };
    let mut t = acting(|m| m.failure_action = UnitAction::Reboot, Restart::No);
    t.main(A, Exited(1)).expect("kill 15 a.service all; leave reboot for a.service");
    let mut t = acting(|m| m.failure_action = UnitAction::Reboot, Restart::No);
    t.main(A, Exited(0)).expect("kill 15 a.service all");
    let mut t = acting(|m| m.failure_action = UnitAction::RebootForce, Restart::OnFailure);
    t.main(A, Exited(1)).at(99).expect("kill 15 a.service all").at(100).expect("leave reboot for a.service");
    let mut t = acting(|m| (m.success_action, m.success_status) = (UnitAction::Exit, Some(7)), Restart::No);
    t.ask(1, Request::Stop { name: A })
        .main(A, Killed(15))
        .expect("kill 15 a.service all; reply 1 done; leave poweroff 7 for a.service");
    let mut t = acting(|m| m.start_limit_action = UnitAction::PowerOffImmediate, Restart::Always);
    t.main(A, Exited(0)).at(100).expect("kill 15 a.service all; leave poweroff at once for a.service");
}
