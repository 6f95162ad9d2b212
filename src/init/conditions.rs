//! Looking at a unit's conditions: a child does, and its exit status is the verdict.

use crate::{
    linux::{
        Errno, cgroup,
        condition::{self as look, Question},
        raw::process,
    },
    table::{self, Condition, Subject, Table, UnitId, Verdict, limits::CONDITIONS_MAX},
    wire::ExitStatus,
};

use super::{
    kernel::Kernel,
    processes::{Process, Role},
};

/// Starts the child.
///
/// # Errors
/// clone3(2)'s, or EAGAIN when the process table is full.
pub(super) fn start(kernel: &mut Kernel, unit: UnitId) -> Result<(), Errno> {
    let place = kernel.processes.free_place().ok_or(Errno::AGAIN)?;
    match process::fork()? {
        process::Forked::Child => process::exit(look_at(&kernel.table, unit, kernel.container)),
        process::Forked::Parent { pid, pidfd } => {
            kernel.processes.put(place, Process::helper(pid, pidfd, Role::Examiner { unit }));
            Ok(())
        }
    }
}

/// The verdict behind an exit status: 0 is met, then the places of conditions, then those of assertions.
pub(super) const fn verdict(status: ExitStatus) -> Option<Verdict> {
    const PLACES: u8 = CONDITIONS_MAX as u8; // asserted in `limits`
    match status {
        ExitStatus::Exited(0) => Some(Verdict::Met),
        ExitStatus::Exited(code) if code <= PLACES => Some(Verdict::Unmet(code - 1)),
        ExitStatus::Exited(code) if code <= 2 * PLACES => Some(Verdict::AssertFailed(code - 1 - PLACES)),
        ExitStatus::Exited(_) | ExitStatus::Killed(_) | ExitStatus::Dumped(_) => None,
    }
}

fn look_at(table: &Table<'_>, unit: UnitId, container: bool) -> u8 {
    look::give_up_in_time();
    let Some(unit) = table.unit(unit) else { return u8::MAX };
    let verdict = table::examine(unit.conditions, &mut |condition| holds(condition, container));
    match verdict {
        Verdict::Met => 0,
        Verdict::Unmet(place) => place.saturating_add(1),
        Verdict::AssertFailed(place) => place.saturating_add(1).saturating_add(CONDITIONS_MAX as u8),
    }
}

fn holds(condition: Condition<'_>, container: bool) -> Result<bool, Errno> {
    let parameter = condition.parameter;
    let question = match condition.subject {
        Subject::Always => return Ok(true),
        Subject::Never => return Ok(false),
        Subject::PathExistsGlob => return look::glob_exists(parameter),
        Subject::KernelCommandLine => return look::is_on_command_line(parameter),
        Subject::ControlGroupController => return look::has_controllers(parameter),
        Subject::Capability => return look::may_have_capability(parameter),
        Subject::Container => return Ok(container),
        Subject::VirtualMachine => return Ok(!container && look::is_virtual_machine()?),
        Subject::Virtual => return Ok(container || look::is_virtual_machine()?),
        Subject::Cpus => return Subject::compares(parameter, look::processors()?).ok_or(Errno::INVAL),
        Subject::Memory => return Subject::compares(parameter, cgroup::memory()).ok_or(Errno::INVAL),
        Subject::KernelVersion => {
            return Subject::compares(parameter, look::kernel_version()?).ok_or(Errno::INVAL);
        }
        Subject::NeedsUpdate => return look::needs_update(parameter),
        Subject::FileSays => return look::file_says(parameter),
        Subject::PathExists => Question::Exists,
        Subject::PathIsDirectory => Question::Directory,
        Subject::PathIsSymbolicLink => Question::SymbolicLink,
        Subject::PathIsMountPoint => Question::MountPoint,
        Subject::PathIsReadWrite => Question::ReadWrite,
        Subject::DirectoryNotEmpty => Question::DirectoryNotEmpty,
        Subject::FileNotEmpty => Question::FileNotEmpty,
        Subject::FileIsExecutable => Question::FileExecutable,
    };
    look::ask(question, parameter)
}
