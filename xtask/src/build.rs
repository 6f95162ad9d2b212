//! The target binary of one board: table, toolchain, cargo.
//!
//! The program is built once for each target, in `target/programs`; each board's table goes into a copy of it. A board has
//! a folder of its own below `target/boards/`; who finds it taken by another run of the board takes one beside it.

mod carry;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    allow::Known,
    bake,
    board::Board,
    diag::Diagnostics,
    progress,
    toolchain::{self, Toolchain},
};

/// What `build` should build, beyond what the board says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Unit files and folders of unit files to bake instead of the board's own.
    pub units: Vec<PathBuf>,
    /// The target to boot into instead of the board's default.
    pub target: Option<String>,
    /// The image's root directories, if they are there: see [`bake::Options::roots`].
    pub roots: Vec<PathBuf>,
    /// Users and groups that the image gets besides those in its files.
    pub later: Known,
    /// A copy of the repository to build from.
    pub sources: Option<PathBuf>,
    /// Carry these bytes instead of baking: tests of tables that no baker would make.
    pub table: Option<PathBuf>,
}

/// A finished build. The files stay as they are until this is dropped.
#[derive(Debug)]
pub struct Built {
    /// The binary, to be installed as /sbin/init.
    pub binary: PathBuf,
    /// The table it carries.
    pub table: PathBuf,
    /// A folder of this run's alone.
    pub dir: PathBuf,
    _held: Held,
}

/// What keeps a build's folder as it is.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what their ends do")]
enum Held {
    /// No other run of the board takes the folder meanwhile.
    Lock(File),
    /// It is gone after that.
    Temporary(TempDir),
}

impl Built {
    /// The binary that somebody else has built.
    pub fn ready(binary: &Path) -> Result<Self> {
        File::open(binary).with_context(|| format!("cannot open {}", binary.display()))?;
        let folder = tempfile::tempdir().context("cannot make a folder for the run")?;
        Ok(Self {
            binary: binary.to_owned(),
            table: PathBuf::new(),
            dir: folder.path().to_owned(),
            _held: Held::Temporary(folder),
        })
    }
}

/// `cargo xtask build B`.
pub fn run(board: &str) -> Result<()> {
    let built = build(&Board::load(board)?, &Options::default())?;
    println!("{}", built.binary.display());
    Ok(())
}

/// The repository.
pub fn root_dir() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// A folder below `target/boards/` that nobody else uses meanwhile: the board's own, or one beside it. A board in a hidden
/// folder, as temporary ones are, leaves none behind.
fn claim(board: &Board) -> Result<(PathBuf, Held)> {
    let boards = root_dir().join("target/boards");
    if board.name.starts_with('.') {
        fs::create_dir_all(&boards).with_context(|| format!("cannot create {}", boards.display()))?;
        let folder = tempfile::tempdir_in(&boards).context("cannot make a folder for the build")?;
        return Ok((folder.path().to_owned(), Held::Temporary(folder)));
    }
    let mut number = 1;
    loop {
        let beside = if number == 1 { String::new() } else { format!(".{number}") };
        let dir = boards.join(format!("{}{beside}", board.name));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let lock = lock_file(&dir)?;
        match lock.try_lock() {
            Ok(()) => return Ok((dir, Held::Lock(lock))),
            Err(TryLockError::WouldBlock) => number += 1,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", dir.display()));
            }
        }
    }
}

fn lock_file(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    File::create(&path).with_context(|| format!("cannot create {}", path.display()))
}

/// Bakes the table and builds the binary that carries it.
pub fn build(board: &Board, options: &Options) -> Result<Built> {
    let baked = match &options.table {
        Some(given) => fs::read(given).with_context(|| format!("cannot read {}", given.display()))?,
        None => table_of(board, options)?,
    };
    let program = compile(board, options.sources.as_deref(), "tomte", Symbols::Stripped)?;
    let (dir, held) = claim(board)?;
    let (table, binary) = (dir.join(format!("{}.table", board.name)), dir.join("tomte"));
    fs::write(&table, &baked).with_context(|| format!("cannot write {}", table.display()))?;
    place(&binary, &carry::carry(program, &baked)?)?;
    Ok(Built { binary, table, dir, _held: held })
}

/// Builds the program with its symbols, for `size`: not the one that ships, and without a table.
pub fn build_with_symbols(board: &Board) -> Result<Vec<u8>> {
    compile(board, None, "tomte", Symbols::Kept)
}

/// Builds the program that `bench` measures the target binary against, in the way of the target binary.
pub fn build_floor(board: &Board) -> Result<Vec<u8>> {
    compile(board, None, "floor", Symbols::Stripped)
}

/// Builds the program that tests in virtual machines have things done by.
pub fn build_tool(board: &Board) -> Result<Vec<u8>> {
    compile(board, None, "tool", Symbols::Stripped)
}

