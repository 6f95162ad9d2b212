//! Jobs in other modes than `replace`.

use super::{
    conditions::conditional,
    fixture::{UnitPlan, service, socket, target},
    play::{Exited, Play},
};
use crate::{
    table::{JobMode, Relation, Verdict},
    wire::{Request, Verb},
};

const A: &str = "a.service";
const B: &str = "b.service";
const C: &str = "c.service";

/// Nothing is started at boot. b.service requires a.service and comes after it; c.service has nothing to do with them.
fn three(change: impl FnOnce(&mut [UnitPlan; 4])) -> Play {
    let mut units = [target("t.target"), service(A), service(B), service(C)];
    units[2].requires = std::vec![1];
    units[2].after = std::vec![1];
    change(&mut units);
    let mut t = Play::new(&units);
    t.boot().expect("");
    t
}

const fn start(name: &str, mode: JobMode) -> Request<'_> {
    Request::Job { verb: Verb::Start, mode, name }
}

const fn stop(name: &str, mode: JobMode) -> Request<'_> {
    Request::Job { verb: Verb::Stop, mode, name }
}

#[test]
fn a_start_that_may_fail_gives_way_to_a_stop() {
    let mut t = three(|_| {});
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.ask(1, Request::Stop { name: A }).expect("kill 15 a.service all");
    t.ask(2, start(B, JobMode::Fail)).expect("reply 2 canceled");
    t.ask(3, start(C, JobMode::Fail)).expect("start c.service; reply 3 done");
    t.main(A, Exited(0)).expect("reply 1 done");
}

#[test]
fn a_stop_that_may_fail_gives_way_to_a_start() {
    let mut t = three(|units| units[1] = conditional(units[1].clone()));
    t.ask(1, Request::Start { name: B }).expect("examine a.service");
    t.ask(2, stop(A, JobMode::Fail)).expect("reply 2 canceled");
    t.ask(2, stop(A, JobMode::Replace)).expect("reply 1 canceled; reply 2 done");
}

#[test]
fn an_irreversible_job_gives_way_to_nothing_but_the_machines_end() {
    let mut t = three(|_| {});
    t.ask(1, Request::Start { name: B }).expect("start a.service; start b.service; reply 1 done");
    t.ask(1, stop(A, JobMode::ReplaceIrreversibly)).expect("kill 15 b.service all");
    t.ask(2, Request::Start { name: A }).expect("reply 2 canceled");
    t.ask(2, Request::Start { name: B }).expect("reply 2 canceled");
    t.ask(2, Request::Start { name: C }).expect("start c.service; reply 2 done");
    t.main(B, Exited(0)).expect("kill 15 a.service all").main(A, Exited(0)).expect("reply 1 done");
    // It is over.
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
}

#[test]
fn nothing_starts_a_unit_that_requires_what_may_not_be_started() {
    let mut t = three(|units| units[3].related = std::vec![(Relation::OnFailure, 2)]);
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.ask(1, Request::Start { name: C }).expect("start c.service; reply 1 done");
    t.ask(1, stop(A, JobMode::ReplaceIrreversibly)).expect("kill 15 a.service all");
    t.main(C, Exited(1)).expect("kill 15 c.service all");
    t.main(A, Exited(0)).expect("reply 1 done");
}

#[test]
fn a_restart_is_refused_while_what_the_unit_requires_may_not_be_started() {
    let mut t = three(|_| {});
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.ask(1, stop(A, JobMode::ReplaceIrreversibly)).expect("kill 15 a.service all");
    t.ask(2, Request::Restart { name: B }).expect("reply 2 dependency");
    assert_eq!(t.state(B), "inactive/dead/success");
    t.main(A, Exited(0)).expect("reply 1 done");
}

#[test]
fn a_unit_is_started_without_what_it_requires() {
    let mut t = three(|_| {});
    t.ask(1, start(B, JobMode::IgnoreRequirements)).expect("start b.service; reply 1 done");
    assert_eq!(t.state(A), "inactive/dead/success");
}

#[test]
fn a_unit_is_stopped_without_those_that_require_it_and_before_them() {
    let mut t = three(|_| {});
    t.ask(1, Request::Start { name: B }).expect("start a.service; start b.service; reply 1 done");
    t.ask(1, Request::Stop { name: B }).expect("kill 15 b.service all");
    // In order it waits for b.service, which comes after it.
    t.ask(2, stop(A, JobMode::IgnoreRequirements)).expect("");
    t.ask(3, stop(A, JobMode::IgnoreDependencies)).expect("kill 15 a.service all");
    t.main(A, Exited(0)).expect("reply 2 done; reply 3 done");
    t.main(B, Exited(0)).expect("reply 1 done");
}

