//! One line of an inittab.

use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    read::Text,
};

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Before anything else, and waited for.
    Sysinit,
    /// At boot, after `Sysinit`.
    Boot,
    /// Waited for when a runlevel is entered.
    Wait,
    /// Started when a runlevel is entered.
    Once,
    /// The same, and again whenever it ends.
    Respawn,
    /// The same, after somebody has pressed Enter.
    AskFirst,
    /// At shutdown.
    Shutdown,
    /// Ctrl-Alt-Del.
    CtrlAltDel,
    /// Instead of init, when it is told to start over.
    Restart,
    /// Names the runlevel that boot ends in.
    InitDefault,
    /// Nothing.
    Off,
    /// On a signal that nothing in tomte stands for.
    Event,
}

const ACTIONS: [(&str, Action); 19] = [
    ("askfirst", Action::AskFirst),
    ("boot", Action::Boot),
    ("bootwait", Action::Boot),
    ("ctrlaltdel", Action::CtrlAltDel),
    ("initdefault", Action::InitDefault),
    ("kbrequest", Action::Event),
    ("off", Action::Off),
    ("once", Action::Once),
    ("ondemand", Action::Event),
    ("powerfail", Action::Event),
    ("powerfailnow", Action::Event),
    ("powerokwait", Action::Event),
    ("powerwait", Action::Event),
    ("respawn", Action::Respawn),
    ("restart", Action::Restart),
    ("resume", Action::Event),
    ("shutdown", Action::Shutdown),
    ("sysinit", Action::Sysinit),
    ("wait", Action::Wait),
];

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The whole line.
    pub line: Text,
    /// sysvinit: a name; BusyBox: a terminal.
    pub id: Text,
    /// Runlevels, a character each.
    pub levels: Text,
    /// What it is for.
    pub action: Action,
    /// The same, as written.
    pub action_text: Text,
    /// The command line, without the `+` that keeps sysvinit from writing to utmp.
    pub process: Text,
}

impl Entry {
    /// Takes `line` apart. What is wrong with it goes to `sink`.
    pub fn new(line: &Text, sink: &mut Diagnostics) -> Option<Self> {
        let mut fields = Vec::with_capacity(4);
        let mut start = 0;
        for _ in 0..3 {
            let Some(length) = line.as_str()[start..].find(':') else {
                let problem =
                    Diagnostic::error(Code::NoEntry, "expected four fields, ID:RUNLEVELS:ACTION:PROCESS");
                sink.push(problem.on(line, 0..line.len()));
                return None;
            };
            fields.push(line.slice(start..start + length).trim());
            start += length + 1;
        }
        fields.push(line.slice(start..line.len()).trim());
        let [id, levels, action_text, process] = fields.try_into().ok()?;
        let Some((_, action)) = ACTIONS.iter().find(|(name, _)| *name == action_text.as_str()) else {
            let problem =
                Diagnostic::error(Code::NoEntry, format!("{:?} is no action", action_text.as_str()));
            let problem = problem.did_you_mean(action_text.as_str(), ACTIONS.iter().map(|(name, _)| *name));
            sink.push(problem.on(&action_text, 0..action_text.len()));
            return None;
        };
        let plus = usize::from(process.as_str().starts_with('+'));
        let end = process.as_str().find(" #").unwrap_or(process.len());
        let process = process.slice(plus..end).trim();
        if process.is_empty() && !matches!(action, Action::InitDefault | Action::Off) {
            let problem =
                Diagnostic::error(Code::NoEntry, format!("{}: no process to run", action_text.as_str()));
            sink.push(problem.on(line, 0..line.len()));
            return None;
        }
        Some(Self { line: line.clone(), id, levels, action: *action, action_text, process })
    }

    /// `problem`, pointing at the whole entry.
    pub fn on(&self, problem: Diagnostic) -> Diagnostic {
        problem.on(&self.line, 0..self.line.len())
    }
}
