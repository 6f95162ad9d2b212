//! `tomte logs`: reads the ring by itself, as journalctl(1) shows a journal. Neither PID 1 nor logd is asked, and neither
//! waits for somebody who reads slowly: what was overwritten meanwhile is counted.

use core::fmt::{self, Write};

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd, arguments::Arguments, errno::Text, glob::each_match, output::Output, pipe,
    },
    wire::log::{BLOCK_BYTES, BLOCK_ENTRIES_MAX, BOOT_MARK, Date, Entry, Head, RING_PATH, Shown, entry_json},
};

use super::{
    boots::{self, MOMENT_BYTES},
    complain, usage_error,
    wanted::{CAT, FOLLOW, ISO, JSON, LIST_BOOTS, MONOTONIC, REVERSE, Wanted},
};

/// Where the last words of the boot before are: what was written to /dev/pmsg0, as the kernel shows it; else in logd's files,
/// if the board has any.
const LAST_WORDS: &str = "/sys/fs/pstore/pmsg-ramoops-0";
const FILES: &str = "/var/log/tomte/messages";
/// The path of one of them.
const PATH_BYTES_MAX: usize = 40;

/// What the kernel itself has kept of its own end.
const PANICS: &str = "/sys/fs/pstore/dmesg-*";

/// `tomte logs`; answers the exit code. So many of the words are the verb. The `linked` table knows other names of units.
pub(super) fn run(linked: &'static [u8], arguments: Arguments, verbs: usize) -> u8 {
    let mut wanted = Wanted::all();
    wanted.alone = true;
    if let Err(word) = wanted.read(arguments, verbs) {
        return usage_error(word);
    }
    wanted.resolve(linked);
    let out = &mut Output::screen(arguments);
    let (path, shown) = match wanted.previous_boot {
        _ if wanted.has(LIST_BOOTS) => (RING_PATH, boots::list(out, wanted.format == JSON)),
        true => last_words(out),
        false => (RING_PATH, show(out, &wanted)),
    };
    match shown {
        Ok(()) => 0,
        Err(Errno::NOENT) if wanted.previous_boot => {
            complain(format_args!("nothing is left of the boot before this one"))
        }
        Err(errno) => complain(format_args!("{path}: {}", Text(errno))),
    }
}

/// The last `lines` of `unit`, for its status, below a line of nothing.
pub(super) fn last(out: &mut Output, unit: &str, lines: u64) {
    let _broken = out.write_char('\n');
    let mut wanted = Wanted::all();
    wanted.lines = Some(lines);
    let _fits = wanted.units.push(unit);
    let _no_log = show(out, &wanted);
}

/// What was said before the machine started anew, and where that stands; besides that what the kernel said when it panicked.
fn last_words(out: &mut Output) -> (&'static str, Result<(), Errno>) {
    let (path, mut result) = last_files(&mut |file| text_of(out, &file));
    let _none = each_match(PANICS, &mut |path| {
        let file = pipe::open_file(path.to_str().unwrap_or_default(), false);
        if file.and_then(|file| text_of(out, &file)).is_ok() {
            result = Ok(());
        }
        Ok(false)
    });
    (path, result)
}

/// Shows `see` what the kernel has kept of the last words; else the files of the boot before, the oldest first.
#[inline(never)] // two callers
pub(super) fn last_files(
    see: &mut dyn FnMut(OwnedFd) -> Result<(), Errno>,
) -> (&'static str, Result<(), Errno>) {
    match pipe::open_file(LAST_WORDS, false) {
        Err(Errno::NOENT) => (FILES, files_before(see)),
        file => (LAST_WORDS, file.and_then(see)),
    }
}

/// Each boot begins another file, and says so there; and so does each file that becomes too large, and says nothing.
fn files_before(see: &mut dyn FnMut(OwnedFd) -> Result<(), Errno>) -> Result<(), Errno> {
    let (mut count, mut newest) = (0, 0);
    while let Ok(begins) = begins_boot(count) {
        count += 1;
        if begins && newest > 0 {
            break;
        }
        if begins {
            newest = count;
        }
    }
    if newest == 0 || newest == count {
        return Err(Errno::NOENT);
    }
    (newest..count).rev().try_for_each(|number| see(numbered(number)?))
}

/// logd's file with that number.
#[inline(never)] // two callers
fn numbered(number: u32) -> Result<OwnedFd, Errno> {
    let mut path = heapless::String::<PATH_BYTES_MAX>::new();
    let _fits = path.push_str(FILES);
    if number > 0 {
        let _fits = write!(path.as_mut_view(), ".{}", u64::from(number));
    }
    pipe::open_file(&path, false)
}

/// Whether a boot began with that file.
#[inline(never)] // for a small frame
fn begins_boot(number: u32) -> Result<bool, Errno> {
    let mut begin = [0; MOMENT_BYTES + BOOT_MARK.len()];
    pipe::read(numbered(number)?.as_fd(), &mut begin)?;
    Ok(begin.ends_with(BOOT_MARK.as_bytes()))
}

