//! Standard output and error as formatters, for everything that is not PID 1.
//!
//! # Safety
//! Borrows descriptors 0, 1 and 2 by number; the process that uses this module never closes them.
#![expect(unsafe_code, reason = "the standard streams have no owner to borrow from")]

use core::fmt;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::{Errno, write},
};

use super::{AsFd, arguments::Arguments, raw::terminal};

const BUFFER_BYTES: usize = 1024;
/// Columns of a terminal that says nothing else: a serial line.
const COLUMNS: usize = 80;

enum Where {
    Stdout,
    Stderr,
    File(OwnedFd),
}

/// Standard input, output and error, for who hands them on.
pub const fn streams() -> [BorrowedFd<'static>; 3] {
    // SAFETY: as the module says. One that is not open answers EBADF to whatever is done with it.
    unsafe { [BorrowedFd::borrow_raw(0), BorrowedFd::borrow_raw(1), BorrowedFd::borrow_raw(2)] }
}

/// A buffered formatter. What is left in the buffer goes out when it is dropped.
pub struct Output {
    place: Where,
    buffer: heapless::Vec<u8, BUFFER_BYTES>,
    failed: Option<Errno>,
    /// 0 if it is no terminal.
    columns: usize,
}

impl Output {
    /// Standard output.
    pub const fn stdout() -> Self {
        Self::new(Where::Stdout)
    }

    /// Standard error.
    pub const fn stderr() -> Self {
        Self::new(Where::Stderr)
    }

    /// A file of one's own.
    pub const fn file(file: OwnedFd) -> Self {
        Self::new(Where::File(file))
    }

    const fn new(place: Where) -> Self {
        Self { place, buffer: heapless::Vec::new(), failed: None, columns: 0 }
    }

    /// Standard output, where somebody may sit in front of it: a terminal, and `TERM` says that it can do more than print.
    pub fn screen(arguments: Arguments) -> Self {
        let mut out = Self::stdout();
        let term = arguments.environment().find_map(|variable| variable.to_bytes().strip_prefix(b"TERM="));
        if let Ok([_, columns, ..]) = terminal::size(out.fd())
            && term.is_some_and(|term| !matches!(term, b"" | b"dumb"))
        {
            out.columns = if columns == 0 { COLUMNS } else { columns.into() };
        }
        out
    }

    /// Whether it is such a one.
    pub const fn is_terminal(&self) -> bool {
        self.columns != 0
    }

    /// How many columns of it may be used, by who does not want lines `full`.
    pub const fn columns(&self, full: bool) -> usize {
        if full || self.columns == 0 { usize::MAX } else { self.columns }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.place {
            // SAFETY: see the module's note: nobody closes 1 and 2.
            Where::Stdout => unsafe { BorrowedFd::borrow_raw(1) },
            // SAFETY: as above.
            Where::Stderr => unsafe { BorrowedFd::borrow_raw(2) },
            Where::File(file) => file.as_fd(),
        }
    }

    /// Writes out what is buffered. Answers whether everything so far has been written.
    pub fn flush(&mut self) -> bool {
        self.finish().is_ok()
    }

    /// The same, with the reason if it has not.
    ///
    /// # Errors
    /// write(2)'s, of the first write that failed.
    pub fn finish(&mut self) -> Result<(), Errno> {
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() && self.failed.is_none() {
            match write(self.fd(), rest) {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Ok(_) => self.failed = Some(Errno::IO),
                Err(errno) => self.failed = Some(errno),
            }
        }
        self.buffer.clear();
        self.failed.map_or(Ok(()), Err)
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.buffer.is_full() {
                self.flush();
            }
            let _ = self.buffer.push(byte); // flush has made room
        }
        if self.failed.is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.flush();
    }
}
