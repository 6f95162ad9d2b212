//! What `logs -g` knows of regular expressions: a character, `.`, either with `*` behind it, `^` at the beginning, `$` at
//! the end, and `\` before what is no letter or digit. Whatever else PCRE gives a meaning to is refused, never taken for
//! itself.

/// Bytes of one: all places in it are bits of one number, so that a line takes one look at each of its characters.
const BYTES_MAX: usize = 63;
/// What means something in PCRE, and nothing here; `^`, `$` and `*` only where they stand.
const UNKNOWN: &[u8] = b"[()+?{|^$*";

/// What a place in a pattern takes.
struct Element {
    /// This character; without it any, and behind the `$` none.
    character: Option<char>,
    end: bool,
    /// Any number of them.
    many: bool,
}

impl Element {
    /// The first one of `text`, and what is behind it; nothing if that is not understood.
    #[inline(never)] // for a small frame
    fn read(text: &str) -> Option<(Self, &str)> {
        let mut characters = text.chars();
        let mut character = characters.next()?;
        let (any, end) = (character == '.', text == "$");
        if character == '\\' {
            character = characters.next().filter(|next| !next.is_ascii_alphanumeric())?;
        } else if !end && UNKNOWN.iter().any(|one| char::from(*one) == character) {
            return None;
        }
        let after = characters.as_str();
        let rest = after.strip_prefix('*').unwrap_or(after);
        let character = Some(character).filter(|_| !any);
        Some((Self { character, end, many: rest.len() < after.len() }, rest))
    }
}

/// What of `pattern` is not understood: the rest from there on, or all of it if it is too long.
pub(super) fn unknown(pattern: &str) -> &str {
    let mut rest = pattern.strip_prefix('^').unwrap_or(pattern);
    while let Some((_, after)) = Element::read(rest) {
        rest = after;
    }
    if pattern.len() > BYTES_MAX { pattern } else { rest }
}

/// Whether `pattern` is in `text`. Without large letters in it, small ones stand for both, as journalctl has it: those of
/// ASCII, for tables of all are kilobytes. What is no UTF-8 in `text` is a character for each piece that is none.
#[inline(never)] // for a small frame
pub(super) fn is_in(pattern: &str, text: &[u8]) -> bool {
    let folds = !pattern.bytes().any(|byte| byte.is_ascii_uppercase());
    let anywhere = !pattern.starts_with('^');
    let mut places = 1;
    let mut takes = |character: char| {
        let character = if folds { character.to_ascii_lowercase() } else { character };
        let found = step(pattern, &mut places, Some(character));
        places |= u64::from(anywhere);
        found
    };
    for chunk in text.utf8_chunks() {
        let found = chunk.valid().chars().any(&mut takes);
        if found || !chunk.invalid().is_empty() && takes(char::REPLACEMENT_CHARACTER) {
            return true;
        }
    }
    step(pattern, &mut places, None)
}

