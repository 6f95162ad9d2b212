//! The words `tomte.KEY=VALUE` that a boot loader or a container manager hands to PID 1, and those that every init knows.

use core::ffi::CStr;

use heapless::String;
use log::LevelFilter;

use crate::{supervisor::Until, table::Micros, words};

/// Longest path or name in a word.
const WORD_BYTES_MAX: usize = 128;
/// Targets that have words of their own.
const RESCUE: &str = "rescue.target";
const EMERGENCY: &str = "emergency.target";

type Text = String<WORD_BYTES_MAX>;

/// What the words say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Words {
    /// `tomte.until=idle` or `tomte.until=MICROSECONDS`: report and end then.
    until: Option<Until>,
    /// `tomte.panic`: fail at once, to see what the board makes of it.
    pub(super) panic: bool,
    /// `tomte.report=PATH`: where the report goes.
    pub(super) report: Option<Text>,
    /// `tomte.target=UNIT` and the like: what boot starts instead of the board's default target.
    pub(super) target: Option<Text>,
    /// `tomte.console=DEVICE`: where messages and shells go, such as `ttyS1`.
    pub(super) console: Option<Text>,
    /// `tomte.log=LEVEL`.
    pub(super) log: Option<LevelFilter>,
    /// `systemd.condition-first-boot=`.
    pub(super) first_boot: Option<bool>,
    /// This is an initramfs that is to be left: as with systemd, words that begin with `rd.` are for it, and all others for
    /// the machine's own init, but for those that say how to speak.
    pub(super) initramfs: bool,
}

impl Words {
    /// When to report and end. With a report but no end of its own, a run reports when somebody asks for the end.
    pub(super) fn until(&self) -> Option<Until> {
        self.until.or_else(|| self.report.as_ref().map(|_| Until::Elapsed(Micros::FOREVER)))
    }

    /// Takes one word in; answers false if it is one of tomte's and makes no sense. Those of others are systemd's and
    /// sysvinit's: kernel-command-line(7), init(8).
    pub(super) fn take(&mut self, word: &str) -> bool {
        let own = if self.initramfs { word.strip_prefix("rd.") } else { Some(word) };
        let how = ["tomte.console=", "tomte.log="].iter().any(|key| word.starts_with(key));
        let Some(word) = own.or(if how { Some(word) } else { None }) else { return true };
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let is_in = |list: &str| words::place(list, key.as_bytes()).is_some();
        let alone = word.len() == key.len();
        let target = if alone && is_in("rescue single s S -s 1 systemd.rescue") {
            RESCUE
        } else if alone && is_in("emergency -b systemd.emergency tomte.shell") {
            EMERGENCY
        } else if !alone && is_in("systemd.unit tomte.target") {
            value
        } else if key == "systemd.condition-first-boot" {
            self.first_boot = Some(alone || words::place("1 yes y true t on", value.as_bytes()).is_some());
            return true;
        } else {
            return key.strip_prefix("tomte.").is_none_or(|key| self.take_own(key, value));
        };
        take_text(&mut self.target, target)
    }

    fn take_own(&mut self, key: &str, value: &str) -> bool {
        match words::place("panic until report console log", key.as_bytes()) {
            Some(0) => self.panic = true,
            Some(1) if value == "idle" => self.until = Some(Until::Idle),
            Some(1) => match value.parse() {
                Ok(micros) => self.until = Some(Until::Elapsed(Micros(micros))),
                Err(_) => return false,
            },
            Some(2) if value.starts_with('/') => return take_text(&mut self.report, value),
            Some(3) => return take_text(&mut self.console, value),
            Some(4) => match LEVELS.iter().find(|(name, _)| *name == value) {
                Some((_, level)) => self.log = Some(*level),
                None => return false,
            },
            _ => return false,
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

/// syslog(3)'s levels, as far as there is a difference.
const LEVELS: [(&str, LevelFilter); 5] = [
    ("err", LevelFilter::Error),
    ("warning", LevelFilter::Warn),
    ("notice", LevelFilter::Info),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
];

/// Puts `text` in its place, if it is any and fits.
fn take_text(place: &mut Option<Text>, text: &str) -> bool {
    let mut taken = Text::new();
    let fits = !text.is_empty() && taken.push_str(text).is_ok();
    *place = if fits { Some(taken) } else { None };
    fits
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
    fn the_target_is_named_by_its_name_or_by_the_words_that_every_init_knows() {
        for (line, target) in [
            ("tomte.target=a.target", Some("a.target")),
            ("systemd.unit=b.target", Some("b.target")),
            ("quiet single", Some(RESCUE)),
            ("-s", Some(RESCUE)),
            ("1", Some(RESCUE)),
            ("rescue", Some(RESCUE)),
            ("tomte.shell", Some(EMERGENCY)),
            ("emergency", Some(EMERGENCY)),
            ("ro 12 rescue=no.wonder x.emergency", None),
            ("ro root=/dev/vda1 shell console=s", None),
        ] {
            let mut words = Words::default();
            assert_eq!(words.take_command_line(line.as_bytes()), None, "{line}");
            assert_eq!(words.target.as_deref(), target, "{line}");
        }
    }

    #[test]
    fn an_initramfs_leaves_most_words_to_the_init_that_comes_after_it() {
        let mut words = Words { initramfs: true, ..Words::default() };
        assert_eq!(
            words.take_command_line(b"rescue tomte.until=idle tomte.console=ttyS1 tomte.colour=red"),
            None
        );
        assert_eq!(
            (words.target.as_deref(), words.until(), words.console.as_deref()),
            (None, None, Some("ttyS1"))
        );
        assert!(words.take("rd.emergency") && words.target.as_deref() == Some(EMERGENCY));
        assert!(!words.take("rd.tomte.colour=red"));
    }

    #[test]
    fn a_first_boot_is_what_somebody_says_it_is() {
        for (word, first) in [
            ("systemd.condition-first-boot", Some(true)),
            ("systemd.condition-first-boot=yes", Some(true)),
            ("systemd.condition-first-boot=0", Some(false)),
            ("quiet", None),
        ] {
            let mut words = Words::default();
            assert!(words.take(word));
            assert_eq!(words.first_boot, first, "{word}");
        }
    }

    #[test]
    fn the_console_and_the_level_of_messages_are_named() {
        let mut words = Words::default();
        assert_eq!(words.take_command_line(b"tomte.console=ttyS1 tomte.log=warning"), None);
        assert_eq!((words.console.as_deref(), words.log), (Some("ttyS1"), Some(LevelFilter::Warn)));
        assert_eq!(words.take_command_line(b"tomte.log=loud"), Some("tomte.log=loud"));
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
