//! What people and programs read: systemctl's columns, or JSON.

use core::fmt::{self, Write};

use crate::{
    linux::{
        self, Errno,
        output::Output,
        passwd::{PASSWD, UserLine, each_line},
    },
    wire::{ActiveState, ExitStatus, Failure, ManagerStatus, NAMES_PASSWD, UnitStatus, log::Date},
};

use super::{
    grid::Grid,
    talk::{Connection, File, TalkError},
};

/// The name of a process and its line's end: proc_pid_comm(5).
const COMM_BYTES: usize = 17;

/// One row of `list-units`, if that is wanted.
#[inline(never)] // for a small frame
pub(super) fn list_unit(grid: &mut Grid<'_>, unit: &UnitStatus<'_>) -> fmt::Result {
    let (active, sub) = (unit.active.as_str(), unit.sub.as_str());
    if !chosen(grid.words.types, &[unit.unit_type.as_str()])
        || !chosen(grid.words.states, &[active, sub, "loaded"])
    {
        return Ok(());
    }
    if grid.words.json() {
        grid.comma()?;
        return unit.write_json(grid.out, None);
    }
    grid.texts(unit.active, &[unit.name, "loaded", active, sub, unit.description])
}

/// Whether one of `words` is in `list`, which has commas between, or is empty and has them all.
#[inline(never)] // for a small frame
pub(super) fn chosen(list: &str, words: &[&str]) -> bool {
    list.is_empty() || list.split(',').any(|one| words.contains(&one))
}

/// `text` in the colour of `state`, on a terminal.
pub(super) fn colored(out: &mut Output, state: ActiveState, text: &str) -> fmt::Result {
    let color = match state {
        ActiveState::Failed => "\x1b[1;31m",
        ActiveState::Active | ActiveState::Reloading => "\x1b[32m",
        ActiveState::Inactive | ActiveState::Activating | ActiveState::Deactivating => "",
    };
    if color.is_empty() || !out.is_terminal() {
        return out.write_str(text);
    }
    write!(out, "{color}{text}\x1b[m")
}

/// The beginning of `timeline`: the units follow, as in the report, and then `]}`.
pub(super) fn timeline(out: &mut Output, manager: &ManagerStatus<'_>) -> fmt::Result {
    out.write_str("{\"manager\":")?;
    manager.write_json(out)?;
    out.write_str(",\"units\":[")
}

/// `users`: the names that PID 1 keeps, each with the units that run under its number.
#[inline(never)] // for a small frame
pub(super) fn users(connection: &mut Connection, out: &mut Output, json: bool) -> Result<(), TalkError> {
    let mut before = "[";
    if !json {
        writeln!(out, "{:<31} {:>10} UNITS", "USER", "UID")?;
    }
    let mut result = Ok(());
    let mut one = |line: &[u8]| -> Result<(), TalkError> {
        let Some(user) = UserLine::parse(line) else { return Ok(()) };
        let name = core::str::from_utf8(user.name).unwrap_or_default();
        let uid = u64::from(user.uid);
        if json {
            write!(
                out,
                "{}{{\"name\":\"{name}\",\"uid\":{uid},\"units\":[",
                core::mem::replace(&mut before, ",")
            )?;
        } else {
            write!(out, "{name:<31} {uid:>10}")?;
        }
        let mut first = true;
        connection.each_unit(&mut |unit| {
            if unit.uid != Some(user.uid) || unit.main_pid == 0 {
                return Ok(());
            }
            match json {
                true => {
                    write!(out, "{}\"{}\"", if core::mem::take(&mut first) { "" } else { "," }, unit.name)
                }
                false => write!(out, " {}", unit.name),
            }
        })?;
        out.write_str(if json { "]}" } else { "\n" })?;
        Ok(())
    };
    each_line(NAMES_PASSWD, &mut |line| {
        result = one(line);
        Ok(result.is_err())
    })
    .map_err(|errno| TalkError::File(File::Names, errno))?;
    result?;
    if json {
        out.write_str(if before == "[" { "[]\n" } else { "]\n" })?;
    }
    Ok(())
}

#[inline(never)] // for a small frame
pub(super) fn manager(out: &mut Output, manager: &ManagerStatus<'_>, json: bool) -> fmt::Result {
    if json {
        manager.write_json(out)?;
        return out.write_char('\n');
    }
    writeln!(out, "  Board: {} ({})", manager.board, manager.arch)?;
    writeln!(out, "  State: {}", manager.state)?;
    writeln!(out, "  Units: {} loaded, {} failed", u64::from(manager.units), u64::from(manager.failed))?;
    number(out, "   Jobs: ", manager.jobs.into())?;
    if manager.boot_us > 0 {
        writeln!(
            out,
            "   Boot: {} after PID 1's start, of which it worked {}",
            Span(manager.boot_us),
            Span(manager.boot_cpu_us)
        )?;
    }
    Ok(())
}

