//! Command lines of `Exec*=` (systemd.service(5), "Command lines"; facts from load-fragment.c, `config_parse_exec`,
//! observed in tests/golden/exec.tsv). `$` is left for run time.

use tomte::table::{
    Call, Privilege,
    limits::{PATH_BYTES_MAX, WORDS_BYTES_MAX, WORDS_MAX},
};

use super::{
    path,
    specifier::Specifiers,
    word::{self, Escapes, Word},
    wrong,
};
use crate::{
    diag::{Code, Diagnostic},
    model::Command,
    read::Text,
};

/// All commands of one assignment, and warnings about them.
pub fn parse(
    value: &Text,
    specifiers: &Specifiers,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Command>, Diagnostic> {
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(first) = word::next(value, at, Escapes::Relaxed)? {
        if &value.as_str()[first.range.clone()] == ";" {
            at = first.next; // a separator with nothing before it
            continue;
        }
        let (command, next) = one(value, &first, specifiers, warnings)?;
        commands.push(command);
        at = next;
    }
    Ok(commands)
}

/// The command that begins with the word `first`, and where the next one begins.
fn one(
    value: &Text,
    first: &Word,
    specifiers: &Specifiers,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(Command, usize), Diagnostic> {
    warn_of_escape(value, first, warnings);
    let (prefixes, length) = Prefixes::of(first.text.as_str());
    let written = first.text.slice(length..first.text.len());
    if written.is_empty() {
        let problem =
            Diagnostic::error(Code::Command, "no program behind the prefix").on(value, first.range.clone());
        return Err(problem.help("no blank may stand between a prefix (- @ : + !) and the program"));
    }
    let program = specifiers.expand(&written)?;
    check_program(&program, length > 0)?;
    let mut argv = Vec::new();
    if !prefixes.separate_argv0 {
        argv.push(program.as_str().to_owned());
    }
    let mut at = first.next;
    while at < value.len() {
        let rest = &value.as_str()[at..];
        if stands_alone(rest, ";") {
            at += 1;
            break;
        }
        if stands_alone(rest, "\\;") {
            argv.push(";".to_owned());
            at = value.len() - rest[2..].trim_start_matches(crate::read::is_blank).len();
            continue;
        }
        let Some(word) = word::next(value, at, Escapes::Relaxed)? else { break };
        warn_of_escape(value, &word, warnings);
        let text = specifiers.expand(&word.text)?;
        if text.as_str().contains('\0') {
            return Err(Diagnostic::error(Code::NulByte, "a NUL byte").on(value, word.range));
        }
        if prefixes.expand && !argv.is_empty() {
            warn_of_vanishing(value, &word, text.as_str(), warnings);
        }
        argv.push(text.as_str().to_owned());
        at = word.next;
    }
    if argv.first().is_none_or(String::is_empty) {
        let problem = Diagnostic::error(Code::Command, "no zeroth argument").on(value, first.range.clone());
        return Err(problem.help("after the @ prefix the word behind the program is its argv[0]"));
    }
    check_size(value, first, &argv)?;
    let command = Command {
        place: Some(written.place(0)),
        call: Call::Execute,
        path: path::simplify(program.as_str()),
        argv,
        ignore_failure: prefixes.ignore_failure,
        expand: prefixes.expand,
        privilege: prefixes.privilege(),
    };
    Ok((command, at))
}

/// Whether `rest` begins with `token` as a word of its own.
fn stands_alone(rest: &str, token: &str) -> bool {
    rest.strip_prefix(token).is_some_and(|rest| rest.chars().next().is_none_or(crate::read::is_blank))
}

fn check_program(program: &Text, prefixed: bool) -> Result<(), Diagnostic> {
    let path = program.as_str();
    if path.is_empty() {
        return Err(wrong(program, Code::Command, "the program's name is empty"));
    }
    if path.chars().any(|c| c.is_ascii_control() || "\"'\\".contains(c)) {
        let message =
            format!("{path:?}: a program's name holds no quotes, backslashes and control characters");
        return Err(wrong(program, Code::Command, message));
    }
    if path.ends_with('/') {
        return Err(wrong(program, Code::Command, format!("{path} is a directory, not a program")));
    }
    if !path.starts_with('/') && (path.contains('/') || path == "." || path == "..") {
        let message = format!("{path}: neither an absolute path nor a program's name");
        let prefix = prefixed && path.starts_with(['-', '@', ':', '+', '!']);
        let problem = wrong(program, if prefix { Code::CommandPrefix } else { Code::Command }, message);
        return Err(match path.chars().next() {
            _ if prefix => problem.help("each prefix stands once, and only one of +, ! and !! at a time"),
            Some('|') => problem.help("the prefix | is newer than systemd 257"),
            _ => problem.help("write the path from / on"),
        });
    }
    if path.len() >= PATH_BYTES_MAX {
        return Err(wrong(
            program,
            Code::Path,
            format!("a path of {} bytes; at most {}", path.len(), PATH_BYTES_MAX - 1),
        ));
    }
    Ok(())
}

fn check_size(value: &Text, first: &Word, argv: &[String]) -> Result<(), Diagnostic> {
    let bytes: usize = argv.iter().map(|word| word.len() + 1).sum();
    let message = if argv.len() > WORDS_MAX {
        format!("{} words; a command line has at most {WORDS_MAX}", argv.len())
    } else if bytes > WORDS_BYTES_MAX {
        format!("{bytes} bytes; a command line has at most {WORDS_BYTES_MAX}")
    } else {
        return Ok(());
    };
    Err(Diagnostic::error(Code::TableLimit, message).on(value, first.range.clone()))
}

fn warn_of_escape(value: &Text, word: &Word, warnings: &mut Vec<Diagnostic>) {
    if let Some(at) = word.unknown_escape {
        let mut problem = word::bad_escape(value, at);
        problem.severity = crate::diag::Severity::Warning;
        problem.message.push_str(": the backslash stays");
        warnings.push(problem);
    }
}

/// A whole word `$…` that names no valid variable is replaced by nothing at all, which nobody means.
fn warn_of_vanishing(value: &Text, word: &Word, text: &str, warnings: &mut Vec<Diagnostic>) {
    let Some(name) = text.strip_prefix('$') else { return };
    if name.starts_with(['$', '{']) || super::environment::is_name(name) {
        return;
    }
    let meant = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let problem = Diagnostic::warning(
        Code::VanishingVariable,
        format!("{text} names no variable: the word vanishes when the command runs"),
    );
    let problem = problem.on(value, word.range.clone());
    warnings.push(match super::environment::is_name(&name[..meant]) {
        true => problem.help(format!(
            "write ${{{}}}{} to join text to a variable",
            &name[..meant],
            &name[meant..]
        )),
        false => problem.help("write $$ for a dollar sign"),
    });
}

/// What stands before the program.
struct Prefixes {
    ignore_failure: bool,
    separate_argv0: bool,
    expand: bool,
    full: bool,
    exclamations: u8,
}

impl Prefixes {
    /// The prefixes of `word` and how many bytes they take. Order is free, each stands once, `+ ! !!` exclude each
    /// other; what does not fit is part of the program's name, as in systemd.
    fn of(word: &str) -> (Self, usize) {
        let mut found =
            Self { ignore_failure: false, separate_argv0: false, expand: true, full: false, exclamations: 0 };
        let mut length = 0;
        for byte in word.bytes() {
            match byte {
                b'-' if !found.ignore_failure => found.ignore_failure = true,
                b'@' if !found.separate_argv0 => found.separate_argv0 = true,
                b':' if found.expand => found.expand = false,
                b'+' if !found.full && found.exclamations == 0 => found.full = true,
                b'!' if !found.full && found.exclamations < 2 => found.exclamations += 1,
                _ => break,
            }
            length += 1;
        }
        (found, length)
    }

    /// `!!` only matters to kernels without ambient capabilities, and tomte runs on none of them.
    const fn privilege(&self) -> Privilege {
        match (self.full, self.exclamations) {
            (true, _) => Privilege::Full,
            (false, 1) => Privilege::KeepIds,
            (false, _) => Privilege::Restricted,
        }
    }
}
