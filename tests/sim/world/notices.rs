//! What services say, true and untrue.

use tomte::{
    supervisor::{Event, Pid, Slot},
    table::{ServiceType, UnitId},
    wire::{Notice, Ping, SubState},
};

use super::super::{
    judge::Verdict,
    kernel::{Later, Saying},
};
use super::World;

impl World<'_> {
    /// A process says something.
    pub(super) fn say(&mut self, pid: u32, birth: u64, what: Saying) -> Verdict {
        let Some(process) = self.kernel.living(pid, birth) else { return Ok(()) };
        let unit = process.unit;
        let child = self.kernel.of(unit).find(|process| process.slot.is_none()).map(|process| process.pid.0);
        let service = self.plan.units[unit.index()].service.as_ref();
        if what == Saying::Ready && service.is_some_and(|service| service.ready_fd > 0) {
            // Or it is a program that knows nothing of the descriptor and closes it.
            let ready = !self.kernel.strikes(self.kernel.faults.silent);
            return self.handle(Event::ReadyFd { unit, ready });
        }
        let notice = match what {
            Saying::Ready => Notice { ready: true, ..Notice::default() },
            Saying::Alive => {
                let watchdog = self.plan.units[unit.index()].service.as_ref().map_or(0, |s| s.watchdog.0);
                let silent = self.kernel.strikes(self.kernel.faults.silent);
                if watchdog > 1 && !silent {
                    self.kernel.schedule(watchdog / 2, Later::Say { pid, birth, what });
                }
                Notice { watchdog: Some(Ping::Alive), ..Notice::default() }
            }
            Saying::Reloading => {
                self.kernel.schedule(1_000, Later::Say { pid, birth, what: Saying::Ready });
                Notice { reloading: true, monotonic_us: Some(self.kernel.now), ..Notice::default() }
            }
            Saying::OwnChild => Notice { main_pid: child, ..Notice::default() },
            Saying::Nonsense(kind) => self.nonsense(kind),
        };
        if notice.watchdog.is_some() {
            self.heard[unit.index()] = self.kernel.now;
        }
        self.handle(Event::Notified { unit, pid: Pid(pid), uid: 1000, notice })
    }

    /// Nobody who is watched has been silent for too long and is still up. (Without a main process there is nobody to
    /// watch: what is left of a service of `ExitType=cgroup` that failed before it counted as started.)
    pub(super) fn judge_silence(&self) -> Verdict {
        // They ask for more time, and for less; or PID 1 has failed over the deadline, which comes again.
        if self.plan.faults.nonsense > 0
            || self.supervisor.next_deadline().is_some_and(|at| at.0 <= self.kernel.now)
        {
            return Ok(());
        }
        for status in self.statuses() {
            let plan = self.plan.units[usize::from(status.id)].service.as_ref();
            let watchdog = plan.map_or(0, |service| service.watchdog.0);
            let heard = self.heard[usize::from(status.id)].max(status.ready_us);
            let watched = watchdog > 0 && status.sub == SubState::Running && status.main_pid != 0;
            if watched && self.kernel.now >= heard + watchdog {
                return Err(format!("{} has been silent since {heard} and nothing follows", status.name));
            }
        }
        Ok(())
    }

    fn nonsense(&mut self, kind: u8) -> Notice<'static> {
        let some = Notice::default();
        match kind {
            1 => Notice { main_pid: Some(self.kernel.rng.u32(0..40)), ..some },
            2 => Notice { reloading: true, ..some },
            3 => Notice { stopping: true, ready: true, ..some },
            4 => Notice { extend_us: Some(self.kernel.rng.u64(0..100_000_000)), ..some },
            5 => Notice { watchdog_us: Some(self.kernel.rng.u64(1..100_000_000)), ..some },
            6 => Notice { watchdog: Some(Ping::Trigger), ..some },
            _ => Notice { ready: true, reloading: true, status: Some("nonsense"), errno: Some(1), ..some },
        }
    }

    /// Whether `signal` to `unit` asks for a reload: its main process then says so, or does not.
    pub(super) fn reloads(&mut self, unit: UnitId, signal: u8) -> bool {
        let service = self.plan.units[unit.index()].service.as_ref();
        let kind = service.map(|service| service.service_type);
        let asked = signal == 1
            && kind == Some(ServiceType::NotifyReload)
            && self
                .supervisor
                .status(unit)
                .is_some_and(|status| matches!(status.sub, SubState::ReloadSignal | SubState::Reload));
        if asked && !self.kernel.strikes(self.kernel.faults.silent) {
            let main = self
                .kernel
                .processes
                .iter()
                .find(|(_, process)| process.unit == unit && process.slot == Some(Slot::Main));
            if let Some((birth, pid)) = main.map(|(birth, process)| (*birth, process.pid.0)) {
                self.kernel.schedule(500, Later::Say { pid, birth, what: Saying::Reloading });
            }
        }
        asked
    }
}
