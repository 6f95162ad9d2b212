//! Capabilities, no_new_privs, and the filter against SUID files.

use tomte::linux::plan::{Dynamic, Identity, Plan};

use super::harness::{enter_small_world, run_script};

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
fn nobody_makes_a_suid_file_under_the_filter() {
    if !enter_small_world() {
        return;
    }
    const SCRIPT: &str = "cd /run; mkdir -p d; touch f; chmod 755 f && echo plain; \
                          chmod 4755 f 2>/dev/null || echo suid; chmod 2755 d 2>/dev/null || echo sgid; \
                          cat /proc/self/status; stat -c 'mode:%a' f d";
    for no_new_privileges in [false, true] {
        let outcome = run_script(SCRIPT, |plan| {
            plan.limits.restrict_suid_sgid = true;
            plan.limits.no_new_privileges = no_new_privileges;
        });
        assert_eq!(outcome.lines()[..3], ["plain", "suid", "sgid"], "{outcome:?}");
        assert!(outcome.output.ends_with("mode:755\nmode:755\n"));
        assert_eq!(outcome.status("Seccomp"), "2");
        assert_eq!(outcome.status("NoNewPrivs"), if no_new_privileges { "1" } else { "0" });
    }
}

#[test]
fn the_filter_can_be_loaded_for_a_user_without_no_new_privs_and_leaves_no_capability() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_script(STATUS, |plan| {
        plan.identity.user = "svc";
        plan.limits.restrict_suid_sgid = true;
        plan.limits.ambient = NET_BIND_SERVICE;
    });
    assert_eq!(outcome.status("Seccomp"), "2");
    assert_eq!(outcome.status("NoNewPrivs"), "0");
    assert_eq!((outcome.status("CapPrm"), outcome.status("CapEff")), (BIND, BIND));
    let outcome = run_script(STATUS, |plan| {
        plan.identity.user = "svc";
        plan.limits.restrict_suid_sgid = true;
    });
    assert_eq!((outcome.status("CapPrm"), outcome.status("Seccomp")), (NONE, "2"));
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
