//! A simulated machine: the processes of the units, and what becomes of them.
//!
//! It plays the part of the shell and the kernel together: takes actions, and says later what came of them.

use std::{cmp::Reverse, collections::BinaryHeap};

use fastrand::Rng;
use tomte::{
    supervisor::{Event, Instant, Pid, Slot, Spawn},
    table::{CommandKind, IdentityId, NotifyAccess, ServiceType, UnitId},
    wire::{ExitStatus, Failure, Whom},
};

use super::{
    fixture::ServicePlan,
    plan::{Faults, Plan, pick},
};

const SIGHUP: u8 = 1;
pub(crate) const SIGKILL: u8 = 9;
/// The largest errno of the kernel's generic ABI, EHWPOISON: whatever fails may fail with any.
const ERRNO_MAX: u16 = 133;
/// Processes of one unit that a fork bomb stops at: its TasksMax=.
const TASKS_MAX: usize = 24;

/// A number that a process was given, and for which name.
pub(crate) type Given = (IdentityId, u32);

/// A process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) unit: UnitId,
    /// `None` is a descendant.
    pub(crate) slot: Option<Slot>,
    /// The numbers it was given.
    pub(crate) given: Vec<Given>,
    /// Whether it runs under them.
    pub(crate) took: bool,
    /// It has said that its number does not fit, or that a static user won: it will never take them.
    pub(crate) declined: bool,
    /// It is the program, not a child on its way to execve any more.
    pub(crate) executed: bool,
    ignores_term: bool,
    slow_to_die: bool,
    /// SIGKILL is on its way.
    pub(crate) killed: bool,
}

/// What will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Later {
    /// The child tells what it runs as.
    Identify { pid: u32, birth: u64, statics: bool },
    /// The child says its number does not fit.
    Unfit { pid: u32, birth: u64, identity: u16, suggestion: Option<u32> },
    /// A step of the child fails.
    StepFails { pid: u32, birth: u64, early: bool },
    /// execve succeeds.
    Exec { pid: u32, birth: u64 },
    /// It says something.
    Say { pid: u32, birth: u64, what: Saying },
    /// A child of its own; of a `bomb` the children do as it does.
    Fork { pid: u32, birth: u64, bomb: bool },
    /// The kernel is out of memory, and the unit is to blame.
    OutOfMemory { unit: u16 },
    /// The end.
    Exit { pid: u32, birth: u64, way: u8, number: u8 },
    /// Perhaps the unit has no process left.
    Empty { unit: u16 },
    /// The janitor is done.
    Cleaned { unit: u16, clean: bool },
    /// The examiner has ended: met, unmet, or killed.
    Examined { unit: u16, met: Option<bool> },
    /// The child that opens or looks is done: with what, if anything.
    Watched { unit: u16, there: Option<bool> },
    /// Something has come.
    Readable { unit: u16, turn: u32, there: bool },
    /// What was held is closed.
    Unwatched { unit: u16 },
    /// The stamp file is read or written.
    Stamped { unit: u16, at: u64 },
    /// Word that something was mounted or unmounted.
    MountsChanged,
    /// Somebody does that by hand.
    Hand,
    /// The child that a program of PID 1 has sent looks what is mounted.
    Look { program: u32 },
    /// It answers.
    Surveyed { program: u32 },
    /// A client asks.
    Request,
    /// The turn after one that was over too soon.
    Turn,
}

/// What services say, and what they should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Saying {
    /// `READY=1`.
    Ready,
    /// `WATCHDOG=1`, and again and again.
    Alive,
    /// `RELOADING=1` with a right time, `READY=1` follows.
    Reloading,
    /// `MAINPID=` of a child of its own, if it has one.
    OwnChild,
    /// Anything: see `nonsense`.
    Nonsense(u8),
}

/// The machine.
pub(crate) struct Kernel {
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    /// What the wall clock was at 0 of `now`.
    wall: u64,
    pub(crate) processes: Vec<(u64, Process)>,
    later: BinaryHeap<Reverse<(u64, u64, Later)>>,
    births: u64,
    pub(crate) faults: Faults,
    range: (u32, u32),
    services: Vec<Option<ServicePlan>>,
}

