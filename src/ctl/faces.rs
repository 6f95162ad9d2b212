//! Names of other inits' tools that this program may be called by, and what their words mean here: shutdown(8),
//! telinit(8), as sysvinit, BusyBox and systemd have them. Only what ends or changes the machine at once.

/// The verb, and its word, that stands for `words` of the tool `called`. `None` if there is no such tool, or it is asked
/// for something else.
pub(super) fn verb<'w>(called: &str, words: &[&'w str]) -> Option<[&'w str; 2]> {
    match called {
        "shutdown" => shutdown(words),
        "telinit" | "init" => telinit(words),
        _ => None,
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
            assert_eq!(super::verb("shutdown", words), Some([verb, ""]), "{words:?}");
        }
        assert_eq!(verb("shutdown", &["+5"]), None);
        assert_eq!(verb("shutdown", &["-c"]), None);
    }

    #[test]
    fn runlevels_are_targets() {
        assert_eq!(verb("telinit", &["6"]), Some(["reboot", ""]));
        assert_eq!(verb("init", &["1"]), Some(["isolate", "rescue.target"]));
        assert_eq!(verb("init", &["9"]), None);
        assert_eq!(verb("tomte", &["6"]), None);
    }
}
