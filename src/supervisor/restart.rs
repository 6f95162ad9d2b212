//! What the end of a process means, and which ends lead to a new start (systemd-semantics.md §5).

use crate::{
    table::{ExitSet, Restart, Service, ServiceType},
    wire::{ExitStatus, ServiceResult},
};

const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGPIPE: u8 = 13;
const SIGTERM: u8 = 15;

/// Which kind of process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The service itself.
    Main,
    /// `ExecCondition=`.
    Condition,
    /// Any other command beside it.
    Command,
}

/// The result that `status` stands for. The four polite signals are a clean end of a daemon, not of a command.
pub(super) fn judge(status: ExitStatus, role: Role, service: &Service<'_>) -> ServiceResult {
    let daemon = role == Role::Main && service.service_type != ServiceType::Oneshot;
    let clean = matches(&service.success_exit_status, status);
    match status {
        ExitStatus::Exited(0) => ServiceResult::Success,
        ExitStatus::Exited(_) | ExitStatus::Killed(_) if clean => ServiceResult::Success,
        ExitStatus::Exited(1..=254) if role == Role::Condition => ServiceResult::ExecCondition,
        ExitStatus::Exited(_) => ServiceResult::ExitCode,
        ExitStatus::Killed(SIGHUP | SIGINT | SIGTERM | SIGPIPE) if daemon => ServiceResult::Success,
        ExitStatus::Killed(_) => ServiceResult::Signal,
        ExitStatus::Dumped(_) => ServiceResult::CoreDump,
    }
}

/// Whether a service that came down with `result`, its main process with `exit`, is to start again. That nobody
/// has asked for it to be down is the caller's to know.
pub(super) fn wanted(service: &Service<'_>, result: ServiceResult, exit: Option<ExitStatus>) -> bool {
    let in_set = |set: &ExitSet| exit.is_some_and(|exit| matches(set, exit));
    if in_set(&service.restart_prevent_exit_status) {
        return false;
    }
    if in_set(&service.restart_force_exit_status) {
        return service.service_type != ServiceType::Oneshot || result != ServiceResult::Success;
    }
    follows(service.restart, result)
}

fn matches(set: &ExitSet, status: ExitStatus) -> bool {
    match status {
        ExitStatus::Exited(code) => set.has_code(code),
        ExitStatus::Killed(signal) | ExitStatus::Dumped(signal) => set.has_signal(signal),
    }
}

/// The table of `Restart=`: a row for each result, the settings that restart after it.
const fn follows(restart: Restart, result: ServiceResult) -> bool {
    use Restart::{Always, OnAbnormal, OnAbort, OnFailure, OnSuccess, OnWatchdog};
    match result {
        ServiceResult::Success => matches!(restart, Always | OnSuccess),
        ServiceResult::ExitCode => matches!(restart, Always | OnFailure),
        ServiceResult::Signal | ServiceResult::CoreDump => {
            matches!(restart, Always | OnFailure | OnAbnormal | OnAbort)
        }
        ServiceResult::Watchdog => matches!(restart, Always | OnFailure | OnAbnormal | OnWatchdog),
        ServiceResult::Timeout
        | ServiceResult::Protocol
        | ServiceResult::Resources
        | ServiceResult::OomKill => {
            matches!(restart, Always | OnFailure | OnAbnormal)
        }
        ServiceResult::ExecCondition | ServiceResult::StartLimitHit => false,
    }
}
