//! A filter in words, for `cargo xtask explain`: which calls of each interface it lets through, and what that costs.

use std::collections::BTreeMap;

use tomte::table::Arch;

use super::{
    Abi, Program,
    filters::filters,
    policy::{Denial, Families, Policy},
    program::{GO, IF_ANY_BIT, IF_AT_LEAST, IF_EQUAL, Instruction, RETURN},
    rule::{Action, merge},
};
use crate::values::{errno, family, namespace};

/// A name, and what is to be said of it.
pub type Row = (String, Vec<String>);

/// What the lists of calls of `policy` are.
pub fn lists(policy: &Policy) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), vec![value]));
    if let Some(list) = &policy.calls {
        let kind = if list.allow { "allows" } else { "refuses" };
        row("SystemCallFilter", format!("{kind} {} calls by name", list.calls.len()));
        row("SystemCallErrorNumber", denial(policy.denial));
    }
    if let Some(list) = &policy.log {
        let kind = if list.allow { "the" } else { "all but the" };
        row("SystemCallLog", format!("{kind} {} calls named", list.calls.len()));
    }
    rows
}

/// The settings of `policy` that narrow and that nothing but the filter enforces, as a unit file would have them.
pub fn posture(policy: &Policy) -> Vec<String> {
    let mut settings = Vec::new();
    settings.extend(policy.calls.as_ref().map(|_| "SystemCallFilter=".to_owned()));
    if let Some(open) = &policy.architectures {
        let names = joined(["native"].into_iter().chain(open.iter().map(|abi| abi.name())));
        settings.push(format!("SystemCallArchitectures={names}"));
    }
    settings.extend(policy.families.as_ref().map(families));
    if let Some(kept) = policy.namespaces.filter(|kept| kept & namespace::ALL != namespace::ALL) {
        let names = joined(namespace::names(kept));
        settings.push(format!("RestrictNamespaces={}", if names.is_empty() { "yes" } else { &names }));
    }
    let switches = [
        (policy.realtime, "RestrictRealtime=yes"),
        (policy.suid_sgid, "RestrictSUIDSGID=yes"),
        (policy.write_execute, "MemoryDenyWriteExecute=yes"),
        (policy.personality.is_some(), "LockPersonality=yes"),
    ];
    settings.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, setting)| setting.to_owned()));
    settings
}

fn families(list: &Families) -> String {
    let names =
        joined(list.families.iter().filter_map(|family| u8::try_from(*family).ok().and_then(family::name)));
    let value = match (list.allow, names.as_str()) {
        (true, "") => "none".to_owned(),
        (true, _) => names,
        (false, _) => format!("~{names}"),
    };
    format!("RestrictAddressFamilies={value}")
}

/// What `program`, which is that of `policy` for `arch`, does with each interface.
pub fn views(policy: &Policy, arch: Arch, program: &Program) -> Vec<Row> {
    let own = Abi::of(arch)[0];
    let mut rows = vec![("Program".to_owned(), vec![format!("{} instructions", program.instructions.len())])];
    for abi in Abi::of(arch).iter().copied() {
        let open = abi == own || policy.architectures.as_ref().is_none_or(|open| open.contains(&abi));
        let lines = match open {
            true => view(policy, abi, &program.instructions),
            false => vec!["closed: a call ends the process with SIGSYS".to_owned()],
        };
        rows.push((format!("Calls of {}", abi.name()), lines));
    }
    rows
}

fn view(policy: &Policy, abi: Abi, program: &[Instruction]) -> Vec<String> {
    let filters = filters(policy, abi);
    let mut by_fate: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let calls: BTreeMap<&str, ()> = abi.calls().values().map(|call| (*call, ())).collect();
    for call in calls.into_keys() {
        let rule = merge(&filters, Some(call));
        let fate = match rule.clauses() {
            [only] => fate(only.action),
            [.., last] => format!("{}, but for some arguments", fate(last.action)),
            [] => continue,
        };
        by_fate.entry(fate).or_default().push(call);
    }
    let mut lines = Vec::new();
    let cost = entry(abi, program).map(|entry| cost(program, entry));
    lines
        .extend(cost.map(|(count, longest)| format!("{count} instructions, at most {longest} for one call")));
    for (fate, calls) in by_fate {
        lines.push(format!("{}: {fate}", calls.len()));
        if fate != "allowed" {
            lines.extend(wrapped(&calls));
        }
    }
    if let [only] = merge(&filters, None).clauses() {
        lines.push(format!("calls without a name here: {}", fate(only.action)));
    }
    lines
}

