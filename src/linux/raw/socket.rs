//! Who is at the other end of a socket, and who has sent a message.

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use linux_raw_sys::general::{
    __NR_bind, __NR_getpeername, __NR_getsockopt, __NR_recvmsg, __NR_sendmsg, __NR_sendto, __NR_setsockopt,
};
use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    io::Errno,
};

use super::syscall;

/// socket(7): the numbers of all supported architectures.
const SOL_SOCKET: usize = 1;
const SO_PEERCRED: usize = 17;
const SO_PEERGROUPS: usize = 59;

/// `struct ucred` of unix(7): a process as it was when it connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Peer {
    /// Its pid; 0 for one that this pid namespace does not show.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// SO_PEERCRED of a Unix socket. EPROTO if the kernel tells something else.
pub fn peer(socket: BorrowedFd<'_>) -> Result<Peer, Errno> {
    let mut words = [0_u32; 3];
    match option(socket, SO_PEERCRED, &mut words)? {
        3 => Ok(Peer { pid: words[0], uid: words[1], gid: words[2] }),
        _ => Err(Errno::PROTO),
    }
}

/// SO_PEERGROUPS of a Unix socket (Linux 4.13) into `groups`: how many there are. ERANGE if they are more than fit.
pub fn peer_groups(socket: BorrowedFd<'_>, groups: &mut [u32]) -> Result<usize, Errno> {
    option(socket, SO_PEERGROUPS, groups)
}

/// Reads option `name` of `SOL_SOCKET` into `words`: how many it has filled.
fn option(socket: BorrowedFd<'_>, name: usize, words: &mut [u32]) -> Result<usize, Errno> {
    let mut length = size_of_val(words) as u32;
    let fd = socket.as_raw_fd() as usize;
    let (to, size) = (words.as_mut_ptr().expose_provenance(), (&raw mut length).expose_provenance());
    // SAFETY: the kernel writes `length` bytes at most to `to`, which is that large, and a u32 to `size`; both outlive
    // the call.
    unsafe { syscall(__NR_getsockopt, [fd, SOL_SOCKET, name, to, size, 0])? };
    Ok(length as usize / size_of::<u32>())
}

/// Control messages that unix(7) attaches: `SCM_RIGHTS`, `SCM_CREDENTIALS`.
const SCM_RIGHTS: u32 = 1;
const SCM_CREDENTIALS: u32 = 2;
/// recvmsg(2): the message was cut; descriptors become close-on-exec.
const MSG_TRUNC: u32 = 0x20;
const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;
/// `SCM_MAX_FD`: descriptors that the kernel lets one message carry.
const FDS_MAX: usize = 253;
const WORD: usize = size_of::<usize>();
/// A header of a control message: length, level, type.
const HEADER_BYTES: usize = WORD + 8;
/// Room for both control messages.
const CONTROL_WORDS: usize = (2 * HEADER_BYTES + size_of::<Peer>() + FDS_MAX * 4).div_ceil(WORD) + 2;

/// The kernel's `struct user_msghdr`; addresses as numbers.
#[repr(C)]
struct MessageHeader {
    name: usize,
    name_bytes: u32,
    vectors: usize,
    vector_count: usize,
    control: usize,
    control_bytes: usize,
    flags: u32,
}

/// A message, but for its bytes.
#[derive(Debug)]
pub struct Received {
    /// Descriptors that came with it.
    pub fds: Fds,
    /// How many bytes there are.
    pub bytes: usize,
    /// Whether there were more.
    pub cut: bool,
    /// Who sent it; `None` unless `SO_PASSCRED` is set.
    pub peer: Option<Peer>,
}

/// The descriptors of one message.
pub type Fds = heapless::Vec<OwnedFd, FDS_MAX>;

/// Receives a datagram.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Errno> {
    receive_with(socket, buffer, 0)
}

