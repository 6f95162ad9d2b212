//! The `[Service]` section of an init script's unit.

use super::{
    besides::{besides, is_without_effect},
    daemon::{Daemon, Other, literal, start_daemon, start_stop_daemon},
    script::Script,
    shell::{Command, Word},
    variables::Rendered,
};
use crate::{
    diag::{Code, Diagnostic},
    import::unit::{self, Section, UnitText},
};

/// Writes what `script` does for its verbs.
pub fn write(script: &Script, unit: &mut UnitText) {
    let start = script.of("start");
    match daemon_of(script, &start) {
        Ok(found) => {
            if let Err(problem) = daemon(script, &found, unit) {
                call_script(script, problem, unit);
                return;
            }
            environment(script, unit);
            besides(script, &start, &found, unit);
            stop(script, unit);
            reload(script, unit);
            condition(script, unit);
        }
        Err(problem) => call_script(script, problem, unit),
    }
}

/// The daemon's line, and where it is among the commands of `start`.
pub struct Found {
    daemon: Daemon,
    /// `None` for a script without a line of its own.
    pub at: Option<usize>,
    /// Its bytes in the script.
    pub range: std::ops::Range<usize>,
}

fn daemon_of(script: &Script, start: &[(&Command, bool)]) -> Result<Found, Diagnostic> {
    let mut found: Option<Found> = None;
    for (at, (command, _)) in start.iter().enumerate() {
        let rest = command.arguments();
        let parsed = match command.program().as_deref() {
            Some("start-stop-daemon") => start_stop_daemon(rest),
            Some("start_daemon" | "daemon") => start_daemon(rest),
            _ => continue,
        };
        let Some(daemon) = parsed else {
            let message = format!("not understood: {}", script.shown(command));
            return Err(script.on(Diagnostic::warning(Code::NotKept, message), command));
        };
        if !daemon.starts {
            continue;
        }
        if found.is_some() {
            return Err(
                script.on(Diagnostic::warning(Code::NotKept, "the script starts several daemons"), command)
            );
        }
        found = Some(Found { daemon, at: Some(at), range: command.range() });
    }
    if let Some(found) = found {
        return Ok(found);
    }
    let variable = |name: &str| script.variables.value(name);
    let is_plain = script.is_init_d_script() && !script.overrides();
    match variable("DAEMON").filter(|program| is_plain && program != "none") {
        // init-d-script(5): what the script's own variables say.
        Some(program) => Ok(Found {
            daemon: Daemon {
                starts: true,
                program: Some(literal(&program)),
                arguments: arguments_of_init_d_script(script),
                pid_file: variable("PIDFILE").filter(|path| path != "none").map(|path| literal(&path)),
                ..Daemon::default()
            },
            at: None,
            range: script.start_of_file(),
        }),
        None => {
            let problem = Diagnostic::warning(Code::NotKept, "no line that starts a daemon was found");
            Err(script.at(problem, script.start_of_file()))
        }
    }
}

fn arguments_of_init_d_script(script: &Script) -> Vec<Word> {
    let name = "DAEMON_ARGS".to_owned();
    let known = script.variables.value(&name).is_some() || !script.variables.files.is_empty();
    let piece = super::shell::Piece::Variable { name, default: String::new(), quoted: false };
    if known { vec![Word { pieces: vec![piece], range: 0..0 }] } else { Vec::new() }
}

