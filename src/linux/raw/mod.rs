//! The system calls that rustix lacks (toolchain.md §4), each as one safe function.
//!
//! May not decide anything: a function here is one call into the kernel, its arguments checked by their types.

#![expect(unsafe_code, reason = "the system call instruction itself")]

use rustix::io::Errno;

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
mod arch;
pub mod bpf;
pub mod clock;
pub mod disks;
pub mod entropy;
mod fd;
pub mod input;
pub mod ipc;
pub mod keyring;
pub mod landlock;
pub mod mount;
pub mod network;
pub mod process;
pub mod queue;
pub mod scheduling;
pub mod seccomp;
pub mod signal;
pub mod socket;
mod strings;
pub mod terminal;
pub mod watchdog;

pub use fd::AsFd;
pub use strings::CStrings;

/// Makes system call `number`.
///
/// # Safety
/// What the call does with `args` must be sound: pointers valid for what the kernel reads and writes there.
unsafe fn syscall(number: u32, args: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: passed on to the caller.
    let answer = unsafe { arch::syscall(number as usize, args) };
    match isize::try_from(answer) {
        Ok(value) => Ok(value.unsigned_abs()),
        // -4095..=-1 is an error; anything else above isize::MAX is a value (an address).
        Err(_) => match i32::try_from(answer.wrapping_neg()) {
            Ok(errno @ 1..=4095) => Err(Errno::from_raw_os_error(errno)),
            _ => Ok(answer),
        },
    }
}
