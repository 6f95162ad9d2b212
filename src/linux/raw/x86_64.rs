//! The system call instruction of x86_64.

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
    // SAFETY: the kernel clobbers rcx and r11 only; memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") a0, in("rsi") a1, in("rdx") a2, in("r10") a3,
             in("r8") a4, in("r9") a5, lateout("rcx") _, lateout("r11") _, options(nostack, preserves_flags));
    }
    answer
}
