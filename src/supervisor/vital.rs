//! Whether the machine works: the units that the board calls vital, the verdict on the boot, and the hardware watchdog,
//! which is fed only while it does.
//!
//! A vital unit is well while it is up: it runs, has said that it is ready, and its own `WATCHDOG=1` is fresh, or it would
//! be on its way down.

use super::{Action, Instant, Log, Supervisor, set::UnitSet};
use crate::table::{Micros, Vital};

kept! {
/// What is known of the machine's health.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    /// One of the vital units is not up.
    down: bool,
    /// When that, or its contrary, has lasted for long enough to count. `None` if it counts already, or never will.
    counts_at: Option<Instant>,
    /// What counted last.
    verdict: Verdict,
    /// When the watchdog is fed next; `None` without one.
    feed_at: Option<Instant>,
    /// When the root file system last answered.
    answered: Instant,
    /// When stopping all units has taken too long.
    stop_by: Option<Instant>,
    /// It has been said that the watchdog is not fed.
    told: bool,
}
}

kept! {
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// None yet.
    Open,
    /// All have been up for long enough.
    Good,
    /// One has been down for too long, and all of them are restarted together.
    Regrouped,
    /// That was in vain, or is not done.
    Sick,
}
}

impl Health {
    /// Of a machine that nothing is known of, and that nobody asks about.
    pub(super) const UNKNOWN: Self = Self {
        down: false,
        counts_at: None,
        verdict: Verdict::Open,
        feed_at: None,
        answered: Instant(0),
        stop_by: None,
        told: false,
    };

    pub(super) fn deadline(&self) -> Option<Instant> {
        Instant::earlier(self.counts_at, self.feed_at)
    }
}

impl Supervisor<'_> {
    /// Which units are vital.
    pub(super) fn load_vital(&mut self) {
        self.vital = UnitSet::EMPTY;
        for id in self.table.board().vital.units.iter() {
            self.vital.insert(id);
        }
    }

    /// The machine boots: its vital units are down, and the watchdog is hungry.
    pub(super) fn watch_over_boot(&mut self) {
        let board = self.table.board();
        let now = self.now;
        self.health.answered = now;
        if self.vital.next_from(0).is_some() {
            self.health.down = true;
            self.health.counts_at = now.after(board.vital.patience);
        }
        self.health.feed_at = if board.watchdog.device.is_empty() { None } else { Some(now) };
    }

    /// The machine ends: the watchdog sees to it that this comes to an end.
    pub(super) fn watch_over_shutdown(&mut self) {
        let board = self.table.board();
        self.health.counts_at = None;
        self.health.stop_by = self.now.after(board.watchdog.shutdown);
    }

    /// The root file system has answered.
    pub(super) const fn probed(&mut self) {
        self.health.answered = self.now;
    }

    /// The rung between a unit's own `Restart=` and a reboot, taken once between two good verdicts: all vital units, with
    /// who requires them, as by `systemctl reset-failed` and `systemctl restart` of all of them. False if the board leaves
    /// it out, or it was in vain.
    fn regroup(&mut self, vital: &Vital<'_>) -> bool {
        let tried = matches!(self.health.verdict, Verdict::Regrouped | Verdict::Sick);
        if tried || vital.group_patience == Micros::ZERO {
            return false;
        }
        self.health.counts_at = self.now.after(vital.group_patience);
        for unit in vital.units.iter() {
            self.reset_failed(unit);
            self.enqueue_restart(unit);
        }
        true
    }

    /// What follows from the machine's health, if anything.
    pub(super) fn due_of_health(&mut self) -> Option<Action> {
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        let sick_unit = self.vital.iter().find(|id| !self.peek(*id).state.is_up());
        let (down, shutting_down) = (sick_unit.is_some(), self.run.is_shutting_down());
        let (turned, judge, feed) = (
            down != self.health.down && !shutting_down,
            is_past(self.health.counts_at),
            is_past(self.health.feed_at),
        );
        if !(turned || judge || feed) {
            return None;
        }
        let board = self.table.board();
        if turned {
            let (span, counted) = match down {
                true if self.health.verdict == Verdict::Regrouped => {
                    (board.vital.group_patience, Verdict::Sick)
                }
                true => (board.vital.patience, Verdict::Sick),
                false => (board.vital.good_after, Verdict::Good),
            };
            let counts = self.health.verdict != counted;
            self.health.down = down;
            self.health.counts_at = if counts { self.now.after(span) } else { None };
            return self.due_of_health();
        }
        if judge {
            self.health.counts_at = None;
            let (verdict, follows, log) = match sick_unit {
                Some(unit) if self.regroup(&board.vital) => (Verdict::Regrouped, None, Log::Regrouped(unit)),
                Some(unit) => (Verdict::Sick, board.vital.on_sick, Log::Sick(unit)),
                None => (Verdict::Good, board.vital.on_good, Log::Healthy),
            };
            self.health.verdict = verdict;
            if let Some(unit) = follows {
                self.enqueue_start(unit, true);
            }
            return Some(Action::Log(log));
        }
        self.health.feed_at = self.now.after(board.watchdog.interval.max(Micros(1)));
        // Where something follows from sickness, that has the word from then on.
        let sick =
            sick_unit.filter(|_| self.health.verdict == Verdict::Sick && board.vital.on_sick.is_none());
        let silent = self.health.answered.after(board.watchdog.timeout).is_some_and(|at| at <= self.now);
        let refused = match self.health.stop_by {
            Some(at) => at <= self.now,
            None => sick.is_some() || silent && !board.watchdog.probe.is_empty(),
        };
        if refused {
            let told = core::mem::replace(&mut self.health.told, true);
            return if told { None } else { Some(Action::Log(Log::Starving(sick))) };
        }
        self.health.told = false;
        Some(Action::Feed { probe: !shutting_down })
    }
}
