//! Word of mounts, swaps and devices that come and go, and the look at what there is: a child's, as there may be thousands of
//! lines, and disks that answer slowly.
//!
//! The kernel tells that something has changed with POLLPRI of /proc/self/mountinfo and /proc/swaps, and of the nodes of
//! devices with inotify(7); nothing is read here for that. However often it does, there is one child at a time, which waits a
//! moment first.

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd,
        condition::{self, Question},
        mountinfo::{self, Source},
        poll::Interest,
        raw::process,
        watch,
    },
    supervisor::{Event, UnitSet},
    table::{Call, Command, Kind, Table, UnitId, limits::UNITS_MAX},
    wire::{ExitStatus, UnitType},
};

use super::{
    kernel::{Kernel, Token},
    log,
    processes::{Process, Role},
};

/// How long a child waits before it looks: who mounts and unmounts all the time costs twenty looks a second.
const SETTLE_US: u64 = 50_000;

/// Units that come and go by hand, and where there is word of it.
const KINDS: [(UnitType, &str, Option<Source>); 3] = [
    (UnitType::Mount, "/proc/self/mountinfo", Some(Source::Mounts)),
    (UnitType::Swap, "/proc/swaps", Some(Source::Swaps)),
    (UnitType::Device, "/dev", None),
];

/// What a child has found out about a unit: a byte for each.
const UNKNOWN: u8 = 0;
const THERE: u8 = 1;
const GONE: u8 = 2;

type Findings = [u8; UNITS_MAX];

/// Mounts, swaps or devices: a unit and its place.
type Places = heapless::Vec<(UnitId, &'static str), UNITS_MAX>;

impl Kernel {
    /// Listens for changes if there is a unit that they are about, and has somebody look what there is by now.
    #[inline(never)]
    pub(super) fn listen_to_mounts(&mut self) {
        let mut any = false;
        for ((unit_type, path, source), place) in KINDS.into_iter().zip(&mut self.mounts) {
            if places(&self.table, unit_type).is_empty() {
                continue;
            }
            any = true;
            let (opened, interest) = match source {
                Some(source) => (mountinfo::open(source), Interest::Changed),
                None => (watch::nodes(), Interest::Written),
            };
            let watched = opened.and_then(|file| {
                self.poll.add(file.as_fd(), Token::Mounts.into(), interest)?;
                Ok(file)
            });
            match watched {
                Ok(file) => *place = Some(file),
                Err(errno) => log::warn_of(errno, format_args!("cannot watch {path}")),
            }
        }
        if any {
            self.push(Event::MountsChanged);
        }
    }

    /// Starts the child.
    #[inline(never)]
    pub(super) fn survey(&mut self) -> Option<Event<'static>> {
        let errno = self.start_surveyor().err()?;
        log::warn_of(errno, format_args!("cannot look what is mounted and plugged"));
        Some(surveyed(&[]))
    }

    fn start_surveyor(&mut self) -> Result<(), Errno> {
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        let (ours, theirs) = linux::pipe::new()?;
        match process::fork()? {
            process::Forked::Child => {
                condition::give_up_in_time();
                linux::clock::sleep_us(SETTLE_US);
                let sent = linux::pipe::write(theirs.as_fd(), &look(&self.table, self.mounts[2].as_ref()));
                process::exit(u8::from(sent != Ok(UNITS_MAX)))
            }
            process::Forked::Parent { pid, pidfd } => {
                let child = Process::helper(pid, pidfd, Role::Surveyor);
                self.processes.put(place, Process { report: Some(ours), ..child });
                Ok(())
            }
        }
    }
}

/// What the child has found, once it has ended.
#[inline(never)]
pub(super) fn answer(child: &Process, status: ExitStatus) -> Event<'static> {
    let mut findings = [UNKNOWN; UNITS_MAX];
    if status == ExitStatus::Exited(0)
        && let Some(pipe) = &child.report
    {
        let _ = linux::pipe::read(pipe.as_fd(), &mut findings); // what does not come is not known
    }
    surveyed(&findings)
}

fn surveyed(findings: &[u8]) -> Event<'static> {
    let (mut there, mut gone) = (UnitSet::EMPTY, UnitSet::EMPTY);
    for (id, finding) in (0..).map(UnitId).zip(findings) {
        match *finding {
            THERE => there.insert(id),
            GONE => gone.insert(id),
            _ => false,
        };
    }
    Event::Surveyed { there, gone }
}

/// The places of all units of one kind. Those that never go, such as the root, have none.
#[inline(never)]
fn places(table: &Table<'static>, unit_type: UnitType) -> Places {
    let mut places = Places::new();
    // Of hundreds of units few are looked at whole.
    let named = |id: &UnitId| table.name(*id).is_some_and(|name| name.ends_with(unit_type.as_str()));
    for id in (0..table.unit_count() as u16).map(UnitId).filter(named) {
        let unit = table.unit(id);
        let stop = unit.as_ref().and_then(|unit| unit.service()?.commands.stop.iter().next());
        let place = match (unit.as_ref().map(|unit| &unit.kind), stop) {
            (Some(Kind::Device(node)), _) => node,
            (_, Some(Command { call: Call::Unmount | Call::SwapOff, path, .. })) => path,
            _ => continue,
        };
        let _full = places.push((id, place)); // there is room for all units
    }
    places
}

/// Looks. What cannot be read to its end says of nobody that he is gone.
fn look(table: &Table<'static>, nodes: Option<&OwnedFd>) -> Findings {
    let mut findings = [UNKNOWN; UNITS_MAX];
    for (unit_type, path, source) in KINDS {
        let places = places(table, unit_type);
        let mut finds = |id: UnitId, finding: u8| {
            if let Some(place) = findings.get_mut(id.index()).filter(|place| **place == UNKNOWN) {
                *place = finding;
            }
        };
        let looked = match source {
            Some(source) => mountinfo::each(source, &mut |line| {
                for (id, place) in &places {
                    if line.is_of(place) {
                        finds(*id, THERE);
                    }
                }
            }),
            None => {
                let paths = &mut places.iter().map(|(_, node)| *node);
                let watched = nodes.map_or(Ok(()), |nodes| watch::watch_nodes(nodes, paths));
                for (id, node) in &places {
                    if condition::ask(Question::Device, node) == Ok(true) {
                        finds(*id, THERE);
                    }
                }
                watched
            }
        };
        match looked {
            Ok(()) => places.iter().for_each(|(id, _)| finds(*id, GONE)),
            Err(errno) => log::warn_of(errno, format_args!("cannot look at {path}")),
        }
    }
    findings
}
