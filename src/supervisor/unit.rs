//! What the supervisor remembers of one unit. Kept small: there are up to 256 of these in PID 1's memory.

use super::{
    Instant, Log, Outcome, Pid, Slot, Which,
    job::Job,
    limit::Window,
    state::{Process, State},
    timer::Timing,
};
use crate::{
    table::{CommandKind, Micros, NotifyAccess, UnitId},
    wire::{ExitStatus, Failure, ServiceResult, Whom},
};

kept! {
/// One unit's record. Copied as a whole where it is put in place: field by field is 1,700 bytes of code.
#[derive(Clone, Copy, Debug)]
#[repr(C)] // what most code looks at is within 128 bytes of the beginning
pub(super) struct Record {
    /// Where it is in its life.
    pub(super) state: State,
    /// What is to be done with it.
    pub(super) job: Option<Job>,
    /// The main slot.
    pub(super) main: Process,
    /// The control slot.
    pub(super) control: Process,
    /// What is to be told.
    pub(super) notes: Notes,
    /// The first failure since the start.
    pub(super) result: ServiceResult,
    /// Which `ExecStart=` the main process is.
    pub(super) main_index: u8,
    /// Which command the control process is: it outlasts the state that it was made in.
    pub(super) control_command: (CommandKind, u8),
    /// Whether processes may be left: set by every spawn, cleared when the shell says that none is.
    pub(super) populated: bool,
    /// Whether a process has run since the last removal of what it may have left.
    pub(super) touched: bool,
    /// The shell holds streams for its processes, until it is down.
    pub(super) given: bool,
    /// Somebody asked for the unit to be down: no automatic restart.
    pub(super) forbid_restart: bool,
    /// The user's number is held for this unit.
    pub(super) holds_user: bool,
    /// So is a number of the group's own.
    pub(super) holds_group: bool,
    /// The main process is still a child on its way to execve.
    pub(super) main_unexecuted: bool,
    /// The main process has not said yet what it runs as.
    pub(super) main_unidentified: bool,
    /// Nor has the one beside it.
    pub(super) control_unidentified: bool,
    /// The slot whose process is the first to run under a number: nobody else gets it before it has said that it does.
    pub(super) probe: Option<Slot>,
    /// The next child may still name a number that its directories belong to.
    pub(super) suggest: bool,
    /// How many children said that their number does not fit, in this start.
    pub(super) unfits: u8,
    /// Whether it is known which process is the main one, or that there is none.
    pub(super) main_known: bool,
    /// A child looks at the unit's conditions.
    pub(super) examined: bool,
    /// The place of the condition that did not hold.
    pub(super) unmet: u8,
    /// How often on end a start was short of room, memory or descriptors.
    pub(super) scarce: u8,
    /// How far `job_at` is known: not, since the job waits, since it runs.
    pub(super) job_timed: u8,
    /// What else holds for the job: [`super::job::IRREVERSIBLE`] and its kind.
    pub(super) job_flags: u8,
    /// The timer or path that this unit was started by; of a path, the place in its list: `$TRIGGER_*`.
    pub(super) trigger: Option<(UnitId, Option<u8>)>,
    /// The signal that followed the last timeout, 0 for none.
    pub(super) timeout_signal: u8,
    /// Who is to get which signal: somebody asks, or the process in the control slot has taken too long for a reload.
    pub(super) kill: Option<(Whom, u8)>,
    /// The process to be taken for the main one.
    pub(super) adopt: Option<Which>,
    /// What the service has announced before it was up, and what is to follow then.
    pub(super) announced: Announced,
    /// How the main process ended in this start.
    pub(super) main_exit: Option<ExitStatus>,
    /// The main process has ended so; whether another one has taken its place is being asked.
    pub(super) succession: Option<ExitStatus>,
    /// `NotifyAccess=`, or what the service has put in its place.
    pub(super) access: NotifyAccess,
    /// `ERRNO=`, 0 for none.
    pub(super) errno: u16,
    /// The unit whose failure is this unit's: the start is off.
    pub(super) blame: Option<UnitId>,
    /// Of a socket that takes connections: there is one.
    pub(super) connection: bool,
    /// Which paths were there when they were last looked at, if what has changed since counts.
    pub(super) seen: Option<u16>,
    /// The step that failed in this start.
    pub(super) failure: Option<Failure>,
    /// NRestarts.
    pub(super) restarts: u32,
    /// What the main process runs as.
    pub(super) uid: Option<u32>,
    /// Its group.
    pub(super) gid: Option<u32>,
    /// Somebody spoke for the unit who may not: it has been said.
    pub(super) refused: Option<Pid>,
    /// `WatchdogSec=`, or what the service has put in its place.
    pub(super) watchdog: Micros,
    /// When the service has been silent for too long.
    pub(super) watchdog_at: Option<Instant>,
    /// Whose end this unit was started for, and how that was: `$MONITOR_*`.
    pub(super) monitor: Option<(UnitId, Outcome)>,
    /// When the job has taken too long.
    pub(super) job_at: Option<Instant>,
    /// When it is started again because somebody upholds it.
    pub(super) uphold_at: Option<Instant>,
    /// How long it stayed down before that: it grows as long as the unit does not come up.
    pub(super) uphold_pause: Micros,
    /// When `PIDFile=` is looked at again, and how long is waited after that: it grows.
    pub(super) pid_file_at: Option<Instant>,
    pub(super) pid_file_pause: Micros,
    /// Until when `Type=idle` waits for others.
    pub(super) idle_until: Option<Instant>,
    /// When the service has been up for as long as it may.
    pub(super) runtime_at: Option<Instant>,
    /// When the last start began.
    pub(super) started: Option<Instant>,
    /// When the unit last became active.
    pub(super) ready: Option<Instant>,
    /// The start limit's memory.
    pub(super) window: Window,
    /// `TriggerLimitIntervalSec=`'s, and `PollLimitIntervalSec=`'s.
    pub(super) triggers: Window,
    pub(super) polls: Window,
    /// When the unit last came to rest.
    pub(super) ended: Option<Instant>,
    /// Of a timer: when it elapsed and will.
    pub(super) timing: Timing,
}
}

