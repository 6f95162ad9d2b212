//! The memory functions that the compiler calls. Included by the binary only (`#[path]` in main.rs): tests have libc's.
//!
//! Prebuilt `core` has none of them on Linux targets. Each loop holds an empty `asm!`, or else the compiler would see
//! through it and replace it by a call to the very function it stands in. Words at a time where both ends lie alike: byte by
//! byte, a quarter of all that PID 1 itself did in a boot was done here.

#![expect(unsafe_code, reason = "these functions are defined on raw pointers")]

use core::{arch::asm, ffi::c_char};

/// Bytes of a word, and how many are moved or written at a time.
#[cfg(not(target_arch = "x86_64"))]
const WORD: usize = size_of::<usize>();
#[cfg(not(target_arch = "x86_64"))]
const WORDS: usize = 4 * WORD;

/// Copies `count` bytes.
///
/// # Safety
/// As C's memcpy: `from` readable and `to` writable for `count` bytes, not overlapping.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: by the caller's promise; the copy goes upwards, byte by byte.
    unsafe { copy_up(to, from, count) };
    to
}

/// Copies `count` bytes that may overlap.
///
/// # Safety
/// As C's memmove: `from` readable and `to` writable for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: `to` is below `from` or behind its end, so going upwards never reads what was written.
        unsafe { copy_up(to, from, count) };
        return to;
    }
    let mut left = count;
    while left > 0 {
        left -= 1;
        // SAFETY: `left < count`, and both are valid for `count` bytes; going downwards, as `to` is above `from`.
        unsafe {
            asm!("", options(nostack, preserves_flags));
            *to.add(left) = *from.add(left);
        }
    }
    to
}

/// Fills `count` bytes.
///
/// # Safety
/// As C's memset: `to` writable for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `rep stosb` writes the `count` bytes at `to`; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("al") byte as u8,
             options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let word = usize::from(byte as u8) * (usize::MAX / 0xff); // it in each byte
        let mut at = 0;
        while at < count {
            // SAFETY: `at < count`, and words are written where one begins and so many are left.
            at += unsafe {
                asm!("", options(nostack, preserves_flags));
                if to.add(at).cast::<usize>().is_aligned() && count - at >= WORDS {
                    write_word(to, at, word);
                    write_word(to, at + WORD, word);
                    write_word(to, at + 2 * WORD, word);
                    write_word(to, at + 3 * WORD, word);
                    WORDS
                } else {
                    to.add(at).write(byte as u8);
                    1
                }
            };
        }
    }
    to
}

/// Compares `count` bytes.
///
/// # Safety
/// As C's memcmp: both readable for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: `at < count`.
        let (a, b) = unsafe {
            asm!("", options(nostack, preserves_flags));
            (*left.add(at), *right.add(at))
        };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// Tells whether `count` bytes differ.
///
/// # Safety
/// As `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the caller's promise is `memcmp`'s.
    unsafe { memcmp(left, right, count) }
}

/// Counts the bytes before the NUL.
///
/// # Safety
/// As C's strlen: `string` ends in NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const c_char) -> usize {
    let mut count = 0;
    // SAFETY: no NUL so far, so the byte at `count` belongs to the string.
    while unsafe { *string.add(count) } != 0 {
        // SAFETY: an empty instruction, to keep the loop a loop.
        unsafe { asm!("", options(nostack, preserves_flags)) };
        count += 1;
    }
    count
}

/// # Safety
/// `from` readable, `to` writable for `count` bytes; `to` not inside `from`'s bytes.
#[inline]
unsafe fn copy_up(to: *mut u8, from: *const u8, count: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `rep movsb` copies the `count` bytes upwards; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let alike = (to.addr() ^ from.addr()).is_multiple_of(size_of::<usize>());
        let mut at = 0;
        while at < count {
            // SAFETY: `at < count`, and words are moved where one begins at both ends and so many are left.
            at += unsafe {
                asm!("", options(nostack, preserves_flags));
                if alike && to.add(at).cast::<usize>().is_aligned() && count - at >= WORDS {
                    let word = |at: usize| from.add(at).cast::<usize>().read();
                    write_word(to, at, word(at));
                    write_word(to, at + WORD, word(at + WORD));
                    write_word(to, at + 2 * WORD, word(at + 2 * WORD));
                    write_word(to, at + 3 * WORD, word(at + 3 * WORD));
                    WORDS
                } else {
                    to.add(at).write(*from.add(at));
                    1
                }
            };
        }
    }
}

/// Writes one word. Several in one assignment the compiler makes a call of, to what is being defined here.
///
/// # Safety
/// A word begins `at` bytes after `to`, and may be written.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
unsafe fn write_word(to: *mut u8, at: usize, word: usize) {
    // SAFETY: by the caller's promise.
    unsafe {
        asm!("", options(nostack, preserves_flags));
        to.add(at).cast::<usize>().write(word);
    }
}

/// Named by the unwind tables of a prebuilt `core` when the build is not link-time optimised. Nothing ever unwinds here
/// (panic = abort), so nothing ever calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Named by a constructor in aarch64's prebuilt compiler_builtins that picks atomics by CPU. `_start` runs no
/// constructors, so nothing ever calls it.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
extern "C" fn getauxval(_kind: usize) -> usize {
    0
}
