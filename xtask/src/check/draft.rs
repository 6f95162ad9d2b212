//! A unit while its files are being read: the model with systemd's defaults, and what has to be known besides until
//! the last line. Owns the defaults.

use std::{collections::BTreeMap, path::Path};

use tomte::table::{
    DirectoryKind, ExitSet, Kill, KillMode, Micros, NotifyAccess, Preserve, PrivateTmp, ProtectHome,
    ProtectSystem, Restart, ServiceType, StartLimit, Stdin, Stdout,
};

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Exec, Install, Kind, Located, Service, Unit},
    read::{Assignment, Text},
    values::{specifier::Specifiers, unit_name::UnitName},
};

/// What a handler may look at and complain to.
pub struct Cx {
    /// For `%` in values.
    pub specifiers: Specifiers,
    /// Problems found since the last [`Cx::drain`].
    pub problems: Vec<Diagnostic>,
    /// The last assignment of every known key, for messages about several of them.
    pub written: BTreeMap<String, Assignment>,
    /// The last `[Service]` header.
    pub header: Option<Text>,
    /// Whether an assignment or a line was refused: what is missing then may be what it should have said.
    pub failed: bool,
}

impl Cx {
    /// Nothing has been read yet.
    pub fn new(specifiers: Specifiers) -> Self {
        Self { specifiers, problems: Vec::new(), written: BTreeMap::new(), header: None, failed: false }
    }

    /// Hands the problems on.
    pub fn drain(&mut self, sink: &mut Diagnostics) {
        self.problems.drain(..).for_each(|problem| sink.push(problem));
    }
}

/// A unit in the making.
pub struct Draft {
    /// All but the kind.
    pub unit: Unit,
    /// `[Service]`; not used for targets.
    pub service: Service,
    /// `DefaultInstance=` of a template, or empty.
    pub default_instance: String,
    /// `Type=`, if written: the default depends on `ExecStart=`.
    pub service_type: Option<ServiceType>,
    /// `TimeoutStartSec=`, if written: the default depends on the type.
    pub timeout_start: Option<Micros>,
    /// Mode and names of each directory setting, in the order of [`DirectoryKind::ALL`].
    pub directories: [(u16, Vec<String>); DirectoryKind::ALL.len()],
}

impl Draft {
    /// A unit of which nothing has been read.
    pub fn new(name: &UnitName, file: &Path) -> Self {
        Self {
            unit: Unit {
                name: name.full.clone(),
                file: Some(file.to_owned()),
                description: String::new(),
                default_dependencies: true,
                wants: Vec::new(),
                requires: Vec::new(),
                after: Vec::new(),
                before: Vec::new(),
                start_limit: StartLimit { interval: Micros::from_secs(10), burst: 5 },
                install: Install::default(),
                kind: Kind::Target,
            },
            service: service(),
            default_instance: String::new(),
            service_type: None,
            timeout_start: None,
            directories: std::array::from_fn(|_| (0o755, Vec::new())),
        }
    }
}

/// A service as systemd 257 has it when its file sets nothing.
pub fn service() -> Service {
    Service {
        service_type: ServiceType::Simple,
        remain_after_exit: false,
        restart: Restart::No,
        restart_delay: Micros::from_millis(100),
        success_exit_status: ExitSet::default(),
        restart_prevent_exit_status: ExitSet::default(),
        restart_force_exit_status: ExitSet::default(),
        timeout_start: Micros::from_secs(90),
        timeout_stop: Micros::from_secs(90),
        timeout_abort: Micros::from_secs(90),
        notify_access: NotifyAccess::None,
        watchdog: Micros::ZERO,
        reload_signal: 1,
        kill: Kill {
            mode: KillMode::ControlGroup,
            signal: 15,
            final_signal: 9,
            watchdog_signal: 6,
            send_sighup: false,
            send_sigkill: true,
        },
        commands: Vec::new(),
        exec: exec(),
    }
}

fn exec() -> Exec {
    let unset = || Located { value: String::new(), place: None };
    Exec {
        user: unset(),
        group: unset(),
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
        tty_path: "/dev/console".to_owned(),
        syslog_identifier: String::new(),
        ignore_sigpipe: true,
    }
}
