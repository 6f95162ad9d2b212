//! Landlock, beside the mounts and in their place, and what happens where the kernel lacks a feature.

use std::{fs, os::unix::fs::chown};

use linux_raw_sys::general::{__NR_landlock_create_ruleset, __NR_seccomp, __NR_unshare};
use rustix::io::Errno;
use tomte::linux::{
    feature::Feature,
    plan::{Landlock, Plan, Users, Words},
    raw::landlock,
    report::Report,
    step::Step,
};

use super::{
    harness::{enter_small_world, filter_without, run_script, take_away_call},
    views::{leak, strict},
};

/// Whether the test can run; prints why not.
fn has_landlock() -> bool {
    let found = landlock::version();
    if let Err(errno) = found {
        println!("SKIPPED: no Landlock: {errno}");
    }
    enter_small_world() && found.is_ok_and(|version| version >= 2)
}

/// Everything is read-only but what `ProtectSystem=strict` leaves, /tmp and `svc`'s home.
fn confine(plan: &mut Plan<'_>) {
    plan.identity.user = "svc";
    plan.limits.no_new_privileges = true;
    plan.landlock = Landlock {
        writable: Words::new(b"/dev\0/proc\0/sys\0/home/svc\0/tmp\0/nowhere\0"),
        executable: None,
        beside_mounts: true,
    };
}

/// Places that `svc` may write to as far as their modes go, two of them in rules.
fn open_places() {
    for path in ["/home/svc", "/home/svc/a", "/home/svc/b", "/var/open"] {
        fs::create_dir_all(path).expect(path);
        chown(path, Some(1001), Some(1001)).expect(path);
    }
    fs::write("/var/open/file", "old").expect("write");
    chown("/var/open/file", Some(1001), Some(1001)).expect("chown");
}

#[test]
fn the_second_wall_holds_where_the_first_has_a_hole() {
    if !has_landlock() {
        return;
    }
    open_places();
    // No mounts at all here: it is as if a process had got around them.
    let script = "mkdir /var/open/x 2>/dev/null || echo kept; ln /var/open/file /home/svc/l 2>/dev/null || echo kept; \
                  rm -f /var/open/file 2>/dev/null || echo kept; true 2>/dev/null >/var/open/file || echo kept";
    assert_eq!(run_script(script, confine).lines(), ["kept"; 4]);
    assert_eq!(fs::read_to_string("/var/open/file").expect("kept"), "old");
    assert_eq!(
        run_script("mkdir /var/open/x && echo open", |plan| plan.identity.user = "svc").lines(),
        ["open"]
    );
}

#[test]
fn the_second_wall_refuses_nothing_that_the_mounts_allow() {
    if !has_landlock() {
        return;
    }
    open_places();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        "/var/open/pipe",
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .expect("a named pipe");
    chown("/var/open/pipe", Some(1001), Some(1001)).expect("chown");
    let script = "set -e; cd /home/svc; echo 1 >a/f; mv a/f b/g; ln b/g a/h; mkdir a/d; mv a/d b/d; mkfifo a/p; \
                  ln -s x a/s; true >b/g; rm -r a b; mkdir a b; echo x >/dev/null; \
                  echo through 1<>/var/open/pipe; /bin/true; ls / >/dev/null; cat /etc/passwd >/dev/null; echo well";
    let mut rw: Vec<_> = strict();
    rw.push(super::views::itself("/home/svc", 0, super::views::RDONLY));
    let mounts = leak(rw);
    for beside in [false, true] {
        let outcome = run_script(script, |plan| {
            confine(plan);
            plan.view.mounts = mounts;
            plan.landlock.beside_mounts = beside;
        });
        assert_eq!(outcome.lines(), ["well"], "beside the mounts: {beside}: {outcome:?}");
    }
}

#[test]
fn only_what_is_in_the_rules_can_be_executed() {
    if !has_landlock() {
        return;
    }
    open_places();
    fs::copy("/bin/true", "/home/svc/true").expect("copy");
    let outcome = run_script("/bin/true && echo ran; /home/svc/true 2>/dev/null || echo refused", |plan| {
        plan.landlock = Landlock {
            executable: Words::new(b"/usr\0/bin\0/lib\0/lib64\0"),
            beside_mounts: true,
            ..Landlock::default()
        };
    });
    assert_eq!(outcome.lines(), ["ran", "refused"], "{outcome:?}");
}

#[test]
fn without_mount_namespaces_the_rules_confine_alone_and_completely() {
    if !has_landlock() {
        return;
    }
    open_places();
    take_away_call(__NR_unshare);
    let script = "echo new >/var/open/file || echo kept; echo x >/home/svc/f && echo open; echo x >/dev/null && echo null";
    let mounts = leak(strict());
    let alone = |may_lack: u32| {
        run_script(script, |plan| {
            confine(plan);
            plan.view.mounts = mounts;
            plan.landlock.beside_mounts = false;
            plan.may_lack = may_lack;
        })
    };
    let refused = alone(0);
    assert_eq!(refused.code, Some(226));
    assert_eq!(refused.reports.last(), Some(&Report::Failed { step: Step::Namespace, errno: Errno::NOSYS }));
    let outcome = alone(Feature::MountNamespaces.bit());
    assert_eq!(
        outcome.output.lines().filter(|line| !line.contains("cannot create")).collect::<Vec<_>>(),
        ["kept", "open", "null"]
    );
    let lacks = Report::Lacking { feature: Feature::MountNamespaces, errno: Errno::NOSYS };
    assert!(outcome.reports.contains(&lacks), "{outcome:?}");
    take_away_call(__NR_landlock_create_ruleset);
    let refused = alone(Feature::MountNamespaces.bit() | Feature::SecondWall.bit());
    assert_eq!(refused.reports.last(), Some(&Report::Failed { step: Step::Landlock, errno: Errno::NOSYS }));
    let open = alone(Feature::MountNamespaces.bit() | Feature::Landlock.bit());
    assert!(open.output.contains("open") && !open.output.contains("kept"), "{open:?}");
    let lacks = Report::Lacking { feature: Feature::Landlock, errno: Errno::NOSYS };
    assert!(open.reports.contains(&lacks), "{open:?}");
}

