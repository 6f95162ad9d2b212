//! `tomte logs`: reads the ring by itself, as journalctl(1) shows a journal. Neither PID 1 nor logd is asked, and neither
//! waits for somebody who reads slowly: what was overwritten meanwhile is counted.

use core::fmt::{self, Write};

use heapless::String;

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd, arguments::Arguments, errno::Text, glob::each_match, output::Output, pipe,
    },
    table::{limits::UNIT_NAME_BYTES_MAX, time_span},
    wire::log::{BLOCK_BYTES, Date, Entry, Head, Origin, PRIORITIES, RING_PATH, Shown, entry_json},
    words,
};

use super::{FAILED, USAGE_ERROR, talk::full_name};

const USAGE: &str = "\
usage: tomte logs [-f] [-u UNIT] [-n LINES] [-p PRIORITY] [-S TIME] [-b 0|-1] [--events] [--json]
  TIME is a span back from now (90s, 10min, 2h, 1d) or a date in UTC (2026-11-22, 2026-11-22 13:00)
  of the boot before this one (-b -1) there is but text, all of it
";

/// In the order of [`Wanted::read`]. One string: a pattern of its own is thirty bytes of code each.
const OPTIONS: &str = "-f --follow --json --events -u --unit -n --lines -p --priority -S --since -b --boot";

/// [`PRIORITIES`] by number.
const NUMBERS: &str = "0 1 2 3 4 5 6 7";
/// Lines that `-f` begins with.
const FOLLOWED_LINES: u64 = 10;
/// Where the last words of the boot before are: what was written to /dev/pmsg0, as the kernel shows it; else logd's file,
/// if the board has any, as each boot begins another.
const LAST_WORDS_PATHS: [&str; 2] = ["/sys/fs/pstore/pmsg-ramoops-0", "/var/log/tomte/messages.1"];

/// What the kernel itself has kept of its own end.
const PANICS: &str = "/sys/fs/pstore/dmesg-*";

/// What is asked for.
struct Wanted {
    unit: Option<String<UNIT_NAME_BYTES_MAX>>,
    /// Only so many, the last ones.
    lines: Option<u64>,
    /// This priority and what is more important.
    priority: u8,
    /// So many microseconds back.
    since_us: Option<u64>,
    follow: bool,
    json: bool,
    events: bool,
    previous_boot: bool,
}

impl Wanted {
    const ALL: Self = Self {
        unit: None,
        lines: None,
        priority: 7,
        since_us: None,
        follow: false,
        json: false,
        events: false,
        previous_boot: false,
    };

    /// Takes the words after `logs`; `None` if they make no sense.
    fn read(arguments: Arguments) -> Option<Self> {
        let mut wanted = Self::ALL;
        let mut words = arguments.words().skip(2).map(|word| word.to_str().unwrap_or_default());
        while let Some(word) = words.next() {
            match words::place(OPTIONS, word.as_bytes())? {
                0 | 1 => wanted.follow = true,
                2 => wanted.json = true,
                3 => wanted.events = true,
                4 | 5 => wanted.unit = Some(full_name(words.next()?).ok()?),
                6 | 7 => wanted.lines = Some(words.next()?.parse().ok()?),
                8 | 9 => wanted.priority = priority(words.next()?)?,
                10 | 11 => wanted.since_us = Some(since(words.next()?)?),
                12 | 13 => wanted.previous_boot = words.next()? == "-1",
                _ => return None,
            }
        }
        if wanted.previous_boot && arguments.words().count() > 4 {
            return None; // there is but text, and nothing to choose from
        }
        if wanted.follow {
            wanted.lines = wanted.lines.or(Some(FOLLOWED_LINES));
        }
        Some(wanted)
    }

