//! The seccomp filter of `RestrictSUIDSGID=`: nobody gets a SUID or SGID file made.
//!
//! Calls that give a file a mode are refused with EPERM if the mode has one of the two bits, those that create a file
//! (O_CREAT, O_TMPFILE) included. openat2 keeps its mode in memory, where no filter can look: ENOSYS, and libraries
//! fall back to openat. Programs of the CPU's other ABIs (i386 and x32 on x86_64, arm on aarch64) get the same rules
//! under their own numbers. One small program, built at compile time: the kernel charges by the instruction
//! (kernel-costs.md).

use super::raw::seccomp::Instruction;

/// How a system call says which mode a file gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    /// The mode is this argument.
    Mode(u8),
    /// The flags are this argument; the mode is the next one and counts if a file may be made.
    Open(u8),
    /// It cannot be checked.
    Never,
}

/// The system calls of one ABI.
#[derive(Clone, Copy)]
struct View {
    /// AUDIT_ARCH of linux/audit.h.
    arch: u32,
    /// Bits of the number that count: x32 is x86_64 with one more bit.
    number_mask: u32,
    calls: &'static [(u32, Check)],
}

const OPENAT2: (u32, Check) = (437, Check::Never);
const FCHMODAT2: (u32, Check) = (452, Check::Mode(2));

const X86_64: View = View {
    arch: 0xC000_003E,
    number_mask: !0x4000_0000,
    calls: &[
        (2, Check::Open(1)),   // open
        (257, Check::Open(2)), // openat
        (85, Check::Mode(1)),  // creat
        (90, Check::Mode(1)),  // chmod
        (91, Check::Mode(1)),  // fchmod
        (133, Check::Mode(1)), // mknod
        (259, Check::Mode(2)), // mknodat
        (268, Check::Mode(2)), // fchmodat
        FCHMODAT2,
        OPENAT2,
    ],
};
const I386: View = View {
    arch: 0x4000_0003,
    number_mask: !0,
    calls: &[
        (5, Check::Open(1)),   // open
        (295, Check::Open(2)), // openat
        (8, Check::Mode(1)),   // creat
        (15, Check::Mode(1)),  // chmod
        (94, Check::Mode(1)),  // fchmod
        (14, Check::Mode(1)),  // mknod
        (297, Check::Mode(2)), // mknodat
        (306, Check::Mode(2)), // fchmodat
        FCHMODAT2,
        OPENAT2,
    ],
};
const ARM: View = View {
    arch: 0x4000_0028,
    number_mask: !0,
    calls: &[
        (5, Check::Open(1)),   // open
        (322, Check::Open(2)), // openat
        (8, Check::Mode(1)),   // creat
        (15, Check::Mode(1)),  // chmod
        (94, Check::Mode(1)),  // fchmod
        (14, Check::Mode(1)),  // mknod
        (324, Check::Mode(2)), // mknodat
        (333, Check::Mode(2)), // fchmodat
        FCHMODAT2,
        OPENAT2,
    ],
};
/// The numbers that newer architectures share (asm-generic/unistd.h).
const GENERIC: &[(u32, Check)] = &[
    (56, Check::Open(2)), // openat
    (33, Check::Mode(2)), // mknodat
    (52, Check::Mode(1)), // fchmod
    (53, Check::Mode(2)), // fchmodat
    FCHMODAT2,
    OPENAT2,
];
const AARCH64: View = View { arch: 0xC000_00B7, number_mask: !0, calls: GENERIC };
const RISCV64: View = View { arch: 0xC000_00F3, number_mask: !0, calls: GENERIC };
const RISCV32: View = View { arch: 0x4000_00F3, number_mask: !0, calls: GENERIC };

const VIEWS: &[View] = if cfg!(target_arch = "x86_64") {
    &[X86_64, I386]
} else if cfg!(target_arch = "aarch64") {
    &[AARCH64, ARM]
} else if cfg!(target_arch = "riscv64") {
    &[RISCV64, RISCV32]
} else {
    &[ARM]
};

