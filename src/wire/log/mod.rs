//! What a log consists of: entries, and the blocks of the ring that keeps them. PID 1 and logd speak in entries, too.
//!
//! The ring is a file of [`BLOCK_BYTES`]-sized blocks. Block number n is at place n modulo the number of blocks, and
//! begins with its [`Head`]; entries follow, none of them cut. Who writes a block writes its head with the new number
//! first, then entries, then the head that covers them: a reader that finds the same number in the head before and
//! after it has read a block has read it whole, and nobody waits for a reader. Pure.

mod show;
pub mod syslog;

pub use show::{Date, Shown, entry_json};

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 16 << 10;
/// A longer line is several entries.
pub const LINE_BYTES_MAX: usize = 2048;
/// An entry that fits whatever its names are.
pub const ENTRY_BYTES_MAX: usize = ENTRY_HEAD_BYTES + 2 * u8::MAX as usize + LINE_BYTES_MAX;
/// Entries of a block.
pub const BLOCK_ENTRIES_MAX: usize = (BLOCK_BYTES - Head::BYTES) / ENTRY_HEAD_BYTES;
/// Where logd keeps the ring.
pub const RING_PATH: &str = "/run/tomte-logd/ring";
/// The unit that runs logd.
pub const LOGD_UNIT: &str = "tomte-logd.service";
/// What a file of logd's begins with behind the moment, if a boot began with it; the boot's number follows.
pub const BOOT_MARK: &str = " tomte-logd: Boot ";
/// Priorities from `emerg` to `debug`, as in syslog(3).
pub const PRIORITIES: &str = "emerg alert crit err warning notice info debug";

const _: () = assert!(ENTRY_BYTES_MAX <= BLOCK_BYTES - Head::BYTES, "an entry fits into a block");
const _: () = assert!(ENTRY_BYTES_MAX <= u16::MAX as usize, "lengths are 16 bits");

/// Length of the whole, kind, priority, pid, time, lengths of the two names.
const ENTRY_HEAD_BYTES: usize = 18;

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A service's standard output or error.
    Stdout,
    /// A message at /dev/log.
    Syslog,
    /// The kernel's ring buffer; its number there is in the place of the pid.
    Kernel,
    /// PID 1 and logd themselves.
    Manager,
    /// Something that PID 1 has done: the identifier is its kind.
    Event,
    /// No entry of the log: a service's output, from PID 1 to logd. Its text is a [`Terms`], and its time the number of bytes
    /// that are still of who wrote there before.
    Stream,
}

impl Origin {
    const ALL: [Self; 6] =
        [Self::Stdout, Self::Syslog, Self::Kernel, Self::Manager, Self::Event, Self::Stream];

    /// The word for it in JSON: journald's `_TRANSPORT` where it has one.
    pub fn word(self) -> &'static str {
        crate::words::nth("stdout syslog kernel driver event stream", self as usize)
    }
}

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'e> {
    /// Where it comes from.
    pub origin: Origin,
    /// 0 to 7, `emerg` to `debug`.
    pub priority: u8,
    /// Who said it; 0 if nobody knows.
    pub pid: u32,
    /// Microseconds of CLOCK_BOOTTIME.
    pub time_us: u64,
    /// The unit that said it, or empty. Longer ones are cut at 255 bytes, as below.
    pub unit: &'e [u8],
    /// `SyslogIdentifier=`, the program's name, or what the message says itself.
    pub identifier: &'e [u8],
    /// The line, as it came. Cut at [`LINE_BYTES_MAX`].
    pub text: &'e [u8],
}

impl<'e> Entry<'e> {
    /// Writes it to the beginning of `room`; answers its length, or 0 if there is no room.
    pub fn write(&self, room: &mut [u8]) -> usize {
        let cut = |bytes: &'e [u8], most: usize| bytes.get(..most).unwrap_or(bytes);
        let names = [cut(self.unit, u8::MAX.into()), cut(self.identifier, u8::MAX.into())];
        let text = cut(self.text, LINE_BYTES_MAX);
        let length = ENTRY_HEAD_BYTES + names[0].len() + names[1].len() + text.len();
        let mut head = [0; ENTRY_HEAD_BYTES];
        let [low, high] = (length as u16).to_le_bytes(); // ENTRY_BYTES_MAX fits
        (head[0], head[1], head[2], head[3]) = (low, high, self.origin as u8, self.priority);
        head[4..8].copy_from_slice(&self.pid.to_le_bytes());
        head[8..16].copy_from_slice(&self.time_us.to_le_bytes());
        (head[16], head[17]) = (names[0].len() as u8, names[1].len() as u8); // cut to fit
        let Some(mut room) = room.get_mut(..length) else { return 0 };
        for &piece in &[&head[..], names[0], names[1], text] {
            let Some((place, rest)) = room.split_at_mut_checked(piece.len()) else { return 0 };
            place.copy_from_slice(piece);
            room = rest;
        }
        length
    }

