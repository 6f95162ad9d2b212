//! What `tomte logs` is asked for: journalctl's words, and which entries they choose.

use heapless::{String, Vec};

use crate::{
    linux::{self, arguments::Arguments},
    table::{Arch, Table, matches, time_span},
    wire::log::{Date, Entry, Origin, PRIORITIES},
    words,
};

use super::{
    complain,
    options::{Known, OPERAND, Options},
    pattern,
    talk::{Name, full_name},
    words::number,
};

/// What has a value comes first.
static OPTIONS: Known = Known {
    names: "unit priority since until identifier output grep lines boot \
            dmesg events follow pager-end reverse json list-boots \
            catalog no-pager quiet all full merge utc",
    letters: "upSUtognbk.fer..x.qalm",
    valued: 9,
    optional: LINES,
};
const OUTPUT: usize = 5;
const GREP: usize = 6;
const LINES: usize = 7;
const BOOT: usize = 8;
const DMESG: usize = 9;
const EVENTS: usize = 10;
pub(super) const FOLLOW: usize = 11;
const END: usize = 12;
/// The newest first.
pub(super) const REVERSE: usize = 13;
const JSON_SWITCH: usize = 14;
/// The boots themselves.
pub(super) const LIST_BOOTS: usize = 15;
/// All that choose entries, or how they are shown.
const CHOICES: u32 = (1 << JSON_SWITCH) - 1 - (1 << BOOT);
/// What is said to those who choose from what is text.
const ELSEWHERE: &str = "that with -b -1: grep, tac and tail do it";
/// What is said to those who want the last line first and wait for another one.
const BOTH_WAYS: &str = "--reverse with --follow";
/// `-o` and, in this order, its words.
const FORMATS: &str = "short cat short-iso json short-monotonic";
pub(super) const CAT: usize = 1;
pub(super) const ISO: usize = 2;
pub(super) const JSON: usize = 3;
pub(super) const MONOTONIC: usize = 4;
/// Units, and identifiers, of one command.
const NAMES_MAX: usize = 16;

/// [`PRIORITIES`] by number.
const NUMBERS: &str = "0 1 2 3 4 5 6 7";
/// Lines that `-f` begins with and that a bare `-n` shows, and those of `-e`.
const FOLLOWED_LINES: u64 = 10;
const END_LINES: u64 = 1000;
const DAY_US: u64 = 86_400_000_000;
/// What is asked for.
pub(super) struct Wanted<'a> {
    /// Names, with `.service` or without, and patterns; all if there is none.
    pub(super) units: Vec<&'a str, NAMES_MAX>,
    pub(super) identifiers: Vec<&'a str, NAMES_MAX>,
    /// Only so many, the last ones.
    pub(super) lines: Option<u64>,
    /// From the first of these priorities to the second.
    pub(super) priorities: (u8, u8),
    /// From so many microseconds back to so many.
    pub(super) since_us: u64,
    pub(super) until_us: u64,
    /// What the text has.
    pub(super) pattern: &'a str,
    /// A place in [`FORMATS`].
    pub(super) format: usize,
    pub(super) previous_boot: bool,
    /// A bit for each place in [`OPTIONS`] of what was given.
    pub(super) seen: u32,
    /// For whom it is said if there is nothing.
    pub(super) alone: bool,
}

impl<'a> Wanted<'a> {
    /// Everything. No constant: that would be there twice, once as what it is copied from.
    #[inline(never)] // for a small frame
    pub(super) fn all() -> Self {
        Self {
            units: Vec::new(),
            identifiers: Vec::new(),
            lines: None,
            priorities: (0, 7),
            since_us: u64::MAX,
            until_us: 0,
            pattern: "",
            format: 0,
            previous_boot: false,
            seen: 0,
            alone: false,
        }
    }

