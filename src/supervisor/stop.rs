//! A service's way down: ExecStop, the kill stages around ExecStopPost, the removal of what is left, rest.
//!
//! systemd-semantics.md §6.

use super::{
    Action, Due, Instant, State, Supervisor,
    end::is_last,
    job::JobKind,
    reload::SIGKILL,
    restart,
    state::{KillStage, Process, Rest, Signals},
    unit::{Note, Record},
};
use crate::{
    table::{CommandKind, FailureMode, Kill, KillMode, Micros, Service, Unit, UnitId},
    wire::{ServiceResult, Whom},
};

const SIGHUP: u8 = 1;

impl KillStage {
    /// Whether those whom it is after may still end by themselves.
    const fn is_polite(self) -> bool {
        match self {
            Self::StopWatchdog | Self::StopSigterm | Self::FinalWatchdog | Self::FinalSigterm => true,
            Self::StopSigkill | Self::FinalSigkill => false,
        }
    }

    /// Whether it comes after `ExecStopPost=`.
    const fn is_last(self) -> bool {
        matches!(self, Self::FinalWatchdog | Self::FinalSigterm | Self::FinalSigkill)
    }

    const fn is_sigterm(self) -> bool {
        matches!(self, Self::StopSigterm | Self::FinalSigterm)
    }

    /// The signal of the stage; `again` if the unit is to start again.
    const fn signal(self, kill: &Kill, again: bool) -> u8 {
        match self {
            Self::StopSigterm if again => kill.restart_signal,
            Self::StopWatchdog | Self::FinalWatchdog => kill.watchdog_signal,
            Self::StopSigterm | Self::FinalSigterm => kill.signal,
            Self::StopSigkill | Self::FinalSigkill => kill.final_signal,
        }
    }

    /// How long the stage may take.
    const fn timeout(self, service: &Service<'_>) -> Micros {
        match self {
            Self::StopWatchdog | Self::FinalWatchdog => service.timeout_abort,
            Self::StopSigterm | Self::StopSigkill | Self::FinalSigterm | Self::FinalSigkill => {
                service.timeout_stop
            }
        }
    }

    /// The stage before or after `ExecStopPost=` that a time begins that is up; `None` if nobody is to be killed.
    const fn first(mode: FailureMode, post: bool, kill: &Kill) -> Option<Self> {
        match mode {
            FailureMode::Terminate => Some(if post { Self::FinalSigterm } else { Self::StopSigterm }),
            FailureMode::Abort => Some(if post { Self::FinalWatchdog } else { Self::StopWatchdog }),
            FailureMode::Kill if kill.send_sigkill => {
                Some(if post { Self::FinalSigkill } else { Self::StopSigkill })
            }
            FailureMode::Kill => None,
        }
    }

    /// The stage that follows one after whose end nobody whom it was after is left.
    const fn next(self, kill: &Kill) -> Option<Self> {
        match self {
            Self::StopWatchdog | Self::StopSigterm if kill.send_sigkill => Some(Self::StopSigkill),
            Self::FinalWatchdog | Self::FinalSigterm if kill.send_sigkill => Some(Self::FinalSigkill),
            Self::StopWatchdog
            | Self::StopSigterm
            | Self::StopSigkill
            | Self::FinalWatchdog
            | Self::FinalSigterm
            | Self::FinalSigkill => None,
        }
    }
}

/// Whom a kill stage is after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prey {
    /// Every process of the unit.
    All,
    /// The two slots.
    Slots,
    /// Nobody.
    Nobody,
}

/// The table of `KillMode=`.
const fn prey(mode: KillMode, stage: KillStage) -> Prey {
    match mode {
        KillMode::ControlGroup => Prey::All,
        KillMode::Mixed if stage.is_polite() => Prey::Slots,
        KillMode::Mixed => Prey::All,
        KillMode::Process => Prey::Slots,
        KillMode::None => Prey::Nobody,
    }
}

/// Whether anybody is left whom the stage is after.
const fn is_left(record: &Record, prey: Prey) -> bool {
    let slots = record.main.is_taken() || record.control.is_taken();
    match prey {
        Prey::All => record.populated || slots,
        Prey::Slots => slots,
        // Not killed, but its slot is needed for what comes next.
        Prey::Nobody => record.control.is_taken(),
    }
}

