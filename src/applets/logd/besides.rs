//! Where lines go besides the ring, each as a line of text: what outlives a reset, files, and another machine.
//!
//! None of it is waited for: what a full disk, a spent budget or a missing network does not take is not there.

use core::fmt::Write;

use crate::{
    linux::{self, AsFd, Errno, OwnedFd, console, pipe, socket},
    wire::log::{Date, Entry, Origin, Shown},
};

/// Lines that go out together.
const TEXT_BYTES: usize = 8 << 10;
/// A file's path with the number of an older one behind it.
const PATH_BYTES_MAX: usize = 128;
const DAY_US: u64 = 86_400_000_000;
/// Facilities of syslog(3).
const KERN: u8 = 0;
const DAEMON: u8 = 3;

/// All of it.
pub(super) struct Besides {
    /// What the kernel shows after a reset: standard output, if PID 1 has found such a thing.
    last_words: bool,
    files: Files,
    remote: Option<(OwnedFd, heapless::Vec<u8, 28>)>,
    text: heapless::String<TEXT_BYTES>,
    /// Nobody wants any of it.
    pub(super) idle: bool,
}

/// A file, and older ones.
#[derive(Default)]
pub(super) struct Files {
    path: heapless::String<PATH_BYTES_MAX>,
    file: Option<OwnedFd>,
    /// Bytes in it, and how many there may be.
    bytes: u64,
    bytes_max: u64,
    /// How many older ones are kept.
    older: u32,
    /// Bytes that may be written a day; 0 for any number.
    budget: u64,
    day: u64,
    written: u64,
    /// A line is on the storage when the next one is written.
    at_once: bool,
    /// Why nothing more gets in, until something does.
    trouble: Option<Errno>,
    /// It has been said.
    told: bool,
}

impl Besides {
    pub(super) fn new() -> Self {
        Self {
            last_words: pipe::is_character_device_but_null(console::stdout()),
            files: Files::default(),
            remote: None,
            text: heapless::String::new(),
            idle: true,
        }
    }

    /// Takes a number of the command line: that of `place` in [`super::keep::NUMBERS`], behind the first two.
    pub(super) fn take_number(&mut self, place: usize, number: u64) {
        match place {
            2 => self.files.bytes_max = number,
            3 => self.files.older = number as u32, // the board's is 8 bits
            4 => self.files.budget = number,
            _ => self.files.at_once = number > 0,
        }
    }

    /// Takes a word of the command line that is none.
    #[inline(never)]
    pub(super) fn take_word(&mut self, key: &str, value: &str) {
        match key {
            "file" => self.files.path = heapless::String::try_from(value).unwrap_or_default(),
            _ => self.remote = remote(value),
        }
    }

    /// The words are taken. In a `new_boot` what is there is of the one before.
    pub(super) fn begin(&mut self, new_boot: bool) {
        self.files.open();
        if new_boot && self.files.bytes > 0 {
            self.files.rotate();
        }
        self.idle = !(self.last_words || self.files.file.is_some() || self.remote.is_some());
    }

    /// Why nothing gets into which file any more, once.
    pub(super) fn trouble(&mut self) -> Option<(heapless::String<PATH_BYTES_MAX>, Errno)> {
        let errno = self.files.trouble.filter(|_| !self.files.told)?;
        self.files.told = true;
        Some((self.files.path.clone(), errno))
    }

    /// Takes a line.
    #[inline(never)] // for a small frame
    pub(super) fn put(&mut self, entry: &Entry<'_>, now_us: u64) {
        let wall_us = linux::clock::wall_us().saturating_sub(now_us.saturating_sub(entry.time_us));
        let date = Date::new(wall_us);
        let mut line = heapless::String::<{ super::keep::LINE_BYTES_MAX }>::new();
        let mut to = line.as_mut_view();
        let _cut = date
            .write_full(&mut to)
            .and_then(|()| to.write_char(' '))
            .and_then(|()| entry.write_said(&mut to));
        while line.push('\n').is_err() {
            line.pop();
        }
        if (self.last_words || self.files.file.is_some()) && self.text.push_str(&line).is_err() {
            self.flush();
            let _fits = self.text.push_str(&line);
        }
        if let Some((socket, address)) = &self.remote {
            line.clear();
            let facility = if entry.origin == Origin::Kernel { KERN } else { DAEMON };
            let _cut = message(&mut line, facility * 8 + entry.priority, &date, entry);
            let _lost = socket::send_to(socket.as_fd(), line.as_bytes(), address);
        }
    }

    /// Brings the lines out.
    pub(super) fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        if self.last_words {
            let _lost = pipe::write(console::stdout(), self.text.as_bytes());
        }
        self.files.write(self.text.as_bytes(), linux::clock::wall_us());
        self.text.clear();
    }
}

/// A message of RFC 5424, without structured data.
fn message(out: &mut dyn Write, priority: u8, date: &Date, entry: &Entry<'_>) -> core::fmt::Result {
    write!(out, "<{}>1 ", u64::from(priority))?;
    date.write_full(out)?;
    write!(out, " {} ", linux::boot::hostname())?;
    Shown(if entry.identifier.is_empty() { b"-" } else { entry.identifier }).write(out)?;
    write!(out, " {} - - ", u64::from(entry.pid))?;
    Shown(entry.text).write(out)
}

/// A socket for datagrams, and the address to which they go: bytes of a sockaddr in hexadecimal digits.
fn remote(value: &str) -> Option<(OwnedFd, heapless::Vec<u8, 28>)> {
    let mut address = heapless::Vec::new();
    let mut digits =
        value.bytes().map(|digit| if digit > b'9' { digit.wrapping_sub(b'a' - 10) } else { digit & 15 });
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        address.push(high << 4 | low & 15).ok()?;
    }
    let socket = socket::datagrams(*address.first()?).ok()?;
    Some((socket, address))
}

impl Files {
    fn open(&mut self) {
        if !self.path.is_empty() {
            let opened = pipe::append_to(&self.path, self.at_once);
            self.trouble = opened.as_ref().err().copied();
            self.file = opened.ok();
            self.bytes = self.file.as_ref().map_or(0, |file| pipe::size(file.as_fd()));
        }
    }

    fn write(&mut self, text: &[u8], wall_us: u64) {
        let length = text.len() as u64;
        let day = wall_us / DAY_US;
        if day != self.day {
            (self.day, self.written) = (day, 0);
        }
        if self.budget > 0 && self.written + length > self.budget {
            self.trouble = Some(Errno::DQUOT); // which its budget is
            return;
        }
        if self.bytes > 0 && self.bytes + length > self.bytes_max {
            self.rotate();
        }
        let Some(file) = &self.file else { return };
        let written = pipe::write(file.as_fd(), text);
        self.trouble = written.err();
        self.told &= written.is_err();
        let written = written.unwrap_or(0) as u64; // a disk that is almost full takes less
        self.bytes += written;
        self.written += written;
    }

    /// The file gets a number, and every older one the next.
    fn rotate(&mut self) {
        self.file = None;
        for number in (0..self.older).rev() {
            let (from, to) = (self.numbered(number), self.numbered(number + 1));
            let _there_is_none = pipe::rename(&from, &to);
        }
        if self.older == 0 {
            let _gone = linux::listen::remove(&self.path);
        }
        self.open();
    }

    fn numbered(&self, number: u32) -> heapless::String<PATH_BYTES_MAX> {
        let mut path = self.path.clone();
        if number > 0 {
            let _fits = write!(path.as_mut_view(), ".{}", u64::from(number));
        }
        path
    }
}
