//! `Condition*=` and `Assert*=` as the table has them: what cannot change while the board runs is decided here.

use std::sync::Arc;

use bumpalo::Bump;
use tomte::table::{self, Arch, List, Subject};

use crate::{
    model::Condition,
    read::{Source, Text},
    values::{capability, size},
};

/// The records of a unit's conditions. Those that PID 1 cannot look at are left out: `check` has said so.
pub(super) fn records<'a>(
    arena: &'a Bump,
    conditions: &[Condition],
    arch: Arch,
) -> List<'a, table::Condition<'a>> {
    let records: Vec<_> = conditions.iter().filter_map(|one| record(arena, one, arch)).collect();
    super::record::list(arena, &records)
}

fn record<'a>(arena: &'a Bump, condition: &Condition, arch: Arch) -> Option<table::Condition<'a>> {
    let Condition { subject, assert, trigger, negate, parameter } = condition;
    let value = parameter.value.as_str();
    let all = table::Condition {
        subject: Subject::Always,
        assert: *assert,
        trigger: *trigger,
        negate: *negate,
        parameter: "",
    };
    if let Some(holds) = decided(subject, value, arch) {
        let mark = if *negate { "!" } else { "" };
        let subject = if holds == *negate { Subject::Never } else { Subject::Always };
        let written = format!("{}={mark}{value}", condition.subject);
        return Some(table::Condition {
            subject,
            negate: false,
            parameter: arena.alloc_str(&written),
            ..all
        });
    }
    let Look { subject, parameter, flipped } = look(subject, value)?;
    let negate = *negate != flipped;
    Some(table::Condition { subject, negate, parameter: arena.alloc_str(&parameter), ..all })
}

/// What is looked at on the target.
struct Look {
    subject: Subject,
    parameter: String,
    /// The condition holds if this does not.
    flipped: bool,
}

impl Look {
    fn new(subject: Subject, parameter: impl Into<String>) -> Self {
        Self { subject, parameter: parameter.into(), flipped: false }
    }

    /// Something is at `path`.
    fn exists(path: &str) -> Self {
        Self::new(Subject::PathExists, path)
    }

    fn unless(self, flipped: bool) -> Self {
        Self { flipped, ..self }
    }
}

/// How a condition on `subject` is looked at; `None` if the target does not.
fn look(subject: &str, value: &str) -> Option<Look> {
    let yes = |value: &str| match value {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    };
    match (subject, value) {
        ("Virtualization", "container") => Some(Look::new(Subject::Container, value)),
        ("Virtualization", "vm") => Some(Look::new(Subject::VirtualMachine, value)),
        ("Virtualization", _) => Some(Look::new(Subject::Virtual, "yes").unless(!yes(value)?)),
        // "uninitialized" is a word of images that systemd boots; tomte's are without a number until they have one.
        ("FirstBoot", _) => Some(Look::new(Subject::FileNotEmpty, "/etc/machine-id").unless(yes(value)?)),
        ("Firmware", "uefi") => Some(Look::exists("/sys/firmware/efi")),
        ("Firmware", "device-tree") => Some(Look::exists("/sys/firmware/devicetree")),
        ("Security", _) => security(value),
        ("CPUs", _) => compared(value, |number| number.parse().ok()).map(|to| Look::new(Subject::Cpus, to)),
        ("Memory", _) => {
            let bytes = |number: &str| {
                let source = Arc::new(Source::new("", number));
                size::bytes(&Text::of(&source, 0..number.len())).ok()
            };
            compared(value, bytes).map(|to| Look::new(Subject::Memory, to))
        }
        _ => {
            let named = |known: &Subject| known.as_str().trim_end_matches('=') == subject;
            let known = Subject::OPEN.into_iter().find(named)?;
            let parameter = match known {
                Subject::Capability => capability::by_name(value)?.to_string(),
                _ => value.to_owned(),
            };
            Some(Look::new(known, parameter))
        }
    }
}

