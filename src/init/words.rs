//! The words `tomte.KEY=VALUE` that a boot loader or a container manager hands to PID 1.

use core::ffi::CStr;

use heapless::String;

use crate::{supervisor::Until, table::Micros};

/// Longest `tomte.report=` path.
const REPORT_BYTES_MAX: usize = 128;

/// What the words say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Words {
    /// `tomte.until=idle` or `tomte.until=MICROSECONDS`: report and end then.
    until: Option<Until>,
    /// `tomte.panic`: fail at once, to see what the board makes of it.
    pub(super) panic: bool,
    /// `tomte.report=PATH`: where the report goes.
    pub(super) report: Option<String<REPORT_BYTES_MAX>>,
}

impl Words {
    /// When to report and end. With a report but no end of its own, a run reports when somebody asks for the end.
    pub(super) fn until(&self) -> Option<Until> {
        self.until.or_else(|| self.report.as_ref().map(|_| Until::Elapsed(Micros::FOREVER)))
    }

    /// Takes one word in; answers false if it is one of tomte's and makes no sense.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let Some(word) = word.strip_prefix("tomte.") else { return true };
        match word.split_once('=') {
            None if word == "panic" => self.panic = true,
            Some(("until", "idle")) => self.until = Some(Until::Idle),
            Some(("until", micros)) => match micros.parse() {
                Ok(micros) => self.until = Some(Until::Elapsed(Micros(micros))),
                Err(_) => return false,
            },
            Some(("report", path)) if path.starts_with('/') => match String::try_from(path) {
                Ok(path) => self.report = Some(path),
                Err(_) => return false,
            },
            Some(_) | None => return false,
        }
        true
    }

    /// Takes every word of `arguments`; answers the first that makes no sense.
    pub(super) fn take_arguments<'w>(
        &mut self,
        arguments: impl Iterator<Item = &'w CStr>,
    ) -> Option<&'w str> {
        let mut wrong = None;
        for word in arguments.filter_map(|word| word.to_str().ok()) {
            if !self.take(word) {
                wrong = wrong.or(Some(word));
            }
        }
        wrong
    }

    /// The same for a kernel command line.
    pub(super) fn take_command_line<'w>(&mut self, line: &'w [u8]) -> Option<&'w str> {
        let mut wrong = None;
        let words = line.split(u8::is_ascii_whitespace).filter_map(|word| core::str::from_utf8(word).ok());
        for word in words {
            if !self.take(word) {
                wrong = wrong.or(Some(word));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_others_are_left_alone() {
        let mut words = Words::default();
        assert_eq!(words.take_command_line(b"console=ttyS0 quiet panic=-1 root=/dev/vda\n"), None);
        assert_eq!(words, Words::default());
    }

    #[test]
    fn a_command_line_says_when_to_end_and_where_to_report() {
        let mut words = Words::default();
        assert_eq!(words.take_command_line(b"quiet tomte.until=3000000 tomte.report=/dev/vport0p1"), None);
        assert_eq!(words.until, Some(Until::Elapsed(Micros(3_000_000))));
        assert_eq!(words.report.as_deref(), Some("/dev/vport0p1"));
        assert!(words.take("tomte.panic") && words.panic);
        assert!(words.take("tomte.until=idle"));
        assert_eq!(words.until, Some(Until::Idle));
    }

    #[test]
    fn a_report_alone_waits_for_somebody_to_ask_for_the_end() {
        let mut words = Words::default();
        assert_eq!(words.until(), None);
        assert!(words.take("tomte.report=/run/host/report.json"));
        assert_eq!(words.until(), Some(Until::Elapsed(Micros::FOREVER)));
    }

    #[test]
    fn a_word_of_ours_that_makes_no_sense_is_named() {
        let mut words = Words::default();
        assert_eq!(words.take_command_line(b"tomte.until=soon quiet"), Some("tomte.until=soon"));
        assert_eq!(words.take_command_line(b"tomte.report=relative"), Some("tomte.report=relative"));
        assert_eq!(words.take_command_line(b"tomte.colour=red"), Some("tomte.colour=red"));
        assert_eq!(words.take_command_line(&[0xff, b' ', 0]), None);
    }
}
