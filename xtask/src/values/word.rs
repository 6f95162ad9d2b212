//! Words: blanks separate, quotes group, C escapes stand for bytes (systemd.syntax(7), "Quoting"; facts from
//! systemd's extract-word.c and escape.c, observed in tests/golden/exec.tsv).

use super::wrong;
use crate::{
    diag::{Code, Diagnostic},
    read::{Builder, Text, is_blank},
};

/// What a backslash does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// Begins a C escape; an unknown one is kept as written (command lines).
    Relaxed,
    /// Begins a C escape; an unknown one is an error (`Environment=`).
    Strict,
    /// Is a character like any other (lists of names).
    Keep,
}

/// One word of a value.
#[derive(Clone, Debug)]
pub struct Word {
    /// Without quotes, escapes replaced.
    pub text: Text,
    /// The bytes of the value it was made from.
    pub range: std::ops::Range<usize>,
    /// Where in the value the next word begins, or the value ends.
    pub next: usize,
    /// Where in the value an escape stands that nobody knows and that was kept as written.
    pub unknown_escape: Option<usize>,
}

/// The first word of `value` from byte `from` on; `None` at the end. Fails on a quote without its twin, on an unknown
/// escape if they are `Strict`, and on escapes whose bytes are no UTF-8.
pub fn next(value: &Text, from: usize, escapes: Escapes) -> Result<Option<Word>, Diagnostic> {
    let text = value.as_str();
    let skip = |from: usize| text.len() - text[from..].trim_start_matches(is_blank).len();
    let start = skip(from);
    if start == text.len() {
        return Ok(None);
    }
    let mut word = Builder::new(value);
    let mut unknown_escape = None;
    let mut quote: Option<(char, usize)> = None;
    let mut at = start;
    while let Some(c) = text[at..].chars().next() {
        match quote {
            None if is_blank(c) => break,
            None if c == '"' || c == '\'' => quote = Some((c, at)),
            Some((open, _)) if c == open => quote = None,
            _ if c == '\\' && escapes != Escapes::Keep => {
                if let Some((bytes, length)) = unescape(&text[at + 1..]) {
                    word.push(&bytes, value.offset(at));
                    at += 1 + length;
                    continue;
                }
                if escapes == Escapes::Strict {
                    return Err(bad_escape(value, at));
                }
                unknown_escape.get_or_insert(at);
                // The character behind the backslash is literal, even if it is a quote or a blank.
                let next = text[at + 1..].chars().next().map_or(0, char::len_utf8);
                word.copy(value, at..at + 1 + next);
                at += 1 + next;
                continue;
            }
            _ => word.copy(value, at..at + c.len_utf8()),
        }
        at += c.len_utf8();
    }
    if let Some((c, open)) = quote {
        let message = format!("unbalanced quoting: this {c} has no twin");
        return Err(Diagnostic::error(Code::Quoting, message).on(value, open..text.len()));
    }
    let Some(word) = word.finish(value.offset(at)) else {
        return Err(wrong(
            &value.slice(start..at),
            Code::NotUtf8,
            "the escapes in this word make bytes that are no UTF-8",
        ));
    };
    Ok(Some(Word { text: word, range: start..at, next: skip(at), unknown_escape }))
}

/// All words of `value`, quotes removed, backslashes kept: for lists of names.
pub fn list(value: &Text) -> Result<Vec<Text>, Diagnostic> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(word) = next(value, at, Escapes::Keep)? {
        at = word.next;
        words.push(word.text);
    }
    Ok(words)
}

/// The words of `value` where quotes are characters like any other.
pub fn unquoted(value: &Text) -> Vec<Text> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in value.as_str().char_indices() {
        match (is_blank(c), start) {
            (true, Some(from)) => {
                words.push(value.slice(from..at));
                start = None;
            }
            (false, None) => start = Some(at),
            (true, None) | (false, Some(_)) => {}
        }
    }
    words.extend(start.map(|from| value.slice(from..value.len())));
    words
}

/// The value with its C escapes replaced, as text. Quotes and blanks are characters like any other.
pub fn unescaped(value: &Text) -> Result<Text, Diagnostic> {
    let text = value.as_str();
    let mut made = Builder::new(value);
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        made.copy(value, at..at + found);
        at += found;
        let (bytes, length) = unescape(&text[at + 1..]).ok_or_else(|| bad_escape(value, at))?;
        made.push(&bytes, value.offset(at));
        at += 1 + length;
    }
    made.copy(value, at..text.len());
    made.finish(value.offset(text.len()))
        .ok_or_else(|| wrong(value, Code::NotUtf8, "its escapes make bytes that are no UTF-8"))
}

