//! Loading a seccomp filter: seccomp(2).

#![expect(unsafe_code, reason = "a system call that takes pointers")]

use linux_raw_sys::general::__NR_seccomp;
use rustix::io::Errno;

use super::syscall;

const SECCOMP_SET_MODE_FILTER: usize = 1;

/// One instruction of classic BPF: linux/filter.h, struct sock_filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions to skip if the condition holds.
    pub if_true: u8,
    /// How many if not.
    pub if_false: u8,
    /// Its operand.
    pub operand: u32,
}

/// linux/filter.h, struct sock_fprog.
#[repr(C)]
struct Program {
    count: u16,
    instructions: *const Instruction,
}

/// Filters every later system call of this thread and its children through `program`. EACCES without no_new_privs and
/// CAP_SYS_ADMIN; EINVAL if the kernel has no filters or finds fault with the program.
pub fn load(program: &[Instruction]) -> Result<(), Errno> {
    let count = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let program = Program { count, instructions: program.as_ptr() };
    let program = (&raw const program).expose_provenance();
    // SAFETY: the kernel copies `count` instructions of the layout above, which the slice holds.
    unsafe { syscall(__NR_seccomp, [SECCOMP_SET_MODE_FILTER, 0, program, 0, 0, 0]) }?;
    Ok(())
}
