//! `<pid/zebra,net/eth0/up>`: what has to be so before a stanza starts, as far as units can say it.

use super::super::unit::{self, UnitText};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// The unit of the service that Finit calls `identity`: `NAME` or `NAME:ID`.
pub fn unit_of(identity: &str) -> String {
    unit::name(&identity.replacen(':', "@", 1), "service")
}

/// Writes what `condition` stands for.
pub fn apply(condition: &Text, unit: &mut UnitText) {
    let text = condition.as_str().trim_start_matches(['~', '!']).trim_start_matches('+');
    let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
    let (middle, state) = rest.rsplit_once('/').unwrap_or((rest, ""));
    let on = |problem: Diagnostic| problem.on(condition, 0..condition.len());
    match (kind, rest, state) {
        ("" | "!", ..) => {}
        ("pid" | "svc", ..) if !rest.is_empty() => unit.requires(&unit_of(base_of_pid(rest))),
        ("service", _, "ready" | "running" | "started") | ("task" | "run", _, "success" | "done") => {
            unit.requires(&unit_of(middle));
        }
        ("task" | "run", _, "") if !rest.is_empty() => unit.requires(&unit_of(rest)),
        ("net", "route/default", _) => unit.wants("network-online.target"),
        ("net", ..) if rest.starts_with("lo/") => {}
        ("net", ..) => {
            unit.wants("network.target");
            let message =
                format!("{text}: network.target stands for it, and nothing stops when it goes away");
            unit.lost(on(Diagnostic::warning(Code::NotKept, message)));
        }
        ("hook", "mount/all" | "mount/post" | "mount/root" | "basefs/up", _) => unit.after("local-fs.target"),
        ("hook", "net/up", _) => unit.after("network.target"),
        _ => {
            let problem =
                Diagnostic::warning(Code::NotKept, format!("{text}: nothing waits for this condition"));
            let problem = match kind {
                "usr" => problem.help("a unit of its own, or a .path unit, can say when it is so"),
                "dev" => problem.help("device units are systemd's: udevadm settle in ExecStartPre= waits"),
                _ => problem,
            };
            unit.lost(on(problem));
        }
    }
}

/// `pid/quagga/zebra` is about zebra.
fn base_of_pid(rest: &str) -> &str {
    rest.rsplit('/').next().unwrap_or(rest)
}
