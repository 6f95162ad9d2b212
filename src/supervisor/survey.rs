//! Mounts and swaps that come and go by hand, and devices: somebody looks what there is whenever the kernel says that it has
//! changed (systemd's mount.c, `mount_process_proc_self_mountinfo`, swap.c and device.c).
//!
//! What was seen is late: a unit that has changed since the look began is looked at again, never judged by it.

use super::{
    Action, Instant, State, Supervisor,
    set::UnitSet,
    state::{KillStage, Rest},
    status::is_device,
};
use crate::{
    table::{Lists, Service, UnitId},
    wire::ServiceResult,
};

/// How far a look at all mounts and swaps is.
#[derive(Debug)]
pub(super) struct Survey {
    /// Something has changed since the last one began.
    due: bool,
    /// One is under way.
    asked: bool,
    /// A unit was on its way when it was seen: one more when it has got there.
    missed: bool,
    /// When the last one began.
    began: Instant,
}

impl Survey {
    /// Nobody looks.
    pub(super) const NONE: Self = Self { due: false, asked: false, missed: false, began: Instant(0) };

    /// Something has changed.
    pub(super) const fn ask(&mut self) {
        self.due = true;
    }

    /// What was seen of a unit does not count yet, or nobody has seen it go: one more look when somebody has got where he goes.
    pub(super) const fn doubt(&mut self) {
        self.missed = true;
    }

    /// A unit has come to where it stays. With `doubt`: what has failed to go is there still, perhaps, and no word of that
    /// comes (mount.c, `mount_enter_dead_or_mounted`).
    pub(super) const fn arrived(&mut self, doubt: bool) {
        self.due |= self.missed || doubt;
        self.missed = false;
    }
}

impl Supervisor<'_> {
    /// The next look, if it is due.
    pub(super) fn due_survey(&mut self) -> Option<Action> {
        let survey = &mut self.survey;
        if !survey.due || survey.asked || self.run.is_shutting_down() {
            return None;
        }
        *survey = Survey { due: false, asked: true, missed: survey.missed, began: self.now };
        Some(Action::Survey)
    }

    /// What is mounted or on, and what is not; who is in neither could not be made out.
    pub(super) fn surveyed(&mut self, there: &UnitSet, gone: &UnitSet) {
        // Asked by a program before this one perhaps, of another table.
        if !core::mem::take(&mut self.survey.asked) || self.run.is_shutting_down() {
            return;
        }
        for id in self.ids() {
            let up = there.contains(id);
            if up || gone.contains(id) {
                if self.head(id).is_some_and(|unit| is_device(unit.name.as_str())) {
                    self.plugged(id, up);
                } else {
                    self.for_service(id, &mut |s, service| s.seen(id, service, up));
                }
            }
        }
    }

    fn seen(&mut self, id: UnitId, service: &Service<'_>, there: bool) {
        let record = self.peek(id);
        let down = record.state.is_down();
        // Running: what a command of its left behind lives on.
        let up = matches!(record.state, State::Running | State::Exited);
        if !down && !up {
            return self.survey.doubt();
        }
        if up == there || self.has_moved(id) {
            return;
        }
        let now = self.now;
        let record = self.at(id);
        record.result = ServiceResult::Success;
        if !there {
            record.forbid_restart = true;
            // What a program that has mounted it left behind ends with it.
            return self.enter_kill(id, service, KillStage::FinalSigterm, ServiceResult::Success);
        }
        // What has failed to go was up all the time: who has to do with it does not hear of it again.
        let was_up = record.state == State::Failed && record.ready >= record.started;
        let news = record.job.is_none() && !was_up;
        record.started = Some(now);
        record.state = State::Exited;
        self.came_up(id);
        if news {
            self.take_along(id);
        }
    }

    /// Whether `id` has changed since the look began: there is one more then.
    fn has_moved(&mut self, id: UnitId) -> bool {
        let record = self.peek(id);
        let moved = record.ready.max(record.ended).is_some_and(|at| at > self.survey.began);
        if moved {
            self.survey.ask();
        }
        moved
    }

    /// The node of a device is `there` or not. A start waits for that, no stop can keep it away for long, and whoever wants
    /// the device when nobody has asked for it comes along with it (device.c, `device_update_found_one`).
    fn plugged(&mut self, id: UnitId, there: bool) {
        let record = self.peek(id);
        if record.state.is_up() == there || self.has_moved(id) {
            return;
        }
        if !there {
            self.at(id).forbid_restart = true;
            return self.came_to_rest(id, Rest::Dead);
        }
        if self.switch.bans(id) {
            return self.survey.doubt(); // the table that comes has another one, if it comes
        }
        let now = self.now;
        let record = self.at(id);
        let news = record.job.is_none();
        (record.started, record.state) = (Some(now), State::Active);
        self.came_up(id);
        if news {
            self.take_along(id);
        }
    }

    /// A unit is up that nobody has started: who conflicts with it goes, and what it pulls in comes, unless that should
    /// have come first (unit.c, `retroactively_start_dependencies`).
    fn take_along(&mut self, id: UnitId) {
        self.stop_conflicting(id);
        let Some(unit) = self.head(id) else { return };
        unit.each(Lists::REQUIRES.and(Lists::WANTS), &mut |other| {
            if !unit.after.contains(other) && self.peek(other).state.is_down() {
                self.enqueue_start(other, true);
            }
        });
    }
}