/// What `value` stands for once its C escapes are replaced, whatever bytes that makes, NUL included (systemd's
/// `cunescape` with UNESCAPE_ACCEPT_NUL). Quotes and blanks are characters like any other.
pub fn bytes(value: &Text) -> Result<Vec<u8>, Diagnostic> {
    let text = value.as_str();
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        bytes.extend_from_slice(&text.as_bytes()[at..at + found]);
        at += found;
        let rest = &text[at + 1..];
        let nul = ["x00", "000", "u0000", "U00000000"].into_iter().find(|nul| rest.starts_with(nul));
        let (made, length) = match nul {
            Some(nul) => (vec![0], nul.len()),
            None => unescape(rest).ok_or_else(|| bad_escape(value, at))?,
        };
        bytes.extend(made);
        at += 1 + length;
    }
    bytes.extend_from_slice(&text.as_bytes()[at..]);
    Ok(bytes)
}

/// The warning about an escape nobody knows.
pub fn bad_escape(value: &Text, at: usize) -> Diagnostic {
    let end = value.as_str()[at + 1..].chars().next().map_or(at + 1, |c| at + 1 + c.len_utf8());
    let written = &value.as_str()[at..end];
    Diagnostic::error(Code::Escape, format!("unknown escape sequence {written}"))
        .on(value, at..end)
        .help("known are \\a \\b \\f \\n \\r \\t \\v \\\\ \\\" \\' \\s \\xHH \\OOO \\uHHHH \\UHHHHHHHH; write \\\\ for a backslash")
}

/// What the escape behind a backslash stands for, and its length. NUL has no escape.
fn unescape(rest: &str) -> Option<(Vec<u8>, usize)> {
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = rest.get(from..from + count)?;
        let all = digits.bytes().all(|byte| char::from(byte).is_digit(radix));
        u32::from_str_radix(digits, radix).ok().filter(|value| all && *value != 0)
    };
    let character = |value: u32| char::from_u32(value).map(|c| c.to_string().into_bytes());
    let byte = |byte: u8| Some((vec![byte], 1));
    match rest.bytes().next()? {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'v' => byte(11),
        b's' => byte(b' '),
        c @ (b'\\' | b'"' | b'\'') => byte(c),
        b'x' => Some((vec![u8::try_from(digits(1, 2, 16)?).ok()?], 3)),
        b'u' => Some((character(digits(1, 4, 16)?)?, 5)),
        b'U' => Some((character(digits(1, 8, 16)?)?, 9)),
        b'0'..=b'7' => Some((vec![u8::try_from(digits(0, 3, 8)?).ok()?], 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    fn all(value: &str, escapes: Escapes) -> Result<Vec<String>, String> {
        let value = text(value);
        let mut words = Vec::new();
        let mut at = 0;
        while let Some(word) = next(&value, at, escapes).map_err(|problem| problem.message)? {
            at = word.next;
            words.push(word.text.as_str().to_owned());
        }
        Ok(words)
    }

    #[test]
    fn quotes_group_and_escapes_stand_for_bytes() {
        for (value, words) in [
            ("", &[][..]),
            (" \t ", &[]),
            ("a  b\tc ", &["a", "b", "c"]),
            ("a\"b c\"d", &["ab cd"]),
            ("'a b' \"\" ''", &["a b", "", ""]),
            (r#"'it"s' "it's""#, &["it\"s", "it's"]),
            (r"a\tb '\'' \s", &["a\tb", "'", " "]),
            (r"\x41\102\u00e9\U0001F600", &["AB\u{e9}\u{1f600}"]),
            (r"\xc3\xa9", &["é"]),
            (r"a\-b \q", &[r"a\-b", r"\q"]),
            (r"\x4 \400 \x00 \u00", &[r"\x4", r"\400", r"\x00", r"\u00"]),
            (r"a\", &[r"a\"]),
        ] {
            assert_eq!(
                all(value, Escapes::Relaxed).as_deref(),
                Ok(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>().as_slice()),
                "{value}"
            );
        }
        let unquoted: Vec<_> =
            unquoted(&text(" a  \"b c\" ")).iter().map(|word| word.as_str().to_owned()).collect();
        assert_eq!(unquoted, ["a", "\"b", "c\""]);
        assert_eq!(all(r"a\nb c", Escapes::Keep), Ok(vec![r"a\nb".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn what_cannot_be_a_word_says_why() {
        for (value, escapes, message) in [
            ("a \"b", Escapes::Relaxed, "unbalanced quoting"),
            ("it's", Escapes::Keep, "unbalanced quoting"),
            (r"a\q", Escapes::Strict, r"unknown escape sequence \q"),
            (r"\xff", Escapes::Relaxed, "no UTF-8"),
        ] {
            let problem = all(value, escapes).expect_err(value);
            assert!(problem.contains(message), "{value}: {problem}");
        }
    }

    #[test]
    fn a_value_of_bytes_may_hold_any_byte() {
        assert_eq!(bytes(&text(r"a 'b'\n\x00\xff\000é")), Ok(b"a 'b'\n\0\xff\0\xc3\xa9".to_vec()));
        for bad in [r"a\q", r"a\", r"\x0"] {
            assert!(bytes(&text(bad)).expect_err(bad).message.contains("unknown escape"), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_value_gives_words_or_an_error(value in "[ab \\\\\"'xuU0-9é;$%]{0,20}") {
            for escapes in [Escapes::Relaxed, Escapes::Strict, Escapes::Keep] {
                let _ = all(&value, escapes);
            }
        }
    }
}
