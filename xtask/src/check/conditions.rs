//! `Condition*=` and `Assert*=` of [Unit] (systemd.unit(5), "Conditions and Asserts").

use super::draft::{Cx, Draft};
use crate::{
    bake::conditions::is_looked_at,
    diag::{Code, Diagnostic},
    model::{Condition, Located},
    read::{Assignment, Text},
    values::{capability, path, scalar, wrong},
};

/// Every one of them: adds a condition, or takes all of its list back.
pub fn condition(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Result<(), Diagnostic> {
    let key = a.key.as_str();
    let (assert, subject) = match key.strip_prefix("Assert") {
        Some(subject) => (true, subject),
        None => (false, key.strip_prefix("Condition").unwrap_or(key)),
    };
    if a.value.is_empty() {
        d.unit.conditions.retain(|other| other.assert != assert);
        return Ok(());
    }
    let (trigger, rest) = prefixed(&a.value, '|');
    let (negate, rest) = prefixed(&rest, '!');
    let parameter = cx.specifiers.expand(&rest)?;
    check(subject, &parameter)?;
    if !is_looked_at(subject, parameter.as_str()) {
        let problem =
            Diagnostic::warning(Code::WithoutEffect, format!("{key}= is not looked at by this tomte"));
        let problem = problem.on(&a.key, 0..a.key.len());
        cx.later(a, Some(problem.help("the unit starts whether it holds or not")));
    }
    let parameter = Located { value: parameter.as_str().to_owned(), place: Some(rest.place(0)) };
    d.unit.conditions.push(Condition { subject: subject.to_owned(), assert, trigger, negate, parameter });
    Ok(())
}

/// Whether `text` begins with `mark`, and what is behind it, blanks dropped.
fn prefixed(text: &Text, mark: char) -> (bool, Text) {
    match text.as_str().strip_prefix(mark) {
        Some(rest) => (true, text.slice(text.len() - rest.trim_start().len()..text.len())),
        None => (false, text.clone()),
    }
}

/// Whether `parameter` can be what `subject` asks for.
fn check(subject: &str, parameter: &Text) -> Result<(), Diagnostic> {
    let words = |words: &[&str]| match words.contains(&parameter.as_str()) {
        true => Ok(()),
        false => Err(scalar::expected(parameter, words)),
    };
    match subject {
        _ if subject.starts_with("Path") => path::absolute(parameter).map(drop),
        "DirectoryNotEmpty" | "FileNotEmpty" | "FileIsExecutable" | "NeedsUpdate" => {
            path::absolute(parameter).map(drop)
        }
        "ACPower" | "FirstBoot" => scalar::boolean(parameter).map(drop),
        "Capability" => capability::merge(parameter, 0, 0).map(drop),
        "Architecture" => words(&ARCHITECTURES),
        "Security" => words(&SECURITY),
        _ if parameter.is_empty() => Err(wrong(parameter, Code::ConditionParameter, "nothing to look for")),
        _ => Ok(()),
    }
}

/// What uname(2) and systemd call the machines (systemd.unit(5), ConditionArchitecture=).
const ARCHITECTURES: [&str; 34] = [
    "x86",
    "x86-64",
    "ppc",
    "ppc-le",
    "ppc64",
    "ppc64-le",
    "ia64",
    "parisc",
    "parisc64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "mips",
    "mips-le",
    "mips64",
    "mips64-le",
    "alpha",
    "arm",
    "arm-be",
    "arm64",
    "arm64-be",
    "sh",
    "sh64",
    "m68k",
    "tilegx",
    "cris",
    "arc",
    "arc-be",
    "loongarch64",
    "riscv32",
    "riscv64",
    "nios2",
    "native",
];

/// ConditionSecurity= of systemd.unit(5).
const SECURITY: [&str; 11] = [
    "selinux",
    "apparmor",
    "tomoyo",
    "smack",
    "ima",
    "audit",
    "uefi-secureboot",
    "tpm2",
    "cvm",
    "measured-uki",
    "measured-os",
];

#[cfg(test)]
mod tests {
    use crate::check::tests::unit_of;

    #[test]
    fn marks_are_taken_off_the_front_and_an_empty_value_takes_all_back() {
        let of = |lines: &str| {
            let text = format!("[Unit]\n{lines}\n[Service]\nExecStart=/bin/true");
            let (unit, sink) = unit_of("a.service", &text);
            assert!(!sink.has_errors(), "{}", sink.render(false));
            unit.conditions
        };
        let conditions = of("ConditionPathExists=|!/etc/a\nAssertFirstBoot=no\nConditionUser=root");
        let said: Vec<_> = conditions
            .iter()
            .map(|one| (&*one.subject, one.assert, one.trigger, one.negate, &*one.parameter.value))
            .collect();
        assert_eq!(
            said,
            [
                ("PathExists", false, true, true, "/etc/a"),
                ("FirstBoot", true, false, false, "no"),
                ("User", false, false, false, "root"),
            ]
        );
        assert_eq!(of("ConditionUser=root\nAssertUser=root\nConditionHost=").len(), 1);
    }
}
