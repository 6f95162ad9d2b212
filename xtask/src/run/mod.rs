//! `run`: builds a board, runs it, shows the console, ends with the report and an exit status.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    board::Board,
    build::{self, Built},
    flash, host, image,
    qemu::{self, Forward},
    report::{Ended, Report},
    setup,
};

mod desk;
mod judge;
mod trials;
pub mod watch;

use judge::{Ending, judge};
use trials::{Trial, Trials};
use watch::{Show, Watched};

/// What boot may take on top of what the run itself should, before the guard calls it a hang. QEMU without KVM on a busy
/// machine is the slow case.
const BOOT_MAX: Duration = Duration::from_secs(180);

/// `run`'s words.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// A folder of board-configs, or a path with a slash in it.
    #[arg(long, default_value = "host")]
    pub board: String,
    /// A unit file or a folder of them, instead of the board's own; may be repeated.
    #[arg(long, value_name = "PATH")]
    pub units: Vec<PathBuf>,
    /// The image's root file system: a folder or a tar archive; without it, a demo made of busybox. Of the host board: a folder; without it, this machine's own root, of which the run has a throw-away copy.
    #[arg(long, value_name = "DIR|TAR")]
    pub rootfs: Option<PathBuf>,
    /// What the boot partition needs.
    #[command(flatten)]
    pub given: image::boot::Given,
    /// What boot starts, instead of the board's default target.
    #[arg(long, value_name = "UNIT")]
    pub target: Option<String>,
    /// When to shut down: idle (all jobs of boot are done) or a time such as 3s; without it, on Ctrl-C.
    #[arg(long, value_name = "idle|DURATION")]
    pub until: Option<Until>,
    /// Write how the units did to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// A folder of test programs: each runs as a oneshot unit and says how it went by its exit status or in TAP.
    #[arg(long, value_name = "DIR")]
    pub tests: Option<PathBuf>,
    /// Write how the tests did to this file, as JUnit's XML.
    #[arg(long, value_name = "FILE", requires = "tests")]
    pub junit: Option<PathBuf>,
    /// Where a desk board's software goes before it runs.
    #[command(flatten)]
    pub to: flash::To,
    #[command(flatten)]
    pub console: desk::Console,
    /// Call it a hang after this time.
    #[arg(long, hide = true, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub guard: Option<Duration>,
    /// Carry this file as the table instead of baking one.
    #[arg(long, hide = true, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Run this target binary instead of building one.
    #[arg(long, hide = true, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// A further word for QEMU's command line; may be repeated.
    #[arg(long = "qemu-word", hide = true, value_name = "WORD", allow_hyphen_values = true)]
    pub qemu_words: Vec<String>,
    /// When the console shows PIECE, tell QEMU's monitor COMMAND (QMP); may be repeated. A machine that starts over goes on.
    #[arg(long = "at", hide = true, value_name = "PIECE=COMMAND")]
    pub moments: Vec<qemu::Moment>,
    #[command(flatten)]
    pub defects: host::Defects,
    /// Further words for PID 1, after --.
    #[arg(last = true)]
    pub words: Vec<String>,
}

/// When a run shuts itself down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// As soon as no job is left.
    Idle,
    /// After this time.
    After(Duration),
}

impl std::str::FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "idle" {
            return Ok(Self::Idle);
        }
        let after = humantime::parse_duration(text)
            .map_err(|_| "expected idle or a time such as 500ms, 3s, 1min".to_owned())?;
        Ok(Self::After(after))
    }
}

impl Until {
    /// The word PID 1 reads.
    fn word(self) -> String {
        match self {
            Self::Idle => "tomte.until=idle".into(),
            Self::After(after) => format!("tomte.until={}", after.as_micros()),
        }
    }
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    pub report: Report,
    /// The console, line by line.
    pub console: Vec<String>,
    /// What went wrong besides failed units; empty when nothing did.
    pub troubles: Vec<String>,
    /// How the tests of `--tests` did.
    tests: Vec<Trial>,
}

impl Outcome {
    /// Whether PID 1 ended in order and every unit is well.
    pub fn is_well(&self) -> bool {
        let tests = self.tests.iter().all(|test| test.failure.is_none());
        self.troubles.is_empty() && self.report.is_well() && tests
    }

    /// Of a console that somebody has looked at, and nobody judges.
    fn unjudged(board: &Board, console: Vec<String>) -> Self {
        let report = Report::undelivered(&board.name, &board.config.arch, Ended::Signal);
        Self { report, console, troubles: Vec::new(), tests: Vec::new() }
    }
}

