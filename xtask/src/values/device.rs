//! Device nodes, and values that go with one (systemd.resource-control(5); facts from load-fragment.c,
//! `config_parse_device_allow` and `config_parse_io_limit`).

use tomte::table::Micros;

use super::{path, scalar, size, specifier::Specifiers, time, word, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Which devices a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Devices {
    /// One node below /dev.
    Node(String),
    /// All of a kind whose driver's name in /proc/devices matches a pattern; `*` for all of the kind.
    Class {
        /// Block devices, not character devices.
        block: bool,
        /// A pattern of glob(7).
        pattern: String,
    },
}

/// A rule of `DeviceAllow=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub devices: Devices,
    pub access: Access,
}

impl std::fmt::Display for Rule {
    /// As [`rule`] reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.devices {
            Devices::Node(path) => f.write_str(path)?,
            Devices::Class { block: true, pattern } => write!(f, "block-{pattern}")?,
            Devices::Class { block: false, pattern } => write!(f, "char-{pattern}")?,
        }
        let Access { read, write, mknod } = self.access;
        let letters = [(read, "r"), (write, "w"), (mknod, "m")].into_iter().filter(|(may, _)| *may);
        write!(f, " {}", letters.map(|(_, letter)| letter).collect::<String>())
    }
}

impl serde::Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What may be done with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub read: bool,
    pub write: bool,
    /// Make nodes for it.
    pub mknod: bool,
}

/// `NODE [rwm]`: what may be done with which devices. Nothing behind the node is all.
pub fn rule(text: &Text, specifiers: &Specifiers) -> Result<Rule, Diagnostic> {
    let (node, rest) = first(text, specifiers)?;
    let access =
        if rest.is_empty() { Access { read: true, write: true, mknod: true } } else { access(&rest)? };
    Ok(Rule { devices: devices(&node)?, access })
}

fn devices(text: &Text) -> Result<Devices, Diagnostic> {
    let written = text.as_str();
    for (start, block) in [("block-", true), ("char-", false)] {
        if let Some(pattern) = written.strip_prefix(start) {
            if pattern.is_empty() {
                return Err(wrong(text, Code::Device, format!("no driver behind {start}: * is all of them")));
            }
            return Ok(Devices::Class { block, pattern: pattern.to_owned() });
        }
    }
    let node = path::absolute(text).map_err(|problem| {
        problem
            .help("a device is a path below /dev, or block- or char- and its driver's name in /proc/devices")
    })?;
    if !node.starts_with("/dev/") {
        return Err(wrong(text, Code::Device, format!("{node:?} is no device: device nodes are below /dev")));
    }
    Ok(Devices::Node(node))
}

fn access(text: &Text) -> Result<Access, Diagnostic> {
    let mut access = Access { read: false, write: false, mknod: false };
    for (at, c) in text.as_str().char_indices() {
        match c {
            'r' => access.read = true,
            'w' => access.write = true,
            'm' => access.mknod = true,
            _ => {
                let problem =
                    Diagnostic::error(Code::Device, format!("{c:?} is no access: expected r, w and m"));
                return Err(problem.on(text, at..at + c.len_utf8()));
            }
        }
    }
    Ok(access)
}

/// `PATH WEIGHT`: a block device, or a file on it, and 1 to 10000.
pub fn weight(text: &Text, specifiers: &Specifiers) -> Result<(String, u64), Diagnostic> {
    with(text, specifiers, "a weight from 1 to 10000", scalar::weight)
}

/// `PATH BYTES`: a block device, or a file on it, and so many bytes a second (to the base of 1000) or `infinity`.
pub fn rate(text: &Text, specifiers: &Specifiers) -> Result<(String, Option<u64>), Diagnostic> {
    with(text, specifiers, "a number of bytes a second", |value| match value.as_str() {
        "infinity" => Ok(None),
        _ => match size::bytes_of_rate(value)? {
            0 => Err(wrong(
                value,
                Code::Device,
                "\"0\": with no bytes at all nothing could be read or written",
            )),
            rate => Ok(Some(rate)),
        },
    })
}

