//! Jobs: what is to be done with a unit. Each unit has at most one; a new one that contradicts it takes its place.
//!
//! Nothing is ordered in advance. A waiting job is looked at whenever it or a neighbour has changed, and runs when
//! systemd's rules let it: a start waits for every job of the units it comes after, and for stops on either side; a
//! stop waits for the stops of the units that come after it (systemd.unit(5), `Before=`). A stop never waits for a
//! start, and the baker has refused cycles, so somebody can always go on.

use super::{State, Supervisor, restart, set::UnitSet, state::Rest, unit::Note};
use crate::{
    table::{CommandKind, Kind, Micros, Relation, Unit, UnitId},
    wire::{JobResult, ServiceResult},
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

impl Supervisor<'_> {
    /// Starts `root` and all that it pulls in. With `forced`, stops that are under way for `root` and what it requires
    /// are called off; without, whoever is being stopped stays so.
    pub(super) fn enqueue_start(&mut self, root: UnitId, forced: bool) {
        let Some(banned) = self.transaction(root) else { return self.refuse_start(root) };
        let mut seen = UnitSet::EMPTY;
        let mut wanted = UnitSet::EMPTY;
        let mut required = UnitSet::EMPTY;
        seen.insert(root);
        required.insert(root);
        loop {
            // Required units first, so that one that is also only wanted counts as required.
            let (id, forced) = match required.pop() {
                Some(id) => (id, forced),
                None => match wanted.pop() {
                    Some(id) => (id, false),
                    None => break,
                },
            };
            if banned.contains(id) || !self.add_start(id, forced) {
                continue; // what is only wanted gives way to what is required
            }
            let Some(unit) = self.unit(id) else { continue };
            if !unit.related.is_empty() {
                self.stop_conflicting(id);
                unit.related(Relation::Upholds).filter(|id| seen.insert(*id)).for_each(|id| {
                    wanted.insert(id);
                });
            }
            let pulled = if forced { &mut required } else { &mut wanted };
            unit.requires.iter().filter(|id| seen.insert(*id)).for_each(|id| {
                pulled.insert(id);
            });
            unit.wants.iter().filter(|id| seen.insert(*id)).for_each(|id| {
                wanted.insert(id);
            });
        }
    }

    /// Gives `id` a start job unless it is up; whether what it pulls in is to be started too.
    fn add_start(&mut self, id: UnitId, forced: bool) -> bool {
        match self.peek(id).job.map(|job| job.kind) {
            Some(JobKind::Start | JobKind::Restart) => true,
            Some(JobKind::Stop) if !forced => false,
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
                match self.peek(id).state {
                    State::Running | State::Reloading { .. } | State::Exited | State::Active => {}
                    State::Dead
                    | State::Failed
                    | State::Command { .. }
                    | State::Kill { .. }
                    | State::Clean { .. }
                    | State::AutoRestart { .. }
                    | State::RestartDue => self.at(id).job = Some(Job::waiting(JobKind::Start)),
                }
                true
            }
        }
    }

    /// Stops `root` and all that requires it.
    pub(super) fn enqueue_stop(&mut self, root: UnitId) {
        self.for_dependents(root, true, Self::add_stop);
    }

    /// Restarts `root` and whoever requires it and is up. What is down and was not named stays down.
    pub(super) fn enqueue_restart(&mut self, root: UnitId) {
        self.for_dependents(root, false, |supervisor, id| {
            if id == root || !supervisor.peek(id).state.is_down() {
                supervisor.add_restart(id);
            }
        });
        if self.peek(root).job.is_some_and(|job| job.kind == JobKind::Start) {
            self.enqueue_start(root, true);
        }
    }

    /// Calls `add` for `root` and whoever goes down with it when a job says so, in a `stop` or in a restart.
    fn for_dependents(&mut self, root: UnitId, stop: bool, mut add: impl FnMut(&mut Self, UnitId)) {
        let mut seen = UnitSet::EMPTY;
        let mut pending = UnitSet::EMPTY;
        seen.insert(root);
        pending.insert(root);
        while let Some(id) = pending.pop() {
            add(self, id);
            let Some(unit) = self.unit(id) else { continue };
            let along = unit.related(Relation::StoppedAlong).filter(|_| stop);
            let parts = unit.related(Relation::Parts).chain(along);
            unit.required_by.iter().chain(parts).filter(|id| seen.insert(*id)).for_each(|id| {
                pending.insert(id);
            });
        }
    }

    /// Gives `id` a stop job unless it is down.
    pub(super) fn add_stop(&mut self, id: UnitId) {
        let down = self.peek(id).state.is_down();
        match self.peek(id).job.map(|job| job.kind) {
            Some(JobKind::Stop) => {}
            Some(JobKind::Start | JobKind::Restart | JobKind::Reload) => {
                self.replace_job(id, (!down).then_some(JobKind::Stop));
            }
            None if down => {}
            None => self.at(id).job = Some(Job::waiting(JobKind::Stop)),
        }
    }

    fn add_restart(&mut self, id: UnitId) {
        let down = self.peek(id).state.is_down();
        match self.peek(id).job.map(|job| job.kind) {
            Some(JobKind::Restart) => {}
            Some(JobKind::Start) if down => {}
            // Whoever waits for the start waits for the restart.
            Some(JobKind::Start) => self.at(id).job = Some(Job::waiting(JobKind::Restart)),
            Some(JobKind::Stop | JobKind::Reload) => self.replace_job(id, Some(JobKind::Restart)),
            None => {
                self.at(id).job = Some(Job::waiting(if down { JobKind::Start } else { JobKind::Restart }))
            }
        }
    }

    /// Calls the job of `id` off in favour of another or none.
    pub(super) fn replace_job(&mut self, id: UnitId, kind: Option<JobKind>) {
        self.clients.job_ended(id, JobResult::Canceled);
        self.boot_job_ended(id, JobResult::Canceled);
        self.at(id).job = kind.map(Job::waiting);
        self.wake_neighbours(id);
    }

    /// Calls every start off.
    pub(super) fn cancel_starts(&mut self) {
        for id in self.ids() {
            match self.peek(id).job.map(|job| job.kind) {
                Some(JobKind::Start | JobKind::Restart | JobKind::Reload) => self.replace_job(id, None),
                Some(JobKind::Stop) | None => {}
            }
        }
    }

    /// Runs the waiting job of `id` if it may; whether anything has changed.
    pub(super) fn advance_job(&mut self, id: UnitId) -> bool {
        let Some(Job { kind, phase }) = self.peek(id).job else { return false };
        let state = self.peek(id).state;
        match phase {
            Phase::Waiting | Phase::Met => {}
            Phase::Doomed => {
                self.at(id).notes.add(Note::DependencyFailed);
                self.finish_job(id, JobResult::Dependency);
                self.restart_is_off(id);
                return true;
            }
            Phase::Conditions | Phase::Examined | Phase::Running => return false,
        }
        match kind {
            JobKind::Start => self.advance_start(id, state, phase == Phase::Met),
            JobKind::Reload => self.advance_reload(id, state),
            JobKind::Stop | JobKind::Restart if state.is_down() => {
                self.finish_job(id, JobResult::Done);
                true
            }
            JobKind::Stop | JobKind::Restart => {
                if !self.may_stop(id) {
                    return false;
                }
                self.at(id).job = Some(Job::running(kind));
                self.begin_stop(id, state);
                true
            }
        }
    }

    fn advance_start(&mut self, id: UnitId, state: State, met: bool) -> bool {
        match state {
            State::Running | State::Reloading { .. } | State::Exited | State::Active => {
                self.finish_job(id, JobResult::Done);
                true
            }
            State::Command { kind, .. } => match kind {
                CommandKind::Condition
                | CommandKind::StartPre
                | CommandKind::Start
                | CommandKind::StartPost => {
                    self.at(id).job = Some(Job::running(JobKind::Start));
                    true
                }
                CommandKind::Reload => {
                    self.finish_job(id, JobResult::Done);
                    true
                }
                CommandKind::Stop | CommandKind::StopPost => false,
            },
            // On its way down, or waiting for its restart: the start has its turn after that.
            State::Kill { .. } | State::Clean { .. } | State::AutoRestart { .. } => false,
            State::Dead | State::Failed | State::RestartDue => {
                if !self.may_start(id) {
                    return false;
                }
                if self.has_requisites(id) {
                    self.begin_with_conditions(id, met);
                } else {
                    self.at(id).job = Some(Job { kind: JobKind::Start, phase: Phase::Doomed });
                }
                true
            }
        }
    }

    fn may_start(&self, id: UnitId) -> bool {
        let Some(unit) = self.unit(id) else { return true };
        let stops = |id: UnitId| self.peek(id).job.is_some_and(|job| job.kind.is_stop());
        unit.after.iter().all(|other| self.peek(other).job.is_none()) && !unit.before.iter().any(stops)
    }

    fn may_stop(&self, id: UnitId) -> bool {
        let Some(unit) = self.unit(id) else { return true };
        !unit.before.iter().any(|other| self.peek(other).job.is_some_and(|job| job.kind.is_stop()))
    }

    /// Begins the start of a unit whose turn it is.
    pub(super) fn begin_start(&mut self, id: UnitId) {
        let Some(unit) = self.unit(id) else { return self.finish_job(id, JobResult::Failed) };
        match &unit.kind {
            Kind::Service(service) => self.begin_service(id, service, unit.start_limit),
            Kind::Target => {
                let now = self.now;
                let record = self.at(id);
                record.started = Some(now);
                record.state = State::Active;
                self.came_up(id);
            }
        }
    }

    /// Begins the stop of a unit whose turn it is.
    fn begin_stop(&mut self, id: UnitId, state: State) {
        let Some(unit) = self.unit(id) else { return self.finish_job(id, JobResult::Failed) };
        match &unit.kind {
            Kind::Service(service) => self.stop_service(id, service, state),
            Kind::Target => {
                self.at(id).forbid_restart = true;
                self.came_to_rest(id, Rest::Dead);
            }
        }
    }

    /// The unit is up: its start has succeeded.
    pub(super) fn came_up(&mut self, id: UnitId) {
        let now = self.now;
        let record = self.at(id);
        record.ready = Some(now);
        record.notes.add(Note::Started);
        (record.uphold_at, record.uphold_pause) = (None, Micros::ZERO);
        self.look_for_upheld(id);
        let record = self.at(id);
        if record.job.is_some_and(|job| job.kind == JobKind::Start) {
            self.finish_job(id, JobResult::Done);
        }
    }

    /// The unit is down, for good or until its restart: whatever job was under way has its result.
    pub(super) fn came_to_rest(&mut self, id: UnitId, rest: Rest) {
        let unit = self.unit(id);
        let service = unit.as_ref().and_then(Unit::service);
        let restarts = self.peek(id).restarts;
        let restart_at = service.and_then(|service| self.now.after(restart::delay(service, restarts)));
        let record = self.at(id);
        record.state = match rest {
            Rest::Dead => State::Dead,
            Rest::Failed => State::Failed,
            Rest::Restart => State::AutoRestart { at: restart_at },
        };
        let failed = Rest::of(record.result) == Rest::Failed;
        if rest == Rest::Dead && record.forbid_restart {
            record.notes.add(Note::Stopped);
        } else if failed {
            record.notes.add(Note::Failed);
        }
        match record.job {
            Some(Job { kind: JobKind::Start, phase: Phase::Running }) => {
                self.finish_job(id, if failed { JobResult::Failed } else { JobResult::Done });
            }
            Some(Job { kind: JobKind::Stop | JobKind::Restart, phase: Phase::Running }) => {
                self.finish_job(id, JobResult::Done);
            }
            Some(Job { kind: JobKind::Reload, phase: Phase::Running }) => {
                self.finish_job(id, JobResult::Failed);
            }
            Some(Job {
                phase: Phase::Waiting | Phase::Doomed | Phase::Conditions | Phase::Examined | Phase::Met,
                ..
            })
            | None => {}
        }
        self.consequences(id, rest, service.is_some_and(|service| service.restart_direct));
        let Some(unit) = unit else { return };
        let manners = unit.manners;
        match rest {
            Rest::Failed => self.act(id, manners.failure_action, manners.failure_status.unwrap_or(u8::MAX)),
            Rest::Dead if self.peek(id).result == ServiceResult::Success => {
                self.act(id, manners.success_action, manners.success_status.unwrap_or(0));
            }
            Rest::Dead | Rest::Restart => {}
        }
    }

    /// The job of `id` has ended with `result`.
    pub(super) fn finish_job(&mut self, id: UnitId, result: JobResult) {
        let record = self.at(id);
        let Some(job) = record.job.take() else { return };
        if job.kind == JobKind::Restart && result == JobResult::Done {
            record.job = Some(Job::waiting(JobKind::Start));
            self.wake_neighbours(id);
            return;
        }
        self.clients.job_ended(id, result);
        if job.kind == JobKind::Start {
            self.boot_job_ended(id, result);
            if result != JobResult::Done {
                self.fail_dependents(id);
                self.look_for_unneeded();
            }
        }
        self.wake_neighbours(id);
    }

    /// Whoever requires `id`, comes after it and still waits for it need not try.
    fn fail_dependents(&mut self, id: UnitId) {
        let Some(unit) = self.unit(id) else { return };
        for dependent in unit.required_by.iter() {
            let waits =
                |job: Job| job.kind == JobKind::Start && matches!(job.phase, Phase::Waiting | Phase::Met);
            if self.peek(dependent).job.is_some_and(waits) && unit.before.contains(dependent) {
                let record = self.at(dependent);
                record.job = Some(Job { kind: JobKind::Start, phase: Phase::Doomed });
                record.blame = Some(id);
            }
        }
    }

    /// Those whose jobs may have waited for this one are looked at again.
    fn wake_neighbours(&mut self, id: UnitId) {
        let Some(unit) = self.unit(id) else { return };
        for other in unit.after.iter().chain(unit.before.iter()) {
            if self.peek(other).job.is_some() {
                self.at(other);
            }
        }
    }
}