    /// Reads the one at the beginning of `bytes`, and what follows it; `None` if there is none.
    #[inline(never)] // six callers
    pub fn read(bytes: &'e [u8]) -> Option<(Self, &'e [u8])> {
        let (length, _) = bytes.split_first_chunk()?;
        let (entry, following) = bytes.split_at_checked(u16::from_le_bytes(*length).into())?;
        let (head, rest) = entry.split_first_chunk::<ENTRY_HEAD_BYTES>()?;
        let [_, _, origin, priority, pid @ .., _, _, _, _, _, _, _, _, unit, identifier] = *head;
        let [.., a, b, c, d, e, f, g, h, _, _] = *head;
        let (unit, rest) = rest.split_at_checked(unit.into())?;
        let (identifier, text) = rest.split_at_checked(identifier.into())?;
        let entry = Self {
            origin: *Origin::ALL.get(usize::from(origin))?,
            priority: priority & 7,
            pid: u32::from_le_bytes(pid),
            time_us: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            unit,
            identifier,
            text,
        };
        Some((entry, following))
    }
}

/// What logd has to know of a service's output besides its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Tells this announcement from others of the same unit.
    pub serial: u32,
    /// `LogRateLimitIntervalSec=` in milliseconds; no limit if this or the next is 0.
    pub interval_ms: u32,
    /// `LogRateLimitBurst=`.
    pub burst: u32,
    /// `SyslogLevel=`: the priority of lines that say nothing of it.
    pub level: u8,
    /// `LogLevelMax=`: less important lines are dropped.
    pub level_max: u8,
    /// `SyslogLevelPrefix=`: whether lines say by `<N>` how important they are.
    pub prefix: bool,
}

impl Terms {
    /// Bytes of one.
    pub const BYTES: usize = 15;

    /// As the text of an entry.
    pub fn write(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.serial.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.interval_ms.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.burst.to_le_bytes());
        bytes[12..].copy_from_slice(&[self.level, self.level_max, u8::from(self.prefix)]);
        bytes
    }

    /// From the text of an entry.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (serial, rest) = bytes.split_first_chunk()?;
        let (interval, rest) = rest.split_first_chunk()?;
        let (burst, rest) = rest.split_first_chunk()?;
        let [level, level_max, prefix] = *rest.first_chunk()?;
        Some(Self {
            serial: u32::from_le_bytes(*serial),
            interval_ms: u32::from_le_bytes(*interval),
            burst: u32::from_le_bytes(*burst),
            level,
            level_max,
            prefix: prefix != 0,
        })
    }
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Counted from 1 on.
    pub number: u64,
    /// The number of its first entry among all entries ever.
    pub first: u64,
    /// Bytes of the block that are written, this head included.
    pub used: u32,
}

impl Head {
    /// Bytes of one.
    pub const BYTES: usize = 24;
    const MARK: [u8; 4] = *b"TLG\x01";

    /// As it stands in the file.
    pub fn write(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&Self::MARK);
        bytes[4..8].copy_from_slice(&self.used.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..].copy_from_slice(&self.first.to_le_bytes());
        bytes
    }

    /// From the beginning of a block; `None` if none is written there.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (mark, rest) = bytes.split_first_chunk()?;
        let (used, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let head = Self {
            number: u64::from_le_bytes(*number),
            first: u64::from_le_bytes(*rest.first_chunk()?),
            used: u32::from_le_bytes(*used),
        };
        let sound = *mark == Self::MARK
            && head.number > 0
            && (Self::BYTES..=BLOCK_BYTES).contains(&(head.used as usize));
        sound.then_some(head)
    }
}

/// The priority that a line begins with as sd-daemon(3) has it, `<N>`, and the line without it.
pub fn split_priority(line: &[u8]) -> Option<(u8, &[u8])> {
    let mut value: u8 = 0;
    for (at, byte) in line.iter().enumerate().skip(1) {
        match *byte {
            digit @ b'0'..=b'9' if at < 4 => value = value.wrapping_mul(10).wrapping_add(digit - b'0'),
            b'>' if at > 1 && line.first() == Some(&b'<') => return Some((value & 7, line.get(at + 1..)?)),
            _ => return None,
        }
    }
    None
}

