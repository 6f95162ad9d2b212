//! Words and operators of a shell script (POSIX.1-2017, Shell Command Language, 2.3). Comments and here-documents are
//! left out.

use super::{Piece, Word};

/// A piece of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word.
    Word(Word),
    /// A redirection with its target.
    Redirect {
        /// Whether its target is a file other than /dev/null.
        to_file: bool,
    },
    /// `(`
    Open,
    /// `)`
    Close,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
    /// `&`
    Background,
    /// `;` or the end of the line.
    End,
    /// `;;`
    BranchEnd,
}

/// Reads a script from front to back.
pub struct Lexer<'s> {
    script: &'s str,
    at: usize,
    /// Ends of the here-documents that begin behind this line.
    documents: Vec<String>,
}

impl<'s> Lexer<'s> {
    /// Begins at the first byte.
    pub fn new(script: &'s str) -> Self {
        Self { script, at: 0, documents: Vec::new() }
    }

    fn rest(&self) -> &'s str {
        &self.script[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves past `text`, if it is next.
    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// The next token; `None` at the end.
    pub fn next_token(&mut self) -> Option<Token> {
        loop {
            let c = self.peek()?;
            match c {
                '\n' => {
                    self.at += 1;
                    self.skip_documents();
                    return Some(Token::End);
                }
                '#' => self.skip_line(),
                '\\' if self.rest().starts_with("\\\n") => self.at += 2,
                c if c.is_whitespace() => self.at += c.len_utf8(),
                _ => break,
            }
        }
        const OPERATORS: [(&str, Token); 9] = [
            (";;", Token::BranchEnd),
            (";", Token::End),
            ("&&", Token::And),
            ("&>", Token::Redirect { to_file: true }),
            ("&", Token::Background),
            ("||", Token::Or),
            ("|", Token::Pipe),
            ("(", Token::Open),
            (")", Token::Close),
        ];
        for (text, token) in OPERATORS {
            if self.take(text) {
                return Some(if matches!(token, Token::Redirect { .. }) {
                    self.redirect(false)
                } else {
                    token
                });
            }
        }
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let behind = &self.rest()[digits..];
        if behind.starts_with(['<', '>']) {
            self.at += digits;
            let document = self.rest().starts_with("<<") && !self.rest().starts_with("<<<");
            while self.peek().is_some_and(|c| matches!(c, '<' | '>' | '&' | '|' | '-')) {
                self.at += 1;
            }
            return Some(self.redirect(document));
        }
        Some(Token::Word(self.word()))
    }

    /// The target of a redirection.
    fn redirect(&mut self, document: bool) -> Token {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t')) {
            self.at += 1;
        }
        let start = self.at;
        let word = self.word();
        let target = word.literal().unwrap_or_else(|| self.script[start..self.at].to_owned());
        if document {
            self.documents.push(target);
            return Token::Redirect { to_file: true };
        }
        let nowhere = target == "/dev/null" || target.bytes().all(|byte| byte.is_ascii_digit());
        Token::Redirect { to_file: !nowhere }
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Moves past the here-documents of the line that has just ended.
    fn skip_documents(&mut self) {
        for end in std::mem::take(&mut self.documents) {
            loop {
                let line = self.rest().split('\n').next().unwrap_or_default();
                let last = line.len() >= self.rest().len();
                self.at = (self.at + line.len() + 1).min(self.script.len());
                if last || line.trim() == end {
                    break;
                }
            }
        }
    }

    /// Moves to the end of the command.
    pub fn skip_command(&mut self) {
        while let Some(token) = self.next_token() {
            if token == Token::End {
                return;
            }
        }
    }

    /// Moves past `WORD in`, behind `case`.
    pub fn skip_past_in(&mut self) {
        self.next_token();
        while let Some(token) = self.next_token() {
            match token {
                Token::Word(word) if word.head() == "in" => return,
                Token::End => {}
                _ => return,
            }
        }
    }

    /// The word that begins here; empty if none does.
    fn word(&mut self) -> Word {
        let mut builder = Builder { pieces: Vec::new(), text: String::new(), any: false };
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                c if c.is_whitespace() => break,
                '\\' => self.escaped(&mut builder, |_| true),
                '\'' => {
                    self.at += 1;
                    let end = self.rest().find('\'').unwrap_or(self.rest().len());
                    builder.push(&self.rest()[..end]);
                    self.at = (self.at + end + 1).min(self.script.len());
                }
                '"' => self.double_quoted(&mut builder),
                '$' => self.expansion(false, &mut builder),
                '`' => self.backquoted(&mut builder),
                c => {
                    builder.text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        if self.at == start
            && self.peek().is_some_and(|c| !c.is_whitespace())
            && self.rest().starts_with(['<', '>'])
        {
            self.at += 1; // a redirection without a target
        }
        Word { pieces: builder.finish(), range: start..self.at }
    }

    /// A backslash, and what it escapes if `can` says so.
    fn escaped(&mut self, builder: &mut Builder, can: impl Fn(char) -> bool) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(c) => {
                if !can(c) {
                    builder.text.push('\\');
                }
                builder.text.push(c);
                self.at += c.len_utf8();
            }
            None => builder.text.push('\\'),
        }
    }