    /// Takes the words behind argv\[0\], of which so many are the verb; or answers what is not understood.
    #[inline(never)] // for a small frame
    pub(super) fn read(&mut self, arguments: Arguments, mut verbs: usize) -> Result<(), &'static str> {
        let mut options = Options::new(arguments, &OPTIONS);
        let mut seen: u32 = 0;
        while let Some((place, value)) = options.next()? {
            seen |= 1_u32.wrapping_shl(place as u32); // nobody looks at the bit of an operand
            let understood = match place {
                OPERAND => {
                    verbs = verbs.wrapping_sub(1);
                    verbs < usize::MAX
                }
                0 | 4 => {
                    let list = if place == 0 { &mut self.units } else { &mut self.identifiers };
                    list.push(value).is_ok()
                }
                1 => priorities(value).map(|wanted| self.priorities = wanted).is_some(),
                2 | 3 => {
                    let limit = if place == 2 { &mut self.since_us } else { &mut self.until_us };
                    back(value).map(|us| *limit = us).is_some()
                }
                OUTPUT => {
                    words::place(FORMATS, value.as_bytes()).map(|format| self.format = format).is_some()
                }
                GREP => {
                    self.pattern = value;
                    match pattern::unknown(value) {
                        "" => true,
                        unknown => {
                            complain(format_args!(
                                "--grep knows . * ^ $ and \\ of regular expressions, no more"
                            ));
                            return Err(unknown);
                        }
                    }
                }
                LINES => {
                    self.lines = if value.is_empty() { Some(FOLLOWED_LINES) } else { number(value) };
                    self.lines.is_some()
                }
                BOOT => {
                    self.previous_boot = value == "-1";
                    self.previous_boot || value.is_empty() || value == "0"
                }
                _ => true,
            };
            if !understood {
                return Err(value);
            }
        }
        self.seen = seen;
        if self.has(JSON_SWITCH) {
            self.format = JSON;
        }
        if self.previous_boot && seen & CHOICES != 0 {
            return Err(ELSEWHERE);
        }
        if self.has(FOLLOW) {
            self.lines = self.lines.or(Some(FOLLOWED_LINES));
            return if self.has(REVERSE) { Err(BOTH_WAYS) } else { Ok(()) };
        }
        if self.has(END) {
            self.lines = self.lines.or(Some(END_LINES));
        }
        // As journalctl: what is found is the last, and the very last comes first.
        if self.lines.is_some() && !self.pattern.is_empty() {
            self.seen |= 1 << REVERSE;
        }
        Ok(())
    }

    /// Puts a unit's own name in the place of another one: lines are kept under that.
    pub(super) fn resolve(&mut self, linked: &'static [u8]) {
        let Ok(table) = Table::open(linked, Arch::NATIVE) else { return };
        for name in &mut self.units {
            let own = full_name(name, ".service", &mut Name::new()).ok().and_then(|full| table.alias(full));
            *name = own.filter(|own| !own.is_empty()).unwrap_or(name);
        }
    }

    /// Whether the switch at `place` was given.
    pub(super) const fn has(&self, place: usize) -> bool {
        self.seen >> place & 1 != 0
    }

    /// Whether `entry` is asked for, `now_us` after boot.
    pub(super) fn takes(&self, entry: &Entry<'_>, now_us: u64) -> bool {
        let back_us = now_us.saturating_sub(entry.time_us);
        (self.priorities.0..=self.priorities.1).contains(&entry.priority)
            && self.has(EVENTS) == (entry.origin == Origin::Event)
            && (!self.has(DMESG) || entry.origin == Origin::Kernel)
            && (self.until_us..=self.since_us).contains(&back_us)
            && (self.identifiers.is_empty()
                || self.identifiers.iter().any(|one| one.as_bytes() == entry.identifier))
            && (self.units.is_empty()
                || self.is_of_units(entry.unit)
                || entry.origin == Origin::Manager && self.names_units(entry.text))
            && pattern::is_in(self.pattern, entry.text)
    }

    /// Whether `unit` is asked for.
    #[inline(never)] // for a small frame
    fn is_of_units(&self, unit: &[u8]) -> bool {
        let unit = core::str::from_utf8(unit).unwrap_or_default();
        let short = unit.strip_suffix(".service").unwrap_or(unit);
        self.units.iter().any(|one| matches(one, unit) || matches(one, short))
    }

    /// Whether one of the words of `text` is the name of a unit that is asked for.
    fn names_units(&self, text: &[u8]) -> bool {
        text.split(|byte| b" :".contains(byte)).any(|word| {
            let word = word.strip_suffix(b".").unwrap_or(word);
            word.contains(&b'.') && self.is_of_units(word)
        })
    }
}

/// A priority by name or number, and all that are more important; or two, with dots between.
fn priorities(word: &str) -> Option<(u8, u8)> {
    let (from, to) =
        word.split_once('.').map_or(("0", word), |(from, to)| (from, to.strip_prefix('.').unwrap_or("")));
    let (from, to) = (priority(from)?, priority(to)?);
    Some((from.min(to), from.max(to)))
}

/// A priority by name or number.
#[inline(never)] // for a small frame
fn priority(word: &str) -> Option<u8> {
    let word = word.as_bytes();
    let named = words::place(PRIORITIES, word).or_else(|| words::place(NUMBERS, word));
    named.map(|at| at as u8) // there are eight
}

