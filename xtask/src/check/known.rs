//! Sections and keys that systemd 257 has and tomte has not, and what becomes of them: what narrows privilege is an
//! error, since a service must never run with more than its author allowed; so is what the service would not work
//! without; the rest is a warning.

use super::{directives, draft::Cx};
use crate::{
    diag::{Diagnostic, closest},
    read::{Assignment, Text},
};

/// The sections that mean something in a unit of kind `suffix`.
pub fn sections(suffix: &str) -> &'static [&'static str] {
    match suffix {
        "service" => &["Unit", "Service", "Install"],
        _ => &["Unit", "Install"],
    }
}

/// Complains about a section that means nothing.
pub fn section(name: &Text, suffix: &str, cx: &mut Cx) {
    let written = name.as_str();
    if sections(suffix).contains(&written) || written.starts_with("X-") {
        return;
    }
    let message = format!("unknown section [{written}] is ignored");
    let problem = Diagnostic::warning(message).on(name, 0..name.len());
    cx.problems.push(problem.did_you_mean(written, sections(suffix).iter().copied()));
}

/// What to say about a key that no directive of tomte has.
pub fn unsupported(section: &str, assignment: &Assignment) -> Option<Diagnostic> {
    let key = assignment.key.as_str();
    if key.starts_with("X-") {
        return None;
    }
    let whole = |problem: Diagnostic| problem.on(&assignment.key, 0..key.len());
    let near = closest(key, directives::keys(section));
    let problem = whole(Diagnostic::warning(format!("unknown key {key}= in [{section}] is ignored")));
    Some(match near {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem,
    })
}
