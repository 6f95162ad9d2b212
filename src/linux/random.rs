//! Random numbers, never waited for.

use rustix::rand::{GetRandomFlags, getrandom};

use super::clock;

/// A seed for numbers that must differ, not be secret. Before the kernel's pool is ready the clock has to do.
pub fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(8) => u64::from_ne_bytes(bytes),
        Ok(_) | Err(_) => clock::monotonic_us(),
    }
}