impl Supervisor<'_> {
    /// Begins the stop that a job asks for.
    pub(super) fn stop_service(&mut self, id: UnitId, service: &Service<'_>, state: State) {
        self.at(id).forbid_restart = true;
        match state {
            State::Running | State::Exited | State::Waiting { .. } | State::Triggered => {
                self.run_commands(id, service, CommandKind::Stop);
            }
            State::Command { kind, .. } => match kind {
                CommandKind::Condition
                | CommandKind::StartPre
                | CommandKind::Start
                | CommandKind::StartPost
                | CommandKind::Reload => {
                    self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Success);
                }
                CommandKind::Stop | CommandKind::StopPost => {}
            },
            State::Reloading { .. } | State::Opening { .. } => {
                self.enter_kill(id, service, KillStage::StopSigterm, ServiceResult::Success);
            }
            State::AutoRestart { .. } | State::RestartDue => self.settle(id, service, Rest::Dead),
            // On its way down already.
            State::Kill { .. }
            | State::Clean { .. }
            | State::Dead
            | State::Failed
            | State::Active
            | State::Elapsed => {}
        }
    }

    /// Begins a kill stage, or goes on behind it if nobody is left whom it is after.
    pub(super) fn enter_kill(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        stage: KillStage,
        result: ServiceResult,
    ) {
        let deadline = self.now.after(stage.timeout(service));
        let record = self.at(id);
        record.note_result(result);
        (record.watchdog_at, record.pid_file_at) = (None, None);
        record.forgo_main();
        if record.control == Process::Wanted {
            record.control = Process::None;
        }
        let prey = prey(service.kill.mode, stage);
        if is_left(record, prey) {
            let hup = service.kill.send_sighup && stage.is_sigterm();
            let signals = match prey {
                Prey::All if hup => Signals::ALL.with(Signals::ALL_HUP),
                Prey::All => Signals::ALL,
                Prey::Slots if hup => {
                    let both = Signals::MAIN.with(Signals::CONTROL);
                    both.with(Signals::MAIN_HUP).with(Signals::CONTROL_HUP)
                }
                Prey::Slots => Signals::MAIN.with(Signals::CONTROL),
                Prey::Nobody => Signals::NONE,
            };
            record.state = State::Kill { stage, signals, deadline };
            return;
        }
        self.go_on(id, service, stage.next(&service.kill), stage, ServiceResult::Success);
    }

    /// To the `next` stage, or to what comes after `stage` if there is none.
    fn go_on(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        next: Option<KillStage>,
        stage: KillStage,
        result: ServiceResult,
    ) {
        match next {
            Some(next) => self.enter_kill(id, service, next, result),
            None => self.after_stage(id, service, stage, result),
        }
    }

    /// What comes after the stages before and after `ExecStopPost=`.
    fn after_stage(&mut self, id: UnitId, service: &Service<'_>, stage: KillStage, result: ServiceResult) {
        self.at(id).note_result(result);
        match stage {
            KillStage::StopWatchdog | KillStage::StopSigterm | KillStage::StopSigkill
                if service.of_socket =>
            {
                self.at(id).state = State::Clean { asked: false, then: Rest::Closed };
            }
            KillStage::StopWatchdog | KillStage::StopSigterm | KillStage::StopSigkill => {
                self.run_commands(id, service, CommandKind::StopPost);
            }
            KillStage::FinalWatchdog | KillStage::FinalSigterm | KillStage::FinalSigkill => {
                self.enter_dead(id, service);
            }
        }
    }

    /// Ends the kill stage if nobody is left whom it is after.
    pub(super) fn check_stage(&mut self, id: UnitId, service: &Service<'_>) {
        let record = self.peek(id);
        let State::Kill { stage, .. } = record.state else { return };
        // `ExecStopPost=` waits for the two slots only: what else there is has the stages after it.
        let slots = !stage.is_last() && !service.commands.of(CommandKind::StopPost).is_empty();
        let prey = if slots { Prey::Slots } else { prey(service.kill.mode, stage) };
        if !is_left(record, prey) {
            if stage.is_last() && stage != KillStage::FinalSigkill && service.kill.send_sigkill {
                // With KillMode=mixed there may still be those whom SIGTERM is not for. (systemd leaves them when
                // ExecStopPost= timed out; here, down means nobody is left.)
                return self.enter_kill(id, service, KillStage::FinalSigkill, ServiceResult::Success);
            }
            self.after_stage(id, service, stage, ServiceResult::Success);
        }
    }

    /// Sends the next signal of the stage to those who are still there.
    pub(super) fn due_signal(&mut self, id: UnitId) -> Due {
        let unit = self.unit(id);
        let Some(service) = unit.as_ref().and_then(Unit::service) else { return Due::Nothing };
        let record = self.at(id);
        let (main, control) = (record.main.pid().is_some(), record.control.pid().is_some());
        let populated = record.populated || main || control;
        let again = record.job.is_some_and(|job| job.kind == JobKind::Restart);
        let State::Kill { stage, ref mut signals, .. } = record.state else { return Due::Nothing };
        let first = stage.signal(&service.kill, again);
        while let Some(one) = signals.pop() {
            let (there, whom, wakes) = match one {
                Signals::MAIN => (main, Whom::Main, true),
                Signals::MAIN_HUP => (main, Whom::Main, false),
                Signals::CONTROL => (control, Whom::Control, true),
                Signals::CONTROL_HUP => (control, Whom::Control, false),
                Signals::ALL_HUP => (populated, Whom::All, false),
                _ => (populated, Whom::All, true),
            };
            if there {
                let signal = if wakes { first } else { SIGHUP };
                return Due::Act(Action::Kill { unit: id, whom, signal, wakes: wakes && signal != SIGKILL });
            }
        }
        Due::Nothing
    }

    /// Down: what is left is removed, then the unit comes to rest or waits for its restart.
    fn enter_dead(&mut self, id: UnitId, service: &Service<'_>) {
        let stopping = self.run.is_shutting_down() || self.stop_is_pending(id);
        let record = self.at(id);
        let again =
            !stopping && !record.forbid_restart && restart::wanted(service, record.result, record.main_exit);
        let rest = if again { Rest::Restart } else { Rest::of(record.result) };
        self.settle(id, service, rest);
    }

    /// Comes to rest, after the removal of what is left if anything may be.
    pub(super) fn settle(&mut self, id: UnitId, service: &Service<'_>, rest: Rest) {
        if self.needs_cleaning(id, service, rest) {
            self.at(id).state = State::Clean { asked: false, then: rest };
        } else {
            self.came_to_rest(id, rest);
        }
    }

    /// The janitor is done, or what was held is closed.
    #[inline(never)]
    pub(super) fn cleaned(&mut self, id: UnitId, clean: bool) {
        let record = self.at(id);
        let State::Clean { asked: true, then } = record.state else {
            return self.report_impossible("an answer of a janitor that nobody sent", id);
        };
        record.touched &= then == Rest::Closed;
        if !clean {
            record.notes.add(Note::NotCleaned);
        }
        let unit = self.unit(id);
        if let Some(service) = unit.as_ref().and_then(Unit::service) {
            if then == Rest::Closed {
                return self.run_commands(id, service, CommandKind::StopPost);
            }
            self.return_numbers(id, &service.exec, clean);
            if then == Rest::Restart && (self.peek(id).forbid_restart || self.run.is_shutting_down()) {
                // Somebody has asked for it to be down in the meantime.
                return self.settle(id, service, Rest::Dead);
            }
        }
        self.came_to_rest(id, then);
    }

    /// One of the times of `id` that do not belong to its state has come.
    pub(super) fn time_is_up(&mut self, id: UnitId, service: &Service<'_>) {
        let now = self.now;
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if over(self.peek(id).watchdog_at) {
            self.watchdog_expired(id, service);
        }
        if over(self.peek(id).pid_file_at) {
            self.look_for_pid_file(id);
        }
        if over(self.peek(id).idle_until) {
            self.at(id).idle_until = None;
        }
        if over(self.peek(id).runtime_end()) {
            let record = self.at(id);
            record.notes.add(Note::RuntimeOver);
            record.note_result(ServiceResult::Timeout);
            self.run_commands(id, service, CommandKind::Stop);
        }
    }

    /// The state of `id` has lasted too long.
    pub(super) fn timed_out(&mut self, id: UnitId, service: &Service<'_>) {
        let kill = service.kill;
        let again = self.peek(id).job.is_some_and(|job| job.kind == JobKind::Restart);
        let (next, stage) = match self.peek(id).state {
            State::Command { kind: CommandKind::Reload, .. } | State::Reloading { .. } => {
                self.note_timeout(id, 0);
                return self.reload_timed_out(id, service);
            }
            State::Command { kind, .. } => {
                let mode = match kind {
                    CommandKind::Condition
                    | CommandKind::StartPre
                    | CommandKind::Start
                    | CommandKind::StartPost
                    | CommandKind::Reload => service.start_failure_mode,
                    CommandKind::Stop | CommandKind::StopPost => service.stop_failure_mode,
                };
                let post = is_last(service, kind);
                let next = KillStage::first(mode, post, &kill);
                (next, if post { KillStage::FinalSigkill } else { KillStage::StopSigkill })
            }
            // PID 1 itself was late: patience is with those who have been told.
            State::Kill { stage, signals, .. } if signals != Signals::NONE => {
                let deadline = self.now.after(stage.timeout(service));
                self.at(id).state = State::Kill { stage, signals, deadline };
                return;
            }
            State::Kill { stage, .. } => {
                let next = match (stage, service.stop_failure_mode) {
                    (KillStage::StopSigterm, FailureMode::Abort) => Some(KillStage::StopWatchdog),
                    (KillStage::FinalSigterm, FailureMode::Abort) => Some(KillStage::FinalWatchdog),
                    (stage, _) => stage.next(&kill),
                };
                (next, stage)
            }
            State::AutoRestart { .. } => return self.restart_due(id),
            State::Dead
            | State::Failed
            | State::Running
            | State::Exited
            | State::Clean { .. }
            | State::RestartDue
            | State::Active
            | State::Opening { .. }
            | State::Waiting { .. }
            | State::Triggered
            | State::Elapsed => return,
        };
        self.note_timeout(id, next.map_or(0, |next| next.signal(&kill, again)));
        self.go_on(id, service, next, stage, ServiceResult::Timeout);
    }

    fn note_timeout(&mut self, id: UnitId, signal: u8) {
        let record = self.at(id);
        record.timeout_signal = signal;
        record.notes.add(Note::TimedOut);
    }
}
