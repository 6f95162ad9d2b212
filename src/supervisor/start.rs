//! A service's way up: condition, start-pre, start, start-post, running. And the making of its processes, on any way.

use super::{
    Action, Due, Instant, Outcome, Pid, Slot, Spawn, State, Supervisor, Trigger,
    hold::Numbers,
    job::{Job, JobKind, Phase},
    state::{KillStage, Process, Rest},
    unit::{Announced, Note, Record},
};
use crate::{
    table::{CommandKind, Micros, NotifyAccess, Service, ServiceType, StartLimit, Unit, UnitAction, UnitId},
    wire::{Failure, JobResult, ServiceResult},
};

/// How long `Type=idle` waits for other units' jobs.
const IDLE_MAX: Micros = Micros::from_secs(5);

impl Supervisor<'_> {
    /// Begins a start: counted, then the first command.
    pub(super) fn begin_service(&mut self, id: UnitId, service: &Service<'_>, limit: StartLimit) {
        let now = self.now;
        let record = self.at(id);
        if record.main.is_taken() || record.control.is_taken() {
            // What cannot even be killed still runs. A second one beside it would be worse than none.
            record.forbid_restart = true;
            record.result = ServiceResult::Resources;
            return self.enter_down(id, service, ServiceResult::Resources);
        }
        if !record.window.admit(limit, now) {
            record.notes.add(Note::StartLimitHit);
            record.forbid_restart = true;
            let action = self.manners(id).map_or(UnitAction::None, |manners| manners.start_limit_action);
            self.act(id, action, u8::MAX, false);
            self.fail_triggers(id);
            return self.enter_down(id, service, ServiceResult::StartLimitHit);
        }
        if record.state != State::RestartDue {
            record.restarts = 0;
        }
        record.forbid_restart = false;
        record.suggest = true;
        record.unfits = 0;
        record.result = ServiceResult::Success;
        record.main_exit = None;
        record.failure = None;
        record.started = Some(now);
        (record.watchdog, record.watchdog_at) = (service.watchdog, None);
        (record.announced, record.adopt, record.refused) = (Announced::Nothing, None, None);
        record.main_known = false;
        (record.errno, record.access) = (0, service.notify_access);
        if let Some(text) = self.rooms.texts.get_mut(id.index()) {
            text.clear();
        }
        self.run_commands(id, service, CommandKind::Condition);
    }

    /// Runs the commands of one kind, or goes on behind them if there are none.
    pub(super) fn run_commands(&mut self, id: UnitId, service: &Service<'_>, kind: CommandKind) {
        if kind == CommandKind::Stop {
            self.at(id).forgo_main();
        }
        if service.commands.of(kind).is_empty() {
            self.commands_done(id, service, kind);
        } else {
            self.run_command(id, service, kind, 0);
        }
    }

    fn run_command(&mut self, id: UnitId, service: &Service<'_>, kind: CommandKind, index: u8) {
        let slot = slot_of(kind, service);
        let waits = slot == Slot::Main && service.service_type == ServiceType::Idle;
        let idle_until = self.now.after(IDLE_MAX).filter(|_| waits);
        // Who lets others go first has all its time after that.
        let deadline = idle_until.unwrap_or(self.now).after(timeout_of(service, kind));
        let record = self.at(id);
        if slot == Slot::Control && record.control.is_taken() {
            // A command before it can be ended by nothing. Its slot stays taken, so this one cannot run.
            return self.command_failed(id, service, kind, ServiceResult::Resources);
        }
        record.state = State::Command { kind, index, deadline };
        match slot {
            Slot::Main => {
                record.main = Process::Wanted;
                record.main_index = index;
                record.idle_until = idle_until;
            }
            Slot::Control => (record.control, record.control_command) = (Process::Wanted, (kind, index)),
        }
        if waits && is_up_at_once(service) {
            // Only its process lets others go first (service.c, `service_enter_start`: the child waits), and is watched when
            // it is there.
            self.main_started(id, service);
            self.at(id).watchdog_at = None;
        }
    }

    /// The command has ended well: the next of its kind, or what comes after all of them.
    pub(super) fn command_done(&mut self, id: UnitId, service: &Service<'_>, kind: CommandKind, index: u8) {
        let next = index.saturating_add(1);
        if service.commands.of(kind).iter().nth(usize::from(next)).is_some() {
            self.run_command(id, service, kind, next);
        } else {
            self.commands_done(id, service, kind);
        }
    }

    pub(super) fn commands_done(&mut self, id: UnitId, service: &Service<'_>, kind: CommandKind) {
        match kind {
            CommandKind::Condition => self.run_commands(id, service, CommandKind::StartPre),
            CommandKind::StartPre if service.of_socket => self.open_trigger(id),
            CommandKind::StartPre => self.run_commands(id, service, CommandKind::Start),
            CommandKind::Start => {
                self.run_commands(id, service, CommandKind::StartPost);
                self.arm_watchdog(id);
            }
            CommandKind::StartPost if service.of_socket => self.listens(id),
            CommandKind::StartPost if self.misses_pid_file(id, service) => {}
            CommandKind::StartPost => self.enter_running(id, service, ServiceResult::Success),
            CommandKind::Reload => self.reload_done(id, service, true),
            CommandKind::Stop => self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Success),
            CommandKind::StopPost => {
                self.enter_kill(id, service, KillStage::FinalSigterm, ServiceResult::Success)
            }
        }
    }

    /// Up, if what makes it so is there; otherwise down, through `ExecStop=` if nothing has failed.
    pub(super) fn enter_running(&mut self, id: UnitId, service: &Service<'_>, result: ServiceResult) {
        let runtime_at = self.runtime_end(service);
        self.survey.arrived(false);
        let record = self.at(id);
        record.note_result(result);
        let rising = record.state.command().is_some_and(|kind| kind != CommandKind::Reload);
        let unknown = !record.main_known || service.exit_with_last;
        if record.main.is_taken() || (unknown && record.populated) {
            record.state = State::Running;
            if rising {
                record.runtime_at = runtime_at;
            }
        } else if record.result != ServiceResult::Success {
            return self.enter_kill(id, service, KillStage::StopSigterm, result);
        } else if service.remain_after_exit {
            record.state = State::Exited;
        } else {
            if rising {
                record.notes.add(Note::Started);
            }
            return self.run_commands(id, service, CommandKind::Stop);
        }
        if rising {
            self.came_up(id);
        }
        match (self.peek(id).state, self.peek(id).announced) {
            (State::Running, Announced::Reloading) => self.reload_announced(id, service),
            (State::Running, Announced::Stopping) => self.stops_itself(id, service),
            _ => {}
        }
    }

    /// When a service that comes up now has been up for as long as it may.
    fn runtime_end(&mut self, service: &Service<'_>) -> Option<Instant> {
        let extra = self.pool.chance().checked_rem(service.runtime_extra.0).unwrap_or(0);
        self.now.after(Micros(service.runtime_max.0.saturating_add(extra)))
    }

    /// Lets services that wait for others to be done begin, if nobody else is busy any more.
    pub(super) fn release_idle(&mut self) -> bool {
        let waits = |record: &Record| record.idle_until.is_some();
        let busy =
            |record: &Record| !waits(record) && record.job.is_some_and(|job| job.phase == Phase::Running);
        if !self.rooms.units.iter().any(waits) || self.rooms.units.iter().any(busy) {
            return false;
        }
        for id in self.ids() {
            self.at(id).idle_until = None;
        }
        true
    }

    /// Makes the process that a slot waits for.
    #[inline(never)]
    pub(super) fn due_spawn(&mut self, id: UnitId) -> Due {
        let record = self.peek(id);
        let slot = match (record.control, record.main) {
            (Process::Wanted, _) => Slot::Control,
            (_, Process::Wanted) if record.idle_until.is_none() => Slot::Main,
            _ => return Due::Nothing,
        };
        let unit = self.unit(id);
        let Some(service) = unit.as_ref().and_then(Unit::service) else { return Due::Nothing };
        match self.take_numbers(id, &service.exec) {
            // The name is to be known before anybody runs under it.
            Numbers::Held { .. } if self.pool.is_changed() => Due::Changed,
            Numbers::Held { uid, gid, fresh } => {
                self.begin_probe(id, &service.exec, slot);
                Due::Act(Action::Spawn(self.spawn(id, service, slot, (uid, gid, fresh))))
            }
            Numbers::Wait => Due::Nothing,
            Numbers::NoneLeft => {
                self.at(id).notes.add(Note::NoUidLeft);
                self.spawn_failed(id, service, slot, None);
                Due::Changed
            }
        }
    }

    fn spawn(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        slot: Slot,
        (uid, gid, fresh): (Option<u32>, Option<u32>, bool),
    ) -> Spawn {
        let record = self.at(id);
        let (kind, index) = match (slot, record.state) {
            (Slot::Control, State::Command { kind, index, .. }) => (kind, index),
            (Slot::Main | Slot::Control, _) => (CommandKind::Start, record.main_index),
        };
        match slot {
            Slot::Main => {
                record.main = Process::Asked;
                (record.uid, record.gid) = (uid, gid); // the child says so, or what it runs as instead
            }
            Slot::Control => record.control = Process::Asked,
        }
        let stopping = matches!(kind, CommandKind::Stop | CommandKind::StopPost) && !service.of_socket;
        let outcome = stopping.then_some(Outcome { result: record.result, exit: record.main_exit });
        // Of whose end it was started for, only what starts it hears (systemd.exec(5), `$MONITOR_UNIT`).
        let monitor = record.monitor.filter(|_| matches!(kind, CommandKind::StartPre | CommandKind::Start));
        let main_pid = if slot == Slot::Control { record.main.pid() } else { None };
        let (suggest, access) = (record.suggest, record.access);
        let monitor = monitor.map(|(unit, outcome)| (unit, outcome, self.invocation(unit)));
        let trigger = self.peek(id).trigger.map(|(unit, watch)| {
            // It does not elapse again before this unit is down.
            let timing = self.peek(unit).timing;
            Trigger { unit, watch, elapsed: timing.last.map(|at| (at, timing.last_wall)) }
        });
        Spawn {
            unit: id,
            slot,
            kind,
            index,
            uid,
            gid,
            suggest,
            fresh,
            main_pid,
            heard: may_be_heard(access, slot),
            watchdog: watchdog_of(service, slot),
            invocation: self.invocation(id),
            monitor,
            trigger,
            outcome,
        }
    }

    /// What tells the last start of `id` from all others.
    #[inline(never)] // asked for in two places
    fn invocation(&self, id: UnitId) -> u64 {
        let started = self.peek(id).started.map_or(0, |Instant(at)| at);
        self.pool.invocation(self.table.name(id).unwrap_or_default(), started)
    }

    /// The process exists.
    pub(super) fn spawned(&mut self, id: UnitId, service: &Service<'_>, slot: Slot, pid: Pid) {
        let record = self.at(id);
        let process = match slot {
            Slot::Main => &mut record.main,
            Slot::Control => &mut record.control,
        };
        if *process != Process::Asked {
            return self.report_impossible("a process that nobody asked for", id);
        }
        *process = Process::Alive(pid);
        match slot {
            Slot::Main => (record.main_unexecuted, record.main_unidentified) = (true, true),
            Slot::Control => record.control_unidentified = true,
        }
        record.populated = true;
        record.touched = true;
        record.main_known |= slot == Slot::Main;
        if slot == Slot::Main && is_up_at_once(service) {
            self.main_started(id, service);
            if service.service_type == ServiceType::Idle {
                self.arm_watchdog(id);
            }
        }
    }

    /// The child's execve has succeeded.
    pub(super) fn executed(&mut self, id: UnitId, service: &Service<'_>, pid: Pid) {
        let slot = if self.peek(id).main.pid() == Some(pid) { Slot::Main } else { Slot::Control };
        if slot == Slot::Main {
            self.at(id).main_unexecuted = false;
        }
        self.end_probe(id, &service.exec, slot);
        self.mark_numbers_used(id, &service.exec);
        let by_then = match service.service_type {
            ServiceType::Exec | ServiceType::Dbus => true,
            ServiceType::Simple | ServiceType::Idle => !is_up_at_once(service),
            ServiceType::Oneshot | ServiceType::Forking | ServiceType::Notify | ServiceType::NotifyReload => {
                false
            }
        };
        if by_then && self.peek(id).main == Process::Alive(pid) {
            self.main_started(id, service);
        }
    }

    fn main_started(&mut self, id: UnitId, service: &Service<'_>) {
        if let State::Command { kind: CommandKind::Start, .. } = self.peek(id).state {
            self.commands_done(id, service, CommandKind::Start);
        }
    }

    /// There is no process, because of a step of the shell or because no number is left.
    pub(super) fn spawn_failed(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        slot: Slot,
        failure: Option<Failure>,
    ) {
        let record = self.at(id);
        let process = match slot {
            Slot::Main => &mut record.main,
            Slot::Control => &mut record.control,
        };
        if !matches!(process, Process::Asked | Process::Wanted) {
            return self.report_impossible("a failure to make a process that nobody asked for", id);
        }
        *process = Process::None;
        record.failure = failure.or(record.failure);
        self.end_probe(id, &service.exec, slot);
        match self.peek(id).state {
            State::Command { kind, .. } => self.command_failed(id, service, kind, ServiceResult::Resources),
            State::Running | State::Reloading { .. } | State::Exited => {
                self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Resources);
            }
            State::Kill { .. } => self.check_stage(id, service),
            State::Dead
            | State::Failed
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

    /// A step of the child failed. Its end says what that means, unless it was too `early` for that; this says why.
    pub(super) fn step_failed(&mut self, id: UnitId, pid: Pid, failure: Failure, early: bool) {
        let record = self.at(id);
        for process in [&mut record.main, &mut record.control] {
            if process.pid() == Some(pid) {
                record.failure = Some(failure);
                if early {
                    *process = Process::Unfit { pid, again: false };
                }
            }
        }
    }

    /// The wait for a restart is over: it is a start like any other, with all that it pulls in, and whoever requires the unit
    /// restarts along (service.c, `service_enter_restart`).
    pub(super) fn restart_due(&mut self, id: UnitId) {
        let record = self.at(id);
        record.state = State::RestartDue;
        record.restarts = record.restarts.saturating_add(1);
        record.notes.add(Note::RestartScheduled);
        self.enqueue_start(id, false);
        match self.peek(id).job {
            None => self.restart_is_off(id), // the way to another table leaves no room for it
            Some(job) if job == Job::waiting(JobKind::Start) => self.restart_dependents(id),
            Some(_) => {} // it is to be down, or cannot start
        }
    }

    /// A start that did not begin: its job has failed, and the unit is down at once, for the reason it was before if
    /// there was one (service.c, `service_can_start`).
    fn enter_down(&mut self, id: UnitId, service: &Service<'_>, result: ServiceResult) {
        let record = self.at(id);
        record.note_result(result);
        let rest = Rest::of(record.result);
        self.finish_job(id, JobResult::Failed);
        self.settle(id, service, rest);
    }
}

