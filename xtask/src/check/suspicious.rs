//! What is legal and hardly meant: systemd runs such units, and so does tomte.

use tomte::table::{Micros, Restart};

use super::{
    blame,
    directives::{self, Off},
    draft::Cx,
    under,
};
use crate::{
    diag::{Code, Diagnostic, Severity},
    model::{Service, Unit},
    read::Assignment,
    values::scalar,
};

/// Looks at one line, whatever its key means.
pub fn line(a: &Assignment, cx: &mut Cx) {
    template(a, cx);
    mode(a, cx);
}

/// `@SBINDIR@`: what a build was to replace. At the start of a command it would be read as the prefix `@`.
fn template(a: &Assignment, cx: &mut Cx) {
    let text = a.value.as_str();
    let mut from = 0;
    while let Some(start) = text[from..].find('@').map(|at| from + at) {
        let name = &text[start + 1..];
        let length = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        let free = !text[..start].ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@'));
        let named = length >= 2 && name.starts_with(|c: char| c.is_ascii_alphabetic());
        if free && named && name[length..].starts_with('@') {
            let message =
                format!("{}: @{}@ was to be replaced when this was built", a.key.as_str(), &name[..length]);
            let help = if start == 0 && a.key.as_str().starts_with("Exec") {
                "as it stands, the first @ is the prefix that lets the second word be argv[0]"
            } else {
                "take the file that the build makes of this one, which often ends in .in"
            };
            let problem = Diagnostic::warning(Code::UnexpandedTemplate, message).help(help);
            cx.problems.push(problem.on(&a.value, start..start + length + 2));
            return;
        }
        from = start + 1;
    }
}

/// A mode that lets everybody write.
fn mode(a: &Assignment, cx: &mut Cx) {
    let key = a.key.as_str();
    let is_mask = key == "UMask";
    if !is_mask && !key.ends_with("DirectoryMode") && !matches!(key, "DirectoryMode" | "SocketMode") {
        return;
    }
    let Ok(mode) = scalar::mode(&a.value, 0o7777) else { return };
    let open = (mode & 0o002 != 0) != is_mask;
    let sticky = !is_mask && mode & 0o1000 != 0;
    if !open || sticky {
        return;
    }
    let (severity, what) = match key {
        // What systemd does without the line, too.
        "SocketMode" => (Severity::Note, "everybody may connect"),
        "UMask" => (Severity::Warning, "everybody may write what the unit makes"),
        _ => (Severity::Warning, "everybody may write there"),
    };
    let problem =
        Diagnostic::new(severity, Code::WorldWritable, format!("{key}={}: {what}", a.value.as_str()));
    cx.problems.push(problem.on(&a.value, 0..a.value.len()));
}

/// Looks at a finished unit.
pub fn unit(unit: &Unit, cx: &mut Cx) {
    aliases(unit, cx);
    let Some(service) = unit.kind.service().filter(|_| !cx.failed) else { return };
    start_limit(unit, service, cx);
    forking(cx);
    user(service, cx);
}

/// An alias that is no name for this kind of unit: `systemctl enable` refuses the unit.
fn aliases(unit: &Unit, cx: &mut Cx) {
    let kind = unit.kind.suffix();
    for alias in &unit.install.aliases {
        let name = &alias.value;
        if name.rsplit('.').next() != Some(kind) {
            let message = format!("Alias={name}: another name of a {kind} unit ends in .{kind}");
            let problem = Diagnostic::error(Code::AliasKind, message).at(alias.place.clone());
            cx.problems.push(problem.wide(name.chars().count()));
        }
    }
}

/// A limit of starts whose window is over before so many restarts fit into it.
fn start_limit(unit: &Unit, service: &Service, cx: &mut Cx) {
    let (limit, delay) = (unit.start_limit, service.restart_delay);
    let grows = cx.written.contains_key("RestartSteps");
    if service.restart == Restart::No || limit.interval == Micros::ZERO || grows {
        return;
    }
    let shortest = delay.0.saturating_mul(u64::from(limit.burst));
    if limit.interval > Micros(shortest) {
        return;
    }
    let keys = ["StartLimitBurst", "StartLimitIntervalSec", "StartLimitInterval", "RestartSec"];
    let Some(key) = keys.into_iter().find(|key| cx.written.contains_key(*key)) else { return };
    let seconds = |micros: Micros| format!("{} s", micros.0 as f64 / 1e6);
    let message = format!(
        "the limit of {} starts in {} is never reached: so many restarts take {} at least",
        limit.burst,
        seconds(limit.interval),
        seconds(Micros(shortest))
    );
    // Who writes only the delay may well want that.
    let severity = if key == "RestartSec" { Severity::Note } else { Severity::Warning };
    let help = "StartLimitIntervalSec=0 says that there is no limit; a longer one makes it count";
    let problem = Diagnostic::new(severity, Code::LimitNeverReached, under(key, &message)).help(help);
    let problem = blame(problem, key, cx);
    cx.problems.push(problem);
}

/// A daemon that forks, and nothing that says which process it is.
fn forking(cx: &mut Cx) {
    let is = |key: &str, value: &str| cx.written.get(key).is_some_and(|a| a.value.as_str() == value);
    let has_file = cx.written.get("PIDFile").is_some_and(|a| !a.value.is_empty());
    if !is("Type", "forking") || has_file {
        return;
    }
    let problem = Diagnostic::note(
        Code::ForkingWithoutPidFile,
        "Type=forking: without PIDFile= the main process is guessed: the only one that is left, or none",
    );
    let help = "write PIDFile=, or run the program in the foreground with another Type=";
    let problem = blame(problem.help(help), "Type", cx);
    cx.problems.push(problem);
}

/// A user of its own, which any set-user-ID program takes the service out of again.
fn user(service: &Service, cx: &mut Cx) {
    let exec = &service.exec;
    let root = matches!(exec.user.value.as_str(), "" | "root" | "0");
    if root || exec.dynamic_user || !cx.written.contains_key("User") {
        return;
    }
    let narrows = |key: &String| {
        let directive = directives::find("Service", key);
        let value = cx.written[key].value.as_str();
        let own = matches!(key.as_str(), "User" | "Group" | "SupplementaryGroups" | "UMask");
        directive.is_some_and(|directive| directive.narrows && !own && !Off::No.is(value))
    };
    if cx.written.keys().any(narrows) {
        return;
    }
    let message =
        "User=: nothing else narrows what the service may do: a set-user-ID program makes it root again";
    let problem =
        Diagnostic::note(Code::UserWithoutNarrowing, message).help("NoNewPrivileges=yes prevents that");
    let problem = blame(problem, "User", cx);
    cx.problems.push(problem);
}
