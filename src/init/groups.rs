//! Which processes belong to which unit: a cgroup each where there is cgroup2; else the unit's session, as far as its
//! processes stay in it.

use heapless::Deque;

use crate::{
    linux::{
        self, BorrowedFd,
        cgroup::{Group, Tree},
        poll::{Interest, Poll},
    },
    record::{Keep, Keeper},
    supervisor::{Event, Pid},
    table::{Table, UnitId, limits::UNITS_MAX},
};

use super::{kernel::Token, log, processes::Processes};

/// Below the root of cgroup2, as systemd has it.
const SLICE: &str = "system.slice";

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
    units: [Members; UNITS_MAX],
}

impl Groups {
    /// Finds cgroup2, or goes on without.
    pub(super) fn new() -> Self {
        let tree = match Tree::open(SLICE) {
            Ok(Some(tree)) => Some(tree),
            Ok(None) => {
                log::warn(format_args!("no cgroup2: a service's processes are known by its session only"));
                None
            }
            Err(errno) => {
                log::warn_of(
                    errno,
                    format_args!("cannot use cgroup2, a service's processes are known by its session only"),
                );
                None
            }
        };
        Self { tree, units: [const { Members::Nobody }; UNITS_MAX] }
    }

    /// Saves or loads whom each of `units` units has. A cgroup is found again by its name; nobody may go on running whose
    /// unit is not in `table`.
    pub(super) fn keep(&mut self, units: usize, table: &Table<'_>, with: &mut Keeper<'_>, poll: &Poll) {
        for unit in 0..units {
            let id = if with.loads() { with.now(unit) } else { unit as u16 }; // UNITS_MAX fits: see limits
            let name = table.unit(UnitId(id)).map_or("", |unit| unit.name.as_str());
            let members = self.units.get(usize::from(id)).unwrap_or(&Members::Nobody);
            let (mut kind, mut sessions) = match members {
                Members::Nobody => (0, [None; SESSIONS_MAX]),
                Members::Cgroup(_) => (1, [None; SESSIONS_MAX]),
                Members::Sessions(sessions) => (2, *sessions),
            };
            kind = with.place(kind, 3);
            if kind == 1 {
                let name = with.text(name);
                if !with.loads() {
                } else if id != u16::MAX {
                    self.enter(UnitId(id), name, poll);
                } else if let Some(Ok(group)) = self.tree.as_ref().map(|tree| tree.create(name)) {
                    let _gone = group.kill(linux::signals::KILL);
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

    /// The cgroup that `unit`'s next process is to be born in, made if it is missing.
    pub(super) fn enter(&mut self, unit: UnitId, name: &str, poll: &Poll) -> Option<BorrowedFd<'_>> {
        let members = self.units.get_mut(unit.index())?;
        if let (Some(tree), Members::Nobody) = (&self.tree, &*members) {
            match tree.create(name) {
                Ok(group) => {
                    let token = Token::Group(unit.0);
                    if let Err(errno) = poll.add(group.events(), token.into(), Interest::Changed) {
                        log::warn_of(errno, format_args!("cannot watch the cgroup of {name}"));
                    }
                    *members = Members::Cgroup(group);
                }
                Err(errno) => {
                    log::warn_of(errno, format_args!("cannot make a cgroup for {name}, going on without"))
                }
            }
        }
        match members {
            Members::Cgroup(group) => Some(group.directory()),
            Members::Nobody | Members::Sessions(_) => None,
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
            return table.find(linux::cgroup::name_below(SLICE, pid.0, &mut buffer)?);
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

    /// Whether `unit` had processes and has none any more. Counts only what the kernel still has, reaped or not.
    pub(super) fn is_empty(&self, unit: UnitId, processes: &Processes) -> bool {
        match self.units.get(unit.index()) {
            None | Some(Members::Nobody) => false,
            Some(Members::Cgroup(group)) => {
                !processes.any_of(unit) && group.is_populated().is_ok_and(|some| !some)
            }
            Some(Members::Sessions(sessions)) => {
                !processes.any_of(unit) && sessions.iter().flatten().all(|session| session_is_gone(*session))
            }
        }
    }

    /// Forgets `unit`'s processes, which are gone, and removes its cgroup.
    pub(super) fn remove(&mut self, unit: UnitId) {
        let Some(members) = self.units.get_mut(unit.index()) else { return };
        if let Members::Cgroup(group) = core::mem::replace(members, Members::Nobody)
            && let Err(errno) = group.remove()
        {
            log::warn_of(errno, format_args!("cannot remove the cgroup {SLICE}/unit {}", u64::from(unit.0)));
        }
    }

    /// Sends `signal` to all of `unit`'s processes. Answers false if nothing is known of them but their own slots.
    pub(super) fn kill(&self, unit: UnitId, signal: u8) -> bool {
        match self.units.get(unit.index()) {
            None | Some(Members::Nobody) => false,
            Some(Members::Cgroup(group)) => match group.kill(signal) {
                Ok(()) => true,
                Err(errno) => {
                    log::warn_of(
                        errno,
                        format_args!("cannot signal the cgroup of unit {}", u64::from(unit.0)),
                    );
                    false
                }
            },
            Some(Members::Sessions(sessions)) => {
                for Pid(pid) in sessions.iter().flatten() {
                    // ESRCH: nobody is left in it.
                    let _ = linux::process::signal_group(*pid, signal);
                }
                true
            }
        }
    }

    /// An orphan has been reaped. Without cgroups that may have been the last of some unit.
    pub(super) fn orphan_ended<const N: usize>(
        &mut self,
        processes: &Processes,
        pending: &mut Deque<Event<'static>, N>,
    ) {
        if self.tree.is_some() {
            return; // cgroup.events tells
        }
        for index in 0..UNITS_MAX {
            let unit = UnitId(index as u16); // UNITS_MAX fits: see limits
            if pending.is_full() {
                return; // the next orphan asks again
            }
            if self.is_empty(unit, processes) {
                self.remove(unit);
                let _ = pending.push_back(Event::Empty { unit });
            }
        }
    }
}

fn session_is_gone(Pid(leader): Pid) -> bool {
    !linux::process::group_exists(leader)
}
