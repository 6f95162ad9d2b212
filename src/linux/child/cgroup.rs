//! The unit's cgroup: its settings, whose it is, and which devices may be used in it. The process is in it already, but no
//! program yet: what PID 1 might have to wait for, it waits for.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{AtFlags, FileType, Gid, Uid, chownat, major, minor, stat},
    io::Errno,
};

use super::Work;
use crate::linux::{
    cgroup,
    feature::Feature,
    glob::matches,
    passwd::{columns, file_number, open_lines, search},
    plan::{Devices, Network},
    raw::bpf,
};

/// Files that somebody to whom a group is delegated writes (the kernel's Documentation/admin-guide/cgroup-v2.rst, "Model of Delegation").
const DELEGATED: [&CStr; 6] = [
    c".",
    c"cgroup.procs",
    c"cgroup.subtree_control",
    c"cgroup.threads",
    c"memory.oom.group",
    c"memory.reclaim",
];

/// Room for some hundred rules.
type Program = Vec<u8, 8192>;
/// struct bpf_insn of linux/bpf.h.
const INSTRUCTION_BYTES: usize = 8;
/// Where its operand is.
const OPERAND_AT: usize = 4;
/// A rule for one device.
const RULE_BYTES: usize = 7 * INSTRUCTION_BYTES;
/// The rule's instructions that name the device.
const KIND_AT: usize = 2;
const MAJOR_AT: usize = 3;
const MINOR_AT: usize = 4;
/// Kinds of devices: linux/bpf.h, BPF_DEVCG_DEV_BLOCK and BPF_DEVCG_DEV_CHAR.
const BLOCK: u32 = 1;
const CHARACTER: u32 = 2;

/// `MemoryMax=` and its kind, and `Delegate=`.
pub(super) fn configure(work: &mut Work<'_>) -> Result<(), Errno> {
    let plan = work.plan;
    let wanted = &plan.cgroup;
    let Some(group) = wanted.directory else {
        return if wanted.settings.is_empty() {
            Ok(())
        } else {
            work.go_without(Feature::Cgroup, Errno::OPNOTSUPP)
        };
    };
    cgroup::set(group, wanted.settings, wanted.tasks, &mut |file, errno| match errno {
        // A controller or a device that is not there.
        Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP => work.go_without(feature_of(file), Errno::OPNOTSUPP),
        errno => {
            work.about.set(file.to_bytes());
            Err(errno)
        }
    })?;
    match (work.who.uid, work.who.gid) {
        (Some(uid), gid) if wanted.delegate => {
            hand_over(group, uid, gid)?;
            if wanted.subgroup.is_empty() {
                return Ok(());
            }
            let below = cgroup::make(group, wanted.subgroup)?;
            hand_over(below.as_fd(), uid, gid)
        }
        _ => Ok(()),
    }
}

/// The controller whose file it is.
fn feature_of(file: &CStr) -> Feature {
    match file.to_bytes() {
        [b'm', ..] => Feature::CgroupMemory,
        [b'p', ..] => Feature::CgroupPids,
        [b'i', ..] => Feature::CgroupIo,
        [_, _, _, b's', ..] => Feature::CgroupCpuset,
        _ => Feature::CgroupCpu,
    }
}

