//! The words for states and results: systemd's, shared by everything that shows or decides them.

use core::fmt;

use serde::Serialize;

use crate::{
    record::{Read, Reader},
    words,
};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[expect(missing_docs, reason = "the words are systemd's and documented there")]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word a person and a report read.
            pub fn as_str(self) -> &'static str {
                words::nth(concat!($($word, " ",)+), self as usize)
            }
        }

        impl Read<'_> for $name {
            #[inline(always)]
fn empty() -> Self {
 Self::ALL[0]
}

            fn read(from: &mut Reader<'_>) -> Self {
                match from.place(Self::ALL.len()) {
                    $(place if place == Self::$variant as usize => Self::$variant,)+
                    _ => Self::empty(),
                }
            }
        }

        keep_enum!($name { $($variant,)+ });

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The unit types tomte has (the suffix of the name).
    UnitType {
        Service = "service",
        Target = "target",
        Socket = "socket",
        Timer = "timer",
        Path = "path",
        Mount = "mount",
        Swap = "swap",
        Device = "device",
    }
}

words! {
    /// ActiveState (org.freedesktop.systemd1(5)).
    ActiveState {
        Inactive = "inactive",
        Activating = "activating",
        Active = "active",
        Reloading = "reloading",
        Deactivating = "deactivating",
        Failed = "failed",
    }
}

words! {
    /// SubState of all units (the tables in systemd's unit-def.c).
    SubState {
        Dead = "dead",
        Condition = "condition",
        StartPre = "start-pre",
        Start = "start",
        StartPost = "start-post",
        Running = "running",
        Exited = "exited",
        Reload = "reload",
        ReloadSignal = "reload-signal",
        ReloadNotify = "reload-notify",
        Stop = "stop",
        StopWatchdog = "stop-watchdog",
        StopSigterm = "stop-sigterm",
        StopSigkill = "stop-sigkill",
        StopPost = "stop-post",
        FinalWatchdog = "final-watchdog",
        FinalSigterm = "final-sigterm",
        FinalSigkill = "final-sigkill",
        Failed = "failed",
        AutoRestart = "auto-restart",
        /// Targets only.
        Active = "active",
        /// Sockets.
        Listening = "listening",
        /// Timers and paths.
        Waiting = "waiting",
        /// Timers that will not elapse again.
        Elapsed = "elapsed",
        /// Mounts, and swaps with other words.
        Mounting = "mounting",
        Mounted = "mounted",
        Remounting = "remounting",
        Unmounting = "unmounting",
        Activating = "activating",
        Deactivating = "deactivating",
        /// Sockets.
        StartChown = "start-chown",
        StopPre = "stop-pre",
        StopPreSigterm = "stop-pre-sigterm",
        StopPreSigkill = "stop-pre-sigkill",
        /// Devices.
        Plugged = "plugged",
    }
}

words! {
    /// Result of a unit: of a service (systemd-semantics.md §5), then of those that start others (socket.c, path.c).
    ServiceResult {
        Success = "success",
        ExitCode = "exit-code",
        Signal = "signal",
        CoreDump = "core-dump",
        Timeout = "timeout",
        Watchdog = "watchdog",
        StartLimitHit = "start-limit-hit",
        Resources = "resources",
        Protocol = "protocol",
        ExecCondition = "exec-condition",
        OomKill = "oom-kill",
        TriggerLimitHit = "trigger-limit-hit",
        ServiceStartLimitHit = "service-start-limit-hit",
        UnitStartLimitHit = "unit-start-limit-hit",
    }
}

words! {
    /// How a job ended (systemd's job.c).
    JobResult {
        Done = "done",
        Canceled = "canceled",
        Timeout = "timeout",
        Failed = "failed",
        Dependency = "dependency",
        Skipped = "skipped",
        Assert = "assert",
        Invalid = "invalid",
    }
}

words! {
    /// What a peer may be allowed to ask: the words of `[[allow]]` in board.toml. Its place is its bit in
    /// [`crate::table::Allow::verbs`].
    Verb {
        /// The state of units: everybody may.
        Status = "status",
        Start = "start",
        Stop = "stop",
        Restart = "restart",
        Reload = "reload",
        Isolate = "isolate",
        ResetFailed = "reset-failed",
        Kill = "kill",
        /// What narrows a unit.
        Posture = "posture",
        Shutdown = "shutdown",
        /// Whatever makes a peer as mighty as root: no rule can allow it.
        Rule = "rule",
    }
}

words! {
    /// Who of a unit gets a signal: the process in one of its slots, or every one.
    Whom {
        Main = "main",
        Control = "control",
        All = "all",
    }
}

words! {
    /// What comes after everything has stopped.
    Power { PowerOff = "poweroff", Reboot = "reboot", Halt = "halt", Kexec = "kexec", SoftReboot = "soft-reboot", }
}

words! {
    /// Why a run with a report ended.
    Ended { Idle = "idle", Signal = "signal", Timeout = "timeout", Panic = "panic", }
}

/// How a process ended: waitid(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ExitStatus {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(u8),
    /// By this signal, with a core dump.
    Dumped(u8),
}

keep_enum!(ExitStatus { Exited(u8), Killed(u8), Dumped(u8), });

impl Read<'_> for ExitStatus {
    #[inline(always)]
    fn empty() -> Self {
        Self::Exited(0)
    }

    fn read(from: &mut Reader<'_>) -> Self {
        match from.place(3) {
            0 => Self::Exited(Read::read(from)),
            1 => Self::Killed(Read::read(from)),
            _ => Self::Dumped(Read::read(from)),
        }
    }
}

impl ExitStatus {
    /// The word for the way it ended, as in `$EXIT_CODE`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Killed(_) => "killed",
            Self::Dumped(_) => "dumped",
        }
    }

    /// The exit code or the signal's number.
    pub const fn status(self) -> u8 {
        match self {
            Self::Exited(status) | Self::Killed(status) | Self::Dumped(status) => status,
        }
    }
}

record! {
    /// A step of a spawn that failed. The number is the place in `linux::STEPS`; who shows it knows the names.
    #[derive(Eq)]
    pub struct Failure {
        /// Which step.
        pub step: u8,
        /// The kernel's reason.
        pub errno: u16,
    }
}

keep_struct!(Failure { step, errno });
