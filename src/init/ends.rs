//! Ends: which process has ended, what it said before, and whether its unit is empty now.
//!
//! Reaps; decides nothing: what an end means is the supervisor's word.

use super::{conditions, kernel::Kernel, log, mounts, perform, processes::Role};
use crate::{
    linux::{
        self, Errno,
        raw::process::Ending,
        report::{self, Reading, Report},
    },
    supervisor::{Event, Pid, Which},
    table::UnitId,
    wire::ExitStatus,
};

impl Kernel {
    /// Reaps one ended process, ours or an orphan.
    #[inline(never)]
    pub(super) fn reap(&mut self) {
        let Ok(Some((pid, ending))) = linux::raw::process::reap_any() else {
            self.unreaped = false; // nobody has ended, or there is no child at all
            return;
        };
        let status = exit_status(ending);
        let Some(place) = self.processes.find(Pid(pid)) else {
            self.groups.orphan_ended(&self.processes, &self.poll, &mut self.pending);
            return;
        };
        self.drain_report(place);
        let Some(process) = self.processes.take(place, &self.poll) else { return };
        match process.role {
            Role::Service { unit, .. } => {
                self.hear_last_ready(unit);
                self.look_for_oom_kills(unit);
                self.push(Event::Exited { unit, pid: process.pid, status });
                self.look_whether_empty(unit);
            }
            Role::Former { unit } => self.look_whether_empty(unit),
            Role::Janitor { unit } => {
                self.push(Event::Cleaned { unit, clean: status == ExitStatus::Exited(0) })
            }
            Role::Examiner { unit } => {
                self.push(Event::Examined { unit, verdict: conditions::verdict(status) });
            }
            Role::Stamper { unit } => {
                let at = process.report.as_ref().map_or(0, linux::stamp::read);
                self.push(Event::Stamped { unit, at });
            }
            Role::Reader { unit, awaited } => {
                let found = process.report.as_ref().map_or(Err(Errno::BADF), linux::pid_file::answer);
                let event = self.adopt_found(unit, Which::InFile { awaited }, found);
                self.push(event);
            }
            Role::Watcher { unit } => {
                let event = self.watched(unit, &process, status);
                self.push(event);
            }
            Role::Surveyor => self.push(mounts::answer(&process, status)),
            Role::Dismissed => {}
            Role::Prober if status == ExitStatus::Exited(0) => self.push(Event::Probed),
            Role::Prober => log::error(format_args!("the root file system cannot be read")),
            Role::Reporter => {
                if status != ExitStatus::Exited(0) {
                    log::error(format_args!("the report could not be written"));
                }
                self.push(Event::Reported);
            }
            Role::Rehearsal if status == ExitStatus::Exited(0) => {
                self.rehearsed = true;
                self.push(Event::Deadline); // nothing has happened, but somebody has to look
            }
            Role::Rehearsal => {
                log::error(format_args!("the new program cannot take over, going on"));
                self.push(Event::NotReplaced);
            }
        }
    }

    /// A process that was taken for a main one has ended. If it is no child of PID 1, nobody else tells, and nobody
    /// can tell how.
    pub(super) fn stranger_ended(&mut self, place: usize) {
        let Some(process) = self.processes.get(place) else { return };
        if let Role::Service { unit, .. } | Role::Former { unit } = process.role
            && !linux::process::is_child(&process.pidfd)
        {
            let pid = process.pid;
            let main = matches!(process.role, Role::Service { .. });
            drop(self.processes.take(place, &self.poll));
            if main {
                self.push(Event::Exited { unit, pid, status: ExitStatus::Exited(0) });
            }
            self.look_whether_empty(unit);
        }
    }

    /// Why a process has ended comes before its end.
    pub(super) fn look_for_oom_kills(&mut self, unit: UnitId) {
        if self.groups.has_new_oom_kills(unit) {
            self.push(Event::OomKilled { unit });
        }
    }

    pub(super) fn look_whether_empty(&mut self, unit: UnitId) {
        if self.groups.is_empty(unit, &self.processes, &self.poll) {
            self.groups.remove(unit);
            self.push(Event::Empty { unit });
        }
    }

    /// Passes on what a child has said so far; closes its pipe when it has said everything.
    pub(super) fn drain_report(&mut self, place: usize) {
        let Some(process) = self.processes.get_mut(place) else { return };
        let (Role::Service { unit, .. }, pid) = (process.role, process.pid) else { return };
        let Some(pipe) = &process.report else { return };
        while !self.pending.is_full() {
            match report::read(pipe) {
                Ok(Reading::Report(said)) => {
                    match said {
                        Report::Identity { .. } => {}
                        Report::Lacking { feature, errno } => self.lacking.note(unit, feature, errno),
                        Report::Unfit { .. } | Report::Failed { .. } => process.gave_up = true,
                    }
                    if let Some(event) = perform::reported(&self.table, process, unit, said) {
                        let _ = self.pending.push_back(event);
                    }
                }
                Ok(Reading::Empty) => return,
                Ok(Reading::Closed) | Err(_) => {
                    process.close_report(&self.poll);
                    if !process.gave_up {
                        let _ = self.pending.push_back(Event::Executed { unit, pid });
                    }
                    return;
                }
            }
        }
    }
}

const fn exit_status(ending: Ending) -> ExitStatus {
    match ending {
        Ending::Exited(code) => ExitStatus::Exited(code),
        Ending::Killed(signal) => ExitStatus::Killed(signal),
        Ending::Dumped(signal) => ExitStatus::Dumped(signal),
    }
}
