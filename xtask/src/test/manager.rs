//! PID 1 itself on the host board: what it tells whom through its socket, and what becomes of a run when it fails.

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_units},
    program::Finished,
};
/// `tests/host/control`: root gets systemctl's answers and exit codes, everybody else is refused.
pub fn control() -> Result<()> {
    let (finished, report) = run_units("tests/host/control", &["--until", "idle"])?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    for pieces in [
        ["bystander.service", "loaded active       running"],
        ["[{\"name\":\"basic.target\"", "\"sub\":\"running\""],
        ["  Board: host", ""],
        ["  State: starting", ""],
        ["Active: active (running) since", "after PID 1's start"],
        ["tomte: Unit nosuch.service could not be found.", ""],
        ["root.service: Main process exited", "status=4"],
        ["root.service: Main process exited", "status=3"],
        ["tomte: not understood: frobnicate", ""],
        ["root.service: Main process exited", "status=2"],
        ["code 4", ""],
        ["tomte: access denied: that is for root", ""],
        ["stranger.service: Main process exited", "status=1"],
        ["PID 1 slept", ""],
    ] {
        has_line(&finished, &pieces)?;
    }
    let bystander = starts_of(&finished, "bystander.service");
    ensure!(bystander == 2, "bystander.service was started {bystander} times, not again by `tomte restart`");
    let report = report.context("no report")?;
    let stranger = report.unit("stranger.service").context("the report has no stranger.service")?;
    ensure!(stranger.uid == Some(65534), "{stranger:?}");
    Ok(())
}

fn starts_of(finished: &Finished, unit: &str) -> usize {
    let started = format!("tomte: Started {unit}");
    finished.lines.iter().filter(|line| line.contains(&started)).count()
}
