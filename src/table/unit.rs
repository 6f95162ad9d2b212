//! The unit record: what it is called, what it needs, and what it does.
//!
//! Sources: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5). Defaults are the baker's business:
//! a record always says everything.

use serde::Serialize;

use super::{ExitSet, IdList, IdentityId, List, Micros, Name, StrList};
use crate::record::{Read, Reader};

record! {
    /// One unit.
    pub struct Unit<'t> {
        /// Full name with suffix.
        pub name: Name<'t>,
        /// `Description=`, or empty.
        pub description: &'t str,
        /// `Wants=`: started along; their failure does not matter.
        pub wants: IdList<'t>,
        /// `Requires=`: started along; if they fail to start and `after` orders them first, this unit fails too.
        pub requires: IdList<'t>,
        /// Inverse of `requires`: stopped when this unit is stopped.
        pub required_by: IdList<'t>,
        /// `After=` and others' `Before=`, implicit ones included: these start first and stop last.
        pub after: IdList<'t>,
        /// Inverse of `after`.
        pub before: IdList<'t>,
        /// `StartLimitIntervalSec=` and `StartLimitBurst=`.
        pub start_limit: StartLimit,
        /// What the unit does.
        pub kind: Kind<'t>,
    }
}

impl<'t> Unit<'t> {
    /// The service, if it is one. Borrowed: a record is several hundred bytes.
    pub const fn service(&self) -> Option<&Service<'t>> {
        match &self.kind {
            Kind::Service(service) => Some(service),
            Kind::Target => None,
        }
    }
}

/// The kinds of unit and what only they have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "records are decoded on the stack, one at a time; there is no box"
)]
pub enum Kind<'t> {
    /// A point in the graph.
    Target,
    /// Processes.
    Service(Service<'t>),
}

impl<'t> Read<'t> for Kind<'t> {
    fn read(from: &mut Reader<'t>) -> Self {
        if bool::read(from) { Self::Service(Service::read(from)) } else { Self::Target }
    }
}

record! {
    /// A fixed window: it opens at a start and allows `burst` of them until `interval` has passed.
    #[derive(Eq)]
    pub struct StartLimit {
        /// Length of the window; zero switches the limit off.
        pub interval: Micros,
        /// Starts allowed in one window.
        pub burst: u32,
    }
}

record! {
    /// A service.
    pub struct Service<'t> {
        /// `Type=`.
        pub service_type: ServiceType,
        /// `RemainAfterExit=`.
        pub remain_after_exit: bool,
        /// `Restart=`.
        pub restart: Restart,
        /// `RestartSec=`.
        pub restart_delay: Micros,
        /// `SuccessExitStatus=`, beyond 0 and the four clean signals.
        pub success_exit_status: ExitSet,
        /// `RestartPreventExitStatus=`.
        pub restart_prevent_exit_status: ExitSet,
        /// `RestartForceExitStatus=`.
        pub restart_force_exit_status: ExitSet,
        /// `TimeoutStartSec=`.
        pub timeout_start: Micros,
        /// `TimeoutStopSec=`.
        pub timeout_stop: Micros,
        /// `KillMode=`, `KillSignal=` and the rest of systemd.kill(5).
        pub kill: Kill,
        /// All `Exec*=` lines.
        pub commands: Commands<'t>,
        /// Everything about the processes themselves.
        pub exec: Exec<'t>,
    }
}

choice! {
    /// `Type=`: when a service counts as started.
    pub enum ServiceType {
        /// As soon as the process exists.
        Simple,
        /// When execve has succeeded.
        Exec,
        /// When every `ExecStart=` has ended well.
        Oneshot,
    }
}

choice! {
    /// `Restart=`: which ends lead to a new start (systemd-semantics.md §5 has the table).
    #[expect(
        missing_docs,
        reason = "systemd.service(5) names them; the table in supervisor/restart.rs explains them"
    )]
    pub enum Restart {
        No,
        Always,
        OnSuccess,
        OnFailure,
        OnAbnormal,
        OnAbort,
        OnWatchdog,
    }
}

record! {
    /// How processes are ended: systemd.kill(5).
    #[derive(Eq)]
    pub struct Kill {
        /// `KillMode=`.
        pub mode: KillMode,
        /// `KillSignal=`: the first try.
        pub signal: u8,
        /// `FinalKillSignal=`: the last one.
        pub final_signal: u8,
        /// `SendSIGHUP=`: HUP right after the first signal.
        pub send_sighup: bool,
        /// `SendSIGKILL=`: whether the final signal is sent at all.
        pub send_sigkill: bool,
    }
}

