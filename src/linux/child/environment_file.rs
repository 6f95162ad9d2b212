//! `EnvironmentFile=`: systemd's grammar of such files (env-file.c, `parse_env_file`; systemd-semantics.md §10).
//!
//! Reading is bounded; every variable goes straight to the arena.

use core::str;

use heapless::Vec;
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::{self, Errno},
};

use super::{Arena, Work, environment::Variables};

use crate::{
    linux::{AsFd, path::PathBuffer, tree},
    words,
};

/// Bytes of one file. More fail with EFBIG.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Reads the files in their order, and then takes out what `UnsetEnvironment=` names, as this is the last source. A `-`
/// before a path: it may be missing.
pub(super) fn read(work: &mut Work<'_>) -> Result<(), Errno> {
    for written in work.plan.environment.files.iter() {
        let written = written.to_str().map_err(|_| Errno::ILSEQ)?;
        let (path, optional) = written.strip_prefix('-').map_or((written, false), |path| (path, true));
        work.about.set(path.as_bytes());
        match read_matching(path, &mut work.arena, &mut work.variables) {
            Err(Errno::NOENT | Errno::ACCESS) if optional => {}
            answer => answer?,
        }
    }
    for what in work.plan.environment.unset.iter() {
        work.variables.unset(what);
    }
    Ok(())
}

/// Reads the file at `path`, or all files that its last component is a pattern for, by name. ENOENT if there is none.
#[inline(never)] // pages of stack, for those who need them
fn read_matching<'a>(path: &str, arena: &mut Arena<'a>, variables: &mut Variables<'a>) -> Result<(), Errno> {
    let (folder, pattern) = words::split_last(path, b'/').ok_or(Errno::INVAL)?;
    if !pattern.contains(['*', '?', '[']) {
        return read_one(&[path], arena, variables);
    }
    let mut path = PathBuffer::empty();
    let mut last = Name::new();
    loop {
        // There is no heap for a list of names: every turn looks for the next one.
        let directory = tree::open_if_there(path.join(&[folder, "/"])?)?.ok_or(Errno::NOENT)?;
        let mut next: Option<Name> = None;
        tree::each_entry(directory.as_fd(), &mut |entry| {
            let name = entry.to_bytes();
            let nearer = name > &last[..] && next.as_deref().is_none_or(|next| name < next);
            if nearer && !name.starts_with(b".") && matches(pattern.as_bytes(), name) {
                next = Some(Name::from_slice(name).map_err(|_| Errno::NAMETOOLONG)?);
            }
            Ok(())
        })?;
        let Some(name) = next else {
            return if last.is_empty() { Err(Errno::NOENT) } else { Ok(()) };
        };
        read_one(&[folder, "/", str::from_utf8(&name).map_err(|_| Errno::ILSEQ)?], arena, variables)?;
        last = name;
    }
}

/// The name of a file.
type Name = Vec<u8, 255>;

/// Whether `name` is as `pattern` says: `*`, `?` and `[a-z]` as in glob(7).
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], _) => name.is_empty(),
        ([b'*', rest @ ..], _) => {
            (0..=name.len()).any(|skipped| name.get(skipped..).is_some_and(|name| matches(rest, name)))
        }
        (_, []) => false,
        ([b'?', rest @ ..], [_, name @ ..]) => matches(rest, name),
        ([b'[', rest @ ..], [byte, name @ ..]) => match rest.iter().skip(1).position(|&end| end == b']') {
            Some(end) => {
                let (set, rest) = rest.split_at(end.saturating_add(1));
                is_in(set, *byte) && matches(rest.get(1..).unwrap_or_default(), name)
            }
            None => *byte == b'[' && matches(rest, name),
        },
        ([one, rest @ ..], [byte, name @ ..]) => one == byte && matches(rest, name),
    }
}

