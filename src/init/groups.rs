//! Which processes belong to which unit: a cgroup each where there is cgroup2; else the unit's session, as far as its
//! processes stay in it.

use heapless::{Deque, Vec};

use crate::{
    linux::{
        self, AsFd, BorrowedFd, Errno, OwnedFd,
        cgroup::{Group, Tree},
        plan::Cgroup,
        poll::{Interest, Poll},
        raw::bpf,
    },
    record::{Keep, Keeper},
    supervisor::{Event, Pid},
    table::{Board, Exec, FilterId, Slice, Table, Unit, UnitId, limits::UNITS_MAX},
};

use super::{kernel::Token, log, plan::words, processes::Processes};

/// One unit's processes.
enum Members {
    /// None that anybody knows of.
    Nobody,
    /// Those of a cgroup.
    Cgroup(Group),
    /// Those of the sessions that the last main and control processes made: their process groups.
    Sessions([Option<Pid>; SESSIONS_MAX]),
}

/// One for each slot, and the main process's that has ended while its children have not.
const SESSIONS_MAX: usize = 3;

/// All units' processes.
pub(super) struct Groups {
    tree: Option<Tree>,
    /// How many tasks the machine can have.
    tasks: u64,
    /// Programs about devices that the kernel has. It takes as long to check one as for half a fork, and many units have the
    /// same.
    programs: Vec<(FilterId, OwnedFd), PROGRAMS_MAX>,
    units: [Members; UNITS_MAX],
}

/// Beyond these, every process brings its own.
const PROGRAMS_MAX: usize = 4;

impl Groups {
    /// Finds cgroup2 and makes the slices of `table`, or goes on without.
    #[inline(never)]
    pub(super) fn new(table: &Table<'_>) -> Self {
        let tasks = linux::cgroup::tasks();
        let tree = match open_tree(table, tasks) {
            Ok(tree) => Some(tree),
            Err(errno) => {
                log::warn_of(
                    errno,
                    format_args!(
                        "no cgroup2: a service's processes are known by its session only, and not limited"
                    ),
                );
                None
            }
        };
        Self { tree, tasks, programs: Vec::new(), units: [const { Members::Nobody }; UNITS_MAX] }
    }

    /// Saves or loads whom each of `units` units has. A cgroup is found again by its name; nobody may go on running whose
    /// unit is not in `table`.
    pub(super) fn keep(&mut self, units: usize, table: &Table<'_>, with: &mut Keeper<'_>, poll: &Poll) {
        for unit in 0..units {
            let id = if with.loads() { with.now(unit) } else { unit as u16 }; // UNITS_MAX fits: see limits
            let record = table.unit(UnitId(id));
            let name = record.as_ref().map_or("", |unit| unit.name.as_str());
            let service = record.as_ref().and_then(Unit::service);
            let slice = service.map_or("", |service| service.exec.cgroup.slice);
            let members = self.units.get(usize::from(id)).unwrap_or(&Members::Nobody);
            let (mut kind, mut sessions) = match members {
                Members::Nobody => (0, [None; SESSIONS_MAX]),
                Members::Cgroup(_) => (1, [None; SESSIONS_MAX]),
                Members::Sessions(sessions) => (2, *sessions),
            };
            kind = with.place(kind, 3);
            if kind == 1 {
                let (name, slice) = (with.text(name), with.text(slice));
                if !with.loads() {
                } else if id != u16::MAX {
                    self.enter(UnitId(id), (slice, name), None, poll);
                } else if let Some(Ok(group)) = self.tree.as_ref().map(|tree| tree.create(slice, name)) {
                    let _gone = group.kill(linux::signals::KILL, false);
                }
            } else if kind == 2 {
                sessions.keep(with);
                if id == u16::MAX {
                    for Pid(pid) in sessions.into_iter().flatten() {
                        let _gone = linux::process::signal_group(pid, linux::signals::KILL);
                    }
                } else if let Some(members) = self.units.get_mut(usize::from(id)) {
                    *members = Members::Sessions(sessions);
                }
            }
        }
    }

    /// Gives the kernel the program of `exec` about devices, unless it has it, and answers which that is. What the kernel has
    /// against it whoever needs it says. One that depends on what devices there are is the child's to make.
    #[inline(never)] // for a small frame
    pub(super) fn load(&mut self, exec: &Exec<'_>, board: &Board<'_>) -> Option<usize> {
        let program = exec.cgroup.devices.filter(|devices| devices.late.is_empty())?.program;
        let known = self.programs.iter().position(|(known, _)| *known == program);
        if known.is_some() || self.programs.is_full() {
            return known;
        }
        let loaded = bpf::load(bpf::DEVICES, board.filter(program)?.program).ok()?;
        self.programs.push((program, loaded)).ok()?;
        Some(self.programs.len() - 1)
    }

