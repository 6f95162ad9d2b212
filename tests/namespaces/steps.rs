//! Every step can fail, and none that fails lets the program run.

use std::path::Path;

use rustix::io::Errno;
use tomte::linux::{child::STEPS, plan::Words, report::Report, spawn::Failure, step::Step};

use super::harness::{enter_small_world, plan, run, run_script, script};

#[test]
fn a_step_that_fails_is_reported_and_the_program_never_runs() {
    if !enter_small_world() {
        return;
    }
    let argv = script("touch /run/executed");
    for (step, _) in STEPS {
        let mut plan = plan(&argv);
        plan.fail_at = Some((step, Errno::XFULL)); // an errno that nothing else here gives
        let outcome = run(&plan).expect("a child");
        assert_eq!(outcome.code, Some(step.exit_code().into()), "{step:?}");
        assert_eq!(outcome.reports, [Report::Failed { step, errno: Errno::XFULL }], "{step:?}");
        assert!(!Path::new("/run/executed").exists(), "{step:?} failed and the program ran");
    }
    let outcome = run(&plan(&argv)).expect("a child");
    assert_eq!((outcome.code, outcome.reports), (Some(0), Vec::new()));
    assert!(Path::new("/run/executed").exists(), "the script does show that it runs");
}

#[test]
fn a_parents_step_that_fails_makes_no_process() {
    if !enter_small_world() {
        return;
    }
    for step in [Step::Pipe, Step::Clone] {
        let argv = script("touch /run/executed");
        let mut plan = plan(&argv);
        plan.fail_at = Some((step, Errno::MFILE));
        assert_eq!(run(&plan).expect_err("no child"), Failure { step, errno: Errno::MFILE });
        assert!(!Path::new("/run/executed").exists());
    }
}

#[test]
fn the_steps_stand_in_the_order_of_their_numbers() {
    assert!(STEPS.map(|(step, _)| step.index()).is_sorted());
    assert_eq!(STEPS.len() + 2, Step::ALL.len(), "two are the parent's");
    let at = |wanted| STEPS.iter().position(|(step, _)| *step == wanted).expect("a step");
    assert!(at(Step::StateDirectory) < at(Step::Namespace), "directories are made in the host's view");
    assert!(at(Step::Groups) < at(Step::Ids), "setgroups needs privilege");
    assert!(at(Step::BoundingSet) < at(Step::Ids), "so does the bounding set");
    assert!(at(Step::Ids) < at(Step::AmbientCapabilities), "a change of user clears the ambient set");
    assert!(at(Step::NoNewPrivileges) < at(Step::Seccomp), "a filter needs one or the other");
    assert_eq!(at(Step::Seccomp) + 1, at(Step::Exec), "a filter need not allow what the other steps do");
}

#[test]
fn a_program_that_is_not_there_fails_the_exec_step() {
    if !enter_small_world() {
        return;
    }
    for (path, errno) in [
        ("no-such-program", Errno::NOENT),
        ("/no/such/program", Errno::NOENT),
        ("/etc/passwd", Errno::ACCESS),
        ("/etc", Errno::ACCESS),
    ] {
        let outcome = run_script("true", |plan| plan.command.path = path);
        assert_eq!(outcome.code, Some(203), "{path}");
        assert_eq!(outcome.reports, [Report::Failed { step: Step::Exec, errno }], "{path}");
    }
    let of_nothing = Words::new(b"$NONE\0").expect("ends in NUL");
    let outcome = run_script("true", |plan| {
        (plan.command.path, plan.command.argv, plan.command.expand) = ("/bin/true", of_nothing, true);
    });
    assert_eq!(outcome.reports, [Report::Failed { step: Step::Exec, errno: Errno::INVAL }], "{outcome:?}");
}
