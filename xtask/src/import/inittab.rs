//! /etc/inittab as sysvinit (inittab(5)) and BusyBox (its examples/inittab and init.c) read it.

mod entry;

use std::collections::BTreeSet;

use super::{
    Input,
    command::{CommandLine, getty_name},
    entries,
    unit::{Section, UnitText},
};
use crate::diag::{Code, Diagnostic, Diagnostics};
use entry::{Action, Entry};

/// Whose format it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// The first field is a name, the second one counts.
    Sysvinit,
    /// The first field is a terminal, the second one is ignored.
    BusyBox,
}

/// The units that the entries of `input` make.
pub fn import(input: &Input, sink: &mut Diagnostics) -> Vec<UnitText> {
    let lines = entries(input, sink);
    let entries: Vec<Entry> = lines.iter().filter_map(|line| Entry::new(line, sink)).collect();
    if entries.is_empty() && !sink.has_errors() {
        let message = format!("{}: no entry ID:RUNLEVELS:ACTION:PROCESS", input.path.display());
        sink.push(Diagnostic::error(Code::NothingToImport, message));
    }
    let sysvinit =
        entries.iter().any(|entry| !entry.levels.is_empty() || entry.action == Action::InitDefault);
    let default = entries.iter().find(|entry| entry.action == Action::InitDefault);
    let mut table = Table {
        dialect: if sysvinit { Dialect::Sysvinit } else { Dialect::BusyBox },
        default: default.and_then(|entry| entry.levels.as_str().chars().next()),
        units: Vec::new(),
        open: None,
        early: Vec::new(),
        waited_for: Vec::new(),
        names: BTreeSet::new(),
        sink,
    };
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| table.turn(entry.action));
    entries.into_iter().for_each(|entry| table.entry(entry));
    table.units
}

struct Table<'d> {
    dialect: Dialect,
    /// The runlevel that boot ends in.
    default: Option<char>,
    units: Vec<UnitText>,
    /// The unit that takes the next command of system initialisation.
    open: Option<usize>,
    /// The units of system initialisation, in order.
    early: Vec<String>,
    /// What is over before the next entry of the runlevel starts.
    waited_for: Vec<String>,
    names: BTreeSet<String>,
    sink: &'d mut Diagnostics,
}

