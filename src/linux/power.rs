//! The end: everybody killed, everything written, unmounted, switched off.

use core::ffi::CStr;

use rustix::{
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount_remount, unmount},
    system::{RebootCommand, reboot},
};

/// How the machine ends: reboot(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "reboot(2) names them")]
pub enum MachineEnd {
    PowerOff,
    Restart,
    Halt,
}

/// Flushes file systems. May take as long as the slowest disk does.
pub fn sync() {
    rustix::fs::sync();
}

/// Unmounts `path`; EBUSY when somebody still uses it.
///
/// # Errors
/// umount2(2)'s.
pub fn unmount_path(path: &CStr) -> Result<(), Errno> {
    unmount(path, UnmountFlags::NOFOLLOW)
}

/// Makes the mount at `path` read-only, the last resort for what cannot be unmounted.
///
/// # Errors
/// mount(2)'s.
pub fn remount_read_only(path: &CStr) -> Result<(), Errno> {
    mount_remount(path, MountFlags::RDONLY, c"")
}

/// Ends the machine. Returns only if the kernel refuses.
///
/// # Errors
/// reboot(2)'s: EPERM without CAP_SYS_BOOT.
pub fn end_machine(how: MachineEnd) -> Result<(), Errno> {
    reboot(match how {
        MachineEnd::PowerOff => RebootCommand::PowerOff,
        MachineEnd::Restart => RebootCommand::Restart,
        MachineEnd::Halt => RebootCommand::Halt,
    })
}
