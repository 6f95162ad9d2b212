//! Sockets and paths: what they start, and what follows when that goes up, down or fails.

use super::{
    fixture::{ServicePlan, UnitPlan, accepting, path, service, socket, target},
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::{Event, Found, Trigger},
    table::{CommandKind, Kind, Micros, Restart, StartLimit},
    wire::Request,
};

const A: &str = "a.service";
const S: &str = "a.socket";
const P: &str = "a.path";

/// A target that wants a.socket, which starts a.service.
fn listening(change: impl FnOnce(&mut [UnitPlan; 3])) -> Play {
    let mut units = [target("t.target"), socket(S, 2), service(A)];
    units[0].wants = std::vec![1];
    units[2].after = std::vec![1];
    change(&mut units);
    let mut t = Play::new(&units);
    t.boot().expect("watch a.socket; arm a.socket");
    t
}

/// The same with a.path, which finds what it waits for or not.
fn watching(there: bool, change: impl FnOnce(&mut [UnitPlan; 3])) -> Play {
    let mut units = [target("t.target"), path(P, 2), service(A)];
    units[0].wants = std::vec![1];
    units[2].after = std::vec![1];
    change(&mut units);
    let mut t = Play::new(&units);
    t.opens = Some(Some(Found { there: there.then_some(0), seen: 0 }));
    t.boot();
    t
}

#[test]
fn a_connection_starts_the_service_and_its_end_has_the_socket_listen_again() {
    let mut t = listening(|_| {});
    assert_eq!(t.state(S), "active/listening/success");
    t.readable(S, true).expect("start a.service");
    assert_eq!(t.state(S), "active/running/success");
    t.readable(S, true).expect("").main(A, Exited(0)).expect("kill 15 a.service all; arm a.socket");
    t.readable(S, true).expect("start a.service");
}

#[test]
fn a_service_that_runs_without_its_socket_has_it_wait() {
    let mut t = listening(|_| {});
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    assert_eq!(t.state(S), "active/running/success");
    t.main(A, Exited(1)).expect("kill 15 a.service all; arm a.socket");
}

#[test]
fn a_socket_does_not_start_beside_its_service() {
    let mut t = listening(|_| {});
    t.ask(1, Request::Stop { name: S }).expect("unwatch a.socket; reply 1 done");
    assert_eq!(t.state(S), "inactive/dead/success");
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.ask(1, Request::Start { name: S }).expect("reply 1 failed");
    t.main(A, Exited(0)).ask(1, Request::Start { name: S });
    t.expect("kill 15 a.service all; watch a.socket; reply 1 done; arm a.socket");
}

#[test]
fn what_cannot_be_opened_fails_the_socket() {
    let mut units = [socket(S, 1), service(A)];
    units[1].requires = std::vec![0];
    units[1].after = std::vec![0];
    let mut t = Play::new(&units);
    t.opens = Some(None);
    t.boot().expect("watch a.socket; unwatch a.socket");
    assert_eq!(t.state(S), "failed/failed/resources");
    t.ask(1, Request::Start { name: A }).expect("watch a.socket; unwatch a.socket; reply 1 dependency");
}

#[test]
fn a_socket_listens_again_while_its_service_waits_for_a_restart() {
    let mut t = listening(|u| u[2].service.as_mut().expect("a service").restart = Restart::Always);
    t.readable(S, true).main(A, Exited(1)).expect("start a.service; kill 15 a.service all; arm a.socket");
    t.readable(S, true).expect("").at(100).expect("start a.service");
    assert_eq!(t.state(S), "active/running/success");
}

#[test]
fn a_service_that_starts_too_often_takes_its_socket_along() {
    let mut t = listening(|u| u[2].start_limit = StartLimit { interval: Micros::from_secs(10), burst: 1 });
    t.readable(S, true).main(A, Exited(1)).expect("start a.service; kill 15 a.service all; arm a.socket");
    t.readable(S, true).expect("unwatch a.socket");
    assert_eq!(t.state(S), "failed/failed/service-start-limit-hit");
}

