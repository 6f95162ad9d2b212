//! One machine that starts over again and again, on one disk: the board is tests/vm/lives. A power cut in the middle of a
//! log, a reboot that fsck asks for, Ctrl-Alt-Del, sick boots up to the safe target, telinit, the power key. From an
//! initramfs to a root with an overlay, each time, and each time the first boot.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    host::has_line,
    program::{self, Finished},
    tally::{Cases, Tally},
};
use crate::{board::Board, build, setup};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/lives");
/// What a person does: pulls the plug and puts it back in; presses three keys, and the power key.
const PLUG: &str = "PULL THE PLUG={\"execute\":\"system_reset\"}";
const KEYS: &str = "PRESS CTRL-ALT-DEL={\"execute\":\"send-key\",\"arguments\":{\"keys\":[\
                    {\"type\":\"qcode\",\"data\":\"ctrl\"},{\"type\":\"qcode\",\"data\":\"alt\"},\
                    {\"type\":\"qcode\",\"data\":\"delete\"}]}}";
const BUTTON: &str = "PRESS THE POWER KEY={\"execute\":\"system_powerdown\"}";
/// A line of the first life that was said before the plug was pulled.
const LINE_MIN: u32 = 39;

/// Lines of its lives, in their order.
const LIVES: [&str; 16] = [
    "FSCK 1 OF /dev/vda2 WITH -a",
    "FIRST BOOT WITH MACHINE ID MOUNTED 1",
    "LIFE 1 IN ORDER",
    "LIFE 1 WRITES TO overlay, ID OF 33 MOUNTED 0",
    // fsck asks for a reboot, and nothing is mounted before that: the next boot still finds the power cut.
    "systemd-fsck@LABEL\\x3ddata.service: Failed at step fsck spawning LABEL=data",
    "FSCK 3 OF /dev/vda2 WITH -a",
    "LIFE 2 AFTER A POWER CUT",
    "BEFORE ",
    "SWAPS 1",
    // Ctrl-Alt-Del: /var was unmounted, in spite of swap on a mapped device over a loop device on it.
    "OTHER SLOT AFTER LIFE 3, BEGUN IN ORDER",
    "LIFE 4 IN ORDER",
    "heart.service: Vital and down: restarting all vital units.",
    "Reboot of a Sick Machine",
    "LIFE 5 IN ORDER",
    "SAFE IN LIFE 6",
    "tomte: Powering off.",
];

/// It, where it can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name = "a machine outlives a power cut, Ctrl-Alt-Del and sick boots, and the next life knows of it";
    if tally.has_all(name, Board::load(BOARD).and_then(|board| setup::lacking(&board))) {
        cases.add(name, lives);
    }
}

fn lives() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("run").arg("--board").arg(with_tool(BOARD, folder.path())?);
    command.args(["--until", "180s", "--at", PLUG, "--at", KEYS, "--at", BUTTON]);
    let finished = program::run(&mut command)?;
    in_order(&finished, &LIVES)?;
    let last = last_of_the_first_life(&finished)?;
    ensure!(last >= LINE_MIN, "the last line that is known of the first life is {last}");
    has_line(&finished, &["\"_TRANSPORT\":\"kernel\"", "Linux version"])?;
    has_line(&finished, &["ended hears TERM"])?;
    let knowing = finished.lines.iter().find(|line| line.contains("KNOWS OF ANOTHER"));
    ensure!(knowing.is_none(), "what was written over the root is there in the next life: {knowing:?}");
    let spared = finished.lines.iter().find(|line| line.contains("spared hears"));
    ensure!(spared.is_none(), "{spared:?}");
    Ok(())
}

/// A board of the same name below `folder` that has the tests' own tool besides what `board` has.
pub fn with_tool(board: &str, folder: &Path) -> Result<PathBuf> {
    let own = folder.join(Path::new(board).file_name().context("a board without a name")?);
    fs::create_dir_all(own.join("rootfs/bin"))?;
    fs::write(own.join("board.toml"), format!("inherit = {board:?}\n"))?;
    build::place(&own.join("rootfs/bin/tool"), &build::build_tool(&Board::load(board)?)?)?;
    Ok(own)
}

/// Each of `pieces` is in a line after that of the one before it.
pub fn in_order(finished: &Finished, pieces: &[&str]) -> Result<()> {
    let mut lines = finished.lines.iter();
    for piece in pieces {
        ensure!(lines.any(|line| line.contains(piece)), "no line has {piece:?} after those before it");
    }
    Ok(())
}

/// The highest number that `tomte logs -b -1` shows in the second life.
fn last_of_the_first_life(finished: &Finished) -> Result<u32> {
    let shown = finished.lines.iter().filter(|line| line.contains("BEFORE "));
    let said = shown.filter_map(|line| line.split_once("the first life says ")?.1.trim().parse().ok());
    said.max().context("nothing is known of the first life")
}
