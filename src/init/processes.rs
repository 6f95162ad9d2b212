//! The processes PID 1 made itself, so that an end can be told to the right unit and a signal never meets a stranger.

use crate::{
    linux::OwnedFd,
    supervisor::{Pid, Slot},
    table::{CommandKind, UnitId, limits::UNITS_MAX},
};

/// A main process, the one before it, a control process, and a janitor or an examiner for every unit, and the reporter.
pub(super) const PROCESSES_MAX: usize = 4 * UNITS_MAX + 1;

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// One of a unit's own.
    Service { unit: UnitId, slot: Slot },
    /// Was a unit's main process until it named another.
    Former { unit: UnitId },
    /// Removes what a unit left.
    Janitor { unit: UnitId },
    /// Looks at a unit's conditions.
    Examiner { unit: UnitId },
    /// Reads or writes a timer's stamp file.
    Stamper { unit: UnitId },
    /// Writes the report.
    Reporter,
}

/// A process that is not reaped yet.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// Refers to this very process for as long as it is open.
    pub(super) pidfd: OwnedFd,
    /// The child's end-of-set-up report, until it has closed.
    pub(super) report: Option<OwnedFd>,
    pub(super) role: Role,
    /// Which command line it runs.
    pub(super) command: Option<(CommandKind, u8)>,
    /// It has reported why it will never execute that.
    pub(super) gave_up: bool,
}

impl Process {
    /// A process of PID 1's own, which executes nothing.
    pub(super) const fn helper(pid: u32, pidfd: OwnedFd, role: Role) -> Self {
        Self { pid: Pid(pid), pidfd, report: None, role, command: None, gave_up: false }
    }
}

/// All of them. A place is known by its index.
#[derive(Debug)]
pub(super) struct Processes {
    places: [Option<Process>; PROCESSES_MAX],
}

impl Processes {
    pub(super) const fn new() -> Self {
        Self { places: [const { None }; PROCESSES_MAX] }
    }

    /// Where the next process would go; `None` if every unit has all it may have.
    pub(super) fn free_place(&self) -> Option<usize> {
        self.places.iter().position(Option::is_none)
    }

    pub(super) fn put(&mut self, place: usize, process: Process) {
        if let Some(empty) = self.places.get_mut(place) {
            *empty = Some(process);
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<&Process> {
        self.places.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Process> {
        self.places.get_mut(place)?.as_mut()
    }

    /// The process in `unit`'s `slot`.
    pub(super) fn of(&self, unit: UnitId, slot: Slot) -> Option<&Process> {
        let role = Role::Service { unit, slot };
        self.places.iter().flatten().find(|process| process.role == role)
    }

    /// The main process of `unit` is it no more; its end is nothing to the unit but for being the last.
    pub(super) fn demote_main(&mut self, unit: UnitId) {
        let role = Role::Service { unit, slot: Slot::Main };
        if let Some(process) = self.places.iter_mut().flatten().find(|process| process.role == role) {
            process.role = Role::Former { unit };
            process.report = None;
        }
    }

    /// Where the process with `pid` is.
    pub(super) fn find(&self, pid: Pid) -> Option<usize> {
        self.places.iter().position(|place| place.as_ref().is_some_and(|process| process.pid == pid))
    }

    /// Forgets the process at `place`; its descriptors are closed when the answer is dropped.
    pub(super) fn take(&mut self, place: usize) -> Option<Process> {
        self.places.get_mut(place)?.take()
    }

    /// Whether `unit` has a process of its own that is not reaped.
    pub(super) fn any_of(&self, unit: UnitId) -> bool {
        let own = |role: Role| match role {
            Role::Service { unit, .. } | Role::Former { unit } => Some(unit),
            Role::Janitor { .. } | Role::Examiner { .. } | Role::Stamper { .. } | Role::Reporter => None,
        };
        self.places.iter().flatten().any(|process| own(process.role) == Some(unit))
    }
}
