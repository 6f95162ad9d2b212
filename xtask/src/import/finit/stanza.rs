//! One stanza: its options, its command and its description, as written.

use super::super::unit;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::Text,
};

/// What a stanza starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A daemon.
    Service,
    /// A command that ends.
    Task,
    /// One that the next stanza waits for.
    Run,
    /// An init script.
    Sysv,
    /// A login.
    Tty,
}

/// `KEYWORD [LEVELS] <CONDITIONS> OPTIONS COMMAND -- DESCRIPTION`.
pub struct Stanza {
    /// What it starts.
    pub kind: Kind,
    /// The whole line.
    pub line: Text,
    /// Runlevels, a character each; `None` for the default ones.
    pub levels: Option<String>,
    /// Within `<>`.
    pub conditions: Vec<Text>,
    /// `@USER`, `:ID`, `name:VALUE` and the like.
    pub options: Vec<Text>,
    /// The command, as written.
    pub command: String,
    /// Behind the `--`.
    pub description: String,
    /// Whether the file is a template.
    pub template: bool,
}

/// Options with a colon and a value.
const WITH_VALUE: [&str; 26] = [
    "caps",
    "cleanup",
    "conflict",
    "delay",
    "env",
    "halt",
    "if",
    "kill",
    "log",
    "manual",
    "name",
    "notify",
    "oncrash",
    "pid",
    "post",
    "pre",
    "ready",
    "reload",
    "respawn",
    "restart",
    "restart_sec",
    "stop",
    "supplementary_groups",
    "type",
    "umask",
    "user",
];
/// Options that may stand alone.
const ALONE: [&str; 6] = ["log", "nowarn", "norestart", "pid", "respawn", "manual"];

impl Stanza {
    /// Takes `rest`, behind `keyword`, apart. `None` if there is no command, which `sink` is told.
    pub fn new(keyword: &Text, rest: &Text, line: &Text, file: &str, sink: &mut Diagnostics) -> Option<Self> {
        let kind = match keyword.as_str() {
            "service" => Kind::Service,
            "task" => Kind::Task,
            "run" => Kind::Run,
            "sysv" => Kind::Sysv,
            _ => Kind::Tty,
        };
        let mut stanza = Self {
            kind,
            line: line.clone(),
            levels: None,
            conditions: Vec::new(),
            options: Vec::new(),
            command: String::new(),
            description: String::new(),
            template: file.strip_suffix(".conf").unwrap_or(file).ends_with('@'),
        };
        let mut at = 0;
        while let Some(word) = next_word(rest, &mut at) {
            if !stanza.option(&word) {
                stanza.command(&rest.as_str()[at - word.len()..]);
                break;
            }
        }
        if (stanza.command.is_empty() || stanza.command.starts_with("-- ")) && kind != Kind::Tty {
            let problem = Diagnostic::error(Code::NoEntry, format!("{}: no command", keyword.as_str()));
            sink.push(problem.on(line, 0..line.len()));
            return None;
        }
        Some(stanza)
    }

    /// Takes `word` as one in front of the command; `false` if it is the command.
    fn option(&mut self, word: &Text) -> bool {
        let text = word.as_str();
        if let Some(levels) = text.strip_prefix('[') {
            self.levels = Some(levels.trim_end_matches(']').to_uppercase());
        } else if text.starts_with('<') {
            let inner = word.slice(1..text.len() - usize::from(text.ends_with('>') && text.len() > 1));
            let mut start = 0;
            for part in inner.as_str().split(',') {
                if !part.is_empty() {
                    self.conditions.push(inner.slice(start..start + part.len()));
                }
                start += part.len() + 1;
            }
        } else if text.starts_with('@') && !(self.kind == Kind::Tty && text == "@console")
            || text.starts_with(':')
            || text.starts_with("cgroup.")
            || ALONE.contains(&text)
            || text.split_once(':').is_some_and(|(name, _)| WITH_VALUE.contains(&name))
        {
            // `:80[2345]` is an identity and runlevels.
            match text.find('[').filter(|_| text.starts_with(':') && text.ends_with(']')) {
                Some(at) => {
                    self.options.push(word.slice(0..at));
                    self.levels = Some(text[at + 1..text.len() - 1].to_uppercase());
                }
                None => self.options.push(word.clone()),
            }
        } else {
            return false;
        }
        true
    }

    fn command(&mut self, text: &str) {
        let (command, description) = match text.split_once(" -- ") {
            Some((command, description)) => (command, description),
            None => (text.strip_suffix(" --").unwrap_or(text), ""),
        };
        self.command = command.trim().to_owned();
        self.description = description.trim().to_owned();
    }

    /// `problem`, pointing at the whole stanza.
    pub fn on(&self, problem: Diagnostic) -> Diagnostic {
        problem.on(&self.line, 0..self.line.len())
    }

    /// The value of the option `name:`.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.options.iter().rev().filter_map(|option| option.as_str().split_once(':'));
        values.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// The next word of `text` from `at` on, a quoted one with its quotes; `at` moves behind it.
fn next_word(text: &Text, at: &mut usize) -> Option<Text> {
    let rest = &text.as_str()[*at..];
    let start = *at + (rest.len() - rest.trim_start().len());
    let mut quote = None;
    let mut end = text.len();
    for (offset, c) in text.as_str()[start..].char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c.is_whitespace() => {
                end = start + offset;
                break;
            }
            None => {}
        }
    }
    *at = end;
    (start < end).then(|| text.slice(start..end))
}

/// Words at blanks, quotes undone.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What only a shell understands.
const FOR_A_SHELL: &[char] = &['|', '<', '>', '&', ';', '`', '*', '?', '('];

/// The value of an `Exec*=` that runs `text`, in which variables are expanded.
pub fn exec(text: &str) -> String {
    let words = words(text);
    let for_a_shell = text.contains(FOR_A_SHELL)
        || words.first().is_some_and(|word| {
            word.starts_with(['@', '-', ':', '+', '!']) || word.contains(['=', '$']) // not systemd's prefixes
        });
    if for_a_shell {
        return unit::shell(text);
    }
    let words: Vec<String> = words.iter().map(|word| unit::open_word(&word.replace('%', "%%"))).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_keep_variables_and_leave_pipes_to_a_shell() {
        for (text, expected) in [
            ("foo -n $FOO_OPTIONS", "foo -n $FOO_OPTIONS"),
            ("date +%s", "date +%%s"),
            ("echo \"a b\"", "echo \"a b\""),
            ("echo foo | cat >/tmp/bar", "/bin/sh -c \"echo foo | cat >/tmp/bar\""),
            ("kill -HUP $MAINPID", "kill -HUP $MAINPID"),
        ] {
            assert_eq!(exec(text), expected, "{text}");
        }
    }
}