choice! {
    /// `KillMode=`: who gets the signals.
    pub enum KillMode {
        /// Every process of the unit, both times.
        ControlGroup,
        /// The main process first, every process at the end.
        Mixed,
        /// The main process only.
        Process,
        /// Nobody.
        None,
    }
}

record! {
    /// The `Exec*=` lines, a list for each kind.
    #[derive(Default)]
    pub struct Commands<'t> {
        /// `ExecCondition=`.
        pub condition: List<'t, Command<'t>>,
        /// `ExecStartPre=`.
        pub start_pre: List<'t, Command<'t>>,
        /// `ExecStart=`.
        pub start: List<'t, Command<'t>>,
        /// `ExecStartPost=`.
        pub start_post: List<'t, Command<'t>>,
        /// `ExecReload=`.
        pub reload: List<'t, Command<'t>>,
        /// `ExecStop=`.
        pub stop: List<'t, Command<'t>>,
        /// `ExecStopPost=`.
        pub stop_post: List<'t, Command<'t>>,
    }
}

impl<'t> Commands<'t> {
    /// The list of one kind.
    pub const fn of(&self, kind: CommandKind) -> List<'t, Command<'t>> {
        match kind {
            CommandKind::Condition => self.condition,
            CommandKind::StartPre => self.start_pre,
            CommandKind::Start => self.start,
            CommandKind::StartPost => self.start_post,
            CommandKind::Reload => self.reload,
            CommandKind::Stop => self.stop,
            CommandKind::StopPost => self.stop_post,
        }
    }
}

choice! {
    /// Which `Exec*=` a command line stands in.
    #[expect(missing_docs, reason = "systemd.service(5) names them")]
    pub enum CommandKind {
        Condition,
        StartPre,
        Start,
        StartPost,
        Reload,
        Stop,
        StopPost,
    }
}

impl CommandKind {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 7] = [
        Self::Condition,
        Self::StartPre,
        Self::Start,
        Self::StartPost,
        Self::Reload,
        Self::Stop,
        Self::StopPost,
    ];

    /// The setting's name.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Condition => "ExecCondition",
            Self::StartPre => "ExecStartPre",
            Self::Start => "ExecStart",
            Self::StartPost => "ExecStartPost",
            Self::Reload => "ExecReload",
            Self::Stop => "ExecStop",
            Self::StopPost => "ExecStopPost",
        }
    }
}

record! {
    /// One command line. Words are unquoted and unescaped, specifiers resolved; `$` is left to the child.
    pub struct Command<'t> {
        /// The program: an absolute path, or a name to look up in the search path.
        pub path: &'t str,
        /// argv, argv\[0\] included (it differs from `path` after the `@` prefix).
        pub argv: StrList<'t>,
        /// `-`: a failure counts as success.
        pub ignore_failure: bool,
        /// `:` absent: `$NAME` and `${NAME}` are replaced.
        pub expand: bool,
        /// `+` and `!`.
        pub privilege: Privilege,
    }
}

choice! {
    /// How much of the unit's restrictions a command line is spared.
    pub enum Privilege {
        /// None of it: the ordinary case.
        Restricted,
        /// `!`: no change of user, groups and capabilities; the rest holds. (`!!` is baked as `Restricted`: every kernel
        /// tomte runs on has ambient capabilities.)
        KeepIds,
        /// `+`: no sandbox and no change of user.
        Full,
    }
}

record! {
    /// Everything about a service's processes: systemd.exec(5).
    pub struct Exec<'t> {
        /// `User=`: a name, a decimal number, or empty for root. With `DynamicUser=` the derived name.
        pub user: &'t str,
        /// `Group=`: a name, a decimal number, or empty for the user's own.
        pub group: &'t str,
        /// `SupplementaryGroups=`.
        pub supplementary_groups: StrList<'t>,
        /// `DynamicUser=`.
        pub dynamic_user: bool,
        /// Where the user's number comes from if no static user has the name. Absent for numbers and without `DynamicUser=`.
        pub user_identity: Option<IdentityId>,
        /// The same for the group; equal to `user_identity` when one number serves both.
        pub group_identity: Option<IdentityId>,
        /// `Environment=`, merged: each name once, the last assignment won.
        pub environment: StrList<'t>,
        /// `WorkingDirectory=`: a path, `~` for the user's home, or empty for `/`.
        pub working_directory: &'t str,
        /// Its `-` prefix: may be missing.
        pub working_directory_optional: bool,
        /// `UMask=`.
        pub umask: u16,
        /// `Limit*=`.
        pub rlimits: List<'t, Rlimit>,
        /// `CapabilityBoundingSet=`: bit n is capability n. All ones: untouched.
        pub capability_bounding_set: u64,
        /// `AmbientCapabilities=`.
        pub ambient_capabilities: u64,
        /// `NoNewPrivileges=`.
        pub no_new_privileges: bool,
        /// `PrivateTmp=`.
        pub private_tmp: PrivateTmp,
        /// `ProtectSystem=`.
        pub protect_system: ProtectSystem,
        /// `ProtectHome=`.
        pub protect_home: ProtectHome,
        /// `RestrictSUIDSGID=`.
        pub restrict_suid_sgid: bool,
        /// `RemoveIPC=`.
        pub remove_ipc: bool,
        /// `RuntimeDirectory=` and its kind, in the order of [`DirectoryKind::ALL`], kinds without names left out.
        pub directories: List<'t, Directories<'t>>,
        /// `RuntimeDirectoryPreserve=`.
        pub runtime_directory_preserve: Preserve,
        /// `StandardInput=`.
        pub stdin: Stdin,
        /// `StandardOutput=`.
        pub stdout: Stdout,
        /// `StandardError=`.
        pub stderr: Stdout,
        /// `TTYPath=`.
        pub tty_path: &'t str,
        /// `SyslogIdentifier=`, or empty for the program's name.
        pub syslog_identifier: &'t str,
        /// `IgnoreSIGPIPE=`.
        pub ignore_sigpipe: bool,
    }
}

