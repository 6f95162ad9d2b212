//! The grammar as tables, and that no input makes it panic.

use std::path::Path;

use super::*;

fn parsed(text: &[u8]) -> (UnitFile, Diagnostics) {
    let mut sink = Diagnostics::default();
    let file = parse(Path::new("x.service"), text.to_vec(), &mut sink);
    (file, sink)
}

fn plain(file: &UnitFile) -> Vec<(String, Vec<(String, String)>)> {
    let pair = |a: &Assignment| (a.key.as_str().to_owned(), a.value.as_str().to_owned());
    let section = |s: &Section| (s.name.as_str().to_owned(), s.assignments.iter().map(pair).collect());
    file.sections.iter().map(section).collect()
}

#[test]
fn values_are_joined_trimmed_and_freed_of_comments() {
    for (text, value) in [
        ("K=v", "v"),
        ("  K  =  v w  ", "v w"),
        ("K=", ""),
        ("K=a=b", "a=b"),
        ("K=a\\\nb", "a b"),
        ("K=a \\\n  b", "a    b"),
        ("K=a\\\n# comment\n ; too\nb", "a b"),
        ("K=a\\\r\nb\r\n", "a b"),
        ("K=a\\\n\nb=c", "a"),
        ("K=a\\", "a"),
        ("K=a\\\\\nL=x", "a\\\\"),
        ("K=a\\ \nL=x", "a\\"),
        ("K=a # b", "a # b"),
        ("# caf\u{e9}\nK=a", "a"),
        ("K=\"a", "\"a"),
    ] {
        let (file, sink) = parsed(format!("\u{feff}[S]\n{text}").as_bytes());
        let first = &file.sections[0].assignments[0];
        assert_eq!((first.key.as_str(), first.value.as_str()), ("K", value), "{text:?}");
        assert!(sink.iter().all(|problem| problem.message.contains("no assignment")), "{text:?}");
    }
}

#[test]
fn what_is_no_unit_file_is_refused_with_its_place() {
    for (text, line, column, message) in [
        (&b"K=v"[..], 1, 1, "before the first section header"),
        (b"[S]\n\n  word", 3, 3, "no assignment"),
        (b"[S]\n=v", 2, 1, "no key"),
        (b"[S\nK=v", 1, 1, "no section header"),
        (b"[]", 1, 1, "no section header"),
        (b"[S]\nK=\xff", 2, 3, "not UTF-8"),
        (b"[S]\nK=a\0", 2, 4, "NUL"),
    ] {
        let (_, sink) = parsed(text);
        let problems: Vec<_> = sink.iter().collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains(message), "{problems:?}");
        let place = problems[0].place.as_ref().expect("a place");
        assert_eq!((place.line, place.column), (line, column), "{text:?}");
    }
    let (file, sink) = parsed(b"# caf\xe9\n[S]\nK=a");
    assert_eq!((file.sections.len(), sink.iter().count()), (1, 0), "comments are in any encoding");
    let (_, sink) = parsed(&vec![b'#'; FILE_BYTES_MAX + 1]);
    assert!(sink.iter().next().is_some_and(|problem| problem.message.contains("at most 1048576")));
}

#[test]
fn each_byte_of_a_continued_value_keeps_its_line_and_column() {
    let (file, _) = parsed(b"[S]\nKey = one \\\n# skipped\n   two\n");
    let value = &file.sections[0].assignments[0].value;
    let at = value.as_str().find("two").expect("the second word");
    let place = value.place(at);
    assert_eq!((place.line, place.column), (4, 4), "{value:?}");
    let place = value.place(0);
    assert_eq!((place.line, place.column), (2, 7));
}

proptest::proptest! {
    #[test]
    fn any_bytes_parse_without_a_panic_and_read_back_the_same(bytes: Vec<u8>) {
        let (file, _) = parsed(&bytes);
        let (again, _) = parsed(file.to_string().as_bytes());
        proptest::prop_assert_eq!(plain(&file), plain(&again));
    }

    #[test]
    fn any_lines_parse_without_a_panic_and_read_back_the_same(
        text in "\u{feff}?(\\[[A-Z]{1,2}\\]|[KLä]{0,2} ?=? ?[ \\\\\"';#%$x=\\[\\]]{0,6}|[#;]c|\\\\|\n|\r\n?|\t){0,24}"
    ) {
        let (file, _) = parsed(text.as_bytes());
        let (again, _) = parsed(file.to_string().as_bytes());
        proptest::prop_assert_eq!(plain(&file), plain(&again));
    }
}
