//! The tests that let every step of a start fail (tests/namespaces), in a virtual machine: under a kernel of its own, as
//! a service of tomte's.
//!
//! The test program comes from `cargo test`, so only a machine of this one's architecture runs it. What fails a step is
//! the plan's `fail_at`: nothing on a board's way to a start can set it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{host::has_line, program};
use crate::{board::Board, build, host::copy_folder, report::Report, toolchain};

/// Where the test program is in the machine.
const PROGRAM: &str = "opt/namespaces";

/// Whether `board` can run programs of this machine.
pub fn suits(board: &Board) -> bool {
    board.config.arch == std::env::consts::ARCH
}

/// Boots `board` with the test program in it.
pub fn run(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let own = folder.path().join("steps");
    fs::create_dir(&own)?;
    copy_folder(&board.dir, &own)?;
    let rootfs = own.join("rootfs");
    let tests = test_program()?;
    put(&tests, &rootfs.join(PROGRAM))?;
    for library in libraries(&tests)? {
        put(&library, &rootfs.join(library.strip_prefix("/")?))?;
    }
    // A place for the tests' own, as most images have it; a folder of nothing would not be in the image.
    fs::create_dir_all(rootfs.join("home/svc"))?;
    let file = folder.path().join("report.json");
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/steps");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--units", units, "--until", "idle", "--board"]).arg(&own);
    let finished = program::run(command.arg("--report").arg(&file))?;
    has_line(&finished, &["closed::whatever_step_of_a_sandbox_fails", "... ok"])?;
    has_line(&finished, &["steps::a_step_that_fails_is_reported", "... ok"])?;
    has_line(&finished, &["test result: ok. ", " 0 failed"])?;
    ensure!(!finished.lines.iter().any(|line| line.contains("SKIPPED")), "a test was passed over");
    let report = Report::parse(&fs::read_to_string(&file).context("xtask wrote no report")?)?;
    for (name, active) in [("steps.service", "inactive"), ("bystander.service", "active")] {
        let unit = report.unit(name).with_context(|| format!("the report has no {name}"))?;
        ensure!((unit.active.as_str(), unit.result.as_deref()) == (active, Some("success")), "{unit:?}");
    }
    Ok(())
}

fn put(file: &Path, place: &Path) -> Result<()> {
    fs::create_dir_all(place.parent().context("a folder")?)?;
    fs::copy(file, place).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}

/// Has cargo build the tests; where they are it says in its messages.
fn test_program() -> Result<PathBuf> {
    let mut command = Command::new(toolchain::cargo());
    command.current_dir(build::root_dir());
    let built =
        command.args(["test", "--no-run", "--test", "namespaces", "--message-format=json"]).output()?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout)?;
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    };
    messages.lines().find_map(executable).context("cargo built no tests")
}

/// What the loader loads for `program`, and the loader itself.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let paths: Vec<PathBuf> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect();
    ensure!(!paths.is_empty(), "the loader lists no library of {}", program.display());
    Ok(paths)
}
