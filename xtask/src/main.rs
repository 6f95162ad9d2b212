//! tomte's host tool. `cargo xtask VERB`; each verb is one module's `run`.
//!
//! | module | owns |
//! | --- | --- |
//! | `read` | the unit-file grammar and board.toml: raw values, each with file, line and column |
//! | `allow` | who may ask PID 1 for what |
//! | `values`, `model` | typed values; units made of them |
//! | `check` | what each directive means, and the checks |
//! | `diag` | problems, their codes, and how they are shown |
//! | `order` | names to ids, the graph, cycles |
//! | `mounts`, `seccomp` | what a unit sees of the file system, and which system calls it may make |
//! | `cgroup` | the files of each unit's cgroup, slices, and which devices may be used |
//! | `bake` | the table and `uids.lock` |
//! | `build`, `toolchain` | the target binary; with which compiler it is built |
//! | `import` | what other inits read, as unit files |
//! | `image` | what a board boots: file systems and partition tables |
//! | `flash`, `serial` | getting it onto a board; talking to it |
//! | `host`, `qemu` | running it |
//! | `bench` | how long things take |
//! | `fuzz` | bytes that nobody means well with, against everything that reads bytes |
//! | `sim` | the simulation of the supervisor (`tests/sim`) |
//! | `docs`, `timeline` | man pages and completions; the picture of a boot |
//! | `debian` | packages of Debian, kept and checked |
//! | `setup`, `test` | what is needed; everything CI checks |

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod allow;
mod bake;
mod bench;
mod board;
mod boot;
mod build;
mod cgroup;
mod check;
mod debian;
mod diag;
mod docs;
mod explain;
mod flash;
mod fuzz;
mod golden;
mod host;
mod image;
mod import;
mod model;
mod mounts;
mod order;
mod progress;
mod qemu;
mod read;
mod report;
mod run;
mod seccomp;
mod serial;
mod setup;
mod sim;
mod size;
mod target;
mod targets;
mod test;
#[cfg(test)]
mod testing;
mod timeline;
mod toolchain;
mod uids;
mod users;
mod values;

/// tomte's host tool.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a board's table out of its unit files.
    Bake(bake::verb::Args),
    /// Explain a problem's code; or show in words what the table has on one unit, and the steps that start it.
    Explain(explain::Args),
    /// Say what is wrong with unit files.
    Check(check::verb::Args),
    /// Print every directive of unit files and what becomes of it here.
    Directives(check::directives::Args),
    /// Write unit files as a start, from what another init reads, and say what could not be kept.
    Import(import::Args),
    /// Build a board, run it, and show its units: the host board here, others in QEMU.
    Run(Box<run::Args>),
    /// Build the target binary of a board; its path goes to stdout.
    Build {
        /// A folder of board-configs, or a path with a slash in it.
        board: String,
    },
    /// Make what a board boots: a disk image, or an initramfs and a kernel; the paths go to stdout.
    Image(image::Args),
    /// Put tomte into the root file system that another program makes: Buildroot, Yocto.
    Install(image::install::Args),
    /// Bring a board's software to it: onto a card or disk, over ssh, or for a boot over the network.
    Flash(flash::Args),
    /// Make man pages and shell completions.
    Docs(docs::Args),
    /// Draw the boot of a device, or write it as a trace.
    Timeline(timeline::Args),
    /// Play seeded worlds against the supervisor and look for broken rules.
    Sim(sim::Args),
    /// Measure how long things take, beside a floor measured in the same run.
    Bench(bench::Args),
    /// Try broken input against everything that reads bytes: unit files, tables, packets.
    Fuzz(fuzz::Args),
    /// Show the binary's bytes by room, against the budget.
    Size {
        /// A folder of board-configs, or a path with a slash in it.
        #[arg(default_value = "host")]
        board: String,
        /// Show this many of the largest functions and statics, too.
        #[arg(long, value_name = "COUNT", default_value_t = 0)]
        symbols: usize,
    },
    /// Run everything CI checks, or only some levels of it.
    Test {
        /// The levels to run; without one, all.
        levels: Vec<test::Level>,
        /// Of the cases with a name of their own, only those that have this in it.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Install or download what the boards need, and say what cannot be had.
    Setup {
        /// Only what this board needs.
        #[arg(long)]
        board: Option<String>,
        /// Only say what is missing and what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// (internal) The process between `run` and the host board's PID 1.
    #[command(hide = true)]
    HostKeeper {
        /// JSON.
        plan: String,
    },
    /// (internal) Whether the kernel allows the host board's namespaces.
    #[command(hide = true)]
    HostProbe,
    /// (internal) What becomes the host board's PID 1.
    #[command(hide = true)]
    HostStage {
        /// JSON.
        plan: String,
    },
    /// (internal) Becomes a program that dies with its parent.
    #[command(hide = true)]
    Tied {
        /// Program and arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

fn main() -> ExitCode {
    if golden::program::is_this() {
        golden::program::run();
        return ExitCode::SUCCESS;
    }
    if golden::probe::is_this() {
        golden::probe::run();
        return ExitCode::SUCCESS;
    }
    let other = match () {
        () if test::hammer::is_this() => Some((test::hammer::NAME, test::hammer::run())),
        () if test::servant::is_this() => Some((test::servant::NAME, test::servant::run())),
        () => None,
    };
    if let Some((name, done)) = other {
        let Err(error) = done else { return ExitCode::SUCCESS };
        eprintln!("{name}: {error:#}");
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.verb {
        Verb::Bake(args) => return bake::verb::run(&args),
        Verb::Explain(args) => return explain::run(&args),
        Verb::Check(args) => return check::verb::run(&args),
        Verb::Directives(args) => return check::directives::run(&args),
        Verb::Import(args) => return import::run(&args),
        Verb::Run(args) => return run::run(&args),
        Verb::Build { board } => build::run(&board)?,
        Verb::Image(args) => image::run(&args)?,
        Verb::Install(args) => image::install::run(&args)?,
        Verb::Flash(args) => flash::run(&args)?,
        Verb::Docs(args) => docs::run(&args)?,
        Verb::Timeline(args) => timeline::run(&args)?,
        Verb::Sim(args) => return sim::run(&args),
        Verb::Bench(args) => return bench::run(&args),
        Verb::Fuzz(args) => return fuzz::run(&args),
        Verb::Size { board, symbols } => return size::run(&board, symbols),
        Verb::Test { levels, only } => return test::run(&levels, &only),
        Verb::Setup { board, dry_run } => {
            let ready = setup::run(board.as_deref(), dry_run)?;
            return Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Verb::HostKeeper { plan } => host::keeper::run(&serde_json::from_str(&plan)?)?,
        Verb::HostProbe => host::stage::try_namespaces()?,
        Verb::HostStage { plan } => host::stage::run(&serde_json::from_str(&plan)?)?,
        Verb::Tied { words } => qemu::run_tied(&words)?,
    }
    Ok(ExitCode::SUCCESS)
}
