//! What a unit's cgroup is to hold it to, in a kernel that has all controllers: those of the machine that runs the tests
//! may belong to cgroup-v1, or to somebody else.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use tomte::wire::log::LOGD_UNIT;

use super::{
    handover::said,
    host::has_line,
    posture::{Row, has_rows},
    program,
};
use crate::{
    board::Board,
    report::{Ended, Report},
};

/// Units, and their ActiveState and Result in the end.
const STATES: [(&str, &str, &str); 15] = [
    ("anew.service", "inactive", "success"),
    ("bomb.service", "failed", "exit-code"),
    ("bound.service", "inactive", "success"),
    ("bystander.service", "active", "success"),
    ("closed.service", "inactive", "success"),
    ("delegated.service", "inactive", "success"),
    ("eater.service", "failed", "oom-kill"),
    ("inside.service", "inactive", "success"),
    ("private.service", "inactive", "success"),
    ("remains.service", "inactive", "success"),
    ("spared.service", "inactive", "success"),
    ("starved.service", "failed", "oom-kill"),
    ("strict.service", "inactive", "success"),
    ("together.service", "failed", "oom-kill"),
    ("walled.service", "inactive", "success"),
];

/// A kernel with everything applies everything.
const ROWS: [Row; 8] = [
    ("inside.service", "CPUQuota=", "inactive", ""),
    ("bystander.service", "CPUQuota=", "applied", ""),
    ("bystander.service", "MemoryMax=", "applied", ""),
    ("bystander.service", "TasksMax=", "applied", ""),
    ("bystander.service", "AllowedCPUs=", "applied", ""),
    ("bystander.service", "DevicePolicy=closed", "applied", ""),
    ("bystander.service", "IPAddressDeny=", "applied", ""),
    ("bystander.service", "SocketBindDeny=", "applied", ""),
];

/// Boots `board` with the units of tests/vm/cgroups.
pub fn run(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/cgroups");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", &board.name, "--units", units, "--until", "idle", "--report"]).arg(&file);
    let finished = program::run(&mut command)?;
    let report = std::fs::read_to_string(&file).context("xtask wrote no report")?;
    let report = Report::parse(&report)?;
    ensure!(report.ended == Ended::Idle && report.boot_us > 0, "ended: {}, {}", report.ended, report.boot_us);
    let (boot, own) = (report.boot_us, report.boot_cpu_us);
    ensure!(own > 0 && own <= boot, "of {boot} us PID 1 has worked {own}");
    println!("{}: boot took {} ms, PID 1 itself {} of them", board.name, boot / 1000, own / 1000);
    for (name, active, result) in STATES {
        let unit = report.unit(name).with_context(|| format!("the report has no {name}"))?;
        ensure!((unit.active.as_str(), unit.result.as_deref()) == (active, Some(result)), "{unit:?}");
    }
    let logd = report.unit(LOGD_UNIT).context("the report has no logd")?;
    ensure!(logd.restarts == Some(0), "its sandbox is too tight on this architecture: {logd:?}");
    has_rows(&report, &ROWS)?;
    let has_gone_on =
        |line: &String| line.contains("the eater goes on") || line.contains("the starved has run");
    ensure!(!finished.lines.iter().any(has_gone_on), "who wanted too much memory was not stopped");
    let (before, after) = (said(&finished, "BEFORE ")?, said(&finished, "AFTER ")?);
    ensure!(before == after, "PID 1 has replaced its program, and {before} has become {after}");
    has_line(&finished, &["eater.service", "The OOM killer has killed a process"])?;
    has_line(&finished, &["can't fork: Resource temporarily unavailable"])?;
    Ok(())
}
