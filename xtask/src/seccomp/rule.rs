//! What becomes of a system call: actions, the tests on arguments that they depend on, and how several filters are one.

use std::collections::{BTreeMap, BTreeSet};

use super::groups;

/// What a filter answers: linux/seccomp.h. In this order a later one wins if filters differ, as in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The call is made.
    Allow,
    /// The call is made and told to the audit log.
    Log,
    /// The call is not made and answers this error.
    Errno(u16),
    /// The process ends with SIGSYS.
    Kill,
}

/// linux/errno.h.
pub const EPERM: u16 = 1;
/// linux/errno.h.
pub const ENOSYS: u16 = 38;
/// linux/errno.h.
pub const EAFNOSUPPORT: u16 = 97;

impl Action {
    /// `SECCOMP_RET_*` with its data.
    pub const fn code(self) -> u32 {
        match self {
            Self::Allow => 0x7FFF_0000,
            Self::Log => 0x7FFC_0000,
            Self::Errno(errno) => 0x0005_0000 | errno as u32,
            Self::Kill => 0x8000_0000,
        }
    }

    /// Which of two differing filters wins; all errors are one here.
    const fn rank(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Log => 1,
            Self::Errno(_) => 2,
            Self::Kill => 3,
        }
    }
}

/// A condition on the low half of one argument. No call that is tested here looks at the high half.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Test {
    /// Which argument, from 0.
    pub argument: u8,
    pub condition: Condition,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// One of these bits is set.
    AnyBit(u32),
    /// What is left of it under the mask is one of the values.
    OneOf { mask: u32, values: BTreeSet<u32> },
    /// It is none of the values.
    NoneOf(BTreeSet<u32>),
}

impl Test {
    pub const fn any_bit(argument: u8, bits: u32) -> Self {
        Self { argument, condition: Condition::AnyBit(bits) }
    }

    pub fn one_of(argument: u8, values: impl IntoIterator<Item = u32>) -> Self {
        Self::masked(argument, u32::MAX, values)
    }

    pub fn masked(argument: u8, mask: u32, values: impl IntoIterator<Item = u32>) -> Self {
        Self { argument, condition: Condition::OneOf { mask, values: values.into_iter().collect() } }
    }

    pub fn none_of(argument: u8, values: impl IntoIterator<Item = u32>) -> Self {
        Self { argument, condition: Condition::NoneOf(values.into_iter().collect()) }
    }
}

/// An action, if all of the tests hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause {
    pub tests: Vec<Test>,
    pub action: Action,
}

/// What becomes of one call: the first clause that holds. The last one has no tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule(Vec<Clause>);

impl Rule {
    /// In order of precedence.
    pub fn clauses(&self) -> &[Clause] {
        &self.0
    }
}

/// What one setting does to calls.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Calls by name. A call none of whose clauses holds is allowed.
    calls: BTreeMap<&'static str, Vec<Clause>>,
    /// All other calls of [`groups::is_known`].
    pub others: Action,
    /// Calls that are newer, and numbers that no call has.
    pub unknown: Action,
}

impl Filter {
    /// Everything is allowed until something is refused.
    pub const fn new() -> Self {
        Self { calls: BTreeMap::new(), others: Action::Allow, unknown: Action::Allow }
    }

    /// `action` for the call if all of `tests` hold.
    pub fn when<const N: usize>(&mut self, call: &'static str, tests: [Test; N], action: Action) {
        self.calls.entry(call).or_default().push(Clause { tests: tests.into(), action });
    }

    /// `action` for the call.
    pub fn always(&mut self, call: &'static str, action: Action) {
        self.when(call, [], action);
    }

    fn clauses(&self, call: Option<&str>) -> Vec<Clause> {
        let always = |action| Clause { tests: Vec::new(), action };
        let found = call.and_then(|call| self.calls.get(call));
        match (found, call) {
            (Some(clauses), _) => clauses.iter().cloned().chain([always(Action::Allow)]).collect(),
            (None, Some(call)) if groups::is_known(call) => vec![always(self.others)],
            (None, _) => vec![always(self.unknown)],
        }
    }
}

/// The one rule for `call` (`None`: a number without a call) that does what the kernel does with all of `filters`, which
/// stand in the order of loading: the strictest action wins, and of several errors that of the filter loaded last.
pub fn merge(filters: &[Filter], call: Option<&str>) -> Rule {
    let mut clauses: Vec<Clause> = filters.iter().rev().flat_map(|filter| filter.clauses(call)).collect();
    clauses.push(Clause { tests: Vec::new(), action: Action::Allow });
    clauses.sort_by_key(|clause| std::cmp::Reverse(clause.action.rank())); // stable: the newest stays first
    let decided = clauses.iter().position(|clause| clause.tests.is_empty()).unwrap_or(0);
    clauses.truncate(decided + 1);
    // Whatever leads to the same as the rest need not be tested.
    while let [.., before, last] = clauses.as_slice()
        && before.action == last.action
    {
        clauses.remove(clauses.len() - 2);
    }
    Rule(clauses)
}
