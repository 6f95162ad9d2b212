//! What a run came to: the report, or why there is none. Panic, hang and reset are told apart.

use anyhow::Context as _;

use super::Outcome;
use crate::{
    board::Board,
    qemu::GuestEnd,
    report::{Ended, Report},
};

/// How a machine ended, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Itself,
    /// Somebody asked for it.
    Asked,
    /// It did not, and was ended.
    Hung,
    /// It started over.
    Reset,
    /// Its watchdog bit.
    Watchdog,
    /// Its kernel panicked.
    Panicked,
}

impl Ending {
    /// Of a virtual machine.
    pub const fn of_guest(end: GuestEnd, hung: bool, asked: bool) -> Self {
        match (end, hung, asked) {
            (GuestEnd::Watchdog, ..) => Self::Watchdog,
            (GuestEnd::Panic, ..) => Self::Panicked,
            (_, true, _) => Self::Hung,
            (GuestEnd::Reset, ..) => Self::Reset,
            (GuestEnd::PowerOff | GuestEnd::Unknown, false, true) => Self::Asked,
            (GuestEnd::PowerOff | GuestEnd::Unknown, false, false) => Self::Itself,
        }
    }
}

/// Reads the report (`delivered`, or between two lines of the console), or makes the one that says why there is none.
pub fn judge(
    board: &Board,
    console: Vec<String>,
    ending: Ending,
    delivered: Option<String>,
    mut troubles: Vec<String>,
) -> Outcome {
    let delivered = delivered.filter(|text| !text.trim().is_empty()).or_else(|| Report::in_console(&console));
    let panic = console.iter().find(|line| is_panic(line));
    match ending {
        Ending::Hung => troubles.push("it hung and was ended".into()),
        Ending::Watchdog => troubles.push("its watchdog bit".into()),
        Ending::Reset if delivered.is_none() && panic.is_none() => {
            troubles.push("it started over, and nobody said why: a reset".into());
        }
        Ending::Panicked if panic.is_none() => troubles.push("its kernel panicked without a word".into()),
        Ending::Reset | Ending::Panicked | Ending::Itself | Ending::Asked => {}
    }
    if let Some(line) = panic {
        troubles.push(format!("panic: {}", line.trim()));
    }
    let report = match delivered.map(|text| Report::parse(&text).context("the report cannot be used")) {
        Some(Ok(report)) => report,
        other => {
            let text = match other {
                Some(Err(error)) => format!("{error:#}"),
                _ => "PID 1 delivered no report".into(),
            };
            troubles.push(text);
            Report::undelivered(&board.name, &board.config.arch, ended(ending, panic.is_some()))
        }
    };
    Outcome { report, console, troubles, tests: Vec::new() }
}

/// The report's word for an end without a report.
const fn ended(ending: Ending, panic: bool) -> Ended {
    match ending {
        _ if panic => Ended::Panic,
        Ending::Hung => Ended::Hang,
        Ending::Reset | Ending::Watchdog => Ended::Reset,
        Ending::Asked => Ended::Signal,
        Ending::Itself | Ending::Panicked => Ended::Panic,
    }
}

/// Whether a console line tells of the end of PID 1 or of the kernel.
fn is_panic(line: &str) -> bool {
    ["Kernel panic - not syncing", "tomte: cannot go on:"].iter().any(|sign| line.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[&str], ending: Ending) -> (Ended, String) {
        let board = Board::load("qemu-x86_64").unwrap();
        let console = lines.iter().map(|line| (*line).to_owned()).collect();
        let outcome = judge(&board, console, ending, None, Vec::new());
        assert!(!outcome.is_well());
        (outcome.report.ended, outcome.troubles.join("; "))
    }

    #[test]
    fn panic_hang_and_reset_are_told_apart() {
        let (ended, why) = judged(&["[ 1.0] Kernel panic - not syncing: no init"], Ending::Reset);
        assert!(ended == Ended::Panic && why.starts_with("panic: [ 1.0] Kernel panic"), "{why}");
        let (ended, why) = judged(&["[ 1.0] Linux"], Ending::Reset);
        assert!(ended == Ended::Reset && why.contains("a reset"), "{why}");
        let (ended, why) = judged(&["[ 1.0] Linux"], Ending::Watchdog);
        assert!(ended == Ended::Reset && why.contains("watchdog"), "{why}");
        let (ended, why) = judged(&["[ 1.0] Linux"], Ending::Hung);
        assert!(ended == Ended::Hang && why.contains("hung"), "{why}");
    }

    #[test]
    fn what_qemu_knows_counts_more_than_how_it_was_ended() {
        assert_eq!(Ending::of_guest(GuestEnd::Watchdog, false, false), Ending::Watchdog);
        assert_eq!(Ending::of_guest(GuestEnd::Unknown, true, true), Ending::Hung);
        assert_eq!(Ending::of_guest(GuestEnd::PowerOff, false, true), Ending::Asked);
        assert_eq!(Ending::of_guest(GuestEnd::Reset, false, false), Ending::Reset);
    }
}
