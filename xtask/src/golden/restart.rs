//! `tests/golden/restart.tsv`: what systemd 252 made of every type, `Restart=` and way to die, with three starts allowed,
//! done by tomte on the host board with real processes: starts, NRestarts, states, result, code and status.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

use super::board;
use crate::{
    check,
    diag::Diagnostics,
    report,
    run::{Args, Outcome, Until, execute, watch::Show},
};

/// What a service's program prints each time it is started, before its unit's name.
const MARK: &str = "STARTED ";

/// One row.
struct Case {
    unit: String,
    /// The unit file; the machine does not load it if systemd did not.
    text: String,
    /// The columns from the fourth on.
    expected: String,
    refused: bool,
}

/// Runs every row; answers how many and what differed.
pub fn run() -> Result<(usize, Vec<String>)> {
    let cases = read()?;
    let outcome = run_all(cases.iter().filter(|case| !case.refused))?;
    let mut differences = Vec::new();
    for case in &cases {
        let observed = if case.refused { refusal(case)? } else { observe(case, &outcome)? };
        if observed != case.expected {
            differences.push(format!("{}: {observed:?}, systemd {:?}", case.unit, case.expected));
        }
    }
    Ok((cases.len(), differences))
}

fn read() -> Result<Vec<Case>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/restart.tsv");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let cases: Vec<Case> = text.lines().skip(1).map(case).collect::<Result<_>>()?;
    ensure!(cases.len() == 62, "{} has {} cases", file.display(), cases.len());
    Ok(cases)
}

fn case(row: &str) -> Result<Case> {
    let columns: Vec<&str> = row.splitn(4, '\t').collect();
    let [kind, restart, death, expected] = columns[..] else { bail!("{row}: four columns") };
    let oneshot = kind == "oneshot";
    let (service_type, program, more) = match death {
        "start-timeout" => ("notify", "exec sleep 100", "TimeoutStartSec=300ms\n"),
        "notify-exit0" => ("notify", "exit 0", ""),
        "condition255" => ("simple", "exit 0", "ExecCondition=/bin/sh -c 'exit 255'\n"),
        "exit0" => ("simple", "exit 0", ""),
        "exit1" => ("simple", "exit 1", ""),
        "exit7-prevent" => ("simple", "exit 7", ""),
        _ => match death.strip_prefix("sig") {
            Some(_) => ("simple", "kill -SIGNAL $$$$", ""),
            None => bail!("{death}: how does it die?"),
        },
    };
    let program = program.replace("SIGNAL", death.trim_start_matches("sig"));
    let service_type = if oneshot { "oneshot" } else { service_type };
    let unit = format!("{}-{restart}-{death}.service", kind.replace('/', "-")).to_lowercase();
    let text = format!(
        "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3\n[Service]\nType={service_type}\nRestart={restart}\n\
         RestartSec=10ms\nRestartPreventExitStatus=7\nIgnoreSIGPIPE=no\nLimitCORE=0\n{more}\
         ExecStart=/bin/sh -c 'echo {MARK}{unit}; {program}'\n[Install]\nWantedBy=multi-user.target\n"
    );
    let refused = oneshot && restart == "always";
    Ok(Case { unit, text, expected: expected.trim_end().to_owned(), refused })
}

fn run_all<'c>(cases: impl Iterator<Item = &'c Case>) -> Result<Outcome> {
    let (_folder, dir) = board()?;
    for case in cases {
        fs::write(dir.join("units").join(&case.unit), &case.text)?;
    }
    let args = Args { board: dir.display().to_string(), until: Some(Until::Idle), ..Args::default() };
    execute(&args, Show::Quiet)
}

/// The columns as tomte has them.
fn observe(case: &Case, outcome: &Outcome) -> Result<String> {
    let unit = outcome.report.units.iter().find(|unit| unit.name == case.unit);
    let unit = unit.with_context(|| format!("the report has no {}", case.unit))?;
    let said = format!("{MARK}{}", case.unit);
    let starts = outcome.console.iter().filter(|line| **line == said).count();
    Ok(columns(starts, unit))
}

fn columns(starts: usize, unit: &report::Unit) -> String {
    let restarts = unit.restarts.unwrap_or_default();
    let result = unit.result.as_deref().unwrap_or("none");
    let (active, sub) = (&unit.active, &unit.sub);
    // systemd forgets a unit that is down and fine; its row says so and has no exit.
    if unit.active == "inactive" {
        return format!("{starts}\t{restarts} (gc)\tgc\t{active}\t{sub}\t{result}\t-");
    }
    let code = unit.main_code.as_deref().unwrap_or("-");
    let status = unit.main_status.unwrap_or_default();
    format!("{starts}\t{restarts}\t{}\t{active}\t{sub}\t{result}\t{code}\t{status}", unit.load)
}

/// systemd does not load a oneshot service that is always restarted; here the baker refuses it. The row says what
/// `systemctl show` says of a unit that is not there.
fn refusal(case: &Case) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(&case.unit);
    fs::write(&file, &case.text)?;
    let mut diagnostics = Diagnostics::default();
    check::load(&[file], &mut diagnostics);
    Ok(if diagnostics.has_errors() { case.expected.clone() } else { "loaded".to_owned() })
}
