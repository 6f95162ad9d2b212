//! Properties as `systemctl show` prints them.

use core::fmt::{self, Write};

use crate::{
    linux::output::Output,
    table::{Arch, Table},
    wire::{ExitStatus, Quoted, UnitStatus},
};

use super::words::Words;

/// In the order of [`write`].
const NAMES: &str = include_str!("properties.txt");

/// systemd's word for no user.
const NOT_SET: &str = "[not set]";

/// Those of `unit` that are asked for, or all; its other names are in the `linked` table. The names are what it was asked for by, and why there is none if there is none.
#[inline(never)] // for a small frame
pub(super) fn unit(
    out: &mut Output,
    words: &Words<'_>,
    names: [&str; 2],
    linked: &'static [u8],
    unit: Option<&UnitStatus<'_>>,
) -> fmt::Result {
    let mut before = '{';
    for (place, property) in NAMES.split_ascii_whitespace().enumerate() {
        if !words.properties.is_empty() && !words.properties.contains(&property) {
            continue;
        }
        if words.json() {
            write!(out, "{}\"{property}\":\"", core::mem::replace(&mut before, ','))?;
            write_value(&mut Quoted(out), place, names, linked, unit)?;
            out.write_char('"')?;
            continue;
        }
        if !words.value() {
            write!(out, "{property}=")?;
        }
        write_value(out, place, names, linked, unit)?;
        out.write_char('\n')?;
    }
    if words.json() { out.write_str(if before == '{' { "{}\n" } else { "}\n" }) } else { Ok(()) }
}

#[inline(never)] // for a small frame
fn write_value(
    out: &mut dyn Write,
    place: usize,
    [name, none]: [&str; 2],
    linked: &'static [u8],
    unit: Option<&UnitStatus<'_>>,
) -> fmt::Result {
    let Some(unit) = unit else {
        return out.write_str(match place {
            0..3 => name,
            3 => none,
            4 => "inactive",
            5 => "dead",
            6 => "success",
            11 | 12 => NOT_SET,
            13 => "",
            _ => "0",
        });
    };
    let none = u64::from(u32::MAX);
    let number = match place {
        0 => return out.write_str(unit.name),
        1 => {
            out.write_str(unit.name)?;
            let Ok(table) = Table::open(linked, Arch::NATIVE) else { return Ok(()) };
            let mut names = table.board().aliases.iter();
            while let (Some(other), Some(own)) = (names.next(), names.next()) {
                if own == unit.name {
                    write!(out, " {other}")?;
                }
            }
            return Ok(());
        }
        2 => return out.write_str(unit.description),
        3 => return out.write_str("loaded"),
        4 => return out.write_str(unit.active.as_str()),
        5 => return out.write_str(unit.sub.as_str()),
        6 => return out.write_str(unit.result.as_str()),
        7 => unit.main_pid.into(),
        8 => match unit.main_exit {
            None => 0,
            Some(ExitStatus::Exited(_)) => 1, // CLD_EXITED and its kind: waitid(2)
            Some(ExitStatus::Killed(_)) => 2,
            Some(ExitStatus::Dumped(_)) => 3,
        },
        9 => unit.main_exit.map_or(0, |exit| exit.status().into()),
        10 => unit.restarts.into(),
        11 => unit.uid.map_or(none, u64::from),
        12 => unit.gid.map_or(none, u64::from),
        13 => return out.write_str(unit.status),
        14 => unit.errno.into(),
        15 => unit.ready_us,
        16 => unit.started_us,
        _ => unit.ended_us,
    };
    if number == none && matches!(place, 11 | 12) { out.write_str(NOT_SET) } else { write!(out, "{number}") }
}
