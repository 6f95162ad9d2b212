//! What an init script does besides starting its daemon: kept where a unit can do it, else listed.

use std::collections::BTreeSet;

use super::{
    script::Script,
    service::Found,
    shell::{Command, Piece},
};
use crate::{
    diag::{Code, Diagnostic},
    import::unit::{Section, UnitText},
};

/// Commands of one script that are listed as not kept.
const LOST_MAX: usize = 20;

/// Programs and functions that only talk, test or keep the script going.
const WITHOUT_EFFECT: [&str; 41] = [
    ":",
    "[",
    "action",
    "break",
    "cd",
    "continue",
    "echo",
    "echo_failure",
    "echo_success",
    "eval",
    "exit",
    "export",
    "failure",
    "false",
    "line",
    "local",
    "log_action_begin_msg",
    "log_action_end_msg",
    "log_action_msg",
    "log_begin_msg",
    "log_daemon_msg",
    "log_end_msg",
    "log_failure_msg",
    "log_progress_msg",
    "log_success_msg",
    "log_warning_msg",
    "pidof",
    "pidofproc",
    "printf",
    "readonly",
    "return",
    "set",
    "shift",
    "sleep",
    "status_of_proc",
    "success",
    "test",
    "trap",
    "true",
    "unset",
    "wait",
];

/// What `start` does besides starting the daemon.
pub fn besides(script: &Script, start: &[(&Command, bool)], found: &Found, unit: &mut UnitText) {
    let user = unit.has(Section::Service, "User");
    let mut directories: BTreeSet<String> = BTreeSet::new();
    let mut lost = 0;
    let outside = script.outside().into_iter().map(|(command, conditional)| (None, command, conditional));
    let inside =
        start.iter().enumerate().map(|(at, (command, conditional))| (Some(at), *command, *conditional));
    for (at, command, conditional) in outside.chain(inside) {
        if at.is_some() && at == found.at || is_without_effect(script, command) {
            continue;
        }
        if let Some(mask) = mask(script, command).filter(|_| !conditional) {
            unit.service("UMask", mask);
            continue;
        }
        if let Some(paths) = runtime_directories(script, command, &directories, user) {
            for path in paths {
                unit.list(Section::Service, "RuntimeDirectory", &path);
                directories.insert(path);
            }
            continue;
        }
        let words =
            script.variables.render(&command.words).ok().filter(|_| !conditional && !command.redirected);
        let program = words.as_ref().and_then(|words| words.words.first()).filter(|word| is_program(word));
        match (&words, program) {
            (Some(words), Some(_)) if !command.background => {
                let key = if at < found.at { "ExecStartPre" } else { "ExecStartPost" };
                let root = if user { "+" } else { "" };
                unit.add(Section::Service, key, format!("{root}{}", words.words.join(" ")));
            }
            _ => {
                lost += 1;
                if lost <= LOST_MAX {
                    let sometimes = if conditional { "sometimes " } else { "" };
                    let message = format!("the start {sometimes}also runs: {}", script.shown(command));
                    unit.lost(script.on(Diagnostic::warning(Code::NotKept, message), command));
                }
            }
        }
    }
    if lost > LOST_MAX {
        let message = format!("{} more commands of the start are not kept", lost - LOST_MAX);
        unit.lost(script.at(Diagnostic::warning(Code::NotKept, message), found.range.clone()));
    }
}

/// Whether `word` is a program that systemd finds, and none of the shell's functions.
fn is_program(word: &str) -> bool {
    let known = [
        "chgrp", "chmod", "chown", "cp", "install", "ip", "ifconfig", "ln", "mkdir", "mkfifo", "mknod",
        "modprobe", "mount", "rm", "sysctl", "touch",
    ];
    word.starts_with('/') || known.contains(&word)
}

/// Whether `command` is nothing that a unit has to do.
pub fn is_without_effect(script: &Script, command: &Command) -> bool {
    let is_itself = matches!(
        command.words.first().map(|word| &word.pieces[..]),
        Some([Piece::Variable { name, .. }, ..]) if name == "0"
    );
    if command.asked || is_itself || command.words.iter().all(|word| word.assignment().is_some()) {
        return true;
    }
    let Some(program) = command.program() else { return false };
    let paths = || command.arguments().iter().filter_map(|word| script.variables.constant(word).ok());
    match program.as_str() {
        "." | "source" => true,
        "start-stop-daemon" | "start_daemon" | "daemon" | "killproc" => true,
        // PID files and lock files are the unit's business now.
        "rm" | "touch" | "chmod" | "chown" => {
            let mut files = paths().filter(|path| path.starts_with('/')).peekable();
            files.peek().is_some()
                && files
                    .all(|path| path.ends_with(".pid") || path.ends_with("/pid") || path.contains("/lock/"))
        }
        "umask" => mask(script, command).is_none(),
        name => WITHOUT_EFFECT.contains(&name),
    }
}

/// The mode in `umask MODE`.
fn mask(script: &Script, command: &Command) -> Option<String> {
    let mode = script.variables.constant(command.arguments().first()?).ok()?;
    let octal = u32::from_str_radix(&mode, 8).is_ok_and(|mode| mode <= 0o777);
    (octal && command.program().as_deref() == Some("umask")).then(|| format!("{mode:0>4}"))
}

/// The directories below /run that `command` makes, without the prefix; or none, if it only makes one of `known` ready
/// for the service's own user.
fn runtime_directories(
    script: &Script,
    command: &Command,
    known: &BTreeSet<String>,
    user: bool,
) -> Option<Vec<String>> {
    let words: Option<Vec<String>> =
        command.words.iter().map(|word| script.variables.constant(word).ok()).collect();
    let words = words?;
    let below_run = |path: &String| {
        let path = path.strip_prefix("/var/run/").or_else(|| path.strip_prefix("/run/"))?;
        let path = path.trim_end_matches('/');
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        (!path.is_empty() && path.chars().all(legal) && !path.starts_with("lock")).then(|| path.to_owned())
    };
    let paths: Vec<&String> = words[1..].iter().filter(|word| word.starts_with('/')).collect();
    let found: Option<Vec<String>> = paths.iter().map(|path| below_run(path)).collect();
    let found = found.filter(|found| !found.is_empty())?;
    match command.program()?.as_str() {
        "mkdir" => Some(found),
        "install" if words.iter().any(|word| word == "-d") => Some(found),
        "chown" | "chgrp" if user && found.iter().all(|path| known.contains(path)) => Some(Vec::new()),
        _ => None,
    }
}
