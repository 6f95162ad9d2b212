//! The system call instruction of riscv64.

#![expect(unsafe_code, reason = "the system call instruction itself")]

use core::arch::asm;

/// Makes system call `number`; what the kernel answers is a value or a negated errno.
///
/// # Safety
/// What the call does with its arguments must be sound.
#[inline]
pub(super) unsafe fn syscall(number: usize, args: [usize; 6]) -> usize {
    let [a0, a1, a2, a3, a4, a5] = args;
    let answer;
    // SAFETY: the kernel clobbers a0 only; memory is the caller's promise.
    unsafe {
        asm!("ecall", in("a7") number, inlateout("a0") a0 => answer, in("a1") a1, in("a2") a2, in("a3") a3,
             in("a4") a4, in("a5") a5, options(nostack, preserves_flags));
    }
    answer
}
