//! The verbs: a line of `verbs.txt` each. The host's documentation is made of the same lines.

use core::fmt::{self, Write};

use crate::linux::output::Output;

/// Verb, operands, what it does.
const LINES: &str = include_str!("verbs.txt");
/// Other words for the same.
const ALIASES: &str = "condrestart try-restart force-reload reload-or-restart daemon-reexec reexec unmask enable \
                       preset enable reenable enable reload-or-try-restart try-reload-or-restart";

/// What else is to be known of `logs`.
const ABOUT_LOGS: &str = "\
-f follows, -k is the kernel, -e the last 1000, -r the newest first;
-t IDENTIFIER, -U TIME; --events are of PID 1, --list-boots the boots
-o short, short-iso, short-monotonic, cat or json
PATTERN knows . * ^ $ and \\; without capitals, small letters are both
TIME is a span back (90s, 2h), today, yesterday, or in UTC
(2026-11-22, 2026-11-22 13:00, 13:00)
of the boot before this one (-b -1) there is but text, all of it
";

macro_rules! verbs {
    ($($name:ident)+) => {
        /// A verb: its place is that of its line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
        pub(super) enum Verb { $($name,)+ }

        const ALL: &[Verb] = &[$(Verb::$name,)+];
    };
}

verbs! {
    ListUnits ListUnitFiles ListTimers ListSockets Status Show IsActive IsFailed IsEnabled IsSystemRunning GetDefault
    Start Stop Restart TryRestart Reload ReloadOrRestart TryReloadOrRestart Isolate Kill ResetFailed
    Cat ListDependencies Posture Users Blame CriticalChain Timeline
    Logs Run SwitchTable Enable Disable Mask DaemonReload Reexec PowerOff Reboot Halt Kexec Help
}

impl Verb {
    /// The verb called `word`.
    #[inline(never)] // for a small frame
    pub(super) fn find(word: &str) -> Option<Self> {
        let word = super::words::named(ALIASES, word).unwrap_or(word);
        let place = LINES.lines().position(|line| line.split('\t').next() == Some(word))?;
        ALL.get(place).copied()
    }

    /// Whether it is about units that have to be named.
    pub(super) fn needs_units(self) -> bool {
        self.is_job() && self != Self::ResetFailed
            || matches!(
                self,
                Self::IsActive
                    | Self::IsFailed
                    | Self::IsEnabled
                    | Self::Cat
                    | Self::Enable
                    | Self::Disable
                    | Self::Mask
            )
    }

    /// About how many things it can be at once.
    pub(super) fn names_max(self) -> usize {
        if matches!(
            self,
            Self::IsSystemRunning | Self::GetDefault | Self::Users | Self::Blame | Self::Timeline
        ) || self >= Self::DaemonReload
        {
            return 0;
        }
        let of_one = matches!(
            self,
            Self::Isolate | Self::ListDependencies | Self::Posture | Self::CriticalChain | Self::Logs
        );
        if of_one { 1 } else { usize::MAX }
    }

    /// Whether it lists units of the table.
    pub(super) fn is_list_of_table(self) -> bool {
        (Self::ListUnitFiles..=Self::ListSockets).contains(&self)
    }

    /// Whether it has PID 1 change something about units.
    pub(super) fn is_job(self) -> bool {
        (Self::Start..=Self::ResetFailed).contains(&self)
    }
}

/// The line about `verb`, or all of them.
pub(super) fn help(out: &mut Output, verb: Option<Verb>) -> fmt::Result {
    for (line, one) in LINES.lines().zip(ALL) {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        let (name, operands, about) = (column(), column(), column());
        // Operands that leave no room for the rest have a line for themselves.
        let width = name.len() + operands.len();
        let gap = if width > 28 { "\n   " } else { "" };
        if verb == Some(*one) {
            writeln!(out, "usage: tomte {name} [OPTION...]{gap} {operands}\n{about}")?;
            return out.write_str(if *one == Verb::Logs { ABOUT_LOGS } else { "" });
        }
        if verb.is_none() {
            write!(out, "  {name} {operands}{gap}")?;
            for _ in if width > 28 { 0 } else { width }..29 {
                out.write_char(' ')?;
            }
            writeln!(out, "{about}")?;
        }
    }
    out.write_str("options: --json --quiet --no-block --full --watch --help\n")
}

#[cfg(test)]
mod tests {
    use std::{format, string::String};

    use super::*;

    #[test]
    fn every_verb_has_its_line_in_80_columns_and_every_line_its_verb() {
        for (verb, line) in ALL.iter().zip(LINES.lines()) {
            let name: String = line.split('\t').next().unwrap_or_default().replace('-', "");
            assert_eq!(format!("{verb:?}").to_lowercase(), name);
            assert_eq!(line.split('\t').count(), 3, "{line}");
            assert_eq!(Verb::find(line.split('\t').next().unwrap_or_default()), Some(*verb), "{line}");
        }
        assert_eq!(ALL.len(), LINES.lines().count());
        assert_eq!((Verb::find("daemon-reexec"), Verb::find("daemon")), (Some(Verb::Reexec), None));
        for (verb, line) in ALL.iter().zip(LINES.lines()) {
            let operands = line.split('\t').nth(1).unwrap_or_default();
            let named = operands == "UNIT" || operands.ends_with("UNIT...");
            assert_eq!(verb.needs_units(), named, "{line}");
            let max = if operands.contains("...") { usize::MAX } else { usize::from(!operands.is_empty()) };
            assert!(verb.names_max() == max || *verb == Verb::SwitchTable, "{line}");
        }
        for line in LINES.lines().chain(ABOUT_LOGS.lines()) {
            assert!(line.is_ascii(), "a serial console shows it: {line}");
            let [name, operands, about] =
                [0, 1, 2].map(|at| line.split('\t').nth(at).unwrap_or_default().len());
            assert!(name + operands + 3 <= 80 && about + 32 <= 80, "{line}");
        }
    }
}