impl Table<'_> {
    /// When the entries of an action have their turn. sysvinit goes through a runlevel's entries as they stand there,
    /// BusyBox action by action.
    fn turn(&self, action: Action) -> u8 {
        match action {
            Action::Sysinit => 0,
            Action::Boot => 1,
            Action::Wait | Action::Once | Action::Respawn | Action::AskFirst
                if self.dialect == Dialect::Sysvinit =>
            {
                2
            }
            Action::Wait => 2,
            Action::Once => 3,
            Action::Respawn | Action::AskFirst => 4,
            Action::Shutdown
            | Action::CtrlAltDel
            | Action::Restart
            | Action::InitDefault
            | Action::Off
            | Action::Event => 5,
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry.action {
            Action::Sysinit | Action::Boot => self.at_boot(entry),
            Action::Wait | Action::Once | Action::Respawn | Action::AskFirst => self.in_runlevels(entry),
            Action::Shutdown => self.at_shutdown(entry),
            Action::CtrlAltDel => self.on_keys(entry),
            Action::InitDefault => self.default_level(entry),
            Action::Restart | Action::Off => {}
            Action::Event => {
                let message = format!("{}: tomte runs nothing on this event", entry.action_text.as_str());
                self.say(Diagnostic::warning(Code::NotKept, message), entry);
            }
        }
    }

    /// A problem that belongs to no unit.
    fn say(&mut self, problem: Diagnostic, entry: &Entry) {
        self.sink.push(entry.on(problem));
    }

    fn default_level(&mut self, entry: &Entry) {
        let target = match self.default {
            Some('5') => "graphical.target",
            Some('1' | 's' | 'S') => "rescue.target",
            _ => return, // multi-user.target is what boards start
        };
        let message = format!("the default runlevel is {target}: say so in board.toml (default-target)");
        self.say(Diagnostic::note(Code::KeptOtherwise, message), entry);
    }

    fn on_keys(&mut self, entry: &Entry) {
        let line = entry.process.as_str();
        let is_reboot = line.contains("reboot") || line.contains("shutdown") && line.contains("-r");
        if !is_reboot {
            let message = "Ctrl-Alt-Del reboots; tomte runs no program on it";
            self.say(Diagnostic::warning(Code::NotKept, message), entry);
        }
    }

    /// What runs once, one after the other, before everything else.
    fn at_boot(&mut self, entry: &Entry) {
        let Some(command) = CommandLine::new(entry.process.as_str()) else { return };
        if let Some(what) = mounted_by_tomte(&command) {
            self.say(
                Diagnostic::note(
                    Code::KeptOtherwise,
                    format!("tomte mounts {what} itself, before the first unit"),
                ),
                entry,
            );
            return;
        }
        if let Some(level) = scripts_of(&command) {
            self.scripts(entry, &command, level);
            return;
        }
        let at = match self.open {
            Some(at) => at,
            None => self.open_early("inittab-sysinit", "System Initialization of /etc/inittab"),
        };
        // inittab goes on whatever the command says, and does not look for it first.
        let unit = &mut self.units[at];
        unit.add(Section::Service, "ExecStart", format!("-{}", command.exec));
        if self.dialect == Dialect::BusyBox && !matches!(entry.id.as_str(), "" | "null" | "console") {
            let problem = Diagnostic::warning(Code::NotKept, "the command does not run on that terminal");
            unit.lost(problem.on(&entry.id, 0..entry.id.len()));
        }
    }

    /// A new early unit; gives its index.
    fn open_early(&mut self, stem: &str, description: &str) -> usize {
        let mut unit = self.new_unit(stem, description);
        unit.early();
        self.early.iter().for_each(|other| unit.after(other));
        unit.service("Type", "oneshot");
        unit.service("RemainAfterExit", "yes");
        self.early.push(unit.name.clone());
        self.units.push(unit);
        self.open = Some(self.units.len() - 1);
        self.units.len() - 1
    }

    /// A unit whose name no other one has.
    fn new_unit(&mut self, stem: &str, description: &str) -> UnitText {
        let mut unit = UnitText::new(stem, "service", description);
        let mut count = 2;
        while !self.names.insert(unit.name.clone()) {
            unit = UnitText::new(&format!("{stem}-{count}"), "service", description);
            count += 1;
        }
        unit
    }

    /// The script that runs the scripts in /etc/init.d or /etc/rcN.d.
    fn scripts(&mut self, entry: &Entry, command: &CommandLine, level: Option<char>) {
        let folder = match level {
            Some(level) => format!("/etc/rc{level}.d"),
            None if self.dialect == Dialect::BusyBox => "/etc/init.d".to_owned(),
            None => "/etc/rcS.d".to_owned(),
        };
        let is_boot = matches!(entry.action, Action::Sysinit | Action::Boot);
        match level {
            Some('0' | '6') => {
                self.say(
                    Diagnostic::note(Code::KeptOtherwise, "tomte stops its units itself, in order"),
                    entry,
                );
                return;
            }
            Some(level) if !is_boot && self.default.is_some_and(|default| default != level) => {
                let message = format!("the scripts of runlevel {level} are not those of boot");
                self.say(Diagnostic::note(Code::KeptOtherwise, message), entry);
                return;
            }
            Some(_) | None => {}
        }
        let at = if is_boot {
            self.open_early("rcS", "Init Scripts at Boot")
        } else {
            let mut unit = self.new_unit("rc", &format!("Init Scripts in {folder}"));
            unit.list(Section::Install, "WantedBy", "multi-user.target");
            unit.service("Type", "oneshot");
            unit.service("RemainAfterExit", "yes");
            self.waited_for.iter().for_each(|other| unit.after(other));
            self.waited_for.push(unit.name.clone());
            self.units.push(unit);
            self.units.len() - 1
        };
        self.open = None;
        let unit = &mut self.units[at];
        unit.service("ExecStart", command.exec.clone());
        unit.service("TimeoutStartSec", "infinity");
        unit.service("KillMode", "process");
        let problem =
            Diagnostic::warning(Code::NotKept, format!("{} starts init scripts by itself", command.base()));
        let problem = problem.help(format!(
            "`cargo xtask import sysv` makes units of {folder}/S*: with those, drop {}",
            unit.name
        ));
        unit.lost(entry.on(problem));
    }

    fn in_runlevels(&mut self, entry: &Entry) {
        let Some(command) = CommandLine::new(entry.process.as_str()) else { return };
        self.open = None;
        if let Some(level) = scripts_of(&command).filter(|_| entry.action == Action::Wait) {
            self.scripts(entry, &command, level);
            return;
        }
        let terminal = self.terminal(entry, &command);
        let mut unit = match (&terminal, command.is_getty()) {
            (Some(terminal), true) => {
                let mut unit = self.new_unit(&getty_name(terminal), &format!("Getty on {terminal}"));
                unit.service("Type", "idle");
                unit
            }
            (Some(terminal), false) => {
                let base = command.base();
                self.new_unit(&format!("{base}-{terminal}"), &format!("{base} on {terminal}"))
            }
            (None, _) => self.new_unit(command.base(), &format!("{} of /etc/inittab", command.base())),
        };
        self.waited_for.iter().for_each(|other| unit.after(other));
        unit.service("ExecStart", command.exec.clone());
        match entry.action {
            Action::Wait => {
                unit.service("Type", "oneshot");
                unit.service("RemainAfterExit", "yes");
                unit.service("TimeoutStartSec", "infinity");
                if self.is_entered_at_boot(entry) {
                    self.waited_for.push(unit.name.clone());
                }
            }
            Action::Respawn | Action::AskFirst => {
                unit.service("Restart", "always");
                unit.service("RestartSec", "1"); // BusyBox's pause
                unit.set(Section::Unit, "StartLimitIntervalSec", "0"); // neither init ever gives up
            }
            // Whether the program stays or leaves a daemon behind, nothing of it is ended.
            Action::Once => unit.service("RemainAfterExit", "yes"),
            Action::Sysinit
            | Action::Boot
            | Action::Shutdown
            | Action::CtrlAltDel
            | Action::Restart
            | Action::InitDefault
            | Action::Off
            | Action::Event => {}
        }
        if let Some(terminal) = &terminal {
            unit.terminal(&format!("/dev/{terminal}"));
        }
        if entry.action == Action::AskFirst {
            let message = "nobody is asked to press Enter first";
            unit.lost(
                Diagnostic::warning(Code::NotKept, message)
                    .on(&entry.action_text, 0..entry.action_text.len()),
            );
        }
        self.install(&mut unit, entry, command.is_getty());
        self.units.push(unit);
    }

    /// The terminal that the process is on, without `/dev/`.
    fn terminal(&self, entry: &Entry, command: &CommandLine) -> Option<String> {
        let id = entry.id.as_str();
        let named = command.terminal().filter(|_| command.is_getty());
        let of_id = (self.dialect == Dialect::BusyBox && !matches!(id, "" | "null")).then_some(id);
        let console = command.is_interactive() || entry.action == Action::AskFirst;
        named.or(of_id).or(console.then_some("console")).map(str::to_owned)
    }

    fn is_entered_at_boot(&self, entry: &Entry) -> bool {
        let levels = entry.levels.as_str();
        self.default.is_none_or(|default| levels.is_empty() || levels.contains(default))
    }

    fn install(&self, unit: &mut UnitText, entry: &Entry, getty: bool) {
        let levels = entry.levels.as_str();
        let target = match levels {
            _ if getty => "getty.target",
            _ if levels.is_empty() || self.dialect == Dialect::BusyBox => "multi-user.target",
            _ if levels.contains(['2', '3', '4']) => "multi-user.target",
            _ if levels.contains('5') => "graphical.target",
            _ if levels.contains(['1', 's', 'S']) => "rescue.target",
            _ => "",
        };
        if self.is_entered_at_boot(entry) && !target.is_empty() {
            unit.list(Section::Install, "WantedBy", target);
        } else {
            let problem =
                Diagnostic::warning(Code::NotKept, format!("runlevels {levels} are not entered at boot"));
            let problem = problem.help("the unit has no [Install]: nothing starts it");
            unit.lost(problem.on(&entry.levels, 0..entry.levels.len()));
        }
    }

    fn at_shutdown(&mut self, entry: &Entry) {
        let Some(command) = CommandLine::new(entry.process.as_str()) else { return };
        if matches!(command.base(), "umount" | "swapoff" | "killall5" | "sync") {
            self.say(Diagnostic::note(Code::KeptOtherwise, "tomte does this itself at shutdown"), entry);
            return;
        }
        let scripts = self.units.iter_mut().find(|unit| unit.name == "rcS.service");
        if let Some(unit) = scripts.filter(|_| command.base() == "rcK") {
            unit.service("ExecStop", command.exec);
            return;
        }
        let at = self.units.iter().position(|unit| unit.name == "inittab-shutdown.service");
        let at = at.unwrap_or_else(|| {
            let mut unit = self.new_unit("inittab-shutdown", "What /etc/inittab runs at shutdown");
            unit.after("multi-user.target"); // stops before everything else
            unit.service("Type", "oneshot");
            unit.service("RemainAfterExit", "yes");
            unit.list(Section::Install, "WantedBy", "multi-user.target");
            self.units.push(unit);
            self.units.len() - 1
        });
        self.units[at].add(Section::Service, "ExecStop", format!("-{}", command.exec));
    }
}

/// What `command` mounts, if tomte has mounted it before the first unit starts.
fn mounted_by_tomte(command: &CommandLine) -> Option<&str> {
    const MOUNTED: [&str; 7] = ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/tmp"];
    let place = command.arguments.last()?;
    let is_remount = command.arguments.iter().any(|word| word.contains("remount"));
    (command.base() == "mount" && !is_remount && MOUNTED.contains(&place.as_str())).then_some(place)
}

/// Whether `command` runs the init scripts, and of which runlevel: `/etc/init.d/rcS`, `/etc/init.d/rc 3`.
fn scripts_of(command: &CommandLine) -> Option<Option<char>> {
    let level = command.arguments.first().and_then(|word| word.chars().next());
    match command.base() {
        "rcS" | "rc.sysinit" => Some(None),
        "rc" => Some(level.filter(|level| !matches!(level, 'S' | 's'))),
        _ => None,
    }
}
