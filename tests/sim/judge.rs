//! What must never happen, whatever the world does. Judged by what the machine and the clients saw, not by the
//! supervisor's own memory.

use std::collections::BTreeMap;

use tomte::{
    supervisor::{ClientId, Slot, Spawn, Supervisor},
    table::{CommandKind, KillMode, ServiceType, UnitId},
    wire::{ActiveState, ServiceResult, SubState, Whom},
};

use super::{
    fixture::UnitPlan,
    kernel::{Given, Kernel},
};

const SIGTERM: u8 = 15;

/// A rule that was broken, in words.
pub(crate) type Verdict = Result<(), String>;

/// What has been seen so far.
pub(crate) struct Judge {
    units: Vec<Seen>,
    /// Whose a number is: from the moment a process runs under it until a janitor has cleaned it.
    owners: BTreeMap<u32, u16>,
    /// Requests without an answer, by client.
    pub(crate) unanswered: BTreeMap<u16, u32>,
    /// Nobody has asked for stops and restarts: what happens is boot.
    pub(crate) undisturbed: bool,
    pub(crate) shutting_down: bool,
    pub(crate) shutdown_began: u64,
}

#[derive(Clone, Default)]
struct Seen {
    /// It was said that no process is left, and none was made since.
    empty: bool,
    /// The next spawn in the main slot, or in the other, is a second try, not a start.
    second_try: [bool; 2],
    /// When starts began.
    starts: Vec<u64>,
    /// It is starting, as far as was seen.
    starting: bool,
    /// Who else was starting already when this was first seen.
    beside: Vec<u16>,
    /// Its failure counts were reset.
    reset: bool,
    /// It was not started because of another unit.
    dependency: bool,
    /// A job of it has taken too long at some time: it may stay as it is.
    untimely: bool,
    /// One did while it was starting: that start goes on, and nobody waits for it.
    late_start: bool,
    /// One did while it was not down: it is so until it is down, and nobody waits for that.
    late_stop: bool,
    /// A janitor is at work for it.
    janitor: bool,
    /// A child looks at its conditions.
    examiner: bool,
    /// They have held since the last start.
    met: bool,
    /// A start was passed over or has failed because of its conditions.
    passed_over: bool,
    /// Numbers that the janitor kills for.
    cleaning: Vec<u32>,
}

