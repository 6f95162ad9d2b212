//! What is made of whole unit files: defaults, implications, refusals. `golden.rs` has the command lines that real
//! systemd was seen to run, `configs.rs` the files in tests/configs.

mod configs;
mod files;
mod golden;
mod hostile;
mod system_calls;

use tomte::table::{
    CommandKind, DirectoryKind, KillMode, Micros, NotifyAccess, Preserve, PrivateTmp, Privilege, Restart,
    ServiceType, StartLimit, Stdin, Stdout, UnitAction,
};

use super::*;
use crate::model::{Kind, Located, ProtectHome, ProtectSystem, Relation, Service};

/// The unit called `name` with the text `text`, and what was said about it.
pub(super) fn unit_of(name: &str, text: &str) -> (Unit, Diagnostics) {
    let mut sink = Diagnostics::default();
    let name = UnitName::new(name).expect("a unit name");
    let unit = super::unit_of(
        name,
        text.into(),
        Facts { root_shell: Some("/bin/bash".to_owned()), ..Facts::default() },
        &mut sink,
    );
    beyond(std::slice::from_ref(&unit), &mut sink);
    (unit, sink)
}

fn service_of(lines: &str) -> (Service, Diagnostics) {
    let (unit, sink) = unit_of("a.service", &format!("[Service]\n{lines}"));
    let Kind::Service(service) = unit.kind else { panic!("not a service") };
    (*service, sink)
}

/// The service that `lines` make, without a complaint.
fn clean(lines: &str) -> Service {
    let (service, sink) = service_of(&format!("ExecStart=/bin/true\n{lines}"));
    assert_eq!(sink.render(false), "", "{lines}");
    service
}

/// The first message about `lines` (after an ExecStart=).
fn complaint(lines: &str) -> String {
    let (_, sink) = service_of(&format!("ExecStart=/bin/true\n{lines}"));
    let first = sink.iter().next().unwrap_or_else(|| panic!("nothing said about {lines}"));
    format!("{:?} {}", first.severity, first.message)
}

#[test]
fn an_empty_service_has_systemds_defaults() {
    let service = clean("");
    assert_eq!(service.service_type, ServiceType::Simple);
    assert_eq!((service.restart, service.restart_delay), (Restart::No, Micros::from_millis(100)));
    assert_eq!((service.timeout_start, service.timeout_stop), (Micros::from_secs(90), Micros::from_secs(90)));
    assert_eq!(
        (service.kill.mode, service.kill.signal, service.kill.final_signal),
        (KillMode::ControlGroup, 15, 9)
    );
    assert!(service.kill.send_sigkill && !service.kill.send_sighup && !service.remain_after_exit);
    let exec = &service.exec;
    assert_eq!((exec.umask, exec.ignore_sigpipe, exec.dynamic_user), (0o022, true, false));
    assert_eq!((exec.capability_bounding_set, exec.ambient_capabilities), (u64::MAX, 0));
    assert_eq!((exec.stdin, exec.stdout, exec.stderr), (Stdin::Null, Stdout::Journal, Stdout::Inherit));
    assert_eq!(
        (exec.private_tmp, exec.protect_system, exec.protect_home),
        (PrivateTmp::No, ProtectSystem::No, ProtectHome::No)
    );
    assert!(!exec.no_new_privileges && !exec.system_calls.suid_sgid && !exec.remove_ipc);
    assert!(exec.user.value.is_empty() && exec.group.value.is_empty() && exec.directories.is_empty());
    assert_eq!((exec.runtime_directory_preserve, exec.working_directory.as_str()), (Preserve::No, ""));
    let (unit, _) = unit_of("a.service", "[Service]\nExecStart=/bin/true");
    assert_eq!(unit.start_limit, StartLimit { interval: Micros::from_secs(10), burst: 5 });
    assert!(unit.default_dependencies && !unit.install.present);
    let (unit, _) = unit_of("a.service", "[Unit]\nStartLimitBurst=0\n[Service]\nExecStart=/bin/true");
    assert_eq!(unit.start_limit.interval, Micros::ZERO, "no burst, no limit");
}

#[test]
fn the_type_and_its_timeout_depend_on_what_there_is_to_start() {
    let (service, _) = service_of("ExecStop=/bin/true\nRemainAfterExit=yes");
    assert_eq!((service.service_type, service.timeout_start), (ServiceType::Oneshot, Micros::FOREVER));
    assert_eq!(clean("Type=oneshot").timeout_start, Micros::FOREVER);
    assert_eq!(clean("Type=oneshot\nTimeoutStartSec=5").timeout_start, Micros::from_secs(5));
    assert_eq!(clean("TimeoutSec=7").timeout_start, Micros::from_secs(7));
    assert_eq!(clean("TimeoutSec=7").timeout_stop, Micros::from_secs(7));
    assert_eq!(clean("TimeoutStopSec=0").timeout_stop, Micros::FOREVER);
    assert_eq!(clean("TimeoutStopSec=infinity").timeout_stop, Micros::FOREVER);
}