/// How many microseconds back a moment is: a span, as systemctl takes them, journalctl has a minus before it or `ago`
/// behind; a word; or a moment of UTC, of today if there is no date.
#[inline(never)] // for a small frame
fn back(word: &str) -> Option<u64> {
    let wall_us = linux::clock::wall_us();
    let today_us = wall_us % DAY_US;
    match words::place("now today yesterday", word.as_bytes()) {
        Some(0) => return Some(0),
        Some(1) => return Some(today_us),
        Some(_) => return Some(today_us + DAY_US),
        None => {}
    }
    let span = word.trim_start_matches('-');
    if let Some(span) = time_span(span.strip_suffix(" ago").unwrap_or(span)) {
        return Some(span);
    }
    if let Some(moment_us) = Date::parse(word) {
        return Some(wall_us.saturating_sub(moment_us));
    }
    let mut first_day = String::<32>::new();
    let date = first_day.as_mut_view();
    date.push_str("1970-01-01 ").and_then(|()| date.push_str(word)).ok()?;
    Some(today_us.saturating_sub(Date::parse(date)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&'static core::ffi::CStr]) -> Result<Wanted<'static>, &'static str> {
        let mut wanted = Wanted::all();
        wanted.read(Arguments::of(words), 1).map(|()| wanted)
    }

    const ENTRY: Entry<'_> = Entry {
        origin: Origin::Stdout,
        priority: 4,
        pid: 7,
        time_us: 90_000_000,
        unit: b"web.service",
        identifier: b"httpd",
        text: b"hello",
    };
    const NOW_US: u64 = 100_000_000;

    #[test]
    fn fingers_that_know_journalctl_are_understood() {
        let wanted =
            read(&[c"tomte", c"logs", c"-xeu", c"web", c"--no-pager", c"-n", c"all"]).expect("words");
        assert_eq!((wanted.units.as_slice(), wanted.lines), (&["web"][..], Some(u64::MAX)));
        let wanted = read(&[c"tomte", c"--json", c"logs", c"-b", c"-fn3", c"-b0"]).expect("words");
        assert!(
            wanted.has(FOLLOW) && wanted.format == JSON && wanted.lines == Some(3) && !wanted.previous_boot
        );
        assert!(
            read(&[c"tomte", c"logs", c"-b", c"-1", c"--no-pager"]).is_ok_and(|wanted| wanted.previous_boot)
        );
        assert!(read(&[c"tomte", c"logs", c"-b-1"]).is_ok_and(|wanted| wanted.previous_boot));
        assert!(read(&[c"tomte", c"logs", c"-ocat"]).is_ok_and(|wanted| wanted.format == CAT));
        assert!(read(&[c"tomte", c"logs", c"--output=short-iso"]).is_ok_and(|wanted| wanted.format == ISO));
        assert!(read(&[c"tomte", c"logs", c"-ojson"]).is_ok_and(|wanted| wanted.format == JSON));
        assert!(
            read(&[c"tomte", c"logs", c"-oshort-monotonic"]).is_ok_and(|wanted| wanted.format == MONOTONIC)
        );
        assert!(
            read(&[c"tomte", c"logs", c"--list-boots", c"--json"]).is_ok_and(|wanted| wanted.has(LIST_BOOTS))
        );
        for (words, lines, reverse) in [
            (&[c"tomte", c"logs"][..], None, false),
            (&[c"tomte", c"logs", c"-n"], Some(10), false),
            (&[c"tomte", c"logs", c"-n", c"-r"], Some(10), true),
            (&[c"tomte", c"logs", c"-rn5"], Some(5), true),
            (&[c"tomte", c"logs", c"-e"], Some(1000), false),
            (&[c"tomte", c"logs", c"-ef"], Some(10), false),
            // As journalctl has it: the last ones that are found, the very last first.
            (&[c"tomte", c"logs", c"-g", c"x"], None, false),
            (&[c"tomte", c"logs", c"-n5", c"-gx"], Some(5), true),
            (&[c"tomte", c"logs", c"-fgx"], Some(10), false),
        ] {
            let wanted = read(words).expect("words");
            assert_eq!((wanted.lines, wanted.has(REVERSE)), (lines, reverse), "{words:?}");
        }
        for (words, word) in [
            (&[c"tomte", c"logs", c"web"][..], "web"),
            (&[c"tomte", c"logs", c"-n", c"few"], "few"),
            (&[c"tomte", c"logs", c"-p", c"error"], "error"),
            (&[c"tomte", c"logs", c"-o", c"verbose"], "verbose"),
            (&[c"tomte", c"logs", c"--since", c"then"], "then"),
            (&[c"tomte", c"logs", c"--vacuum-size=1M"], "--vacuum-size=1M"),
            (&[c"tomte", c"logs", c"-g", c"a[bc]"], "[bc]"),
            (&[c"tomte", c"logs", c"-rf"], BOTH_WAYS),
            (&[c"tomte", c"logs", c"-n", c"+5"], "+5"),
            (&[c"tomte", c"logs", c"-n", c"5", c"5"], "5"),
            (&[c"tomte", c"logs", c"-b-1", c"-r"], ELSEWHERE),
            (&[c"tomte", c"logs", c"-b", c"-2"], "-2"),
            (&[c"tomte", c"logs", c"-b", c"-1", c"-u", c"web"], ELSEWHERE),
            (&[c"tomte", c"logs", c"-h"], "-h"),
        ] {
            assert_eq!(read(words).err(), Some(word), "{words:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_taken_and_nothing_else() {
        let takes = |words: &[&'static core::ffi::CStr], entry: &Entry<'_>| {
            let words = std::vec::Vec::from_iter([c"tomte", c"logs"].iter().chain(words).copied());
            read(&words).expect("words").takes(entry, NOW_US)
        };
        let kernel = Entry { origin: Origin::Kernel, unit: b"", identifier: b"kernel", ..ENTRY };
        let manager =
            Entry { origin: Origin::Manager, unit: b"", text: b"Started web.service - Web.", ..ENTRY };
        assert!(takes(&[], &ENTRY) && takes(&[c"-u", c"db", c"-u", c"web"], &ENTRY));
        assert!(takes(&[c"-u", c"w*"], &ENTRY) && takes(&[c"-u", c"web.service"], &manager));
        assert!(takes(&[c"-u", c"web"], &manager) && !takes(&[c"-u", c"started"], &manager));
        assert!(!takes(&[c"-u", c"we"], &ENTRY) && !takes(&[c"-u", c"db"], &manager));
        assert!(takes(&[c"-p", c"4"], &ENTRY) && !takes(&[c"-p", c"err"], &ENTRY));
        assert!(takes(&[c"-p", c"info..err"], &ENTRY) && !takes(&[c"-p", c"notice..debug"], &ENTRY));
        assert!(takes(&[c"-t", c"httpd"], &ENTRY) && !takes(&[c"-t", c"sshd"], &ENTRY));
        assert!(takes(&[c"-k"], &kernel) && !takes(&[c"-k"], &ENTRY) && takes(&[], &kernel));
        assert!(takes(&[c"-S", c"-11s"], &ENTRY) && !takes(&[c"-S", c"9s"], &ENTRY));
        assert!(takes(&[c"-U", c"9s ago"], &ENTRY) && !takes(&[c"--until=-11s"], &ENTRY));
        assert!(takes(&[c"-g", c"^hel*o$"], &ENTRY) && !takes(&[c"-g", c"hel$"], &ENTRY));
        assert!(!takes(&[c"--events"], &ENTRY));
    }

    #[test]
    fn words_have_their_meaning() {
        assert_eq!(priorities("err"), Some((0, 3)));
        assert_eq!(priorities("7"), Some((0, 7)));
        assert_eq!((priorities("8"), priorities("error"), priorities("..")), (None, None, None));
        assert_eq!(back("90"), Some(90_000_000));
        assert_eq!(back("-10min"), Some(600_000_000));
        assert_eq!(back("2 hours ago"), Some(7_200_000_000));
        assert_eq!(back("now"), Some(0));
        assert!(
            back("today").is_some_and(|us| us <= DAY_US) && back("yesterday").is_some_and(|us| us >= DAY_US)
        );
        assert!(back("00:00:01").is_some_and(|us| us <= DAY_US) && back("00:00").is_some());
        assert!(back("1970-01-02").is_some_and(|back| back > 0) && back("2026-13-01").is_none());
        assert_eq!(
            (back("2x"), back("h"), back("99999999999999999999s"), back("25:00")),
            (None, None, None, None)
        );
    }

    #[test]
    fn what_the_manager_says_of_a_unit_is_found_by_its_name() {
        let wanted = read(&[c"tomte", c"logs", c"-u", c"web"]).expect("words");
        assert!(wanted.names_units(b"Started web.service - Web."));
        assert!(wanted.names_units(b"Started web.service."));
        assert!(wanted.names_units(b"web.service: Failed with result 'exit-code'."));
        assert!(!wanted.names_units(b"Started myweb.service."));
    }
}
