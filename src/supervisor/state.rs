//! Where a unit is in its life. Every state carries what only it needs.

use super::{Instant, Pid};
use crate::{
    table::CommandKind,
    wire::{ActiveState, ServiceResult, SubState, UnitType},
};

kept! {
/// The state of a unit. Targets are `Dead` or `Active`; services use all before that; the last four are for units that
/// start others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Down, nothing wrong.
    Dead,
    /// Down, with a result that says why.
    Failed,
    /// The commands of one kind run one after the other; `Start` in the main slot, the others in the control slot.
    Command {
        /// Which list.
        kind: CommandKind,
        /// Which one of it.
        index: u8,
        /// When it has taken too long.
        deadline: Option<Instant>,
    },
    /// A service whose main process lives.
    Running,
    /// A service that is up without a process (`RemainAfterExit=`).
    Exited,
    /// A service that reads its configuration again and will say when that is done.
    Reloading {
        /// How far that is.
        phase: Reload,
        /// When it has taken too long.
        deadline: Option<Instant>,
    },
    /// Processes are being ended.
    Kill {
        /// How far that is.
        stage: KillStage,
        /// The signals that are still to be sent.
        signals: Signals,
        /// When patience ends.
        deadline: Option<Instant>,
    },
    /// What the unit left is being removed. Nothing starts before that is done.
    Clean {
        /// Whether the shell has been told.
        asked: bool,
        /// What comes after.
        then: Rest,
    },
    /// A restart is waited for.
    AutoRestart {
        /// Until when; `None` is for ever.
        at: Option<Instant>,
    },
    /// The wait is over; the start has its turn when the order of units allows.
    RestartDue,
    /// A target that is reached.
    Active,
    /// A child opens or looks at what a socket or path waits for.
    Opening {
        /// Whether the shell has been told.
        asked: bool,
        /// Whether the unit is on its way up; if not, it is up and looks again.
        first: bool,
    },
    /// It waits: for a connection, a change below a path, a time.
    Waiting {
        /// Whether the shell listens for it.
        armed: bool,
        /// When a timer elapses next; when a socket that woke PID 1 too often is listened to again.
        at: Option<Instant>,
    },
    /// What it waited for has come, or its unit runs for another reason.
    Triggered,
    /// A timer that will not elapse again.
    Elapsed,
}
}

kept! {
/// How far a reload is that ends with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reload {
    /// `ReloadSignal=` is still to be sent.
    Signal,
    /// It was sent then; `RELOADING=1` is waited for.
    Signalled(Instant),
    /// The service has said that it reloads; `READY=1` is waited for.
    Announced,
}
}

kept! {
/// How far the ending of processes is: systemd's stages, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KillStage {
    /// `WatchdogSignal=`, in the place of `KillSignal=`.
    StopWatchdog,
    /// `KillSignal=`, before `ExecStopPost=`.
    StopSigterm,
    /// `FinalKillSignal=`, before `ExecStopPost=`.
    StopSigkill,
    /// `WatchdogSignal=`, after it.
    FinalWatchdog,
    /// `KillSignal=`, after it.
    FinalSigterm,
    /// `FinalKillSignal=`, after it.
    FinalSigkill,
}
}

kept! {
/// Where a unit comes to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Down, nothing wrong.
    Dead,
    /// Down with a failure.
    Failed,
    /// Waiting to start again.
    Restart,
    /// Not yet: what a socket listens on is closed, and `ExecStopPost=` comes after that.
    Closed,
}
}

kept! {
/// Signals still to be sent in a kill stage: at most the signal and SIGHUP, for two slots or for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signals(u8);
}

impl Signals {
    /// Nothing to send.
    pub(super) const NONE: Self = Self(0);
    /// The stage's signal to the main process.
    pub(super) const MAIN: Self = Self(1);
    /// SIGHUP to the main process.
    pub(super) const MAIN_HUP: Self = Self(1 << 1);
    /// The stage's signal to the control process.
    pub(super) const CONTROL: Self = Self(1 << 2);
    /// SIGHUP to the control process.
    pub(super) const CONTROL_HUP: Self = Self(1 << 3);
    /// The stage's signal to every process of the unit.
    pub(super) const ALL: Self = Self(1 << 4);
    /// SIGHUP to every process of the unit.
    pub(super) const ALL_HUP: Self = Self(1 << 5);

