//! `tomte-devices [PATTERN USER GROUP MODE]…`: what comes when the machine has long been up gets its module and its owner, as
//! systemd-udevd does it in this much: `[modules] hotplug` and `[[device]]` in board.toml. It is no part of PID 1, which then
//! need not read what devices say; one module at a time is loaded, as the kernel names them.

use crate::linux::{arguments::Arguments, devices};

/// Listens until that cannot be done any more; answers the exit code.
pub(super) fn run(arguments: Arguments) -> u8 {
    match devices::listen(arguments) {
        Ok(()) => 0,
        Err(errno) => super::complain("tomte-devices", "cannot hear of devices", errno),
    }
}
