//! Who a program runs as, and what stands in a number's way.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    process::Command,
};

use rustix::{
    io::Errno,
    mount::{MountFlags, mount},
};
use tomte::linux::{
    directory::{Directory, DirectoryKind},
    plan::{Dynamic, Identity, Privilege, Words},
    report::Report,
    step::Step,
};

use super::harness::{Outcome, enter_small_world, run_script};

/// A number that was just claimed.
const FRESH: Dynamic =
    Dynamic { uid: Some(61200), gid: None, check: true, suggest: true, range: (61184, 65519) };

fn run_as(identity: Identity<'_>) -> Outcome {
    run_script("id -u; id -g; id -G", |plan| plan.identity = identity)
}

fn named<'a>(user: &'a str, group: &'a str) -> Identity<'a> {
    Identity { user, group, ..Identity::default() }
}

fn dynamic<'a>(user: &'a str, group: &'a str) -> Identity<'a> {
    Identity { dynamic: Some(FRESH), ..named(user, group) }
}

fn ids(outcome: &Outcome) -> Vec<&str> {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.lines()
}

#[test]
fn static_users_get_their_groups() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_as(named("svc", ""));
    assert_eq!(ids(&outcome), ["1001", "1001", "1001 1005"]);
    assert_eq!(outcome.reports, [Report::Identity { uid: 1001, gid: 1001 }]);
    assert_eq!(ids(&run_as(named("1001", ""))), ["1001", "1001", "1001 1005"]);
    assert_eq!(ids(&run_as(named("odd", ""))), ["1002", "1003", "1003 1005"]);
    assert_eq!(ids(&run_as(named("svc", "spare"))), ["1001", "1007", "1007 1005"]);
    assert_eq!(ids(&run_as(named("", "spare"))), ["0", "1007", "1007"]);
    assert_eq!(ids(&run_as(named("nobody", ""))), ["65534", "65534", "65534"]);
    let plain = run_as(named("", ""));
    assert_eq!((ids(&plain), &plain.reports[..]), (vec!["0", "0", "0"], &[][..]));
}

#[test]
fn supplementary_groups_are_added() {
    if !enter_small_world() {
        return;
    }
    let run = |user| {
        let outcome = run_script("id -G", |plan| {
            plan.identity.user = user;
            plan.identity.supplementary = Words::new(b"spare\x001006\0").expect("NUL");
        });
        let mut groups: Vec<u32> =
            outcome.output.split_whitespace().map(|gid| gid.parse().expect("gid")).collect();
        groups.sort_unstable();
        groups
    };
    assert_eq!(run("svc"), [1001, 1005, 1006, 1007]);
    assert_eq!(run(""), [0, 1006, 1007]);
}

#[test]
fn an_unknown_user_or_group_is_refused_by_name_and_by_number() {
    if !enter_small_world() {
        return;
    }
    for (identity, code, step) in [
        (named("ghost", ""), 217, Step::User),
        (named("4321", ""), 217, Step::User),
        (named("svc", "ghost"), 216, Step::Group),
        (named("svc", "4321"), 216, Step::Group),
    ] {
        let outcome = run_as(identity);
        assert_eq!(outcome.code, Some(code), "{identity:?}");
        assert_eq!(outcome.reports, [Report::Failed { step, errno: Errno::SRCH }], "{identity:?}");
    }
}

#[test]
fn numbers_that_mean_none_are_refused_and_do_not_leave_root_what_it_is() {
    if !enter_small_world() {
        return;
    }
    let users = "minus:x:4294967295:1001::/:/bin/sh\nshort:x:65535:1001::/:/bin/sh\n\
                 group:x:1001:4294967295::/:/bin/sh\nlarge:x:99999999999:1001::/:/bin/sh\n";
    fs::write("/etc/passwd", users).expect("passwd");
    let groups = "none:x:4294967295:\nlarge:x:99999999999:\nlisting:x:65535:member\n";
    fs::write("/etc/group", groups).expect("group");
    let refused = |identity: Identity<'_>, step: Step| {
        let outcome = run_as(identity);
        assert_eq!(outcome.reports, [Report::Failed { step, errno: Errno::RANGE }], "{identity:?}");
        assert_eq!(outcome.code, Some(step.exit_code().into()), "{identity:?}");
    };
    for user in ["minus", "short", "group", "large"] {
        refused(named(user, ""), Step::User);
        refused(dynamic(user, ""), Step::User);
    }
    for group in ["none", "large"] {
        refused(named("", group), Step::Group);
    }
    fs::write("/etc/passwd", "member:x:1001:1001::/:/bin/sh\n").expect("passwd");
    refused(named("member", ""), Step::Group);
}

#[test]
fn without_etc_passwd_only_root_and_dynamic_users_run() {
    if !enter_small_world() {
        return;
    }
    fs::remove_file("/etc/passwd").expect("remove");
    fs::remove_file("/etc/group").expect("remove");
    assert_eq!(ids(&run_as(named("root", "")))[..2], ["0", "0"]);
    assert_eq!(ids(&run_as(dynamic("svc", ""))), ["61200", "61200", "61200"]);
    let outcome = run_as(named("svc", ""));
    assert_eq!(outcome.code, Some(217));
    assert_eq!(outcome.reports, [Report::Failed { step: Step::User, errno: Errno::NOENT }]);
}

#[test]
fn dynamic_users_run_under_the_numbers_given() {
    if !enter_small_world() {
        return;
    }
    let outcome = run_as(dynamic("fresh", ""));
    assert_eq!(ids(&outcome), ["61200", "61200", "61200"]);
    assert_eq!(outcome.reports, [Report::Identity { uid: 61200, gid: 61200 }]);
    let mut two = dynamic("fresh", "other");
    two.dynamic = Some(Dynamic { gid: Some(61201), ..FRESH });
    assert_eq!(ids(&run_as(two)), ["61200", "61201", "61201"]);
    assert_eq!(ids(&run_as(dynamic("fresh", "spare"))), ["61200", "1007", "1007"]);
}

