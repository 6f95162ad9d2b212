//! A service's record in the words of unit files. Only what differs from systemd's defaults is said.

use std::fmt::Debug;

use tomte::table::{
    Board, Call, Command, CommandKind, Content, Exec, ExitSet, IdentityId, Logging, Manners, Micros, Mount,
    Preserve, Privilege, Service, ServiceType, StrList, Unit,
};

use super::{Row, steps::stream};
use crate::values::{capability, rlimit, signal, time};

/// Collects the settings that differ from their default.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    /// What [Unit] says of the unit's ways.
    fn manners(&mut self, manners: &Manners) {
        for (setting, on) in [
            ("RefuseManualStart", manners.refuse_manual_start),
            ("RefuseManualStop", manners.refuse_manual_stop),
            ("StopWhenUnneeded", manners.stop_when_unneeded),
            ("AllowIsolate", manners.allow_isolate),
            ("IgnoreOnIsolate", manners.ignore_on_isolate),
        ] {
            self.unless("no", setting, yes(on));
        }
        let collected = if manners.collect_failed { "inactive-or-failed" } else { "inactive" };
        self.unless("inactive", "CollectMode", collected);
        self.unless("replace", "OnFailureJobMode", word(manners.on_failure_mode));
        self.unless("fail", "OnSuccessJobMode", word(manners.on_success_mode));
        for (setting, span) in
            [("JobTimeoutSec", manners.job_timeout), ("JobRunningTimeoutSec", manners.job_running_timeout)]
        {
            self.unless(&time::shown(Micros::ZERO), setting, time::shown(span));
        }
        for (setting, action) in [
            ("JobTimeoutAction", manners.job_timeout_action),
            ("StartLimitAction", manners.start_limit_action),
            ("FailureAction", manners.failure_action),
            ("SuccessAction", manners.success_action),
        ] {
            self.unless("none", setting, word(action));
        }
    }

    fn unless(&mut self, default: &str, setting: &str, value: impl Into<String>) {
        let value = value.into();
        if value != default {
            self.list(setting, [value]);
        }
    }

    fn list(&mut self, setting: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.0.push((setting.to_owned(), values));
        }
    }
}

/// Where the numbers of the service's user and group come from.
pub(super) fn identity(board: &Board<'_>, exec: &Exec<'_>) -> Vec<Row> {
    let mut rows = Rows::default();
    let number = |name: &str, id: Option<IdentityId>| match id.and_then(|id| board.identity(id)) {
        Some(identity) => vec![
            name.to_owned(),
            "a static user or group of this name, if the image has one; else the first that is free of"
                .to_owned(),
            "  the owner of its directories".to_owned(),
            format!("  {} (uids.lock)", identity.baked),
            format!("  {} (systemd's hash)", identity.hashed),
            format!("  any of {}-{}", board.uids.first, board.uids.last),
        ],
        None if name.is_empty() => Vec::new(),
        None => vec![name.to_owned()],
    };
    rows.unless("no", "DynamicUser", yes(exec.dynamic_user));
    match (exec.user, exec.user_identity, exec.group_identity) {
        ("", ..) => rows.list("User", ["root".to_owned()]),
        (user, Some(one), Some(other)) if one == other => {
            rows.list("User and Group", number(user, Some(one)))
        }
        (user, user_identity, group_identity) => {
            rows.list("User", number(user, user_identity));
            rows.list("Group", number(exec.group, group_identity));
        }
    }
    rows.list("SupplementaryGroups", strings(exec.supplementary_groups));
    rows.0
}

/// The command lines in the order in which they run.
pub(super) fn commands(service: &Service<'_>) -> Vec<Row> {
    let mut rows = Rows::default();
    for kind in CommandKind::ALL {
        rows.list(kind.setting(), service.commands.of(kind).iter().map(command));
    }
    rows.0
}

