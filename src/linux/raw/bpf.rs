//! Programs that decide what the processes of a cgroup may do: bpf(2).

#![expect(unsafe_code, reason = "a system call that takes pointers and gives descriptors")]

use linux_raw_sys::general::__NR_bpf;
use rustix::{
    fd::{AsFd as _, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io::Errno,
};

use super::syscall;

/// linux/bpf.h, enum bpf_cmd.
const PROG_LOAD: usize = 5;
const PROG_ATTACH: usize = 8;
const PROG_QUERY: usize = 16;
/// Groups below may have programs besides; all have to allow.
const ALLOW_MULTI: u32 = 2;
/// struct bpf_insn.
const INSTRUCTION_BYTES: usize = 8;

/// linux/bpf.h, enum bpf_prog_type.
const CGROUP_SKB: u32 = 8;
const CGROUP_DEVICE: u32 = 15;
const CGROUP_SOCK_ADDR: u32 = 18;

/// What a cgroup's program is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    kind: u32,
    /// linux/bpf.h, enum bpf_attach_type.
    place: u32,
}

/// Packets that come: BPF_CGROUP_INET_INGRESS.
pub const INGRESS: Hook = Hook { kind: CGROUP_SKB, place: 0 };
/// Packets that go: BPF_CGROUP_INET_EGRESS.
pub const EGRESS: Hook = Hook { kind: CGROUP_SKB, place: 1 };
/// Which devices are used: BPF_CGROUP_DEVICE.
pub const DEVICES: Hook = Hook { kind: CGROUP_DEVICE, place: 6 };
/// bind(2) of IPv4 sockets: BPF_CGROUP_INET4_BIND.
pub const BIND4: Hook = Hook { kind: CGROUP_SOCK_ADDR, place: 8 };
/// The same of IPv6 sockets: BPF_CGROUP_INET6_BIND.
pub const BIND6: Hook = Hook { kind: CGROUP_SOCK_ADDR, place: 9 };

/// The beginning of union bpf_attr for PROG_LOAD: what follows is zero.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log: [u32; 4],
    version_and_flags: [u32; 2],
    name: [u32; 4],
    interface: u32,
    place: u32,
}

/// The same for PROG_ATTACH and PROG_QUERY.
#[repr(C)]
struct Attach {
    group: u32,
    /// PROG_QUERY has the type of attachment here.
    program: u32,
    kind: u32,
    flags: u32,
    programs: u64,
    count: u32,
    zero: u32,
}

/// Lets `program` decide at `hook` for the cgroup `group` and all below it, besides those that do so already. EPERM
/// without CAP_SYS_ADMIN or CAP_BPF and CAP_NET_ADMIN in the first user namespace; EINVAL if the kernel has no such
/// programs; ENOSYS if it has none at all.
pub fn put(group: BorrowedFd<'_>, hook: Hook, program: &[u8]) -> Result<(), Errno> {
    attach(group, hook, load(hook, program)?.as_fd())
}

/// The same with one that the kernel has already.
pub fn attach(group: BorrowedFd<'_>, hook: Hook, program: BorrowedFd<'_>) -> Result<(), Errno> {
    attachment(PROG_ATTACH, group, program.as_raw_fd().unsigned_abs(), hook.place, ALLOW_MULTI).map(drop)
}

/// Whether the cgroup has a program of its own at `hook`.
pub fn has(group: BorrowedFd<'_>, hook: Hook) -> Result<bool, Errno> {
    Ok(attachment(PROG_QUERY, group, hook.place, 0, 0)? > 0)
}

/// Gives the kernel `program`, which it checks and translates. Errors are those of [`put`].
pub fn load(hook: Hook, program: &[u8]) -> Result<OwnedFd, Errno> {
    let load = Load {
        kind: hook.kind,
        count: (program.len() / INSTRUCTION_BYTES) as u32, // a program is far below 4 GiB
        instructions: program.as_ptr().expose_provenance() as u64,
        license: c"".as_ptr().expose_provenance() as u64,
        log: [0; 4],
        version_and_flags: [0; 2],
        name: [0; 4],
        interface: 0,
        place: hook.place,
    };
    // SAFETY: the kernel copies `count` instructions of eight bytes, which the slice holds, and a string that ends in NUL.
    let fd = unsafe {
        syscall(__NR_bpf, [PROG_LOAD, (&raw const load).expose_provenance(), size_of::<Load>(), 0, 0, 0])
    }?;
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns. Descriptors are small.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn attachment(
    command: usize,
    group: BorrowedFd<'_>,
    program: u32,
    kind: u32,
    flags: u32,
) -> Result<u32, Errno> {
    let group = group.as_raw_fd().unsigned_abs();
    let mut attach = Attach { group, program, kind, flags, programs: 0, count: 0, zero: 0 };
    // SAFETY: the kernel reads the structure and, for PROG_QUERY, writes `flags` and `count` of it; it writes programs'
    // ids to an address that is not null only.
    unsafe {
        syscall(__NR_bpf, [command, (&raw mut attach).expose_provenance(), size_of::<Attach>(), 0, 0, 0])
    }?;
    Ok(attach.count)
}
