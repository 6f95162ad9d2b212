//! What the directives of systemd.service(5), systemd.kill(5) and the start limit do.

use tomte::table::{
    CommandKind, ExitSet, FailureMode, KillMode, NotifyAccess, OomPolicy, Restart, ServiceType,
    limits::COMMANDS_MAX,
};

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    read::Assignment,
    values::{command, exit_status, path, scalar, signal, time, wrong},
};

type Done = Result<(), Diagnostic>;

/// `OOMPolicy=`.
pub fn oom_policy(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [("continue", OomPolicy::Continue), ("stop", OomPolicy::Stop), ("kill", OomPolicy::Kill)];
    d.oom_policy = Some(scalar::choice(&a.value, &choices)?);
    Ok(())
}

/// `Type=`.
pub fn service_type(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("simple", ServiceType::Simple),
        ("exec", ServiceType::Exec),
        ("oneshot", ServiceType::Oneshot),
        ("forking", ServiceType::Forking),
        ("notify", ServiceType::Notify),
        ("notify-reload", ServiceType::NotifyReload),
        ("dbus", ServiceType::Dbus),
        ("idle", ServiceType::Idle),
    ];
    d.service_type = Some(scalar::choice(&a.value, &choices)?);
    Ok(())
}

/// `PermissionsStartOnly=`: every command but ExecStart= runs as behind the prefix `+`.
pub fn permissions_start_only(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    d.permissions_start_only = scalar::boolean(&a.value)?;
    if !d.permissions_start_only {
        return Ok(());
    }
    let problem = Diagnostic::note(Code::OldSpelling, "systemd has deprecated it").on(&a.key, 0..a.key.len());
    cx.problems
        .push(problem.help("today + stands before the program of each command that needs full privileges"));
    Ok(())
}

/// `Restart=`.
pub fn restart(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("no", Restart::No),
        ("on-success", Restart::OnSuccess),
        ("on-failure", Restart::OnFailure),
        ("on-abnormal", Restart::OnAbnormal),
        ("on-watchdog", Restart::OnWatchdog),
        ("on-abort", Restart::OnAbort),
        ("always", Restart::Always),
    ];
    d.service().restart = scalar::choice(&a.value, &choices)?;
    Ok(())
}

/// `RestartSec=`.
pub fn restart_sec(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.service().restart_delay = time::span(&a.value)?;
    Ok(())
}

/// `TimeoutStartSec=`.
pub fn timeout_start(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.timeout_start = Some(time::timeout(&a.value)?);
    Ok(())
}

/// `TimeoutStopSec=`.
pub fn timeout_stop(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.service().timeout_stop = time::timeout(&a.value)?;
    Ok(())
}

/// `TimeoutAbortSec=`; empty takes it back.
pub fn timeout_abort(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.timeout_abort = if a.value.is_empty() { None } else { Some(time::timeout(&a.value)?) };
    Ok(())
}

/// `PIDFile=`: below /run if it is relative, as systemd has it. /var/run is an old name of /run.
pub fn pid_file(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let path = path::normal(&cx.specifiers.expand(&a.value)?)?;
    d.service().pid_file = match (path.strip_prefix("/var/run/"), path.as_str()) {
        (_, "") => path,
        (Some(name), _) => format!("/run/{name}"),
        (None, absolute) if absolute.starts_with('/') => path,
        (None, relative) => format!("/run/{relative}"),
    };
    Ok(())
}

/// `TimeoutStartFailureMode=` and `TimeoutStopFailureMode=`.
pub fn failure_mode(a: &Assignment) -> Result<FailureMode, Diagnostic> {
    let choices =
        [("terminate", FailureMode::Terminate), ("abort", FailureMode::Abort), ("kill", FailureMode::Kill)];
    scalar::choice(&a.value, &choices)
}

/// `RestartMode=`. Nobody here has more to say in a second attempt, so debug is normal.
pub fn restart_mode(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    d.service().restart_direct =
        scalar::choice(&a.value, &[("normal", false), ("direct", true), ("debug", false)])?;
    let message = "DEBUG_INVOCATION= is not set";
    let debug = a.value.as_str() == "debug";
    cx.later(
        a,
        debug.then(|| Diagnostic::warning(Code::WithoutEffect, message).on(&a.value, 0..a.value.len())),
    );
    Ok(())
}

/// `RestartKillSignal=`.
pub fn restart_kill_signal(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.restart_signal = Some(signal(a)?);
    Ok(())
}