    /// The cgroup that `unit`'s next process is to be born in, made in `slice` if it is missing; with one of the programs that
    /// are loaded.
    pub(super) fn enter(
        &mut self,
        unit: UnitId,
        (slice, name): (&str, &str),
        program: Option<usize>,
        poll: &Poll,
    ) -> Cgroup<'_> {
        let tasks = self.tasks;
        let Some(members) = self.units.get_mut(unit.index()) else { return Cgroup::default() };
        if let (Some(tree), Members::Nobody) = (&self.tree, &*members) {
            match tree.create(slice, name) {
                Ok(group) => {
                    if let Some(fd) = group.memory_events()
                        && let Err(errno) = poll.add(fd, Token::Memory(unit.0).into(), Interest::Changed)
                    {
                        cannot("watch", unit, errno);
                    }
                    *members = Members::Cgroup(group);
                }
                Err(errno) => {
                    log::warn_of(errno, format_args!("cannot make a cgroup for {name}, going on without"))
                }
            }
        }
        let directory = match members {
            Members::Cgroup(group) => Some(group.directory()),
            Members::Nobody | Members::Sessions(_) => None,
        };
        let device_program = program.and_then(|place| self.programs.get(place)).map(|(_, own)| own.as_fd());
        Cgroup { directory, tasks, device_program, ..Cgroup::default() }
    }

    /// Whether the kernel has killed a process of `unit` for want of memory since this was asked.
    pub(super) fn has_new_oom_kills(&mut self, unit: UnitId) -> bool {
        match self.units.get_mut(unit.index()) {
            Some(Members::Cgroup(group)) => group.has_new_oom_kills(),
            Some(Members::Nobody | Members::Sessions(_)) | None => false,
        }
    }

    /// Takes note of `unit`'s new process, which leads a session of its own.
    pub(super) fn entered(&mut self, unit: UnitId, pid: Pid) {
        let Some(members) = self.units.get_mut(unit.index()) else { return };
        match members {
            Members::Cgroup(_) => {}
            Members::Nobody => *members = Members::Sessions([Some(pid), None, None]),
            Members::Sessions(sessions) => {
                let place =
                    sessions.iter().position(|session| session.is_none_or(session_is_gone)).unwrap_or(0);
                if let Some(session) = sessions.get_mut(place) {
                    *session = Some(pid);
                }
            }
        }
    }

    /// The unit that `pid` belongs to.
    pub(super) fn unit_of(&self, pid: Pid, table: &Table<'_>) -> Option<UnitId> {
        if self.tree.is_some() {
            let mut buffer = [0; linux::cgroup::NAME_BYTES_MAX];
            return table.find(linux::cgroup::unit_of(pid.0, &mut buffer)?);
        }
        let session = Some(Pid(linux::process::session_of(pid.0)?));
        let is_here = |members: &Members| match members {
            Members::Sessions(sessions) => sessions.contains(&session),
            Members::Nobody | Members::Cgroup(_) => false,
        };
        self.units.iter().position(is_here).and_then(|place| u16::try_from(place).ok()).map(UnitId)
    }

    /// The only process of `unit` that is a child of PID 1.
    pub(super) fn only_child(&self, unit: UnitId) -> Option<Pid> {
        match self.units.get(unit.index())? {
            Members::Cgroup(group) => group.only_child().map(Pid),
            Members::Nobody | Members::Sessions(_) => None,
        }
    }

    /// Takes note of `unit`'s new main process, which somebody else has made.
    pub(super) fn adopted(&mut self, unit: UnitId, pid: Pid) {
        if let Some(Members::Sessions(_)) = self.units.get(unit.index())
            && let Some(leader) = linux::process::session_of(pid.0)
        {
            self.entered(unit, Pid(leader));
        }
    }

    /// Whether anything is known of `unit`'s processes: if so, somebody tells when they are gone.
    pub(super) fn are_known(&self, unit: UnitId) -> bool {
        !matches!(self.units.get(unit.index()), None | Some(Members::Nobody))
    }

    /// Whether `unit` had processes and has none any more. Counts only what the kernel still has, reaped or not. If it has
    /// none of PID 1's own, whose ends are told anyway, `poll` tells from now on when to ask again.
    pub(super) fn is_empty(&mut self, unit: UnitId, processes: &Processes, poll: &Poll) -> bool {
        if processes.any_of(unit) {
            return false;
        }
        match self.units.get_mut(unit.index()) {
            None | Some(Members::Nobody) => false,
            Some(Members::Cgroup(group)) => {
                let watch =
                    &mut |fd: BorrowedFd<'_>| poll.add(fd, Token::Group(unit.0).into(), Interest::Changed);
                let populated = group.is_populated(watch);
                if let Err(errno) = populated {
                    cannot("watch", unit, errno);
                }
                populated == Ok(false)
            }
            Some(Members::Sessions(sessions)) => {
                sessions.iter().flatten().all(|session| session_is_gone(*session))
            }
        }
    }

    /// Forgets `unit`'s processes, which are gone, and removes its cgroup.
    pub(super) fn remove(&mut self, unit: UnitId) {
        let Some(members) = self.units.get_mut(unit.index()) else { return };
        if let Members::Cgroup(group) = core::mem::replace(members, Members::Nobody)
            && let Err(errno) = group.remove()
        {
            cannot("remove", unit, errno);
        }
    }

    /// Sends `signal` to all of `unit`'s processes. Answers false if nothing is known of them but their own slots.
    pub(super) fn kill(&self, unit: UnitId, signal: u8, wakes: bool) -> bool {
        match self.units.get(unit.index()) {
            None | Some(Members::Nobody) => false,
            Some(Members::Cgroup(group)) => match group.kill(signal, wakes) {
                Ok(()) => true,
                Err(errno) => {
                    cannot("signal", unit, errno);
                    false
                }
            },
            Some(Members::Sessions(sessions)) => {
                for Pid(pid) in sessions.iter().flatten() {
                    // ESRCH: nobody is left in it.
                    let _ = linux::process::signal_group(*pid, signal);
                    if wakes {
                        let _ = linux::process::signal_group(*pid, linux::signals::CONT);
                    }
                }
                true
            }
        }
    }

    /// An orphan has been reaped. Without cgroups that may have been the last of some unit.
    pub(super) fn orphan_ended<const N: usize>(
        &mut self,
        processes: &Processes,
        poll: &Poll,
        pending: &mut Deque<Event<'static>, N>,
    ) {
        if self.tree.is_some() {
            return; // cgroup.events tells, once the unit has none of PID 1's own any more
        }
        for index in 0..UNITS_MAX {
            let unit = UnitId(index as u16); // UNITS_MAX fits: see limits
            if pending.is_full() {
                return; // the next orphan asks again
            }
            if self.is_empty(unit, processes, poll) {
                self.remove(unit);
                let _ = pending.push_back(Event::Empty { unit });
            }
        }
    }
}

