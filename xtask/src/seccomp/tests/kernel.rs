//! The same programs in the real kernel: it accepts them, and answers every number of every interface of this machine
//! as the plain rule says. No call is made: what the program would allow answers an error of its own.

#![expect(unsafe_code, reason = "system calls by number, in a child that does nothing else")]

use std::arch::asm;

use nix::libc;

use super::{ARCHS, Abi, everything, interpreter::Call, model, policies};
use crate::seccomp::{
    Arch, X32_BIT, compile,
    policy::Policy,
    program::{self, IF_EQUAL, Instruction, LOAD, NUMBER, RETURN},
};

/// What stands for the actions that are no error: numbers that are none, either.
const STAND_INS: [(u32, u32); 3] = [(0x7FFF_0000, 4001), (0x7FFC_0000, 4002), (0x8000_0000, 4003)];
const ERRNO: u32 = 0x0005_0000;
/// With this argument the child's exit_group is let through.
const BYE: u32 = 0x5EC0;

/// The program with stand-ins, behind the way out.
fn told(program: &[Instruction]) -> Vec<Instruction> {
    let one = |code, if_true, if_false, operand| Instruction { code, if_true, if_false, operand };
    let way_out = [
        one(LOAD, 0, 0, NUMBER),
        one(IF_EQUAL, 0, 3, libc::SYS_exit_group as u32),
        one(LOAD, 0, 0, program::argument(0)),
        one(IF_EQUAL, 0, 1, BYE),
        one(RETURN, 0, 0, 0x7FFF_0000),
    ];
    let stand_in = |one: &Instruction| match STAND_INS.into_iter().find(|(action, _)| *action == one.operand)
    {
        Some((_, number)) if one.code == RETURN => Instruction { operand: ERRNO | number, ..*one },
        Some(_) | None => *one,
    };
    way_out.into_iter().chain(program.iter().map(stand_in)).collect()
}

/// The error that the plain rule's answer comes back as.
fn expected(answer: u32) -> u32 {
    let stand_in = STAND_INS.into_iter().find(|(action, _)| *action == answer).map(|(_, number)| number);
    stand_in.unwrap_or(answer & 0xFFFF)
}

fn call_64(number: u32, args: [u64; 6]) -> i64 {
    let answer;
    // SAFETY: the filter answers every call with an error, so that no memory is read or written.
    unsafe {
        asm!("syscall", inlateout("rax") i64::from(number) => answer, in("rdi") args[0], in("rsi") args[1],
             in("rdx") args[2], in("r10") args[3], in("r8") args[4], in("r9") args[5],
             out("rcx") _, out("r11") _, options(nostack));
    }
    answer
}

/// Arguments beyond the fifth stay as they are.
fn call_32(number: u32, args: [u64; 6]) -> i64 {
    let answer: i64;
    // SAFETY: as above. rbx, which the compiler keeps, is put back.
    unsafe {
        asm!("xchg rbx, {first}", "int 0x80", "xchg rbx, {first}", first = inout(reg) args[0] => _,
             inlateout("rax") i64::from(number) => answer, in("rcx") args[1], in("rdx") args[2], in("rsi") args[3],
             in("rdi") args[4], out("r8") _, out("r9") _, out("r10") _, out("r11") _, options(nostack));
    }
    i64::from(answer as i32)
}

/// Does `work` in a child of its own; whether the child came to its end.
fn in_a_child(work: impl FnOnce()) -> bool {
    // SAFETY: the child makes system calls only, and ends with one.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "fork");
        if child == 0 {
            work();
            call_64(libc::SYS_exit_group as u32, [u64::from(BYE), 0, 0, 0, 0, 0]);
            libc::abort();
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == (BYE & 0xFF) as i32
    }
}

/// Loads `program` for this process.
fn load(program: &[u8]) -> bool {
    let program =
        libc::sock_fprog { len: (program.len() / 8) as u16, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: the kernel copies the program, whose length is right.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_seccomp, 1, 0, &raw const program) == 0
    }
}

