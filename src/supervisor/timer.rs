//! Timers: when each elapses next, and what follows from that (systemd's timer.c, `timer_enter_waiting` and the rest).
//!
//! Spans go by the supervisor's clock, calendars by the wall clock, which somebody may set at any time. What was started
//! or has elapsed at a time when nobody had set it yet counts as if it had been right all along: a board without a clock
//! of its own does not make up for fifty years.

use super::{Instant, State, Supervisor, state::Rest};
use crate::table::{Kind, Micros, Timer, TimerBase, UnitId};

/// A wall clock before that has not been set: 1 January 2025.
const CLOCK_SET: u64 = 1_735_689_600_000_000;
/// What lies between two times that a timer elapses at least, whatever it says.
const PAUSE: Micros = Micros::from_millis(100);

/// By how much two clocks may disagree that nobody has set: the wall clock is slowed down and sped up a little.
const SET_MIN: u64 = 1_000_000;

/// How long a timer is left alone that is about to be stopped.
const STOP_PAUSE: Micros = Micros::from_secs(1);

kept! {
/// What is remembered of a timer. Times of the wall clock are microseconds since 1970, 0 for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// When it last elapsed.
    pub(super) last: Option<Instant>,
    /// The same by the wall clock; it may have been in an earlier boot.
    pub(super) last_wall: u64,
    /// When it was started, by the wall clock.
    started_wall: u64,
    /// When it elapses at the latest, by the wall clock.
    pub(super) wall_at: u64,
    /// It has elapsed, and its stamp file is to be written.
    pub(super) stamp: bool,
}
}

impl Timing {
    pub(super) const NONE: Self =
        Self { last: None, last_wall: 0, started_wall: 0, wall_at: 0, stamp: false };
}

/// When a timer elapses next.
#[derive(Default)]
struct Next {
    at: Option<Instant>,
    /// 0 for none.
    wall: u64,
    /// It stays when it will not elapse again.
    stays: bool,
}

