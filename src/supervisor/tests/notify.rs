//! What a service says of itself, and its silence (systemd-semantics.md §7).

use std::{format, vec::Vec};

use super::{
    fixture::service,
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::{Event, Slot},
    table::{CommandKind, Micros, NotifyAccess, Preserve, Restart, ServiceType},
    wire::Request,
};

const A: &str = "a.service";

fn notify(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    let mut t = Play::new(&[service(A).with(|s| {
        s.service_type = ServiceType::Notify;
        s.notify_access = NotifyAccess::Main;
        s.timeout_start = Micros::from_secs(10);
        s.timeout_stop = Micros::from_secs(5);
        change(s);
    })]);
    t.boot();
    t
}

fn ready(change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    let mut t = notify(change);
    t.executed(A).says(A, "READY=1").expect("start a.service").expect_log("started a.service; boot");
    t
}

#[test]
fn a_process_is_told_where_to_speak_and_how_long_it_may_be_silent_if_it_is_heard() {
    const SECOND: Micros = Micros::from_secs(1);
    for (access, watchdog, main, beside) in [
        (NotifyAccess::None, Micros::ZERO, (false, None), (false, None)),
        (NotifyAccess::Main, SECOND, (true, Some(SECOND)), (false, None)),
        (NotifyAccess::Exec, Micros::ZERO, (true, None), (true, None)),
        (NotifyAccess::All, Micros::FOREVER, (true, None), (true, None)),
    ] {
        let mut t = Play::new(&[service(A).with(|s| {
            (s.notify_access, s.watchdog) = (access, watchdog);
            s.commands.push((CommandKind::StartPost, false));
        })]);
        t.boot();
        let told: Vec<_> = t.spawns.iter().map(|spawn| (spawn.slot, (spawn.heard, spawn.watchdog))).collect();
        assert_eq!(told, [(Slot::Main, main), (Slot::Control, beside)], "{access:?}");
    }
}

#[test]
fn a_service_is_up_when_it_says_so() {
    let mut t = notify(|s| s.commands.push((CommandKind::StartPost, false)));
    t.executed(A).says(A, "STATUS=Loading\u{1b}[31m…");
    assert_eq!(t.state(A), "activating/start/success");
    assert_eq!(t.status(A).status, "Loading [31m…");
    t.says(A, "STATUS=Serving\nREADY=1").expect("start a.service; startpost a.service");
    assert_eq!((t.state(A), t.status(A).status), ("activating/start-post/success".into(), "Serving"));
    t.control(A, Exited(0)).expect("").says(A, "READY=1").expect("");
    assert_eq!(t.state(A), "active/running/success");
    t.says(A, "ERRNO=5").main(A, Exited(1));
    assert_eq!((t.status(A).errno, t.state(A)), (5, "failed/failed/exit-code".into()));
    t.ask(1, Request::Start { name: A });
    assert_eq!((t.status(A).errno, t.status(A).status), (0, ""), "a new start says nothing yet");
}

#[test]
fn a_status_is_cut_at_a_characters_edge() {
    let mut t = notify(|_| {});
    let long: std::string::String = std::iter::repeat_n('ü', 100).collect();
    t.says(A, &std::format!("STATUS={long}"));
    assert_eq!(t.status(A).status, &long[..crate::wire::STATUS_BYTES_MAX]);
}

#[test]
fn an_end_before_ready_breaks_the_protocol() {
    let mut t = notify(|_| {});
    t.main(A, Exited(0)).expect("start a.service; kill 15 a.service all");
    assert_eq!(t.state(A), "failed/failed/protocol");
    let mut t = notify(|_| {});
    t.main(A, Exited(3));
    assert_eq!(t.state(A), "failed/failed/exit-code");
    // With RemainAfterExit= somebody else may still say it.
    let mut t = notify(|s| (s.remain_after_exit, s.notify_access) = (true, NotifyAccess::All));
    t.leaves_children = true;
    t.main(A, Exited(0)).hears(A, 77, "READY=1");
    assert_eq!(t.state(A), "active/exited/success");
}

#[test]
fn silence_during_the_start_is_a_timeout_unless_more_time_was_asked_for() {
    let mut t = notify(|_| {});
    t.at(9_999).expect("start a.service").at(10_000).expect("kill 15 a.service all").main(A, Killed(15));
    assert_eq!(t.state(A), "failed/failed/timeout");
    let mut t = notify(|_| {});
    t.at(9_000).says(A, "EXTEND_TIMEOUT_USEC=500000").says(A, "EXTEND_TIMEOUT_USEC=5000000");
    t.at(13_999).expect("start a.service").at(14_000).expect("kill 15 a.service all");
    // The way down, too.
    t.at(18_000).says(A, "EXTEND_TIMEOUT_USEC=3000000").at(20_999).expect("").at(21_000);
    t.expect("kill 9 a.service all");
}