/// `status` of one unit, `now_us` microseconds after PID 1's exec.
#[inline(never)] // for a small frame
pub(super) fn unit(out: &mut Output, unit: &UnitStatus<'_>, now_us: u64, json: bool) -> fmt::Result {
    if json {
        unit.write_json(out, None)?;
        return out.write_char('\n');
    }
    let dash = if unit.description.is_empty() { "" } else { " - " };
    colored(out, unit.active, "* ")?;
    writeln!(out, "{}{dash}{}\n     Loaded: loaded (baked)", unit.name, unit.description)?;
    out.write_str("     Active: ")?;
    colored(out, unit.active, unit.active.as_str())?;
    write!(out, " ({})", unit.sub)?;
    if unit.active == ActiveState::Failed {
        write!(out, " (Result: {})", unit.result)?;
    }
    let since = match unit.active {
        ActiveState::Active | ActiveState::Reloading => unit.ready_us,
        ActiveState::Activating | ActiveState::Deactivating => unit.started_us,
        ActiveState::Inactive | ActiveState::Failed => unit.ended_us,
    };
    if since > 0 {
        let before_us = now_us.saturating_sub(since);
        out.write_str(" since ")?;
        Date::new(linux::clock::wall_us().saturating_sub(before_us)).write_full(out)?;
        out.write_str("; ")?;
        span(out, before_us, "ago")?;
    }
    out.write_char('\n')?;
    if unit.main_pid != 0 {
        write!(out, "   Main PID: {}", u64::from(unit.main_pid))?;
        if let Some(name) = linux::process::told(unit.main_pid, "/comm", &mut [0; COMM_BYTES]) {
            write!(out, " ({})", Tame(name.trim_ascii_end()))?;
        }
        out.write_char('\n')?;
        if let Some((memory, tasks)) = linux::cgroup::usage(unit.main_pid) {
            writeln!(out, "      Tasks: {tasks}\n     Memory: {}K", memory / 1024)?;
        }
    }
    if !unit.status.is_empty() {
        writeln!(out, "     Status: \"{}\"", Tame(unit.status))?;
    }
    if unit.errno != 0 {
        let errno = Errno::from_raw_os_error(i32::from(unit.errno));
        writeln!(out, "      Error: {}", linux::errno::Text(errno))?;
    }
    if let Some(exit) = unit.main_exit {
        writeln!(out, "   Last end: code={}, status={}", exit.code(), Status(exit))?;
    }
    if let Some(Failure { step, errno }) = unit.failure {
        let name = linux::step::Step::from_index(step).map_or("?", linux::step::Step::name);
        let cause = linux::errno::Text(Errno::from_raw_os_error(i32::from(errno)));
        writeln!(out, "     Failed: at step {name}: {cause}")?;
    }
    if let (Some(uid), Some(gid)) = (unit.uid, unit.gid) {
        write!(out, "    UID:GID: {}:{}", u64::from(uid), u64::from(gid))?;
        name_of(out, uid)?;
    }
    if unit.restarts > 0 {
        number(out, "   Restarts: ", unit.restarts)?;
    }
    Ok(())
}

/// A line of a number.
#[inline(never)] // for a small frame
fn number(out: &mut Output, label: &str, number: u32) -> fmt::Result {
    writeln!(out, "{label}{}", u64::from(number))
}

/// The end of a line: the name of `uid`, if it has one.
#[inline(never)] // for a small frame
fn name_of(out: &mut Output, uid: u32) -> fmt::Result {
    for &path in &[PASSWD, NAMES_PASSWD] {
        // A file that cannot be read names nobody.
        let found = each_line(path, &mut |line| {
            let user = UserLine::parse(line).filter(|user| user.uid == uid);
            let name = user.and_then(|user| core::str::from_utf8(user.name).ok());
            let _ = name.map(|name| write!(out, " ({name})"));
            Ok(name.is_some())
        });
        if found == Ok(true) {
            break;
        }
    }
    out.write_char('\n')
}

pub(super) fn is_active(unit: &UnitStatus<'_>) -> bool {
    matches!(unit.active, ActiveState::Active | ActiveState::Reloading)
}

/// An exit code as a number, a signal by its name.
struct Status(ExitStatus);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ExitStatus::Exited(code) => write!(f, "{}", u64::from(code)),
            ExitStatus::Killed(signal) | ExitStatus::Dumped(signal) => linux::signals::Name(signal).fmt(f),
        }
    }
}

/// Text of a service's, with nothing in it that a terminal would obey.
struct Tame<'t>(&'t str);

impl fmt::Display for Tame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tame = |character: char| if character.is_control() { '?' } else { character };
        self.0.chars().try_for_each(|character| f.write_char(tame(character)))
    }
}

/// How long: the two largest units of it, and `word`.
#[inline(never)] // for a small frame
pub(super) fn span(out: &mut dyn Write, us: u64, word: &str) -> fmt::Result {
    const UNITS: [(u64, &str); 4] = [(86_400, "d "), (3_600, "h "), (60, "min "), (1, "s ")];
    let (mut rest, mut shown) = (us / 1_000_000, 0);
    for &(seconds, unit) in &UNITS {
        let count = rest / seconds;
        rest %= seconds;
        if shown < 2 && (shown > 0 || count > 0 || seconds == 1) {
            write!(out, "{count}{unit}")?;
            shown += 1;
        }
    }
    out.write_str(word)
}

/// A span of microseconds, in seconds.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1_000_000, self.0 % 1_000_000 / 1_000)
    }
}
