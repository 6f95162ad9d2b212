//! `install`: tomte into the root file system that another program is making (Buildroot, Yocto): checked against what is
//! there, baked, built, and put in its place. Writes below that folder only.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{demo::NAMES, source, tree::Tree};
use crate::{allow::Known, board::Board, build, users};

/// `cargo xtask install`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A folder of board-configs, or a path with a slash in it.
    pub board: String,
    /// The folder of the root file system.
    pub root: PathBuf,
    /// A folder of unit files besides the board's, which come after and win; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub units: Vec<PathBuf>,
    /// A users table of Buildroot's, of which the root file system has nothing yet.
    #[arg(long, value_name = "FILE")]
    pub users_table: Option<PathBuf>,
}

/// `cargo xtask install`.
pub fn run(args: &Args) -> Result<()> {
    let mut board = Board::load(&args.board)?;
    ensure!(!board.is_host(), "board {} is this machine: tomte is not installed there", board.name);
    ensure!(args.root.is_dir(), "{} is no folder", args.root.display());
    board.take_units(&args.units);
    let roots = [vec![args.root.clone()], board.rootfs()].concat();
    let later = match &args.users_table {
        Some(file) => fs::read_to_string(file)
            .map_err(anyhow::Error::from)
            .and_then(|text| users::table(&text))
            .with_context(|| format!("the users table {}", file.display()))?,
        None => Known::default(),
    };
    let built = build::build(&board, &build::Options { roots, later, ..build::Options::default() })?;
    put(&board, &built.binary, &args.root)
}

/// Puts `binary` and the board's users and files below `root`.
pub(super) fn put(board: &Board, binary: &Path, root: &Path) -> Result<()> {
    // Links in the folder are meant for the image: where they lead is found in a picture of it, never on this machine.
    let tree = source::read(root)?;
    let init = tree.place("sbin/init")?;
    let target = root.join(&init);
    replace(&target, |path| fs::copy(binary, path).map(drop))?;
    fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    for name in ["bin/tomte".to_owned()].into_iter().chain(NAMES.map(|name| format!("sbin/{name}"))) {
        let path = root.join(tree.place(&name)?);
        replace(&path, |path| symlink(format!("/{init}"), path))?;
    }
    let text = |path: &str| tree.text(path).unwrap_or_default();
    let merged = users::merge(&text("etc/passwd"), &text("etc/group"), &board.config)?;
    for (path, content) in [("etc/passwd", merged.passwd), ("etc/group", merged.group)] {
        write(&tree, root, path, content.as_bytes())?;
    }
    for rootfs in board.rootfs() {
        for (path, entry) in source::read(&rootfs)?.iter() {
            match &entry.kind {
                super::tree::Kind::File(content) => {
                    write(&tree, root, path, &content.read()?)?;
                    let mode = if entry.mode & 0o100 == 0 { 0o644 } else { 0o755 };
                    let at = root.join(tree.place(path)?);
                    fs::set_permissions(at, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
                }
                super::tree::Kind::Link(to) => replace(&root.join(tree.place(path)?), |at| symlink(to, at))?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn write(tree: &Tree, root: &Path, path: &str, content: &[u8]) -> Result<()> {
    replace(&root.join(tree.place(path)?), |path| fs::write(path, content))
}

/// Makes `path` anew: what was there (a link to busybox, say) is not written through.
fn replace(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    let replace = || -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        make(path)
    };
    replace().with_context(|| format!("cannot write {}", path.display()))
}
