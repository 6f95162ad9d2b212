//! The program's first instructions. Included by the binary only (`#[path]` in main.rs): tests have libc's.
//!
//! Owns `_start`, one naked function for each architecture: keep the stack pointer, align the stack as the ABI asks,
//! clear the frame pointer so that backtraces end here, and call Rust. `crate::main` has to exist and never returns.

#![expect(unsafe_code, reason = "no Rust code can run before the stack is set up")]

use tomte::linux::arguments::Arguments;

/// Where the kernel jumps to.
///
/// # Safety
/// Only the kernel calls this, once, with the initial stack.
#[unsafe(no_mangle)]
#[unsafe(naked)]
#[cfg(target_arch = "x86_64")]
unsafe extern "C" fn _start() -> ! {
    core::arch::naked_asm!(
        "xor ebp, ebp",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {enter}",
        "ud2",
        enter = sym enter,
    )
}

/// Where the kernel jumps to.
///
/// # Safety
/// Only the kernel calls this, once, with the initial stack.
#[unsafe(no_mangle)]
#[unsafe(naked)]
#[cfg(target_arch = "aarch64")]
unsafe extern "C" fn _start() -> ! {
    core::arch::naked_asm!(
        "mov x29, xzr",
        "mov x30, xzr",
        "mov x0, sp",
        "and sp, x0, #-16",
        "b {enter}",
        enter = sym enter,
    )
}

/// Where the kernel jumps to.
///
/// # Safety
/// Only the kernel calls this, once, with the initial stack.
#[unsafe(no_mangle)]
#[unsafe(naked)]
#[cfg(target_arch = "arm")]
unsafe extern "C" fn _start() -> ! {
    core::arch::naked_asm!(
        "mov r11, #0",
        "mov lr, #0",
        "mov r0, sp",
        "bic r1, r0, #7",
        "mov sp, r1",
        "b {enter}",
        enter = sym enter,
    )
}

/// Where the kernel jumps to.
///
/// # Safety
/// Only the kernel calls this, once, with the initial stack.
#[unsafe(no_mangle)]
#[unsafe(naked)]
#[cfg(target_arch = "riscv64")]
unsafe extern "C" fn _start() -> ! {
    core::arch::naked_asm!(
        ".option push",
        ".option norelax",
        "lla gp, __global_pointer$",
        ".option pop",
        "mv fp, zero",
        "mv ra, zero",
        "mv a0, sp",
        "andi sp, sp, -16",
        "tail {enter}",
        enter = sym enter,
    )
}

/// The first Rust code: reads the stack and goes to `main`.
///
/// # Safety
/// `stack` is the initial stack pointer; `_start` alone calls this.
unsafe extern "C" fn enter(stack: *const usize) -> ! {
    // SAFETY: `_start` passes the stack pointer before anything was pushed, and nothing has used rustix yet.
    let arguments = unsafe { Arguments::from_stack(stack) };
    crate::main(arguments)
}