#[test]
fn only_those_are_heard_whom_notify_access_names() {
    for (access, heard) in [
        (NotifyAccess::None, [false, false, false]),
        (NotifyAccess::Main, [true, false, false]),
        (NotifyAccess::Exec, [true, true, false]),
        (NotifyAccess::All, [true, true, true]),
    ] {
        let mut t = notify(|s| {
            s.notify_access = access;
            s.service_type = ServiceType::Simple;
            s.commands.push((CommandKind::StartPost, false));
        });
        let own = [t.pid(A, Slot::Main), t.pid(A, Slot::Control)].map(|pid| pid.map_or(0, |pid| pid.0));
        for (pid, heard) in [own[0], own[1], 4000].into_iter().zip(heard) {
            t.hears(A, pid, &std::format!("STATUS=from {pid}"));
            assert_eq!(t.status(A).status == std::format!("from {pid}"), heard, "{access:?} {pid}");
        }
    }
    let mut t = notify(|_| {});
    t.hears(A, 4000, "READY=1").hears(A, 4001, "READY=1").expect_log("refused a.service 4000");
    assert_eq!(t.state(A), "activating/start/success");
    t.ask(1, Request::Restart { name: A }).main(A, Exited(0)).hears(A, 4001, "READY=1");
    t.expect_log("stopped a.service; refused a.service 4001"); // each run is told of once
}

#[test]
fn a_service_may_name_another_main_process() {
    let mut t = notify(|s| s.commands.push((CommandKind::Stop, false)));
    t.says(A, "MAINPID=50\nREADY=1").expect("start a.service; adopt a.service 50");
    assert_eq!((t.status(A).main_pid, t.state(A)), (50, "active/running/success".into()));
    t.says(A, "MAINPID=50").expect("").ask(1, Request::Stop { name: A }).expect("stop a.service");
    assert_eq!(t.spawns.last().and_then(|spawn| spawn.main_pid).map(|pid| pid.0), Some(50));
    t.says(A, "MAINPID=60").expect("");
    let mut t = ready(|_| {});
    t.adopts = false;
    let before = t.status(A).main_pid;
    t.says(A, "MAINPID=1").expect("adopt a.service 1").expect_log("not adopted a.service");
    assert_eq!(t.status(A).main_pid, before);
}

#[test]
fn a_service_that_says_it_stops_gets_its_time_and_no_signal() {
    let mut t = ready(|_| {});
    t.at(1000).says(A, "STOPPING=1\nREADY=1").expect("");
    assert_eq!(t.state(A), "deactivating/stop-sigterm/success");
    t.at(6000).expect("kill 9 a.service all").main(A, Killed(9));
    assert_eq!(t.state(A), "failed/failed/timeout");
    let mut t = ready(|_| {});
    t.says(A, "STOPPING=1").main(A, Exited(0));
    assert_eq!(t.state(A), "inactive/dead/success");
    let mut t = ready(|_| {});
    t.says(A, "RELOADING=1").says(A, "STOPPING=1").expect("");
    assert_eq!(t.state(A), "deactivating/stop-sigterm/success");
    // Before it is up, the word is kept.
    let mut t = notify(|s| s.commands.push((CommandKind::StartPost, false)));
    t.says(A, "READY=1").says(A, "STOPPING=1").expect("start a.service; startpost a.service");
    t.control(A, Exited(0)).expect("");
    assert_eq!(t.state(A), "deactivating/stop-sigterm/success");
}

#[test]
fn a_silent_service_is_aborted() {
    let watched = |s: &mut super::ServicePlan| {
        s.watchdog = Micros::from_secs(2);
        s.timeout_abort = Micros::from_secs(3);
    };
    let mut t = notify(watched);
    t.at(5_000).says(A, "READY=1").at(6_999).says(A, "WATCHDOG=1").at(8_998).expect("start a.service");
    t.at(8_999).expect("kill 6 a.service all");
    t.expect_log("started a.service; boot; watchdog a.service 6");
    assert_eq!(t.state(A), "deactivating/stop-watchdog/watchdog");
    t.at(11_999).expect("kill 9 a.service all").main(A, Killed(9));
    assert_eq!(t.state(A), "failed/failed/watchdog");
    let mut t = ready(watched);
    t.says(A, "WATCHDOG=trigger").expect("kill 6 a.service all");
    let mut t = ready(watched);
    t.says(A, "WATCHDOG_USEC=9000000").at(8_999).expect("").at(9_000).expect("kill 6 a.service all");
    let mut t = ready(watched);
    t.says(A, "EXTEND_TIMEOUT_USEC=4000000").at(3_999).expect("").at(4_000).expect("kill 6 a.service all");
    let mut t = ready(watched);
    t.says(A, "EXTEND_TIMEOUT_USEC=1000000").at(1_999).expect("").at(2_000).expect("kill 6 a.service all");
    let mut t = ready(watched);
    t.says(A, "WATCHDOG_USEC=18446744073709551615").at(60_000).expect("");
    // On its way down nobody counts any more.
    let mut t = ready(watched);
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all").at(4_999).expect("");
    t.says(A, "WATCHDOG=1").says(A, "WATCHDOG=trigger").expect("");
}

