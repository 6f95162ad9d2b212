//! Giving up what the process may do. Every call here is checked: a failure ends the child.

use rustix::{
    fs::{Gid, Mode, Uid},
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit, umask},
    thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities,
        configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
        set_capabilities_secure_bits, set_keep_capabilities, set_no_new_privs, set_thread_groups,
        set_thread_res_gid, set_thread_res_uid,
    },
};

use super::Work;
use crate::linux::{
    feature::Feature,
    plan::{self, Privilege},
    raw::seccomp,
};

/// The kernel's RLIMIT numbers, in order.
const RESOURCES: [Resource; 16] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::Data,
    Resource::Stack,
    Resource::Core,
    Resource::Rss,
    Resource::Nproc,
    Resource::Nofile,
    Resource::Memlock,
    Resource::As,
    Resource::Locks,
    Resource::Sigpending,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Rtprio,
    Resource::Rttime,
];

/// Descriptors a program may have unless it asks for more: select(2) knows no higher ones. PID 1 has raised its own.
const DESCRIPTORS: u64 = 1024;

/// `UMask=` and `Limit*=`. The command prefix `+` keeps the limits away, not the umask.
pub(super) fn limit(work: &mut Work<'_>) -> Result<(), Errno> {
    umask(Mode::from_raw_mode(work.plan.limits.umask.into()));
    let descriptors = getrlimit(Resource::Nofile);
    if descriptors.current.is_none_or(|current| current > DESCRIPTORS) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), ..descriptors })?;
    }
    let spared = work.plan.privilege == Privilege::Full;
    for plan::Rlimit { resource, soft, hard } in work.plan.limits.rlimits.iter().filter(|_| !spared) {
        let resource = RESOURCES.get(usize::from(*resource)).ok_or(Errno::INVAL)?;
        set_closest(*resource, (*soft, *hard))?;
    }
    Ok(())
}

/// Sets a limit. One that is higher than this process may go, such as an infinity of descriptors, becomes the highest there
/// is (rlimit-util.c, `setrlimit_closest`); a lower one is never refused.
fn set_closest(resource: Resource, (soft, hard): (u64, u64)) -> Result<(), Errno> {
    let finite = |limit: u64| (limit != u64::MAX).then_some(limit);
    let set = |most: u64| {
        setrlimit(resource, Rlimit { current: finite(soft.min(most)), maximum: finite(hard.min(most)) })
    };
    match set(u64::MAX) {
        Err(Errno::PERM) => set(getrlimit(resource).maximum.unwrap_or(u64::MAX)),
        answer => answer,
    }
}

/// The supplementary groups, then the group. The prefixes `+` and `!` keep the group, and lose root's supplementary ones to the
/// user's, as observed on systemd.
pub(super) fn change_groups(work: &mut Work<'_>) -> Result<(), Errno> {
    if let Some(groups) = &work.who.groups {
        set_thread_groups(groups)?;
    }
    match work.who.gid.map(Gid::from_raw) {
        Some(gid) if work.plan.privilege == Privilege::Restricted => set_thread_res_gid(gid, gid, gid),
        _ => Ok(()),
    }
}

/// `CapabilityBoundingSet=`: what is not in it can never be had again.
pub(super) fn drop_bounding_set(work: &mut Work<'_>) -> Result<(), Errno> {
    let kept = CapabilitySet::from_bits_retain(work.plan.limits.bounding_set);
    if kept == CapabilitySet::all() || work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(Errno::INVAL) if number > 0 => break, // the kernel has no more
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The user, which the prefix `!` keeps. Capabilities that are needed on the other side are taken along.
pub(super) fn change_user(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    let ambient = ambient(work)?;
    let mut kept = ambient;
    // Without no_new_privs a filter can only be loaded with CAP_SYS_ADMIN, and it is loaded later.
    kept.set(CapabilitySet::SYS_ADMIN, needs_filter(work) && !work.plan.limits.no_new_privileges);
    kept |= ambient;
    kept.set(
        CapabilitySet::SETPCAP,
        work.plan.limits.secure_bits != 0 || kept.contains(CapabilitySet::SETPCAP),
    );
    let changes = work.plan.privilege == Privilege::Restricted;
    let uid = work.who.uid.filter(|_| changes).map(Uid::from_raw);
    let leaving_root = uid.is_some_and(|uid| !uid.is_root());
    if leaving_root {
        set_keep_capabilities(!kept.is_empty())?;
    }
    if let Some(uid) = uid {
        set_thread_res_uid(uid, uid, uid)?;
    }
    if leaving_root {
        hold(kept, ambient)?;
        set_keep_capabilities(false)?;
    } else if !ambient.is_empty() {
        let sets = capabilities(None)?;
        set_capabilities(None, CapabilitySets { inheritable: sets.inheritable | ambient, ..sets })?;
    }
    Ok(())
}

/// `SecureBits=`.
pub(super) fn set_secure_bits(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.limits.secure_bits == 0 || work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    set_capabilities_secure_bits(CapabilitiesSecureBits::from_bits_retain(
        work.plan.limits.secure_bits.into(),
    ))
}

fn hold(kept: CapabilitySet, inheritable: CapabilitySet) -> Result<(), Errno> {
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })
}

/// `AmbientCapabilities=`: what a program without privileges of its own finds after execve.
pub(super) fn raise_ambient(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    let ambient = ambient(work)?;
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if ambient.contains(capability) {
            configure_capability_in_ambient_set(capability, true)?;
        }
    }
    Ok(())
}

/// `AmbientCapabilities=`, without what the machine took away from all of its processes: nobody can be given that, and a
/// unit that runs elsewhere runs in a container, too (capability-util.c, `capability_ambient_set_apply`).
fn ambient(work: &Work<'_>) -> Result<CapabilitySet, Errno> {
    match CapabilitySet::from_bits_retain(work.plan.limits.ambient) {
        none if none.is_empty() => Ok(none),
        wanted => Ok(wanted & capabilities(None)?.permitted),
    }
}

/// `NoNewPrivileges=`.
pub(super) fn forbid_new_privileges(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = work.plan.limits.no_new_privileges && work.plan.privilege != Privilege::Full;
    if wanted { set_no_new_privs(true) } else { Ok(()) }
}

/// `SystemCallFilter=` and its kind. What was kept for loading the filter goes away with it.
pub(super) fn load_filter(work: &mut Work<'_>) -> Result<(), Errno> {
    let limits = work.plan.limits;
    if limits.no_write_execute && work.plan.privilege != Privilege::Full {
        let _older_kernel = seccomp::forbid_write_execute(); // the filter refuses it all the same
    }
    if !needs_filter(work) {
        return Ok(());
    }
    match seccomp::load(limits.filter) {
        Err(Errno::INVAL) if !seccomp::is_missing() => return Err(Errno::INVAL),
        Err(errno) => work.go_without(Feature::Seccomp, errno)?,
        Ok(()) => {}
    }
    let left_root = work.plan.privilege == Privilege::Restricted && work.who.uid.is_some_and(|uid| uid != 0);
    // With no_new_privs nothing was kept, and the filter need not allow capset.
    if left_root && !work.plan.limits.no_new_privileges {
        let ambient = ambient(work)?;
        hold(ambient, ambient)?;
    }
    Ok(())
}

fn needs_filter(work: &Work<'_>) -> bool {
    !work.plan.limits.filter.is_empty() && work.plan.privilege != Privilege::Full
}
