//! Diagnostics: what is wrong, where, and what was meant. Everything that is wrong with somebody's input goes through
//! here and nowhere else; the wording of each problem belongs to whoever finds it.

mod codes;
#[cfg(test)]
mod examples;

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle};
use serde_json::{Value, json};

use crate::{
    model::Place,
    read::{Source, Text},
};

pub use codes::Code;

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
    pub width: usize,
    /// What to do about it, a line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A problem without a place yet.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), place: None, width: 1, help: Vec::new() }
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
        self.width = width.max(1);
        self
    }

    /// Points at the bytes `range` of `text`.
    pub fn on(self, text: &Text, range: Range<usize>) -> Self {
        self.at(text.place(range.start)).wide(text.width(range))
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

/// The candidate that `written` is most likely a misspelling of, if there is one.
pub fn closest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = written.to_ascii_lowercase();
    let scored = candidates.into_iter().map(|candidate| {
        let other = candidate.to_ascii_lowercase();
        let longer = plain.chars().count().max(other.chars().count());
        (strsim::damerau_levenshtein(&plain, &other), longer, candidate)
    });
    // One slip is allowed in a short word, one in every four characters of a longer one.
    let near =
        scored.filter(|(distance, longer, _)| *distance <= (longer / 4).clamp(1, 4) && distance < longer);
    near.min_by_key(|(distance, _, _)| *distance).map(|(_, _, candidate)| candidate)
}

/// Problems of one severity that are kept for one file: what follows is counted only.
pub const SHOWN_PER_FILE_MAX: usize = 100;
/// Characters of one message that are kept: it may quote what is wrong, which may be a megabyte.
const MESSAGE_CHARACTERS_MAX: usize = 600;

/// All problems of one run, in the order in which they were found, and the files they are in.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// Where in `list` the problems with a hash are.
    known: HashMap<u64, Vec<usize>>,
    sources: BTreeMap<PathBuf, Arc<Source>>,
    /// How many of each severity, those not kept included.
    counts: BTreeMap<Severity, usize>,
    by_file: HashMap<(PathBuf, Severity), usize>,
}

impl Diagnostics {
    /// Adds a problem, unless the very same one is known. Of each file the first hundred of a severity are kept.
    pub fn push(&mut self, mut problem: Diagnostic) {
        shorten(&mut problem.message);
        problem.help.iter_mut().for_each(shorten);
        let mut hasher = DefaultHasher::new();
        problem.hash(&mut hasher);
        let known = self.known.entry(hasher.finish()).or_default();
        if known.iter().any(|at| self.list[*at] == problem) {
            return;
        }
        *self.counts.entry(problem.severity).or_default() += 1;
        let in_file = match &problem.place {
            Some(place) => self.by_file.entry((place.file.clone(), problem.severity)).or_default(),
            None => &mut 0,
        };
        *in_file += 1;
        if *in_file <= SHOWN_PER_FILE_MAX {
            known.push(self.list.len());
            self.list.push(problem);
        }
    }

    /// Remembers a file, so that its lines can be shown.
    pub fn add_source(&mut self, source: &Arc<Source>) {
        self.sources.insert(source.path().to_owned(), Arc::clone(source));
    }

    /// Whether the file at `path` was read.
    pub fn has_read(&self, path: &Path) -> bool {
        self.sources.contains_key(path)
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many of one severity, those that were too many to keep included.
    pub fn count(&self, severity: Severity) -> usize {
        self.counts.get(&severity).copied().unwrap_or(0)
    }

    /// A note for every file that had too many problems.
    fn not_shown(&self) -> Vec<Diagnostic> {
        let mut files: Vec<_> =
            self.by_file.iter().filter(|(_, count)| **count > SHOWN_PER_FILE_MAX).collect();
        files.sort();
        let note = |((file, severity), count): (&(PathBuf, Severity), &usize)| {
            let more = count - SHOWN_PER_FILE_MAX;
            let message = format!("{}: {more} further {}s are not shown", file.display(), severity.as_str());
            Diagnostic::note(Code::NotShown, message)
        };
        files.into_iter().map(note).collect()
    }

    /// All that were kept, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Those that are at least as bad as `severity`.
    pub fn at_least(&self, severity: Severity) -> Self {
        let mut worst = Self { sources: self.sources.clone(), ..Self::default() };
        let bad_enough = |other: &Severity| *other <= severity;
        worst.list = self.iter().filter(|problem| bad_enough(&problem.severity)).cloned().collect();
        worst.counts =
            self.counts.iter().filter(|(other, _)| bad_enough(other)).map(|(one, n)| (*one, *n)).collect();
        let by_file = self.by_file.iter().filter(|((_, other), _)| bad_enough(other));
        worst.by_file = by_file.map(|(key, count)| (key.clone(), *count)).collect();
        worst
    }

    /// The text for people, each problem followed by an empty line.
    pub fn render(&self, color: bool) -> String {
        let more = self.not_shown();
        self.iter().chain(&more).map(|problem| self.render_one(problem, color) + "\n\n").collect()
    }

    /// Writes them to stderr, and a count of them.
    pub fn emit(&self, color: bool) {
        let plural =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        eprint!("{}", self.render(color));
        match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => {}
            (0, warnings) => eprintln!("{}", plural(warnings, "warning")),
            (errors, 0) => eprintln!("{}", plural(errors, "error")),
            (errors, warnings) => eprintln!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        }
    }

