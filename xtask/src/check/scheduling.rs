//! What the directives of systemd.exec(5) do that are about scheduling and limits of one process.

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    read::{Assignment, Text},
    values::{cpu_list, scalar, scheduling, time, word, wrong},
};

type Done = Result<(), Diagnostic>;

/// Sets `slot` to what `parse` makes of the value, or takes an earlier one back.
fn optional<T>(slot: &mut Option<T>, a: &Assignment, parse: fn(&Text) -> Result<T, Diagnostic>) -> Done {
    *slot = if a.value.is_empty() { None } else { Some(parse(&a.value)?) };
    Ok(())
}

/// `Nice=`.
pub fn nice(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.nice, a, scheduling::nice)
}

/// `CPUSchedulingPolicy=`.
pub fn policy(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.policy, a, scheduling::policy)
}

/// `CPUSchedulingPriority=`.
pub fn priority(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.priority, a, scheduling::priority)
}

/// `CPUSchedulingResetOnFork=`.
pub fn reset_on_fork(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.exec().scheduling.reset_on_fork = scalar::boolean(&a.value)?;
    Ok(())
}

/// `IOSchedulingClass=`.
pub fn io_class(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.io_class, a, scheduling::io_class)
}

/// `IOSchedulingPriority=`.
pub fn io_priority(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.io_priority, a, scheduling::io_priority)
}

/// `CPUAffinity=`: adds processors, or takes all back.
pub fn affinity(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let processors = &mut d.exec().scheduling.affinity;
    if a.value.is_empty() {
        processors.clear();
    }
    if a.value.as_str() == "numa" {
        let problem = wrong(&a.value, Code::Word, "\"numa\" is not supported: boards have one memory node");
        return Err(problem.help("name the processors: CPUAffinity=0-3"));
    }
    processors.extend(cpu_list::parse(&a.value)?);
    Ok(())
}

/// `OOMScoreAdjust=`.
pub fn oom_score(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.oom_score_adjust, a, scheduling::oom_score)
}

/// `TimerSlackNSec=`: a number without a unit is nanoseconds.
pub fn timer_slack(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    optional(&mut d.exec().scheduling.timer_slack, a, |text| match scalar::decimal(text.as_str()) {
        Some(nanoseconds) => Ok(nanoseconds),
        None => time::span(text).map(|span| span.0.saturating_mul(1000)),
    })
}

/// `Personality=`: an architecture, of which the kernel knows two kinds.
pub fn personality(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    const PER_LINUX: u32 = 0;
    const PER_LINUX32: u32 = 8;
    const NAMES: [(&str, u32); 5] = [
        ("x86-64", PER_LINUX),
        ("arm64", PER_LINUX),
        ("riscv64", PER_LINUX),
        ("x86", PER_LINUX32),
        ("arm", PER_LINUX32),
    ];
    optional(&mut d.exec().scheduling.personality, a, |text| scalar::choice(text, &NAMES))
}

/// `CoredumpFilter=`: names of kinds of memory, or their bits in hexadecimal (core(5)).
pub fn coredump_filter(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    const KINDS: [(&str, u32); 11] = [
        ("private-anonymous", 1 << 0),
        ("shared-anonymous", 1 << 1),
        ("private-file-backed", 1 << 2),
        ("shared-file-backed", 1 << 3),
        ("elf-headers", 1 << 4),
        ("private-huge", 1 << 5),
        ("shared-huge", 1 << 6),
        ("private-dax", 1 << 7),
        ("shared-dax", 1 << 8),
        ("default", 0x33),
        ("all", 0x1ff),
    ];
    let filter = &mut d.exec().scheduling.coredump_filter;
    if a.value.is_empty() {
        *filter = None;
    }
    for word in word::list(&a.value)? {
        let digits = word.as_str().strip_prefix("0x").unwrap_or(word.as_str());
        let kinds = match u32::from_str_radix(digits, 16) {
            Ok(kinds) => kinds,
            Err(_) => scalar::choice(&word, &KINDS)?,
        };
        *filter = Some(filter.unwrap_or(0) | kinds);
    }
    Ok(())
}