impl Kernel {
    pub(crate) fn new(rng: Rng, plan: &Plan) -> Self {
        Self {
            rng,
            now: 1,
            wall: 0,
            processes: vec![],
            later: BinaryHeap::new(),
            births: 0,
            faults: plan.faults,
            range: (plan.range.first, plan.range.last),
            services: plan.units.iter().map(|plan| plan.service.clone()).collect(),
        }
    }

    /// From here on services are what `plan` says.
    pub(crate) fn change(&mut self, plan: &Plan) {
        self.services = plan.units.iter().map(|plan| plan.service.clone()).collect();
    }

    /// What the wall clock says.
    pub(crate) fn wall(&self) -> u64 {
        self.wall + self.now
    }

    /// When it will say `at`.
    pub(crate) fn when_wall_is(&self, at: u64) -> u64 {
        at.saturating_sub(self.wall)
    }

    /// Somebody sets it: to the days after 1970, or to some day of 2026.
    pub(crate) fn set_wall_clock(&mut self) {
        const YEAR_2026: u64 = 1_767_225_600_000_000;
        let days = self.rng.u64(0..30 * 86_400_000_000);
        self.wall = if self.rng.u8(..4) == 0 { days } else { YEAR_2026 + days };
    }

    /// A chance of `percent` in 100.
    pub(crate) fn strikes(&mut self, percent: u8) -> bool {
        percent > 0 && self.rng.u8(..100) < percent
    }

    pub(crate) fn schedule(&mut self, after: u64, later: Later) {
        self.births += 1;
        self.later.push(Reverse((self.now + after, self.births, later)));
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.later.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes out what happens next. Each thing has a moment of its own, so that what began together is known by it.
    pub(crate) fn pop(&mut self) -> Option<Later> {
        let Reverse((at, _, later)) = self.later.pop()?;
        self.now = at.max(self.now + 1);
        Some(later)
    }

    /// The clock.
    pub(crate) const fn instant(&self) -> Instant {
        Instant(self.now)
    }

    /// Whether a janitor is at work for `unit`.
    pub(crate) fn has_helper(&self, unit: UnitId) -> bool {
        self.later.iter().any(|Reverse((_, _, later))| {
            matches!(later, Later::Cleaned { unit: its, .. } | Later::Unwatched { unit: its } if *its == unit.0)
        })
    }

    /// Whether an examiner is at work for `unit`.
    pub(crate) fn has_examiner(&self, unit: UnitId) -> bool {
        self.later.iter().any(
            |Reverse((_, _, later))| matches!(later, Later::Examined { unit: its, .. } if *its == unit.0),
        )
    }

    /// Processes of `unit`.
    pub(crate) fn of(&self, unit: UnitId) -> impl Iterator<Item = &Process> {
        self.processes.iter().map(|(_, process)| process).filter(move |process| process.unit == unit)
    }

    /// The process in a slot of `unit`, if it is not reaped.
    pub(crate) fn slot(&self, unit: UnitId, slot: Slot) -> Option<&Process> {
        self.of(unit).find(|process| process.slot == Some(slot))
    }

    /// The process that something was scheduled for, if it still lives: pids come again, births do not.
    pub(crate) fn living(&mut self, pid: u32, birth: u64) -> Option<&mut Process> {
        let found = self.processes.iter_mut().find(|(its, process)| *its == birth && process.pid.0 == pid);
        found.map(|(_, process)| process)
    }

    /// Carries out a spawn, as the shell does: the answer comes at once.
    pub(crate) fn spawn(&mut self, spawn: &Spawn, given: Vec<Given>) -> Event<'static> {
        let (unit, slot) = (spawn.unit, spawn.slot);
        if self.strikes(self.faults.spawn_fails) {
            let errno = self.rng.u16(1..=ERRNO_MAX);
            return Event::SpawnFailed { unit, slot, failure: Failure { step: self.rng.u8(..), errno } };
        }
        let (pid, birth) = self.add(unit, Some(slot), given.clone());
        let first = self.rng.u64(1..2_000);
        let suggests = spawn.suggest && self.rng.bool();
        if !given.is_empty() && (spawn.suggest || spawn.fresh) && self.strikes(self.faults.unfit) {
            let (identity, _) = *pick(&mut self.rng, &given);
            let near = self.rng.u32(self.range.0.saturating_sub(2)..=self.range.1 + 2);
            let suggestion = (suggests || !spawn.fresh).then_some(near);
            self.schedule(first, Later::Unfit { pid, birth, identity: identity.0, suggestion });
            self.end_after(first + 10, pid, birth, 0, 217);
        } else if self.strikes(self.faults.dies_early) {
            // Its pipe closes at its end, as at execve.
            self.schedule(first, Later::Exec { pid, birth });
            self.end_after(first + 1, pid, birth, 1, SIGKILL);
        } else if self.strikes(self.faults.step_fails) {
            let early = self.rng.bool();
            self.schedule(first, Later::StepFails { pid, birth, early });
            let code = self.rng.u8(200..=245);
            self.end_after(first + 10, pid, birth, 0, code);
        } else {
            let statics = self.strikes(self.faults.static_user);
            self.schedule(first, Later::Identify { pid, birth, statics });
            self.schedule(first + 500, Later::Exec { pid, birth });
            if self.strikes(self.faults.forks) {
                let at = first + self.rng.u64(600..50_000);
                let bomb = self.strikes(self.faults.bombs);
                self.schedule(at, Later::Fork { pid, birth, bomb });
            }
            if self.strikes(self.faults.oom_kills) {
                let at = first + self.rng.u64(600..20_000_000);
                self.schedule(at, Later::OutOfMemory { unit: unit.0 });
            }
            self.live(spawn, pid, birth, first + 600);
        }
        Event::Spawned { unit, slot, pid: Pid(pid) }
    }

