//! Jobs in all modes (systemctl(1), `--job-mode=`; systemd's transaction.c and job.c).

use super::{
    Supervisor,
    job::{IRREVERSIBLE, JobKind, STOPPED_ALONG, UNORDERED},
    set::UnitSet,
};
use crate::{
    table::{JobMode, Lists, Relation, UnitId},
    wire::JobResult,
};

/// Whether nobody is taken along.
const fn is_alone(mode: JobMode) -> bool {
    matches!(mode, JobMode::IgnoreRequirements | JobMode::IgnoreDependencies)
}

impl Supervisor<'_> {
    /// Starts `root` as `mode` has it; `None`, or why nothing is done.
    pub(super) fn start_as(&mut self, root: UnitId, mode: JobMode) -> Option<JobResult> {
        if mode == JobMode::Triggering {
            return Some(JobResult::Invalid);
        }
        let lists = if is_alone(mode) { Lists::NONE } else { Lists::REQUIRES };
        let mut down = UnitSet::EMPTY;
        let up = self.reached(root, lists);
        if !is_alone(mode) {
            match self.transaction(root) {
                Some(banned) => down = banned,
                None if mode == JobMode::Fail => return Some(JobResult::Canceled),
                None => {} // `enqueue_start` refuses it
            }
        }
        if !self.make_way(root, mode, &up, &down) {
            return Some(JobResult::Canceled);
        }
        match mode {
            JobMode::Isolate => self.isolate(root),
            JobMode::IgnoreRequirements | JobMode::IgnoreDependencies => {
                self.add_start(root, true);
            }
            JobMode::Replace
            | JobMode::Fail
            | JobMode::ReplaceIrreversibly
            | JobMode::Flush
            | JobMode::Triggering
            | JobMode::RestartDependencies => self.enqueue_start(root, true),
        }
        if mode == JobMode::RestartDependencies {
            self.restart_dependents(root);
        }
        self.marks = 0;
        None
    }

    /// The same of a stop.
    pub(super) fn stop_as(&mut self, root: UnitId, mode: JobMode) -> Option<JobResult> {
        if matches!(mode, JobMode::Isolate | JobMode::RestartDependencies) {
            return Some(JobResult::Invalid);
        }
        let lists = if is_alone(mode) { Lists::NONE } else { STOPPED_ALONG };
        let down = self.reached(root, lists);
        if !self.make_way(root, mode, &UnitSet::EMPTY, &down) {
            return Some(JobResult::Canceled);
        }
        if mode == JobMode::Triggering {
            self.for_related(root, Relation::TriggeredBy, &mut |supervisor, trigger| {
                supervisor.enqueue_stop(trigger);
            });
        }
        self.stop_reached(root, lists);
        self.marks = 0;
        None
    }

    /// Whether nothing is in the way of bringing `up` and taking `down`. If so, the jobs that come to be from here on are what
    /// `mode` says, and with `flush` there are no others.
    fn make_way(&mut self, root: UnitId, mode: JobMode, up: &UnitSet, down: &UnitSet) -> bool {
        for id in self.ids() {
            let record = self.peek(id);
            let against = record.job.is_some_and(|job| {
                let others = if job.kind == JobKind::Stop { up } else { down };
                others.contains(id)
            });
            if against && (mode == JobMode::Fail || record.job_flags & IRREVERSIBLE != 0) {
                self.contradicts(root, id);
                return false;
            }
        }
        self.marks = if mode == JobMode::ReplaceIrreversibly { IRREVERSIBLE } else { 0 };
        self.marks |= if mode == JobMode::IgnoreDependencies { UNORDERED } else { 0 };
        if mode == JobMode::Flush {
            for id in self.ids() {
                let other = self.peek(id).job.is_some() && !up.contains(id) && !down.contains(id);
                if other && !self.ignores_isolation(id) {
                    self.replace_job(id, None);
                    self.restart_is_off(id);
                }
            }
        }
        true
    }
}
