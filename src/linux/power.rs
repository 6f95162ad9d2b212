//! The end: everybody killed, everything written, unmounted, switched off.

use core::ffi::CStr;

use rustix::{
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount_remount, unmount},
    system::{RebootCommand, reboot},
};

use super::raw;

/// How the machine ends: reboot(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "reboot(2) names them")]
pub enum MachineEnd {
    PowerOff,
    Restart,
    Halt,
    Kexec,
}

/// Where systemd's tools leave the word for the firmware that is to start the machine: the argument of LINUX_REBOOT_CMD_RESTART2.
const REBOOT_PARAMETER: &CStr = c"/run/systemd/reboot-param";
/// Its longest, and a NUL: the kernel's.
pub const PARAMETER_BYTES_MAX: usize = 256;

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

/// Ends the machine. Returns only if the kernel refuses. `word` is for the firmware that is to start it over; if it is empty,
/// that of systemd's tools is.
///
/// # Errors
/// reboot(2)'s: EPERM without CAP_SYS_BOOT.
pub fn end_machine(how: MachineEnd, word: &str) -> Result<(), Errno> {
    reboot(match how {
        MachineEnd::PowerOff => RebootCommand::PowerOff,
        MachineEnd::Halt => RebootCommand::Halt,
        MachineEnd::Kexec => RebootCommand::Kexec,
        MachineEnd::Restart => {
            let mut parameter = [0; PARAMETER_BYTES_MAX];
            if let Some(room) = parameter.get_mut(..word.len()) {
                room.copy_from_slice(word.as_bytes());
            }
            let line = match word {
                "" => super::boot::read_file(REBOOT_PARAMETER, &mut parameter).unwrap_or_default(),
                _ => &parameter[..],
            };
            let length = line.iter().take_while(|byte| **byte >= b' ').count();
            if let (1.., Some(end)) = (length, parameter.get_mut(length)) {
                *end = 0;
                if let Ok(word) = CStr::from_bytes_until_nul(&parameter) {
                    raw::process::restart_with(word)?;
                }
            }
            RebootCommand::Restart
        }
    })
}

/// From here on Ctrl-Alt-Del is a signal to PID 1, SIGINT, not a reset.
///
/// # Errors
/// reboot(2)'s: EPERM without CAP_SYS_BOOT.
pub fn take_over_ctrl_alt_del() -> Result<(), Errno> {
    reboot(RebootCommand::CadOff)
}