#[test]
fn another_root_needs_a_mount_namespace_whatever_the_board_says() {
    if !enter_small_world() {
        return;
    }
    take_away_call(__NR_unshare);
    let outcome = run_script("true", |plan| {
        (plan.view.own, plan.view.root, plan.may_lack) = (true, "/var/lib", u32::MAX);
    });
    assert_eq!(
        outcome.reports.last(),
        Some(&Report::Failed { step: Step::Namespace, errno: Errno::OPNOTSUPP })
    );
}

#[test]
fn the_second_wall_may_be_missing_unless_the_board_insists() {
    if !enter_small_world() {
        return;
    }
    take_away_call(__NR_landlock_create_ruleset);
    let outcome = run_script("echo ran", |plan| {
        confine(plan);
        plan.may_lack = Feature::SecondWall.bit();
    });
    assert_eq!(outcome.lines(), ["ran"], "{outcome:?}");
    assert!(outcome.reports.contains(&Report::Lacking { feature: Feature::SecondWall, errno: Errno::NOSYS }));
    let outcome = run_script("echo ran", confine);
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(226), ""));
}

#[test]
fn a_missing_namespace_or_filter_is_refused_unless_the_board_says_otherwise() {
    if !enter_small_world() {
        return;
    }
    take_away_call(__NR_unshare);
    take_away_call(__NR_seccomp);
    type Change = fn(&mut Plan<'_>);
    let cases: [(Feature, Step, Change); 5] = [
        (Feature::IpcNamespaces, Step::Namespace, |plan| plan.namespaces.ipc = true),
        (Feature::UtsNamespaces, Step::Namespace, |plan| plan.namespaces.hostname = true),
        (Feature::NetworkNamespaces, Step::Network, |plan| plan.namespaces.network = true),
        (Feature::UserNamespaces, Step::PrivateUsers, |plan| plan.namespaces.users = Users::Own),
        (Feature::Seccomp, Step::Seccomp, |plan| plan.limits.filter = filter_without(0).leak()),
    ];
    for (feature, step, change) in cases {
        let try_with = |may_lack| {
            run_script("echo ran", |plan| {
                change(plan);
                plan.may_lack = may_lack;
            })
        };
        let refused = try_with(!feature.bit());
        assert_eq!(
            refused.reports.last(),
            Some(&Report::Failed { step, errno: Errno::NOSYS }),
            "{feature:?}"
        );
        assert_eq!(
            (refused.code, refused.output.as_str()),
            (Some(step.exit_code().into()), ""),
            "{feature:?}"
        );
        let degraded = try_with(feature.bit());
        assert_eq!(degraded.lines(), ["ran"], "{feature:?}: {degraded:?}");
        assert!(degraded.reports.contains(&Report::Lacking { feature, errno: Errno::NOSYS }), "{feature:?}");
    }
}

#[test]
fn memory_is_not_made_executable_once_the_kernel_forbids_it() {
    if !enter_small_world() {
        return;
    }
    let program = "import ctypes, mmap; ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) == 1 and print('forbidden')";
    if !std::path::Path::new("/usr/bin/python3").exists() {
        return println!("SKIPPED: needs python3");
    }
    let script = format!("python3 -c \"{program}\"");
    let outcome = run_script(&script, |plan| plan.limits.no_write_execute = true);
    if outcome.output.is_empty() {
        return println!("SKIPPED: no PR_SET_MDWE: {outcome:?}");
    }
    assert_eq!(outcome.lines(), ["forbidden"], "{outcome:?}");
    assert_eq!(run_script(&script, |_| ()).output, "");
}

#[test]
fn what_restricts_the_network_holds_or_the_program_does_not_run() {
    if !enter_small_world() {
        return;
    }
    // There is no cgroup that a program could be put at, and then no program of this kind either.
    let walled = |may_lack: u32| {
        run_script("echo ran", |plan| {
            plan.cgroup.network.egress = Some(b"12345678");
            plan.may_lack = may_lack;
        })
    };
    let refused = walled(!Feature::CgroupNetwork.bit());
    assert_eq!((refused.code, refused.output.as_str()), (Some(219), ""), "{refused:?}");
    let step = Step::NetworkPolicy;
    assert_eq!(refused.reports.last(), Some(&Report::Failed { step, errno: Errno::OPNOTSUPP }));
    let open = walled(Feature::CgroupNetwork.bit());
    assert_eq!(open.lines(), ["ran"], "{open:?}");
    let lacks = Report::Lacking { feature: Feature::CgroupNetwork, errno: Errno::OPNOTSUPP };
    assert!(open.reports.contains(&lacks), "{open:?}");
}
