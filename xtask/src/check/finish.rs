//! What can be said of a unit only when its last line has been read: defaults that depend on other settings, settings
//! that exclude each other, and what `DynamicUser=` implies (systemd-semantics: unit.c `unit_patch_contexts`,
//! service.c `service_verify`).

use tomte::table::{
    CommandKind, DirectoryKind, Micros, NotifyAccess, OomPolicy, PrivateTmp, Privilege, Restart, Rlimit,
    ServiceType, Stdin, Stdout,
};

use super::{
    blame,
    draft::{Cx, Draft},
    mount, socket, trigger, under,
};
use crate::{
    diag::{Code, Diagnostic},
    model::{Command, CredentialsView, Delegate, Directories, Exec, ProtectHome, ProtectSystem, Unit},
    values::{capability, scalar, unit_name::UnitName, user},
};

/// RLIMIT_RTPRIO.
const RTPRIO: u8 = 14;

/// The finished unit.
pub fn unit(mut draft: Draft, name: &UnitName, cx: &mut Cx) -> Unit {
    if draft.unit.start_limit.burst == 0 {
        draft.unit.start_limit.interval = Micros::ZERO; // either zero means no limit (ratelimit.h)
    }
    if draft.permissions_start_only {
        let others = draft.service().commands.iter_mut().filter(|(kind, _)| *kind != CommandKind::Start);
        others.for_each(|(_, command)| command.privilege = Privilege::Full);
    }
    match name.suffix {
        "service" => service(&mut draft, cx),
        "socket" => socket::finish(&mut draft, name, cx),
        "timer" | "path" => trigger::finish(&mut draft, name, cx),
        "mount" => mount::finish_mount(&mut draft, name, cx),
        "swap" => mount::finish_swap(&mut draft, name, cx),
        "slice" => mount::finish_slice(&draft, name, cx),
        _ => {}
    }
    if draft.unit.kind.exec_mut().is_some() {
        directories(&mut draft);
        capabilities(draft.exec(), cx);
        dynamic_user(draft.exec(), name, cx);
        protect(draft.exec(), cx);
        streams(draft.exec(), cx);
        if !draft.exec().credentials.is_empty() {
            draft.exec().view.credentials = CredentialsView::Own(format!("/run/credentials/{}", name.full));
        }
        system_calls(draft.exec(), cx);
    }
    draft.unit
}

/// What the streams are that nothing is said about. What is read from a terminal or a socket goes back there; from a file it
/// does not (service.c, `service_fix_stdio`, which cannot tell `StandardOutput=inherit` from nothing either).
fn streams(exec: &mut Exec, cx: &Cx) {
    if !exec.stdin_data.is_empty() && !cx.written.contains_key("StandardInput") {
        exec.stdin = Stdin::Data;
    }
    let goes_back = match exec.stdin {
        Stdin::Tty | Stdin::TtyForce | Stdin::TtyFail | Stdin::Socket | Stdin::Fd => true,
        Stdin::Null | Stdin::File | Stdin::Data => false,
    };
    if exec.stdout == Stdout::Inherit && !goes_back {
        exec.stdout = Stdout::Journal;
    }
}