/// `ConditionSecurity=`, as far as a path tells (condition.c, `condition_test_security`).
fn security(value: &str) -> Option<Look> {
    match value {
        "selinux" => Some(Look::exists("/sys/fs/selinux/enforce")),
        "apparmor" => Some(Look::exists("/sys/kernel/security/apparmor")),
        "tomoyo" => Some(Look::exists("/sys/kernel/security/tomoyo/version")),
        "smack" => Some(Look::exists("/sys/fs/smackfs")),
        "ima" => Some(Look::exists("/sys/kernel/security/ima")),
        "tpm2" => Some(Look::new(Subject::DirectoryNotEmpty, "/sys/class/tpmrm")),
        _ => None,
    }
}

/// A comparison as [`Subject::compares`] reads it; without a sign it is "at least".
fn compared(value: &str, number: impl Fn(&str) -> Option<u64>) -> Option<String> {
    const SIGNS: [(&str, &str); 8] = [
        ("<=", "<="),
        (">=", ">="),
        ("!=", "<>"),
        ("<>", "<>"),
        ("==", "="),
        ("<", "<"),
        (">", ">"),
        ("=", "="),
    ];
    let signed = SIGNS.iter().find_map(|(sign, right)| Some((value.strip_prefix(sign)?, *right)));
    let (rest, right) = signed.unwrap_or((value, ">="));
    Some(format!("{right}{}", number(rest.trim())?))
}

/// Whether a condition holds that is the same at every start; `None` for all others.
fn decided(subject: &str, value: &str, arch: Arch) -> Option<bool> {
    match subject {
        "Architecture" => Some(value == "native" || value == architecture(arch)),
        "User" => Some(matches!(value, "root" | "0" | "@system")),
        "Group" => Some(matches!(value, "root" | "0")),
        _ => None,
    }
}

/// systemd's name for the architecture (systemd.unit(5), `ConditionArchitecture=`).
const fn architecture(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86-64",
        Arch::Aarch64 => "arm64",
        Arch::Arm => "arm",
        Arch::Riscv64 => "riscv64",
    }
}

/// Whether PID 1 looks at conditions of `subject` with the parameter `value`.
pub fn is_looked_at(subject: &str, value: &str) -> bool {
    matches!(subject, "Architecture" | "User" | "Group") || look(subject, value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is looked at for `subject` with `value`, as a unit file would have it.
    fn looked_at(subject: &str, value: &str) -> Option<String> {
        let Look { subject, parameter, flipped } = look(subject, value)?;
        Some(format!("{}{}{parameter}", subject.as_str(), if flipped { "!" } else { "" }))
    }

    #[test]
    fn what_a_path_tells_is_asked_as_a_path() {
        for (subject, value, asked) in [
            ("FirstBoot", "yes", "FileNotEmpty=!/etc/machine-id"),
            ("FirstBoot", "no", "FileNotEmpty=/etc/machine-id"),
            ("Security", "selinux", "PathExists=/sys/fs/selinux/enforce"),
            ("Firmware", "uefi", "PathExists=/sys/firmware/efi"),
            ("Virtualization", "no", "Virtualization=!yes"),
            ("Virtualization", "vm", "Virtualization=vm"),
            ("CPUs", "4", "CPUs=>=4"),
            ("CPUs", "!=4", "CPUs=<>4"),
            ("Memory", "< 1G", "Memory=<1073741824"),
            ("PathExists", "/x", "PathExists=/x"),
        ] {
            assert_eq!(looked_at(subject, value).as_deref(), Some(asked), "{subject}={value}");
        }
        for (subject, value) in
            [("Virtualization", "kvm"), ("Security", "cvm"), ("CPUs", "many"), ("ACPower", "yes")]
        {
            assert!(!is_looked_at(subject, value), "{subject}={value}");
        }
    }
}
