//! Conditions: looked at before a start begins, by a child, so that no path can hold PID 1 up.
//!
//! They come after the units that the start waits for and before the start limit, which they do not count for
//! (systemd's unit.c, `unit_start`). The unit's state says nothing of it: the job does.

use super::{
    Action, Due, State, Supervisor,
    job::{Job, JobKind, Phase},
    state::Rest,
    unit::Note,
};
use crate::{
    table::{UnitId, Verdict},
    wire::JobResult,
};

impl Supervisor<'_> {
    /// Begins the start of `id`, or the look at its conditions, if it has any that are not known to be `met`.
    pub(super) fn begin_with_conditions(&mut self, id: UnitId, met: bool) {
        let none = met || self.head(id).is_none_or(|unit| unit.conditions.is_empty());
        let phase = if none { Phase::Running } else { Phase::Conditions };
        self.at(id).job = Some(Job { kind: JobKind::Start, phase });
        if none {
            self.begin_start(id);
        }
    }

    /// Sends a child to look, unless one is still looking for a job that was called off.
    pub(super) fn due_examination(&mut self, id: UnitId) -> Due {
        let record = self.peek(id);
        if record.examined || record.job.is_none_or(|job| job.phase != Phase::Conditions) {
            return Due::Nothing;
        }
        self.at(id).examined = true;
        self.at(id).job = Some(Job { kind: JobKind::Start, phase: Phase::Examined });
        Due::Act(Action::Examine { unit: id })
    }

    /// The child has answered.
    pub(super) fn examined(&mut self, id: UnitId, verdict: Option<Verdict>) {
        let record = self.at(id);
        if !record.examined {
            return self.report_impossible("a verdict that nobody asked for", id);
        }
        record.examined = false;
        if record.job.is_none_or(|job| job.phase != Phase::Examined) {
            return; // the start was called off meanwhile
        }
        let (result, note) = match verdict {
            Some(Verdict::Met) => {
                record.job = Some(Job { kind: JobKind::Start, phase: Phase::Met });
                return;
            }
            Some(Verdict::Unmet(place)) => {
                record.unmet = place;
                (JobResult::Done, Note::ConditionUnmet)
            }
            Some(Verdict::AssertFailed(place)) => {
                record.unmet = place;
                (JobResult::Assert, Note::AssertFailed)
            }
            None => (JobResult::Failed, Note::NotExamined),
        };
        record.notes.add(note);
        self.finish_job(id, result);
        self.restart_is_off(id);
    }

    /// A start that was a restart did not come to pass: the unit comes to rest.
    pub(super) fn restart_is_off(&mut self, id: UnitId) {
        if self.peek(id).state == State::RestartDue {
            let rest = Rest::of(self.peek(id).result);
            self.for_service(id, &mut |supervisor, service| supervisor.settle(id, service, rest));
        }
    }
}
