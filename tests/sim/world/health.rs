//! What the watchdog of a world sees of its machine.

use tomte::{table::UnitId, wire::ActiveState};

use super::super::{fixture::Watched, judge::Verdict};
use super::World;

impl World<'_> {
    fn is_up(&self, unit: UnitId) -> bool {
        let active = self.supervisor.status(unit).map(|status| status.active);
        matches!(active, Some(ActiveState::Active | ActiveState::Reloading))
    }

    /// Remembers since when a vital unit is down.
    pub(super) fn look_at_vital(&mut self) {
        let down = self.plan.watched.vital.iter().any(|unit| !self.is_up(UnitId(*unit)));
        self.down_since = down.then(|| self.down_since.unwrap_or(self.kernel.now));
    }

    /// The watchdog is fed; whether the root file system answers.
    pub(super) fn feed(&mut self) -> Result<bool, String> {
        let watched = &self.plan.watched;
        if !watched.watchdog {
            return Err("a watchdog is fed that is not there".into());
        }
        let now = self.kernel.now;
        let patience = Watched::PATIENCE.0 + watched.group_patience;
        let sick = self.down_since.is_some_and(|since| since + patience <= now);
        if sick && watched.on_sick.is_none() && !self.judge.shutting_down {
            return Err(format!(
                "the watchdog is fed at {now}, a vital unit is down since {:?}",
                self.down_since
            ));
        }
        Ok(!self.kernel.strikes(self.kernel.faults.unclean))
    }

    /// The watchdog is not fed because of `unit`.
    pub(super) fn judge_starving(&self, unit: UnitId) -> Verdict {
        if self.is_up(unit) {
            Err(format!("the watchdog starves because of {unit:?}, which is up"))
        } else {
            Ok(())
        }
    }
}
