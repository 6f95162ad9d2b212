//! Namespaces that outlive the processes in them, for those that come later.
//!
//! A pair of sockets of PID 1's keeps them, one kind in each direction, as descriptors on their way. Who looks takes nothing
//! away, and what was put first is what everybody finds: two that come at once need no lock, and one that dies in between
//! takes nothing along. PID 1 itself opens and enters nothing.

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};

use super::raw::socket::{peek, send};

/// Makes an empty pair. What is put into one end is found at the other one.
///
/// # Errors
/// socketpair(2)'s.
pub fn make() -> Result<[OwnedFd; 2], Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).map(|(one, other)| [one, other])
}

/// Puts a namespace behind those that are there, if there is room: nobody looks at it unless it is the first.
pub(super) fn put(end: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    match send(end, &[0], &[namespace]) {
        Err(Errno::AGAIN) => Ok(()),
        answer => answer,
    }
}

/// The first namespace that was put.
pub(super) fn look(end: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Errno> {
    match peek(end, &mut [0]) {
        Ok(mut received) => received.fds.pop().map(Some).ok_or(Errno::PROTO),
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}
