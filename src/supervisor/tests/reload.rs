//! Reloads: `ExecReload=`, `Type=notify-reload`, reloads that a service begins by itself.

use super::{
    fixture::service,
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::Slot,
    table::{CommandKind, Micros, NotifyAccess, ServiceType},
    wire::Request,
};

const A: &str = "a.service";
const RELOAD: Request<'static> = Request::Reload { name: A };

fn up(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    let mut t = Play::new(&[service(A).with(|s| {
        s.timeout_start = Micros::from_secs(10);
        change(s);
    })]);
    t.boot().executed(A);
    if t.state(A) != "active/running/success" {
        t.says(A, "READY=1");
    }
    t.expect("start a.service").expect_log("started a.service; boot");
    t
}

fn with_command() -> Play {
    up(|s| s.commands.push((CommandKind::Reload, false)))
}

fn with_signal() -> Play {
    up(|s| (s.service_type, s.notify_access) = (ServiceType::NotifyReload, NotifyAccess::Main))
}

#[test]
fn a_reload_runs_its_commands_beside_the_service() {
    let mut t = with_command();
    t.ask(1, RELOAD).expect("reload a.service");
    assert_eq!(t.state(A), "reloading/reload/success");
    assert_eq!(t.spawns.last().and_then(|spawn| spawn.main_pid), t.pid(A, Slot::Main));
    t.control(A, Exited(0)).expect("reply 1 done").expect_log("reloaded a.service");
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn a_reload_that_fails_leaves_the_service_as_it_is() {
    let mut t = with_command();
    t.ask(1, RELOAD).control(A, Exited(1)).expect("reload a.service; reply 1 failed");
    assert_eq!(t.state(A), "active/running/success");
    t.ask(2, RELOAD).at(9_999).expect("reload a.service").at(10_000).expect("kill 9 a.service control");
    t.control(A, Killed(9)).expect("reply 2 failed");
    assert_eq!(t.state(A), "active/running/success");
    t.ask(3, RELOAD).expect("reload a.service");
    t.control(A, Exited(0)).expect("reply 3 done");
}

#[test]
fn a_stop_right_after_a_reload_that_took_too_long_has_its_command() {
    let mut t = up(|s| {
        s.commands.extend([(CommandKind::Reload, false), (CommandKind::Stop, false)]);
        s.timeout_stop = Micros::from_secs(5);
    });
    t.ask(1, RELOAD).at(10_000).expect("reload a.service; kill 9 a.service control");
    t.control(A, Killed(9))
        .expect("reply 1 failed")
        .ask(2, Request::Stop { name: A })
        .expect("stop a.service");
    t.control(A, Exited(0)).main(A, Killed(15)).expect("kill 15 a.service all; reply 2 done");
    assert_eq!(t.state(A), "inactive/dead/success");
}

#[test]
fn a_reload_that_nothing_ends_is_left_in_time() {
    let mut t = up(|s| {
        s.commands.push((CommandKind::Reload, false));
        s.timeout_stop = Micros::from_secs(5);
    });
    t.ask(1, RELOAD).at(14_999).expect("reload a.service; kill 9 a.service control");
    t.at(15_000).expect("reply 1 failed");
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn only_what_is_up_and_has_a_way_to_can_reload() {
    let mut t = up(|_| {});
    t.ask(1, RELOAD)
        .ask(2, Request::Reload { name: "b.service" })
        .expect("reply 1 invalid; reply 2 nosuchunit");
    let mut t = with_command();
    t.main(A, Exited(0)).expect("kill 15 a.service all").ask(1, RELOAD).expect("reply 1 invalid");
}

#[test]
fn a_reload_asked_for_during_another_runs_after_it() {
    let mut t = with_command();
    t.ask(1, RELOAD).ask(2, RELOAD).expect("reload a.service");
    t.control(A, Exited(0))
        .expect("reload a.service")
        .control(A, Exited(0))
        .expect("reply 1 done; reply 2 done");
}

#[test]
fn a_service_that_ends_during_a_reload_goes_down() {
    let mut t = with_command();
    t.ask(1, RELOAD).main(A, Exited(1)).expect("reload a.service").control(A, Exited(0));
    t.expect("kill 15 a.service all; reply 1 failed");
    assert_eq!(t.state(A), "failed/failed/exit-code");
    let mut t = with_signal();
    t.ask(1, RELOAD).main(A, Killed(1)).expect("kill 1 a.service main; kill 15 a.service all; reply 1 done");
    assert_eq!(t.state(A), "inactive/dead/success");
}

#[test]
fn a_stop_ends_a_reload() {
    let mut t = with_command();
    t.ask(1, RELOAD).ask(2, Request::Stop { name: A });
    t.expect("reload a.service; reply 1 canceled; kill 15 a.service all");
}

#[test]
fn a_signal_begins_a_reload_that_the_service_ends() {
    let mut t = with_signal();
    t.at(1_000).ask(1, RELOAD).expect("kill 1 a.service main");
    assert_eq!(t.woken(), [true], "whoever was stopped sees the reload");
    assert_eq!(t.state(A), "reloading/reload-signal/success");
    t.at(1_100)
        .says(A, "RELOADING=1\nMONOTONIC_USEC=999999")
        .says(A, "RELOADING=1")
        .says(A, "READY=1")
        .expect("");
    assert_eq!(t.state(A), "reloading/reload-signal/success", "no answer to this signal");
    t.says(A, "RELOADING=1\nMONOTONIC_USEC=1000000");
    assert_eq!(t.state(A), "reloading/reload-notify/success");
    t.says(A, "READY=1").expect("reply 1 done").expect_log("reloaded a.service");
    t.at(2_000).ask(2, RELOAD).says(A, "RELOADING=1\nREADY=1\nMONOTONIC_USEC=2000000");
    t.expect("kill 1 a.service main; reply 2 done");
}

#[test]
fn a_reload_without_an_end_is_given_up() {
    let mut t = with_signal();
    t.ask(1, RELOAD).at(9_999).expect("kill 1 a.service main").at(10_000).expect("reply 1 failed");
    t.says(A, "RELOADING=1");
    assert_eq!(t.state(A), "reloading/reload-notify/success", "by itself");
    t.at(20_000);
    assert_eq!(t.state(A), "active/running/success");
    t.expect_log(
        "timeout a.service 0; reload failed a.service; timeout a.service 0; reload failed a.service",
    );
}

#[test]
fn a_service_without_a_process_is_sent_no_signal() {
    let mut t = up(|s| {
        (s.service_type, s.notify_access) = (ServiceType::NotifyReload, NotifyAccess::Main);
        s.remain_after_exit = true;
    });
    t.main(A, Exited(0)).ask(1, RELOAD).expect("reply 1 done");
    assert_eq!(t.state(A), "active/exited/success");
}

#[test]
fn what_is_to_stop_reloads_no_more() {
    let reloads = service(A).with(|s| s.commands.push((CommandKind::Reload, false)));
    let mut units = [reloads, service("b.service")];
    (units[1].requires, units[1].after) = (std::vec![0], std::vec![0]);
    let mut t = Play::new(&units);
    t.boot().ask(1, Request::Start { name: "b.service" });
    t.expect("start a.service; start b.service; reply 1 done");
    t.ask(1, Request::Stop { name: A }).expect("kill 15 b.service all");
    t.ask(2, RELOAD).expect("reply 2 invalid");
}
