//! A service's life: up, running, down.

use std::vec;

use super::{
    fixture::{service, target},
    play::{Dumped, Exited, Killed, Play},
};
use crate::{
    supervisor::{Event, Slot, Until},
    table::{CommandKind, Micros, Restart, ServiceType, StartLimit},
    wire::{Failure, Power, Request},
};

const A: &str = "a.service";

fn one(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    Play::new(&[service(A).with(change)])
}

#[test]
fn boots_restarts_and_shuts_down() {
    let mut multi_user = target("multi-user.target");
    multi_user.wants = vec![1, 2];
    multi_user.after = vec![1, 2];
    let a = service(A).with(|s| s.restart = Restart::OnFailure);
    let mut b = service("b.service");
    b.after = vec![1];
    let mut t = Play::new(&[multi_user, a, b]);
    t.boot().expect("start a.service; start b.service");
    t.expect_log("started a.service; started b.service; started multi-user.target; boot");
    assert_eq!(t.state(A), "active/running/success");
    t.at(1000).main(A, Exited(1)).expect("kill 15 a.service all");
    t.expect_log("main a.service exited 1; failed a.service exit-code");
    assert_eq!(t.state(A), "activating/auto-restart/exit-code");
    t.at(1099).expect("");
    t.at(1100).expect("start a.service");
    t.expect_log("restart a.service 1; started a.service");
    t.at(2000).shutdown(Power::Reboot).expect("kill 15 b.service all");
    t.main("b.service", Exited(0)).expect("kill 15 a.service all");
    t.main(A, Exited(0)).expect("leave reboot");
    t.expect_log("shutting down reboot; stopped multi-user.target; stopped b.service; stopped a.service");
    t.at(9000).ask(1, Request::Manager).shutdown(Power::PowerOff).expect("");
}

#[test]
fn a_start_knows_nothing_of_the_end_before_it() {
    let mut t = one(|s| s.commands = vec![(CommandKind::StartPre, false), (CommandKind::Start, false)]);
    t.boot().control(A, Exited(0)).main(A, Exited(7));
    assert_eq!(t.status(A).main_exit, Some(Exited(7)));
    t.ask(1, Request::Start { name: A }).control(A, Exited(1));
    assert_eq!((t.status(A).main_exit, t.state(A)), (None, "failed/failed/exit-code".into()));
}

