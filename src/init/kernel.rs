//! Everything that PID 1 works on: its descriptors, and what it knows of processes. It waits in one place, `turns`.

use core::ops::Range;

use heapless::Deque;

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd,
        arguments::Arguments,
        handover,
        poll::{Poll, READY_MAX, WallClock},
        signals::Signals,
        socket::Files,
        watchdog::Watchdog,
    },
    supervisor::{ClientId, Event, Instant, Pid, Supervisor},
    table::{
        Table, Unit, UnitId,
        limits::{SLOT_BYTES_MAX, SLOTS_MAX, UNITS_MAX},
    },
    wire::STORED,
};

use super::{
    audit::Audit,
    boot::Boot,
    control::Control,
    groups::Groups,
    held::Held,
    log,
    notify::Notify,
    posture::Lacking,
    processes::{Places, Processes, Role},
    shared::Shared,
    streams::Streams,
    words::Words,
};

mod token;
mod turns;

pub(super) use token::Token;

/// Ends handled before anybody else gets a turn.
const REAPS_PER_TURN: usize = 32;
/// Messages of services handled before anybody else gets a turn.
const NOTICES_PER_TURN: usize = 64;
/// What one end or one report can make: the report's messages, the end, the unit's being empty.
const PENDING_MAX: usize = 16;

/// The real world, as the supervisor's loop sees it.
#[repr(C)] // small fields first, as in the supervisor
pub(super) struct Kernel {
    pub(super) table: Table<'static>,
    pub(super) poll: Poll,
    /// What PID 1 was started with.
    pub(super) arguments: Arguments,
    pub(super) container: bool,
    /// The kernel's command line: [`Boot::line`].
    pub(super) line: &'static str,
    /// Made when the first timer goes by it.
    pub(super) wall_clock: Option<WallClock>,
    /// When it rings.
    pub(super) wall_armed: Option<u64>,
    /// Where `StandardOutput=journal` goes without a logd.
    pub(super) log: Option<OwnedFd>,
    /// The files with the names of dynamic users are not up to date.
    pub(super) names_changed: bool,
    /// What both files of names hold: a sum over it.
    pub(super) names_written: [u64; 2],
    /// What each unit has in common with others.
    pub(super) shared: [Shared; UNITS_MAX],
    pub(super) started_us: u64,
    /// Processor time that had been taken by then: the kernel boots in the process that becomes PID 1.
    pub(super) begun_own_us: u64,
    ready_count: usize,
    ready_next: usize,
    /// Somebody may have ended who is not reaped yet.
    pub(super) unreaped: bool,
    reaps_left: usize,
    notices_left: usize,
    /// What had come when the deadline passed has been heard, and the supervisor has not been told yet that it has passed.
    heard_since: bool,
    /// Units to be looked at, whether anybody is left of them: nobody tells what happened while nobody listened.
    unlooked: Range<u16>,
    /// The next program of PID 1; without one it is its own.
    pub(super) program: Option<OwnedFd>,
    /// The record of a unit to be run, or another table: came with the request.
    pub(super) record: Files,
    /// From whom.
    pub(super) recorder: ClientId,
    /// The table in the binary.
    pub(super) linked: &'static [u8],
    /// On the way to another table that one, or the one to go back to; else of no use.
    pub(super) other: &'static [u8],
    /// The next program is to go on with that one.
    pub(super) switching: bool,
    /// When PID 1 last failed and was saved, microseconds of CLOCK_MONOTONIC; 0 if it never did.
    pub(super) rescued_us: u64,
    /// The next program has been tried out.
    pub(super) rehearsed: bool,
    /// What was last said about a `PIDFile=`.
    pub(super) pid_file_trouble: Option<(UnitId, Errno)>,
    /// Where the kernel tells of mounts, swaps and devices. Whoever looks says of which devices.
    pub(super) mounts: [Option<OwnedFd>; 3],
    /// /run/initctl.
    pub(super) initctl: Option<OwnedFd>,
    /// The hardware watchdog, once it is there.
    pub(super) watchdog: Option<Watchdog>,
    signals: Signals,
    pub(super) lacking: Lacking,
    pub(super) words: Words,
    pub(super) control: Control,
    pub(super) notify: Notify,
    pub(super) processes: Processes,
    pub(super) held: Held,
    pub(super) groups: Groups,
    pub(super) streams: Streams,
    pub(super) audit: Audit,
    ready: [u64; READY_MAX],
    /// Records that lie in memory of their own, by slot.
    mapped: [Option<&'static [u8]>; SLOTS_MAX],
    /// What is known and not handed over yet.
    pub(super) pending: Deque<Event<'static>, PENDING_MAX>,
}

impl Kernel {
    /// Opens what PID 1 cannot live without.
    #[inline(never)]
    pub(super) fn new(
        boot: &Boot,
        linked: &'static [u8],
        places: &'static mut Places,
    ) -> Result<Self, (&'static str, Errno)> {
        let poll = Poll::new(Token::Timer.into()).map_err(|errno| ("epoll", errno))?;
        let signals = Signals::new().map_err(|errno| ("signalfd", errno))?;
        poll.add(signals.as_fd(), Token::Signals.into(), linux::poll::Interest::Readable)
            .map_err(|errno| ("signalfd in epoll", errno))?;
        Ok(Self {
            table: boot.table,
            words: boot.words.clone(),
            arguments: boot.arguments,
            container: boot.container,
            line: boot.line,
            control: Control::new(),
            notify: Notify::new(),
            processes: Processes::new(places),
            held: Held::new().ok_or(("the stores of descriptors", Errno::EXIST))?,
            groups: Groups::new(&boot.table),
            poll,
            lacking: Lacking::NOTHING,
            wall_clock: None,
            wall_armed: None,
            log: log::output(),
            streams: Streams::new(&boot.table),
            audit: Audit::new(),
            names_changed: true,
            names_written: [u64::MAX; 2], // there are none yet
            shared: [const { Shared::NOTHING }; UNITS_MAX],
            signals,
            started_us: boot.started_us,
            begun_own_us: boot.begun_own_us,
            ready: [0; READY_MAX],
            ready_count: 0,
            ready_next: 0,
            unreaped: true, // somebody else's orphans may have ended before the signal was blocked
            reaps_left: REAPS_PER_TURN,
            notices_left: NOTICES_PER_TURN,
            heard_since: false,
            unlooked: 0..0,
            program: None,
            record: Files::new(),
            recorder: ClientId(0),
            linked,
            other: boot.state.map_or(&[], |state| state.other),
            switching: false,
            mapped: [None; SLOTS_MAX],
            rescued_us: 0,
            rehearsed: false,
            pid_file_trouble: None,
            mounts: [const { None }; 3],
            initctl: None,
            watchdog: None,
            pending: Deque::new(),
        })
    }

