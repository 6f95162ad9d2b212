//! The report of a test run: written by a child that has a copy of everything as it stood at that moment.

use core::fmt::Write;

use crate::{
    linux::{self, Errno, output::Output, raw::process::Forked},
    supervisor::Supervisor,
    wire::Ended,
};

use super::{
    kernel::Kernel,
    log,
    processes::{Process, Role},
};

const BEGIN: &str = "\n-----BEGIN TOMTE REPORT-----";
const END: &str = "\n-----END TOMTE REPORT-----\n";
/// What a line of the report begins with on the console, where others go on talking: between lines, for each is written at
/// once.
const MARK: &str = "\n|";
/// Bytes of such a line: with its mark it fits into an [`Output`].
const LINE_BYTES: usize = 960;

/// Starts the child. Without a `tomte.report=` word there is nothing to write.
///
/// # Errors
/// clone3(2)'s, or ENOENT when no report is wanted, or EAGAIN when the process table is full.
pub(super) fn start(kernel: &mut Kernel, supervisor: &Supervisor<'_>, ended: Ended) -> Result<(), Errno> {
    let Some(path) = kernel.words.report.clone() else { return Err(Errno::NOENT) };
    let place = kernel.processes.free_place().ok_or(Errno::AGAIN)?;
    match linux::raw::process::fork()? {
        Forked::Child => {
            let written = write_to(&path, kernel, supervisor, ended);
            linux::raw::process::exit(u8::from(!written))
        }
        Forked::Parent { pid, pidfd } => {
            kernel.processes.put(place, Process::helper(pid, pidfd, Role::Reporter));
            Ok(())
        }
    }
}

/// Writes to `path`, or between two marking lines to the console if that cannot be opened.
fn write_to(path: &str, kernel: &Kernel, supervisor: &Supervisor<'_>, ended: Ended) -> bool {
    match linux::boot::create_file(path) {
        Ok(file) => {
            let mut out = Output::file(file);
            write(&mut out, kernel, supervisor, ended).is_ok() && out.flush()
        }
        Err(errno) => {
            log::warn_of(errno, format_args!("cannot open {path} for the report, writing it to the console"));
            let mut lines = Lines { out: Output::stderr(), left: 0 };
            let written =
                lines.out.write_str(BEGIN).and_then(|()| write(&mut lines, kernel, supervisor, ended));
            written.and_then(|()| lines.out.write_str(END)).is_ok() && lines.out.flush()
        }
    }
}

/// What is written, in marked lines.
struct Lines {
    out: Output,
    /// Bytes for which the line has room.
    left: usize,
}

impl Write for Lines {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for character in text.chars().filter(|character| *character != '\n') {
            self.left = self.left.saturating_sub(character.len_utf8());
            if self.left == 0 {
                self.out.write_char('\n')?;
                self.out.flush();
                self.out.write_str(MARK)?;
                self.left = LINE_BYTES;
            }
            self.out.write_char(character)?;
        }
        Ok(())
    }
}

/// The report as design.md §3 has it.
fn write(
    out: &mut dyn Write,
    Kernel { table, lacking, .. }: &Kernel,
    supervisor: &Supervisor<'_>,
    ended: Ended,
) -> core::fmt::Result {
    supervisor.manager().write_report_head(out, ended)?;
    for (at, id) in table.ids().enumerate() {
        let Some(status) = supervisor.status(id) else { continue };
        if at > 0 {
            out.write_char(',')?;
        }
        status.write_json(out, Some(&|see| lacking.each(table, supervisor, id, see)))?;
    }
    out.write_str("]}\n")
}
