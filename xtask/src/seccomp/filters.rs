//! From settings to filters: what systemd 257 loads for each setting, in its order (exec-invoke.c, seccomp-util.c), and
//! closed where systemd leaves a way round: calls that take in memory what a filter would have to see answer ENOSYS, so
//! that libraries fall back to those whose arguments it sees.

use super::{
    abi::Abi,
    groups,
    policy::{CallList, Denial, Families, Policy},
    rule::{Action, EAFNOSUPPORT, ENOSYS, EPERM, Filter, Test},
};
use crate::values::namespace;

const REFUSED: Action = Action::Errno(EPERM);
const ABSENT: Action = Action::Errno(ENOSYS);

/// S_ISUID | S_ISGID.
const SUID_SGID: u32 = 0o6000;
/// O_CREAT | the bit of O_TMPFILE that is its own. The same on every architecture here.
const CREATES: u32 = 0o100 | 0o20_000_000;
/// PROT_WRITE and PROT_EXEC of mmap(2).
const WRITE: u32 = 2;
const EXEC: u32 = 4;
/// SHM_EXEC of shmat(2).
const SHM_EXEC: u32 = 0o100_000;
/// The call in ipc(2) that is shmat; the upper half of that argument is a version.
const IPC_SHMAT: (u32, u32) = (0xFFFF, 21);
/// The call in socketcall(2) that is socket.
const SOCKETCALL_SOCKET: u32 = 1;
/// SCHED_OTHER, SCHED_BATCH, SCHED_IDLE.
const ORDINARY_POLICIES: [u32; 3] = [0, 3, 5];

