//! What a service says of itself, and what its silence means: sd_notify(3), `WatchdogSec=` (systemd-semantics.md §7).

use heapless::String;

use super::{
    Pid, State, Supervisor, Which,
    state::{KillStage, Reload, Signals},
    unit::{Announced, Note, Record},
};
use crate::{
    table::{CommandKind, Micros, NotifyAccess, Service, ServiceType, UnitId},
    wire::{Notice, Ping, STATUS_BYTES_MAX, ServiceResult},
};

/// A service's `STATUS=`.
pub(super) type Text = String<STATUS_BYTES_MAX>;

/// Whether a service with messages of its own type has to say that it is ready.
pub(super) const fn says_ready(service_type: ServiceType) -> bool {
    match service_type {
        ServiceType::Notify | ServiceType::NotifyReload => true,
        ServiceType::Simple
        | ServiceType::Exec
        | ServiceType::Oneshot
        | ServiceType::Forking
        | ServiceType::Dbus
        | ServiceType::Idle => false,
    }
}

/// Whether `pid` may speak for the unit.
fn is_heard(record: &Record, pid: Pid) -> bool {
    let main = record.main.pid() == Some(pid);
    match record.access {
        NotifyAccess::None => false,
        NotifyAccess::Main => main,
        NotifyAccess::Exec => main || record.control.pid() == Some(pid),
        NotifyAccess::All => true,
    }
}

/// Puts `status` into `text`, on one line and without what a terminal would obey.
fn keep(text: &mut Text, status: &str) {
    text.clear();
    for character in status.chars() {
        if text.push(if character.is_control() { ' ' } else { character }).is_err() {
            break;
        }
    }
}

impl Supervisor<'_> {
    /// A process of the unit says something.
    pub(super) fn notified(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        pid: Pid,
        uid: u32,
        notice: &Notice<'_>,
    ) {
        let record = self.at(id);
        if !is_heard(record, pid) {
            if record.refused.replace(pid).is_none() {
                record.notes.add(Note::NoticeRefused);
            }
            return;
        }
        if let Some(main) = notice.main_pid.map(Pid).filter(|main| record.main.pid() != Some(*main))
            && may_name_another(record.state)
        {
            record.adopt = Some(Which::Named { pid: main, trusted: uid == 0 });
        }
        record.errno = notice.errno.unwrap_or(record.errno);
        record.access = notice.access.unwrap_or(record.access);
        if let Some(status) = notice.status
            && let Some(text) = self.rooms.texts.get_mut(id.index())
        {
            keep(text, status);
        }
        if let Some(add) = notice.store.filter(|_| service.store_max > 0) {
            self.storing = Some((id, add));
        }
        self.announce(id, service, notice);
        if let Some(span) = notice.extend_us {
            let until = self.now.after(Micros(span));
            let record = self.at(id);
            record.state = record.state.extended(until);
            for at in [&mut record.watchdog_at, &mut record.runtime_at] {
                if at.is_some_and(|at| until.is_none_or(|until| until > at)) {
                    *at = until;
                }
            }
        }
        if let Some(span) = notice.watchdog_us {
            self.at(id).watchdog = if span == u64::MAX { Micros::ZERO } else { Micros(span) };
            self.arm_watchdog(id);
        }
        match notice.watchdog {
            Some(Ping::Alive) => self.arm_watchdog(id),
            Some(Ping::Trigger) => self.watchdog_expired(id, service),
            None => {}
        }
    }

    /// What follows from `STOPPING=1`, `READY=1`, `RELOADING=1`: the first of them counts.
    fn announce(&mut self, id: UnitId, service: &Service<'_>, notice: &Notice<'_>) {
        let record = self.at(id);
        let state = record.state;
        if notice.stopping {
            record.announced = Announced::Stopping;
            if matches!(state, State::Running | State::Reloading { .. }) {
                self.stops_itself(id, service);
            }
            return;
        }
        let began = notice.monotonic_us;
        let answers = |at: super::Instant| began.is_some_and(|began| began >= at.0);
        if notice.ready {
            record.announced = Announced::Nothing;
            if let State::Reloading { phase, .. } = state {
                let over = match phase {
                    Reload::Announced => true,
                    Reload::Signalled(at) => notice.reloading && answers(at),
                    Reload::Signal => false,
                };
                if over {
                    self.reload_done(id, service, true);
                }
            } else if state.is_command(CommandKind::Start) && says_ready(service.service_type) {
                self.commands_done(id, service, CommandKind::Start);
            }
        } else if notice.reloading {
            record.announced = Announced::Reloading;
            let asked = matches!(state, State::Reloading { phase: Reload::Signalled(at), .. } if answers(at));
            if asked || state == State::Running {
                self.reload_announced(id, service);
            }
        }
    }

    /// The service has said with `X-ReadyFd=` that it is ready, or cannot say so any more.
    pub(super) fn heard_ready(&mut self, id: UnitId, service: &Service<'_>, ready: bool) {
        if service.ready_fd == 0 || !self.peek(id).state.is_command(CommandKind::Start) {
            return;
        }
        if ready {
            self.commands_done(id, service, CommandKind::Start);
        } else {
            self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Protocol);
        }
    }

    /// The service stops by itself: as if the first signal had been sent.
    pub(super) fn stops_itself(&mut self, id: UnitId, service: &Service<'_>) {
        self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Success);
        if let State::Kill { stage: KillStage::StopSigterm, signals, .. } = &mut self.at(id).state {
            *signals = Signals::NONE;
        }
    }

    /// The service reloads: it says when it is done.
    pub(super) fn reload_announced(&mut self, id: UnitId, service: &Service<'_>) {
        let deadline = self.now.after(service.timeout_start);
        self.at(id).state = State::Reloading { phase: Reload::Announced, deadline };
    }

    /// The service is alive, or begins to be watched.
    pub(super) fn arm_watchdog(&mut self, id: UnitId) {
        let now = self.now;
        let record = self.at(id);
        let watched = record.watchdog != Micros::ZERO && is_watched(record.state);
        record.watchdog_at = if watched { now.after(record.watchdog) } else { None };
    }

    /// The service was silent for too long, or says that it is not well.
    pub(super) fn watchdog_expired(&mut self, id: UnitId, service: &Service<'_>) {
        let record = self.at(id);
        record.watchdog_at = None;
        if !is_watched(record.state) {
            return;
        }
        record.timeout_signal = service.kill.watchdog_signal;
        record.notes.add(Note::WatchdogExpired);
        self.enter_kill(id, service, KillStage::StopWatchdog, ServiceResult::Watchdog);
    }
}

/// Whether a service in `state` may say that its main process is another one.
const fn may_name_another(state: State) -> bool {
    state.is_running()
        || matches!(state.command(), Some(CommandKind::Start | CommandKind::StartPost | CommandKind::Reload))
}

/// Whether silence counts in `state`.
const fn is_watched(state: State) -> bool {
    state.is_running() || matches!(state.command(), Some(CommandKind::StartPost | CommandKind::Reload))
}
