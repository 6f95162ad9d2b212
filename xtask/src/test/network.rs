//! A boot over the network of what `flash --tftp` wrote: U-Boot, as it is on many a board, asks for its menu, the kernel and
//! the initramfs by TFTP. The board is tests/vm/network; the server is QEMU's.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    host::has_line,
    program,
    tally::{Cases, Outcome, Tally},
};
use crate::{
    board::Board,
    debian::{package::files_of, store::Store},
    qemu,
    report::{Ended, Report},
    setup,
};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/network");
const NAME: &str = "U-Boot boots over the network what flash --tftp wrote";
/// Debian's U-Boots for QEMU's machines, and which of them is for this one.
const PACKAGE: &str = "u-boot-qemu";
const LOADER: &str = "/qemu_arm64/u-boot.bin";
/// What a person types: the first line ends the countdown, of the second it takes a letter.
const TYPED: &str = "\n\ndhcp; pxe get; pxe boot\n";
/// A boot that takes longer hangs: U-Boot would wait at its prompt for ever.
const SECONDS_MAX: &str = "300";

/// It, where it can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let board = match Board::load(BOARD) {
        Ok(board) => board,
        Err(error) => return tally.add(NAME, Outcome::Failed(format!("{error:#}"))),
    };
    if !tally.has_all(NAME, setup::lacking(&board)) {
        return;
    }
    match Store::guest(board.debian_arch()).fetch(&[PACKAGE]) {
        Ok(()) => cases.add(NAME, move || boot(&board)),
        Err(error) => tally.add(NAME, Outcome::Skipped(format!("{PACKAGE}: {error:#}"))),
    }
}

fn boot(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let qemu = board.config.qemu.as_ref().context("the board has no [qemu]")?;
    let mut flash = Command::new(std::env::current_exe()?);
    flash.args(["flash", BOARD, "--tftp"]).arg(at("tftp"));
    let flashed = program::run(flash.arg("--kernel").arg(qemu::prepare(board, qemu)?.kernel))?;
    ensure!(flashed.status.success(), "cargo xtask flash: {}", flashed.status);
    let package = Store::guest(board.debian_arch()).kept(PACKAGE)?.context("no U-Boot")?.1;
    let loader = files_of(&package, |path| path.ends_with(LOADER))?.pop_first();
    fs::write(at("u-boot.bin"), loader.with_context(|| format!("no {LOADER} in {PACKAGE}"))?.1)?;
    fs::write(at("typed"), TYPED)?;
    let finished = program::run(&mut machine(qemu, folder.path()))?;
    ensure!(finished.status.success(), "{}", finished.status);
    has_line(&finished, &["Retrieving file: pxelinux.cfg/default"])?;
    let report = Report::in_console(&finished.lines).context("there is no report on the console")?;
    let report = Report::parse(&report)?;
    ensure!(report.ended == Ended::Idle && report.board == board.name, "{:?}", report.ended);
    let httpd = report.unit("httpd.service").context("the report has no httpd.service")?;
    ensure!(httpd.active == "active", "{httpd:?}");
    Ok(())
}

/// The machine with U-Boot as its firmware, and with the folder `tftp` to give out.
fn machine(qemu: &crate::board::Qemu, folder: &Path) -> Command {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new("sh");
    command
        .args(["-c", "typed=$1; shift; exec timeout --kill-after=1 \"$@\" < \"$typed\"", "sh"])
        .args([&at("typed"), SECONDS_MAX, &qemu.program, "-M", &qemu.machine, "-accel", "tcg"])
        .args([
            "-cpu",
            &qemu.cpu,
            "-m",
            &qemu.memory,
            "-smp",
            "1",
            "-display",
            "none",
            "-nodefaults",
            "-no-reboot",
        ])
        .args(["-bios", &at("u-boot.bin"), "-serial", "stdio"])
        .args(["-netdev", &format!("user,id=network,tftp={}", at("tftp"))])
        .args(["-device", "virtio-net-pci,netdev=network,romfile="]);
    command
}
