//! `$` in a command line, as systemd's `replace_env_argv` treats it (systemd-semantics.md §10).
//!
//! The baker has unquoted and unescaped the words; what is left to do needs the environment of the start.

use core::ffi::CStr;

use rustix::io::Errno;

use super::{child::Arena, plan::Words, raw::CStrings};

/// Appends the words of `argv` to `words`, with `$NAME` as a whole word split into its value's words, `${NAME}`
/// replaced in place and `$$` made one `$`, the first one (the prefix `@` says it) as well. E2BIG if there is no room.
pub(crate) fn expand<'a, const N: usize>(
    argv: Words<'a>,
    value: impl Fn(&[u8]) -> Option<&'a [u8]>,
    arena: &mut Arena<'a>,
    words: &mut CStrings<'a, N>,
) -> Result<(), Errno> {
    for word in argv.iter() {
        let bytes = word.to_bytes();
        match bytes {
            _ if !bytes.contains(&b'$') => words.push(word)?,
            [b'$', b'{' | b'$', ..] => words.push(replace(bytes, &value, arena)?)?,
            [b'$', name @ ..] => split(value(name).unwrap_or_default(), arena, words)?,
            _ => words.push(replace(bytes, &value, arena)?)?,
        }
    }
    Ok(())
}

/// Replaces `${NAME}` and `$$` in one word. `${NAME` without its brace, and with a `:` in it, stays as written.
fn replace<'a>(
    word: &[u8],
    value: &impl Fn(&[u8]) -> Option<&'a [u8]>,
    arena: &mut Arena<'a>,
) -> Result<&'a CStr, Errno> {
    let mut rest = word;
    while let Some(dollar) = rest.iter().position(|&byte| byte == b'$') {
        let (before, at) = rest.split_at(dollar);
        arena.write(before)?;
        let (text, after) = match at {
            [b'$', b'$', after @ ..] => (&b"$"[..], after),
            [b'$', b'{', braced @ ..] => match braced.iter().position(|byte| b"}:".contains(byte)) {
                Some(end) if braced.get(end) == Some(&b'}') => {
                    let (name, after) = braced.split_at(end);
                    (value(name).unwrap_or_default(), after.get(1..).unwrap_or_default())
                }
                // Up to the colon, which would begin an operator that systemd does not offer here.
                Some(colon) => at.split_at_checked(colon.saturating_add(3)).unwrap_or((at, b"")),
                None => (at, &b""[..]),
            },
            [dollar, after @ ..] => (core::slice::from_ref(dollar), after),
            [] => break,
        };
        arena.write(text)?;
        rest = after;
    }
    arena.write(rest)?;
    arena.finish()
}

/// Splits a value at blanks, honouring quotes and backslashes; a quote that is left open ends with the value.
fn split<'a, const N: usize>(
    value: &[u8],
    arena: &mut Arena<'a>,
    words: &mut CStrings<'a, N>,
) -> Result<(), Errno> {
    let mut bytes = value.iter().copied();
    let mut quote = None;
    let mut inside = false;
    while let Some(byte) = bytes.next() {
        let blank = b" \t\n\r".contains(&byte);
        match (quote, byte) {
            (None, _) if blank && !inside => continue,
            (None, _) if blank => {
                words.push(arena.finish()?)?;
                inside = false;
                continue;
            }
            (_, b'\\') => {
                if let Some(escaped) = bytes.next() {
                    arena.write(&[escaped])?;
                }
            }
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None | Some(_), _) => arena.write(&[byte])?,
        }
        inside = true;
    }
    if inside { words.push(arena.finish()?) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