/// Makes of `places`, of which bit n stands before element n, those behind `character`, or behind nothing at the end of the
/// text; answers whether the pattern's own end was reached before it.
#[inline(never)] // for a small frame
fn step(pattern: &str, places: &mut u64, character: Option<char>) -> bool {
    let mut rest = pattern.strip_prefix('^').unwrap_or(pattern);
    let (mut now, mut next, mut place) = (*places, 0, 1);
    while let Some((element, after)) = Element::read(rest) {
        if now & place != 0 {
            if element.many || element.end && character.is_none() {
                now |= place << 1;
            }
            if !element.end && (element.character.is_none() || element.character == character) {
                next |= if element.many { place } else { place << 1 };
            }
        }
        (rest, place) = (after, place << 1);
    }
    *places = next;
    now & place != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::{format, string::String, vec::Vec};

    use super::*;

    fn outcome(pattern: &str, text: &[u8]) -> Result<bool, String> {
        match unknown(pattern) {
            "" => Ok(is_in(pattern, text)),
            rest => Err(rest.into()),
        }
    }

    #[test]
    fn a_pattern_is_found_where_pcre_finds_it() {
        for (pattern, found, missed) in [
            ("", &["", "x"][..], &[][..]),
            ("error", &["an error", "ERROR: x"], &["erro", "eror"]),
            ("Error", &["Error"], &["error", "ERROR"]),
            ("^usb", &["usb 1-1", "USB"], &["a usb"]),
            ("done$", &["is done", "done"], &["done."]),
            ("^$", &[""], &["x"]),
            ("^", &["", "x"], &[]),
            ("a.c", &["xabc", "aéc", "a.c"], &["ac", "abbc"]),
            ("ab*c", &["ac", "xabbbc"], &["adc"]),
            ("^.*x.*$", &["x", "axb"], &["", "ab"]),
            ("a*", &["", "b"], &[]),
            ("^a*$", &["", "aaa"], &["ab"]),
            ("é*!", &["ééé!", "!"], &["é"]),
            ("1\\.5\\*", &["1.5*"], &["1x5*", "1.5"]),
            ("\\^\\$\\[\\\\", &["a^$[\\"], &["^$["]),
            ("a]b}", &["a]b}"], &["ab"]),
            (" *\t", &["\t", "  \t"], &["x"]),
        ] {
            for text in found {
                assert_eq!(outcome(pattern, text.as_bytes()), Ok(true), "{pattern} {text}");
            }
            for text in missed {
                assert_eq!(outcome(pattern, text.as_bytes()), Ok(false), "{pattern} {text}");
            }
        }
        assert_eq!(outcome("^a.b$", b"a\xffb"), Ok(true), "a piece that is no UTF-8 is a character");
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (pattern, rest) in [
            ("a[bc]", "[bc]"),
            ("(a)", "(a)"),
            ("a)", ")"),
            ("a+", "+"),
            ("colou?r", "?r"),
            ("a{2}", "{2}"),
            ("a|b", "|b"),
            ("\\d", "\\d"),
            ("a\\", "\\"),
            ("a^b", "^b"),
            ("a$b", "$b"),
            ("*a", "*a"),
            ("^*", "*"),
            ("a**", "*"),
            ("a*?", "?"),
        ] {
            assert_eq!(outcome(pattern, b""), Err(rest.into()), "{pattern}");
        }
        let long = "x".repeat(BYTES_MAX);
        assert_eq!(outcome(&long, long.as_bytes()), Ok(true));
        assert_eq!(outcome(&format!("{long}x"), b"").map_err(|rest| rest.len()), Err(BYTES_MAX + 1));
    }

    #[test]
    fn the_worst_pattern_for_the_longest_line_takes_no_time() {
        let text = "a".repeat(2048);
        assert_eq!(outcome(&format!("{}b", ".*a*".repeat(15)), text.as_bytes()), Ok(false));
    }

    /// The same by trying everything.
    fn tries(pattern: &str, text: &[char]) -> bool {
        let Some((element, rest)) = Element::read(pattern) else { return true };
        if element.end {
            return text.is_empty();
        }
        let takes = text.first().is_some_and(|one| element.character.is_none_or(|wanted| wanted == *one));
        let more = || takes && tries(if element.many { pattern } else { rest }, &text[1..]);
        element.many && tries(rest, text) || more()
    }

    proptest! {
        #[test]
        fn a_pattern_is_found_as_by_trying_everything(pattern in "\\^?([AB.]\\*?){0,5}\\$?", text in "[ABC]{0,8}") {
            prop_assert_eq!(unknown(&pattern), "");
            let characters: Vec<char> = text.chars().collect();
            let rest = pattern.strip_prefix('^');
            let begins = if rest.is_some() { 0..=0 } else { 0..=characters.len() };
            let tried = begins.into_iter().any(|at| tries(rest.unwrap_or(&pattern), &characters[at..]));
            prop_assert_eq!(is_in(&pattern, text.as_bytes()), tried, "{} {}", pattern, text);
        }
    }
}
