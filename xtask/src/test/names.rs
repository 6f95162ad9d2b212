//! Names of dynamic users as musl knows them, and a dynamic user that `[[allow]]` lets do something: the board is
//! `tests/host/names`. (glibc is asked in `tests/host/control`.)

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_board},
    tally::{Outcome, Tally},
};
use crate::{
    build,
    debian::{cache_dir, package::unpack, store::Store},
    host::copy_folder,
    progress,
};

/// Debian's package of musl to link with.
const MUSL: &str = "musl-dev";

/// Lines that are there. Who asks a server that hangs waits until the next one answers.
const LINES: [&str; 11] = [
    "MUSL owner has home / shell /sbin/nologin",
    "MUSL owner is owner, in owner and 0 more",
    "MUSL nosuch is nobody, errno 0",
    "MUSL root is root, in root and 0 more",
    "OWNER restarted: 0",
    "OWNER stopped: 1",
    "HUNG 0",
    "AGAIN owner is owner, in owner and 0 more",
    "DEAD owner is nobody, errno",
    "DEAD root is root, in root and 0 more",
    "owner:x:",
];

/// Runs the board, where musl can be had.
pub fn run(tally: &mut Tally) {
    let name = "musl knows dynamic users, and one may do what the board allows";
    if !cfg!(target_arch = "x86_64") {
        return tally.add(name, Outcome::Skipped("the board is for x86_64".into()));
    }
    if let Err(error) = Store::guest("amd64").fetch(&[MUSL]) {
        return tally.add(name, Outcome::Skipped(format!("{MUSL} cannot be had: {error:#}")));
    }
    tally.case(name, board);
}

fn board() -> Result<()> {
    let board = tempfile::tempdir()?;
    let folder = build::root_dir().join("tests/host/names");
    copy_folder(&folder, board.path())?;
    let opt = board.path().join("rootfs/opt");
    fs::create_dir_all(&opt)?;
    compile(&folder.join("names.c"), &opt.join("names"))?;
    let (finished, report) = run_board(&board.path().to_string_lossy(), &["--until", "idle"])?;
    ensure!(finished.status.success() && report.is_some(), "cargo xtask run: {}", finished.status);
    LINES.iter().try_for_each(|line| has_line(&finished, &[line]))
}

/// A static program out of `source`, with musl and the machine's own compiler.
fn compile(source: &Path, program: &Path) -> Result<()> {
    let (_, deb) = Store::guest("amd64").kept(MUSL)?.with_context(|| MUSL)?;
    let folder = cache_dir().join("musl");
    fs::create_dir_all(&folder)?;
    unpack(&deb, |_| true, &folder)?;
    let include = folder.join("usr/include/x86_64-linux-musl");
    let library = folder.join("usr/lib/x86_64-linux-musl");
    let mut command = Command::new("cc");
    command.args(["-static", "-nostdinc", "-nostdlib", "-isystem"]).arg(include).arg("-o").arg(program);
    command.args([library.join("crt1.o"), library.join("crti.o"), source.to_owned(), library.join("libc.a")]);
    progress::capture(command.arg(library.join("crtn.o")).arg("-lgcc")).map(drop)
}
