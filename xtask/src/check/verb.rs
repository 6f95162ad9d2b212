//! `cargo xtask check`: unit files in, diagnostics out. Exit status 0 if there is no error, 1 if there is, 2 on usage.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;

use super::{
    Image, beyond_as, folders, load_for,
    summary::{self, plural},
};
use crate::{
    bake::limits,
    diag::{Code, Diagnostic, Diagnostics, Severity},
    model::Unit,
    order,
};

/// `cargo xtask check`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the problems as JSON, on stdout.
    #[arg(long)]
    json: bool,
    /// Show every note at its place, not only how many there are of each kind.
    #[arg(long)]
    notes: bool,
    /// The image's root directory, or several that lie on each other: programs, users, groups and units that it
    /// lacks are errors. Without PATH its own unit files are checked.
    #[arg(long, value_name = "DIR")]
    rootfs: Vec<PathBuf>,
    /// Unit files, or directories of them.
    #[arg(required_unless_present = "rootfs", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut sink = Diagnostics::default();
    let image = Image { roots: args.rootfs.clone(), ..Image::default() };
    let of_image = folders::of_image(&args.rootfs);
    let paths = if args.paths.is_empty() { &of_image } else { &args.paths };
    let units = load_for(paths, &image, &mut sink);
    beyond_as(Some(Severity::Note), &units, &mut sink);
    if units.is_empty() && !sink.has_errors() {
        sink.push(nothing(args));
    }
    units.iter().for_each(|unit| limits::of_unit(unit, &mut sink));
    order::check_set(&units, !args.rootfs.is_empty(), &mut sink);
    if args.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&sink.to_json())?)?;
    } else {
        tell(&units, &sink, args.notes);
    }
    Ok(if sink.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Says on stderr what was found.
fn tell(units: &[Unit], sink: &Diagnostics, every_note: bool) {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let least = if every_note { Severity::Note } else { Severity::Warning };
    sink.at_least(least).emit(color);
    let notes = summary::notes(sink);
    if !notes.is_empty() && !every_note {
        eprint!(
            "\nnotes, by kind (--notes shows their places, explain T0901 what is behind one):\n{notes}\n"
        );
    }
    let bakeable = summary::bakeable(units, sink);
    let bakeable = if bakeable == units.len() { "all".to_owned() } else { bakeable.to_string() };
    eprintln!("{} checked; this tomte can run {bakeable} of them", plural(units.len(), "unit"));
}

/// There is no unit in what was given.
fn nothing(args: &Args) -> Diagnostic {
    let shown =
        |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
    let given = if args.paths.is_empty() { &args.rootfs } else { &args.paths };
    let problem = Diagnostic::error(Code::NoUnits, format!("no unit files in {}", shown(given)));
    match args.paths.iter().find(|path| folders::is_root(path)) {
        Some(root) => problem.help(format!("for a whole image: --rootfs {}", root.display())),
        None => problem,
    }
}
