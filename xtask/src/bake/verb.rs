//! `cargo xtask bake BOARD`.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;

use super::{LockFile, Options, bake, write};
use crate::{
    board::Board,
    diag::{Diagnostics, Severity},
    size,
};

/// `cargo xtask bake`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A folder of board-configs, or a path with a slash in it.
    board: String,
    /// Where to write the table [default: target/tables/BOARD.table]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A unit file or a folder of them, instead of the board's own; may be repeated.
    #[arg(long, value_name = "PATH")]
    units: Vec<PathBuf>,
    /// What boot starts, instead of the board's default target.
    #[arg(long, value_name = "UNIT")]
    target: Option<String>,
    /// The image's root directory; may be repeated. Programs, users and groups that it lacks are errors.
    #[arg(long, value_name = "DIR")]
    rootfs: Vec<PathBuf>,
    /// Fail if uids.lock is not complete.
    #[arg(long)]
    locked: bool,
}

/// Bakes, writes, and says what came of it.
pub fn run(args: &Args) -> Result<ExitCode> {
    let board = Board::load(&args.board)?;
    let lock = if args.locked { LockFile::Locked } else { LockFile::Update };
    let options = Options {
        units: args.units.clone(),
        target: args.target.clone(),
        roots: args.rootfs.clone(),
        lock,
        ..Options::default()
    };
    let mut diagnostics = Diagnostics::default();
    let baked = bake(&board, &options, &mut diagnostics);
    emit(&diagnostics);
    let baked = baked?;
    let output = args.output.clone().unwrap_or_else(|| default_output(&board));
    write(&baked, &output)?;
    println!(
        "{}: {} units, names of dynamic users and groups: {}, {} bytes for {}",
        output.display(),
        baked.graph.nodes.len(),
        baked.identities.len(),
        baked.table.len(),
        baked.arch.as_str(),
    );
    let most = size::memory_at_most(baked.table.len() as u64).div_ceil(1024);
    println!("PID 1 takes up at most {most} KiB of memory and its stack, whatever happens");
    Ok(ExitCode::SUCCESS)
}

/// Shows `diagnostics` on stderr, in colour where that is a terminal and NO_COLOR is not set. Errors are counted by the
/// error that baking ends with.
pub fn emit(diagnostics: &Diagnostics) {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    match diagnostics.count(Severity::Error) {
        0 => diagnostics.emit(color),
        _ => eprint!("{}", diagnostics.render(color)),
    }
}

fn default_output(board: &Board) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    root.join("target/tables").join(format!("{}.table", board.name))
}
