//! Where the values of a record come from: the lines of the unit's files, or the setting that implies them.

use std::collections::BTreeMap;

use super::Row;
use crate::model::{Unit, Written};

/// What `DynamicUser=yes` sets, whatever else is written (systemd-semantics: unit.c, `unit_patch_contexts`).
const OF_DYNAMIC_USER: [&str; 5] =
    ["NoNewPrivileges", "PrivateTmp", "ProtectSystem", "RemoveIPC", "RestrictSUIDSGID"];

/// Settings whose assignments add up, besides those that [`adds_up`] knows by their form.
const LISTS: [&str; 10] = [
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "Environment",
    "EnvironmentFile",
    "RestartForceExitStatus",
    "RestartPreventExitStatus",
    "RestrictAddressFamilies",
    "SuccessExitStatus",
    "SupplementaryGroups",
    "SystemCallFilter",
];

/// The origins of each row of a section, by its name: one for each value, or one for all of them.
pub(super) type Origins = BTreeMap<String, Vec<String>>;

/// Where the values of `rows` come from, as far as that is worth a word.
pub(super) fn of(rows: &[Row], unit: &Unit) -> Origins {
    let origins = rows.iter().map(|(name, _)| (name.clone(), of_one(name, unit)));
    origins.filter(|(_, origins)| !origins.is_empty()).collect()
}

fn of_one(setting: &str, unit: &Unit) -> Vec<String> {
    let lines: Vec<String> = in_force(setting, &unit.written).map(place).collect();
    let dynamic = in_force("DynamicUser", &unit.written).last().filter(|a| is_yes(&a.value));
    if let Some(dynamic) = dynamic {
        let forced = OF_DYNAMIC_USER.contains(&setting);
        let filled_in = lines.is_empty() && matches!(setting, "User and Group" | "User" | "Group");
        let home = setting == "ProtectHome"
            && in_force(setting, &unit.written).last().is_none_or(|a| is_no(&a.value));
        if forced || filled_in || home {
            return vec![format!("implied by DynamicUser=, {}", place(dynamic))];
        }
    }
    lines
}

/// The assignments that make up the value of what is shown as `setting`: all since the last that took back the earlier
/// ones, or the last alone.
fn in_force<'u>(setting: &str, written: &'u [Written]) -> impl Iterator<Item = &'u Written> {
    let keys = keys(setting);
    let all: Vec<&Written> =
        written.iter().filter(|a| a.inert.is_none() && keys.contains(&&*a.key)).collect();
    let reset = all.iter().rposition(|a| a.value.is_empty()).map_or(0, |at| at + 1);
    let first = if adds_up(setting) { reset } else { reset.max(all.len().saturating_sub(1)) };
    all.into_iter().skip(first)
}

/// The keys that set what is shown as `setting`.
fn keys(setting: &str) -> Vec<&str> {
    match setting {
        "User and Group" => vec!["User", "Group"],
        "TimeoutStartSec" => vec!["TimeoutStartSec", "TimeoutSec"],
        "TimeoutStopSec" => vec!["TimeoutStopSec", "TimeoutSec"],
        "StartLimitIntervalSec" => vec!["StartLimitIntervalSec", "StartLimitInterval"],
        other => vec![other],
    }
}

fn adds_up(setting: &str) -> bool {
    let directory =
        setting.ends_with("Directory") && !matches!(setting, "WorkingDirectory" | "RootDirectory");
    directory
        || setting == "User and Group"
        || setting.starts_with("Exec")
        || setting.ends_with("Paths")
        || LISTS.contains(&setting)
}

fn place(written: &Written) -> String {
    format!("{}:{}", written.place.file.display(), written.place.line)
}

fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "y" | "true" | "t" | "on")
}

fn is_no(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "n" | "false" | "f" | "off")
}

/// What the unit's files say that has no effect on a record, with the reason: a row for each key.
pub(super) fn inert(unit: &Unit) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for written in &unit.written {
        let Some(why) = written.inert else { continue };
        let value = format!("{}   # {}: {why}", written.value, place(written));
        match rows.iter_mut().find(|(key, _)| *key == written.key) {
            Some((_, values)) => values.push(value),
            None => rows.push((written.key.clone(), vec![value])),
        }
    }
    rows
}

/// What the unit asks for and this tomte's PID 1 cannot do yet: a row for each key.
pub(super) fn later(unit: &Unit) -> Vec<Row> {
    let said = unit.later.iter().map(|problem| {
        let place = problem.place.as_ref();
        let place = place.map_or_else(String::new, |at| format!("   # {}:{}", at.file.display(), at.line));
        let weight = match problem.severity {
            crate::diag::Severity::Error => "bake refuses it",
            crate::diag::Severity::Warning | crate::diag::Severity::Note => "left out",
        };
        (problem.code.to_string(), vec![format!("{}; {weight}{place}", problem.message)])
    });
    let mut rows: Vec<Row> = Vec::new();
    for (code, values) in said {
        match rows.iter_mut().find(|(known, _)| *known == code) {
            Some((_, known)) => known.extend(values),
            None => rows.push((code, values)),
        }
    }
    rows
}
