//! mount_setattr(2): flags of a whole tree of mounts at once (Linux 5.12).

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use core::ffi::CStr;

use linux_raw_sys::general::{
    __NR_mount_setattr, AT_EMPTY_PATH, AT_RECURSIVE, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY, mount_attr,
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

/// Sets the flags `set` on the mount that holds `path` (its root must be a mount's) and on every mount below it.
/// An empty `path` means `dir` itself. ENOSYS before Linux 5.12.
pub fn set_attributes_recursive(dir: BorrowedFd<'_>, path: &CStr, set: u32) -> Result<(), Errno> {
    let attributes = mount_attr { attr_set: u64::from(set), attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = if path.is_empty() { AT_RECURSIVE | AT_EMPTY_PATH } else { AT_RECURSIVE };
    let args = [
        dir.as_raw_fd() as usize,
        path.as_ptr().expose_provenance(),
        flags as usize,
        (&raw const attributes).expose_provenance(),
        size_of::<mount_attr>(),
        0,
    ];
    // SAFETY: the kernel reads a NUL-terminated path and one mount_attr of the size given.
    unsafe { syscall(__NR_mount_setattr, args) }?;
    Ok(())
}