/// The same, and the datagram stays where it is: the next one to look finds it again, with descriptors of his own.
pub fn peek(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Errno> {
    const MSG_PEEK: usize = 2;
    receive_with(socket, buffer, MSG_PEEK)
}

fn receive_with(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: usize) -> Result<Received, Errno> {
    let mut control = [0_usize; CONTROL_WORDS];
    let mut vector = [buffer.as_mut_ptr().expose_provenance(), buffer.len()];
    let mut header = MessageHeader {
        name: 0,
        name_bytes: 0,
        vectors: (&raw mut vector).expose_provenance(),
        vector_count: 1,
        control: (&raw mut control).expose_provenance(),
        control_bytes: size_of_val(&control),
        flags: 0,
    };
    let fd = socket.as_raw_fd() as usize;
    // SAFETY: `header` is laid out as the kernel has it, its one vector covers `buffer` and its control area `control`;
    // all of them outlive the call.
    let bytes = unsafe {
        syscall(__NR_recvmsg, [fd, (&raw mut header).expose_provenance(), MSG_CMSG_CLOEXEC | flags, 0, 0, 0])
    }?;
    let mut received = Received { fds: Fds::new(), bytes, cut: header.flags & MSG_TRUNC != 0, peer: None };
    let words = control.get(..header.control_bytes.div_ceil(WORD)).unwrap_or_default();
    each_control_message(words, header.control_bytes, &mut |kind, data| match kind {
        SCM_CREDENTIALS => received.peer = peer_of(data),
        SCM_RIGHTS => {
            for fd in data.chunks_exact(4) {
                let fd = fd.try_into().map_or(-1, RawFd::from_ne_bytes);
                if fd >= 0 {
                    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
                    let _ = received.fds.push(unsafe { OwnedFd::from_raw_fd(fd) });
                }
            }
        }
        _ => {}
    });
    Ok(received)
}

/// Sends `bytes` and copies of `fds`, which are `FDS_MAX` at most; a broken connection is EPIPE, never a signal.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    const MSG_NOSIGNAL: usize = 0x4000;
    let mut control = [0_u8; CONTROL_WORDS * WORD];
    let length = HEADER_BYTES + size_of_val(fds);
    let mut put = |at: usize, bytes: &[u8]| {
        let place = control.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.map(|place| place.copy_from_slice(bytes)).ok_or(Errno::INVAL)
    };
    put(0, &length.to_ne_bytes())?;
    put(WORD, &(SOL_SOCKET as u32).to_ne_bytes())?;
    put(WORD + 4, &SCM_RIGHTS.to_ne_bytes())?;
    for (n, fd) in fds.iter().enumerate() {
        put(HEADER_BYTES + 4 * n, &fd.as_raw_fd().to_ne_bytes())?;
    }
    let vector = [bytes.as_ptr().expose_provenance(), bytes.len()];
    let header = MessageHeader {
        name: 0,
        name_bytes: 0,
        vectors: (&raw const vector).expose_provenance(),
        vector_count: 1,
        control: if fds.is_empty() { 0 } else { (&raw const control).expose_provenance() },
        control_bytes: if fds.is_empty() { 0 } else { length },
        flags: 0,
    };
    let fd = socket.as_raw_fd() as usize;
    // SAFETY: `header` is laid out as the kernel has it, its one vector covers `bytes` and its control area the part of
    // `control` that was written; the kernel reads all of them, and they outlive the call.
    unsafe { syscall(__NR_sendmsg, [fd, (&raw const header).expose_provenance(), MSG_NOSIGNAL, 0, 0, 0]) }
        .map(|_| ())
}

/// Binds `socket` to the address in these bytes.
pub fn bind(socket: BorrowedFd<'_>, address: &[u8]) -> Result<(), Errno> {
    let (fd, bytes) = (socket.as_raw_fd() as usize, address.as_ptr().expose_provenance());
    // SAFETY: the kernel reads the bytes of `address`, which outlives the call.
    unsafe { syscall(__NR_bind, [fd, bytes, address.len(), 0, 0, 0]) }.map(|_| ())
}

/// `struct sockaddr_in6`, the larger one of those that have an address and a port.
const INTERNET_NAME_BYTES: usize = 28;

/// getpeername(2): a `struct sockaddr_in`, a `struct sockaddr_in6`, or as much as fits of another.
pub fn peer_name(socket: BorrowedFd<'_>) -> Result<[u8; INTERNET_NAME_BYTES], Errno> {
    let mut name = [0; INTERNET_NAME_BYTES];
    let mut length = size_of_val(&name) as u32;
    let (to, size) = (name.as_mut_ptr().expose_provenance(), (&raw mut length).expose_provenance());
    // SAFETY: the kernel writes `length` bytes at most to `to`, which is that large, and a u32 to `size`; both outlive
    // the call.
    unsafe { syscall(__NR_getpeername, [socket.as_raw_fd() as usize, to, size, 0, 0, 0]) }?;
    Ok(name)
}

/// Sends `bytes` to the address in these bytes.
pub fn send_to(socket: BorrowedFd<'_>, bytes: &[u8], address: &[u8]) -> Result<(), Errno> {
    let (from, to) = (bytes.as_ptr().expose_provenance(), address.as_ptr().expose_provenance());
    let fd = socket.as_raw_fd() as usize;
    // SAFETY: the kernel reads the bytes of `bytes` and of `address`, which outlive the call.
    unsafe { syscall(__NR_sendto, [fd, from, bytes.len(), 0, to, address.len()]) }.map(|_| ())
}

/// Sets option `name` of `level` to the value in these bytes.
pub fn set_option(socket: BorrowedFd<'_>, level: u16, name: u16, value: &[u8]) -> Result<(), Errno> {
    let (fd, bytes) = (socket.as_raw_fd() as usize, value.as_ptr().expose_provenance());
    // SAFETY: the kernel reads the bytes of `value`, which outlives the call.
    unsafe { syscall(__NR_setsockopt, [fd, level.into(), name.into(), bytes, value.len(), 0]) }.map(|_| ())
}