/// Whether the service is up as soon as it has a main process. Where a file may be missing without which there is none,
/// that is known once the program runs.
fn is_up_at_once(service: &Service<'_>) -> bool {
    matches!(service.service_type, ServiceType::Simple | ServiceType::Idle)
        && service.exec.environment_files.iter().all(|file| file.starts_with('-'))
}

/// Whether a process in `slot` may speak for a unit with `access`.
fn may_be_heard(access: NotifyAccess, slot: Slot) -> bool {
    match access {
        NotifyAccess::None => false,
        NotifyAccess::Main => slot == Slot::Main,
        NotifyAccess::Exec | NotifyAccess::All => true,
    }
}

/// How long a process in `slot` may be silent, if that counts.
fn watchdog_of(service: &Service<'_>, slot: Slot) -> Option<Micros> {
    let counts = slot == Slot::Main && service.watchdog != Micros::ZERO;
    Some(service.watchdog).filter(|span| counts && *span != Micros::FOREVER)
}

/// Where the commands of `kind` run.
fn slot_of(kind: CommandKind, service: &Service<'_>) -> Slot {
    match kind {
        CommandKind::Start if service.service_type != ServiceType::Forking => Slot::Main,
        CommandKind::Start
        | CommandKind::Condition
        | CommandKind::StartPre
        | CommandKind::StartPost
        | CommandKind::Reload
        | CommandKind::Stop
        | CommandKind::StopPost => Slot::Control,
    }
}

const fn timeout_of(service: &Service<'_>, kind: CommandKind) -> Micros {
    match kind {
        CommandKind::Condition
        | CommandKind::StartPre
        | CommandKind::Start
        | CommandKind::StartPost
        | CommandKind::Reload => service.timeout_start,
        CommandKind::Stop | CommandKind::StopPost => service.timeout_stop,
    }
}
