//! `cargo xtask check`: unit files in, diagnostics out. Exit status 0 if there is no error, 1 if there is, 2 on usage.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;

use super::{Image, beyond_as, load_for};
use crate::{
    bake::limits,
    diag::{Diagnostics, Severity},
    order,
};

/// `cargo xtask check`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the problems as JSON, on stdout.
    #[arg(long)]
    json: bool,
    /// The image's root directory, or several that lie on each other: programs, users, groups and units that it lacks
    /// are errors.
    #[arg(long, value_name = "DIR")]
    rootfs: Vec<PathBuf>,
    /// Unit files, or directories of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut sink = Diagnostics::default();
    let image = Image { roots: args.rootfs.clone(), ..Image::default() };
    let units = load_for(&args.paths, &image, &mut sink);
    beyond_as(Some(Severity::Note), &units, &mut sink);
    units.iter().for_each(|unit| limits::of_unit(unit, &mut sink));
    order::check_set(&units, !args.rootfs.is_empty(), &mut sink);
    if args.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&sink.to_json())?)?;
    } else {
        sink.emit(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
        if !sink.has_errors() {
            eprintln!("{} {} checked", units.len(), if units.len() == 1 { "unit" } else { "units" });
        }
    }
    Ok(if sink.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
