//! The groups of system calls: `groups.txt`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::abi;

type Members = BTreeMap<&'static str, Vec<&'static str>>;

static GROUPS: LazyLock<Members> = LazyLock::new(|| {
    let mut groups = Members::new();
    let mut members = &mut Vec::new();
    for line in include_str!("groups.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix(' ') {
            Some(names) => members.extend(names.split_whitespace()),
            None if line.is_empty() => {}
            None => members = groups.entry(line).or_default(),
        }
    }
    groups
});

static KNOWN: LazyLock<BTreeSet<&str>> = LazyLock::new(|| calls("@known").unwrap_or_default());

/// The calls of `group`, whose name starts with `@`; those of groups in it included.
pub fn calls(group: &str) -> Option<BTreeSet<&'static str>> {
    let mut calls = BTreeSet::new();
    for member in GROUPS.get(group)? {
        match self::calls(member) {
            Some(more) => calls.extend(more),
            None => {
                calls.insert(*member);
            }
        }
    }
    Some(calls)
}

/// Names of groups.
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.keys().copied()
}

/// Names of system calls of any architecture.
pub fn all_calls() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().copied()
}

/// Whether a call of this name was there when the groups were made: newer ones answer ENOSYS in an allow list.
pub fn is_known(call: &str) -> bool {
    KNOWN.contains(call)
}

/// The name as it stands in the lists, if it names a system call of any architecture.
pub fn call(name: &str) -> Option<&'static str> {
    let of_some_group = || GROUPS.values().flatten().find(|member| **member == name).copied();
    KNOWN.get(name).copied().or_else(of_some_group).or_else(|| abi::name(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::abi::Abi;

    #[test]
    fn groups_are_those_of_systemd_257() {
        assert_eq!(names().count(), 30);
        assert!(calls("@sandbox").unwrap().contains("landlock_restrict_self"));
        assert!(calls("@default").unwrap().contains("seccomp"), "groups within groups");
        let service = calls("@system-service").unwrap();
        assert!(service.contains("openat") && service.contains("read") && !service.contains("mount"));
        assert_eq!(calls("@nonsense"), None);
    }

    #[test]
    fn only_the_newest_calls_and_one_long_gone_are_unknown() {
        let all: BTreeSet<&str> =
            Abi::ALL.into_iter().flat_map(|abi| abi.calls().values().copied()).collect();
        let newer: Vec<&str> = all.into_iter().filter(|call| !is_known(call)).collect();
        assert_eq!(newer, ["nfsservctl", "open_tree_attr", "uprobe"]);
        assert_eq!(call("open_tree_attr"), Some("open_tree_attr"));
        assert_eq!(call("opne"), None);
    }
}