/// Fills in the defaults that depend on other settings and refuses what cannot run.
fn service(draft: &mut Draft, cx: &mut Cx) {
    let (written_type, written_timeout) = (draft.service_type, draft.timeout_start);
    let (written_abort, written_signal) = (draft.timeout_abort, draft.restart_signal);
    let written_oom_policy = draft.oom_policy;
    let service = draft.service();
    let count = |kind| service.commands.iter().filter(|(other, _)| *other == kind).count();
    let (starts, stops) = (count(CommandKind::Start), count(CommandKind::Stop));
    let default = match starts {
        0 => ServiceType::Oneshot,
        _ if service.ready_fd > 0 => ServiceType::Notify,
        // So that whoever waits for it learns of credentials that could not be loaded (service.c).
        _ if !service.exec.credentials.is_empty() => ServiceType::Exec,
        _ => ServiceType::Simple,
    };
    service.service_type = written_type.unwrap_or(default);
    let oneshot = service.service_type == ServiceType::Oneshot;
    let default = if oneshot { Micros::FOREVER } else { Micros::from_secs(90) };
    service.timeout_start = written_timeout.unwrap_or(default);
    service.timeout_abort = written_abort.unwrap_or(service.timeout_stop);
    let delegated = service.resources.delegate != Delegate::No;
    service.oom_policy =
        written_oom_policy.unwrap_or(if delegated { OomPolicy::Continue } else { OomPolicy::Stop });
    service.kill.restart_signal = written_signal.unwrap_or(service.kill.signal);
    // Without an end that is further away than the beginning there is nothing to grow to.
    let grows = service.restart_delay != Micros::ZERO
        && service.restart_delay_max != Micros::FOREVER
        && service.restart_delay < service.restart_delay_max;
    if !grows {
        service.restart_steps = 0;
    }
    let notifies = matches!(service.service_type, ServiceType::Notify | ServiceType::NotifyReload);
    let speaks =
        (notifies && service.ready_fd == 0) || service.watchdog != Micros::ZERO || service.store_max > 0;
    if speaks && service.notify_access == NotifyAccess::None {
        service.notify_access = NotifyAccess::Main;
    }
    let success_action = cx.written.get("SuccessAction").is_some_and(|a| a.value.as_str() != "none");
    if starts == 0 && stops == 0 && !success_action {
        // What seems to be missing may be what was refused, and that has been said.
        if !cx.failed {
            nothing_to_run(draft, cx);
        }
        return;
    }
    if service.ready_fd > 0 && !notifies {
        let message = "nobody waits for what comes out of it: that is for Type=notify, which is implied";
        cx.problems.push(refused(Code::ReadyFd, "X-ReadyFd", message, "remove Type=", cx));
    }
    if oneshot && matches!(service.restart, Restart::Always | Restart::OnSuccess) {
        let message = "not allowed for Type=oneshot, which would never come to an end";
        let problem = refused(Code::OneshotRestart, "Restart", message, "Restart=on-failure is allowed", cx);
        cx.problems.push(beside(problem, "Type", "oneshot", cx));
    }
    if cx.failed {
        // As above.
    } else if starts == 0 && !oneshot {
        let message = "without ExecStart= only oneshot is allowed";
        cx.problems.push(refused(Code::NoStart, "Type", message, "add ExecStart= to [Service]", cx));
    } else if starts == 0 && !service.remain_after_exit && !success_action {
        let message = "without ExecStart= the service has to stay active to be stopped";
        cx.problems.push(refused(Code::StopWithoutStart, "ExecStop", message, "add RemainAfterExit=yes", cx));
    } else if starts > 1 && !oneshot {
        let message = "several commands are allowed for Type=oneshot only";
        let help = "ExecStartPre= runs before the service; an empty ExecStart= takes earlier ones back";
        let first = service.commands.iter().find(|(kind, _)| *kind == CommandKind::Start);
        let problem = refused(Code::SeveralCommands, "ExecStart", message, help, cx);
        cx.problems.push(match first {
            Some((_, Command { place, path, .. })) => {
                problem.also(place.clone(), path.chars().count(), "the first one")
            }
            None => problem,
        });
    }
}

fn nothing_to_run(draft: &Draft, cx: &mut Cx) {
    let message = "no ExecStart= and no ExecStop=, so there is nothing to run";
    let problem = on_header(Diagnostic::error(Code::NothingToRun, message), draft, cx);
    cx.problems.push(problem.help("add ExecStart= to [Service]"));
}

/// Points at the header of the kind's own section, or names the file that has none.
pub fn on_header(problem: Diagnostic, draft: &Draft, cx: &Cx) -> Diagnostic {
    match (&cx.header, &draft.unit.file) {
        (Some(header), _) => problem.on(header, 0..header.len()),
        (None, Some(file)) => {
            Diagnostic { message: format!("{}: {}", file.display(), problem.message), ..problem }
        }
        (None, None) => problem,
    }
}

/// Shows the assignment of `key` that was written last, too.
fn beside(problem: Diagnostic, key: &str, text: &str, cx: &Cx) -> Diagnostic {
    match cx.written.get(key) {
        Some(assignment) => problem.also_on(&assignment.key, text),
        None => problem,
    }
}

/// An error about the last assignment of `key`.
pub fn refuse(code: Code, key: &str, message: &str, help: &str, cx: &mut Cx) {
    let problem = refused(code, key, message, help, cx);
    cx.problems.push(problem);
}

/// An error about the last assignment of `key`, to be put among the problems.
fn refused(code: Code, key: &str, message: &str, help: &str, cx: &Cx) -> Diagnostic {
    blame(Diagnostic::error(code, under(key, message)), key, cx).help(help)
}

/// Names sorted, parents before what is below them; kinds without names left out.
fn directories(draft: &mut Draft) {
    let all = DirectoryKind::ALL.into_iter().zip(std::mem::take(&mut draft.directories));
    for (kind, (mode, mut entries)) in all {
        entries.sort();
        entries.dedup();
        let links = entries.iter().filter_map(|(name, link)| Some((name.clone(), link.clone()?))).collect();
        let mut names: Vec<String> = entries.into_iter().map(|(name, _)| name).collect();
        names.dedup();
        if !names.is_empty() {
            draft.exec().directories.push(Directories { kind, mode, names, links });
        }
    }
}

/// Takes `lost` from the ambient set, which nobody can have who has lost it, and says so (capability-util.c,
/// `capability_ambient_set_apply`, does the same in silence).
fn lose(exec: &mut Exec, lost: u64, key: &str, (taker, help): (&str, &str), cx: &mut Cx) {
    let given = exec.ambient_capabilities & lost;
    exec.ambient_capabilities &= !lost;
    if given != 0 {
        let names = capability::names(given).collect::<Vec<_>>().join(" ");
        let message =
            under("AmbientCapabilities", &format!("the service gets no {names}, as {taker} takes it away"));
        let problem = Diagnostic::warning(Code::AmbientCapability, message);
        let problem = blame(problem, "AmbientCapabilities", cx).help(help);
        cx.problems.push(beside(problem, key, "taken away here", cx));
    }
}

