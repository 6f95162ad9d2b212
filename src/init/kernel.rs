//! Everything PID 1 listens to, and the one place where it waits.

use core::ops::Range;

use heapless::Deque;

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd,
        arguments::Arguments,
        handover,
        poll::{Poll, READY_MAX, WallClock},
        signals::Signals,
        watchdog::Watchdog,
    },
    supervisor::{ClientId, Event, Instant, Pid, Supervisor},
    table::{
        Table, Unit, UnitId,
        limits::{SLOT_BYTES_MAX, SLOTS_MAX, UNITS_MAX},
    },
    wire::{Notice, Request, STORED},
};

use super::{
    audit::Audit,
    boot::Boot,
    control::{Control, Received},
    groups::Groups,
    held::Held,
    log,
    notify::Notify,
    posture::Lacking,
    processes::{Processes, Role},
    streams::Streams,
    words::Words,
};

/// Ends handled before anybody else gets a turn.
const REAPS_PER_TURN: usize = 32;
/// Messages of services handled before anybody else gets a turn.
const NOTICES_PER_TURN: usize = 64;
/// What one end or one report can make: the report's messages, the end, the unit's being empty.
const PENDING_MAX: usize = 16;

/// What a ready descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Signals,
    Timer,
    WallClock,
    Initctl,
    Listener,
    Notify,
    Client(u16),
    /// A process's place.
    Report(u16),
    /// A unit.
    Group(u16),
    /// The place of a process that PID 1 has not made.
    Ended(u16),
    /// A unit whose processes want more memory than there is.
    Memory(u16),
    /// The place of a descriptor that is held for a unit.
    Held(u16),
    /// logd has read something to its end.
    Log,
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        let (kind, index) = match token {
            Token::Signals => (0, 0),
            Token::Timer => (1, 0),
            Token::Listener => (2, 0),
            Token::Client(index) => (3, index),
            Token::Report(index) => (4, index),
            Token::Group(index) => (5, index),
            Token::Ended(index) => (6, index),
            Token::Notify => (7, 0),
            Token::Memory(index) => (8, index),
            Token::Held(index) => (9, index),
            Token::WallClock => (10, 0),
            Token::Initctl => (11, 0),
            Token::Log => (12, 0),
        };
        kind << 16 | Self::from(index)
    }
}

impl Token {
    const fn from_u64(value: u64) -> Option<Self> {
        let index = (value & 0xffff) as u16;
        match value >> 16 {
            0 => Some(Self::Signals),
            1 => Some(Self::Timer),
            2 => Some(Self::Listener),
            3 => Some(Self::Client(index)),
            4 => Some(Self::Report(index)),
            5 => Some(Self::Group(index)),
            6 => Some(Self::Ended(index)),
            7 => Some(Self::Notify),
            8 => Some(Self::Memory(index)),
            9 => Some(Self::Held(index)),
            10 => Some(Self::WallClock),
            11 => Some(Self::Initctl),
            12 => Some(Self::Log),
            _ => None,
        }
    }
}