#[test]
fn descriptors_are_stored_for_who_has_a_store_and_may_speak() {
    let mut t = ready(|s| s.store_max = 2);
    t.says(A, "FDSTORE=1\nFDNAME=x").expect("store a.service");
    t.says(A, "FDSTOREREMOVE=1\nFDNAME=x").expect("unstore a.service");
    t.hears(A, 99, "FDSTORE=1").expect("");
    ready(|_| ()).says(A, "FDSTORE=1").expect("");
}

#[test]
fn a_store_outlasts_restarts_unless_the_unit_says_otherwise() {
    for (preserve, at_restart, at_stop) in [
        (Preserve::No, "; clean a.service", "; clean a.service"),
        (Preserve::Restart, "", "; clean a.service"),
        (Preserve::Yes, "", ""),
    ] {
        let mut t = ready(|s| {
            (s.store_max, s.store_preserve, s.restart) = (1, preserve, Restart::OnFailure);
        });
        t.main(A, Exited(1)).expect(&format!("kill 15 a.service all{at_restart}"));
        t.at(100).expect("start a.service").executed(A).says(A, "READY=1");
        t.ask(1, Request::Restart { name: A }).main(A, Exited(0));
        t.expect(&format!("kill 15 a.service all{at_restart}; start a.service"))
            .executed(A)
            .says(A, "READY=1");
        t.expect("reply 1 done").ask(1, Request::Stop { name: A }).main(A, Exited(0));
        t.expect(&format!("kill 15 a.service all{at_stop}; reply 1 done"));
    }
}

#[test]
fn a_service_says_who_is_heard_until_it_starts_again() {
    let mut t = ready(|s| {
        s.restart = Restart::Always;
        s.commands.push((CommandKind::Reload, false));
    });
    t.hears(A, 4000, "NOTIFYACCESS=all\nSTATUS=a stranger's");
    t.says(A, "NOTIFYACCESS=all").hears(A, 4000, "STATUS=a child's");
    assert_eq!(t.status(A).status, "a child's");
    // Who may speak is told where.
    t.ask(1, Request::Reload { name: A }).expect("reload a.service");
    assert!(t.spawns.last().is_some_and(|spawn| spawn.heard));
    t.says(A, "NOTIFYACCESS=none").says(A, "STATUS=nobody's");
    assert_eq!(t.status(A).status, "a child's");
    t.control(A, Exited(0)).expect("reply 1 done").main(A, Exited(0)).expect("kill 15 a.service all");
    t.at(100).expect("start a.service").executed(A).says(A, "READY=1").hears(A, 4001, "STATUS=a child's");
    assert_eq!(t.state(A), "active/running/success");
    assert_eq!(t.status(A).status, "");
}

/// A service that says with a descriptor that it is ready.
fn by_descriptor() -> Play {
    notify(|s| (s.notify_access, s.ready_fd) = (NotifyAccess::None, 3))
}

#[test]
fn a_newline_out_of_its_descriptor_makes_a_service_ready() {
    let mut t = by_descriptor();
    let unit = t.id(A);
    t.executed(A).at(500).expect("start a.service");
    assert_eq!(t.state(A), "activating/start/success");
    t.event(Event::ReadyFd { unit, ready: true }).expect("");
    assert_eq!(t.state(A), "active/running/success");
    t.event(Event::ReadyFd { unit, ready: false }).expect("");
    assert_eq!(t.state(A), "active/running/success");
}

#[test]
fn who_closes_the_descriptor_without_a_newline_breaks_the_protocol() {
    let mut t = by_descriptor();
    let unit = t.id(A);
    t.executed(A)
        .event(Event::ReadyFd { unit, ready: false })
        .expect("start a.service; kill 15 a.service all");
    t.main(A, Killed(15)).expect("");
    assert_eq!(t.state(A), "failed/failed/protocol");
}

#[test]
fn nobody_is_ready_by_a_descriptor_that_was_not_asked_for() {
    let mut t = notify(|_| {});
    let unit = t.id(A);
    for ready in [true, false] {
        t.event(Event::ReadyFd { unit, ready });
        assert_eq!(t.state(A), "activating/start/success");
    }
}
