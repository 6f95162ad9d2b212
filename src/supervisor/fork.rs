//! Which process is a service's main one when PID 1 has not made it: `Type=forking` with `PIDFile=` or a guess, and
//! `MAINPID=`.

use super::{
    Action, Pid, State, Supervisor, Which,
    state::{KillStage, Process},
    unit::Note,
};
use crate::{
    table::{CommandKind, Micros, Service, ServiceType, UnitId},
    wire::{ExitStatus, ServiceResult},
};

/// How long `PIDFile=` is waited for before it is looked at again, at first and at most.
const PAUSE_MIN: Micros = Micros::from_millis(10);
const PAUSE_MAX: Micros = Micros::from_secs(1);

/// Whether the service has to leave a pid in a file.
fn has_pid_file(service: &Service<'_>) -> bool {
    service.service_type == ServiceType::Forking && !service.pid_file.is_empty()
}

impl Supervisor<'_> {
    /// `ExecStart=` of a service that forks has ended well: somewhere it has left its main process.
    pub(super) fn forked(&mut self, id: UnitId, service: &Service<'_>) {
        let record = self.at(id);
        record.pid_file_pause = PAUSE_MIN;
        if has_pid_file(service) {
            record.adopt = Some(Which::InFile { awaited: true });
        } else if service.guess_main_pid {
            record.adopt = Some(Which::Only);
        } else {
            self.commands_done(id, service, CommandKind::Start);
        }
    }

    /// Whether the start cannot go on before there is a pid in `PIDFile=`: it is looked for.
    pub(super) fn misses_pid_file(&mut self, id: UnitId, service: &Service<'_>) -> bool {
        let record = self.at(id);
        let misses = has_pid_file(service) && !record.main_known;
        if misses && record.adopt.is_none() {
            record.adopt = Some(Which::InFile { awaited: true });
        }
        misses
    }

    /// Has the shell take another process for the main one.
    pub(super) fn due_adoption(&mut self, id: UnitId) -> Option<Action> {
        let which = self.rooms.units.get_mut(id.index())?.adopt.take()?;
        Some(Action::Adopt { unit: id, which })
    }

    /// The shell has done so, or there was no such process.
    pub(super) fn adopted(&mut self, id: UnitId, service: &Service<'_>, pid: Option<Pid>) {
        let record = self.at(id);
        if let Some(pid) = pid {
            record.main = Process::Alive(pid);
            (record.main_unexecuted, record.main_unidentified) = (false, false);
            (record.main_known, record.populated) = (true, true);
        }
        if let Some(status) = record.succession.take() {
            if pid.is_none() {
                self.main_ended(id, service, status);
            }
            return;
        }
        let State::Command { kind, .. } = record.state else { return self.judge_name(id, pid) };
        if service.service_type != ServiceType::Forking || record.control.is_taken() {
            return self.judge_name(id, pid);
        }
        let last = match kind {
            CommandKind::Start => service.commands.start_post.is_empty(),
            CommandKind::StartPost => true,
            CommandKind::Condition
            | CommandKind::StartPre
            | CommandKind::Reload
            | CommandKind::Stop
            | CommandKind::StopPost => return self.judge_name(id, pid),
        };
        if pid.is_some() || !last || !has_pid_file(service) {
            self.commands_done(id, service, kind);
        } else if record.populated {
            self.await_pid_file(id);
        } else {
            self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Protocol);
        }
    }

    /// The service has named its main process itself.
    fn judge_name(&mut self, id: UnitId, pid: Option<Pid>) {
        if pid.is_none() {
            self.at(id).notes.add(Note::NotAdopted);
        }
    }

    fn await_pid_file(&mut self, id: UnitId) {
        let now = self.now;
        let record = self.at(id);
        record.pid_file_at = now.after(record.pid_file_pause);
        record.pid_file_pause = Micros(record.pid_file_pause.0.saturating_mul(2)).min(PAUSE_MAX);
    }

    /// It is time to look again.
    pub(super) fn look_for_pid_file(&mut self, id: UnitId) {
        let record = self.at(id);
        record.pid_file_at = None;
        record.adopt = Some(Which::InFile { awaited: true });
    }

    /// No process is left while the start waits for `PIDFile=`: nobody will write it any more.
    pub(super) fn emptied_without_pid_file(&mut self, id: UnitId, service: &Service<'_>) {
        if self.peek(id).pid_file_at.is_some() {
            self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Protocol);
        }
    }

    /// Whether the end of the main process waits for an answer: daemons may move on to another process, if they say so
    /// in `PIDFile=` before the old one ends.
    pub(super) fn asks_for_successor(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        status: ExitStatus,
    ) -> bool {
        let record = self.at(id);
        let up = record.state.is_running()
            || record.state.is_command(CommandKind::StartPost)
            || record.state.is_command(CommandKind::Reload);
        let asks = up && has_pid_file(service) && record.populated;
        if asks {
            record.succession = Some(status);
            record.adopt = Some(Which::InFile { awaited: false });
        }
        asks
    }
}
