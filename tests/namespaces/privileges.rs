//! Capabilities, no_new_privs, and filters of system calls.

use rustix::io::Errno;
use tomte::linux::{
    plan::{Dynamic, Identity, Plan, Privilege},
    report::Report,
    step::Step,
};

use super::harness::{enter_small_world, filter_without, run_script, take_away_call};

const STATUS: &str = "cat /proc/self/status";
const NET_BIND_SERVICE: u64 = 1 << 10;
const NONE: &str = "0000000000000000";
const BIND: &str = "0000000000000400";

fn as_dynamic_user(plan: &mut Plan<'_>) {
    let dynamic = Dynamic { uid: Some(61210), gid: None, check: true, suggest: false, range: (61184, 65519) };
    plan.identity = Identity { user: "bound", dynamic: Some(dynamic), ..Identity::default() };
}

#[test]
fn a_user_has_no_capabilities() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script(STATUS, |plan| plan.identity.user = "svc");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(outcome.status(set), NONE, "{set}");
    }
    assert_eq!(outcome.status("NoNewPrivs"), "0");
}

#[test]
fn an_ambient_capability_reaches_a_dynamic_user() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script(STATUS, |plan| {
        as_dynamic_user(plan);
        plan.limits.ambient = NET_BIND_SERVICE;
        plan.limits.bounding_set = NET_BIND_SERVICE;
        plan.limits.no_new_privileges = true;
    });
    assert_eq!(outcome.status("Uid"), "61210\t61210\t61210\t61210");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(outcome.status(set), BIND, "{set}");
    }
    assert_eq!(outcome.status("NoNewPrivs"), "1");
}

#[test]
fn the_bounding_set_binds_root_too() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script(STATUS, |plan| plan.limits.bounding_set = NET_BIND_SERVICE);
    assert_eq!(outcome.status("CapBnd"), BIND);
    assert_eq!(outcome.status("CapEff"), BIND);
}

#[test]
fn an_ambient_capability_outside_the_bounding_set_is_refused() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script(STATUS, |plan| {
        as_dynamic_user(plan);
        plan.limits.ambient = NET_BIND_SERVICE;
        plan.limits.bounding_set = 1;
    });
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn an_ambient_capability_that_pid_1_has_not_itself_is_passed_over() {
    if !enter_small_world() {
        return;
    }
    for as_user in [true, false] {
        let outcome = run_script(STATUS, |plan| {
            if as_user {
                as_dynamic_user(plan);
            }
            plan.limits.ambient = NET_BIND_SERVICE | 1 << 62; // nobody has that one
        });
        assert_eq!(outcome.status("CapAmb"), BIND, "{outcome:?}");
    }
}

/// getpriority, which no program here asks for.
const SPARE: u32 = if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    141
} else if cfg!(target_arch = "arm") {
    96
} else {
    140
};
const SECCOMP: u32 = if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    277
} else if cfg!(target_arch = "arm") {
    383
} else {
    317
};
const CAPSET: u32 = if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    91
} else if cfg!(target_arch = "arm") {
    185
} else {
    126
};

#[test]
fn a_filter_is_loaded_with_and_without_no_new_privs_and_not_for_a_command_with_full_privileges() {
    if !enter_small_world() {
        return;
    }
    let filter = filter_without(SPARE);
    for no_new_privileges in [false, true] {
        let outcome = run_script(STATUS, |plan| {
            plan.limits.filter = &filter;
            plan.limits.no_new_privileges = no_new_privileges;
        });
        assert_eq!((outcome.status("Seccomp"), outcome.status("Seccomp_filters")), ("2", "1"), "{outcome:?}");
        assert_eq!(outcome.status("NoNewPrivs"), if no_new_privileges { "1" } else { "0" });
    }
    let outcome = run_script(STATUS, |plan| {
        plan.limits.filter = &filter;
        plan.privilege = Privilege::Full;
    });
    assert_eq!(outcome.status("Seccomp"), "0");
}

#[test]
fn a_filter_can_be_loaded_for_a_user_without_no_new_privs_and_leaves_no_capability() {
    if !enter_small_world() {
        return;
    }
    let filter = filter_without(SPARE);
    let outcome = run_script(STATUS, |plan| {
        plan.identity.user = "svc";
        plan.limits.filter = &filter;
        plan.limits.ambient = NET_BIND_SERVICE;
    });
    assert_eq!(outcome.status("Seccomp"), "2");
    assert_eq!(outcome.status("NoNewPrivs"), "0");
    assert_eq!((outcome.status("CapPrm"), outcome.status("CapEff")), (BIND, BIND));
    let outcome = run_script(STATUS, |plan| {
        plan.identity.user = "svc";
        plan.limits.filter = &filter;
    });
    assert_eq!((outcome.status("CapPrm"), outcome.status("Seccomp")), (NONE, "2"));
}

#[test]
fn a_filter_that_forbids_giving_up_capabilities_goes_with_no_new_privs_only() {
    if !enter_small_world() {
        return;
    }
    let filter = filter_without(CAPSET);
    let run = |no_new_privileges| {
        run_script(STATUS, |plan| {
            plan.identity.user = "svc";
            plan.limits.filter = &filter;
            plan.limits.no_new_privileges = no_new_privileges;
        })
    };
    let outcome = run(true);
    assert_eq!((outcome.status("CapPrm"), outcome.status("Seccomp")), (NONE, "2"), "{outcome:?}");
    let outcome = run(false);
    let failed = Report::Failed { step: Step::Seccomp, errno: Errno::NOSYS };
    assert_eq!((outcome.reports.last(), outcome.code), (Some(&failed), Some(228)));
}

#[test]
fn a_filter_that_the_kernel_does_not_take_keeps_the_program_from_running() {
    if !enter_small_world() {
        return;
    }
    let broken = filter_without(SPARE)[..24].to_vec(); // the last instruction, which the first jump goes to, is gone
    let outcome = run_script(STATUS, |plan| plan.limits.filter = &broken);
    let failed = Report::Failed { step: Step::Seccomp, errno: Errno::INVAL };
    assert_eq!((outcome.reports.last(), outcome.code), (Some(&failed), Some(228)));
}

#[test]
fn without_filters_in_the_kernel_what_needs_one_does_not_run() {
    if !enter_small_world() {
        return;
    }
    take_away_call(SECCOMP);
    let filter = filter_without(SPARE);
    let outcome = run_script(STATUS, |plan| plan.limits.filter = &filter);
    let failed = Report::Failed { step: Step::Seccomp, errno: Errno::NOSYS };
    assert_eq!((outcome.reports.last(), outcome.code), (Some(&failed), Some(228)));
    assert_eq!(outcome.output, "");
    assert_eq!(run_script("true", |_| {}).code, Some(0));
}

#[test]
fn nobody_but_root_inherits_the_groups_of_pid_1() {
    if !enter_small_world() {
        return;
    }
    let of_pid_1 = [1005, 1007].map(rustix::fs::Gid::from_raw);
    rustix::thread::set_thread_groups(&of_pid_1).expect("root may");
    let outcome = run_script(STATUS, |plan| {
        as_dynamic_user(plan);
        plan.identity.group = "root";
    });
    assert_eq!((outcome.status("Gid"), outcome.status("Groups")), ("0\t0\t0\t0", ""));
    let outcome = run_script(STATUS, |plan| {
        plan.identity.user = "svc";
        plan.identity.group = "root";
    });
    assert_eq!((outcome.status("Gid"), outcome.status("Groups")), ("0\t0\t0\t0", ""));
}
