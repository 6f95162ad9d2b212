//! `flash`: an image onto a card or a disk, a binary onto a board that runs, or the files for a boot over the network.

mod copy;
mod device;
mod ssh;
mod tftp;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    board::Board,
    build::{self, Built},
    image::{self, Made, boot::Given},
};
use device::{Kernel, Target};

/// `cargo xtask flash`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A folder of board-configs, or a path with a slash in it.
    pub board: String,
    /// Where to.
    #[command(flatten)]
    pub to: To,
    /// The root file system: a folder or a tar archive; without it, a demo made of busybox.
    #[arg(long, value_name = "DIR|TAR")]
    pub rootfs: Option<PathBuf>,
    /// What the boot partition needs.
    #[command(flatten)]
    pub given: Given,
}

/// Where a board's software goes.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct To {
    /// The card, disk or file that the image is written to: all that is there is lost.
    #[arg(long, value_name = "PATH")]
    pub device: Option<PathBuf>,
    /// The same device once more: overwrites it though it is mounted, this machine's own, or not removable.
    #[arg(long, value_name = "PATH", requires = "device")]
    pub overwrite_anyway: Option<PathBuf>,
    /// Write this image instead of making one.
    #[arg(long, value_name = "FILE", requires = "device")]
    pub image: Option<PathBuf>,
    /// The board itself, which runs: gets a new binary as its /sbin/init, and its PID 1 goes on as that.
    #[arg(long, value_name = "HOST", conflicts_with_all = ["device", "tftp"])]
    pub ssh: Option<String>,
    /// With --ssh: boot with the new binary, too.
    #[arg(long, requires = "ssh")]
    pub reboot: bool,
    /// The folder of a TFTP server: gets kernel, device trees, an initramfs and U-Boot's menu.
    #[arg(long, value_name = "DIR", conflicts_with = "device")]
    pub tftp: Option<PathBuf>,
}

/// `cargo xtask flash B`.
pub fn run(args: &Args) -> Result<()> {
    let board = Board::load(&args.board)?;
    onto(&board, &args.to, &image::Args::new(&args.board, args.rootfs.as_deref(), &args.given))
}

/// Builds what goes to `to`, and brings it there.
pub fn onto(board: &Board, to: &To, args: &image::Args) -> Result<()> {
    match (&to.device, &to.ssh, &to.tftp) {
        (Some(device), ..) => onto_device(board, device, to, args),
        (None, Some(host), _) => {
            let built = build::build(board, &build::Options::default())?;
            let machine = if board.config.arch == "arm" { "arm" } else { board.config.arch.as_str() };
            ssh::Remote::new(host).install(&built.binary, machine, to.reboot)?;
            eprintln!("{host}: PID 1 is the new program; its table counts from the next boot on");
            Ok(())
        }
        (None, None, Some(dir)) => {
            let built: Built = build::build(board, &build::Options::default())?;
            for name in tftp::write(board, &built, args, dir)? {
                println!("{}", dir.join(name).display());
            }
            eprintln!("at U-Boot's prompt: dhcp; pxe get; pxe boot");
            Ok(())
        }
        (None, None, None) => bail!("{}", how(board)),
    }
}

/// What to do where no device was named.
fn how(board: &Board) -> String {
    let how = board.config.flash.as_ref().map_or("", |flash| flash.how.trim());
    format!(
        "where to? --device PATH (a card, a disk or a file), --ssh HOST (a board that runs) or --tftp DIR\n{}: {how}\n\
         lsblk -o NAME,SIZE,MODEL,TRAN,MOUNTPOINTS lists what is plugged in",
        board.name
    )
}

fn onto_device(board: &Board, device: &Path, to: &To, args: &image::Args) -> Result<()> {
    // Said before anybody waits for an image.
    let target = device::look(device, to.overwrite_anyway.as_deref(), &Kernel::default())?;
    if let Target::Device { objections } = &target {
        objections.iter().for_each(|objection| eprintln!("overwritten all the same: {objection}"));
    }
    let made;
    let image = match &to.image {
        Some(image) => image,
        None => {
            let (_built, built) = image::build(board, args)?;
            made = match built {
                Made::Disk { image, .. } => image,
                Made::Loaded(_) => bail!("board {} boots no disk: there is nothing to write", board.name),
            };
            &made
        }
    };
    ensure!(
        image.canonicalize().ok() != device.canonicalize().ok(),
        "{} is the image itself",
        device.display()
    );
    copy::write(image, device, &target).with_context(|| format!("board {}", board.name))?;
    eprintln!("{} holds {}, and was read back", device.display(), image.display());
    Ok(())
}