/// Opens cgroup2 and makes the slices of `table` in it. ENODEV if there is none.
#[inline(never)]
fn open_tree(table: &Table<'_>, tasks: u64) -> Result<Tree, Errno> {
    let tree = Tree::open()?.ok_or(Errno::NODEV)?;
    for slice in table.board().slices.iter() {
        make_slice(&tree, &slice, tasks)?;
    }
    Ok(tree)
}

/// Makes one slice, with the controllers for what is in it. What the kernel lacks of them is said if a unit file asks for it.
#[inline(never)]
fn make_slice(tree: &Tree, slice: &Slice<'_>, tasks: u64) -> Result<(), Errno> {
    let directory = tree.slice(slice.path)?;
    let group = directory.as_fd();
    linux::cgroup::set(group, words(slice.settings.as_bytes()), tasks, &mut |file, errno| {
        let file = file.to_str().unwrap_or_default();
        log::warn_of(errno, format_args!("cannot set {file} of slice /{}", slice.path));
        Ok(())
    })?;
    let root = slice.path.is_empty();
    for &(controllers, asked) in &[(slice.controllers, true), (slice.usual_controllers, false)] {
        for controller in controllers.iter() {
            let mut enabled = linux::cgroup::enable(group, controller);
            if enabled == Err(Errno::BUSY) && root {
                tree.leave_root()?;
                enabled = linux::cgroup::enable(group, controller);
            }
            if let Err(errno) = enabled
                && asked
                && root
            {
                log::warn_of(
                    errno,
                    format_args!("no controller {controller}: what units say of it has no effect"),
                );
            }
        }
    }
    Ok(())
}

#[inline(never)] // the words once
fn cannot(what: &str, UnitId(unit): UnitId, errno: Errno) {
    log::warn_of(errno, format_args!("cannot {what} the cgroup of unit {}", u64::from(unit)));
}

fn session_is_gone(Pid(leader): Pid) -> bool {
    !linux::process::group_exists(leader)
}
