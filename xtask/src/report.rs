//! The report of a run (`run --report`): its schema, reading it strictly, and the table shown at the end.
//!
//! PID 1 writes the report. Only when it never delivered one does this module make one, without units, that says why.

use std::{fmt, path::Path};

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

/// Number of the report's layout.
pub const SCHEMA: u32 = 1;
/// The line before a report on the console.
pub const BEGIN: &str = "-----BEGIN TOMTE REPORT-----";
/// The line after it.
pub const END: &str = "-----END TOMTE REPORT-----";
/// What the lines between them begin with that are the report's: others go on talking.
const MARK: char = '|';

/// What happened in one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The board's name.
    pub board: String,
    /// The architecture, as uname(1) has it.
    pub arch: String,
    /// From PID 1's start until boot's jobs were done, in microseconds; 0 when that never came.
    pub boot_us: u64,
    /// Processor time that PID 1 itself took for that, in microseconds.
    #[serde(default)]
    pub boot_cpu_us: u64,
    /// Why the run ended.
    pub ended: Ended,
    /// Every unit that was loaded, in the table's order.
    pub units: Vec<Unit>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// No job was left (`--until idle`).
    Idle,
    /// Somebody asked: Ctrl-C, a signal, a power-off.
    Signal,
    /// `--until DURATION` was over.
    Timeout,
    /// It did not end, and was ended.
    Hang,
    /// The machine started over before PID 1 had delivered a report.
    Reset,
    /// PID 1 or the kernel failed.
    Panic,
}

/// One unit at the end of the run. The words are systemd's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Full name.
    pub name: String,
    /// `Description=`, or empty.
    #[serde(default)]
    pub description: String,
    /// `service` or `target`.
    #[serde(rename = "type")]
    pub unit_type: String,
    /// LoadState.
    pub load: String,
    /// ActiveState.
    pub active: String,
    /// SubState.
    pub sub: String,
    /// Result of a service.
    #[serde(default)]
    pub result: Option<String>,
    /// The main process while there is one.
    #[serde(default)]
    pub main_pid: Option<u32>,
    /// How the last main process ended: `exited`, `killed` or `dumped`.
    #[serde(default)]
    pub main_code: Option<String>,
    /// Its exit code or signal number.
    #[serde(default)]
    pub main_status: Option<u32>,
    /// The user the service runs as, or ran as.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The group.
    #[serde(default)]
    pub gid: Option<u32>,
    /// How often it was restarted.
    #[serde(default)]
    pub restarts: Option<u32>,
    /// When it was started, in microseconds after PID 1's start.
    #[serde(default)]
    pub started_us: Option<u64>,
    /// When it was up.
    #[serde(default)]
    pub ready_us: Option<u64>,
    /// When it came to rest.
    #[serde(default)]
    pub ended_us: Option<u64>,
    /// What narrows its processes, and what of that was applied.
    #[serde(default)]
    pub posture: Vec<Setting>,
    /// What the service said of itself.
    #[serde(default)]
    pub status: String,
}

/// A setting that narrows a unit, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The unit's full name.
    pub unit: String,
    /// Such as `ProtectSystem=strict`.
    pub setting: String,
    /// `applied`, `degraded`, `refused`, or `inactive` where nothing runs.
    pub state: String,
    /// Why it was not applied, or empty.
    pub why: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Panic => "panic",
        })
    }
}

impl Report {
    /// The report of a run whose PID 1 delivered none.
    pub fn undelivered(board: &str, arch: &str, ended: Ended) -> Self {
        let (board, arch) = (board.into(), arch.into());
        Self { schema: SCHEMA, board, arch, boot_us: 0, boot_cpu_us: 0, ended, units: Vec::new() }
    }

    /// Reads `text` strictly: an unknown field or another schema is an error.
    pub fn parse(text: &str) -> Result<Self> {
        let report: Self = serde_json::from_str(text).context("the report is not what design.md §3 says")?;
        if report.schema != SCHEMA {
            bail!("the report has schema {}, this xtask reads {SCHEMA}", report.schema);
        }
        Ok(report)
    }

