//! Who gets how much of the machine, as far as the process itself can say.

use core::ffi::CStr;

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::{self, Errno},
    process::setpriority_process,
};

use super::Work;

use crate::linux::{AsFd, raw::scheduling};

/// `OOMScoreAdjust=`.
pub(super) fn adjust_oom_score(work: &mut Work<'_>) -> Result<(), Errno> {
    write(c"/proc/self/oom_score_adj", work.plan.scheduling.oom_score_adjust)
}

/// `CoredumpFilter=`.
pub(super) fn filter_core_dumps(work: &mut Work<'_>) -> Result<(), Errno> {
    write(c"/proc/self/coredump_filter", work.plan.scheduling.coredump_filter)
}

/// `CPUSchedulingPolicy=`, `CPUSchedulingPriority=` and `CPUSchedulingResetOnFork=`.
pub(super) fn set_policy(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = work.plan.scheduling;
    wanted
        .policy
        .map_or(Ok(()), |policy| scheduling::set_policy(policy, wanted.priority, wanted.reset_on_fork))
}

/// `Nice=`. After the policy, which would set it back.
pub(super) fn set_nice(work: &mut Work<'_>) -> Result<(), Errno> {
    work.plan
        .scheduling
        .nice
        .map_or(Ok(()), |nice| setpriority_process(None, i32::from(nice).wrapping_sub(20)))
}

/// `CPUAffinity=`.
pub(super) fn set_affinity(work: &mut Work<'_>) -> Result<(), Errno> {
    match work.plan.scheduling.affinity {
        [] => Ok(()),
        processors => scheduling::set_affinity(processors),
    }
}

/// `IOSchedulingClass=` and `IOSchedulingPriority=`.
pub(super) fn set_io_priority(work: &mut Work<'_>) -> Result<(), Errno> {
    work.plan.scheduling.io_priority.map_or(Ok(()), scheduling::set_io_priority)
}

/// `TimerSlackNSec=`.
pub(super) fn set_timer_slack(work: &mut Work<'_>) -> Result<(), Errno> {
    write(c"/proc/self/timerslack_ns", work.plan.scheduling.timer_slack)
}

/// `Personality=`.
pub(super) fn set_personality(work: &mut Work<'_>) -> Result<(), Errno> {
    work.plan.scheduling.personality.map_or(Ok(()), scheduling::set_personality)
}

/// Nothing to write is nothing to do.
fn write(path: &CStr, text: &str) -> Result<(), Errno> {
    if text.is_empty() {
        return Ok(());
    }
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    io::write(file.as_fd(), text.as_bytes()).map(drop)
}