impl Record {
    /// A unit that nothing has happened to.
    #[inline(never)] // 300 bytes of zeros wherever it is asked for
    pub(super) const fn new() -> Self {
        Self {
            state: State::Dead,
            job: None,
            main: Process::None,
            control: Process::None,
            main_index: 0,
            control_command: (CommandKind::Condition, 0),
            populated: false,
            touched: false,
            given: false,
            forbid_restart: false,
            holds_user: false,
            holds_group: false,
            main_unexecuted: false,
            main_unidentified: false,
            control_unidentified: false,
            probe: None,
            suggest: true,
            unfits: 0,
            watchdog: Micros::ZERO,
            watchdog_at: None,
            announced: Announced::Nothing,
            adopt: None,
            monitor: None,
            trigger: None,
            job_at: None,
            job_timed: 0,
            job_flags: 0,
            uphold_at: None,
            uphold_pause: Micros::ZERO,
            main_known: false,
            succession: None,
            pid_file_at: None,
            pid_file_pause: Micros::ZERO,
            idle_until: None,
            runtime_at: None,
            kill: None,
            refused: None,
            access: NotifyAccess::None,
            errno: 0,
            result: ServiceResult::Success,
            main_exit: None,
            failure: None,
            uid: None,
            gid: None,
            restarts: 0,
            started: None,
            ready: None,
            window: Window::CLOSED,
            triggers: Window::CLOSED,
            polls: Window::CLOSED,
            ended: None,
            timing: Timing::NONE,
            seen: None,
            connection: false,
            notes: Notes::NONE,
            blame: None,
            examined: false,
            unmet: 0,
            scarce: 0,
            timeout_signal: 0,
        }
    }