record! {
    /// One resource limit of setrlimit(2). `u64::MAX` is infinity.
    #[derive(Eq)]
    pub struct Rlimit {
        /// The kernel's RLIMIT number.
        pub resource: u8,
        /// Soft limit.
        pub soft: u64,
        /// Hard limit.
        pub hard: u64,
    }
}

choice! {
    /// `PrivateTmp=`.
    pub enum PrivateTmp {
        /// The host's /tmp and /var/tmp.
        No,
        /// Directories of the unit's own below the host's, removed when it stops.
        Connected,
        /// A tmpfs of the unit's own, gone with its namespace.
        Disconnected,
    }
}

choice! {
    /// `ProtectSystem=`.
    #[expect(missing_docs, reason = "systemd.exec(5) names them")]
    pub enum ProtectSystem {
        No,
        Yes,
        Full,
        Strict,
    }
}

choice! {
    /// `ProtectHome=`.
    #[expect(missing_docs, reason = "systemd.exec(5) names them")]
    pub enum ProtectHome {
        No,
        Yes,
        ReadOnly,
        Tmpfs,
    }
}

record! {
    /// The names of one directory setting.
    pub struct Directories<'t> {
        /// Which setting.
        pub kind: DirectoryKind,
        /// `…DirectoryMode=`.
        pub mode: u16,
        /// Normalised, sorted (parents first), relative to the kind's prefix.
        pub names: StrList<'t>,
    }
}

choice! {
    /// The five directory settings of systemd.exec(5).
    #[expect(missing_docs, reason = "the methods say what each stands for")]
    pub enum DirectoryKind {
        Runtime,
        State,
        Cache,
        Logs,
        Configuration,
    }
}

impl DirectoryKind {
    /// All of them, in systemd's order.
    pub const ALL: [Self; 5] = [Self::Runtime, Self::State, Self::Cache, Self::Logs, Self::Configuration];

    /// The directory that the names are below.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Runtime => "/run",
            Self::State => "/var/lib",
            Self::Cache => "/var/cache",
            Self::Logs => "/var/log",
            Self::Configuration => "/etc",
        }
    }

    /// The setting's name.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Runtime => "RuntimeDirectory",
            Self::State => "StateDirectory",
            Self::Cache => "CacheDirectory",
            Self::Logs => "LogsDirectory",
            Self::Configuration => "ConfigurationDirectory",
        }
    }

    /// The environment variable that lists the paths.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Runtime => "RUNTIME_DIRECTORY",
            Self::State => "STATE_DIRECTORY",
            Self::Cache => "CACHE_DIRECTORY",
            Self::Logs => "LOGS_DIRECTORY",
            Self::Configuration => "CONFIGURATION_DIRECTORY",
        }
    }
}

choice! {
    /// `RuntimeDirectoryPreserve=`.
    pub enum Preserve {
        /// Removed whenever the unit goes down.
        No,
        /// Kept over automatic restarts.
        Restart,
        /// Never removed.
        Yes,
    }
}

choice! {
    /// `StandardInput=`.
    pub enum Stdin {
        /// /dev/null.
        Null,
        /// The terminal of `TTYPath=`.
        Tty,
    }
}

choice! {
    /// `StandardOutput=` and `StandardError=`.
    pub enum Stdout {
        /// The descriptor before it: stdin for stdout, stdout for stderr.
        Inherit,
        /// /dev/null.
        Null,
        /// The terminal of `TTYPath=`.
        Tty,
        /// The log.
        Journal,
    }
}