impl Supervisor<'_> {
    /// What the wall clock says at `at`, as it is set now.
    const fn wall(&self, at: Instant) -> u64 {
        self.wall_offset.saturating_add(at.0)
    }

    /// The clock has been looked at, or somebody has set it.
    pub(super) fn clock(&mut self, wall: u64, set: bool) {
        self.elapse_timers(); // by the clock as it was
        self.wall_offset = wall.saturating_sub(self.now.0);
        for id in self.ids().filter(|_| set) {
            let State::Waiting { .. } = self.peek(id).state else { continue };
            let Some(unit) = self.unit(id) else { continue };
            let Kind::Timer(timer) = &unit.kind else { continue };
            let timing = &mut self.at(id).timing;
            if wall >= CLOCK_SET {
                timing.last_wall = timing.last_wall.min(wall); // what has elapsed in the future may do so again
            }
            if timer.on_clock_change {
                self.elapse(id, timer);
            } else {
                self.wait_for_time(id, timer);
            }
        }
        self.elapse_timers();
    }

    /// Whether the wall clock says something else than it did by this one: somebody has set it since.
    pub fn clock_was_set(&self, now: Instant, wall: u64) -> bool {
        wall.abs_diff(self.wall(now)) > SET_MIN
    }

    /// Begins a timer's start.
    pub(super) fn begin_timer(&mut self, id: UnitId, timer: &Timer<'_>) {
        let started_wall = self.wall(self.now);
        let record = self.at(id);
        let Timing { last, last_wall, .. } = record.timing;
        record.timing = Timing { started_wall, last, last_wall, ..Timing::NONE };
        if !timer.persistent {
            self.wait_for_time(id, timer);
            self.came_up(id);
        } // else its stamp file is read first
    }

    /// The stamp file has been read or written.
    pub(super) fn stamped(&mut self, id: UnitId, at: u64) {
        let State::Opening { asked: true, .. } = self.peek(id).state else { return };
        let Some(unit) = self.unit(id) else { return };
        let Kind::Timer(timer) = &unit.kind else { return };
        self.at(id).timing.last_wall = at;
        self.wait_for_time(id, timer);
        self.came_up(id);
    }

    /// What the timer `id` starts has changed: times that are counted from that are others now.
    pub(super) fn follow_unit(&mut self, id: UnitId) {
        let (State::Waiting { .. } | State::Elapsed) = self.peek(id).state else { return };
        let Some(unit) = self.unit(id) else { return };
        let Kind::Timer(timer) = &unit.kind else { return };
        if timer.spans.iter().any(|one| matches!(one.base, TimerBase::UnitActive | TimerBase::UnitInactive)) {
            self.wait_for_time(id, timer);
        }
    }

    /// Has every timer elapse whose time has come. One whose time may as well be later does so along with others.
    pub(super) fn elapse_timers(&mut self) {
        for id in self.ids() {
            let wall_at = self.peek(id).timing.wall_at;
            let State::Waiting { armed: true, at } = self.peek(id).state else { continue };
            if at.is_none() && wall_at == 0 {
                continue;
            }
            let Some(unit) = self.unit(id) else { continue };
            let Kind::Timer(timer) = &unit.kind else { continue };
            let latest = self.now.0.saturating_add(timer.accuracy.0);
            let latest_wall = self.wall(self.now).saturating_add(timer.accuracy.0);
            if at.is_some_and(|at| at.0 <= latest) || (wall_at > 0 && wall_at <= latest_wall) {
                self.elapse(id, timer);
            }
        }
    }

    /// When the timer `id` elapses next, as soon as it may, and when it last did: by the wall clock, 0 for never.
    pub(super) fn elapses(&self, id: UnitId) -> (u64, u64) {
        let record = self.peek(id);
        let Timing { wall_at, last_wall, .. } = record.timing;
        let mut next = 0;
        if let State::Waiting { at, .. } = record.state
            && let Some(unit) = self.unit(id)
            && let Kind::Timer(timer) = &unit.kind
        {
            let by_span = at.map_or(u64::MAX, |at| self.wall(at));
            let latest = if wall_at == 0 { by_span } else { by_span.min(wall_at) };
            next = if latest == u64::MAX { 0 } else { latest.saturating_sub(timer.accuracy.0) };
        }
        (next, last_wall)
    }

    fn elapse(&mut self, id: UnitId, timer: &Timer<'_>) {
        if self.stop_is_pending(id) || self.run.is_shutting_down() || self.switch.is_moving() {
            // Unless the stop is called off it is down before that.
            let at = self.now.after(STOP_PAUSE);
            let record = self.at(id);
            record.timing.wall_at = 0;
            record.state = State::Waiting { armed: true, at };
            return;
        }
        let (now, wall) = (self.now, self.wall(self.now));
        let timing = &mut self.at(id).timing;
        (timing.last, timing.last_wall, timing.wall_at) = (Some(now), wall, 0);
        timing.stamp = timer.persistent;
        self.trigger(id, None);
    }

    /// Has the timer wait for its next time, if there is one.
    pub(super) fn wait_for_time(&mut self, id: UnitId, timer: &Timer<'_>) {
        let Next { at, wall, stays } = self.next_elapse(id, timer);
        let delay = self.random_delay(timer);
        let late = |at: u64| at.saturating_add(delay).saturating_add(timer.accuracy.0);
        let record = self.at(id);
        record.timing.wall_at = match wall {
            // For it to be told when somebody sets the clock.
            0 if timer.on_clock_change => u64::MAX,
            0 => 0,
            wall => late(wall),
        };
        record.state = match at.map(|at| Instant(late(at.0))) {
            None if record.timing.wall_at == 0 => State::Elapsed,
            at => State::Waiting { armed: true, at },
        };
        if record.state == State::Elapsed && !stays {
            self.came_to_rest(id, Rest::Dead);
        }
    }

    fn next_elapse(&self, id: UnitId, timer: &Timer<'_>) -> Next {
        let record = self.peek(id);
        let timing = record.timing;
        let other =
            self.unit(id).and_then(|unit| self.started_by(&unit, |_| true)).map(|other| self.peek(other));
        let (began, ended) = other.map_or((None, None), |other| (other.started, other.ended));
        let mut next = Next { stays: timer.remain_after_elapse, ..Next::default() };
        for one in timer.spans.iter() {
            let (base, once) = match one.base {
                TimerBase::Active => (record.started, true),
                TimerBase::Startup => (Some(Instant(0)), true),
                TimerBase::Boot => (Some(Instant(0)), true),
                TimerBase::UnitActive => (began.max(timing.last), false),
                TimerBase::UnitInactive => (ended.max(timing.last), false),
            };
            next.stays |= !once;
            let since = if one.base == TimerBase::Boot { self.kernel_age } else { Micros::ZERO };
            let at = base.and_then(|base| base.after(Micros(one.span.0.saturating_sub(since.0))));
            // What comes once has come, if the timer has elapsed since.
            let at = at.filter(|at| !once || timing.last.is_none_or(|last| last < *at && self.now <= *at));
            let soonest = timing.last.and_then(|last| last.after(PAUSE));
            next.at = Instant::earlier(next.at, at.max(soonest.filter(|_| at.is_some())));
        }
        // A time when the clock had not been set is what it would have been.
        let set = |wall: u64, at: Option<Instant>| {
            if wall >= CLOCK_SET { wall } else { at.map_or(wall, |at| self.wall(at)) }
        };
        let last = set(timing.last_wall, timing.last);
        let last = if last <= self.wall(self.now) { last } else { 0 };
        let busy = ended.filter(|_| timer.defer_reactivation).map_or(0, |ended| self.wall(ended));
        let base = match last.max(busy) {
            // Not when the clock has been set back since: nothing would come before it is there again.
            0 => set(timing.started_wall, record.started).min(self.wall(self.now)),
            last => last,
        };
        for calendar in timer.calendars.iter() {
            let Some(mut at) = calendar.next(base) else { continue };
            if base < self.wall_offset {
                at = at.max(self.wall_offset); // it was missed before the boot, and its delay begins now
            }
            next.wall = if next.wall == 0 { at } else { next.wall.min(at) };
        }
        next
    }

    /// How much later than it says the timer elapses this time.
    fn random_delay(&mut self, timer: &Timer<'_>) -> u64 {
        let chance = match timer.fixed_delay {
            0 => self.pool.chance(),
            // The same on this machine whenever it boots, and another one on the next.
            hash => {
                let mixed = (hash ^ self.machine).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                mixed ^ mixed >> 32
            }
        };
        chance.checked_rem(timer.randomized_delay.0).unwrap_or(0)
    }
}
