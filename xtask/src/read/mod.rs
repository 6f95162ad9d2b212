//! The unit-file grammar (systemd.syntax(7)): bytes in, sections and assignments out, each byte with its place. Knows
//! no section and no key by name.
//!
//! Facts from systemd's conf-parser.c: comment lines are skipped even inside a continuation; a trailing backslash
//! joins with one blank; white space around key and value is dropped.

mod file;
mod print;
mod text;

use std::{path::Path, sync::Arc};

use crate::diag::{Code, Diagnostic, Diagnostics};

pub use file::{Reader, bytes, code_of};
pub use text::{Builder, Source, Text, is_blank, lines};

/// Bytes of one file: systemd's limit for one line (LONG_LINE_MAX).
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A unit file or a drop-in, raw.
#[derive(Clone, Debug, Default)]
pub struct UnitFile {
    /// In the order of the file; one section may come several times.
    pub sections: Vec<Section>,
    /// Whether anything in it could not be understood: what seems to be missing may stand there.
    pub damaged: bool,
}

impl UnitFile {
    /// Nothing could be read.
    pub const fn unreadable() -> Self {
        Self { sections: Vec::new(), damaged: true }
    }
}

/// A section and its assignments.
#[derive(Clone, Debug)]
pub struct Section {
    /// Without the brackets.
    pub name: Text,
    /// In the order of the file.
    pub assignments: Vec<Assignment>,
}

/// `KEY=VALUE`.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Left of the first `=`.
    pub key: Text,
    /// Right of it, continuation lines joined; quotes, escapes and specifiers as written.
    pub value: Text,
}

/// Parses `bytes` as the file called `path`. What is wrong with it goes to `sink`; what could be read is returned.
pub fn parse(path: &Path, bytes: Vec<u8>, sink: &mut Diagnostics) -> UnitFile {
    if bytes.len() > FILE_BYTES_MAX {
        let message =
            format!("{}: {} bytes; a unit file has at most {FILE_BYTES_MAX}", path.display(), bytes.len());
        sink.push(Diagnostic::error(Code::FileTooLarge, message));
        return UnitFile::unreadable();
    }
    let Some(source) = source(path, &bytes, sink) else { return UnitFile::unreadable() };
    let mut parser = Parser { file: UnitFile::default(), homeless: false, sink };
    for line in logical_lines(&source) {
        parser.line(&line);
    }
    parser.file
}

/// `bytes` as the text of the file called `path`, remembered by `sink`. `None` if they are no text, which is said;
/// what stands in comment lines may be in any encoding.
pub fn source(path: &Path, bytes: &[u8], sink: &mut Diagnostics) -> Option<Arc<Source>> {
    let (text, broken) = decode(bytes);
    let source = Arc::new(Source::new(path, text));
    sink.add_source(&source);
    if let Some(at) = broken.into_iter().find(|at| !is_in_comment(source.text(), *at)) {
        sink.push(Diagnostic::error(Code::NotUtf8, "not UTF-8").at(source.place(at)));
        return None;
    }
    if let Some(at) = source.text().find('\0') {
        sink.push(Diagnostic::error(Code::NulByte, "a NUL byte").at(source.place(at)));
        return None;
    }
    Some(source)
}

/// `bytes` as text, and where in it a replacement character stands for something that is no UTF-8.
fn decode(bytes: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(bytes.len());
    let mut broken = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            broken.push(text.len());
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, broken)
}

/// Whether the line with byte `at` is a comment, whose bytes nobody reads.
fn is_in_comment(text: &str, at: usize) -> bool {
    let start = text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    is_comment(text[start..].trim_start_matches('\u{feff}'))
}

fn is_comment(line: &str) -> bool {
    line.trim_start_matches(is_blank).starts_with(['#', ';'])
}

/// The file's lines with continuations joined, comments and the byte order mark left out.
fn logical_lines(source: &Arc<Source>) -> Vec<Text> {
    let mut done = Vec::new();
    let mut pending: Option<Text> = None;
    for (mut start, mut line) in lines(source.text()) {
        if start == 0 && line.starts_with('\u{feff}') {
            (start, line) = ('\u{feff}'.len_utf8(), &line['\u{feff}'.len_utf8()..]);
        }
        if is_comment(line) {
            continue;
        }
        let line = Text::of(source, start..start + line.len());
        let mut whole = match pending.take() {
            Some(mut whole) => {
                whole.push(&line);
                whole
            }
            None => line,
        };
        if ends_in_backslash(whole.as_str()) {
            whole.blank_last();
            pending = Some(whole);
        } else {
            done.push(whole);
        }
    }
    done.extend(pending);
    done
}

/// Whether the last backslash is there to join lines: an odd number of them ends the line.
fn ends_in_backslash(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

struct Parser<'s> {
    file: UnitFile,
    /// The last section header was no header: what follows belongs nowhere, which has been said.
    homeless: bool,
    sink: &'s mut Diagnostics,
}

impl Parser<'_> {
    fn wrong(&mut self, problem: Diagnostic) {
        self.file.damaged = true;
        self.sink.push(problem);
    }

    fn line(&mut self, line: &Text) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if line.as_str().starts_with('[') {
            self.header(&line);
            return;
        }
        let Some(equals) = line.as_str().find('=') else {
            let message = format!("{:?} is no assignment: there is no \"=\"", line.as_str());
            let mut problem = Diagnostic::error(Code::NoAssignment, message).on(&line, 0..line.len());
            if line.as_str().starts_with('-') || line.as_str().starts_with('/') {
                problem = problem.help("a line goes on if the one before it ends in a backslash");
            }
            self.wrong(problem);
            return;
        };
        let key = line.slice(0..equals).trim();
        let value = line.slice(equals + 1..line.len()).trim();
        if key.is_empty() {
            self.wrong(Diagnostic::error(Code::NoKey, "no key before \"=\"").on(&line, 0..1));
            return;
        }
        match self.file.sections.last_mut() {
            Some(section) if !self.homeless => section.assignments.push(Assignment { key, value }),
            None if !self.homeless => {
                let message = format!("{}= stands before the first section header", key.as_str());
                self.wrong(Diagnostic::error(Code::NoSection, message).on(&key, 0..key.len()));
            }
            Some(_) | None => {}
        }
    }

    fn header(&mut self, line: &Text) {
        let name = line.as_str().strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let valid = name.is_some_and(|name| !name.is_empty() && !name.contains(['[', ']']));
        self.homeless = !valid;
        if valid {
            let name = line.slice(1..line.len() - 1);
            self.file.sections.push(Section { name, assignments: Vec::new() });
        } else {
            let message = format!("{:?} is no section header", line.as_str());
            let problem = Diagnostic::error(Code::SectionHeader, message).on(line, 0..line.len());
            self.wrong(problem.help("expected a name in brackets, such as [Service]"));
        }
    }
}

#[cfg(test)]
mod tests;
