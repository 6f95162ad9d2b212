//! Another table in the place of this one: what goes down before, what comes up after, and the way back.
//!
//! What both tables have with the same fingerprint runs on. All else goes down as it was described, then PID 1 replaces its
//! program by itself with the other table, and what was up comes up as it is described there, along with what is new and
//! pulled in by the default target. If that fails or takes too long, the same leads back.

use super::{
    Action, Answer, ClientId, Instant, Supervisor, job::JobKind, relation::PULLED_IN, set::UnitSet,
    state::State,
};
use crate::{
    record::Keeper,
    table::{Micros, Table, UnitId},
    wire::JobResult,
};

kept! {
/// How far the way to another table is.
#[derive(Debug)]
pub(super) struct Switch {
    phase: Phase,
    /// There is no way back from here: this is the way back, or nobody wants one.
    last: bool,
    /// When it has taken too long.
    until: Option<Instant>,
    /// On the way down: what may not start. Right after: what the table before did not have, or did not want.
    marked: UnitSet,
    /// On the way down: what the default target pulls in; everything on the way back, which finds nobody newly wanted.
    wanted: UnitSet,
    /// Who went down and comes up again, and on the way up whoever is new.
    units: UnitSet,
    /// Who went down, as the table before numbers them.
    before: UnitSet,
}
}

kept! {
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody wants another table.
    Idle,
    /// The shell is to open it.
    Asked,
    /// What it changes goes down.
    Stopping,
    /// It is down; a new program with the other table has been asked for.
    Replacing,
    /// This is the other table, and what belongs to it comes up.
    Starting,
}
}

impl Switch {
    pub(super) const NONE: Self = Self {
        phase: Phase::Idle,
        last: false,
        until: None,
        marked: UnitSet::EMPTY,
        wanted: UnitSet::EMPTY,
        units: UnitSet::EMPTY,
        before: UnitSet::EMPTY,
    };

    /// When the way has taken too long.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// Whether units go down for it.
    pub(super) const fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Stopping | Phase::Replacing)
    }

    /// Whether `id` may not start now.
    pub(super) fn bans(&self, id: UnitId) -> bool {
        self.is_moving() && self.marked.contains(id)
    }

    /// What is to be opened, asked once.
    pub(super) fn take_asked(&mut self) -> Option<Action> {
        if self.phase != Phase::Asked {
            return None;
        }
        self.phase = Phase::Idle;
        Some(Action::Switch { back: self.last })
    }

    /// Ids of the program before, which had `units` units, become ids of this one.
    pub(super) fn renumber(&mut self, with: &Keeper<'_>, units: usize) {
        let saved = core::mem::replace(&mut self.units, UnitSet::EMPTY);
        let arrives = self.phase == Phase::Replacing;
        if arrives {
            self.marked = UnitSet::ALL;
            if !self.last {
                self.before = saved;
            }
        }
        for unit in 0..units {
            let id = UnitId(with.now(unit));
            if saved.contains(UnitId(unit as u16)) {
                self.units.insert(id); // UNITS_MAX fits
            }
            if arrives && self.wanted.contains(UnitId(unit as u16)) {
                self.marked.remove(id);
            }
        }
    }
}

