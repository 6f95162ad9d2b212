//! `uids.lock`: which number each dynamic name of a board was given, so that the owners of files on flash stay the same
//! from image to image. And the two rules behind the numbers: systemd's hash, and who gets the next free one.
//!
//! A name that an image no longer has keeps its line as a tombstone: its files may still be there, so its number is
//! given to nobody else until the range has no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use siphasher::sip::SipHasher24;
use tomte::table::UidRange;

use crate::values::user;

const HEADER: &str = "\
# uids.lock: the number that each dynamic user and group of this board tries first, written by `cargo xtask bake`.
# Keep it in version control. Lines: NAME UID; with `gone`: no unit has the name now, but files may, so the number
# stays reserved. Gone names stand last, in the order in which they went.
";

/// systemd's key for numbers (dynamic-user.c).
const KEY: [u8; 16] = *b"\x37\x53\x7e\x31\xcf\xce\x48\xf5\x8a\xbb\x39\x57\x8d\xd9\xec\x59";

/// systemd's number for `name`: SipHash-2-4, its lower 32 bits, modulo the size of the range.
pub fn hashed(name: &str, range: UidRange) -> u32 {
    let hash = SipHasher24::new_with_key(&KEY).hash(name.as_bytes());
    range.first + (hash as u32) % range.len()
}

/// What a `uids.lock` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Names of the image, and their numbers.
    live: BTreeMap<String, u32>,
    /// Names of earlier images, oldest first.
    gone: Vec<(String, u32)>,
}