    /// For programs: a list of objects with `severity`, `code`, `message`, `file`, `line`, `column`, `width`, `help`.
    pub fn to_json(&self) -> Value {
        let one = |problem: &Diagnostic| {
            json!({
                "severity": problem.severity.as_str(),
                "code": problem.code.as_str(),
                "message": problem.message,
                "file": problem.place.as_ref().map(|place| place.file.to_string_lossy()),
                "line": problem.place.as_ref().map(|place| place.line),
                "column": problem.place.as_ref().map(|place| place.column),
                "width": problem.width,
                "help": problem.help,
            })
        };
        self.iter().chain(&self.not_shown()).map(one).collect()
    }

    fn render_one(&self, problem: &Diagnostic, color: bool) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let path =
            problem.place.as_ref().map(|place| place.file.to_string_lossy().into_owned()).unwrap_or_default();
        let title = level.primary_title(problem.message.as_str()).id(problem.code.as_str());
        let mut group = match (&problem.place, self.line_of(problem)) {
            (Some(place), Some(line)) => {
                let span = span_of(line, place.column, problem.width);
                // The end of the line has to exist for a caret behind its last character.
                let snippet = Snippet::source(format!("{line}\n")).line_start(place.line).path(path);
                title.element(snippet.annotation(AnnotationKind::Primary.span(span)))
            }
            (Some(place), None) => {
                title.element(Origin::path(path).line(place.line).char_column(place.column))
            }
            (None, _) => Group::with_title(title),
        };
        for help in &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }

    fn line_of(&self, problem: &Diagnostic) -> Option<&str> {
        let place = problem.place.as_ref()?;
        self.sources.get(&place.file)?.line(place.line)
    }
}

/// Takes the middle out of a text that is too long to be read.
fn shorten(text: &mut String) {
    let kept = MESSAGE_CHARACTERS_MAX / 2;
    let Some((start, _)) = text.char_indices().nth(kept) else { return };
    let Some((end, _)) = text[start..].char_indices().nth_back(kept - 1) else { return };
    if end > 0 {
        text.replace_range(start..start + end, " … ");
    }
}

/// The bytes of `line` from character `column` (from 1) on, `width` characters long. At the very end: just behind it.
fn span_of(line: &str, column: usize, width: usize) -> Range<usize> {
    let byte_at = |n: usize| line.char_indices().nth(n).map_or(line.len(), |(at, _)| at);
    let start = byte_at(column - 1);
    start..byte_at(column - 1 + width).max(start + usize::from(start == line.len()))
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

    #[test]
    fn a_problem_without_a_place_or_source_is_one_line() {
        let mut sink = Diagnostics::default();
        sink.push(Diagnostic::error(Code::NoSuchPath, "no board x"));
        sink.push(Diagnostic::warning(Code::Masked, "odd").at(Place {
            file: "a".into(),
            line: 3,
            column: 4,
        }));
        assert_eq!(sink.render(false), "error[T0005]: no board x\n\nwarning[T0016]: odd\n--> a:3:4\n\n");
        assert_eq!((sink.count(Severity::Error), sink.count(Severity::Warning)), (1, 1));
    }

    #[test]
    fn programs_get_every_part_of_a_problem() {
        let mut sink = Diagnostics::default();
        sink.push(
            Diagnostic::error(Code::Word, "bad")
                .at(Place { file: "a".into(), line: 3, column: 4 })
                .wide(2)
                .help("so"),
        );
        sink.push(Diagnostic::warning(Code::Masked, "odd"));
        let expected = json!([
            {"severity": "error", "code": "T0101", "message": "bad", "file": "a", "line": 3, "column": 4, "width": 2, "help": ["so"]},
            {"severity": "warning", "code": "T0016", "message": "odd", "file": null, "line": null, "column": null, "width": 1,
             "help": []},
        ]);
        assert_eq!(sink.to_json(), expected);
    }

    #[test]
    fn the_caret_stands_under_the_characters_meant() {
        let mut sink = Diagnostics::default();
        sink.add_source(&Arc::new(Source::new("a", "ä=öx\n")));
        let place = |column| Place { file: "a".into(), line: 1, column };
        sink.push(Diagnostic::error(Code::Word, "middle").at(place(3)).wide(2).help("look"));
        sink.push(Diagnostic::error(Code::Word, "end").at(place(5)));
        let text = sink.render(false);
        assert!(text.contains("1 | ä=öx\n  |   ^^\n  |\n  = help: look\n"), "{text}");
        assert!(text.contains("1 | ä=öx\n  |     ^\n"), "{text}");
    }
}
