//! `test [LEVEL]`: everything CI checks, in levels that can be run alone. `.ci/run` is `cargo xtask test`.
//!
//! Each level counts its cases; what cannot run here is skipped in plain sight, with the reason. The last line is
//! `N passed, N failed, N skipped`.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};

use crate::{board::Board, build, progress, setup, size};

mod bad_input;
pub mod cards;
mod cgroups;
mod code;
mod completions;
mod corpus;
mod desk;
mod disks;
mod ends;
mod halts;
pub mod hammer;
mod handover;
mod host;
mod hostile;
mod hotplug;
mod lives;
mod logs;
mod manager;
mod missing;
mod mutants;
mod names;
mod network;
mod packaging;
mod page;
mod posture;
mod program;
mod rights;
mod rootless;
mod roots;
pub mod servant;
mod sockets;
mod steps;
mod supervision;
mod tally;
mod tenants;
mod vm;

use tally::{Cases, Outcome, Tally};

/// A part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// The formatting (rustfmt).
    Fmt,
    /// The lints (clippy); warnings are errors.
    Clippy,
    /// Unit tests, layers, and the steps of a spawn (cargo test).
    Unit,
    /// The simulation of the supervisor.
    Sim,
    /// Bugs planted in the supervisor, of which the tests have to notice each.
    Mutants,
    /// Broken input, against everything that reads bytes.
    Fuzz,
    /// The unit files of real packages, against what was said about them before.
    Corpus,
    /// Real systemd's answers, run by tomte on the host board.
    Golden,
    /// The host board: the seed units, and bad input.
    Namespaces,
    /// All virtual machines, booted and asked for a page.
    Qemu,
    /// The binary's size, against its budget.
    Size,
}

/// `cargo xtask test`: the levels given, or all; of their cases those whose names have `only` in them.
pub fn run(levels: &[Level], only: &str) -> Result<ExitCode> {
    let levels = if levels.is_empty() { Level::value_variants() } else { levels };
    println!("== setup");
    setup::run(None, false)?;
    let mut tally = Tally::of(only);
    for level in levels {
        let name = format!("{level:?}").to_lowercase();
        println!("== {name}");
        let clock = Clock::start();
        match level {
            Level::Fmt => code::fmt(&mut tally),
            Level::Clippy => code::clippy(&mut tally),
            Level::Unit => {
                code::unit(&mut tally);
                completions::run(&mut tally);
            }
            Level::Sim => code::sim(&mut tally),
            Level::Mutants => mutants::run(&mut tally),
            Level::Fuzz => code::fuzz(&mut tally),
            Level::Corpus => corpus::run(&mut tally),
            Level::Golden => golden(&mut tally),
            Level::Namespaces => {
                host::run(&mut tally);
                ends::run(&mut tally);
            }
            Level::Qemu => {
                let mut cases = Cases::default();
                lives::cases(&mut tally, &mut cases); // takes longest, and most of that it waits
                roots::cases(&mut tally, &mut cases);
                vm::cases(&mut tally, &mut cases);
                network::cases(&mut tally, &mut cases);
                bad_input::cases(&mut tally, &mut cases);
                halts::cases(&mut tally, &mut cases);
                hotplug::cases(&mut tally, &mut cases);
                desk::cases(&mut tally, &mut cases);
                names::cases(&mut tally, &mut cases);
                cards::cases(&mut tally, &mut cases);
                tally.side_by_side(cases);
            }
            Level::Size => {
                budget(&mut tally);
                tally.case("the same sources give the same bytes in another folder", build_elsewhere);
            }
        }
        println!("== {name}: {}", clock.shown());
    }
    println!("{}", tally.summary());
    ensure!(!tally.is_empty(), "no case has \"{only}\" in its name");
    Ok(if tally.all_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a level costs.
struct Clock {
    begin: Instant,
    processors: Duration,
}

impl Clock {
    fn start() -> Self {
        Self { begin: Instant::now(), processors: Self::used() }
    }

    /// Processor time of all programs that were started and have ended.
    fn used() -> Duration {
        let Ok(used) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Duration::ZERO };
        let times: TimeVal = used.user_time() + used.system_time();
        Duration::from_secs(u64::try_from(times.tv_sec()).unwrap_or_default())
    }

    fn shown(&self) -> String {
        let processors = Self::used().saturating_sub(self.processors);
        format!("{} s, {} s of processors", self.begin.elapsed().as_secs(), processors.as_secs())
    }
}

/// Runs the command lines and the sandboxes that real systemd was seen to run.
fn golden(tally: &mut Tally) {
    if let Err(error) = crate::host::probe() {
        for name in ["golden command lines", "golden restarts", "golden sandboxes"] {
            tally.add(name, Outcome::Skipped(format!("{error:#}")));
        }
        return;
    }
    match crate::golden::exec::run() {
        Ok((cases, differences)) => tally.add_many("golden command lines", cases, &differences),
        Err(error) => tally.add("golden command lines", Outcome::Failed(format!("{error:#}"))),
    }
    match crate::golden::restart::run() {
        Ok((cases, differences)) => tally.add_many("golden restarts", cases, &differences),
        Err(error) => tally.add("golden restarts", Outcome::Failed(format!("{error:#}"))),
    }
    match crate::golden::sandbox::run() {
        Ok(compared) => {
            tally.add_many("golden sandboxes", compared.cases, &compared.differences);
            for (name, objection) in compared.unsupported {
                tally.add(&format!("golden sandbox {name}"), Outcome::Skipped(objection));
            }
        }
        Err(error) => tally.add("golden sandboxes", Outcome::Failed(format!("{error:#}"))),
    }
}

/// Files and folders that the target binary is made of.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo", "src"];

/// Builds the host board from a copy of the sources in another folder.
fn build_elsewhere() -> Result<()> {
    let board = Board::load("host")?;
    let folder = tempfile::tempdir()?;
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").args(SOURCES.map(|name| build::root_dir().join(name))).arg(folder.path());
    progress::capture(&mut copy)?;
    // The manifest names files of tests and of xtask, which are not built, but have to be there.
    for name in ["tests", "xtask"] {
        std::os::unix::fs::symlink(build::root_dir().join(name), folder.path().join(name))?;
    }
    let here = std::fs::read(build::build(&board, &build::Options::default())?.binary)?;
    let sources = Some(folder.path().to_owned());
    let there = build::build(&board, &build::Options { sources, ..build::Options::default() })?;
    ensure!(here == std::fs::read(&there.binary)?, "the binaries differ");
    Ok(())
}

/// Measures the board that the budget is for, and shows the others.
fn budget(tally: &mut Tally) {
    tally.case("the binary has not grown beyond what is let pass and has no heap", || {
        let measured = size::measure(&Board::load("host")?)?;
        println!("{}", measured.table());
        if let Some(excess) = measured.excess() {
            println!("         {excess}");
        }
        let troubles = measured.troubles();
        ensure!(troubles.is_empty(), "{}", troubles.join("; "));
        Ok(())
    });
}
