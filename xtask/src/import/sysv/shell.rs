//! What can be seen of a shell script without running it: its simple commands, in order, each with the function and the
//! branch of a `case` it stands in. Never fails: what is no shell script gives commands that mean nothing.

mod lexer;

use std::ops::Range;

use lexer::{Lexer, Token};

/// Contexts within each other.
const DEPTH_MAX: usize = 64;

/// A word, as far as it can be told what it expands to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Its parts.
    pub pieces: Vec<Piece>,
    /// Its bytes in the script.
    pub range: Range<usize>,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Characters that stand for themselves.
    Literal(String),
    /// `$NAME`, `${NAME}`, `${NAME:-DEFAULT}`.
    Variable {
        /// The name.
        name: String,
        /// What it is if it is not set.
        default: String,
        /// Whether it is quoted: then it is one word whatever it holds.
        quoted: bool,
    },
    /// Anything else: the output of a command, arithmetic, `$?`.
    Opaque,
}

impl Word {
    /// What it is, if nothing is expanded in it.
    pub fn literal(&self) -> Option<String> {
        let pieces: Option<Vec<&str>> = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => Some(text.as_str()),
                Piece::Variable { .. } | Piece::Opaque => None,
            })
            .collect();
        pieces.map(|pieces| pieces.concat())
    }

    /// The literal characters that it begins with.
    pub fn head(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text,
            Some(Piece::Variable { .. } | Piece::Opaque) | None => "",
        }
    }

    /// The word without `prefix`, which [`Self::head`] begins with.
    pub fn without(&self, prefix: &str) -> Self {
        let mut rest = self.clone();
        if let Some(Piece::Literal(text)) = rest.pieces.first_mut() {
            *text = text.strip_prefix(prefix).unwrap_or(text).to_owned();
            if text.is_empty() {
                rest.pieces.remove(0);
            }
        }
        rest.range.start = (rest.range.start + prefix.len()).min(rest.range.end);
        rest
    }

    /// Name and value, if it is an assignment.
    pub fn assignment(&self) -> Option<(String, Self)> {
        let (name, _) = self.head().split_once('=')?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name =
            !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit());
        is_name.then(|| (name.to_owned(), self.without(&format!("{name}="))))
    }
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// At least one.
    pub words: Vec<Word>,
    /// The function it is in.
    pub function: Option<String>,
    /// The patterns of the outermost `case` branch it is in; empty outside of one.
    pub labels: Vec<String>,
    /// Whether it only runs if another one succeeds or fails.
    pub conditional: bool,
    /// Whether it is what an `if` or a `while` asks.
    pub asked: bool,
    /// Whether its input or output goes to a file other than /dev/null, or to another command.
    pub redirected: bool,
    /// Whether `&` follows.
    pub background: bool,
}

impl Command {
    /// The program's name without its directories, if it is literal.
    pub fn program(&self) -> Option<String> {
        let word = self.words.get(self.assignments())?.literal()?;
        Some(word.rsplit('/').next().unwrap_or(&word).to_owned())
    }

    /// The words behind the program.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(self.assignments() + 1..).unwrap_or_default()
    }

    /// How many assignments stand before the program.
    fn assignments(&self) -> usize {
        self.words.iter().take_while(|word| word.assignment().is_some()).count()
    }

    /// Its bytes in the script.
    pub fn range(&self) -> Range<usize> {
        let start = self.words.first().map_or(0, |word| word.range.start);
        let end = self.words.last().map_or(start, |word| word.range.end);
        start..end
    }
}

/// All simple commands of `script`.
pub fn commands(script: &str) -> Vec<Command> {
    let mut parser = Parser { lexer: Lexer::new(script), commands: Vec::new(), stack: Vec::new() };
    parser.run();
    parser.commands
}

/// What a command stands in.
enum Context {
    /// Its braces are still to come.
    FunctionHead(String),
    Function(String),
    Group,
    Subshell,
    /// `if`, `while`, `until`: and whether this is still the condition.
    Branch {
        condition: bool,
    },
    /// `for`: and whether its words are still to come.
    Loop,
    /// `case`: the patterns of the branch, or `None` between branches.
    Case(Option<Vec<String>>),
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    commands: Vec<Command>,
    stack: Vec<Context>,
}

