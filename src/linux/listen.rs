//! Opening what a socket unit listens on: sockets, FIFOs, files and message queues. For children only: a path may be on a
//! disk that answers slowly or not at all.

use core::{ffi::CStr, net::IpAddr};

use linux_raw_sys::net::{AF_INET, AF_INET6};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chownat, fchmod, fcntl_getfl, fcntl_setfl, fstat,
        mkdirat, mknodat, open, symlink, unlink,
    },
    io::Errno,
    net::{
        AddressFamily, Protocol, SocketFlags, SocketType, accept_with, listen, netdevice::name_to_index,
        socket_with,
    },
    pipe::fcntl_setpipe_size,
    process::umask,
};

use super::{path::PathBuffer, raw};

/// Where `sin6_scope_id` is in a `struct sockaddr_in6`.
const SCOPE_AT: usize = 24;
/// The kernel's `struct sockaddr_storage`.
const ADDRESS_BYTES_MAX: usize = 128;

/// Connections or messages that are dropped at once: more than a backlog has.
const FLUSHED_MAX: usize = 4096;

/// A socket, before it is bound.
///
/// # Errors
/// socket(2)'s.
pub fn socket(family: u8, socket_type: u8, protocol: u16) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let family = AddressFamily::from_raw(family.into());
    let protocol = core::num::NonZeroU32::new(protocol.into()).map(Protocol::from_raw);
    socket_with(family, SocketType::from_raw(socket_type.into()), flags, protocol)
}

/// A socket's node in the file system, or its address without one.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The node; empty if there is none.
    pub path: &'a str,
    /// The node's mode.
    pub mode: u16,
    /// The mode of directories that have to be made for it.
    pub directory_mode: u16,
    /// Whose it is to be, as far as not root's.
    pub uid: Option<u32>,
    /// Which group's.
    pub gid: Option<u32>,
}

