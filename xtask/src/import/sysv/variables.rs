//! The variables of an init script, as far as they can be told without running it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::shell::{Command, Piece, Word};
use crate::import::unit;

/// Variables that stand for variables.
const DEPTH_MAX: usize = 8;
/// Bytes of a value.
const VALUE_BYTES_MAX: usize = 4096;

/// Names that scripts keep to themselves: the file of settings is not meant to change them.
const OWN: [&str; 10] = [
    "DAEMON",
    "DAEMON_NAME",
    "DESC",
    "EXEC",
    "NAME",
    "PIDFILE",
    "PID_FILE",
    "PROG",
    "PROGNAME",
    "SCRIPTNAME",
];

/// What the script assigns, and the files of settings it reads.
#[derive(Debug, Default)]
pub struct Variables {
    assigned: BTreeMap<String, Word>,
    /// Names that are assigned in a way that depends on something, and where.
    changed: BTreeMap<String, Range<usize>>,
    /// Paths of files of settings.
    pub files: Vec<String>,
}

/// Why a word cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear;

/// Words of a command line, and the variables in them that systemd expands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// As they stand in the unit file.
    pub words: Vec<String>,
    /// Names of variables.
    pub used: BTreeSet<String>,
}

impl Variables {
    /// Collects them from `commands`.
    pub fn new(commands: &[Command]) -> Self {
        let mut variables = Self::default();
        for command in commands {
            let skip = match command.program().as_deref() {
                Some("export" | "readonly" | "local") => 1,
                Some("." | "source") => {
                    variables.file(command);
                    continue;
                }
                _ => 0,
            };
            let assignments: Option<Vec<_>> = command.words[skip..].iter().map(Word::assignment).collect();
            for (name, value) in assignments.unwrap_or_default() {
                let clear = command.function.is_none() && !command.conditional && command.labels.is_empty();
                let itself =
                    |piece: &Piece| matches!(piece, Piece::Variable { name: used, .. } if *used == name);
                match variables.assigned.get(&name) {
                    // `X="$X -a"`, or a choice: what is known is the first value.
                    Some(_) if !clear || value.pieces.iter().any(itself) => {
                        variables.changed.insert(name, command.range());
                    }
                    _ => {
                        if !clear {
                            variables.changed.insert(name.clone(), command.range());
                        }
                        variables.assigned.insert(name, value);
                    }
                }
            }
        }
        variables
    }

    /// `. FILE`.
    fn file(&mut self, command: &Command) {
        let Some(path) = command.arguments().first().and_then(|word| self.constant(word).ok()) else {
            return;
        };
        let functions = ["init-functions", "/functions", "/lib/", "rc.status", "init-d-script"];
        let is_settings = path.starts_with('/') && !functions.iter().any(|part| path.contains(part));
        if is_settings && !self.files.contains(&path) {
            self.files.push(path);
        }
    }

    /// What `word` is, all variables replaced.
    pub fn constant(&self, word: &Word) -> Result<String, Unclear> {
        self.expand(word, DEPTH_MAX)
    }

    /// The value of the variable `name`.
    pub fn value(&self, name: &str) -> Option<String> {
        self.constant(self.assigned.get(name)?).ok().filter(|value| !value.is_empty())
    }

    /// Where a variable is changed that is one of `used`.
    pub fn changes<'v>(
        &'v self,
        used: &'v BTreeSet<String>,
    ) -> impl Iterator<Item = (&'v str, Range<usize>)> {
        let changed = self.changed.iter().filter(|(name, _)| used.contains(*name));
        changed.map(|(name, range)| (name.as_str(), range.clone()))
    }

    fn expand(&self, word: &Word, depth: usize) -> Result<String, Unclear> {
        let mut text = String::new();
        for piece in &word.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Variable { name, default, .. } => match self.assigned.get(name) {
                    _ if depth == 0 => return Err(Unclear),
                    Some(value) => text.push_str(&self.expand(value, depth - 1)?),
                    None if !default.is_empty() => text.push_str(default),
                    None => return Err(Unclear),
                },
                Piece::Opaque => return Err(Unclear),
            }
            if text.len() > VALUE_BYTES_MAX {
                return Err(Unclear);
            }
        }
        Ok(text)
    }

    /// Whether the files of settings may give the variable `name` its value.
    fn is_setting(&self, name: &str) -> bool {
        !self.files.is_empty() && !OWN.contains(&name)
    }

    /// `words` as words of an `Exec*=` line.
    pub fn render(&self, words: &[Word]) -> Result<Rendered, Unclear> {
        let mut rendered = Rendered::default();
        for word in words {
            self.render_word(word, &mut rendered)?;
        }
        Ok(rendered)
    }

    fn render_word(&self, word: &Word, rendered: &mut Rendered) -> Result<(), Unclear> {
        if let [Piece::Variable { name, default, quoted: false }] = &word.pieces[..] {
            if self.is_setting(name) {
                rendered.used.insert(name.clone());
                rendered.words.push(format!("${name}"));
                return Ok(());
            }
            let value = match self.assigned.get(name) {
                Some(value) => self.constant(value)?,
                None => default.clone(),
            };
            rendered.used.insert(name.clone());
            rendered.words.extend(value.split_whitespace().map(unit::word));
            return Ok(());
        }
        let mut text = String::new();
        for piece in &word.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(&literal.replace('%', "%%").replace('$', "$$")),
                Piece::Variable { name, .. } if self.is_setting(name) => {
                    rendered.used.insert(name.clone());
                    text.push_str(&format!("${{{name}}}"));
                }
                Piece::Variable { name, default, .. } => {
                    rendered.used.insert(name.clone());
                    let value = match self.assigned.get(name) {
                        Some(value) => self.constant(value)?,
                        None => default.clone(),
                    };
                    text.push_str(&value.replace('%', "%%").replace('$', "$$"));
                }
                Piece::Opaque => return Err(Unclear),
            }
        }
        rendered.words.push(unit::open_word(&text));
        Ok(())
    }

    /// The values that settings have where the files do not give them one: those of `used`.
    pub fn defaults<'v>(&'v self, used: &'v BTreeSet<String>) -> impl Iterator<Item = (&'v str, String)> {
        let settings = used.iter().filter(|name| self.is_setting(name));
        settings.filter_map(|name| Some((name.as_str(), self.value(name)?)))
    }
}
