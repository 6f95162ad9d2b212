//! Lists of words in one string, with a space between: a table of strings is sixteen bytes more a word.
//!
//! The kernel's command line, which is such a list. And paths and names, which end with a word. One function each: every
//! closure that a search takes is a copy of it.

/// Word `n` of `list`; empty if there are fewer.
#[inline(never)]
pub fn nth(list: &'static str, n: usize) -> &'static str {
    list.split(' ').nth(n).unwrap_or_default()
}

/// The place of `word` in `list`.
#[inline(never)]
pub fn place(list: &str, word: &[u8]) -> Option<usize> {
    list.split(' ').position(|one| one.as_bytes() == word)
}

/// What the last of the words `KEY=VALUE` in the kernel's command line says, or `""` for the bare word `KEY`; `None` if
/// neither is there: kernel-command-line(7), bootparam(7).
#[inline(never)]
pub fn last<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let mut found = None;
    for word in line.split_ascii_whitespace() {
        match word.strip_prefix(key) {
            Some("") => found = Some(""),
            Some(rest) => found = rest.strip_prefix('=').or(found),
            None => {}
        }
    }
    found
}

/// What stands before the last `mark` in `text`, and after it; `None` if there is none.
#[inline(never)]
pub fn split_last(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The last word of a path.
pub fn file_name(path: &str) -> &str {
    split_last(path, b'/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_at_its_place() {
        assert_eq!((nth("one two", 0), nth("one two", 1), nth("one two", 2)), ("one", "two", ""));
        assert_eq!((place("one two", b"two"), place("one two", b"tw")), (Some(1), None));
    }

    #[test]
    fn the_last_word_of_a_key_counts() {
        let line = "quiet root=/dev/a rootwait root=LABEL=x=y rooty=no ro\n";
        assert_eq!(last(line, "root"), Some("LABEL=x=y"));
        assert_eq!((last(line, "rootwait"), last(line, "ro")), (Some(""), Some("")));
        assert_eq!((last(line, "rw"), last(line, "roo")), (None, None));
    }

    #[test]
    fn the_last_mark_is_where_a_path_is_split() {
        assert_eq!(split_last("/a/b", b'/'), Some(("/a", "b")));
        assert_eq!(split_last("ä.b", b'.'), Some(("ä", "b")));
        assert_eq!(split_last("/", b'/'), Some(("", "")));
        assert_eq!(split_last("ab", b'/'), None);
        assert_eq!((file_name("/a/b"), file_name("b"), file_name("/a/")), ("b", "b", ""));
    }
}