impl Supervisor<'_> {
    /// A client asks for another table; `timeout` is how many seconds it may take.
    pub(super) fn ask_switch(&mut self, client: ClientId, timeout: u32) {
        if self.switch.phase != Phase::Idle || !self.clients.awaits_switch(client) {
            return self.clients.answer(client, Answer::Busy);
        }
        let until = self.now.after(Micros::from_secs(u64::from(timeout)));
        self.switch = Switch { phase: Phase::Asked, until, ..Switch::NONE };
        if self.run.is_shutting_down() {
            self.end_switch(JobResult::Canceled);
        }
    }

    /// Takes the way to `next`; `None` is a table that cannot be opened. Unless somebody has asked for it, and said how long
    /// it may take, there is no way back.
    pub fn switch_to(&mut self, next: Option<&Table<'_>>) {
        let Some(next) = next else { return self.end_switch(JobResult::Invalid) };
        let table = self.table;
        let shared = table.shares_pieces(next);
        if self.switch.wanted.is_empty() {
            self.switch.wanted = self.for_reached(table.board().default_target, PULLED_IN, &mut |_, _| true);
        }
        let mut leaving = UnitSet::EMPTY;
        for id in self.ids() {
            if self.peek(id).job.is_some_and(|job| job.kind == JobKind::Stop) {
                leaving.insert(id); // it would not be up for long
            }
            let name = table.name(id).unwrap_or_default();
            let other = next.find(name);
            let stays = match id.index().checked_sub(table.baked_count()) {
                None => other.is_some_and(|other| next.fingerprint(other) == table.fingerprint(id)),
                Some(slot) => {
                    name.is_empty()
                        || shared
                            && other.is_none()
                            && slot < next.unit_count().saturating_sub(next.baked_count())
                }
            };
            if !stays {
                self.switch.marked.insert(id);
            }
        }
        self.switch.phase = Phase::Stopping;
        self.switch.last |= self.switch.until.is_none();
        let changed = self.switch.marked;
        for id in changed.iter() {
            if !self.peek(id).is_down() {
                self.enqueue_stop(id);
            } else if self.peek(id).state == State::Failed {
                self.switch.units.insert(id); // perhaps it has been mended
            }
        }
        for id in self.ids() {
            if self.stop_is_pending(id) && !leaving.contains(id) {
                self.switch.marked.insert(id);
                self.switch.units.insert(id);
            }
        }
    }

    /// The program has been replaced, or that has failed: there is the other table if it has `switched`.
    pub fn replaced(&mut self, switched: bool) {
        if self.switch.phase != Phase::Replacing {
            return;
        }
        if !switched || self.run.is_shutting_down() {
            return self.call_off();
        }
        if self.switch.last {
            let before = self.switch.before;
            before.iter().for_each(|id| _ = self.switch.units.insert(id));
        }
        let target = self.table.board().default_target;
        if self.peek(target).state.is_up() || self.peek(target).job.is_some_and(|job| !job.kind.is_stop()) {
            self.for_reached(target, PULLED_IN, &mut |supervisor, id| {
                if supervisor.switch.marked.contains(id) {
                    supervisor.switch.units.insert(id);
                }
                true
            });
        }
        self.switch.phase = Phase::Starting;
        self.start_switched();
    }

    fn start_switched(&mut self) {
        let units = self.switch.units;
        for id in units.iter() {
            self.enqueue_start(id, true);
        }
        self.look_at_all();
    }

    /// It does not come to another table: whoever went down for it comes up again.
    fn call_off(&mut self) {
        self.switch.phase = Phase::Idle;
        if !self.run.is_shutting_down() {
            self.start_switched();
        }
        self.end_switch(JobResult::Failed);
    }

    fn end_switch(&mut self, result: JobResult) {
        self.switch = Switch::NONE;
        self.survey.arrived(false);
        self.clients.switched(Answer::Job(result));
    }

    /// Whether the table before is still of use.
    pub const fn is_switching(&self) -> bool {
        !matches!(self.switch.phase, Phase::Idle)
    }

    /// What is due on the way, when nothing is due for any unit.
    pub(super) fn due_of_switch(&mut self) -> Option<Action> {
        let late = self.switch.until.is_some_and(|until| until <= self.now);
        match self.switch.phase {
            Phase::Idle | Phase::Asked | Phase::Replacing => return None,
            Phase::Stopping | Phase::Starting if self.run.is_shutting_down() => {
                self.end_switch(JobResult::Canceled);
            }
            Phase::Stopping if late => self.call_off(),
            Phase::Stopping => {
                let marked = self.switch.marked;
                let Some(up) = marked.iter().find(|id| !self.peek(*id).is_down()) else {
                    self.switch.phase = Phase::Replacing;
                    return Some(Action::Reexec { switch: true });
                };
                if self.peek(up).job.is_some() {
                    return None;
                }
                self.enqueue_stop(up); // its stop has given way to something else
            }
            Phase::Starting => {
                let mut settled = true;
                let mut failed = false;
                for id in self.switch.units.iter() {
                    let record = self.peek(id);
                    // On the last way nobody waits for those who never come to rest.
                    settled &= record.is_settled() || self.switch.last && record.job.is_none();
                    failed |= record.job.is_none() && record.state == State::Failed;
                }
                if (failed || late) && !self.switch.last {
                    let before = self.switch.before;
                    self.switch = Switch {
                        phase: Phase::Asked,
                        last: true,
                        before,
                        wanted: UnitSet::ALL,
                        ..Switch::NONE
                    };
                } else if settled {
                    self.end_switch(if self.switch.last { JobResult::Failed } else { JobResult::Done });
                } else {
                    return None;
                }
            }
        }
        self.next_action()
    }
}
