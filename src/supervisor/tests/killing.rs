//! Stopping: KillMode=, timeouts, the commands around them (systemd-semantics.md §6).

use std::vec;

use super::{
    fixture::service,
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::{Event, Slot},
    table::{CommandKind, FailureMode, KillMode, Micros, Restart, ServiceType},
    wire::{Request, ServiceResult},
};

const STOP: Request<'static> = Request::Stop { name: "a.service" };

fn started(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    let mut t = Play::new(&[service("a.service").with(|s| {
        s.timeout_stop = Micros::from_secs(5);
        change(s);
    })]);
    t.boot().expect("start a.service");
    t
}

#[test]
fn kills_a_child_that_ignores_term() {
    let mut t = started(|_| {});
    t.at(1000).ask(1, STOP).expect("kill 15 a.service all");
    assert_eq!(t.state("a.service"), "deactivating/stop-sigterm/success");
    t.at(5999).expect("");
    t.at(6000).expect("kill 9 a.service all");
    assert_eq!(t.state("a.service"), "deactivating/stop-sigkill/timeout");
    t.main("a.service", Killed(9)).expect("reply 1 done");
    assert_eq!(t.state("a.service"), "failed/failed/timeout");
}

#[test]
fn patience_begins_when_the_signal_is_sent() {
    let mut t = started(|_| {});
    t.ask(1, STOP).expect("kill 15 a.service all");
    // As if the machine had stood still between the decision and the signal.
    t.only_hears(5000, Event::Deadline).only_hears(11_000, Event::Deadline);
    t.event(Event::Deadline).expect("kill 9 a.service all");
    t.at(15_999).expect("");
    assert_eq!(t.state("a.service"), "deactivating/stop-sigkill/timeout");
    t.main("a.service", Killed(9)).expect("reply 1 done");
}

#[test]
fn gives_up_on_what_cannot_be_killed_and_never_runs_a_second_one_beside_it() {
    let mut t = started(|s| s.restart = Restart::Always);
    t.at(1000).ask(1, STOP);
    t.at(30_000).expect(
        "kill 15 a.service all; kill 9 a.service all; kill 15 a.service all; kill 9 a.service all; reply 1 done",
    );
    t.expect_log(
        "started a.service; boot; timeout a.service 9; timeout a.service 0; timeout a.service 9; \
         timeout a.service 0; failed a.service timeout",
    );
    t.ask(1, Request::Start { name: "a.service" }).expect("reply 1 failed");
    assert_eq!(t.state("a.service"), "failed/failed/resources");
    t.main("a.service", Killed(9)).ask(1, Request::Start { name: "a.service" });
    t.expect("start a.service; reply 1 done");
}

#[test]
fn what_was_said_before_the_newest_process_was_made_counts_no_more() {
    let mut t = started(|_| {});
    t.leaves_children = true;
    t.empty("a.service").expect("");
    t.ask(1, STOP).main("a.service", Exited(0)).expect("kill 15 a.service all");
    assert_eq!(t.state("a.service"), "deactivating/stop-sigterm/success");
    t.empty("a.service").expect("reply 1 done");
}

#[test]
fn waits_for_descendants_with_control_group() {
    let mut t = started(|_| {});
    t.leaves_children = true;
    t.ask(1, STOP).main("a.service", Exited(0)).expect("kill 15 a.service all");
    t.at(5000).expect("kill 9 a.service all").empty("a.service").expect("reply 1 done");
}

#[test]
fn mixed_terminates_the_main_process_and_kills_the_rest() {
    let mut t = started(|s| s.kill.mode = KillMode::Mixed);
    t.leaves_children = true;
    t.ask(1, STOP).expect("kill 15 a.service main");
    t.main("a.service", Exited(0)).expect("kill 9 a.service all").empty("a.service").expect("reply 1 done");
    assert_eq!(t.state("a.service"), "inactive/dead/success");
}

#[test]
fn process_leaves_the_rest_alone() {
    let mut t = started(|s| s.kill.mode = KillMode::Process);
    t.leaves_children = true;
    t.ask(1, STOP).expect("kill 15 a.service main");
    t.at(5000).expect("kill 9 a.service main").main("a.service", Killed(9)).expect("reply 1 done");
}

#[test]
fn none_kills_nobody() {
    let mut t = started(|s| s.kill.mode = KillMode::None);
    t.ask(1, STOP).expect("reply 1 done");
    assert_eq!(t.state("a.service"), "inactive/dead/success");
}

#[test]
fn hangup_follows_term_and_not_kill() {
    let mut t = started(|s| {
        s.kill.send_sighup = true;
        s.kill.signal = 2;
        s.kill.final_signal = 3;
    });
    t.ask(1, STOP).expect("kill 2 a.service all; kill 1 a.service all");
    t.at(5000).expect("kill 3 a.service all");
}

#[test]
fn who_was_stopped_by_a_signal_wakes_up_to_end_and_not_for_a_hangup() {
    let mut t = started(|s| s.kill.send_sighup = true);
    t.ask(1, STOP).expect("kill 15 a.service all; kill 1 a.service all");
    assert_eq!(t.woken(), [true, false]);
}

