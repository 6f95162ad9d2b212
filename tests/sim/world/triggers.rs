//! What sockets and paths wait for, opened and watched as the shell would.

use tomte::{
    supervisor::{Event, Found},
    table::UnitId,
};

use super::super::{judge::Verdict, kernel::Later};
use super::{World, is_down};

/// The shell's side of one unit that starts others.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// A child opens or looks.
    pub(super) watcher: bool,
    /// The descriptors are there.
    open: bool,
    /// They are listened to.
    armed: bool,
    /// How often that was asked for: what comes for an earlier time comes to nothing.
    turn: u32,
}

impl World<'_> {
    /// A child is sent. One that was sent for a unit that was stopped meanwhile is dead: its answer never comes.
    pub(super) fn watch(&mut self, unit: UnitId) -> Verdict {
        let held = &mut self.held[unit.index()];
        if held.watcher {
            return Err(format!("two children look for {unit:?}"));
        }
        held.watcher = true;
        let fails = self.kernel.strikes(self.kernel.faults.examiner_dies);
        let there = self.kernel.strikes(self.kernel.faults.arrivals);
        let span = self.kernel.rng.u64(1..1_000_000);
        self.kernel.schedule(span, Later::Watched { unit: unit.0, there: (!fails).then_some(there) });
        Ok(())
    }

    pub(super) fn watched(&mut self, unit: u16, there: Option<bool>) -> Verdict {
        let held = &mut self.held[usize::from(unit)];
        if !core::mem::take(&mut held.watcher) {
            return Ok(());
        }
        held.open |= there.is_some();
        let found = there.map(|there| Found { there: there.then_some(0), seen: u16::from(there) });
        self.handle(Event::Watched { unit: UnitId(unit), found })
    }

    /// Something may come soon, or never.
    pub(super) fn arm(&mut self, unit: UnitId) -> Verdict {
        let held = &mut self.held[unit.index()];
        if !held.open {
            return Err(format!("{unit:?} is armed and nothing is held"));
        }
        held.armed = true;
        held.turn += 1;
        let turn = held.turn;
        if self.kernel.strikes(self.kernel.faults.arrivals) {
            let there = self.kernel.rng.bool();
            let span = self.kernel.rng.u64(1..1_000_000);
            self.kernel.schedule(span, Later::Readable { unit: unit.0, turn, there });
        }
        Ok(())
    }

    pub(super) fn readable(&mut self, unit: u16, turn: u32, there: bool) -> Verdict {
        let held = &mut self.held[usize::from(unit)];
        if held.turn != turn || !core::mem::take(&mut held.armed) {
            return Ok(());
        }
        self.handle(Event::Readable { unit: UnitId(unit), there: there.then_some(0) })
    }

    /// A connection is taken, if there is one: for somebody who is down, or for nobody.
    pub(super) fn accept(
        &mut self,
        unit: UnitId,
        instance: UnitId,
    ) -> Result<Option<Event<'static>>, String> {
        if !self.held[unit.index()].open {
            return Err(format!("{unit:?} is to take a connection and nothing is held"));
        }
        let Some(status) = self.supervisor.status(instance) else { return Ok(None) };
        if !is_down(&status) {
            return Err(format!("a connection for {instance:?}, which is {}", status.sub));
        }
        Ok(self.kernel.rng.bool().then_some(Event::Accepted { unit: instance }))
    }

    /// A stamp file is read: it may be of any time, or the disk may be broken.
    pub(super) fn stamp(&mut self, unit: UnitId, elapsed: bool) {
        let wall = self.kernel.wall();
        let at = match self.kernel.rng.u8(..4) {
            0 => 0,
            _ if elapsed => wall,
            1 => wall + self.kernel.rng.u64(..86_400_000_000),
            _ => wall.saturating_sub(self.kernel.rng.u64(..3 * 86_400_000_000)),
        };
        let span = self.kernel.rng.u64(1..2_000_000);
        self.kernel.schedule(span, Later::Stamped { unit: unit.0, at });
    }

    pub(super) fn unwatch(&mut self, unit: UnitId) {
        let held = &mut self.held[unit.index()];
        *held = Held { turn: held.turn, ..Held::default() };
        let span = self.kernel.rng.u64(1..100_000);
        self.kernel.schedule(span, Later::Unwatched { unit: unit.0 });
    }
}
