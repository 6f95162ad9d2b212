//! Signals by name or number. The numbers are those of every architecture tomte has (x86_64, arm, aarch64, riscv64).

use super::{scalar::decimal, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

const NAMES: [(&str, u8); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// SIGRTMIN as libc counts: the kernel's 32 and 33 are libc's own.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

/// The signal called `name`: `TERM`, `SIGTERM`, `15`, `RTMIN+3`, `SIGRTMAX-1`.
pub fn named(name: &str) -> Option<u8> {
    if let Some(number) = decimal(name) {
        return u8::try_from(number).ok().filter(|number| (1..=RTMAX).contains(number));
    }
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let offset = |rest: &str, sign: char| match rest {
        "" => Some(0),
        rest => u8::try_from(decimal(rest.strip_prefix(sign)?)?).ok().filter(|n| *n <= RTMAX - RTMIN),
    };
    if let Some(rest) = name.strip_prefix("RTMIN") {
        return offset(rest, '+').map(|n| RTMIN + n);
    }
    if let Some(rest) = name.strip_prefix("RTMAX") {
        return offset(rest, '-').map(|n| RTMAX - n);
    }
    NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, number)| number)
}

/// The signal that `text` names.
pub fn parse(text: &Text) -> Result<u8, Diagnostic> {
    named(text.as_str()).ok_or_else(|| {
        let bare = text.as_str().trim_start_matches("SIG");
        wrong(text, Code::Signal, format!("{:?} is no signal", text.as_str())).did_you_mean(bare, names())
    })
}

/// The signal's name without SIG; real-time signals as `RTMIN+n`.
pub fn name(signal: u8) -> String {
    match NAMES.into_iter().find(|(_, number)| *number == signal) {
        Some((name, _)) => name.to_owned(),
        None => (named("RTMIN").and_then(|first| signal.checked_sub(first)))
            .map_or_else(|| signal.to_string(), |above| format!("RTMIN+{above}")),
    }
}

/// All names, without SIG.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (name, number) in [
            ("TERM", Some(15)),
            ("SIGKILL", Some(9)),
            ("2", Some(2)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("RTMIN", Some(34)),
            ("RTMIN+31", None),
            ("0", None),
            ("65", None),
            ("015", None),
            ("RTMIN++3", None),
            ("term", None),
            ("", None),
        ] {
            assert_eq!(named(name), number, "{name}");
        }
        assert!(NAMES.iter().zip(1..).all(|((_, number), n)| *number == n));
    }
}
