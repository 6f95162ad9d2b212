//! Who is at the other end of a socket.

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use linux_raw_sys::general::__NR_getsockopt;
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

/// socket(7): the numbers of all supported architectures.
const SOL_SOCKET: usize = 1;
const SO_PEERCRED: usize = 17;

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
    let mut peer = Peer::default();
    let mut length = size_of::<Peer>() as u32;
    let fd = socket.as_raw_fd() as usize;
    let (to, size) = ((&raw mut peer).expose_provenance(), (&raw mut length).expose_provenance());
    // SAFETY: the kernel writes `length` bytes at most to `to`, which is that large, and a u32 to `size`; both outlive
    // the call.
    unsafe { syscall(__NR_getsockopt, [fd, SOL_SOCKET, SO_PEERCRED, to, size, 0])? };
    if length as usize == size_of::<Peer>() { Ok(peer) } else { Err(Errno::PROTO) }
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
}
