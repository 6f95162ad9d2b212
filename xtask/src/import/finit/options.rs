//! What a stanza that starts something becomes.

use super::{
    File, Order,
    condition::{apply, unit_of},
    login::{login, terminal},
    stanza::{Kind, Stanza, exec, words},
};
use crate::{
    diag::{Code, Diagnostic},
    import::{
        command::{base, getty_name},
        unit::{self, Section, UnitText},
    },
    read::Text,
};

/// Runlevels where a stanza names none.
const LEVELS: &str = "2345";

/// The unit that `stanza` is. `order` has what it waits for.
pub fn unit(stanza: &Stanza, file: &File, order: &mut Order) -> UnitText {
    let words = words(&stanza.command);
    let mut unit = UnitText::new(&stem(stanza, &words), "service", &description(stanza, &words));
    let condition_of_reload = stanza.conditions.iter().any(|condition| condition.as_str().starts_with('!'));
    install(stanza, &mut unit, order);
    stanza.conditions.iter().for_each(|condition| apply(condition, &mut unit));
    match stanza.kind {
        Kind::Service => service(stanza, &words, condition_of_reload, &mut unit),
        Kind::Task | Kind::Run if Levels::of(stanza) == Levels::Shutdown => at_shutdown(stanza, &mut unit),
        Kind::Task | Kind::Run => task(stanza, &mut unit),
        Kind::Sysv => sysv(stanza, &mut unit),
        Kind::Tty => login(stanza, &words, &mut unit),
    }
    unit.service("TimeoutStopSec", seconds(stanza.value("kill")).unwrap_or("3").to_owned());
    surroundings(file, &mut unit);
    stanza.options.iter().for_each(|option| self::option(option, &mut unit));
    if unit.name.contains("@.") {
        unit.open_instance();
    }
    unit
}

/// What applies to all stanzas of the file.
fn surroundings(file: &File, unit: &mut UnitText) {
    for (name, value) in &file.environment {
        unit.add(Section::Service, "Environment", unit::assignment(name, value));
    }
    for (key, value) in &file.limits {
        unit.service(key, value.clone());
    }
    if let Some(slice) = &file.cgroup {
        unit.service("Slice", slice_of(slice));
    }
}

fn stem(stanza: &Stanza, words: &[String]) -> String {
    if stanza.kind == Kind::Tty {
        return getty_name(&terminal(words).unwrap_or_else(|| "console".to_owned()));
    }
    let program = words.first().map_or("", |word| base(word));
    let name = stanza.value("name").unwrap_or(program);
    let id = stanza.options.iter().find_map(|option| option.as_str().strip_prefix(':'));
    match id {
        Some("%i") => format!("{name}@"),
        None if stanza.template => format!("{name}@"),
        Some(id) if !id.is_empty() => format!("{name}@{id}"),
        Some(_) | None => name.to_owned(),
    }
}

fn description(stanza: &Stanza, words: &[String]) -> String {
    match (stanza.description.as_str(), stanza.kind) {
        ("", Kind::Tty) => format!("Getty on {}", terminal(words).unwrap_or_else(|| "console".to_owned())),
        ("", _) => words.first().map_or_else(String::new, |word| base(word).to_owned()),
        (description, _) => description.to_owned(),
    }
}

/// When a stanza is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Levels {
    /// In runlevel S, first of all.
    Boot,
    /// In one that boot ends in.
    Multi,
    /// In runlevel 1 only.
    Single,
    /// In 0 and 6 only.
    Shutdown,
}

impl Levels {
    fn of(stanza: &Stanza) -> Self {
        let levels = stanza.levels.as_deref().unwrap_or(LEVELS);
        match levels.strip_prefix('!') {
            Some(_) => Self::Multi, // all but these
            None if levels.contains('S') => Self::Boot,
            None if levels.contains(['2', '3', '4', '5', '7', '8', '9']) => Self::Multi,
            None if levels.contains('1') => Self::Single,
            None => Self::Shutdown,
        }
    }
}

