//! mount_setattr(2): flags of a whole tree of mounts at once (Linux 5.12). swapon(2) and swapoff(2).

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use core::ffi::CStr;

use linux_raw_sys::general::{
    __NR_mount_setattr, __NR_swapoff, __NR_swapon, AT_EMPTY_PATH, AT_RECURSIVE, MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, mount_attr,
};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

/// Nothing can be written through the mount.
pub const RDONLY: u32 = MOUNT_ATTR_RDONLY;
/// SUID and SGID bits and file capabilities have no effect.
pub const NOSUID: u32 = MOUNT_ATTR_NOSUID;
/// Device nodes cannot be opened.
pub const NODEV: u32 = MOUNT_ATTR_NODEV;
/// Nothing can be executed.
pub const NOEXEC: u32 = MOUNT_ATTR_NOEXEC;

/// Sets the flags `set` and clears the flags `clear` on the mount whose root is held and on every mount below it. ENOSYS
/// before Linux 5.12.
pub fn set_attributes_recursive(mount: BorrowedFd<'_>, set: u32, clear: u32) -> Result<(), Errno> {
    let attributes =
        mount_attr { attr_set: set.into(), attr_clr: clear.into(), propagation: 0, userns_fd: 0 };
    let args = [
        mount.as_raw_fd() as usize,
        c"".as_ptr().expose_provenance(),
        (AT_RECURSIVE | AT_EMPTY_PATH) as usize,
        (&raw const attributes).expose_provenance(),
        size_of::<mount_attr>(),
        0,
    ];
    // SAFETY: the kernel reads an empty path and one mount_attr of the size given.
    unsafe { syscall(__NR_mount_setattr, args) }?;
    Ok(())
}

/// Swaps to `path` with the kernel's SWAP_FLAG bits `flags`.
pub fn swap_on(path: &CStr, flags: u32) -> Result<(), Errno> {
    // SAFETY: the kernel reads the path, which ends in NUL and outlives the call.
    unsafe { syscall(__NR_swapon, [path.as_ptr().expose_provenance(), flags as usize, 0, 0, 0, 0]) }.map(drop)
}

/// Swaps to `path` no more.
pub fn swap_off(path: &CStr) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { syscall(__NR_swapoff, [path.as_ptr().expose_provenance(), 0, 0, 0, 0, 0]) }.map(drop)
}
