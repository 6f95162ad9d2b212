//! The kinds of units, and what each has of its own.

use tomte::table::{
    CommandKind, ExitSet, FailureMode, Kill, Micros, NotifyAccess, OomPolicy, Preserve, Restart, ServiceType,
};

use super::{Command, Exec, Located, Mount, Path, Resources, Socket, Swap, Timer};

/// What a unit is.
#[derive(Clone, Debug)]
pub enum Kind {
    Target,
    Service(Box<Service>),
    Socket(Box<Socket>),
    Timer(Box<Timer>),
    Path(Box<Path>),
    Mount(Box<Mount>),
    Swap(Box<Swap>),
    Slice(Box<Resources>),
    /// Its node. Nobody writes such units: they come of being named.
    Device(String),
}

impl Kind {
    /// The suffix of such units' names.
    pub const fn suffix(&self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Service(_) => "service",
            Self::Socket(_) => "socket",
            Self::Timer(_) => "timer",
            Self::Path(_) => "path",
            Self::Mount(_) => "mount",
            Self::Swap(_) => "swap",
            Self::Slice(_) => "slice",
            Self::Device(_) => "device",
        }
    }

    /// Whether PID 1 can start such units, so that the table has them.
    pub const fn is_started(&self) -> bool {
        !matches!(self, Self::Slice(_))
    }

    /// The service, if it is one, or is one for the table and PID 1: mounts and swaps are oneshots whose commands are
    /// calls, and sockets may have commands.
    pub fn service(&self) -> Option<&Service> {
        match self {
            Self::Service(service) => Some(service),
            Self::Mount(mount) => Some(&mount.service),
            Self::Swap(swap) => Some(&swap.service),
            Self::Socket(socket) => Some(&socket.process).filter(|process| !process.commands.is_empty()),
            Self::Target | Self::Timer(_) | Self::Path(_) | Self::Slice(_) | Self::Device(_) => None,
        }
    }

    /// What systemd.exec(5) says of its processes, if it has any.
    pub fn exec_mut(&mut self) -> Option<&mut Exec> {
        match self {
            Self::Service(unit) => Some(&mut unit.exec),
            Self::Socket(unit) => Some(&mut unit.process.exec),
            Self::Mount(unit) => Some(&mut unit.service.exec),
            Self::Swap(unit) => Some(&mut unit.service.exec),
            Self::Target | Self::Timer(_) | Self::Path(_) | Self::Slice(_) | Self::Device(_) => None,
        }
    }

    /// The same, to look at.
    pub fn exec(&self) -> Option<&Exec> {
        match self {
            Self::Service(unit) => Some(&unit.exec),
            Self::Socket(unit) => Some(&unit.process.exec),
            Self::Mount(unit) => Some(&unit.service.exec),
            Self::Swap(unit) => Some(&unit.service.exec),
            Self::Target | Self::Timer(_) | Self::Path(_) | Self::Slice(_) | Self::Device(_) => None,
        }
    }

    /// What its cgroup may use, if it has one.
    pub fn resources(&self) -> Option<&Resources> {
        match self {
            Self::Service(unit) => Some(&unit.resources),
            Self::Socket(unit) => Some(&unit.process.resources),
            Self::Mount(unit) => Some(&unit.service.resources),
            Self::Swap(unit) => Some(&unit.service.resources),
            Self::Slice(resources) => Some(resources),
            Self::Target | Self::Timer(_) | Self::Path(_) | Self::Device(_) => None,
        }
    }

    /// The same, to be set.
    pub fn resources_mut(&mut self) -> Option<&mut Resources> {
        match self {
            Self::Service(unit) => Some(&mut unit.resources),
            Self::Socket(unit) => Some(&mut unit.process.resources),
            Self::Mount(unit) => Some(&mut unit.service.resources),
            Self::Swap(unit) => Some(&mut unit.service.resources),
            Self::Slice(resources) => Some(resources),
            Self::Target | Self::Timer(_) | Self::Path(_) | Self::Device(_) => None,
        }
    }

    /// The unit that it starts, if that is what it is for: a name, or a template of names.
    pub fn triggers(&self) -> Option<&Located<String>> {
        match self {
            Self::Socket(unit) => Some(&unit.service),
            Self::Timer(unit) => Some(&unit.unit),
            Self::Path(unit) => Some(&unit.unit),
            Self::Target
            | Self::Service(_)
            | Self::Mount(_)
            | Self::Swap(_)
            | Self::Slice(_)
            | Self::Device(_) => None,
        }
    }

    /// How its processes are ended, if it has any.
    pub fn kill_mut(&mut self) -> Option<&mut Kill> {
        match self {
            Self::Service(unit) => Some(&mut unit.kill),
            Self::Socket(unit) => Some(&mut unit.process.kill),
            Self::Mount(unit) => Some(&mut unit.service.kill),
            Self::Swap(unit) => Some(&mut unit.service.kill),
            Self::Target | Self::Timer(_) | Self::Path(_) | Self::Slice(_) | Self::Device(_) => None,
        }
    }
}

/// [Service], as `tomte::table::Service`.
#[derive(Clone, Debug)]
pub struct Service {
    pub service_type: ServiceType,
    pub remain_after_exit: bool,
    pub restart: Restart,
    pub restart_delay: Micros,
    pub success_exit_status: ExitSet,
    pub restart_prevent_exit_status: ExitSet,
    pub restart_force_exit_status: ExitSet,
    pub timeout_start: Micros,
    pub timeout_stop: Micros,
    pub timeout_abort: Micros,
    pub start_failure_mode: FailureMode,
    pub stop_failure_mode: FailureMode,
    pub runtime_max: Micros,
    pub runtime_extra: Micros,
    pub restart_direct: bool,
    pub restart_steps: u32,
    /// `RestartMaxDelaySec=`; without steps it means nothing.
    pub restart_delay_max: Micros,
    pub exit_with_last: bool,
    pub pid_file: String,
    pub guess_main_pid: bool,
    pub notify_access: NotifyAccess,
    /// 0 without one.
    pub ready_fd: u8,
    pub watchdog: Micros,
    pub reload_signal: u8,
    pub oom_policy: OomPolicy,
    pub non_blocking: bool,
    /// It is started for a connection of a socket with `Accept=yes`.
    pub of_socket: bool,
    pub per_connection: bool,
    pub store_max: u32,
    pub store_preserve: Preserve,
    pub kill: Kill,
    /// All command lines, in the order of the file within each kind.
    pub commands: Vec<(CommandKind, Command)>,
    pub exec: Exec,
    pub resources: Resources,
}