impl Lock {
    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// The line, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lock = Self::default();
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
        for (line, content) in (1..).zip(text.lines()) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = content.split(' ').collect();
            let (name, number, gone) = match *words {
                [name, number] => (name, number, false),
                [name, number, "gone"] => (name, number, true),
                _ => return Err((line, format!("`{content}`: expected NAME UID, or NAME UID gone"))),
            };
            if !user::is_strict(name) {
                return Err((line, format!("`{name}` is no user name")));
            }
            let decimal = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
            let number = match number.parse::<u32>() {
                Ok(number) if decimal => number,
                Ok(_) | Err(_) => return Err((line, format!("`{number}` is no number of a user"))),
            };
            if let Some(first) = names.insert(name, line) {
                return Err((line, format!("{name} has a number already, on line {first}")));
            }
            if let Some(first) = numbers.insert(number, line) {
                return Err((line, format!("{number} is taken already, on line {first}")));
            }
            if gone {
                lock.gone.push((name.to_owned(), number));
            } else {
                lock.live.insert(name.to_owned(), number);
            }
        }
        Ok(lock)
    }

    /// The lock file's text.
    pub fn text(&self) -> String {
        let mut text = String::from(HEADER);
        for (name, number) in &self.live {
            let _ = writeln!(text, "{name} {number}");
        }
        for (name, number) in &self.gone {
            let _ = writeln!(text, "{name} {number} gone");
        }
        text
    }

    /// The lock for an image with exactly `names`, none of them with a number out of `taken` (static users and groups).
    ///
    /// A name keeps its number, also one it had before it went; else it gets systemd's hash, else the next free number,
    /// else that of the name which went first.
    ///
    /// # Errors
    /// The name that no number is left for.
    pub fn assign(
        &self,
        names: &BTreeSet<&str>,
        range: UidRange,
        taken: &BTreeSet<u32>,
    ) -> Result<Self, String> {
        let usable = |number: u32| range.contains(number) && !taken.contains(&number);
        let mut next = Self::default();
        let earlier = || {
            self.live
                .iter()
                .map(|(name, number)| (name, *number))
                .chain(self.gone.iter().map(|(name, number)| (name, *number)))
        };
        for (name, number) in earlier() {
            if names.contains(name.as_str()) && usable(number) {
                next.live.insert(name.clone(), number);
            }
        }
        // Names that go now went later than those that were gone before.
        let went = self.gone.iter().map(|(name, number)| (name, *number));
        let went = went.chain(self.live.iter().map(|(name, number)| (name, *number)));
        next.gone = went
            .filter(|(name, _)| !names.contains(name.as_str()))
            .map(|(name, number)| (name.clone(), number))
            .collect();

        let mut used: BTreeSet<u32> = next.live.values().copied().collect();
        used.extend(next.gone.iter().map(|(_, number)| *number));
        for name in names {
            if next.live.contains_key(*name) {
                continue;
            }
            let first = hashed(name, range);
            let in_turn = (first..=range.last).chain(range.first..first);
            let free = in_turn.into_iter().find(|number| usable(*number) && !used.contains(number));
            let number = match free {
                Some(number) => number,
                None => {
                    let oldest = next.gone.iter().position(|(_, number)| usable(*number));
                    next.gone.remove(oldest.ok_or_else(|| (*name).to_owned())?).1
                }
            };
            used.insert(number);
            next.live.insert((*name).to_owned(), number);
        }
        Ok(next)
    }

    /// The number of `name`.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.live.get(name).copied()
    }

    /// What changed from `self` to `next`, a line each, for people.
    pub fn changes(&self, next: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, number) in &next.live {
            match self.number(name) {
                Some(before) if before == *number => {}
                Some(before) => lines.push(format!("{name}: {number} instead of {before}")),
                None => lines.push(format!("{name}: {number}")),
            }
        }
        for (name, number) in &next.gone {
            if self.live.contains_key(name) {
                lines.push(format!("{name}: gone, {number} stays reserved"));
            }
        }
        for (name, number) in &self.gone {
            let kept = next.live.contains_key(name) || next.gone.iter().any(|(other, _)| other == name);
            if !kept {
                lines.push(format!("{name}: forgotten, {number} was needed"));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: UidRange = UidRange { first: 100, last: 103 };

    fn names<'n>(names: &[&'n str]) -> BTreeSet<&'n str> {
        names.iter().copied().collect()
    }

    fn lock(text: &str) -> Lock {
        Lock::parse(text).unwrap()
    }

    #[test]
    fn hashes_are_those_of_real_systemd() {
        let vectors = [
            ("foo", 63016),
            ("bar", 63096),
            ("dyn", 62264),
            ("probe", 62062),
            ("dyn-state", 61277),
            ("_du340d985882767cff", 65171),
        ];
        for (name, number) in vectors {
            assert_eq!(hashed(name, UidRange::DYNAMIC), number, "{name}");
        }
    }

    #[test]
    fn a_new_name_gets_its_hash() {
        let next =
            Lock::default().assign(&names(&["foo", "bar"]), UidRange::DYNAMIC, &BTreeSet::new()).unwrap();
        assert_eq!(next.text().strip_prefix(HEADER), Some("bar 63096\nfoo 63016\n"));
    }

    #[test]
    fn a_name_keeps_the_number_of_the_lock_even_if_another_one_hashes_to_it() {
        let next = lock("other 63016\n")
            .assign(&names(&["foo", "other"]), UidRange::DYNAMIC, &BTreeSet::new())
            .unwrap();
        assert_eq!((next.number("other"), next.number("foo")), (Some(63016), Some(63017)));
    }

    #[test]
    fn a_static_users_number_is_never_given_out() {
        let taken = BTreeSet::from([63016]);
        let next = lock("foo 63016\n").assign(&names(&["foo"]), UidRange::DYNAMIC, &taken).unwrap();
        assert_eq!(next.number("foo"), Some(63017));
        assert_eq!(lock("foo 63016\n").changes(&next), ["foo: 63017 instead of 63016"]);
    }

    #[test]
    fn a_number_outside_a_changed_range_is_given_up() {
        let next = lock("foo 63016\n").assign(&names(&["foo"]), SMALL, &BTreeSet::new()).unwrap();
        assert!(SMALL.contains(next.number("foo").unwrap()));
    }

    #[test]
    fn a_name_that_goes_leaves_a_tombstone_and_finds_it_again() {
        let gone = lock("foo 63016\n").assign(&names(&[]), UidRange::DYNAMIC, &BTreeSet::new()).unwrap();
        assert_eq!(gone, lock("foo 63016 gone\n"));
        assert_eq!(lock("foo 63016\n").changes(&gone), ["foo: gone, 63016 stays reserved"]);
        let back = gone.assign(&names(&["foo"]), UidRange::DYNAMIC, &BTreeSet::new()).unwrap();
        assert_eq!(back, lock("foo 63016\n"));
    }

    #[test]
    fn tombstones_are_used_last_and_the_oldest_of_them_first() {
        let old = lock("a 100\nz 103 gone\ny 101 gone\n");
        let next = old.assign(&names(&["a", "b"]), SMALL, &BTreeSet::new()).unwrap();
        assert_eq!(next.number("b"), Some(102), "the free one");
        let next = next.assign(&names(&["a", "b", "c"]), SMALL, &BTreeSet::new()).unwrap();
        assert_eq!(next, lock("a 100\nb 102\nc 103\ny 101 gone\n"));
        assert_eq!(old.changes(&next), ["b: 102", "c: 103", "z: forgotten, 103 was needed"]);
    }

    #[test]
    fn more_names_than_numbers_are_refused() {
        let many = names(&["a", "b", "c", "d", "e"]);
        assert_eq!(Lock::default().assign(&many, SMALL, &BTreeSet::new()), Err("e".to_owned()));
    }

    #[test]
    fn every_name_has_a_number_of_its_own_however_full_the_range_is() {
        let owned: Vec<String> = (0..200).map(|n| format!("service-{n}")).collect();
        let all: BTreeSet<&str> = owned.iter().map(String::as_str).collect();
        let range = UidRange { first: 1000, last: 1199 };
        let next = Lock::default().assign(&all, range, &BTreeSet::new()).unwrap();
        let numbers: BTreeSet<u32> = all.iter().filter_map(|name| next.number(name)).collect();
        assert_eq!(numbers.len(), 200);
        assert_eq!(
            next.assign(&all, range, &BTreeSet::new()),
            Ok(next.clone()),
            "a second time changes nothing"
        );
    }

    #[test]
    fn the_text_reads_back() {
        let one = lock("b 61200\na 61300\nd 61201 gone\nc 61202 gone\n");
        assert_eq!(Lock::parse(&one.text()), Ok(one));
    }

    #[test]
    fn a_corrupt_line_is_named() {
        let cases = [
            ("a 1\nb\n", 2, "`b`: expected NAME UID, or NAME UID gone"),
            ("a  1\n", 1, "`a  1`: expected NAME UID, or NAME UID gone"),
            ("a 1 went\n", 1, "`a 1 went`: expected NAME UID, or NAME UID gone"),
            ("# x\n\na 0x1\n", 3, "`0x1` is no number of a user"),
            ("a 01\n", 1, "`01` is no number of a user"),
            ("a +1\n", 1, "`+1` is no number of a user"),
            ("a 4294967296\n", 1, "`4294967296` is no number of a user"),
            ("a.b 1\n", 1, "`a.b` is no user name"),
            ("a 7\na 8 gone\n", 2, "a has a number already, on line 1"),
            ("a 7\nb 7\n", 2, "7 is taken already, on line 1"),
            ("<<<<<<< HEAD\n", 1, "`<<<<<<<` is no user name"),
        ];
        for (text, line, expected) in cases {
            assert_eq!(Lock::parse(text), Err((line, expected.to_owned())));
        }
    }
}
