//! The command line: verbs and columns, as systemctl has them. Speaks `wire` to PID 1 and decides nothing.

mod baked;
mod boots;
mod faces;
mod grid;
mod list;
mod logs;
mod options;
mod pattern;
mod print;
mod query;
mod run;
mod show;
mod switch;
mod talk;
mod verb;
mod wanted;
mod words;

use core::fmt::Write;

use crate::{
    linux::{AsFd, arguments::Arguments, output::Output, signals, socket::own_program},
    table::{Arch, Table, matches},
    wire::{self, ActiveState, JobMode, JobResult, Power, Reply, Request, Whom},
};

use faces::Face;
use talk::{Connection, File, Name, TalkError};
use verb::Verb;
use words::Words;

/// systemctl's exit codes: 0 done, 1 failed, 3 the unit is not active or, for jobs, they are not for it, 4 there is no such unit
/// or, for jobs, they are not allowed, 5 for jobs there is no such unit.
const FAILED: u8 = 1;
const USAGE_ERROR: u8 = 2;
const NOT_ACTIVE: u8 = 3;
const NOT_IMPLEMENTED: u8 = 3;
const NO_SUCH_UNIT: u8 = 4;
const NO_PERMISSION: u8 = 4;
const NOT_LOADED: u8 = 5;

/// Words of a tool of another init that are looked at.
const FACE_WORDS_MAX: usize = 8;

/// One command.
#[derive(Clone, Copy)]
struct Command<'a> {
    linked: &'static [u8],
    words: &'a Words<'a>,
    verb: Verb,
    /// What the verb is about.
    names: &'a [&'a str],
}

/// Runs one command and answers its exit code; `linked` is the table in the binary. What the words mean depends on the name
/// in argv\[0\].
pub fn run(linked: &'static [u8], arguments: Arguments) -> u8 {
    let called = arguments.words().next().and_then(|name| name.to_str().ok()).unwrap_or_default();
    let called = crate::words::file_name(called);
    let mut raw: heapless::Vec<&str, FACE_WORDS_MAX> = heapless::Vec::new();
    raw.extend(arguments.words().skip(1).take(FACE_WORDS_MAX).filter_map(|word| word.to_str().ok()));
    let face = faces::of(called, &raw);
    // Verbs with options of their own.
    let first = raw.iter().position(|word| !word.starts_with('-'));
    let meant = first.and_then(|first| Verb::find(raw.get(first)?));
    let asks_about = raw.iter().take(2).any(|word| matches!(*word, "--help" | "-h" | "--version"));
    match (face, meant) {
        _ if asks_about => {}
        (Face::Verb("logs"), _) => return logs::run(linked, arguments, 0),
        (Face::VerbFirst(_), Some(Verb::Run)) => return run::run(linked, arguments),
        (Face::VerbFirst(_), Some(Verb::SwitchTable)) => return switch::run(arguments),
        (Face::VerbFirst(_), Some(Verb::Logs)) => return logs::run(linked, arguments, 1),
        _ => {}
    }
    let mut words = Words::default();
    if !matches!(face, Face::Meant(_))
        && let Err(word) = words.take(arguments)
    {
        return usage_error(word);
    }
    let operands = words.operands.as_slice();
    let (first, rest) = operands.split_first().map_or(("", operands), |(first, rest)| (*first, rest));
    let (verb, names) = match &face {
        Face::Meant([verb, ""]) => (*verb, &[][..]),
        Face::Meant([verb, name]) => (*verb, core::slice::from_ref(name)),
        // As people say it.
        Face::Verb(verb) if operands == ["now"] => (*verb, rest),
        Face::Verb(verb) => (*verb, operands),
        Face::UnitFirst if first.is_empty() => ("list-units", rest),
        Face::UnitFirst => (rest.first().copied().unwrap_or("help"), operands.get(..1).unwrap_or_default()),
        Face::VerbFirst(_) if first.is_empty() && words.help() => ("help", rest),
        Face::VerbFirst(bare) if first.is_empty() => (*bare, rest),
        // Targets that are verbs as well.
        Face::VerbFirst(_) if matches!(first, "rescue" | "emergency" | "default") => ("isolate", operands),
        Face::VerbFirst(_) => (first, rest),
        Face::Unknown => return usage_error(raw.last().unwrap_or(&"no runlevel")),
    };
    let Some(verb) = Verb::find(verb) else { return usage_error(verb) };
    let command = Command { linked, words: &words, verb, names };
    let done = command.perform(&mut Output::screen(arguments));
    done.unwrap_or_else(|error| complain(format_args!("{error}")))
}

/// Says what went wrong.
#[inline(never)] // for a small frame
fn complain(what: core::fmt::Arguments<'_>) -> u8 {
    let _broken = tell(Output::stderr(), format_args!("tomte: {what}\n"));
    FAILED
}