macro_rules! rule {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

impl Judge {
    pub(crate) fn new(units: usize, undisturbed: bool) -> Self {
        Self {
            units: vec![Seen { empty: true, ..Seen::default() }; units],
            owners: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            undisturbed,
            shutting_down: false,
            shutdown_began: 0,
        }
    }

    /// Looks at who is starting now. Its process may be made much later, and others may begin meanwhile.
    pub(crate) fn look(&mut self, supervisor: &Supervisor<'_>) {
        let already: Vec<u16> =
            (0..).zip(&self.units).filter(|(_, seen)| seen.starting).map(|(n, _)| n).collect();
        for (n, seen) in (0..).zip(&mut self.units) {
            let Some(status) = supervisor.status(UnitId(n)) else { continue };
            let starting = is_starting(status.sub);
            if starting && !seen.starting {
                seen.beside.clone_from(&already);
            }
            seen.starting = starting;
            seen.late_start &= starting;
            seen.late_stop &= !is_down(status.active);
        }
    }

    /// A process is about to be made.
    pub(crate) fn spawn(
        &mut self,
        spawn: &Spawn,
        given: &[Given],
        plans: &[UnitPlan],
        kernel: &Kernel,
        supervisor: &Supervisor<'_>,
    ) -> Verdict {
        let id = spawn.unit;
        rule!(kernel.slot(id, spawn.slot).is_none(), "two processes of {id:?} in {:?}", spawn.slot);
        for (identity, number) in given {
            let owner = self.owners.get(number);
            rule!(
                owner.is_none_or(|owner| *owner == identity.0),
                "{number} is {owner:?}'s, not {identity:?}'s"
            );
            let elsewhere = kernel.processes.iter().map(|(_, process)| process).find(|process| {
                let theirs = process.given.iter().any(|(its, n)| n == number && its != identity);
                theirs && !process.declined
            });
            rule!(elsewhere.is_none(), "{number} for {identity:?} while {elsewhere:?} has it");
            let cleaned = self.units.iter().any(|unit| unit.cleaning.contains(number));
            rule!(!cleaned, "{number} given out while a janitor kills whatever runs under it");
        }
        let again = core::mem::take(&mut self.units[id.index()].second_try[spawn.slot as usize]);
        if !again && spawn.kind == CommandKind::Stop && spawn.index == 0 {
            self.stop_order(id, plans, supervisor)?;
        }
        if !again && spawn.index == 0 && Some(spawn.kind) == first_kind(&plans[id.index()]) {
            self.start(id, plans, kernel, supervisor)?;
        }
        Ok(())
    }

    /// A start of `id` begins.
    fn start(
        &mut self,
        id: UnitId,
        plans: &[UnitPlan],
        kernel: &Kernel,
        supervisor: &Supervisor<'_>,
    ) -> Verdict {
        let plan = &plans[id.index()];
        // Of one that is up already (Type=idle) only the process is made.
        let at_once = supervisor
            .status(id)
            .is_some_and(|status| status.started_us == kernel.now && status.active != ActiveState::Active);
        // A start that waited for its number may go on until its stop has its turn.
        let late = self.shutting_down && kernel.now > self.shutdown_began;
        rule!(!(late && at_once), "{id:?} starts during shutdown");
        let first = self.units[id.index()].starts.is_empty();
        for other in plan.after.iter().filter(|_| at_once) {
            let Some(status) = supervisor.status(UnitId(*other)) else { continue };
            // Who had begun already when the other did need not wait for him.
            let had_begun = self.units[usize::from(*other)].beside.contains(&id.0);
            let late = self.units[usize::from(*other)].late_start;
            let starting = is_starting(status.sub) && !had_begun && !late;
            rule!(!starting, "{id:?} starts while {other}, which it comes after, is in {}", status.sub);
            let seen = &self.units[usize::from(*other)];
            let tried = status.started_us > 0 || seen.dependency || seen.passed_over || seen.untimely;
            rule!(!(first && self.undisturbed) || tried, "{id:?} starts before {other} was tried");
        }
        let seen = &mut self.units[id.index()];
        let met = core::mem::take(&mut seen.met) || plan.conditions.is_empty();
        rule!(met, "{id:?} starts and its conditions do not hold");
        seen.starts.push(kernel.now);
        let limit = plan.start_limit;
        if limit.interval.0 > 0 && limit.burst > 0 && !seen.reset {
            let since = kernel.now.saturating_sub(limit.interval.0);
            // A fixed window allows its burst at its end and again at the beginning of the next.
            let recent = seen.starts.iter().rev().take_while(|at| **at > since).count();
            rule!(recent <= 2 * limit.burst as usize, "{id:?} has begun {recent} starts in one interval");
        }
        Ok(())
    }

    /// During shutdown, `id` goes down after all that come after it.
    fn stop_order(&self, id: UnitId, plans: &[UnitPlan], supervisor: &Supervisor<'_>) -> Verdict {
        let asked = self.shutting_down
            && supervisor
                .status(id)
                .is_some_and(|status| status.result == ServiceResult::Success && status.main_pid > 0);
        for (n, _) in (0..).zip(plans).filter(|(_, plan)| asked && plan.after.contains(&id.0)) {
            let active = supervisor.status(UnitId(n)).map(|status| status.active);
            rule!(active.is_some_and(is_down), "{id:?} stops while {n}, which comes after it, is {active:?}");
        }
        Ok(())
    }

    /// A process was made, or not.
    pub(crate) fn spawned(&mut self, id: UnitId) {
        self.units[id.index()].empty = false;
    }

    /// It was said that no process of `id` is left.
    pub(crate) fn emptied(&mut self, id: UnitId) {
        self.units[id.index()].empty = true;
    }

    /// A child of `id` could not use its number.
    pub(crate) fn unfit(&mut self, id: UnitId, slot: Slot) {
        self.units[id.index()].second_try[slot as usize] = true;
    }

    /// A process runs under numbers from here on.
    pub(crate) fn took(&mut self, given: &[Given]) -> Verdict {
        for (identity, number) in given {
            let owner = *self.owners.entry(*number).or_insert(identity.0);
            rule!(owner == identity.0, "{number} is {owner}'s and {identity:?}'s");
        }
        Ok(())
    }

    /// A signal is about to be sent.
    pub(crate) fn kill(
        &self,
        unit: UnitId,
        whom: Whom,
        signal: u8,
        plans: &[UnitPlan],
        kernel: &Kernel,
        supervisor: &Supervisor<'_>,
    ) -> Verdict {
        let there = match whom {
            Whom::Main => kernel.slot(unit, Slot::Main).is_some(),
            Whom::Control => kernel.slot(unit, Slot::Control).is_some(),
            Whom::All => !self.units[unit.index()].empty,
        };
        rule!(there, "signal {signal} to {whom:?} of {unit:?}, where nobody is");
        let service = plans[unit.index()].service.as_ref();
        // A reload's signal, and the end of a reload's command that takes too long, leave the service up.
        let reload = matches!((whom, signal), (Whom::Main, 1) | (Whom::Control, 9));
        rule!(
            reload || service.is_some_and(|s| s.kill.mode != KillMode::None),
            "signal {signal} to {unit:?} with KillMode=none"
        );
        let stops = service.is_some_and(|s| s.commands.iter().any(|(kind, _)| *kind == CommandKind::Stop));
        let first =
            signal == SIGTERM && supervisor.status(unit).is_some_and(|s| s.sub == SubState::StopSigterm);
        if first && !stops { self.stop_order(unit, plans, supervisor) } else { Ok(()) }
    }

    /// A janitor is about to kill all that runs under `numbers`: nobody who is up, and what other units left behind
    /// when they went down only with the number's last holder.
    pub(crate) fn clean(
        &mut self,
        unit: UnitId,
        numbers: &[u32],
        (plans, kernel): (&[UnitPlan], &Kernel),
        supervisor: &Supervisor<'_>,
    ) -> Verdict {
        let idle = |id: UnitId| {
            let service = plans[id.index()].service.as_ref();
            service.is_some_and(|service| service.service_type == ServiceType::Idle)
                && supervisor.status(id).is_some_and(|status| status.sub == SubState::Running)
        };
        let down = |id: UnitId| {
            let active = supervisor.status(id).map(|status| status.active);
            // Who is to start again and waits, for the number or for others, has nothing but what he left behind.
            let waits = (active == Some(ActiveState::Activating) || idle(id))
                && [Slot::Main, Slot::Control].iter().all(|slot| kernel.slot(id, *slot).is_none());
            // So has he whose janitor's answer was lost when PID 1 failed.
            let goes = supervisor.status(id).is_some_and(|status| status.sub == SubState::FinalSigkill);
            waits || goes || active.is_some_and(is_down) || self.units[id.index()].janitor
        };
        for number in numbers {
            let other = kernel.processes.iter().map(|(_, process)| process).find(|process| {
                process.unit != unit
                    && !down(process.unit)
                    && !process.declined
                    && !process.killed // and is only slow to die: his unit has another number by then, from another table
                    && process.given.iter().any(|(_, its)| its == number)
            });
            rule!(other.is_none(), "the janitor of {unit:?} would kill {other:?}");
        }
        let seen = &mut self.units[unit.index()];
        rule!(!seen.janitor, "two janitors for {unit:?}");
        seen.janitor = true;
        seen.cleaning.extend(numbers);
        Ok(())
    }

    /// The janitor of `unit` is done.
    pub(crate) fn cleaned(&mut self, unit: UnitId, clean: bool) {
        self.units[unit.index()].janitor = false;
        for number in self.units[unit.index()].cleaning.drain(..) {
            if clean {
                self.owners.remove(&number);
            }
        }
    }

    /// A child is about to look at the conditions of `unit`.
    pub(crate) fn examine(&mut self, unit: UnitId, plans: &[UnitPlan]) -> Verdict {
        rule!(!plans[unit.index()].conditions.is_empty(), "{unit:?} has no conditions");
        let seen = &mut self.units[unit.index()];
        rule!(!seen.examiner, "two examiners for {unit:?}");
        (seen.examiner, seen.met) = (true, false);
        Ok(())
    }

    /// It has answered.
    pub(crate) fn examined(&mut self, unit: UnitId, met: bool) {
        let seen = &mut self.units[unit.index()];
        (seen.examiner, seen.met) = (false, met);
        seen.passed_over |= !met;
    }

    /// Whether a start of `unit` was passed over or has failed because of its conditions.
    pub(crate) fn was_passed_over(&self, unit: UnitId) -> bool {
        self.units[unit.index()].passed_over
    }

    pub(crate) fn reset(&mut self, unit: UnitId) {
        self.units[unit.index()].reset = true;
    }

    /// Whether a failure of `unit` was forgotten on request.
    pub(crate) fn was_reset(&self, unit: UnitId) -> bool {
        self.units[unit.index()].reset
    }

    pub(crate) fn dependency_failed(&mut self, unit: UnitId) {
        self.units[unit.index()].dependency = true;
    }

    /// A job of `unit` has ended before what it had begun.
    pub(crate) fn job_timed_out(&mut self, unit: UnitId, supervisor: &Supervisor<'_>) {
        let seen = &mut self.units[unit.index()];
        seen.untimely = true;
        if let Some(status) = supervisor.status(unit) {
            seen.late_start = is_starting(status.sub);
            seen.late_stop = !is_down(status.active);
        }
    }

    /// Whether a job of `unit` has ever.
    pub(crate) fn was_untimely(&self, unit: UnitId) -> bool {
        self.units[unit.index()].untimely
    }

    /// Whether nobody waits for `unit` to go down, which is so since a job of it has.
    pub(crate) fn is_late(&self, unit: UnitId) -> bool {
        self.units[unit.index()].late_stop
    }

    /// Whether `unit` was not started because of another.
    pub(crate) fn has_dependency_failed(&self, unit: UnitId) -> bool {
        self.units[unit.index()].dependency
    }

    /// A client has its answer.
    pub(crate) fn reply(&mut self, client: ClientId) -> Verdict {
        let count = self.unanswered.entry(client.0).or_default();
        rule!(*count > 0, "an answer to {client:?}, who asked nothing");
        *count -= 1;
        Ok(())
    }

    /// A unit that is down has no process, but for what was left on purpose or is being killed.
    pub(crate) fn rest(&self, plans: &[UnitPlan], kernel: &Kernel, supervisor: &Supervisor<'_>) -> Verdict {
        for (n, plan) in (0..).zip(plans) {
            let Some(service) = &plan.service else { continue };
            let thorough = matches!(service.kill.mode, KillMode::ControlGroup | KillMode::Mixed);
            if !thorough || !service.kill.send_sigkill {
                continue;
            }
            let Some(status) = supervisor.status(UnitId(n)) else { continue };
            let down = is_down(status.active) || status.sub == SubState::AutoRestart;
            let left = kernel.of(UnitId(n)).find(|process| !process.killed);
            rule!(!down || left.is_none(), "{n} is {} and {left:?} lives", status.sub);
        }
        Ok(())
    }
}

/// The kind of the first command of a start.
fn first_kind(plan: &UnitPlan) -> Option<CommandKind> {
    let service = plan.service.as_ref()?;
    let order = [CommandKind::Condition, CommandKind::StartPre, CommandKind::Start];
    order.into_iter().find(|kind| service.commands.iter().any(|(its, _)| its == kind))
}

const fn is_down(active: ActiveState) -> bool {
    matches!(active, ActiveState::Inactive | ActiveState::Failed)
}

const fn is_starting(sub: SubState) -> bool {
    matches!(sub, SubState::Condition | SubState::StartPre | SubState::Start | SubState::StartPost)
}
