//! The command line: verbs and columns, as systemctl has them. Speaks `wire` to PID 1 and decides nothing.

mod faces;
mod logs;
mod print;
mod run;
mod switch;
mod talk;

use crate::{
    linux::{arguments::Arguments, output::Output, socket::own_program},
    wire::{JobResult, Power, Reply, Request},
};

use talk::{Connection, TalkError};

const USAGE: &str = "\
tomte: PID 1 for small Linux images

usage: tomte VERB [--json] [UNIT]
  list-units                  every unit and its state
  status [UNIT]               one unit in full, or the whole system
  start | stop | restart | reload UNIT
  isolate UNIT                start it and stop what it does not need
  posture [UNIT]              what narrows it, and what of that was applied
  run [-p SETTING=VALUE]... [-E NAME=VALUE]... [--unit NAME] [--wait] [--] COMMAND...
                              run a command as a service of its own
  logs [-f] [-u UNIT] [-n LINES] [-p PRIORITY] [-S SPAN] [-b -1] [--events] [--json]
                              what services, programs and the kernel have said
  reset-failed UNIT           forget a failure and the start limit
  switch-table [--timeout SPAN] [--dry-run] FILE
                              show what another table changes, and go on with it
  reexec                      replace PID 1's program by this one; services run on
  poweroff | reboot | halt | kexec
";

/// systemctl's exit codes: 0 done, 1 failed, 3 the unit is not active, 4 there is no such unit.
const FAILED: u8 = 1;
const USAGE_ERROR: u8 = 2;
const NOT_ACTIVE: u8 = 3;
const NO_SUCH_UNIT: u8 = 4;
/// Lines of the log that the status of a unit ends with.
const STATUS_LINES: u64 = 10;

enum Verb<'a> {
    ListUnits,
    StatusAll,
    Status(&'a str),
    Posture(&'a str),
    Job { make: fn(&str) -> Request<'_>, name: &'a str },
    Shutdown(Power),
    Reexec,
    Help,
}

/// Runs one command and answers its exit code; `linked` is the table in the binary. Names of power tools in argv\[0\] are
/// verbs, as with every init.
pub fn run(linked: &'static [u8], arguments: Arguments) -> u8 {
    match arguments.words().nth(1) {
        Some(word) if word == c"run" => return run::run(linked, arguments),
        Some(word) if word == c"switch-table" => return switch::run(arguments),
        Some(_) | None => {}
    }
    if arguments.words().nth(1) == Some(c"logs") {
        return logs::run(arguments);
    }
    let mut json = false;
    let mut words: heapless::Vec<&str, 4> = heapless::Vec::new();
    let called = arguments.words().next().and_then(|name| name.to_str().ok()).unwrap_or_default();
    let called = called.split('/').fold("", |_, last| last);
    if matches!(called, "poweroff" | "reboot" | "halt") {
        let _ = words.push(called);
    }
    for word in arguments.words().skip(1) {
        match word.to_str() {
            Ok("--json") => json = true,
            Ok(word) if words.push(word).is_ok() => {}
            Ok(word) => return usage_error(Some(word)),
            Err(_) => return usage_error(Some("an argument that is not UTF-8")),
        }
    }
    let meant = faces::verb(called, &words);
    let meant = meant.as_ref().map(|words| words.split_at_checked(if words[1].is_empty() { 1 } else { 2 }));
    let meant = meant.flatten().map(|(words, _)| words);
    match verb(meant.unwrap_or(&words)) {
        Some(verb) => match perform(&verb, json) {
            Ok(code) => code,
            Err(error) => {
                let _ = core::fmt::Write::write_fmt(&mut Output::stderr(), format_args!("tomte: {error}\n"));
                FAILED
            }
        },
        None => usage_error(words.first().copied()),
    }
}

fn usage_error(word: Option<&str>) -> u8 {
    let mut err = Output::stderr();
    if let Some(word) = word {
        let _ = core::fmt::Write::write_fmt(&mut err, format_args!("tomte: not understood: {word}\n\n"));
    }
    let _ = core::fmt::Write::write_str(&mut err, USAGE);
    USAGE_ERROR
}

fn verb<'a>(words: &[&'a str]) -> Option<Verb<'a>> {
    Some(match *words {
        ["list-units"] => Verb::ListUnits,
        ["status"] => Verb::StatusAll,
        ["status", name] => Verb::Status(name),
        ["posture"] => Verb::Posture(""),
        ["posture", name] => Verb::Posture(name),
        ["start", name] => Verb::Job { make: |name| Request::Start { name }, name },
        ["stop", name] => Verb::Job { make: |name| Request::Stop { name }, name },
        ["restart", name] => Verb::Job { make: |name| Request::Restart { name }, name },
        ["isolate", name] => Verb::Job { make: |name| Request::Isolate { name }, name },
        ["reload", name] => Verb::Job { make: |name| Request::Reload { name }, name },
        ["reset-failed", name] => Verb::Job { make: |name| Request::ResetFailed { name }, name },
        ["poweroff"] => Verb::Shutdown(Power::PowerOff),
        ["reboot"] => Verb::Shutdown(Power::Reboot),
        ["halt"] => Verb::Shutdown(Power::Halt),
        ["kexec"] => Verb::Shutdown(Power::Kexec),
        ["reexec"] => Verb::Reexec,
        ["help" | "--help" | "-h"] => Verb::Help,
        _ => return None,
    })
}

