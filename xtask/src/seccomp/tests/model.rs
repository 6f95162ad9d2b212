//! What becomes of a call, said as plainly as systemd.exec(5) says it: one setting after the other, by names.

use std::{collections::BTreeSet, sync::LazyLock};

use super::interpreter::Call;
use crate::seccomp::{
    abi::{Abi, X32_BIT},
    groups,
    policy::{CallList, Denial, Policy},
};

const ALLOW: u32 = 0x7FFF_0000;
const LOG: u32 = 0x7FFC_0000;
const KILL: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = ERRNO + 1;
const ENOSYS: u32 = ERRNO + 38;
const EAFNOSUPPORT: u32 = ERRNO + 97;

static MODULE: LazyLock<BTreeSet<&str>> = LazyLock::new(|| groups::calls("@module").unwrap());
static CLOCK: LazyLock<BTreeSet<&str>> = LazyLock::new(|| groups::calls("@clock").unwrap());
static RAW_IO: LazyLock<BTreeSet<&str>> = LazyLock::new(|| groups::calls("@raw-io").unwrap());

/// The answer to a call on a machine with the interfaces `abis`.
pub fn judge(policy: &Policy, abis: &[Abi], call: &Call) -> u32 {
    let x32 = call.number & X32_BIT != 0;
    let fits = |abi: &Abi| {
        abi.audit() == call.arch && (!matches!(abi, Abi::X86_64 | Abi::X32) || x32 == (*abi == Abi::X32))
    };
    let Some(abi) = abis.iter().copied().find(fits) else {
        return if policy.architectures.is_some() { KILL } else { ENOSYS };
    };
    if abi != abis[0] && policy.architectures.as_ref().is_some_and(|open| !open.contains(&abi)) {
        return KILL;
    }
    let number = if abi == Abi::X32 { call.number & !X32_BIT } else { call.number };
    let name = abi.calls().get(&number).copied();
    let answers = [
        by_list(policy, name),
        by_log(policy, name),
        name.map_or(ALLOW, |name| by_restrictions(policy, abi, name, &call.args.map(|arg| arg as u32))),
    ];
    strictest(answers)
}

/// KILL, then errors, LOG, ALLOW; of errors the first.
fn strictest<const N: usize>(answers: [u32; N]) -> u32 {
    let rank = |answer: u32| match answer {
        KILL => 0,
        LOG => 2,
        ALLOW => 3,
        _ => 1,
    };
    answers.into_iter().min_by_key(|answer| rank(*answer)).unwrap_or(ALLOW)
}

fn by_list(policy: &Policy, name: Option<&str>) -> u32 {
    let Some(CallList { allow, calls }) = &policy.calls else { return ALLOW };
    let code = |denial: Denial| match denial {
        Denial::Kill => KILL,
        Denial::Errno(errno) => ERRNO + u32::from(errno),
    };
    let listed = name.and_then(|name| calls.get(name));
    match (name, listed) {
        (Some("write"), _) => ALLOW,
        (_, Some(Some(own))) => code(*own),
        (_, Some(None)) if *allow => ALLOW,
        (_, Some(None)) => code(policy.denial),
        (_, None) if !*allow => ALLOW,
        (Some(name), None) if groups::is_known(name) => code(policy.denial),
        (_, None) => ENOSYS,
    }
}

fn by_log(policy: &Policy, name: Option<&str>) -> u32 {
    let Some(CallList { allow, calls }) = &policy.log else { return ALLOW };
    let listed = name.is_some_and(|name| calls.contains_key(name));
    if listed == *allow { LOG } else { ALLOW }
}

fn by_restrictions(policy: &Policy, abi: Abi, name: &str, args: &[u32; 6]) -> u32 {
    let refused = policy.modules && MODULE.contains(name)
        || policy.clock && CLOCK.contains(name)
        || policy.raw_io && RAW_IO.contains(name)
        || policy.kernel_logs && name == "syslog"
        || policy.tunables && name == "_sysctl"
        || policy.hostname && matches!(name, "sethostname" | "setdomainname")
        || policy.suid_sgid && makes_suid(name, args)
        || policy.write_execute && makes_executable(abi, name, args)
        || policy.realtime && name == "sched_setscheduler" && !matches!(args[1], 0 | 3 | 5)
        || policy.personality.is_some_and(|locked| name == "personality" && args[0] != locked);
    let absent = policy.suid_sgid && matches!(name, "openat2" | "io_uring_setup")
        || policy.realtime && name == "sched_setattr"
        || policy.families.is_some() && name == "io_uring_setup";
    let family = policy.families.as_ref().is_some_and(|families| match name {
        "socket" => families.families.contains(&args[0]) != families.allow,
        "socketcall" => args[0] == 1,
        _ => false,
    });
    let namespace = policy.namespaces.map_or(ALLOW, |kept| by_namespaces(kept, name, args));
    match (refused, absent, family) {
        (true, ..) => EPERM,
        (_, true, _) => ENOSYS,
        (_, _, true) => EAFNOSUPPORT,
        (false, false, false) => namespace,
    }
}

fn makes_suid(name: &str, args: &[u32; 6]) -> bool {
    let suid = |mode: u32| mode & 0o4000 != 0 || mode & 0o2000 != 0;
    let creates = |flags: u32| flags & 0o100 != 0 || flags & 0o20_000_000 != 0;
    match name {
        "chmod" | "fchmod" | "mkdir" | "mknod" | "creat" => suid(args[1]),
        "fchmodat" | "fchmodat2" | "mkdirat" | "mknodat" => suid(args[2]),
        "open" => creates(args[1]) && suid(args[2]),
        "openat" => creates(args[2]) && suid(args[3]),
        _ => false,
    }
}

fn makes_executable(abi: Abi, name: &str, args: &[u32; 6]) -> bool {
    match name {
        "mmap" if abi == Abi::X86 => true,
        "mmap" | "mmap2" => args[2] & 4 != 0 && args[2] & 2 != 0,
        "mprotect" | "pkey_mprotect" => args[2] & 4 != 0,
        "shmat" => args[2] & 0o100_000 != 0,
        "ipc" => args[0] & 0xFFFF == 21 && args[2] & 0o100_000 != 0,
        _ => false,
    }
}

fn by_namespaces(kept: u32, name: &str, args: &[u32; 6]) -> u32 {
    const KINDS: [u32; 8] =
        [0x80, 0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
    let forbidden: Vec<u32> = KINDS.into_iter().filter(|kind| kept & kind == 0).collect();
    let any = |flags: u32| forbidden.iter().any(|kind| flags & kind != 0);
    match name {
        _ if forbidden.is_empty() => ALLOW,
        "clone3" => ENOSYS,
        "unshare" | "clone" if any(args[0]) => EPERM,
        "setns" if any(args[1]) || args[1] == 0 || forbidden.len() == KINDS.len() => EPERM,
        _ => ALLOW,
    }
}
