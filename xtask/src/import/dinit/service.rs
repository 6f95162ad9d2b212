//! What each setting of a process, bgprocess or scripted service becomes.

use super::{
    super::unit::{self, Section, UnitText},
    Names,
    description::{Description, Setting, is_dependency},
    unit_of,
};
use crate::diag::{Code, Diagnostic, Diagnostics};

/// A service in the making, and its socket.
pub struct Service<'n> {
    unit: UnitText,
    socket: Option<UnitText>,
    kind: String,
    name: String,
    names: &'n Names,
    /// Restarts that are allowed, and seconds in which they are counted.
    limit: (f64, f64),
    /// Whether `$NAME` in commands stands for a variable.
    variables: bool,
    first: Option<crate::model::Place>,
}

impl<'n> Service<'n> {
    /// Goes on from `unit`, which has the dependencies.
    pub fn new(description: &Description, names: &'n Names, unit: UnitText) -> Self {
        let variables = description.settings.iter().any(|setting| {
            setting.name.as_str() == "load-options" && setting.words.iter().any(|word| word == "sub-vars")
        });
        let mut service = Self {
            unit,
            socket: None,
            kind: description.kind().to_owned(),
            name: description.name.clone(),
            names,
            limit: (3.0, 10.0),
            variables,
            first: description.settings.first().map(|setting| setting.name.place(0)),
        };
        let kind = match service.kind.as_str() {
            "bgprocess" => "forking",
            "scripted" => "oneshot",
            _ => "simple",
        };
        service.unit.service("Type", kind);
        if kind == "oneshot" {
            service.unit.service("RemainAfterExit", "yes");
        }
        // dinit's defaults, where they are not systemd's.
        service.unit.service("TimeoutStartSec", "60");
        service.unit.service("TimeoutStopSec", "10");
        if kind != "oneshot" {
            service.unit.service("RestartSec", "200ms");
        }
        service
    }

    /// Takes one setting into account.
    pub fn setting(&mut self, setting: &Setting) {
        let name = setting.name.as_str();
        match name {
            _ if is_dependency(name) => {}
            "description" | "sub-vars" => {}
            "type" => self.check_kind(setting),
            "command" => self.command("ExecStart", setting),
            "stop-command" => self.command("ExecStop", setting),
            "working-dir" => self.path("WorkingDirectory", setting),
            "env-file" => self.path("EnvironmentFile", setting),
            "pid-file" => self.unit.service("PIDFile", unit::path(&unit::run_path(&setting.value))),
            "run-as" => self.user(setting),
            "logfile" => {
                self.unit.service("StandardOutput", format!("append:{}", unit::path(&setting.value)))
            }
            "log-type" if setting.value == "none" => self.unit.service("StandardOutput", "null"),
            "log-type" | "log-buffer-size" => {}
            "options" => setting.words.iter().for_each(|option| self.option(option, setting)),
            "load-options" => self.load_options(setting),
            "ready-notification" => self.readiness(setting),
            "inittab-id" => {
                let id = unit::text(&setting.value).replace("${1}", "%i").replace("$1", "%i");
                self.unit.service("UtmpIdentifier", id);
            }
            "inittab-line" => {}
            "term-signal" | "termsignal" => self.signal(setting),
            "nice" => self.number("Nice", setting),
            "oom-score-adj" => self.number("OOMScoreAdjust", setting),
            "cpu-affinity" => self.unit.service("CPUAffinity", unit::text(&setting.value)),
            "ioprio" => self.io_priority(setting),
            "capabilities"
            | "securebits"
            | "consumer-of"
            | "logfile-gid"
            | "logfile-permissions"
            | "logfile-uid"
            | "provides" => self.lose(setting, format!("{name} = {} is not kept", setting.value)),
            "run-in-cgroup" => {
                self.lose(setting, "tomte gives each unit a control group of its own".to_owned())
            }
            _ if name.starts_with("restart") || name == "smooth-recovery" || name.ends_with("-timeout") => {
                self.restarts(setting);
            }
            _ if name.starts_with("rlimit-") => self.limit(setting),
            _ if name.starts_with("socket-") => self.socket(setting),
            _ => self.unit.lost(setting.unknown()),
        }
    }

    fn lose(&mut self, setting: &Setting, message: String) {
        self.unit.lost(setting.warning(message));
    }

    fn check_kind(&mut self, setting: &Setting) {
        let kinds = ["process", "bgprocess", "scripted", "internal"];
        if !kinds.contains(&setting.value.as_str()) {
            let problem =
                Diagnostic::error(Code::NoEntry, format!("{:?} is no type of service", setting.value));
            self.unit.lost(setting.on(problem.did_you_mean(&setting.value, kinds)));
        }
    }

    fn path(&mut self, key: &'static str, setting: &Setting) {
        let value = match setting.value.as_str() {
            "~" | "$HOME" => "~".to_owned(),
            value => unit::path(value),
        };
        if value == "~" || value.starts_with('/') {
            self.unit.service(key, value);
        } else {
            self.lose(
                setting,
                format!("{} = {}: not an absolute path", setting.name.as_str(), setting.value),
            );
        }
    }