#[test]
fn all_other_jobs_are_called_off_when_that_is_asked_for() {
    let mut t = three(|units| units[1] = conditional(units[1].clone()));
    t.ask(1, Request::Start { name: B }).expect("examine a.service");
    t.ask(2, start(C, JobMode::Flush)).expect("reply 1 canceled; start c.service; reply 2 done");
    assert_eq!(t.state(B), "inactive/dead/success");
}

#[test]
fn what_ignores_isolation_keeps_its_job_when_all_others_are_called_off() {
    let mut t = three(|units| {
        units[1] = conditional(units[1].clone());
        units[1].manners.ignore_on_isolate = true;
    });
    t.ask(1, Request::Start { name: A }).expect("examine a.service");
    t.ask(2, start(C, JobMode::Flush)).expect("start c.service; reply 2 done");
    t.ask(2, start(C, JobMode::Flush)).expect("reply 2 done").verdict(A, Some(Verdict::Met));
    t.expect("start a.service; reply 1 done");
}

#[test]
fn those_that_require_a_unit_stay_down_with_its_start_if_they_are_down() {
    let mut t = three(|_| {});
    t.ask(1, start(A, JobMode::RestartDependencies)).expect("start a.service; reply 1 done");
    assert_eq!(t.state(B), "inactive/dead/success");
}

#[test]
fn a_request_has_no_mode_of_the_one_before_it() {
    for last in [Verb::Start, Verb::Stop] {
        let mut t = three(|units| units[1] = conditional(units[1].clone()));
        t.ask(1, start(C, JobMode::ReplaceIrreversibly)).expect("start c.service; reply 1 done");
        if last == Verb::Stop {
            t.ask(1, stop(C, JobMode::ReplaceIrreversibly)).expect("kill 15 c.service all");
            t.main(C, Exited(0)).expect("reply 1 done");
        }
        t.ask(1, Request::Restart { name: A }).expect("examine a.service");
        t.ask(2, Request::Stop { name: A }).expect("reply 1 canceled; reply 2 done");
    }
}

#[test]
fn those_that_require_a_unit_are_restarted_with_its_start() {
    let mut t = three(|_| {});
    t.ask(1, start(B, JobMode::IgnoreRequirements)).expect("start b.service; reply 1 done");
    t.ask(1, start(A, JobMode::RestartDependencies)).expect("kill 15 b.service all");
    t.main(B, Exited(0)).expect("start a.service; reply 1 done; start b.service");
}

#[test]
fn a_start_that_restarts_others_calls_no_stop_off() {
    let mut t = three(|units| {
        units[3].related = std::vec![(Relation::Conflicts, 2)];
        units[3].after = std::vec![2];
    });
    t.ask(1, Request::Start { name: B }).expect("start a.service; start b.service; reply 1 done");
    t.ask(1, Request::Start { name: C }).expect("kill 15 b.service all");
    t.ask(2, start(A, JobMode::RestartDependencies)).expect("reply 2 done");
    t.main(B, Exited(0)).expect("start c.service; reply 1 done");
    assert_eq!(t.state(B), "inactive/dead/success");
}

#[test]
fn those_that_would_start_a_unit_again_are_stopped_with_it() {
    let mut units = [target("t.target"), service(A), socket("a.socket", 1)];
    units[0].wants = std::vec![2];
    let mut t = Play::new(&units);
    t.boot().expect("watch a.socket; arm a.socket");
    t.ask(1, Request::Start { name: A }).expect("start a.service; reply 1 done");
    t.ask(1, stop(A, JobMode::Triggering)).expect("unwatch a.socket; kill 15 a.service all");
    t.main(A, Exited(0)).expect("reply 1 done");
    assert_eq!(t.state("a.socket"), "inactive/dead/success");
}

#[test]
fn a_mode_that_is_not_for_a_verb_is_refused() {
    let mut t = three(|_| {});
    t.ask(1, start(A, JobMode::Triggering)).expect("reply 1 invalid");
    t.ask(1, stop(A, JobMode::Isolate)).expect("reply 1 invalid");
    t.ask(1, stop(A, JobMode::RestartDependencies)).expect("reply 1 invalid");
    t.ask(1, Request::Job { verb: Verb::Kill, mode: JobMode::Fail, name: A }).expect("reply 1 invalid");
}

#[test]
fn what_follows_a_failure_may_call_everything_else_off() {
    let mut t = three(|units| {
        units[3].related = std::vec![(Relation::OnFailure, 1)];
        units[3].manners.on_failure_mode = JobMode::ReplaceIrreversibly;
        units[1] = conditional(units[1].clone());
    });
    t.ask(1, Request::Start { name: C }).expect("start c.service; reply 1 done");
    t.main(C, Exited(1)).expect("kill 15 c.service all; examine a.service");
    t.ask(1, Request::Stop { name: A }).expect("reply 1 canceled");
}
