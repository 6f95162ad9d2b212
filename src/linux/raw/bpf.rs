//! Programs that decide about devices: bpf(2).

#![expect(unsafe_code, reason = "a system call that takes pointers and gives descriptors")]

use linux_raw_sys::general::__NR_bpf;
use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io::Errno,
};

use super::syscall;

/// linux/bpf.h, enum bpf_cmd.
const PROG_LOAD: usize = 5;
const PROG_ATTACH: usize = 8;
const PROG_QUERY: usize = 16;
/// enum bpf_prog_type.
const CGROUP_DEVICE: u32 = 15;
/// enum bpf_attach_type.
const ATTACH_DEVICE: u32 = 6;
/// Groups below may have programs besides; all have to allow.
const ALLOW_MULTI: u32 = 2;
/// struct bpf_insn.
const INSTRUCTION_BYTES: usize = 8;

/// The beginning of union bpf_attr for PROG_LOAD: what follows is zero.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log: [u32; 4],
    version_and_flags: [u32; 2],
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

/// Hands over a program that decides who may use which device. EPERM without CAP_SYS_ADMIN or CAP_BPF and
/// CAP_NET_ADMIN in the first user namespace; EINVAL if the kernel has no such programs; ENOSYS if it has none at all.
pub fn load_for_devices(program: &[u8]) -> Result<OwnedFd, Errno> {
    let load = Load {
        kind: CGROUP_DEVICE,
        count: (program.len() / INSTRUCTION_BYTES) as u32, // a program is far below 4 GiB
        instructions: program.as_ptr().expose_provenance() as u64,
        license: c"".as_ptr().expose_provenance() as u64,
        log: [0; 4],
        version_and_flags: [0; 2],
    };
    // SAFETY: the kernel copies `count` instructions of eight bytes, which the slice holds, and a string that ends in NUL.
    let fd = unsafe {
        syscall(__NR_bpf, [PROG_LOAD, (&raw const load).expose_provenance(), size_of::<Load>(), 0, 0, 0])
    }?;
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns. Descriptors are small.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Lets `program` decide for the cgroup `group` and all below it, besides the programs that do so already.
pub fn attach_for_devices(group: BorrowedFd<'_>, program: &OwnedFd) -> Result<(), Errno> {
    attachment(PROG_ATTACH, group, program.as_raw_fd().unsigned_abs(), ATTACH_DEVICE, ALLOW_MULTI).map(drop)
}

/// How many programs of the cgroup's own decide about devices.
pub fn count_for_devices(group: BorrowedFd<'_>) -> Result<u32, Errno> {
    attachment(PROG_QUERY, group, ATTACH_DEVICE, 0, 0)
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
