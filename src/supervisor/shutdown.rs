//! The run as a whole: boot, the report of a test run, and the way out.

use super::{Action, Instant, Log, Supervisor, Until, emergency::Haste, unit::Record};
use crate::{
    table::{Micros, UnitId},
    wire::{Ended, JobResult, Power},
};

/// How long a shutdown takes at most, whatever the units' own timeouts say (systemd's shutdown targets have the same
/// `JobTimeoutSec=`).
pub const SHUTDOWN_TIMEOUT: Micros = Micros::from_secs(30 * 60);

kept! {
/// Where the run is.
#[derive(Debug)]
pub(super) struct Run {
    boot: Boot,
    /// What boot starts.
    target: UnitId,
    /// The default target's start is over, but not told yet.
    boot_log: bool,
    report: Report,
    exit: Exit,
    /// How much time the end takes.
    haste: Haste,
    /// What a container's PID 1 exits with.
    status: u8,
    /// Whose action it is, and whether that is what follows when a job has taken too long.
    reason: Option<(UnitId, bool)>,
}
}

kept! {
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Boot {
    /// The default target is being started.
    Running,
    /// It was reached.
    Reached(Instant),
    /// It was not.
    Failed,
}
}

kept! {
/// The report of a test run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    /// Nobody wants one, or it is written.
    Settled,
    /// When nothing moves any more.
    WhenIdle,
    /// At that moment; `None` is never.
    At(Option<Instant>),
    /// Now.
    Due {
        /// Why.
        ended: Ended,
        /// What comes after.
        power: Power,
    },
    /// The shell writes it; what comes after.
    Asked(Power),
}
}

kept! {
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Nobody has asked.
    None,
    /// Units are being stopped.
    Stopping {
        /// What comes after.
        power: Power,
        /// When the rest is left behind.
        deadline: Option<Instant>,
        /// Whether people know.
        told: bool,
        /// The deadline has passed.
        late: bool,
    },
    /// The last action is out.
    Left,
}
}

impl Run {
    pub(super) const fn new() -> Self {
        Self {
            boot: Boot::Running,
            target: UnitId(u16::MAX),
            boot_log: false,
            report: Report::Settled,
            exit: Exit::None,
            haste: Haste::Orderly,
            status: 0,
            reason: None,
        }
    }

    /// Whether the last action is out.
    pub(super) const fn has_left(&self) -> bool {
        matches!(self.exit, Exit::Left)
    }

    /// The end that is asked for next is in such haste, and has `status` if it has one of its own.
    pub(super) fn hurry(&mut self, haste: Haste, status: Option<u8>, reason: (UnitId, bool)) {
        self.reason = Some(reason);
        self.haste = self.haste.max(haste);
        self.status = status.unwrap_or(self.status);
    }

    /// Whether no start is accepted any more.
    pub(super) const fn is_shutting_down(&self) -> bool {
        !matches!(self.exit, Exit::None)
    }

    pub(super) const fn is_booting(&self) -> bool {
        matches!(self.boot, Boot::Running)
    }

    /// That shutdown begins, said once.
    pub(super) const fn next_log(&mut self) -> Option<Log> {
        match &mut self.exit {
            Exit::Stopping { power, told: told @ false, .. } => {
                *told = true;
                Some(Log::ShuttingDown(*power))
            }
            Exit::None | Exit::Stopping { .. } | Exit::Left => None,
        }
    }

    /// When the default target was reached.
    pub(super) const fn reached(&self) -> Option<Instant> {
        match self.boot {
            Boot::Reached(at) => Some(at),
            Boot::Running | Boot::Failed => None,
        }
    }

    /// The default target's first start is over.
    pub(super) fn boot_ended(&mut self, now: Instant, reached: bool) {
        if self.boot == Boot::Running {
            self.boot = if reached { Boot::Reached(now) } else { Boot::Failed };
            self.boot_log = reached;
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let report = match self.report {
            Report::At(at) => at,
            Report::Settled | Report::WhenIdle | Report::Due { .. } | Report::Asked(_) => None,
        };
        let exit = match self.exit {
            Exit::Stopping { deadline, late: false, .. } => deadline,
            Exit::None | Exit::Stopping { .. } | Exit::Left => None,
        };
        Instant::earlier(report, exit)
    }
}

/// Nobody turns a machine on again that somebody else is turning off: a later wish only goes further.
const fn reach(power: Power) -> u8 {
    match power {
        Power::SoftReboot => 0,
        Power::Reboot => 1,
        Power::Kexec => 2,
        Power::Halt => 3,
        Power::PowerOff => 4,
    }
}

impl Supervisor<'_> {
    #[inline(never)]
    pub(super) fn boot(&mut self, random: u64, until: Option<Until>, target: Option<UnitId>) {
        self.pool.seed(random);
        self.run.report = match until {
            None => Report::Settled,
            Some(Until::Idle) => Report::WhenIdle,
            Some(Until::Elapsed(span)) => Report::At(self.now.after(span)),
        };
        self.watch_over_boot();
        let target = target.unwrap_or(self.table.board().default_target);
        self.run.target = target;
        self.enqueue_start(target, true);
        if self.peek(target).job.is_none() {
            self.boot_failed();
        }
    }

