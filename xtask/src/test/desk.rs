//! The demo that the boards on a desk run, in a virtual machine: tests/vm/desk has their units, their root file system and its
//! real daemons. A web server, an SSH server that writes to syslog, and an NTP server that gives up root.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{
    lives::in_order,
    program,
    tally::{Cases, Tally},
};
use crate::{board::Board, setup};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/desk");
const LINES: [&str; 4] =
    ["HTTPD ANSWERS", "SSH-2.0-dropbear", "DROPBEAR HAS WRITTEN TO SYSLOG", "NTPD HAS LEFT ROOT: active"];

/// It, where it can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name = "the demo of the boards on a desk runs a web server, an SSH server and an NTP server";
    if tally.has_all(name, Board::load(BOARD).and_then(|board| setup::lacking(&board))) {
        cases.add(name, daemons);
    }
}

fn daemons() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let finished =
        program::run(command.args(["run", "--board", BOARD, "--until", "idle", "--guard", "120s"]))?;
    in_order(&finished, &LINES)?;
    ensure!(finished.status.success(), "{}", finished.status);
    Ok(())
}