/// The first line of `bytes` and what comes after it; `None` if it is not whole. What is too long is cut, between
/// characters if there are any; what has `ended` is whole.
pub fn split_line(bytes: &[u8], ended: bool) -> Option<(&[u8], &[u8])> {
    let window = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    if let Some(at) = window.iter().position(|byte| *byte == b'\n') {
        return Some((bytes.get(..at)?, bytes.get(at + 1..)?));
    }
    if window.len() < LINE_BYTES_MAX {
        return (ended && !bytes.is_empty()).then_some((bytes, &[]));
    }
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let cut = (LINE_BYTES_MAX - 3..=LINE_BYTES_MAX).rev().find(|at| !is_inside(*at));
    Some(bytes.split_at(cut.unwrap_or(LINE_BYTES_MAX)))
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const ENTRY: Entry<'_> = Entry {
        origin: Origin::Stdout,
        priority: 6,
        pid: 0x0102_0304,
        time_us: 0x0102_0304_0506_0708,
        unit: b"web.service",
        identifier: b"httpd",
        text: b"hello",
    };

    #[test]
    fn an_entry_comes_back_as_it_went_and_says_what_follows() {
        let mut room = [7; 64];
        let length = ENTRY.write(&mut room);
        assert_eq!(length, 18 + 11 + 5 + 5);
        let (entry, rest) = Entry::read(&room).expect("an entry");
        assert_eq!((entry, rest.len()), (ENTRY, 64 - length));
    }

    #[test]
    fn what_is_too_long_is_cut_and_what_does_not_fit_is_not_written() {
        let long = [b'x'; 3000];
        let entry = Entry { unit: &long, identifier: &long, text: &long, ..ENTRY };
        let mut room = [0; ENTRY_BYTES_MAX];
        assert_eq!(entry.write(&mut room), ENTRY_BYTES_MAX);
        let (read, rest) = Entry::read(&room).expect("an entry");
        assert_eq!((read.unit.len(), read.text.len(), rest.len()), (255, LINE_BYTES_MAX, 0));
        assert_eq!(entry.write(&mut room[1..]), 0);
    }

    #[test]
    fn heads_and_terms_come_back_as_they_went() {
        let head = Head { number: 70_000, first: 1 << 40, used: 24 };
        assert_eq!(Head::read(&head.write()), Some(head));
        assert_eq!(Head::read(&[0; Head::BYTES]), None, "nothing was written there yet");
        assert_eq!(Head::read(&Head { used: 23, ..head }.write()), None);
        assert_eq!(Head::read(&Head { used: BLOCK_BYTES as u32 + 1, ..head }.write()), None);
        let terms =
            Terms { serial: 9, interval_ms: 30_000, burst: 10_000, level: 6, level_max: 7, prefix: true };
        assert_eq!(Terms::read(&terms.write()), Some(terms));
        assert_eq!(Terms::read(&terms.write()[..14]), None);
    }

    #[test]
    fn a_line_says_how_important_it_is() {
        for (line, priority) in [
            ("<3>oh", Some((3, "oh"))),
            ("<13>user", Some((5, "user"))),
            ("<191>", Some((7, ""))),
            ("<>x", None),
            ("<1234>x", None),
            ("<3 x", None),
            ("3>x", None),
            ("<", None),
            ("", None),
        ] {
            assert_eq!(
                split_priority(line.as_bytes()),
                priority.map(|(p, rest)| (p, rest.as_bytes())),
                "{line}"
            );
        }
    }

    fn lines(mut bytes: &[u8], ended: bool) -> (Vec<Vec<u8>>, usize) {
        let mut lines = Vec::new();
        while let Some((line, rest)) = split_line(bytes, ended) {
            assert!(rest.len() < bytes.len());
            lines.push(line.to_vec());
            bytes = rest;
        }
        (lines, bytes.len())
    }

    #[test]
    fn a_line_is_whole_when_it_ends() {
        assert_eq!(lines(b"a\n\nbc", false), (vec![b"a".to_vec(), vec![],], 2));
        assert_eq!(lines(b"a\n\nbc", true), (vec![b"a".to_vec(), vec![], b"bc".to_vec()], 0));
        assert_eq!(lines(b"", true), (vec![], 0));
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut_between_characters() {
        let text = "é".repeat(1 << 19);
        let (pieces, left) = lines(text.as_bytes(), true);
        assert_eq!((left, pieces.concat().len()), (0, 1 << 20));
        assert!(
            pieces.iter().all(|piece| piece.len() <= LINE_BYTES_MAX && core::str::from_utf8(piece).is_ok())
        );
        let (pieces, left) = lines(&[0x80; LINE_BYTES_MAX], false);
        assert_eq!((left, pieces.len()), (0, 1), "what has no characters is cut anywhere");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_lines(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let (lines, left) = lines(&bytes, false);
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
            let text: usize = lines.iter().map(Vec::len).sum();
            prop_assert_eq!(text + ends + left, bytes.len());
            prop_assert!(left < LINE_BYTES_MAX);
        }

        #[test]
        fn no_bytes_upset_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = &bytes[..];
            while let Some((entry, following)) = Entry::read(rest) {
                assert!(following.len() < rest.len());
                let mut again = Vec::from([0; 200]);
                assert_eq!(entry.write(&mut again), rest.len() - following.len());
                rest = following;
            }
            let _ = (Head::read(&bytes), Terms::read(&bytes), split_priority(&bytes));
        }
    }
}
