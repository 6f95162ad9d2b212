//! Jobs: what is to be done with a unit. Each unit has at most one; a new one that contradicts it takes its place.
//! Here they come to be, with those of all whom a start or a stop takes along; `turn` runs them.

use super::{
    Instant, State, Supervisor,
    set::{UnitSet, Walk},
    status::is_device,
    unit::Note,
};
use crate::{
    table::{Lists, Micros, Relation, UnitAction, UnitId},
    wire::{ActiveState, JobResult},
};

kept! {
/// What is to be done with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// What.
    pub(super) kind: JobKind,
    /// How far it is.
    pub(super) phase: Phase,
}
}

kept! {
/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for its turn.
    Waiting,
    /// It waited for a unit that failed to start: it ends without being tried.
    Doomed,
    /// Its turn has come, but the unit has conditions that somebody has to look at.
    Conditions,
    /// Somebody is looking.
    Examined,
    /// They hold: it waits for its turn again, as the neighbours did not wait meanwhile.
    Met,
    /// It has begun.
    Running,
}
}

impl Job {
    /// A job that waits.
    pub(super) const fn waiting(kind: JobKind) -> Self {
        Self { kind, phase: Phase::Waiting }
    }

    /// A job that has begun.
    pub(super) const fn running(kind: JobKind) -> Self {
        Self { kind, phase: Phase::Running }
    }

    /// Whether it is of `kind` and has begun.
    pub(super) fn is_running(self, kind: JobKind) -> bool {
        self == Self::running(kind)
    }
}

kept! {
/// The kinds of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobKind {
    /// Bring it up.
    Start,
    /// Bring it down.
    Stop,
    /// Bring it down, then up. Until it is down this counts as a stop.
    Restart,
    /// Have it read its configuration again.
    Reload,
}
}

impl JobKind {
    /// Whether it brings the unit down.
    pub(super) const fn is_stop(self) -> bool {
        match self {
            Self::Start | Self::Reload => false,
            Self::Stop | Self::Restart => true,
        }
    }
}

/// A job that gives way to nothing but the machine's end.
pub(super) const IRREVERSIBLE: u8 = 1;
/// A job that waits for nobody.
pub(super) const UNORDERED: u8 = 1 << 1;

/// Who goes down with a unit when a job says so.
const DEPENDENTS: Lists = Lists::REQUIRED_BY.and(Lists::of(Relation::Parts));
/// The same, and those that a stop takes along.
pub(super) const STOPPED_ALONG: Lists = DEPENDENTS.and(Lists::of(Relation::StoppedAlong));

