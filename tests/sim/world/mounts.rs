//! What is mounted, by commands and by hand, which devices are there, and who looks.

use tomte::{
    supervisor::{Event, Spawn, UnitSet},
    table::{CommandKind, UnitId},
    wire::{ActiveState, ExitStatus, UnitStatus},
};

use super::super::{
    judge::Verdict,
    kernel::{Later, Process},
};
use super::World;

/// How long the child waits before it looks, in microseconds.
const SETTLE: u64 = 50_000;

/// Whether the unit called `name` is up or down whoever has done it.
pub(super) fn is_seen(name: &str) -> bool {
    name.ends_with(".mount") || name.ends_with(".device")
}

/// The machine's mounts and devices.
#[derive(Default)]
pub(super) struct Mounts {
    /// Units that are mounted, or plugged.
    there: Vec<UnitId>,
    /// What the commands that run are for, by pid.
    commands: Vec<(u32, CommandKind)>,
    /// What the child that looks has seen.
    seen: Option<(UnitSet, UnitSet)>,
    /// Which program of PID 1 has sent it.
    program: u32,
    /// Word of a change is on its way, or somebody looks.
    busy: u32,
}

impl World<'_> {
    fn mounts(&self) -> impl Iterator<Item = UnitId> + use<> {
        let units = self.plan.units.iter().enumerate();
        let mounts: Vec<_> = units.filter(|(_, plan)| is_seen(&plan.name)).collect();
        let ids: Vec<_> =
            mounts.into_iter().map(|(at, _)| UnitId(u16::try_from(at).expect("few units"))).collect();
        ids.into_iter()
    }

    /// Some devices are there from the beginning, and all of them when all is well.
    pub(super) fn plug(&mut self, all: bool) {
        for unit in self.mounts() {
            let device = self.plan.units[usize::from(unit.0)].name.ends_with(".device");
            if device && (all || self.kernel.rng.bool()) {
                self.set_there(unit, true);
            }
        }
        self.mounts_change();
    }

    /// Something has changed, or the next program of PID 1 is to see what there is.
    pub(super) fn mounts_change(&mut self) {
        if self.mounts().next().is_some() {
            let span = self.kernel.rng.u64(0..1_000);
            self.kernel.schedule(span, Later::MountsChanged);
            self.mounts.busy += 1;
        }
    }

    /// The next program of PID 1 does not hear those whom this one has sent.
    pub(super) fn mounts_are_forgotten(&mut self) {
        self.mounts.program += 1;
        self.mounts_change();
    }

    pub(super) fn word_of_mounts(&mut self) -> Verdict {
        self.mounts.busy -= 1;
        self.handle(Event::MountsChanged)
    }

    /// Somebody mounts or unmounts by hand, and will again.
    pub(super) fn by_hand(&mut self) -> Verdict {
        if self.kernel.faults.hands == 0 {
            return Ok(());
        }
        let mounts: Vec<UnitId> = self.mounts().collect();
        if let Some(unit) = self.kernel.rng.choice(mounts) {
            let there = self.mounts.there.contains(&unit);
            self.set_there(unit, !there);
        }
        let span = self.kernel.rng.u64(1..60_000_000 / u64::from(self.kernel.faults.hands));
        self.kernel.schedule(span, Later::Hand);
        Ok(())
    }

    fn set_there(&mut self, unit: UnitId, there: bool) {
        let before = self.mounts.there.contains(&unit);
        self.mounts.there.retain(|one| *one != unit);
        self.mounts.there.extend(there.then_some(unit));
        if before != there {
            self.tell(|| format!("-- {unit:?} is {}", if there { "there" } else { "gone" }));
            self.mounts_change();
        }
    }

    /// A command of a mount unit is made.
    pub(super) fn may_mount(&mut self, spawn: &Spawn, pid: u32) {
        self.mounts.commands.push((pid, spawn.kind));
    }

    /// A process has ended, which may have been such a command.
    pub(super) fn may_have_mounted(&mut self, process: &Process, status: ExitStatus) {
        let at = self.mounts.commands.iter().position(|(pid, _)| *pid == process.pid.0);
        let Some((_, kind)) = at.map(|at| self.mounts.commands.swap_remove(at)) else { return };
        if status == ExitStatus::Exited(0) && self.mounts().any(|unit| unit == process.unit) {
            match kind {
                CommandKind::Start => self.set_there(process.unit, true),
                CommandKind::Stop | CommandKind::StopPost => self.set_there(process.unit, false),
                CommandKind::Condition
                | CommandKind::StartPre
                | CommandKind::StartPost
                | CommandKind::Reload => {}
            }
        }
    }

    /// A child is sent to look.
    pub(super) fn survey(&mut self) {
        let span = SETTLE + self.kernel.rng.u64(0..20_000);
        self.kernel.schedule(span, Later::Look { program: self.mounts.program });
        self.mounts.busy += 1;
    }

    /// It looks, and answers a little later.
    pub(super) fn look(&mut self, program: u32) -> Verdict {
        let (mut there, mut gone) = (UnitSet::EMPTY, UnitSet::EMPTY);
        for unit in self.mounts() {
            let set = if self.mounts.there.contains(&unit) { &mut there } else { &mut gone };
            set.insert(unit);
        }
        if program == self.mounts.program {
            self.mounts.seen = Some((there, gone));
        }
        let span = self.kernel.rng.u64(0..20_000);
        self.kernel.schedule(span, Later::Surveyed { program });
        Ok(())
    }

    pub(super) fn surveyed(&mut self, program: u32) -> Verdict {
        self.mounts.busy -= 1;
        if program != self.mounts.program {
            return Ok(());
        }
        let (there, gone) = self.mounts.seen.take().ok_or("a look that nobody began")?;
        self.handle(Event::Surveyed { there, gone })
    }

    /// Whether word of mounts is still to come.
    pub(super) const fn mounts_are_busy(&self) -> bool {
        self.mounts.busy > 0
    }

    /// Who is up is mounted, and who is mounted is up.
    pub(super) fn judge_mounts(&self) -> Verdict {
        for unit in self.mounts() {
            let Some(UnitStatus { active, sub, .. }) = self.supervisor.status(unit) else { continue };
            let there = self.mounts.there.contains(&unit);
            let agrees = match active {
                ActiveState::Active => there,
                ActiveState::Inactive | ActiveState::Failed => !there,
                ActiveState::Activating | ActiveState::Deactivating | ActiveState::Reloading => true,
            };
            if !agrees {
                return Err(format!("{unit:?} is {sub}, and there: {there}"));
            }
        }
        Ok(())
    }
}