/// Makes the program `path`: a new file, for the old one may be running.
pub fn place(path: &Path, bytes: &[u8]) -> Result<()> {
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o755).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The board's table; what the baker has to say goes to stderr.
pub fn table_of(board: &Board, options: &Options) -> Result<Vec<u8>> {
    let mut diagnostics = Diagnostics::default();
    let options = bake::Options {
        units: options.units.clone(),
        target: options.target.clone(),
        roots: options.roots.clone(),
        later: options.later.clone(),
        ..bake::Options::default()
    };
    let baked = bake::bake(board, &options, &mut diagnostics);
    bake::verb::emit(&diagnostics);
    Ok(baked?.table)
}

/// What becomes of a program's symbols.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbols {
    Stripped,
    Kept,
}

/// Has cargo build `program` from the repository, or a copy of it. The answer is its bytes.
fn compile(board: &Board, copy: Option<&Path>, program: &str, symbols: Symbols) -> Result<Vec<u8>> {
    let target = &board.config.target;
    let toolchain = Toolchain::get(target)?;
    let kept = symbols == Symbols::Kept;
    let sources = copy.unwrap_or(root_dir());
    let dir = format!("{}{}", toolchain.folder(), if kept { "-symbols" } else { "" });
    let dir = sources.join("target/programs").join(dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let lock = lock_file(&dir)?;
    let features = if program == "tomte" { "binary" } else { program };
    let mut cargo = toolchain.cargo("build", target)?;
    cargo
        .current_dir(sources)
        .args(["--quiet", "--release", "--bin", program, "--features", features, "--target-dir"])
        .arg(&dir)
        .stdin(Stdio::null()); // cargo's rustc reads its probe from there
    cargo.args(["--config", &format!("target.{target}.rustflags={:?}", flags(target, toolchain)?)]);
    if kept {
        cargo.args(["--config", "profile.release.strip=false"]);
    }
    let symbols = if kept { " with symbols" } else { "" };
    let how = if toolchain == Toolchain::Prebuilt { String::new() } else { format!("; {toolchain}") };
    let step = progress::step(format!("building {program} for {} ({target}{how}){symbols}", board.name));
    lock.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    let output = cargo
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot run {}", progress::shown(&cargo)))?;
    drop(step);
    eprint!("{}", told(&String::from_utf8_lossy(&output.stderr)));
    if !output.status.success() {
        bail!("the build for board {} failed: {}", board.name, progress::shown(&cargo));
    }
    let path = dir.join(target).join("release").join(program);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// What a person has to know of what cargo said: not that [`THUMB`] is no stable name for an instruction set as old as
/// the architecture.
fn told(said: &str) -> String {
    let known = format!("`-Ctarget-feature`: `{THUMB}`");
    let paragraphs = said.split_inclusive("\n\n");
    paragraphs
        .filter(|paragraph| !(paragraph.starts_with("warning:") && paragraph.contains(&known)))
        .collect()
}

/// Instructions of two bytes where they do: a third less code on ARM. Every ARMv7 has them.
const THUMB: &str = "thumb-mode";

/// The compiler's flags besides those of .cargo/config.toml.
fn flags(target: &str, toolchain: Toolchain) -> Result<Vec<String>> {
    // A table costs eight bytes a case; for fewer cases than this, comparisons are shorter.
    let mut flags = vec!["-Cllvm-args=-min-jump-table-entries=12".to_owned()];
    // What several functions have in common becomes one; a call saves more than the inliner believes. One percent each.
    flags.push("-Cllvm-args=-enable-machine-outliner=always -inline-call-penalty=40".to_owned());
    // Nothing is taken out of loops into registers that are then missing; who looks for an older load looks further.
    // One percent together. (The rest that was tried is in size.rs.)
    flags.push(
        "-Cllvm-args=-disable-machine-licm -memdep-block-scan-limit=1000 -available-load-scan-limit=100"
            .to_owned(),
    );
    // As .cargo/config.toml has it for the musl targets: fixed addresses, for the binary is never relocated. It cannot
    // be there for this triple, because without --target build scripts and proc macros would get it too.
    if target.ends_with("-gnu") {
        flags.push("-Crelocation-model=static".to_owned());
    }
    if target.starts_with("armv7") {
        flags.push(format!("-Ctarget-feature=+{THUMB}"));
    }
    // Panic messages name source files: not by where this machine keeps them, so that every machine builds the same.
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok()).into_iter().flatten();
    flags.extend(
        registries.flatten().map(|registry| format!("--remap-path-prefix={}=", registry.path().display())),
    );
    let library = toolchain::sysroot(&toolchain.rustc())?.join("lib/rustlib/src/rust/");
    flags.push(format!("--remap-path-prefix={}=", library.display()));
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_word_about_thumb_mode_is_not_repeated_and_everything_else_is() {
        let thumb = "warning: unstable feature specified for `-Ctarget-feature`: `thumb-mode`\n  |\n  = note: this\n\n";
        let other = "warning: unused import\n --> a.rs\n\n";
        assert_eq!(told(&format!("{other}{thumb}{other}")), format!("{other}{other}"));
    }
}