/// When the unit starts.
fn install(stanza: &Stanza, unit: &mut UnitText, order: &mut Order) {
    let levels = Levels::of(stanza);
    let last = if levels == Levels::Boot { &mut order.boot } else { &mut order.later };
    if let Some(last) = last {
        unit.after(last);
    }
    let is_set = |name: &str| stanza.options.iter().any(|option| option.as_str() == name);
    if is_set("manual:yes") || is_set("manual") {
        return; // started by hand
    }
    match levels {
        Levels::Boot => unit.early(),
        Levels::Multi if stanza.kind == Kind::Tty => unit.list(Section::Install, "WantedBy", "getty.target"),
        Levels::Multi => unit.list(Section::Install, "WantedBy", "multi-user.target"),
        Levels::Single => unit.list(Section::Install, "WantedBy", "rescue.target"),
        Levels::Shutdown if matches!(stanza.kind, Kind::Task | Kind::Run) => {}
        Levels::Shutdown => {
            let problem = Diagnostic::warning(
                Code::NotKept,
                "nothing is started at shutdown: the unit has no [Install]",
            );
            unit.lost(stanza.on(problem));
        }
    }
    if stanza.kind == Kind::Run && levels != Levels::Shutdown {
        *last = Some(unit.name.clone());
    }
}

/// A command of runlevels 0 and 6.
fn at_shutdown(stanza: &Stanza, unit: &mut UnitText) {
    unit.after("multi-user.target"); // stops before everything else
    unit.list(Section::Install, "WantedBy", "multi-user.target");
    unit.service("Type", "oneshot");
    unit.service("RemainAfterExit", "yes");
    unit.service("ExecStop", exec(&stanza.command));
}

fn service(stanza: &Stanza, words: &[String], no_reload: bool, unit: &mut UnitText) {
    let program = words.first().map_or("", |word| base(word));
    let pid = stanza.options.iter().find_map(|option| option.as_str().strip_prefix("pid:!"));
    let forking = stanza.value("type") == Some("forking") || pid.is_some();
    let notify = stanza.value("notify");
    unit.service(
        "Type",
        if forking {
            "forking"
        } else if notify == Some("systemd") {
            "notify"
        } else {
            "simple"
        },
    );
    unit.service("ExecStart", exec(&stanza.command));
    if forking {
        let path = pid.map_or_else(|| format!("/run/{program}.pid"), pid_file);
        unit.service("PIDFile", unit::path(&path));
    }
    if !no_reload && stanza.value("reload").is_none() {
        unit.service("ExecReload", "/bin/kill -HUP $MAINPID");
    }
    if matches!(notify, Some("s6" | "pid")) {
        let message = format!("notify:{}: others do not wait until it is ready", notify.unwrap_or_default());
        let help = "with Type=notify they do, if the program sends READY=1 (sd_notify(3))";
        unit.lost(stanza.on(Diagnostic::warning(Code::NotKept, message).help(help)));
    }
    restarts(stanza, unit);
}

/// How often it is started again: 10 times unless said otherwise, 2 s apart at first and 5 s after the fifth time.
fn restarts(stanza: &Stanza, unit: &mut UnitText) {
    let is_set = |name: &str| stanza.options.iter().any(|option| option.as_str() == name);
    let count = match stanza.value("restart") {
        _ if is_set("norestart") => Some(0),
        _ if is_set("respawn") => None,
        Some("always" | "-1") => None,
        Some(count) => Some(count.parse::<u32>().unwrap_or(10).min(255)),
        None => Some(10),
    };
    let delay =
        stanza.value("restart_sec").and_then(|text| text.parse::<u32>().ok()).unwrap_or(2).clamp(2, 3600);
    match count {
        Some(0) => return,
        None => unit.set(Section::Unit, "StartLimitIntervalSec", "0"),
        Some(count) => {
            // Long enough for a service that crashes at once to use its restarts up.
            let longest = count.min(5) * delay + count.saturating_sub(5) * delay.max(5);
            unit.set(Section::Unit, "StartLimitIntervalSec", (2 * longest).to_string());
            unit.set(Section::Unit, "StartLimitBurst", (count + 1).to_string());
        }
    }
    unit.service("Restart", "always");
    unit.service("RestartSec", delay.to_string());
}