/// The filter for this CPU.
pub(super) const RESTRICT_SUID_SGID: &[Instruction] = &program::<{ length(VIEWS) }>(VIEWS);

/// S_ISUID | S_ISGID.
const SUID_SGID: u32 = 0o6000;
/// O_CREAT | the bit of O_TMPFILE that is its own. The same on every architecture here.
const CREATES: u32 = 0o100 | 0o20_000_000;

const ALLOW: u32 = 0x7FFF_0000;
const EPERM: u32 = 0x0005_0000 | 1;
const ENOSYS: u32 = 0x0005_0000 | 38;

/// Where struct seccomp_data has the number, the ABI, and the low half of an argument (little-endian).
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn argument(index: u8) -> u32 {
    16 + 8 * index as u32
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const GO: u16 = 0x05; // BPF_JMP | BPF_JA
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

// What every view ends in, counted from the first instruction behind the views.
const OPEN_1: usize = 0;
const OPEN_2: usize = 2;
const MODE_1: usize = 4;
const MODE_2: usize = 6;
const MODE_3: usize = 8;
const CHECK: usize = 9;
const ALLOWED: usize = 10;
const REFUSED: usize = 11;
const ABSENT: usize = 12;
const TAIL: usize = 13;

/// Instructions of one view: is it this ABI, load and mask the number, one for each call, allow.
const fn view_length(view: View) -> usize {
    4 + view.calls.len()
}

const fn length(views: &[View]) -> usize {
    let mut length = 1 + 1 + TAIL;
    let mut at = 0;
    while at < views.len() {
        length += view_length(views[at]);
        at += 1;
    }
    length
}

const fn plain(code: u16, operand: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, operand }
}

const fn branch(code: u16, operand: u32, if_true: usize, if_false: usize) -> Instruction {
    assert!(if_true < 256 && if_false < 256, "a jump is one byte");
    Instruction { code, if_true: if_true as u8, if_false: if_false as u8, operand }
}

const fn tail_of(check: Check) -> usize {
    match check {
        Check::Open(1) => OPEN_1,
        Check::Open(2) => OPEN_2,
        Check::Mode(1) => MODE_1,
        Check::Mode(2) => MODE_2,
        Check::Never => ABSENT,
        Check::Open(_) | Check::Mode(_) => panic!("no call has its mode there"),
    }
}