fn fate(action: Action) -> String {
    match action {
        Action::Allow => "allowed".to_owned(),
        Action::Log => "allowed and logged".to_owned(),
        Action::Errno(number) => format!("refused with {}", denial(Denial::Errno(number))),
        Action::Kill => "ends the process with SIGSYS".to_owned(),
    }
}

fn denial(denial: Denial) -> String {
    match denial {
        Denial::Kill => "kill".to_owned(),
        Denial::Errno(number) => errno::name(number).unwrap_or_else(|| number.to_string()),
    }
}

fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.collect::<Vec<_>>().join(" ")
}

/// The names in lines of readable length, indented.
fn wrapped(names: &[&str]) -> Vec<String> {
    const WIDTH: usize = 90;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut().filter(|line| line.len() + name.len() < WIDTH) {
            Some(line) => *line += &format!(" {name}"),
            None => lines.push(format!("  {name}")),
        }
    }
    lines
}

/// Where the branch of `abi` begins: the program asks for one interface after the other, behind a load.
fn entry(abi: Abi, program: &[Instruction]) -> Option<usize> {
    let mut at = 1;
    loop {
        let one = program.get(at).filter(|one| one.code == IF_EQUAL)?;
        if one.operand == abi.audit() {
            return Some(at + 1 + usize::from(one.if_true));
        }
        at += 1 + usize::from(one.if_false);
    }
}

/// How many instructions can be reached from `entry`, and how many the longest way has.
fn cost(program: &[Instruction], entry: usize) -> (usize, usize) {
    // Jumps go forward only: from the back, every target's way is known.
    let mut ways = vec![0; program.len()];
    for (at, one) in program.iter().enumerate().rev() {
        ways[at] = 1 + next(at, one).into_iter().map(|to| ways[to]).max().unwrap_or(0);
    }
    let mut reached = vec![false; program.len()];
    reached[entry] = true;
    for (at, one) in program.iter().enumerate() {
        if reached[at] {
            next(at, one).into_iter().for_each(|to| reached[to] = true);
        }
    }
    (reached.into_iter().filter(|reached| *reached).count(), ways[entry])
}

fn next(at: usize, one: &Instruction) -> Vec<usize> {
    match one.code {
        RETURN => Vec::new(),
        GO => vec![at + 1 + one.operand as usize],
        IF_EQUAL | IF_AT_LEAST | IF_ANY_BIT => {
            vec![at + 1 + usize::from(one.if_true), at + 1 + usize::from(one.if_false)]
        }
        _ => vec![at + 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{compile, policy::CallList};

    #[test]
    fn a_filter_is_said_view_by_view() {
        let mut calls = CallList::filter(false);
        calls.add("mount", true, None);
        calls.add("umount2", true, Some(Denial::Kill));
        let policy = Policy {
            calls: Some(calls),
            denial: Denial::Errno(1),
            architectures: Some([].into()),
            suid_sgid: true,
            ..Policy::default()
        };
        let program = compile(&policy, Arch::X86_64).unwrap().unwrap();
        let rows = views(&policy, Arch::X86_64, &program);
        let of = |name: &str| &rows.iter().find(|(row, _)| row == name).unwrap().1;
        let lines = of("Calls of x86-64");
        assert!(lines[0].ends_with("instructions, at most 14 for one call"), "{lines:?}");
        for line in [
            "1: refused with EPERM",
            "  mount",
            "1: ends the process with SIGSYS",
            "  umount2",
            "2: refused with ENOSYS",
            "  io_uring_setup openat2",
            "11: allowed, but for some arguments",
            "calls without a name here: allowed",
        ] {
            assert!(lines.iter().any(|other| other == line), "{line}: {lines:#?}");
        }
        assert_eq!(of("Calls of x86"), &["closed: a call ends the process with SIGSYS"]);
        assert_eq!(
            posture(&policy),
            ["SystemCallFilter=", "SystemCallArchitectures=native", "RestrictSUIDSGID=yes"]
        );
        let lists = lists(&policy).into_iter().map(|(name, values)| format!("{name}={}", values[0]));
        assert_eq!(
            lists.collect::<Vec<_>>(),
            ["SystemCallFilter=refuses 2 calls by name", "SystemCallErrorNumber=EPERM"]
        );
    }
}