    /// Both.
    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Takes out the next one, in the order of the constants.
    pub(super) const fn pop(&mut self) -> Option<Self> {
        if self.0 == 0 {
            return None;
        }
        let lowest = self.0 & self.0.wrapping_neg();
        self.0 &= !lowest;
        Some(Self(lowest))
    }
}

kept! {
/// What is in one of a service's two slots. Slots are beside the state because processes outlast it: a main process
/// lives through start-post, running, stop and every kill stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// Nothing.
    None,
    /// A process is to be made.
    Wanted,
    /// The shell has been told to make it.
    Asked,
    /// It lives, or is not reaped yet.
    Alive(Pid),
    /// It lives, but could not use the number it was given or read a file of variables: its end is not the service's.
    Unfit {
        /// The process.
        pid: Pid,
        /// Whether another number is left to try.
        again: bool,
    },
}
}

impl Process {
    /// The process, if there is one.
    pub(super) const fn pid(self) -> Option<Pid> {
        match self {
            Self::None | Self::Wanted | Self::Asked => None,
            Self::Alive(pid) | Self::Unfit { pid, .. } => Some(pid),
        }
    }

    /// Whether the slot is taken: by a process, or by one that is on its way.
    pub(super) const fn is_taken(self) -> bool {
        match self {
            Self::None => false,
            Self::Wanted | Self::Asked | Self::Alive(_) | Self::Unfit { .. } => true,
        }
    }
}

impl State {
    /// When the state has lasted too long.
    pub(super) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Command { deadline, .. }
            | Self::Reloading { deadline, .. }
            | Self::Kill { deadline, .. } => deadline,
            Self::AutoRestart { at } | Self::Waiting { at, .. } => at,
            Self::Dead
            | Self::Failed
            | Self::Running
            | Self::Exited
            | Self::Clean { .. }
            | Self::RestartDue
            | Self::Active
            | Self::Opening { .. }
            | Self::Triggered
            | Self::Elapsed => None,
        }
    }

    /// Whether the unit stays as it is unless something happens to it.
    pub(super) const fn is_settled(self) -> bool {
        match self {
            Self::Dead
            | Self::Failed
            | Self::Running
            | Self::Exited
            | Self::Active
            | Self::Waiting { .. }
            | Self::Triggered
            | Self::Elapsed => true,
            Self::Opening { .. }
            | Self::Command { .. }
            | Self::Reloading { .. }
            | Self::Kill { .. }
            | Self::Clean { .. }
            | Self::AutoRestart { .. }
            | Self::RestartDue => false,
        }
    }

    /// The same state, which may last until `at` if it has an earlier end.
    pub(super) fn extended(mut self, at: Option<Instant>) -> Self {
        if let Self::Command { deadline, .. } | Self::Reloading { deadline, .. } | Self::Kill { deadline, .. } =
            &mut self
            && let Some(before) = *deadline
            && at.is_none_or(|at| at > before)
        {
            *deadline = at;
        }
        self
    }

    /// Which commands run, if that is the state.
    pub(super) const fn command(self) -> Option<CommandKind> {
        if let Self::Command { kind, .. } = self { Some(kind) } else { None }
    }

    /// Whether commands of `kind` run.
    pub(super) fn is_command(self, kind: CommandKind) -> bool {
        self.command() == Some(kind)
    }

    /// Whether the service is up with a process of its own, reloading or not.
    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Reloading { .. })
    }

    /// Whether the unit is down and stays so.
    pub(super) const fn is_down(self) -> bool {
        matches!(self, Self::Dead | Self::Failed)
    }

    /// Whether the unit is up, reloading or not.
    pub(super) const fn is_up(self) -> bool {
        matches!(self.active(), ActiveState::Active | ActiveState::Reloading)
    }

    /// systemd's ActiveState.
    pub(super) const fn active(self) -> ActiveState {
        match self {
            Self::Dead => ActiveState::Inactive,
            Self::Failed => ActiveState::Failed,
            Self::Command { kind, .. } => match kind {
                CommandKind::Condition
                | CommandKind::StartPre
                | CommandKind::Start
                | CommandKind::StartPost => ActiveState::Activating,
                CommandKind::Reload => ActiveState::Reloading,
                CommandKind::Stop | CommandKind::StopPost => ActiveState::Deactivating,
            },
            Self::Running
            | Self::Exited
            | Self::Active
            | Self::Opening { first: false, .. }
            | Self::Waiting { .. }
            | Self::Triggered
            | Self::Elapsed => ActiveState::Active,
            Self::Opening { .. } => ActiveState::Activating,
            Self::Reloading { .. } => ActiveState::Reloading,
            Self::Kill { .. } | Self::Clean { .. } => ActiveState::Deactivating,
            Self::AutoRestart { .. } | Self::RestartDue => ActiveState::Activating,
        }
    }

    /// systemd's SubState in a unit that is a `socket` or not. Removal of what is left has no word there: it shows as the
    /// last stage before rest.
    pub(super) const fn sub(self, socket: bool) -> SubState {
        match self {
            Self::Dead => SubState::Dead,
            Self::Failed => SubState::Failed,
            Self::Command { kind, .. } => match kind {
                CommandKind::Condition => SubState::Condition,
                CommandKind::StartPre => SubState::StartPre,
                CommandKind::Start => SubState::Start,
                CommandKind::StartPost => SubState::StartPost,
                CommandKind::Reload => SubState::Reload,
                CommandKind::Stop if socket => SubState::StopPre,
                CommandKind::Stop => SubState::Stop,
                CommandKind::StopPost => SubState::StopPost,
            },
            Self::Running => SubState::Running,
            Self::Exited => SubState::Exited,
            Self::Reloading { phase, .. } => match phase {
                Reload::Signal | Reload::Signalled(_) => SubState::ReloadSignal,
                Reload::Announced => SubState::ReloadNotify,
            },
            Self::Kill { stage, .. } => match stage {
                KillStage::StopWatchdog => SubState::StopWatchdog,
                KillStage::StopSigterm if socket => SubState::StopPreSigterm,
                KillStage::StopSigkill if socket => SubState::StopPreSigkill,
                KillStage::StopSigterm => SubState::StopSigterm,
                KillStage::StopSigkill => SubState::StopSigkill,
                KillStage::FinalWatchdog => SubState::FinalWatchdog,
                KillStage::FinalSigterm => SubState::FinalSigterm,
                KillStage::FinalSigkill => SubState::FinalSigkill,
            },
            Self::Clean { then: Rest::Closed, .. } => SubState::StopPost,
            Self::Clean { .. } => SubState::FinalSigkill,
            Self::AutoRestart { .. } | Self::RestartDue => SubState::AutoRestart,
            Self::Active => SubState::Active,
            Self::Opening { first: true, .. } if socket => SubState::StartChown,
            Self::Opening { first: true, .. } => SubState::StartPre,
            Self::Opening { .. } | Self::Waiting { .. } if socket => SubState::Listening,
            Self::Opening { .. } | Self::Waiting { .. } => SubState::Waiting,
            Self::Triggered => SubState::Running,
            Self::Elapsed => SubState::Elapsed,
        }
    }
}

