//! What a `tty` stanza becomes.

use super::stanza::{Stanza, exec};
use crate::{
    diag::{Code, Diagnostic},
    import::{
        command::{base, is_terminal},
        unit::{self, Section, UnitText},
    },
};

/// `tty DEV [BAUD] [noclear] [nowait] [nologin] [TERM]`, or `tty CMD ARGS`.
pub fn login(stanza: &Stanza, words: &[String], unit: &mut UnitText) {
    const FLAGS: [&str; 6] = ["noclear", "nowait", "nologin", "notty", "rescue", "passenv"];
    let is_set = |name: &str| words.iter().any(|word| word == name);
    let rest: Vec<&String> = words.iter().filter(|word| !FLAGS.contains(&word.as_str())).collect();
    let device = terminal(words).unwrap_or_else(|| "console".to_owned());
    let is_command = rest.first().is_some_and(|word| {
        word.starts_with('/') && !word.starts_with("/dev/") || base(word).contains("getty")
    });
    unit.service("Type", "idle");
    if is_command {
        let command: Vec<&str> = rest.iter().map(|word| word.as_str()).collect();
        unit.service("ExecStart", exec(&command.join(" ")));
    } else if is_set("rescue") {
        unit.service("ExecStart", "/sbin/sulogin");
    } else if is_set("nologin") || is_set("notty") {
        unit.service("ExecStart", "@/bin/sh -sh");
    } else {
        let number = |word: &&&String| word.bytes().all(|byte| byte.is_ascii_digit());
        let baud = rest.iter().find(number).map_or("0", |word| word.as_str());
        let term = rest.iter().skip(1).filter(|word| !number(word)).map(|word| word.as_str()).next_back();
        let term = term.filter(|word| !is_terminal(word) && !word.starts_with('@')).unwrap_or("vt100");
        let line = ["/sbin/getty", "-L", baud, &device, term].map(unit::word);
        unit.service("ExecStart", line.join(" "));
        unit.lost(stanza.on(Diagnostic::note(
            Code::KeptOtherwise,
            "Finit's own getty is not there: /sbin/getty of BusyBox is taken",
        )));
    }
    if !is_set("nowait") && !is_set("notty") && !is_set("nologin") {
        unit.lost(stanza.on(Diagnostic::warning(Code::NotKept, "nobody is asked to press Enter first")));
    }
    unit.service("Restart", "always");
    unit.service("RestartSec", "1");
    unit.set(Section::Unit, "StartLimitIntervalSec", "0");
    unit.terminal(&format!("/dev/{device}"));
}

/// The terminal that a `tty` stanza is about, without `/dev/`.
pub fn terminal(words: &[String]) -> Option<String> {
    let devices = words.iter().map(|word| word.strip_prefix("/dev/").unwrap_or(word));
    let mut devices = devices.map(|word| if word == "@console" { "console" } else { word });
    devices.find(|word| is_terminal(word)).map(str::to_owned)
}
