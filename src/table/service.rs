//! The service record: what it runs, when it counts as up, and how it is ended.
//!
//! Sources: systemd.service(5), systemd.kill(5).

use super::{Exec, ExitSet, List, Micros, NotifyAccess, Preserve, StrList};

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
        /// `TimeoutAbortSec=`: after `Kill::watchdog_signal`.
        pub timeout_abort: Micros,
        /// `TimeoutStartFailureMode=`.
        pub start_failure_mode: FailureMode,
        /// `TimeoutStopFailureMode=`.
        pub stop_failure_mode: FailureMode,
        /// `RuntimeMaxSec=`: how long the service may be up.
        pub runtime_max: Micros,
        /// `RuntimeRandomizedExtraSec=`: up to so much more.
        pub runtime_extra: Micros,
        /// `RestartMode=direct`: no restart counts as a failure or an end to others.
        pub restart_direct: bool,
        /// `RestartSteps=`: how many restarts it takes from `restart_delay` to `restart_delay_max`; 0 for none.
        pub restart_steps: u32,
        /// `RestartMaxDelaySec=`.
        pub restart_delay_max: Micros,
        /// By how much the delay grows with each step: the bits of an `f64`.
        pub restart_growth: u64,
        /// `ExitType=cgroup`: the service is up as long as any of its processes lives.
        pub exit_with_last: bool,
        /// `PIDFile=`: a path below / or empty.
        pub pid_file: &'t str,
        /// `GuessMainPID=`.
        pub guess_main_pid: bool,
        /// `NotifyAccess=`, what the type implies included.
        pub notify_access: NotifyAccess,
        /// `X-ReadyFd=`: the descriptor that a newline comes out of when the service is ready; 0 if it says so otherwise.
        pub ready_fd: u8,
        /// `WatchdogSec=`: how long the service may stay silent; zero switches the watchdog off.
        pub watchdog: Micros,
        /// `ReloadSignal=` of `Type=notify-reload`.
        pub reload_signal: u8,
        /// `OOMPolicy=`.
        pub oom_policy: OomPolicy,
        /// `NonBlocking=`: reads of the sockets that it is given may answer EAGAIN.
        pub non_blocking: bool,
        /// It is what a socket runs: in the place of `ExecStart=` it opens what it listens on, and closes that before
        /// `ExecStopPost=`. Its `ExecStop=` is `ExecStopPre=`.
        pub of_socket: bool,
        /// It is started by a socket with `Accept=yes`, and is given one connection.
        pub per_connection: bool,
        /// `FileDescriptorStoreMax=`.
        pub store_max: u32,
        /// `FileDescriptorStorePreserve=`.
        pub store_preserve: Preserve,
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
        /// When it says `READY=1` (sd_notify(3)).
        Notify,
        /// Like `Notify`; a reload is a signal, and over when it says so.
        NotifyReload,
        /// When `ExecStart=` has ended well and left a daemon behind.
        Forking,
        /// With no message bus to ask for its name: as `Exec`.
        Dbus,
        /// As `Simple`, but not before all other jobs that run have ended, or five seconds have passed.
        Idle,
    }
}

choice! {
    /// `TimeoutStartFailureMode=`, `TimeoutStopFailureMode=`: what comes first when a time is up.
    pub enum FailureMode {
        /// `KillSignal=`.
        Terminate,
        /// `WatchdogSignal=`.
        Abort,
        /// `FinalKillSignal=`.
        Kill,
    }
}

choice! {
    /// `OOMPolicy=`: what follows when the kernel has killed a process of the unit for want of memory.
    pub enum OomPolicy {
        /// Nothing but what the end of that process means.
        Continue,
        /// The unit stops.
        Stop,
        /// The kernel kills all of the unit's processes, and so does PID 1.
        Kill,
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
        /// `RestartKillSignal=`: the first try when the unit is to start again.
        pub restart_signal: u8,
        /// `FinalKillSignal=`: the last one.
        pub final_signal: u8,
        /// `WatchdogSignal=`: in place of the first one for a service that is silent or is to be aborted.
        pub watchdog_signal: u8,
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
        /// What carries it out.
        pub call: Call,
        /// The program: an absolute path, or a name to look up in the search path. Of another call: where it is made.
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
        /// `!`: no change of user and groups; the rest holds, capabilities too. (`!!` is baked as `Restricted`: every kernel
        /// tomte runs on has ambient capabilities.)
        KeepIds,
        /// `+`: no sandbox and no change of user, but the unit's own network, IPC and [`super::Exec::view_privileged`].
        Full,
    }
}

choice! {
    /// What carries a command line out: a program, or the child itself in the place of one. The words are those of
    /// `linux::plan::Call`.
    pub enum Call {
        /// execve(2).
        Execute,
        /// The same for a program that mounts: there is a mount point first.
        Helper,
        /// mount(2), of mount units.
        Mount,
        /// umount(2).
        Unmount,
        /// swapon(2), of swap units.
        SwapOn,
        /// swapoff(2).
        SwapOff,
        /// Counting boots in a file.
        Count,
        /// finit_module(2) of a kernel module and of those that it depends on.
        LoadModule,
        /// The same for what the devices there are ask for.
        LoadForDevices,
        /// Writing a word to a file of the kernel's.
        Write,
        /// chown(2) and chmod(2) of all that a pattern matches.
        Own,
        /// The wall clock, set forward if it is behind.
        ClockFloor,
        /// The time of a file's last change, set to the present.
        Touch,
        /// The kernel's random numbers, seeded from a file.
        LoadSeed,
        /// The same file, filled for the next boot.
        SaveSeed,
        /// /etc/machine-id, made if there is none.
        MachineId,
        /// mkswap(8).
        MakeSwap,
        /// fsck(8).
        Check,
        /// The root that an initramfs leaves for.
        Root,
        /// Addresses and routes of a network interface.
        Network,
    }
}
