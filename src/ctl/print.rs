//! What people and programs read: systemctl's columns, or JSON.

use core::fmt::{self, Write};

use crate::{
    linux::{self, Errno, output::Output},
    wire::{ActiveState, ExitStatus, Failure, ManagerStatus, Setting, UnitStatus},
};

/// `list-units`, row by row.
pub(super) struct List<'o> {
    out: &'o mut Output,
    json: bool,
    units: usize,
}

impl<'o> List<'o> {
    pub(super) fn begin(out: &'o mut Output, json: bool) -> Result<Self, fmt::Error> {
        if json {
            out.write_char('[')?;
        } else {
            writeln!(out, "  {:<32} {:<6} {:<12} {:<14} DESCRIPTION", "UNIT", "LOAD", "ACTIVE", "SUB")?;
        }
        Ok(Self { out, json, units: 0 })
    }

    pub(super) fn unit(&mut self, unit: &UnitStatus<'_>) -> fmt::Result {
        self.units += 1;
        if self.json {
            if self.units > 1 {
                self.out.write_char(',')?;
            }
            return unit.write_json(self.out, None);
        }
        let mark = if unit.active == ActiveState::Failed { "*" } else { " " };
        writeln!(
            self.out,
            "{mark} {:<32} {:<6} {:<12} {:<14} {}",
            unit.name, "loaded", unit.active, unit.sub, unit.description
        )
    }

    pub(super) fn end(self) -> fmt::Result {
        if self.json { self.out.write_str("]\n") } else { writeln!(self.out, "{} units.", self.units) }
    }
}

#[inline(never)] // for a small frame
pub(super) fn manager(out: &mut Output, manager: &ManagerStatus<'_>) -> fmt::Result {
    writeln!(out, "  Board: {} ({})", manager.board, manager.arch)?;
    writeln!(out, "  State: {}", manager.state)?;
    writeln!(out, "  Units: {} loaded, {} failed", u64::from(manager.units), u64::from(manager.failed))?;
    writeln!(out, "   Jobs: {} queued", u64::from(manager.jobs))?;
    if manager.boot_us > 0 {
        writeln!(out, "   Boot: {} after PID 1's start", Span(manager.boot_us))?;
    }
    Ok(())
}

pub(super) fn manager_json(out: &mut Output, manager: &ManagerStatus<'_>) -> fmt::Result {
    manager.write_json(out)?;
    out.write_char('\n')
}

#[inline(never)] // for a small frame
pub(super) fn unit(out: &mut Output, unit: &UnitStatus<'_>) -> fmt::Result {
    write!(out, "{}", unit.name)?;
    if !unit.description.is_empty() {
        write!(out, " - {}", unit.description)?;
    }
    writeln!(out, "\n     Loaded: loaded")?;
    write!(out, "     Active: {} ({})", unit.active, unit.sub)?;
    if unit.active == ActiveState::Failed {
        write!(out, " (Result: {})", unit.result)?;
    }
    if is_active(unit) && unit.ready_us > 0 {
        write!(out, " since {} after PID 1's start", Span(unit.ready_us))?;
    }
    out.write_char('\n')?;
    if unit.main_pid != 0 {
        writeln!(out, "   Main PID: {}", u64::from(unit.main_pid))?;
    }
    if !unit.status.is_empty() {
        writeln!(out, "     Status: \"{}\"", unit.status)?;
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
        writeln!(out, "    UID:GID: {}:{}", u64::from(uid), u64::from(gid))?;
    }
    if unit.restarts > 0 {
        writeln!(out, "   Restarts: {}", u64::from(unit.restarts))?;
    }
    Ok(())
}

pub(super) fn unit_json(out: &mut Output, unit: &UnitStatus<'_>) -> fmt::Result {
    unit.write_json(out, None)?;
    out.write_char('\n')
}

pub(super) fn is_active(unit: &UnitStatus<'_>) -> bool {
    matches!(unit.active, ActiveState::Active | ActiveState::Reloading)
}

/// One row of `posture`; `json` with the character before it.
#[inline(never)] // for a small frame
pub(super) fn setting(out: &mut Output, setting: &Setting<'_>, json: Option<char>) -> fmt::Result {
    if let Some(before) = json {
        return setting.write_json(out, before);
    }
    let colon = if setting.why.is_empty() { "" } else { ": " };
    writeln!(out, "{:<24} {:<32} {}{colon}{}", setting.unit, setting.setting, setting.state, setting.why)
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

/// A span of microseconds, in seconds.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000, self.0 % 1_000_000 / 1_000)
    }
}
