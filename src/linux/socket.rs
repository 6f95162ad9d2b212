//! The control socket's system calls: sequenced packets with the kernel's word on who is at the other end.

use core::ffi::CStr;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, chmodat, mkdirat, open, unlink},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
        connect, listen, recv, send, socket_with, sockopt::set_socket_passcred,
    },
};

use super::AsFd;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 16;

pub use super::raw::socket::{Fds, Peer, peer, peer_groups};

/// Descriptors that one packet of the control protocol carries: a record, and the three streams of who asks.
pub const FILES_MAX: usize = 4;
/// Them, in the order in which they were sent.
pub type Files = heapless::Vec<OwnedFd, FILES_MAX>;

/// Who has sent a message, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The process; 0 for one that this pid namespace does not show.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

/// Makes a datagram socket at `path`, whose directory is made if it is missing. Everybody may send to it, and the
/// kernel says who did.
///
/// # Errors
/// mkdir(2)'s, socket(2)'s, bind(2)'s, chmod(2)'s and setsockopt(2)'s.
pub fn hear_at(directory: &CStr, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    set_socket_passcred(&socket, true)?;
    bind_at(&socket, directory, path, 0o777)?;
    Ok(socket)
}

/// Receives one message, its sender, and the descriptors that came with it.
///
/// # Errors
/// recvmsg(2)'s: EAGAIN when none waits. EMSGSIZE for a cut message, EPROTO if the kernel does not say who sent it.
pub fn receive_from(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<(usize, Sender, Fds), Errno> {
    let received = super::raw::socket::receive(socket, buffer)?;
    let peer = received.peer.ok_or(Errno::PROTO)?;
    let sender = Sender { pid: peer.pid, uid: peer.uid };
    if received.cut { Err(Errno::MSGSIZE) } else { Ok((received.bytes, sender, received.fds)) }
}

/// A socket for datagrams of an address family.
///
/// # Errors
/// socket(2)'s.
pub fn datagrams(family: u8) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::from_raw(family.into()), SocketType::DGRAM, flags, None)
}

/// Sends one datagram to the address in these bytes.
///
/// # Errors
/// sendto(2)'s.
pub fn send_to(socket: BorrowedFd<'_>, bytes: &[u8], address: &[u8]) -> Result<(), Errno> {
    super::raw::socket::send_to(socket, bytes, address)
}

fn bind_at(socket: &OwnedFd, directory: &CStr, path: &CStr, mode: u32) -> Result<(), Errno> {
    match mkdirat(CWD, directory, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    match unlink(path) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    bind(socket, &SocketAddrUnix::new(path)?)?;
    chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())
}

/// Makes a listening socket at `path`, whose directory is made if it is missing; everybody may connect.
///
/// # Errors
/// mkdir(2)'s, socket(2)'s, bind(2)'s, chmod(2)'s and listen(2)'s.
pub fn listen_at(directory: &CStr, path: &CStr) -> Result<OwnedFd, Errno> {
    let socket = packet_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    bind_at(&socket, directory, path, 0o666)?;
    listen(socket.as_fd(), BACKLOG)?;
    Ok(socket)
}

/// Connects to `path`; reads and writes block.
///
/// # Errors
/// socket(2)'s and connect(2)'s: ENOENT and ECONNREFUSED when nobody listens.
pub fn connect_to(path: &CStr) -> Result<OwnedFd, Errno> {
    let socket = packet_socket(SocketFlags::CLOEXEC)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

fn packet_socket(flags: SocketFlags) -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

/// Takes one waiting connection; it never blocks.
///
/// # Errors
/// accept4(2)'s: EAGAIN when none waits, EMFILE when there are too many.
pub fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
}

/// One more descriptor of `socket`, close-on-exec and above the first three.
///
/// # Errors
/// fcntl(2)'s.
pub fn duplicate(socket: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    rustix::io::fcntl_dupfd_cloexec(socket, 3)
}

/// Receives one packet into `buffer`; `None` when the other end has closed. A packet longer than `buffer` is EMSGSIZE.
///
/// # Errors
/// recv(2)'s.
pub fn receive<'b>(socket: BorrowedFd<'_>, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Errno> {
    loop {
        // With TRUNC the kernel answers the packet's whole length, so that a cut one is seen.
        match recv(socket.as_fd(), &mut *buffer, RecvFlags::TRUNC) {
            Ok((_, 0)) => return Ok(None),
            Ok((count, length)) if count == length => return Ok(buffer.get(..count)),
            Ok(_) => return Err(Errno::MSGSIZE),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Receives one packet and the first [`FILES_MAX`] descriptors that came with it; else as [`receive`].
///
/// # Errors
/// recvmsg(2)'s.
pub fn receive_files(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Option<(usize, Files)>, Errno> {
    let received = super::raw::socket::receive(socket, buffer)?;
    match received.bytes {
        _ if received.cut => Err(Errno::MSGSIZE),
        0 => Ok(None),
        bytes => Ok(Some((bytes, received.fds.into_iter().take(FILES_MAX).collect()))),
    }
}

/// Sends one packet and `files` with it, which are [`FILES_MAX`] at most.
///
/// # Errors
/// sendmsg(2)'s.
pub fn send_files(socket: BorrowedFd<'_>, packet: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    super::raw::socket::send(socket, packet, files)
}

/// This very program's file.
///
/// # Errors
/// open(2)'s.
pub fn own_program() -> Result<OwnedFd, Errno> {
    open(c"/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// Sends one packet; a broken connection is EPIPE, never a signal.
///
/// # Errors
/// send(2)'s: EAGAIN when the other end does not read.
pub fn send_packet(socket: BorrowedFd<'_>, packet: &[u8]) -> Result<(), Errno> {
    send(socket, packet, SendFlags::NOSIGNAL).map(drop)
}
