//! logd: takes what services print, what comes to /dev/log and what the kernel says, and keeps it in the ring.
//!
//! It runs as a user of its own and owns nothing that matters: PID 1 holds the pipes, and the ring is a file. A line is
//! taken out of its pipe when it is in the ring, so whoever ends logd in the middle loses nothing; a line of that very
//! moment may come twice.

mod besides;
mod keep;
mod stream;

use crate::{
    linux::{
        self, AsFd, BorrowedFd, Errno, OwnedFd,
        arguments::Arguments,
        handover, pipe,
        poll::{Interest, Poll, READY_MAX},
        signals::{self, Signals},
        socket,
    },
    wire::log::{ENTRY_BYTES_MAX, Entry, Origin, RING_PATH, Terms, split_line, syslog},
};

use keep::Keep;
use stream::{STREAMS_MAX, Stream};

/// What is read at once: as much as a pipe holds.
const BUFFER_BYTES: usize = 64 << 10;
/// Messages of one kind handled before anybody else gets a turn.
const MESSAGES_PER_TURN: usize = 64;

/// How often each stream is asked at the end: somebody may go on printing for as long as he lives.
const TURNS_AT_THE_END: usize = 64;

/// What a ready descriptor stands for; streams come after the last of them.
const CONTROL: u64 = 0;
const SIGNALS: u64 = 1;
const TIMER: u64 = 2;
const SYSLOG: u64 = 3;
const KERNEL: u64 = 4;
const STREAMS: u64 = 5;

struct Logd {
    poll: Poll,
    signals: Signals,
    /// Where lines are copied to before they are taken away.
    between: (OwnedFd, OwnedFd),
    control: OwnedFd,
    syslog: Option<OwnedFd>,
    kernel: Option<OwnedFd>,
    keep: Keep,
    /// Counts how often logd has woken up.
    turn: u64,
    streams: [Option<Stream>; STREAMS_MAX],
    buffer: [u8; BUFFER_BYTES],
}

/// logd's life, and its exit code. Standard input is the connection to PID 1; descriptor 3, if it was passed, is the socket
/// behind /dev/log.
#[inline(never)]
pub(super) fn run(arguments: Arguments) -> u8 {
    let mut step = "cannot wait for anything";
    match Logd::new(arguments, &mut step) {
        Ok(mut logd) => {
            logd.live();
            0
        }
        Err(errno) => super::complain("tomte-logd", step, errno),
    }
}

impl Logd {
    #[inline(never)] // its frame is as large as what it makes
    fn new(arguments: Arguments, step: &mut &str) -> Result<Self, Errno> {
        let poll = Poll::new(TIMER)?;
        let signals = Signals::new()?;
        *step = "no connection to PID 1";
        let control = socket::duplicate(linux::console::stdin())?;
        pipe::stop_blocking(control.as_fd())?;
        poll.add(signals.as_fd(), SIGNALS, Interest::Readable)?;
        poll.add(control.as_fd(), CONTROL, Interest::Readable)?;
        let watched =
            |fd: OwnedFd, token| poll.add(fd.as_fd(), token, Interest::Readable).is_ok().then_some(fd);
        let syslog = handover::take_over(3).ok().and_then(|fd| watched(fd, SYSLOG));
        let kernel = pipe::open_file("/dev/kmsg", false).ok().and_then(|fd| watched(fd, KERNEL));
        *step = "no pipe";
        let between = pipe::new()?;
        *step = RING_PATH;
        Ok(Self {
            signals,
            between,
            control,
            syslog,
            kernel,
            keep: Keep::new(arguments)?,
            turn: 0,
            streams: [const { None }; STREAMS_MAX],
            buffer: [0; BUFFER_BYTES],
            poll,
        })
    }

    #[inline(never)]
    fn live(&mut self) {
        let mut ready = [0; READY_MAX];
        loop {
            let count = self.poll.wait(&mut ready, true).unwrap_or(0);
            self.keep.look_at_clock();
            self.turn += 1;
            let ready = ready.get(..count).unwrap_or_default();
            if !self.hear(ready) {
                return;
            }
            if ready.contains(&SIGNALS) && self.signals.take() == Some(signals::TERM) {
                return self.finish();
            }
            self.keep.flush();
        }
    }