/// What all of `calls` answer under `program`, as told by a child; `None` if it could not.
fn answers(program: &[u8], calls: &[Call]) -> Option<Vec<i64>> {
    let bytes = calls.len() * size_of::<i64>();
    // SAFETY: new memory, which the child writes and this process reads when the child is gone.
    let shared = unsafe {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0).cast::<i64>()
    };
    let done = in_a_child(|| {
        if !load(program) {
            return;
        }
        for (at, call) in calls.iter().enumerate() {
            let answer = match call.arch == Abi::X86.audit() {
                true => call_32(call.number, call.args),
                false => call_64(call.number, call.args),
            };
            // SAFETY: `at` is below the length that was mapped.
            unsafe { shared.add(at).write(answer) };
        }
    });
    // SAFETY: as many as were mapped.
    let answers = unsafe { std::slice::from_raw_parts(shared, calls.len()).to_vec() };
    // SAFETY: mapped above.
    unsafe { libc::munmap(shared.cast(), bytes) };
    done.then_some(answers)
}

/// uretprobe and uprobe: the kernel asks no filter about them, and they end whoever is not being probed.
const UNASKED: [u32; 2] = [335, 336];

fn calls(abi: Abi) -> Vec<Call> {
    let bit = if abi == Abi::X32 { X32_BIT } else { 0 };
    let numbers =
        (0..600).chain([1000, 0xf_0002]).filter(|number| abi != Abi::X86_64 || !UNASKED.contains(number));
    let classes: Vec<[u64; 6]> = super::few_classes();
    let of = |number: u32| {
        let call = move |args: &[u64; 6]| Call { arch: abi.audit(), number: number | bit, args: *args };
        classes.iter().map(call).collect::<Vec<_>>()
    };
    numbers.flat_map(of).collect()
}

fn compare(policy: &Policy, abis: &[Abi]) {
    let Some(program) = compile(policy, Arch::X86_64).unwrap() else { return };
    let bytes = program::bytes(&told(&program.instructions));
    for abi in abis {
        let calls = calls(*abi);
        let found = answers(&bytes, &calls).unwrap_or_else(|| panic!("{abi:?}: not loaded: {policy:?}"));
        for (call, answer) in calls.iter().zip(found) {
            let call = Call { args: seen(*abi, call.args), ..*call };
            let answer = answer.unsigned_abs();
            let wanted = expected(model::judge(policy, Abi::of(Arch::X86_64), &call));
            assert_eq!(answer, u64::from(wanted), "{abi:?} {call:x?} of {policy:?}");
        }
    }
}

/// The arguments as the kernel shows them to a filter: halves, for 32-bit programs.
fn seen(abi: Abi, args: [u64; 6]) -> [u64; 6] {
    if abi == Abi::X86 { args.map(|arg| arg & 0xFFFF_FFFF) } else { args }
}

#[test]
fn the_kernel_answers_every_call_as_the_plain_rule() {
    let has_x86 = in_a_child(|| {
        call_32(20, [0; 6]); // getpid
    });
    let abis: &[Abi] = if has_x86 { &[Abi::X86_64, Abi::X32, Abi::X86] } else { &[Abi::X86_64, Abi::X32] };
    for policy in policies().into_iter().chain([everything()]) {
        compare(&policy, abis);
    }
}

#[test]
fn the_kernel_accepts_the_programs_of_every_architecture() {
    for policy in policies().into_iter().chain([everything()]) {
        for arch in ARCHS {
            let Some(program) = compile(&policy, arch).unwrap() else { continue };
            // Behind an instruction that lets all calls of this machine through.
            let allow = Instruction { code: IF_EQUAL, if_true: 0, if_false: 1, operand: Abi::X86_64.audit() };
            let load_arch = Instruction { code: LOAD, if_true: 0, if_false: 0, operand: program::ARCH };
            let answer = Instruction { code: RETURN, if_true: 0, if_false: 0, operand: 0x7FFF_0000 };
            let all = [&[load_arch, allow, answer][..], &program.instructions].concat();
            let bytes = program::bytes(&all);
            assert!(
                in_a_child(|| if !load(&bytes) {
                    std::process::abort()
                }),
                "{arch:?}: {policy:?}"
            );
        }
    }
}
