//! Whose turn it is: which waiting job may run, what begins with it, and what follows its end.
//!
//! Nothing is ordered in advance. A waiting job is looked at whenever it or a neighbour has changed, and runs when
//! systemd's rules let it: a start waits for every job of the units it comes after, and for stops on either side; a
//! stop waits for the stops of the units that come after it (systemd.unit(5), `Before=`). A stop never waits for a
//! start, and the baker has refused cycles, so somebody can always go on.

use super::{
    State, Supervisor,
    job::{Job, JobKind, Phase, UNORDERED},
    restart,
    state::Rest,
    status::is_mounted,
    unit::Note,
};
use crate::{
    table::{CommandKind, Kind, Lists, Micros, Relation, Unit, UnitId},
    wire::{JobResult, ServiceResult},
};

impl Supervisor<'_> {
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
            State::Running
            | State::Reloading { .. }
            | State::Exited
            | State::Active
            | State::Opening { first: false, .. }
            | State::Waiting { .. }
            | State::Triggered
            | State::Elapsed => {
                self.finish_job(id, JobResult::Done);
                true
            }
            State::Opening { .. } => {
                self.at(id).job = Some(Job::running(JobKind::Start));
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

    fn is_unordered(&self, id: UnitId) -> bool {
        self.peek(id).job_flags & UNORDERED != 0
    }

    fn may_start(&self, id: UnitId) -> bool {
        let Some(unit) = self.head(id).filter(|_| !self.is_unordered(id)) else { return true };
        let stops = |id: UnitId| self.peek(id).job.is_some_and(|job| job.kind.is_stop());
        unit.after.iter().all(|other| self.peek(other).job.is_none()) && !unit.before.iter().any(stops)
    }

    fn may_stop(&self, id: UnitId) -> bool {
        let Some(unit) = self.head(id).filter(|_| !self.is_unordered(id)) else { return true };
        !unit.before.iter().any(|other| self.peek(other).job.is_some_and(|job| job.kind.is_stop()))
    }

    /// Begins the start of a unit whose turn it is.
    pub(super) fn begin_start(&mut self, id: UnitId) {
        let Some(unit) = self.unit(id) else { return self.finish_job(id, JobResult::Failed) };
        match &unit.kind {
            Kind::Service => match unit.service() {
                Some(service) => self.begin_service(id, service, unit.start_limit),
                None => self.finish_job(id, JobResult::Failed), // the table would not be sound
            },
            Kind::Target => {
                let now = self.now;
                let record = self.at(id);
                record.started = Some(now);
                record.state = State::Active;
                self.came_up(id);
            }
            Kind::Device(_) => self.survey.ask(), // it is up as soon as somebody sees its node
            Kind::Socket(_) | Kind::Path(_) | Kind::Timer(_) => self.begin_trigger(id, &unit),
        }
    }

    /// Begins the stop of a unit whose turn it is.
    fn begin_stop(&mut self, id: UnitId, state: State) {
        let Some(unit) = self.unit(id) else { return self.finish_job(id, JobResult::Failed) };
        if let Some(service) = unit.service() {
            return self.stop_service(id, service, state);
        }
        match &unit.kind {
            // It was to go along with the table, which stays.
            Kind::Device(_) if self.stays_plugged(id) => self.finish_job(id, JobResult::Canceled),
            Kind::Target | Kind::Service | Kind::Device(_) => {
                self.at(id).forbid_restart = true;
                self.came_to_rest(id, Rest::Dead);
                if let Kind::Device(_) = unit.kind {
                    self.survey.doubt();
                }
            }
            Kind::Socket(_) | Kind::Path(_) | Kind::Timer(_) => self.stop_trigger(id, state),
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
        self.wake_triggers(id);
    }

    /// The unit is down, for good or until its restart: whatever job was under way has its result.
    pub(super) fn came_to_rest(&mut self, id: UnitId, rest: Rest) {
        let unit = self.unit(id);
        let service = unit.as_ref().and_then(Unit::service);
        let record = self.peek(id);
        let restarts = record.restarts;
        let failed = Rest::of(record.result) == Rest::Failed;
        let mounts = unit.as_ref().is_some_and(|unit| is_mounted(unit.name.as_str()));
        self.survey.arrived(failed && mounts);
        let now = self.now;
        let collected = unit.as_ref().is_some_and(|unit| unit.manners.collect_failed);
        let record = self.at(id);
        record.ended = Some(now);
        // Without a process that failed there was no number for one.
        let nothing = record.result == ServiceResult::Resources;
        let scarce = record.failure.map_or(nothing, |failure| restart::is_scarce(failure.errno));
        record.scarce = if scarce { record.scarce.saturating_add(1) } else { 0 };
        let scarce = record.scarce;
        let restart_at = service.and_then(|service| now.after(restart::pause(service, restarts, scarce)));
        record.state = match rest {
            Rest::Failed if !collected => State::Failed,
            Rest::Dead | Rest::Failed | Rest::Closed => State::Dead,
            Rest::Restart => State::AutoRestart { at: restart_at },
        };
        if rest == Rest::Dead && record.forbid_restart {
            record.notes.add(Note::Stopped);
        } else if failed {
            record.notes.add(Note::Failed);
        }
        if let Some(Job { kind, phase: Phase::Running }) = record.job {
            let result = match kind {
                JobKind::Start | JobKind::Reload if failed => JobResult::Failed,
                JobKind::Start | JobKind::Reload | JobKind::Stop | JobKind::Restart => JobResult::Done,
            };
            self.finish_job(id, result);
        }
        self.wake_triggers(id);
        self.consequences(id, rest, service.is_some_and(|service| service.restart_direct));
        let Some(unit) = unit else { return };
        let manners = unit.manners;
        match rest {
            Rest::Failed => {
                self.act(id, manners.failure_action, manners.failure_status.unwrap_or(u8::MAX), false)
            }
            Rest::Dead if self.peek(id).result == ServiceResult::Success => {
                self.act(id, manners.success_action, manners.success_status.unwrap_or(0), false);
            }
            Rest::Dead | Rest::Restart | Rest::Closed => {}
        }
    }

    /// The job of `id` has ended with `result`.
    pub(super) fn finish_job(&mut self, id: UnitId, result: JobResult) {
        let record = self.at(id);
        let Some(job) = record.job.take() else { return };
        (record.job_at, record.job_timed) = (None, 0);
        if job.kind == JobKind::Restart && result == JobResult::Done {
            record.job = Some(Job::waiting(JobKind::Start));
            self.wake_neighbours(id);
            return;
        }
        record.job_flags = 0;
        self.look_for_unneeded();
        self.clients.job_ended(id, result);
        if job.kind == JobKind::Start {
            self.boot_job_ended(id, result);
            if result == JobResult::Done && !self.peek(id).state.is_up() {
                // A condition kept it from coming up, or it is over already: that will do for all but those bound to it
                // (unit.c, `unit_verify_deps`).
                self.fail_dependents(id, Lists::of(Relation::BoundBy));
            }
            if result != JobResult::Done {
                self.fail_dependents(id, Lists::REQUIRED_BY);
                // What the unit itself has had to do with, it has seen to.
                if matches!(result, JobResult::Timeout | JobResult::Dependency) {
                    self.start_following(id, Relation::OnFailure, None);
                }
            }
        }
        self.wake_neighbours(id);
    }

    /// Who is in those `lists` of `id`, comes after it and still waits for it need not try.
    fn fail_dependents(&mut self, id: UnitId, lists: Lists) {
        let Some(unit) = self.head(id) else { return };
        unit.each(lists, &mut |dependent| {
            let waits =
                |job: Job| job.kind == JobKind::Start && matches!(job.phase, Phase::Waiting | Phase::Met);
            if self.peek(dependent).job.is_some_and(waits) && unit.before.contains(dependent) {
                let record = self.at(dependent);
                record.job = Some(Job { kind: JobKind::Start, phase: Phase::Doomed });
                record.blame = Some(id);
            }
        });
    }

    /// Those whose jobs may have waited for this one are looked at again.
    pub(super) fn wake_neighbours(&mut self, id: UnitId) {
        let Some(unit) = self.head(id) else { return };
        unit.each(Lists::AFTER.and(Lists::BEFORE), &mut |other| {
            if self.peek(other).job.is_some() {
                self.at(other);
            }
        });
        self.wake_triggers(id);
    }
}
