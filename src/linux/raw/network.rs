//! The loopback interface: ioctl(2) as netdevice(7) has it.

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use linux_raw_sys::general::__NR_ioctl;
use rustix::{
    fd::AsRawFd,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};

use super::syscall;

const SIOCSIFFLAGS: usize = 0x8914;
/// IFF_UP and IFF_RUNNING.
const UP: u16 = 0x41;
/// struct ifreq is 32 bytes, or 40 where pointers have eight.
const IFREQ_BYTES: usize = 40;
/// One that sets `lo` up: the flags are behind the name.
static REQUEST: [u8; IFREQ_BYTES] = {
    let mut request = [0; IFREQ_BYTES];
    [request[0], request[1]] = *b"lo";
    [request[16], request[17]] = UP.to_ne_bytes();
    request
};

/// Sets `lo` up; the kernel gives it its addresses.
///
/// # Errors
/// socket(2)'s and the ioctl's.
pub fn set_loopback_up() -> Result<(), Errno> {
    // Any socket will do for a question about interfaces; this kind is in every kernel that has services.
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let args = [socket.as_raw_fd() as usize, SIOCSIFFLAGS, (&raw const REQUEST).expose_provenance(), 0, 0, 0];
    // SAFETY: the kernel reads one ifreq, which is no longer than `REQUEST`.
    unsafe { syscall(__NR_ioctl, args) }?;
    Ok(())
}
