//! What comes out: what whoever runs the supervisor is to do, to answer, and to say.

use super::{ClientId, Instant, Pid, Slot};
use crate::{
    table::{CommandKind, Micros, UnitId},
    wire::{Ended, ExitStatus, JobResult, Power, ServiceResult, Whom},
};

/// A process to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spawn {
    /// Whose.
    pub unit: UnitId,
    /// In which slot.
    pub slot: Slot,
    /// Which list of command lines.
    pub kind: CommandKind,
    /// Which one of it.
    pub index: u8,
    /// The number held for `user_identity`.
    pub uid: Option<u32>,
    /// The number held for `group_identity`.
    pub gid: Option<u32>,
    /// Whether the child may answer `Event::Unfit` because directories belong to another number; if not, it takes
    /// them over.
    pub suggest: bool,
    /// Nobody has run under the numbers since they were chosen: IPC objects that they own are another tenant's, and
    /// the child answers `Event::Unfit`. If not, such objects are the unit's own.
    pub fresh: bool,
    /// `$MAINPID`.
    pub main_pid: Option<Pid>,
    /// Whether it may speak for the unit: `$NOTIFY_SOCKET`.
    pub heard: bool,
    /// How long it may be silent, if that counts: `$WATCHDOG_USEC`.
    pub watchdog: Option<Micros>,
    /// Which of all starts it belongs to: `$INVOCATION_ID` follows from it.
    pub invocation: u64,
    /// The unit for whose end this one was started, and which start of that it was: `$MONITOR_UNIT`,
    /// `$MONITOR_SERVICE_RESULT` and so on.
    pub monitor: Option<(UnitId, Outcome, u64)>,
    /// What this unit was started by: `$TRIGGER_UNIT` and so on.
    pub trigger: Option<Trigger>,
    /// `$SERVICE_RESULT`, `$EXIT_CODE`, `$EXIT_STATUS` for `ExecStop=` and `ExecStopPost=`.
    pub outcome: Option<Outcome>,
}

/// A timer or a path that has started a unit (systemd.exec(5), `$TRIGGER_UNIT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// It.
    pub unit: UnitId,
    /// Of a path: the place in its list of what was found or has changed.
    pub watch: Option<u8>,
    /// Of a timer: when it elapsed, on the supervisor's clock and on the wall clock in microseconds since 1970.
    pub elapsed: Option<(Instant, u64)>,
}

kept! {
/// How the main process ended so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The unit's result.
    pub result: ServiceResult,
    /// The main process's end, if it has one.
    pub exit: Option<ExitStatus>,
}
}

kept! {
/// A process to be taken for the main one. It has to live, and is never PID 1 or one of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Named {
        /// `MAINPID=`.
        pid: Pid,
        /// Root says so: it may be any process. If not, it has to be one of the unit's.
        trusted: bool,
    },
    /// The one in `PIDFile=`: any process if only root can have written that, else one of the unit's.
    InFile {
        /// The start waits for it: why there is none is worth a message.
        awaited: bool,
    },
    /// The unit's only process that is a child of PID 1, if there is but one.
    Only,
}
}