/// The real world, as the supervisor's loop sees it.
pub(super) struct Kernel {
    pub(super) table: Table<'static>,
    pub(super) words: Words,
    /// What PID 1 was started with.
    pub(super) arguments: Arguments,
    pub(super) container: bool,
    pub(super) control: Control,
    pub(super) notify: Notify,
    pub(super) processes: Processes,
    pub(super) held: Held,
    pub(super) groups: Groups,
    pub(super) poll: Poll,
    pub(super) lacking: Lacking,
    /// Made when the first timer goes by it.
    pub(super) wall_clock: Option<WallClock>,
    /// When it rings.
    pub(super) wall_armed: Option<u64>,
    /// Where `StandardOutput=journal` goes without a logd.
    pub(super) log: Option<OwnedFd>,
    pub(super) streams: Streams,
    pub(super) audit: Audit,
    /// The files with the names of dynamic users are not up to date.
    pub(super) names_changed: bool,
    /// Parts of the names of units' private /tmp; 0 where there is none.
    pub(super) tmp_tokens: [u64; UNITS_MAX],
    signals: Signals,
    pub(super) started_us: u64,
    ready: [u64; READY_MAX],
    ready_count: usize,
    ready_next: usize,
    /// Somebody may have ended who is not reaped yet.
    pub(super) unreaped: bool,
    reaps_left: usize,
    notices_left: usize,
    /// Units to be looked at, whether anybody is left of them: nobody tells what happened while nobody listened.
    unlooked: Range<u16>,
    /// The next program of PID 1; without one it is its own.
    pub(super) program: Option<OwnedFd>,
    /// The record of a unit to be run, or another table: came with the request.
    pub(super) record: Option<OwnedFd>,
    /// The table in the binary.
    pub(super) linked: &'static [u8],
    /// On the way to another table that one, or the one to go back to; else of no use.
    pub(super) other: &'static [u8],
    /// The next program is to go on with that one.
    pub(super) switching: bool,
    /// Records that lie in memory of their own, by slot.
    mapped: [Option<&'static [u8]>; SLOTS_MAX],
    /// When PID 1 last failed and was saved, microseconds of CLOCK_MONOTONIC; 0 if it never did.
    pub(super) rescued_us: u64,
    /// The next program has been tried out.
    pub(super) rehearsed: bool,
    /// What was last said about a `PIDFile=`.
    pub(super) pid_file_trouble: Option<(UnitId, Errno)>,
    /// /run/initctl.
    pub(super) initctl: Option<OwnedFd>,
    /// The hardware watchdog, once it is there.
    pub(super) watchdog: Option<Watchdog>,
    /// What is known and not handed over yet.
    pub(super) pending: Deque<Event<'static>, PENDING_MAX>,
}

enum Step {
    Event(Event<'static>),
    Request(ClientId),
    /// A message is in `notify`.
    Notice {
        unit: UnitId,
        pid: Pid,
        uid: u32,
    },
    /// Look again.
    Again,
    /// Nothing has happened.
    Nothing,
}

impl Kernel {
    /// Opens what PID 1 cannot live without.
    pub(super) fn new(boot: &Boot, linked: &'static [u8]) -> Result<Self, (&'static str, Errno)> {
        let poll = Poll::new(Token::Timer.into()).map_err(|errno| ("epoll", errno))?;
        let signals = Signals::new().map_err(|errno| ("signalfd", errno))?;
        poll.add(signals.as_fd(), Token::Signals.into(), linux::poll::Interest::Readable)
            .map_err(|errno| ("signalfd in epoll", errno))?;
        Ok(Self {
            table: boot.table,
            words: boot.words.clone(),
            arguments: boot.arguments,
            container: boot.container,
            control: Control::new(),
            notify: Notify::new(),
            processes: Processes::new(),
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
            tmp_tokens: [0; UNITS_MAX],
            signals,
            started_us: boot.started_us,
            ready: [0; READY_MAX],
            ready_count: 0,
            ready_next: 0,
            unreaped: true, // somebody else's orphans may have ended before the signal was blocked
            reaps_left: REAPS_PER_TURN,
            notices_left: NOTICES_PER_TURN,
            unlooked: 0..0,
            program: None,
            record: None,
            linked,
            other: boot.state.map_or(&[], |state| state.other),
            switching: false,
            mapped: [None; SLOTS_MAX],
            rescued_us: 0,
            rehearsed: false,
            pid_file_trouble: None,
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
        self.streams.listen(&self.poll);
    }

    /// Looks at every unit, whether anybody is left of it.
    pub(super) fn look_at_all(&mut self) {
        self.unlooked = 0..self.table.unit_count() as u16; // UNITS_MAX fits: see limits
    }

    /// Takes the record that came with a request for the unit `id`; whether it is one.
    pub(super) fn make(&mut self, id: UnitId, supervisor: &mut Supervisor<'static>) -> Result<bool, Errno> {
        let file = self.record.take().ok_or(Errno::BADF)?;
        let record = handover::map(file.as_fd(), SLOT_BYTES_MAX)?;
        let sound = self.table.make(id, record);
        if sound {
            supervisor.remake(id, self.table);
        }
        let slot = id.index().saturating_sub(self.table.baked_count());
        let place = self.mapped.get_mut(slot).filter(|_| sound);
        let useless = place.map_or(Some(record), |place| place.replace(record));
        useless.into_iter().for_each(handover::unmap);
        Ok(sound)
    }

    /// Puts the descriptors that came with a service's message into its store, or takes some out.
    pub(super) fn store(&mut self, unit: UnitId, add: bool) -> Option<Event<'static>> {
        let (notice, fds) = self.notify.message()?;
        if !add {
            fds.clear();
        } else if fds.is_empty() {
            return None;
        }
        let name = notice.fd_name.unwrap_or(STORED);
        let record = self.table.unit(unit);
        let most = record.as_ref().and_then(Unit::service).map_or(0, |service| service.store_max);
        if !self.held.store(unit, name, fds, most as usize, &self.poll) {
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

    /// Waits for the next event, until `deadline` at most. A `busy` PID 1 only looks whether there is one.
    pub(super) fn wait(&mut self, deadline: Option<Instant>, busy: bool) -> (Instant, Event<'_>) {
        self.notify.settle();
        // A timer that is to ring at once costs more than not to wait.
        let busy = busy || deadline.is_some_and(|at| at <= self.now());
        let (now, borrowed) = loop {
            match self.step(deadline, busy) {
                Step::Event(event) => return (self.now(), event),
                Step::Again => {}
                Step::Nothing => return (self.now(), Event::Deadline),
                step @ (Step::Request(_) | Step::Notice { .. }) => break (self.now(), step),
            }
        };
        let event = match borrowed {
            Step::Request(client) => {
                let file = self.control.take_file();
                let request = self.control.request(client);
                if let Some((peer, request)) = &request {
                    self.audit.asked(client, peer.uid, request, &|name| self.table.find(name));
                }
                match request {
                    // Nobody else's is looked at, whatever becomes of the request.
                    Some((peer, Request::Reexec)) if peer.is_root() => self.program = file,
                    Some((peer, Request::Run { .. } | Request::Switch { .. })) if peer.is_root() => {
                        self.record = file;
                    }
                    Some(_) | None => {}
                }
                request.map(|(peer, request)| Event::Request { client, peer, request })
            }
            Step::Notice { unit, pid, uid } => self.notify.notice().map(|notice| {
                let monotonic_us = notice.monotonic_us.map(|at| at.saturating_sub(self.started_us));
                Event::Notified { unit, pid, uid, notice: Notice { monotonic_us, ..notice } }
            }),
            Step::Event(_) | Step::Again | Step::Nothing => None,
        };
        // What could be read once can be read again: there is an event.
        (now, event.unwrap_or(Event::Deadline))
    }

    /// One thing at a time, in turns: what is already known, what epoll reported, a bounded number of ends, epoll.
    #[inline(never)]
    fn step(&mut self, deadline: Option<Instant>, busy: bool) -> Step {
        if let Some(event) = self.pending.pop_front() {
            return Step::Event(event);
        }
        if self.ready_next < self.ready_count {
            let token = self.ready.get(self.ready_next).copied().and_then(Token::from_u64);
            self.ready_next += 1;
            return token.map_or(Step::Again, |token| self.serve(token));
        }
        if self.unreaped && self.reaps_left > 0 {
            // What the ended have said comes before their end.
            if let Some(notice) = self.take_notice() {
                return notice;
            }
            self.reaps_left -= 1;
            self.reap();
            return Step::Again;
        }
        if let Some(unit) = self.unlooked.next() {
            self.look_whether_empty(UnitId(unit));
            return Step::Again;
        }
        self.fill_ready(deadline, busy);
        if busy && self.ready_count == 0 && !self.unreaped { Step::Nothing } else { Step::Again }
    }

    /// Waits for anything at all, until `deadline_us` of CLOCK_MONOTONIC at most. For the shutdown, which asks around
    /// itself.
    pub(super) fn doze_until(&self, deadline_us: u64) {
        while self.signals.take().is_some() {}
        let mut deadline_us = deadline_us;
        if self.watchdog.is_some() {
            self.feed_only();
            let interval = self.table.board().watchdog.interval.0;
            deadline_us = deadline_us.min(linux::clock::monotonic_us().saturating_add(interval));
        }
        if self
            .poll
            .wake_at(Some(deadline_us))
            .and_then(|()| self.poll.wait(&mut [0; READY_MAX], true))
            .is_err()
        {
            linux::clock::sleep_us(10_000);
        }
    }

    fn fill_ready(&mut self, deadline: Option<Instant>, busy: bool) {
        self.reaps_left = REAPS_PER_TURN;
        self.notices_left = NOTICES_PER_TURN;
        self.ready_next = 0;
        self.ready_count = 0;
        let at_us = deadline.map(|Instant(at)| at.saturating_add(self.started_us));
        let armed = if busy { Ok(()) } else { self.poll.wake_at(at_us) };
        let waited = armed.and_then(|()| self.poll.wait(&mut self.ready, !self.unreaped && !busy));
        match waited {
            Ok(count) => self.ready_count = count,
            Err(errno) => {
                // Cannot happen with descriptors of one's own; if it does, PID 1 goes on at a pace that burns nothing.
                log::error_of(errno, format_args!("cannot wait"));
                linux::clock::sleep_us(100_000);
                self.unreaped = true;
            }
        }
    }

    fn serve(&mut self, token: Token) -> Step {
        match token {
            Token::Signals => self.take_signal(),
            Token::Timer => {
                self.poll.clear_timer();
                Step::Event(Event::Deadline)
            }
            Token::WallClock => Step::Event(self.clock_rang()),
            Token::Initctl => self.initctl_asks().map_or(Step::Again, Step::Event),
            Token::Listener => {
                self.control.accept(&self.poll);
                Step::Again
            }
            Token::Client(index) => {
                let client = ClientId(index);
                match self.control.receive(client, &self.poll) {
                    Received::Request => Step::Request(client),
                    Received::Nothing => Step::Again,
                    Received::Gone => Step::Event(Event::ClientGone { client }),
                }
            }
            Token::Notify => self.take_notice().unwrap_or(Step::Again),
            Token::Ended(place) => {
                self.stranger_ended(usize::from(place));
                Step::Again
            }
            Token::Log => {
                self.streams.acknowledged(&self.table);
                Step::Again
            }
            Token::Report(place) => {
                self.drain_report(usize::from(place));
                Step::Again
            }
            Token::Memory(unit) => {
                self.look_for_oom_kills(UnitId(unit));
                Step::Again
            }
            Token::Held(place) => match self.held.get(place) {
                Some(one) => Step::Event(Event::Readable { unit: one.unit, there: one.tells }),
                None => Step::Again, // closed since
            },
            Token::Group(unit) => {
                self.look_whether_empty(UnitId(unit));
                Step::Again
            }
        }
    }

    /// Takes one signal; more stay in the descriptor and come with the next turn.
    fn take_signal(&mut self) -> Step {
        match self.signals.take() {
            Some(linux::signals::CHLD) => {
                self.unreaped = true;
                Step::Again
            }
            Some(signal) => Step::Event(Event::Signal { signal, container: self.container }),
            None => Step::Again,
        }
    }

    /// Reads one message of a service's, if there is one and it is known whose.
    fn take_notice(&mut self) -> Option<Step> {
        self.notices_left = self.notices_left.checked_sub(1)?;
        let sender = self.notify.receive()?;
        let pid = Pid(sender.pid);
        match self.unit_of(pid) {
            Some(unit) => Some(Step::Notice { unit, pid, uid: sender.uid }),
            None => {
                self.notify.complain(format_args!("process {} is of no unit", sender.pid));
                Some(Step::Again)
            }
        }
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

    /// Part of the name of `unit`'s private /tmp: the same until it is cleaned, and not to be guessed before.
    pub(super) fn tmp_token(&mut self, unit: UnitId) -> u64 {
        let Some(token) = self.tmp_tokens.get_mut(unit.index()) else { return 0 };
        if *token == 0 {
            *token = linux::random::seed();
        }
        *token
    }

    /// The same for whoever removes it: there will be another one next time.
    pub(super) fn take_tmp_token(&mut self, unit: UnitId) -> Option<u64> {
        let token = self.tmp_tokens.get_mut(unit.index()).map(core::mem::take);
        token.filter(|token| *token != 0)
    }
}