#[test]
fn who_has_to_speak_is_heard() {
    assert_eq!(clean("").notify_access, NotifyAccess::None);
    for lines in ["Type=notify", "Type=notify-reload", "WatchdogSec=1", "NotifyAccess=none\nType=notify"] {
        assert_eq!(clean(lines).notify_access, NotifyAccess::Main, "{lines}");
    }
    assert_eq!(clean("Type=notify\nNotifyAccess=all").notify_access, NotifyAccess::All);
    assert_eq!(clean("TimeoutStopSec=7").timeout_abort, Micros::from_secs(7));
    assert_eq!(clean("TimeoutStopSec=7\nTimeoutAbortSec=8").timeout_abort, Micros::from_secs(8));
}

#[test]
fn settings_that_exclude_each_other_are_refused() {
    for (lines, message) in [
        ("Type=oneshot\nRestart=always", "Restart=: not allowed for Type=oneshot"),
        ("Type=oneshot\nRestart=on-success", "Restart=: not allowed for Type=oneshot"),
        ("ExecStart=/bin/false", "ExecStart=: several commands"),
        ("ExecStart=", "no ExecStart= and no ExecStop="),
        ("ExecStart=\nExecStop=/bin/true\nType=exec", "Type=: without ExecStart="),
        ("ExecStart=\nExecStop=/bin/true", "ExecStop=: without ExecStart="),
    ] {
        let said = complaint(lines);
        assert!(said.starts_with(&format!("Error {message}")), "{lines}: {said}");
    }
    clean("Type=oneshot\nExecStart=/bin/false\nRestart=on-failure");
    clean("ExecStart=\nExecStart=/bin/false");
}

#[test]
fn permissions_start_only_frees_all_commands_but_the_service_itself() {
    let lines = "PermissionsStartOnly=yes\nExecStartPre=!/bin/mkdir /run/a\nExecStop=/bin/false";
    let (service, _) = service_of(&format!("ExecStart=/bin/true\n{lines}"));
    let privileges: Vec<_> =
        service.commands.iter().map(|(kind, command)| (*kind, command.privilege)).collect();
    let expected = [
        (CommandKind::Start, Privilege::Restricted),
        (CommandKind::StartPre, Privilege::Full),
        (CommandKind::Stop, Privilege::Full),
    ];
    assert_eq!(privileges, expected);
}

#[test]
fn an_action_on_success_is_something_to_do() {
    let (unit, sink) = unit_of("a.service", "[Unit]\nSuccessAction=poweroff");
    assert!(!sink.has_errors() && unit.manners.success_action == UnitAction::PowerOff);
    assert_eq!(unit.kind.service().map(|service| service.service_type), Some(ServiceType::Oneshot));
    let (_, sink) = unit_of("a.service", "[Unit]\nSuccessAction=none");
    assert!(sink.has_errors());
}

#[test]
fn too_many_commands_are_said_once() {
    let lines = "ExecStart=/bin/true\n".repeat(40);
    let (_, sink) = service_of(&format!("Type=oneshot\n{lines}"));
    let said: Vec<_> = sink.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said, ["ExecStart=: more than 32 commands of one kind"]);
}

#[test]
fn dynamic_user_brings_its_restrictions_along() {
    let all_off = "PrivateTmp=no\nRemoveIPC=no\nProtectSystem=no\nProtectHome=no\nNoNewPrivileges=no\nRestrictSUIDSGID=no";
    for lines in
        ["DynamicUser=yes", &format!("DynamicUser=yes\n{all_off}"), &format!("{all_off}\nDynamicUser=yes")]
    {
        let (service, _) = service_of(&format!("ExecStart=/bin/true\n{lines}"));
        let exec = &service.exec;
        assert_eq!((exec.user.value.as_str(), exec.group.value.as_str()), ("a", "a"));
        assert_eq!(exec.private_tmp, PrivateTmp::Disconnected);
        assert_eq!((exec.protect_system, exec.protect_home), (ProtectSystem::Strict, ProtectHome::ReadOnly));
        assert!(exec.no_new_privileges && exec.system_calls.suid_sgid && exec.remove_ipc);
    }
    let exec = clean("DynamicUser=yes\nUser=foo\nGroup=bar").exec;
    assert_eq!((exec.user.value.as_str(), exec.group.value.as_str()), ("foo", "bar"));
    assert_eq!(clean("DynamicUser=yes\nGroup=bar").exec.user.value, "a");
    let (unit, _) = unit_of("foo@bar.service", "[Service]\nExecStart=/bin/true\nDynamicUser=yes");
    let Kind::Service(service) = unit.kind else { panic!("not a service") };
    assert_eq!(service.exec.user.value, "foo", "all instances share a user");
}

