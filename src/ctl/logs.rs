//! `tomte logs`: reads the ring by itself, as journalctl(1) shows a journal. Neither PID 1 nor logd is asked, and neither
//! waits for somebody who reads slowly: what was overwritten meanwhile is counted.

use core::fmt::{self, Write};

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd, arguments::Arguments, errno::Text, glob::each_match, output::Output, pipe,
    },
    wire::log::{BLOCK_BYTES, Date, Entry, Head, RING_PATH, Shown, entry_json},
};

use super::{
    complain, usage_error,
    wanted::{CAT, ISO, JSON, Wanted},
};

/// Where the last words of the boot before are: what was written to /dev/pmsg0, as the kernel shows it; else logd's file,
/// if the board has any, as each boot begins another.
const LAST_WORDS_PATHS: [&str; 2] = ["/sys/fs/pstore/pmsg-ramoops-0", "/var/log/tomte/messages.1"];

/// What the kernel itself has kept of its own end.
const PANICS: &str = "/sys/fs/pstore/dmesg-*";

/// `tomte logs`; answers the exit code. So many of the words are the verb.
pub(super) fn run(arguments: Arguments, verbs: usize) -> u8 {
    let mut wanted = Wanted { alone: true, ..Wanted::ALL };
    if let Err(word) = wanted.read(arguments, verbs) {
        return usage_error(word);
    }
    let out = &mut Output::stdout();
    let (path, shown) = match wanted.previous_boot {
        true => last_words(out),
        false => (RING_PATH, show(out, &wanted)),
    };
    match shown {
        Ok(()) => 0,
        Err(errno) => complain(format_args!("{path}: {}", Text(errno))),
    }
}

/// The last `lines` of `unit`, for its status, below a line of nothing.
pub(super) fn last(out: &mut Output, unit: &str, lines: u64) {
    let _broken = out.write_char('\n');
    let mut wanted = Wanted { lines: Some(lines), ..Wanted::ALL };
    let _fits = wanted.units.push(unit);
    let _no_log = show(out, &wanted);
}

/// What was said before the machine started anew, and where that stands; besides that what the kernel said when it panicked.
fn last_words(out: &mut Output) -> (&'static str, Result<(), Errno>) {
    let mut result = ("", Err(Errno::NOENT));
    for path in LAST_WORDS_PATHS {
        if result.1 == Err(Errno::NOENT) {
            result = (path, text_of(out, path));
        }
    }
    let _none = each_match(PANICS, &mut |path| {
        if text_of(out, path.to_str().unwrap_or_default()).is_ok() {
            result.1 = Ok(());
        }
        Ok(false)
    });
    result
}