#[test]
fn a_socket_that_starts_its_service_too_often_fails() {
    let mut t = listening(|u| {
        u[2].start_limit = StartLimit { interval: Micros::ZERO, burst: 0 };
        if let Some(Kind::Socket(socket)) = &mut u[1].trigger {
            socket.trigger_limit.burst = 1;
        }
    });
    t.readable(S, true).main(A, Exited(0)).expect("start a.service; kill 15 a.service all; arm a.socket");
    t.readable(S, true).expect("unwatch a.socket");
    assert_eq!(t.state(S), "failed/failed/trigger-limit-hit");
}

#[test]
fn a_socket_that_wakes_too_often_is_left_alone_until_its_window_is_over() {
    let mut t = listening(|u| {
        u[2].start_limit = StartLimit { interval: Micros::ZERO, burst: 0 };
        if let Some(Kind::Socket(socket)) = &mut u[1].trigger {
            socket.poll_limit.burst = 1;
        }
    });
    t.readable(S, true).main(A, Exited(0)).expect("start a.service; kill 15 a.service all; arm a.socket");
    t.at(1000).readable(S, true).expect("").at(1999).expect("").at(2000).expect("arm a.socket");
    t.at(2001).readable(S, true).expect("start a.service");
}

#[test]
fn a_path_looks_again_when_its_unit_is_down() {
    let mut t = watching(true, |_| {});
    t.expect("watch a.path; start a.service");
    assert_eq!(t.state(P), "active/running/success");
    t.main(A, Exited(0)).expect("kill 15 a.service all; watch a.path; start a.service");
    t.opens = Some(Some(Found { there: None, seen: 0 }));
    t.main(A, Exited(0)).expect("kill 15 a.service all; watch a.path; arm a.path");
    assert_eq!(t.state(P), "active/waiting/success");
    t.readable(P, false).expect("watch a.path; arm a.path").readable(P, true).expect("start a.service");
}

#[test]
fn who_is_started_by_a_path_is_told_which_and_who_is_started_by_hand_is_not() {
    let mut t = watching(true, |_| {});
    let trigger = |t: &Play| t.spawns.last().expect("a process").trigger;
    assert_eq!(trigger(&t), Some(Trigger { unit: t.id(P), watch: Some(0), elapsed: None }));
    t.opens = Some(Some(Found { there: None, seen: 0b100 }));
    t.main(A, Exited(0)).readable(P, true);
    assert_eq!(trigger(&t), Some(Trigger { unit: t.id(P), watch: Some(2), elapsed: None }));
    // Something has come up while nobody looked.
    t.main(A, Exited(0)).opens = Some(Some(Found { there: None, seen: 0b110 }));
    t.readable(P, false);
    assert_eq!(trigger(&t), Some(Trigger { unit: t.id(P), watch: Some(1), elapsed: None }));
    t.main(A, Exited(0)).ask(1, Request::Start { name: A });
    assert_eq!(trigger(&t), None);
}

#[test]
fn a_path_waits_for_no_restart_and_is_stopped_while_somebody_looks() {
    let mut t = watching(true, |u| u[2].service.as_mut().expect("a service").restart = Restart::Always);
    t.main(A, Exited(1)).expect("watch a.path; start a.service; kill 15 a.service all");
    t.at(100).expect("start a.service");
    t.opens = None;
    t.ask(1, Request::Stop { name: A }).main(A, Killed(15));
    t.expect("kill 15 a.service all; reply 1 done; watch a.path");
    t.ask(1, Request::Stop { name: P }).expect("unwatch a.path; reply 1 done");
    t.readable(P, true).expect("");
    assert_eq!(t.state(P), "inactive/dead/success");
}