/// Writes the daemon's own settings.
fn daemon(script: &Script, found: &Found, unit: &mut UnitText) -> Result<(), Diagnostic> {
    let Found { daemon, range, .. } = found;
    let unclear = |what: &str| {
        script.at(
            Diagnostic::warning(Code::NotKept, format!("{what} cannot be told without running the script")),
            range.clone(),
        )
    };
    let variables = &script.variables;
    let program = daemon.program.as_ref().ok_or_else(|| unclear("the program"))?;
    let program = variables.constant(program).map_err(|_| unclear("the program"))?;
    // `--startas "$DAEMON $ARGS"`, and paths that systemd would take for something else.
    if program.contains(char::is_whitespace)
        || !program.starts_with('/') && !program.starts_with(char::is_alphanumeric)
    {
        return Err(unclear("the program"));
    }
    let Rendered { words, used } = variables.render(&daemon.arguments).map_err(|_| unclear("an argument"))?;
    let pid_file = match &daemon.pid_file {
        Some(word) => Some(variables.constant(word).map_err(|_| unclear("the PID file"))?),
        None => None,
    };
    let kind = match (daemon.notifies, daemon.background) {
        (true, _) => "notify",
        (false, true) => "simple",
        (false, false) => "forking",
    };
    unit.service("Type", kind);
    let line: Vec<String> = [vec![unit::word(&program)], words].concat();
    unit.service("ExecStart", line.join(" "));
    match pid_file {
        Some(path) if kind == "forking" && !daemon.makes_pid_file => {
            unit.service("PIDFile", unit::path(&unit::run_path(&path)));
        }
        None if kind == "forking" => {
            let problem = Diagnostic::warning(
                Code::NotKept,
                "no PID file is named: the main process has to be guessed",
            );
            let help = "an option that keeps the program in the foreground, with Type=simple, is better";
            unit.lost(script.at(problem.help(help), range.clone()));
        }
        Some(_) | None => {}
    }
    for (other, word) in &daemon.others {
        let value = variables.constant(word).map_err(|_| unclear("an option"))?;
        option(*other, &value, unit);
    }
    for (name, value) in variables.defaults(&used) {
        unit.add(Section::Service, "Environment", unit::assignment(name, &value));
    }
    for (name, range) in variables.changes(&used) {
        let message = format!("{name} is changed here, which is not kept");
        unit.lost(script.at(Diagnostic::warning(Code::NotKept, message), range));
    }
    Ok(())
}

fn option(other: Other, value: &str, unit: &mut UnitText) {
    let value_text = unit::text(value);
    let (first, second) = value_text.split_once(':').map_or((&value_text[..], None), |(a, b)| (a, Some(b)));
    match other {
        Other::User => {
            if !matches!(first, "root" | "0") {
                unit.service("User", first);
            }
            if let Some(group) = second.filter(|group| !matches!(*group, "root" | "0")) {
                unit.service("Group", group);
            }
        }
        Other::Group => unit.service("Group", value_text),
        Other::WorkingDirectory => unit.service("WorkingDirectory", value_text),
        Other::RootDirectory => unit.service("RootDirectory", value_text),
        Other::Nice => unit.service("Nice", value_text),
        Other::UMask => unit.service("UMask", value_text),
        Other::Output => unit.service("StandardOutput", format!("append:{value_text}")),
        Other::Scheduler => {
            unit.service("CPUSchedulingPolicy", first);
            if let Some(priority) = second {
                unit.service("CPUSchedulingPriority", priority);
            }
        }
        Other::IoScheduler => {
            unit.service("IOSchedulingClass", if first == "real-time" { "realtime" } else { first });
            if let Some(priority) = second {
                unit.service("IOSchedulingPriority", priority);
            }
        }
    }
}

/// The files of settings, and what the script exports.
fn environment(script: &Script, unit: &mut UnitText) {
    for file in &script.variables.files {
        unit.add(Section::Service, "EnvironmentFile", format!("-{}", unit::path(file)));
    }
    let exported = script.commands.iter().filter(|command| {
        command.program().as_deref() == Some("export") && command.function.is_none() && !command.conditional
    });
    let words = exported.flat_map(|command| command.arguments());
    for word in words {
        let name = word.assignment().map_or_else(|| word.literal().unwrap_or_default(), |(name, _)| name);
        if name != "PATH"
            && let Some(value) = script.variables.value(&name)
        {
            unit.add(Section::Service, "Environment", unit::assignment(&name, &value));
        }
    }
}

