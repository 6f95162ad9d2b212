//! finit.conf and finit.d/*.conf (Finit's doc/config). Stanzas that start something become units; those that set
//! something apply to the units of the lines after them, as Finit reads them.

mod condition;
mod login;
mod options;
mod stanza;

use std::collections::BTreeSet;

use super::{
    ENTRIES_MAX, Input,
    command::base,
    too_many,
    unit::{self, Section, UnitText},
};
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::{self, Text},
};
use stanza::Stanza;

/// The stanzas that start something.
const STARTS: [&str; 5] = ["service", "task", "run", "sysv", "tty"];
/// The others.
const SETS: [&str; 25] = [
    "cgroup",
    "fstab",
    "host",
    "hostname",
    "include",
    "initctl",
    "inetd",
    "log",
    "mknod",
    "module",
    "network",
    "rcsd",
    "readiness",
    "reboot-delay",
    "reboot-watchdog",
    "rlimit",
    "runlevel",
    "runparts",
    "service-interval",
    "service_interval",
    "set",
    "shutdown",
    "startx",
    "user",
    "watchdog",
];

/// The units that the stanzas of `inputs` make, the files taken in the order given.
pub fn import(inputs: &[Input], sink: &mut Diagnostics) -> Vec<UnitText> {
    let mut units: Vec<UnitText> = Vec::new();
    let mut names = BTreeSet::new();
    let mut order = Order::default();
    for input in inputs {
        let mut file = File { cgroup: None, limits: Vec::new(), environment: Vec::new() };
        for line in lines(input, sink) {
            let Some((keyword, rest)) = keyword(&line) else { continue };
            let unit = match keyword.as_str() {
                name if STARTS.contains(&name) => {
                    let stanza = Stanza::new(&keyword, &rest, &line, &input.name(), sink);
                    stanza.map(|stanza| options::unit(&stanza, &file, &mut order))
                }
                name => file.set(name, &keyword, &rest, &line, sink),
            };
            let Some(mut unit) = unit else { continue };
            if !names.insert(unit.name.clone()) {
                let message = format!("{} is there already: this one replaces it, as in Finit", unit.name);
                unit.lost(Diagnostic::warning(Code::NotKept, message).on(&line, 0..line.len()));
                units.retain(|other| other.name != unit.name);
            }
            units.push(unit);
        }
    }
    if units.is_empty() && !sink.has_errors() {
        for input in inputs {
            let message = format!("{}: no stanza that starts something", input.path.display());
            let problem = Diagnostic::error(Code::NothingToImport, message);
            sink.push(problem.help("expected lines such as: service [2345] /sbin/foo -n -- Foo daemon"));
        }
    }
    units
}

/// What runs one after the other.
#[derive(Default)]
struct Order {
    /// The last `run` of runlevel S.
    boot: Option<String>,
    /// The last `run` of another one.
    later: Option<String>,
}

/// What the lines so far say about those after them, within one file.
struct File {
    /// The slice that `cgroup.NAME` names.
    cgroup: Option<String>,
    /// Keys and values of `rlimit`.
    limits: Vec<(&'static str, String)>,
    /// Names and values of `set`.
    environment: Vec<(String, String)>,
}

impl File {
    /// Takes a stanza into account that starts nothing, or only something simple.
    fn set(
        &mut self,
        name: &str,
        keyword: &Text,
        rest: &Text,
        line: &Text,
        sink: &mut Diagnostics,
    ) -> Option<UnitText> {
        let value = rest.as_str();
        let mut say = |problem: Diagnostic| sink.push(problem.on(line, 0..line.len()));
        match name {
            "set" => self.variable(value),
            _ if value.starts_with('=') => self.variable(&format!("{name}{value}")),
            _ if name.contains('=') => self.variable(line.as_str()),
            "rlimit" => match limit(value) {
                Some(limit) => self.limits.push(limit),
                None => say(Diagnostic::warning(
                    Code::NotKept,
                    "this limit is not kept: a service's needs one for both, soft and hard",
                )),
            },
            "cgroup" => {
                say(Diagnostic::warning(Code::NotKept, "the limits of a group of services are not kept"))
            }
            _ if name.starts_with("cgroup.") => self.cgroup = name.strip_prefix("cgroup.").map(str::to_owned),
            "include" => say(Diagnostic::warning(
                Code::NotKept,
                format!("{value} is not read: name it on the command line, too"),
            )),
            "runparts" => return Some(run_parts(value, line)),
            "network" => return Some(network(value)),
            "shutdown" => return Some(at_shutdown(value)),
            "host" | "hostname" => say(Diagnostic::note(
                Code::KeptOtherwise,
                "the name of the machine belongs into /etc/hostname",
            )),
            "runlevel" if value == "2" => {}
            "runlevel" => say(Diagnostic::warning(
                Code::NotKept,
                format!("multi-user.target stands for runlevel {value}, too"),
            )),
            "log" | "readiness" | "rcsd" | "service_interval" | "service-interval" | "initctl" | "user" => {}
            _ if SETS.contains(&name) => {
                say(Diagnostic::warning(Code::NotKept, format!("{name} is not kept")))
            }
            _ => {
                let problem = Diagnostic::warning(Code::NotKept, format!("{name:?} is no stanza of Finit"));
                let known = STARTS.iter().chain(&SETS).copied();
                sink.push(problem.did_you_mean(name, known).on(keyword, 0..keyword.len()));
            }
        }
        None
    }

