//! The processes PID 1 made itself, so that an end can be told to the right unit and a signal never meets a stranger.

use crate::{
    linux::{AsFd, Errno, OwnedFd, poll::Interest, poll::Poll, process::signal_by_pidfd},
    record::{Keep, Keeper},
    supervisor::{Pid, Slot},
    table::{CommandKind, UnitId, limits::UNITS_MAX},
};

use super::{handover::keep_fd, kernel::Token, log};

/// A main process, the one before it, a control process, and a janitor, an examiner or a watcher for every unit, and the
/// reporter and the surveyor.
pub(super) const PROCESSES_MAX: usize = 4 * UNITS_MAX + 2;

const SIGKILL: u8 = 9;

kept! {
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
    /// Opens what a unit waits for, or looks at it.
    Watcher { unit: UnitId },
    /// Reads a unit's `PIDFile=`, which is awaited or may be there.
    Reader { unit: UnitId, awaited: bool },
    /// Looks what is mounted. The next program has another one look: this one knows units by the numbers of its table.
    Surveyor,
    /// Its answer is nothing to anybody any more.
    Dismissed,
    /// Writes the report.
    Reporter,
    /// Tries out the next program of PID 1.
    Rehearsal,
    /// Looks whether the root file system answers.
    Prober,
}
}

impl Role {
    /// Whether what it does is of use to a program with this table.
    const fn is_of_this_table(self) -> bool {
        match self {
            Self::Service { unit, .. }
            | Self::Former { unit }
            | Self::Janitor { unit }
            | Self::Stamper { unit }
            | Self::Examiner { unit }
            | Self::Watcher { unit }
            | Self::Reader { unit, .. } => unit.0 != u16::MAX,
            Self::Surveyor => false,
            Self::Dismissed | Self::Reporter | Self::Rehearsal | Self::Prober => true,
        }
    }
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
    /// Has `poll` tell what it says: a child by its report, one that somebody else has made by its end.
    pub(super) fn watch(&self, place: usize, poll: &Poll) -> Result<(), Errno> {
        let place = place as u16; // PROCESSES_MAX is far below
        match (&self.report, self.role) {
            // What it has sent waits until it has ended.
            (Some(_), Role::Watcher { .. } | Role::Reader { .. } | Role::Surveyor) => Ok(()),
            (Some(report), _) => poll.add(report.as_fd(), Token::Report(place).into(), Interest::Readable),
            (None, Role::Service { .. } | Role::Former { .. }) if self.command.is_none() => {
                poll.add(self.pidfd.as_fd(), Token::Ended(place).into(), Interest::Readable)
            }
            (None, _) => Ok(()),
        }
    }

    /// The opposite of [`Process::watch`], before the descriptors are closed: children on their way to an execve have
    /// copies of them, and what is behind a copy goes on being reported to whoever watches it.
    fn unwatch(&self, poll: &Poll) {
        match &self.report {
            Some(report) => poll.remove(report.as_fd()),
            None if self.command.is_none() => poll.remove(self.pidfd.as_fd()),
            None => {}
        }
    }

    /// It has said everything.
    pub(super) fn close_report(&mut self, poll: &Poll) {
        if let Some(report) = self.report.take() {
            poll.remove(report.as_fd());
        }
    }

    /// A process of PID 1's own, which executes nothing.
    pub(super) const fn helper(pid: u32, pidfd: OwnedFd, role: Role) -> Self {
        Self { pid: Pid(pid), pidfd, report: None, role, command: None, gave_up: false }
    }
}

/// Places for processes, as many as there ever were at once. Empty it is all zeros.
pub(super) type Places = heapless::Vec<Option<Process>, PROCESSES_MAX>;

/// All of them. A place is known by its index.
#[derive(Debug)]
pub(super) struct Processes {
    places: &'static mut Places,
}

impl Processes {
    pub(super) const fn new(places: &'static mut Places) -> Self {
        Self { places }
    }