/// How the daemon is stopped, where it is not by SIGTERM.
fn stop(script: &Script, unit: &mut UnitText) {
    let mut stopped = false;
    for (command, _) in script.of("stop") {
        let daemon = match command.program().as_deref() {
            Some("start-stop-daemon") => start_stop_daemon(command.arguments()).filter(|daemon| daemon.stops),
            _ => None,
        };
        let Some(daemon) = daemon else {
            if !is_without_effect(script, command) && command.program().as_deref() != Some("kill") {
                let message = format!("the stop also runs: {}", script.shown(command));
                unit.lost(script.on(Diagnostic::warning(Code::NotKept, message), command));
            }
            continue;
        };
        if stopped {
            continue; // Debian's second one kills children that are left: so does systemd
        }
        stopped = true;
        let constant =
            |word: &Option<Word>| word.as_ref().and_then(|word| script.variables.constant(word).ok());
        let schedule = constant(&daemon.retry).unwrap_or_default();
        let mut parts = schedule.split('/');
        let first = parts.next().unwrap_or_default();
        let signal = constant(&daemon.signal).or_else(|| (schedule.contains('/')).then(|| first.to_owned()));
        if let Some(signal) = signal.as_deref().and_then(signal_name).filter(|signal| signal != "SIGTERM") {
            unit.service("KillSignal", signal);
        }
        let seconds = if schedule.contains('/') { parts.next().unwrap_or_default() } else { first };
        if seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0) {
            unit.service("TimeoutStopSec", seconds);
        }
    }
}

/// The signal in `--signal` or at the start of a schedule, as systemd writes it.
fn signal_name(text: &str) -> Option<String> {
    let name = text.trim_start_matches('-').trim_start_matches("SIG");
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-');
    match name.parse::<u8>() {
        Ok(0) => None,
        Ok(number) => Some(number.to_string()),
        Err(_) => {
            (!name.is_empty() && name.chars().all(legal)).then(|| format!("SIG{}", name.to_uppercase()))
        }
    }
}

fn reload(script: &Script, unit: &mut UnitText) {
    for (command, _) in script.of("reload") {
        let hangs_up = command.words.iter().any(|word| {
            let text = script.variables.constant(word).unwrap_or_default();
            matches!(
                text.as_str(),
                "HUP" | "SIGHUP" | "-HUP" | "-SIGHUP" | "-1" | "--signal=HUP" | "--signal=1" | "1"
            )
        });
        let kills = ["start-stop-daemon", "killproc", "kill", "killall", "pkill"];
        if hangs_up && command.program().is_some_and(|program| kills.contains(&program.as_str())) {
            unit.service("ExecReload", "/bin/kill -HUP $MAINPID");
            return;
        }
    }
}

/// `[ -f FILE ] || exit 0` at the top.
fn condition(script: &Script, unit: &mut UnitText) {
    for pair in script.commands.windows(2) {
        let [test, exit] = pair else { continue };
        let outside = test.function.is_none() && test.labels.is_empty() && !test.conditional;
        let leaves = exit.conditional && matches!(exit.program().as_deref(), Some("exit"));
        if !outside || !leaves || !matches!(test.program().as_deref(), Some("[" | "test")) {
            continue;
        }
        let words: Option<Vec<String>> =
            test.arguments().iter().map(|word| script.variables.constant(word).ok()).collect();
        let words: Vec<String> = words.unwrap_or_default().into_iter().filter(|word| word != "]").collect();
        let [operator, path] = &words[..] else { continue };
        let is_program =
            unit.values(Section::Service, "ExecStart").any(|line| line.starts_with(path.as_str()));
        if is_program || !path.starts_with('/') {
            continue; // the image is known to have the program
        }
        let key = match operator.as_str() {
            "-f" | "-e" | "-r" | "-x" => "ConditionPathExists",
            "-d" => "ConditionPathIsDirectory",
            "-s" => "ConditionFileNotEmpty",
            _ => continue,
        };
        unit.add(Section::Unit, key, unit::path(path));
    }
}

/// The unit calls the script, because of `problem`.
fn call_script(script: &Script, problem: Diagnostic, unit: &mut UnitText) {
    let path = format!("/etc/init.d/{}", script.file);
    let call = |verb: &str| format!("{} {verb}", unit::word(&path));
    unit.service("Type", "oneshot");
    unit.service("RemainAfterExit", "yes");
    unit.service("ExecStart", call("start"));
    if script.has("stop") || script.is_init_d_script() {
        unit.service("ExecStop", call("stop"));
    }
    if script.has("reload") {
        unit.service("ExecReload", call("reload"));
    }
    // Not installed, and not configured (LSB Core 22.2).
    unit.service("SuccessExitStatus", "5 6");
    unit.service("TimeoutSec", "5min");
    unit.lost(problem.help(format!("the unit runs {path} as it is")));
}
