//! Resource limits: `Limit*=` (systemd.exec(5), "Process Properties"; facts from rlimit-util.c).

use tomte::table::Rlimit;

use super::{scalar::decimal, size, time, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Number,
    Bytes,
    Seconds,
    Micros,
    /// 20 less the nice level.
    Nice,
}

/// Keys, the kernel's numbers (asm-generic/resource.h, the same on every architecture tomte has), and units.
const LIMITS: [(&str, u8, Unit); 16] = [
    ("LimitCPU", 0, Unit::Seconds),
    ("LimitFSIZE", 1, Unit::Bytes),
    ("LimitDATA", 2, Unit::Bytes),
    ("LimitSTACK", 3, Unit::Bytes),
    ("LimitCORE", 4, Unit::Bytes),
    ("LimitRSS", 5, Unit::Bytes),
    ("LimitNPROC", 6, Unit::Number),
    ("LimitNOFILE", 7, Unit::Number),
    ("LimitMEMLOCK", 8, Unit::Bytes),
    ("LimitAS", 9, Unit::Bytes),
    ("LimitLOCKS", 10, Unit::Number),
    ("LimitSIGPENDING", 11, Unit::Number),
    ("LimitMSGQUEUE", 12, Unit::Bytes),
    ("LimitNICE", 13, Unit::Nice),
    ("LimitRTPRIO", 14, Unit::Number),
    ("LimitRTTIME", 15, Unit::Micros),
];

/// The setting of the kernel's limit number `resource`.
pub fn key(resource: u8) -> &'static str {
    LIMITS.into_iter().find(|(_, number, _)| *number == resource).map_or("Limit?", |(key, _, _)| key)
}

/// The limit that `key` sets to `text`: `soft:hard` or one value for both.
pub fn parse(key: &str, text: &Text) -> Result<Rlimit, Diagnostic> {
    let Some((_, resource, unit)) = LIMITS.into_iter().find(|(known, _, _)| *known == key) else {
        return Err(wrong(text, Code::ResourceLimit, format!("{key} is no resource limit")));
    };
    let (soft, hard) = match text.as_str().find(':') {
        Some(colon) => {
            (value(&text.slice(0..colon), unit)?, value(&text.slice(colon + 1..text.len()), unit)?)
        }
        None => {
            let both = value(text, unit)?;
            (both, both)
        }
    };
    if soft > hard {
        return Err(wrong(
            text,
            Code::ResourceLimit,
            format!("{:?}: the soft limit is above the hard limit", text.as_str()),
        ));
    }
    Ok(Rlimit { resource, soft, hard })
}

fn value(text: &Text, unit: Unit) -> Result<u64, Diagnostic> {
    if text.as_str() == "infinity" {
        return Ok(u64::MAX);
    }
    let (parsed, example) = match unit {
        Unit::Number => (decimal(text.as_str()).filter(|number| *number < u64::MAX), "a number"),
        Unit::Bytes => return size::bytes(text),
        Unit::Nice => {
            (nice(text.as_str()), "a nice level from -20 to +19 with its sign, or a raw limit from 0 to 40")
        }
        Unit::Seconds => return Ok(time::span(text)?.0.div_ceil(1_000_000)),
        Unit::Micros => return Ok(time::span_in(text, 1)?.0),
    };
    parsed.ok_or_else(|| {
        wrong(text, Code::ResourceLimit, format!("{:?}: expected {example}, or infinity", text.as_str()))
    })
}

fn nice(text: &str) -> Option<u64> {
    let level = |text: &str| decimal(text).and_then(|level| i64::try_from(level).ok());
    let raw = if let Some(rest) = text.strip_prefix('+') {
        20 - level(rest).filter(|level| *level <= 19)?
    } else if let Some(rest) = text.strip_prefix('-') {
        20 + level(rest).filter(|level| *level <= 20)?
    } else {
        level(text).filter(|raw| *raw <= 40)?
    };
    u64::try_from(raw).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn limits_have_units_and_two_sides() {
        for (key, value, limit) in [
            ("LimitNOFILE", "1024", (7, 1024, 1024)),
            ("LimitNOFILE", "1024:524288", (7, 1024, 524_288)),
            ("LimitCORE", "infinity", (4, u64::MAX, u64::MAX)),
            ("LimitCORE", "0:infinity", (4, 0, u64::MAX)),
            ("LimitAS", "1.5G", (9, 1_610_612_736, 1_610_612_736)),
            ("LimitMEMLOCK", "64K", (8, 65_536, 65_536)),
            ("LimitCPU", "1min", (0, 60, 60)),
            ("LimitCPU", "1500ms", (0, 2, 2)),
            ("LimitRTTIME", "7", (15, 7, 7)),
            ("LimitNICE", "-5:+0", (13, 25, 20)),
            ("LimitNICE", "+5", (13, 15, 15)),
        ] {
            let parsed = parse(key, &text(value));
            if limit.1 > limit.2 {
                assert!(parsed.is_err(), "{key}={value}");
                continue;
            }
            let (resource, soft, hard) = limit;
            assert_eq!(parsed, Ok(Rlimit { resource, soft, hard }), "{key}={value}");
        }
        for (key, value) in [
            ("LimitNOFILE", "2:1"),
            ("LimitNOFILE", "64K"),
            ("LimitNOFILE", ""),
            ("LimitNOFILE", "-1"),
            ("LimitNOFILE", "1:2:3"),
            ("LimitNOFILE", "1 : 2"),
            ("LimitNOFILE", "010"),
            ("LimitNOFILE", "18446744073709551615"),
            ("LimitAS", "1Q"),
            ("LimitAS", "99999999E"),
            ("LimitNICE", "+20"),
        ] {
            assert!(parse(key, &text(value)).is_err(), "{key}={value}");
        }
    }
}
