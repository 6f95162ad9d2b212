//! Making a service's process: the parent's half. Everything slow or risky is the child's.

use rustix::{
    fd::{AsRawFd, OwnedFd},
    io::{self, Errno},
    pipe::{PipeFlags, pipe_with},
};

use super::{
    AsFd, cgroup, child,
    feature::Feature,
    plan::{Cgroup, Plan, Privilege},
    raw::{
        process::{self, Forked},
        signal,
    },
    step::Step,
};

/// A process on its way to execve.
#[derive(Debug)]
pub struct Child {
    /// Its pid.
    pub pid: u32,
    /// A descriptor of it, readable once it has ended.
    pub pidfd: OwnedFd,
    /// Where it reports: see [`super::report::read`]. Non-blocking.
    pub report: OwnedFd,
}

/// Why there is no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The parent's step that failed.
    pub step: Step,
    /// The kernel's reason.
    pub errno: Errno,
}

/// Makes the child of `plan` and returns at once: what becomes of the child comes through its report pipe.
///
/// `plan` may lead to nothing in an [`super::apart::Place`]: a child that looked there would die, and not be the service.
#[inline(never)] // so that the plan is all there before the fork
pub fn spawn(plan: &Plan<'_>) -> Result<Child, Failure> {
    let (report, reporter) = step(plan, Step::Pipe, report_pipe)?;
    let born_in = step(plan, Step::Clone, || birthplace(&plan.cgroup))?;
    let cgroup = born_in.as_ref().map(AsFd::as_fd).or(plan.cgroup.directory);
    // No signal may find the child with the parent's handlers; the child unblocks them just before it executes.
    let mask = step(plan, Step::Clone, || signal::set_mask(u64::MAX))?;
    let processes = plan.namespaces.processes && plan.privilege != Privilege::Full;
    let mut forked = process::fork_into(cgroup, processes);
    let mut lacking = None;
    if let Err(errno) = forked
        && processes
        && plan.may_lack & Feature::PidNamespaces.bit() != 0
    {
        lacking = Some(errno);
        forked = process::fork_into(cgroup, false);
    }
    if matches!(forked, Ok(Forked::Child)) {
        child::run(plan, reporter.as_fd(), lacking);
    }
    let unblocked = signal::set_mask(mask);
    match forked.and_then(|forked| unblocked.map(|_| forked)) {
        Ok(Forked::Parent { pid, pidfd }) => Ok(Child { pid, pidfd, report }),
        Ok(Forked::Child) => process::exit(Step::Exec.exit_code()), // `run` does not return
        Err(errno) => Err(Failure { step: Step::Clone, errno }),
    }
}

/// The group below the unit's that the process is to be in, if it is one.
fn birthplace(cgroup: &Cgroup<'_>) -> Result<Option<OwnedFd>, Errno> {
    match cgroup.directory {
        Some(directory) if !cgroup.subgroup.is_empty() => cgroup::make(directory, cgroup.subgroup).map(Some),
        Some(_) | None => Ok(None),
    }
}

fn step<T>(plan: &Plan<'_>, step: Step, act: impl FnOnce() -> Result<T, Errno>) -> Result<T, Failure> {
    plan.failure_at(step).map_or_else(act, Err).map_err(|errno| Failure { step, errno })
}

/// The reader's and the writer's end, both above the three descriptors that the child replaces.
fn report_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok((above_stdio(reader)?, above_stdio(writer)?))
}

fn above_stdio(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    if fd.as_raw_fd() > 2 { Ok(fd) } else { io::fcntl_dupfd_cloexec(fd.as_fd(), 3) }
}
