//! Where PID 1's messages go: the kernel's ring buffer or standard error. Never fails.
//!
//! # Safety
//! Borrows three descriptors by number: 2, the one `open_kmsg` leaves open for good, and that of `set_logd`.
#![expect(unsafe_code, reason = "descriptors that live as long as the process have no owner to borrow from")]

use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd},
    fs::{Mode, OFlags, open},
    io::{Errno, fcntl_dupfd_cloexec},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr},
};

use super::{AsFd, path::PathBuffer};

/// /dev/kmsg once it is open; -1 before.
static KMSG: AtomicI32 = AtomicI32::new(-1);

/// Opens /dev/kmsg for [`write_kmsg`]; it stays open for good.
///
/// # Errors
/// open(2)'s.
pub fn open_kmsg() -> Result<(), Errno> {
    let fd: OwnedFd = open(c"/dev/kmsg", OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    KMSG.store(fd.into_raw_fd(), Ordering::Relaxed);
    Ok(())
}

/// The kernel's ring buffer, if [`open_kmsg`] has succeeded.
pub fn kmsg() -> Option<BorrowedFd<'static>> {
    let raw = KMSG.load(Ordering::Relaxed);
    // SAFETY: the descriptor was released by `open_kmsg`, the only writer of KMSG, and nobody closes it.
    (raw >= 0).then(|| unsafe { BorrowedFd::borrow_raw(raw) })
}

/// Hands one whole line to the kernel's ring buffer. Answers whether it took it.
pub fn write_kmsg(line: &[u8]) -> bool {
    kmsg().is_some_and(|fd| rustix::io::write(fd, line).is_ok())
}

/// Where logd is told what PID 1 says; -1 where there is none.
static LOGD: AtomicI32 = AtomicI32::new(-1);

/// From here on [`tell_logd`] writes to `socket`, which stays open for as long as this process lives.
pub fn set_logd(socket: BorrowedFd<'_>) {
    LOGD.store(socket.as_raw_fd(), Ordering::Relaxed);
}

/// Whether there is a logd.
pub fn has_logd() -> bool {
    LOGD.load(Ordering::Relaxed) >= 0
}

/// Hands one packet to logd. Answers whether there was room for it.
pub fn tell_logd(packet: &[u8]) -> bool {
    let raw = LOGD.load(Ordering::Relaxed);
    // SAFETY: the descriptor is that of `set_logd`, whose only caller, PID 1's `Streams`, never closes it.
    raw >= 0 && super::socket::send_packet(unsafe { BorrowedFd::borrow_raw(raw) }, packet).is_ok()
}

/// Makes the terminal /dev/`name` the standard streams.
///
/// # Errors
/// open(2)'s and dup3(2)'s.
pub fn move_to(name: &str) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let terminal = open(buffer.join(&["/dev/", name])?, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    dup2_stdin(terminal.as_fd())?;
    dup2_stdout(terminal.as_fd())?;
    dup2_stderr(terminal.as_fd())
}

/// Standard error, opened once more for PID 1 alone: writing to it never blocks. -1 before.
static OWN: AtomicI32 = AtomicI32::new(-1);
/// The last line did not get out in time.
static STALLED: AtomicBool = AtomicBool::new(false);
/// How long a line may wait for a terminal that is slow, or that a service has stopped (TCXONC).
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// From here on a terminal that takes nothing holds PID 1 up once, for a tenth of a second, and no more until it takes
/// something again. Needs /proc.
///
/// # Errors
/// open(2)'s, such as ENXIO for a socket; lines are then written as before.
pub fn stop_blocking() -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = fcntl_dupfd_cloexec(open(c"/proc/self/fd/2", flags, Mode::empty())?, 3)?;
    OWN.store(fd.into_raw_fd(), Ordering::Relaxed);
    Ok(())
}

/// From here on standard error never blocks, for everybody who shares it.
///
/// # Errors
/// fcntl(2)'s, which cannot happen.
pub fn stop_stderr_blocking() -> Result<(), Errno> {
    // SAFETY: descriptor 2 is logd's from its start to its end; without it the kernel answers EBADF.
    super::pipe::stop_blocking(unsafe { stderr() })
}

/// Standard input.
pub const fn stdin() -> BorrowedFd<'static> {
    // SAFETY: descriptor 0 is open from a program's start on, and nobody closes it.
    unsafe { rustix::stdio::stdin() }
}

/// Standard output.
pub const fn stdout() -> BorrowedFd<'static> {
    // SAFETY: as for descriptor 0.
    unsafe { rustix::stdio::stdout() }
}

/// Writes one line to standard error as far as it goes without waiting for more than the terminal's own pace.
pub fn write_stderr(line: &[u8]) -> bool {
    let own = OWN.load(Ordering::Relaxed);
    // SAFETY: PID 1 holds descriptor 2 open from `boot::standard_streams` on; before that the kernel's open failed and
    // the write is refused with EBADF. The other was released by `stop_blocking`, and nobody closes it.
    let fd = if own < 0 { unsafe { stderr() } } else { unsafe { BorrowedFd::borrow_raw(own) } };
    let mut rest = line;
    while !rest.is_empty() {
        match rustix::io::write(fd, rest) {
            Ok(0) => return false,
            Ok(written) => {
                // Not written to for nothing: the page may be shared with a child on its way.
                if STALLED.load(Ordering::Relaxed) {
                    STALLED.store(false, Ordering::Relaxed);
                }
                rest = rest.get(written..).unwrap_or_default();
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if !STALLED.load(Ordering::Relaxed) => {
                let room = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], Some(&PATIENCE));
                STALLED.store(room == Ok(0), Ordering::Relaxed);
            }
            Err(_) => return false, // nobody is left to tell
        }
    }
    true
}

/// A new descriptor of /dev/kmsg or of standard error, close-on-exec and above the first three. It is for writing only:
/// who can read a console hears what is typed there and can make it its own terminal.
///
/// # Errors
/// open(2)'s and fcntl(2)'s.
pub fn duplicate(of_kmsg: bool) -> Result<OwnedFd, Errno> {
    if let Some(kmsg) = kmsg().filter(|_| of_kmsg) {
        return fcntl_dupfd_cloexec(kmsg, 3);
    }
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    match open(c"/proc/self/fd/2", flags, Mode::empty()) {
        Ok(fd) => fcntl_dupfd_cloexec(fd, 3),
        // SAFETY: as in `write_stderr`. A socket cannot be opened; it has nothing to type at.
        Err(Errno::NXIO) => fcntl_dupfd_cloexec(unsafe { stderr() }, 3),
        Err(errno) => Err(errno),
    }
}