#[test]
fn a_unit_that_starts_too_often_takes_its_path_along() {
    let mut t = watching(true, |u| {
        u[2].start_limit = StartLimit { interval: Micros::from_secs(10), burst: 1 };
    });
    t.main(A, Exited(0))
        .expect("watch a.path; start a.service; kill 15 a.service all; watch a.path; unwatch a.path");
    assert_eq!(t.state(P), "failed/failed/unit-start-limit-hit");
}

/// A socket that takes connections for two services.
fn accepting_units() -> [UnitPlan; 4] {
    let mut first = target("t.target");
    first.wants = std::vec![1];
    let instance = |name: &str| service(name).with(|s| s.per_connection = true);
    [first, accepting("s.socket", &[2, 3]), instance("s@0.service"), instance("s@1.service")]
}

#[test]
fn every_connection_has_a_service_of_its_own_and_one_too_many_is_closed() {
    let mut t = Play::new(&accepting_units());
    t.boot().expect("watch s.socket; arm s.socket");
    t.readable("s.socket", true).expect("accept for s@0.service; start s@0.service; arm s.socket");
    t.readable("s.socket", true).expect("accept for s@1.service; start s@1.service; arm s.socket");
    t.readable("s.socket", true).expect("accept for nothing; arm s.socket");
    t.main("s@0.service", Exited(0)).expect("kill 15 s@0.service all; clean s@0.service");
    t.readable("s.socket", true).expect("accept for s@0.service; start s@0.service; arm s.socket");
    assert_eq!(t.state("s.socket"), "active/listening/success");
}

#[test]
fn a_connections_service_that_starts_too_often_leaves_the_socket_open() {
    let mut units = accepting_units();
    for unit in &mut units {
        unit.start_limit = StartLimit { interval: Micros::from_secs(10), burst: 1 };
    }
    let mut t = Play::new(&units);
    t.boot().readable("s.socket", true).main("s@0.service", Exited(0)).readable("s.socket", true);
    assert_eq!(t.state("s@0.service"), "failed/failed/start-limit-hit");
    assert_eq!(t.state("s.socket"), "active/listening/success");
}

/// A socket that runs a command of each kind, and the service that it starts.
fn commanded(change: impl FnOnce(&mut ServicePlan)) -> Play {
    let kinds = [CommandKind::StartPre, CommandKind::StartPost, CommandKind::Stop, CommandKind::StopPost];
    let commands = service(S).with(|plan| {
        plan.commands = kinds.map(|kind| (kind, false)).to_vec();
        (plan.timeout_start, plan.timeout_stop) = (Micros::from_secs(10), Micros::from_secs(10));
        change(plan);
    });
    let units = [UnitPlan { service: commands.service, ..socket(S, 1) }, service(A)];
    let mut t = Play::new(&units);
    t.boot().expect("startpre a.socket");
    assert_eq!(t.state(S), "activating/start-pre/success");
    t
}

/// The same when it listens.
fn commanded_up() -> Play {
    let mut t = commanded(|_| {});
    t.control(S, Exited(0)).expect("watch a.socket; startpost a.socket");
    assert_eq!(t.state(S), "activating/start-post/success");
    t.control(S, Exited(0)).expect("arm a.socket");
    assert_eq!(t.state(S), "active/listening/success");
    t
}

#[test]
fn a_sockets_commands_run_before_and_after_it_is_opened_and_closed() {
    let mut t = commanded_up();
    t.readable(S, true).expect("start a.service");
    t.main(A, Exited(0)).expect("kill 15 a.service all; arm a.socket");
    t.ask(1, Request::Stop { name: S }).expect("stop a.socket");
    assert_eq!(t.state(S), "deactivating/stop-pre/success");
    t.control(S, Exited(0)).expect("kill 15 a.socket all; unwatch a.socket; stoppost a.socket");
    assert_eq!(t.state(S), "deactivating/stop-post/success");
    t.control(S, Exited(0)).expect("kill 15 a.socket all; reply 1 done");
    assert_eq!(t.state(S), "inactive/dead/success");
}

