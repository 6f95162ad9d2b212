//! Loading a seccomp filter: seccomp(2).

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use linux_raw_sys::{
    general::{__NR_prctl, __NR_seccomp},
    prctl::{PR_MDWE_REFUSE_EXEC_GAIN, PR_SET_MDWE},
};
use rustix::io::Errno;

use super::syscall;

const SECCOMP_SET_MODE_FILTER: usize = 1;

/// struct sock_filter of linux/filter.h.
const INSTRUCTION_BYTES: usize = 8;
/// The shortest program: `return SECCOMP_RET_ALLOW`.
const ALLOW: [u8; INSTRUCTION_BYTES] = match cfg!(target_endian = "little") {
    true => [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f],
    false => [0, 0x06, 0, 0, 0x7f, 0xff, 0, 0],
};

/// linux/filter.h, struct sock_fprog.
#[repr(C)]
struct Program {
    count: u16,
    instructions: *const u8,
}

/// Filters every later system call of this thread and its children through `program`: instructions of classic BPF, of
/// which the kernel makes a copy. EACCES without no_new_privs and CAP_SYS_ADMIN; EINVAL if the kernel has no filters or
/// finds fault with the program.
pub fn load(program: &[u8]) -> Result<(), Errno> {
    let count = u16::try_from(program.len() / INSTRUCTION_BYTES).map_err(|_| Errno::TOOBIG)?;
    let program = Program { count, instructions: program.as_ptr() };
    let program = (&raw const program).expose_provenance();
    // SAFETY: the kernel copies `count` instructions of eight bytes, from whatever address, and the slice holds them.
    unsafe { syscall(__NR_seccomp, [SECCOMP_SET_MODE_FILTER, 0, program, 0, 0, 0]) }?;
    Ok(())
}

/// Whether the kernel takes no filter at all: EINVAL, which it also answers to a wrong program.
pub fn is_missing() -> bool {
    load(&ALLOW) == Err(Errno::INVAL)
}

/// Refuses this process and its children memory that can be written and executed, or is made executable later. EINVAL
/// before Linux 6.3.
pub fn forbid_write_execute() -> Result<(), Errno> {
    // SAFETY: the call takes numbers.
    unsafe { syscall(__NR_prctl, [PR_SET_MDWE as usize, PR_MDWE_REFUSE_EXEC_GAIN as usize, 0, 0, 0, 0]) }?;
    Ok(())
}
