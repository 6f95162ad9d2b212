//! Devices that are plugged into a machine that runs: the board is tests/vm/hotplug. A disk of virtio's and a serial adapter of
//! USB's get their modules and their owners, and what waits for their nodes is started.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{
    lives::in_order,
    program,
    tally::{Cases, Tally},
};
use crate::{board::Board, setup};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/hotplug");
/// What a person plugs in, and when.
const DISK: &str = "NOTHING PLUGGED IN={\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-blk-pci\",\
                    \"drive\":\"disk\",\"bus\":\"socket0\"}}";
const ADAPTER: &str = "PLUGGED IN: /dev/vda={\"execute\":\"device_add\",\"arguments\":{\"driver\":\"usb-serial\",\
                       \"id\":\"adapter\",\"chardev\":\"line\",\"always-plugged\":true,\"bus\":\"usb.0\"}}";
/// And pulls out.
const OUT: &str = "PLUGGED IN: /dev/ttyUSB0={\"execute\":\"device_del\",\"arguments\":{\"id\":\"adapter\"}}";
const END: &str = "PULLED OUT={\"execute\":\"quit\"}";

const LINES: [&str; 8] = [
    "Started systemd-udevd.service",
    "SWAPS TO /dev/zram0 partition 32764 0 100 lz4 lz4hc [zstd]",
    "NOTHING PLUGGED IN, DRIVERS 0",
    "PLUGGED IN: /dev/vda OF 0:901 660, DRIVERS 1",
    "Started dev-ttyUSB0.device",
    "PLUGGED IN: /dev/ttyUSB0 OF 901:0 600, DRIVERS 2",
    "Stopped dev-ttyUSB0.device",
    "PULLED OUT",
];

/// It, where it can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name = "what is plugged in later gets its module and its owner, starts what waits for it and stops who is bound to it";
    if tally.has_all(name, Board::load(BOARD).and_then(|board| setup::lacking(&board))) {
        cases.add(name, plugged);
    }
}

fn plugged() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "run", "--board", BOARD, "--until", "90s", "--at", DISK, "--at", ADAPTER, "--at", OUT, "--at", END,
    ]);
    for word in ["-blockdev", "driver=null-co,node-name=disk,size=1048576", "-chardev", "null,id=line"] {
        command.arg(format!("--qemu-word={word}"));
    }
    let finished = program::run(&mut command)?;
    in_order(&finished, &LINES)?;
    let ended =
        finished.lines.iter().find(|line| line.contains("systemd-udevd.service: Main process exited"));
    ensure!(ended.is_none(), "{ended:?}");
    Ok(())
}
