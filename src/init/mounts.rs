//! Word of mounts and swaps that come and go, and the look at what there is: a child's, as there may be thousands of lines.
//!
//! The kernel tells that something has changed with POLLPRI of /proc/self/mountinfo and /proc/swaps; nothing is read for
//! that. However often it does, there is one child at a time, which waits a moment first.

use crate::{
    linux::{
        self, AsFd, Errno,
        mountinfo::{self, Source},
        poll::Interest,
        raw::process,
    },
    supervisor::{Event, UnitSet},
    table::{Call, Table, UnitId, limits::UNITS_MAX},
    wire::ExitStatus,
};

use super::{
    kernel::{Kernel, Token},
    log,
    processes::{Process, Role},
};

/// How long a child waits before it looks: who mounts and unmounts all the time costs twenty looks a second.
const SETTLE_US: u64 = 50_000;

/// What a child has found out about a unit: a byte for each.
const UNKNOWN: u8 = 0;
const THERE: u8 = 1;
const GONE: u8 = 2;

type Findings = [u8; UNITS_MAX];

/// Mounts, or swaps: a unit and its place.
type Places = heapless::Vec<(UnitId, &'static str), UNITS_MAX>;

impl Kernel {
    /// Listens for changes if there is a unit that they are about, and has somebody look what there is by now.
    #[inline(never)]
    pub(super) fn listen_to_mounts(&mut self) {
        for (source, call) in [(Source::Mounts, Call::Unmount), (Source::Swaps, Call::SwapOff)] {
            if places(&self.table, call).is_empty() {
                continue;
            }
            let watched = mountinfo::open(source).and_then(|file| {
                self.poll.add(file.as_fd(), Token::Mounts.into(), Interest::Changed)?;
                Ok(file)
            });
            match watched {
                Ok(file) => {
                    let _full = self.mounts.push(file); // one for each source
                    self.push(Event::MountsChanged);
                }
                Err(errno) => log::warn_of(
                    errno,
                    format_args!("cannot watch {}", source.path().to_str().unwrap_or_default()),
                ),
            }
        }
    }

    /// Starts the child.
    #[inline(never)]
    pub(super) fn survey(&mut self) -> Option<Event<'static>> {
        let errno = self.start_surveyor().err()?;
        log::warn_of(errno, format_args!("cannot look what is mounted"));
        Some(surveyed(&[UNKNOWN; UNITS_MAX]))
    }

    fn start_surveyor(&mut self) -> Result<(), Errno> {
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        let (ours, theirs) = linux::pipe::new()?;
        match process::fork()? {
            process::Forked::Child => {
                linux::condition::give_up_in_time();
                linux::clock::sleep_us(SETTLE_US);
                let sent = linux::pipe::write(theirs.as_fd(), &look(&self.table));
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

fn surveyed(findings: &Findings) -> Event<'static> {
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

/// The places of the units that go down by `call`. Those that never do, such as the root, have none.
#[inline(never)]
fn places(table: &Table<'static>, call: Call) -> Places {
    let mut places = Places::new();
    let suffix = if call == Call::Unmount { ".mount" } else { ".swap" };
    // Of hundreds of units few are looked at whole.
    let named = |id: &UnitId| table.name(*id).is_some_and(|name| name.ends_with(suffix));
    for id in (0..table.unit_count() as u16).map(UnitId).filter(named) {
        let unit = table.unit(id);
        let stop = unit.as_ref().and_then(|unit| unit.service()?.commands.stop.iter().next());
        if let Some(stop) = stop.filter(|stop| stop.call == call) {
            let _full = places.push((id, stop.path)); // there is room for all units
        }
    }
    places
}

/// Looks. What cannot be read to its end says of nobody that he is gone.
fn look(table: &Table<'static>) -> Findings {
    let mut findings = [UNKNOWN; UNITS_MAX];
    for (source, call) in [(Source::Mounts, Call::Unmount), (Source::Swaps, Call::SwapOff)] {
        let places = places(table, call);
        let mut finds = |id: UnitId, finding: u8| {
            if let Some(place) = findings.get_mut(id.index()).filter(|place| **place == UNKNOWN) {
                *place = finding;
            }
        };
        let read = mountinfo::each(source, &mut |line| {
            for (id, place) in &places {
                if line.is_of(place) {
                    finds(*id, THERE);
                }
            }
        });
        match read {
            Ok(()) => places.iter().for_each(|(id, _)| finds(*id, GONE)),
            Err(errno) => log::warn_of(
                errno,
                format_args!("cannot read {}", source.path().to_str().unwrap_or_default()),
            ),
        }
    }
    findings
}