fn capabilities(exec: &mut Exec, cx: &mut Cx) {
    let outside = !exec.capability_bounding_set;
    let words = ("CapabilityBoundingSet=", "allow it in CapabilityBoundingSet= too");
    lose(exec, outside, "CapabilityBoundingSet", words, cx);
}

/// What `ProtectKernelModules=` and its kind take away for good. What is taken away cannot be given as well.
fn protect(exec: &mut Exec, cx: &mut Cx) {
    const SYS_MODULE: u64 = 1 << 16;
    const SYS_RAWIO: u64 = 1 << 17;
    const SYS_TIME: u64 = 1 << 25;
    const MKNOD: u64 = 1 << 27;
    const SYSLOG: u64 = 1 << 34;
    const WAKE_ALARM: u64 = 1 << 35;
    let protect = exec.protect;
    let lost = [
        (protect.devices, "PrivateDevices", MKNOD | SYS_RAWIO),
        (protect.kernel_modules, "ProtectKernelModules", SYS_MODULE),
        (protect.kernel_logs, "ProtectKernelLogs", SYSLOG),
        (protect.clock, "ProtectClock", SYS_TIME | WAKE_ALARM),
    ];
    for (_, key, capabilities) in lost.into_iter().filter(|(wanted, ..)| *wanted) {
        exec.capability_bounding_set &= !capabilities;
        let words = (&*format!("{key}=yes"), &*format!("remove it here, or {key}=yes"));
        lose(exec, capabilities, key, words, cx);
    }
}

/// Fills in what `DynamicUser=yes` implies, and checks the names it needs.
fn dynamic_user(exec: &mut Exec, name: &UnitName, cx: &mut Cx) {
    if !exec.dynamic_user {
        return;
    }
    for (key, located) in [("User", &exec.user), ("Group", &exec.group)] {
        let written = located.value.as_str();
        if written.is_empty() || user::is_strict(written) || user::number(written).is_some() {
            continue; // of which numbers there are, the board knows
        }
        let problem = Diagnostic::error(
            Code::DynamicUserName,
            format!("{key}={written:?} cannot be the name of a dynamic user"),
        )
        .help("letters, digits, _ and -, no digit or - first, at most 31 bytes");
        let problem = blame(problem, key, cx);
        cx.problems.push(problem);
    }
    if exec.user.value.is_empty() {
        exec.user.value = user::derived(&name.prefix);
    }
    if exec.group.value.is_empty() {
        exec.group = exec.user.clone();
    }
    for key in ["NoNewPrivileges", "PrivateTmp", "ProtectSystem", "RemoveIPC", "RestrictSUIDSGID"] {
        let off = cx.written.get(key).is_some_and(|a| scalar::boolean(&a.value) == Ok(false));
        if off {
            let problem = Diagnostic::warning(
                Code::DynamicUserImplies,
                under(key, "has no effect: DynamicUser=yes switches it on"),
            );
            let problem = blame(problem, key, cx);
            cx.problems.push(beside(problem, "DynamicUser", "switched on by this", cx));
        }
    }
    cx.lacking.retain(|(key, _)| key != "ProtectSystem"); // strict, whatever was written
    exec.private_tmp = PrivateTmp::Disconnected;
    exec.protect_system = ProtectSystem::Strict;
    if exec.protect_home == ProtectHome::No {
        exec.protect_home = ProtectHome::ReadOnly;
    }
    exec.no_new_privileges = true;
    exec.system_calls.suid_sgid = true;
    exec.remove_ipc = true;
}

/// What other settings ask of the filter of system calls, and what it asks of them (exec-invoke.c,
/// `seccomp_allows_drop_privileges`).
fn system_calls(exec: &mut Exec, cx: &mut Cx) {
    let protect = exec.protect;
    let policy = &mut exec.system_calls;
    policy.raw_io = protect.devices;
    policy.tunables = protect.kernel_tunables;
    policy.modules = protect.kernel_modules;
    policy.kernel_logs = protect.kernel_logs;
    policy.clock = protect.clock;
    policy.hostname = protect.hostname;
    if let Some(locked) = &mut exec.system_calls.personality {
        *locked = exec.scheduling.personality.unwrap_or(*locked);
    }
    if !exec.system_calls.allows("execve") {
        let help = "allow execve: every program is started with it";
        refuse(
            Code::NothingStarts,
            "SystemCallFilter",
            "execve is refused, so nothing could be started",
            help,
            cx,
        );
    }
    // The capability to load a filter is given up afterwards; where that is refused, it must not have been needed.
    let leaves_root = !matches!(exec.user.value.as_str(), "" | "0" | "root");
    if leaves_root && !exec.system_calls.allows("capset") {
        exec.no_new_privileges = true;
    }
    // Otherwise a program could have what sched_setscheduler(2) may not give it from a limit of PID 1's.
    if exec.system_calls.realtime && exec.rlimits.iter().all(|limit| limit.resource != RTPRIO) {
        exec.rlimits.push(Rlimit { resource: RTPRIO, soft: 0, hard: 0 });
    }
}