    /// Somebody asks for the end. A report that is wanted comes first; who asks twice does not wait for it.
    pub(super) fn shutdown_asked(&mut self, power: Power) {
        match self.run.report {
            Report::WhenIdle | Report::At(_) => self.run.report = Report::Due { ended: Ended::Signal, power },
            Report::Settled | Report::Due { .. } | Report::Asked(_) => {
                if let Report::Asked(_) = self.run.report {
                    self.run.report = Report::Settled;
                }
                self.shut_down(power);
            }
        }
    }

    pub(super) fn reported(&mut self) {
        if let Report::Asked(power) = self.run.report {
            self.run.report = Report::Settled;
            self.shut_down(power);
        }
    }

    fn shut_down(&mut self, power: Power) {
        match &mut self.run.exit {
            Exit::None => {
                let deadline = self.now.after(SHUTDOWN_TIMEOUT);
                let late = self.run.haste != Haste::Orderly;
                self.run.exit = Exit::Stopping { power, deadline, told: false, late };
                self.watch_over_shutdown();
                for id in self.ids() {
                    self.add_stop(id);
                }
            }
            Exit::Stopping { power: agreed, .. } => {
                if reach(power) > reach(*agreed) {
                    *agreed = power;
                }
            }
            Exit::Left => {}
        }
    }

    pub(super) fn run_deadline(&mut self) {
        let now = self.now;
        if let Report::At(Some(at)) = self.run.report
            && at <= now
        {
            self.run.report = Report::Due { ended: Ended::Timeout, power: Power::PowerOff };
        }
        if let Exit::Stopping { deadline: Some(at), late, .. } = &mut self.run.exit {
            *late |= *at <= now;
        }
    }

    /// What is due when nothing is due for any unit.
    pub(super) fn due_of_all(&mut self) -> Option<Action> {
        if core::mem::take(&mut self.run.boot_log) {
            return Some(Action::Log(Log::BootFinished));
        }
        if self.release_idle() || self.stop_unneeded() {
            return self.next_action();
        }
        if let Some(action) = self.due_survey() {
            return Some(action);
        }
        if let Some(action) = self.due_of_switch() {
            return Some(action);
        }
        if self.run.report == Report::WhenIdle && self.is_idle() {
            self.run.report = Report::Due { ended: Ended::Idle, power: Power::PowerOff };
        }
        if let Report::Due { ended, power } = self.run.report {
            self.run.report = Report::Asked(power);
            return Some(Action::Report { ended });
        }
        self.due_of_exit()
    }

    fn due_of_exit(&mut self) -> Option<Action> {
        if self.clients.wants_reexec() {
            return Some(Action::Reexec { switch: false });
        }
        let down = self.rooms.units.iter().all(|unit| unit.state.is_down());
        let Exit::Stopping { power, late, .. } = self.run.exit else { return None };
        if !down && !late {
            return None;
        }
        self.clients.time_is_up();
        if let Some((client, answer)) = self.clients.next_reply() {
            return Some(Action::Reply { client, answer });
        }
        self.run.exit = Exit::Left;
        let immediate = self.run.haste == Haste::Immediate;
        Some(Action::Leave { power, immediate, status: self.run.status, reason: self.run.reason })
    }

    /// Whether nothing moves any more, and nothing will by itself.
    fn is_idle(&self) -> bool {
        self.rooms.units.iter().all(Record::is_settled) && !self.is_switching()
    }

    /// The default target's start has ended: boot is over.
    pub(super) fn boot_job_ended(&mut self, id: UnitId, result: JobResult) {
        if !self.run.is_booting() || self.run.target != id {
            return;
        }
        match result {
            JobResult::Done => self.run.boot_ended(self.now, true),
            // Somebody wants something else.
            JobResult::Canceled | JobResult::Skipped => self.run.boot_ended(self.now, false),
            JobResult::Timeout
            | JobResult::Failed
            | JobResult::Dependency
            | JobResult::Assert
            | JobResult::Invalid => self.boot_failed(),
        }
    }

    /// What boot was to start could not be: somebody has to look after it.
    fn boot_failed(&mut self) {
        self.run.boot_ended(self.now, false);
        let rescue = self.table.board().rescue;
        if let Some(rescue) = rescue.filter(|_| !self.run.is_shutting_down()) {
            self.enqueue_start(rescue, true);
        }
    }

    pub(super) fn stop_is_pending(&self, id: UnitId) -> bool {
        self.peek(id).job.is_some_and(|job| job.kind.is_stop())
    }
}