    /// What a program does after its execve.
    fn live(&mut self, spawn: &Spawn, pid: u32, birth: u64, begin: u64) {
        let Some(service) = self.services[spawn.unit.index()].clone() else { return };
        if spawn.kind == CommandKind::Start && service.service_type == ServiceType::Forking {
            return self.leave_daemon(pid, birth, begin);
        }
        let daemon = spawn.kind == CommandKind::Start && service.service_type != ServiceType::Oneshot;
        if daemon {
            self.talk(&service, pid, birth, begin);
        }
        if self.strikes(self.faults.crash) {
            let (way, number) = match self.rng.u8(..6) {
                0 => (1, *pick(&mut self.rng, &[6, 9, 11, 15, 13])),
                1 => (2, 11),
                2 => (0, 7),
                3 => (0, 3),
                4 => (0, 255),
                _ => (0, self.rng.u8(1..)),
            };
            let span = *pick(&mut self.rng, &[0, 1_000, 1_000_000, 30_000_000]);
            self.end_after(begin + span, pid, birth, way, number);
        } else if daemon {
            if self.strikes(self.faults.clean_exit) {
                let span = self.rng.u64(0..60_000_000);
                self.end_after(begin + span, pid, birth, 0, 0);
            }
        } else if !self.strikes(self.faults.hang) {
            let span = self.rng.u64(0..500_000);
            self.end_after(begin + span, pid, birth, 0, 0);
        }
    }

    /// A program forks and ends; what it leaves behind is the daemon, or nothing.
    fn leave_daemon(&mut self, pid: u32, birth: u64, begin: u64) {
        if self.strikes(self.faults.hang) {
            return;
        }
        let daemons = if self.strikes(self.faults.silent) { self.rng.u64(0..3) } else { 1 };
        for _ in 0..daemons {
            self.schedule(begin, Later::Fork { pid, birth, bomb: false });
        }
        let code = if self.strikes(self.faults.crash) { self.rng.u8(1..) } else { 0 };
        self.end_after(begin + 1_000, pid, birth, 0, code);
    }

