//! tests/golden/exec.tsv: command lines and environments that real systemd was seen to run. All of the baker's part is
//! checked here: words, refusals, messages. What `$` becomes at run time is played by a few lines of the test's own.

use serde_json::Value;

use super::unit_of;
use crate::{
    diag::Diagnostics,
    model::{Kind, Service},
    values::environment::is_name,
};

const GOLDEN: &str = include_str!("../../../../tests/golden/exec.tsv");

/// systemd's messages and what tomte says in their place.
const MESSAGES: [(&str, &str); 10] = [
    ("Ignoring unknown escape sequences", "unknown escape sequence"),
    ("Failed to resolve unit specifiers", "is no specifier"),
    ("Unbalanced quoting", "unbalanced quoting"),
    ("Invalid syntax, ignoring", "unbalanced quoting"),
    ("Neither a valid executable name", "neither an absolute path nor a program's name"),
    ("Empty path in command line", "no program behind the prefix"),
    ("Executable path specifies a directory", "is a directory"),
    ("Unknown key", "unknown key"),
    ("Invalid environment assignment", "is ignored"),
    ("Failed to locate executable", ""),
];

struct Row {
    id: String,
    text: String,
    refused: bool,
    observed: Vec<Value>,
    message: String,
}

fn rows() -> Vec<Row> {
    let plain = |cell: &str| {
        let mut text = String::new();
        let mut rest = cell.chars();
        while let Some(c) = rest.next() {
            text.push(match c {
                '\\' => match rest.next().expect("an escape") {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                },
                c => c,
            });
        }
        text
    };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, environment, exec, _, result, observed, message] = cells[..] else { panic!("{line}") };
        Row {
            id: id.to_owned(),
            text: format!("[Service]\nType=oneshot\n{}\n{}\n", plain(environment), plain(exec)),
            refused: result == "not-started",
            observed: serde_json::from_str(observed).expect("JSON"),
            message: message.to_owned(),
        }
    };
    GOLDEN.lines().filter(|line| line.starts_with('g')).map(row).collect()
}

/// What `$` does to a command's words (systemd.service(5), "Command lines").
fn expanded(words: &[String], environment: &[String]) -> Vec<String> {
    let lookup =
        |name: &str| environment.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
    let mut done = Vec::new();
    for word in words {
        match word.strip_prefix('$') {
            Some(name) if !name.starts_with(['$', '{']) => {
                done.extend(split(lookup(name).unwrap_or_default()));
            }
            _ => done.push(braces(word, lookup)),
        }
    }
    done
}

/// The words of a variable's value: quotes group, and one without its twin does no harm.
fn split(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in value.chars() {
        match quote {
            None if c == ' ' || c == '\t' => words.extend(word.take()),
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn braces<'e>(word: &str, lookup: impl Fn(&str) -> Option<&'e str>) -> String {
    let mut done = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        done.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest.strip_prefix('{').and_then(|name| name.split_once('}'));
        if let Some(behind) = rest.strip_prefix('$') {
            done.push('$');
            rest = behind;
        } else if let Some((name, behind)) = name.filter(|(name, _)| is_name(name)) {
            done.push_str(lookup(name).unwrap_or_default());
            rest = behind;
        } else {
            done.push('$');
        }
    }
    done + rest
}

fn check_run(row: &Row, service: &Service) {
    let commands = service.commands.iter().filter(|(_, command)| command.path.ends_with("argv.py"));
    let commands: Vec<_> = commands.map(|(_, command)| command).collect();
    assert_eq!(commands.len(), row.observed.len(), "{}: commands", row.id);
    for (command, observed) in commands.iter().zip(&row.observed) {
        let environment = &service.exec.environment;
        let argv = if command.expand {
            expanded(&command.argv[1..], environment)
        } else {
            command.argv[1..].to_vec()
        };
        let seen: Vec<_> =
            observed["argv"].as_array().expect("argv").iter().map(|word| word.as_str()).collect();
        // argv[0] of a script is the script's path whatever systemd passed.
        assert_eq!(argv.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>(), seen[1..], "{}", row.id);
        for (name, value) in observed["env"].as_object().into_iter().flatten() {
            let entry = format!("{name}={}", value.as_str().expect("a string"));
            assert!(environment.contains(&entry), "{}: {entry} not in {environment:?}", row.id);
        }
        let own = environment.iter().filter(|entry| !entry.starts_with('V'));
        let count = observed["env"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !name.starts_with('V'))
            .count();
        assert_eq!(own.count(), count, "{}: {environment:?}", row.id);
    }
}

fn check_messages(row: &Row, sink: &Diagnostics) {
    let expected = MESSAGES.iter().filter(|(theirs, _)| row.message.contains(theirs)).map(|(_, ours)| *ours);
    let expected: Vec<_> = expected.filter(|ours| !ours.is_empty()).collect();
    assert_eq!(row.refused, sink.has_errors(), "{}: {}", row.id, sink.render(false));
    for ours in &expected {
        assert!(
            sink.iter().any(|said| said.message.contains(ours)),
            "{}: no {ours:?} in {}",
            row.id,
            sink.render(false)
        );
    }
    // tomte also warns of words that vanish, which systemd does in silence.
    let said = sink.iter().filter(|said| !said.message.contains("the word vanishes"));
    assert_eq!(said.count(), expected.len(), "{}: {}", row.id, sink.render(false));
}

#[test]
fn command_lines_mean_what_they_mean_to_systemd() {
    let rows = rows();
    assert_eq!(rows.len(), 91);
    // What is in files of variables is the target's business: its messages and its values.
    for row in rows.into_iter().filter(|row| !row.text.contains("EnvironmentFile=")) {
        let (unit, sink) = unit_of(&format!("{}.service", row.id), &row.text);
        check_messages(&row, &sink);
        let Kind::Service(service) = unit.kind else { panic!("not a service") };
        if !row.refused {
            check_run(&row, &service);
        }
        for said in sink.iter() {
            assert!(
                said.place.as_ref().is_some_and(|place| place.line >= 3),
                "{}: {}",
                row.id,
                sink.render(false)
            );
        }
    }
}
