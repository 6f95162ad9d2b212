//! Entries as text: for people as journalctl(1) shows them, for programs as its JSON. What a service says never reaches a
//! terminal as it is: escape sequences are shown, not obeyed. Pure.

use core::fmt::{self, Write};

use super::{Entry, Origin};
use crate::wire::json;

const SECOND_US: u64 = 1_000_000;
const DAY_US: u64 = 86_400 * SECOND_US;
/// Three letters each.
const MONTHS: &str = "MarAprMayJunJulAugSepOctNovDecJanFeb";

/// A moment of UTC, apart from its microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// From 1970 on.
    pub year: u64,
    /// From March on, which is 0.
    pub march_month: u64,
    /// From 1 on.
    pub day: u64,
    /// Of the day.
    pub seconds: u64,
}

impl Date {
    /// The day and time at `wall_us` microseconds since 1970, by the Gregorian calendar's cycle of 400 years.
    pub const fn new(wall_us: u64) -> Self {
        let days = wall_us / DAY_US + 719_468; // since 1 March 0
        let (era, of_era) = (days / 146_097, days % 146_097);
        let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * years + years / 4 - years / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let year = years + era * 400 + (march_month >= 10) as u64;
        Self { year, march_month, day, seconds: wall_us % DAY_US / SECOND_US }
    }

    /// The moment that `text` names in UTC, microseconds since 1970: `2026-10-11`, `2026-10-11 22:14`, or as
    /// [`Self::write_full`] writes it.
    pub fn parse(text: &str) -> Option<u64> {
        let text = text.strip_suffix(" UTC").or(text.strip_suffix('Z')).unwrap_or(text);
        let (mut parts, mut count, mut digits) = ([0; 6], 0, 0);
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' if digits < 4 => {
                    let part: &mut u32 = parts.get_mut(count)?;
                    *part = *part * 10 + u32::from(byte - b'0');
                    digits += 1;
                }
                b'-' | b' ' | b'T' | b':' if digits > 0 => (count, digits) = (count + 1, 0),
                _ => return None,
            }
        }
        let [year, month @ 1..=12, day @ 1..=31, hour @ ..24, minute @ ..60, second @ ..60] = parts else {
            return None;
        };
        if count < 2 || digits == 0 || year < 1970 {
            return None;
        }
        // As above: years begin in March.
        let (march_month, year) = (u64::from((month + 9) % 12), u64::from(year - u32::from(month < 3)));
        let days =
            year * 365 + year / 4 - year / 100 + year / 400 + (153 * march_month + 2) / 5 + u64::from(day)
                - 719_469;
        Some((days * 86_400 + u64::from(hour * 3_600 + minute * 60 + second)) * SECOND_US)
    }

    /// Writes it as syslog has it: `Oct 11 22:14:15`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let at = self.march_month as usize * 3;
        out.write_str(MONTHS.get(at..at + 3).unwrap_or_default())?;
        write!(out, " {:02} ", self.day)?;
        self.write_time(out)
    }

    /// Writes it as RFC 3339 has it: `2026-10-11T22:14:15Z`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_full(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{}-{:02}-{:02}T", self.year, (self.march_month + 2) % 12 + 1, self.day)?;
        self.write_time(out)?;
        out.write_char('Z')
    }

    fn write_time(&self, out: &mut dyn Write) -> fmt::Result {
        let seconds = self.seconds;
        write!(out, "{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
    }
}

/// Bytes that anybody may have written, for a terminal: control characters and what is no UTF-8 are shown as `\x1b`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'e>(pub &'e [u8]);

impl Shown<'_> {
    /// Writes them.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\t' | ' '..='~' | '\u{a0}'.. => out.write_char(character)?,
                    other => write!(out, "\\x{:02x}", u64::from(u32::from(other)))?,
                }
            }
            for byte in chunk.invalid() {
                write!(out, "\\x{:02x}", u64::from(*byte))?;
            }
        }
        Ok(())
    }
}

impl Entry<'_> {
    /// Writes `identifier[pid]: text`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_said(&self, out: &mut dyn Write) -> fmt::Result {
        Shown(self.identifier).write(out)?;
        if self.pid != 0 && self.origin != Origin::Kernel {
            write!(out, "[{}]", u64::from(self.pid))?;
        }
        out.write_str(": ")?;
        if self.origin == Origin::Event && !self.unit.is_empty() {
            Shown(self.unit).write(out)?;
            out.write_str(": ")?;
        }
        Shown(self.text).write(out)
    }
}

