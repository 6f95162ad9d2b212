//! `Condition*=` and `Assert*=` as the table has them: what cannot change while the board runs is decided here.

use bumpalo::Bump;
use tomte::table::{self, Arch, List, Subject};

use crate::{model::Condition, values::capability};

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
    let known = Subject::OPEN.into_iter().find(|known| known.as_str().trim_end_matches('=') == subject)?;
    let parameter = match known {
        Subject::Capability => capability::by_name(value)?.to_string(),
        _ => value.to_owned(),
    };
    Some(table::Condition { subject: known, parameter: arena.alloc_str(&parameter), ..all })
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
    match subject {
        "Virtualization" => value == "container",
        "Architecture" | "User" | "Group" => true,
        _ => Subject::OPEN.iter().any(|known| known.as_str().trim_end_matches('=') == subject),
    }
}
