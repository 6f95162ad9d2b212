//! The system call instruction of arm.

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
    // SAFETY: the kernel clobbers r0 only; r7, which may be the frame pointer, is put back; memory is the caller's
    // promise.
    unsafe {
        asm!("mov {keep}, r7", "mov r7, {number}", "svc 0", "mov r7, {keep}",
             keep = out(reg) _, number = in(reg) number, inlateout("r0") a0 => answer, in("r1") a1, in("r2") a2,
             in("r3") a3, in("r4") a4, in("r5") a5, options(nostack, preserves_flags));
    }
    answer
}
