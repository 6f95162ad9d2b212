//! What timers need of the kernel: the wall clock, word of its being set, and the stamp files.

use crate::{
    linux::{
        self, AsFd, Errno,
        poll::{Interest, WallClock},
        stamp,
    },
    supervisor::Event,
    table::UnitId,
};

use super::{
    kernel::{Kernel, Token},
    log,
    processes::{Process, Role},
};

impl Kernel {
    /// What the wall clock says.
    pub(super) fn clock(&self, set: bool) -> Event<'static> {
        Event::Clock { wall: linux::clock::wall_us(), set }
    }

    /// Sees to it that the next [`Kernel::wait`] ends when the wall clock says `at_us`, or somebody sets it.
    #[inline(never)]
    pub(super) fn watch_clock(&mut self, at_us: Option<u64>) {
        let Some(at_us) = at_us.filter(|at_us| Some(*at_us) != self.wall_armed) else { return };
        if let Err(errno) = self.arm_clock(at_us) {
            log::warn_of(errno, format_args!("cannot watch the clock"));
        }
        self.wall_armed = Some(at_us);
    }

    fn arm_clock(&mut self, at_us: u64) -> Result<(), Errno> {
        if self.wall_clock.is_none() {
            let clock = WallClock::new()?;
            self.poll.add(clock.as_fd(), Token::WallClock.into(), Interest::Readable)?;
            self.wall_clock = Some(clock);
        }
        self.wall_clock.as_ref().map_or(Ok(()), |clock| clock.wake_at(at_us))
    }

    /// The wall clock's time has come, or somebody has set it.
    pub(super) fn clock_rang(&mut self) -> Event<'static> {
        self.wall_armed = None;
        let set = self.wall_clock.as_ref().is_some_and(WallClock::was_set);
        self.clock(set)
    }

    /// Has a child read or write the stamp file of the timer `unit`.
    #[inline(never)]
    pub(super) fn stamp(&mut self, unit: UnitId, elapsed: bool) -> Option<Event<'static>> {
        match self.start_stamper(unit, elapsed) {
            Ok(()) => None,
            Err(errno) => {
                log::warn_of(errno, format_args!("cannot look at a stamp file"));
                Some(Event::Stamped { unit, at: 0 })
            }
        }
    }

    #[inline(never)]
    fn start_stamper(&mut self, unit: UnitId, elapsed: bool) -> Result<(), Errno> {
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        let name = self.table.name(unit).ok_or(Errno::NOENT)?;
        let stamper = stamp::spawn(name, elapsed)?;
        let mut process = Process::helper(stamper.pid, stamper.pidfd, Role::Stamper { unit });
        process.report = Some(stamper.pipe);
        self.processes.put(place, process);
        Ok(())
    }
}
