//! Text that remembers where every byte of it was written. Pure; knows nothing of units.
//!
//! A value may be put together from several lines, lose its quotes, or gain what a specifier stands for; each byte
//! still points at the byte of the file it came from, so that any part of it can be shown to the person who wrote it.

use std::{ops::Range, path::PathBuf, sync::Arc};

use crate::model::Place;

/// One file, as read.
#[derive(Debug)]
pub struct Source {
    /// The path as the user named it.
    pub path: PathBuf,
    /// The whole file, byte order mark included.
    pub text: String,
}

impl Source {
    /// The place of byte `offset`. Lines and columns start at 1; columns count characters.
    pub fn place(&self, offset: usize) -> Place {
        let before = &self.text[..floor_char_boundary(&self.text, offset)];
        let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let column = before[start..].chars().filter(|c| *c != '\u{feff}').count() + 1;
        Place { file: self.path.clone(), line: lines(before).count().max(1), column }
    }

    /// Line `number` (from 1), without its end and without a byte order mark.
    pub fn line(&self, number: usize) -> Option<&str> {
        let (start, line) = lines(&self.text).nth(number.checked_sub(1)?)?;
        Some(if start == 0 { line.trim_start_matches('\u{feff}') } else { line })
    }
}

/// The lines of `text` with the offsets they begin at. LF, CR LF and a lone CR end a line (systemd's fileio.c,
/// `read_line`); what follows the last end counts as a line, even if empty.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = &text[start..];
        let Some(length) = rest.find(['\n', '\r']) else {
            next = None;
            return Some((start, rest));
        };
        let end = if rest[length..].starts_with("\r\n") { length + 2 } else { length + 1 };
        next = Some(start + end);
        Some((start, &rest[..length]))
    })
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A piece of text out of one file.
#[derive(Clone, Debug)]
pub struct Text {
    source: Arc<Source>,
    text: String,
    /// For every byte of `text`, and for its end, the offset in the file.
    at: Vec<usize>,
}

impl Text {
    /// The bytes `range` of `source` as they stand there.
    pub fn of(source: &Arc<Source>, range: Range<usize>) -> Self {
        let text = source.text[range.clone()].to_owned();
        Self { source: Arc::clone(source), text, at: (range.start..=range.end).collect() }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A part of it. `range` must lie on character boundaries.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let text = self.text[range.clone()].to_owned();
        Self { source: Arc::clone(&self.source), text, at: self.at[range.start..=range.end].to_vec() }
    }

    /// Without white space at both ends.
    pub fn trim(&self) -> Self {
        let start = self.text.len() - self.text.trim_start_matches(is_blank).len();
        let end = self.text.trim_end_matches(is_blank).len().max(start);
        self.slice(start..end)
    }

    /// Puts `next`, of the same file, behind it.
    pub fn push(&mut self, next: &Self) {
        self.text.push_str(&next.text);
        self.at.pop();
        self.at.extend_from_slice(&next.at);
    }

    /// Replaces the last byte, which must be ASCII, by a blank.
    pub fn blank_last(&mut self) {
        self.text.pop();
        self.text.push(' ');
    }

    /// Where byte `at` was written. Past the end: where the text ends.
    pub fn offset(&self, at: usize) -> usize {
        self.at[at.min(self.at.len() - 1)]
    }

    /// Where byte `at` was written, for people.
    pub fn place(&self, at: usize) -> Place {
        self.source.place(self.offset(at))
    }

    /// How many characters of the file the bytes `range` take up, as far as they stand on one line; at least 1.
    pub fn width(&self, range: Range<usize>) -> usize {
        let start = self.offset(range.start);
        let end = match range.end {
            end if end > range.start => self.offset(end - 1) + 1,
            _ => start,
        };
        let (start, end) =
            (floor_char_boundary(&self.source.text, start), floor_char_boundary(&self.source.text, end));
        let written = self.source.text.get(start..end).unwrap_or_default();
        written.split(['\n', '\r']).next().unwrap_or_default().chars().count().max(1)
    }
}

/// systemd's WHITESPACE.
pub fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Puts a text together byte by byte, each with its origin: for unquoting, unescaping and specifiers, whose results
/// may for a while be no UTF-8.
pub struct Builder {
    source: Arc<Source>,
    bytes: Vec<u8>,
    at: Vec<usize>,
}

impl Builder {
    /// Nothing yet, of the file that `text` is from.
    pub fn new(text: &Text) -> Self {
        Self { source: Arc::clone(&text.source), bytes: Vec::new(), at: Vec::new() }
    }

    /// Adds `bytes` that all stand for what is written at `offset`.
    pub fn push(&mut self, bytes: &[u8], offset: usize) {
        self.bytes.extend_from_slice(bytes);
        self.at.resize(self.bytes.len(), offset);
    }

    /// Adds bytes `range` of `text`.
    pub fn copy(&mut self, text: &Text, range: Range<usize>) {
        self.bytes.extend_from_slice(&text.text.as_bytes()[range.clone()]);
        self.at.extend_from_slice(&text.at[range]);
    }

    /// The text, which ends at `end` of the file; `None` if it is no UTF-8.
    pub fn finish(mut self, end: usize) -> Option<Text> {
        self.at.push(end);
        Some(Text { source: self.source, text: String::from_utf8(self.bytes).ok()?, at: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "x".into(), text: text.into() })
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = source("\u{feff}ab\r\nä=ö\rx\n\ny");
        for (offset, line, column) in [
            (0, 1, 1),
            (3, 1, 1),
            (4, 1, 2),
            (7, 2, 1),
            (9, 2, 2),
            (10, 2, 3),
            (13, 3, 1),
            (16, 5, 1),
            (99, 5, 2),
        ] {
            let place = source.place(offset);
            assert_eq!((place.line, place.column), (line, column), "offset {offset}");
        }
        assert_eq!(source.line(1), Some("ab"));
        assert_eq!(source.line(2), Some("ä=ö"));
        assert_eq!(source.line(4), Some(""));
        assert_eq!(source.line(6), None);
    }

    #[test]
    fn every_byte_knows_its_origin_across_a_join() {
        let source = source("ab\ncd");
        let mut text = Text::of(&source, 0..2);
        text.push(&Text::of(&source, 3..5));
        assert_eq!(text.as_str(), "abcd");
        assert_eq!((text.offset(1), text.offset(2), text.offset(4)), (1, 3, 5));
        assert_eq!(text.width(0..2), 2);
        assert_eq!(text.width(0..4), 2, "only what is on the first line");
    }
}