/// `PATH SPAN`: a block device, or a file on it, and how long requests may take.
pub fn latency(text: &Text, specifiers: &Specifiers) -> Result<(String, Micros), Diagnostic> {
    with(text, specifiers, "a time span", time::span)
}

fn with<T>(
    text: &Text,
    specifiers: &Specifiers,
    expected: &str,
    value: impl Fn(&Text) -> Result<T, Diagnostic>,
) -> Result<(String, T), Diagnostic> {
    let (node, rest) = first(text, specifiers)?;
    if rest.is_empty() {
        return Err(wrong(
            text,
            Code::Device,
            format!("{:?}: expected a path and {expected}", text.as_str()),
        ));
    }
    Ok((path::absolute(&node)?, value(&rest)?))
}

/// The first word, specifiers replaced, and what follows it.
fn first(text: &Text, specifiers: &Specifiers) -> Result<(Text, Text), Diagnostic> {
    match word::next(text, 0, word::Escapes::Keep)? {
        Some(word) => Ok((specifiers.expand(&word.text)?, text.slice(word.next..text.len()).trim())),
        None => Err(wrong(text, Code::Device, "no device")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{tests::text, unit_name::UnitName};

    fn specifiers() -> Specifiers {
        let unit = UnitName::new("x@sda.service").expect("a name");
        Specifiers { unit, image: std::sync::Arc::default() }
    }

    #[test]
    fn rules_name_nodes_and_classes() {
        let all = |read, write, mknod| Access { read, write, mknod };
        let node = |path: &str| Devices::Node(path.to_owned());
        let class = |block, pattern: &str| Devices::Class { block, pattern: pattern.to_owned() };
        for (written, devices, access) in [
            ("/dev/null", node("/dev/null"), all(true, true, true)),
            ("/dev/%i r", node("/dev/sda"), all(true, false, false)),
            ("char-pts rw", class(false, "pts"), all(true, true, false)),
            ("block-* m", class(true, "*"), all(false, false, true)),
            ("/dev//mapper/x  rwm", node("/dev/mapper/x"), all(true, true, true)),
        ] {
            assert_eq!(rule(&text(written), &specifiers()), Ok(Rule { devices, access }), "{written}");
        }
        for (bad, column) in [
            ("", 1),
            ("null rw", 1),
            ("/sys/x", 1),
            ("char-", 1),
            ("/dev/null rx", 12),
            ("/dev/null r w", 12),
            ("/dev/%b", 6),
        ] {
            let problem = rule(&text(bad), &specifiers()).expect_err(bad);
            assert_eq!(problem.place.expect("a place").column, column, "{bad}");
        }
    }

    #[test]
    fn values_go_with_a_device() {
        assert_eq!(weight(&text("/dev/%i 500"), &specifiers()), Ok(("/dev/sda".into(), 500)));
        assert_eq!(rate(&text("/home 5M"), &specifiers()), Ok(("/home".into(), Some(5_000_000))));
        assert_eq!(rate(&text("/home infinity"), &specifiers()), Ok(("/home".into(), None)));
        assert_eq!(
            latency(&text("/dev/sda 25ms"), &specifiers()),
            Ok(("/dev/sda".into(), Micros::from_millis(25)))
        );
        for bad in ["", "/dev/sda", "/dev/sda 0", "/dev/sda 10001", "sda 5"] {
            assert!(weight(&text(bad), &specifiers()).is_err(), "{bad}");
        }
        assert!(rate(&text("/dev/sda 0"), &specifiers()).is_err());
        assert_eq!(
            rate(&text("/dev/sda 5Q"), &specifiers()).expect_err("no unit").place.expect("a place").column,
            11
        );
    }
}
