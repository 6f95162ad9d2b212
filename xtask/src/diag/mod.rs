//! Diagnostics: what is wrong, where, and what was meant. Everything that is wrong with somebody's input goes through
//! here and nowhere else; the wording of each problem belongs to whoever finds it.

mod codes;
#[cfg(test)]
mod examples;
mod render;
mod sink;

use std::ops::Range;

use crate::{model::Place, read::Text};

pub use codes::Code;
pub use sink::Diagnostics;
#[cfg(test)]
pub use sink::SHOWN_PER_FILE_MAX;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing can be made of the input.
    #[default]
    Error,
    /// Something is not as written, but the rest works.
    Warning,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is: stable, for programs and for `cargo xtask explain`.
    pub code: Code,
    /// What is wrong: one sentence without a full stop.
    pub message: String,
    /// Where; `None` for problems that are not written anywhere, such as a missing file.
    pub place: Option<Place>,
    /// How many characters from `place` on are meant; at least 1.
    pub width: u32,
    /// Words about the place, and other places that have to do with it.
    pub labels: Vec<Label>,
    /// What to do about it, a line each.
    pub help: Vec<String>,
}

/// A place and what it has to do with a problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// How many characters from `place` on are meant; at least 1.
    pub width: u32,
    /// A few words that stand beside the characters.
    pub text: String,
}

impl Diagnostic {
    /// A problem without a place yet.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            place: None,
            width: 1,
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// An error, without a place yet.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning, without a place yet.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note, without a place yet.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// Says where. Takes a [`Place`] or an `Option` of one, as the model's values carry.
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into();
        self
    }

    /// Says how many characters from the place on are meant.
    pub fn wide(mut self, width: usize) -> Self {
        self.width = u32::try_from(width.max(1)).unwrap_or(u32::MAX);
        self
    }

    /// Points at the bytes `range` of `text`.
    pub fn on(self, text: &Text, range: Range<usize>) -> Self {
        self.at(text.place(range.start)).wide(text.width(range))
    }

    /// Says what the characters at the place have to do with it, where other places are shown, too.
    pub fn saying(self, text: impl Into<String>) -> Self {
        let (place, width) = (self.place.clone(), self.width as usize);
        self.also(place, width, text)
    }

    /// Shows another place, too, if it is known.
    pub fn also(mut self, place: impl Into<Option<Place>>, width: usize, text: impl Into<String>) -> Self {
        let width = u32::try_from(width.max(1)).unwrap_or(u32::MAX);
        let label = |place| Label { place, width, text: text.into() };
        self.labels.extend(place.into().map(label));
        self
    }

    /// Shows all of `other`, too.
    pub fn also_on(self, other: &Text, text: impl Into<String>) -> Self {
        self.also(other.place(0), other.width(0..other.len()), text)
    }

    /// Adds advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds "did you mean", if one of `candidates` looks like `written`.
    pub fn did_you_mean<'c>(self, written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        match closest(written, candidates) {
            Some(near) => self.help(format!("did you mean \"{near}\"?")),
            None => self,
        }
    }
}

/// Slips that are allowed in the longest word.
const SLIPS_MAX: usize = 4;

/// The candidate that `written` is most likely a misspelling of, if there is one.
pub fn closest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = written.to_ascii_lowercase();
    let length = plain.chars().count();
    let scored = candidates.into_iter().filter_map(|candidate| {
        let other = candidate.to_ascii_lowercase();
        let longer = length.max(other.chars().count());
        // One slip is allowed in a short word, one in every four characters of a longer one.
        let most = (longer / 4).clamp(1, SLIPS_MAX);
        if length.min(other.chars().count()) + most < longer {
            return None; // as many characters are missing, so nobody has to count
        }
        let distance = strsim::damerau_levenshtein(&plain, &other);
        (distance <= most && distance < longer).then_some((distance, candidate))
    });
    scored.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_find_their_word_and_other_words_do_not() {
        let words = ["NoNewPrivileges", "Restart", "RestartSec", "no", "always"];
        for (written, meant) in [
            ("NoNewPrivilege", Some("NoNewPrivileges")),
            ("restart", Some("Restart")),
            ("RestatrSec", Some("RestartSec")),
            ("allways", Some("always")),
            ("Banana", None),
            ("", None),
        ] {
            assert_eq!(closest(written, words), meant, "{written}");
        }
    }
}
