//! A unit while its files are being read: the model with systemd's defaults, and what has to be known besides until
//! the last line. Owns the defaults.

use std::collections::BTreeMap;

use tomte::table::{
    DirectoryKind, ExitSet, FailureMode, Keyring, Kill, KillMode, Logging, LoginEnvironment, Micros,
    NotifyAccess, OomPolicy, Preserve, PrivateTmp, Restart, ServiceType, StartLimit, Stdin, Stdout, Terminal,
};

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{
        Exec, Kind, Located, Mount, Namespaces, Path, Protect, ProtectHome, ProtectSystem, Resources,
        Scheduling, Service, Socket, Swap, Timer, Unit, View,
    },
    read::{Assignment, Text},
    seccomp::policy::Policy,
    values::{directory, specifier::Specifiers, unit_name::UnitName},
};

/// What a handler may look at and complain to.
pub struct Cx {
    /// For `%` in values.
    pub specifiers: Specifiers,
    /// Problems found since the last [`Cx::drain`].
    pub problems: Vec<Diagnostic>,
    /// The last assignment of every known key, for messages about several of them.
    pub written: BTreeMap<String, Assignment>,
    /// The last header of the kind's own section, such as `[Service]`.
    pub header: Option<Text>,
    /// Whether an assignment or a line was refused: what is missing then may be what it should have said.
    pub failed: bool,
    /// What the unit asks for and PID 1 cannot do yet, by key: what `bake` has to say about it.
    pub lacking: Vec<(String, Diagnostic)>,
}

impl Cx {
    /// Nothing has been read yet.
    pub fn new(specifiers: Specifiers) -> Self {
        Self {
            specifiers,
            problems: Vec::new(),
            written: BTreeMap::new(),
            header: None,
            failed: false,
            lacking: Vec::new(),
        }
    }

    /// Notes what `bake` has to say about the assignment `a`, in place of what it had to say of an earlier one.
    pub fn later(&mut self, a: &Assignment, problem: Option<Diagnostic>) {
        let key = a.key.as_str();
        self.lacking.retain(|(other, _)| other != key);
        self.lacking.extend(problem.map(|problem| (key.to_owned(), problem)));
    }

    /// Hands the problems on.
    pub fn drain(&mut self, sink: &mut Diagnostics) {
        self.problems.drain(..).for_each(|problem| sink.push(problem));
    }
}

/// A unit in the making.
pub struct Draft {
    /// The unit, with the defaults of its kind.
    pub unit: Unit,
    /// `DefaultInstance=` of a template, or empty.
    pub default_instance: String,
    /// `Type=`, if written: the default depends on `ExecStart=`.
    pub service_type: Option<ServiceType>,
    /// `PermissionsStartOnly=`, which is about commands that may follow it.
    pub permissions_start_only: bool,
    /// `TimeoutStartSec=`, if written: the default depends on the type.
    pub timeout_start: Option<Micros>,
    /// `TimeoutAbortSec=`, if written: the default is `TimeoutStopSec=`.
    pub timeout_abort: Option<Micros>,
    /// `OOMPolicy=`, if written: the default depends on `Delegate=`.
    pub oom_policy: Option<OomPolicy>,
    /// `RestartKillSignal=`, if written: the default is `KillSignal=`.
    pub restart_signal: Option<u8>,
    /// Mode and names of each directory setting, in the order of [`DirectoryKind::ALL`].
    pub directories: [(u16, Vec<directory::Entry>); DirectoryKind::ALL.len()],
}

impl Draft {
    /// A unit of which nothing has been read.
    pub fn new(name: &UnitName, file: &std::path::Path) -> Self {
        let unit = Unit::new(&name.full, kind(name.suffix), START_LIMIT);
        Self {
            unit: Unit { file: Some(file.to_owned()), ..unit },
            default_instance: String::new(),
            service_type: None,
            permissions_start_only: false,
            timeout_start: None,
            timeout_abort: None,
            oom_policy: None,
            restart_signal: None,
            directories: std::array::from_fn(|_| (0o755, Vec::new())),
        }
    }

    /// [Service]. Its directives are looked up for services only.
    pub fn service(&mut self) -> &mut Service {
        let Kind::Service(service) = &mut self.unit.kind else { unreachable!("a directive of [Service]") };
        service
    }

    /// [Socket]. Its directives are looked up for sockets only; likewise below.
    pub fn socket(&mut self) -> &mut Socket {
        let Kind::Socket(socket) = &mut self.unit.kind else { unreachable!("a directive of [Socket]") };
        socket
    }