/// All of `file`.
#[inline(never)] // for a small frame
fn text_of(out: &mut Output, file: &OwnedFd) -> Result<(), Errno> {
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
    let (mut ring, back) = (Ring::open()?, wanted.has(REVERSE));
    let watch = if wanted.has(FOLLOW) { Some(pipe::watch_writes(RING_PATH)?) } else { None };
    let (mut skipped, mut left) = (0, wanted.lines.filter(|_| back).unwrap_or(u64::MAX));
    let mut place = Place::default();
    if let Some(lines) = wanted.lines.filter(|_| !back) {
        let (mut count, now_us) = (0_u64, linux::clock::boot_us());
        ring.walk(&mut place, false, &mut |met| {
            count += u64::from(matches!(met, Met::Entry(entry) if wanted.takes(&entry, now_us)));
        });
        (skipped, place) = (count.saturating_sub(lines), Place::default());
    }
    let host = linux::boot::hostname();
    let mut silent = wanted.alone && !wanted.has(FOLLOW) && wanted.format != JSON;
    loop {
        let (now_us, wall_us) = (linux::clock::boot_us(), linux::clock::wall_us());
        let mut see = |met: Met<'_>| {
            let _broken = match met {
                Met::Lost(count) => {
                    writeln!(out, "-- {count} lines were overwritten before they could be read --")
                }
                Met::Entry(entry) if !wanted.takes(&entry, now_us) => Ok(()),
                Met::Entry(_) if skipped > 0 || left == 0 => {
                    skipped = skipped.saturating_sub(1);
                    Ok(())
                }
                // The clock may have been set since: what it says now tells when the line was said.
                Met::Entry(entry) => {
                    silent = false;
                    left -= 1;
                    let said_us = wall_us.saturating_sub(now_us.saturating_sub(entry.time_us));
                    one(out, &entry, said_us, &host, wanted.format)
                }
            };
        };
        ring.walk(&mut place, back, &mut see);
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
        MONOTONIC => {
            write!(out, "[{:>5}.{:06}]", entry.time_us / 1_000_000, entry.time_us % 1_000_000)?;
        }
        _ => Date::new(wall_us).write(out)?,
    }
    write!(out, " {host} ")?;
    entry.write_said(out)?;
    out.write_char('\n')
}

/// How far somebody has read.
#[derive(Default)]
pub(super) struct Place {
    /// The block.
    number: u64,
    /// Bytes of it.
    bytes: usize,
    /// The number of the next entry; 0 for whatever comes first.
    next: u64,
}

/// What is met in the ring.
pub(super) enum Met<'e> {
    Entry(Entry<'e>),
    /// So many were there and are not any more.
    Lost(u64),
}

pub(super) struct Ring {
    file: OwnedFd,
    blocks: u64,
    block: [u8; BLOCK_BYTES],
}

impl Ring {
    pub(super) fn open() -> Result<Self, Errno> {
        let file = pipe::open_file(RING_PATH, false)?;
        let blocks = pipe::size(file.as_fd()) / BLOCK_BYTES as u64;
        Ok(Self { file, blocks: blocks.max(1), block: [0; BLOCK_BYTES] })
    }

    /// The number of the block that is written to.
    fn newest(&self) -> u64 {
        (0..self.blocks).filter_map(|place| self.head(place)).map(|head| head.number).max().unwrap_or(0)
    }

    /// The head of the block at `place`.
    #[inline(never)] // for a small frame
    fn head(&self, place: u64) -> Option<Head> {
        let mut bytes = [0; Head::BYTES];
        let count = pipe::read_at(self.file.as_fd(), &mut bytes, place * BLOCK_BYTES as u64).ok()?;
        Head::read(&bytes).filter(|_| count == bytes.len())
    }

    /// Reads block `number`, unless it is there no more.
    #[inline(never)] // for a small frame
    fn load(&mut self, number: u64) -> Option<Head> {
        let place = number.checked_rem(self.blocks)?;
        pipe::read_at(self.file.as_fd(), &mut self.block, place * BLOCK_BYTES as u64).ok()?;
        let head = Head::read(&self.block).filter(|head| head.number == number)?;
        self.head(place).filter(|now| now.number == number).map(|_| head)
    }

    /// Shows `see` all from `place` on; or all that is there `back` from the end, where what is overwritten meanwhile is the
    /// oldest.
    #[inline(never)] // for a small frame
    pub(super) fn walk(&mut self, place: &mut Place, back: bool, see: &mut dyn FnMut(Met<'_>)) {
        let newest = self.newest();
        let oldest = newest.saturating_sub(self.blocks - 1).max(1);
        let mut number = if back { newest } else { place.number.max(oldest) };
        while (oldest..=newest).contains(&number) {
            let mut from = if number == place.number { place.bytes } else { 0 };
            // Nothing where it was overwritten just now.
            if let Some(head) = self.load(number) {
                if from == 0 {
                    if place.next > 0 && head.first > place.next {
                        see(Met::Lost(head.first - place.next));
                    }
                    (from, place.next) = (Head::BYTES, head.first);
                }
                let mut rest = self.block.get(from..head.used as usize).unwrap_or_default();
                let mut entries = heapless::Vec::<&[u8], BLOCK_ENTRIES_MAX>::new();
                while let Some((_, following)) = Entry::read(rest) {
                    let _fits = entries.push(rest);
                    rest = following;
                }
                place.next += entries.len() as u64;
                for n in 0..entries.len() {
                    let n = if back { entries.len() - 1 - n } else { n };
                    if let Some((entry, _)) = entries.get(n).copied().and_then(Entry::read) {
                        see(Met::Entry(entry));
                    }
                }
                (place.number, place.bytes) = (number, head.used as usize);
            }
            number = if back { number - 1 } else { number + 1 };
        }
    }
}
