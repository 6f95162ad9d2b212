//! When a world is at rest, and whether it rests well.

use tomte::{
    supervisor::Slot,
    table::{JobMode, Kind, Relation, Restart, ServiceType, UnitId},
    wire::{ActiveState, ServiceResult, SubState, UnitStatus},
};

use super::super::{fixture::UnitPlan, judge::Verdict};
use super::{World, mounts::is_seen};

impl World<'_> {
    /// Nothing moves, but for units that try again and again to find a number when there is none.
    pub(super) fn is_at_rest(&self) -> bool {
        if self.cut_short {
            return false;
        }
        let numberless = self.numberless.iter().any(|unit| *unit);
        let settled = |status: &UnitStatus<'_>| {
            // A main process that is being replaced, because its number did not fit, is none for a moment.
            let moving =
                matches!(
                    status.active,
                    ActiveState::Activating | ActiveState::Reloading | ActiveState::Deactivating
                ) || (status.sub == SubState::Running && status.main_pid == 0 && !self.needs_no_main(status));
            !moving || self.numberless[usize::from(status.id)]
        };
        let on_the_way =
            self.kernel.processes.iter().any(|(_, one)| one.slot == Some(Slot::Main) && !one.executed);
        // Somebody who is upheld may be about to start; who finds no number is always about to.
        let upheld = self.plan.related
            && !numberless
            && self.supervisor.next_deadline().is_some_and(|at| at.0 <= self.kernel.now + 100_000);
        let looks = self.held.iter().any(|held| held.watcher);
        !on_the_way
            && !looks
            && !self.mounts_are_busy()
            && !self.supervisor.is_switching()
            && !upheld
            && (numberless || self.supervisor.manager().jobs == 0)
            && self.statuses().all(|status| settled(&status))
    }

    /// Nobody is up together with one that it conflicts with, unless he was started whatever is up, or a stop took too long.
    fn judge_peace(&self) -> Verdict {
        let heedless = |plan: &UnitPlan| {
            [plan.manners.on_failure_mode, plan.manners.on_success_mode]
                .contains(&JobMode::IgnoreRequirements)
        };
        if self.plan.units.iter().any(heedless) {
            return Ok(());
        }
        let up = |id: u16| {
            let active = self.supervisor.status(UnitId(id)).map(|status| status.active);
            active == Some(ActiveState::Active)
        };
        // A mount that could not be taken away, or that somebody makes again and again, is there whoever fights it.
        let mount = |id: u16| is_seen(&self.plan.units[usize::from(id)].name);
        for (id, plan) in (0..).zip(&self.plan.units).filter(|(id, _)| !mount(*id)) {
            let late = |id: u16| self.judge.is_late(UnitId(id));
            let fights = |(relation, other): &&(Relation, u16)| {
                *relation == Relation::Conflicts && up(*other) && !mount(*other) && !late(id) && !late(*other)
            };
            if let Some((_, other)) = plan.related.iter().find(fights).filter(|_| up(id)) {
                return Err(format!("{id} and {other} conflict and are both up"));
            }
        }
        Ok(())
    }

    /// Whether a unit may be up although nobody knows its main process: as long as any of its processes lives, or nobody
    /// has told that none does.
    fn needs_no_main(&self, status: &UnitStatus<'_>) -> bool {
        let plan = &self.plan.units[usize::from(status.id)];
        let service = plan.service.as_ref();
        let any = service.is_some_and(|s| s.exit_with_last || s.service_type == ServiceType::Forking);
        plan.trigger.is_some()
            || any && (self.plan.faults.lost_empty > 0 || self.kernel.of(UnitId(status.id)).next().is_some())
    }

    /// A unit that starts others and has done so waits again when they are down.
    fn judge_triggers(&self) -> Verdict {
        if self.supervisor.manager().jobs > 0 {
            return Ok(()); // somebody finds no number, so the world rests although others are on their way
        }
        for status in self.statuses().filter(|status| status.sub == SubState::Running) {
            let plan = &self.plan.units[usize::from(status.id)];
            let starts = |(relation, id): &(Relation, u16)| (*relation == Relation::Triggers).then_some(*id);
            let down = |id: u16| {
                let active = self.supervisor.status(UnitId(id)).map(|status| status.active);
                matches!(active, Some(ActiveState::Inactive | ActiveState::Failed))
            };
            let mut started = plan.related.iter().filter_map(starts).peekable();
            if started.peek().is_some() && started.all(down) {
                return Err(format!("{} has forgotten that its unit is down", status.name));
            }
        }
        Ok(())
    }

    /// No timer is forgotten: one that waits has a time, and one with a calendar has one within a day.
    fn judge_timers(&self) -> Verdict {
        let timers = self.statuses().filter_map(|status| {
            let Some(Kind::Timer(timer)) = self.plan.units[usize::from(status.id)].trigger else {
                return None;
            };
            Some((status, timer))
        });
        for (status, timer) in timers {
            let rings = self.supervisor.next_wall_deadline();
            let late = 86_400_000_000 + timer.randomized_delay.0 + timer.accuracy.0;
            // Whose time came while units went down for another table elapses within a second.
            let soon = self.supervisor.next_deadline().is_some_and(|at| at.0 <= self.kernel.now + 1_000_000);
            let waits = soon
                || if timer.calendars.is_empty() {
                    rings.is_some() || self.supervisor.next_deadline().is_some()
                } else {
                    rings.is_some_and(|at| at <= self.kernel.wall() + late)
                };
            let forgotten = status.sub == SubState::Waiting && !waits
                || status.sub == SubState::Elapsed && (!timer.calendars.is_empty() || timer.on_clock_change);
            if forgotten {
                return Err(format!(
                    "{} waits for nothing: {}, rings {rings:?}, wall {}, late {late}, {} calendars",
                    status.name,
                    status.sub,
                    self.kernel.wall(),
                    timer.calendars.iter().count()
                ));
            }
        }
        Ok(())
    }

    /// Everything is up, or there is a reason why it is not.
    pub(super) fn judge_rest(&self) -> Verdict {
        self.judge.rest(&self.plan.units, &self.kernel, &self.supervisor)?;
        self.judge_peace()?;
        self.judge_triggers()?;
        self.judge_timers()?;
        self.judge_mounts()?;
        for status in self.statuses() {
            let plan = &self.plan.units[usize::from(status.id)];
            let id = UnitId(status.id);
            match status.active {
                ActiveState::Failed if status.result == ServiceResult::Success => {
                    return Err(format!("{id:?} has failed without a reason"));
                }
                ActiveState::Inactive if self.judge.undisturbed => {
                    let may = self.judge.has_dependency_failed(id)
                        || self.judge.was_reset(id)
                        || self.judge.was_passed_over(id)
                        || self.judge.was_untimely(id)
                        || status.result == ServiceResult::ExecCondition
                        || plan.service.as_ref().is_some_and(|service| {
                            let oneshot = service.service_type == ServiceType::Oneshot;
                            oneshot
                                || !service.prevent.is_empty()
                                || !matches!(service.restart, Restart::Always | Restart::OnSuccess)
                        });
                    if !may {
                        return Err(format!("{id:?} is down and nobody asked for that"));
                    }
                }
                ActiveState::Active
                    if status.sub == SubState::Running
                        && status.main_pid == 0
                        && !self.needs_no_main(&status) =>
                {
                    return Err(format!("{id:?} runs without a process"));
                }
                ActiveState::Inactive
                | ActiveState::Activating
                | ActiveState::Reloading
                | ActiveState::Active
                | ActiveState::Deactivating
                | ActiveState::Failed => {}
            }
        }
        Ok(())
    }
}