    /// What a daemon says after its execve.
    fn talk(&mut self, service: &ServicePlan, pid: u32, birth: u64, begin: u64) {
        let says_ready = matches!(service.service_type, ServiceType::Notify | ServiceType::NotifyReload);
        if says_ready && !self.strikes(self.faults.silent) {
            let span = *pick(&mut self.rng, &[0, 1_000, 500_000, 5_000_000]);
            self.schedule(begin + span, Later::Say { pid, birth, what: Saying::Ready });
        }
        if service.watchdog.0 > 0 {
            self.schedule(begin, Later::Say { pid, birth, what: Saying::Alive });
        }
        if service.notify_access != NotifyAccess::None && self.strikes(self.faults.nonsense) {
            let (count, within) = match self.strikes(self.faults.floods) {
                true => (100, 1_000),
                false => (self.rng.u8(1..8), 30_000_000),
            };
            for _ in 0..count {
                let what = match self.rng.u8(..8) {
                    0 => Saying::OwnChild,
                    other => Saying::Nonsense(other),
                };
                let span = self.rng.u64(0..within);
                self.schedule(begin + span, Later::Say { pid, birth, what });
            }
        }
    }

    /// The process that a unit's pid file names, or a guess finds.
    pub(crate) fn daemon(&mut self, unit: UnitId, in_file: bool) -> Option<u32> {
        if in_file && self.strikes(self.faults.silent) {
            return Some(self.rng.u32(0..40));
        }
        let mut daemons = self.of(unit).filter(|process| process.slot.is_none() && !process.killed);
        let first = daemons.next()?.pid.0;
        if in_file || daemons.next().is_none() { Some(first) } else { None }
    }

    /// A process becomes its unit's main process, the one before it nobody; whether it may.
    pub(crate) fn adopt(&mut self, unit: UnitId, pid: u32) -> bool {
        let may = |p: &Process| p.pid.0 == pid && p.unit == unit && p.slot.is_none() && p.executed;
        let Some(birth) = self.processes.iter().find(|(_, process)| may(process)).map(|(birth, _)| *birth)
        else {
            return false;
        };
        self.schedule(1, Later::Say { pid, birth, what: Saying::Alive });
        for (_, process) in self.processes.iter_mut().filter(|(_, process)| process.unit == unit) {
            if process.slot == Some(Slot::Main) {
                process.slot = None;
            } else if may(process) {
                process.slot = Some(Slot::Main);
            }
        }
        true
    }

    fn add(&mut self, unit: UnitId, slot: Option<Slot>, given: Vec<Given>) -> (u32, u64) {
        // The lowest free pid: numbers come again as soon as they can.
        let taken = |pid: u32| self.processes.iter().any(|(_, process)| process.pid.0 == pid);
        let pid = (2..).find(|pid| !taken(*pid)).expect("few processes");
        self.births += 1;
        let process = Process {
            pid: Pid(pid),
            unit,
            slot,
            given,
            took: false,
            declined: false,
            executed: false,
            ignores_term: self.strikes(self.faults.ignores_term),
            slow_to_die: self.strikes(self.faults.slow_to_die),
            killed: false,
        };
        self.processes.push((self.births, process));
        (pid, self.births)
    }

    /// A child of `pid`, of the same unit and numbers.
    pub(crate) fn fork(&mut self, pid: u32, birth: u64, bomb: bool) {
        let Some(parent) = self.living(pid, birth).cloned() else { return };
        if self.of(parent.unit).count() >= TASKS_MAX {
            return;
        }
        let (child, child_birth) = self.add(parent.unit, None, parent.given);
        if let Some(process) = self.living(child, child_birth) {
            (process.took, process.declined) = (parent.took, parent.declined);
            process.executed = true;
        }
        let forks = |service: &ServicePlan| service.service_type == ServiceType::Forking;
        let service = self.services[parent.unit.index()].as_ref();
        if service.is_some_and(|service| forks(service) && service.watchdog.0 > 0) {
            self.schedule(0, Later::Say { pid: child, birth: child_birth, what: Saying::Alive });
        }
        if bomb {
            for (pid, birth) in [(pid, birth), (child, child_birth)] {
                let span = self.rng.u64(0..1_000_000);
                self.schedule(span, Later::Fork { pid, birth, bomb });
            }
        } else if self.rng.bool() {
            let span = self.rng.u64(0..20_000_000);
            self.end_after(span, child, child_birth, 0, 0);
        }
    }