impl Supervisor<'_> {
    /// Starts `root` and all that it pulls in. With `forced`, stops that are under way for `root` and what it requires
    /// are called off; without, whoever is being stopped stays so.
    pub(super) fn enqueue_start(&mut self, root: UnitId, forced: bool) {
        let Some(banned) = self.transaction(root) else { return self.refuse_start(root) };
        let mut required = Walk::from(root);
        let mut wanted = UnitSet::EMPTY;
        loop {
            // Required units first, so that one that is also only wanted counts as required.
            let (id, forced) = match required.next() {
                Some(id) => (id, forced),
                None => match wanted.pop() {
                    Some(id) => (id, false),
                    None => break,
                },
            };
            if banned.contains(id) || self.is_barred(id) || !self.add_start(id, forced) {
                continue; // what is only wanted gives way to what is required
            }
            if id != root && self.peek(id).job.is_none() {
                continue; // it is up: what it asks for was there when it came up
            }
            let Some(unit) = self.head(id) else { continue };
            self.stop_conflicting(id);
            let mut only_wanted = Lists::WANTS.and(Lists::of(Relation::Upholds));
            if forced {
                unit.each(Lists::REQUIRES, &mut |id| required.add(id));
            } else {
                only_wanted = only_wanted.and(Lists::REQUIRES);
            }
            unit.each(only_wanted, &mut |id| {
                if required.seen.insert(id) {
                    wanted.insert(id);
                }
            });
        }
    }

    /// Gives `id` a start job unless it is up; whether what it pulls in is to be started too.
    pub(super) fn add_start(&mut self, id: UnitId, forced: bool) -> bool {
        let kind = self.peek(id).job.map(|job| job.kind);
        let marks = self.marks;
        match kind {
            _ if self.switch.bans(id) => false,
            Some(JobKind::Start | JobKind::Restart) => {
                self.at(id).job_flags |= marks;
                true
            }
            Some(JobKind::Stop) if !forced || self.is_firm(id, true) => false,
            Some(JobKind::Stop) => {
                self.replace_job(id, Some(JobKind::Start));
                true
            }
            Some(JobKind::Reload) if self.peek(id).state.is_settled() => true,
            Some(JobKind::Reload) => {
                self.replace_job(id, Some(JobKind::Start));
                true
            }
            None => {
                if !self.peek(id).state.is_up() {
                    self.new_job(id, JobKind::Start);
                }
                true
            }
        }
    }

    /// Stops `root` and all that requires it.
    pub(super) fn enqueue_stop(&mut self, root: UnitId) {
        self.stop_reached(root, STOPPED_ALONG);
    }

    /// Stops `root` and all that `lists` lead to by way of units that are there (transaction.c, `transaction_drop_redundant` and
    /// `transaction_collect_garbage`: what only a job without effect asks for does not happen).
    pub(super) fn stop_reached(&mut self, root: UnitId, lists: Lists) {
        if !self.stays_plugged(root) {
            self.for_reached(root, lists, &mut |supervisor, id| {
                let there = id == root || !supervisor.peek(id).is_down();
                supervisor.add_stop(id);
                there
            });
        }
    }

    /// Restarts `root` and whoever requires it and is up. What is down and was not named stays down, but for what a start of
    /// `root` pulls in.
    pub(super) fn enqueue_restart(&mut self, root: UnitId) {
        if self.transaction(root).is_none() {
            return self.refuse_start(root);
        }
        self.add_restart(root);
        self.stop_conflicting(root);
        self.restart_dependents(root);
        if self.peek(root).job.is_some_and(|job| matches!(job.kind, JobKind::Start | JobKind::Restart)) {
            self.enqueue_start(root, true);
        }
    }

    /// Restarts whoever requires `root` and is up or on its way. Not who is on the way down, perhaps for somebody's sake
    /// (job.c, `job_type_collapse` of a try-restart).
    pub(super) fn restart_dependents(&mut self, root: UnitId) {
        self.for_reached(root, DEPENDENTS, &mut |supervisor, id| {
            let state = supervisor.peek(id).state;
            let there = !state.is_down() && state.active() != ActiveState::Deactivating;
            if id != root && there {
                supervisor.add_restart(id);
                supervisor.stop_conflicting(id);
            }
            there || id == root
        });
    }

    /// Gives `id` a stop job unless it is down.
    pub(super) fn add_stop(&mut self, id: UnitId) {
        let down = self.peek(id).state.is_down();
        match self.peek(id).job.map(|job| job.kind) {
            Some(JobKind::Stop) => {
                let marks = self.marks;
                self.at(id).job_flags |= marks;
            }
            Some(JobKind::Start | JobKind::Restart | JobKind::Reload) if self.is_firm(id, false) => {}
            Some(JobKind::Start | JobKind::Restart | JobKind::Reload) => {
                self.replace_job(id, (!down).then_some(JobKind::Stop));
            }
            None if down => {}
            None => self.new_job(id, JobKind::Stop),
        }
    }

    /// Whether `id` is a device that is there: nobody can stop one, unless it goes along with the table (device.c has no stop,
    /// and unit.c, `unit_job_is_applicable`).
    pub(super) fn stays_plugged(&self, id: UnitId) -> bool {
        self.peek(id).state == State::Active
            && !self.run.is_shutting_down()
            && !self.switch.is_moving()
            && self.head(id).is_some_and(|unit| is_device(unit.name.as_str()))
    }

    pub(super) fn add_restart(&mut self, id: UnitId) {
        let down = self.peek(id).state.is_down();
        match self.peek(id).job.map(|job| job.kind) {
            _ if self.switch.bans(id) || self.stays_plugged(id) => {}
            Some(JobKind::Restart) => {}
            Some(JobKind::Start) if down => {}
            // Whoever waits for the start waits for the restart.
            Some(JobKind::Start) => self.at(id).job = Some(Job::waiting(JobKind::Restart)),
            Some(JobKind::Stop) if self.is_firm(id, true) => {}
            Some(JobKind::Stop | JobKind::Reload) => self.replace_job(id, Some(JobKind::Restart)),
            None => self.new_job(id, if down { JobKind::Start } else { JobKind::Restart }),
        }
    }

    /// Calls the job of `id` off in favour of another or none.
    pub(super) fn replace_job(&mut self, id: UnitId, kind: Option<JobKind>) {
        self.clients.job_ended(id, JobResult::Canceled);
        self.boot_job_ended(id, JobResult::Canceled);
        let marks = self.marks;
        let record = self.at(id);
        record.job = kind.map(Job::waiting);
        (record.job_at, record.job_timed, record.job_flags) =
            (None, 0, if kind.is_some() { marks } else { 0 });
        self.wake_neighbours(id);
    }

    fn new_job(&mut self, id: UnitId, kind: JobKind) {
        let marks = self.marks;
        let record = self.at(id);
        (record.job, record.job_flags) = (Some(Job::waiting(kind)), marks);
    }

    /// Whether `id` has a job that gives way to nothing, and that is a `stop` or is none.
    pub(super) fn is_firm(&self, id: UnitId, stop: bool) -> bool {
        let record = self.peek(id);
        record.job_flags & IRREVERSIBLE != 0
            && record.job.is_some_and(|job| (job.kind == JobKind::Stop) == stop)
            && !self.run.is_shutting_down()
    }

    /// Takes note of when the job of `id` has taken too long: `JobTimeoutSec=` counts from when it began to wait,
    /// `JobRunningTimeoutSec=` from when its turn came (job.c, `job_start_timer`).
    pub(super) fn time_job(&mut self, id: UnitId) {
        let record = self.peek(id);
        let Some(job) = record.job else { return };
        let running = job.phase == Phase::Running;
        let timed = record.job_timed;
        if timed > u8::from(running) {
            return;
        }
        let Some(manners) = self.manners(id) else { return };
        let now = self.now;
        let after = |span: Micros| if span == Micros::ZERO { None } else { now.after(span) };
        let record = self.at(id);
        if timed == 0 {
            record.job_at = after(manners.job_timeout);
        }
        if running {
            record.job_at = Instant::earlier(record.job_at, after(manners.job_running_timeout));
        }
        record.job_timed = if running { 2 } else { 1 };
    }

    /// The job of `id` has taken too long: it ends, and what it has begun goes on without it. Not while the machine ends:
    /// nobody stays up for that, and it has a time of its own.
    pub(super) fn job_timed_out(&mut self, id: UnitId) {
        self.at(id).job_at = None;
        if self.run.is_shutting_down() {
            return;
        }
        self.at(id).notes.add(Note::JobTimedOut);
        self.finish_job(id, JobResult::Timeout);
        self.restart_is_off(id);
        let action = self.manners(id).map_or(UnitAction::None, |manners| manners.job_timeout_action);
        self.act(id, action, u8::MAX, true);
    }
}
