//! Ends of a machine that no report tells of: a halt, after which nothing runs and nothing starts over, a reboot that says
//! what is to be booted, and a shutdown that takes longer than it may, which the watchdog ends.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{
    host::has_line,
    program,
    tally::{Cases, Tally},
    vm::COUNTED,
};
use crate::{board::Board, setup};

/// The machine that is halted, and the one that is started over.
const BOARD: &str = "qemu-aarch64";
const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/halts/units");
/// How long the machine is watched, boot included: a halt ends nothing.
const WATCHED: &str = "60s";
/// What the kernel says last.
const LAST: &str = "reboot: System halted";
const REBOOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/reboots/units");
const SLOW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/slow-end");

/// All of them, where they can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name = "a machine that is halted stays as it is, and nothing runs on";
    if tally.has_all(name, Board::load(BOARD).and_then(|board| setup::lacking(&board))) {
        cases.add(name, halted);
        cases.add("RebootArgument= is what the kernel hands to the firmware", started_over);
    }
    let name = "a shutdown that takes longer than it may is ended by the watchdog";
    if tally.has_all(name, Board::load(SLOW).and_then(|board| setup::lacking(&board))) {
        cases.add(name, slow);
    }
}

fn halted() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", BOARD, "--units", UNITS, "--until", "600s", "--guard", WATCHED]);
    let finished = program::run(&mut command)?;
    has_line(&finished, &["tomte: Halting."])?;
    has_line(&finished, &["error: it hung"])?; // as QEMU has not ended
    // Somebody who is spared speaks ten times a second, to the last.
    let mut lines = finished.lines.iter().skip_while(|line| !line.contains("tomte: Halting."));
    ensure!(lines.by_ref().any(|line| line.contains("STILL RUNNING")), "nobody was spared");
    let mut lines = lines.skip_while(|line| !line.contains(LAST));
    ensure!(lines.next().is_some(), "the kernel does not say that it has halted");
    let late = lines.find(|line| line.contains("STILL RUNNING"));
    ensure!(late.is_none(), "{late:?} after the halt");
    Ok(())
}

fn started_over() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", BOARD, "--units", REBOOTS, "--until", "60s"]);
    let finished = program::run(&mut command)?;
    ensure!(!finished.status.success(), "the run ended well");
    has_line(&finished, &["tomte: Rebooting."])?;
    has_line(&finished, &["reboot: Restarting system with command 'recovery'"])
}

fn slow() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", SLOW, "--until", "idle"]);
    let finished = program::run(command.args(COUNTED))?;
    ensure!(!finished.status.success(), "the run ended well");
    has_line(&finished, &["tomte: Powering off."])?;
    has_line(&finished, &["error: its watchdog bit"])?;
    let down = finished.lines.iter().find(|line| line.contains("reboot: Power down"));
    ensure!(down.is_none(), "it has powered off by itself: {down:?}");
    Ok(())
}
