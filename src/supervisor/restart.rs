//! What the end of a process means, and which ends lead to a new start (systemd-semantics.md §5).

use crate::{
    table::{ExitSet, Micros, Restart, Service, ServiceType},
    wire::{ExitStatus, ServiceResult},
};

const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGPIPE: u8 = 13;
const SIGTERM: u8 = 15;

/// How long a restart is put off at most because the machine was short of something.
const SCARCE_PAUSE_MAX: Micros = Micros::from_secs(60);
/// From what it grows where `RestartSec=` is none, so that trying does not keep PID 1 from everything else.
const SCARCE_PAUSE_MIN: Micros = Micros(1000);
/// EAGAIN, ENOMEM, ENFILE, EMFILE, ENOSPC, EDQUOT: nothing of the service's own is wrong, and trying is of no use until
/// somebody gives something back.
const SCARCE: [u16; 6] = [11, 12, 23, 24, 28, 122];

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

/// How long the restart after `restarts` others is waited for: it grows from `RestartSec=` by the same factor in each of
/// `RestartSteps=` steps.
pub(super) fn delay(service: &Service<'_>, restarts: u32) -> Micros {
    if service.restart_steps == 0 {
        return service.restart_delay;
    }
    if restarts >= service.restart_steps {
        return service.restart_delay_max;
    }
    let mut delay = service.restart_delay.0 as f64;
    let mut factor = f64::from_bits(service.restart_growth);
    let mut left = restarts;
    while left > 0 {
        if left & 1 == 1 {
            delay *= factor;
        }
        factor *= factor;
        left >>= 1;
    }
    Micros(delay as u64).min(service.restart_delay_max)
}

/// Whether a step that failed with `errno` had no room, memory or descriptors left.
pub(super) fn is_scarce(errno: u16) -> bool {
    SCARCE.contains(&errno)
}

