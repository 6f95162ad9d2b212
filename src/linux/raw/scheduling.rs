//! Scheduling of the calling thread: sched_setscheduler(2), sched_setaffinity(2), ioprio_set(2), personality(2).

#![expect(unsafe_code, reason = "system calls that take pointers")]

use linux_raw_sys::general::{
    __NR_ioprio_set, __NR_personality, __NR_sched_setaffinity, __NR_sched_setscheduler, SCHED_RESET_ON_FORK,
};
use rustix::io::Errno;

use super::syscall;

const IOPRIO_WHO_PROCESS: usize = 1;

/// Sets policy and priority.
pub fn set_policy(policy: u8, priority: u8, reset_on_fork: bool) -> Result<(), Errno> {
    let policy = u32::from(policy) | if reset_on_fork { SCHED_RESET_ON_FORK } else { 0 };
    let parameter = i32::from(priority);
    let args = [0, policy as usize, (&raw const parameter).expose_provenance(), 0, 0, 0];
    // SAFETY: the kernel reads one sched_param, which is an int.
    unsafe { syscall(__NR_sched_setscheduler, args) }?;
    Ok(())
}

/// Sets the processors that may be used: bit n of byte m is processor 8 m + n.
pub fn set_affinity(processors: &[u8]) -> Result<(), Errno> {
    let args = [0, processors.len(), processors.as_ptr().expose_provenance(), 0, 0, 0];
    // SAFETY: the kernel reads as many bytes as it is told.
    unsafe { syscall(__NR_sched_setaffinity, args) }?;
    Ok(())
}

/// Sets the priority of input and output: the class in the top three bits, the level in the rest.
pub fn set_io_priority(priority: u16) -> Result<(), Errno> {
    // SAFETY: numbers only.
    unsafe { syscall(__NR_ioprio_set, [IOPRIO_WHO_PROCESS, 0, priority.into(), 0, 0, 0]) }?;
    Ok(())
}

/// Sets the execution domain.
pub fn set_personality(personality: u32) -> Result<(), Errno> {
    // SAFETY: a number only.
    unsafe { syscall(__NR_personality, [personality as usize, 0, 0, 0, 0, 0]) }?;
    Ok(())
}
