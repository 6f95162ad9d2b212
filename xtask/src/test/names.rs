//! Names of dynamic users as musl knows them, and a dynamic user that `[[allow]]` lets do something: the board is
//! `tests/host/names`. (glibc is asked in `tests/host/control`.) Both once more in a virtual machine, `tests/vm/names`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_board},
    program,
    tally::{Cases, Outcome, Tally},
};
use crate::{
    board::Board,
    build,
    debian::{cache_dir, package::unpack, store::Store},
    host::copy_folder,
    progress, setup,
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
    "OWNER stopped: 4",
    "HUNG 0",
    "AGAIN owner is owner, in owner and 0 more",
    "DEAD owner is nobody, errno",
    "DEAD root is root, in root and 0 more",
    "owner:x:",
];

/// Those of the machine.
const MACHINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/names");
const MACHINE_LINES: [&str; 6] = [
    "MUSL myapp-dynamic is myapp-dynamic, in myapp-dynamic and 0 more",
    "MUSL asker is asker, in asker and 0 more",
    "MUSL nosuch is nobody, errno 0",
    "GLIBC myapp-dynamic is myapp-dynamic, in myapp-dynamic and 0 more",
    "GLIBC asker is asker, in asker and 0 more",
    "GLIBC nosuch is nobody, errno 0",
];

/// Runs the board, where musl can be had.
pub fn run(tally: &mut Tally) {
    let name = "musl knows dynamic users, and one may do what the board allows";
    if has_musl(tally, name) {
        tally.case(name, board);
    }
}

/// Runs the virtual machine, where it and musl can be had.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name = "musl and glibc in a machine know its dynamic users";
    if tally.has_all(name, Board::load(MACHINE).and_then(|board| setup::lacking(&board)))
        && has_musl(tally, name)
    {
        cases.add(name, machine);
    }
}

fn has_musl(tally: &mut Tally, name: &str) -> bool {
    let why = if cfg!(target_arch = "x86_64") {
        Store::guest("amd64").fetch(&[MUSL]).err().map(|error| format!("{MUSL} cannot be had: {error:#}"))
    } else {
        Some("the board is for x86_64".to_owned())
    };
    let has = why.is_none();
    why.into_iter().for_each(|why| tally.add(name, Outcome::Skipped(why)));
    has
}

fn machine() -> Result<()> {
    let board = tempfile::tempdir()?;
    let opt = board.path().join("rootfs/opt");
    fs::create_dir_all(&opt)?;
    fs::write(board.path().join("board.toml"), format!("inherit = \"{MACHINE}\"\n"))?;
    let source = build::root_dir().join("tests/host/names/names.c");
    compile(&source, &opt.join("names-musl"))?;
    progress::capture(Command::new("cc").arg("-o").arg(opt.join("names-glibc")).arg(&source))?;
    let mut run = Command::new(std::env::current_exe()?);
    run.args(["run", "--until", "idle", "--guard", "120s", "--board"]).arg(board.path());
    let finished = program::run(&mut run)?;
    MACHINE_LINES.iter().try_for_each(|line| has_line(&finished, &[line]))?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    Ok(())
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
