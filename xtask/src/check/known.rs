//! What becomes of sections and keys that no kind of unit has: a misspelt restriction is an error, since a service
//! must never run with more than its author allowed; the rest is a warning.

use super::{
    directives::{self, SECTIONS},
    draft::Cx,
};
use crate::{
    diag::{Code, Diagnostic, Severity, closest},
    read::{Assignment, Text},
};

/// The kinds of unit that tomte knows.
pub const KINDS: [&str; 8] = ["service", "target", "socket", "timer", "path", "mount", "swap", "slice"];

/// The sections that mean something in a unit of kind `suffix`.
pub fn sections(suffix: &str) -> &'static [&'static str] {
    match suffix {
        "service" => &["Unit", "Service", "Install"],
        "socket" => &["Unit", "Socket", "Install"],
        "timer" => &["Unit", "Timer", "Install"],
        "path" => &["Unit", "Path", "Install"],
        "mount" => &["Unit", "Mount", "Install"],
        "swap" => &["Unit", "Swap", "Install"],
        "slice" => &["Unit", "Slice", "Install"],
        _ => &["Unit", "Install"],
    }
}

/// Complains about a section that means nothing. A misspelt one is an error: what narrows privilege may be in it.
pub fn section(name: &Text, suffix: &str, cx: &mut Cx) {
    let written = name.as_str();
    if sections(suffix).contains(&written) || written.starts_with("X-") {
        return;
    }
    let mut problem =
        Diagnostic::warning(Code::UnknownSection, format!("unknown section [{written}] is ignored"));
    if let Some(near) = closest(written, sections(suffix).iter().copied()) {
        problem.severity = Severity::Error;
        cx.failed = true;
        problem.message = format!("unknown section [{written}]");
        problem = problem.help(format!("did you mean [{near}]?"));
    }
    cx.problems.push(problem.on(name, 0..name.len()));
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

/// What to say about a key that `section` of a unit of kind `suffix` has not; `None` if it may be passed over.
pub fn unknown(section: &str, suffix: &str, assignment: &Assignment) -> Option<Diagnostic> {
    let key = assignment.key.as_str();
    if key.starts_with("X-") {
        return None;
    }
    let problem = misplaced(section, suffix, key).unwrap_or_else(|| misspelt(section, key));
    Some(problem.on(&assignment.key, 0..key.len()))
}

/// A key of another section.
fn misplaced(section: &str, suffix: &str, key: &str) -> Option<Diagnostic> {
    let own = sections(suffix).iter().copied();
    let others = SECTIONS.iter().map(|(name, _)| *name);
    let (home, directive) = own.chain(others).find_map(|home| Some((home, directives::find(home, key)?)))?;
    let problem = match directive.narrows {
        true => Diagnostic::error(Code::WrongSection, format!("{key}= has no effect in [{section}]")),
        false => Diagnostic::warning(Code::WrongSection, format!("{key}= is ignored in [{section}]")),
    };
    Some(problem.help(format!("it belongs into [{home}]")))
}

/// A key that systemd has not either.
fn misspelt(section: &str, key: &str) -> Diagnostic {
    let near = closest(key, directives::of(section).map(|directive| directive.key));
    let refused = Diagnostic::error(Code::UnknownKey, format!("unknown key {key}= in [{section}]"));
    let ignored =
        Diagnostic::warning(Code::UnknownKey, format!("unknown key {key}= in [{section}] is ignored"));
    match near {
        Some(near) if directives::find(section, near).is_some_and(|directive| directive.narrows) => refused
            .help(format!("did you mean \"{near}\"? ignoring it would let the service do more than it may")),
        Some(near) => ignored.help(format!("did you mean \"{near}\"?")),
        None if section == "Service" && RESTRICTIVE.iter().any(|start| key.starts_with(start)) => refused
            .help("it sounds like a restriction; ignoring it might let the service do more than it may"),
        None => ignored,
    }
}
