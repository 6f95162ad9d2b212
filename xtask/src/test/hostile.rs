//! What services must not be able to do, tried end to end: the board is `tests/host/hostile`.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::{hammer, host::run_board, program::Finished};
use crate::{build, host::copy_folder};

/// Runs the board and reads what its scripts could and could not do.
pub fn run() -> Result<()> {
    let board = tempfile::tempdir()?;
    copy_folder(&build::root_dir().join("tests/host/hostile"), board.path())?;
    fs::copy(std::env::current_exe()?, board.path().join("rootfs/opt/hostile").join(hammer::NAME))?;
    let (finished, report) = run_board(&board.path().to_string_lossy(), &["--until", "idle"])?;
    let report = report.context("no report")?;
    // Both left somebody behind who did not heed TERM.
    for (name, result) in
        [("squatter", "timeout"), ("rogue", "timeout"), ("nobody", "success"), ("warden", "success")]
    {
        let unit =
            report.unit(&format!("{name}.service")).with_context(|| format!("no {name} in the report"))?;
        ensure!(unit.result.as_deref() == Some(result), "{unit:?}");
    }

    let holes: Vec<_> = finished.lines.iter().filter(|line| line.contains(" CAN ")).collect();
    ensure!(holes.is_empty(), "{holes:?}");
    for who in ["SQUATTER", "NOBODY"] {
        let tried = format!("{who} cannot ");
        let count = finished.lines.iter().filter(|line| line.contains(&tried)).count();
        ensure!(count == TRIES, "{who} tried {count} of {TRIES} things");
        expect(
            &finished,
            &format!("{who} is told: "),
            "tomte: rogue.service: access denied: that is for root, or for whom [[allow]] in board.toml names",
        )?;
        // The fourth is that of ls itself, the one above reach.sh's own.
        expect(&finished, &format!("{who} has descriptors: "), "0 1 2 3 4")?;
    }
    expect(&finished, "WARDEN hammered: ", "0")?;
    expect(&finished, "WARDEN squatter stopped: ", "0")?;
    expect(&finished, "WARDEN squatter has left: ", "0")?;
    expect(&finished, "WARDEN rogue stopped: ", "0")?;
    if finished.lines.iter().any(|line| line.contains("ROGUE made a cgroup")) {
        expect(&finished, "WARDEN rogue hides in: ", "/system.slice/rogue.service/deep/er")?;
        let left: Vec<_> =
            finished.lines.iter().filter(|line| line.contains("LIVES") || line.contains("STAYS")).collect();
        ensure!(left.is_empty(), "{left:?}");
    }
    expect(&finished, "WARDEN zombies: ", "0")?;
    expect(&finished, "WARDEN gagged the console, PID 1 answered: ", "0")?;
    expect(&finished, "WARDEN hears again: ", "failed (failed) (Result: timeout)")
}

/// Things that reach.sh tries.
const TRIES: usize = 27;

fn expect(finished: &Finished, what: &str, value: &str) -> Result<()> {
    let found = finished.lines.iter().find_map(|line| line.split_once(what)).map(|(_, found)| found.trim());
    ensure!(found == Some(value), "{what}{found:?}, not {value}");
    Ok(())
}
