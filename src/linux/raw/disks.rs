//! ioctl(2)s of block devices.

#![expect(unsafe_code, reason = "system calls that take pointers")]

use linux_raw_sys::general::__NR_ioctl;
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

/// LOOP_CLR_FD of linux/loop.h.
const CLEAR: usize = 0x4c01;
/// struct dm_ioctl of linux/dm-ioctl.h, and where its name is.
const MAPPED_BYTES: usize = 312;
const NAME_AT: usize = 48;
const NAME_BYTES_MAX: usize = 128;
/// DM_DEV_REMOVE: `_IOWR(0xfd, 4, struct dm_ioctl)`.
const REMOVE: usize = 3 << 30 | MAPPED_BYTES << 16 | 0xfd << 8 | 4;

/// Takes its file from a loop device: at once, or when the last who has it open closes it.
///
/// # Errors
/// ENXIO if it has none.
pub fn clear_loop(device: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the call takes no pointer.
    unsafe { syscall(__NR_ioctl, [device.as_raw_fd() as usize, CLEAR, 0, 0, 0, 0]) }.map(drop)
}

/// Removes the mapped device called `name`; `control` is /dev/mapper/control.
///
/// # Errors
/// EBUSY while somebody uses it.
pub fn remove_mapped(control: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let mut request = [0_u8; MAPPED_BYTES];
    // The interface's version, the size of the whole, and where data would begin.
    let words = [4_u32, 0, 0, MAPPED_BYTES as u32, MAPPED_BYTES as u32];
    for (to, word) in request.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let name = name.get(..NAME_BYTES_MAX - 1).unwrap_or(name);
    if let Some(to) = request.get_mut(NAME_AT..).and_then(|rest| rest.get_mut(..name.len())) {
        to.copy_from_slice(name);
    }
    let place = (&raw mut request).expose_provenance();
    // SAFETY: the kernel reads and writes one dm_ioctl, whose size is in it and in `REMOVE`; `request` has that size and
    // outlives the call.
    unsafe { syscall(__NR_ioctl, [control.as_raw_fd() as usize, REMOVE, place, 0, 0, 0]) }.map(drop)
}
