//! PID 1 itself on the host board: what it tells whom through its socket, and what becomes of a run when it fails.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_board, run_units},
    program::Finished,
    tally::{Outcome, Tally},
};

/// What `console.service` prints: the words of systemctl and service, and users' names as glibc has them, with tomte-userd
/// answering, hung, killed and stopped.
const CONSOLE: [&str; 130] = [
    "tomte: shy.service: operation refused by the unit",
    "SHY 4",
    "tomte: bystander.service: operation refused by the unit",
    "ISOLATE 4",
    "tomte: Unit bystander.target could not be found.",
    "NO-TARGET 5",
    "tomte: Unit rescue.target could not be found.",
    "RESCUE 5",
    "not understood: now (see tomte help)",
    "DEFAULT 2 multi-user.target",
    "not understood: frob (see tomte help)",
    "TYPE 2",
    "IS-ACTIVE 0",
    "IS-NONE 4",
    "IS-FAILED 1",
    "IS-ENABLED 0",
    "STATES static static enabled",
    "MAIN-PID (sleep)",
    "ENABLE 0",
    "what boot starts is baked into the image",
    "DISABLE 1",
    "RELOAD 0",
    "NO-BLOCK 5",
    "SERVICE 0",
    "KILL 0",
    "KILL-NONE 1",
    "not understood: NONE",
    "KILL-WHAT 2",
    "TRY-RESTART 0",
    "RELOAD-OR 0",
    "SAME PID",
    "SAME UID",
    "GLIBC KNOWS",
    "GLIBC bystander:x:Dynamic User:/:/sbin/nologin",
    "GLIBC bystander:x::",
    "GLIBC NONE 2",
    "GLIBC STATIC 0",
    "GLIBC HUNG 0",
    "GLIBC AGAIN 0",
    "GLIBC DEAD 0",
    "# bystander.service, as the table of host has it",
    "START-NONE 5",
    "FORGET-NONE 1",
    "START-NO-MATCH 0",
    "TRY-RELOAD-OR 0",
    "LATER-NOW 0",
    "LATER-STOPPED 3",
    "LATER-ONLY-WHAT-IS-UP 3",
    "WAITED 1",
    "BRIEF-FAILED 0",
    "FAILED-ROWS brief.service loaded failed failed Fails after a moment",
    "TYPE-ROWS 2",
    "FORGIVEN   UNIT",
    "]: 0 loaded units listed.",
    "PATTERN tomte-logd.sockettomte-userd.socket",
    "not understood: no unit (see tomte help)",
    "NO-UNIT 2",
    "not understood: bystander (see tomte help)",
    "NO-VERB 2",
    "not understood: nosuch (see tomte help)",
    "NO-HELP 2",
    "]: tomte 0.",
    "]:   list-units [-t TYPE]",
    "]: \"enabled\"",
    "not understood: --dryrun",
    "NO-SWITCH 2",
    "tomte: /nosuch: No such file or directory",
    "]: 0 settings listed.",
    // Other names of units, and what there is to be none of.
    "ALIASED 0",
    "* bystander.service - Runs on, whatever happens to the others",
    "ALIASES alias alias bystander.service active",
    "]: tomte: Unit gone.service is masked.",
    "MASKED 1",
    "MASKED-STATUS 3",
    "]: masked",
    "MASKED-IS 1",
    "MASKED-MASK 0",
    "MASKED-ENABLE 1",
    "MASKED-RUN 1",
    "MASKED-STOP 0",
    "OTHERS  default.target alias gone.service masked onlooker.service alias watcher.service alias",
    // Lists of what the table has; everything for programs is JSON, and nothing on a screen is wider than that; what
    // is read through a pipe has no colours.
    "TIMER 9h 59min left - - idle.timer idle.service",
    "]: 0 timers listed.",
    "LISTENS LISTEN UNIT ACTIVATES /run/nscd/socket tomte-userd.socket tomte-userd.service 1 sockets listed.",
    "FILES  bystander.service enabled later.service enabled later.target static",
    "JSON 16",
    "SCREENS whole 0",
    "COLORS some",
    "ESCAPES 0",
    // journalctl's words.
    "]: Started brief.service - Fails after a moment.",
    "]: detail",
    "]: -- No entries --",
    "--grep knows . * ^ $ and \\ of regular expressions, no more",
    "not understood: [b] (see tomte help)",
    "GREP 2",
    "FOUND -- No entries --a warning",
    "REVERSE detail a warning",
    "MONOTONIC 2",
    "BOOTS INDEX BOOT ID FIRST ENTRY LAST ENTRY 0 ID FIRST LAST 1 boots listed.",
    "not understood: --reverse with --follow",
    "BOTH-WAYS 2",
    "]: usage: tomte logs [OPTION...]",
    // Other names; patterns and names without a suffix; what nobody can have meant ends no machine.
    "NAMES Names=bystander.service onlooker.service watcher.service",
    "OF-NONE Result=success MainPID=0 NRestarts=0 UID=[not set]",
    "SAID-OF-ALIAS 1",
    "SHORT later.service later.target",
    "SHORTER 1 1 1",
    "not understood: tomorrow (see tomte help)",
    "POWEROFF 2",
    "not understood: later (see tomte help)",
    "REBOOT 2",
    "not understood: +5 (see tomte help)",
    "SHUTDOWN 2",
    "not understood: 9 (see tomte help)",
    "TELINIT 2",
    "QUERY 0",
    "ISOLATE 2",
    "]: tomte: not a unit name",
    "RUN 1",
    "tomte: later.service: access denied: that is for root",
    "tomte: bystander.service: access denied: that is for root",
    "DENIED-AT-ONCE 4",
    "CROWD root 40 nobody 40",
    "CROWDED active",
    "CROWD GONE",
    "LOGS-WHAT 2",
    "TWO-UNITS 20",
    "tomte[1]: brief.service: ACTIVE_STATE=failed SUB_STATE=failed RESULT=exit-code",
    "tomte[1]: brief.service: VERB=reset-failed UID=0 ANSWER=accepted",
    "\"_SYSTEMD_UNIT\":\"brief.service\",\"SYSLOG_IDENTIFIER\":\"tomte\",\"VERB\":\"start\",\"UID\":\"0\",\"ANSWER\":\"done\"}",
];

