//! Lists of words in one string, with a space between: a table of strings is sixteen bytes more a word.
//!
//! And paths and names, which end with a word. One function each: every closure that a search takes is a copy of it.

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
    fn the_last_mark_is_where_a_path_is_split() {
        assert_eq!(split_last("/a/b", b'/'), Some(("/a", "b")));
        assert_eq!(split_last("ä.b", b'.'), Some(("ä", "b")));
        assert_eq!(split_last("/", b'/'), Some(("", "")));
        assert_eq!(split_last("ab", b'/'), None);
        assert_eq!((file_name("/a/b"), file_name("b"), file_name("/a/")), ("b", "b", ""));
    }
}
