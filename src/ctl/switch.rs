//! `tomte switch-table`: what another table changes, and its way to PID 1. Whether it comes up is PID 1's to see.

use core::fmt::{Arguments as Text, Write};

use crate::{
    linux::{self, AsFd, arguments::Arguments, handover, output::Output},
    table::{Arch, Table, UnitId, limits::TABLE_BYTES_MAX, limits::UNITS_MAX, time_span},
    wire::{JobResult, Reply, Request},
};

use super::{
    FAILED, USAGE_ERROR, answered,
    talk::{Connection, TalkError},
};

/// How long the new set may take: systemd's DefaultTimeoutStartSec=.
const TIMEOUT_US: u64 = 90_000_000;
const SECOND_US: u64 = 1_000_000;

fn refuse(code: u8, why: Text<'_>) -> u8 {
    let _ = Output::stderr().write_fmt(format_args!("tomte: {why}\n"));
    code
}

/// Does what the words after `switch-table` say; answers the exit code.
pub(super) fn run(arguments: Arguments) -> u8 {
    switch(arguments).unwrap_or_else(|error| refuse(FAILED, format_args!("{error}")))
}

fn switch(arguments: Arguments) -> Result<u8, TalkError> {
    let (mut timeout, mut dry, mut path) = (Some(TIMEOUT_US), false, None);
    let mut words = arguments.words().skip(2);
    while let Some(word) = words.next() {
        match word.to_bytes() {
            b"--timeout" => timeout = words.next().and_then(|span| time_span(span.to_str().ok()?)),
            b"--dry-run" => dry = true,
            _ => path = Some(word),
        }
    }
    let (Some(path), Some(timeout)) = (path, timeout) else {
        return Ok(refuse(USAGE_ERROR, format_args!("switch-table [--timeout SPAN] [--dry-run] FILE")));
    };
    let mut read = Ok(0);
    let file = handover::seal(c"tomte-table", TABLE_BYTES_MAX, &mut |room| {
        read = linux::boot::read_file(path, room).map(<[u8]>::len);
        read.ok()
    });
    read.map_err(TalkError::File)?;
    let file = file.map_err(TalkError::File)?;
    let bytes = handover::map(file.as_fd(), TABLE_BYTES_MAX).map_err(TalkError::File)?;
    let table = match Table::open(bytes, Arch::NATIVE) {
        Ok(table) => table,
        Err(error) => return Ok(refuse(FAILED, format_args!("cannot use the table: {error}"))),
    };
    let connection = &mut Connection::open()?;
    show(connection, &table)?;
    if dry {
        return Ok(0);
    }
    let timeout = (timeout.div_ceil(SECOND_US)).min(u64::from(u32::MAX)) as u32;
    let reply = connection.ask_with(&Request::Switch { timeout }, &[file.as_fd()])?;
    if let Reply::Job(JobResult::Failed) = reply {
        let why = "the new set did not come up: the table is the one before";
        return Ok(refuse(FAILED, format_args!("{why}")));
    }
    answered(&reply)
}

/// One line for each unit that differs: `+` is new, `-` is not there any more, `~` has changed.
fn show(connection: &mut Connection, next: &Table<'_>) -> Result<(), TalkError> {
    let mut out = Output::stdout();
    let mut line = |sign: &str, name: &str| out.write_fmt(format_args!("{sign} {name}\n"));
    let mut known = [false; UNITS_MAX];
    connection.each_unit(&mut |unit| match next.find(unit.name) {
        Some(id) => {
            known.get_mut(id.index()).into_iter().for_each(|known| *known = true);
            if next.fingerprint(id) == unit.fingerprint { Ok(()) } else { line("~", unit.name) }
        }
        None if unit.fingerprint != 0 => line("-", unit.name),
        None => Ok(()),
    })?;
    for (id, known) in (0..next.baked_count() as u16).zip(known) {
        if !known {
            line("+", next.name(UnitId(id)).unwrap_or_default())?; // UNITS_MAX fits
        }
    }
    Ok(())
}
