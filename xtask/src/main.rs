//! tomte's host tool. `cargo xtask VERB`; each verb is one module's `run`.
//!
//! | module | owns |
//! | --- | --- |
//! | `read` | the unit-file grammar and board.toml: raw values, each with file, line and column |
//! | `check` | typed values and the checks; every diagnostic |
//! | `order` | names to ids, the graph, cycles |
//! | `bake` | the table and `uids.lock` |
//! | `build` | the target binary |
//! | `host`, `qemu` | running it |
//! | `sim` | the simulation of the supervisor (`tests/sim`) |
//! | `setup`, `test` | what is needed; everything CI checks |

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod board;
mod model;
mod sim;

/// tomte's host tool.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Simulates the supervisor in made-up worlds; a failure names the seed that shows it again.
    Sim(sim::Args),
}

fn main() -> ExitCode {
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
        Verb::Sim(args) => sim::run(&args),
    }
}