fn command(command: Command<'_>) -> String {
    let words: Vec<String> = command.argv.iter().map(quoted).collect();
    let call = match command.call {
        Call::Execute | Call::Helper => "",
        Call::Mount => "mount(2)",
        Call::Unmount => "umount2(2)",
        Call::SwapOn => "swapon(2)",
        Call::SwapOff => "swapoff(2)",
        Call::Count => "count boots",
        Call::LoadModule => "load the module",
        Call::LoadForDevices => "load modules for",
        Call::Write => "write to",
        Call::Own => "own",
        Call::ClockFloor => "clock not before",
        Call::Touch => "touch",
        Call::LoadSeed => "seed from",
        Call::SaveSeed => "save a seed in",
        Call::MachineId => "machine id in",
        Call::MakeSwap => "mkswap",
        Call::Check => "fsck",
        Call::Root => "mount the root",
        Call::Network => "set up",
    };
    if !call.is_empty() {
        return format!("{call} {}: {}", command.path, words.join(" "));
    }
    let other_name = command.argv.iter().next() != Some(command.path);
    let mut notes = Vec::new();
    if other_name {
        notes.push(format!("runs {}", command.path));
    }
    if command.ignore_failure {
        notes.push("failure counts as success".to_owned());
    }
    if !command.expand {
        notes.push("$ stays as it is".to_owned());
    }
    match command.privilege {
        Privilege::Restricted => {}
        Privilege::KeepIds => notes.push("stays root, otherwise as the others".to_owned()),
        Privilege::Full => notes.push("no sandbox, root".to_owned()),
    }
    let notes = if notes.is_empty() { String::new() } else { format!("   # {}", notes.join(", ")) };
    words.join(" ") + &notes
}

/// What makes and ends the service's processes.
pub(super) fn service(unit: &Unit<'_>, service: &Service<'_>) -> Vec<Row> {
    let mut rows = Rows::default();
    let note = match service.service_type {
        ServiceType::Dbus => "   # ready as soon as its program runs: nobody watches the bus for its name",
        ServiceType::Simple
        | ServiceType::Exec
        | ServiceType::Oneshot
        | ServiceType::Notify
        | ServiceType::NotifyReload
        | ServiceType::Forking
        | ServiceType::Idle => "",
    };
    rows.list("Type", [word(service.service_type) + note]);
    rows.unless("", "PIDFile", service.pid_file);
    rows.manners(&unit.manners);
    rows.unless("yes", "GuessMainPID", yes(service.guess_main_pid));
    rows.unless("main", "ExitType", if service.exit_with_last { "cgroup" } else { "main" });
    rows.unless("no", "RemainAfterExit", yes(service.remain_after_exit));
    rows.unless("no", "Restart", word(service.restart));
    rows.unless("100ms", "RestartSec", time::shown(service.restart_delay));
    rows.unless("normal", "RestartMode", if service.restart_direct { "direct" } else { "normal" });
    if service.restart_steps > 0 {
        rows.list("RestartSteps", [service.restart_steps.to_string()]);
        rows.list("RestartMaxDelaySec", [time::shown(service.restart_delay_max)]);
    }
    rows.unless("10s", "StartLimitIntervalSec", time::shown(unit.start_limit.interval));
    rows.unless("5", "StartLimitBurst", unit.start_limit.burst.to_string());
    rows.unless("", "SuccessExitStatus", exits(&service.success_exit_status));
    rows.unless("", "RestartPreventExitStatus", exits(&service.restart_prevent_exit_status));
    rows.unless("", "RestartForceExitStatus", exits(&service.restart_force_exit_status));
    let oneshot = service.service_type == ServiceType::Oneshot;
    let default = if oneshot { "infinity" } else { "90s" };
    rows.unless(default, "TimeoutStartSec", time::shown(service.timeout_start));
    rows.unless("90s", "TimeoutStopSec", time::shown(service.timeout_stop));
    rows.unless(&time::shown(service.timeout_stop), "TimeoutAbortSec", time::shown(service.timeout_abort));
    rows.unless("terminate", "TimeoutStartFailureMode", word(service.start_failure_mode));
    rows.unless("terminate", "TimeoutStopFailureMode", word(service.stop_failure_mode));
    rows.unless("infinity", "RuntimeMaxSec", time::shown(service.runtime_max));
    rows.unless(&time::shown(Micros::ZERO), "RuntimeRandomizedExtraSec", time::shown(service.runtime_extra));
    rows.unless("none", "NotifyAccess", word(service.notify_access));
    rows.unless("0", "X-ReadyFd", service.ready_fd.to_string());
    rows.unless(&time::shown(Micros::ZERO), "WatchdogSec", time::shown(service.watchdog));
    if service.service_type == ServiceType::NotifyReload {
        rows.unless("HUP", "ReloadSignal", signal::name(service.reload_signal));
    }
    rows.unless("control-group", "KillMode", word(service.kill.mode));
    rows.unless("TERM", "KillSignal", signal::name(service.kill.signal));
    rows.unless(
        &signal::name(service.kill.signal),
        "RestartKillSignal",
        signal::name(service.kill.restart_signal),
    );
    rows.unless("KILL", "FinalKillSignal", signal::name(service.kill.final_signal));
    rows.unless("ABRT", "WatchdogSignal", signal::name(service.kill.watchdog_signal));
    rows.unless("no", "SendSIGHUP", yes(service.kill.send_sighup));
    rows.unless("yes", "SendSIGKILL", yes(service.kill.send_sigkill));
    rows.0
}