fn hand_over(group: BorrowedFd<'_>, uid: u32, gid: Option<u32>) -> Result<(), Errno> {
    for &name in &DELEGATED {
        match chownat(group, name, Some(Uid::from_raw(uid)), gid.map(Gid::from_raw), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// `DevicePolicy=`: once for a group, by its first process.
pub(super) fn restrict_devices(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = &work.plan.cgroup;
    let Some(devices) = &wanted.devices else { return Ok(()) };
    let known = wanted.device_program;
    match wanted.directory.ok_or(Errno::OPNOTSUPP).and_then(|group| restrict(group, devices, known)) {
        Err(errno @ (Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM)) if !devices.needed => {
            work.lack(Feature::CgroupDevices, errno)
        }
        Err(errno) => work.go_without(Feature::CgroupDevices, errno),
        Ok(()) => Ok(()),
    }
}

/// `IPAddressDeny=`, `SocketBindDeny=` and their kind: likewise.
pub(super) fn restrict_network(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = &work.plan.cgroup;
    let Network { ingress, egress, bind4, bind6 } = wanted.network;
    let programs = [(bpf::INGRESS, ingress), (bpf::EGRESS, egress), (bpf::BIND4, bind4), (bpf::BIND6, bind6)];
    let restrict = |hook, program| {
        let group = wanted.directory.ok_or(Errno::OPNOTSUPP)?;
        if bpf::has(group, hook)? { Ok(()) } else { bpf::put(group, hook, program) }
    };
    for (hook, program) in programs {
        if let Some(program) = program
            && let Err(errno) = restrict(hook, program)
        {
            return work.go_without(Feature::CgroupNetwork, errno);
        }
    }
    Ok(())
}

fn restrict(
    group: BorrowedFd<'_>,
    devices: &Devices<'_>,
    known: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    match (bpf::has(group, bpf::DEVICES)?, known) {
        (true, _) => Ok(()),
        (false, Some(program)) => bpf::attach(group, bpf::DEVICES, program),
        (false, None) if devices.late.is_empty() => bpf::put(group, bpf::DEVICES, devices.program),
        (false, None) => restrict_late(group, devices),
    }
}

#[inline(never)] // some pages of stack, which would be touched for units without such a rule, too
fn restrict_late(group: BorrowedFd<'_>, devices: &Devices<'_>) -> Result<(), Errno> {
    let mut program = Program::new();
    complete(devices, &mut program)?;
    bpf::put(group, bpf::DEVICES, &program)
}

/// Makes the program with a rule for each device that is here.
fn complete(devices: &Devices<'_>, program: &mut Program) -> Result<(), Errno> {
    let (fixed, rest) = devices.program.split_at_checked(devices.fixed.into()).ok_or(Errno::INVAL)?;
    let rules = rest.chunks_exact(RULE_BYTES);
    let end = rules.remainder();
    add(program, fixed)?;
    for (name, rule) in devices.late.iter().zip(rules) {
        each_device(name, &mut |kind, major, minor| {
            let begin = program.len();
            add(program, rule)?;
            for &(instruction, operand) in &[(KIND_AT, kind), (MAJOR_AT, major), (MINOR_AT, minor)] {
                let at = begin.saturating_add(instruction * INSTRUCTION_BYTES + OPERAND_AT);
                let operand = operand.to_le_bytes();
                program
                    .get_mut(at..)
                    .ok_or(Errno::INVAL)?
                    .iter_mut()
                    .zip(operand)
                    .for_each(|(to, byte)| *to = byte);
            }
            Ok(())
        })?;
    }
    add(program, end)
}

fn add(program: &mut Program, bytes: &[u8]) -> Result<(), Errno> {
    program.extend_from_slice(bytes).map_err(|_| Errno::TOOBIG)
}

/// Takes a device's kind, major and minor number.
type Found<'f> = &'f mut dyn FnMut(u32, u32, u32) -> Result<(), Errno>;

/// The devices that `name` stands for: a node's path, or the kind and a pattern for a driver's name. What is not there is
/// none.
fn each_device(name: &CStr, found: Found<'_>) -> Result<(), Errno> {
    let text = name.to_bytes();
    let (kind, pattern) = match (text.strip_prefix(b"block-"), text.strip_prefix(b"char-")) {
        (Some(pattern), _) => (BLOCK, pattern),
        (_, Some(pattern)) => (CHARACTER, pattern),
        _ => {
            let Ok(node) = stat(name) else { return Ok(()) };
            let file_type = FileType::from_raw_mode(node.st_mode);
            if !file_type.is_block_device() && !file_type.is_char_device() {
                return Ok(());
            }
            let kind = if file_type.is_block_device() { BLOCK } else { CHARACTER };
            return found(kind, major(node.st_rdev), minor(node.st_rdev));
        }
    };
    // "Character devices:", a line for each, and the same for block devices.
    let mut section = CHARACTER;
    search(&open_lines(c"/proc/devices")?, &mut |line| {
        let mut columns = columns(line);
        match (columns.next(), columns.next()) {
            (Some(b"Block"), _) => section = BLOCK,
            (Some(number), Some(driver)) if section == kind && matches(pattern, driver) => {
                file_number(number).map_or(Ok(()), |major| found(kind, major, 0))?;
            }
            _ => {}
        }
        Ok(false)
    })?;
    Ok(())
}
