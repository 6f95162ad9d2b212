//! Who runs first and who dies first: nice levels, policies, priorities, the out-of-memory score (systemd.exec(5),
//! "Scheduling"). Numbers are the kernel's.

use nix::libc;

use super::{scalar::decimal, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// `CPUSchedulingPolicy=`.
const POLICIES: [(&str, u8); 5] = [
    ("other", libc::SCHED_OTHER as u8),
    ("batch", libc::SCHED_BATCH as u8),
    ("idle", libc::SCHED_IDLE as u8),
    ("fifo", libc::SCHED_FIFO as u8),
    ("rr", libc::SCHED_RR as u8),
];

/// `IOSchedulingClass=` (ioprio_set(2)).
const IO_CLASSES: [(&str, u8); 4] = [("none", 0), ("realtime", 1), ("best-effort", 2), ("idle", 3)];

/// A scheduling policy by name or number.
pub fn policy(text: &Text) -> Result<u8, Diagnostic> {
    named(text, &POLICIES, "scheduling policy")
}

/// A class of input and output by name or number.
pub fn io_class(text: &Text) -> Result<u8, Diagnostic> {
    named(text, &IO_CLASSES, "class of input and output")
}

/// Whether priorities count under `policy`, and hence lie between 1 and 99 instead of being 0.
pub const fn is_realtime(policy: u8) -> bool {
    policy == libc::SCHED_FIFO as u8 || policy == libc::SCHED_RR as u8
}

/// A real-time priority, 0 to 99.
pub fn priority(text: &Text) -> Result<u8, Diagnostic> {
    integer(text, 0, 99, "a priority").map(|value| value as u8)
}

/// A priority of input and output, 0 (first) to 7.
pub fn io_priority(text: &Text) -> Result<u8, Diagnostic> {
    integer(text, 0, 7, "a priority of input and output").map(|value| value as u8)
}

/// A nice level, -20 (first) to 19.
pub fn nice(text: &Text) -> Result<i8, Diagnostic> {
    integer(text, -20, 19, "a nice level").map(|value| value as i8)
}

/// A change of the kernel's badness score, -1000 (never killed) to 1000.
pub fn oom_score(text: &Text) -> Result<i16, Diagnostic> {
    integer(text, -1000, 1000, "an out-of-memory score").map(|value| value as i16)
}

/// A whole number with an optional sign, `lowest` to `highest`. `what` says what it is, with its article.
pub fn integer(text: &Text, lowest: i64, highest: i64, what: &str) -> Result<i64, Diagnostic> {
    let written = text.as_str();
    let (sign, digits) = match written.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, written.strip_prefix('+').unwrap_or(written)),
    };
    let value = decimal(digits).and_then(|value| i64::try_from(value).ok()).map(|value| sign * value);
    value.filter(|value| (lowest..=highest).contains(value)).ok_or_else(|| {
        wrong(text, Code::Number, format!("{written:?}: expected {what} from {lowest} to {highest}"))
    })
}

fn named(text: &Text, names: &[(&str, u8)], what: &str) -> Result<u8, Diagnostic> {
    let written = text.as_str();
    let by_name = names.iter().find(|(name, _)| *name == written);
    let by_number = || {
        let number = u8::try_from(decimal(written)?).ok()?;
        names.iter().find(|(_, other)| *other == number)
    };
    by_name.or_else(by_number).map(|(_, number)| *number).ok_or_else(|| {
        let all: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        let problem =
            wrong(text, Code::Number, format!("{written:?} is no {what}: expected {}", all.join(" | ")));
        problem.did_you_mean(written, all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn names_and_numbers_are_the_kernels() {
        for (written, number) in [("other", 0), ("fifo", 1), ("rr", 2), ("batch", 3), ("idle", 5), ("1", 1)] {
            assert_eq!(policy(&text(written)), Ok(number), "{written}");
        }
        for (written, number) in [("none", 0), ("realtime", 1), ("best-effort", 2), ("idle", 3), ("2", 2)] {
            assert_eq!(io_class(&text(written)), Ok(number), "{written}");
        }
        assert_eq!(policy(&text("fifi")).expect_err("none").help, ["did you mean \"fifo\"?"]);
        assert!(
            policy(&text("4")).is_err()
                && policy(&text("deadline")).is_err()
                && io_class(&text("4")).is_err()
        );
        assert!(is_realtime(1) && is_realtime(2) && !is_realtime(0));
    }

    #[test]
    fn numbers_have_signs_and_bounds() {
        for (written, level) in
            [("-20", Some(-20)), ("+19", Some(19)), ("0", Some(0)), ("20", None), ("-21", None)]
        {
            assert_eq!(nice(&text(written)).ok(), level, "{written}");
        }
        for bad in ["", "-", "+-1", "1.5", "05", "x"] {
            assert!(nice(&text(bad)).is_err(), "{bad}");
        }
        assert_eq!((oom_score(&text("-1000")), oom_score(&text("500"))), (Ok(-1000), Ok(500)));
        assert_eq!(oom_score(&text("1001")).ok(), None);
        assert_eq!((priority(&text("99")).ok(), priority(&text("100")).ok()), (Some(99), None));
        assert_eq!((io_priority(&text("7")).ok(), io_priority(&text("8")).ok()), (Some(7), None));
    }
}
