//! The end of a process, and of the last one.

use super::{
    Pid, Slot, State, Supervisor,
    restart::{self, Role},
    state::{KillStage, Process},
    unit::Note,
};
use crate::{
    table::{CommandKind, NotifyAccess, OomPolicy, Service, ServiceType, UnitId},
    wire::{ExitStatus, ServiceResult},
};

impl Supervisor<'_> {
    /// A process of a slot has ended.
    pub(super) fn exited(&mut self, id: UnitId, service: &Service<'_>, pid: Pid, status: ExitStatus) {
        let record = self.at(id);
        if record.main.pid() == Some(pid) {
            record.main_unexecuted = false;
        }
        let slot = if record.main.pid() == Some(pid) { Slot::Main } else { Slot::Control };
        self.end_probe(id, &service.exec, slot);
        let record = self.at(id);
        match (record.main, record.control) {
            (Process::Alive(main), _) if main == pid => {
                record.main = Process::None;
                self.main_exited(id, service, status);
            }
            (_, Process::Alive(control)) if control == pid => {
                record.control = Process::None;
                self.control_exited(id, service, status);
            }
            (Process::Unfit { pid: main, again }, _) if main == pid => {
                self.unfit_main_exited(id, service, again)
            }
            (_, Process::Unfit { pid: control, again }) if control == pid => {
                self.unfit_control_exited(id, service, again);
            }
            _ => self.report_impossible("the end of a process that is none of the unit's", id),
        }
    }

    /// A child that could not be the service's process has ended: another takes its place, if the service is still to run
    /// and there is another number to try.
    fn unfit_main_exited(&mut self, id: UnitId, service: &Service<'_>, again: bool) {
        let record = self.at(id);
        let starts = matches!(record.state.command(), Some(CommandKind::Start | CommandKind::StartPost));
        let wanted = starts || record.state.is_running();
        record.main = if wanted && again { Process::Wanted } else { Process::None };
        if wanted && !again {
            self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Resources);
        } else {
            self.check_stage(id, service);
        }
    }

    fn unfit_control_exited(&mut self, id: UnitId, service: &Service<'_>, again: bool) {
        let record = self.at(id);
        record.control = Process::None;
        let State::Command { kind, .. } = record.state else { return self.check_stage(id, service) };
        if again {
            record.control = Process::Wanted;
        } else {
            self.command_failed(id, service, kind, ServiceResult::Resources);
        }
    }

    fn main_exited(&mut self, id: UnitId, service: &Service<'_>, status: ExitStatus) {
        if !self.asks_for_successor(id, service, status) {
            self.main_ended(id, service, status);
        }
    }

    /// The main process has ended, and no other has taken its place.
    pub(super) fn main_ended(&mut self, id: UnitId, service: &Service<'_>, status: ExitStatus) {
        let record = self.at(id);
        record.main_exit = Some(status);
        let index = record.main_index;
        let mut result = restart::judge(status, Role::Main, service);
        if result != ServiceResult::Success {
            record.notes.add(Note::MainExited);
            if is_ignored(service, CommandKind::Start, index) {
                result = ServiceResult::Success;
            }
        }
        record.note_result(result);
        match record.state {
            State::Command { kind: CommandKind::Start, index, .. } => match service.service_type {
                ServiceType::Oneshot if result == ServiceResult::Success => {
                    self.command_done(id, service, CommandKind::Start, index);
                }
                ServiceType::Oneshot => self.enter_kill(id, service, KillStage::StopSigterm, result),
                ServiceType::Simple
                | ServiceType::Exec
                | ServiceType::Forking
                | ServiceType::Dbus
                | ServiceType::Idle => self.enter_running(id, service, result),
                // It has never been up; somebody else may still say that it is.
                ServiceType::Notify | ServiceType::NotifyReload
                    if result == ServiceResult::Success
                        && service.remain_after_exit
                        && record.access != NotifyAccess::Main => {}
                ServiceType::Notify | ServiceType::NotifyReload => {
                    let result =
                        if result == ServiceResult::Success { ServiceResult::Protocol } else { result };
                    self.enter_kill(id, service, KillStage::StopSigterm, result);
                }
            },
            State::Running => self.enter_running(id, service, result),
            State::Reloading { .. } => self.reload_done(id, service, false),
            State::Kill { .. } => self.check_stage(id, service),
            // A command beside it still runs; what follows it looks at what is left.
            State::Command { .. } => {}
            State::Dead
            | State::Failed
            | State::Exited
            | State::Clean { .. }
            | State::AutoRestart { .. }
            | State::RestartDue
            | State::Active
            | State::Opening { .. }
            | State::Waiting { .. }
            | State::Triggered
            | State::Elapsed => {}
        }
    }

    fn control_exited(&mut self, id: UnitId, service: &Service<'_>, status: ExitStatus) {
        let record = self.peek(id);
        let (state, last) = (record.state, record.control_command);
        let (kind, index) = if let State::Command { kind, index, .. } = state { (kind, index) } else { last };
        let role = match kind {
            CommandKind::Condition if state.is_command(kind) => Role::Condition,
            // Of a service that forks it is the service itself (service.c, `service_sigchld_event`).
            CommandKind::Start => Role::Main,
            CommandKind::Condition
            | CommandKind::StartPre
            | CommandKind::StartPost
            | CommandKind::Reload
            | CommandKind::Stop
            | CommandKind::StopPost => Role::Command,
        };
        let result = restart::judge(status, role, service);
        let well = result == ServiceResult::Success || is_ignored(service, kind, index);
        if !state.is_command(kind) {
            // Called off, and that it ended so is the unit's failure all the same.
            self.at(id).note_result(if well { ServiceResult::Success } else { result });
            self.check_stage(id, service);
        } else if well && kind == CommandKind::Start {
            self.forked(id, service);
        } else if well {
            self.command_done(id, service, kind, index);
        } else {
            self.command_failed(id, service, kind, result);
        }
    }

    /// A command beside the main process has failed, or cannot run at all.
    pub(super) fn command_failed(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        kind: CommandKind,
        result: ServiceResult,
    ) {
        match kind {
            CommandKind::Reload => self.reload_done(id, service, false),
            CommandKind::StartPost if service.of_socket => self.close_trigger(id, result),
            CommandKind::Condition
            | CommandKind::StartPre
            | CommandKind::Start
            | CommandKind::StartPost
            | CommandKind::Stop
            | CommandKind::StopPost => {
                let first =
                    if is_last(service, kind) { KillStage::FinalSigterm } else { KillStage::StopSigterm };
                self.enter_kill(id, service, first, result);
            }
        }
    }

    /// The kernel has killed a process of the unit for want of memory: `OOMPolicy=` (service.c,
    /// `service_notify_cgroup_oom_event`).
    pub(super) fn oom_killed(&mut self, id: UnitId, service: &Service<'_>) {
        let record = self.at(id);
        record.notes.add(Note::OomKilled);
        let first = match service.oom_policy {
            OomPolicy::Continue => return,
            OomPolicy::Stop => KillStage::StopSigterm,
            OomPolicy::Kill => KillStage::StopSigkill,
        };
        let next = match record.state {
            State::Running | State::Exited | State::Reloading { .. } if first == KillStage::StopSigterm => {
                record.note_result(ServiceResult::OomKill);
                return self.run_commands(id, service, CommandKind::Stop);
            }
            State::Command { kind: CommandKind::StopPost, .. }
            | State::Kill { stage: KillStage::FinalSigterm | KillStage::FinalWatchdog, .. } => {
                KillStage::FinalSigkill
            }
            State::Command { .. } | State::Running | State::Exited | State::Reloading { .. } => first,
            State::Kill { stage: KillStage::StopSigterm | KillStage::StopWatchdog, .. } => {
                KillStage::StopSigkill
            }
            State::Kill { stage: KillStage::StopSigkill | KillStage::FinalSigkill, .. } => {
                return record.note_result(ServiceResult::OomKill);
            }
            State::Dead
            | State::Failed
            | State::Clean { .. }
            | State::AutoRestart { .. }
            | State::RestartDue
            | State::Active
            | State::Opening { .. }
            | State::Waiting { .. }
            | State::Triggered
            | State::Elapsed => return,
        };
        self.enter_kill(id, service, next, ServiceResult::OomKill);
    }

    /// No process of the unit is left.
    pub(super) fn emptied(&mut self, id: UnitId, service: &Service<'_>) {
        let record = self.at(id);
        if record.main.pid().is_some() || record.control.pid().is_some() {
            return; // said before the newest process was made: its own end brings another
        }
        record.populated = false;
        match record.state {
            State::Running if !record.main.is_taken() && record.succession.is_none() => {
                self.enter_running(id, service, ServiceResult::Success);
            }
            State::Command { .. } => self.emptied_without_pid_file(id, service),
            State::Dead
            | State::Failed
            | State::Running
            | State::Exited
            | State::Reloading { .. }
            | State::Kill { .. }
            | State::Clean { .. }
            | State::AutoRestart { .. }
            | State::RestartDue
            | State::Active
            | State::Opening { .. }
            | State::Waiting { .. }
            | State::Triggered
            | State::Elapsed => self.check_stage(id, service),
        }
    }
}

/// Whether nothing runs any more when commands of `kind` fail: of a socket also those before it has opened anything
/// (socket.c, `socket_sigchld_event`).
pub(super) fn is_last(service: &Service<'_>, kind: CommandKind) -> bool {
    kind == CommandKind::StopPost || (kind == CommandKind::StartPre && service.of_socket)
}

/// Whether the command line has the prefix `-`.
fn is_ignored(service: &Service<'_>, kind: CommandKind, index: u8) -> bool {
    service.commands.of(kind).iter().nth(usize::from(index)).is_some_and(|command| command.ignore_failure)
}