/// Writes `entry` as a JSON object, with journald's fields. `wall_us` is when it was said.
///
/// # Errors
/// Those of `out`.
pub fn entry_json(entry: &Entry<'_>, wall_us: u64, out: &mut dyn Write) -> fmt::Result {
    let mut before = "{";
    let mut key =
        |out: &mut dyn Write, name: &str| write!(out, "{}\"{name}\":", core::mem::replace(&mut before, ","));
    let numbers = [
        ("__REALTIME_TIMESTAMP", wall_us),
        ("__MONOTONIC_TIMESTAMP", entry.time_us),
        ("PRIORITY", entry.priority.into()),
        ("_PID", entry.pid.into()),
    ];
    for &(name, value) in &numbers {
        key(out, name)?;
        write!(out, "\"{value}\"")?;
    }
    let texts: [(&str, &[u8]); 3] = [
        ("_TRANSPORT", entry.origin.word().as_bytes()),
        ("_SYSTEMD_UNIT", entry.unit),
        ("SYSLOG_IDENTIFIER", entry.identifier),
    ];
    for &(name, value) in &texts {
        key(out, name)?;
        quoted(out, value)?;
    }
    if entry.origin == Origin::Event {
        // Words of PID 1's own: fields and their values.
        for word in core::str::from_utf8(entry.text).unwrap_or_default().split(' ') {
            let (name, value) = word.split_once('=').unwrap_or(("MESSAGE", word));
            key(out, name)?;
            quoted(out, value.as_bytes())?;
        }
    } else {
        key(out, "MESSAGE")?;
        quoted(out, entry.text)?;
    }
    out.write_str("}\n")
}

fn quoted(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        json::escaped(out, chunk.valid())?;
        if !chunk.invalid().is_empty() {
            out.write_char(char::REPLACEMENT_CHARACTER)?;
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut out = String::new();
        write(&mut out).expect("a String takes all");
        out
    }

    #[test]
    fn moments_have_dates() {
        for (seconds, syslog, full) in [
            (0, "Jan 01 00:00:00", "1970-01-01T00:00:00Z"),
            (951_782_400, "Feb 29 00:00:00", "2000-02-29T00:00:00Z"),
            (1_065_910_455, "Oct 11 22:14:15", "2003-10-11T22:14:15Z"),
            (4_107_542_399, "Feb 28 23:59:59", "2100-02-28T23:59:59Z"),
            (1_798_761_599, "Dec 31 23:59:59", "2026-12-31T23:59:59Z"),
        ] {
            let date = Date::new(seconds * SECOND_US + 999_999);
            assert_eq!(text(|out| date.write(out)), syslog);
            assert_eq!(text(|out| date.write_full(out)), full);
            assert_eq!(Date::parse(full), Some(seconds * SECOND_US));
        }
    }

    #[test]
    fn moments_are_understood_in_parts_and_nonsense_is_not() {
        let day = Date::parse("2026-11-22").expect("a day");
        assert_eq!(Date::parse("2026-11-22 13:00"), Some(day + 13 * 3_600 * SECOND_US));
        assert_eq!(Date::parse("2026-11-22 13:00:01 UTC"), Some(day + 46_801 * SECOND_US));
        for wrong in
            ["", "2026", "2026-13-01", "2026-11-22 24:00", "1969-12-31", "2026-11-22 1:2:3:4", "a-b-c", "90s"]
        {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let shown = |bytes: &[u8]| text(|out| Shown(bytes).write(out));
        assert_eq!(shown(b"a\tb c~"), "a\tb c~");
        assert_eq!(shown(b"\x1b[2J\0\r\x7f\n"), "\\x1b[2J\\x00\\x0d\\x7f\\x0a");
        assert_eq!(shown("grüße \u{9b}31m".as_bytes()), "grüße \\x9b31m", "C1 is control, too");
        assert_eq!(shown(b"\x9b31m \xff\xc3"), "\\x9b31m \\xff\\xc3");
        for byte in 0..=u8::MAX {
            let control = |character: char| character != '\t' && character.is_control();
            assert!(!shown(&[byte]).contains(control), "{byte}");
        }
    }

    #[test]
    fn an_entry_is_a_line_and_an_object() {
        let entry = Entry {
            origin: Origin::Stdout,
            priority: 4,
            pid: 7,
            time_us: 5,
            unit: b"w.service",
            identifier: b"web",
            text: b"a\"\x1b\xffz",
        };
        assert_eq!(text(|out| entry.write_said(out)), "web[7]: a\"\\x1b\\xffz");
        assert_eq!(text(|out| Entry { pid: 0, ..entry }.write_said(out)), "web: a\"\\x1b\\xffz");
        let json = text(|out| entry_json(&entry, 9, out));
        assert_eq!(
            json,
            "{\"__REALTIME_TIMESTAMP\":\"9\",\"__MONOTONIC_TIMESTAMP\":\"5\",\"PRIORITY\":\"4\",\"_PID\":\"7\",\
             \"_TRANSPORT\":\"stdout\",\"_SYSTEMD_UNIT\":\"w.service\",\"SYSLOG_IDENTIFIER\":\"web\",\
             \"MESSAGE\":\"a\\\"\\u001b\u{fffd}z\"}\n"
        );
        let event = Entry { origin: Origin::Event, text: b"VERB=stop UID=0", ..entry };
        assert_eq!(text(|out| event.write_said(out)), "web[7]: w.service: VERB=stop UID=0");
        let json = text(|out| entry_json(&event, 9, out));
        assert!(json.ends_with("\"web\",\"VERB\":\"stop\",\"UID\":\"0\"}\n"), "{json}");
    }
}
