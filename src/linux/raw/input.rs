//! ioctl(2)s of input devices: linux/input.h.

#![expect(unsafe_code, reason = "system calls that take pointers")]

use linux_raw_sys::general::__NR_ioctl;
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

use super::syscall;

/// EV_KEY; the types of events that a mask can keep away.
const KEYS: u32 = 1;
const TYPES: [u32; 7] = [2, 3, 4, 5, 0x11, 0x12, 0x15];
/// KEY_CNT in bytes: so long is a set of keys.
const SET_BYTES: usize = 96;
/// EVIOCGBIT(EV_KEY, SET_BYTES): `_IOC(_IOC_READ, 'E', 0x20 + EV_KEY, SET_BYTES)`.
const GET_KEYS: usize = 2 << 30 | SET_BYTES << 16 | (b'E' as usize) << 8 | 0x21;
/// EVIOCSMASK: `_IOW('E', 0x93, struct input_mask)`.
const SET_MASK: usize = 1 << 30 | size_of::<Mask>() << 16 | (b'E' as usize) << 8 | 0x93;

/// struct input_mask.
#[repr(C)]
struct Mask {
    kind: u32,
    bytes: u32,
    codes: u64,
}

/// Whether `device` has the key of this code.
///
/// # Errors
/// ENOTTY for what is no input device.
pub fn has_key(device: BorrowedFd<'_>, code: u16) -> Result<bool, Errno> {
    let mut set = [0_u8; SET_BYTES];
    let place = (&raw mut set).expose_provenance();
    // SAFETY: the kernel writes as many bytes as the size in `GET_KEYS` says, which `set` has.
    unsafe { syscall(__NR_ioctl, [device.as_raw_fd() as usize, GET_KEYS, place, 0, 0, 0]) }?;
    Ok(set.get(usize::from(code / 8)).is_some_and(|byte| byte & 1 << (code % 8) != 0))
}

/// Whoever has `device` open by this description hears of the key of this code alone.
///
/// # Errors
/// EINVAL before Linux 4.4.
pub fn hear_only(device: BorrowedFd<'_>, code: u16) -> Result<(), Errno> {
    let mut set = [0_u8; SET_BYTES];
    if let Some(byte) = set.get_mut(usize::from(code / 8)) {
        *byte = 1 << (code % 8);
    }
    let keys =
        Mask { kind: KEYS, bytes: SET_BYTES as u32, codes: (&raw const set).expose_provenance() as u64 };
    let nothing = TYPES.map(|kind| Mask { kind, bytes: 0, codes: 0 });
    for mask in nothing.iter().chain([&keys]) {
        let place = (&raw const *mask).expose_provenance();
        // SAFETY: the kernel reads one input_mask, and as many bytes of `set` as that says; both outlive the call.
        unsafe { syscall(__NR_ioctl, [device.as_raw_fd() as usize, SET_MASK, place, 0, 0, 0]) }?;
    }
    Ok(())
}
