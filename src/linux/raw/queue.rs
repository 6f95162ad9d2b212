//! POSIX message queues.

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use core::ffi::CStr;

use linux_raw_sys::general::{__NR_mq_open, __NR_mq_unlink, O_CLOEXEC, O_CREAT, O_NONBLOCK};
use rustix::{
    fd::{FromRawFd, OwnedFd, RawFd},
    io::Errno,
};

use super::syscall;

/// The kernel's `struct mq_attr`: flags, messages at most, bytes of one, messages now, four unused.
type Attributes = [isize; 8];

/// Opens the queue `name`, made with `mode` if it is missing, for `limits`: messages and bytes of one.
pub fn open(name: &CStr, mode: u32, limits: Option<(u32, u32)>) -> Result<OwnedFd, Errno> {
    let attributes: Attributes =
        limits.map_or([0; 8], |(messages, bytes)| [0, messages as isize, bytes as isize, 0, 0, 0, 0, 0]);
    let attributes = if limits.is_some() { (&raw const attributes).expose_provenance() } else { 0 };
    let flags = (O_CREAT | O_CLOEXEC | O_NONBLOCK) as usize;
    let arguments = [name.as_ptr().expose_provenance(), flags, mode as usize, attributes, 0, 0];
    // SAFETY: `CStr` ends in NUL, and `attributes` is null or lives to the end of this function and is what the kernel
    // reads.
    let fd = unsafe { syscall(__NR_mq_open, arguments) }?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    RawFd::try_from(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).map_err(|_| Errno::RANGE)
}

/// Removes the queue `name`.
pub fn unlink(name: &CStr) -> Result<(), Errno> {
    // SAFETY: `CStr` ends in NUL.
    unsafe { syscall(__NR_mq_unlink, [name.as_ptr().expose_provenance(), 0, 0, 0, 0, 0]) }.map(|_| ())
}
