//! `cargo xtask check`: unit files in, diagnostics out. Exit status 0 if there is no error, 1 if there is, 2 on usage.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Image, beyond_as, folders, known::KINDS, load_for, notes};
use crate::{
    bake::limits,
    diag::{Code, Diagnostic, Diagnostics, Severity},
    model::Unit,
    order,
};

/// What `check --help` says about `--json`.
const JSON_HELP: &str = "\
With --json, one object goes to stdout:
  schema       1; raised when a field changes its meaning or goes
  units        of each unit: name, kind, file (null for what has none)
  diagnostics  of each problem: severity (error, warning, note), code, message, file, line, column, width,
               labels (file, line, column, width, text), help (a list of lines); lines and columns count from 1,
               columns and widths in characters; file, line and column are null for problems of no place
  summary      errors, warnings, notes, and units: a number for each kind of unit

A code never changes its meaning: cargo xtask explain CODE.
Exit status: 0 without errors, 1 with errors, 2 if the command line is wrong.";

/// `cargo xtask check`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = JSON_HELP)]
pub struct Args {
    /// Print units and problems as JSON, on stdout.
    #[arg(long)]
    json: bool,
    /// Show every note at its place, not only how many there are of each kind.
    #[arg(long)]
    notes: bool,
    /// The image's root directory, or several that lie on each other: programs, users, groups and units that it lacks
    /// are errors. Without PATH its own unit files are checked.
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
    units.iter().for_each(|unit| limits::of_unit(unit, &mut sink));
    order::check_set(&units, !args.rootfs.is_empty(), &mut sink);
    if units.is_empty() && !sink.has_errors() {
        sink.push(nothing(args));
    }
    if args.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&to_json(&units, &sink))?)?;
    } else {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let least = if args.notes { Severity::Note } else { Severity::Warning };
        let notes = if args.notes { String::new() } else { notes::by_kind(&sink) };
        eprint!("{}{notes}{}", sink.at_least(least).render(color), summary(&units, &sink));
    }
    Ok(if sink.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How many units there are of each kind that there is, in the order of [`KINDS`].
fn kinds(units: &[Unit]) -> Vec<(&'static str, usize)> {
    let count = |kind: &'static str| (kind, units.iter().filter(|unit| unit.kind.suffix() == kind).count());
    KINDS.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
}

const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Note];

/// The last lines: what was checked, what was found, and where to read more about it.
fn summary(units: &[Unit], sink: &Diagnostics) -> String {
    let counted =
        |(what, count): (&str, usize)| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let list = |counts: Vec<(&'static str, usize)>, none: &str| {
        let words: Vec<String> = counts.into_iter().filter(|(_, count)| *count > 0).map(counted).collect();
        if words.is_empty() { none.to_owned() } else { words.join(", ") }
    };
    let severities = SEVERITIES.map(|severity| (severity.as_str(), sink.count(severity)));
    let mut text = format!(
        "checked {}: {}\n",
        list(kinds(units), "no units"),
        list(severities.to_vec(), "nothing to say")
    );
    if let Some(problem) = sink.iter().find(|problem| problem.severity == Severity::Error) {
        text.push_str(&format!("more about a problem: cargo xtask explain CODE, such as {}\n", problem.code));
    }
    if !units.is_empty() {
        let fit = notes::fit_for_a_table(units, sink);
        let fit = if fit == units.len() { "all".to_owned() } else { fit.to_string() };
        text.push_str(&format!("this tomte can run {fit} of them\n"));
    }
    text
}

/// There is no unit in what was given.
fn nothing(args: &Args) -> Diagnostic {
    let given = if args.paths.is_empty() { &args.rootfs } else { &args.paths };
    let shown: Vec<String> = given.iter().map(|path| path.display().to_string()).collect();
    let problem = Diagnostic::error(Code::NoUnits, format!("no unit files in {}", shown.join(" ")));
    match args.paths.iter().find(|path| folders::is_root(path)) {
        Some(root) => problem.help(format!("for a whole image: --rootfs {}", root.display())),
        None => problem,
    }
}

fn to_json(units: &[Unit], sink: &Diagnostics) -> Value {
    let unit = |unit: &Unit| {
        json!({
            "name": unit.name,
            "kind": unit.kind.suffix(),
            "file": unit.file.as_ref().map(|file| file.to_string_lossy()),
        })
    };
    let mut summary: Map<String, Value> = SEVERITIES
        .into_iter()
        .map(|severity| (format!("{}s", severity.as_str()), sink.count(severity).into()))
        .collect();
    let kinds: Map<String, Value> =
        kinds(units).into_iter().map(|(kind, count)| (kind.to_owned(), count.into())).collect();
    summary.insert("units".to_owned(), kinds.into());
    json!({
        "schema": 1,
        "units": units.iter().map(unit).collect::<Vec<_>>(),
        "diagnostics": sink.to_json(),
        "summary": summary,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Diagnostic};

    fn some() -> (Vec<Unit>, Diagnostics) {
        let mut sink = Diagnostics::default();
        let units = super::super::load(&["../tests/configs/good".into()], &mut sink);
        (units, sink)
    }

    #[test]
    fn the_last_line_counts_units_by_kind_and_problems_by_severity() {
        let (units, mut sink) = some();
        let last = summary(&units, &sink);
        assert!(
            last.starts_with("checked ")
                && last.ends_with(" services, 1 target: nothing to say\nthis tomte can run all of them\n"),
            "{last}"
        );
        assert_eq!(summary(&[], &sink), "checked no units: nothing to say\n");
        sink.push(Diagnostic::note(Code::Masked, "a"));
        sink.push(Diagnostic::note(Code::Masked, "b"));
        assert_eq!(summary(&[], &sink), "checked no units: 2 notes\n");
        sink.push(Diagnostic::error(Code::Word, "c"));
        let expected = "checked no units: 1 error, 2 notes\n\
            more about a problem: cargo xtask explain CODE, such as T0101\n";
        assert_eq!(summary(&[], &sink), expected);
    }

    #[test]
    fn programs_get_units_problems_and_counts_in_one_object() {
        let (units, mut sink) = some();
        sink.push(Diagnostic::warning(Code::Masked, "a"));
        let json = to_json(&units, &sink);
        assert_eq!(json["schema"], 1);
        assert_eq!(json["units"][0]["name"], "app.target");
        assert_eq!(
            (&json["units"][0]["kind"], &json["diagnostics"][0]["code"]),
            (&"target".into(), &"T0016".into())
        );
        assert_eq!(
            (&json["summary"]["warnings"], &json["summary"]["units"]["target"]),
            (&1.into(), &1.into())
        );
        for field in ["schema", "units", "diagnostics", "summary"] {
            assert!(JSON_HELP.contains(field) && json.get(field).is_some(), "{field}");
        }
        for field in json["diagnostics"][0].as_object().expect("an object").keys() {
            assert!(JSON_HELP.contains(field.as_str()), "{field} is not documented");
        }
    }
}
