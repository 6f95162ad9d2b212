//! What can be said of a unit only when its last line has been read: defaults that depend on other settings, settings
//! that exclude each other, and what `DynamicUser=` implies (systemd-semantics: unit.c `unit_patch_contexts`,
//! service.c `service_verify`).

use tomte::table::{
    CommandKind, DirectoryKind, Micros, PrivateTmp, ProtectHome, ProtectSystem, Restart, ServiceType,
};

use super::{
    blame,
    draft::{Cx, Draft},
};
use crate::{
    diag::Diagnostic,
    model::{Directories, Exec, Kind, Unit},
    values::{unit_name::UnitName, user},
};

/// The finished unit.
pub fn unit(mut draft: Draft, name: &UnitName, cx: &mut Cx) -> Unit {
    if name.suffix == "service" {
        service(&mut draft, cx);
        directories(&mut draft);
        dynamic_user(&mut draft.service.exec, name, cx);
        draft.unit.kind = Kind::Service(Box::new(draft.service));
    }
    draft.unit
}

fn service(draft: &mut Draft, cx: &mut Cx) {
    let service = &mut draft.service;
    let count = |kind| service.commands.iter().filter(|(other, _)| *other == kind).count();
    let (starts, stops) = (count(CommandKind::Start), count(CommandKind::Stop));
    let default = if starts > 0 { ServiceType::Simple } else { ServiceType::Oneshot };
    service.service_type = draft.service_type.unwrap_or(default);
    let oneshot = service.service_type == ServiceType::Oneshot;
    let default = if oneshot { Micros::FOREVER } else { Micros::from_secs(90) };
    service.timeout_start = draft.timeout_start.unwrap_or(default);

    let file = draft.unit.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let mut refuse = |key: &str, message: &str, help: &str| {
        let problem = match cx.written.contains_key(key) {
            true => blame(Diagnostic::error(format!("{key}=: {message}")), key, cx),
            false => Diagnostic::error(format!("{file}: {message}")),
        };
        cx.problems.push(problem.help(help));
    };
    // A command line that was refused has been complained about already.
    let attempted = |key: &str, cx: &Cx| cx.written.get(key).is_some_and(|a| !a.value.is_empty());
    let _ = attempted;
    if starts == 0 && stops == 0 {
        refuse("", "no ExecStart= and no ExecStop=: there is nothing to run", "add ExecStart= to [Service]");
    } else if starts == 0 && !oneshot {
        refuse("Type", "without ExecStart= only oneshot is allowed", "add ExecStart=, or set Type=oneshot");
    } else if starts == 0 && !service.remain_after_exit {
        refuse(
            "ExecStop",
            "without ExecStart= the service needs RemainAfterExit=yes",
            "add RemainAfterExit=yes",
        );
    } else if starts > 1 && !oneshot {
        refuse(
            "ExecStart",
            "several commands are allowed for Type=oneshot only",
            "use ExecStartPre= for what comes before the service; an empty ExecStart= takes back earlier ones",
        );
    }
    if oneshot && matches!(service.restart, Restart::Always | Restart::OnSuccess) {
        refuse("Restart", "not allowed for Type=oneshot, which would never end", "use on-failure");
    }
}

/// Names sorted, parents before what is below them; kinds without names left out.
fn directories(draft: &mut Draft) {
    let all = DirectoryKind::ALL.into_iter().zip(std::mem::take(&mut draft.directories));
    for (kind, (mode, mut names)) in all {
        names.sort();
        names.dedup();
        if !names.is_empty() {
            draft.service.exec.directories.push(Directories { kind, mode, names });
        }
    }
}

/// Fills in what `DynamicUser=yes` implies, and checks the names it needs.
fn dynamic_user(exec: &mut Exec, name: &UnitName, cx: &mut Cx) {
    if !exec.dynamic_user {
        return;
    }
    for (key, located) in [("User", &exec.user), ("Group", &exec.group)] {
        let written = located.value.as_str();
        let problem = if written.is_empty() || user::is_strict(written) {
            continue;
        } else if user::number(written).is_some() {
            Diagnostic::error(format!("{key}=: DynamicUser=yes needs a name, not the number {written}"))
                .help("a number of your own choice goes without DynamicUser=")
        } else {
            Diagnostic::error(format!("{key}=: {written:?} cannot be the name of a dynamic user"))
                .help("letters, digits, _ and -, no digit or - first, at most 31 bytes")
        };
        let problem = blame(problem, key, cx);
        cx.problems.push(problem);
    }
    if exec.user.value.is_empty() {
        exec.user.value = user::derived(&name.prefix);
    }
    if exec.group.value.is_empty() {
        exec.group = exec.user.clone();
    }
    exec.private_tmp = PrivateTmp::Disconnected;
    exec.protect_system = ProtectSystem::Strict;
    if exec.protect_home == ProtectHome::No {
        exec.protect_home = ProtectHome::ReadOnly;
    }
    exec.no_new_privileges = true;
    exec.restrict_suid_sgid = true;
    exec.remove_ipc = true;
}
