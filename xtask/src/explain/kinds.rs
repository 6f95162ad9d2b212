//! Units that the table has not, as PID 1 cannot start their kind yet: what was read of them, defaults included.

use serde::Serialize;
use serde_json::Value;

use super::{Explanation, Row};
use crate::model::{Kind, Unit};

/// All that is known of `unit`.
pub(super) fn explain(unit: &Unit) -> Explanation {
    let mut explanation = Explanation::default();
    let file = unit.file.as_ref().map_or_else(String::new, |file| file.display().to_string());
    let at_boot = format!("no, this tomte does not start {} units", unit.kind.suffix());
    let mut about: Vec<Row> = [
        ("Name", &unit.name),
        ("Description", &unit.description),
        ("File", &file),
        ("Started at boot", &at_boot),
    ]
    .map(|(name, value)| (name.to_owned(), vec![value.clone()]))
    .into();
    about.retain(|(_, values)| values.iter().any(|value| !value.is_empty()));
    explanation.add("Unit", about);
    let related = unit.relations.iter().chain(unit.install.relations.iter());
    let related = related.map(|(relation, other)| (relation.setting().to_owned(), vec![other.value.clone()]));
    explanation.add("Dependencies", related.collect());
    let (heading, rows) = of_kind(&unit.kind);
    explanation.add(heading, rows);
    explanation
}

/// What only units of this kind have, and the heading; services and targets have nothing here.
pub(super) fn of_kind(kind: &Kind) -> (&'static str, Vec<Row>) {
    match kind {
        Kind::Socket(socket) => ("Socket", rows(socket)),
        Kind::Timer(timer) => ("Timer", rows(timer)),
        Kind::Path(path) => ("Path", rows(path)),
        Kind::Mount(mount) => ("Mount", rows(mount)),
        Kind::Swap(swap) => ("Swap", rows(swap)),
        Kind::Slice(resources) => ("Slice", rows(resources)),
        Kind::Device(node) => ("Device", vec![("Node".to_owned(), vec![node.clone()])]),
        Kind::Target | Kind::Service(_) => ("Unit", Vec::new()),
    }
}

/// The fields of a record that are set.
pub(super) fn rows(record: &impl Serialize) -> Vec<Row> {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return Vec::new() };
    let mut rows: Vec<Row> = Vec::new();
    for (name, value) in fields {
        match value {
            // What holds always, and what holds while the machine starts.
            Value::Object(phases) if phases.contains_key("startup") => {
                rows.extend(phases.iter().map(|(phase, value)| {
                    let start = if phase == "startup" { "Startup" } else { "" };
                    (format!("{start}{name}"), words(value))
                }));
            }
            value => rows.push((name, words(&value))),
        }
    }
    rows.retain(|(_, values)| values.iter().any(|value| !value.is_empty()));
    rows
}

/// A value in words: one line for each element of a list.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(value) => vec![if *value { "yes" } else { "no" }.to_owned()],
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().map(|value| words(value).join(" ")).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", words(value).join(" "))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check, diag::Diagnostics};

    fn explained(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        let mut sink = Diagnostics::default();
        let units = check::load(&[path], &mut sink);
        assert!(!sink.has_errors(), "{}", sink.render(false));
        let text = explain(&units[0]).to_text();
        let file = folder.path().to_string_lossy().into_owned();
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
            .collect::<String>()
            .replace(&file, "")
    }

    #[test]
    fn a_timer_is_told_with_its_defaults() {
        let text = "[Unit]\nWants=b.service\n[Timer]\nOnCalendar=daily\nOnBootSec=90\nPersistent=yes\n";
        let expected = "[Unit]\nName a.timer\nFile /a.timer\nStarted at boot no, this tomte does not start timer units\n\
            [Dependencies]\nWants b.service\n[Timer]\nAccuracy 60s\nDeferReactivation no\n\
            Elapses OnCalendar=*-*-* 00:00:00\nOnBootSec=90s\nFixedRandomDelay no\nOnClockChange no\n\
            Persistent yes\nRandomizedDelay 0s\nRemainAfterElapse yes\nUnit a.service\n";
        assert_eq!(explained("a.timer", text), expected);
    }

    #[test]
    fn limits_are_told_as_they_are_written() {
        let text = "[Slice]\nMemoryMax=64M\nStartupMemoryMax=50%\nCPUWeight=idle\nCPUQuota=12.5%\nTasksMax=infinity\n\
            AllowedCPUs=0-2\nIODeviceWeight=/dev/sda 500\nIODeviceLatencyTargetSec=/dev/sda 25ms\n\
            IOReadBandwidthMax=/dev/sda 5M\nIOWriteIOPSMax=/dev/sda infinity\nDeviceAllow=/dev/null r\n\
            IPAddressDeny=any\nSocketBindDeny=tcp:1-1023\nRestrictNetworkInterfaces=~eth0\nDelegate=cpu io\n";
        let expected = "[Slice]\nAllowedCPUs 0\n1\n2\nCPUQuota 12.50%\nCPUWeight Idle\nDelegate Controllers Cpu Io\n\
            DeviceAllow /dev/null r\nIOLimits IODeviceWeight=/dev/sda 500\nIODeviceLatencyTargetSec=/dev/sda 25ms\n\
            IOReadBandwidthMax=/dev/sda 5000000\nIOWriteIOPSMax=/dev/sda infinity\nIPAddressDeny 0.0.0.0/0\n::/0\n\
            MemoryMax 67108864\nStartupMemoryMax 50%\nRestrictNetworkInterfaces except yes\nnames eth0\n\
            SocketBindDeny tcp:1-1023\nTasksMax infinity\n";
        let told = explained("a.slice", text);
        assert_eq!(told[told.find("[Slice]").expect("a section")..], *expected);
    }

    #[test]
    fn sockets_are_told() {
        let socket =
            explained("a.socket", "[Socket]\nListenStream=[::1]:80\nListenFIFO=/run/x\nSocketMode=0600\n");
        for line in [
            "Listen ListenStream=[::1]:80",
            "ListenFIFO=/run/x",
            "SocketMode 0600",
            "Service a.service",
            "TriggerLimit 20 in 2s",
            "BindIPv6Only Default",
        ] {
            assert!(socket.contains(&format!("{line}\n")), "{line}: {socket}");
        }
    }
}
