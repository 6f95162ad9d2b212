//! A helper's side of stream sockets: the one that PID 1 hands over, its connections, and the word that all is well.
//!
//! # Safety
//! Takes descriptor 3 by number, once, in a process that PID 1 has started with it.
#![expect(unsafe_code, reason = "a descriptor that is handed over has nothing but its number")]

use core::ffi::CStr;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{FromRawFd, OwnedFd},
    io::{self, Errno, FdFlags, fcntl_setfd},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, recv,
        send, sendto, socket_with,
    },
};

use super::arguments::Arguments;

/// Most connections that [`wait`] looks at.
pub const WAIT_MAX: usize = 16;

/// What [`wait`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Nothing, in all that time.
    Nobody,
    /// Somebody connects.
    Listener,
    /// Something came from the connection at this place.
    Other(usize),
}

/// The listening socket that the unit's socket unit has made: sd_listen_fds(3).
///
/// # Errors
/// EBADF if there is none, fcntl(2)'s.
pub fn passed(arguments: Arguments) -> Result<OwnedFd, Errno> {
    let handed = arguments.environment().any(|variable| variable == c"LISTEN_FDS=1");
    if !handed {
        return Err(Errno::BADF);
    }
    // SAFETY: PID 1 has put one descriptor at 3, as `LISTEN_FDS` says, and nobody else in this process has taken it.
    let socket = unsafe { OwnedFd::from_raw_fd(3) };
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&socket, rustix::fs::OFlags::NONBLOCK)?;
    Ok(socket)
}

/// Waits for the first of `others` that has something, then for somebody to connect to `listener`, `for_us` microseconds at
/// most.
///
/// # Errors
/// poll(2)'s.
pub fn wait<'f>(
    listener: &'f OwnedFd,
    others: &mut dyn Iterator<Item = &'f OwnedFd>,
    for_us: u64,
) -> Result<Ready, Errno> {
    let mut fds: heapless::Vec<PollFd<'_>, { WAIT_MAX + 1 }> = heapless::Vec::new();
    for fd in others.take(WAIT_MAX).chain([listener]) {
        let _ = fds.push(PollFd::new(fd, PollFlags::IN)); // there is room for each
    }
    let span = Timespec { tv_sec: (for_us / 1_000_000) as i64, tv_nsec: 0 };
    io::retry_on_intr(|| poll(&mut fds, Some(&span)))?;
    let last = fds.len().saturating_sub(1);
    Ok(match fds.iter().position(|fd| !fd.revents().is_empty()) {
        None => Ready::Nobody,
        Some(place) if place == last => Ready::Listener,
        Some(place) => Ready::Other(place),
    })
}

/// Takes one connection; nothing that is done with it blocks.
///
/// # Errors
/// accept4(2)'s.
pub fn accept(listener: &OwnedFd) -> Result<OwnedFd, Errno> {
    accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
}

/// Reads what has come; 0 at the end.
///
/// # Errors
/// recv(2)'s: EAGAIN when there is nothing yet.
pub fn read(socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    recv(socket, buffer, RecvFlags::empty()).map(|(count, _)| count)
}

/// Writes all of `bytes`, or as much as there is room for at once.
///
/// # Errors
/// send(2)'s.
pub fn write(socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    send(socket, bytes, SendFlags::NOSIGNAL)
}

/// Tells PID 1 that all is well: `WATCHDOG=1` of sd_notify(3).
pub fn alive(arguments: Arguments) {
    say(arguments, b"WATCHDOG=1");
}

/// Sends a message of sd_notify(3)'s to PID 1. Nobody hears it where nobody asks.
#[inline(never)]
pub fn say(arguments: Arguments, message: &[u8]) {
    let path = arguments
        .environment()
        .find_map(|variable| variable.to_bytes_with_nul().strip_prefix(b"NOTIFY_SOCKET="));
    if let Some(path) = path
        && let Ok(path) = CStr::from_bytes_with_nul(path)
        && let Ok(address) = SocketAddrUnix::new(path)
        && let Ok(socket) = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
    {
        let _ = sendto(&socket, message, SendFlags::DONTWAIT, &address);
    }
}
