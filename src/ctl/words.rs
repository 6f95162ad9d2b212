//! The words of a command line, sorted: what systemctl takes is taken, what means nothing here is passed over.

use heapless::Vec;

use super::options::{Known, OPERAND, Options};
use crate::linux::arguments::Arguments;

/// Operands of one command.
const OPERANDS_MAX: usize = 64;
/// `-p` of one command.
const PROPERTIES_MAX: usize = 32;

/// What has a value comes first, then switches in the order of the methods below, then what is passed over.
static OPTIONS: Known = Known {
    names: "property signal kill-whom kill-who type state lines output job-mode \
            json quiet no-block value full watch help now failed no-legend plain version wait poweroff \
            reboot halt no-pager all force system no-ask-password no-wall no-warn no-reload runtime status-all",
    letters: "ps..t.no..q..lwh......PrH.af",
    valued: SWITCHES,
    optional: usize::MAX,
};
/// What `--type=` may name: all of systemd's, as scripts do that know nothing of boards.
const TYPES: &str = "service socket target timer path device mount automount swap slice scope";
/// The place of the first switch.
const SWITCHES: usize = 9;
/// The place of [`Words::value`] and of `-P` among them.
const VALUE: usize = 3;
const POWEROFF: usize = SWITCHES + 13;

/// A command line.
#[derive(Default)]
pub(super) struct Words<'a> {
    /// The verb and its operands.
    pub(super) operands: Vec<&'a str, OPERANDS_MAX>,
    /// `--property=`.
    pub(super) properties: Vec<&'a str, PROPERTIES_MAX>,
    /// `--signal=`, or nothing.
    pub(super) signal: &'a str,
    /// `--kill-whom=`, or nothing.
    pub(super) whom: &'a str,
    /// `--type=`: suffixes of unit names, with commas between; or nothing.
    pub(super) types: &'a str,
    /// `--state=`, the same with states of any kind.
    pub(super) states: &'a str,
    /// `--lines=`.
    pub(super) lines: Option<u64>,
    /// `--job-mode=`, or nothing.
    pub(super) mode: &'a str,
    switches: u32,
}

impl Words<'_> {
    /// Takes everything behind argv\[0\]; or answers the word that is not understood.
    #[inline(never)] // for a small frame
    pub(super) fn take(&mut self, arguments: Arguments) -> Result<(), &'static str> {
        let mut options = Options::new(arguments, &OPTIONS);
        while let Some((mut place, mut value)) = options.next()? {
            // `show -P NAME` is `-p NAME --value`; `shutdown -P` is what it does anyway.
            if place == POWEROFF && self.operands.first() == Some(&"show") {
                self.switches |= 1 << VALUE;
                (place, value) = (0, options.value()?);
            }
            match place {
                OPERAND => self.operands.push(value).map_err(|_| value)?,
                0 => value.split(',').try_for_each(|one| self.properties.push(one)).map_err(|_| value)?,
                1 => self.signal = value,
                2 | 3 => self.whom = value,
                4 if !value.split(',').all(|one| TYPES.split(' ').any(|known| known == one)) => {
                    return Err(value);
                }
                4 => self.types = value,
                5 => self.states = value,
                6 => self.lines = Some(number(value).ok_or(value)?),
                7 => self.switches |= u32::from(value == "json"),
                8 => self.mode = value,
                _ => self.switches |= 1 << (place - SWITCHES),
            }
        }
        if self.has(8) {
            self.states = "failed";
        }
        Ok(())
    }

    /// Those of a list without marks, for programs or for people.
    pub(super) fn rows(json: bool) -> Self {
        Self { switches: u32::from(json) | 1 << 10, ..Self::default() }
    }

    const fn has(&self, switch: u32) -> bool {
        self.switches >> switch & 1 != 0
    }

    /// For programs.
    pub(super) const fn json(&self) -> bool {
        self.has(0)
    }

    /// Nothing but the exit code.
    pub(super) const fn quiet(&self) -> bool {
        self.has(1)
    }

    /// Nobody waits for the end of a job.
    pub(super) const fn no_block(&self) -> bool {
        self.has(2)
    }

    /// Values without names.
    pub(super) const fn value(&self) -> bool {
        self.has(3)
    }

    /// Lines as long as they get.
    pub(super) const fn full(&self) -> bool {
        self.has(4)
    }

    /// Again and again, on a terminal.
    pub(super) const fn watch(&self) -> bool {
        self.has(5)
    }

    /// What is said of the verb.
    pub(super) const fn help(&self) -> bool {
        self.has(6)
    }

    /// What boot would do is done at once, too.
    pub(super) const fn now(&self) -> bool {
        self.has(7)
    }

    /// Rows and nothing else.
    pub(super) const fn no_legend(&self) -> bool {
        self.has(9)
    }

    /// No marks before rows.
    pub(super) const fn plain(&self) -> bool {
        self.has(10)
    }

    /// Which program this is.
    pub(super) const fn version(&self) -> bool {
        self.has(11)
    }

    /// Until what was started is down again, or boot is over.
    pub(super) const fn wait(&self) -> bool {
        self.has(12)
    }
}

