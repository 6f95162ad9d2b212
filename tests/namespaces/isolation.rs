//! Namespaces besides that of mounts, and what a process says about its share of the machine.

use std::{fs, thread};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags, open},
};
use tomte::linux::{
    kept,
    plan::{Content, Namespaces, Privilege, Scheduling, Users},
    raw::socket::send,
    report::Report,
    step::Step,
};

use super::{
    harness::{enter_small_world, run_script, with_other_network},
    views::mount,
};

fn own(kind: &str) -> String {
    fs::read_link(format!("/proc/thread-self/ns/{kind}")).expect("a namespace").display().to_string()
}

fn theirs(kind: &str, namespaces: Namespaces<'static>) -> String {
    let script = format!("readlink /proc/self/ns/{kind}");
    let outcome = run_script(&script, |plan| plan.namespaces = namespaces);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.output.trim().to_owned()
}

#[test]
fn each_setting_makes_its_own_namespace_and_no_other() {
    if !enter_small_world() {
        return;
    }
    let host = Namespaces::default();
    let cases = [
        ("net", Namespaces { network: true, ..host }),
        ("ipc", Namespaces { ipc: true, ..host }),
        ("uts", Namespaces { hostname: true, ..host }),
        ("user", Namespaces { users: Users::Own, ..host }),
    ];
    for (kind, wanted) in cases {
        for (other, _) in cases {
            let same = theirs(other, wanted) == own(other);
            assert_eq!(same, other != kind, "{kind}: {other}");
        }
    }
}

#[test]
fn a_network_of_its_own_has_lo_up_and_nothing_else() {
    if !enter_small_world() {
        return;
    }
    let namespaces = Namespaces { network: true, ..Namespaces::default() };
    let outcome = run_script(
        "cut -d: -f1 /proc/net/dev; grep -c 7F000001 /proc/net/fib_trie; cat /proc/net/if_inet6",
        |plan| {
            plan.namespaces = namespaces;
            plan.view.own = true;
        },
    );
    let interfaces: Vec<_> = outcome.lines().into_iter().map(str::trim).collect();
    assert!(interfaces.contains(&"lo"), "{outcome:?}");
    let script = "test $(($(cat /sys/class/net/lo/flags) & 1)) = 1 && ls /sys/class/net";
    let sysfs = [mount("/sys", Content::New, "sysfs:")];
    let outcome = run_script(script, |plan| {
        plan.namespaces = namespaces;
        plan.view.mounts = &sysfs;
    });
    assert_eq!(outcome.output.trim(), "lo", "{outcome:?}");
}

#[test]
fn all_privileges_are_those_in_the_units_own_network_and_ipc() {
    if !enter_small_world() {
        return;
    }
    let (net, ipc) = (own("net"), own("ipc"));
    for privilege in [Privilege::Full, Privilege::KeepIds] {
        let outcome = run_script("for kind in net ipc uts; do readlink /proc/self/ns/$kind; done", |plan| {
            plan.privilege = privilege;
            (plan.namespaces.network, plan.namespaces.ipc, plan.namespaces.hostname) = (true, true, true);
        });
        let lines = outcome.lines();
        assert!(lines[0] != net && lines[1] != ipc, "{privilege:?}");
        assert_eq!(lines[2] == own("uts"), privilege == Privilege::Full, "{privilege:?}");
    }
}

#[test]
fn a_network_of_somebody_elses_can_be_joined() {
    if !enter_small_world() {
        return;
    }
    with_other_network(|path| {
        let namespaces = Namespaces { network_path: path, ..Namespaces::default() };
        let other = fs::read_link(path).expect("a namespace").display().to_string();
        assert_ne!(other, own("net"));
        assert_eq!(theirs("net", namespaces), other);
    });
    for path in ["/no/such", "/etc/passwd"] {
        let outcome = run_script("true", |plan| plan.namespaces.network_path = path);
        assert_eq!(outcome.code, Some(225), "{path}: {outcome:?}");
    }
    let outcome = run_script("true", |plan| plan.namespaces.ipc_path = "/no/such");
    assert_eq!(outcome.code, Some(226), "{outcome:?}");
}

#[test]
fn a_hostname_of_its_own_does_not_change_the_hosts() {
    if !enter_small_world() {
        return;
    }
    let before = fs::read_to_string("/proc/sys/kernel/hostname").expect("a hostname");
    let script = "echo changed > /proc/sys/kernel/hostname; cat /proc/sys/kernel/hostname";
    let outcome = run_script(script, |plan| plan.namespaces.hostname = true);
    assert_eq!(outcome.output.trim(), "changed", "{outcome:?}");
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").expect("a hostname"), before);
}

#[test]
fn among_its_own_processes_it_is_the_first() {
    if !enter_small_world() {
        return;
    }
    let proc = [mount("/proc", Content::New, "proc:")];
    let outcome = run_script("echo $$; ls /proc | grep -c '^[0-9]*$'", |plan| {
        plan.namespaces.processes = true;
        plan.view.mounts = &proc;
    });
    assert_eq!(outcome.lines()[0], "1", "{outcome:?}");
    assert!(outcome.lines()[1].parse::<u32>().is_ok_and(|count| count < 6), "{outcome:?}");
}