impl Parser<'_> {
    fn run(&mut self) {
        let mut current = Command::default();
        let mut after_list_operator = false;
        loop {
            if matches!(self.stack.last(), Some(Context::Case(None))) && current.words.is_empty() {
                if !self.patterns() {
                    return;
                }
                continue;
            }
            let Some(token) = self.lexer.next_token() else { break };
            match token {
                Token::Word(word) => {
                    if !current.words.is_empty() || !self.reserved(&word) {
                        current.words.push(word);
                    }
                }
                Token::Redirect { to_file } => current.redirected |= to_file,
                Token::Open if current.words.len() == 1 => self.function(&mut current),
                Token::Open => self.push(Context::Subshell),
                Token::Close => {
                    self.finish(&mut current, after_list_operator);
                    if matches!(self.stack.last(), Some(Context::Subshell)) {
                        self.stack.pop();
                    }
                }
                Token::And | Token::Or | Token::Pipe | Token::Background | Token::End | Token::BranchEnd => {
                    current.background = token == Token::Background;
                    current.redirected |= token == Token::Pipe;
                    let was_there = !current.words.is_empty();
                    self.finish(&mut current, after_list_operator);
                    let list = matches!(token, Token::And | Token::Or);
                    // A line may end behind an operator.
                    after_list_operator = list || (after_list_operator && !was_there && token == Token::End);
                    if token == Token::BranchEnd {
                        self.end_of_branch();
                    }
                }
            }
        }
        self.finish(&mut current, after_list_operator);
    }

    fn push(&mut self, context: Context) {
        if self.stack.len() < DEPTH_MAX {
            self.stack.push(context);
        }
    }

    /// Takes a word at the start of a command that is not one; `false` if it begins a command.
    fn reserved(&mut self, word: &Word) -> bool {
        let Some(text) = word.literal() else { return false };
        match text.as_str() {
            "!" | "time" => {}
            "if" | "while" | "until" => self.push(Context::Branch { condition: true }),
            "elif" | "then" | "do" | "else" => {
                if let Some(Context::Branch { condition }) = self.stack.last_mut() {
                    *condition = false;
                }
            }
            "fi" | "done" => {
                if matches!(self.stack.last(), Some(Context::Branch { .. } | Context::Loop)) {
                    self.stack.pop();
                }
            }
            "for" => {
                self.push(Context::Loop);
                self.lexer.skip_command();
            }
            "case" => {
                self.lexer.skip_past_in();
                self.push(Context::Case(None));
            }
            "esac" => self.end_of_case(),
            "function" => {
                if let Some(Token::Word(name)) = self.lexer.next_token() {
                    self.push(Context::FunctionHead(name.literal().unwrap_or_default()));
                }
            }
            "{" => match self.stack.pop() {
                Some(Context::FunctionHead(name)) => self.push(Context::Function(name)),
                other => {
                    self.stack.extend(other);
                    self.push(Context::Group);
                }
            },
            "}" => {
                if matches!(self.stack.last(), Some(Context::Group | Context::Function(_))) {
                    self.stack.pop();
                }
            }
            _ => return false,
        }
        true
    }

    /// `NAME (`: a function's name was read as a command.
    fn function(&mut self, current: &mut Command) {
        let name = current.words.pop().and_then(|word| word.literal()).unwrap_or_default();
        self.push(Context::FunctionHead(name));
    }

    /// Reads the patterns of a branch, or the end of the `case`; `false` at the end of the script.
    fn patterns(&mut self) -> bool {
        let mut patterns = Vec::new();
        loop {
            match self.lexer.next_token() {
                None => return false,
                Some(Token::Word(word))
                    if patterns.is_empty() && word.literal().as_deref() == Some("esac") =>
                {
                    self.stack.pop();
                    return true;
                }
                Some(Token::Word(word)) => patterns.push(word.literal().unwrap_or_default()),
                Some(Token::Close) => break,
                Some(_) => {}
            }
        }
        if let Some(Context::Case(branch)) = self.stack.last_mut() {
            *branch = Some(patterns);
        }
        true
    }

    fn end_of_branch(&mut self) {
        if let Some(at) = self.stack.iter().rposition(|context| matches!(context, Context::Case(_))) {
            self.stack.truncate(at + 1);
            self.stack[at] = Context::Case(None);
        }
    }

    fn end_of_case(&mut self) {
        if let Some(at) = self.stack.iter().rposition(|context| matches!(context, Context::Case(_))) {
            self.stack.truncate(at);
        }
    }

    /// Takes `current` down, unless it is empty.
    fn finish(&mut self, current: &mut Command, after_list_operator: bool) {
        let mut command = std::mem::take(current);
        if command.words.is_empty() {
            return;
        }
        command.function = self.stack.iter().find_map(|context| match context {
            Context::Function(name) => Some(name.clone()),
            Context::FunctionHead(_)
            | Context::Group
            | Context::Subshell
            | Context::Branch { .. }
            | Context::Loop
            | Context::Case(_) => None,
        });
        let mut cases = self.stack.iter().filter_map(|context| match context {
            Context::Case(patterns) => Some(patterns.clone().unwrap_or_default()),
            Context::FunctionHead(_)
            | Context::Function(_)
            | Context::Group
            | Context::Subshell
            | Context::Branch { .. }
            | Context::Loop => None,
        });
        command.labels = cases.next().unwrap_or_default();
        let inner_case = cases.next().is_some() || command.function.is_some() && !command.labels.is_empty();
        let branch = self
            .stack
            .iter()
            .any(|context| matches!(context, Context::Branch { condition: false } | Context::Loop));
        command.conditional = after_list_operator || inner_case || branch;
        command.asked = matches!(self.stack.last(), Some(Context::Branch { condition: true }));
        self.commands.push(command);
    }
}

#[cfg(test)]
mod tests;
