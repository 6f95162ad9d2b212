//! Runs a program as the kernel does, and holds it to the kernel's rules.

use crate::cgroup::devices::{AND, COPY, EXIT, GO, IF, LOAD, PUT, UNLESS, UNLESS_REGISTER};

/// linux/bpf.h, struct bpf_cgroup_dev_ctx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// 1 is a block device, 2 a character device.
    pub kind: u32,
    /// 1 is to make a node, 2 to read, 4 to write.
    pub access: u32,
    pub major: u32,
    pub minor: u32,
}

/// Whether `program` allows it.
pub fn run(program: &[u8], question: Question) -> bool {
    let words = [question.access << 16 | question.kind, question.major, question.minor];
    let mut registers: [Option<u64>; 5] = [None; 5]; // the kernel refuses to read what nobody has written
    let mut at = 0;
    loop {
        let bytes: [u8; 8] = program[8 * at..][..8].try_into().expect("eight bytes");
        let [code, of, offset_low, offset_high, operand @ ..] = bytes;
        let (target, source) = (usize::from(of & 15), usize::from(of >> 4));
        let offset = i16::from_le_bytes([offset_low, offset_high]);
        let operand = u32::from_le_bytes(operand);
        let read = |register: usize| registers[register].expect("a register that was written");
        let mut jump = 0;
        match code {
            LOAD => {
                assert_eq!(source, 1, "the question is in register 1");
                registers[target] = Some(u64::from(words[offset as usize / 4]));
            }
            COPY => registers[target] = Some(read(source)),
            PUT => registers[target] = Some(u64::from(operand)),
            AND => registers[target] = Some(read(target) & u64::from(operand)),
            UNLESS if read(target) != u64::from(operand) => jump = offset,
            UNLESS_REGISTER if read(target) != read(source) => jump = offset,
            IF if read(target) == u64::from(operand) => jump = offset,
            GO => jump = offset,
            IF | UNLESS | UNLESS_REGISTER => {}
            EXIT => return read(0) == 1,
            _ => panic!("an instruction that no program here has: {code:#x}"),
        }
        at += 1 + usize::try_from(jump).expect("jumps go forward");
    }
}