    /// Reads what is `ready`.
    #[inline(never)] // two callers
    fn serve(&mut self, ready: &[u64]) {
        for token in ready {
            match *token {
                CONTROL | SIGNALS | TIMER => {}
                SYSLOG => self.take_messages(),
                KERNEL => self.take_kernel(),
                stream => {
                    self.take_lines((stream - STREAMS) as usize);
                }
            }
        }
    }

    /// The machine ends, or logd is replaced: takes what there is.
    fn finish(&mut self) {
        self.hear(&[]);
        self.take_messages();
        for place in 0..STREAMS_MAX {
            let _all = (0..TURNS_AT_THE_END).all(|_| self.take_lines(place));
        }
        self.keep.flush();
    }

    /// Reads what PID 1 says, and what else is `ready`; false if PID 1 is gone. Who writes to a pipe is heard before that is read;
    /// what PID 1 says itself is put behind it, as it came after what made it ready.
    fn hear(&mut self, ready: &[u64]) -> bool {
        let (mut ready, mut there) = (Some(ready), true);
        let mut packet = [0; ENTRY_BYTES_MAX];
        for _ in 0..MESSAGES_PER_TURN {
            let received = socket::receive_files(self.control.as_fd(), &mut packet);
            there = !matches!(received, Ok(None));
            let Ok(Some((length, mut fds))) = received else { break };
            let entry = packet.get(..length).and_then(Entry::read);
            match (entry, fds.pop()) {
                (Some((entry, _)), Some(fd)) if entry.origin == Origin::Stream => self.attach(&entry, fd),
                (Some((entry, _)), _) => {
                    self.serve(ready.take().unwrap_or_default());
                    self.keep.put(&entry);
                }
                (None, _) => {}
            }
        }
        self.serve(ready.unwrap_or_default());
        there
    }

    /// From here on what comes out of `fd` is said by the unit that `entry` names.
    fn attach(&mut self, entry: &Entry<'_>, fd: OwnedFd) {
        let Some(terms) = Terms::read(entry.text) else { return };
        let known = self.streams.iter().position(|place| {
            let stream = place.as_ref();
            stream.is_some_and(|stream| stream.unit() == entry.unit)
        });
        let free = || self.streams.iter().position(Option::is_none);
        let Some(at) = known.or_else(free) else { return };
        // So much was in the pipe of whoever wrote before, and of that some may have been taken in this turn.
        if let Some(Some(before)) = self.streams.get_mut(at)
            && before.pid != entry.pid
        {
            let left = (entry.time_us as usize).saturating_sub(before.taken_in(self.turn)); // it is of a pipe
            if left > 0 {
                before.ended = true;
                self.take(at, left);
            }
        }
        let Some(place) = self.streams.get_mut(at) else { return };
        if let Some(before) = place {
            self.poll.remove(before.fd.as_fd()); // closing it is not enough: PID 1 has it, too
        }
        let _nonblocking = pipe::stop_blocking(fd.as_fd());
        if self.poll.add(fd.as_fd(), STREAMS + at as u64, Interest::Written).is_ok() {
            let rate = place.as_ref().map(|before| before.rate);
            let mut stream = Stream::new(fd, entry, terms, rate);
            stream.taken = place.as_ref().map_or((0, 0), |before| before.taken);
            *place = Some(stream);
        }
    }

    /// Takes the lines that are in the stream at `at` into the ring, and then out of the pipe. Whether there may be more.
    fn take_lines(&mut self, at: usize) -> bool {
        self.take(at, BUFFER_BYTES)
    }

