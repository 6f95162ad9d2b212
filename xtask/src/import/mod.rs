//! `cargo xtask import`: what other inits read, written as unit files. A start, not a translation: what could not be
//! kept is said, with its line, and stands as a comment in the unit file. A module for each format; none of them
//! touches a file.

mod command;
mod dinit;
mod finit;
mod inittab;
mod sysv;
mod unit;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};

use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::{self, FILE_BYTES_MAX, Text},
};
use unit::UnitText;

/// Lines that mean something in one file: no init reads more, and each may become a unit.
const ENTRIES_MAX: usize = 1000;
/// Units of one run.
const UNITS_MAX: usize = 4000;

/// `cargo xtask import`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What the files are.
    #[arg(value_enum)]
    format: Format,
    /// Write the unit files into this directory; without it they go to stdout, one after the other.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace files that are there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// The files. Those that name each other go into one run, so that the names fit.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Init scripts: /etc/init.d/* of Debian (with LSB headers), S##* of Buildroot.
    Sysv,
    /// /etc/inittab of BusyBox or sysvinit.
    Inittab,
    /// finit.conf and finit.d/*.conf.
    Finit,
    /// Service descriptions of dinit: /etc/dinit.d/*.
    Dinit,
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sysv => "sysv",
            Self::Inittab => "inittab",
            Self::Finit => "finit",
            Self::Dinit => "dinit",
        }
    }
}

/// One file to import.
struct Input {
    path: PathBuf,
    text: Text,
}

impl Input {
    /// The file's name without its directories.
    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut sink = Diagnostics::default();
    let units = import(args.format, &args.files, &mut sink);
    sink.emit(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    if sink.has_errors() {
        return Ok(ExitCode::FAILURE);
    }
    match &args.output {
        Some(directory) => write(&units, args.format, directory, args.force)?,
        None => {
            for unit in &units {
                writeln!(std::io::stdout(), "### {}\n{}", unit.name, unit.text(args.format.as_str()))?;
            }
        }
    }
    eprintln!("{} {} written", units.len(), if units.len() == 1 { "unit file" } else { "unit files" });
    Ok(ExitCode::SUCCESS)
}

fn write(units: &[UnitText], format: Format, directory: &Path, force: bool) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for unit in units {
        let path = directory.join(&unit.name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true);
        if force {
            options.truncate(true)
        } else {
            options.create_new(true)
        };
        let mut file = options.open(&path).with_context(|| {
            let hint = if path.exists() { " (--force replaces it)" } else { "" };
            format!("cannot write {}{hint}", path.display())
        })?;
        file.write_all(unit.text(format.as_str()).as_bytes())?;
    }
    Ok(())
}

/// The unit files that `files` make. All problems go to `sink`; with an error among them the units are not to be used.
fn import(format: Format, files: &[PathBuf], sink: &mut Diagnostics) -> Vec<UnitText> {
    let inputs: Vec<Input> = files.iter().filter_map(|path| input(path, sink)).collect();
    let mut units = match format {
        Format::Inittab => inputs.iter().flat_map(|input| inittab::import(input, sink)).collect::<Vec<_>>(),
        Format::Dinit => dinit::import(&inputs, sink),
        Format::Finit => finit::import(&inputs, sink),
        Format::Sysv => sysv::import(&inputs, sink),
    };
    if units.len() > UNITS_MAX {
        sink.push(Diagnostic::error(
            Code::TooMuchToImport,
            format!("{} units: at most {UNITS_MAX} in one run", units.len()),
        ));
        units.truncate(UNITS_MAX);
    }
    let mut names = std::collections::BTreeMap::new();
    for unit in &units {
        if let Some(()) = names.insert(unit.name.clone(), ()) {
            let message = format!("two of the files make a {}", unit.name);
            sink.push(
                Diagnostic::error(Code::UnitTwice, message).help("import one of them in a run of its own"),
            );
        }
        unit.problems.iter().for_each(|problem| sink.push(problem.clone()));
    }
    units
}

/// The file at `path`, if it is a text of bounded size.
fn input(path: &Path, sink: &mut Diagnostics) -> Option<Input> {
    match read::bytes(path, FILE_BYTES_MAX) {
        Ok(bytes) => {
            let source = read::source(path, &bytes, sink)?;
            let text = Text::of(&source, 0..source.text().len());
            Some(Input { path: path.to_owned(), text })
        }
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            sink.push(Diagnostic::error(read::code_of(&error), message));
            None
        }
    }
}

/// The lines of `text` that are neither empty nor comments, trimmed.
fn entries(input: &Input, sink: &mut Diagnostics) -> Vec<Text> {
    let text = &input.text;
    let mut found = Vec::new();
    for (start, line) in read::lines(text.as_str()) {
        let line = text.slice(start..start + line.len()).trim();
        if line.is_empty() || line.as_str().starts_with('#') {
            continue;
        }
        if found.len() == ENTRIES_MAX {
            sink.push(too_many(&line));
            break;
        }
        found.push(line);
    }
    found
}

fn too_many(line: &Text) -> Diagnostic {
    Diagnostic::error(Code::TooMuchToImport, format!("more than {ENTRIES_MAX} entries in one file"))
        .on(line, 0..line.len())
}

#[cfg(test)]
mod tests;
