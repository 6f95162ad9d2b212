//! `tomte switch-table`: what another table changes, and its way to PID 1. Whether it comes up is PID 1's to see.

use core::fmt::Write;

use crate::{
    linux::{self, AsFd, arguments::Arguments, handover, output::Output},
    table::{Arch, Table, UnitId, limits::TABLE_BYTES_MAX, limits::UNITS_MAX, time_span},
    wire::{JobResult, Reply, Request},
};

use super::{
    answered, complain,
    options::{Known, OPERAND, Options},
    talk::{Connection, TalkError},
    usage_error,
};

static OPTIONS: Known =
    Known { names: "timeout dry-run quiet", letters: "..q", valued: 1, optional: usize::MAX };

/// How long the new set may take: systemd's DefaultTimeoutStartSec=.
const TIMEOUT_US: u64 = 90_000_000;
const SECOND_US: u64 = 1_000_000;

/// Does what the words after `switch-table` say; answers the exit code.
pub(super) fn run(arguments: Arguments) -> u8 {
    switch(arguments).unwrap_or_else(|error| complain(format_args!("{error}")))
}

fn switch(arguments: Arguments) -> Result<u8, TalkError> {
    let (mut timeout, mut dry, mut path) = (Some(TIMEOUT_US), false, c"");
    let mut options = Options::new(arguments, &OPTIONS);
    let mut operands = 0;
    loop {
        match options.next() {
            Ok(None) => break,
            Ok(Some((0, span))) => timeout = time_span(span),
            Ok(Some((OPERAND, _))) => {
                operands += 1;
                path = options.last;
            }
            Ok(Some((place, _))) => dry |= place == 1,
            Err(word) => return Ok(usage_error(word)),
        }
    }
    // The first one is the verb.
    let (Some(timeout), 2) = (timeout, operands) else {
        return Ok(usage_error("not one FILE, or no such SPAN"));
    };
    let mut read = Ok(0);
    let file = handover::seal(c"tomte-table", TABLE_BYTES_MAX, &mut |room| {
        read = linux::boot::read_file(path, room).map(<[u8]>::len);
        read.ok()
    });
    let copied = file.and_then(|file| Ok((handover::map(file.as_fd(), TABLE_BYTES_MAX)?, file)));
    let (bytes, file) = match read.and(copied) {
        Ok(copied) => copied,
        Err(errno) => {
            let path = path.to_str().unwrap_or_default();
            return Ok(complain(format_args!("{path}: {}", linux::errno::Text(errno))));
        }
    };
    let table = match Table::open(bytes, Arch::NATIVE) {
        Ok(table) => table,
        Err(error) => return Ok(complain(format_args!("cannot use the table: {error}"))),
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
        return Ok(complain(format_args!("{why}")));
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
