//! Text that remembers where every byte of it was written. Pure; knows nothing of units.
//!
//! A value may be put together from several lines, lose its quotes, or gain what a specifier stands for; each byte
//! still points at the byte of the file it came from, so that any part of it can be shown to the person who wrote it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::model::Place;

/// One file, as read.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
    /// Where in `text` each line begins.
    starts: Vec<usize>,
    /// How many characters begin before each block of [`BLOCK_BYTES`], so that a column in a line of a megabyte is not
    /// counted from its beginning, for each of a hundred thousand words.
    characters: Vec<usize>,
}

/// Bytes whose characters are counted one by one.
const BLOCK_BYTES: usize = 256;
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Source {
    /// The file at `path`, as the user named it, with all of its text, byte order mark included.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = lines(&text).map(|(start, _)| start).collect();
        let mut before = 0;
        let count = |block: &[u8]| {
            before += beginnings(block);
            before - beginnings(block)
        };
        let characters = text.as_bytes().chunks(BLOCK_BYTES).map(count).collect();
        Self { path: path.into(), text, starts, characters }
    }

    /// The path as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file, byte order mark included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place of byte `offset`. Lines and columns start at 1; columns count characters.
    pub fn place(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let mark = usize::from(start == 0 && offset > 0 && self.text.starts_with(BYTE_ORDER_MARK));
        let column = self.characters_before(offset) - self.characters_before(start) - mark + 1;
        Place { file: self.path.clone(), line, column }
    }

    /// Line `number` (from 1), without its end and without a byte order mark.
    pub fn line(&self, number: usize) -> Option<&str> {
        let start = *self.starts.get(number.checked_sub(1)?)?;
        let (_, line) = lines(&self.text[start..]).next()?;
        Some(if start == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line })
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK_BYTES;
        match self.characters.get(block) {
            Some(before) => before + beginnings(&self.text.as_bytes()[block * BLOCK_BYTES..offset]),
            None => self.characters.last().map_or(0, |before| {
                before + beginnings(&self.text.as_bytes()[(block - 1) * BLOCK_BYTES..offset])
            }),
        }
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

/// How many characters begin in `bytes` of UTF-8.
fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// A piece of text out of one file.
#[derive(Clone, Debug)]
pub struct Text {
    source: Arc<Source>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// As it stands in the file.
    Plain(Range<usize>),
    /// Put together from pieces of the file.
    Made {
        text: String,
        /// For every byte of `text`, and for its end, the offset in the file.
        at: Vec<usize>,
    },
}

impl Text {
    /// The bytes `range` of `source` as they stand there.
    pub fn of(source: &Arc<Source>, range: Range<usize>) -> Self {
        Self { source: Arc::clone(source), body: Body::Plain(range) }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        match &self.body {
            Body::Plain(range) => &self.source.text[range.clone()],
            Body::Made { text, .. } => text,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.as_str().len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// A part of it. `range` must lie on character boundaries.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let body = match &self.body {
            Body::Plain(whole) => Body::Plain(whole.start + range.start..whole.start + range.end),
            Body::Made { text, at } => {
                Body::Made { text: text[range.clone()].to_owned(), at: at[range.start..=range.end].to_vec() }
            }
        };
        Self { source: Arc::clone(&self.source), body }
    }

    /// Without white space at both ends.
    pub fn trim(&self) -> Self {
        let text = self.as_str();
        let start = text.len() - text.trim_start_matches(is_blank).len();
        let end = text.trim_end_matches(is_blank).len().max(start);
        self.slice(start..end)
    }

    /// Puts `next`, of the same file, behind it.
    pub fn push(&mut self, next: &Self) {
        let (mut text, mut at) = self.take();
        text.push_str(next.as_str());
        at.pop();
        at.extend((0..=next.len()).map(|byte| next.offset(byte)));
        self.body = Body::Made { text, at };
    }

    /// Replaces the last byte, which must be ASCII, by a blank.
    pub fn blank_last(&mut self) {
        let (mut text, at) = self.take();
        text.pop();
        text.push(' ');
        self.body = Body::Made { text, at };
    }

    /// The characters and their offsets, which leaves this text empty.
    fn take(&mut self) -> (String, Vec<usize>) {
        match std::mem::replace(&mut self.body, Body::Plain(0..0)) {
            Body::Plain(range) => {
                (self.source.text[range.clone()].to_owned(), (range.start..=range.end).collect())
            }
            Body::Made { text, at } => (text, at),
        }
    }

    /// Where byte `at` was written. Past the end: where the text ends.
    pub fn offset(&self, at: usize) -> usize {
        match &self.body {
            Body::Plain(range) => range.end.min(range.start + at),
            Body::Made { at: offsets, .. } => offsets[at.min(offsets.len() - 1)],
        }
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
        let file = self.source.text.as_str();
        let written = file.get(file.floor_char_boundary(start)..file.floor_char_boundary(end));
        let written = written.unwrap_or_default();
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
        self.bytes.extend_from_slice(&text.as_str().as_bytes()[range.clone()]);
        self.at.extend(range.map(|byte| text.offset(byte)));
    }

    /// The text, which ends at `end` of the file; `None` if it is no UTF-8.
    pub fn finish(mut self, end: usize) -> Option<Text> {
        self.at.push(end);
        let body = Body::Made { text: String::from_utf8(self.bytes).ok()?, at: self.at };
        Some(Text { source: self.source, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source::new("x", text))
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
    fn columns_of_long_lines_are_those_that_one_counts() {
        let line = "a\u{e4}\u{20ac}\u{1f600}".repeat(300);
        for text in [line.clone(), format!("\u{feff}{line}"), format!("x\n\u{feff}{line}\n{line}")] {
            let source = source(&text);
            for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
                let mark = usize::from(start == 0 && offset > 0 && text.starts_with('\u{feff}'));
                let counted = text[start..offset].chars().count() - mark + 1;
                assert_eq!(source.place(offset).column, counted, "{offset}");
            }
        }
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