#[test]
fn an_ambient_capability_that_is_taken_away_is_left_out_and_that_is_said() {
    for (taker, left) in [
        ("CapabilityBoundingSet=CAP_CHOWN", 1),
        ("ProtectClock=yes", 1 | 1 << 5),
        ("PrivateDevices=yes", 1 | 1 << 5),
    ] {
        let lines = format!(
            "ExecStart=/bin/true\nAmbientCapabilities=CAP_CHOWN CAP_KILL CAP_SYS_TIME CAP_MKNOD\n{taker}"
        );
        let (service, sink) = service_of(&lines);
        let said = sink.iter().next().expect("a warning");
        assert!(said.message.starts_with("AmbientCapabilities=: the service gets no CAP_"), "{said:?}");
        let kept = service.exec.ambient_capabilities & service.exec.capability_bounding_set;
        assert_eq!(service.exec.ambient_capabilities, kept, "{taker}");
        assert_eq!(kept & (1 | 1 << 5), left, "{taker}");
    }
    assert_eq!(clean("DynamicUser=yes\nUser=61500").exec.user.value, "61500");
}

#[test]
fn names_that_a_dynamic_user_cannot_have_are_refused() {
    for (value, message) in [
        ("a.b", "Error User=\"a.b\" cannot be the name of a dynamic user"),
        ("0day", "Error User=\"0day\" is no user or group"),
        ("0x0", "Error User=\"0x0\" is no user or group"),
        ("007", "Error User=\"007\" is no user or group"),
    ] {
        let said = complaint(&format!("DynamicUser=yes\nUser={value}"));
        assert!(said.starts_with(message), "{value}: {said}");
    }
}

