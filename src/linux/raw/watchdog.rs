//! The watchdog's ioctl(2)s (the kernel's watchdog-api.rst): each takes one number and may change it.

#![expect(unsafe_code, reason = "a system call that takes a pointer")]

use linux_raw_sys::general::__NR_ioctl;
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

pub use linux_raw_sys::ioctl::{
    WDIOC_GETBOOTSTATUS as GET_BOOT_STATUS, WDIOC_GETTIMEOUT as GET_TIMEOUT,
    WDIOC_SETPRETIMEOUT as SET_PRETIMEOUT, WDIOC_SETTIMEOUT as SET_TIMEOUT,
};

/// Makes `request` with `value`; answers what the kernel has made of it.
///
/// # Errors
/// The driver's, such as EOPNOTSUPP, or ENOTTY for what is no watchdog.
pub fn control(watchdog: BorrowedFd<'_>, request: u32, value: u32) -> Result<u32, Errno> {
    let mut value = value;
    let place = (&raw mut value).expose_provenance();
    let args = [watchdog.as_raw_fd() as usize, request as usize, place, 0, 0, 0];
    // SAFETY: the kernel reads and writes one int at `place`, as the size in each of the four requests says; `value` is
    // one and outlives the call.
    unsafe { syscall(__NR_ioctl, args) }?;
    Ok(value)
}
