//! What the other types and times do: idle, dbus, `ExitType=`, `RuntimeMaxSec=`, failure modes, growing delays.

use std::vec;

use super::{
    fixture::{service, target},
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::Until,
    table::{CommandKind, FailureMode, Micros, Restart, ServiceType},
    wire::Request,
};

const A: &str = "a.service";

fn one(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    Play::new(&[service(A).with(|s| {
        s.timeout_start = Micros::from_secs(2);
        s.timeout_stop = Micros::from_secs(3);
        s.timeout_abort = Micros::from_secs(4);
        change(s);
    })])
}

fn with_idle(slow: ServiceType) -> Play {
    let mut boot = target("multi-user.target");
    (boot.wants, boot.after) = (vec![1, 2], vec![1, 2]);
    let idle = service(A).with(|s| s.service_type = ServiceType::Idle);
    let other = service("b.service").with(|s| (s.service_type, s.timeout_start) = (slow, Micros::FOREVER));
    Play::new(&[boot, idle, other])
}

#[test]
fn idle_waits_until_nobody_else_is_busy() {
    let mut t = with_idle(ServiceType::Oneshot);
    t.boot().at(4_000).expect("start b.service");
    // It is up: only its process waits.
    assert_eq!(t.state(A), "active/running/success");
    t.main("b.service", Exited(0)).expect("kill 15 b.service all; start a.service");
    t.expect_log("started a.service; started b.service; started multi-user.target; boot");
    let mut t = with_idle(ServiceType::Simple);
    t.boot().expect("start b.service; start a.service");
}

#[test]
fn idle_waits_five_seconds_at_most() {
    let mut t = with_idle(ServiceType::Oneshot);
    t.boot_until(Until::Idle).at(4_999).expect("start b.service").at(5_000).expect("start a.service");
    let mut t = with_idle(ServiceType::Oneshot);
    t.boot().ask(1, Request::Stop { name: A }).at(60_000).expect("start b.service; reply 1 done");
}

#[test]
fn who_comes_after_idle_does_not_wait_for_its_process() {
    let mut boot = target("multi-user.target");
    (boot.wants, boot.after) = (vec![1, 2, 3], vec![1, 2, 3]);
    let idle = service(A).with(|s| s.service_type = ServiceType::Idle);
    let slow = service("b.service").with(|s| {
        (s.service_type, s.timeout_start) = (ServiceType::Oneshot, Micros::FOREVER);
    });
    let mut later = service("c.service");
    later.after = vec![1];
    let mut t = Play::new(&[boot, idle, slow, later]);
    t.boot().expect("start b.service; start c.service");
    t.main("b.service", Exited(0)).expect("kill 15 b.service all; start a.service");
}

#[test]
fn idle_is_watched_from_when_its_process_is_there() {
    let mut boot = target("multi-user.target");
    (boot.wants, boot.after) = (vec![1, 2], vec![1, 2]);
    let idle = service(A).with(|s| (s.service_type, s.watchdog) = (ServiceType::Idle, Micros::from_secs(1)));
    let slow = service("b.service").with(|s| {
        (s.service_type, s.timeout_start) = (ServiceType::Oneshot, Micros::FOREVER);
    });
    let mut t = Play::new(&[boot, idle, slow]);
    t.boot().at(5_000).expect("start b.service; start a.service");
    t.at(5_999).expect("").at(6_000).expect("kill 6 a.service all");
}

#[test]
fn idle_that_is_stopped_before_it_runs_never_runs() {
    let stops = |s: &mut super::ServicePlan| {
        s.service_type = ServiceType::Idle;
        s.commands.push((CommandKind::Stop, false));
    };
    let mut boot = target("multi-user.target");
    (boot.wants, boot.after) = (vec![1, 2], vec![1, 2]);
    let slow = service("b.service").with(|s| {
        (s.service_type, s.timeout_start) = (ServiceType::Oneshot, Micros::FOREVER);
    });
    let mut t = Play::new(&[boot, service(A).with(stops), slow]);
    t.boot().ask(1, Request::Stop { name: A }).expect("start b.service; stop a.service");
    t.at(6_000).control(A, Exited(0)).expect("kill 15 a.service all; reply 1 done");
    assert_eq!(t.state(A), "inactive/dead/success");
}

#[test]
fn the_time_to_start_begins_after_the_others_are_done() {
    let idle = service(A).with(|s| {
        (s.service_type, s.timeout_start) = (ServiceType::Idle, Micros::from_secs(1));
        s.environment_files = "/etc/a\0"; // so that it is up only once its program runs
    });
    let slow = service("b.service").with(|s| {
        (s.service_type, s.timeout_start) = (ServiceType::Oneshot, Micros::FOREVER);
    });
    let mut boot = target("multi-user.target");
    (boot.wants, boot.after) = (vec![1, 2], vec![1, 2]);
    let mut t = Play::new(&[boot, idle, slow]);
    t.boot().at(5_999).expect("start b.service; start a.service").at(6_000).expect("kill 15 a.service all");
}