    /// The same, of so many bytes at `most`.
    #[inline(never)] // two callers
    fn take(&mut self, at: usize, most: usize) -> bool {
        let Some(Some(stream)) = self.streams.get_mut(at) else { return false };
        let there = match pipe::copy(stream.fd.as_fd(), self.between.1.as_fd(), most.min(BUFFER_BYTES)) {
            Ok(0) => {
                self.detach(at);
                return false;
            }
            Ok(there) => fill(self.between.0.as_fd(), &mut self.buffer, there),
            Err(_) => return false,
        };
        let mut rest = there;
        while let Some((line, following)) = split_line(rest, stream.ended) {
            stream.line(line, &mut self.keep);
            rest = following;
        }
        self.keep.flush();
        let (there, left) = (there.len(), rest.len());
        stream.taken = (self.turn, stream.taken_in(self.turn) + there - left);
        let taken = self.buffer.get_mut(..there - left).filter(|taken| !taken.is_empty());
        if let Some(taken) = taken {
            let _theirs = pipe::read(stream.fd.as_fd(), taken);
        }
        if left == there {
            // The beginning of a line. If nobody is left to end it, it is a line.
            stream.ended = pipe::has_ended(stream.fd.as_fd());
            if !stream.ended {
                return false;
            }
        }
        let _next_write_tells = self.poll.tell_again(stream.fd.as_fd(), STREAMS + at as u64);
        true
    }

    /// The stream at `at` has been read to its end: PID 1 may close it.
    fn detach(&mut self, at: usize) {
        let Some(mut stream) = self.streams.get_mut(at).and_then(Option::take) else { return };
        stream.end(&mut self.keep);
        self.poll.remove(stream.fd.as_fd());
        let entry = Entry {
            origin: Origin::Stream,
            priority: 0,
            pid: 0,
            time_us: 0,
            unit: stream.unit(),
            identifier: &[],
            text: &stream.terms.write(),
        };
        let mut packet = [0; ENTRY_BYTES_MAX];
        let length = entry.write(&mut packet);
        let _kept_longer =
            socket::send_packet(self.control.as_fd(), packet.get(..length).unwrap_or_default());
    }

    /// Takes what programs have sent to /dev/log. Whose it is, the kernel says.
    fn take_messages(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(socket) = &self.syslog else { return };
            let (length, sender) = match socket::receive_from(socket.as_fd(), &mut self.buffer) {
                Ok((length, sender, _fds)) => (length, sender),
                Err(Errno::MSGSIZE | Errno::PROTO) => continue,
                Err(_) => return,
            };
            let message = syslog::parse(self.buffer.get(..length).unwrap_or_default());
            let mut cgroup = [0; linux::cgroup::NAME_BYTES_MAX];
            let unit = linux::cgroup::unit_of(sender.pid, &mut cgroup).unwrap_or_default();
            let mut rest = message.text;
            while let Some((text, following)) = split_line(rest, true) {
                self.keep.put(&Entry {
                    origin: Origin::Syslog,
                    priority: message.priority,
                    pid: sender.pid,
                    time_us: self.keep.now_us,
                    unit: unit.as_bytes(),
                    identifier: message.identifier,
                    text,
                });
                rest = following;
            }
        }
    }

    /// Takes what the kernel says itself: what others have written into its ring buffer comes from them already.
    #[inline(never)]
    fn take_kernel(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(kernel) = &self.kernel else { return };
            let length = match pipe::read(kernel.as_fd(), &mut self.buffer) {
                Ok(length) => length,
                Err(Errno::PIPE) => continue, // it was faster
                Err(_) => return,
            };
            let Some(record) = self.buffer.get(..length).and_then(syslog::kernel_record) else { continue };
            if record.facility == 0 && record.number >= self.keep.kernel_next {
                self.keep.kernel_next = record.number + 1;
                self.keep.put(&Entry {
                    origin: Origin::Kernel,
                    priority: record.priority,
                    pid: record.number as u32,
                    time_us: record.time_us,
                    unit: &[],
                    identifier: b"kernel",
                    text: record.text,
                });
            }
        }
    }
}

/// Reads `count` bytes, which are there.
fn fill<'b>(from: BorrowedFd<'_>, buffer: &'b mut [u8], count: usize) -> &'b [u8] {
    let mut filled = 0;
    while filled < count {
        match pipe::read(from, buffer.get_mut(filled..count).unwrap_or_default()) {
            Ok(more) if more > 0 => filled += more,
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => break, // cannot happen: nobody else has this pipe
        }
    }
    buffer.get(..filled).unwrap_or_default()
}