/// Writes `what` to `out`.
#[inline(never)] // for a small frame
fn tell(mut out: Output, what: core::fmt::Arguments<'_>) -> Result<(), TalkError> {
    Ok(out.write_fmt(what)?)
}

fn usage_error(word: &str) -> u8 {
    complain(format_args!("not understood: {word} (see tomte help)"));
    USAGE_ERROR
}

impl Command<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "it is about a few of the verbs")]
    #[inline(never)] // for a small frame
    fn perform(&self, out: &mut Output) -> Result<u8, TalkError> {
        match self.verb {
            _ if self.words.version() => {
                out.write_str(concat!("tomte ", env!("CARGO_PKG_VERSION"), "\n"))?;
            }
            Verb::Help => {
                let name = self.names.first().copied().unwrap_or_default();
                let about = Verb::find(name);
                if about.is_none() && !name.is_empty() {
                    return Ok(usage_error(name));
                }
                verb::help(out, about)?;
            }
            _ if self.words.help() => verb::help(out, Some(self.verb))?,
            verb if let Some(more) = self.names.get(verb.names_max()) => return Ok(usage_error(more)),
            verb if verb.needs_units() && self.names.is_empty() => return Ok(usage_error("no unit")),
            Verb::Logs | Verb::Run | Verb::SwitchTable => return Ok(usage_error("options before that verb")),
            Verb::DaemonReload => {
                complain(format_args!(
                    "nothing to reload: units are baked into the table; cargo xtask build makes a new one"
                ));
            }
            Verb::PowerOff => return shut_down(Power::PowerOff),
            Verb::Reboot => return shut_down(Power::Reboot),
            Verb::Halt => return shut_down(Power::Halt),
            Verb::Kexec => return shut_down(Power::Kexec),
            Verb::Reexec => {
                let program = own_program().map_err(|errno| TalkError::File(File::Program, errno))?;
                return answered(&Connection::open()?.ask_with(&Request::Reexec, &[program.as_fd()])?);
            }
            _ if self.verb.is_job() => return self.jobs(),
            _ => return self.look(out),
        }
        Ok(0)
    }

    /// Whether there is to be no unit called `name`, as the table in this program has it: of PID 1's it is not there.
    #[inline(never)] // for a small frame
    fn is_masked(&self, name: &str) -> bool {
        Table::open(self.linked, Arch::NATIVE).is_ok_and(|table| table.alias(name) == Some(""))
    }

    /// Says that there is no unit called `name`, and answers 4, or 1 if there is to be none.
    #[inline(never)] // for a small frame
    fn no_such_unit(&self, name: &str) -> u8 {
        let masked = self.is_masked(name);
        let (what, code) = if masked { ("is masked", FAILED) } else { ("could not be found", NO_SUCH_UNIT) };
        complain(format_args!("Unit {name} {what}."));
        code
    }

    /// What the verb asks of PID 1 about the unit `name`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "it is about a few of the verbs")]
    fn request<'n>(&self, name: &'n str) -> Result<Request<'n>, &str> {
        Ok(match self.verb {
            _ if !self.words.mode.is_empty() => {
                let verb = match self.verb {
                    Verb::Start => wire::Verb::Start,
                    Verb::Stop => wire::Verb::Stop,
                    _ => return Err("--job-mode=, which is for start and stop"),
                };
                Request::Job { verb, mode: job_mode(self.words.mode).ok_or(self.words.mode)?, name }
            }
            Verb::Start => Request::Start { name },
            Verb::Stop => Request::Stop { name },
            Verb::Reload | Verb::ReloadOrRestart | Verb::TryReloadOrRestart => Request::Reload { name },
            Verb::Isolate => Request::Isolate { name },
            Verb::ResetFailed => Request::ResetFailed { name },
            Verb::Kill => {
                let Words { signal, whom, .. } = *self.words;
                let wanted = if whom.is_empty() { "all" } else { whom };
                let whom = *Whom::ALL.iter().find(|one| one.as_str() == wanted).ok_or(whom)?;
                Request::Kill { name, whom, signal: signals::number(signal).ok_or(signal)? }
            }
            _ => Request::Restart { name },
        })
    }

    /// Shows `see` the full name of each unit that is named, and of each that a pattern stands for: of those that are up or
    /// have failed, if something is to be done about it, as systemctl(1) has it for units in memory.
    #[inline(never)] // for a small frame
    fn each_name(&self, see: &mut dyn FnMut(&str) -> Result<(), TalkError>) -> Result<(), TalkError> {
        let all = ["*"];
        for name in if self.names.is_empty() { &all } else { self.names } {
            if !name.bytes().any(|byte| matches!(byte, b'*' | b'?')) {
                let suffix = if self.verb == Verb::Isolate { ".target" } else { ".service" };
                see(talk::full_name(name, suffix, &mut Name::new())?)?;
                continue;
            }
            let mut result = Ok(());
            Connection::open()?.each_unit(&mut |unit| {
                let in_question = if self.verb == Verb::ResetFailed {
                    unit.active == ActiveState::Failed
                } else {
                    !self.verb.is_job() || unit.active != ActiveState::Inactive
                };
                if in_question && matches(name, unit.name) && result.is_ok() {
                    result = see(unit.name);
                }
                Ok(())
            })?;
            result?;
        }
        Ok(())
    }

    /// Asks for each unit in turn; the exit code is the worst.
    #[inline(never)] // for a small frame
    fn jobs(&self) -> Result<u8, TalkError> {
        if let Err(word) = self.request("") {
            return Ok(usage_error(word));
        }
        let connection = &mut Connection::open()?;
        let mut worst = 0;
        self.each_name(&mut |name| {
            let code = self.job(connection, name);
            worst = worst.max(code.unwrap_or_else(|error| {
                let failed = complain(format_args!("{name}: {error}"));
                if matches!(error, TalkError::Denied | TalkError::Refused) { NO_PERMISSION } else { failed }
            }));
            Ok(())
        })?;
        Ok(worst)
    }

    #[inline(never)] // for a small frame
    fn job(&self, connection: &mut Connection, name: &str) -> Result<u8, TalkError> {
        let Ok(mut request) = self.request(name) else { return Ok(USAGE_ERROR) };
        let Some(unit) = connection.unit(name)? else {
            let for_what_is_up =
                matches!(self.verb, Verb::Stop | Verb::TryRestart | Verb::TryReloadOrRestart);
            if for_what_is_up && self.is_masked(name) {
                return Ok(0);
            }
            let fails =
                self.no_such_unit(name) == FAILED || matches!(self.verb, Verb::Kill | Verb::ResetFailed);
            return Ok(if fails { FAILED } else { NOT_LOADED });
        };
        // What is on its way up counts, too (job.c, `job_type_collapse`).
        let up = print::is_active(&unit) || unit.active == ActiveState::Activating;
        if matches!(self.verb, Verb::TryRestart | Verb::TryReloadOrRestart) && !up {
            return Ok(0);
        }
        let either = matches!(self.verb, Verb::ReloadOrRestart | Verb::TryReloadOrRestart);
        if either {
            let reply = connection.ask(&request)?;
            if !matches!(reply, Reply::Job(JobResult::Invalid)) {
                return answered(&reply);
            }
            request = Request::Restart { name };
        }
        if self.words.no_block() {
            // What is refused is refused at once. Who may have but one request waiting hears that the second one is too many.
            connection.tell(&request)?;
            let bytes = connection.exchange(&Request::Manager, &[])?;
            let reply = connection.read(bytes)?;
            let code =
                if matches!(reply, Reply::Manager(_) | Reply::Busy) { Ok(0) } else { answered(&reply) };
            connection.renew()?;
            return code;
        }
        let reply = connection.ask(&request)?;
        if self.verb == Verb::Reload && matches!(reply, Reply::Job(JobResult::Invalid)) {
            let (what, code) =
                if up { ("has no reload", NOT_IMPLEMENTED) } else { ("is not active", FAILED) };
            complain(format_args!("{name} {what}, cannot reload."));
            return Ok(code);
        }
        let code = answered(&reply)?;
        if self.words.wait() && self.verb <= Verb::Restart {
            let reply = connection.ask(&Request::Wait { name })?;
            let Reply::Unit(unit) = reply else { return Err(talk::refused(&reply)) };
            return Ok(u8::from(unit.active == ActiveState::Failed));
        }
        Ok(code)
    }
}

/// The mode that is called `word`.
fn job_mode(word: &str) -> Option<JobMode> {
    const MODES: [JobMode; 9] = [
        JobMode::Replace,
        JobMode::Fail,
        JobMode::Isolate,
        JobMode::IgnoreRequirements,
        JobMode::IgnoreDependencies,
        JobMode::ReplaceIrreversibly,
        JobMode::Flush,
        JobMode::Triggering,
        JobMode::RestartDependencies,
    ];
    const WORDS: &str = "replace fail isolate ignore-requirements ignore-dependencies replace-irreversibly flush \
                         triggering restart-dependencies";
    MODES.get(crate::words::place(WORDS, word.as_bytes())?).copied()
}

fn shut_down(power: Power) -> Result<u8, TalkError> {
    answered(&Connection::open()?.ask(&Request::Shutdown(power))?)
}

/// What came of something that takes time.
fn answered(reply: &Reply<'_>) -> Result<u8, TalkError> {
    if let Reply::Job(result) = reply
        && !matches!(result, JobResult::Done | JobResult::Skipped)
    {
        return Err(TalkError::Job(*result));
    }
    if matches!(reply, Reply::Job(_) | Reply::Accepted) { Ok(0) } else { Err(talk::refused(reply)) }
}
