//! The command line: verbs and columns, as systemctl has them. Speaks `wire` to PID 1 and decides nothing.

mod baked;
mod print;
mod run;
mod show;
mod talk;
mod words;

use core::fmt::Write;

use crate::{
    linux::{arguments::Arguments, clock, output::Output, signals, socket::own_program},
    table::matches,
    wire::{ActiveState, JobResult, Power, Reply, Request, Whom},
};

use baked::System;
use talk::{Connection, TalkError};
use words::Words;

/// A line for each verb: it, its operands, what it does. The host's documentation is made of the same lines.
const VERBS: &str = include_str!("verbs.txt");

/// systemctl's exit codes: 0 done, 1 failed, 3 the unit is not active, 4 there is no such unit.
const FAILED: u8 = 1;
const USAGE_ERROR: u8 = 2;
const NOT_ACTIVE: u8 = 3;
const NO_SUCH_UNIT: u8 = 4;

/// How often `--watch` looks.
const WATCH_US: u64 = 1_000_000;

/// One command.
struct Command<'a> {
    linked: &'static [u8],
    words: &'a Words<'a>,
    verb: &'a str,
    /// What the verb is about.
    names: &'a [&'a str],
}

/// Runs one command and answers its exit code; `linked` is the table in the binary. Names of power tools in argv\[0\] are
/// verbs, as with every init; `systemctl` and `service` are understood as such.
pub fn run(linked: &'static [u8], arguments: Arguments) -> u8 {
    if arguments.words().nth(1) == Some(c"run") {
        return run::run(linked, arguments);
    }
    let called = arguments.words().next().and_then(|name| name.to_str().ok()).unwrap_or_default();
    let called = called.rsplit_once('/').map_or(called, |(_, last)| last);
    let mut words = Words::default();
    let verb = arguments.words().nth(1).is_some_and(|verb| verb == c"show");
    if let Err(word) = words.take(arguments, verb) {
        return usage_error(word);
    }
    let power = matches!(called, "poweroff" | "reboot" | "halt");
    let mut names = words.operands.as_slice();
    let verb = match called {
        _ if power => called,
        // shutdown(8): a time other than now is nothing that this one keeps.
        "shutdown" if names.first().is_some_and(|time| !matches!(*time, "now" | "+0")) => {
            return usage_error(names.first().copied().unwrap_or_default());
        }
        "shutdown" => words.shutdown(),
        "service" => match *names {
            [_, verb, ..] => {
                names = names.get(..1).unwrap_or_default();
                verb
            }
            _ => "list-units",
        },
        _ => match *names {
            [verb, ..] => {
                names = names.get(1..).unwrap_or_default();
                verb
            }
            [] if called == "systemctl" && !words.help() => "list-units",
            [] => "help",
        },
    };
    if power || called == "shutdown" {
        names = &[];
    }
    let command = Command { linked, words: &words, verb, names };
    match command.perform(&mut Output::screen(arguments)) {
        Ok(code) => code,
        Err(error) => complain(format_args!("{error}")),
    }
}

/// Says what went wrong.
fn complain(what: core::fmt::Arguments<'_>) -> u8 {
    let _ = writeln!(Output::stderr(), "tomte: {what}");
    FAILED
}

fn usage_error(word: &str) -> u8 {
    complain(format_args!("not understood: {word} (see tomte help)"));
    USAGE_ERROR
}

/// The lines about `verb`, or all of them if it is none.
fn help(out: &mut Output, verb: &str) -> core::fmt::Result {
    for line in VERBS.lines() {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        let (name, operands, about) = (column(), column(), column());
        if verb == name {
            return writeln!(out, "usage: tomte {name} [OPTION...] {operands}\n{about}");
        }
        if verb == "help" {
            // Operands that leave no room for the rest have a line for themselves.
            let wide = name.len() + operands.len() > 28;
            write!(out, "  {name} {operands}")?;
            let width = if wide { 0 } else { name.len() + operands.len() };
            out.write_str(if wide { "\n   " } else { "" })?;
            for _ in width..29 {
                out.write_char(' ')?;
            }
            writeln!(out, "{about}")?;
        }
    }
    out.write_str("options: --json --quiet --no-block --full --watch --help\n")
}

