//! Runs a program as the kernel does, and holds it to the kernel's rules.

use crate::cgroup::instruction::{
    ADD, AND, CALL, COPY, COPY_LOW, EXIT, GO, IF, IF_LESS, IF_MORE, IF_REGISTER, LOAD, PUT, PUT_LOW, SHIFT,
    SWAP, UNLESS, UNLESS_REGISTER,
};

/// What a program is asked.
pub struct Question<'q> {
    /// Words of the kernel's structure, and where in it they are.
    pub words: &'q [(i16, u32)],
    /// From the network layer's header on.
    pub packet: &'q [u8],
}

/// What a register holds that is no number.
const QUESTION: u64 = 1 << 40;
const STACK: u64 = 1 << 41;

/// Whether `program` allows it. Every instruction is in reach, or the kernel would refuse it.
pub fn run(program: &[u8], question: &Question<'_>) -> bool {
    reach_all(program);
    // The kernel refuses to read what nobody has written.
    let mut registers: [Option<u64>; 11] = [None; 11];
    registers[1] = Some(QUESTION);
    registers[10] = Some(STACK);
    let mut stack: [Option<u8>; 16] = [None; 16];
    let mut at = 0;
    loop {
        let (code, target, source, offset, operand) = instruction(program, at);
        let read = |register: usize| registers[register].expect("a register that was written");
        let signed = i64::from(operand.cast_signed()).cast_unsigned();
        let mut jump = 0;
        match code {
            LOAD if read(source) == QUESTION => {
                let word = question.words.iter().find(|(place, _)| *place == offset);
                registers[target] = Some(u64::from(word.expect("a word of the question").1));
            }
            LOAD => {
                assert_eq!(read(source), STACK, "a number is no address");
                let from = usize::try_from(16 + offset).expect("within the stack");
                let bytes = [0, 1, 2, 3].map(|byte| stack[from + byte].expect("bytes that were written"));
                registers[target] = Some(u64::from(u32::from_le_bytes(bytes)));
            }
            COPY => registers[target] = Some(read(source)),
            COPY_LOW => registers[target] = Some(read(source) & u64::from(u32::MAX)),
            PUT => registers[target] = Some(signed),
            PUT_LOW => registers[target] = Some(u64::from(operand)),
            AND => registers[target] = Some(read(target) & u64::from(operand)),
            ADD => registers[target] = Some(read(target).wrapping_add(signed)),
            SHIFT => registers[target] = Some(u64::from(read(target) as u32 >> operand)),
            SWAP if operand == 16 => {
                registers[target] = Some(u64::from((read(target) as u16).swap_bytes()));
            }
            SWAP => registers[target] = Some(u64::from((read(target) as u32).swap_bytes())),
            CALL => {
                assert_eq!((operand, read(1)), (26, QUESTION), "bytes of the packet are loaded");
                let (from, length) = (read(2) as usize, read(4) as usize);
                let to = usize::try_from(read(3).wrapping_sub(STACK - 16)).expect("within the stack");
                let bytes = question.packet.get(from..from + length);
                let loaded = bytes.map_or_else(|| vec![0; length], <[u8]>::to_vec);
                for (place, byte) in stack[to..to + length].iter_mut().zip(loaded) {
                    *place = Some(byte);
                }
                registers[..6].fill(None);
                registers[0] = Some(if bytes.is_some() { 0 } else { -14_i64 as u64 });
            }
            UNLESS if read(target) != signed => jump = offset,
            UNLESS_REGISTER if read(target) != read(source) => jump = offset,
            IF if read(target) == signed => jump = offset,
            IF_REGISTER if read(target) == read(source) => jump = offset,
            IF_LESS if read(target) < signed => jump = offset,
            IF_MORE if read(target) > signed => jump = offset,
            GO => jump = offset,
            IF | IF_REGISTER | IF_LESS | IF_MORE | UNLESS | UNLESS_REGISTER => {}
            EXIT => return read(0) == 1,
            _ => panic!("an instruction that no program here has: {code:#x}"),
        }
        at += 1 + usize::try_from(jump).expect("jumps go forward");
    }
}

/// The code, the registers, the offset and the operand.
fn instruction(program: &[u8], at: usize) -> (u8, usize, usize, i16, u32) {
    let bytes: [u8; 8] = program[8 * at..][..8].try_into().expect("eight bytes");
    let [code, of, offset_low, offset_high, operand @ ..] = bytes;
    let offset = i16::from_le_bytes([offset_low, offset_high]);
    (code, usize::from(of & 15), usize::from(of >> 4), offset, u32::from_le_bytes(operand))
}

fn reach_all(program: &[u8]) {
    let mut reached = vec![false; program.len() / 8];
    reached[0] = true;
    for at in 0..reached.len() {
        assert!(reached[at], "instruction {at} is out of reach");
        let (code, _, _, offset, _) = instruction(program, at);
        let jumps = [IF, IF_REGISTER, IF_LESS, IF_MORE, UNLESS, UNLESS_REGISTER, GO].contains(&code);
        if jumps {
            reached[at + 1 + usize::try_from(offset).expect("jumps go forward")] = true;
        }
        if code != EXIT && code != GO {
            reached[at + 1] = true;
        }
    }
}
