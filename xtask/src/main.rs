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

mod bake;
mod board;
mod check;
mod diag;
mod model;
mod order;
mod targets;
#[cfg(test)]
mod testing;
mod uids;
mod users;
mod read;
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
    Bake(bake::verb::Bake),
    /// Says what is wrong with unit files.
    Check(check::verb::Args),
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
        Verb::Bake(args) => bake::verb::run(&args),
        Verb::Check(args) => check::verb::run(&args),
    }
}