/// `X-ReadyFd=`: a descriptor behind the three streams.
pub fn ready_fd(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let number: u32 = scalar::number(&a.value)?;
    d.service().ready_fd = match u8::try_from(number) {
        Ok(fd @ 3..) => fd,
        Ok(_) | Err(_) => {
            return Err(wrong(&a.value, Code::ReadyFd, "expected a descriptor from 3 to 255"));
        }
    };
    Ok(())
}

/// `NotifyAccess=`.
pub fn notify_access(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices = [
        ("none", NotifyAccess::None),
        ("main", NotifyAccess::Main),
        ("exec", NotifyAccess::Exec),
        ("all", NotifyAccess::All),
    ];
    d.service().notify_access = scalar::choice(&a.value, &choices)?;
    Ok(())
}

/// `TimeoutSec=`: both.
pub fn timeout(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    timeout_start(d, a, cx)?;
    timeout_stop(d, a, cx)
}

/// `StartLimitIntervalSec=` of [Unit].
pub fn start_limit_interval(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.unit.start_limit.interval = time::span(&a.value)?;
    Ok(())
}

/// `StartLimitBurst=` of [Unit].
pub fn start_limit_burst(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.unit.start_limit.burst = scalar::number(&a.value)?;
    Ok(())
}

/// `StartLimitInterval=`, and either spelling in [Service].
pub fn start_limit_interval_legacy(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    legacy(a, "StartLimitIntervalSec", cx);
    start_limit_interval(d, a, cx)
}

/// `StartLimitBurst=` in [Service].
pub fn start_limit_burst_legacy(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    legacy(a, "StartLimitBurst", cx);
    start_limit_burst(d, a, cx)
}

fn legacy(a: &Assignment, now: &str, cx: &mut Cx) {
    let problem = Diagnostic::note(Code::OldSpelling, "an old spelling").on(&a.key, 0..a.key.len());
    cx.problems.push(problem.help(format!("since systemd 230 it is {now}= in [Unit]")));
}

/// `KillMode=`.
pub fn kill_mode(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let choices = [
        ("control-group", KillMode::ControlGroup),
        ("mixed", KillMode::Mixed),
        ("process", KillMode::Process),
        ("none", KillMode::None),
    ];
    d.kill().mode = scalar::choice(&a.value, &choices)?;
    if d.kill().mode == KillMode::None {
        let problem = Diagnostic::warning(
            Code::DeprecatedValue,
            "\"none\" leaves every process running; systemd has deprecated it",
        );
        cx.problems.push(problem.on(&a.value, 0..a.value.len()).help("use mixed or control-group"));
    }
    Ok(())
}

/// `KillSignal=` and `FinalKillSignal=`.
pub fn signal(a: &Assignment) -> Result<u8, Diagnostic> {
    signal::parse(&a.value)
}

/// `SuccessExitStatus=` and its kind: adds to `set`, or empties it.
pub fn exit_status(set: &mut ExitSet, a: &Assignment) -> Done {
    if a.value.is_empty() {
        *set = ExitSet::default();
    }
    exit_status::add(&a.value, set)
}

/// The kind that the key of an `Exec*=` line stands for.
fn kind_of(key: &str) -> CommandKind {
    match key {
        "ExecCondition" => CommandKind::Condition,
        "ExecStartPre" => CommandKind::StartPre,
        "ExecStartPost" => CommandKind::StartPost,
        "ExecReload" => CommandKind::Reload,
        "ExecStop" => CommandKind::Stop,
        "ExecStopPost" => CommandKind::StopPost,
        _ => CommandKind::Start,
    }
}

/// All `Exec*=`: adds commands, or takes those of the same key back.
pub fn command(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let kind = kind_of(a.key.as_str());
    let commands = &mut d.service().commands;
    if a.value.is_empty() {
        commands.retain(|(other, _)| *other != kind);
        return Ok(());
    }
    let parsed = command::parse(&a.value, &cx.specifiers, &mut cx.problems)?;
    let before = commands.iter().filter(|(other, _)| *other == kind).count();
    if before > COMMANDS_MAX {
        return Ok(()); // which has been said
    }
    let room = COMMANDS_MAX + 1 - before; // one more shows that there are too many
    commands.extend(parsed.into_iter().take(room).map(|command| (kind, command)));
    if commands.iter().filter(|(other, _)| *other == kind).count() > COMMANDS_MAX {
        return Err(wrong(
            &a.value,
            Code::TableLimit,
            format!("more than {COMMANDS_MAX} commands of one kind"),
        ));
    }
    Ok(())
}