    /// Whether `entry` is asked for, `now_us` after boot.
    fn takes(&self, entry: &Entry<'_>, now_us: u64) -> bool {
        let of_unit = |unit: &str| {
            entry.unit == unit.as_bytes()
                || entry.origin == Origin::Manager && names(entry.text, unit.as_bytes())
        };
        entry.priority <= self.priority
            && self.events == (entry.origin == Origin::Event)
            && self.since_us.is_none_or(|since_us| now_us.saturating_sub(entry.time_us) <= since_us)
            && self.unit.as_ref().is_none_or(|unit| of_unit(unit))
    }
}

/// Whether one of the words of `text` is `unit`.
fn names(text: &[u8], unit: &[u8]) -> bool {
    text.split(|byte| b" :".contains(byte)).any(|word| word.strip_suffix(b".").unwrap_or(word) == unit)
}

/// A priority by name or number.
fn priority(word: &str) -> Option<u8> {
    let word = word.as_bytes();
    let named = words::place(PRIORITIES, word).or_else(|| words::place(NUMBERS, word));
    named.map(|at| at as u8) // there are eight
}

/// How many microseconds back: as such a span, or since a moment.
fn since(word: &str) -> Option<u64> {
    span(word).or_else(|| Some(linux::clock::wall_us().saturating_sub(Date::parse(word)?)))
}

/// A span in microseconds, as systemctl takes them; journalctl has a minus before it.
fn span(word: &str) -> Option<u64> {
    time_span(word.trim_start_matches('-'))
}

/// `tomte logs`; answers the exit code.
pub(super) fn run(arguments: Arguments) -> u8 {
    let mut err = Output::stderr();
    let Some(wanted) = Wanted::read(arguments) else {
        let _ = err.write_str(USAGE);
        return USAGE_ERROR;
    };
    let out = &mut Output::stdout();
    let (path, shown) = match wanted.previous_boot {
        true => last_words(out),
        false => (RING_PATH, show(out, &wanted)),
    };
    match shown {
        Ok(()) => 0,
        Err(errno) => {
            let _ = writeln!(err, "tomte: {path}: {}", Text(errno));
            FAILED
        }
    }
}

/// The last `lines` of `unit`, for its status, below a line of nothing.
pub(super) fn last(out: &mut Output, unit: &str, lines: u64) {
    let _broken = out.write_char('\n');
    let unit = String::try_from(unit).ok();
    let _no_log = show(out, &Wanted { unit, lines: Some(lines), ..Wanted::ALL });
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

fn show(out: &mut Output, wanted: &Wanted) -> Result<(), Errno> {
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
                    let said_us = wall_us.saturating_sub(now_us.saturating_sub(entry.time_us));
                    one(out, &entry, said_us, &host, wanted.json)
                }
            };
        });
        let Some(watch) = watch.as_ref().filter(|_| out.flush()) else { return Ok(()) };
        pipe::read(watch.as_fd(), &mut [0; 4096])?;
    }
}

fn one(out: &mut Output, entry: &Entry<'_>, wall_us: u64, host: &str, json: bool) -> fmt::Result {
    if json {
        return entry_json(entry, wall_us, out);
    }
    Date::new(wall_us).write(out)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_meaning() {
        assert_eq!(priority("err"), Some(3));
        assert_eq!(priority("7"), Some(7));
        assert_eq!((priority("8"), priority("error")), (None, None));
        assert_eq!(span("90"), Some(90_000_000));
        assert_eq!(span("-10min"), Some(600_000_000));
        assert_eq!(span("2h"), Some(7_200_000_000));
        assert!(since("1970-01-02").is_some_and(|back| back > 0) && since("2026-13-01").is_none());
        assert_eq!((span("2x"), span("h"), span("99999999999999999999s")), (None, None, None));
    }

    #[test]
    fn what_the_manager_says_of_a_unit_is_found_by_its_name() {
        assert!(names(b"Started web.service - Web.", b"web.service"));
        assert!(names(b"Started web.service.", b"web.service"));
        assert!(names(b"web.service: Failed with result 'exit-code'.", b"web.service"));
        assert!(!names(b"Started myweb.service.", b"web.service"));
    }
}
