//! Programs of the kernel's classic BPF: built as a graph in which equal parts are one, laid out from the last
//! instruction to the first so that every distance is known when it is needed, and checked by the kernel's own rules.

use std::collections::HashMap;

use anyhow::{Result, ensure};

/// linux/filter.h, struct sock_filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub code: u16,
    pub if_true: u8,
    pub if_false: u8,
    pub operand: u32,
}

/// BPF_LD | BPF_W | BPF_ABS
pub const LOAD: u16 = 0x20;
/// BPF_ALU | BPF_AND | BPF_K
pub const AND: u16 = 0x54;
/// BPF_JMP | BPF_JA
pub const GO: u16 = 0x05;
/// BPF_JMP | BPF_JEQ | BPF_K
pub const IF_EQUAL: u16 = 0x15;
/// BPF_JMP | BPF_JGE | BPF_K
pub const IF_AT_LEAST: u16 = 0x35;
/// BPF_JMP | BPF_JSET | BPF_K
pub const IF_ANY_BIT: u16 = 0x45;
/// BPF_RET | BPF_K
pub const RETURN: u16 = 0x06;

/// linux/bpf_common.h, BPF_MAXINSNS.
pub const INSTRUCTIONS_MAX: usize = 4096;
/// linux/seccomp.h, struct seccomp_data.
const DATA_BYTES: u32 = 64;

/// Where the call's number stands in struct seccomp_data.
pub const NUMBER: u32 = 0;
/// Where the interface stands.
pub const ARCH: u32 = 4;

/// Where the low half of an argument stands: all machines here are little-endian.
pub const fn argument(index: u8) -> u32 {
    16 + 8 * index as u32
}

/// A node of a [`Graph`].
pub type Node = usize;

/// What a node does. The accumulator is what was loaded last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Loads the word at the offset.
    Load(u32, Node),
    /// Keeps these bits of the accumulator.
    And(u32, Node),
    /// One way if the accumulator and the operand are as the code (`IF_*`) says, another if not.
    If { code: u16, operand: u32, yes: Node, no: Node },
    /// Answers.
    Return(u32),
}

/// A program as a graph without cycles: equal steps are one node.
#[derive(Debug, Default)]
pub struct Graph {
    steps: Vec<Step>,
    nodes: HashMap<Step, Node>,
}

impl Graph {
    /// The node of `step`. What makes no difference is left out.
    pub fn node(&mut self, step: Step) -> Node {
        match step {
            Step::If { yes, no, .. } if yes == no => return yes,
            Step::Load(_, next) | Step::And(_, next)
                if matches!(self.steps.get(next), Some(Step::Return(_) | Step::Load(..))) =>
            {
                return next;
            }
            Step::If { .. } | Step::Load(..) | Step::And(..) | Step::Return(_) => {}
        }
        *self.nodes.entry(step).or_insert_with(|| {
            self.steps.push(step);
            self.steps.len() - 1
        })
    }

    /// Where `node` goes on if the word at `offset` is loaded already.
    pub fn loaded(&self, node: Node, offset: u32) -> Node {
        match self.steps.get(node) {
            Some(Step::Load(same, next)) if *same == offset => *next,
            Some(Step::Load(..) | Step::And(..) | Step::If { .. } | Step::Return(_)) | None => node,
        }
    }

    /// The program that starts at `entry`.
    pub fn layout(&self, entry: Node) -> Vec<Instruction> {
        let mut layout = Layout { graph: self, backwards: Vec::new(), places: HashMap::new() };
        layout.put(entry);
        layout.backwards.reverse();
        layout.backwards
    }
}

/// A program in the making, last instruction first.
struct Layout<'g> {
    graph: &'g Graph,
    backwards: Vec<Instruction>,
    /// Where nodes start, counted from the end.
    places: HashMap<Node, usize>,
}