#[test]
fn directories_are_normalised_sorted_and_have_a_mode() {
    let exec = clean("StateDirectory=b a/b\nStateDirectory=a a\nRuntimeDirectory=x\nRuntimeDirectoryMode=0750\nLogsDirectory=y\nLogsDirectory=").exec;
    let found: Vec<_> =
        exec.directories.iter().map(|dir| (dir.kind, dir.mode, dir.names.join(" "))).collect();
    let expected = [
        (DirectoryKind::Runtime, 0o750, "x".to_owned()),
        (DirectoryKind::State, 0o755, "a a/b b".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_empty_assignment_takes_a_list_back() {
    let exec = clean("Environment=A=1 B=2\nEnvironment=\nEnvironment=B=3 C=5 B=4\nSupplementaryGroups=a b\nSupplementaryGroups=\nSupplementaryGroups=c").exec;
    assert_eq!(exec.environment, ["B=4", "C=5"]);
    assert_eq!(exec.supplementary_groups.iter().map(|group| group.value.as_str()).collect::<Vec<_>>(), ["c"]);
    let service = clean("SuccessExitStatus=5 TERM\nSuccessExitStatus=\nSuccessExitStatus=6\nUser=x\nUser=");
    assert!(service.success_exit_status.has_code(6) && !service.success_exit_status.has_code(5));
    assert_eq!(service.exec.user.value, "");
}

#[test]
fn prefixes_say_how_a_command_runs() {
    for (line, path, argv, ignore, expand, privilege) in [
        ("/a b", "/a", "/a b", false, true, Privilege::Restricted),
        ("-/a b", "/a", "/a b", true, true, Privilege::Restricted),
        ("@/a b c", "/a", "b c", false, true, Privilege::Restricted),
        (":-@/a b", "/a", "b", true, false, Privilege::Restricted),
        ("+/a", "/a", "/a", false, true, Privilege::Full),
        ("!/a", "/a", "/a", false, true, Privilege::KeepIds),
        ("!!/a", "/a", "/a", false, true, Privilege::Restricted),
        ("!-!/a", "/a", "/a", true, true, Privilege::Restricted),
        ("\"-/a\" b", "/a", "/a b", true, true, Privilege::Restricted),
        ("/x//y/./a", "/x/y/a", "/x//y/./a", false, true, Privilege::Restricted),
        ("a", "a", "a", false, true, Privilege::Restricted),
    ] {
        let service = clean(&format!("ExecStartPre={line}"));
        let (kind, command) = &service.commands[1];
        assert_eq!(*kind, CommandKind::StartPre);
        let found = (
            command.path.as_str(),
            command.argv.join(" "),
            command.ignore_failure,
            command.expand,
            command.privilege,
        );
        assert_eq!(found, (path, argv.to_owned(), ignore, expand, privilege), "{line}");
    }
    for line in ["; /a", "/a ;", "/a ; ; /b", ";"] {
        clean(&format!("ExecStartPre={line}"));
    }
    for line in [
        "+!/a", "!!!/a", "!+/a", "--/a", "@@/a b", "- /a", "@/a", "@/a \"\"", "a/b", "..", "/a/", "|/a",
        "'/a b\"'",
    ] {
        let said = complaint(&format!("ExecStartPre={line}"));
        assert!(said.starts_with("Error ExecStartPre="), "{line}: {said}");
    }
}

#[test]
fn what_would_narrow_and_does_not_is_an_error() {
    for (lines, message) in [
        ("RestrictNetworkInterfaces=lo", "Error RestrictNetworkInterfaces= is not enforced"),
        ("NoNewPrivilege=yes", "Error unknown key NoNewPrivilege= in [Service]"),
        ("nonewprivileges=yes", "Error unknown key nonewprivileges= in [Service]"),
        ("PrivateDevice=yes", "Error unknown key PrivateDevice= in [Service]"),
        (
            "CapabilityBoundingSet=CAP_NET_BIND",
            "Error CapabilityBoundingSet=\"CAP_NET_BIND\" is no capability",
        ),
        ("PrivateBananas=yes", "Error unknown key PrivateBananas= in [Service]"),
        ("EnvironmentFile=default/x", "Error EnvironmentFile=\"default/x\" is not absolute"),
        ("LogNamespace=5", "Warning LogNamespace= has no effect"),
        ("RestartSek=5", "Warning unknown key RestartSek= in [Service] is ignored"),
        ("Banana=5", "Warning unknown key Banana= in [Service] is ignored"),
        ("StartLimitInterval=5", "Note StartLimitInterval=: an old spelling"),
        ("[Unit]\nUser=x", "Error User= has no effect in [Unit]"),
        ("[Unit]\nRestart=no", "Warning Restart= is ignored in [Unit]"),
        ("[service]\nUser=x", "Error unknown section [service]"),
        ("[Banana]\nUser=x", "Warning unknown section [Banana] is ignored"),
    ] {
        let said = complaint(lines);
        assert!(said.starts_with(message), "{lines}: {said}");
    }
    clean(
        "PrivateDevices=no\nProtectProc=default\nReadOnlyPaths=\nX-Mine=1\nCPUAccounting=yes\n[X-Mine]\na=b",
    );
}

#[test]
fn a_socket_of_a_network_of_its_own_is_baked_into_no_table() {
    for key in ["PrivateNetwork=yes", "NetworkNamespacePath=/run/netns/lab", "PrivateNetwork=no"] {
        let (unit, _) = unit_of("a.socket", &format!("[Socket]\nListenStream=7000\n{key}\n"));
        let said: Vec<String> =
            unit.later.iter().map(|problem| format!("{:?} {}", problem.severity, problem.message)).collect();
        let refused =
            said.iter().any(|said| said.starts_with("Error ") && said.contains("not enforced for sockets"));
        assert_eq!(refused, key != "PrivateNetwork=no", "{key}: {said:?}");
    }
}

#[test]
fn dependencies_keep_their_names_and_places() {
    let text = "[Unit]\nAfter=b.service \\\n c@%p.target\nWants=d.socket\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=e.target\nAlias=f.service\n";
    let (unit, sink) = unit_of("a.service", text);
    assert_eq!(sink.render(false), "");
    let place = |name: &Located<String>| name.place.as_ref().map(|place| (place.line, place.column));
    let after: Vec<_> = unit.relations.of(Relation::After).collect();
    assert_eq!(after[1].value, "c@a.target");
    assert_eq!((place(after[0]), place(after[1])), (Some((2, 7)), Some((3, 2))));
    assert!(
        unit.install.present
            && unit.install.relations.of(Relation::WantedBy).any(|other| other.value == "e.target")
            && unit.install.aliases[0].value == "f.service"
    );
    let (unit, sink) = unit_of("a.target", "[Unit]\nWants=b.service nonsense\n[Service]\nUser=x");
    assert!(matches!(unit.kind, Kind::Target));
    assert_eq!(sink.iter().count(), 2, "{}", sink.render(false));
}

proptest::proptest! {
    #[test]
    fn no_value_makes_a_directive_panic(
        key in proptest::sample::select(directives::of("Service").map(|directive| directive.key).collect::<Vec<_>>()),
        value in "[-~!@+:/%$a-cé0-9.\" '=;\\\\]{0,16}",
    ) {
        let _ = service_of(&format!("{key}={value}")).1.render(true);
    }
}
