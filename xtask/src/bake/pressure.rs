//! `ConditionMemoryPressure=`, `ConditionCPUPressure=`, `ConditionIOPressure=` (systemd.unit(5)) as patterns for the lines of
//! /proc/pressure: the kernel writes averages as decimal numbers, and a number above a limit is a handful of patterns.

/// Averages that the kernel keeps, and how many seconds each is over.
const AVERAGES: [(&str, &[&str]); 3] = [
    ("avg10", &["10sec", "10s", "10"]),
    ("avg60", &["1min", "60sec", "60s", "60", "1m"]),
    ("avg300", &["5min", "300sec", "300s", "300", "5m"]),
];
/// The one that is looked at when none is named.
const LONGEST: &str = "avg300";

/// The file that tells about the pressure on `subject`, and patterns for its lines if that is above the limit in `value`:
/// `10%`, `12.5%/1min`. `None` for other subjects, for the pressure on a slice, and for what makes no sense.
///
/// "Full" pressure is looked at, as systemd does wherever the kernel tells it; of processors it does since Linux 5.13.
pub(super) fn above(subject: &str, value: &str) -> Option<(String, Vec<String>)> {
    let what = subject.strip_suffix("Pressure")?.to_lowercase();
    let (limit, span) =
        value.split_once('/').map_or((value, None), |(limit, span)| (limit, Some(span.trim())));
    let average = match span {
        Some(span) => AVERAGES.iter().find(|(_, words)| words.contains(&span))?.0,
        None => LONGEST,
    };
    let before = if average == "avg10" { "full avg10=" } else { &format!("full * {average}=") };
    let numbers = numbers_above(hundredths(limit.trim())?);
    Some((
        format!("/proc/pressure/{what}"),
        numbers.iter().map(|number| format!("{before}{number} *")).collect(),
    ))
}

/// A percentage of at most 100, with two digits behind its point at most.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.strip_suffix('%').map(|text| text.split_once('.').unwrap_or((text, "0")))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let scale = if part.len() == 1 { 10 } else { 1 };
    let sum = whole.parse::<u32>().ok()?.checked_mul(100)? + part.parse::<u32>().ok()? * scale;
    (sum <= 10_000).then_some(sum)
}

/// Patterns for all numbers from 0.00 to 100.00 that are above so many hundredths, and for no others.
fn numbers_above(limit: u32) -> Vec<String> {
    let (whole, part) = (limit / 100, limit % 100);
    let mut patterns = Vec::new();
    // One that begins like the limit and goes on with a larger digit.
    let mut larger = |before: String, digit: u32, behind: &str| {
        if digit < 9 {
            patterns.push(format!("{before}[{}-9]{behind}", digit + 1));
        }
    };
    if whole < 100 {
        larger(format!("{whole}.{}", part / 10), part % 10, "");
        larger(format!("{whole}."), part / 10, "?");
        if whole < 10 {
            larger(String::new(), whole, ".??");
            larger(String::new(), 0, "?.??");
        } else {
            larger((whole / 10).to_string(), whole % 10, ".??");
            larger(String::new(), whole / 10, "?.??");
        }
        patterns.push("100.??".to_owned());
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the target compares: `*`, `?` and `[a-b]`.
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                matches(rest, text) || text.split_first().is_some_and(|(_, behind)| matches(pattern, behind))
            }
            ([b'[', from, b'-', to, b']', rest @ ..], [one, behind @ ..]) => {
                (from..=to).contains(&one) && matches(rest, behind)
            }
            ([b'?', rest @ ..], [_, behind @ ..]) => matches(rest, behind),
            ([wanted, rest @ ..], [one, behind @ ..]) => wanted == one && matches(rest, behind),
            _ => false,
        }
    }

    #[test]
    fn a_number_is_above_every_smaller_limit_and_no_other() {
        for limit in [0, 1, 9, 10, 99, 100, 909, 999, 1000, 1050, 1099, 3790, 8999, 9999, 10_000] {
            let patterns = numbers_above(limit);
            for number in 0..=10_000 {
                let text = format!("{}.{:02}", number / 100, number % 100);
                let above = patterns.iter().any(|pattern| matches(pattern.as_bytes(), text.as_bytes()));
                assert_eq!(above, number > limit, "{text} and {limit}: {patterns:?}");
            }
        }
    }

    #[test]
    fn a_line_of_the_kernels_is_compared_by_the_average_that_is_meant() {
        let line = b"full avg10=50.00 avg60=9.00 avg300=1.25 total=12345";
        for (value, is_above) in [
            ("49.99%/10sec", true),
            ("50%/10sec", false),
            ("8%/1min", true),
            ("9%/1min", false),
            ("1.2%", true),
            ("1.25% / 5min", false),
        ] {
            let (file, patterns) = above("MemoryPressure", value).expect("a limit");
            assert_eq!(file, "/proc/pressure/memory");
            let found = patterns.iter().any(|pattern| matches(pattern.as_bytes(), line));
            assert_eq!(found, is_above, "{value}: {patterns:?}");
            let some = line.strip_prefix(b"full").expect("its beginning");
            assert!(!patterns.iter().any(|pattern| matches(pattern.as_bytes(), &[b"some", some].concat())));
        }
        for nonsense in ["", "10", "101%", "-1%", "1.234%", "x%", "10%/2min", "a.slice:10%", "1.%"] {
            assert_eq!(above("IOPressure", nonsense), None, "{nonsense}");
        }
        assert_eq!(above("Memory", "10%"), None);
    }
}