impl State {
    /// systemd's SubState of a unit of type `unit_type`. How far the ending of processes is has no word for mounts.
    pub(super) const fn sub_of(self, unit_type: UnitType) -> SubState {
        if matches!((unit_type, self), (UnitType::Device, Self::Active)) {
            return SubState::Plugged;
        }
        let mount = matches!(unit_type, UnitType::Mount);
        if !mount && !matches!(unit_type, UnitType::Swap) {
            return self.sub(matches!(unit_type, UnitType::Socket));
        }
        match self.active() {
            ActiveState::Inactive | ActiveState::Failed => self.sub(false),
            ActiveState::Activating if mount => SubState::Mounting,
            ActiveState::Active if mount => SubState::Mounted,
            ActiveState::Reloading => SubState::Remounting,
            ActiveState::Deactivating if mount => SubState::Unmounting,
            ActiveState::Activating => SubState::Activating,
            ActiveState::Active => SubState::Active,
            ActiveState::Deactivating => SubState::Deactivating,
        }
    }
}

impl Rest {
    /// Where a unit with `result` comes to rest when it does not start again. A condition that said no is no failure.
    pub(super) fn of(result: ServiceResult) -> Self {
        match result {
            ServiceResult::Success | ServiceResult::ExecCondition => Self::Dead,
            ServiceResult::ExitCode
            | ServiceResult::Signal
            | ServiceResult::CoreDump
            | ServiceResult::Timeout
            | ServiceResult::Watchdog
            | ServiceResult::StartLimitHit
            | ServiceResult::Resources
            | ServiceResult::Protocol
            | ServiceResult::OomKill
            | ServiceResult::TriggerLimitHit
            | ServiceResult::ServiceStartLimitHit
            | ServiceResult::UnitStartLimitHit => Self::Failed,
        }
    }
}
