//! The expansion cases observed on real systemd (golden/exec.tsv, by id), words unquoted as the baker hands them over.

use std::{boxed::Box, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

/// The environment of the observed runs.
const ENVIRONMENT: [(&[u8], &[u8]); 8] = [
    (b"VA", b"one"),
    (b"VB", b"two words"),
    (b"VC", b" lead trail "),
    (b"VE", b""),
    (b"VQ", b"a'b c\"d"),
    (b"VD", b"A\tz"),
    (b"VS", b"$$HOME"),
    (b"VU", b"g.service"),
];

fn value(name: &[u8]) -> Option<&'static [u8]> {
    ENVIRONMENT.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

/// The words that `words` (argv\[0\] left out) become.
fn expanded(words: &[&str]) -> Result<Vec<Vec<u8>>, Errno> {
    let mut bytes = b"argv.py\0".to_vec();
    for word in words {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
    }
    let argv = Words::new(Box::leak(bytes.into_boxed_slice())).expect("ends in NUL");
    let mut arena = Arena::over(Box::leak(vec![0; 1 << 16].into_boxed_slice()));
    let mut strings = CStrings::<64>::new();
    expand(argv, value, &mut arena, &mut strings)?;
    Ok(strings.iter().skip(1).map(|word| word.to_bytes().to_vec()).collect())
}

#[test]
fn the_programs_name_for_itself_expands_too() {
    let argv = Words::new(b"$VNONE\0x-${VA}\0").expect("ends in NUL");
    let mut arena = Arena::over(Box::leak(vec![0; 1 << 12].into_boxed_slice()));
    let mut strings = CStrings::<64>::new();
    expand(argv, value, &mut arena, &mut strings).expect("room");
    assert_eq!(strings.iter().collect::<Vec<_>>(), [c"x-one"]);
}

#[test]
fn words_expand_as_observed_on_systemd() {
    let cases: [(&str, &[&str], &[&str]); 26] = [
        ("g000", &["a", "b", "c"], &["a", "b", "c"]),
        ("g006", &[""], &[""]),
        ("g022 a whole word splits", &["$VB"], &["two", "words"]),
        ("g024 quotes around it do not matter", &["$VB"], &["two", "words"]),
        ("g026 braces never split", &["x${VB}y"], &["xtwo wordsy"]),
        ("g028", &["${VA}${VB}"], &["onetwo words"]),
        ("g030 an empty value is a word", &["${VE}", "x"], &["", "x"]),
        ("g032 an unset whole word vanishes", &["$VNONE", "x"], &["x"]),
        ("g034", &["x${VNONE}y"], &["xy"]),
        ("g036", &["$$$$"], &["$$"]),
        ("g038 a lone dollar vanishes", &["$", "x"], &["x"]),
        ("g040 an open brace is literal", &["${VA"], &["${VA"]),
        ("g042 no operators", &["${VNONE:-d}"], &["${VNONE:-d}"]),
        ("g044", &["${VC}"], &[" lead trail "]),
        ("g046 quotes inside the value group", &["$VQ"], &["ab c\"d"]),
        ("g048 a tab is a blank", &["$VD"], &["A", "z"]),
        ("g050 values are not expanded again", &["$VS"], &["$$HOME"]),
        ("g074", &["$VA", "$VA"], &["one", "one"]),
        ("g076 two names in a word are none", &["$VA${VB}"], &[]),
        ("g078", &["$VA"], &["one"]),
        ("g088", &["$VA"], &["one"]),
        ("g090", &["argzero", "$VA"], &["argzero", "one"]),
        ("§10 not at the start of a word", &["x$VA"], &["x$VA"]),
        ("§10 a path after a name", &["$VA/y"], &[]),
        ("§10 a dot after a name", &["$VA.x"], &[]),
        ("an operator hides no later name", &["${VNONE:-${VA}}"], &["${VNONE:-one}"]),
    ];
    for (id, words, wanted) in cases {
        let wanted: Vec<_> = wanted.iter().map(|word| word.as_bytes().to_vec()).collect();
        assert_eq!(expanded(words), Ok(wanted), "{id}: {words:?}");
    }
}

#[test]
fn what_does_not_fit_is_e2big() {
    let many = vec!["$VB"; 40];
    assert_eq!(expanded(&many), Err(Errno::TOOBIG));
    let long = "${VB}".repeat(10_000);
    assert_eq!(expanded(&[&long]), Err(Errno::TOOBIG));
}

proptest! {
    #[test]
    fn words_without_a_dollar_stay_as_they_are(words in proptest::collection::vec("[^$\0]{0,20}", 0..20)) {
        let words: Vec<_> = words.iter().map(std::string::String::as_str).collect();
        let wanted: Vec<_> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        prop_assert_eq!(expanded(&words), Ok(wanted));
    }

    #[test]
    fn no_word_makes_the_expansion_panic(word in "[ab${}:'\"\\\\ VA]{0,40}") {
        let _words = expanded(&[&word]);
    }
}
