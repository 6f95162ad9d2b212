//! Signals by name or number. The numbers are those of every architecture tomte has (x86_64, arm, aarch64, riscv64).

use nix::sys::signal::Signal;

use super::{scalar::decimal, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

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
    all().find(|(known, _)| *known == name).map(|(_, number)| number)
}

fn all() -> impl Iterator<Item = (&'static str, u8)> {
    Signal::iterator().map(|signal| (signal.as_str().trim_start_matches("SIG"), signal as u8))
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
    match all().find(|(_, number)| *number == signal) {
        Some((name, _)) => name.to_owned(),
        None => (named("RTMIN").and_then(|first| signal.checked_sub(first)))
            .map_or_else(|| signal.to_string(), |above| format!("RTMIN+{above}")),
    }
}

/// All names, without SIG.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| name)
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
        assert!((1..=31).all(|number| named(&name(number)) == Some(number)), "each has a name");
        assert_eq!((name(37).as_str(), name(32).as_str()), ("RTMIN+3", "32"));
    }
}
