//! Standard output and error as formatters, for everything that is not PID 1.
//!
//! # Safety
//! Borrows descriptors 1 and 2 by number; the process that uses this module never closes them.
#![expect(unsafe_code, reason = "the standard streams have no owner to borrow from")]

use core::fmt;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::{Errno, write},
};

use super::AsFd;

const BUFFER_BYTES: usize = 1024;

enum Where {
    Stdout,
    Stderr,
    File(OwnedFd),
}

/// A buffered formatter. What is left in the buffer goes out when it is dropped.
pub struct Output {
    place: Where,
    buffer: heapless::Vec<u8, BUFFER_BYTES>,
    failed: bool,
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
        Self { place, buffer: heapless::Vec::new(), failed: false }
    }

    /// Writes out what is buffered. Answers whether everything so far has been written.
    pub fn flush(&mut self) -> bool {
        let fd = match &self.place {
            // SAFETY: see the module's note: nobody closes 1 and 2.
            Where::Stdout => unsafe { BorrowedFd::borrow_raw(1) },
            // SAFETY: as above.
            Where::Stderr => unsafe { BorrowedFd::borrow_raw(2) },
            Where::File(file) => file.as_fd(),
        };
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() && !self.failed {
            match write(fd, rest) {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => self.failed = true,
            }
        }
        self.buffer.clear();
        !self.failed
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
        if self.failed { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.flush();
    }
}
