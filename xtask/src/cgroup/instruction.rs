//! Instructions of the kernel's extended BPF (Documentation/bpf/standardization/instruction-set.rst).

/// struct bpf_insn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub code: u8,
    /// The one that is written to.
    pub target: u8,
    pub source: u8,
    /// Instructions that are passed over, or bytes.
    pub offset: i16,
    pub operand: u32,
}

/// BPF_LDX | BPF_MEM | BPF_W
pub const LOAD: u8 = 0x61;
/// BPF_ALU64 | BPF_MOV | BPF_X
pub const COPY: u8 = 0xbf;
/// BPF_ALU64 | BPF_MOV | BPF_K
pub const PUT: u8 = 0xb7;
/// BPF_ALU | BPF_AND | BPF_K
pub const AND: u8 = 0x54;
/// BPF_JMP | BPF_JA
pub const GO: u8 = 0x05;
/// BPF_JMP | BPF_JEQ | BPF_K
pub const IF: u8 = 0x15;
/// BPF_JMP | BPF_JNE | BPF_K
pub const UNLESS: u8 = 0x55;
/// BPF_JMP | BPF_JNE | BPF_X
pub const UNLESS_REGISTER: u8 = 0x5d;
/// BPF_JMP | BPF_JEQ | BPF_X
pub const IF_REGISTER: u8 = 0x1d;
/// BPF_JMP | BPF_JGT | BPF_K
pub const IF_MORE: u8 = 0x25;
/// BPF_JMP | BPF_JLT | BPF_K
pub const IF_LESS: u8 = 0xa5;
/// BPF_ALU | BPF_MOV | BPF_X: the upper half becomes zero.
pub const COPY_LOW: u8 = 0xbc;
/// BPF_ALU | BPF_MOV | BPF_K: likewise, so that the highest bit of an operand is no sign.
pub const PUT_LOW: u8 = 0xb4;
/// BPF_ALU | BPF_RSH | BPF_K
pub const SHIFT: u8 = 0x74;
/// BPF_ALU | BPF_END | BPF_TO_BE: from the network's order, or to it; the operand says how many bits.
pub const SWAP: u8 = 0xdc;
/// BPF_ALU64 | BPF_ADD | BPF_K
pub const ADD: u8 = 0x07;
/// BPF_JMP | BPF_CALL: the operand is the number of the kernel's function.
pub const CALL: u8 = 0x85;
/// BPF_JMP | BPF_EXIT
pub const EXIT: u8 = 0x95;

impl Instruction {
    pub const BYTES: usize = 8;

    pub const fn new(code: u8, target: u8, source: u8, offset: i16, operand: u32) -> Self {
        Self { code, target, source, offset, operand }
    }

    /// As the kernel reads it from memory.
    pub fn bytes(self) -> [u8; Self::BYTES] {
        let [offset_low, offset_high] = self.offset.to_le_bytes();
        let [a, b, c, d] = self.operand.to_le_bytes();
        [self.code, self.source << 4 | self.target, offset_low, offset_high, a, b, c, d]
    }
}

/// Ends the program with `answer`.
pub const fn answer(answer: u32) -> [Instruction; 2] {
    [Instruction::new(PUT, 0, 0, 0, answer), Instruction::new(EXIT, 0, 0, 0, 0)]
}

/// The way over so many instructions. The table takes no program in which that does not fit.
pub fn jump(count: usize) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}