/// Calls `take` with type and data of each control message of level `SOL_SOCKET` in the first `length` bytes of `words`.
fn each_control_message(words: &[usize], length: usize, take: &mut dyn FnMut(u32, &[u8])) {
    let mut bytes = [0_u8; CONTROL_WORDS * WORD];
    for (place, word) in bytes.chunks_exact_mut(WORD).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    let mut rest = bytes.get(..length).unwrap_or_default();
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_ne_bytes);
    while let Some((header, _)) = rest.split_at_checked(HEADER_BYTES) {
        let whole = header[..WORD].try_into().map_or(0, usize::from_ne_bytes);
        let (level, kind) = (number(&header[WORD..WORD + 4]), number(&header[WORD + 4..]));
        let Some(data) = rest.get(HEADER_BYTES..whole) else { return };
        if level as usize == SOL_SOCKET {
            take(kind, data);
        }
        rest = rest.get(whole.next_multiple_of(WORD)..).unwrap_or_default();
    }
}

fn peer_of(data: &[u8]) -> Option<Peer> {
    let number = |at: usize| data.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    Some(Peer { pid: number(0)?, uid: number(4)?, gid: number(8)? })
}

#[cfg(test)]
mod tests {
    use rustix::{fd::AsFd, net};

    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let none = net::SocketFlags::empty();
        let (one, _other) = net::socketpair(net::AddressFamily::UNIX, net::SocketType::SEQPACKET, none, None)
            .expect("a pair");
        let peer = peer(one.as_fd()).expect("a Unix socket");
        assert_eq!(peer.pid, std::process::id());
        assert_eq!(peer.uid, rustix::process::getuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getgid().as_raw());
    }

    #[test]
    fn the_groups_of_the_other_end_are_this_process_s() {
        let none = net::SocketFlags::empty();
        let (one, _other) = net::socketpair(net::AddressFamily::UNIX, net::SocketType::SEQPACKET, none, None)
            .expect("a pair");
        let mut groups = [0; 128];
        let count = peer_groups(one.as_fd(), &mut groups).expect("a Unix socket");
        let own = std::fs::read_to_string("/proc/self/status").expect("procfs");
        let own = own.lines().find_map(|line| line.strip_prefix("Groups:")).expect("a line");
        let own: std::vec::Vec<u32> =
            own.split_whitespace().map(|gid| gid.parse().expect("a number")).collect();
        assert_eq!(groups[..count], own);
        if count > 0 {
            assert_eq!(peer_groups(one.as_fd(), &mut []), Err(Errno::RANGE));
        }
    }

    fn datagrams() -> (OwnedFd, OwnedFd) {
        let pair = net::socketpair(
            net::AddressFamily::UNIX,
            net::SocketType::DGRAM,
            net::SocketFlags::empty(),
            None,
        );
        let (one, other) = pair.expect("a pair");
        net::sockopt::set_socket_passcred(&one, true).expect("an option of Unix sockets");
        (one, other)
    }

    #[test]
    fn a_message_says_who_sent_it_and_whether_it_was_cut() {
        let (here, there) = datagrams();
        rustix::io::write(there.as_fd(), b"READY=1").expect("room for a message");
        let mut buffer = [0; 7];
        let received = receive(here.as_fd(), &mut buffer).expect("a message");
        assert_eq!((received.bytes, received.cut, &buffer), (7, false, b"READY=1"));
        assert_eq!(received.peer.map(|peer| peer.pid), Some(std::process::id()));
        rustix::io::write(there.as_fd(), b"READY=1\n").expect("room for a message");
        assert!(receive(here.as_fd(), &mut buffer).expect("a message").cut);
    }

    #[test]
    fn every_descriptor_that_comes_along_is_owned() {
        let (here, there) = datagrams();
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let fds = std::vec![writer.as_fd(); FDS_MAX];
        let mut space = std::vec![core::mem::MaybeUninit::uninit(); 2048];
        let mut control = net::SendAncillaryBuffer::new(&mut space);
        assert!(control.push(net::SendAncillaryMessage::ScmRights(&fds)));
        let sent = net::sendmsg(
            &there,
            &[rustix::io::IoSlice::new(b"BARRIER=1")],
            &mut control,
            net::SendFlags::empty(),
        );
        assert_eq!(sent, Ok(9));
        drop(writer);
        let received = receive(here.as_fd(), &mut [0; 16]).expect("a message");
        assert_eq!(received.peer.map(|peer| peer.pid), Some(std::process::id()));
        assert_eq!(received.fds.len(), FDS_MAX);
        drop(received);
        let mut byte = [0];
        assert_eq!(rustix::io::read(reader.as_fd(), &mut byte), Ok(0), "nobody holds the pipe's other end");
    }
}