    /// [Timer].
    pub fn timer(&mut self) -> &mut Timer {
        let Kind::Timer(timer) = &mut self.unit.kind else { unreachable!("a directive of [Timer]") };
        timer
    }

    /// [Path].
    pub fn path(&mut self) -> &mut Path {
        let Kind::Path(path) = &mut self.unit.kind else { unreachable!("a directive of [Path]") };
        path
    }

    /// [Mount].
    pub fn mount(&mut self) -> &mut Mount {
        let Kind::Mount(mount) = &mut self.unit.kind else { unreachable!("a directive of [Mount]") };
        mount
    }

    /// [Swap].
    pub fn swap(&mut self) -> &mut Swap {
        let Kind::Swap(swap) = &mut self.unit.kind else { unreachable!("a directive of [Swap]") };
        swap
    }

    /// What systemd.resource-control(5) says. Its directives are looked up for kinds with a cgroup only.
    pub fn resources(&mut self) -> &mut Resources {
        self.unit.kind.resources_mut().expect("a directive of systemd.resource-control(5)")
    }

    /// What systemd.exec(5) says. Its directives are looked up for kinds with processes only.
    pub fn exec(&mut self) -> &mut Exec {
        self.unit.kind.exec_mut().expect("a directive of systemd.exec(5)")
    }

    /// What systemd.kill(5) says. Its directives are looked up for kinds with processes only.
    pub fn kill(&mut self) -> &mut Kill {
        self.unit.kind.kill_mut().expect("a directive of systemd.kill(5)")
    }
}

/// Every kind's (system.conf: DefaultStartLimitIntervalSec=, DefaultStartLimitBurst=).
pub const START_LIMIT: StartLimit = StartLimit { interval: Micros::from_secs(10), burst: 5 };

/// A unit of the kind `suffix` when its file sets nothing.
fn kind(suffix: &str) -> Kind {
    match suffix {
        "service" => Kind::Service(Box::new(service())),
        other => super::kinds::kind(other).unwrap_or(Kind::Target),
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
        start_failure_mode: FailureMode::Terminate,
        stop_failure_mode: FailureMode::Terminate,
        runtime_max: Micros::FOREVER,
        runtime_extra: Micros::ZERO,
        restart_direct: false,
        restart_steps: 0,
        restart_delay_max: Micros::FOREVER,
        exit_with_last: false,
        pid_file: String::new(),
        guess_main_pid: true,
        notify_access: NotifyAccess::None,
        ready_fd: 0,
        watchdog: Micros::ZERO,
        reload_signal: 1,
        oom_policy: OomPolicy::Stop,
        non_blocking: false,
        of_socket: false,
        per_connection: false,
        store_max: 0,
        store_preserve: Preserve::Restart,
        kill: kill(),
        commands: Vec::new(),
        exec: exec(),
        resources: Resources::default(),
    }
}

/// How processes are ended when nothing is said of it.
pub const fn kill() -> Kill {
    Kill {
        mode: KillMode::ControlGroup,
        signal: 15,
        restart_signal: 15,
        final_signal: 9,
        watchdog_signal: 6,
        send_sighup: false,
        send_sigkill: true,
    }
}

/// A process of which nothing is said.
pub fn exec() -> Exec {
    let unset = || Located { value: String::new(), place: None };
    Exec {
        user: unset(),
        group: unset(),
        supplementary_groups: Vec::new(),
        dynamic_user: false,
        environment: Vec::new(),
        environment_files: Vec::new(),
        pass_environment: Vec::new(),
        unset_environment: Vec::new(),
        search_path: Vec::new(),
        login_environment: LoginEnvironment::IfUser,
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
        protect: Protect::default(),
        view: View::default(),
        namespaces: Namespaces::host(),
        scheduling: Scheduling::default(),
        secure_bits: 0,
        keyring: Keyring::Private,
        system_calls: Policy::default(),
        remove_ipc: false,
        directories: Vec::new(),
        runtime_directory_preserve: Preserve::No,
        credentials: Vec::new(),
        stdin: Stdin::Null,
        stdout: Stdout::Inherit,
        stderr: Stdout::Inherit,
        stdin_path: String::new(),
        stdin_data: Vec::new(),
        stdout_path: String::new(),
        stderr_path: String::new(),
        tty_path: "/dev/console".to_owned(),
        terminal: Terminal::AS_IT_IS,
        syslog_identifier: String::new(),
        logging: Logging::DEFAULT,
        ignore_sigpipe: true,
    }
}
