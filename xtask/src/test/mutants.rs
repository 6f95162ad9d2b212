//! Whether the tests of the supervisor would notice: bugs are planted one at a time in a copy of the sources, and the
//! timetables and the simulation have to fail on each.
//!
//! The copy is below `target/mutants`, built in one folder, so that a bug costs the compiler two seconds.

mod bugs;

use std::{
    fs,
    io::ErrorKind,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use self::bugs::{BUGS, Bug};
use super::tally::Tally;
use crate::{build::root_dir, toolchain::cargo};

/// What the copy consists of: what `cargo test` of the pure parts reads.
const SOURCES: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "clippy.toml",
    "src",
    "tests/sim",
    "tests/golden",
    "tests/namespaces.rs",
    "xtask/src/bench/floor",
];
/// The tests that have to notice: the timetables, and worlds of the simulation.
const TESTS: [&str; 2] = ["supervisor::", "a_few_hundred_worlds"];
/// A bug that makes the tests run longer than this is noticed as well.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a run of the tests ended.
enum Ran {
    Well,
    Failed,
    Hangs,
}

/// Plants every bug.
pub fn run(tally: &mut Tally) {
    let mut copy = None;
    tally.always("the tests pass without a planted bug", || {
        let made = Copy::make()?;
        match made.test()? {
            Ran::Well => copy = Some(made),
            Ran::Failed => bail!("they fail"),
            Ran::Hangs => bail!("they do not end"),
        }
        Ok(())
    });
    let Some(copy) = copy else { return };
    for bug in &BUGS {
        tally.case(&format!("noticed: {}", bug.what), || copy.plant(bug));
    }
}

/// The copy of the sources.
struct Copy {
    tree: PathBuf,
    build: PathBuf,
}

impl Copy {
    fn make() -> Result<Self> {
        let folder = root_dir().join("target/mutants");
        let copy = Self { tree: folder.join("tree"), build: folder.join("build") };
        for name in SOURCES {
            renew(&root_dir().join(name), &copy.tree.join(name))?;
        }
        copy.compile()?;
        Ok(copy)
    }

    /// Changes the copy, runs the tests, and changes it back.
    fn plant(&self, bug: &Bug) -> Result<()> {
        let file = self.tree.join("src/supervisor").join(bug.file);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let found = text.matches(bug.right).count();
        ensure!(found == 1, "{} has `{}` {found} times: the bug needs a new place", bug.file, bug.right);
        fs::write(&file, text.replace(bug.right, bug.wrong))?;
        let ran = self.compile().and_then(|()| self.test());
        fs::write(&file, text)?;
        match ran? {
            Ran::Failed | Ran::Hangs => Ok(()),
            Ran::Well => bail!("every test passes: {} with `{}`", bug.file, bug.wrong),
        }
    }

    fn compile(&self) -> Result<()> {
        let output = self.cargo().arg("--no-run").output().context("cannot run cargo")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn test(&self) -> Result<Ran> {
        let mut command = self.cargo();
        command.arg("--").args(TESTS).process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot run cargo")?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(if ExitStatus::success(&status) { Ran::Well } else { Ran::Failed });
            }
            if Instant::now() > end {
                kill_process_group(Pid::from_child(&child), Signal::KILL)?;
                child.wait()?;
                return Ok(Ran::Hangs);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.build).args([
            "test",
            "--quiet",
            "--lib",
            "--test",
            "sim",
            "--no-default-features",
            "--features",
            "encode",
        ]);
        command
    }
}

/// Makes `to` what `from` is; what is the same already keeps its date, so that cargo does not build it again.
fn renew(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(to).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        return fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()));
    }
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(to)? {
        let gone = from.join(entry?.file_name());
        if let Err(error) = fs::symlink_metadata(&gone)
            && error.kind() == ErrorKind::NotFound
        {
            let stale = to.join(gone.file_name().unwrap_or_default());
            if stale.is_dir() { fs::remove_dir_all(&stale) } else { fs::remove_file(&stale) }?;
        }
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        renew(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_one_place_where_it_is_planted() {
        for bug in &BUGS {
            let text = fs::read_to_string(root_dir().join("src/supervisor").join(bug.file)).expect(bug.file);
            assert_eq!(text.matches(bug.right).count(), 1, "{}: {}", bug.file, bug.what);
        }
    }
}
