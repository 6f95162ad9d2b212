//! `OOMPolicy=`: what follows when the kernel has killed a process for want of memory (service.c,
//! `service_notify_cgroup_oom_event`).

use super::{
    fixture::service,
    play::{Exited, Killed, Play},
};
use crate::{
    supervisor::Event,
    table::{CommandKind, KillMode, Micros, OomPolicy, Restart},
    wire::Request,
};

const A: &str = "a.service";

fn started(policy: OomPolicy, change: impl FnOnce(&mut super::ServicePlan)) -> Play {
    let mut t = Play::new(&[service(A).with(|s| {
        s.oom_policy = policy;
        s.timeout_stop = Micros::from_secs(5);
        change(s);
    })]);
    t.boot();
    t.expect(if t.state(A).starts_with("activating/start-pre") {
        "startpre a.service"
    } else {
        "start a.service"
    });
    t
}

fn oom(t: &mut Play) -> &mut Play {
    let unit = t.id(A);
    t.event(Event::OomKilled { unit })
}

#[test]
fn a_service_whose_main_process_is_killed_fails_for_that_reason() {
    let mut t = started(OomPolicy::Stop, |_| {});
    oom(&mut t).main(A, Killed(9));
    assert_eq!(t.state(A), "failed/failed/oom-kill");
    t.expect_log(
        "started a.service; boot; oom a.service; main a.service killed 9; failed a.service oom-kill",
    );
}

#[test]
fn a_service_stops_politely_when_a_child_of_it_is_killed() {
    let mut t = started(OomPolicy::Stop, |s| {
        s.commands.push((CommandKind::Stop, false));
        s.restart = Restart::OnFailure;
        s.restart_delay = Micros::from_secs(1);
    });
    oom(&mut t).expect("stop a.service");
    assert_eq!(t.state(A), "deactivating/stop/oom-kill");
    t.control(A, Exited(0)).expect("kill 15 a.service all");
    t.main(A, Exited(0));
    assert_eq!(t.state(A), "activating/auto-restart/oom-kill");
    t.at(1000).expect("start a.service");
}

#[test]
fn who_is_killed_while_the_rest_is_killed_has_failed_for_that_reason() {
    let mut t = started(OomPolicy::Stop, |s| s.kill.mode = KillMode::Mixed);
    t.leaves_children = true;
    t.main(A, Exited(0)).expect("kill 9 a.service all");
    oom(&mut t);
    assert_eq!(t.state(A), "deactivating/stop-sigkill/oom-kill");
}

#[test]
fn a_service_may_have_all_its_processes_killed_with_the_one() {
    let mut t = started(OomPolicy::Kill, |s| s.commands.push((CommandKind::Stop, false)));
    oom(&mut t).expect("kill 9 a.service all");
    assert_eq!(t.state(A), "deactivating/stop-sigkill/oom-kill");
    t.main(A, Killed(9));
    assert_eq!(t.state(A), "failed/failed/oom-kill");
}

#[test]
fn a_service_may_go_on_without_the_child_that_was_killed() {
    let mut t = started(OomPolicy::Continue, |_| {});
    oom(&mut t).expect("").expect_log("started a.service; boot; oom a.service");
    assert_eq!(t.state(A), "active/running/success");
    t.main(A, Killed(9));
    assert_eq!(t.state(A), "failed/failed/signal", "its end is what it is");
}

#[test]
fn a_start_that_runs_out_of_memory_is_over() {
    for (policy, signal) in [(OomPolicy::Stop, 15), (OomPolicy::Kill, 9)] {
        let mut t = started(policy, |s| s.commands.insert(0, (CommandKind::StartPre, false)));
        oom(&mut t).expect(&std::format!("kill {signal} a.service all"));
        t.control(A, Killed(9));
        assert_eq!(t.state(A), "failed/failed/oom-kill");
    }
}

#[test]
fn who_runs_out_of_memory_on_the_way_down_is_waited_for_no_longer() {
    let mut t = started(OomPolicy::Stop, |_| {});
    t.leaves_children = true;
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
    oom(&mut t).expect("kill 9 a.service all");
    oom(&mut t).expect("");
    t.main(A, Killed(9)).empty(A).expect("reply 1 done");
    assert_eq!(t.state(A), "failed/failed/oom-kill");
    oom(&mut t).expect("");
}

#[test]
fn the_commands_after_the_stop_can_run_out_of_memory_too() {
    let mut t = started(OomPolicy::Stop, |s| s.commands.push((CommandKind::StopPost, false)));
    t.main(A, Exited(0)).expect("kill 15 a.service all; stoppost a.service");
    oom(&mut t).expect("kill 9 a.service all");
    t.control(A, Killed(9));
    assert_eq!(t.state(A), "failed/failed/oom-kill");
}
