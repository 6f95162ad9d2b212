//! What the kernel takes for randomness: random(4).

#![expect(unsafe_code, reason = "a system call that takes a pointer")]

use linux_raw_sys::{general::__NR_ioctl, ioctl::RNDADDENTROPY};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

/// Bytes of a seed: those of the kernel's pool, as systemd has it.
pub const SEED_BYTES: usize = 512;

/// struct rand_pool_info of linux/random.h with its buffer.
#[repr(C)]
struct Pool {
    bits: i32,
    bytes: i32,
    buffer: [u8; SEED_BYTES],
}

/// Puts `seed` among what the kernel's random numbers come from. It counts as so many `bits` of randomness; with 0, as
/// something to stir in.
///
/// # Errors
/// The ioctl's: EPERM without CAP_SYS_ADMIN.
pub fn add(device: BorrowedFd<'_>, seed: &[u8; SEED_BYTES], bits: u16) -> Result<(), Errno> {
    let pool = Pool { bits: bits.into(), bytes: SEED_BYTES as i32, buffer: *seed };
    let place = (&raw const pool).expose_provenance();
    let args = [device.as_raw_fd() as usize, RNDADDENTROPY as usize, place, 0, 0, 0];
    // SAFETY: the kernel reads two ints at `place` and as many bytes behind them as the second says: `pool` has them and
    // outlives the call.
    unsafe { syscall(__NR_ioctl, args) }.map(drop)
}
