//! Runs a program as the kernel does, and counts.

use crate::seccomp::program::{
    AND, ARCH, GO, IF_ANY_BIT, IF_AT_LEAST, IF_EQUAL, Instruction, LOAD, NUMBER, RETURN,
};

/// One system call: linux/seccomp.h, struct seccomp_data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub arch: u32,
    pub number: u32,
    pub args: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            NUMBER => self.number,
            ARCH => self.arch,
            8 | 12 => panic!("no rule looks at the instruction pointer"),
            _ => {
                let argument = self.args[(offset as usize - 16) / 8];
                (argument >> (offset % 8 * 8)) as u32
            }
        }
    }
}

/// The answer to `call`, and how many instructions it took.
pub fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let (mut at, mut accumulator, mut count) = (0, 0, 0);
    loop {
        let Instruction { code, if_true, if_false, operand } = program[at];
        at += 1;
        count += 1;
        let jump = |taken| usize::from(if taken { if_true } else { if_false });
        match code {
            LOAD => accumulator = call.word(operand),
            AND => accumulator &= operand,
            GO => at += operand as usize,
            IF_EQUAL => at += jump(accumulator == operand),
            IF_AT_LEAST => at += jump(accumulator >= operand),
            IF_ANY_BIT => at += jump(accumulator & operand != 0),
            RETURN => return (operand, count),
            _ => panic!("an instruction that no program here has: {code:#x}"),
        }
    }
}