impl Place<'_> {
    /// Binds `socket` to `address`, completed by the index of `interface`. A node that is in the way goes.
    ///
    /// # Errors
    /// bind(2)'s, and those of the calls that see to the node.
    #[inline(never)]
    pub fn bind(&self, socket: BorrowedFd<'_>, address: &[u8], interface: &str) -> Result<(), Errno> {
        let mut complete = [0; ADDRESS_BYTES_MAX];
        let complete = complete.get_mut(..address.len()).ok_or(Errno::INVAL)?;
        complete.copy_from_slice(address);
        if !interface.is_empty() {
            let index = name_to_index(socket, interface)?.to_ne_bytes();
            let scope =
                complete.get_mut(SCOPE_AT..).and_then(|rest| rest.get_mut(..4)).ok_or(Errno::INVAL)?;
            scope.copy_from_slice(&index);
        }
        if self.path.is_empty() {
            return raw::socket::bind(socket, complete);
        }
        make_parents(self.path, self.directory_mode)?;
        let before = umask(Mode::from_raw_mode(0o777 & !u32::from(self.mode)));
        let mut bound = raw::socket::bind(socket, complete);
        if bound == Err(Errno::ADDRINUSE) && unlink(PathBuffer::empty().join(&[self.path])?).is_ok() {
            bound = raw::socket::bind(socket, complete);
        }
        umask(before);
        bound?;
        self.hand_over()
    }

    /// Opens a FIFO, made if it is missing. `size` bytes fit in, unless that is 0.
    ///
    /// # Errors
    /// Those of the calls; EEXIST if something else is there.
    #[inline(never)]
    pub fn open_fifo(&self, size: u32) -> Result<OwnedFd, Errno> {
        make_parents(self.path, self.directory_mode)?;
        let mut path = PathBuffer::empty();
        let path = path.join(&[self.path])?;
        match mknodat(CWD, path, FileType::Fifo, Mode::empty(), 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let fifo = open_node(path, OFlags::RDWR)?;
        if !FileType::from_raw_mode(fstat(&fifo)?.st_mode).is_fifo() {
            return Err(Errno::EXIST);
        }
        fchmod(&fifo, Mode::from_raw_mode(self.mode.into()))?;
        if size > 0 {
            fcntl_setpipe_size(&fifo, size as usize)?;
        }
        self.hand_over()?;
        Ok(fifo)
    }

    /// Opens a message queue, made if it is missing, for so many messages of so many bytes; 0 is the kernel's choice.
    ///
    /// # Errors
    /// mq_open(2)'s.
    #[inline(never)]
    pub fn open_queue(&self, messages: u32, bytes: u32) -> Result<OwnedFd, Errno> {
        let mut path = PathBuffer::empty();
        let name = path.join(&[queue_name(self.path)])?;
        raw::queue::open(name, self.mode.into(), (messages > 0 && bytes > 0).then_some((messages, bytes)))
    }

    /// Makes links at `link` that lead here; an older link goes.
    ///
    /// # Errors
    /// symlink(2)'s; EEXIST if something else is there.
    pub fn link(&self, link: &str) -> Result<(), Errno> {
        make_parents(link, self.directory_mode)?;
        let (mut from, mut to) = (PathBuffer::empty(), PathBuffer::empty());
        let (from, to) = (from.join(&[link])?, to.join(&[self.path])?);
        match symlink(to, from) {
            Err(Errno::EXIST)
                if rustix::fs::readlinkat_raw(CWD, from, &mut [core::mem::MaybeUninit::uninit(); 1])
                    .is_ok() =>
            {
                unlink(from)?;
                symlink(to, from)
            }
            answer => answer,
        }
    }

    fn hand_over(&self) -> Result<(), Errno> {
        if self.uid.is_none() && self.gid.is_none() {
            return Ok(());
        }
        let (uid, gid) = (self.uid.map(Uid::from_raw), self.gid.map(Gid::from_raw));
        chownat(CWD, PathBuffer::empty().join(&[self.path])?, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// Opens a device or a file that is there, for writing too if it is `writable`.
///
/// # Errors
/// open(2)'s; EEXIST if it is neither.
pub fn open_special(path: &str, writable: bool) -> Result<OwnedFd, Errno> {
    let file =
        open_node(PathBuffer::empty().join(&[path])?, if writable { OFlags::RDWR } else { OFlags::RDONLY })?;
    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
    if kind.is_file() || kind.is_char_device() { Ok(file) } else { Err(Errno::EXIST) }
}

/// Lets `socket` take connections, `backlog` of which may wait.
///
/// # Errors
/// listen(2)'s.
pub fn start(socket: BorrowedFd<'_>, backlog: u32) -> Result<(), Errno> {
    listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))
}

/// Drops what waits in `fd`: connections, or up to as many reads. It does not block from here on: a service may have
/// made it do so.
pub fn flush(fd: BorrowedFd<'_>) {
    let mut bytes = [0; 512];
    if fcntl_getfl(fd).and_then(|flags| fcntl_setfl(fd, flags | OFlags::NONBLOCK)).is_err() {
        return;
    }
    for _ in 0..FLUSHED_MAX {
        let dropped = match accept_with(fd, SocketFlags::CLOEXEC) {
            Ok(_closed) => true,
            Err(Errno::AGAIN) => false,
            Err(_) => rustix::io::read(fd, &mut bytes).is_ok_and(|count| count > 0),
        };
        if !dropped {
            return;
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A machine.
    Address(IpAddr),
    /// A user of this one, by number.
    User(u32),
    /// Nobody knows.
    Unknown,
}

/// Who is at the other end of `connection`, and the port there.
pub fn source(connection: BorrowedFd<'_>) -> (Source, u16) {
    let name = raw::socket::peer_name(connection).unwrap_or_default();
    let address = match u32::from(u16::from_ne_bytes([name[0], name[1]])) {
        AF_INET => name[4..8].as_array::<4>().map(|bytes| IpAddr::from(*bytes)),
        AF_INET6 => name[8..24].as_array::<16>().map(|bytes| IpAddr::from(*bytes)),
        _ => None,
    };
    match address {
        Some(address) => (Source::Address(address.to_canonical()), u16::from_be_bytes([name[2], name[3]])),
        None => match raw::socket::peer(connection) {
            Ok(peer) => (Source::User(peer.uid), 0),
            Err(_) => (Source::Unknown, 0),
        },
    }
}

/// Takes a connection that waits.
///
/// # Errors
/// accept4(2)'s: EAGAIN if there is none.
pub fn accept(socket: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    accept_with(socket, SocketFlags::CLOEXEC)
}

/// Whether both are one open file. False where the kernel cannot say.
pub fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    raw::process::is_same_file(one, other)
}

/// Removes what is at `path`, if anything is.
///
/// # Errors
/// unlink(2)'s.
pub fn remove(path: &str) -> Result<(), Errno> {
    match unlink(PathBuffer::empty().join(&[path])?) {
        Err(Errno::NOENT) => Ok(()),
        answer => answer,
    }
}

/// Removes a message queue. That there is none is fine.
pub fn remove_queue(name: &str) {
    if let Ok(name) = PathBuffer::empty().join(&[queue_name(name)]) {
        let _ = raw::queue::unlink(name);
    }
}

/// The kernel's names of queues have no slash; mq_overview(7)'s begin with one.
fn queue_name(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// Makes the directory `path` and those above it, as far as they are missing.
///
/// # Errors
/// mkdir(2)'s.
pub fn make_directories(path: &str, mode: u16) -> Result<(), Errno> {
    make_parents(path, mode)?;
    make_one(path, mode)
}

/// Makes the directories above `path` that are missing.
pub(super) fn make_parents(path: &str, mode: u16) -> Result<(), Errno> {
    for (at, byte) in path.bytes().enumerate().skip(1) {
        if byte == b'/' {
            make_one(path.split_at_checked(at).unwrap_or_default().0, mode)?;
        }
    }
    Ok(())
}

/// Makes the directory `path`; whether it was not there before.
pub fn make_new(path: &str, mode: u16) -> bool {
    let mut buffer = PathBuffer::empty();
    buffer.join(&[path]).is_ok_and(|path| mkdirat(CWD, path, Mode::from_raw_mode(mode.into())).is_ok())
}

fn make_one(path: &str, mode: u16) -> Result<(), Errno> {
    match mkdirat(CWD, PathBuffer::empty().join(&[path])?, Mode::from_raw_mode(mode.into())) {
        Err(Errno::EXIST | Errno::ROFS) => Ok(()), // what comes next says if it is missing
        answer => answer,
    }
}

/// Makes the FIFO at `path`, for root alone, and opens it for itself, so that it never ends.
///
/// # Errors
/// mknod(2)'s and open(2)'s.
pub fn open_own_fifo(path: &CStr) -> Result<OwnedFd, Errno> {
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(Errno::EXIST) => open_node(path, OFlags::RDWR),
        Err(errno) => Err(errno),
    }
}

/// Reads what has come, as far as it fits.
///
/// # Errors
/// read(2)'s: EAGAIN if nothing has.
pub fn read_from(file: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::read(file, buffer)
}

fn open_node(path: &CStr, access: OFlags) -> Result<OwnedFd, Errno> {
    let flags = access | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    open(path, flags, Mode::empty())
}

/// A pair of sockets: what a child opens goes through it to its parent.
///
/// # Errors
/// socketpair(2)'s.
pub fn channel() -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

/// Sends `bytes` and descriptors.
///
/// # Errors
/// sendmsg(2)'s; E2BIG for more than 64 descriptors.
pub fn send(channel: BorrowedFd<'_>, bytes: &[u8], fds: &[OwnedFd]) -> Result<(), Errno> {
    let mut borrowed: heapless::Vec<BorrowedFd<'_>, 64> = heapless::Vec::new();
    for fd in fds {
        borrowed.push(fd.as_fd()).map_err(|_| Errno::TOOBIG)?;
    }
    raw::socket::send(channel, bytes, &borrowed)
}

/// Receives what [`send`] has sent; fills `bytes`. `None` if nothing came, or not all of it: a process may have too many
/// descriptors to get one more.
pub fn receive(channel: &OwnedFd, bytes: &mut [u8]) -> Option<super::socket::Fds> {
    let received = raw::socket::receive(channel.as_fd(), bytes).ok()?;
    (received.bytes == bytes.len() && !received.cut).then_some(received.fds)
}