    fn command(&mut self, key: &'static str, setting: &Setting) {
        let Some((program, arguments)) = setting.words.split_first() else {
            self.lose(setting, format!("{}: no command", setting.name.as_str()));
            return;
        };
        let mut line = self.word(program, setting);
        for argument in arguments {
            line.push(' ');
            line.push_str(&self.word(argument, setting));
        }
        self.unit.service(key, line);
    }

    /// A word of a command; the service's argument becomes `%i`, a variable `${NAME}`.
    fn word(&mut self, word: &str, setting: &Setting) -> String {
        let mut text = String::new();
        let mut rest = word;
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at].replace('%', "%%"));
            rest = &rest[at + 1..];
            let (name, length) = variable(rest);
            match name {
                "1" => text.push_str("%i"),
                "" => text.push_str("$$"),
                _ if self.variables => {
                    text.push_str(&format!("${{{name}}}"));
                    let message = format!("${name} came from dinit's environment, when it read this file");
                    self.unit.lost(setting.on(Diagnostic::note(Code::KeptOtherwise, message)));
                }
                _ => text.push_str(&format!("$${}", &rest[..length])),
            }
            rest = &rest[length..];
        }
        text.push_str(&rest.replace('%', "%%"));
        unit::open_word(&text)
    }

    fn user(&mut self, setting: &Setting) {
        let (user, group) = match setting.value.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (setting.value.as_str(), None),
        };
        self.unit.service("User", unit::text(user));
        if let Some(group) = group {
            self.unit.service("Group", unit::text(group));
        }
    }

    fn option(&mut self, option: &str, setting: &Setting) {
        match option {
            "runs-on-console" => self.unit.terminal("/dev/console"),
            "starts-on-console" | "shares-console" => {
                self.unit.service("StandardOutput", "tty");
                self.unit.service("TTYPath", "/dev/console");
            }
            "signal-process-only" => self.unit.service("KillMode", "process"),
            "no-new-privs" => self.unit.service("NoNewPrivileges", "yes"),
            "always-chain" => {
                let others: Vec<String> =
                    self.unit.values(Section::Unit, "OnSuccess").map(str::to_owned).collect();
                others.iter().for_each(|other| self.unit.list(Section::Unit, "OnFailure", other));
            }
            "starts-rwfs" | "starts-log" | "unmask-intr" | "kill-all-on-stop" => {} // about dinit, not the service
            "pass-cs-fd" | "start-interruptible" | "skippable" => {
                self.lose(setting, format!("options = {option} is not kept"));
            }
            _ => self.lose(setting, format!("{option:?} is no option of dinit")),
        }
    }

    fn load_options(&mut self, setting: &Setting) {
        for option in setting.words.iter().filter(|option| *option != "sub-vars") {
            match option.as_str() {
                "export-service-name" => {
                    let value = unit::assignment("DINIT_SERVICE", &self.name);
                    self.unit.add(Section::Service, "Environment", value);
                }
                "export-passwd-vars" => {} // systemd sets HOME, LOGNAME, SHELL and USER with User=
                _ => self.lose(setting, format!("load-options = {option} is not kept")),
            }
        }
    }

    fn readiness(&mut self, setting: &Setting) {
        if setting.value == "none" {
            return;
        }
        let message = format!("ready-notification = {}: others do not wait for the message", setting.value);
        let help = "with Type=notify they do, if the program sends READY=1 (sd_notify(3))";
        self.unit.lost(setting.warning(message).help(help));
    }

    fn signal(&mut self, setting: &Setting) {
        match setting.value.trim_start_matches("SIG") {
            "none" | "NONE" => self.lose(setting, "term-signal = none: SIGTERM is sent".to_owned()),
            name => self.unit.service("KillSignal", format!("SIG{}", unit::text(name))),
        }
    }

    fn number(&mut self, key: &'static str, setting: &Setting) {
        match setting.value.parse::<i32>() {
            Ok(number) => self.unit.service(key, number.to_string()),
            Err(_) => self.lose(setting, format!("{:?} is no number", setting.value)),
        }
    }

    fn io_priority(&mut self, setting: &Setting) {
        let (class, level) = setting.value.split_once(':').unwrap_or((&setting.value, ""));
        let class = match class {
            "rt" | "realtime" => "realtime",
            "be" | "best-effort" => "best-effort",
            "idle" => "idle",
            "none" => return,
            _ => return self.lose(setting, format!("ioprio = {}: unknown", setting.value)),
        };
        self.unit.service("IOSchedulingClass", class);
        if level.parse::<u8>().is_ok_and(|level| level < 8) {
            self.unit.service("IOSchedulingPriority", level);
        }
    }

    fn restarts(&mut self, setting: &Setting) {
        let name = setting.name.as_str();
        let yes = matches!(setting.value.as_str(), "yes" | "true");
        match (name, setting.value.parse::<f64>().ok().filter(|number| (0.0..1e9).contains(number))) {
            ("restart", _) if self.kind == "scripted" && yes => {
                self.lose(setting, "restart: a oneshot service is not started again".to_owned());
            }
            ("restart", _) if yes => self.unit.service("Restart", "always"),
            ("restart", _) if setting.value == "on-failure" => self.unit.service("Restart", "on-failure"),
            ("restart", _) => {}
            ("smooth-recovery", _) if yes => {
                self.unit.service("Restart", "always");
                self.unit.service("RestartMode", "direct");
            }
            ("smooth-recovery", _) => {}
            ("restart-delay", Some(seconds)) => self.unit.service("RestartSec", seconds_text(seconds)),
            ("restart-limit-interval", Some(seconds)) => self.limit.1 = seconds,
            ("restart-limit-count", Some(count)) => self.limit.0 = count,
            ("start-timeout", Some(seconds)) => self.unit.service("TimeoutStartSec", timeout(seconds)),
            ("stop-timeout", Some(seconds)) => self.unit.service("TimeoutStopSec", timeout(seconds)),
            (
                "restart-delay"
                | "restart-limit-interval"
                | "restart-limit-count"
                | "start-timeout"
                | "stop-timeout",
                None,
            ) => {
                self.lose(setting, format!("{:?} is no number of seconds", setting.value));
            }
            _ => self.unit.lost(setting.unknown()),
        }
    }

    fn limit(&mut self, setting: &Setting) {
        let key = match setting.name.as_str() {
            "rlimit-nofile" => "LimitNOFILE",
            "rlimit-core" => "LimitCORE",
            "rlimit-data" => "LimitDATA",
            "rlimit-addrspace" | "rlimit-as" => "LimitAS",
            _ => return self.unit.lost(setting.unknown()),
        };
        let one = |text: &str| match text {
            "-" => Some("infinity".to_owned()),
            _ => text.parse::<u64>().ok().map(|number| number.to_string()),
        };
        let value = match setting.value.split_once(':') {
            Some((soft, hard)) => one(soft).zip(one(hard)).map(|(soft, hard)| format!("{soft}:{hard}")),
            None => one(&setting.value),
        };
        match value {
            Some(value) => self.unit.service(key, value),
            None => self.lose(setting, format!("{key}= needs both limits: {:?}", setting.value)),
        }
    }

    fn socket(&mut self, setting: &Setting) {
        let description = format!("Socket of {}", self.name);
        let socket = self.socket.get_or_insert_with(|| {
            let mut socket = UnitText::new(&self.name, "socket", &description);
            socket.set(Section::Socket, "SocketMode", "0666");
            socket.list(Section::Install, "WantedBy", "sockets.target");
            socket
        });
        let value = setting.value.as_str();
        match setting.name.as_str() {
            "socket-listen" => {
                socket.set(Section::Socket, "ListenStream", unit::path(&unit::run_path(value)))
            }
            "socket-permissions" if u32::from_str_radix(value, 8).is_ok_and(|mode| mode <= 0o777) => {
                socket.set(Section::Socket, "SocketMode", format!("{value:0>4}"));
            }
            "socket-uid" => socket.set(Section::Socket, "SocketUser", unit::text(value)),
            "socket-gid" => socket.set(Section::Socket, "SocketGroup", unit::text(value)),
            _ => self.unit.lost(setting.unknown()),
        }
    }

    /// The service and its socket. Errors go to `sink`.
    pub fn finish(mut self, sink: &mut Diagnostics) -> (UnitText, Option<UnitText>) {
        if !self.unit.has(Section::Service, "ExecStart") {
            let message = format!("the {} service {} has no command", self.kind, self.name);
            sink.push(Diagnostic::error(Code::NoEntry, message).at(self.first.clone()));
        }
        if self.kind == "bgprocess" && !self.unit.has(Section::Service, "PIDFile") {
            let problem =
                Diagnostic::warning(Code::NotKept, "no pid-file: the main process has to be guessed");
            self.unit.lost(problem.at(self.first.clone()));
        }
        if self.unit.has(Section::Service, "Restart") {
            let (count, seconds) = self.limit;
            // The first start counts here and not there.
            let interval = if count < 1.0 { "0".to_owned() } else { seconds_text(seconds) };
            self.unit.set(Section::Unit, "StartLimitIntervalSec", interval);
            self.unit.set(Section::Unit, "StartLimitBurst", format!("{}", count as u32 + 1));
        } else {
            self.unit.remove(Section::Service, "RestartSec");
        }
        if let Some(socket) = &self.socket {
            self.unit.requires(&unit_of(&self.name, self.names).replace(".service", ".socket"));
            self.unit.list(Section::Install, "Also", &socket.name);
        }
        (self.unit, self.socket)
    }
}

/// The name of the variable that `text`, behind a `$`, begins with, and the bytes that it takes; empty if none.
fn variable(text: &str) -> (&str, usize) {
    if let Some((name, _)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return (name, name.len() + 2);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    (&text[..end], end)
}

fn timeout(seconds: f64) -> String {
    if seconds == 0.0 { "infinity".to_owned() } else { seconds_text(seconds) }
}

/// A time span of `seconds`, to the millisecond.
fn seconds_text(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round() as u64;
    if millis.is_multiple_of(1000) { format!("{}", millis / 1000) } else { format!("{millis}ms") }
}
