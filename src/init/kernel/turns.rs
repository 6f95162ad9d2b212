//! Waiting, and whose turn it is among all that is ready.

use crate::{
    linux::{self, AsFd, Errno, poll::READY_MAX},
    supervisor::{ClientId, Event, Instant, Pid},
    table::UnitId,
    wire::{Notice, Request},
};

use super::{Kernel, NOTICES_PER_TURN, REAPS_PER_TURN, Token};
use crate::init::{control::Received, held::READY, log};

/// Bytes of an `X-ReadyFd=` that are read at a time.
const READY_BYTES: usize = 64;

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
    /// Waits for the next event, until `deadline` at most. A `busy` PID 1 only looks whether there is one. When the deadline
    /// has passed, what has come is heard first, so that no time is up for want of being heard, and then the time is told,
    /// however much goes on coming.
    #[inline(never)]
    pub(in crate::init) fn wait(&mut self, deadline: Option<Instant>, busy: bool) -> (Instant, Event<'_>) {
        self.notify.settle();
        let late = deadline.is_some_and(|at| at <= self.now());
        if late {
            self.heard_since = !self.heard_since;
            if !self.heard_since {
                return (self.now(), Event::Deadline);
            }
        }
        // A timer that is to ring at once costs more than not to wait.
        let busy = busy || late;
        let (now, borrowed) = loop {
            match self.step(deadline, busy) {
                Step::Event(event) => return (self.now(), event),
                Step::Again => {}
                Step::Nothing => {
                    self.heard_since = false;
                    return (self.now(), Event::Deadline);
                }
                step @ (Step::Request(_) | Step::Notice { .. }) => break (self.now(), step),
            }
        };
        let event = match borrowed {
            Step::Request(client) => {
                let mut files = self.control.take_files();
                let request = self.control.request(client);
                if let Some((peer, request)) = &request {
                    self.audit.asked(client, peer.uid, request, &|name| self.table.resolve(name));
                }
                match request {
                    // Nobody else's is looked at, whatever becomes of the request.
                    Some((peer, Request::Reexec)) if peer.is_root() => self.program = files.pop(),
                    Some((peer, Request::Run { .. } | Request::Switch { .. })) if peer.is_root() => {
                        (self.record, self.recorder) = (files, client);
                    }
                    Some(_) | None => {}
                }
                request.map(|(peer, request)| Event::Request { client, peer, request })
            }
            Step::Notice { unit, pid, uid } => self.notify.found().map(|notice| {
                let monotonic_us = notice.monotonic_us.map(|at| at.saturating_sub(self.started_us));
                Event::Notified { unit, pid, uid, notice: Notice { monotonic_us, ..notice } }
            }),
            Step::Event(_) | Step::Again | Step::Nothing => None,
        };
        // What could be read once can be read again: there is an event.
        (now, event.unwrap_or(Event::Deadline))
    }

    /// Whether something has come that is not handed on yet: what `wait` answers without asking epoll.
    pub(in crate::init) fn knows_more(&self) -> bool {
        !self.pending.is_empty() || self.ready_next < self.ready_count || self.unreaped && self.reaps_left > 0
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
    pub(in crate::init) fn doze_until(&self, deadline_us: u64) {
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
            Ok(count) => {
                self.ready_count = count;
                // Whoever asks for the end by a signal, and then ends himself, is heard in that order.
                let is_signal = |token: &u64| *token == Token::Signals.into();
                if let Some(at) = self.ready.iter().take(count).position(is_signal) {
                    self.ready.swap(0, at);
                }
            }
            Err(errno) => {
                // Cannot happen with descriptors of one's own; if it does, PID 1 goes on at a pace that burns nothing.
                log::error_of(errno, format_args!("cannot wait"));
                linux::clock::sleep_us(100_000);
                self.unreaped = true;
            }
        }
    }

    #[inline(never)]
    fn serve(&mut self, token: Token) -> Step {
        match token {
            Token::Signals => self.take_signal(),
            Token::Timer => {
                self.poll.clear_timer();
                Step::Event(Event::Deadline)
            }
            Token::Mounts => Step::Event(Event::MountsChanged),
            Token::WallClock => Step::Event(self.clock_rang()),
            Token::Initctl => self.initctl_asks().map_or(Step::Again, Step::Event),
            Token::Listener => {
                let gone = self.control.accept(&self.poll);
                gone.map_or(Step::Again, |client| Step::Event(Event::ClientGone { client }))
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
                Some(one) if one.name == READY => self.hear_ready(place),
                Some(one) if one.is_stored() => {
                    self.held.drop_ended(&self.poll);
                    Step::Again
                }
                Some(one) => {
                    let there = one.tells.then(|| self.held.telling_before(one.unit, place));
                    Step::Event(Event::Readable { unit: one.unit, there })
                }
                None => Step::Again, // closed since
            },
            Token::Group(unit) => {
                self.look_whether_empty(UnitId(unit));
                Step::Again
            }
        }
    }

    /// Reads what a service says with `X-ReadyFd=`: as in s6, a newline.
    fn hear_ready(&mut self, place: u16) -> Step {
        match self.read_ready(place) {
            Some(event) => Step::Event(event),
            None => Step::Again,
        }
    }

    /// The same for a process of `unit` that has ended: what it has said comes before its end. That it says nothing any
    /// more is no news then.
    #[inline(never)]
    pub(in crate::init) fn hear_last_ready(&mut self, unit: UnitId) {
        if let Some(place) = self.held.place_of_ready(unit)
            && let Some(event @ Event::ReadyFd { ready: true, .. }) = self.read_ready(place)
        {
            self.push(event);
        }
    }

    fn read_ready(&mut self, place: u16) -> Option<Event<'static>> {
        let mut said = [0; READY_BYTES];
        let one = self.held.get(place)?;
        let unit = one.unit;
        let ready = match linux::pipe::read(one.fd.as_fd(), &mut said) {
            Ok(count) if said.iter().take(count).any(|byte| *byte == b'\n') => true,
            Ok(1..) | Err(Errno::AGAIN | Errno::INTR) => {
                self.held.arm(unit, &self.poll);
                return None;
            }
            Ok(0) | Err(_) => false,
        };
        self.held.await_ready(unit, None, &self.poll);
        Some(Event::ReadyFd { unit, ready })
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
                self.notify.complain(format_args!("process {} is of no unit", u64::from(sender.pid)));
                Some(Step::Again)
            }
        }
    }
}