    /// The report between the two marker lines of a console, if both are there.
    pub fn in_console(lines: &[String]) -> Option<String> {
        let begin = lines.iter().rposition(|line| line.trim_end().ends_with(BEGIN))?;
        let length = lines[begin..].iter().position(|line| line.trim_end().ends_with(END))?;
        let marked = lines[begin + 1..begin + length].iter().filter_map(|line| {
            let line = line.trim_end_matches('\r');
            // Where the console is the kernel's log.
            let dated = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
            dated.map_or(line, |(_, line)| line).strip_prefix(MARK)
        });
        Some(marked.collect())
    }

    /// The unit called `name`.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// Names of the units that neither run nor ended well.
    pub fn failed(&self) -> Vec<&str> {
        self.units.iter().filter(|unit| !unit.is_well()).map(|unit| unit.name.as_str()).collect()
    }

    /// Whether the run went as it should: it ended because somebody wanted it to, and every unit is well.
    pub fn is_well(&self) -> bool {
        !matches!(self.ended, Ended::Panic | Ended::Hang | Ended::Reset) && self.failed().is_empty()
    }

    /// Writes the report to `path`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text).with_context(|| format!("cannot write the report to {}", path.display()))
    }

    /// The units as a table for people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["UNIT", "ACTIVE", "SUB", "RESULT", "UID", "RESTARTS"]);
        let or_dash = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        for unit in &self.units {
            table.add_row([
                unit.name.clone(),
                unit.active.clone(),
                unit.sub.clone(),
                unit.result.clone().unwrap_or_else(|| "-".into()),
                or_dash(unit.uid),
                or_dash(unit.restarts),
            ]);
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

impl Unit {
    /// Whether it runs, is on its way (a pending restart is), or ended as it should.
    pub fn is_well(&self) -> bool {
        match self.active.as_str() {
            "failed" => false,
            "inactive" => self.result.as_deref().is_none_or(|result| result == "success"),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"schema":1,"board":"host","arch":"x86_64","boot_us":5,"ended":"idle","units":[
        {"name":"a.service","type":"service","load":"loaded","active":"active","sub":"running","result":"success",
         "main_pid":7,"uid":61184,"gid":61184,"restarts":0,"started_us":1,"ready_us":2,"posture":[]}]}"#;

    #[test]
    fn a_report_reads_back_as_it_was_written() {
        let report = Report::parse(ONE).unwrap();
        assert_eq!(report.unit("a.service").unwrap().uid, Some(61184));
        assert_eq!(Report::parse(&serde_json::to_string(&report).unwrap()).unwrap(), report);
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        assert!(Report::parse(&ONE.replace("\"boot_us\"", "\"bootus\"")).is_err());
    }

    #[test]
    fn a_failed_unit_makes_the_run_fail() {
        let report = Report::parse(&ONE.replace("\"active\":\"active\"", "\"active\":\"failed\"")).unwrap();
        assert!(!report.is_well());
        assert_eq!(report.failed(), ["a.service"]);
    }

    #[test]
    fn a_unit_that_waits_for_its_restart_is_no_failure() {
        let waiting = ONE.replace("\"active\":\"active\"", "\"active\":\"activating\"");
        assert!(Report::parse(&waiting.replace("\"success\"", "\"exit-code\"")).unwrap().is_well());
    }

    #[test]
    fn a_report_is_found_between_the_markers_of_a_console() {
        let lines = [
            "[ 1.0] boot",
            "[ 2.0] -----BEGIN TOMTE REPORT-----",
            "|{\"a\": ",
            "",
            "tomte: x",
            "|1}",
            END,
            "bye",
        ];
        let lines: Vec<String> = lines.map(str::to_owned).to_vec();
        assert_eq!(Report::in_console(&lines).unwrap(), "{\"a\": 1}");
        assert_eq!(Report::in_console(&lines[..5]), None);
    }

    #[test]
    fn the_table_shows_a_dash_for_what_a_unit_does_not_have() {
        let text = Report::parse(&ONE.replace("\"uid\":61184,", "")).unwrap().table();
        assert!(text.lines().nth(1).unwrap().contains(" - "), "{text}");
    }
}
