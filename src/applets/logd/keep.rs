//! Where lines go: into the ring, and where the board wants them besides.

use core::fmt::Write;

use super::besides::Besides;
use crate::{
    linux::{self, AsFd, Errno, OwnedFd, arguments::Arguments, console, errno::Text, pipe},
    wire::log::{BLOCK_BYTES, Entry, Head, LOGD_UNIT, Origin, RING_PATH},
    words,
};

/// Words of the command line that have numbers.
const NUMBERS: &str = "ring console file-size files bytes-a-day at-once";
/// The ring without a word about it.
const RING_BYTES: u64 = 256 << 10;
/// A line for the console; a longer one is cut.
pub(super) const LINE_BYTES_MAX: usize = 4096;

/// What is wrong with the files.
const TROUBLE_BYTES_MAX: usize = 256;

/// All of it.
pub(super) struct Keep {
    ring: OwnedFd,
    blocks: u64,
    head: Head,
    /// The number of the next entry.
    next: u64,
    /// Bytes of the block that are in the file.
    written: usize,
    block: [u8; BLOCK_BYTES],
    /// The least important priority that the console is told of, plus one.
    console: u64,
    /// The console has taken a line's beginning only.
    interrupted: bool,
    besides: Besides,
    /// The number of the kernel's next record.
    pub(super) kernel_next: u64,
    /// CLOCK_BOOTTIME when logd was last woken.
    pub(super) now_us: u64,
}

impl Keep {
    /// Opens the ring and goes on where it ends; `arguments` say how large it is.
    #[inline(never)]
    pub(super) fn new(arguments: Arguments) -> Result<Self, Errno> {
        let mut ring_bytes = RING_BYTES;
        let mut console = 0;
        let mut besides = Besides::new();
        let words = arguments.words().skip(1).filter_map(|word| word.to_str().ok()?.split_once('='));
        for (key, value) in words {
            let place = words::place(NUMBERS, key.as_bytes());
            let number = value.parse().unwrap_or(0);
            match place {
                Some(0) => ring_bytes = number,
                Some(1) => console = number,
                Some(place) => besides.take_number(place, number),
                None => besides.take_word(key, value),
            }
        }
        let ring = pipe::open_file(RING_PATH, true)?;
        let size = ring_bytes / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        if pipe::size(ring.as_fd()) != size {
            pipe::resize(ring.as_fd(), 0)?;
            pipe::resize(ring.as_fd(), size)?;
        }
        let _may_block = console::stop_stderr_blocking();
        let mut keep = Self {
            ring,
            blocks: (size / BLOCK_BYTES as u64).max(2),
            head: Head { number: 0, first: 1, used: BLOCK_BYTES as u32 },
            next: 1,
            written: BLOCK_BYTES,
            block: [0; BLOCK_BYTES],
            console,
            interrupted: false,
            besides,
            kernel_next: 0,
            now_us: 0,
        };
        keep.go_on();
        let new_boot = keep.next == 1;
        keep.besides.begin(new_boot);
        keep.look_at_clock();
        if new_boot {
            let id = linux::boot::id();
            keep.say(6, format_args!("Boot {}", core::str::from_utf8(&id).unwrap_or_default()));
        }
        Ok(keep)
    }

    /// Finds the last block that the logd before this one has written.
    #[inline(never)]
    fn go_on(&mut self) {
        let mut last = None;
        for place in 0..self.blocks {
            let at = place * BLOCK_BYTES as u64;
            if pipe::read_at(self.ring.as_fd(), &mut self.block, at) != Ok(BLOCK_BYTES) {
                continue;
            }
            let Some(head) = Head::read(&self.block) else { continue };
            let mut next = head.first;
            let mut rest = self.block.get(Head::BYTES..head.used as usize).unwrap_or_default();
            while let Some((entry, following)) = Entry::read(rest) {
                if entry.origin == Origin::Kernel {
                    self.kernel_next = self.kernel_next.max(u64::from(entry.pid) + 1);
                }
                next += 1;
                rest = following;
            }
            if last.is_none_or(|last: Head| last.number < head.number) {
                (last, self.next) = (Some(head), next);
            }
        }
        if let Some(last) = last {
            self.head = Head { used: BLOCK_BYTES as u32, ..last }; // the next entry begins another block
        }
    }

    /// Takes note of the time.
    pub(super) fn look_at_clock(&mut self) {
        self.now_us = linux::clock::boot_us();
    }

    /// Puts `entry` at the end of the log.
    pub(super) fn put(&mut self, entry: &Entry<'_>) {
        let mut room = self.block.get_mut(self.head.used as usize..).unwrap_or_default();
        let mut length = entry.write(room);
        if length == 0 {
            self.write_out();
            self.begin_block();
            room = self.block.get_mut(Head::BYTES..).unwrap_or_default();
            length = entry.write(room);
        }
        self.head.used += length as u32; // BLOCK_BYTES at most
        self.next += 1;
        if !self.besides.idle {
            self.besides.put(entry, self.now_us);
        }
        let elsewhere = matches!(entry.origin, Origin::Manager | Origin::Kernel | Origin::Event);
        if u64::from(entry.priority) < self.console && !elsewhere {
            self.interrupted = !show(entry, self.interrupted);
        }
    }

    fn begin_block(&mut self) {
        self.head = Head { number: self.head.number + 1, first: self.next, used: Head::BYTES as u32 };
        self.written = Head::BYTES;
        self.write_head();
    }

    /// Brings what was put into the file. What is wrong with the others is said there, too.
    pub(super) fn flush(&mut self) {
        self.write_out();
        if let Some((path, errno)) = self.besides.trouble() {
            self.say(4, format_args!("cannot write {path}, going on without: {}", Text(errno)));
            self.write_out();
        }
    }

    /// Puts what logd says itself.
    #[inline(never)] // for a small frame
    fn say(&mut self, priority: u8, what: core::fmt::Arguments<'_>) {
        let mut text = heapless::String::<TROUBLE_BYTES_MAX>::new();
        let _cut = text.write_fmt(what);
        self.put(&Entry {
            origin: Origin::Manager,
            priority,
            pid: 0,
            time_us: self.now_us,
            unit: LOGD_UNIT.as_bytes(),
            identifier: b"tomte-logd",
            text: text.as_bytes(),
        });
    }

    fn write_out(&mut self) {
        let used = self.head.used as usize;
        if let Some(bytes) = self.block.get(self.written..used).filter(|bytes| !bytes.is_empty()) {
            let _lost = pipe::write_at(self.ring.as_fd(), bytes, self.place() + self.written as u64);
            self.written = used;
            self.write_head();
            self.besides.flush();
        }
    }

    fn write_head(&self) {
        let _lost = pipe::write_at(self.ring.as_fd(), &self.head.write(), self.place());
    }

    /// Where the block is.
    const fn place(&self) -> u64 {
        match self.head.number.checked_rem(self.blocks) {
            Some(block) => block * BLOCK_BYTES as u64,
            None => 0,
        }
    }
}

/// Shows an entry on the console, on a line of its own; whether the console has taken all of it.
#[inline(never)] // for a small frame
fn show(entry: &Entry<'_>, interrupted: bool) -> bool {
    let mut line = heapless::String::<LINE_BYTES_MAX>::new();
    if interrupted {
        let _fits = line.push('\n');
    }
    let _cut = entry.write_said(&mut line.as_mut_view());
    while line.push('\n').is_err() {
        line.pop();
    }
    console::write_stderr(line.as_bytes())
}