/// What the processes may and may not, and what they find.
pub(super) fn exec(exec: &Exec<'_>) -> Vec<Row> {
    let mut rows = Rows::default();
    rows.list("Environment", exec.environment.iter().map(quoted));
    rows.list("EnvironmentFile", strings(exec.environment_files));
    rows.list("PassEnvironment", strings(exec.pass_environment));
    rows.list("UnsetEnvironment", strings(exec.unset_environment));
    rows.unless("", "ExecSearchPath", exec.search_path);
    rows.unless("if-user", "SetLoginEnvironment", word(exec.login_environment));
    let optional = if exec.working_directory_optional { "-" } else { "" };
    rows.unless("", "WorkingDirectory", format!("{optional}{}", exec.working_directory));
    rows.unless("0022", "UMask", format!("{:04o}", exec.umask));
    for limit in exec.rlimits.iter() {
        rows.list(rlimit::key(limit.resource), [format!("{}:{}", amount(limit.soft), amount(limit.hard))]);
    }
    if exec.capability_bounding_set != u64::MAX {
        rows.list("CapabilityBoundingSet", [capabilities(exec.capability_bounding_set)]);
    }
    rows.unless("none", "AmbientCapabilities", capabilities(exec.ambient_capabilities));
    for (setting, value) in exec.posture.iter().filter_map(|held| held.split('\t').next()?.split_once('=')) {
        // Those without a value have rows of their own, DynamicUser= is part of the identity.
        if !value.is_empty() && setting != "DynamicUser" {
            rows.list(setting, [value.to_owned()]);
        }
    }
    rows.list("Mounts", exec.view.mounts.iter().map(mount));
    for directories in exec.directories.iter() {
        let setting = directories.kind.setting();
        let path = |name: &str| format!("{}/{name}", directories.kind.prefix());
        rows.list(setting, directories.names.iter().map(path));
        let links: Vec<&str> = directories.links.iter().collect();
        let link = |pair: &[&str]| format!("{} → {}", path(pair[1]), path(pair[0]));
        rows.list(setting, links.chunks_exact(2).map(link));
        rows.unless("0755", &format!("{setting}Mode"), format!("{:04o}", directories.mode));
    }
    let preserve = match exec.runtime_directory_preserve {
        Preserve::No => "no",
        Preserve::Restart => "restart",
        Preserve::Yes => "yes",
    };
    rows.unless("no", "RuntimeDirectoryPreserve", preserve);
    let credentials: Vec<&str> = exec.credentials.iter().collect();
    for (setting, value) in credentials.chunks_exact(3).map(credential) {
        rows.list(setting, [value]);
    }
    rows.unless("null", "StandardInput", stream(word(exec.stdin), exec.stdin_path));
    if !exec.stdin_data.is_empty() {
        rows.list("StandardInputData", [format!("{} bytes", exec.stdin_data.len())]);
    }
    rows.unless("journal", "StandardOutput", stream(word(exec.stdout), exec.stdout_path));
    rows.unless("inherit", "StandardError", stream(word(exec.stderr), exec.stderr_path));
    rows.unless("/dev/console", "TTYPath", exec.tty_path);
    rows.unless("no", "TTYVHangup", yes(exec.terminal.hang_up));
    rows.unless("no", "TTYReset", yes(exec.terminal.reset));
    rows.unless("0", "TTYRows", exec.terminal.rows.to_string());
    rows.unless("0", "TTYColumns", exec.terminal.columns.to_string());
    rows.unless("", "SyslogIdentifier", exec.syslog_identifier);
    let (logging, usual) = (exec.logging, Logging::DEFAULT);
    rows.unless(&usual.level.to_string(), "SyslogLevel", logging.level.to_string());
    rows.unless("yes", "SyslogLevelPrefix", yes(logging.level_prefix));
    rows.unless(&usual.level_max.to_string(), "LogLevelMax", logging.level_max.to_string());
    let interval = |logging: Logging| format!("{}ms", logging.rate_interval_ms);
    rows.unless(&interval(usual), "LogRateLimitIntervalSec", interval(logging));
    rows.unless(&usual.rate_burst.to_string(), "LogRateLimitBurst", logging.rate_burst.to_string());
    rows.unless("yes", "IgnoreSIGPIPE", yes(exec.ignore_sigpipe));
    rows.0
}

