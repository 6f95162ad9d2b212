//! Names that this program may be called by, and what the words behind them mean: those of its own and of systemctl(1),
//! service(8), journalctl(1), and the tools of other inits that end or change the machine at once: shutdown(8), telinit(8),
//! as sysvinit, BusyBox and systemd have them.

/// How a command line is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face<'w> {
    /// A verb, then what it is about; this verb if there is none.
    VerbFirst(&'static str),
    /// This verb and its options.
    Verb(&'w str),
    /// A unit, then the verb.
    UnitFirst,
    /// This verb about this unit, and nothing else.
    Meant([&'w str; 2]),
    /// It is asked for something else than that.
    Unknown,
}

/// What to do with `words` as the program `called`.
pub(super) fn of<'w>(called: &'w str, words: &[&'w str]) -> Face<'w> {
    let meant = match called {
        "systemctl" => return Face::VerbFirst("list-units"),
        "service" => return Face::UnitFirst,
        "poweroff" | "reboot" | "halt" => return Face::Verb(called),
        "journalctl" => return Face::Verb("logs"),
        "shutdown" => shutdown(words),
        "telinit" | "init" => telinit(words),
        _ => return Face::VerbFirst("help"),
    };
    match meant {
        Some(meant) => Face::Meant(meant),
        // PID 1's own name: whatever is no runlevel is a verb.
        None if called == "init" => Face::VerbFirst("help"),
        None => Face::Unknown,
    }
}

/// Options may be put together: `-hP`, `-rf`. A time is `now`, or there is none.
fn shutdown<'w>(words: &[&'w str]) -> Option<[&'w str; 2]> {
    let mut verb = "poweroff";
    for word in words {
        match word.strip_prefix('-') {
            Some(options) => {
                for option in options.bytes() {
                    verb = match option {
                        b'r' => "reboot",
                        b'H' => "halt",
                        b'P' | b'h' | b'p' => "poweroff",
                        b'f' | b'F' | b'n' => verb,
                        _ => return None,
                    };
                }
            }
            None if matches!(*word, "now" | "+0") => {}
            None => return None,
        }
    }
    Some([verb, ""])
}

fn telinit<'w>(words: &[&'w str]) -> Option<[&'w str; 2]> {
    let [word] = words else { return None };
    let [level] = word.as_bytes() else { return None };
    Some(match level {
        b'0' => ["poweroff", ""],
        b'6' => ["reboot", ""],
        b'1' | b's' | b'S' => ["isolate", "rescue.target"],
        b'2' | b'3' | b'4' => ["isolate", "multi-user.target"],
        b'5' => ["isolate", "graphical.target"],
        b'u' | b'U' => ["reexec", ""],
        b'q' | b'Q' => ["daemon-reload", ""],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shutdown_means_what_it_means_elsewhere() {
        for (words, verb) in [
            (&["now"][..], "poweroff"),
            (&["-h", "now"], "poweroff"),
            (&["-r", "now"], "reboot"),
            (&["-rf", "+0"], "reboot"),
            (&["-H"], "halt"),
            (&[], "poweroff"),
        ] {
            assert_eq!(of("shutdown", words), Face::Meant([verb, ""]), "{words:?}");
        }
        assert_eq!(of("shutdown", &["+5"]), Face::Unknown);
        assert_eq!(of("shutdown", &["-c"]), Face::Unknown);
    }

    #[test]
    fn runlevels_are_targets() {
        assert_eq!(of("telinit", &["6"]), Face::Meant(["reboot", ""]));
        assert_eq!(of("init", &["1"]), Face::Meant(["isolate", "rescue.target"]));
        assert_eq!(of("telinit", &["q"]), Face::Meant(["daemon-reload", ""]));
        assert_eq!(of("telinit", &["9"]), Face::Unknown);
        assert_eq!(of("init", &["status"]), Face::VerbFirst("help"));
        assert_eq!(of("tomte", &["6"]), Face::VerbFirst("help"));
    }
}