const fn program<const N: usize>(views: &[View]) -> [Instruction; N] {
    let mut code = [plain(RETURN, ENOSYS); N];
    let tail = N - TAIL;
    code[0] = plain(LOAD, ARCH);
    let (mut at, mut view) = (1, 0);
    while view < views.len() {
        let View { arch, number_mask, calls } = views[view];
        code[at] = branch(IF_EQUAL, arch, 0, view_length(views[view]) - 1);
        code[at + 1] = plain(LOAD, NUMBER);
        code[at + 2] = plain(AND, number_mask);
        at += 3;
        let mut call = 0;
        while call < calls.len() {
            let (number, check) = calls[call];
            code[at] = branch(IF_EQUAL, number, tail + tail_of(check) - at - 1, 0);
            at += 1;
            call += 1;
        }
        code[at] = plain(RETURN, ALLOW);
        at += 1;
        view += 1;
    }
    code[at] = plain(RETURN, ENOSYS); // an ABI that this CPU does not have
    code[tail + OPEN_1] = plain(LOAD, argument(1));
    code[tail + OPEN_1 + 1] = branch(IF_ANY_BIT, CREATES, MODE_2 - OPEN_1 - 2, ALLOWED - OPEN_1 - 2);
    code[tail + OPEN_2] = plain(LOAD, argument(2));
    code[tail + OPEN_2 + 1] = branch(IF_ANY_BIT, CREATES, MODE_3 - OPEN_2 - 2, ALLOWED - OPEN_2 - 2);
    code[tail + MODE_1] = plain(LOAD, argument(1));
    code[tail + MODE_1 + 1] = plain(GO, (CHECK - MODE_1 - 2) as u32);
    code[tail + MODE_2] = plain(LOAD, argument(2));
    code[tail + MODE_2 + 1] = plain(GO, (CHECK - MODE_2 - 2) as u32);
    code[tail + MODE_3] = plain(LOAD, argument(3));
    code[tail + CHECK] = branch(IF_ANY_BIT, SUID_SGID, REFUSED - CHECK - 1, ALLOWED - CHECK - 1);
    code[tail + ALLOWED] = plain(RETURN, ALLOW);
    code[tail + REFUSED] = plain(RETURN, EPERM);
    code[tail + ABSENT] = plain(RETURN, ENOSYS);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [View; 6] = [X86_64, I386, AARCH64, ARM, RISCV64, RISCV32];
    const FOR_ALL: [Instruction; length(&ALL)] = program(&ALL);

    /// Runs `program` as the kernel does.
    fn run(program: &[Instruction], arch: u32, number: u32, args: [u32; 6]) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let Instruction { code, if_true, if_false, operand } = program[at];
            at += 1;
            let jump = |taken| usize::from(if taken { if_true } else { if_false });
            match code {
                LOAD if operand == NUMBER => accumulator = number,
                LOAD if operand == ARCH => accumulator = arch,
                LOAD => accumulator = args[(operand as usize - 16) / 8],
                AND => accumulator &= operand,
                IF_EQUAL => at += jump(accumulator == operand),
                IF_ANY_BIT => at += jump(accumulator & operand != 0),
                GO => at += operand as usize,
                RETURN => return operand,
                _ => panic!("an instruction that the kernel has not"),
            }
        }
    }

    #[test]
    fn every_way_to_a_suid_file_is_refused_in_every_view() {
        for view in ALL {
            for &(number, check) in view.calls {
                let judge = |args| run(&FOR_ALL, view.arch, number, args);
                let mut args = [!SUID_SGID; 6];
                match check {
                    Check::Never => assert_eq!(judge(args), ENOSYS),
                    Check::Mode(mode) => {
                        assert_eq!(judge(args), ALLOW, "{number}");
                        for bit in [0o4000, 0o2000, 0o6755] {
                            args[usize::from(mode)] = bit;
                            assert_eq!(judge(args), EPERM, "{number}");
                        }
                    }
                    Check::Open(flags) => {
                        let flags = usize::from(flags);
                        args[flags + 1] = 0o4755;
                        for (making, wanted) in
                            [(0, ALLOW), (0o100, EPERM), (0o20_200_000, EPERM), (0o2, ALLOW)]
                        {
                            args[flags] = making;
                            assert_eq!(judge(args), wanted, "{number} {making:o}");
                        }
                        (args[flags], args[flags + 1]) = (0o100, 0o755);
                        assert_eq!(judge(args), ALLOW);
                    }
                }
            }
        }
    }

    #[test]
    fn other_calls_pass_and_x32_is_no_way_round() {
        let suid = [0o6777; 6];
        assert_eq!(run(&FOR_ALL, X86_64.arch, 0, suid), ALLOW);
        assert_eq!(run(&FOR_ALL, X86_64.arch, 90 | 0x4000_0000, suid), EPERM);
        assert_eq!(run(&FOR_ALL, I386.arch, 15, suid), EPERM);
        assert_eq!(run(&FOR_ALL, 0xDEAD_BEEF, 0, suid), ENOSYS, "an unknown ABI gets nothing");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_numbers_are_the_kernels() {
        use linux_raw_sys::general as nr;
        let names = [
            nr::__NR_open,
            nr::__NR_openat,
            nr::__NR_creat,
            nr::__NR_chmod,
            nr::__NR_fchmod,
            nr::__NR_mknod,
            nr::__NR_mknodat,
            nr::__NR_fchmodat,
            nr::__NR_fchmodat2,
            nr::__NR_openat2,
        ];
        assert!(X86_64.calls.iter().map(|(number, _)| *number).eq(names));
    }

    #[test]
    fn the_filter_of_one_machine_is_small() {
        assert!(RESTRICT_SUID_SGID.len() <= 48, "{}", RESTRICT_SUID_SGID.len());
    }
}
