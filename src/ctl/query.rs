//! Verbs that only look.

use core::fmt::Write;

use crate::{
    linux::{clock, output::Output},
    table::{Arch, FileState, Kind, Lists, Relation, Socket, Table, UnitId, matches},
    wire::{ActiveState, ManagerStatus, Reply, Request},
    words,
};

use super::{
    Command, FAILED, NO_SUCH_UNIT, NOT_ACTIVE, TalkError,
    baked::System,
    complain, grid, print, show,
    talk::{Connection, Name, full_name, refused},
    verb::Verb,
};

/// Lines of the log that the status of a unit ends with.
const STATUS_LINES: u64 = 10;
/// How often `--watch` looks.
const WATCH_US: u64 = 1_000_000;

impl Command<'_> {
    /// Looks once, or again and again.
    #[inline(never)] // for a small frame
    pub(super) fn look(&self, out: &mut Output) -> Result<u8, TalkError> {
        let connection = &mut Connection::open()?;
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

    #[expect(clippy::wildcard_enum_match_arm, reason = "it is about a few of the verbs")]
    #[inline(never)] // for a small frame
    fn query(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        match self.verb {
            Verb::ListUnits => {
                grid::show(
                    out,
                    self.words,
                    "unit load active sub description",
                    "loaded units",
                    &mut |grid| {
                        connection.each_unit(&mut |unit| {
                            let idle =
                                unit.active == ActiveState::Inactive && self.is_of_connection(unit.name);
                            if self.lists(unit.name) && !idle { print::list_unit(grid, unit) } else { Ok(()) }
                        })
                    },
                )?;
            }
            Verb::Users => print::users(connection, out, self.words.json())?,
            Verb::Posture => return self.posture(connection, out),
            verb if verb.is_list_of_table() => return self.of_table(connection, out),
            Verb::Timeline => {
                let reply = connection.ask(&Request::Manager)?;
                print::timeline(out, manager(&reply)?)?;
                let mut before = "";
                connection.each_unit(&mut |unit| {
                    out.write_str(core::mem::replace(&mut before, ","))?;
                    unit.write_json(out, None)
                })?;
                out.write_str("]}\n")?;
            }
            Verb::GetDefault
            | Verb::Blame
            | Verb::CriticalChain
            | Verb::ListDependencies
            | Verb::Cat
            | Verb::IsEnabled
            | Verb::Enable
            | Verb::Disable
            | Verb::Mask => {
                return self.of_table(connection, out);
            }
            _ if !self.names.is_empty() => return self.units(connection, out),
            _ => {
                let reply = connection.ask(&Request::Manager)?;
                let manager = manager(&reply)?;
                if self.verb == Verb::IsSystemRunning {
                    if self.words.wait() && manager.state == "starting" {
                        clock::sleep_us(WATCH_US);
                        return self.query(connection, out);
                    }
                    self.say(out, manager.state)?;
                    return Ok(u8::from(manager.state != "running"));
                }
                print::manager(out, manager, self.words.json())?;
            }
        }
        Ok(0)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "it is about a few of the verbs")]
    #[inline(never)] // for a small frame
    fn of_table(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        let mut system = System::new(self.linked, connection, self.words.json())?;
        if self.verb == Verb::GetDefault {
            let board = system.table.board();
            self.say(out, system.table.name(board.default_target).unwrap_or_default())?;
            return Ok(0);
        }
        if self.verb == Verb::Blame {
            system.blame(out)?;
            return Ok(0);
        }
        if self.verb.is_list_of_table() {
            return self.list(&system, out);
        }
        if self.names.is_empty() {
            let id = system.table.board().default_target;
            match self.verb {
                Verb::CriticalChain => system.critical_chain(out, id)?,
                _ => system.dependencies(out, id)?,
            }
            return Ok(0);
        }
        let mut code = if self.verb == Verb::IsEnabled { FAILED } else { 0 };
        self.each_name(&mut |name| {
            let says = self.verb == Verb::IsEnabled;
            let head = system.table.resolve(name).and_then(|id| Some((id, system.table.head(id)?)));
            let (id, state) = match (system.table.alias(name), head) {
                (Some(_), Some((id, _))) if says => (id, FileState::Alias),
                (_, Some((id, head))) => (id, head.file_state),
                // What is to be masked is content.
                (Some(_), None) if says || self.verb == Verb::Mask => (UnitId(0), FileState::Masked),
                (None, None) if says && connection.unit(name)?.is_some() => (UnitId(0), FileState::Transient),
                (_, None) => {
                    code = self.no_such_unit(name);
                    return Ok(());
                }
            };
            match self.verb {
                Verb::CriticalChain => system.critical_chain(out, id)?,
                Verb::ListDependencies => system.dependencies(out, id)?,
                Verb::Cat => system.cat(out, id)?,
                // Settled when the image is built. Who wants what is so already is content.
                Verb::Enable | Verb::Disable | Verb::Mask => {
                    let other = if self.verb == Verb::Enable { FileState::Disabled } else { FileState::Enabled };
                    if state == other || self.verb == Verb::Mask && state != FileState::Masked {
                        code = complain(format_args!(
                            "{name}: what boot starts is baked into the image: `enable` in board.toml and [Install] say it"
                        ));
                    }
                }
                _ => {
                    if state.is_enabled() && code == FAILED {
                        code = 0;
                    }
                    self.say(out, state.as_str())?;
                }
            }
            Ok(())
        })?;
        if self.words.now() && self.verb != Verb::IsEnabled {
            let verb = if self.verb == Verb::Enable { Verb::Start } else { Verb::Stop };
            code = code.max(Self { verb, ..*self }.jobs()?);
        }
        Ok(code)
    }

    /// Whether the unit called `name` is started for a connection (`Accept=yes`): without one it is there in the table only,
    /// as systemd has none.
    #[inline(never)] // for a small frame
    fn is_of_connection(&self, name: &str) -> bool {
        let table = Table::open(self.linked, Arch::NATIVE).ok().filter(|_| name.contains('@'));
        let mut is = false;
        if let Some(table) = table
            && let Some(unit) = table.resolve(name).and_then(|id| table.unit(id))
        {
            unit.each(Lists::of(Relation::TriggeredBy), &mut |id| {
                is |= table
                    .unit(id)
                    .is_some_and(|by| matches!(by.kind, Kind::Socket(Socket { accept: true, .. })));
            });
        }
        is
    }

    /// Whether a list with these patterns has the unit called `name`, with its suffix or without the usual one.
    #[inline(never)] // for a small frame
    pub(super) fn lists(&self, name: &str) -> bool {
        let suffix = words::nth(".service .service .timer .socket", self.verb as usize);
        let short = name.strip_suffix(suffix).unwrap_or(name);
        self.names.is_empty()
            || self.names.iter().any(|pattern| matches(pattern, name) || matches(pattern, short))
    }

    /// One word, unless nobody wants to read it.
    #[inline(never)] // for a small frame
    fn say(&self, out: &mut Output, word: &str) -> core::fmt::Result {
        let quote = if self.words.json() { "\"" } else { "" };
        if self.words.quiet() { Ok(()) } else { writeln!(out, "{quote}{word}{quote}") }
    }

    /// `status`, `show`, `is-active`, `is-failed`: about each unit that is named.
    #[expect(clippy::wildcard_enum_match_arm, reason = "it is about a few of the verbs")]
    #[inline(never)] // for a small frame
    fn units(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        let now_us = manager(&connection.ask(&Request::Manager)?)?.now_us;
        let mut code = match self.verb {
            Verb::IsActive => NOT_ACTIVE,
            Verb::IsFailed => FAILED,
            _ => 0,
        };
        let mut gap = "";
        self.each_name(&mut |name| {
            let unit = connection.unit(name)?;
            if matches!(self.verb, Verb::Show | Verb::Status) {
                out.write_str(core::mem::replace(&mut gap, "\n"))?;
            }
            match (&unit, self.verb) {
                (unit, Verb::Show) => {
                    let none = if self.is_masked(name) { "masked" } else { "not-found" };
                    show::unit(out, self.words, [name, none], self.linked, unit.as_ref())?;
                }
                (None, Verb::Status) => {
                    code = if self.no_such_unit(name) == FAILED { NOT_ACTIVE } else { NO_SUCH_UNIT };
                }
                (Some(unit), Verb::Status) => {
                    print::unit(out, unit, now_us, self.words.json())?;
                    let lines = self.words.lines.unwrap_or(STATUS_LINES);
                    if !self.words.json() && lines > 0 {
                        super::logs::last(out, unit.name, lines);
                    }
                    code = code.max(if print::is_active(unit) { 0 } else { NOT_ACTIVE });
                }
                (unit, verb) => {
                    let state = unit.as_ref().map_or(ActiveState::Inactive, |unit| unit.active);
                    let is = if verb == Verb::IsFailed {
                        state == ActiveState::Failed
                    } else {
                        unit.as_ref().is_some_and(print::is_active)
                    };
                    if is {
                        code = 0;
                    } else if code != 0 && unit.is_none() && verb == Verb::IsActive {
                        code = NO_SUCH_UNIT;
                    }
                    self.say(out, state.as_str())?;
                }
            }
            Ok(())
        })?;
        Ok(code)
    }

    /// Of one unit, or of all.
    #[inline(never)] // for a small frame
    fn posture(&self, connection: &mut Connection, out: &mut Output) -> Result<u8, TalkError> {
        let (mut id, mut all) = (0, true);
        if let Some(name) = self.names.first() {
            let room = &mut Name::new();
            let full = full_name(name, ".service", room)?;
            let Some(unit) = connection.unit(full)? else { return Ok(self.no_such_unit(full)) };
            (id, all) = (unit.id, false);
        }
        grid::show(out, self.words, "unit setting state why", "settings", &mut |grid| {
            let mut id = id;
            loop {
                let next = connection.each_setting(id, &mut |one| {
                    grid.texts(ActiveState::Inactive, &[one.unit, one.setting, one.state, one.why])
                })?;
                match next {
                    Some(more) if all && more > id => id = more,
                    Some(_) | None => return Ok(()),
                }
            }
        })?;
        Ok(0)
    }
}

fn manager<'a, 'r>(reply: &'a Reply<'r>) -> Result<&'a ManagerStatus<'r>, TalkError> {
    if let Reply::Manager(manager) = reply { Ok(manager) } else { Err(refused(reply)) }
}
