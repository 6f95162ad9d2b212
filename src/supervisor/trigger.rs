//! Units that start others: sockets, paths and, with `timer`, timers. What they wait for, what they start, and what follows when that goes up,
//! down or fails (systemd's socket.c and path.c, `*_enter_running` and `*_trigger_notify`).
//!
//! Their state is looked at whenever the other unit has changed, never told: nothing can get lost.

use super::{
    Action, Due, Found, State, Supervisor,
    job::JobKind,
    state::Rest,
    unit::{Note, Record},
};
use crate::{
    table::{CommandKind, Kind, Lists, Micros, Relation, StartLimit, Unit, UnitAction, UnitId},
    wire::{JobResult, ServiceResult},
};

impl Supervisor<'_> {
    /// Begins the start of a unit that starts others: counted, then a child opens what it waits for.
    pub(super) fn begin_trigger(&mut self, id: UnitId, unit: &Unit<'_>) {
        if matches!(&unit.kind, Kind::Socket(socket) if !socket.accept)
            && let Some(other) = self.started_by(unit, is_busy)
        {
            // The service would not have the descriptors.
            let record = self.at(id);
            record.blame = Some(other);
            record.notes.add(Note::AlreadyActive);
            return self.finish_job(id, JobResult::Failed);
        }
        let now = self.now;
        let record = self.at(id);
        (record.result, record.started) = (ServiceResult::Success, Some(now));
        (record.forbid_restart, record.seen) = (false, None);
        if record.window.admit(unit.start_limit, now) {
            (record.suggest, record.unfits, record.failure) = (true, 0, None);
            if let Some(service) = unit.service() {
                return self.run_commands(id, service, CommandKind::StartPre);
            }
            self.open_trigger(id);
            if let Kind::Timer(timer) = &unit.kind {
                self.begin_timer(id, timer);
            }
            return;
        }
        record.notes.add(Note::StartLimitHit);
        record.result = ServiceResult::StartLimitHit;
        let action = unit.manners.start_limit_action;
        if action != UnitAction::None {
            self.act(id, action, u8::MAX, false);
        }
        self.came_to_rest(id, Rest::Failed);
    }

    /// A child is to open what `id` waits for.
    pub(super) fn open_trigger(&mut self, id: UnitId) {
        self.at(id).state = State::Opening { asked: false, first: true };
    }

    /// `id` listens: it is up.
    pub(super) fn listens(&mut self, id: UnitId) {
        self.at(id).state = State::Waiting { armed: false, at: None };
        self.came_up(id);
    }

    /// Begins the stop that a job asks for.
    pub(super) fn stop_trigger(&mut self, id: UnitId, state: State) {
        let record = self.at(id);
        record.forbid_restart = true;
        if self.is_timer(id) {
            return self.came_to_rest(id, Rest::Dead); // nothing is held for it
        }
        let record = self.at(id);
        if !matches!(state, State::Clean { .. }) {
            record.state = State::Clean { asked: false, then: Rest::Dead };
        }
    }

    /// What a unit that starts others asks for.
    pub(super) fn due_trigger(&mut self, id: UnitId) -> Due {
        let state = self.peek(id).state;
        if self.peek(id).timing.stamp {
            self.at(id).timing.stamp = false;
            return Due::Act(Action::Stamp { unit: id, elapsed: true });
        }
        if self.peek(id).connection {
            self.at(id).connection = false;
            // Chosen now: who was free when it came may have been started since.
            let free = self.unit(id).and_then(|unit| self.started_by(&unit, Record::is_down));
            let instance = free.unwrap_or(UnitId(u16::MAX));
            return Due::Act(Action::Accept { unit: id, instance });
        }
        if let State::Opening { asked: false, first } = state {
            self.at(id).state = State::Opening { asked: true, first };
            let timer = self.is_timer(id);
            return Due::Act(match timer {
                true => Action::Stamp { unit: id, elapsed: false },
                false => Action::Watch { unit: id, first },
            });
        }
        if let State::Waiting { armed, at } = state {
            if self.follows_up(id) {
                self.at(id).state = State::Triggered;
                return Due::Changed;
            }
            if !armed && at.is_none() {
                self.at(id).state = State::Waiting { armed: true, at };
                return Due::Act(Action::Arm { unit: id, flush: false });
            }
        }
        if state == State::Triggered && !self.switch.is_moving() && self.follows_down(id) {
            return self.resume(id);
        }
        Due::Nothing
    }

    /// The child has opened or looked.
    pub(super) fn watched(&mut self, id: UnitId, found: Option<Found>) {
        if let State::Kill { .. } | State::Clean { asked: false, .. } = self.peek(id).state {
            return; // it is on its way down, and what was opened is closed in time
        }
        let State::Opening { asked: true, first } = self.peek(id).state else {
            return self.report_impossible("an answer of somebody whom nobody sent to look", id);
        };
        let Some(found) = found else { return self.close_trigger(id, ServiceResult::Resources) };
        let record = self.at(id);
        record.state = State::Waiting { armed: false, at: None };
        let before = record.seen.replace(found.seen).unwrap_or(found.seen);
        let changed = before ^ found.seen;
        if first {
            match self.unit(id).as_ref().and_then(Unit::service) {
                Some(service) => return self.run_commands(id, service, CommandKind::StartPost),
                None => self.listens(id),
            }
        }
        if found.there.is_some() || changed != 0 {
            self.trigger(id, found.there.or(Some(changed.trailing_zeros() as u8))); // 15 at most
        }
    }

    /// Something has come.
    pub(super) fn readable(&mut self, id: UnitId, there: Option<u8>) {
        let State::Waiting { armed: true, .. } = self.peek(id).state else {
            return; // the service runs already, or the unit is on its way down
        };
        let unit = self.unit(id);
        let kind = unit.as_ref().map(|unit| &unit.kind);
        let now = self.now;
        let record = self.at(id);
        match kind {
            Some(Kind::Socket(socket)) if !record.polls.admit(socket.poll_limit, now) => {
                let at = record.polls.end(socket.poll_limit);
                record.state = State::Waiting { armed: false, at };
            }
            Some(Kind::Path(_)) if there.is_none() => {
                record.state = State::Opening { asked: false, first: false }
            }
            Some(_) | None => {
                let watch = nth_bit(record.seen.unwrap_or(0), there.unwrap_or(0));
                self.trigger(id, watch);
            }
        }
    }

    /// The time of a unit that starts others has come, if it is one.
    pub(super) fn trigger_timed_out(&mut self, id: UnitId) -> bool {
        let waits = matches!(self.peek(id).state, State::Waiting { .. });
        if matches!(self.peek(id).state, State::Waiting { armed: false, .. }) {
            self.at(id).state = State::Waiting { armed: false, at: None };
        }
        waits
    }

    /// Starts what `id` starts, unless it runs or is about to; too often, and `id` fails. Of a path: because of that `watch`.
    pub(super) fn trigger(&mut self, id: UnitId, watch: Option<u8>) {
        if self.stop_is_pending(id) || self.run.is_shutting_down() {
            return;
        }
        let unit = self.unit(id);
        let Some(unit) = &unit else { return };
        let limit = match &unit.kind {
            Kind::Socket(socket) => socket.trigger_limit,
            Kind::Path(path) => path.trigger_limit,
            Kind::Timer(_) => StartLimit { interval: Micros::ZERO, burst: 0 },
            Kind::Target | Kind::Service | Kind::Device(_) => return,
        };
        let now = self.now;
        let record = self.at(id);
        if !record.triggers.admit(limit, now) {
            record.notes.add(Note::TriggerLimitHit);
            return self.close_trigger(id, ServiceResult::TriggerLimitHit);
        }
        if matches!(&unit.kind, Kind::Socket(socket) if socket.accept) {
            record.state = State::Waiting { armed: false, at: None };
            record.connection = true;
            return;
        }
        record.state = State::Triggered;
        let pending =
            |record: &Record| is_busy(record) || record.job.is_some_and(|job| job.kind == JobKind::Start);
        if self.started_by(unit, pending).is_none()
            && let Some(other) = self.started_by(unit, |_| true)
        {
            // A socket says nothing of itself: systemd's `activation_details` are of timers and paths.
            self.at(other).trigger = match &unit.kind {
                Kind::Path(_) | Kind::Timer(_) => Some((id, watch)),
                Kind::Socket(_) | Kind::Target | Kind::Service | Kind::Device(_) => None,
            };
            self.enqueue_start(other, true);
        }
    }

    /// There is a connection for `id`.
    pub(super) fn accepted(&mut self, id: UnitId) {
        if !self.run.is_shutting_down() {
            self.enqueue_start(id, true);
        }
    }

    /// It waits for the next time: a socket for what comes, a path for what is found or changes from now on, a timer for
    /// its time.
    fn resume(&mut self, id: UnitId) -> Due {
        let unit = self.unit(id);
        let record = self.at(id);
        if let Some(Kind::Socket(socket)) = unit.as_ref().map(|unit| &unit.kind) {
            record.state = State::Waiting { armed: true, at: None };
            return Due::Act(Action::Arm { unit: id, flush: socket.flush_pending });
        }
        if let Some(Kind::Timer(timer)) = unit.as_ref().map(|unit| &unit.kind) {
            self.wait_for_time(id, timer);
            return Due::Changed;
        }
        (record.state, record.seen) = (State::Opening { asked: false, first: false }, None);
        Due::Changed
    }

    /// What `id` waits for cannot be waited for any longer.
    pub(super) fn close_trigger(&mut self, id: UnitId, result: ServiceResult) {
        let record = self.at(id);
        record.note_result(result);
        record.state = State::Clean { asked: false, then: Rest::Failed };
        if let Some(service) = self.unit(id).as_ref().and_then(Unit::service) {
            self.run_commands(id, service, CommandKind::Stop);
        }
    }

    /// Those that start `id` are looked at again: something about it has changed.
    pub(super) fn wake_triggers(&mut self, id: UnitId) {
        self.for_related(id, Relation::TriggeredBy, &mut |supervisor, trigger| {
            supervisor.at(trigger);
            supervisor.follow_unit(trigger);
        });
    }

    /// `id` is started too often: those that start it fail.
    pub(super) fn fail_triggers(&mut self, id: UnitId) {
        self.for_related(id, Relation::TriggeredBy, &mut |supervisor, trigger| {
            let result = match supervisor.unit(trigger).map(|unit| unit.kind) {
                Some(Kind::Socket(socket)) if !socket.accept => ServiceResult::ServiceStartLimitHit,
                Some(Kind::Path(_)) => ServiceResult::UnitStartLimitHit,
                Some(_) | None => return,
            };
            if matches!(supervisor.peek(trigger).state, State::Waiting { .. } | State::Triggered) {
                supervisor.close_trigger(trigger, result);
            }
        });
    }

    /// The first unit that `unit` starts and that is as `test` says.
    pub(super) fn started_by(&self, unit: &Unit<'_>, test: fn(&Record) -> bool) -> Option<UnitId> {
        let mut found = None;
        unit.each(Lists::of(Relation::Triggers), &mut |other| {
            if found.is_none() && test(self.peek(other)) {
                found = Some(other);
            }
        });
        found
    }

    /// Whether what `id` starts is up without its doing, so that there is nothing to wait for.
    fn follows_up(&self, id: UnitId) -> bool {
        self.unit(id).is_some_and(|unit| match &unit.kind {
            Kind::Socket(socket) => {
                !socket.accept && self.started_by(&unit, |other| other.state.is_running()).is_some()
            }
            Kind::Path(_) => {
                self.started_by(&unit, |other| other.job.is_none() && !other.state.is_down()).is_some()
            }
            Kind::Timer(_) | Kind::Target | Kind::Service | Kind::Device(_) => false,
        })
    }

    /// Whether what `id` starts is down, so that it waits again. For a socket that is so as soon as the service is about to
    /// start again, for a path only when it does not.
    fn follows_down(&self, id: UnitId) -> bool {
        self.unit(id).is_some_and(|unit| match &unit.kind {
            Kind::Socket(_) => {
                self.started_by(&unit, |other| other.job.is_some() || is_busy(other)).is_none()
            }
            Kind::Path(_) | Kind::Timer(_) => {
                self.started_by(&unit, |other| other.job.is_some() || !other.state.is_down()).is_none()
            }
            Kind::Target | Kind::Service | Kind::Device(_) => false,
        })
    }
}

/// The place of the bit of `bits` that `nth` others come before.
const fn nth_bit(mut bits: u16, nth: u8) -> Option<u8> {
    let mut left = nth;
    while bits != 0 {
        if left == 0 {
            return Some(bits.trailing_zeros() as u8); // 15 at most
        }
        bits &= bits.wrapping_sub(1);
        left = left.saturating_sub(1);
    }
    None
}

/// Whether a unit is neither down nor waiting for a restart.
const fn is_busy(record: &Record) -> bool {
    !matches!(record.state, State::Dead | State::Failed | State::AutoRestart { .. })
}
