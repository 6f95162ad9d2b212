//! Scripts as they are written.

use super::*;

/// Each command in one line: `function/labels?&: words`, `$NAME` for a variable, `*` for what cannot be told.
fn shown(script: &str) -> Vec<String> {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Variable { name, default, quoted } => {
            let default = if default.is_empty() { String::new() } else { format!(":-{default}") };
            if *quoted { format!("\"${name}{default}\"") } else { format!("${name}{default}") }
        }
        Piece::Opaque => "*".to_owned(),
    };
    let word = |word: &Word| word.pieces.iter().map(piece).collect::<String>();
    let line = |command: &Command| {
        let place = match (&command.function, command.labels.join("|")) {
            (None, labels) if labels.is_empty() => String::new(),
            (function, labels) => format!("{}/{labels}: ", function.clone().unwrap_or_default()),
        };
        let conditional = if command.conditional { "? " } else { "" };
        let end = match (command.redirected, command.background) {
            (false, false) => "",
            (true, false) => " >",
            (false, true) => " &",
            (true, true) => " > &",
        };
        let words: Vec<_> = command.words.iter().map(word).collect();
        format!("{place}{conditional}{}{end}", words.join(" "))
    };
    commands(script).iter().map(line).collect()
}

#[test]
fn words_are_unquoted_and_variables_found() {
    for (script, expected) in [
        ("a 'b $c' \"d $e\" f\\ g", "a b $c d \"$e\" f g"),
        ("A=1 B=\"x$C\"", "A=1 B=x\"$C\""),
        ("a ${B} ${C:-d} ${E-f} ${G%x}", "a $B $C:-d $E:-f *"),
        ("a $(b (c) d) `e` $? $1 $", "a * * * $1 $"),
        ("a \\\n  b # c\n", "a b"),
        ("a >/dev/null 2>&1", "a"),
        ("a > b", "a >"),
        ("a \"\" ''", "a  "),
    ] {
        assert_eq!(shown(script), [expected], "{script}");
    }
}

#[test]
fn functions_and_branches_are_known_of_each_command() {
    let script = "start() {\n\tif a; then\n\t\tb && c\n\tfi\n\td || return 1\n}\nfunction stop {\n e\n}\n\
        case \"$1\" in\n  start)\n\tstart\n\t;;\n  stop|kill) stop; f & ;;\n  (*)\n\techo <<EOF\nx y\nEOF\n\texit 1;;\nesac\ng\n";
    let expected = [
        "start/: a",
        "start/: ? b",
        "start/: ? c",
        "start/: d",
        "start/: ? return 1",
        "stop/: e",
        "/start: start",
        "/stop|kill: stop",
        "/stop|kill: f &",
        "/*: echo >",
        "/*: exit 1",
        "g",
    ];
    assert_eq!(shown(script), expected);
}

#[test]
fn loops_and_pipes_and_subshells_are_passed_over() {
    let script =
        "for x in a b; do\n c $x\ndone\nwhile d; do e; done\n(f; g) | h\n[ -r i ] &&\n  . i\nx() { y; }\nz\n";
    let expected = ["? c $x", "d", "? e", "f", "g", "h", "[ -r i ]", "? . i", "x/: y", "z"];
    assert_eq!(shown(script), expected);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in "[a-z$(){}'\"`;&|<>#\\\\ \n=]{0,60}|\\PC{0,40}") {
        for command in commands(&text) {
            proptest::prop_assert!(!command.words.is_empty());
            proptest::prop_assert!(text.get(command.range()).is_some());
        }
    }
}