/// The same as [`delay`], but put off twice as long each time that the start before was short of something, which has
/// happened `scarce` times on end. Not systemd's: one that starts at once again and again fills the log with it.
pub(super) fn pause(service: &Service<'_>, restarts: u32, scarce: u8) -> Micros {
    let delay = delay(service, restarts);
    let times = (1 << scarce.min(31)) & !1; // none, 2, 4 and so on
    let longer = Micros(delay.max(SCARCE_PAUSE_MIN).0.saturating_mul(times));
    delay.max(longer.min(SCARCE_PAUSE_MAX))
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
        ServiceResult::ExecCondition
        | ServiceResult::StartLimitHit
        | ServiceResult::TriggerLimitHit
        | ServiceResult::ServiceStartLimitHit
        | ServiceResult::UnitStartLimitHit => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::tests::some_service;

    const SETTINGS: [Restart; 7] = [
        Restart::No,
        Restart::Always,
        Restart::OnSuccess,
        Restart::OnFailure,
        Restart::OnAbnormal,
        Restart::OnAbort,
        Restart::OnWatchdog,
    ];

    /// systemd-semantics.md §5, as it stands there; `resources` and `oom-kill` count as abnormal.
    #[rustfmt::skip]
    const TABLE: [(ServiceResult, [bool; 7]); 14] = {
        const X: bool = true;
        const O: bool = false;
        [
            //                               no always success failure abnormal abort watchdog
            (ServiceResult::Success,       [O, X, X, O, O, O, O]),
            (ServiceResult::ExitCode,      [O, X, O, X, O, O, O]),
            (ServiceResult::Signal,        [O, X, O, X, X, X, O]),
            (ServiceResult::CoreDump,      [O, X, O, X, X, X, O]),
            (ServiceResult::Timeout,       [O, X, O, X, X, O, O]),
            (ServiceResult::Protocol,      [O, X, O, X, X, O, O]),
            (ServiceResult::Resources,     [O, X, O, X, X, O, O]),
            (ServiceResult::OomKill,       [O, X, O, X, X, O, O]),
            (ServiceResult::Watchdog,      [O, X, O, X, X, O, X]),
            (ServiceResult::ExecCondition, [O, O, O, O, O, O, O]),
            (ServiceResult::StartLimitHit, [O, O, O, O, O, O, O]),
            (ServiceResult::TriggerLimitHit, [O, O, O, O, O, O, O]), // not of services
            (ServiceResult::ServiceStartLimitHit, [O, O, O, O, O, O, O]),
            (ServiceResult::UnitStartLimitHit, [O, O, O, O, O, O, O]),
        ]
    };

    #[test]
    fn every_setting_follows_every_result_as_the_table_says() {
        assert_eq!(TABLE.len(), ServiceResult::ALL.len());
        for (result, row) in TABLE {
            for (setting, expected) in SETTINGS.into_iter().zip(row) {
                assert_eq!(follows(setting, result), expected, "{setting:?} after {result}");
            }
        }
    }

    #[test]
    fn the_delay_grows_by_the_same_factor_up_to_the_most() {
        let change = |s: &mut crate::supervisor::tests::ServicePlan| {
            s.restart_delay = Micros::from_millis(100);
            (s.restart_steps, s.restart_growth) = (4, 10_f64);
            s.restart_delay_max = Micros::from_secs(1000);
        };
        some_service(change, |service| {
            let delays: std::vec::Vec<u64> = (0..6).map(|n| delay(service, n).0 / 1000).collect();
            assert_eq!(delays, [100, 1_000, 10_000, 100_000, 1_000_000, 1_000_000]);
            assert_eq!(delay(service, u32::MAX), service.restart_delay_max);
        });
        let endless = |s: &mut crate::supervisor::tests::ServicePlan| {
            (s.restart_steps, s.restart_growth, s.restart_delay_max) = (u32::MAX, f64::MAX, Micros::FOREVER);
        };
        some_service(endless, |service| assert_eq!(delay(service, u32::MAX - 1), Micros::FOREVER));
        some_service(|_| {}, |service| assert_eq!(delay(service, 9), service.restart_delay));
    }

    #[test]
    fn a_restart_for_want_of_room_is_put_off_twice_as_long_each_time() {
        let change = |s: &mut crate::supervisor::tests::ServicePlan| {
            s.restart_delay = Micros::from_millis(100);
        };
        some_service(change, |service| {
            let pauses: std::vec::Vec<u64> =
                [0, 1, 2, 9, 10, 255].map(|n| pause(service, 7, n).0 / 1000).into();
            assert_eq!(pauses, [100, 200, 400, 51_200, 60_000, 60_000]);
        });
        let slow = |s: &mut crate::supervisor::tests::ServicePlan| s.restart_delay = Micros::from_secs(100);
        some_service(slow, |service| assert_eq!(pause(service, 0, 3), service.restart_delay));
    }

    #[test]
    fn polite_signals_are_clean_for_daemons_only() {
        some_service(
            |_| {},
            |daemon| {
                for signal in [1, 2, 13, 15] {
                    assert_eq!(judge(ExitStatus::Killed(signal), Role::Main, daemon), ServiceResult::Success);
                    assert_eq!(
                        judge(ExitStatus::Killed(signal), Role::Command, daemon),
                        ServiceResult::Signal
                    );
                }
                assert_eq!(judge(ExitStatus::Killed(9), Role::Main, daemon), ServiceResult::Signal);
                assert_eq!(judge(ExitStatus::Dumped(15), Role::Main, daemon), ServiceResult::CoreDump);
            },
        );
        some_service(
            |s| s.service_type = ServiceType::Oneshot,
            |oneshot| {
                assert_eq!(judge(ExitStatus::Killed(15), Role::Main, oneshot), ServiceResult::Signal);
            },
        );
    }

    #[test]
    fn a_condition_says_no_with_1_to_254_and_fails_beyond() {
        some_service(
            |_| {},
            |service| {
                for (code, result) in [
                    (0, ServiceResult::Success),
                    (1, ServiceResult::ExecCondition),
                    (254, ServiceResult::ExecCondition),
                    (255, ServiceResult::ExitCode),
                ] {
                    assert_eq!(judge(ExitStatus::Exited(code), Role::Condition, service), result, "{code}");
                }
            },
        );
    }

    #[test]
    fn prevent_beats_force_beats_the_table() {
        let change = |s: &mut crate::supervisor::tests::ServicePlan| {
            s.success.add_code(3);
            s.prevent.add_code(7);
            s.force.add_code(7);
            s.force.add_signal(6);
        };
        some_service(change, |service| {
            let after = |exit| wanted(service, judge(exit, Role::Main, service), Some(exit));
            assert_eq!(judge(ExitStatus::Exited(3), Role::Main, service), ServiceResult::Success);
            assert!(!after(ExitStatus::Exited(7)));
            assert!(after(ExitStatus::Dumped(6)));
            assert!(!after(ExitStatus::Exited(1)), "Restart=no");
        });
        let oneshot = |s: &mut crate::supervisor::tests::ServicePlan| {
            s.service_type = ServiceType::Oneshot;
            s.force.add_code(0);
        };
        some_service(oneshot, |service| {
            assert!(!wanted(service, ServiceResult::Success, Some(ExitStatus::Exited(0))));
            assert!(wanted(service, ServiceResult::Timeout, Some(ExitStatus::Exited(0))));
        });
    }
}
