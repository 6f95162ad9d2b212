//! The options of the target's command line: which verbs have them, and what may stand for their values.

use clap::{Arg, ArgAction, ValueHint};
use tomte::wire::{ActiveState, UnitType, Whom, log::PRIORITIES};

/// What `show` can show.
const PROPERTIES: &str = include_str!("../../../src/ctl/properties.txt");
/// The verbs that make jobs in which others can be in the way.
const JOBS: &str = "start stop";
/// Those that wait for the end of a job.
const WAITING: &str = "start stop restart try-restart reload reload-or-restart try-reload-or-restart isolate";
/// Those that show rows.
const LISTS: &str = "list-units list-unit-files list-timers list-sockets posture";
/// Those that answer with JSON, if they are asked to.
const ANSWERING: &str = "list-units list-unit-files list-timers list-sockets status show is-active is-failed is-enabled \
                         is-system-running cat list-dependencies posture users blame critical-chain logs";

/// What a shell offers for a value.
#[derive(Clone, Copy)]
enum Offer {
    /// Names of units.
    Units,
    /// These words.
    Words(&'static str),
    /// The words of a list of the protocol's.
    List(fn() -> Vec<&'static str>),
    /// It has no value.
    Switch,
    /// What nobody can guess.
    Nothing,
}
use Offer::{List, Nothing, Switch, Units, Words};

/// Verbs, letter, name, what stands for its value, what it does, what is offered.
type Line = (&'static str, Option<char>, &'static str, &'static str, &'static str, Offer);

fn types() -> Vec<&'static str> {
    UnitType::ALL.iter().map(|one| one.as_str()).collect()
}

fn states() -> Vec<&'static str> {
    ActiveState::ALL.iter().map(|one| one.as_str()).collect()
}

fn whom() -> Vec<&'static str> {
    Whom::ALL.iter().map(|one| one.as_str()).collect()
}

/// All of them.
const ALL: [Line; 44] = [
    ("logs", Some('u'), "unit", "UNIT", "of this unit", Units),
    ("logs", Some('f'), "follow", "", "go on with what is said from now on", Switch),
    ("logs", Some('n'), "lines", "LINES", "the last ones", Nothing),
    ("logs", Some('p'), "priority", "PRIORITY", "as important as that, or from..to", Words(PRIORITIES)),
    (
        "logs",
        Some('g'),
        "grep",
        "PATTERN",
        "what has this in its text; . * ^ $ and \\ of regular expressions are known",
        Nothing,
    ),
    ("logs", Some('k'), "dmesg", "", "what the kernel said", Switch),
    ("logs", Some('e'), "pager-end", "", "the last 1000 lines", Switch),
    ("logs", Some('r'), "reverse", "", "the newest first", Switch),
    (
        "logs",
        Some('b'),
        "boot",
        "BOOT",
        "0 is this boot, -1 the one before, of which there is but text",
        Words("0 -1"),
    ),
    (
        "logs",
        Some('S'),
        "since",
        "TIME",
        "not before; a span back (90s, 2h), today, yesterday, or a moment of UTC",
        Words(TIMES),
    ),
    ("logs", Some('U'), "until", "TIME", "not after", Words(TIMES)),
    ("logs", Some('o'), "output", "FORMAT", "how a line is shown", Words(FORMATS)),
    ("logs", Some('t'), "identifier", "IDENTIFIER", "of programs that are called so", Nothing),
    ("logs", None, "events", "", "what PID 1 did, and was asked for", Switch),
    ("logs", None, "list-boots", "", "the boots of which there is something", Switch),
    ("show", Some('p'), "property", "PROPERTY", "show only these, with commas between", Words(PROPERTIES)),
    ("show", Some('P'), "", "PROPERTY", "show only these, values without names", Words(PROPERTIES)),
    ("show", None, "value", "", "values without names", Switch),
    ("status", Some('n'), "lines", "LINES", "so many lines of the log below a status", Nothing),
    (
        "list-units list-unit-files",
        Some('t'),
        "type",
        "TYPE",
        "list only units of these types, with commas between",
        List(types),
    ),
    (
        "list-units",
        None,
        "state",
        "STATE",
        "list only what is in one of these states, with commas between",
        List(states),
    ),
    (
        "list-unit-files",
        None,
        "state",
        "STATE",
        "list only these, with commas between",
        Words("enabled disabled static alias masked"),
    ),
    ("list-units", None, "failed", "", "list only what has failed", Switch),
    (
        "kill",
        Some('s'),
        "signal",
        "SIGNAL",
        "which one; TERM without",
        Words("HUP INT QUIT ABRT KILL USR1 USR2 ALRM TERM CONT STOP"),
    ),
    ("kill", None, "kill-whom", "WHOM", "which of its processes; all without", List(whom)),
    (JOBS, None, "job-mode", "MODE", "what becomes of jobs that are in the way", Words(MODES)),
    (WAITING, None, "no-block", "", "do not wait for the job to end", Switch),
    ("start stop restart", None, "wait", "", "until it is down again", Switch),
    ("is-system-running", None, "wait", "", "until boot is over", Switch),
    ("run", Some('u'), "unit", "NAME", "what it is called", Nothing),
    ("run", Some('p'), "property", "KEY=VALUE", "a setting of its unit file", Nothing),
    ("run", Some('E'), "setenv", "NAME=VALUE", "a variable of its environment", Nothing),
    ("run", None, "wait", "", "until it has ended; its exit status is the command's", Switch),
    ("run", Some('P'), "pipe", "", "its streams are the command's", Switch),
    ("run", Some('G'), "collect", "", "forget it when it has ended, even if it failed", Switch),
    ("switch-table", None, "timeout", "SPAN", "how long it may take to come up", Nothing),
    ("switch-table", None, "dry-run", "", "say what would change", Switch),
    ("enable disable mask", None, "now", "", "start or stop it, too", Switch),
    (LISTS, None, "no-legend", "", "list rows and nothing else", Switch),
    (LISTS, None, "plain", "", "list without marks", Switch),
    (ANSWERING, None, "json", "", "JSON, for programs", Switch),
    (
        "is-active is-failed is-enabled is-system-running logs run",
        Some('q'),
        "quiet",
        "",
        "say nothing where the exit status says it",
        Switch,
    ),
    (LISTS, Some('l'), "full", "", "do not cut lines to the width of the terminal", Switch),
    (ANSWERING, Some('w'), "watch", "", "look again every second, on a terminal", Switch),
];
const TIMES: &str = "today yesterday now";
const FORMATS: &str = "short short-iso short-monotonic cat json";
const MODES: &str = "replace fail isolate ignore-requirements ignore-dependencies replace-irreversibly flush triggering \
                     restart-dependencies";