/// What the shell is to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Make a process. Answered by `Event::Spawned` or `Event::SpawnFailed` before anything else happens.
    Spawn(Spawn),
    /// Take another process for the unit's main process; the one before it is none of its slots' any more. Answered by
    /// `Event::Adopted` before anything else happens.
    Adopt {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Which.
        which: Which,
    },
    /// Send a signal. Not answered: whoever is gone is gone, and the end of the others shows by itself.
    Kill {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Who gets it.
        whom: Whom,
        /// Which.
        signal: u8,
        /// SIGCONT follows, so that who is stopped can act on it (process-util.c, `kill_and_sigcont`): not after SIGKILL, and
        /// not when somebody has asked for just this signal.
        wakes: bool,
    },
    /// Remove what the unit's processes left, in a janitor child. Answered by `Event::Cleaned`, always.
    Clean {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Remove the runtime directories too.
        runtime_directories: bool,
        /// Close what is held for the unit: its connection, its store.
        descriptors: bool,
        /// Kill all that runs under this dynamic number and remove its IPC objects.
        uid: Option<u32>,
        /// The same for a dynamic group that has a number of its own.
        gid: Option<u32>,
    },
    /// Look what is mounted, and which swap is on, in a child. Answered by `Event::Surveyed`, always.
    Survey,
    /// Look at the unit's conditions, in a child. Answered by `Event::Examined`, always.
    Examine {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
    },
    /// Read the stamp file of a timer, or write it first, in a child. Answered by `Event::Stamped`, always.
    Stamp {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// It has elapsed just now.
        elapsed: bool,
    },
    /// Open what the unit waits for, or look at it again, in a child; what is opened is held until [`Action::Unwatch`].
    /// Answered by `Event::Watched`, always.
    Watch {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Whether the unit is on its way up: what it wants to be made is made then only.
        first: bool,
    },
    /// Listen to what is held for the unit. Answered by `Event::Readable` when something comes.
    Arm {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Drop what has come before.
        flush: bool,
    },
    /// Put the descriptors that came with the message that is being handled into the unit's store, as many as it takes, or
    /// take those with the message's name out.
    Store {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Which of the two.
        add: bool,
    },
    /// Take a connection of those that wait, and hold it for `instance` until that is cleaned up after; if nobody has that
    /// id, close it: there are too many. Answered by `Event::Accepted` before anything else happens, if there was one.
    Accept {
        /// The socket.
        unit: UnitId,
        /// The service.
        instance: UnitId,
    },
    /// Close what is held for the unit, whoever still opens it included. Answered by `Event::Cleaned`, always.
    Unwatch {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
    },
    /// Answer a client.
    Reply {
        #[expect(missing_docs, reason = "who asked")]
        client: ClientId,
        /// What to say.
        answer: Answer,
    },
    /// Tell people.
    Log(Log),
    /// Tell everybody the names of dynamic users: [`super::Supervisor::names`] has changed. Not answered.
    Names,
    /// Write the report of a test run. Answered by `Event::Reported`.
    Report {
        /// Why it ends.
        ended: Ended,
    },
    /// Take the record that came with the request to run a unit for the one at `unit`. Answered by `Event::Made` before
    /// anything else happens.
    Make {
        #[expect(missing_docs, reason = "who asked")]
        client: ClientId,
        #[expect(missing_docs, reason = "where it goes")]
        unit: UnitId,
    },
    /// Replace the program: whoever is PID 1 then loads what [`super::Supervisor::keep`] saves, and says so with
    /// [`super::Supervisor::replaced`]. Answered by `Event::NotReplaced` if that fails.
    Reexec {
        /// Whether it is to go on with the other table.
        switch: bool,
    },
    /// Open the table that came with the request and hand it to [`super::Supervisor::switch_to`] before anything else
    /// happens.
    Switch {
        /// In its place the one that was there before this one.
        back: bool,
    },
    /// Feed the watchdog, and have a child see whether the root file system answers, unless one is at it:
    /// `Event::Probed` if it does.
    Feed {
        /// Whether to ask that.
        probe: bool,
    },
    /// Every unit is down, or nobody waits for that: end the rest, sync, unmount, leave. Never answered.
    Leave {
        /// What comes then.
        power: Power,
        /// Whether even the rest is left as it is.
        immediate: bool,
        /// The exit status of a container's PID 1.
        status: u8,
        /// Whose action this is, if it is one: its `RebootArgument=` counts, or, if so, its `JobTimeoutRebootArgument=`.
        reason: Option<(UnitId, bool)>,
    },
}

/// An answer whose text the shell makes, from [`super::Supervisor::status`] where it is about units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The manager's status.
    Manager,
    /// All units from this id on, then the end.
    Units {
        /// The first id.
        from: u16,
    },
    /// One unit.
    Unit(UnitId),
    /// What narrows one unit, and what of it was applied.
    Posture(UnitId),
    /// A job has ended.
    Job(JobResult),
    /// It will be done.
    Accepted,
    /// No such unit.
    NoSuchUnit,
    /// Not for this peer.
    Denied,
    /// The unit takes that from other units only.
    Refused,
    /// Too much at once.
    Busy,
}