/// `tests/host/control`: root gets systemctl's answers and exit codes, everybody else is refused what is root's.
pub fn control() -> Result<()> {
    let (finished, report) = run_units("tests/host/control", &["--until", "idle"])?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    for pieces in [
        ["bystander.service", "loaded active     running"],
        ["[{\"name\":\"basic.target\"", "\"sub\":\"running\""],
        ["  Board: host", ""],
        ["  State: starting", ""],
        ["Active: active (running) since 20", "Z; "],
        ["tomte: Unit nosuch.service could not be found.", ""],
        ["root.service: Main process exited", "status=4"],
        ["root.service: Main process exited", "status=3"],
        ["tomte: not understood: frobnicate", ""],
        ["root.service: Main process exited", "status=2"],
        ["code 4", ""],
        ["tomte: access denied: that is for root", ""],
        ["stranger.service: Main process exited", "status=1"],
        ["PID 1 slept", ""],
        // A line says which program it is of, and not which was the unit's first.
        ["sh[", "]: START-NONE 5"],
    ] {
        has_line(&finished, &pieces)?;
    }
    for line in CONSOLE {
        has_line(&finished, &[line])?;
    }
    let bystander = starts_of(&finished, "bystander.service");
    // By boot, by `tomte restart`, by `service`, and because it has nothing to reload.
    ensure!(bystander == 4, "bystander.service was started {bystander} times");
    let report = report.context("no report")?;
    let stranger = report.unit("stranger.service").context("the report has no stranger.service")?;
    ensure!(stranger.uid == Some(65534), "{stranger:?}");
    Ok(())
}

fn starts_of(finished: &Finished, unit: &str) -> usize {
    let started = format!("tomte: Started {unit}");
    finished.lines.iter().filter(|line| line.contains(&started)).count()
}

/// `tests/host/client`: a client in another language, written from the protocol's documentation alone.
pub fn client(tally: &mut Tally) {
    let name = "a client in Python asks for what the documentation says, and is told what tomte tells";
    match Command::new("python3").arg("--version").output() {
        Ok(_) => tally.case(name, || {
            let (finished, report) = run_board("tests/host/client", &["--until", "idle"])?;
            CLIENT.iter().try_for_each(|line| has_line(&finished, &[line]))?;
            for name in ["root.service", "stranger.service"] {
                let unit = report.as_ref().and_then(|report| report.unit(name));
                let unit = unit.with_context(|| format!("the report has no {name}"))?;
                ensure!(unit.result.as_deref() == Some("success"), "{unit:?}");
            }
            Ok(())
        }),
        Err(error) => tally.add(name, Outcome::Skipped(format!("python3: {error}"))),
    }
}

/// What it prints: as root, and as somebody whom `[[allow]]` lets restart one unit.
const CLIENT: [&str; 12] = [
    "]: UNITS AS TOLD",
    "]: FAILURE errno 2",
    "]: MANAGER 0 client x86_64 starting",
    "]: NOBODY True",
    "]: POSTURE True",
    "]: RESTART done",
    "]: START root 5",
    "]: START stranger 6",
    "]: KILL root 4",
    "]: KILL stranger 6",
    "]: VERSION True",
    "]: MALFORMED True True",
];