impl Layout<'_> {
    fn put(&mut self, node: Node) {
        if self.places.contains_key(&node) {
            return;
        }
        match self.graph.steps[node] {
            Step::Return(action) => self.push(Instruction { operand: action, ..plain(RETURN) }),
            Step::Load(offset, next) => self.straight(Instruction { operand: offset, ..plain(LOAD) }, next),
            Step::And(mask, next) => self.straight(Instruction { operand: mask, ..plain(AND) }, next),
            Step::If { code, operand, yes, no } => {
                self.put(no);
                self.put(yes);
                let (if_true, if_false) = self.within_reach(yes, no);
                self.push(Instruction { code, if_true, if_false, operand });
            }
        }
        self.places.insert(node, self.backwards.len() - 1);
    }

    fn push(&mut self, instruction: Instruction) {
        self.backwards.push(instruction);
    }

    /// How many instructions lie between the next one to be put and `node`.
    fn distance(&self, node: Node) -> usize {
        self.backwards.len() - 1 - self.places[&node]
    }

    /// `instruction` and then `next`.
    fn straight(&mut self, instruction: Instruction, next: Node) {
        self.put(next);
        if self.distance(next) > 0 {
            self.nearer(next);
        }
        self.push(instruction);
    }

    /// Jumps are one byte: brings both targets so near.
    fn within_reach(&mut self, yes: Node, no: Node) -> (u8, u8) {
        loop {
            match (u8::try_from(self.distance(yes)), u8::try_from(self.distance(no))) {
                (Ok(if_true), Ok(if_false)) => return (if_true, if_false),
                (Err(_), _) => self.nearer(yes),
                (Ok(_), Err(_)) => self.nearer(no),
            }
        }
    }

    /// Puts another way to `node` here: its answer if that is all there is to it, else a jump.
    fn nearer(&mut self, node: Node) {
        let again = match self.graph.steps[node] {
            Step::Return(action) => Instruction { operand: action, ..plain(RETURN) },
            Step::Load(..) | Step::And(..) | Step::If { .. } => {
                let distance = u32::try_from(self.distance(node)).expect("a program has few instructions");
                Instruction { operand: distance, ..plain(GO) }
            }
        };
        self.push(again);
        self.places.insert(node, self.backwards.len() - 1);
    }
}

const fn plain(code: u16) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, operand: 0 }
}

/// Checks `program` as the kernel will (net/core/filter.c, `bpf_check_classic`; kernel/seccomp.c, `seccomp_check_filter`).
///
/// # Errors
/// Names the instruction that it would refuse.
pub fn check(program: &[Instruction]) -> Result<()> {
    let length = program.len();
    ensure!(
        (1..=INSTRUCTIONS_MAX).contains(&length),
        "the filter of system calls has {length} instructions; the kernel takes 1 to {INSTRUCTIONS_MAX}"
    );
    for (at, &Instruction { code, if_true, if_false, operand }) in program.iter().enumerate() {
        let inside = |distance: usize| at + 1 + distance < length;
        let sound = match code {
            LOAD => operand % 4 == 0 && operand < DATA_BYTES,
            AND | RETURN => true,
            GO => inside(operand as usize),
            IF_EQUAL | IF_AT_LEAST | IF_ANY_BIT => inside(if_true.into()) && inside(if_false.into()),
            _ => false,
        };
        ensure!(sound, "instruction {at} of the filter of system calls is wrong: {:?}", program[at]);
    }
    ensure!(
        program.last().is_some_and(|last| last.code == RETURN),
        "the filter of system calls does not end in an answer"
    );
    Ok(())
}

/// The program as the kernel reads it from memory.
pub fn bytes(program: &[Instruction]) -> Vec<u8> {
    let words = |one: &Instruction| {
        let [code_low, code_high] = one.code.to_le_bytes();
        let [a, b, c, d] = one.operand.to_le_bytes();
        [code_low, code_high, one.if_true, one.if_false, a, b, c, d]
    };
    program.iter().flat_map(words).collect()
}
