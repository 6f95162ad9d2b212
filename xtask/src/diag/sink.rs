//! All problems of one run: each once, within bounds, with the files they are in.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{Code, Diagnostic, Label, Severity, render};
use crate::read::Source;

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

    /// The text for people, each problem followed by an empty line.
    pub fn render(&self, color: bool) -> String {
        let more = self.not_shown();
        self.iter().chain(&more).map(|problem| render::one(problem, &self.sources, color) + "\n\n").collect()
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

    /// For programs: a list of objects with `severity`, `code`, `message`, `file`, `line`, `column`, `width`, `labels`
    /// (of `file`, `line`, `column`, `width`, `text`) and `help`.
    pub fn to_json(&self) -> Value {
        let label = |label: &Label| {
            json!({
                "file": label.place.file.to_string_lossy(),
                "line": label.place.line,
                "column": label.place.column,
                "width": label.width,
                "text": label.text,
            })
        };
        let one = |problem: &Diagnostic| {
            json!({
                "severity": problem.severity.as_str(),
                "code": problem.code.as_str(),
                "message": problem.message,
                "file": problem.place.as_ref().map(|place| place.file.to_string_lossy()),
                "line": problem.place.as_ref().map(|place| place.line),
                "column": problem.place.as_ref().map(|place| place.column),
                "width": problem.width,
                "labels": problem.labels.iter().map(label).collect::<Vec<_>>(),
                "help": problem.help,
            })
        };
        self.iter().chain(&self.not_shown()).map(one).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Place;

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
            {"severity": "error", "code": "T0101", "message": "bad", "file": "a", "line": 3, "column": 4, "width": 2, "help": ["so"], "labels": []},
            {"severity": "warning", "code": "T0016", "message": "odd", "file": null, "line": null, "column": null, "width": 1,
             "help": [], "labels": []},
        ]);
        assert_eq!(sink.to_json(), expected);
    }
}
