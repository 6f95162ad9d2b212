//! Boards that are virtual machines in QEMU.

mod guest;
mod kernel;
mod launch;
mod modules;
mod monitor;

pub use guest::{BUSYBOX, prepare};
pub use kernel::decompressed;
pub use launch::{Forward, REPORT_INSIDE, forwards, launch, run_tied};
pub use modules::lists as module_lists;
pub use monitor::{GuestEnd, Moment};
