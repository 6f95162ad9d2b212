//! Boards that are virtual machines in QEMU.

mod cpio;
mod guest;
mod image;
mod kernel;
mod launch;
mod modules;

use anyhow::{Context, Result};

use crate::{
    board::Board,
    build::{self, Built},
};

pub use guest::BUSYBOX;
pub use launch::{Forward, REPORT_INSIDE, forwards, launch, run_tied};

/// `cargo xtask image B`.
pub fn run_image(name: &str) -> Result<()> {
    let board = Board::load(name)?;
    crate::setup::ensure(&board)?;
    let built = build::build(&board, &build::Options::default())?;
    let (kernel, initramfs) = parts(&board, &built)?;
    println!("{}\n{}", initramfs.display(), kernel.display());
    Ok(())
}

/// The kernel and the initramfs of a board.
fn parts(board: &Board, built: &Built) -> Result<(std::path::PathBuf, std::path::PathBuf)> {
    let qemu = board
        .config
        .qemu
        .as_ref()
        .with_context(|| format!("board {} has no [qemu]: no image", board.name))?;
    let guest = guest::prepare(board, qemu)?;
    let initramfs = image::image(board, built, &guest)?;
    Ok((guest.kernel, initramfs))
}