#[test]
fn without_sigkill_the_wait_just_ends() {
    let mut t = started(|s| s.kill.send_sigkill = false);
    t.ask(1, STOP).at(5000).expect("kill 15 a.service all; kill 15 a.service all");
    assert_eq!(t.state("a.service"), "deactivating/final-sigterm/timeout");
    t.at(10_000).expect("reply 1 done");
}

#[test]
fn stop_commands_run_after_a_clean_end_and_not_after_a_failure() {
    let with = |s: &mut super::ServicePlan| {
        s.commands.extend([(CommandKind::Stop, false), (CommandKind::StopPost, false)]);
    };
    let mut t = started(with);
    t.main("a.service", Exited(0)).expect("stop a.service");
    t.control("a.service", Exited(0)).expect("kill 15 a.service all; stoppost a.service");
    t.control("a.service", Exited(0)).expect("kill 15 a.service all");
    let mut t = started(with);
    t.main("a.service", Exited(1)).expect("kill 15 a.service all; stoppost a.service");
    let outcome = t.spawns.last().and_then(|spawn| spawn.outcome).expect("an outcome");
    assert_eq!((outcome.result, outcome.exit), (ServiceResult::ExitCode, Some(Exited(1))));
    t.control("a.service", Exited(0));
    assert_eq!(t.state("a.service"), "failed/failed/exit-code");
}

#[test]
fn a_stop_command_that_hangs_is_killed_with_the_service() {
    let mut t = started(|s| s.commands.push((CommandKind::Stop, false)));
    t.ask(1, STOP).expect("stop a.service");
    assert_eq!(t.spawns.last().and_then(|spawn| spawn.main_pid), t.pid("a.service", Slot::Main));
    t.at(5000).expect("kill 15 a.service all");
    t.control("a.service", Killed(15)).expect("").main("a.service", Killed(15)).expect("reply 1 done");
    assert_eq!(t.state("a.service"), "failed/failed/timeout");
}

#[test]
fn a_stop_during_the_start_goes_straight_to_the_signals() {
    let mut t = Play::new(&[service("a.service").with(|s| {
        s.commands =
            vec![(CommandKind::StartPre, false), (CommandKind::Start, false), (CommandKind::Stop, false)];
        s.restart = Restart::Always;
    })]);
    t.boot().expect("startpre a.service").ask(1, STOP).expect("kill 15 a.service all");
    t.control("a.service", Killed(15)).expect("reply 1 done");
    t.at(60_000).expect("");
}

#[test]
fn a_stop_post_waits_for_the_main_process_and_not_for_its_children() {
    let mut t = started(|s| s.commands.push((CommandKind::StopPost, false)));
    t.leaves_children = true;
    t.ask(1, STOP).main("a.service", Exited(0)).expect("kill 15 a.service all; stoppost a.service");
    let outcome = t.spawns.last().and_then(|spawn| spawn.outcome).expect("an outcome");
    assert_eq!(outcome.result, ServiceResult::Success);
    t.control("a.service", Exited(0)).expect("kill 15 a.service all");
    t.at(5000).expect("kill 9 a.service all").empty("a.service").expect("reply 1 done");
    assert_eq!(t.state("a.service"), "failed/failed/timeout");
}

#[test]
fn the_final_stages_follow_a_stop_post_that_leaves_something() {
    let mut t = started(|s| s.commands.push((CommandKind::StopPost, false)));
    t.ask(1, STOP).main("a.service", Exited(0)).expect("kill 15 a.service all; stoppost a.service");
    t.leaves_children = true;
    t.control("a.service", Exited(0)).expect("kill 15 a.service all");
    assert_eq!(t.state("a.service"), "deactivating/final-sigterm/success");
    t.at(5000).expect("kill 9 a.service all").empty("a.service").expect("reply 1 done");
}

#[test]
fn a_oneshot_that_takes_too_long_is_ended() {
    let mut t = started(|s| {
        s.service_type = ServiceType::Oneshot;
        s.timeout_start = Micros::from_secs(2);
    });
    t.at(1999).expect("").at(2000).expect("kill 15 a.service all");
    t.main("a.service", Killed(15));
    assert_eq!(t.state("a.service"), "failed/failed/timeout");
}

#[test]
fn what_a_stop_post_leaves_is_aborted_where_the_unit_says_so() {
    let mut t = started(|s| {
        s.commands.push((CommandKind::StopPost, false));
        s.stop_failure_mode = FailureMode::Abort;
    });
    t.ask(1, STOP).main("a.service", Exited(0)).expect("kill 15 a.service all; stoppost a.service");
    t.leaves_children = true;
    t.control("a.service", Exited(0)).expect("kill 15 a.service all");
    t.at(5000).expect("kill 6 a.service all");
    assert_eq!(t.state("a.service"), "deactivating/final-watchdog/timeout");
    t.empty("a.service").expect("reply 1 done");
}
