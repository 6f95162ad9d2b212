//! The end of PID 1's life: every unit is down already; what is left is killed, written out, unmounted, switched off.

use crate::{
    linux::{
        self, Errno,
        errno::Text,
        mountinfo,
        power::{self, MachineEnd},
        raw::process::{Forked, exit, fork},
        root, signals,
    },
    supervisor,
    table::{UnitId, limits::PATH_BYTES_MAX},
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
/// How often unmounting and detaching is tried anew: deeper than this nobody stacks mounts on loops on mounts, and a loop
/// device that a program keeps open says each time that it has been let go of.
const ROUNDS_MAX: usize = 16;
/// All of /proc/self/mountinfo that is looked at.
const MOUNTINFO_BYTES_MAX: usize = 64 << 10;

/// File systems that hold nothing and that the end itself needs, and what the root lies on.
const KEPT: [&[u8]; 6] = [b"/", b"/proc", b"/sys", b"/dev", b"/run", root::UPPER.to_bytes()];

/// Ends the machine, or the container, with `status`. If it is to be `immediate`, nothing is done first. What a unit or its
/// job is the `reason` of goes with its word for the firmware.
pub(super) fn leave(
    kernel: &mut Kernel,
    how: Power,
    immediate: bool,
    status: u8,
    reason: Option<(UnitId, bool)>,
) -> ! {
    linux::rescue::forget();
    if !immediate {
        end_everybody(kernel, signals::TERM, TERM_US);
        end_everybody(kernel, signals::KILL, KILL_US);
    }
    if kernel.container {
        exit(if matches!(how, Power::Reboot | Power::Kexec | Power::SoftReboot) {
            CONTAINER_REBOOT
        } else {
            status
        });
    }
    if !immediate && how != Power::SoftReboot {
        put_disks_to_rest(kernel);
    }
    kernel.leave_watchdog(how);
    let end = match how {
        Power::PowerOff => MachineEnd::PowerOff,
        Power::Reboot => MachineEnd::Restart,
        Power::Halt => MachineEnd::Halt,
        Power::Kexec => MachineEnd::Kexec,
        Power::SoftReboot => {
            let (what, errno) = root::switch(kernel.arguments, supervisor::root::init(kernel.line));
            super::crash::give_up(format_args!("cannot {what}: {}", Text(errno)))
        }
    };
    let unit = reason.and_then(|(id, job)| kernel.table.unit(id).map(|unit| (unit, job)));
    let word = match &unit {
        Some((unit, true)) => unit.job_timeout_reboot_argument,
        Some((unit, false)) => unit.reboot_argument,
        None => "",
    };
    match power::end_machine(end, word) {
        Ok(()) => super::crash::give_up(format_args!("the machine did not {how}")),
        Err(errno) => super::crash::give_up(format_args!("cannot {how}: {}", Text(errno))),
    }
}

/// Sends `signal` to everybody and reaps until nobody is left or the time is up.
fn end_everybody(kernel: &Kernel, signal: u8, within_us: u64) {
    let deadline_us = linux::clock::monotonic_us().saturating_add(within_us);
    let spared = linux::process::signal_others(signal);
    while !reap(None) && linux::clock::monotonic_us() < deadline_us {
        if spared && !linux::process::has_others() {
            return; // only they are left
        }
        kernel.doze_until(deadline_us);
    }
}

/// Reaps what has ended; answers whether no child is left, or `wanted` was among those.
fn reap(wanted: Option<u32>) -> bool {
    loop {
        match linux::raw::process::reap_any() {
            Ok(Some((pid, _))) if Some(pid) == wanted => return true,
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(Errno::CHILD) => return true,
            Err(_) => return false,
        }
    }
}

/// Writes out and unmounts in a child, so that a disk that never answers cannot keep the machine from ending.
fn put_disks_to_rest(kernel: &Kernel) {
    match fork() {
        Ok(Forked::Child) => {
            power::sync();
            unmount_all();
            power::sync();
            exit(0)
        }
        Ok(Forked::Parent { pid, .. }) => {
            let deadline_us = linux::clock::monotonic_us().saturating_add(SYNC_US);
            // Those who are spared are children, too, and stay.
            while !reap(Some(pid)) {
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
            log::warn_of(errno, format_args!("cannot unmount in a child, only writing out"));
            power::sync();
        }
    }
}

/// Unmounts and detaches until nothing changes any more: a mount, a loop device or swap may hold another. What is left
/// then can only be kept from changing.
fn unmount_all() {
    let mut last = false;
    for round in 1..=ROUNDS_MAX {
        let mut changed = linux::disks::release_unused();
        let mut mountinfo = [0; MOUNTINFO_BYTES_MAX];
        let text = match linux::boot::read_file(c"/proc/self/mountinfo", &mut mountinfo) {
            Ok(text) => text,
            Err(errno) => {
                log::warn_of(errno, format_args!("cannot read /proc/self/mountinfo, nothing is unmounted"));
                break;
            }
        };
        // Later mounts may lie on earlier ones.
        for line in text.rsplit(|byte| *byte == b'\n') {
            let mut path = [0; PATH_BYTES_MAX];
            let Some((path, _)) = mountinfo::parse(line, &mut path) else { continue };
            if KEPT.contains(&path.to_bytes()) || is_below_kernel_trees(path.to_bytes()) {
                continue;
            }
            match power::unmount_path(path) {
                Ok(()) => changed = true,
                Err(errno) if last => {
                    let _ = power::remount_read_only(path);
                    log::warn_of(errno, format_args!("cannot unmount {}", path.to_str().unwrap_or("?")));
                }
                Err(_) => {}
            }
        }
        if last {
            break;
        }
        last = !changed || round + 1 == ROUNDS_MAX;
    }
    // EINVAL on an initramfs, which has nothing to lose, and for a root that nothing lies over.
    let _ = power::remount_read_only(c"/");
    let _ = power::remount_read_only(root::UPPER);
}

fn is_below_kernel_trees(path: &[u8]) -> bool {
    [b"/proc/".as_slice(), b"/sys/", b"/dev/"].iter().any(|tree| path.starts_with(tree))
}