/// Whether `byte` is in the set between the brackets of a pattern.
fn is_in(set: &[u8], byte: u8) -> bool {
    let (negated, mut set) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    loop {
        set = match set {
            [] => return found != negated,
            [first, b'-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&byte);
                rest
            }
            [one, rest @ ..] => {
                found |= *one == byte;
                rest
            }
        };
    }
}

fn read_one<'a>(path: &[&str], arena: &mut Arena<'a>, variables: &mut Variables<'a>) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let path = buffer.join(path)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = openat(CWD, path, flags, Mode::empty())?;
    let mut parser = Parser::new();
    let mut buffer = [0; 1024];
    let mut left = FILE_BYTES_MAX;
    loop {
        let count = io::retry_on_intr(|| io::read(file.as_fd(), &mut buffer))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return parser.end(arena, variables);
        }
        left = left.checked_sub(count).ok_or(Errno::FBIG)?;
        for byte in bytes {
            parser.take(*byte, arena, variables)?;
        }
    }
}

/// Where in the file the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

/// What has been read of one variable is in the arena, as `KEY=VALUE` up to here.
struct Parser {
    state: State,
    /// Bytes of the arena's string without blanks at its end.
    solid: usize,
}

const fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl Parser {
    const fn new() -> Self {
        Self { state: State::BeforeKey, solid: 0 }
    }

    fn take<'a>(
        &mut self,
        byte: u8,
        arena: &mut Arena<'a>,
        variables: &mut Variables<'a>,
    ) -> Result<(), Errno> {
        self.state = match (self.state, byte) {
            (State::BeforeKey, b'#' | b';') => State::Comment,
            (State::BeforeKey, _) if is_blank(byte) => State::BeforeKey,
            (State::Key, _) if is_newline(byte) => self.drop(arena),
            (State::Key, b'=') => {
                arena.truncate(self.solid);
                self.keep(arena, byte)?;
                State::BeforeValue
            }
            (State::BeforeKey | State::Key, _) => self.keep_solid(arena, byte, State::Key)?,
            (State::BeforeValue | State::Value, _) if is_newline(byte) => self.finish(arena, variables)?,
            (State::BeforeValue, b'\'') => State::Single,
            (State::BeforeValue, b'"') => State::Double,
            (State::BeforeValue, b'\\') => State::ValueEscape,
            (State::Value, b'\\') => {
                self.solid = arena.len();
                State::ValueEscape
            }
            (State::BeforeValue, _) if is_blank(byte) => State::BeforeValue,
            (State::BeforeValue | State::Value, _) => self.keep_solid(arena, byte, State::Value)?,
            (State::ValueEscape, _) => {
                if !is_newline(byte) {
                    self.keep(arena, byte)?;
                }
                State::Value
            }
            (State::Single, b'\'') | (State::Double, b'"') => State::BeforeValue,
            (State::Double, b'\\') => State::DoubleEscape,
            (State::Single | State::Double, _) => {
                self.keep(arena, byte)?;
                self.state
            }
            (State::DoubleEscape, b'"' | b'\\' | b'`' | b'$') => {
                self.keep(arena, byte)?;
                State::Double
            }
            (State::DoubleEscape, b'\n') => State::Double,
            (State::DoubleEscape, _) => {
                self.keep(arena, b'\\')?;
                self.keep(arena, byte)?;
                State::Double
            }
            (State::Comment, b'\\') => State::CommentEscape,
            (State::Comment | State::CommentEscape, _) if is_newline(byte) => State::BeforeKey,
            (State::Comment | State::CommentEscape, _) => State::Comment,
        };
        Ok(())
    }

    /// Adds a byte that stays even if it is a blank at the end.
    fn keep(&mut self, arena: &mut Arena<'_>, byte: u8) -> Result<(), Errno> {
        arena.write(&[byte])?;
        self.solid = arena.len();
        Ok(())
    }

    /// Adds a byte that goes if it is one of the blanks at the end.
    fn keep_solid(&mut self, arena: &mut Arena<'_>, byte: u8, next: State) -> Result<State, Errno> {
        if is_blank(byte) {
            arena.write(&[byte])?
        } else {
            self.keep(arena, byte)?
        }
        Ok(next)
    }

    fn drop(&mut self, arena: &mut Arena<'_>) -> State {
        arena.truncate(0);
        self.solid = 0;
        State::BeforeKey
    }

    /// Ends a variable. One that has no valid name is passed over.
    fn finish<'a>(&mut self, arena: &mut Arena<'a>, variables: &mut Variables<'a>) -> Result<State, Errno> {
        arena.truncate(self.solid);
        self.solid = 0;
        let assignment = arena.finish()?;
        let name = assignment.to_bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
        let starts_well = name.first().is_some_and(|byte| !byte.is_ascii_digit());
        if starts_well && name.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
            variables.set(assignment)?;
        }
        Ok(State::BeforeKey)
    }

    /// The end of the file ends what is open, quotes too.
    fn end<'a>(&mut self, arena: &mut Arena<'a>, variables: &mut Variables<'a>) -> Result<(), Errno> {
        match self.state {
            State::BeforeKey | State::Key | State::Comment | State::CommentEscape => {
                self.drop(arena);
                Ok(())
            }
            State::BeforeValue
            | State::Value
            | State::ValueEscape
            | State::Single
            | State::Double
            | State::DoubleEscape => self.finish(arena, variables).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        let mut bytes = [0; 4096];
        let mut arena = Arena::over(&mut bytes);
        let (mut variables, mut parser) = (Variables::new(), Parser::new());
        for byte in text.bytes() {
            parser.take(byte, &mut arena, &mut variables).expect("room");
        }
        parser.end(&mut arena, &mut variables).expect("room");
        variables.strings().iter().map(|string| string.to_str().expect("UTF-8").into()).collect()
    }

    #[test]
    fn a_file_is_read_as_systemd_reads_it() {
        for (text, variables) in [
            ("A=b\n", &["A=b"][..]),
            ("A=b", &["A=b"]),
            ("A=\"b c\"\n", &["A=b c"]),
            ("A=b # not comment\n", &["A=b # not comment"]),
            ("; c\n# d\nA=x\n", &["A=x"]),
            ("export A=x\nB=y\n", &["B=y"]),
            ("A=\"a\\\nb\"\n", &["A=ab"]),
            ("A=a\\\nb\n", &["A=ab"]),
            ("A='a\nb'\n", &["A=a\nb"]),
            ("A=\"x\\\"y\\$z\\`w\\\\v\\nn\"\n", &["A=x\"y$z`w\\v\\nn"]),
            ("A=x\\ty\n", &["A=xty"]),
            ("A=\"a\"b'c'\n", &["A=ab'c'"]),
            ("A=\"a\" 'b'\n", &["A=ab"]),
            ("A\nB=y\n", &["B=y"]),
            ("A=\"unterminated\nB=y\n", &["A=unterminated\nB=y\n"]),
            ("A=x  \r\nB = y\r\n", &["A=x", "B=y"]),
            ("A='x '  \n", &["A=x "]),
            ("A=\nB=1\nA=2\n", &["A=2", "B=1"]),
            ("1A=x\nA.B=y\n=z\nA-B=w\n", &[]),
            ("# comment \\\nA=1\n", &["A=1"]),
            ("", &[]),
        ] {
            assert_eq!(parsed(text), variables, "{text:?}");
        }
    }

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name, expected) in [
            ("*.env", "a.env", true),
            ("*.env", "a.envy", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("ef[01].conf", "ef1.conf", true),
            ("ef[01].conf", "ef2.conf", false),
            ("[!a-c]*", "d", true),
            ("[!a-c]*", "b", false),
            ("[]]", "]", true),
            ("a[", "a[", true),
            ("*a*b*", "xxaxxbxx", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_without_nul_gives_assignments(text in "[A-C=#;\"'\\\\$` \t\r\né1.]{0,60}") {
            for assignment in parsed(&text) {
                let name = assignment.split('=').next().unwrap_or_default();
                proptest::prop_assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            }
        }
    }
}
