//! Reading the clock through the kernel's front door. rustix reads it from the vDSO, which needs a reader of ELF files
//! of three kilobytes; PID 1 looks at the clock once an event.

#![expect(unsafe_code, reason = "a system call that takes a pointer")]

#[cfg(target_pointer_width = "64")]
use linux_raw_sys::general::__NR_clock_gettime as NUMBER;
#[cfg(target_pointer_width = "32")]
use linux_raw_sys::general::__NR_clock_gettime64 as NUMBER; // Linux 5.1
use linux_raw_sys::general::{
    __NR_setitimer, __kernel_old_itimerval, __kernel_old_timeval, __kernel_timespec, CLOCK_BOOTTIME,
    CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, ITIMER_REAL,
};
use rustix::io::Errno;

use super::syscall;

/// Has the kernel end this process by SIGALRM after `seconds` of real time.
pub fn alarm(seconds: u32) -> Result<(), Errno> {
    let value = __kernel_old_itimerval {
        it_interval: __kernel_old_timeval { tv_sec: 0, tv_usec: 0 },
        it_value: __kernel_old_timeval { tv_sec: seconds as _, tv_usec: 0 },
    };
    let place = (&raw const value).expose_provenance();
    // SAFETY: the kernel reads one old_itimerval at `place`, which is one and outlives the call.
    unsafe { syscall(__NR_setitimer, [ITIMER_REAL as usize, place, 0, 0, 0, 0]) }.map(drop)
}

/// Seconds and nanoseconds.
pub type Time = __kernel_timespec;

/// CLOCK_MONOTONIC.
pub fn monotonic() -> Time {
    read(CLOCK_MONOTONIC)
}

/// CLOCK_BOOTTIME.
pub fn boot() -> Time {
    read(CLOCK_BOOTTIME)
}

/// CLOCK_PROCESS_CPUTIME_ID.
pub fn own() -> Time {
    read(CLOCK_PROCESS_CPUTIME_ID)
}

/// CLOCK_REALTIME.
pub fn wall() -> Time {
    read(CLOCK_REALTIME)
}

fn read(clock: u32) -> Time {
    let mut now = __kernel_timespec { tv_sec: 0, tv_nsec: 0 };
    let place = (&raw mut now).expose_provenance();
    // SAFETY: the kernel writes one __kernel_timespec to `place`, which is one and outlives the call.
    let answer = unsafe { syscall(NUMBER, [clock as usize, place, 0, 0, 0, 0]) };
    debug_assert!(answer.is_ok(), "every kernel has this clock");
    now
}
