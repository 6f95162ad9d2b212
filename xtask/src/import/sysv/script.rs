//! One init script: its header, its commands, its variables.

use std::collections::BTreeSet;

use super::{
    lsb::{self, Header},
    number,
    shell::{self, Command, Piece},
    variables::Variables,
};
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    import::Input,
    read::Text,
};

/// Functions that call functions.
const CALLS_MAX: usize = 8;

/// A script.
pub struct Script {
    /// The file's name.
    pub file: String,
    /// The same without `S##` and `.sh`.
    pub stem: String,
    /// Of `S##NAME`.
    pub number: Option<u32>,
    /// The LSB header.
    pub header: Header,
    /// All of its commands.
    pub commands: Vec<Command>,
    /// What it assigns.
    pub variables: Variables,
    text: Text,
}

impl Script {
    /// Reads `input`. `None` if it is no init script, which `sink` is told.
    pub fn new(input: &Input, sink: &mut Diagnostics) -> Option<Self> {
        let file = input.name();
        let number = number(&file);
        let stem = if number.is_some() { &file[3..] } else { &file[..] };
        let stem = stem.strip_suffix(".sh").filter(|stem| !stem.is_empty()).unwrap_or(stem).to_owned();
        let header = lsb::header(&input.text);
        let commands = shell::commands(input.text.as_str());
        let variables = Variables::new(&commands);
        let script = Self { file, stem, number, header, commands, variables, text: input.text.clone() };
        let is_script = input.text.as_str().starts_with("#!") || script.header.present;
        if !is_script || !script.header.present && !script.has("start") {
            let message = format!("{}: no init script", input.path.display());
            let problem = Diagnostic::error(Code::NothingToImport, message);
            sink.push(
                problem.help("expected a shell script with an LSB header, or one that knows the verb start"),
            );
            return None;
        }
        Some(script)
    }

    /// Whether there is a branch for `verb`, or a function of that name.
    pub fn has(&self, verb: &str) -> bool {
        self.commands.iter().any(|command| {
            command.labels.iter().any(|label| label == verb) || command.function.as_deref() == Some(verb)
        })
    }

    /// The commands that run whatever the verb is, in front of the branches.
    pub fn outside(&self) -> Vec<(&Command, bool)> {
        let branches = self.commands.iter().position(|command| !command.labels.is_empty());
        let outside = &self.commands[..branches.unwrap_or(self.commands.len())];
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        for command in outside.iter().filter(|command| command.function.is_none()) {
            self.call(command, false, CALLS_MAX, &mut seen, &mut found);
        }
        found
    }

    /// Whether Debian's init-d-script(5) does the work.
    pub fn is_init_d_script(&self) -> bool {
        self.text.as_str().contains("/lib/init/init-d-script")
    }

    /// Whether the script has functions of its own that init-d-script calls in place of its own ones.
    pub fn overrides(&self) -> bool {
        let functions = self.commands.iter().filter_map(|command| command.function.as_deref());
        functions.into_iter().any(|name| name.starts_with("do_start"))
    }

    /// The commands that run for `verb`, in order, functions taken apart; and whether each only runs sometimes.
    pub fn of(&self, verb: &str) -> Vec<(&Command, bool)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let branch = self.commands.iter().filter(|command| command.labels.iter().any(|label| label == verb));
        let mut any = false;
        for command in branch {
            any = true;
            // `start|stop) "$1" ;;`
            let calls_verb = matches!(
                command.words.first().map(|word| &word.pieces[..]),
                Some([Piece::Variable { name, .. }]) if name == "1"
            );
            if calls_verb {
                self.function(verb, false, CALLS_MAX, &mut seen, &mut found);
            } else {
                self.call(command, false, CALLS_MAX, &mut seen, &mut found);
            }
        }
        if !any {
            for name in [verb.to_owned(), format!("do_{verb}"), format!("do_{verb}_cmd_override")] {
                self.function(&name, false, CALLS_MAX, &mut seen, &mut found);
            }
        }
        found
    }

    fn call<'s>(
        &'s self,
        command: &'s Command,
        conditional: bool,
        depth: usize,
        seen: &mut BTreeSet<String>,
        found: &mut Vec<(&'s Command, bool)>,
    ) {
        let name = command.words.first().and_then(shell::Word::literal).unwrap_or_default();
        let is_function = self.commands.iter().any(|other| other.function.as_ref() == Some(&name));
        let conditional = conditional || command.conditional;
        if is_function {
            self.function(&name, conditional, depth, seen, found);
        } else {
            found.push((command, conditional));
        }
    }

    fn function<'s>(
        &'s self,
        name: &str,
        conditional: bool,
        depth: usize,
        seen: &mut BTreeSet<String>,
        found: &mut Vec<(&'s Command, bool)>,
    ) {
        if depth == 0 || !seen.insert(name.to_owned()) {
            return;
        }
        for command in self.commands.iter().filter(|command| command.function.as_deref() == Some(name)) {
            self.call(command, conditional, depth - 1, seen, found);
        }
    }

    /// `problem`, pointing at `command`.
    pub fn on(&self, problem: Diagnostic, command: &Command) -> Diagnostic {
        self.at(problem, command.range())
    }

    /// `problem`, pointing at a part of the script.
    pub fn at(&self, problem: Diagnostic, range: std::ops::Range<usize>) -> Diagnostic {
        problem.on(&self.text, range)
    }

    /// `command` as written, on one line, not too long.
    pub fn shown(&self, command: &Command) -> String {
        let text = self.text.as_str().get(command.range()).unwrap_or_default();
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ").replace("\\ ", "");
        match text.char_indices().nth(60) {
            Some((at, _)) => format!("{} …", &text[..at]),
            None => text,
        }
    }

    /// The first line, where nothing else is to be pointed at.
    pub fn start_of_file(&self) -> std::ops::Range<usize> {
        0..self.text.as_str().find('\n').unwrap_or(self.text.len())
    }
}