/// A number of lines. journalctl's `+5` are the first ones, which nobody here looks for.
#[inline(never)] // for a small frame
pub(super) fn number(word: &str) -> Option<u64> {
    if word == "all" { Some(u64::MAX) } else { word.parse().ok().filter(|_| !word.starts_with('+')) }
}

/// What `pairs`, such as "one meaning-of-one two meaning-of-two", have for `word`.
pub(super) fn named(pairs: &'static str, word: &str) -> Option<&'static str> {
    let mut words = pairs.split(' ');
    loop {
        let (one, meaning) = (words.next()?, words.next()?);
        if one == word {
            return Some(meaning);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(words: &'static [&core::ffi::CStr]) -> Result<Words<'static>, &'static str> {
        let mut taken = Words::default();
        taken.take(Arguments::of(words)).map(|()| taken)
    }

    #[test]
    fn words_of_package_scripts_are_understood() {
        let words = taken(&[c"systemctl", c"-q", c"is-active", c"web"]).expect("systemctl's");
        assert!(words.quiet() && words.operands.as_slice() == ["is-active", "web"]);
        let words =
            taken(&[c"systemctl", c"show", c"-pMainPID,Id", c"--property", c"UID", c"--value", c"web"]);
        let words = words.expect("systemctl's");
        assert!(words.value() && words.properties.as_slice() == ["MainPID", "Id", "UID"]);
        let words = taken(&[c"systemctl", c"show", c"-P", c"MainPID", c"web"]).expect("systemctl's");
        assert!(words.value() && words.properties.as_slice() == ["MainPID"] && words.operands.len() == 2);
        let words = taken(&[
            c"systemctl",
            c"list-units",
            c"-t",
            c"service,timer",
            c"--failed",
            c"--no-legend",
            c"--plain",
        ]);
        let words = words.expect("systemctl's");
        assert!(
            words.types == "service,timer" && words.states == "failed" && words.no_legend() && words.plain()
        );
        let words = taken(&[c"systemctl", c"-aln0", c"--now", c"--wait", c"enable", c"--", c"-x"])
            .expect("systemctl's");
        assert!(words.full() && words.now() && words.wait() && words.lines == Some(0));
        assert_eq!(words.operands.as_slice(), ["enable", "-x"]);
        let words = taken(&[c"halt", c"--version", c"-P", c"-o", c"json"]).expect("systemctl's");
        assert!(words.version() && words.json() && !words.value());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let wrong = |words| taken(words).err();
        assert_eq!(wrong(&[c"x", c"--wibble"]), Some("--wibble"));
        assert_eq!(wrong(&[c"x", c"-qZ"]), Some("-qZ"));
        assert_eq!(wrong(&[c"x", c"-n", c"few"]), Some("few"));
        assert_eq!(wrong(&[c"x", c"-t", c"service,frob"]), Some("service,frob"));
        assert_eq!(wrong(&[c"x", c"-p"]), Some("-p"));
        assert_eq!(wrong(&[c"x", c"--now=yes"]), Some("--now=yes"));
        assert_eq!(wrong(&[c"x", c"-ä"]), Some("-ä"));
    }
}
