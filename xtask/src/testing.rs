//! Units for tests, made by hand.

use tomte::table::{
    CommandKind, ExitSet, Kill, KillMode, Micros, Preserve, PrivateTmp, Privilege, ProtectHome,
    ProtectSystem, Restart, ServiceType, StartLimit, Stdin, Stdout,
};

use crate::model::{Command, Exec, Install, Kind, Located, Service, Unit};

/// A plain service that starts `/bin/NAME`, changed by `change`.
pub fn service(name: &str, change: impl FnOnce(&mut Service)) -> Unit {
    let start = Command {
        place: None,
        path: format!("/bin/{name}"),
        argv: vec![format!("/bin/{name}"), "--word with blank".into()],
        ignore_failure: false,
        expand: true,
        privilege: Privilege::Restricted,
    };
    let mut service = Service {
        service_type: ServiceType::Simple,
        remain_after_exit: false,
        restart: Restart::No,
        restart_delay: Micros::from_millis(100),
        success_exit_status: ExitSet::default(),
        restart_prevent_exit_status: ExitSet::default(),
        restart_force_exit_status: ExitSet::default(),
        timeout_start: Micros::from_secs(90),
        timeout_stop: Micros::from_secs(90),
        kill: Kill {
            mode: KillMode::ControlGroup,
            signal: 15,
            final_signal: 9,
            send_sighup: false,
            send_sigkill: true,
        },
        commands: vec![(CommandKind::Start, start)],
        exec: exec(),
    };
    change(&mut service);
    Unit {
        name: name.to_owned(),
        file: Some(format!("units/{name}").into()),
        description: String::new(),
        default_dependencies: true,
        wants: Vec::new(),
        requires: Vec::new(),
        after: Vec::new(),
        before: Vec::new(),
        start_limit: StartLimit { interval: Micros::from_secs(10), burst: 5 },
        install: Install::default(),
        kind: Kind::Service(Box::new(service)),
    }
}

fn exec() -> Exec {
    let nothing = || Located { value: String::new(), place: None };
    Exec {
        user: nothing(),
        group: nothing(),
        supplementary_groups: Vec::new(),
        dynamic_user: false,
        environment: Vec::new(),
        working_directory: String::new(),
        working_directory_optional: false,
        umask: 0o022,
        rlimits: Vec::new(),
        capability_bounding_set: u64::MAX,
        ambient_capabilities: 0,
        no_new_privileges: false,
        private_tmp: PrivateTmp::No,
        protect_system: ProtectSystem::No,
        protect_home: ProtectHome::No,
        restrict_suid_sgid: false,
        remove_ipc: false,
        directories: Vec::new(),
        runtime_directory_preserve: Preserve::No,
        stdin: Stdin::Null,
        stdout: Stdout::Journal,
        stderr: Stdout::Inherit,
        tty_path: "/dev/console".into(),
        syslog_identifier: String::new(),
        ignore_sigpipe: true,
    }
}
