//! Filters of system calls, compiled where there is time for it: from a unit's settings to one program for the kernel's
//! classic BPF, which PID 1 only has to hand over.
//!
//! | file | owns |
//! | --- | --- |
//! | `abi` | the system call interfaces of each architecture and their numbers |
//! | `groups` | systemd's groups of calls |
//! | `policy` | what the settings say |
//! | `filters` | what systemd loads for each setting, as rules by the calls' names |
//! | `rule` | actions, conditions on arguments, and several filters as one |
//! | `search` | the cheapest tree of comparisons over numbers |
//! | `words` | what a filter does, for people |
//! | `program` | instructions, their layout, and the kernel's checks of them |
//!
//! systemd loads one program for each setting and interface; the kernel runs all of them for every call. Here they are
//! one program, in which every interface is a branch.

mod abi;
mod filters;
pub mod groups;
pub mod policy;
mod program;
mod rule;
mod search;
pub mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use tomte::table::Arch;

pub use self::abi::Abi;
use self::{
    abi::X32_BIT,
    filters::filters,
    policy::Policy,
    program::{Graph, IF_AT_LEAST, IF_EQUAL, Instruction, Node, Step},
    rule::{Action, Clause, Condition, ENOSYS, Rule, Test, merge},
};

impl Policy {
    /// Whether `call` is always made, whatever its arguments.
    pub fn allows(&self, call: &str) -> bool {
        let rule = merge(&filters(self, Abi::X86_64), Some(call));
        matches!(rule.clauses(), [Clause { action: Action::Allow | Action::Log, .. }])
    }
}

/// What a program does with an interface that the architecture is not known to have.
const ABSENT: Action = Action::Errno(ENOSYS);

/// A filter ready for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

impl Program {
    /// What the kernel is given: an array of struct sock_filter.
    pub fn bytes(&self) -> Vec<u8> {
        program::bytes(&self.instructions)
    }
}

/// The program of `policy` for `arch`; `None` if nothing is restricted.
///
/// # Errors
/// If the kernel would not take it.
pub fn compile(policy: &Policy, arch: Arch) -> Result<Option<Program>> {
    let restricted = policy.architectures.is_some() || !filters(policy, Abi::of(arch)[0]).is_empty();
    if !restricted {
        return Ok(None);
    }
    let mut compiler = Compiler { policy, graph: Graph::default() };
    let entry = compiler.interfaces(arch);
    let instructions = compiler.graph.layout(entry);
    program::check(&instructions)?;
    Ok(Some(Program { instructions }))
}

struct Compiler<'p> {
    policy: &'p Policy,
    graph: Graph,
}

impl Compiler<'_> {
    fn answer(&mut self, action: Action) -> Node {
        self.graph.node(Step::Return(action.code()))
    }

    /// The kernel's own interface is asked for first, and is never closed.
    fn interfaces(&mut self, arch: Arch) -> Node {
        let all = Abi::of(arch);
        let closed = if self.policy.architectures.is_some() { Action::Kill } else { ABSENT };
        let mut entry = self.answer(closed);
        for abi in all.iter().copied().rev() {
            if abi == Abi::X32 || !self.is_open(abi, all[0]) {
                continue;
            }
            let yes = self.numbers(abi);
            let operand = abi.audit();
            entry = self.graph.node(Step::If { code: IF_EQUAL, operand, yes, no: entry });
        }
        self.graph.node(Step::Load(program::ARCH, entry))
    }

    fn is_open(&self, abi: Abi, own: Abi) -> bool {
        abi == own || self.policy.architectures.as_ref().is_none_or(|open| open.contains(&abi))
    }

    /// All calls of one interface; x32 is x86_64 with one more bit in the number.
    fn numbers(&mut self, abi: Abi) -> Node {
        let filters = filters(self.policy, abi);
        let mut of_rule = HashMap::new();
        let mut of_call = |compiler: &mut Self, call: Option<&str>| {
            let rule = merge(&filters, call);
            *of_rule.entry(rule).or_insert_with_key(|rule| compiler.rule(rule))
        };
        let calls: BTreeMap<u32, Node> =
            abi.calls().iter().map(|(number, call)| (*number, of_call(self, Some(call)))).collect();
        let otherwise = of_call(self, None);
        let tree = search::tree(&mut self.graph, &calls, otherwise);
        let tree = match abi {
            Abi::X86_64 if self.is_open(Abi::X32, abi) => self.graph.node(Step::And(!X32_BIT, tree)),
            Abi::X86_64 => {
                let yes = self.answer(Action::Kill);
                self.graph.node(Step::If { code: IF_AT_LEAST, operand: X32_BIT, yes, no: tree })
            }
            Abi::X32 | Abi::X86 | Abi::Arm64 | Abi::Arm | Abi::Riscv64 | Abi::Riscv32 => tree,
        };
        self.graph.node(Step::Load(program::NUMBER, tree))
    }

    fn rule(&mut self, rule: &Rule) -> Node {
        let [clauses @ .., last] = rule.clauses() else { return self.answer(ABSENT) };
        let mut rest = self.answer(last.action);
        for clause in clauses.iter().rev() {
            let mut holds = self.answer(clause.action);
            for test in clause.tests.iter().rev() {
                holds = self.test(test, holds, rest);
            }
            rest = holds;
        }
        rest
    }

    /// Every test loads its argument: whoever comes here may have anything in the accumulator. What follows need not load
    /// it again.
    fn test(&mut self, Test { argument, condition }: &Test, yes: Node, no: Node) -> Node {
        let offset = program::argument(*argument);
        let whole = !matches!(condition, Condition::OneOf { mask, .. } if *mask != u32::MAX);
        let [yes, no] = [yes, no].map(|next| if whole { self.graph.loaded(next, offset) } else { next });
        let tested = match condition {
            Condition::AnyBit(bits) => {
                self.graph.node(Step::If { code: program::IF_ANY_BIT, operand: *bits, yes, no })
            }
            Condition::OneOf { mask, values } => {
                let places = values.iter().map(|value| (*value, yes)).collect();
                let tree = search::tree(&mut self.graph, &places, no);
                if *mask == u32::MAX { tree } else { self.graph.node(Step::And(*mask, tree)) }
            }
            Condition::NoneOf(values) => {
                let places = values.iter().map(|value| (*value, no)).collect();
                search::tree(&mut self.graph, &places, yes)
            }
        };
        self.graph.node(Step::Load(offset, tested))
    }
}