#[test]
fn dbus_is_ready_when_its_program_runs() {
    let mut t = one(|s| s.service_type = ServiceType::Dbus);
    t.boot();
    assert_eq!(t.state(A), "activating/start/success");
    t.executed(A);
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn a_service_that_exits_with_its_last_process_outlives_its_main_one() {
    let mut t = one(|s| s.exit_with_last = true);
    t.leaves_children = true;
    t.boot().main(A, Exited(1)).expect("start a.service");
    assert_eq!(t.state(A), "active/running/exit-code");
    t.empty(A).expect("");
    assert_eq!(t.state(A), "failed/failed/exit-code");
}

#[test]
fn a_service_is_up_for_as_long_as_it_may() {
    let limited = |s: &mut super::ServicePlan| {
        s.runtime_max = Micros::from_secs(60);
        s.commands.push((CommandKind::Stop, false));
    };
    let mut t = one(limited);
    t.boot().at(59_999).expect("start a.service").at(60_000).expect("stop a.service");
    t.control(A, Exited(0)).expect("kill 15 a.service all").main(A, Killed(15));
    assert_eq!(t.state(A), "failed/failed/timeout");
    // A stop that has begun has a time of its own.
    let mut t = one(limited);
    t.boot().at(59_000).ask(1, Request::Stop { name: A }).expect("start a.service; stop a.service");
    t.at(61_000)
        .expect("")
        .control(A, Exited(0))
        .main(A, Killed(15))
        .expect("kill 15 a.service all; reply 1 done");
    assert_eq!(t.state(A), "inactive/dead/success");
    // So has a reload.
    let mut t = one(|s| {
        limited(s);
        s.commands.push((CommandKind::Reload, false));
    });
    t.boot().at(59_000).ask(1, Request::Reload { name: A }).expect("start a.service; reload a.service");
    t.at(60_500).expect("").control(A, Exited(0)).expect("reply 1 done").at(60_500).expect("stop a.service");
    let mut t = one(|s| {
        limited(s);
        s.runtime_extra = Micros::from_secs(1000);
    });
    let first = t.boot().at(60_000).expect("start a.service").supervisor.next_deadline().expect("an end").0;
    assert!((60_000_000..1_060_000_000).contains(&first), "{first}");
}

#[test]
fn what_comes_first_when_a_time_is_up_can_be_chosen() {
    let hang = |mode| {
        one(move |s| {
            s.service_type = ServiceType::Exec;
            s.start_failure_mode = mode;
        })
    };
    for (mode, kill, sub) in [
        (FailureMode::Terminate, "kill 15 a.service all", "stop-sigterm"),
        (FailureMode::Abort, "kill 6 a.service all", "stop-watchdog"),
        (FailureMode::Kill, "kill 9 a.service all", "stop-sigkill"),
    ] {
        let mut t = hang(mode);
        t.boot().expect("start a.service").at(2_000).expect(kill);
        assert_eq!(t.state(A), std::format!("deactivating/{sub}/timeout"));
    }
    let mut t = hang(FailureMode::Abort);
    t.boot()
        .at(5_999)
        .expect("start a.service; kill 6 a.service all")
        .at(6_000)
        .expect("kill 9 a.service all");
    // On the way down an abort follows a signal that is not heeded.
    let mut t = one(|s| s.stop_failure_mode = FailureMode::Abort);
    t.boot().ask(1, Request::Stop { name: A }).at(2_999).expect("start a.service; kill 15 a.service all");
    t.at(3_000).expect("kill 6 a.service all").at(7_000).expect("kill 9 a.service all");
    let mut t = one(|s| {
        s.stop_failure_mode = FailureMode::Abort;
        s.commands.push((CommandKind::StopPost, false));
    });
    t.boot().main(A, Exited(1)).expect("start a.service; kill 15 a.service all; stoppost a.service");
    t.at(3_000).expect("kill 6 a.service all");
    assert_eq!(t.state(A), "deactivating/final-watchdog/exit-code");
    t.at(7_000).expect("kill 9 a.service all");
    // Nobody is killed for good if nobody is to be.
    let mut t = one(|s| {
        s.service_type = ServiceType::Exec;
        (s.start_failure_mode, s.kill.send_sigkill) = (FailureMode::Kill, false);
    });
    t.boot().at(2_000).expect("start a.service; kill 15 a.service all");
    assert_eq!(t.state(A), "deactivating/final-sigterm/timeout");
}

#[test]
fn a_restart_may_have_a_signal_of_its_own() {
    let mut t = one(|s| s.kill.restart_signal = 10);
    t.boot().ask(1, Request::Restart { name: A }).expect("start a.service; kill 10 a.service all");
    t.main(A, Killed(10)).expect("start a.service; reply 1 done");
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
}

#[test]
fn restarts_come_slower_and_slower() {
    let mut t = one(|s| {
        s.restart = Restart::Always;
        (s.restart_steps, s.restart_growth) = (2, 3.0);
        (s.restart_delay, s.restart_delay_max) = (Micros::from_secs(10), Micros::from_secs(90));
    });
    t.boot().expect("start a.service");
    for at in [10_000, 40_000, 130_000, 220_000] {
        t.main(A, Exited(0))
            .expect("kill 15 a.service all")
            .at(at - 1)
            .expect("")
            .at(at)
            .expect("start a.service");
    }
}