fn task(stanza: &Stanza, unit: &mut UnitText) {
    unit.service("Type", "oneshot");
    unit.service("RemainAfterExit", "yes");
    unit.service("ExecStart", exec(&stanza.command));
    unit.service("TimeoutStartSec", "infinity");
}

fn sysv(stanza: &Stanza, unit: &mut UnitText) {
    let pid = stanza.options.iter().find_map(|option| option.as_str().strip_prefix("pid:!"));
    match pid {
        Some(path) => {
            unit.service("Type", "forking");
            unit.service("PIDFile", unit::path(&pid_file(path)));
        }
        None => {
            unit.service("Type", "oneshot");
            unit.service("RemainAfterExit", "yes");
        }
    }
    for (key, verb) in [("ExecStart", "start"), ("ExecStop", "stop")] {
        unit.service(key, exec(&format!("{} {verb}", stanza.command)));
    }
    let problem = Diagnostic::note(Code::KeptOtherwise, "the init script can have a unit of its own");
    unit.lost(stanza.on(problem.help("`cargo xtask import sysv` makes it")));
}

/// What one option becomes, except those that decide the unit's type.
fn option(option: &Text, unit: &mut UnitText) {
    let text = option.as_str();
    let on = |problem: Diagnostic| problem.on(option, 0..option.len());
    if let Some(who) = text.strip_prefix('@') {
        let (user, group) = who.split_once(':').map_or((who, None), |(user, group)| (user, Some(group)));
        if user != "root" {
            unit.service("User", unit::text(user));
        }
        if let Some(group) = group.filter(|group| *group != "root") {
            unit.service("Group", unit::text(group));
        }
        return;
    }
    if let Some(cgroup) = text.strip_prefix("cgroup.") {
        return self::cgroup(cgroup, option, unit);
    }
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    match name {
        "" | "name" | "kill" | "restart" | "restart_sec" | "respawn" | "norestart" | "type" | "notify"
        | "manual" | "nowarn" => {}
        "env" => {
            let (dash, path) = value.strip_prefix('-').map_or(("", value), |path| ("-", path));
            unit.add(Section::Service, "EnvironmentFile", format!("{dash}{}", unit::path(path)));
        }
        "halt" => unit.service("KillSignal", signal(value)),
        "umask" => unit.service("UMask", unit::text(value)),
        "conflict" => {
            value.split(',').for_each(|other| unit.list(Section::Unit, "Conflicts", &unit_of(other)))
        }
        "pre" => script("ExecStartPre", value, unit),
        "ready" => script("ExecStartPost", value, unit),
        "post" => script("ExecStopPost", value, unit),
        "reload" => script("ExecReload", value, unit),
        "stop" => script("ExecStop", value, unit),
        "log" => log(value, option, unit),
        "pid" if value.starts_with('!') => {}
        "pid" => {
            unit.lost(on(Diagnostic::note(Code::KeptOtherwise, "no PID file is made: tomte needs none")))
        }
        "oncrash" if value == "reboot" => unit.set(Section::Unit, "StartLimitAction", "reboot"),
        _ => unit.lost(on(Diagnostic::warning(Code::NotKept, format!("{text} is not kept")))),
    }
}

/// `[SECONDS,]SCRIPT`, possibly quoted.
fn script(key: &'static str, value: &str, unit: &mut UnitText) {
    let value = value.trim_matches(['\'', '"']);
    let command = match value.split_once(',') {
        Some((seconds, script)) if seconds.bytes().all(|byte| byte.is_ascii_digit()) => script,
        Some(_) | None => value,
    };
    if !command.trim().is_empty() {
        unit.service(key, exec(command));
    }
}

