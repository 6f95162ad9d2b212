//! A reload: `ReloadSignal=`, `ExecReload=`, and how it ends. It never takes the service down: what fails is the reload.

use super::{
    Action, Due, State, Supervisor,
    job::{Job, JobKind},
    state::{Process, Reload},
    unit::{Announced, Note},
};
use crate::{
    table::{CommandKind, Service, ServiceType, Unit, UnitId},
    wire::{ActiveState, JobResult, ServiceResult, Whom},
};

/// SIGKILL.
pub(super) const SIGKILL: u8 = 9;
/// Instead of the place of a command: it has taken too long, and no other follows it.
const KILLED: u8 = u8::MAX;

/// Whether the service can be told to reload at all.
pub(super) fn is_reloadable(service: &Service<'_>) -> bool {
    service.service_type == ServiceType::NotifyReload || !service.commands.reload.is_empty()
}

const fn is_reloading(state: State) -> bool {
    matches!(state, State::Reloading { .. } | State::Command { kind: CommandKind::Reload, .. })
}

impl Supervisor<'_> {
    /// Has `id` read its configuration again. A reload that has begun does not count: it may have read before.
    pub(super) fn enqueue_reload(&mut self, id: UnitId) {
        match self.peek(id).job.map(|job| job.kind) {
            None | Some(JobKind::Reload) => {
                let again = self.peek(id).job == Some(Job::waiting(JobKind::Reload));
                self.at(id).job = Some(Job::waiting(JobKind::Reload));
                if !again {
                    self.reload_along(id); // ends: who waits already passes nothing on
                }
            }
            // It reads its configuration when it starts.
            Some(JobKind::Start | JobKind::Stop | JobKind::Restart) => {}
        }
    }

    /// Whether a reload of `id` makes sense: it is up or on its way, and has a way to reload.
    pub(super) fn can_reload(&self, id: UnitId) -> bool {
        let record = self.peek(id);
        let unit = self.unit(id);
        let up = record.state.active() == ActiveState::Active || is_reloading(record.state);
        let starts = matches!(record.job.map(|job| job.kind), Some(JobKind::Start | JobKind::Restart));
        (starts || (up && !self.stop_is_pending(id)))
            && unit.as_ref().and_then(Unit::service).is_some_and(is_reloadable)
    }

    /// Runs the reload job of `id` if it may; whether anything has changed.
    pub(super) fn advance_reload(&mut self, id: UnitId, state: State) -> bool {
        if is_reloading(state) {
            return false;
        }
        if matches!(state, State::Running | State::Exited) {
            self.at(id).job = Some(Job::running(JobKind::Reload));
            self.for_service(id, &mut |supervisor, service| supervisor.begin_reload(id, service));
        } else {
            self.finish_job(id, JobResult::Invalid);
        }
        true
    }

    /// Begins the reload that a job asks for.
    pub(super) fn begin_reload(&mut self, id: UnitId, service: &Service<'_>) {
        if service.service_type == ServiceType::NotifyReload && self.peek(id).main.pid().is_some() {
            let deadline = self.now.after(service.timeout_start);
            self.at(id).state = State::Reloading { phase: Reload::Signal, deadline };
        } else {
            self.run_commands(id, service, CommandKind::Reload);
        }
    }

    /// Sends `ReloadSignal=`; what follows it is `ExecReload=`, or the service's word.
    pub(super) fn due_reload_signal(&mut self, id: UnitId) -> Due {
        let State::Reloading { phase: Reload::Signal, deadline } = self.peek(id).state else {
            return Due::Nothing;
        };
        let now = self.now;
        let mut signal = 0;
        self.at(id).state = State::Reloading { phase: Reload::Signalled(now), deadline };
        self.for_service(id, &mut |supervisor, service| {
            signal = service.reload_signal;
            if !service.commands.reload.is_empty() {
                supervisor.run_commands(id, service, CommandKind::Reload);
            }
        });
        Due::Act(Action::Kill { unit: id, whom: Whom::Main, signal, wakes: signal != SIGKILL })
    }

    /// Sends the signal that somebody has asked for, or that ends what has taken too long beside a service that goes on.
    pub(super) fn due_kill(&mut self, id: UnitId) -> Due {
        let Some((whom, signal)) = self.peek(id).kill else { return Due::Nothing };
        let there = self.has(id, whom);
        self.at(id).kill = None;
        if there { Due::Act(Action::Kill { unit: id, whom, signal, wakes: false }) } else { Due::Changed }
    }

    /// Somebody asks for a signal to processes of `id`; whether that can be. If it is for all and there are none, all have it.
    pub(super) fn kills(&mut self, id: UnitId, whom: Whom, signal: u8) -> bool {
        let all = whom == Whom::All && self.unit(id).as_ref().and_then(Unit::service).is_some();
        let can = all || self.has(id, whom);
        if can {
            self.at(id).kill = Some((whom, signal));
        }
        can
    }

    fn has(&self, id: UnitId, whom: Whom) -> bool {
        let record = self.peek(id);
        match whom {
            Whom::Main => record.main.pid().is_some(),
            Whom::Control => record.control.pid().is_some(),
            Whom::All => record.populated,
        }
    }

    /// The reload has taken too long. Its command is killed and the service goes on as soon as that is gone, so that a stop asked
    /// for by then has a slot for its own; or in time, if nothing kills it.
    pub(super) fn reload_timed_out(&mut self, id: UnitId, service: &Service<'_>) {
        let patience = self.now.after(service.timeout_stop);
        let record = self.at(id);
        if record.control == Process::Wanted {
            record.control = Process::None; // it waited for a number
        }
        if let State::Command { kind, index, .. } = record.state
            && index != KILLED
            && record.control.is_taken()
        {
            record.state = State::Command { kind, index: KILLED, deadline: patience };
            record.kill = Some((Whom::Control, SIGKILL));
            return;
        }
        self.reload_done(id, service, false);
    }

    /// The reload is over; the service is what it was, if its main process still lives.
    pub(super) fn reload_done(&mut self, id: UnitId, service: &Service<'_>, well: bool) {
        let record = self.at(id);
        record.state = State::Running;
        if record.announced == Announced::Reloading {
            record.announced = Announced::Nothing;
        }
        record.notes.add(if well { Note::Reloaded } else { Note::ReloadFailed });
        self.enter_running(id, service, ServiceResult::Success);
        let record = self.peek(id);
        if record.state.is_up() && record.job.is_some_and(|job| job.is_running(JobKind::Reload)) {
            self.finish_job(id, if well { JobResult::Done } else { JobResult::Failed });
        }
    }
}