#[test]
fn runs_every_command_of_a_start_in_order() {
    let mut t = one(|s| {
        s.service_type = ServiceType::Exec;
        s.commands = vec![
            (CommandKind::Condition, false),
            (CommandKind::StartPre, false),
            (CommandKind::StartPre, true),
            (CommandKind::Start, false),
            (CommandKind::StartPost, false),
        ];
    });
    t.boot().expect("condition a.service");
    t.control(A, Exited(0)).expect("startpre a.service");
    t.control(A, Exited(0)).expect("startpre a.service 1");
    t.control(A, Exited(1)).expect("start a.service");
    assert_eq!(t.state(A), "activating/start/success");
    t.executed(A).expect("startpost a.service");
    assert_eq!(t.state(A), "activating/start-post/success");
    t.control(A, Exited(0)).expect("");
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn a_failing_command_before_the_start_ends_it() {
    let mut t = one(|s| s.commands = vec![(CommandKind::StartPre, false), (CommandKind::Start, false)]);
    t.boot().control(A, Killed(15)).expect("startpre a.service; kill 15 a.service all");
    assert_eq!(t.state(A), "failed/failed/signal");
}

#[test]
fn a_condition_that_says_no_is_no_failure() {
    let mut t = one(|s| {
        s.commands = vec![(CommandKind::Condition, false), (CommandKind::Start, false)];
        s.restart = Restart::Always;
    });
    t.boot().control(A, Exited(1)).at(60_000).expect("condition a.service; kill 15 a.service all");
    assert_eq!(t.state(A), "inactive/dead/exec-condition");
}

#[test]
fn a_start_beyond_the_limit_does_not_ask_its_condition() {
    let mut unit =
        service(A).with(|s| s.commands = vec![(CommandKind::Condition, false), (CommandKind::Start, false)]);
    unit.start_limit = StartLimit { interval: Micros::from_secs(10), burst: 1 };
    let mut t = Play::new(&[unit]);
    t.boot().control(A, Exited(0)).main(A, Exited(0));
    t.expect("condition a.service; start a.service; kill 15 a.service all");
    t.ask(1, Request::Start { name: A }).expect("reply 1 failed");
    assert_eq!(t.state(A), "failed/failed/start-limit-hit");
}

#[test]
fn a_oneshot_runs_all_its_commands_and_is_down_or_stays_up() {
    for (remain, state) in [(false, "inactive/dead/success"), (true, "active/exited/success")] {
        let mut t = one(|s| {
            s.service_type = ServiceType::Oneshot;
            s.remain_after_exit = remain;
            s.commands = vec![(CommandKind::Start, false), (CommandKind::Start, false)];
        });
        t.boot().expect("start a.service").main(A, Exited(0));
        t.expect("start a.service 1").main(A, Exited(0));
        assert_eq!(t.state(A), state);
        t.expect_log("started a.service; boot");
    }
}

#[test]
fn counts_the_restart_that_the_limit_refuses() {
    let mut unit = service(A).with(|s| s.restart = Restart::Always);
    unit.start_limit = StartLimit { interval: Micros::from_secs(10), burst: 2 };
    let mut t = Play::new(&[unit]);
    t.boot().main(A, Dumped(11)).at(100).main(A, Dumped(11)).at(200);
    t.expect_log(
        "started a.service; boot; main a.service dumped 11; failed a.service core-dump; restart a.service 1; \
         started a.service; main a.service dumped 11; failed a.service core-dump; restart a.service 2; \
         limit a.service; failed a.service core-dump",
    );
    assert_eq!(t.status(A).restarts, 2);
    // Manual starts count too, until the failure is forgotten.
    t.expect("start a.service; kill 15 a.service all; start a.service; kill 15 a.service all");
    t.ask(1, Request::Start { name: A }).expect("reply 1 failed");
    t.ask(1, Request::ResetFailed { name: A }).ask(2, Request::Start { name: A });
    t.expect("reply 1 accepted; start a.service; reply 2 done");
    assert_eq!(t.status(A).restarts, 0);
}

#[test]
fn restarts_are_counted_from_the_start_that_somebody_asked_for() {
    let mut t = one(|s| s.restart = Restart::Always);
    t.boot().main(A, Exited(0)).at(100).expect("start a.service; kill 15 a.service all; start a.service");
    assert_eq!(t.status(A).restarts, 1);
    t.ask(1, Request::Stop { name: A }).main(A, Exited(0)).expect("kill 15 a.service all; reply 1 done");
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    assert_eq!(t.status(A).restarts, 0);
}

#[test]
fn a_stop_cancels_the_restart_and_a_start_waits_for_it() {
    let mut t = one(|s| s.restart = Restart::Always);
    t.boot().main(A, Exited(0)).expect("start a.service; kill 15 a.service all");
    t.ask(1, Request::Start { name: A }).at(99).expect("").at(100).expect("start a.service; reply 1 done");
    t.main(A, Exited(1)).ask(1, Request::Stop { name: A }).expect("kill 15 a.service all; reply 1 done");
    t.at(60_000).expect("");
    assert_eq!(t.state(A), "inactive/dead/exit-code");
}

#[test]
fn a_process_that_cannot_be_made_is_a_failure_of_resources() {
    let mut t = one(|s| s.restart = Restart::OnFailure);
    t.spawn_fails = true;
    t.boot().expect("start a.service");
    assert_eq!(t.state(A), "activating/auto-restart/resources");
    assert_eq!(t.status(A).failure.map(|failure| failure.errno), Some(11));
    t.spawn_fails = false;
    t.at(199).expect("").at(200).expect("start a.service"); // EAGAIN: the machine was short of processes
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn reports_when_nothing_moves_any_more_and_then_leaves() {
    let mut t = one(|s| {
        s.service_type = ServiceType::Oneshot;
        s.restart = Restart::OnFailure;
    });
    t.boot_until(Until::Idle).main(A, Exited(1)).expect("start a.service; kill 15 a.service all");
    t.at(100).expect("start a.service").main(A, Exited(0));
    t.expect("kill 15 a.service all; report idle").event(Event::Reported);
    t.expect("leave poweroff");
}

#[test]
fn is_not_idle_while_a_child_has_not_executed_its_program() {
    let mut t = one(|_| {});
    t.boot_until(Until::Idle).expect("start a.service");
    t.executed(A).expect("report idle");
    let mut t = one(|_| {});
    t.boot_until(Until::Idle).expect("start a.service");
    t.main(A, Exited(203)).expect("kill 15 a.service all; report idle");
}

#[test]
fn reports_at_the_end_of_its_time_or_when_asked_to_end() {
    let mut t = one(|_| {});
    t.boot_until(Until::Elapsed(Micros::from_secs(3))).at(2999).expect("start a.service");
    t.at(3000).expect("report timeout");
    let mut t = one(|_| {});
    t.boot_until(Until::Elapsed(Micros::from_secs(3))).shutdown(Power::Reboot);
    t.expect("start a.service; report signal").shutdown(Power::Halt).expect("kill 15 a.service all");
}

#[test]
fn shutdown_ends_although_a_unit_does_not() {
    let mut t = one(|s| s.timeout_stop = Micros::FOREVER);
    t.boot().shutdown(Power::Reboot).shutdown(Power::PowerOff).shutdown(Power::Halt);
    t.at(1_799_999).expect("start a.service; kill 15 a.service all").at(1_800_000).expect("leave poweroff");
}

#[test]
fn a_start_for_which_there_is_no_room_is_put_off_longer_until_there_is_some() {
    let mut t = one(|s| (s.restart, s.restart_delay) = (Restart::Always, Micros::from_millis(100)));
    let fails = |t: &mut Play, errno| {
        let (unit, pid) = (t.id(A), t.pid(A, Slot::Main).expect("a process"));
        t.event(Event::StepFailed { unit, pid, failure: Failure { step: 3, errno }, early: false });
        t.main(A, Exited(1)).expect("kill 15 a.service all");
    };
    t.boot().expect("start a.service");
    fails(&mut t, 28); // ENOSPC
    t.at(199).expect("").at(200).expect("start a.service");
    fails(&mut t, 12); // ENOMEM
    t.at(599).expect("").at(600).expect("start a.service");
    fails(&mut t, 2); // ENOENT: it is the service's own
    t.at(700).expect("start a.service");
    fails(&mut t, 28);
    t.at(899).expect("").at(900).expect("start a.service");
}

#[test]
fn who_restarts_at_once_and_finds_no_room_does_not_keep_pid_1_busy() {
    let mut unit = service(A).with(|s| (s.restart, s.restart_delay) = (Restart::Always, Micros::ZERO));
    unit.start_limit.interval = Micros::ZERO;
    let mut t = Play::new(&[unit]);
    t.spawn_fails = true; // EAGAIN
    t.boot();
    // 2 ms, 4 ms and so on, and a minute from then on.
    t.at(600_000);
    assert!((20..30).contains(&t.spawns.len()), "{} tries", t.spawns.len());
    t.expect(&["start a.service"; 100][..t.spawns.len()].join("; "));
    t.spawn_fails = false;
    t.at(660_000).expect("start a.service").main(A, Exited(1)).expect("kill 15 a.service all");
    t.at(660_000).expect("start a.service");
}

/// As systemd 252 was seen to do with `EnvironmentFile=/no/such`, whatever the command's prefixes.
#[test]
fn without_a_file_of_variables_there_has_been_no_process() {
    let missing = |t: &mut Play, slot| {
        let (unit, pid) = (t.id(A), t.pid(A, slot).expect("a process"));
        let failure = Failure { step: 27, errno: 2 };
        t.event(Event::StepFailed { unit, pid, failure, early: true });
    };
    let mut t = one(|s| {
        s.environment_files = "/no/such\0";
        s.commands =
            vec![(CommandKind::Start, true), (CommandKind::Stop, true), (CommandKind::StopPost, true)];
    });
    t.boot().expect("start a.service");
    assert_eq!(t.state(A), "activating/start/success");
    missing(&mut t, Slot::Main);
    t.main(A, Exited(204)).expect("kill 15 a.service all; stoppost a.service");
    missing(&mut t, Slot::Control);
    t.control(A, Exited(204)).expect("kill 15 a.service all");
    assert_eq!((t.state(A), t.status(A).main_exit), ("failed/failed/resources".into(), None));
    assert!(t.status(A).failure.is_some());

    t.ask(1, Request::Start { name: A }).expect("start a.service");
    let (unit, pid) = (t.id(A), t.pid(A, Slot::Main).expect("a process"));
    t.event(Event::Executed { unit, pid }).expect("reply 1 done");
    assert_eq!(t.state(A), "active/running/success");
    t.ask(2, Request::Stop { name: A }).expect("stop a.service");
    missing(&mut t, Slot::Control);
    t.control(A, Exited(204)).expect("kill 15 a.service all");
    t.main(A, Exited(0));
    missing(&mut t, Slot::Control);
    t.control(A, Exited(204));
    assert_eq!(t.state(A), "failed/failed/resources");
}