/// Whether `verb` has it.
fn has(line: &Line, verb: &str) -> bool {
    line.0.split(' ').any(|one| one == verb)
}

/// Those of `verb`, as clap knows them.
pub(super) fn of(verb: &str) -> Vec<Arg> {
    let lines = ALL.iter().filter(|line| has(line, verb));
    lines
        .map(|&(_, letter, name, value, about, offer)| {
            let arg = if name.is_empty() { Arg::new(value) } else { Arg::new(name).long(name) }.help(about);
            let arg = letter.map_or(arg.clone(), |letter| arg.short(letter));
            let arg = if value.is_empty() { arg } else { arg.value_name(value) };
            match offer {
                Switch => arg.action(ArgAction::SetTrue),
                Units => arg.value_hint(UNITS),
                Words(words) => arg.value_parser(words.split_ascii_whitespace().collect::<Vec<_>>()),
                List(list) => arg.value_parser(list()),
                Nothing => arg.value_hint(ValueHint::Other),
            }
        })
        .collect()
}

/// What bash's `case` knows as a word of `verb` behind which a value stands: of units, or of anything else.
pub(super) fn before_value(verb: &str, units: bool) -> Vec<String> {
    let lines = ALL.iter().filter(|line| has(line, verb) && !matches!(line.5, Switch));
    let chosen = lines.filter(|line| matches!(line.5, Units) == units);
    chosen
        .flat_map(|&(_, letter, name, ..)| {
            let long = (!name.is_empty()).then(|| format!("\"{verb} --{name}\""));
            letter.map(|letter| format!("\"{verb} -{letter}\"")).into_iter().chain(long)
        })
        .collect()
}

/// What stands for names of units where clap knows no such thing.
pub(super) const UNITS: ValueHint = ValueHint::Hostname;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_what_the_command_line_knows() {
        let own =
            |text: &str| text.replace("\\\n", " ").split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let (wanted, verbs) =
            (include_str!("../../../src/ctl/wanted.rs"), include_str!("../../../src/ctl/mod.rs"));
        for word in FORMATS.split(' ') {
            assert!(
                own(wanted)
                    .split("FORMATS: &str = \"")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap()
                    .split(' ')
                    .any(|one| one == word),
                "{word}"
            );
        }
        assert!(own(verbs).contains(&format!("const WORDS: &str = \"{MODES}\"")));
    }
}