    /// Saves or loads all of them, each at its place.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool, poll: &Poll) {
        for place in 0..with.place(self.places.len(), PROCESSES_MAX + 1) {
            if with.loads() && self.places.push(None).is_err() {
                break; // there are no more: see `Keeper::place`
            }
            let Some(slot) = self.places.get_mut(place) else { break };
            if with.place(usize::from(slot.is_some()), 2) == 0 {
                continue;
            }
            let (mut pid, mut role, mut command, mut gave_up) = (Pid::blank(), Role::blank(), None, false);
            let (mut pidfd, mut report) = (None, None);
            if let Some(process) = slot.take() {
                (pid, role, command, gave_up) = (process.pid, process.role, process.command, process.gave_up);
                (pidfd, report) = (Some(process.pidfd), process.report);
            }
            pid.keep(with);
            role.keep(with);
            command.keep(with);
            gave_up.keep(with);
            keep_fd(&mut pidfd, with, real);
            keep_fd(&mut report, with, real);
            let Some(pidfd) = pidfd.filter(|_| role.is_of_this_table()) else { continue };
            let process = Process { pid, pidfd, report, role, command, gave_up };
            if with.loads()
                && let Err(errno) = process.watch(place, poll)
            {
                log::warn_of(errno, format_args!("cannot watch process {}", u64::from(pid.0)));
            }
            *slot = Some(process);
        }
    }

    /// Where the next process would go; `None` if every unit has all it may have.
    pub(super) fn free_place(&self) -> Option<usize> {
        let free = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        (free < PROCESSES_MAX).then_some(free)
    }

    #[inline(never)] // what was there before would be dropped in five places
    pub(super) fn put(&mut self, place: usize, process: Process) {
        if place == self.places.len() {
            let _ = self.places.push(None); // `free_place` knows that there is room
        }
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

    /// The number of `unit`'s main process, or else of the one beside it, and which command it is.
    pub(super) fn speaker(&self, unit: UnitId) -> (u32, (CommandKind, u8)) {
        let first = (CommandKind::Start, 0);
        let one = self.of(unit, Slot::Main).or_else(|| self.of(unit, Slot::Control));
        one.map_or((0, first), |one| (one.pid.0, one.command.unwrap_or(first)))
    }

    /// The process in `unit`'s `slot`.
    pub(super) fn of(&self, unit: UnitId, slot: Slot) -> Option<&Process> {
        let role = Role::Service { unit, slot };
        self.places.iter().flatten().find(|process| process.role == role)
    }

    /// The main process of `unit` is it no more; its end is nothing to the unit but for being the last.
    pub(super) fn demote_main(&mut self, unit: UnitId, poll: &Poll) {
        let role = Role::Service { unit, slot: Slot::Main };
        if let Some(process) = self.places.iter_mut().flatten().find(|process| process.role == role) {
            process.role = Role::Former { unit };
            process.close_report(poll);
        }
    }

    /// Ends whoever opens what `unit` waits for.
    pub(super) fn dismiss_watcher(&mut self, unit: UnitId) {
        let role = Role::Watcher { unit };
        for process in self.places.iter_mut().flatten().filter(|process| process.role == role) {
            let _ = signal_by_pidfd(&process.pidfd, SIGKILL); // ESRCH: it waits to be reaped
            (process.role, process.report) = (Role::Dismissed, None);
        }
    }

    /// Where the process with `pid` is.
    pub(super) fn find(&self, pid: Pid) -> Option<usize> {
        self.places.iter().position(|place| place.as_ref().is_some_and(|process| process.pid == pid))
    }

    /// Forgets the process at `place`; its descriptors are closed when the answer is dropped.
    pub(super) fn take(&mut self, place: usize, poll: &Poll) -> Option<Process> {
        let process = self.places.get_mut(place)?.take()?;
        process.unwatch(poll);
        Some(process)
    }

    /// Whether somebody is at work as `role`.
    pub(super) fn has(&self, role: Role) -> bool {
        self.places.iter().flatten().any(|process| process.role == role)
    }

    /// Whether `unit` has a process of its own that is not reaped.
    pub(super) fn any_of(&self, unit: UnitId) -> bool {
        let own = |role: Role| match role {
            Role::Service { unit, .. } | Role::Former { unit } => Some(unit),
            Role::Janitor { .. }
            | Role::Examiner { .. }
            | Role::Stamper { .. }
            | Role::Watcher { .. }
            | Role::Reader { .. }
            | Role::Surveyor
            | Role::Dismissed
            | Role::Reporter
            | Role::Rehearsal
            | Role::Prober => None,
        };
        self.places.iter().flatten().any(|process| own(process.role) == Some(unit))
    }
}
