//! The levels that look at the code: rustfmt, clippy, cargo test; for both workspaces.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{
    program::{self, Finished},
    tally::{Outcome, Tally},
};
use crate::{
    build, fuzz, setup,
    toolchain::{self, Toolchain},
};

const XTASK: [&str; 2] = ["--manifest-path", "xtask/Cargo.toml"];

/// rustfmt has nothing to change.
pub fn fmt(tally: &mut Tally) {
    tally.case("rustfmt: the target", || well(&mut cargo(&["fmt", "--check"])));
    tally.case("rustfmt: xtask", || well(cargo(&["fmt", "--check"]).args(XTASK)));
}

/// clippy has nothing to say: the pure parts with their tests, the target binary and the floor of the bench for every
/// board's target, xtask.
pub fn clippy(tally: &mut Tally) {
    let deny = ["--", "-D", "warnings"];
    tally.case("clippy: the pure parts and their tests", || {
        let words =
            ["clippy", "--quiet", "--lib", "--tests", "--no-default-features", "--features", "encode"];
        well(cargo(&words).args(deny))
    });
    tally.case("clippy: all rooms and their tests", || {
        well(cargo(&["clippy", "--quiet", "--lib", "--tests", "--features", "encode"]).args(deny))
    });
    for target in targets() {
        let name = format!("clippy: the target binary and the bench's floor for {target}");
        match Toolchain::get(&target) {
            Ok(Toolchain::Debian) => {
                tally.add(&name, Outcome::Skipped("Debian's compiler has no clippy".into()))
            }
            Ok(toolchain) => tally.case(&name, || {
                let words =
                    ["--quiet", "--lib", "--bin", "tomte", "--bin", "floor", "--features", "binary,floor"];
                well(toolchain.cargo("clippy", &target)?.args(words).args(deny))
            }),
            Err(error) => tally.add(&name, Outcome::Skipped(format!("{error:#}"))),
        }
    }
    tally.case("clippy: xtask", || {
        well(cargo(&["clippy", "--quiet", "--all-targets", "--release"]).args(XTASK).args(deny))
    });
}

/// A hundred thousand seeded worlds of the supervisor.
pub fn sim(tally: &mut Tally) {
    tally.case("the simulated worlds keep every rule", || {
        well(Command::new(std::env::current_exe()?).arg("sim"))
    });
}

/// A fixed number of broken inputs for each fuzz target.
pub fn fuzz(tally: &mut Tally) {
    for target in fuzz::TARGETS {
        tally.case(&format!("fuzz: {}", target.about), || {
            well(Command::new(std::env::current_exe()?).args(["fuzz", target.name]))
        });
    }
}

/// cargo test in both workspaces. Every test counts.
pub fn unit(tally: &mut Tally) {
    let tests = [
        ("cargo test: the target's rooms, layers and the simulation", cargo(&["test", "--quiet"])),
        ("cargo test: xtask", {
            let mut command = cargo(&["test", "--quiet", "--release"]);
            command.args(XTASK);
            command
        }),
    ];
    for (name, mut command) in tests {
        match program::run(&mut command) {
            Ok(finished) => count(tally, name, &finished),
            Err(error) => tally.add(name, Outcome::Failed(format!("{error:#}"))),
        }
    }
}

/// Adds what the test harness counted. A run that failed without a failed test (it did not build) is one failure.
fn count(tally: &mut Tally, name: &str, finished: &Finished) {
    let counted = finished.lines.iter().filter_map(|line| line.strip_prefix("test result: "));
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for line in counted {
        let number = |word: &str| -> usize {
            let before = line.split(word).next().unwrap_or_default().trim_end();
            before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
        };
        passed += number(" passed");
        failed += number(" failed");
        ignored += number(" ignored");
    }
    let failures: Vec<String> = match (finished.status.success(), failed) {
        (true, _) => Vec::new(),
        (false, 0) => vec![format!("{}", finished.status)],
        (false, count) => vec!["a test failed, see above".to_owned(); count],
    };
    tally.add_many(name, passed + failures.len(), &failures);
    for _ in 0..ignored {
        tally.add(name, Outcome::Skipped("marked #[ignore]".into()));
    }
}

/// The boards' targets, each once.
fn targets() -> Vec<String> {
    let mut targets: Vec<String> =
        setup::all_boards().unwrap_or_default().into_iter().map(|board| board.config.target).collect();
    targets.sort();
    targets.dedup();
    targets
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(toolchain::cargo());
    command.current_dir(build::root_dir()).args(words);
    command
}

fn well(command: &mut Command) -> Result<()> {
    let finished = program::run(command)?;
    ensure!(finished.status.success(), "{}", finished.status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn finished(code: i32, lines: &[&str]) -> Finished {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Finished { status: std::process::ExitStatus::from_raw(code << 8), lines }
    }

    #[test]
    fn every_counted_test_enters_the_tally() {
        let mut tally = Tally::default();
        let lines = [
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        count(&mut tally, "t", &finished(101, &lines));
        assert_eq!(tally.summary(), "failed: t\n9 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn what_does_not_build_is_one_failure() {
        let mut tally = Tally::default();
        count(&mut tally, "t", &finished(101, &["error: no"]));
        assert_eq!(tally.summary(), "failed: t\n0 passed, 1 failed, 0 skipped");
    }
}
