//! What tests in virtual machines have done by hand and busybox has no programs for: a kernel loaded for kexec, a device
//! mapped to another. Built as the bench's floor is, for PCs alone; no part of the target binary.
//!
//! `tool kexec KERNEL INITRAMFS COMMAND-LINE`: kexec_file_load(2). `tool map NAME DEVICE SECTORS`: a linear target of
//! device-mapper's over all of DEVICE. The exit code is the error's number.

#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "system calls that take pointers, which the target binary has no use for")]

use core::{arch::asm, ffi::CStr, panic::PanicInfo};

use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{Mode, OFlags, open},
    io::Errno,
};
use tomte::linux::{arguments::Arguments, raw::process::exit};

#[path = "../../../../src/linux/mem.rs"]
mod mem;
#[path = "../../../../src/linux/start.rs"]
mod start;

/// Numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl.
const IOCTL: usize = 16;
const KEXEC_FILE_LOAD: usize = 320;
/// linux/dm-ioctl.h: `_IOWR(0xfd, NUMBER, struct dm_ioctl)` of DM_DEV_CREATE, DM_TABLE_LOAD, DM_DEV_SUSPEND.
const STEPS: [usize; 3] = [3, 9, 6];
/// struct dm_ioctl, and where its name is.
const HEAD_BYTES: usize = 312;
const NAME_AT: usize = 48;
const NAME_BYTES_MAX: usize = 128;
/// struct dm_target_spec: where it begins, how long it is, and what kind; the words of the kind follow.
const TARGET_BYTES: usize = 40;
const REQUEST_BYTES: usize = HEAD_BYTES + TARGET_BYTES + 128;

/// The first thing after `start`.
fn main(arguments: Arguments) -> ! {
    let mut words = arguments.words().skip(1);
    let mut next = || words.next().unwrap_or_default();
    let done = match next().to_bytes() {
        b"kexec" => load(next(), next(), next()),
        b"map" => map(next(), next(), next()),
        _ => Err(Errno::INVAL),
    };
    exit(done.err().map_or(0, |errno| errno.raw_os_error() as u8))
}

fn load(kernel: &CStr, initramfs: &CStr, line: &CStr) -> Result<(), Errno> {
    let open = |path| open(path, OFlags::RDONLY, Mode::empty());
    let (kernel, initramfs) = (open(kernel)?, open(initramfs)?);
    let text = line.to_bytes_with_nul();
    let words = [number(&kernel), number(&initramfs), text.len(), text.as_ptr().expose_provenance(), 0];
    // SAFETY: the kernel reads a string of that length at the pointer.
    unsafe { call(KEXEC_FILE_LOAD, words) }
}

fn map(name: &CStr, device: &CStr, sectors: &CStr) -> Result<(), Errno> {
    let count: u64 = sectors.to_str().ok().and_then(|count| count.parse().ok()).ok_or(Errno::INVAL)?;
    let name = name.to_bytes();
    if name.len() >= NAME_BYTES_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    let control = open(c"/dev/mapper/control", OFlags::RDWR, Mode::empty())?;
    for step in STEPS {
        let mut request = [0_u8; REQUEST_BYTES];
        let mut put = |at: usize, bytes: &[u8]| {
            let room = request.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len()));
            room.map(|room| room.copy_from_slice(bytes)).ok_or(Errno::NAMETOOLONG)
        };
        // The interface's version, the size of the whole, where the targets begin, and how many there are.
        for (at, word) in [4, 0, 0, REQUEST_BYTES as u32, HEAD_BYTES as u32, 1].into_iter().enumerate() {
            put(at * 4, &u32::to_ne_bytes(word))?;
        }
        put(NAME_AT, name)?;
        put(HEAD_BYTES + 8, &count.to_ne_bytes())?;
        put(HEAD_BYTES + 24, b"linear")?;
        put(HEAD_BYTES + TARGET_BYTES, device.to_bytes())?;
        put(HEAD_BYTES + TARGET_BYTES + device.count_bytes(), b" 0\0")?;
        let command = 3 << 30 | HEAD_BYTES << 16 | 0xfd << 8 | step;
        // SAFETY: the kernel reads and writes as much as the request says it is long, and that it is.
        unsafe { call(IOCTL, [number(&control), command, (&raw mut request).expose_provenance(), 0, 0]) }?;
    }
    Ok(())
}

fn number(file: &OwnedFd) -> usize {
    file.as_raw_fd().unsigned_abs() as usize
}

/// Makes a system call that answers 0.
///
/// # Safety
/// Pointers among `words` are valid for what the kernel reads and writes there.
unsafe fn call(number: usize, words: [usize; 5]) -> Result<(), Errno> {
    let [a, b, c, d, e] = words;
    let answer: isize;
    // SAFETY: the kernel clobbers rcx and r11 only; memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             in("r8") e, lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    if answer == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(answer.wrapping_neg() as i32)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(255)
}