/// The filters of `policy` for `abi` in the order in which systemd loads them. The interfaces that `SystemCallArchitectures=` closes
/// are not part of them.
pub fn filters(policy: &Policy, abi: Abi) -> Vec<Filter> {
    let Policy { realtime, suid_sgid, write_execute, tunables, modules, kernel_logs, clock, .. } = *policy;
    let Policy { hostname, raw_io, .. } = *policy;
    let when = |wanted: bool, filter: fn() -> Filter| wanted.then(filter);
    [
        policy.families.as_ref().map(address_families),
        when(hostname, || refused(["sethostname", "setdomainname"])),
        write_execute.then(|| memory_deny_write_execute(abi)),
        when(realtime, restrict_realtime),
        when(suid_sgid, restrict_suid_sgid),
        policy.namespaces.filter(|kept| *kept & namespace::ALL != namespace::ALL).map(restrict_namespaces),
        when(tunables, || refused(["_sysctl"])),
        when(modules, || refused(groups::calls("@module").unwrap_or_default())),
        when(kernel_logs, || refused(["syslog"])),
        when(clock, || refused(groups::calls("@clock").unwrap_or_default())),
        when(raw_io, || refused(groups::calls("@raw-io").unwrap_or_default())),
        policy.personality.map(lock_personality),
        policy.log.as_ref().map(logged),
        policy.calls.as_ref().map(|calls| listed(calls, policy.denial)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn refused(calls: impl IntoIterator<Item = &'static str>) -> Filter {
    let mut filter = Filter::new();
    for call in calls {
        filter.always(call, REFUSED);
    }
    filter
}

/// socket(2). 32-bit x86's socketcall has the family in memory, and io_uring makes sockets without any call.
fn address_families(Families { allow, families }: &Families) -> Filter {
    let values = families.iter().copied();
    let refused = if *allow { Test::none_of(0, values) } else { Test::one_of(0, values) };
    let mut filter = Filter::new();
    filter.when("socket", [refused], Action::Errno(EAFNOSUPPORT));
    filter.when("socketcall", [Test::one_of(0, [SOCKETCALL_SOCKET])], Action::Errno(EAFNOSUPPORT));
    filter.always("io_uring_setup", ABSENT);
    filter
}

/// 32-bit x86's mmap has everything in memory; programs there use mmap2.
fn memory_deny_write_execute(abi: Abi) -> Filter {
    let mut filter = Filter::new();
    if abi == Abi::X86 {
        filter.always("mmap", REFUSED);
    } else {
        filter.when("mmap", [Test::any_bit(2, WRITE), Test::any_bit(2, EXEC)], REFUSED);
    }
    filter.when("mmap2", [Test::any_bit(2, WRITE), Test::any_bit(2, EXEC)], REFUSED);
    filter.when("mprotect", [Test::any_bit(2, EXEC)], REFUSED);
    filter.when("pkey_mprotect", [Test::any_bit(2, EXEC)], REFUSED);
    filter.when("shmat", [Test::any_bit(2, SHM_EXEC)], REFUSED);
    let (mask, shmat) = IPC_SHMAT;
    filter.when("ipc", [Test::masked(0, mask, [shmat]), Test::any_bit(2, SHM_EXEC)], REFUSED);
    filter
}

/// sched_setscheduler(2); sched_setattr has the policy in memory.
fn restrict_realtime() -> Filter {
    let mut filter = Filter::new();
    filter.when("sched_setscheduler", [Test::none_of(1, ORDINARY_POLICIES)], REFUSED);
    filter.always("sched_setattr", ABSENT);
    filter
}

/// Calls that give a file a mode; openat2 has it in memory, and io_uring opens files without any call.
fn restrict_suid_sgid() -> Filter {
    let mut filter = Filter::new();
    let modes = [
        ("chmod", 1),
        ("fchmod", 1),
        ("fchmodat", 2),
        ("fchmodat2", 2),
        ("mkdir", 1),
        ("mkdirat", 2),
        ("mknod", 1),
        ("mknodat", 2),
        ("creat", 1),
    ];
    for (call, mode) in modes {
        filter.when(call, [Test::any_bit(mode, SUID_SGID)], REFUSED);
    }
    for (call, flags) in [("open", 1), ("openat", 2)] {
        let tests = [Test::any_bit(flags, CREATES), Test::any_bit(flags + 1, SUID_SGID)];
        filter.when(call, tests, REFUSED);
    }
    filter.always("openat2", ABSENT);
    filter.always("io_uring_setup", ABSENT);
    filter
}

/// unshare, clone and setns; clone3 has the flags in memory. setns without a kind takes any.
fn restrict_namespaces(kept: u32) -> Filter {
    let forbidden = namespace::ALL & !kept;
    let mut filter = Filter::new();
    for call in ["unshare", "clone"] {
        filter.when(call, [Test::any_bit(0, forbidden)], REFUSED);
    }
    if forbidden == namespace::ALL {
        filter.always("setns", REFUSED);
    } else {
        filter.when("setns", [Test::one_of(1, [0])], REFUSED);
        filter.when("setns", [Test::any_bit(1, forbidden)], REFUSED);
    }
    filter.always("clone3", ABSENT);
    filter
}

fn lock_personality(personality: u32) -> Filter {
    let mut filter = Filter::new();
    filter.when("personality", [Test::none_of(0, [personality])], REFUSED);
    filter
}

fn logged(list: &CallList) -> Filter {
    let (of_listed, of_others) =
        if list.allow { (Action::Log, Action::Allow) } else { (Action::Allow, Action::Log) };
    let mut filter = Filter::new();
    (filter.others, filter.unknown) = (of_others, of_others);
    for call in list.calls.keys() {
        filter.always(call, of_listed);
    }
    filter
}

/// `SystemCallFilter=`. write is always allowed: a start that fails is told through it.
fn listed(list: &CallList, denial: Denial) -> Filter {
    let action = |denial: Denial| match denial {
        Denial::Kill => Action::Kill,
        Denial::Errno(errno) => Action::Errno(errno),
    };
    let mut filter = Filter::new();
    if list.allow {
        (filter.others, filter.unknown) = (action(denial), ABSENT);
        filter.always("write", Action::Allow);
    }
    for (call, own) in list.calls.iter().filter(|(call, _)| **call != "write") {
        let denied = action(own.unwrap_or(denial));
        filter.always(call, if list.allow && own.is_none() { Action::Allow } else { denied });
    }
    filter
}