    /// The kernel kills all processes of `unit` (`memory.oom.group`).
    pub(crate) fn run_out_of_memory(&mut self, unit: UnitId) {
        let mut ends = vec![];
        for (birth, process) in self.processes.iter_mut().filter(|(_, process)| process.unit == unit) {
            process.killed = true;
            ends.push((process.pid.0, *birth));
        }
        for (pid, birth) in ends {
            self.end_after(0, pid, birth, 1, SIGKILL);
        }
    }

    fn end_after(&mut self, span: u64, pid: u32, birth: u64, way: u8, number: u8) {
        self.schedule(span, Later::Exit { pid, birth, way, number });
    }

    /// Sends `signal`.
    pub(crate) fn kill(&mut self, unit: UnitId, whom: Whom, signal: u8) {
        let wanted = |process: &Process| match whom {
            Whom::All => true,
            Whom::Main => process.slot == Some(Slot::Main),
            Whom::Control => process.slot == Some(Slot::Control),
        };
        let mut ends = vec![];
        for (birth, process) in self.processes.iter_mut().filter(|(_, p)| p.unit == unit && wanted(p)) {
            if signal == SIGKILL {
                process.killed = true;
            }
            if signal == SIGKILL || !process.ignores_term {
                ends.push((process.pid.0, *birth, process.slow_to_die));
            }
        }
        for (pid, birth, slow) in ends {
            let span = if slow { self.rng.u64(0..200_000_000) } else { self.rng.u64(0..5_000) };
            let polite = signal != SIGKILL && signal != SIGHUP && self.rng.bool();
            let (way, number) = if polite { (0, 0) } else { (1, signal) };
            self.end_after(span, pid, birth, way, number);
        }
    }

    /// Nobody ignores signals any more.
    pub(crate) fn tame(&mut self) {
        for (_, process) in &mut self.processes {
            (process.ignores_term, process.slow_to_die) = (false, false);
        }
        // Whoever was silent is so no more.
        let mains = self.processes.iter().filter(|(_, process)| process.slot == Some(Slot::Main));
        for (birth, pid) in mains.map(|(birth, process)| (*birth, process.pid.0)).collect::<Vec<_>>() {
            self.schedule(0, Later::Say { pid, birth, what: Saying::Ready });
            self.schedule(1, Later::Say { pid, birth, what: Saying::Alive });
        }
    }

    /// Removes a process that has ended; whether it was the last one of its unit.
    pub(crate) fn reap(&mut self, pid: u32, birth: u64) -> Option<Process> {
        let at = self.processes.iter().position(|(its, process)| *its == birth && process.pid.0 == pid)?;
        let (_, process) = self.processes.swap_remove(at);
        if self.of(process.unit).next().is_none() {
            let unit = process.unit.0;
            if !self.strikes(self.faults.lost_empty) {
                let late = self.strikes(self.faults.late_empty);
                let span = if late { self.rng.u64(0..20_000_000) } else { self.rng.u64(0..500) };
                self.schedule(span, Later::Empty { unit });
            }
        }
        Some(process)
    }

    /// Everything that runs under `number` is killed for good: what the janitor does first.
    pub(crate) fn kill_number(&mut self, number: u32) {
        let mut ends = vec![];
        for (birth, process) in &mut self.processes {
            if process.took && process.given.iter().any(|(_, its)| *its == number) {
                process.killed = true;
                ends.push((process.pid.0, *birth));
            }
        }
        for (pid, birth) in ends {
            self.end_after(0, pid, birth, 1, SIGKILL);
        }
    }
}

/// The end that `way` and `number` stand for.
pub(crate) const fn status(way: u8, number: u8) -> ExitStatus {
    match way {
        0 => ExitStatus::Exited(number),
        1 => ExitStatus::Killed(number),
        _ => ExitStatus::Dumped(number),
    }
}
