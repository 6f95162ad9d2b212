//! Time spans (systemd.time(7); facts from time-util.c, `parse_time`).

use tomte::table::Micros;

use super::wrong;
use crate::{
    diag::{Code, Diagnostic},
    read::{Text, is_blank},
};

const SECOND: u64 = 1_000_000;

/// Unit names and their length in microseconds. A month is 30.44 days and a year 365.25, as in systemd.
const UNITS: [(&str, u64); 31] = [
    ("seconds", SECOND),
    ("second", SECOND),
    ("sec", SECOND),
    ("s", SECOND),
    ("minutes", 60 * SECOND),
    ("minute", 60 * SECOND),
    ("min", 60 * SECOND),
    ("m", 60 * SECOND),
    ("months", 2_629_800 * SECOND),
    ("month", 2_629_800 * SECOND),
    ("M", 2_629_800 * SECOND),
    ("msec", 1_000),
    ("ms", 1_000),
    ("hours", 3_600 * SECOND),
    ("hour", 3_600 * SECOND),
    ("hr", 3_600 * SECOND),
    ("h", 3_600 * SECOND),
    ("days", 86_400 * SECOND),
    ("day", 86_400 * SECOND),
    ("d", 86_400 * SECOND),
    ("weeks", 604_800 * SECOND),
    ("week", 604_800 * SECOND),
    ("w", 604_800 * SECOND),
    ("years", 31_557_600 * SECOND),
    ("year", 31_557_600 * SECOND),
    ("y", 31_557_600 * SECOND),
    ("usec", 1),
    ("us", 1),
    ("µs", 1),
    ("μs", 1),
    ("", SECOND),
];

/// A span such as `90`, `1.5s`, `1min 30s` or `infinity`; a bare number is seconds.
pub fn span(text: &Text) -> Result<Micros, Diagnostic> {
    span_in(text, SECOND)
}

/// A timeout: 0 means none, as it always has (load-fragment.c, `config_parse_sec_fix_0`).
pub fn timeout(text: &Text) -> Result<Micros, Diagnostic> {
    let span = span(text)?;
    Ok(if span == Micros::ZERO { Micros::FOREVER } else { span })
}

/// The same, where a bare number counts `bare` microseconds.
pub fn span_in(text: &Text, bare: u64) -> Result<Micros, Diagnostic> {
    let written = text.as_str().trim_matches(is_blank);
    if written == "infinity" {
        return Ok(Micros::FOREVER);
    }
    if written.starts_with('-') {
        return Err(wrong(text, Code::TimeSpan, format!("{written:?}: a time span is not negative")));
    }
    match sum(written, bare) {
        Some(total) => Ok(Micros(total)),
        None => Err(unknown_unit(text).unwrap_or_else(|| {
            let message =
                format!("{written:?}: expected a time span such as 90, 1min 30s, 500ms or infinity");
            wrong(text, Code::TimeSpan, message)
        })),
    }
}

/// Points at the first word behind a number that is no unit, if that is what is wrong.
fn unknown_unit(text: &Text) -> Option<Diagnostic> {
    let written = text.as_str();
    let is_letter = |c: char| !c.is_ascii_digit() && !is_blank(c) && c != '.' && c != '-';
    let mut at = written.find(|c: char| c.is_ascii_digit()).filter(|at| written[..*at].trim().is_empty())?;
    while let Some(start) = written[at..].find(is_letter).map(|found| at + found) {
        let end = written[start..].find(|c| !is_letter(c)).map_or(written.len(), |length| start + length);
        let word = &written[start..end];
        if UNITS.iter().all(|(unit, _)| *unit != word) {
            let problem =
                Diagnostic::error(Code::TimeSpan, format!("{written:?}: {word} is no unit of time"));
            let problem = problem.on(text, start..end).did_you_mean(word, UNITS.map(|(unit, _)| unit));
            return Some(problem.help("units are us ms s min h d w month y, and their longer names"));
        }
        at = end;
    }
    None
}

fn sum(written: &str, bare: u64) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = written;
    while !rest.is_empty() {
        let whole = take(&mut rest, |c| c.is_ascii_digit());
        let mut fraction = "";
        if let Some(behind) = rest.strip_prefix('.') {
            rest = behind;
            fraction = take(&mut rest, |c| c.is_ascii_digit());
            if fraction.is_empty() {
                return None;
            }
        } else if whole.is_empty() {
            return None;
        }
        rest = rest.trim_start_matches(is_blank);
        let name = take(&mut rest, |c| !c.is_ascii_digit() && !is_blank(c) && c != '.' && c != '-');
        let (_, length) = UNITS.into_iter().find(|(unit, _)| *unit == name)?;
        let length = if name.is_empty() { bare } else { length };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(length)?)?.checked_add(part(fraction, length))?;
        rest = rest.trim_start_matches(is_blank);
    }
    (!written.is_empty() && total != u64::MAX).then_some(total)
}

/// What the digits behind the point come to, in units of `length`, rounded down.
fn part(digits: &str, length: u64) -> u64 {
    let mut length = length;
    let mut total = 0;
    for digit in digits.bytes() {
        length /= 10;
        total += length * u64::from(digit - b'0');
    }
    total
}

fn take<'t>(rest: &mut &'t str, wanted: impl Fn(char) -> bool) -> &'t str {
    let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    let (taken, behind) = rest.split_at(end);
    *rest = behind;
    taken
}

/// A time span in the largest unit that has no fraction.
pub fn shown(span: Micros) -> String {
    match span {
        Micros::FOREVER => "infinity".to_owned(),
        Micros(micros) if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        Micros(micros) if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        Micros(micros) => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn a_timeout_of_nothing_is_none() {
        assert_eq!(timeout(&text("0")), Ok(Micros::FOREVER));
        assert_eq!(timeout(&text("1min")), Ok(Micros::from_secs(60)));
    }

    #[test]
    fn an_unknown_unit_is_shown_where_it_stands() {
        for (written, column, width, meant) in [
            ("15 mins", 4, 4, "did you mean \"min\"?"),
            ("1h 5 secs", 6, 4, "did you mean \"sec\"?"),
            ("2 fortnights", 3, 10, "units are us ms s min h d w month y, and their longer names"),
        ] {
            let problem = span(&text(written)).expect_err(written);
            assert_eq!((problem.place.expect("a place").column, problem.width), (column, width), "{written}");
            assert_eq!(problem.help[0], meant, "{written}");
        }
        let problem = span(&text("ten seconds")).expect_err("no number");
        assert_eq!(problem.width, 11, "all of it");
    }

    #[test]
    fn spans_add_up() {
        for (written, micros) in [
            ("0", 0),
            ("90", 90_000_000),
            ("100ms", 100_000),
            ("1.5s", 1_500_000),
            (".5", 500_000),
            ("1min 30s", 90_000_000),
            ("1min30s", 90_000_000),
            ("5 min", 300_000_000),
            ("2h", 7_200_000_000),
            ("1M", 2_629_800_000_000),
            ("7us", 7),
            ("infinity", u64::MAX),
        ] {
            assert_eq!(span(&text(written)), Ok(Micros(micros)), "{written}");
        }
        for bad in [
            "",
            " ",
            "abc",
            "-1",
            "1 parsec",
            "1s-",
            "infinity 1s",
            "99999999999999999999",
            "600000y",
            ".",
            "1..2",
        ] {
            assert!(span(&text(bad)).is_err(), "{bad:?}");
        }
    }
}