#[test]
fn a_socket_is_not_opened_when_the_command_before_that_fails() {
    let mut t = commanded(|_| {});
    t.control(S, Exited(1)).expect("kill 15 a.socket all");
    assert_eq!(t.state(S), "failed/failed/exit-code");
}

#[test]
fn a_socket_is_closed_in_order_when_the_command_after_its_opening_fails() {
    let mut t = commanded(|_| {});
    t.control(S, Exited(0)).expect("watch a.socket; startpost a.socket");
    t.control(S, Exited(1)).expect("stop a.socket");
    t.control(S, Exited(0)).expect("kill 15 a.socket all; unwatch a.socket; stoppost a.socket");
    t.control(S, Exited(0)).expect("kill 15 a.socket all");
    assert_eq!(t.state(S), "failed/failed/exit-code");
}

#[test]
fn a_sockets_command_that_takes_too_long_is_ended_and_the_socket_closed() {
    let mut t = commanded(|_| {});
    t.control(S, Exited(0)).expect("watch a.socket; startpost a.socket");
    t.at(10_000).expect("kill 15 a.socket all");
    assert_eq!(t.state(S), "deactivating/stop-pre-sigterm/timeout");
    t.at(20_000).expect("kill 9 a.socket all");
    assert_eq!(t.state(S), "deactivating/stop-pre-sigkill/timeout");
    t.control(S, Killed(9)).expect("unwatch a.socket; stoppost a.socket");
    t.at(30_000).expect("kill 15 a.socket all");
    assert_eq!(t.state(S), "deactivating/final-sigterm/timeout");
    t.control(S, Killed(15)).expect("");
    assert_eq!(t.state(S), "failed/failed/timeout");
}

#[test]
fn a_stop_while_a_socket_is_opened_calls_that_off() {
    let mut t = commanded(|_| {});
    t.opens = None;
    t.control(S, Exited(0)).expect("watch a.socket");
    assert_eq!(t.state(S), "activating/start-chown/success");
    t.ask(1, Request::Stop { name: S }).expect("unwatch a.socket; stoppost a.socket");
    t.control(S, Exited(0)).expect("kill 15 a.socket all; reply 1 done");
}

#[test]
fn a_socket_that_cannot_be_opened_has_its_commands_of_the_end_run() {
    let mut t = commanded(|_| {});
    t.opens = Some(None);
    t.control(S, Exited(0)).expect("watch a.socket; stop a.socket");
    t.control(S, Exited(0)).expect("kill 15 a.socket all; unwatch a.socket; stoppost a.socket");
    t.control(S, Exited(0)).expect("kill 15 a.socket all");
    assert_eq!(t.state(S), "failed/failed/resources");
    assert!(t.spawns.iter().all(|spawn| spawn.outcome.is_none()), "$SERVICE_RESULT is of services");
}

#[test]
fn what_a_sockets_commands_leave_is_removed_although_none_runs_after_its_end() {
    let mut t = commanded(|plan| {
        plan.commands = std::vec![(CommandKind::StartPre, false)];
        plan.runtime_directory = true;
    });
    t.control(S, Exited(0)).expect("watch a.socket; arm a.socket");
    t.ask(1, Request::Stop { name: S }).expect("unwatch a.socket; clean a.socket dirs; reply 1 done");
}

#[test]
fn a_socket_that_is_opened_too_late_is_on_its_way_down_already() {
    let mut t = commanded(|s| s.kill.send_sigkill = false);
    (t.opens, t.leaves_children) = (None, true);
    t.control(S, Exited(0)).expect("watch a.socket");
    t.ask(1, Request::Stop { name: S }).expect("kill 15 a.socket all");
    let opened = Event::Watched { unit: t.id(S), found: Some(Found { there: None, seen: 0 }) };
    t.only_hears(10_000, Event::Deadline).only_hears(10_000, opened);
    t.event(Event::Deadline).expect("unwatch a.socket; stoppost a.socket");
    t.expect_log("timeout a.socket 0");
}
