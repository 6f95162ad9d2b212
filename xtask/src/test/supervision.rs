//! Services of every type, good and bad, end to end: the board is `tests/host/supervision`.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_board, run_units},
    program::Finished,
    servant,
};
use crate::{build, host::copy_folder, report::Report};

/// Unit, ActiveState, SubState, Result: what becomes of each.
const ENDS: [(&str, &str, &str, &str); 24] = [
    ("newline", "active", "running", "success"),
    ("mute", "failed", "failed", "protocol"),
    ("ready", "active", "running", "success"),
    ("unready", "failed", "failed", "protocol"),
    ("forged", "failed", "failed", "timeout"),
    ("helper", "active", "running", "success"),
    ("handover", "failed", "failed", "exit-code"),
    ("pinned", "failed", "failed", "exit-code"),
    ("silent", "failed", "failed", "watchdog"),
    ("reloader", "active", "running", "success"),
    ("forker", "active", "running", "success"),
    ("cleared", "failed", "failed", "exit-code"),
    ("gone", "inactive", "dead", "success"),
    ("liar", "failed", "failed", "timeout"),
    ("limited", "failed", "failed", "timeout"),
    ("frozen", "failed", "failed", "timeout"),
    ("idler", "active", "running", "success"),
    ("named", "active", "running", "success"),
    ("failing", "failed", "failed", "exit-code"),
    ("told", "inactive", "dead", "success"),
    ("guest", "inactive", "dead", "success"),
    ("rival", "active", "running", "success"),
    ("loser", "inactive", "dead", "success"),
    ("keeper", "failed", "failed", "exit-code"),
];

/// Instances of hurried@.service: their ends come together with what they have said before.
const HURRIED: u32 = 30;

/// Pieces of lines that have to be there.
const LINES: [&[&str]; 27] = [
    &["servant is rid of 1000 descriptors"],
    &["     Status: \"Serving\""],
    &["servant passed the barrier"],
    &["servant fd 3 kept own"],
    &["servant fd 4 new own"],
    &["servant has 2 descriptors"],
    &["no room for more descriptors of keeper.service"],
    &["forged.service: Process ", "may not speak for it"],
    &["handover.service: Main process exited, code=exited, status=7"],
    &["there is no such main process"],
    &["pinned.service: Main process exited, code=exited, status=8"],
    &["servant WATCHDOG_USEC=500000"],
    &["silent.service: Watchdog timeout! Killing with ABRT."],
    &["servant SERVICE_RESULT=watchdog"],
    &["servant EXIT_CODE=killed"],
    &["servant EXIT_STATUS=ABRT"],
    &["servant MONITOR_UNIT=failing.service"],
    &["servant MONITOR_SERVICE_RESULT=exit-code"],
    &["servant MONITOR_EXIT_STATUS=9"],
    &["the PID file is gone"],
    &["Started loser.service"],
    &["Stopped guest.service"],
    &["limited.service: Service reached runtime time limit."],
    &["thawed, and ends"],
    &["Reloaded reloader.service"],
    &["     Status: \"Reloaded\""],
    &["tomte: ready.service has no reload, cannot reload."],
];

/// Runs the board in `folder` of `tests/host`, with the servant in its /opt.
pub fn run_with_servant(folder: &str, words: &[&str]) -> Result<(Finished, Report)> {
    let board = tempfile::tempdir()?;
    copy_folder(&build::root_dir().join("tests/host").join(folder), board.path())?;
    let opt = board.path().join("rootfs/opt");
    fs::create_dir_all(&opt)?;
    fs::copy(std::env::current_exe()?, opt.join(servant::NAME))?;
    let (finished, report) = run_board(&board.path().to_string_lossy(), words)?;
    Ok((finished, report.context("no report")?))
}

/// Runs the board, with cgroup2 or without (`words`).
pub fn run(words: &[&str]) -> Result<()> {
    let (finished, report) = run_with_servant("supervision", &[&["--until", "3s"], words].concat())?;
    for (name, active, sub, result) in ENDS {
        let unit =
            report.unit(&format!("{name}.service")).with_context(|| format!("no {name} in the report"))?;
        let found = (unit.active.as_str(), unit.sub.as_str(), unit.result.as_deref());
        ensure!(found == (active, sub, Some(result)), "{name}: {unit:?}");
    }
    for number in 1..=HURRIED {
        let unit = report.unit(&format!("hurried@{number}.service")).context("a hurried one is missing")?;
        ensure!(unit.sub == "exited" && unit.result.as_deref() == Some("success"), "{unit:?}");
    }
    for pieces in LINES {
        has_line(&finished, pieces)?;
    }
    // Another one's start is told by its id, which is a UUID of chance without hyphens.
    let value = |name: &str| {
        let start = format!("servant {name}=");
        finished.lines.iter().find_map(|line| Some(line.split_once(&start)?.1.trim().to_owned()))
    };
    let id = value("INVOCATION_ID").context("failing.service has no id")?;
    ensure!(id.len() == 32 && id.as_bytes()[12] == b'4' && u128::from_str_radix(&id, 16).is_ok(), "{id}");
    ensure!(value("MONITOR_INVOCATION_ID") == Some(id), "told.service was told of another start");
    let main = report.unit("forker.service").and_then(|unit| unit.main_pid);
    ensure!(main.is_some_and(|pid| pid != 0), "forker's daemon is not known");
    let guessed = report.unit("guessed.service").context("no guessed.service in the report")?;
    // Only a cgroup tells whose a process is that nobody has named.
    let result = if words.is_empty() { "exit-code" } else { "success" };
    ensure!(guessed.result.as_deref() == Some(result), "{guessed:?}");
    Ok(())
}

/// `tests/host/final`: a unit that has done its work ends the machine, and a container exits as it says.
pub fn last() -> Result<()> {
    let (finished, _) = run_units("tests/host/final", &[])?;
    has_line(&finished, &["last.service: The machine ends"])?;
    has_line(&finished, &["PID 1 exited with status 7"])
}
