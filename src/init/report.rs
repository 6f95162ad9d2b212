//! The report of a test run: written by a child that has a copy of everything as it stood at that moment.

use core::fmt::Write;

use crate::{
    linux::{self, Errno, output::Output, raw::process::Forked},
    supervisor::Supervisor,
    table::{Table, Unit},
    wire::{ActiveState, Ended},
};

use super::{
    kernel::Kernel,
    log,
    processes::{Process, Role},
};

const BEGIN: &str = "\n-----BEGIN TOMTE REPORT-----\n";
const END: &str = "\n-----END TOMTE REPORT-----\n";

/// Starts the child. Without a `tomte.report=` word there is nothing to write.
///
/// # Errors
/// clone3(2)'s, or ENOENT when no report is wanted, or EAGAIN when the process table is full.
pub(super) fn start(kernel: &mut Kernel, supervisor: &Supervisor<'_>, ended: Ended) -> Result<(), Errno> {
    let Some(path) = kernel.words.report.clone() else { return Err(Errno::NOENT) };
    let place = kernel.processes.free_place().ok_or(Errno::AGAIN)?;
    match linux::raw::process::fork(None)? {
        Forked::Child => {
            let written = write_to(&path, &kernel.table, supervisor, ended);
            linux::raw::process::exit(u8::from(!written))
        }
        Forked::Parent { pid, pidfd } => {
            kernel.processes.put(place, Process::helper(pid, pidfd, Role::Reporter));
            Ok(())
        }
    }
}

/// Writes to `path`, or between two marking lines to the console if that cannot be opened.
fn write_to(path: &str, table: &Table<'_>, supervisor: &Supervisor<'_>, ended: Ended) -> bool {
    match linux::boot::create_file(path) {
        Ok(file) => {
            let mut out = Output::file(file);
            write(&mut out, table, supervisor, ended).is_ok() && out.flush()
        }
        Err(errno) => {
            log::warn_of(errno, format_args!("cannot open {path} for the report, writing it to the console"));
            let mut out = Output::stderr();
            let written = out.write_str(BEGIN).and_then(|()| write(&mut out, table, supervisor, ended));
            written.and_then(|()| out.write_str(END)).is_ok() && out.flush()
        }
    }
}

/// The report as design.md §3 has it.
fn write(
    out: &mut Output,
    table: &Table<'_>,
    supervisor: &Supervisor<'_>,
    ended: Ended,
) -> core::fmt::Result {
    supervisor.manager().write_report_head(out, ended)?;
    for (at, id) in table.ids().enumerate() {
        let Some(status) = supervisor.status(id) else { continue };
        if at > 0 {
            out.write_char(',')?;
        }
        let applied =
            matches!(status.active, ActiveState::Active | ActiveState::Reloading) || status.main_pid != 0;
        let unit = table.unit(id).filter(|_| applied);
        // A service runs only if everything that narrows it was applied: what the record asks for is what holds.
        let posture = unit.as_ref().and_then(Unit::service).map(|service| service.exec.posture);
        status.write_json(out, &mut posture.unwrap_or_default().iter())?;
    }
    out.write_str("]}\n")
}