/// `cargo xtask run`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let outcome = execute(args, Show::Live)?;
    if !outcome.report.units.is_empty() {
        println!("\n{}", outcome.report.table());
    }
    for test in &outcome.tests {
        match (&test.failure, &test.skipped) {
            (Some(why), _) => println!("FAILED   {}: {why}", test.name),
            (None, Some(why)) => println!("skipped  {}: {why}", test.name),
            (None, None) => println!("ok       {}", test.name),
        }
    }
    for trouble in &outcome.troubles {
        eprintln!("error: {trouble}");
    }
    let failed = outcome.report.failed();
    if !failed.is_empty() {
        eprintln!("error: failed: {}", failed.join(", "));
    }
    Ok(if outcome.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Called right before a virtual machine starts, with its forwarded ports.
pub type Ready<'r> = dyn FnMut(&[Forward]) + 'r;

/// Builds and runs; writes the report where `args` say.
pub fn execute(args: &Args, show: Show) -> Result<Outcome> {
    execute_with(args, show, &mut |_| {})
}

/// [`execute`], for a caller that talks to the virtual machine while it runs.
pub fn execute_with(args: &Args, show: Show, ready: &mut Ready<'_>) -> Result<Outcome> {
    let mut board = Board::load(&args.board)?;
    if let Some(qemu) = &mut board.config.qemu {
        qemu.words.clone_from(&args.qemu_words);
        qemu.moments.clone_from(&args.moments);
    }
    let trials = args.tests.as_deref().map(Trials::new).transpose()?;
    let mut units = args.units.clone();
    if let Some(trials) = &trials {
        board.add(trials.path(), &trials.units());
        if !units.is_empty() {
            units.push(trials.path().join("units"));
        }
    }
    let mut outcome = match board.config.qemu.is_none() && !board.is_host() {
        true => desk::execute(&board, args)?,
        false => here(args, &board, units, show, ready)?,
    };
    if let Some(trials) = &trials {
        outcome.tests = trials.results(&outcome.console, &outcome.report);
    }
    if let Some(path) = &args.report {
        outcome.report.write(path)?;
    }
    if let Some(path) = &args.junit {
        let xml = trials::junit(&board.name, &outcome.tests);
        std::fs::write(path, xml).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(outcome)
}

/// Runs `board` on this machine.
fn here(
    args: &Args,
    board: &Board,
    units: Vec<PathBuf>,
    show: Show,
    ready: &mut Ready<'_>,
) -> Result<Outcome> {
    if args.binary.is_none() {
        setup::ensure(board)?;
    }
    if board.is_host() && board.config.arch != std::env::consts::ARCH {
        bail!("board {} is for {} and has no [qemu]: it cannot run here", board.name, board.config.arch);
    }
    if board.is_host() {
        host::probe()?; // before anybody waits for a build
    }
    let options = build::Options {
        units,
        target: args.target.clone(),
        table: args.table.clone(),
        roots: image::roots(board, args.rootfs.as_deref()),
        ..build::Options::default()
    };
    let built = match &args.binary {
        Some(binary) => Built::ready(binary)?,
        None => build::build(board, &options)?,
    };
    launch(args, board, &built, show, ready)
}

fn launch(args: &Args, board: &Board, built: &Built, show: Show, ready: &mut Ready<'_>) -> Result<Outcome> {
    let report = if board.config.qemu.is_some() { qemu::REPORT_INSIDE } else { host::REPORT_INSIDE };
    let mut words: Vec<String> = args.until.map(Until::word).into_iter().collect();
    words.push(format!("tomte.report={report}"));
    words.extend(args.words.iter().cloned());
    let Some(config) = &board.config.qemu else {
        let (root, defects) = (args.rootfs.as_deref(), args.defects.clone());
        let ran = host::launch(board, &built.binary, root, words, defects, args.guard(), show)?;
        let trouble = (!ran.orderly && !ran.watched.guarded).then(|| format!("PID 1 {}", ran.status));
        let Watched { console, guarded, interrupted, .. } = ran.watched;
        let ending = match (guarded, interrupted) {
            (true, _) => Ending::Hung,
            (false, true) => Ending::Asked,
            (false, false) => Ending::Itself,
        };
        return Ok(judge(board, console, ending, ran.report, trouble.into_iter().collect()));
    };
    let forwards = qemu::forwards(config)?;
    ready(&forwards);
    let made = image::make(board, built, &args.image_args())?;
    let ran = qemu::launch(board, config, &made, &words, &forwards, args.guard(), show)?;
    let Watched { status, console, guarded, interrupted } = ran.watched;
    let trouble = (!status.success() && !guarded).then(|| format!("{}: {status}", config.program));
    let ending = Ending::of_guest(ran.end, guarded, interrupted);
    Ok(judge(board, console, ending, ran.report, trouble.into_iter().collect()))
}

impl Args {
    /// What the image is made of.
    fn image_args(&self) -> image::Args {
        image::Args::new(&self.board, self.rootfs.as_deref(), &self.given)
    }

    /// How long the run may take before it is called a hang; `None` when it runs until Ctrl-C.
    fn guard(&self) -> Option<Duration> {
        let after = match self.until? {
            Until::Idle => Duration::ZERO,
            Until::After(after) => after,
        };
        Some(self.guard.unwrap_or(after + BOOT_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_is_idle_or_a_time_and_anything_else_says_what_is_expected() {
        assert_eq!("idle".parse(), Ok(Until::Idle));
        assert_eq!("1500ms".parse::<Until>().map(Until::word), Ok("tomte.until=1500000".into()));
        assert!("soon".parse::<Until>().unwrap_err().contains("expected idle or a time"));
    }
}