    fn double_quoted(&mut self, builder: &mut Builder) {
        self.at += 1;
        builder.any = true;
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += 1;
                    return;
                }
                '\\' => self.escaped(builder, |c| matches!(c, '$' | '`' | '"' | '\\')),
                '$' => self.expansion(true, builder),
                '`' => self.backquoted(builder),
                c => {
                    builder.text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn backquoted(&mut self, builder: &mut Builder) {
        self.at += 1;
        let end = self.rest().find('`').unwrap_or(self.rest().len());
        self.at = (self.at + end + 1).min(self.script.len());
        builder.piece(Piece::Opaque);
    }

    /// `$` and what follows.
    fn expansion(&mut self, quoted: bool, builder: &mut Builder) {
        self.at += 1;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match self.peek() {
            Some('(') => {
                self.balanced('(', ')');
                builder.piece(Piece::Opaque);
            }
            Some('{') => {
                let start = self.at + 1;
                self.balanced('{', '}');
                let inner = self.script.get(start..self.at.saturating_sub(1)).unwrap_or_default();
                let end = inner.find(|c: char| !is_name(c)).unwrap_or(inner.len());
                let (name, rest) = inner.split_at(end);
                let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
                let plain = default.is_none_or(|text| !text.contains(['$', '`', '"', '\'', '\\', '{']));
                builder.piece(match (name, rest, default) {
                    ("", ..) => Piece::Opaque,
                    (_, "", _) => variable(name, "", quoted),
                    (_, _, Some(default)) if plain => variable(name, default, quoted),
                    _ => Piece::Opaque,
                });
            }
            Some(c) if c.is_ascii_digit() => {
                self.at += 1;
                builder.piece(variable(&c.to_string(), "", quoted));
            }
            Some(c) if is_name(c) => {
                let end = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
                builder.piece(variable(&self.rest()[..end], "", quoted));
                self.at += end;
            }
            Some('?' | '$' | '!' | '#' | '*' | '@' | '-') => {
                self.at += 1;
                builder.piece(Piece::Opaque);
            }
            Some(_) | None => builder.text.push('$'),
        }
    }

    /// Moves past a pair of brackets and what is in them.
    fn balanced(&mut self, open: char, close: char) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c == '\\' {
                self.at += self.peek().map_or(0, char::len_utf8);
            } else if c == open {
                depth += 1;
            } else if c == close {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }
}

fn variable(name: &str, default: &str, quoted: bool) -> Piece {
    Piece::Variable { name: name.to_owned(), default: default.to_owned(), quoted }
}

/// A word in the making.
struct Builder {
    pieces: Vec<Piece>,
    text: String,
    /// Whether it is a word even if nothing is in it.
    any: bool,
}

impl Builder {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.any = true;
    }

    fn piece(&mut self, piece: Piece) {
        self.flush();
        self.pieces.push(piece);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.text)));
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.flush();
        if self.pieces.is_empty() && self.any {
            self.pieces.push(Piece::Literal(String::new()));
        }
        self.pieces
    }
}