    /// Listens for clients and services, at what there is already or at new sockets.
    pub(super) fn listen(&mut self) {
        self.control.listen(&self.poll);
        self.notify.listen(&self.table, &self.poll);
        self.listen_to_initctl();
        self.listen_to_mounts();
        self.streams.listen(&self.poll);
    }

    /// Looks at every unit, whether anybody is left of it.
    pub(super) fn look_at_all(&mut self) {
        self.unlooked = 0..self.table.unit_count() as u16; // UNITS_MAX fits: see limits
    }

    /// Takes the record that came with the request of `client` for the unit `id`; whether it is one. What comes behind it
    /// is for its processes to read from and to write to.
    pub(super) fn make(
        &mut self,
        client: ClientId,
        id: UnitId,
        supervisor: &mut Supervisor<'static>,
    ) -> Result<bool, Errno> {
        let mut files = self.take_record(client).into_iter();
        let file = files.next().ok_or(Errno::BADF)?;
        let record = handover::map(file.as_fd(), SLOT_BYTES_MAX)?;
        let sound = self.table.make(id, record);
        if sound {
            self.held.close(id, &self.poll);
            let given = self.held.give(id, files);
            supervisor.remake(id, self.table, given);
        }
        let slot = id.index().saturating_sub(self.table.baked_count());
        let place = self.mapped.get_mut(slot).filter(|_| sound);
        let useless = place.map_or(Some(record), |place| place.replace(record));
        useless.into_iter().for_each(handover::unmap);
        Ok(sound)
    }

    /// What came with a request of `client`, if that is the last one that something came with.
    pub(super) fn take_record(&mut self, client: ClientId) -> Files {
        if client == self.recorder { core::mem::take(&mut self.record) } else { Files::new() }
    }

    /// Puts the descriptors that came with a service's message into its store, or takes some out.
    #[inline(never)]
    pub(super) fn store(&mut self, unit: UnitId, add: bool) -> Option<Event<'static>> {
        let (notice, fds) = self.notify.message()?;
        if !add {
            fds.clear();
        } else if fds.is_empty() {
            return None;
        }
        let how = (notice.fd_name.unwrap_or(STORED), !notice.unpolled);
        let record = self.table.unit(unit);
        let most = record.as_ref().and_then(Unit::service).map_or(0, |service| service.store_max);
        if !self.held.store(unit, how, fds, most as usize, &self.poll) {
            let unit = self.table.name(unit)?;
            self.notify.complain(format_args!("no room for more descriptors of {unit}"));
        }
        None
    }

    /// Whether everything that has happened is told, and the next program is to go on with the rest.
    pub(super) fn is_to_be_replaced(&mut self) -> bool {
        self.pending.is_empty() && core::mem::take(&mut self.rehearsed)
    }

    /// The supervisor's clock: microseconds since PID 1's exec.
    pub(super) fn now(&self) -> Instant {
        Instant(linux::clock::monotonic_us().saturating_sub(self.started_us))
    }

    /// Whose process `pid` is.
    pub(super) fn unit_of(&self, pid: Pid) -> Option<UnitId> {
        let own = self.processes.find(pid).and_then(|place| self.processes.get(place));
        match own.map(|process| process.role) {
            Some(Role::Service { unit, .. } | Role::Former { unit }) => Some(unit),
            Some(
                Role::Janitor { .. }
                | Role::Examiner { .. }
                | Role::Stamper { .. }
                | Role::Watcher { .. }
                | Role::Reader { .. }
                | Role::Surveyor
                | Role::Dismissed
                | Role::Reporter
                | Role::Rehearsal
                | Role::Prober,
            ) => None,
            None => self.groups.unit_of(pid, &self.table),
        }
    }

    pub(super) fn push(&mut self, event: Event<'static>) {
        if self.pending.push_back(event).is_err() {
            log::error(format_args!("an event was lost: more than {PENDING_MAX} from one process"));
        }
    }
}
