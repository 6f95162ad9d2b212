//! `tests/golden/exec.tsv`: command lines and environments as systemd 252 understood them, run by tomte on the host
//! board: the same words, the same variables, the same ends.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{board, program};
use crate::{
    check,
    diag::Diagnostics,
    run::{Args, Outcome, Until, execute, watch::Show},
};

/// One row.
struct Case {
    id: String,
    unit: String,
    /// A file of variables: path and text.
    file: Option<(String, String)>,
    result: String,
    observed: Vec<Process>,
}

/// What one process saw.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Process {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Runs every row that concerns directives tomte has; answers how many and what differed.
pub fn run() -> Result<(usize, Vec<String>)> {
    let cases = read(&golden_file())?;
    let (refused, started): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.result == "not-started");
    let mut differences: Vec<String> = refused.iter().filter_map(refused_too).collect();
    let outcome = run_all(&started)?;
    let seen = processes(&outcome.console)?;
    for case in &started {
        differences.extend(compare(case, &seen, &outcome));
    }
    Ok((refused.len() + started.len(), differences))
}

fn golden_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/exec.tsv")
}

fn read(file: &Path) -> Result<Vec<Case>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut cases = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, environment, exec, extra, result, observed, ..] = columns[..] else { continue };
        let unit = format!("[Service]\nType=oneshot\n{}\n{}\n", unescape(environment), unescape(exec));
        let observed = if observed.is_empty() { "[]" } else { observed };
        cases.push(Case {
            id: id.into(),
            unit,
            file: variables(environment, extra)?,
            result: result.into(),
            observed: serde_json::from_str(observed).with_context(|| format!("{id}: observed"))?,
        });
    }
    ensure!(cases.len() > 50, "{} has only {} cases", file.display(), cases.len());
    Ok(cases)
}

/// The file that `EnvironmentFile=` names; its text stands in the last column but three, quoted.
fn variables(environment: &str, extra: &str) -> Result<Option<(String, String)>> {
    let Some(text) = extra.strip_prefix("ENVFILE ") else { return Ok(None) };
    if text == "glob" {
        // Of `ef[01].conf` another row has made the first.
        return Ok(Some(("/etc/systemd/system/ef1.conf".into(), "A1=\"b c\"\n".into())));
    }
    let path = environment.trim_start_matches("EnvironmentFile=").to_owned();
    Ok(Some((path, serde_json::from_str(text).with_context(|| text.to_owned())?)))
}

/// The file writes newline, tab and backslash as `\n`, `\t`, `\\`.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    plain
}

/// A unit that systemd did not start has to be refused when it is read.
fn refused_too(case: &Case) -> Option<String> {
    let folder = tempfile::tempdir().ok()?;
    let file = folder.path().join(format!("{}.service", case.id));
    fs::write(&file, &case.unit).ok()?;
    let mut diagnostics = Diagnostics::default();
    check::load(&[file], &mut diagnostics);
    (!diagnostics.has_errors()).then(|| format!("{}: systemd refuses the unit, tomte does not", case.id))
}

fn run_all(cases: &[Case]) -> Result<Outcome> {
    let (_folder, board) = board()?;
    let programs = board.join("rootfs/etc/systemd/system");
    let units = board.join("units");
    fs::create_dir_all(&programs)?;
    fs::copy(std::env::current_exe()?, programs.join(program::NAME))?;
    for (path, text) in cases.iter().filter_map(|case| case.file.as_ref()) {
        fs::write(board.join("rootfs").join(path.trim_start_matches('/')), text)?;
    }
    for case in cases {
        let text = format!("{}\n[Install]\nWantedBy=multi-user.target\n", case.unit);
        fs::write(units.join(format!("{}.service", case.id)), text)?;
    }
    let args = Args { board: board.display().to_string(), until: Some(Until::Idle), ..Args::default() };
    execute(&args, Show::Quiet)
}

fn processes(console: &[String]) -> Result<BTreeMap<String, Vec<Process>>> {
    let mut seen: BTreeMap<String, Vec<Process>> = BTreeMap::new();
    for line in console.iter().filter_map(|line| line.strip_prefix(program::MARK)) {
        let (unit, process) = line.split_once(' ').context("a line of the program without a unit")?;
        seen.entry(unit.into()).or_default().push(serde_json::from_str(process)?);
    }
    Ok(seen)
}

fn compare(case: &Case, seen: &BTreeMap<String, Vec<Process>>, outcome: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    let unit = format!("{}.service", case.id);
    let none = Vec::new();
    let processes = seen.get(&unit).unwrap_or(&none);
    let words = |processes: &[Process]| processes.iter().map(|one| one.argv.clone()).collect::<Vec<_>>();
    if words(processes) != words(&case.observed) {
        differences.push(format!(
            "{}: words {:?}, systemd {:?}",
            case.id,
            words(processes),
            words(&case.observed)
        ));
    }
    for (ours, theirs) in processes.iter().zip(&case.observed) {
        for (name, value) in &theirs.env {
            if ours.env.get(name) != Some(value) {
                let ours = ours.env.get(name);
                differences.push(format!("{}: ${name} is {ours:?}, systemd has {value:?}", case.id));
            }
        }
        for name in ["A1", "B1", "1A", "A.B"] {
            if ours.env.contains_key(name) && !theirs.env.contains_key(name) {
                differences.push(format!("{}: ${name} is set, systemd drops it", case.id));
            }
        }
    }
    let status = outcome.report.units.iter().find(|one| one.name == unit);
    let result = status.map_or("missing".into(), |one| {
        let code = one.main_code.clone().unwrap_or_default();
        let number = one.main_status.map(|number| number.to_string()).unwrap_or_default();
        format!("{} {code} {number}", one.result.as_deref().unwrap_or("no result"))
    });
    let expected =
        if case.result == "exit-code exited 203" { case.result.as_str() } else { "success exited 0" };
    if result != expected {
        differences.push(format!("{}: ends with {result}, systemd {expected}", case.id));
    }
    differences
}
