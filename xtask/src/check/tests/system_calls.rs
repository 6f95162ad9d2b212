//! The directives about system calls.

use super::{clean, complaint, service_of};
use crate::{
    diag::Diagnostic,
    seccomp::{
        Abi, groups,
        policy::{CallList, Denial, Policy},
    },
};

fn policy(lines: &str) -> Policy {
    clean(lines).exec.system_calls
}

fn problem_of(line: &str) -> Diagnostic {
    let (_, sink) = service_of(&format!("ExecStart=/bin/true\n{line}"));
    sink.iter().next().expect("something is said").clone()
}

fn calls(lines: &str) -> CallList {
    policy(lines).calls.expect("a list")
}

#[test]
fn the_first_line_decides_what_a_list_is_of_and_later_ones_add_and_take_away() {
    let default = groups::calls("@default").unwrap();
    let list = calls("SystemCallFilter=open\nSystemCallFilter=~close open\nSystemCallFilter=close");
    assert!(list.allow);
    assert!(default.iter().all(|call| list.calls.get(call) == Some(&None)));
    assert_eq!((list.calls.get("open"), list.calls.get("close")), (None, Some(&None)));
    let list = calls("SystemCallFilter=~mount umount2\nSystemCallFilter=mount");
    assert!(!list.allow);
    assert_eq!(list.calls.keys().collect::<Vec<_>>(), [&"umount2"]);
    let list = calls("SystemCallFilter=open\nSystemCallFilter=\nSystemCallFilter=~@clock");
    assert!(!list.allow && list.calls.len() == groups::calls("@clock").unwrap().len());
    assert_eq!(policy("SystemCallFilter=open\nSystemCallFilter="), Policy::default());
}

#[test]
fn calls_can_have_an_error_of_their_own() {
    let list = calls("SystemCallFilter=@system-service\nSystemCallFilter=~chown:EACCES @timer:255 kill:kill");
    assert!(list.allow);
    assert_eq!(list.calls["chown"], Some(Denial::Errno(13)));
    assert_eq!(list.calls["alarm"], Some(Denial::Errno(255)));
    assert_eq!(list.calls["kill"], Some(Denial::Kill));
    assert_eq!(list.calls["read"], None);
    for (number, denial) in
        [("EPERM", Denial::Errno(1)), ("kill", Denial::Kill), ("", Denial::Kill), ("7", Denial::Errno(7))]
    {
        assert_eq!(policy(&format!("SystemCallErrorNumber={number}")).denial, denial, "{number}");
    }
}

#[test]
fn what_is_no_call_is_pointed_at_and_left_out() {
    for (line, said, column, width) in [
        ("SystemCallFilter=~opne", "Warning SystemCallFilter=\"opne\" is no system call: left out", 19, 4),
        (
            "SystemCallFilter=~@moutn read",
            "Warning SystemCallFilter=\"@moutn\" is no group of system calls",
            19,
            6,
        ),
        (
            "SystemCallFilter=read:EPERM",
            "Warning SystemCallFilter=\"read\" is denied and allowed at once",
            23,
            5,
        ),
        ("SystemCallFilter=~read:EPRM", "Error SystemCallFilter=\"EPRM\" is no error's name", 24, 4),
        (
            "SystemCallFilter=~execve",
            "Error SystemCallFilter=: execve is refused, so nothing could be started",
            18,
            7,
        ),
        ("SystemCallLog=reed", "Warning SystemCallLog=\"reed\" is no system call", 15, 4),
        ("SystemCallErrorNumber=0", "Error SystemCallErrorNumber=: 0 is no error", 23, 1),
        (
            "SystemCallArchitectures=native x86_64",
            "Error SystemCallArchitectures=\"x86_64\" is no architecture",
            32,
            6,
        ),
        (
            "RestrictAddressFamilies=AF_INTE",
            "Error RestrictAddressFamilies=\"AF_INTE\" is no address family",
            25,
            7,
        ),
        ("RestrictNamespaces=~mnt usr", "Error RestrictNamespaces=\"usr\" is no kind of namespace", 25, 3),
        ("LockPersonality=maybe", "Error LockPersonality=\"maybe\": expected yes | no", 17, 5),
    ] {
        let problem = problem_of(line);
        assert!(complaint(line).starts_with(said), "{line}: {}", complaint(line));
        let place = problem.place.expect("a place");
        assert_eq!((place.column, problem.width), (column, width), "{line}");
    }
    assert_eq!(problem_of("SystemCallFilter=~opne").help, ["did you mean \"open\"?"]);
    assert_eq!(problem_of("SystemCallFilter=~@moutn").help, ["did you mean \"@mount\"?"]);
}

