//! Services that fork and leave a daemon behind.

use super::{
    fixture::service,
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::Slot,
    table::{CommandKind, Micros, Restart, ServiceType},
    wire::Request,
};

const A: &str = "a.service";
const PID_FILE: &str = "/run/a.pid";

fn forking(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    let mut t = Play::new(&[service(A).with(|s| {
        s.service_type = ServiceType::Forking;
        s.timeout_start = Micros::from_secs(10);
        change(s);
    })]);
    t.leaves_children = true;
    t.boot().expect("start a.service");
    assert_eq!(t.pid(A, Slot::Main), None, "the program that forks is not the main process");
    assert_eq!(t.state(A), "activating/start/success");
    t
}

#[test]
fn the_only_process_left_is_the_main_one() {
    let mut t = forking(|s| s.commands.push((CommandKind::StartPost, false)));
    t.daemon = Some(50);
    t.control(A, Exited(0)).expect("guess a.service; startpost a.service");
    t.control(A, Exited(0)).expect("");
    assert_eq!((t.status(A).main_pid, t.state(A)), (50, "active/running/success".into()));
    t.main(A, Killed(9)).empty(A).expect("kill 15 a.service all");
    assert_eq!(t.state(A), "failed/failed/signal");
}

#[test]
fn a_service_whose_main_process_nobody_knows_is_up_until_its_last_one_ends() {
    for guess in [true, false] {
        let mut t = forking(|s| s.guess_main_pid = guess);
        t.control(A, Exited(0)).expect(if guess { "guess a.service" } else { "" });
        assert_eq!((t.status(A).main_pid, t.state(A)), (0, "active/running/success".into()));
        t.empty(A).expect("");
        assert_eq!(t.state(A), "inactive/dead/success");
    }
}

#[test]
fn a_program_that_forks_may_end_by_a_polite_signal_as_any_daemon() {
    let mut t = forking(|s| s.remain_after_exit = true);
    t.control(A, Killed(15)).expect("guess a.service").empty(A);
    assert_eq!(t.state(A), "active/exited/success");
}

#[test]
fn a_program_that_fails_leaves_no_daemon() {
    let mut t = forking(|s| s.restart = Restart::OnFailure);
    t.control(A, Exited(1)).expect("kill 15 a.service all").empty(A);
    assert_eq!(t.state(A), "activating/auto-restart/exit-code");
    let mut t = forking(|_| {});
    t.at(10_000).expect("kill 15 a.service all").control(A, Killed(15)).empty(A);
    assert_eq!(t.state(A), "failed/failed/timeout");
}

#[test]
fn the_pid_file_may_come_late() {
    let mut t = forking(|s| s.pid_file = PID_FILE);
    t.control(A, Exited(0)).expect("pid file a.service").expect_log("");
    assert_eq!(t.state(A), "activating/start/success");
    t.at(9).expect("").at(10).expect("pid file a.service").at(29).expect("");
    t.daemon = Some(50);
    t.at(30).expect("pid file a.service").expect_log("started a.service; boot");
    assert_eq!((t.status(A).main_pid, t.state(A)), (50, "active/running/success".into()));
    t.at(60_000).expect("");
}

#[test]
fn a_pid_file_that_nobody_will_write_breaks_the_protocol() {
    let mut t = forking(|s| s.pid_file = PID_FILE);
    t.control(A, Exited(0)).at(5_000).empty(A).at(60_000);
    assert_eq!(t.state(A), "failed/failed/protocol");
    let mut t = forking(|s| s.pid_file = PID_FILE);
    t.leaves_children = false;
    t.control(A, Exited(0)).expect("pid file a.service; clean a.service");
    assert_eq!(t.state(A), "failed/failed/protocol");
    let mut t = forking(|s| s.pid_file = PID_FILE);
    t.control(A, Exited(0)).at(10_000).empty(A);
    assert_eq!(t.state(A), "failed/failed/timeout");
}

/// systemd's `service_enter_dead`: some programs do not start where an old one is.
#[test]
fn the_pid_file_goes_with_its_service_before_a_restart_too() {
    let mut t = forking(|s| (s.pid_file, s.restart) = (PID_FILE, Restart::OnFailure));
    t.daemon = Some(50);
    t.control(A, Exited(0)).expect("pid file a.service");
    t.main(A, Exited(1))
        .expect("pid file a.service; kill 15 a.service all")
        .empty(A)
        .expect("clean a.service");
    assert_eq!(t.state(A), "activating/auto-restart/exit-code");
    t.at(100).expect("start a.service");
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
    t.control(A, Killed(15)).empty(A).expect("clean a.service; reply 1 done");
    t.ask(1, Request::Stop { name: A }).expect("reply 1 done");
}

#[test]
fn a_command_after_the_start_may_write_the_pid_file() {
    let mut t = forking(|s| {
        s.pid_file = PID_FILE;
        s.commands.push((CommandKind::StartPost, false));
    });
    t.control(A, Exited(0)).expect("pid file a.service; startpost a.service");
    t.daemon = Some(50);
    t.control(A, Exited(0)).expect("pid file a.service").expect_log("started a.service; boot");
    assert_eq!((t.status(A).main_pid, t.state(A)), (50, "active/running/success".into()));
    let mut t = forking(|s| {
        s.pid_file = PID_FILE;
        s.commands.push((CommandKind::StartPost, false));
    });
    t.control(A, Exited(0))
        .control(A, Exited(0))
        .expect("pid file a.service; startpost a.service; pid file a.service");
    t.at(10).expect("pid file a.service").ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
    t.at(100_000).expect("kill 9 a.service all");
}

#[test]
fn a_daemon_may_move_on_to_another_process() {
    let mut t = forking(|s| s.pid_file = PID_FILE);
    t.daemon = Some(50);
    t.control(A, Exited(0)).expect("pid file a.service");
    t.daemon = Some(60);
    t.main(A, Exited(0)).expect("pid file a.service");
    assert_eq!((t.status(A).main_pid, t.state(A)), (60, "active/running/success".into()));
    t.main(A, Exited(3)).expect("pid file a.service; kill 15 a.service all").empty(A);
    assert_eq!(t.state(A), "failed/failed/exit-code");
}
