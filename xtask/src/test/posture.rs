//! What the report says of the settings that narrow a unit: applied, degraded or refused, and why.

use anyhow::{Context, Result, ensure};

use super::host::run_units;
use crate::report::Report;

/// Unit, setting, state, and a piece of the reason.
pub type Row = (&'static str, &'static str, &'static str, &'static str);

/// On a machine without cgroup2.
const WITHOUT_CGROUPS: [Row; 6] = [
    ("limited.service", "CPUQuota=", "degraded", "the kernel has no cgroup"),
    ("limited.service", "MemoryMax=", "degraded", "the kernel has no cgroup"),
    ("limited.service", "TasksMax=", "degraded", "the kernel has no cgroup"),
    ("limited.service", "DevicePolicy=closed", "degraded", "the kernel has no cgroup"),
    ("limited.service", "PrivateDevices=yes", "applied", ""),
    ("guarded.service", "DeviceAllow=", "refused", "step device-policy: Operation not supported"),
];

/// Limits are left out and said to be where there is nothing to limit with; devices are not.
pub fn without_cgroups() -> Result<()> {
    let (_, report) = run_units("tests/host/limits", &["--until", "idle", "--no-cgroup"])?;
    has_rows(&report.context("no report")?, &WITHOUT_CGROUPS)
}

/// Each row is in the report.
pub fn has_rows(report: &Report, rows: &[Row]) -> Result<()> {
    for (name, setting, state, why) in rows {
        let unit = report.unit(name).with_context(|| format!("the report has no {name}"))?;
        let found = unit.posture.iter().find(|row| row.setting == *setting);
        let found = found.with_context(|| format!("{name} has no {setting}: {:?}", unit.posture))?;
        ensure!(found.state == *state && found.why.contains(why), "{name}: {found:?}");
    }
    Ok(())
}