#[test]
fn users_but_root_and_its_own_are_nobody() {
    if !enter_small_world() {
        return;
    }
    fs::write("/run/odds", "").expect("write");
    std::os::unix::fs::chown("/run/odds", Some(1002), Some(1003)).expect("chown");
    let script = "id -u; id -g; stat -c '%u %g' / /home/svc /run/odds; cat /proc/self/uid_map; grep CapEff /proc/self/status";
    std::os::unix::fs::chown("/home/svc", Some(1001), Some(1001)).expect("chown");
    let outcome = run_script(script, |plan| {
        plan.namespaces.users = Users::Own;
        plan.identity.user = "svc";
    });
    let words: Vec<String> =
        outcome.lines().iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "1001",
        "1001",
        "0 0",
        "1001 1001",
        "65534 65534",
        "0 0 1",
        "1001 1001 1",
        "CapEff: 0000000000000000",
    ];
    assert_eq!(words, expected, "{outcome:?}");
    let outcome = run_script("cat /proc/self/uid_map", |plan| plan.namespaces.users = Users::Identity);
    assert_eq!(outcome.output.split_whitespace().collect::<Vec<_>>(), ["0", "0", "65536"]);
}

#[test]
fn what_a_process_says_about_its_share_holds_for_the_program() {
    if !enter_small_world() {
        return;
    }
    let scheduling = Scheduling {
        nice: Some(25),
        policy: Some(3), // SCHED_BATCH
        affinity: &[1],
        io_priority: Some(3 << 13),
        personality: Some(8), // PER_LINUX32
        oom_score_adjust: "500",
        coredump_filter: "0x3",
        timer_slack: "70000",
        ..Scheduling::default()
    };
    let script = "cut -d' ' -f19,41 /proc/self/stat; cat /proc/self/oom_score_adj /proc/self/coredump_filter \
                  /proc/self/timerslack_ns /proc/self/personality; grep Cpus_allowed_list /proc/self/status; \
                  ionice -p $$";
    let outcome = run_script(script, |plan| plan.scheduling = scheduling);
    let lines = outcome.lines();
    let expected = ["5 3", "500", "00000003", "70000", "00000008", "Cpus_allowed_list:\t0", "idle"];
    assert_eq!(lines, expected, "{outcome:?}");
}

#[test]
fn a_share_that_cannot_be_had_ends_the_start() {
    if !enter_small_world() {
        return;
    }
    let none = Scheduling::default();
    let cases = [
        (Step::Affinity, 215, Scheduling { affinity: &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1], ..none }),
        (Step::Policy, 214, Scheduling { policy: Some(1), priority: 0, ..none }),
        (Step::IoPriority, 211, Scheduling { io_priority: Some(7 << 13), ..none }),
        (Step::OomScore, 206, Scheduling { oom_score_adjust: "5000", ..none }),
        (Step::CoreDumps, 205, Scheduling { coredump_filter: "many", ..none }),
        (Step::TimerSlack, 212, Scheduling { timer_slack: "many", ..none }),
    ];
    for (step, code, scheduling) in cases {
        let outcome = run_script("true", |plan| plan.scheduling = scheduling);
        assert_eq!(outcome.code, Some(code), "{step:?}: {outcome:?}");
        assert!(
            matches!(outcome.reports[..], [Report::Failed { step: at, .. }] if at == step),
            "{outcome:?}"
        );
    }
}

#[test]
fn secure_bits_are_set_and_take_root_its_powers() {
    if !enter_small_world() {
        return;
    }
    let script = "grep -E 'CapPrm|CapEff' /proc/self/status | tr -d '\\t'";
    let outcome = run_script(script, |plan| plan.limits.secure_bits = 3);
    assert_eq!(outcome.lines(), ["CapPrm:0000000000000000", "CapEff:0000000000000000"], "{outcome:?}");
    let outcome = run_script("true", |plan| {
        plan.limits.secure_bits = 3;
        plan.identity.user = "svc";
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

/// What a process says of its network and IPC, `kept` being in common.
fn in_common(kept: &[OwnedFd; 2], network_path: &'static str) -> String {
    let [one, other] = kept;
    let outcome = run_script("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc", |plan| {
        plan.namespaces = Namespaces {
            network: true,
            ipc: true,
            network_path,
            kept: Some([one.as_fd(), other.as_fd()]),
            ..Namespaces::default()
        };
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.output
}

#[test]
fn what_the_first_one_makes_is_everybodys_that_comes_later_or_at_the_same_time() {
    if !enter_small_world() {
        return;
    }
    for _ in 0..8 {
        let kept = kept::make().expect("a pair of sockets");
        let at_once = thread::scope(|scope| {
            let all = [(); 4].map(|()| scope.spawn(|| in_common(&kept, "")));
            all.map(|one| one.join().expect("an outcome"))
        });
        let later = in_common(&kept, "/no/such");
        assert!(at_once.iter().all(|one| *one == later), "{later}: {at_once:?}");
        for kind in ["net", "ipc"] {
            assert!(!later.contains(&own(kind)), "{later}");
        }
        assert_ne!(in_common(&kept::make().expect("another pair"), ""), later);
    }
}

#[test]
fn a_network_that_has_a_path_is_in_common_as_well() {
    if !enter_small_world() {
        return;
    }
    with_other_network(|path| {
        let kept = kept::make().expect("a pair of sockets");
        let first = in_common(&kept, path);
        assert!(first.contains(&fs::read_link(path).expect("a namespace").display().to_string()), "{first}");
        assert_eq!(in_common(&kept, ""), first);
    });
}

#[test]
fn who_cannot_join_what_is_kept_does_not_run() {
    if !enter_small_world() {
        return;
    }
    let file = open("/etc/passwd", OFlags::RDONLY, Mode::empty()).expect("a file");
    for with in [&[file.as_fd()][..], &[]] {
        let [one, other] = kept::make().expect("a pair of sockets");
        send(one.as_fd(), &[0], with).expect("room");
        let outcome = run_script("true", |plan| {
            plan.namespaces.network = true;
            plan.namespaces.kept = Some([one.as_fd(), other.as_fd()]);
        });
        assert_eq!(outcome.code, Some(225), "{outcome:?}");
    }
}