fn perform(verb: &Verb<'_>, json: bool) -> Result<u8, TalkError> {
    let out = &mut Output::stdout();
    if let Verb::Help = verb {
        core::fmt::Write::write_str(out, USAGE)?;
        return Ok(0);
    }
    let connection = &mut Connection::open()?;
    match verb {
        Verb::ListUnits => list_units(connection, out, json),
        Verb::StatusAll => status_all(connection, out, json),
        Verb::Status(name) => status(connection, out, name, json),
        Verb::Posture(name) => posture(connection, out, name, json),
        Verb::Job { make, name } => job(connection, *make, name),
        Verb::Shutdown(power) => accept_only(connection.ask(&Request::Shutdown(*power))?),
        Verb::Reexec => {
            let program = own_program().map_err(TalkError::File)?;
            answered(&connection.ask_with(&Request::Reexec, &program)?)
        }
        Verb::Help => Ok(0),
    }
}

fn list_units(connection: &mut Connection, out: &mut Output, json: bool) -> Result<u8, TalkError> {
    let mut list = print::List::begin(out, json)?;
    connection.each_unit(&mut |unit| list.unit(unit))?;
    list.end()?;
    Ok(0)
}

fn status_all(connection: &mut Connection, out: &mut Output, json: bool) -> Result<u8, TalkError> {
    let reply = connection.ask(&Request::Manager)?;
    let Reply::Manager(manager) = reply else { return Err(talk::refused(&reply)) };
    if json {
        print::manager_json(out, &manager)?;
    } else {
        print::manager(out, &manager)?;
    }
    Ok(0)
}

fn status(connection: &mut Connection, out: &mut Output, name: &str, json: bool) -> Result<u8, TalkError> {
    let full = talk::full_name(name)?;
    let reply = connection.ask(&Request::Unit { name: &full })?;
    if matches!(reply, Reply::NoSuchUnit) {
        return no_such_unit(&full);
    }
    let Reply::Unit(unit) = reply else { return Err(talk::refused(&reply)) };
    if json {
        print::unit_json(out, &unit)?;
    } else {
        print::unit(out, &unit)?;
        logs::last(out, &full, STATUS_LINES);
    }
    Ok(if print::is_active(&unit) { 0 } else { NOT_ACTIVE })
}

/// Of one unit, or of all if `name` is empty.
fn posture(connection: &mut Connection, out: &mut Output, name: &str, json: bool) -> Result<u8, TalkError> {
    let mut id = 0;
    if !name.is_empty() {
        let full = talk::full_name(name)?;
        let reply = connection.ask(&Request::Unit { name: &full })?;
        if matches!(reply, Reply::NoSuchUnit) {
            return no_such_unit(&full);
        }
        let Reply::Unit(unit) = reply else { return Err(talk::refused(&reply)) };
        id = unit.id;
    }
    let mut before = '[';
    loop {
        let next = connection.each_setting(id, &mut |setting| {
            let comma = core::mem::replace(&mut before, ',');
            print::setting(out, setting, json.then_some(comma))
        })?;
        match next {
            Some(more) if name.is_empty() && more > id => id = more,
            Some(_) | None => break,
        }
    }
    if json {
        core::fmt::Write::write_str(out, if before == '[' { "[]\n" } else { "]\n" })?;
    }
    Ok(0)
}

fn job(connection: &mut Connection, make: fn(&str) -> Request<'_>, name: &str) -> Result<u8, TalkError> {
    let full = talk::full_name(name)?;
    let reply = connection.ask(&make(&full))?;
    if matches!(reply, Reply::NoSuchUnit) {
        return no_such_unit(&full);
    }
    answered(&reply)
}

/// What came of something that takes time.
fn answered(reply: &Reply<'_>) -> Result<u8, TalkError> {
    if let Reply::Job(
        result @ (JobResult::Canceled
        | JobResult::Timeout
        | JobResult::Failed
        | JobResult::Dependency
        | JobResult::Invalid),
    ) = reply
    {
        return Err(TalkError::Job(*result));
    }
    if matches!(reply, Reply::Job(_) | Reply::Accepted) { Ok(0) } else { Err(talk::refused(reply)) }
}

fn no_such_unit(name: &str) -> Result<u8, TalkError> {
    core::fmt::Write::write_fmt(
        &mut Output::stderr(),
        format_args!("tomte: Unit {name} could not be found.\n"),
    )?;
    Ok(NO_SUCH_UNIT)
}

fn accept_only(reply: Reply<'_>) -> Result<u8, TalkError> {
    if matches!(reply, Reply::Accepted) { Ok(0) } else { Err(talk::refused(&reply)) }
}
