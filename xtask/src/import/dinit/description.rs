//! One description: its settings, with quotes and comments undone.

use std::path::PathBuf;

use super::super::{Input, unit::UnitText};
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::Text,
};

/// A service description.
pub struct Description {
    /// Where it is.
    pub path: PathBuf,
    /// The service's name: the file's, without an argument.
    pub name: String,
    /// In the order of the file.
    pub settings: Vec<Setting>,
}

/// `NAME = VALUE`.
pub struct Setting {
    /// What is set.
    pub name: Text,
    /// The words of the value.
    pub words: Vec<String>,
    /// The same in one string, a blank between words.
    pub value: String,
    /// The value as written.
    pub written: Text,
}

/// Settings that name other services.
const DEPENDENCIES: [&str; 9] = [
    "after",
    "before",
    "chain-to",
    "depends-ms",
    "depends-ms.d",
    "depends-on",
    "depends-on.d",
    "waits-for",
    "waits-for.d",
];

/// The other settings of dinit 0.19.
const SETTINGS: [&str; 48] = [
    "capabilities",
    "command",
    "consumer-of",
    "cpu-affinity",
    "description",
    "env-file",
    "inittab-id",
    "inittab-line",
    "ioprio",
    "load-options",
    "log-buffer-size",
    "log-type",
    "logfile",
    "logfile-gid",
    "logfile-permissions",
    "logfile-uid",
    "nice",
    "oom-score-adj",
    "options",
    "pid-file",
    "provides",
    "ready-notification",
    "restart",
    "restart-delay",
    "restart-limit-count",
    "restart-limit-interval",
    "rlimit-addrspace",
    "rlimit-as",
    "rlimit-core",
    "rlimit-data",
    "rlimit-nofile",
    "run-as",
    "run-in-cgroup",
    "securebits",
    "smooth-recovery",
    "socket-gid",
    "socket-listen",
    "socket-permissions",
    "socket-uid",
    "start-timeout",
    "stop-command",
    "stop-timeout",
    "sub-vars",
    "term-signal",
    "termsignal",
    "type",
    "working-dir",
    "always-chain",
];

/// Whether a setting called `name` names other services.
pub fn is_dependency(name: &str) -> bool {
    DEPENDENCIES.contains(&name)
}

/// Whether dinit has a setting called `name`.
pub fn is_known(name: &str) -> bool {
    is_dependency(name) || SETTINGS.contains(&name)
}

impl Description {
    /// Reads `lines` of `input`. What is wrong with them goes to `sink`.
    pub fn new(input: &Input, lines: &[Text], sink: &mut Diagnostics) -> Self {
        let name = input.name();
        let mut settings: Vec<Setting> = Vec::new();
        for line in lines {
            if line.as_str().starts_with('@') {
                let problem = Diagnostic::warning(Code::NotKept, "not kept: dinit reads another file here");
                sink.push(problem.on(line, 0..line.len()));
                continue;
            }
            let Some((at, operator)) = operator(line.as_str()) else {
                let problem = Diagnostic::error(Code::NoEntry, "expected NAME = VALUE or NAME: VALUE");
                sink.push(problem.on(line, 0..line.len()));
                continue;
            };
            let written = line.slice(at + operator.len()..line.len()).trim();
            let words = match words(written.as_str()) {
                Ok(words) => words,
                Err(message) => {
                    sink.push(Diagnostic::error(Code::NoEntry, message).on(&written, 0..written.len()));
                    continue;
                }
            };
            let setting = Setting { name: line.slice(0..at).trim(), value: words.join(" "), words, written };
            // Other settings may come several times anyway.
            let extends = operator == "+=" && setting.name.as_str().ends_with("command");
            match settings.iter_mut().find(|one| extends && one.name.as_str() == setting.name.as_str()) {
                Some(known) => {
                    known.words.extend(setting.words);
                    known.value = known.words.join(" ");
                }
                None => settings.push(setting),
            }
        }
        Self { path: input.path.clone(), name, settings }
    }

    /// The value that was set last.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.name.as_str() == name)
    }

    /// `process`, `bgprocess`, `scripted` or `internal`.
    pub fn kind(&self) -> &str {
        self.get("type").map_or("process", |setting| setting.value.as_str())
    }

    /// Whether the description is one for any argument.
    pub fn is_template(&self) -> bool {
        let command = |name| self.get(name).is_some_and(|setting| has_argument(&setting.value));
        command("command") || command("stop-command")
    }

    /// An empty unit for it.
    pub fn new_unit(&self) -> UnitText {
        let suffix = if self.kind() == "internal" { "target" } else { "service" };
        let at = if self.is_template() && !self.name.contains('@') { "@" } else { "" };
        let description = match self.get("description") {
            Some(setting) => setting.value.clone(),
            None => self.name.clone(),
        };
        UnitText::new(&format!("{}{at}", self.name), suffix, &description)
    }

    /// The name of that unit.
    pub fn unit_name(&self) -> String {
        self.new_unit().name
    }
}

/// Whether `text` uses the service's argument.
pub fn has_argument(text: &str) -> bool {
    text.contains("$1") || text.contains("${1}")
}

impl Setting {
    /// `problem`, pointing at the value.
    pub fn on(&self, problem: Diagnostic) -> Diagnostic {
        match self.written.is_empty() {
            true => problem.on(&self.name, 0..self.name.len()),
            false => problem.on(&self.written, 0..self.written.len()),
        }
    }

    /// That `message` is so, about the value.
    pub fn warning(&self, message: impl Into<String>) -> Diagnostic {
        self.on(Diagnostic::warning(Code::NotKept, message))
    }

    /// That dinit has no such setting.
    pub fn unknown(&self) -> Diagnostic {
        let name = self.name.as_str();
        let problem = Diagnostic::warning(Code::NotKept, format!("{name:?} is no setting of dinit"));
        let known = DEPENDENCIES.iter().chain(&SETTINGS).copied();
        problem.did_you_mean(name, known).on(&self.name, 0..self.name.len())
    }
}

/// Where the operator of a line is, and which.
fn operator(line: &str) -> Option<(usize, &'static str)> {
    let at = line.find(['=', ':', '+'])?;
    let operator = ["+=", "=", ":"].into_iter().find(|operator| line[at..].starts_with(operator))?;
    (!line[..at].trim().is_empty()).then_some((at, operator))
}

/// The words of a value: quotes and backslashes undone, a comment dropped.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' => {
                word.get_or_insert_default().push(chars.next().ok_or("nothing stands after the backslash")?)
            }
            '#' if !quoted && word.is_none() => break,
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if quoted {
        return Err("the quotes are not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lose_their_quotes_backslashes_and_comments() {
        for (text, expected) in [
            ("a  b", vec!["a", "b"]),
            ("\"a  b\" c # d", vec!["a  b", "c"]),
            ("a#b \\# \"#\"", vec!["a#b", "#", "#"]),
            ("x\"y z\"", vec!["xy z"]),
            ("\"\"", vec![""]),
            ("", vec![]),
        ] {
            assert_eq!(words(text).expect(text), expected, "{text}");
        }
        assert!(words("\"a").is_err() && words("a\\").is_err());
    }

    #[test]
    fn the_operator_is_the_first_one() {
        assert_eq!(operator("a = b: c"), Some((2, "=")));
        assert_eq!(operator("a: b=c"), Some((1, ":")));
        assert_eq!(operator("a += b"), Some((2, "+=")));
        assert_eq!((operator("= b"), operator("a b"), operator("a + b")), (None, None, None));
    }
}
