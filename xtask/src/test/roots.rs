//! Ways from one root to another, on one machine with one disk: the board is tests/vm/roots. An overlay whose upper half is on
//! a partition, kexec, a soft reboot to a root in memory, a reboot, a file system that fsck gives up; and a root that is not
//! there.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    host::has_line,
    lives::{in_order, with_tool},
    program,
    tally::{Cases, Tally},
};
use crate::{board::Board, qemu, setup};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/roots");
/// Ends the machine where it would wait for a person.
const END: &str = "Started emergency.service={\"execute\":\"quit\"}";

/// Lines of its roots, in their order.
const ROOTS: [&str; 10] = [
    "ROOT 1 IS overlay, UPPER ON 1, IN ORDER",
    "KERNEL IS LOADED",
    "tomte: Rebooting via kexec.",
    "ROOT 2 IS overlay, UPPER ON 1, IN ORDER",
    "KEXECED 1",
    "tomte: Soft-rebooting.",
    "ROOT 3 IS overlay, UPPER ON 1, IN ORDER",
    "NEXT ROOT LIES ON THE SAME",
    "fsck.ext4 of /dev/vda2 failed with exit status 4",
    "Started emergency.service",
];

/// Them, where they can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name =
        "a machine goes from root to root, by kexec, soft reboot and reboot, to a file system past mending";
    if tally.has_all(name, Board::load(BOARD).and_then(|board| setup::lacking(&board))) {
        cases.add(name, roots);
        cases.add(
            "a root that is not there ends in the emergency shell, with what devices there are",
            missing,
        );
    }
}

fn roots() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let board = with_tool(BOARD, folder.path())?;
    let mut command = Command::new(std::env::current_exe()?);
    let made = program::run(command.arg("image").arg(&board))?;
    ensure!(made.status.success(), "cargo xtask image: {}", made.status);
    // It is made anew by the run, into the same folder.
    let initramfs = folder.path().join("initramfs.cpio");
    let disk = made.lines.iter().map(PathBuf::from).rfind(|path| path.is_file()).context("no image")?;
    fs::copy(disk.with_file_name("initramfs.cpio"), &initramfs)?;
    let loaded = Board::load(BOARD)?;
    let qemu = loaded.config.qemu.as_ref().context("the board has no [qemu]")?;
    let kernel = qemu::prepare(&loaded, qemu)?.image;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("run").arg("--board").arg(&board).args(["--until", "180s", "--at", END]);
    for (number, file) in [kernel, initramfs].iter().enumerate() {
        command
            .arg("--qemu-word=-drive")
            .arg(format!(
                "--qemu-word=file={},format=raw,if=none,id=extra{number},snapshot=on",
                file.display()
            ))
            .arg("--qemu-word=-device")
            .arg(format!("--qemu-word=virtio-blk-pci,drive=extra{number},addr={:#x}", 0x10 + number));
    }
    let finished = program::run(&mut command)?;
    in_order(&finished, &ROOTS)?;
    // pivot_root(2) has put the next root where the one before was.
    let lies = finished.lines.iter().find_map(|line| line.split_once("LIES ON THE SAME: "));
    let (now, before) = lies.and_then(|(_, ids)| ids.trim().split_once(' ')).context("no ids")?;
    ensure!(now == before, "the next root lies on mount {now}, the one before lay on {before}");
    Ok(())
}

fn missing() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", BOARD, "--until", "60s", "--at", END, "--", "root=PARTLABEL=missing"]);
    let finished = program::run(&mut command)?;
    has_line(&finished, &["waiting for PARTLABEL=missing"])?;
    has_line(&finished, &["there is no PARTLABEL=missing; block devices:", " vda2 "])?;
    has_line(&finished, &["tomte-switch-root.service: Failed at step", "No such device"])?;
    has_line(&finished, &["Started emergency.service"])
}
