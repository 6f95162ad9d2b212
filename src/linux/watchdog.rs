//! The hardware watchdog, and the probe of the root file system.

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{Mode, OFlags, open as open_file},
    io::{Errno, read, write},
};

use super::{
    AsFd,
    path::PathBuffer,
    raw::watchdog::{GET_BOOT_STATUS, GET_TIMEOUT, SET_PRETIMEOUT, SET_TIMEOUT, control},
};

/// WDIOF_CARDRESET: the watchdog has started the machine over.
const CARD_RESET: u32 = 0x20;

/// A watchdog that runs. Closing it does not stop it.
#[derive(Debug)]
pub struct Watchdog(OwnedFd);

impl Watchdog {
    /// Opens the `device`, which starts it.
    ///
    /// # Errors
    /// open(2)'s: ENOENT or ENODEV while the driver is not there, EBUSY if somebody else feeds it.
    pub fn open(device: &str) -> Result<Self, Errno> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        open_file(PathBuffer::empty().join(&[device])?, flags, Mode::empty()).map(Self)
    }

    /// Has it wait for so many seconds, and answers how many it really waits. Some cannot be told.
    ///
    /// # Errors
    /// The driver's, if it does not say either.
    pub fn set_timeout(&self, seconds: u32) -> Result<u32, Errno> {
        control(self.fd(), SET_TIMEOUT, seconds).or_else(|_| control(self.fd(), GET_TIMEOUT, 0))
    }

    /// Has it tell the kernel so many seconds before it bites.
    ///
    /// # Errors
    /// The driver's: EOPNOTSUPP if it cannot.
    pub fn set_pretimeout(&self, seconds: u32) -> Result<(), Errno> {
        control(self.fd(), SET_PRETIMEOUT, seconds).map(drop)
    }

    /// Whether it was this watchdog that started the machine over.
    pub fn has_bitten(&self) -> bool {
        control(self.fd(), GET_BOOT_STATUS, 0).is_ok_and(|status| status & CARD_RESET != 0)
    }

    /// Feeds it.
    ///
    /// # Errors
    /// write(2)'s.
    pub fn feed(&self) -> Result<(), Errno> {
        write(self.fd(), b"\0").map(drop)
    }

    /// Stops it, if it can be stopped: what is to be off stays off.
    pub fn stop(self) {
        let _ = write(self.fd(), b"V"); // then it heeds the close
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a disk reads at a time.
#[repr(align(4096))]
struct Block([u8; 4096]);

/// Reads the beginning of the file at `path` from its disk, not from memory, where the file system can do that. For
/// children only: it takes as long as the disk does.
///
/// # Errors
/// open(2)'s and read(2)'s.
pub fn probe(path: &str) -> Result<(), Errno> {
    let (mut buffer, mut block) = (PathBuffer::empty(), Block([0; 4096]));
    let path = buffer.join(&[path])?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match open_file(path, flags | OFlags::DIRECT, Mode::empty()) {
        Err(Errno::INVAL) => open_file(path, flags, Mode::empty()), // a file system in memory
        answer => answer,
    }?;
    read(&file, &mut block.0).map(drop)
}