/// `log`, `log:/FILE`, `log:prio:FACILITY.LEVEL,tag:NAME`, `log:console`, `log:null`.
fn log(value: &str, option: &Text, unit: &mut UnitText) {
    match value {
        "" => {}
        "null" | "/dev/null" => unit.service("StandardOutput", "null"),
        "console" | "/dev/console" => {
            unit.service("StandardOutput", "tty");
            unit.service("TTYPath", "/dev/console");
        }
        _ if value.starts_with('/') => {
            unit.service("StandardOutput", format!("append:{}", unit::path(value)))
        }
        _ => {
            for part in value.split(',') {
                match part.split_once(':') {
                    Some(("prio" | "priority", priority)) => {
                        let (facility, level) = priority.split_once('.').unwrap_or((priority, "info"));
                        unit.service("SyslogFacility", unit::text(facility));
                        unit.service("SyslogLevel", unit::text(current_level(level)));
                    }
                    Some(("tag" | "ident", tag)) => unit.service("SyslogIdentifier", unit::text(tag)),
                    Some(_) | None => {
                        let problem = Diagnostic::warning(Code::NotKept, format!("log:{part} is not kept"));
                        unit.lost(problem.on(option, 0..option.len()));
                    }
                }
            }
        }
    }
}

/// `NAME[:SETTING:VALUE,…]`.
fn cgroup(text: &str, option: &Text, unit: &mut UnitText) {
    let (name, settings) = text.split_once(':').unwrap_or((text, ""));
    unit.service("Slice", slice_of(name));
    for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
        let (name, value) = setting.split_once(':').unwrap_or((setting, ""));
        let number = value.parse::<u64>().ok();
        let size = match value {
            "max" => Some("infinity".to_owned()),
            _ => number.map(|number| number.to_string()),
        };
        let (key, value) = match (name.strip_prefix("memory.").or(name.strip_prefix("mem.")), name) {
            (Some("max"), _) => ("MemoryMax", size),
            (Some("high"), _) => ("MemoryHigh", size),
            (Some("low"), _) => ("MemoryLow", size),
            (Some("min"), _) => ("MemoryMin", size),
            (_, "pids.max") => ("TasksMax", size),
            (_, "cpu.weight") => ("CPUWeight", number.map(|number| number.to_string())),
            // The kernel's period, where none is named.
            (_, "cpu.max") => ("CPUQuota", number.map(|quota| format!("{}%", (quota / 1000).max(1)))),
            _ => ("", None),
        };
        match value {
            Some(value) => unit.service(key, value),
            None => {
                let problem = Diagnostic::warning(Code::NotKept, format!("{setting} is not kept"));
                unit.lost(problem.on(option, 0..option.len()));
            }
        }
    }
}

/// The slice for a group; Finit's `root` is the one without limits.
fn slice_of(name: &str) -> String {
    match name {
        "root" => "-.slice".to_owned(),
        _ => unit::name(name, "slice"),
    }
}

fn signal(value: &str) -> String {
    match value.parse::<u8>() {
        Ok(number) => number.to_string(),
        Err(_) => format!("SIG{}", unit::text(value.trim_start_matches("SIG"))),
    }
}

fn seconds(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A PID file's path, where a name alone is one in /run.
fn pid_file(path: &str) -> String {
    let end = if path.ends_with(".pid") || path.starts_with('/') { "" } else { ".pid" };
    if path.starts_with('/') { unit::run_path(path) } else { format!("/run/{path}{end}") }
}

/// syslog.conf(5)'s old names of levels in those of today.
fn current_level(level: &str) -> &str {
    match level {
        "panic" => "emerg",
        "error" => "err",
        "warn" => "warning",
        other => other,
    }
}