    fn variable(&mut self, text: &str) {
        if let Some((name, value)) = text.split_once('=') {
            let value = value.trim().trim_matches('"');
            self.environment.push((name.trim().to_owned(), value.to_owned()));
        }
    }
}

/// `[hard|soft] RESOURCE LIMIT` as a key and its value.
fn limit(text: &str) -> Option<(&'static str, String)> {
    const LIMITS: [(&str, &str); 16] = [
        ("as", "LimitAS"),
        ("core", "LimitCORE"),
        ("cpu", "LimitCPU"),
        ("data", "LimitDATA"),
        ("fsize", "LimitFSIZE"),
        ("locks", "LimitLOCKS"),
        ("memlock", "LimitMEMLOCK"),
        ("msgqueue", "LimitMSGQUEUE"),
        ("nice", "LimitNICE"),
        ("nofile", "LimitNOFILE"),
        ("nproc", "LimitNPROC"),
        ("rss", "LimitRSS"),
        ("rtprio", "LimitRTPRIO"),
        ("rttime", "LimitRTTIME"),
        ("sigpending", "LimitSIGPENDING"),
        ("stack", "LimitSTACK"),
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [resource, limit] = words[..] else { return None };
    let (_, key) = LIMITS.into_iter().find(|(name, _)| *name == resource)?;
    match limit {
        "unlimited" | "infinity" => Some((key, "infinity".to_owned())),
        _ => limit.parse::<u64>().ok().map(|limit| (key, limit.to_string())),
    }
}

/// `runparts DIRECTORY`.
fn run_parts(directory: &str, line: &Text) -> UnitText {
    let mut unit = UnitText::new(
        &format!("runparts-{}", base(directory)),
        "service",
        &format!("Scripts in {directory}"),
    );
    unit.service("Type", "oneshot");
    unit.service("RemainAfterExit", "yes");
    unit.service("KillMode", "process");
    unit.service("ExecStart", format!("/bin/run-parts --arg=start {}", unit::word(directory)));
    unit.list(Section::Install, "WantedBy", "multi-user.target");
    let problem = Diagnostic::note(
        Code::KeptOtherwise,
        format!("the scripts in {directory} can have units of their own"),
    );
    unit.lost(problem.help("`cargo xtask import sysv` makes them").on(line, 0..line.len()));
    unit
}

/// `network SCRIPT`.
fn network(script: &str) -> UnitText {
    let mut unit = UnitText::new("network", "service", "Network");
    unit.list(Section::Unit, "Wants", "network.target");
    unit.list(Section::Unit, "Before", "network.target");
    unit.service("Type", "oneshot");
    unit.service("RemainAfterExit", "yes");
    unit.service("ExecStart", stanza::exec(script));
    unit.list(Section::Install, "WantedBy", "multi-user.target");
    unit
}

/// `shutdown SCRIPT`.
fn at_shutdown(script: &str) -> UnitText {
    let mut unit = UnitText::new("finit-shutdown", "service", "What Finit runs at shutdown");
    unit.service("Type", "oneshot");
    unit.service("RemainAfterExit", "yes");
    unit.service("ExecStop", stanza::exec(script));
    unit.list(Section::Install, "WantedBy", "multi-user.target");
    unit
}

/// The lines that mean something, those that a backslash joins as one.
fn lines(input: &Input, sink: &mut Diagnostics) -> Vec<Text> {
    let mut found: Vec<Text> = Vec::new();
    let mut open: Option<Text> = None;
    for (start, line) in read::lines(input.text.as_str()) {
        let piece = input.text.slice(start..start + line.len());
        let joined = match open.take() {
            Some(mut before) => {
                before.push(&piece);
                before
            }
            None if piece.trim().is_empty() || piece.trim().as_str().starts_with('#') => continue,
            None => piece,
        };
        if joined.as_str().ends_with('\\') {
            let mut joined = joined;
            joined.blank_last();
            open = Some(joined);
            continue;
        }
        if found.len() == ENTRIES_MAX {
            sink.push(too_many(&joined));
            return found;
        }
        found.push(joined.trim());
    }
    found.extend(open.map(|text| text.trim()));
    found
}

/// The first word and the rest.
fn keyword(line: &Text) -> Option<(Text, Text)> {
    let text = line.as_str();
    let end = text.find(|c: char| c.is_whitespace()).unwrap_or(text.len());
    (end > 0).then(|| (line.slice(0..end), line.slice(end..text.len()).trim()))
}