#[test]
fn static_entries_win_over_dynamic_numbers() {
    if !enter_small_world() {
        return;
    }
    assert_eq!(ids(&run_as(dynamic("svc", ""))), ["1001", "1001", "1001 1005"]);
    let outcome = run_as(dynamic("odd", ""));
    assert_eq!(ids(&outcome), ["1002", "1003", "1003 1005"], "its own group, not its name's");
    assert_eq!(outcome.reports, [Report::Identity { uid: 1002, gid: 1003 }]);
}

#[test]
fn a_name_of_which_only_the_other_kind_exists_is_refused() {
    if !enter_small_world() {
        return;
    }
    for identity in [dynamic("onlygroup", ""), dynamic("fresh", "onlyuser")] {
        let outcome = run_as(identity);
        assert_eq!(outcome.code, Some(217), "{identity:?}");
        assert_eq!(
            outcome.reports,
            [Report::Failed { step: Step::User, errno: Errno::ILSEQ }],
            "{identity:?}"
        );
    }
}

/// Whether a claim of `uid` is refused, with the suggestion.
fn refused(uid: u32, check: bool) -> Option<Option<u32>> {
    let mut identity = dynamic("fresh", "");
    identity.dynamic = Some(Dynamic { uid: Some(uid), check, ..FRESH });
    let outcome = run_as(identity);
    match outcome.reports[..] {
        [Report::Identity { .. }] => None,
        [Report::Unfit { group: false, suggestion }] => {
            assert_eq!((outcome.code, &outcome.output[..]), (Some(217), ""));
            Some(suggestion)
        }
        _ => panic!("{outcome:?}"),
    }
}

#[test]
fn a_number_that_somebody_has_is_unfit() {
    if !enter_small_world() {
        return;
    }
    assert_eq!(refused(61200, true), None);
    assert_eq!(refused(1001, true), Some(None), "a static user's number");
    assert_eq!(refused(1007, true), Some(None), "a static group's number");
    assert_eq!(refused(1007, false), None, "but it is asked only once");
    let mut identity = dynamic("fresh", "other");
    identity.dynamic = Some(Dynamic { gid: Some(1007), ..FRESH });
    assert_eq!(run_as(identity).reports, [Report::Unfit { group: true, suggestion: None }]);
}

#[test]
fn a_number_of_which_ipc_objects_are_left_is_unfit() {
    if !enter_small_world() {
        return;
    }
    fs::write("/dev/shm/left", "").expect("write");
    chown("/dev/shm/left", Some(61201), Some(0)).expect("chown");
    assert_eq!(refused(61201, true), Some(None), "a file in /dev/shm");
    assert_eq!(refused(61200, true), None);

    for (number, kind) in [(61202, "--shmem=64"), (61203, "--semaphore=1"), (61204, "--queue")] {
        let made = Command::new("ipcmk").arg(kind).uid(number).output().expect("ipcmk of util-linux");
        assert!(made.status.success(), "{made:?}");
        assert_eq!(refused(number, true), Some(None), "{kind}");
    }

    fs::create_dir("/run/queues").expect("mount point");
    mount("mqueue", "/run/queues", "mqueue", MountFlags::empty(), None).expect("mqueue");
    fs::write("/run/queues/left", "").expect("a queue");
    chown("/run/queues/left", Some(61205), Some(0)).expect("chown");
    assert_eq!(
        refused(61205, true),
        Some(None),
        "a message queue, found although /dev/mqueue does not show it"
    );
}

#[test]
fn the_owner_of_the_units_directories_is_suggested() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all("/var/lib/private/pd").expect("mkdir");
    let names = Words::new(b"pd\0").expect("NUL");
    let directories = [Directory { kind: DirectoryKind::State, mode: 0o755, names, links: Words::default() }];
    let reports = |owner, suggest| {
        chown("/var/lib/private/pd", Some(owner), Some(owner)).expect("chown");
        let outcome = run_script("true", |plan| {
            plan.identity = dynamic("fresh", "");
            plan.identity.dynamic = Some(Dynamic { suggest, ..FRESH });
            plan.directories = &directories;
        });
        outcome.reports
    };
    let runs = [Report::Identity { uid: 61200, gid: 61200 }];
    assert_eq!(reports(61234, true), [Report::Unfit { group: false, suggestion: Some(61234) }]);
    assert_eq!(reports(61200, true), runs, "it owns them already");
    assert_eq!(reports(1001, true), runs, "a number outside the range suggests nothing");
    assert_eq!(reports(61234, false), runs, "it takes them over");
}

#[test]
fn the_prefixes_keep_root_but_not_its_groups_and_one_of_them_its_capabilities() {
    if !enter_small_world() {
        return;
    }
    for privilege in [Privilege::Full, Privilege::KeepIds] {
        let outcome = run_script("id -u; id -g; grep ^CapEff /proc/self/status", |plan| {
            plan.identity = named("svc", "");
            plan.privilege = privilege;
            plan.limits.bounding_set = 1;
        });
        let lines = outcome.lines();
        assert_eq!(lines[..2], ["0", "0"], "{privilege:?}");
        let narrowed = lines[2].trim_start_matches("CapEff:").trim() == "0000000000000001";
        assert_eq!(narrowed, privilege == Privilege::KeepIds, "{privilege:?}");
        assert_eq!(outcome.reports, [Report::Identity { uid: 1001, gid: 1001 }]);
    }
}
