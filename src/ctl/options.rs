//! Words of a command line as getopt_long(3) takes them: `-n5`, `-n 5`, `-qn5`, `--lines=5` and `--lines 5` are the same,
//! options and operands may be mixed, and `--` ends the options.

use core::ffi::CStr;

use crate::{
    linux::arguments::{Arguments, Strings},
    words,
};

/// What is said of a word that nobody can have meant.
const NO_TEXT: &str = "an argument that is not UTF-8";

/// Options that are known.
pub(super) struct Known {
    /// Their names, with a space between. Those that have a value come first.
    pub(super) names: &'static str,
    /// Their letters, at the same places; a dot where there is none.
    pub(super) letters: &'static str,
    /// How many have a value.
    pub(super) valued: usize,
    /// The place of the first of them that may be without: a word of its own is its value only if it is a number, or `all`.
    pub(super) optional: usize,
}

/// The place of what is no option.
pub(super) const OPERAND: usize = usize::MAX;

/// Those that are left.
pub(super) struct Options {
    known: &'static Known,
    /// As they stand.
    pub(super) words: Strings,
    /// The one that was taken last, for a path.
    pub(super) last: &'static CStr,
    /// Letters of it that are still to come.
    letters: &'static str,
    ended: bool,
}

impl Options {
    /// All behind argv\[0\].
    pub(super) fn new(arguments: Arguments, known: &'static Known) -> Self {
        let mut words = arguments.words();
        words.next();
        Self { known, words, last: c"", letters: "", ended: false }
    }

    /// The place of the next one, with its value or nothing; or [`OPERAND`] and the word; or the word that is not understood.
    #[inline(never)] // for a small frame
    pub(super) fn next(&mut self) -> Result<Option<(usize, &'static str)>, &'static str> {
        let mut inline = None;
        if self.letters.is_empty() {
            let Some(last) = self.words.next() else { return Ok(None) };
            self.last = last;
            let word = last.to_str().map_err(|_| NO_TEXT)?;
            if self.ended || word.len() < 2 || !word.starts_with('-') {
                return Ok(Some((OPERAND, word)));
            }
            self.letters = word.get(1..).unwrap_or_default();
        }
        let place = if let Some(long) = self.letters.strip_prefix('-') {
            self.letters = "";
            if long.is_empty() {
                self.ended = true;
                return self.next();
            }
            let end = long.bytes().position(|byte| byte == b'=');
            inline = end.and_then(|end| long.get(end + 1..));
            words::place(
                self.known.names,
                long.get(..end.unwrap_or(long.len())).unwrap_or_default().as_bytes(),
            )
        } else {
            let letter = self.letters.bytes().next().filter(|letter| *letter != b'.');
            let place = self.known.letters.bytes().position(|one| Some(one) == letter);
            self.letters = self.letters.get(1..).unwrap_or_default();
            place
        };
        let place = place.ok_or_else(|| self.word())?;
        let has_value = place < self.known.valued;
        let value = match inline {
            Some(_) if !has_value => return Err(self.word()),
            Some(value) => value,
            None if !has_value => "",
            None if place >= self.known.optional && self.letters.is_empty() && !self.is_number_next() => "",
            None => self.value()?,
        };
        Ok(Some((place, value)))
    }

    /// What is left of the letters, or the next word: a value.
    pub(super) fn value(&mut self) -> Result<&'static str, &'static str> {
        match core::mem::take(&mut self.letters) {
            "" => {
                let option = self.word();
                self.last = self.words.next().ok_or(option)?;
                self.last.to_str().map_err(|_| NO_TEXT)
            }
            rest => Ok(rest),
        }
    }

    fn is_number_next(&self) -> bool {
        let next = self.words.clone().next().map_or(&b""[..], CStr::to_bytes);
        next == b"all" || next.iter().all(|byte| b"-0123456789".contains(byte)) && !next.is_empty()
    }

    /// The word that was taken last.
    fn word(&self) -> &'static str {
        self.last.to_str().unwrap_or(NO_TEXT)
    }
}
