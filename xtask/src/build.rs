//! The target binary of one board: table, toolchain, cargo.
//!
//! Every board (and every compiler) has a target folder of its own below `target/boards/`, so that boards do not
//! rebuild each other; a lock file there keeps two runs of one board apart.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};

use crate::{
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
    /// Keep symbols (`size` reads them). Such a build is not the one that ships.
    pub symbols: bool,
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
    /// Held so that no other run of the board replaces the files meanwhile.
    _lock: File,
}

impl Built {
    /// The binary that somebody else has built.
    pub fn ready(binary: &Path) -> Result<Self> {
        let opened = File::open(binary).with_context(|| format!("cannot open {}", binary.display()))?;
        Ok(Self { binary: binary.to_owned(), table: PathBuf::new(), _lock: opened })
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

/// The folder below `target/` that belongs to `board`.
pub fn board_dir(board: &Board) -> PathBuf {
    root_dir().join("target/boards").join(&board.name)
}

/// Bakes the table and builds the binary that carries it.
pub fn build(board: &Board, options: &Options) -> Result<Built> {
    let dir = board_dir(board);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let lock = lock(&dir)?;
    let table = dir.join(format!("{}.table", board.name));
    place_table(board, options, &table)?;
    let binary = compile(board, options, &table, &dir, "tomte", "binary")?;
    Ok(Built { binary, table, _lock: lock })
}

/// Builds the program that `bench` measures the target binary against, in the way of the target binary.
pub fn build_floor(board: &Board) -> Result<Built> {
    let dir = board_dir(board);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let lock = lock(&dir)?;
    let table = dir.join("floor.table"); // it carries none
    if !table.exists() {
        fs::write(&table, []).with_context(|| format!("cannot write {}", table.display()))?;
    }
    let binary = compile(board, &Options::default(), &table, &dir, "floor", "floor")?;
    Ok(Built { binary, table, _lock: lock })
}

/// Waits until no other xtask works in `dir`.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        let _step = progress::step(format!("waiting for another xtask to finish with {}", dir.display()));
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// The board's table; what the baker has to say goes to stderr.
pub fn table_of(board: &Board, options: &Options) -> Result<Vec<u8>> {
    let mut diagnostics = Diagnostics::default();
    let options = bake::Options {
        units: options.units.clone(),
        target: options.target.clone(),
        roots: options.roots.clone(),
        ..bake::Options::default()
    };
    let baked = bake::bake(board, &options, &mut diagnostics);
    bake::verb::emit(&diagnostics);
    Ok(baked?.table)
}

/// Puts the table at `path`, leaving an equal one untouched so that cargo need not build again.
fn place_table(board: &Board, options: &Options, path: &Path) -> Result<()> {
    let bytes = match &options.table {
        Some(given) => fs::read(given).with_context(|| format!("cannot read {}", given.display()))?,
        None => table_of(board, options)?,
    };
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Runs cargo. The answer is the binary's path.
fn compile(
    board: &Board,
    options: &Options,
    table: &Path,
    dir: &Path,
    program: &str,
    feature: &str,
) -> Result<PathBuf> {
    let target = &board.config.target;
    let toolchain = Toolchain::get(target)?;
    let symbols = if options.symbols { "-symbols" } else { "" };
    let beside = if program == "tomte" { "" } else { "-floor" };
    let cargo_dir = dir.join(format!("{}{symbols}{beside}", toolchain.folder()));
    let mut cargo = toolchain.cargo("build", target)?;
    cargo
        .args(["--quiet", "--release", "--bin", program, "--features", feature, "--target-dir"])
        .arg(&cargo_dir)
        .env("TOMTE_TABLE", table)
        .stdin(Stdio::null()); // cargo's rustc reads its probe from there
    cargo.args(["--config", &format!("target.{target}.rustflags={:?}", flags(target, toolchain)?)]);
    if options.symbols {
        cargo.args(["--config", "profile.release.strip=false"]);
    }
    let symbols = if options.symbols { " with symbols" } else { "" };
    let step = progress::step(format!("building {program} for {} ({target}){symbols}", board.name));
    let output = cargo
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot run {}", progress::shown(&cargo)))?;
    drop(step);
    eprint!("{}", told(&String::from_utf8_lossy(&output.stderr)));
    if !output.status.success() {
        bail!("the build for board {} failed: {}", board.name, progress::shown(&cargo));
    }
    Ok(cargo_dir.join(target).join("release").join(program))
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