    /// When something is due although nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let others = Instant::earlier(self.state.deadline(), self.uphold_at);
        let others = Instant::earlier(others, self.job_at);
        Instant::earlier(others, self.service_deadline())
    }

    /// The first time of those that only a service has, besides its state's.
    pub(super) fn service_deadline(&self) -> Option<Instant> {
        let times = [self.watchdog_at, self.runtime_end(), self.pid_file_at, self.idle_until];
        times.into_iter().fold(None, Instant::earlier)
    }

    /// When it has been up for too long. A reload may still end, and a stop has a time of its own (service.c,
    /// `service_enter_reload` and `service_enter_stop` arm the same timer).
    pub(super) fn runtime_end(&self) -> Option<Instant> {
        self.runtime_at.filter(|_| self.state == State::Running)
    }

    /// Whether the unit stays as it is unless something happens to it.
    pub(super) const fn is_settled(&self) -> bool {
        let replaced = matches!(self.main, Process::Wanted | Process::Asked | Process::Unfit { .. });
        self.job.is_none()
            && self.state.is_settled()
            && !replaced
            && !self.main_unexecuted
            && self.uphold_at.is_none()
    }

    /// Whether nothing is going on with the unit, and nothing is left of it.
    pub(super) const fn is_down(&self) -> bool {
        self.state.is_down() && self.job.is_none()
    }

    /// A main process that is still to be made will not be.
    pub(super) fn forgo_main(&mut self) {
        self.idle_until = None;
        if self.main == Process::Wanted {
            self.main = Process::None;
        }
    }

    /// Keeps the first failure: later ones are its consequences.
    pub(super) fn note_result(&mut self, result: ServiceResult) {
        if self.result == ServiceResult::Success {
            self.result = result;
        }
    }

    /// Takes out the next thing to tell.
    pub(super) fn next_log(&mut self, id: UnitId) -> Option<Log> {
        let note = self.notes.pop()?;
        let nobody = Pid(0);
        Some(match note {
            Note::OomKilled => Log::OomKilled(id),
            Note::JobTimedOut => Log::JobTimedOut(id),
            Note::WatchdogExpired => Log::WatchdogExpired(id, self.timeout_signal),
            Note::NoticeRefused => Log::NoticeRefused(id, self.refused.unwrap_or(nobody)),
            Note::NotAdopted => Log::NotAdopted(id),
            Note::RuntimeOver => Log::RuntimeOver(id),
            Note::Contradiction => Log::Contradiction(id, self.blame.unwrap_or(id)),
            Note::Acting => Log::Acting(id),
            Note::ReloadFailed => Log::ReloadFailed(id),
            Note::Reloaded => Log::Reloaded(id),
            Note::DependencyFailed => Log::DependencyFailed(id, self.blame.unwrap_or(id)),
            Note::ConditionUnmet => Log::ConditionUnmet(id, self.unmet),
            Note::AssertFailed => Log::AssertFailed(id, self.unmet),
            Note::NotExamined => Log::NotExamined(id),
            Note::TimedOut => Log::TimedOut(id, self.timeout_signal),
            Note::NoUidLeft => Log::NoUidLeft(id),
            Note::MainExited => Log::MainExited(id, self.main_exit.unwrap_or(ExitStatus::Exited(0))),
            Note::NotCleaned => Log::NotCleaned(id),
            Note::StartLimitHit => Log::StartLimitHit(id),
            Note::Failed => Log::Failed(id, self.result),
            Note::Stopped => Log::Stopped(id),
            Note::RestartScheduled => Log::RestartScheduled(id, self.restarts),
            Note::Started => Log::Started(id),
            Note::TriggerLimitHit => Log::TriggerLimitHit(id),
            Note::AlreadyActive => Log::AlreadyActive(id, self.blame.unwrap_or(id)),
        })
    }
}

kept! {
/// What a service has said about itself at a time when nothing followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// Nothing, or it is settled.
    Nothing,
    /// `RELOADING=1`.
    Reloading,
    /// `STOPPING=1`.
    Stopping,
}
}

/// One thing to tell about a unit; the particulars are in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    DependencyFailed,
    Contradiction,
    NoticeRefused,
    NotAdopted,
    OomKilled,
    JobTimedOut,
    WatchdogExpired,
    RuntimeOver,
    ConditionUnmet,
    AssertFailed,
    NotExamined,
    TimedOut,
    ReloadFailed,
    Reloaded,
    NoUidLeft,
    MainExited,
    NotCleaned,
    StartLimitHit,
    TriggerLimitHit,
    AlreadyActive,
    Failed,
    Stopped,
    RestartScheduled,
    Started,
    Acting,
}

impl Note {
    /// All of them, causes before consequences: the order in which they are told.
    const ALL: [Self; 25] = [
        Self::DependencyFailed,
        Self::Contradiction,
        Self::NoticeRefused,
        Self::NotAdopted,
        Self::JobTimedOut,
        Self::OomKilled,
        Self::WatchdogExpired,
        Self::RuntimeOver,
        Self::ConditionUnmet,
        Self::AssertFailed,
        Self::NotExamined,
        Self::TimedOut,
        Self::ReloadFailed,
        Self::Reloaded,
        Self::NoUidLeft,
        Self::MainExited,
        Self::NotCleaned,
        Self::RestartScheduled,
        Self::StartLimitHit,
        Self::TriggerLimitHit,
        Self::AlreadyActive,
        Self::Failed,
        Self::Stopped,
        Self::Started,
        Self::Acting,
    ];
}

kept! {
/// The notes of one unit that are not told yet, each at most once: no queue, so nothing can overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notes(u32);
}

impl Notes {
    /// Nothing to tell.
    pub(super) const NONE: Self = Self(0);

    /// Adds `note`.
    pub(super) const fn add(&mut self, note: Note) {
        self.0 |= 1 << note as u32;
    }

    fn pop(&mut self) -> Option<Note> {
        let note = Note::ALL.iter().copied().find(|note| self.0 & (1 << *note as u32) != 0)?;
        self.0 &= !(1 << note as u32);
        Some(note)
    }
}

/// Bytes of one record: 256 of them are in PID 1's memory when an image has that many units.
const RECORD_BYTES_MAX: usize = 424;

const _: () = assert!(size_of::<Record>() <= RECORD_BYTES_MAX, "PID 1 has 256 KiB for everything");