#[test]
fn the_other_lists_are_read_as_systemd_reads_them() {
    let families = |lines: &str| {
        policy(lines).families.map(|list| (list.allow, list.families.into_iter().collect::<Vec<_>>()))
    };
    assert_eq!(families("RestrictAddressFamilies=AF_INET AF_UNIX"), Some((true, vec![1, 2])));
    assert_eq!(
        families("RestrictAddressFamilies=AF_INET AF_UNIX\nRestrictAddressFamilies=~AF_INET"),
        Some((true, vec![1]))
    );
    assert_eq!(families("RestrictAddressFamilies=~AF_PACKET"), Some((false, vec![17])));
    assert_eq!(families("RestrictAddressFamilies=none"), Some((true, vec![])));
    assert_eq!(families("RestrictAddressFamilies=AF_INET\nRestrictAddressFamilies="), None);
    let open = |lines: &str| policy(lines).architectures.map(|open| open.into_iter().collect::<Vec<_>>());
    assert_eq!(open("SystemCallArchitectures=native"), Some(vec![]));
    assert_eq!(open("SystemCallArchitectures=x86 s390x"), Some(vec![Abi::X86]));
    assert_eq!(open("SystemCallArchitectures=native\nSystemCallArchitectures="), None);
    assert_eq!(policy("RestrictNamespaces=net mnt").namespaces, Some(0x4002_0000));
    assert_eq!(policy("LockPersonality=yes\nMemoryDenyWriteExecute=yes").personality, Some(0));
    assert_eq!(policy("LockPersonality=yes\nPersonality=x86").personality, Some(8));
    let log = policy("SystemCallLog=~read").log.expect("a list");
    assert!(!log.allow && log.calls.len() == 1);
}

#[test]
fn a_filter_that_forbids_giving_up_capabilities_implies_no_new_privileges() {
    for (lines, implied) in [
        ("User=nobody\nSystemCallFilter=@basic-io", true),
        ("User=nobody\nSystemCallFilter=@system-service", false),
        ("User=nobody\nSystemCallFilter=~@privileged", true),
        ("User=nobody\nSystemCallFilter=~@mount", false),
        ("User=root\nSystemCallFilter=~@privileged", false),
        ("SystemCallFilter=~@privileged", false),
        ("User=nobody\nRestrictNamespaces=yes", false),
    ] {
        assert_eq!(clean(lines).exec.no_new_privileges, implied, "{lines}");
    }
}

#[test]
fn without_realtime_there_is_no_realtime_priority_either() {
    let limit =
        |lines: &str| clean(lines).exec.rlimits.iter().find(|one| one.resource == 14).map(|one| one.hard);
    assert_eq!(limit("RestrictRealtime=yes"), Some(0));
    assert_eq!(limit("RestrictRealtime=yes\nLimitRTPRIO=5"), Some(5));
    assert_eq!(limit("RestrictRealtime=no"), None);
}

#[test]
fn protections_have_their_share_in_the_filter() {
    let none = Policy::default();
    for (directive, policy_with_it) in [
        ("PrivateDevices", Policy { raw_io: true, ..none.clone() }),
        ("ProtectKernelTunables", Policy { tunables: true, ..none.clone() }),
        ("ProtectKernelModules", Policy { modules: true, ..none.clone() }),
        ("ProtectKernelLogs", Policy { kernel_logs: true, ..none.clone() }),
        ("ProtectClock", Policy { clock: true, ..none.clone() }),
        ("ProtectHostname", Policy { hostname: true, ..none.clone() }),
    ] {
        assert_eq!(policy(&format!("{directive}=yes")), policy_with_it, "{directive}");
        assert_eq!(policy(&format!("{directive}=no")), none, "{directive}");
    }
}