/// A credential's setting and its value, as a unit file would have them; of `SetCredential=` only the length.
fn credential(source: &[&str]) -> (&'static str, String) {
    let (name, from) = (source[1], source[2]);
    match source[0] {
        "*" => ("ImportCredential", format!("{name}*   # from {from}*")),
        "=" => ("SetCredential", format!("{name}:   # {from} bytes")),
        "-" => ("LoadCredential", format!("{name}:{from}   # if it is there")),
        _ => ("LoadCredential", format!("{name}:{from}")),
    }
}

/// One mount of the unit's view.
fn mount(mount: Mount<'_>) -> String {
    let what = match mount.content {
        Content::Itself => "as it is".to_owned(),
        Content::Bind if mount.source == mount.path => "the host's own".to_owned(),
        Content::Bind => format!("the host's {}", mount.source),
        Content::BindOne => format!("the host's {} without what is mounted below", mount.source),
        Content::New => format!("new, {}", mount.source),
        Content::Devices => "the devices that every program expects".to_owned(),
        Content::PrivateTmp => "a directory of the unit's own".to_owned(),
        Content::Inaccessible => "out of reach".to_owned(),
    };
    let names = [
        (Mount::RDONLY, "read-only"),
        (Mount::NOSUID, "nosuid"),
        (Mount::NODEV, "nodev"),
        (Mount::NOEXEC, "noexec"),
    ];
    let flags = names.into_iter().filter(|(flag, _)| (mount.set | mount.only) & flag != 0);
    let optional = mount.optional.then_some("if it is there");
    let words: Vec<&str> = flags.map(|(_, name)| name).chain(optional).collect();
    let words = if words.is_empty() { String::new() } else { format!(", {}", words.join(", ")) };
    format!("{}: {what}{words}", mount.path)
}

const fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// An enum's variant as systemd writes it: `OnFailure` is `on-failure`.
pub(super) fn word(variant: impl Debug) -> String {
    let mut word = String::new();
    for (n, letter) in format!("{variant:?}").chars().enumerate() {
        if letter.is_uppercase() && n > 0 {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

fn amount(limit: u64) -> String {
    if limit == u64::MAX { "infinity".to_owned() } else { limit.to_string() }
}

pub(super) fn capabilities(set: u64) -> String {
    let names = capability::names(set).collect::<Vec<_>>();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

fn exits(set: &ExitSet) -> String {
    let codes = (0..=u8::MAX).filter(|code| set.has_code(*code)).map(|code| code.to_string());
    let signals = (1..=64).filter(|signal| set.has_signal(*signal)).map(signal::name);
    codes.chain(signals).collect::<Vec<_>>().join(" ")
}

fn strings(list: StrList<'_>) -> Vec<String> {
    list.iter().map(str::to_owned).collect()
}

/// A word as a unit file would have it: in quotes where a blank would split it.
fn quoted(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\'' | '\\' | ';');
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("{word:?}") }
}
