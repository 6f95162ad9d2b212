//! What follows for other units from what becomes of one: `Conflicts=`, `BindsTo=`, `PartOf=`, `Upholds=`, `OnFailure=`
//! and the like (systemd.unit(5)), and transactions that contradict themselves.

use super::{
    Outcome, Supervisor,
    job::{Job, JobKind, Phase},
    set::{UnitSet, Walk},
    state::Rest,
    unit::Note,
};
use crate::{
    table::{JobMode, Lists, Manners, Micros, Relation, UnitId},
    wire::ServiceResult,
};

/// How long a unit that is upheld stays down before it is started again, at first and at most.
const UPHOLD_PAUSE_MIN: Micros = Micros::from_millis(100);
const UPHOLD_PAUSE_MAX: Micros = Micros::from_secs(60);

/// What a start pulls in.
pub(super) const PULLED_IN: Lists = Lists::REQUIRES.and(Lists::WANTS).and(Lists::of(Relation::Upholds));

impl Supervisor<'_> {
    /// Calls `act` with every unit that `relation` of `id` names.
    pub(super) fn for_related(
        &mut self,
        id: UnitId,
        relation: Relation,
        act: &mut dyn FnMut(&mut Self, UnitId),
    ) {
        if let Some(unit) = self.head(id) {
            unit.each(Lists::of(relation), &mut |other| act(self, other));
        }
    }

    /// Calls `act` with `root` and with every unit that those `lists` lead to. Those for which it answers that nothing is to be
    /// done lead nowhere.
    pub(super) fn for_reached(
        &mut self,
        root: UnitId,
        lists: Lists,
        act: &mut dyn FnMut(&mut Self, UnitId) -> bool,
    ) -> UnitSet {
        let mut walk = Walk::from(root);
        while let Some(id) = walk.next() {
            if act(self, id)
                && let Some(unit) = self.head(id)
            {
                unit.each(lists, &mut |other| walk.add(other));
            }
        }
        walk.seen
    }

    /// `root` and every unit that those `lists` lead to.
    pub(super) fn reached(&mut self, root: UnitId, lists: Lists) -> UnitSet {
        self.for_reached(root, lists, &mut |_, _| true)
    }

    /// Whether the unit is up.
    fn is_up(&self, id: UnitId) -> bool {
        self.peek(id).state.is_up()
    }

    /// What a start of `root` requires, itself included, and what may not be up beside that. `None`, and said why, if the
    /// two meet.
    pub(super) fn transaction(&mut self, root: UnitId) -> Option<UnitSet> {
        let mut banned = UnitSet::EMPTY;
        let required = self.for_reached(root, Lists::REQUIRES, &mut |supervisor, id| {
            supervisor.for_related(id, Relation::Conflicts, &mut |_, other| {
                banned.insert(other);
            });
            true
        });
        let meet = required.iter().find(|id| banned.contains(*id) || self.is_barred(*id));
        let Some(conflict) = meet else { return Some(banned) };
        self.contradicts(root, conflict);
        None
    }

    /// What was asked of `id` is not to be, because of `other`.
    #[inline(never)]
    pub(super) fn contradicts(&mut self, id: UnitId, other: UnitId) {
        let record = self.at(id);
        record.blame = Some(other);
        record.notes.add(Note::Contradiction);
    }

    /// Whether a job that gives way to nothing is in the way of a start of `id`: its stop, or one of a unit that it conflicts
    /// with.
    pub(super) fn is_barred(&self, id: UnitId) -> bool {
        let mut barred = self.is_firm(id, true);
        if let Some(unit) = self.head(id) {
            unit.each(Lists::of(Relation::Conflicts), &mut |other| barred |= self.is_firm(other, false));
        }
        barred
    }

    /// A start of `id` begins to count: whoever conflicts with it goes.
    pub(super) fn stop_conflicting(&mut self, id: UnitId) {
        self.for_related(id, Relation::Conflicts, &mut |supervisor, other| {
            let record = supervisor.peek(other);
            if !record.state.is_down() || record.job.is_some() {
                supervisor.enqueue_stop(other);
            }
        });
    }

    /// Whether all that has to be up before `id` starts is so.
    pub(super) fn has_requisites(&mut self, id: UnitId) -> bool {
        let mut missing = None;
        self.for_related(id, Relation::Requisite, &mut |supervisor, other| {
            if !supervisor.is_up(other) {
                missing = Some(other);
            }
        });
        if missing.is_some() {
            self.at(id).blame = missing;
        }
        missing.is_none()
    }

    /// Reloads those who are reloaded along with `id`.
    pub(super) fn reload_along(&mut self, id: UnitId) {
        self.for_related(id, Relation::ReloadedAlong, &mut |supervisor, other| {
            if supervisor.can_reload(other) {
                supervisor.enqueue_reload(other);
            }
        });
    }

    /// What follows from `id`'s having come to `rest`.
    pub(super) fn consequences(&mut self, id: UnitId, rest: Rest, direct: bool) {
        if self.run.is_shutting_down() || (rest == Rest::Restart && direct) {
            return;
        }
        self.for_related(id, Relation::BoundBy, &mut |supervisor, other| {
            if supervisor.peek(other).job.is_none() && !supervisor.peek(other).state.is_down() {
                supervisor.enqueue_stop(other);
            }
        });
        let record = self.peek(id);
        let outcome = Outcome { result: record.result, exit: record.main_exit };
        let following = match Rest::of(outcome.result) {
            Rest::Failed => Some(Relation::OnFailure),
            Rest::Dead | Rest::Restart if outcome.result == ServiceResult::Success => {
                Some(Relation::OnSuccess)
            }
            Rest::Dead | Rest::Restart | Rest::Closed => None,
        };
        if let Some(relation) = following {
            self.start_following(id, relation, Some((id, outcome)));
        }
        if rest != Rest::Restart {
            let record = self.at(id);
            (record.monitor, record.trigger) = (None, None);
            self.uphold(id);
        }
        self.look_for_unneeded();
    }

    /// Starts those that `relation` of `id` names, `OnFailure=` or `OnSuccess=`, and tells them of whose end.
    pub(super) fn start_following(
        &mut self,
        id: UnitId,
        relation: Relation,
        monitor: Option<(UnitId, Outcome)>,
    ) {
        if self.run.is_shutting_down() {
            return;
        }
        let manners = self.manners(id).unwrap_or(Manners::DEFAULT);
        let failed = relation == Relation::OnFailure;
        let mode = if failed { manners.on_failure_mode } else { manners.on_success_mode };
        self.for_related(id, relation, &mut |supervisor, other| {
            let refused = mode == JobMode::Isolate
                && supervisor.manners(other).is_none_or(|manners| !manners.allow_isolate);
            if !refused {
                supervisor.at(other).monitor = monitor;
                let _in_the_way = supervisor.start_as(other, mode);
            }
        });
    }

    /// `id` is down: it is started again soon if somebody upholds it.
    fn uphold(&mut self, id: UnitId) {
        let mut upheld = false;
        self.for_related(id, Relation::UpheldBy, &mut |supervisor, by| upheld |= supervisor.is_up(by));
        if upheld {
            let now = self.now;
            let record = self.at(id);
            let longer = Micros(record.uphold_pause.0.saturating_mul(2));
            record.uphold_pause = longer.clamp(UPHOLD_PAUSE_MIN, UPHOLD_PAUSE_MAX);
            record.uphold_at = now.after(record.uphold_pause);
        }
    }

    /// The time of a unit that is upheld has come. Nobody upholds what starts too fast.
    pub(super) fn start_upheld(&mut self, id: UnitId) {
        let mut upheld = false;
        self.for_related(id, Relation::UpheldBy, &mut |supervisor, by| {
            upheld |= supervisor.is_up(by) && !supervisor.stop_is_pending(by);
        });
        let now = self.now;
        let limit = self.head(id).map(|unit| unit.start_limit);
        let record = self.at(id);
        record.uphold_at = None;
        let spent = limit.is_some_and(|limit| record.window.is_spent(limit, now))
            || record.result == ServiceResult::StartLimitHit;
        if upheld && !spent && record.job.is_none() && record.state.is_down() && !self.run.is_shutting_down()
        {
            self.enqueue_start(id, false);
        }
    }

    /// A unit is up: those that it upholds are looked at.
    pub(super) fn look_for_upheld(&mut self, id: UnitId) {
        let at = self.now.after(UPHOLD_PAUSE_MIN);
        self.for_related(id, Relation::Upholds, &mut |supervisor, other| {
            if supervisor.peek(other).state.is_down() && supervisor.peek(other).job.is_none() {
                supervisor.at(other).uphold_at = at;
            }
        });
    }

    /// Something came up, went down or was not started: perhaps nobody needs it, or it was the last that needed another one.
    pub(super) const fn look_for_unneeded(&mut self) {
        self.unneeded_due = true;
    }

    /// Stops one unit that is up only because others need it, and none does any more; whether there was one.
    pub(super) fn stop_unneeded(&mut self) -> bool {
        if !core::mem::take(&mut self.unneeded_due) || self.run.is_shutting_down() {
            return false;
        }
        let idle = |supervisor: &Self, id: UnitId| {
            let flagged = supervisor.manners(id).is_some_and(|manners| manners.stop_when_unneeded);
            flagged && supervisor.is_up(id) && supervisor.peek(id).job.is_none()
        };
        for id in self.ids() {
            if idle(self, id) && !self.is_needed(id) {
                self.unneeded_due = true; // there may be more
                self.enqueue_stop(id);
                return true;
            }
        }
        false
    }

    fn is_needed(&self, id: UnitId) -> bool {
        let needing = PULLED_IN.and(Lists::of(Relation::Requisite));
        let mut needed = false;
        for other in self.ids() {
            let busy = self.peek(other).job.is_some_and(|job| !matches!(job.kind, JobKind::Stop));
            if (busy || !self.peek(other).state.is_down())
                && let Some(unit) = self.head(other)
            {
                unit.each(needing, &mut |one| needed |= one == id);
            }
        }
        needed
    }

    #[inline(never)] // the manners are large
    pub(super) fn ignores_isolation(&self, id: UnitId) -> bool {
        self.manners(id).is_none_or(|manners| manners.ignore_on_isolate)
    }

    /// Starts `root` and stops whatever it does not pull in.
    pub(super) fn isolate(&mut self, root: UnitId) {
        self.enqueue_start(root, true);
        let pulled = self.reached(root, PULLED_IN);
        for id in self.ids() {
            if !pulled.contains(id) && !self.ignores_isolation(id) {
                self.add_stop(id);
            }
        }
    }

    /// A start that is refused: its job ends without being tried. What has begun goes on, and so does what was asked of it
    /// before: who comes after it waits for that.
    pub(super) fn refuse_start(&mut self, id: UnitId) {
        let begun = !self.peek(id).state.is_down();
        match self.peek(id).job {
            Some(Job { phase: Phase::Running, .. }) => return,
            Some(_) if begun => return,
            Some(_) if self.is_firm(id, true) => return,
            Some(_) => self.replace_job(id, None),
            None => {}
        }
        self.at(id).job = Some(Job { kind: JobKind::Start, phase: Phase::Doomed });
    }
}
