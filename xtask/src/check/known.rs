//! Sections and keys that systemd 257 has and tomte has not, and what becomes of them: what narrows privilege is an
//! error, since a service must never run with more than its author allowed; so is what the service would not work
//! without; the rest is a warning. `lists.rs` has the names.

use super::{
    directives,
    draft::Cx,
    lists::{INERT, NARROWING, NARROWING_HERE, NEEDED, Off, WITHOUT_EFFECT},
};
use crate::{
    diag::{Diagnostic, Severity, closest},
    read::{Assignment, Text},
};

/// The sections that mean something in a unit of kind `suffix`.
pub fn sections(suffix: &str) -> &'static [&'static str] {
    match suffix {
        "service" => &["Unit", "Service", "Install"],
        _ => &["Unit", "Install"],
    }
}

/// Complains about a section that means nothing. A misspelt one is an error: what narrows privilege may be in it.
pub fn section(name: &Text, suffix: &str, cx: &mut Cx) {
    let written = name.as_str();
    if sections(suffix).contains(&written) || written.starts_with("X-") {
        return;
    }
    let mut problem = Diagnostic::warning(format!("unknown section [{written}] is ignored"));
    if let Some(near) = closest(written, sections(suffix).iter().copied()) {
        problem.severity = Severity::Error;
        cx.failed = true;
        problem.message = format!("unknown section [{written}]");
        problem = problem.help(format!("did you mean [{near}]?"));
    }
    cx.problems.push(problem.on(name, 0..name.len()));
}

/// What to say about a key that no directive of tomte has; `None` if it may be passed over.
pub fn unsupported(section: &str, assignment: &Assignment) -> Option<Diagnostic> {
    let Assignment { key: written, value } = assignment;
    let key = written.as_str();
    if key.starts_with("X-") || INERT.contains(&key) {
        return None;
    }
    let on_key = |problem: Diagnostic| Some(problem.on(written, 0..key.len()));
    if let Some(home) = home_of(key).filter(|home| *home != section) {
        let problem = match is_narrowing(key) {
            true => Diagnostic::error(format!("{key}= has no effect in [{section}]")),
            false => Diagnostic::warning(format!("{key}= is ignored in [{section}]")),
        };
        return on_key(problem.help(format!("it belongs into [{home}]")));
    }
    if let Some((_, off)) = NARROWING.iter().find(|(name, _)| *name == key) {
        if off.is(value.as_str()) {
            return None;
        }
        let message =
            format!("{key}= is not enforced by this tomte, so the service could do more than it may");
        return on_key(
            Diagnostic::error(message).help(format!("remove {key}= to run without that protection")),
        );
    }
    if let Some((_, help)) = NEEDED.iter().find(|(name, _)| *name == key) {
        let problem = Diagnostic::error(format!("{key}= is not supported by this tomte"));
        return if value.is_empty() { None } else { on_key(problem.help(*help)) };
    }
    if key == "Conflicts" && value.as_str() == "shutdown.target" {
        return None; // every unit is stopped at shutdown
    }
    if WITHOUT_EFFECT.contains(&key) || key.starts_with("Condition") || key.starts_with("Assert") {
        let what = if key.starts_with("Condition") || key.starts_with("Assert") {
            format!("{key}= is not checked by this tomte: the unit starts whether it holds or not")
        } else {
            format!("{key}= has no effect in this tomte")
        };
        return on_key(Diagnostic::warning(what));
    }
    on_key(unknown(section, key))
}

/// How keys begin that restrict: one that systemd 257 has not may be of a newer systemd.
const RESTRICTIVE: [&str; 9] = [
    "Protect",
    "Private",
    "Restrict",
    "SystemCall",
    "IPAddress",
    "Device",
    "Inaccessible",
    "ReadOnly",
    "NoExec",
];

/// A key that systemd has not either.
fn unknown(section: &str, key: &str) -> Diagnostic {
    let near = closest(key, directives::keys(section).chain(every_known()));
    let refused = Diagnostic::error(format!("unknown key {key}= in [{section}]"));
    let ignored = Diagnostic::warning(format!("unknown key {key}= in [{section}] is ignored"));
    match near {
        Some(near) if is_narrowing(near) => refused
            .help(format!("did you mean \"{near}\"? ignoring it would let the service do more than it may")),
        Some(near) => ignored.help(format!("did you mean \"{near}\"?")),
        None if section == "Service" && RESTRICTIVE.iter().any(|start| key.starts_with(start)) => refused
            .help("it sounds like a restriction; ignoring it might let the service do more than it may"),
        None => ignored,
    }
}

fn every_known() -> impl Iterator<Item = &'static str> {
    let narrowing = NARROWING.iter().map(|(name, _)| *name);
    narrowing.chain(NEEDED.iter().map(|(name, _)| *name)).chain(WITHOUT_EFFECT.iter().copied())
}

/// The section in which tomte understands `key`.
fn home_of(key: &str) -> Option<&'static str> {
    let home = ["Unit", "Service", "Install"].into_iter().find(|home| directives::find(home, key).is_some());
    home.or_else(|| NARROWING.iter().any(|(name, _)| *name == key).then_some("Service"))
}

/// Whether a service may do more without `key` than with it.
fn is_narrowing(key: &str) -> bool {
    NARROWING_HERE.contains(&key) || NARROWING.iter().any(|(name, _)| *name == key)
}

impl Off {
    /// Whether `value` asks for no restriction at all.
    fn is(self, value: &str) -> bool {
        match self {
            Self::No => {
                matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "n" | "false" | "f" | "off")
            }
            Self::Empty => value.is_empty(),
            Self::Word(word) => value == word,
        }
    }
}
