//! Problems as text for people: the line, a caret under the characters meant, other places that have to do with it.

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle,
};

use super::{Diagnostic, Label, Severity};
use crate::{model::Place, read::Source};

/// The files whose lines can be shown.
type Sources = BTreeMap<PathBuf, Arc<Source>>;

/// The text of one problem, without an end of line.
pub fn one(problem: &Diagnostic, sources: &Sources, color: bool) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(problem.message.as_str()).id(problem.code.as_str());
    let mut group = Group::with_title(title);
    let is_here =
        |label: &&Label| Some(&label.place) == problem.place.as_ref() && label.width == problem.width;
    let here = problem.labels.iter().find(is_here);
    let mut lines = Lines { sources, shown: Vec::new() };
    if let Some(place) = &problem.place
        && !lines.add(place, problem.width, AnnotationKind::Primary, here.map_or("", |label| &label.text))
    {
        let path = place.file.to_string_lossy().into_owned();
        group = group.element(Origin::path(path).line(place.line).char_column(place.column));
    }
    let mut notes = Vec::new();
    for label in problem.labels.iter().filter(|label| !is_here(label)) {
        if !lines.add(&label.place, label.width, AnnotationKind::Context, &label.text) {
            let Place { file, line, column } = &label.place;
            notes.push(format!("{}:{line}:{column}: {}", file.display(), label.text));
        }
    }
    for Line { place, text, annotations } in lines.shown {
        // The end of the line has to exist for a caret behind its last character.
        let snippet = Snippet::source(format!("{text}\n")).line_start(place.line);
        let snippet = snippet.path(place.file.to_string_lossy().into_owned());
        group = group.element(snippet.annotations(annotations));
    }
    for note in &notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

/// The lines that a problem shows.
struct Lines<'p> {
    sources: &'p Sources,
    shown: Vec<Line<'p>>,
}

struct Line<'p> {
    place: &'p Place,
    text: &'p str,
    annotations: Vec<Annotation<'p>>,
}

impl<'p> Lines<'p> {
    /// Marks `width` characters from `place` on; whether that line is known.
    fn add(&mut self, place: &'p Place, width: u32, kind: AnnotationKind, label: &'p str) -> bool {
        let Some(text) = self.sources.get(&place.file).and_then(|source| source.line(place.line)) else {
            return false;
        };
        let annotation = kind
            .span(span_of(text, place.column, width as usize))
            .label((!label.is_empty()).then_some(label));
        let same = |line: &&mut Line<'_>| line.place.file == place.file && line.place.line == place.line;
        match self.shown.iter_mut().find(same) {
            Some(line) => line.annotations.push(annotation),
            None => self.shown.push(Line { place, text, annotations: vec![annotation] }),
        }
        true
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
    use crate::diag::{Code, Diagnostics};

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

    #[test]
    fn other_places_are_shown_with_their_words_or_named_if_the_file_is_not_known() {
        let mut sink = Diagnostics::default();
        sink.add_source(&Arc::new(Source::new("a", "A=b\nC=d\n")));
        sink.add_source(&Arc::new(Source::new("z", "Z=a\n")));
        let place = |file: &str, line, column| Place { file: file.into(), line, column };
        let problem = Diagnostic::error(Code::OrderingCycle, "round and round").at(place("a", 1, 3));
        let problem = problem.also(place("a", 1, 1), 1, "the key").also(place("a", 2, 3), 1, "there");
        sink.push(
            problem.also(place("z", 1, 3), 1, "and back").also(place("gone", 7, 1), 1, "lost").help("so"),
        );
        let expected = "error[T0401]: round and round\n --> a:1:3\n  |\n1 | A=b\n  | - ^\n  | |\n  | the key\n  |\n \
            ::: a:2:3\n  |\n2 | C=d\n  |   - there\n  |\n ::: z:1:3\n  |\n1 | Z=a\n  |   - and back\n  |\n  \
            = note: gone:7:1: lost\n  = help: so\n\n";
        assert_eq!(sink.render(false), expected);
    }
}
