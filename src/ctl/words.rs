//! The words of a command line, sorted: what systemctl takes is taken, what means nothing here is passed over.

use heapless::Vec;

use crate::linux::arguments::Arguments;

/// Operands of one command.
const OPERANDS_MAX: usize = 64;
/// `-p` of one command.
const PROPERTIES_MAX: usize = 32;

/// Switches; the first ones have a meaning, in the order of the methods below.
const SWITCHES: &str = "json quiet no-block value full watch help reboot halt plain no-legend no-pager all force system now \
                        no-ask-password no-wall no-warn no-reload wait runtime poweroff";
/// Their letters.
const LETTERS: &str = "-q quiet -l full -w watch -h help -r reboot -H halt -a all -f force -P poweroff";
/// Options with a value; the last ones are passed over.
const VALUED: &str = "property signal kill-whom kill-who job-mode type state lines output";
/// Their letters.
const VALUED_LETTERS: &str = "-p property -s signal -t type -n lines -o output";

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
    /// `--job-mode=`, or nothing.
    pub(super) mode: &'a str,
    switches: u32,
}

impl<'a> Words<'a> {
    /// Takes everything behind argv\[0\]; or answers the word that is not understood.
    #[inline(never)] // for a small frame
    pub(super) fn take(&mut self, arguments: Arguments) -> Result<(), &'a str> {
        let mut words = arguments.words().skip(1);
        let mut options = true;
        while let Some(word) = words.next() {
            let word = word.to_str().map_err(|_| "an argument that is not UTF-8")?;
            if !options || !word.starts_with('-') || word == "-" {
                self.operands.push(word).map_err(|_| word)?;
                continue;
            }
            if word == "--" {
                options = false;
                continue;
            }
            let (name, inline) = match word.strip_prefix("--") {
                Some(long) => long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value))),
                // `show -P NAME` is `-p NAME --value`; `shutdown -P` is what it does anyway.
                None if word == "-P" && self.operands.first() == Some(&"show") => {
                    self.switches |= 1 << 3;
                    ("property", None)
                }
                None => (named(LETTERS, word).or(named(VALUED_LETTERS, word)).ok_or(word)?, None),
            };
            if let Some(switch) = SWITCHES.split_ascii_whitespace().position(|one| one == name) {
                self.switches |= 1 << switch;
                continue;
            }
            let place = crate::words::place(VALUED, name.as_bytes()).ok_or(word)?;
            let value = match inline {
                Some(value) => value,
                None => words.next().and_then(|value| value.to_str().ok()).ok_or(word)?,
            };
            match place {
                0 => value.split(',').try_for_each(|one| self.properties.push(one)).map_err(|_| word)?,
                1 => self.signal = value,
                2 | 3 => self.whom = value,
                4 => self.mode = value,
                _ => {}
            }
        }
        Ok(())
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