/// A line for people. The words are made by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// A unit became active, or a oneshot that does not stay so has done its work.
    Started(UnitId),
    /// A unit is down, as asked.
    Stopped(UnitId),
    /// A unit has failed.
    Failed(UnitId, ServiceResult),
    /// A start was not tried because of another unit.
    DependencyFailed(UnitId, UnitId),
    /// A start was passed over: the condition at this place did not hold.
    ConditionUnmet(UnitId, u8),
    /// A start has failed: the assertion at this place did not hold.
    AssertFailed(UnitId, u8),
    /// Nobody could look at the conditions: the start has failed.
    NotExamined(UnitId),
    /// The main process ended otherwise than well.
    MainExited(UnitId, ExitStatus),
    /// A restart is due after the delay; the number of it.
    RestartScheduled(UnitId, u32),
    /// Starts came too fast.
    StartLimitHit(UnitId),
    /// What a socket or path waits for came too often.
    TriggerLimitHit(UnitId),
    /// A socket cannot start while its service, the other unit, runs without it.
    AlreadyActive(UnitId, UnitId),
    /// A step's timeout has passed; the signal that follows, or 0 when what is left is given up.
    TimedOut(UnitId, u8),
    /// A start is refused: it requires a unit that conflicts with another one that it requires.
    Contradiction(UnitId, UnitId),
    /// What follows is what the unit asks for at such an end (`FailureAction=` and its kind).
    Acting(UnitId),
    /// The kernel has killed a process of the unit for want of memory.
    OomKilled(UnitId),
    /// A job of the unit has taken too long.
    JobTimedOut(UnitId),
    /// The service was silent for too long; the signal that follows.
    WatchdogExpired(UnitId, u8),
    /// A message came from a process that may not speak for the unit: said once for each start.
    NoticeRefused(UnitId, Pid),
    /// The service named a main process that is none of its own, or gone.
    NotAdopted(UnitId),
    /// The service was up for as long as it may be.
    RuntimeOver(UnitId),
    /// A reload has failed.
    ReloadFailed(UnitId),
    /// A reload has ended well.
    Reloaded(UnitId),
    /// No number is left for the unit's dynamic user.
    NoUidLeft(UnitId),
    /// What the unit left could not be removed; its number stays taken.
    NotCleaned(UnitId),
    /// The default target is reached.
    BootFinished,
    /// All vital units have been up for long enough.
    Healthy,
    /// A vital unit has been down for too long.
    Sick(UnitId),
    /// This unit has been down for too long: all vital units are restarted together.
    Regrouped(UnitId),
    /// The watchdog is not fed any more: because of this unit, or because the root file system does not answer or the
    /// shutdown does not end.
    Starving(Option<UnitId>),
    /// Shutdown begins.
    ShuttingDown(Power),
    /// Something happened that cannot: said once, contained, counted.
    Impossible(&'static str, UnitId),
}

impl Log {
    /// The unit that it is about.
    pub const fn unit(&self) -> Option<UnitId> {
        match *self {
            Self::Started(unit)
            | Self::Stopped(unit)
            | Self::Failed(unit, _)
            | Self::DependencyFailed(unit, _)
            | Self::ConditionUnmet(unit, _)
            | Self::AssertFailed(unit, _)
            | Self::NotExamined(unit)
            | Self::MainExited(unit, _)
            | Self::RestartScheduled(unit, _)
            | Self::StartLimitHit(unit)
            | Self::TriggerLimitHit(unit)
            | Self::AlreadyActive(unit, _)
            | Self::TimedOut(unit, _)
            | Self::Contradiction(unit, _)
            | Self::Acting(unit)
            | Self::OomKilled(unit)
            | Self::JobTimedOut(unit)
            | Self::WatchdogExpired(unit, _)
            | Self::NoticeRefused(unit, _)
            | Self::NotAdopted(unit)
            | Self::RuntimeOver(unit)
            | Self::ReloadFailed(unit)
            | Self::Reloaded(unit)
            | Self::NoUidLeft(unit)
            | Self::NotCleaned(unit)
            | Self::Sick(unit)
            | Self::Regrouped(unit)
            | Self::Impossible(_, unit) => Some(unit),
            Self::Starving(unit) => unit,
            Self::BootFinished | Self::Healthy | Self::ShuttingDown(_) => None,
        }
    }
}