/// All of the file at `path`.
#[inline(never)] // for a small frame
fn text_of(out: &mut Output, path: &str) -> Result<(), Errno> {
    let file = pipe::open_file(path, false)?;
    let mut buffer = [0; 4096];
    loop {
        let count = pipe::read(file.as_fd(), &mut buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || !out.flush() {
            return Ok(());
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = line.strip_suffix(b"\n");
            let _ = Shown(whole.unwrap_or(line)).write(out);
            let _ = out.write_str(if whole.is_some() { "\n" } else { "" });
        }
    }
}

fn show(out: &mut Output, wanted: &Wanted<'_>) -> Result<(), Errno> {
    let mut ring = Ring::open()?;
    let watch = if wanted.follow { Some(pipe::watch_writes(RING_PATH)?) } else { None };
    let mut skipped = 0;
    let mut place = Place::default();
    if let Some(lines) = wanted.lines {
        let (mut count, now_us) = (0_u64, linux::clock::boot_us());
        ring.walk(&mut place, &mut |met| {
            count += u64::from(matches!(met, Met::Entry(entry) if wanted.takes(&entry, now_us)));
        });
        (skipped, place) = (count.saturating_sub(lines), Place::default());
    }
    let host = linux::boot::hostname();
    let mut silent = wanted.alone && !wanted.follow && wanted.format != JSON;
    loop {
        let (now_us, wall_us) = (linux::clock::boot_us(), linux::clock::wall_us());
        ring.walk(&mut place, &mut |met| {
            let _broken = match met {
                Met::Lost(count) => {
                    writeln!(out, "-- {count} lines were overwritten before they could be read --")
                }
                Met::Entry(entry) if !wanted.takes(&entry, now_us) => Ok(()),
                Met::Entry(_) if skipped > 0 => {
                    skipped -= 1;
                    Ok(())
                }
                // The clock may have been set since: what it says now tells when the line was said.
                Met::Entry(entry) => {
                    silent = false;
                    let said_us = wall_us.saturating_sub(now_us.saturating_sub(entry.time_us));
                    one(out, &entry, said_us, &host, wanted.format)
                }
            };
        });
        if silent {
            let _broken = out.write_str("-- No entries --\n");
        }
        let Some(watch) = watch.as_ref().filter(|_| out.flush()) else { return Ok(()) };
        pipe::read(watch.as_fd(), &mut [0; 4096])?;
    }
}

#[inline(never)] // for a small frame
fn one(out: &mut Output, entry: &Entry<'_>, wall_us: u64, host: &str, format: usize) -> fmt::Result {
    match format {
        JSON => return entry_json(entry, wall_us, out),
        CAT => {
            Shown(entry.text).write(out)?;
            return out.write_char('\n');
        }
        ISO => Date::new(wall_us).write_full(out)?,
        _ => Date::new(wall_us).write(out)?,
    }
    write!(out, " {host} ")?;
    entry.write_said(out)?;
    out.write_char('\n')
}

/// How far somebody has read.
#[derive(Default)]
struct Place {
    /// The block.
    number: u64,
    /// Bytes of it.
    bytes: usize,
    /// The number of the next entry; 0 for whatever comes first.
    next: u64,
}

/// What is met in the ring.
enum Met<'e> {
    Entry(Entry<'e>),
    /// So many were there and are not any more.
    Lost(u64),
}

struct Ring {
    file: OwnedFd,
    blocks: u64,
    block: [u8; BLOCK_BYTES],
}

impl Ring {
    fn open() -> Result<Self, Errno> {
        let file = pipe::open_file(RING_PATH, false)?;
        let blocks = pipe::size(file.as_fd()) / BLOCK_BYTES as u64;
        Ok(Self { file, blocks: blocks.max(1), block: [0; BLOCK_BYTES] })
    }

    /// The number of the block that is written to.
    fn newest(&self) -> u64 {
        (0..self.blocks).filter_map(|place| self.head(place)).map(|head| head.number).max().unwrap_or(0)
    }

    /// The head of the block at `place`.
    fn head(&self, place: u64) -> Option<Head> {
        let mut bytes = [0; Head::BYTES];
        let count = pipe::read_at(self.file.as_fd(), &mut bytes, place * BLOCK_BYTES as u64).ok()?;
        Head::read(&bytes).filter(|_| count == bytes.len())
    }

    /// Reads block `number`, unless it is there no more.
    fn load(&mut self, number: u64) -> Option<Head> {
        let place = number.checked_rem(self.blocks)?;
        pipe::read_at(self.file.as_fd(), &mut self.block, place * BLOCK_BYTES as u64).ok()?;
        let head = Head::read(&self.block).filter(|head| head.number == number)?;
        self.head(place).filter(|now| now.number == number).map(|_| head)
    }

    /// Shows `see` all from `place` on.
    fn walk(&mut self, place: &mut Place, see: &mut dyn FnMut(Met<'_>)) {
        let newest = self.newest();
        place.number = place.number.max(1);
        while place.number <= newest {
            let oldest = newest.saturating_sub(self.blocks - 1);
            if place.number < oldest {
                (place.number, place.bytes) = (oldest, 0);
            }
            let Some(head) = self.load(place.number) else {
                (place.number, place.bytes) = (place.number + 1, 0); // overwritten just now
                continue;
            };
            if place.bytes == 0 {
                if place.next > 0 && head.first > place.next {
                    see(Met::Lost(head.first - place.next));
                }
                (place.bytes, place.next) = (Head::BYTES, head.first);
            }
            let mut rest = self.block.get(place.bytes..head.used as usize).unwrap_or_default();
            while let Some((entry, following)) = Entry::read(rest) {
                see(Met::Entry(entry));
                place.next += 1;
                rest = following;
            }
            place.bytes = head.used as usize;
            if place.number == newest {
                return;
            }
            (place.number, place.bytes) = (place.number + 1, 0);
        }
    }
}
