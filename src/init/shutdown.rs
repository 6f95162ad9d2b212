//! The end of PID 1's life: every unit is down already; what is left is killed, written out, unmounted, switched off.

use core::ffi::CStr;

use crate::{
    linux::{
        self, Errno,
        errno::Text,
        power::{self, MachineEnd},
        raw::process::{Forked, exit, fork},
        signals,
    },
    wire::Power,
};

use super::{kernel::Kernel, log};

/// How long processes of no unit may take to heed TERM, and to be gone after KILL.
const TERM_US: u64 = 5_000_000;
const KILL_US: u64 = 2_000_000;
/// How long writing out and unmounting may take before the machine ends without.
const SYNC_US: u64 = 20_000_000;
/// Exit status of a container's PID 1 that wants to be started again: systemd-nspawn's.
const CONTAINER_REBOOT: u8 = 133;
/// All of /proc/self/mountinfo that is looked at.
const MOUNTINFO_BYTES_MAX: usize = 64 << 10;
/// Rounds of unmounting: a mount below another may come free only when the other's user is gone.
const ROUNDS: usize = 4;

/// File systems that hold nothing and that the end itself needs.
const KEPT: [&[u8]; 5] = [b"/", b"/proc", b"/sys", b"/dev", b"/run"];

/// Ends the machine, or the container, with `status`. If it is to be `immediate`, nothing is done first.
pub(super) fn leave(kernel: &mut Kernel, how: Power, immediate: bool, status: u8) -> ! {
    if !immediate {
        end_everybody(kernel, signals::TERM, TERM_US);
        end_everybody(kernel, signals::KILL, KILL_US);
    }
    if kernel.container {
        exit(if how == Power::Reboot { CONTAINER_REBOOT } else { status });
    }
    if !immediate {
        put_disks_to_rest(kernel);
    }
    let end = match how {
        Power::PowerOff => MachineEnd::PowerOff,
        Power::Reboot => MachineEnd::Restart,
        Power::Halt => MachineEnd::Halt,
    };
    match power::end_machine(end) {
        Ok(()) => super::crash::give_up(format_args!("the machine did not {how}")),
        Err(errno) => super::crash::give_up(format_args!("cannot {how}: {}", Text(errno))),
    }
}

/// Sends `signal` to everybody and reaps until nobody is left or the time is up.
fn end_everybody(kernel: &Kernel, signal: u8, within_us: u64) {
    let deadline_us = linux::clock::monotonic_us().saturating_add(within_us);
    if linux::process::signal_everybody(signal).is_err() {
        return; // ESRCH: nobody is there
    }
    while !reap_all() && linux::clock::monotonic_us() < deadline_us {
        kernel.doze_until(deadline_us);
    }
}

/// Reaps what has ended; answers whether no child is left.
fn reap_all() -> bool {
    loop {
        match linux::raw::process::reap_any() {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(Errno::CHILD) => return true,
            Err(_) => return false,
        }
    }
}

/// Writes out and unmounts in a child, so that a disk that never answers cannot keep the machine from ending.
fn put_disks_to_rest(kernel: &Kernel) {
    match fork(None) {
        Ok(Forked::Child) => {
            power::sync();
            unmount_all();
            power::sync();
            exit(0)
        }
        Ok(Forked::Parent { .. }) => {
            let deadline_us = linux::clock::monotonic_us().saturating_add(SYNC_US);
            while !reap_all() {
                if linux::clock::monotonic_us() >= deadline_us {
                    log::error(format_args!(
                        "file systems are not written out after {} s, ending without",
                        SYNC_US / 1_000_000
                    ));
                    return;
                }
                kernel.doze_until(deadline_us);
            }
        }
        Err(errno) => {
            log::warn(format_args!("cannot unmount in a child, only writing out: {}", Text(errno)));
            power::sync();
        }
    }
}

fn unmount_all() {
    for round in 0..ROUNDS {
        let mut mountinfo = [0; MOUNTINFO_BYTES_MAX];
        let text = match linux::boot::read_file(c"/proc/self/mountinfo", &mut mountinfo) {
            Ok(text) => text,
            Err(errno) => {
                log::warn(format_args!(
                    "cannot read /proc/self/mountinfo, nothing is unmounted: {}",
                    Text(errno)
                ));
                break;
            }
        };
        let mut left = false;
        // Later mounts may lie on earlier ones.
        for line in text.rsplit(|byte| *byte == b'\n') {
            let mut path = [0; 4096];
            let Some(path) = mount_point(line, &mut path) else { continue };
            if KEPT.contains(&path.to_bytes()) || is_below_kernel_trees(path.to_bytes()) {
                continue;
            }
            if let Err(errno) = power::unmount_path(path) {
                left = true;
                if round + 1 == ROUNDS {
                    let _ = power::remount_read_only(path);
                    log::warn(format_args!(
                        "cannot unmount {}: {}",
                        path.to_str().unwrap_or("?"),
                        Text(errno)
                    ));
                }
            }
        }
        if !left {
            break;
        }
    }
    // EINVAL on an initramfs, which has nothing to lose.
    let _ = power::remount_read_only(c"/");
}

fn is_below_kernel_trees(path: &[u8]) -> bool {
    [b"/proc/".as_slice(), b"/sys/", b"/dev/"].iter().any(|tree| path.starts_with(tree))
}

/// The fifth field of a mountinfo line, unescaped (proc_pid_mountinfo(5): space, tab, newline and backslash are octal).
fn mount_point<'b>(line: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let field = line.split(|byte| *byte == b' ').nth(4)?;
    let mut bytes = field.iter().copied();
    let mut used = 0;
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'\\' {
            let mut octal =
                || bytes.next().filter(|digit| (b'0'..=b'7').contains(digit)).map(|digit| digit - b'0');
            octal()?.wrapping_mul(64).wrapping_add(octal()? * 8).wrapping_add(octal()?)
        } else {
            byte
        };
        *buffer.get_mut(used)? = byte;
        used += 1;
    }
    *buffer.get_mut(used)? = 0;
    CStr::from_bytes_with_nul(buffer.get(..=used)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_with_a_space_is_unescaped() {
        let line = br"36 35 98:0 / /mnt/my\040disk rw,noatime master:1 - ext4 /dev/vda rw";
        assert_eq!(mount_point(line, &mut [0; 64]), Some(c"/mnt/my disk"));
    }

    #[test]
    fn a_line_that_is_none_names_nothing() {
        assert_eq!(mount_point(b"", &mut [0; 64]), None);
        assert_eq!(mount_point(b"36 35 98:0 /", &mut [0; 64]), None);
        assert_eq!(mount_point(br"36 35 98:0 / /a\0", &mut [0; 64]), None);
        assert_eq!(mount_point(b"36 35 98:0 / /long", &mut [0; 4]), None);
    }
}