impl Command<'_> {
    fn perform(&self, out: &mut Output) -> Result<u8, TalkError> {
        if self.words.help() || self.verb == "help" {
            let of = self.names.first().copied().filter(|_| self.verb == "help");
            help(out, of.unwrap_or(self.verb))?;
            return Ok(0);
        }
        if let Some(code) = self.baked()? {
            return Ok(code);
        }
        let power = match self.verb {
            "poweroff" => Some(Power::PowerOff),
            "reboot" => Some(Power::Reboot),
            "halt" => Some(Power::Halt),
            _ => None,
        };
        if self.make_request("").is_none() && power.is_none() && !is_query(self.verb) {
            let Words { signal, whom, .. } = self.words;
            let word = if signal.is_empty() { whom } else { signal };
            return Ok(usage_error(if self.verb == "kill" { word } else { self.verb }));
        }
        let connection = &mut Connection::open()?;
        if let Some(power) = power {
            return answered(&connection.ask(&Request::Shutdown(power))?);
        }
        if self.make_request("").is_some() {
            return self.jobs(connection);
        }
        loop {
            let code = self.query(connection, out)?;
            if !self.words.watch() || !out.is_terminal() {
                return Ok(code);
            }
            out.flush();
            clock::sleep_us(WATCH_US);
            out.write_str("\x1b[H\x1b[J")?;
        }
    }

    /// What is settled when the image is built: says so.
    fn baked(&self) -> Result<Option<u8>, TalkError> {
        let code = match self.verb {
            "enable" | "disable" | "mask" | "unmask" | "preset" | "reenable" => {
                let name = self.names.first().copied().unwrap_or_default();
                // Who wants what is so already is content.
                let system = System::new(self.linked, &mut Connection::open()?)?;
                let wants = if matches!(self.verb, "disable" | "mask") { "disabled" } else { "enabled" };
                let id = system.table.find(&talk::full_name(name)?);
                if id.is_some_and(|id| system.enabled(id) == wants && self.verb != "mask") {
                    return Ok(Some(0));
                }
                complain(format_args!(
                    "{name}: what boot starts is baked into the image: `enable` in board.toml or [Install] \
                     in the unit file say so, then cargo xtask build"
                ))
            }
            "daemon-reload" => {
                complain(format_args!(
                    "nothing to reload: units are baked into the table; cargo xtask build makes a new one"
                ));
                0
            }
            _ => return Ok(None),
        };
        Ok(Some(code))
    }

    /// What the verb asks of PID 1 about the unit `name`, if it is one that changes something.
    fn make_request<'n>(&self, name: &'n str) -> Option<Request<'n>> {
        Some(match self.verb {
            "start" => Request::Start { name },
            "stop" => Request::Stop { name },
            "restart" | "try-restart" | "condrestart" => Request::Restart { name },
            "reload" | "reload-or-restart" | "force-reload" => Request::Reload { name },
            "isolate" => Request::Isolate { name },
            "reset-failed" => Request::ResetFailed { name },
            "reexec" | "daemon-reexec" => Request::Reexec,
            "kill" => {
                let signal = signals::number(self.words.signal)?;
                let word = if self.words.whom.is_empty() { "all" } else { self.words.whom };
                let whom = *Whom::ALL.iter().find(|whom| whom.as_str() == word)?;
                Request::Kill { name, whom, signal }
            }
            _ => return None,
        })
    }

    /// Asks for each unit in turn; the exit code is the worst.
    fn jobs(&self, connection: &mut Connection) -> Result<u8, TalkError> {
        if let Some(Request::Reexec) = self.make_request("") {
            let program = own_program().map_err(TalkError::File)?;
            return answered(&connection.ask_with(&Request::Reexec, &program)?);
        }
        if self.names.is_empty() {
            if self.verb == "reset-failed" {
                return self.reset_all(connection);
            }
            return Ok(usage_error(self.verb));
        }
        let mut worst = 0;
        for name in self.names {
            let code = self.job(connection, name);
            let code = code.unwrap_or_else(|error| complain(format_args!("{name}: {error}")));
            worst = worst.max(code);
        }
        Ok(worst)
    }

    fn job(&self, connection: &mut Connection, name: &str) -> Result<u8, TalkError> {
        let full = talk::full_name(name)?;
        let Some(request) = self.make_request(&full) else { return Ok(USAGE_ERROR) };
        let only_active = matches!(self.verb, "try-restart" | "condrestart");
        if self.words.no_block() || only_active {
            let reply = connection.ask(&Request::Unit { name: &full })?;
            if let Reply::Unit(unit) = reply
                && only_active
                && !print::is_active(&unit)
            {
                return Ok(0);
            }
            if let Reply::NoSuchUnit = reply {
                return Ok(no_such_unit(&full));
            }
            if self.words.no_block() {
                // On a connection of its own: the answer, whenever it comes, is nobody's.
                Connection::open()?.tell(&request)?;
                return Ok(0);
            }
        }
        let mut reply = connection.ask(&request)?;
        if matches!(reply, Reply::Job(JobResult::Invalid))
            && matches!(self.verb, "reload-or-restart" | "force-reload")
        {
            reply = connection.ask(&Request::Restart { name: &full })?;
        }
        if let Reply::NoSuchUnit = reply { Ok(no_such_unit(&full)) } else { answered(&reply) }
    }

    /// Every unit that has failed is forgiven.
    fn reset_all(&self, connection: &mut Connection) -> Result<u8, TalkError> {
        let other = &mut Connection::open()?;
        let mut result = Ok(0);
        connection.each_unit(&mut |unit| {
            if unit.active == ActiveState::Failed && result.is_ok() {
                result =
                    other.ask(&Request::ResetFailed { name: unit.name }).and_then(|reply| answered(&reply));
            }
            Ok(())
        })?;
        result
    }

    fn query(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        match self.verb {
            "list-units" => {
                let mut list = print::List::begin(out, self.words)?;
                let patterns = self.names;
                connection.each_unit(&mut |unit| {
                    let shown =
                        patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, unit.name));
                    if shown { list.unit(unit) } else { Ok(()) }
                })?;
                list.end()?;
                Ok(0)
            }
            "status" if self.names.is_empty() => self.manager(connection, out),
            "is-system-running" => self.manager(connection, out),
            "users" => print::users(connection, out, self.words.json()),
            "posture" => {
                posture(connection, out, self.names.first().copied().unwrap_or_default(), self.words.json())
            }
            "timeline" if self.words.json() => print::timeline(connection, out),
            "blame" | "critical-chain" | "timeline" | "list-dependencies" | "cat" | "is-enabled" => {
                self.of_table(connection, out)
            }
            _ => self.units(connection, out),
        }
    }

    fn manager(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        let reply = connection.ask(&Request::Manager)?;
        let Reply::Manager(manager) = reply else { return Err(talk::refused(&reply)) };
        if self.verb == "is-system-running" {
            if !self.words.quiet() {
                writeln!(out, "{}", manager.state)?;
            }
            return Ok(u8::from(manager.state != "running"));
        }
        if self.words.json() {
            manager.write_json(out)?;
            out.write_char('\n')?;
        } else {
            print::manager(out, &manager)?;
        }
        Ok(0)
    }

    fn of_table(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        let mut system = System::new(self.linked, connection)?;
        match self.verb {
            "blame" => system.blame(out)?,
            "timeline" => system.timeline(out)?,
            _ => {
                let (mut code, mut rest) = (FAILED, self.names);
                loop {
                    let name = rest.first().copied().unwrap_or_default();
                    let full = if name.is_empty() { heapless::String::new() } else { talk::full_name(name)? };
                    let Some(id) = system.find(&full) else { return Ok(no_such_unit(&full)) };
                    match self.verb {
                        "critical-chain" => system.critical_chain(out, id)?,
                        "list-dependencies" => system.dependencies(out, id)?,
                        "cat" => system.cat(out, id)?,
                        _ => {
                            let enabled = system.enabled(id);
                            if enabled == "enabled" {
                                code = 0;
                            }
                            if !self.words.quiet() {
                                writeln!(out, "{enabled}")?;
                            }
                        }
                    }
                    rest = rest.get(1..).unwrap_or_default();
                    if rest.is_empty() {
                        return Ok(if self.verb == "is-enabled" { code } else { 0 });
                    }
                }
            }
        }
        Ok(0)
    }

    /// `status`, `show`, `is-active`, `is-failed`: about each unit that is named.
    fn units(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        let reply = connection.ask(&Request::Manager)?;
        let Reply::Manager(manager) = reply else { return Err(talk::refused(&reply)) };
        let now_us = manager.now_us;
        let mut code = if self.verb.starts_with("is-") { NOT_ACTIVE } else { 0 };
        for (place, name) in self.names.iter().enumerate() {
            let full = talk::full_name(name)?;
            let reply = connection.ask(&Request::Unit { name: &full })?;
            let unit = if let Reply::Unit(unit) = reply { Some(unit) } else { None };
            if unit.is_none() && !matches!(reply, Reply::NoSuchUnit) {
                return Err(talk::refused(&reply));
            }
            if place > 0 && matches!(self.verb, "status" | "show") {
                out.write_char('\n')?;
            }
            match (self.verb, unit) {
                ("show", unit) => show::unit(out, self.words, &full, unit.as_ref())?,
                ("status", None) => code = no_such_unit(&full),
                ("status", Some(unit)) => {
                    if self.words.json() {
                        unit.write_json(out, None)?;
                        out.write_char('\n')?;
                    } else {
                        print::unit(out, &unit, now_us)?;
                    }
                    code = code.max(if print::is_active(&unit) { 0 } else { NOT_ACTIVE });
                }
                (verb, unit) => {
                    let state = unit.map_or(ActiveState::Inactive, |unit| unit.active);
                    let is = match verb {
                        "is-active" => unit.as_ref().is_some_and(print::is_active),
                        _ => state == ActiveState::Failed,
                    };
                    code = match is {
                        true => 0,
                        false if code == NOT_ACTIVE && verb == "is-failed" => FAILED,
                        false if code == NOT_ACTIVE && unit.is_none() => NO_SUCH_UNIT,
                        false => code,
                    };
                    if !self.words.quiet() {
                        writeln!(out, "{}", state.as_str())?;
                    }
                }
            }
        }
        Ok(code)
    }
}

/// Verbs that only look.
fn is_query(verb: &str) -> bool {
    const QUERIES: &str = "list-units status is-system-running users posture timeline blame critical-chain \
                           list-dependencies cat is-enabled show is-active is-failed";
    QUERIES.split_ascii_whitespace().any(|one| one == verb)
}

/// Of one unit, or of all if `name` is empty.
fn posture(connection: &mut Connection, out: &mut Output, name: &str, json: bool) -> Result<u8, TalkError> {
    let mut id = 0;
    if !name.is_empty() {
        let full = talk::full_name(name)?;
        let reply = connection.ask(&Request::Unit { name: &full })?;
        if matches!(reply, Reply::NoSuchUnit) {
            return Ok(no_such_unit(&full));
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
        out.write_str(if before == '[' { "[]\n" } else { "]\n" })?;
    }
    Ok(0)
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

fn no_such_unit(name: &str) -> u8 {
    complain(format_args!("Unit {name} could not be found."));
    NO_SUCH_UNIT
}
