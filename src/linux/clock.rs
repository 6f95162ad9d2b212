//! The clock and the sleep.

use rustix::{
    thread::{NanosleepRelativeResult, nanosleep},
    time::Timespec,
};

use super::raw;

/// Microseconds of CLOCK_MONOTONIC.
pub fn monotonic_us() -> u64 {
    micros(raw::clock::monotonic())
}

/// Microseconds since the machine's start, with the time that it was suspended: CLOCK_BOOTTIME.
pub fn boot_us() -> u64 {
    micros(raw::clock::boot())
}

/// Microseconds of processor time, user and system, that this process has taken: CLOCK_PROCESS_CPUTIME_ID.
pub fn own_us() -> u64 {
    micros(raw::clock::own())
}

/// Microseconds since 1970.
pub fn wall_us() -> u64 {
    micros(raw::clock::wall())
}

fn micros(now: raw::clock::Time) -> u64 {
    let secs = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000;
    secs.saturating_mul(1_000_000).saturating_add(micros)
}

/// Sleeps the whole of `us` microseconds, signals or not. Only for the very end of PID 1's life and for children.
pub fn sleep_us(us: u64) {
    let secs = i64::try_from(us / 1_000_000).unwrap_or(i64::MAX);
    let mut left = Timespec { tv_sec: secs, tv_nsec: (us % 1_000_000 * 1_000) as _ };
    while let NanosleepRelativeResult::Interrupted(remaining) = nanosleep(&left) {
        left = remaining;
    }
}
