//! A board's own table, played by the real supervisor: what starts when, and what would follow if a unit crashed, hung or
//! took its time. The times of the programs are made up ([`EXEC_US`], [`COMMAND_US`], [`READY_US`]); what follows from
//! what is not.

use std::{cmp::Reverse, collections::BinaryHeap, str::FromStr};

use tomte::{
    supervisor::{Action, Event, Found, Instant, Log, Pid, Rooms, Slot, Spawn, Supervisor, UnitSet, Until},
    table::{CommandKind, Kind, Micros, Service, ServiceType, Table, Unit, UnitId, Verdict},
    wire::{ExitStatus, Notice, Ping, Whom},
};

/// From a spawn to its execve.
const EXEC_US: u64 = 1_000;
/// What a command takes that is to end.
const COMMAND_US: u64 = 10_000;
/// What a service takes until it says that it is ready.
const READY_US: u64 = 50_000;
/// What a process takes to die, and a child that cleans up or looks at something to do so.
const SOON_US: u64 = 1_000;
/// Where the film ends at the latest.
const END_US: u64 = 3_600_000_000;
/// How long nothing may happen at its end.
const QUIET_US: u64 = 120_000_000;

const SIGKILL: u8 = 9;
const SIGSEGV: u8 = 11;

/// `UNIT@TIME`: the main process crashes at that time after boot.
#[derive(Clone, Debug)]
pub struct Crash {
    unit: String,
    at_us: u64,
}

/// `UNIT=TIME`: its start takes so much longer.
#[derive(Clone, Debug)]
pub struct Slow {
    unit: String,
    by_us: u64,
}

impl FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (unit, at_us) = unit_and_time(text, '@')?;
        Ok(Self { unit, at_us })
    }
}

impl FromStr for Slow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (unit, by_us) = unit_and_time(text, '=')?;
        Ok(Self { unit, by_us })
    }
}

fn unit_and_time(text: &str, between: char) -> Result<(String, u64), String> {
    let (unit, time) = text
        .rsplit_once(between)
        .ok_or_else(|| format!("expected UNIT{between}TIME, such as a{between}2s"))?;
    let time = humantime::parse_duration(time).map_err(|error| format!("{time}: {error}"))?;
    Ok((full_name(unit), u64::try_from(time.as_micros()).map_err(|_| format!("{time:?} is too long"))?))
}

/// The unit's name; a service's may go without its suffix.
pub fn full_name(unit: &str) -> String {
    if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") }
}

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub struct WhatIf {
    pub crash: Vec<Crash>,
    pub slow: Vec<Slow>,
    /// Units whose programs neither get ready nor end, and ignore SIGTERM.
    pub hang: Vec<String>,
}

impl WhatIf {
    fn names(&self) -> impl Iterator<Item = &str> {
        let crash = self.crash.iter().map(|one| one.unit.as_str());
        let slow = self.slow.iter().map(|one| one.unit.as_str());
        crash.chain(slow).chain(self.hang.iter().map(String::as_str))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    Executed(u16, u32),
    Ready(u16, u32),
    Alive(u16, u32),
    Exited(u16, u32, Ending),
    Crash(u16),
    Empty(u16),
    Cleaned(u16),
    Examined(u16),
    Watched(u16),
    Surveyed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Well,
    By(u8),
}

struct Process {
    unit: UnitId,
    /// `None` is what a forking service leaves behind, until it is taken for the main process.
    slot: Option<Slot>,
    pid: u32,
}

/// The machine.
struct Film<'t> {
    table: Table<'t>,
    supervisor: Supervisor<'t>,
    what_if: &'t WhatIf,
    now: u64,
    count: u64,
    next_pid: u32,
    later: BinaryHeap<Reverse<(u64, u64, Later)>>,
    processes: Vec<Process>,
    lines: Vec<(u64, String)>,
}

/// Plays `table` from boot until nothing happens any more; answers when what was said, in microseconds after boot.
///
/// # Errors
/// The name in `what_if` that is no unit of the table's.
pub fn play(table: Table<'_>, what_if: &WhatIf) -> Result<Vec<(u64, String)>, String> {
    if let Some(unknown) = what_if.names().find(|name| table.find(name).is_none()) {
        return Err(format!("no unit {unknown} in the table"));
    }
    let mut rooms = Box::new(Rooms::new());
    let mut film = Film {
        table,
        supervisor: Supervisor::new(table, &mut rooms),
        what_if,
        now: 1, // no unit has started at 0: that is never
        count: 0,
        next_pid: 100,
        later: BinaryHeap::new(),
        processes: Vec::new(),
        lines: Vec::new(),
    };
    for crash in &what_if.crash {
        if let Some(unit) = table.find(&crash.unit) {
            film.schedule(crash.at_us, Later::Crash(unit.0));
        }
    }
    film.run();
    Ok(film.lines)
}

impl<'t> Film<'t> {
    fn run(&mut self) {
        let (until, kernel_age) = (None::<Until>, Micros::ZERO);
        self.handle(Event::Boot { random: 0, until, kernel_age, machine: 0, target: None });
        while self.now < END_US {
            let deadline = self.supervisor.next_deadline().map(|at| at.0);
            let next = self.later.peek().map(|Reverse((at, ..))| *at);
            if deadline.unwrap_or(u64::MAX).min(next.unwrap_or(u64::MAX)) > END_US {
                return;
            }
            match (deadline, next) {
                (None, None) => return,
                (Some(deadline), next) if next.is_none_or(|next| deadline <= next) => {
                    self.now = self.now.max(deadline);
                    self.handle(Event::Deadline);
                }
                _ => {
                    let Some(Reverse((at, _, later))) = self.later.pop() else { return };
                    self.now = self.now.max(at);
                    self.happen(later);
                }
            }
            let last = self.lines.last().map_or(0, |(at, _)| *at);
            let planned = self.what_if.crash.iter().any(|crash| crash.at_us > self.now);
            if self.now > last.saturating_add(QUIET_US) && !planned {
                return; // nothing but watchdogs that are served
            }
        }
    }

    fn schedule(&mut self, at_us: u64, later: Later) {
        self.count += 1;
        self.later.push(Reverse((at_us, self.count, later)));
    }

    fn soon(&mut self, span_us: u64, later: Later) {
        self.schedule(self.now + span_us, later);
    }

    fn handle(&mut self, event: Event<'_>) {
        self.supervisor.handle(Instant(self.now), event);
        while let Some(action) = self.supervisor.next_action() {
            if let Some(answer) = self.perform(action) {
                self.supervisor.handle(Instant(self.now), answer);
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event<'static>> {
        match action {
            Action::Spawn(spawn) => return Some(self.spawn(&spawn)),
            Action::Adopt { unit, .. } => {
                let daemon = self.processes.iter_mut().find(|one| one.unit == unit && one.slot.is_none());
                let pid = daemon.map(|one| {
                    one.slot = Some(Slot::Main);
                    Pid(one.pid)
                });
                return Some(Event::Adopted { unit, pid });
            }
            Action::Kill { unit, whom, signal, wakes: _ } => self.kill(unit, whom, signal),
            Action::Clean { unit, .. } | Action::Unwatch { unit } => {
                self.soon(SOON_US, Later::Cleaned(unit.0));
            }
            Action::Examine { unit } => self.soon(SOON_US, Later::Examined(unit.0)),
            Action::Watch { unit, .. } => self.soon(SOON_US, Later::Watched(unit.0)),
            Action::Survey => self.soon(SOON_US, Later::Surveyed),
            Action::Log(log) => self.say(log),
            Action::Names => {}
            Action::Report { .. } => return Some(Event::Reported),
            Action::Feed { .. } => return Some(Event::Probed),
            // Nobody asks, nothing arrives, and a film has no end of its own.
            _ => {}
        }
        None
    }

    fn spawn(&mut self, spawn: &Spawn) -> Event<'static> {
        let (unit, slot, pid) = (spawn.unit, spawn.slot, self.next_pid);
        self.next_pid += 1;
        self.processes.push(Process { unit, slot: Some(slot), pid });
        self.soon(EXEC_US, Later::Executed(unit.0, pid));
        let record = self.table.unit(unit);
        if let Some(service) = record.as_ref().and_then(Unit::service) {
            self.live(spawn, service, pid, &self.name(unit));
        }
        Event::Spawned { unit, slot, pid: Pid(pid) }
    }

    /// What the program does.
    fn live(&mut self, spawn: &Spawn, service: &Service<'_>, pid: u32, name: &str) {
        if self.what_if.hang.iter().any(|hung| hung == name) && spawn.kind == CommandKind::Start {
            return;
        }
        let slow =
            self.what_if.slow.iter().find(|slow| slow.unit == name && spawn.kind == CommandKind::Start);
        let begin = EXEC_US + slow.map_or(0, |slow| slow.by_us);
        let ends = spawn.kind != CommandKind::Start
            || matches!(service.service_type, ServiceType::Oneshot | ServiceType::Forking);
        let unit = spawn.unit.0;
        if ends {
            self.soon(begin + COMMAND_US, Later::Exited(unit, pid, Ending::Well));
        } else if matches!(service.service_type, ServiceType::Notify | ServiceType::NotifyReload) {
            self.soon(begin + READY_US, Later::Ready(unit, pid));
        }
        if !ends && spawn.watchdog.is_some() {
            self.soon(begin, Later::Alive(unit, pid));
        }
    }

    fn kill(&mut self, unit: UnitId, whom: Whom, signal: u8) {
        let name = self.name(unit);
        if signal != SIGKILL && self.what_if.hang.contains(&name) {
            return;
        }
        let wanted = |one: &&Process| match whom {
            Whom::All => one.unit == unit,
            Whom::Main => one.unit == unit && one.slot == Some(Slot::Main),
            Whom::Control => one.unit == unit && one.slot == Some(Slot::Control),
        };
        let pids: Vec<u32> = self.processes.iter().filter(wanted).map(|one| one.pid).collect();
        for pid in pids {
            self.soon(SOON_US, Later::Exited(unit.0, pid, Ending::By(signal)));
        }
    }

    fn happen(&mut self, later: Later) {
        match later {
            Later::Executed(unit, pid) if self.lives(pid) => {
                self.handle(Event::Executed { unit: UnitId(unit), pid: Pid(pid) });
            }
            Later::Ready(unit, pid) if self.lives(pid) => {
                self.notify(unit, pid, Notice { ready: true, ..Notice::default() });
            }
            Later::Alive(unit, pid) if self.lives(pid) => {
                self.notify(unit, pid, Notice { watchdog: Some(Ping::Alive), ..Notice::default() });
                let record = self.table.unit(UnitId(unit));
                let span = record.as_ref().and_then(Unit::service).map_or(0, |service| service.watchdog.0);
                self.soon((span / 2).max(1), Later::Alive(unit, pid));
            }
            Later::Exited(unit, pid, ending) if self.lives(pid) => self.end(UnitId(unit), pid, ending),
            Later::Crash(unit) => {
                let main = |one: &&Process| one.unit.0 == unit && one.slot == Some(Slot::Main);
                match self.processes.iter().find(main).map(|one| one.pid) {
                    Some(pid) => self.end(UnitId(unit), pid, Ending::By(SIGSEGV)),
                    None => {
                        self.lines.push((
                            self.now,
                            format!("{} does not run, so it cannot crash", self.name(UnitId(unit))),
                        ));
                    }
                }
            }
            Later::Empty(unit) if !self.processes.iter().any(|one| one.unit.0 == unit) => {
                self.handle(Event::Empty { unit: UnitId(unit) });
            }
            Later::Cleaned(unit) => self.handle(Event::Cleaned { unit: UnitId(unit), clean: true }),
            Later::Examined(unit) => {
                self.handle(Event::Examined { unit: UnitId(unit), verdict: Some(Verdict::Met) });
            }
            Later::Watched(unit) => {
                self.handle(Event::Watched {
                    unit: UnitId(unit),
                    found: Some(Found { there: None, seen: 0 }),
                });
            }
            Later::Surveyed => {
                // Every device is there, unless it is said to hang.
                let (mut there, mut gone) = (UnitSet::EMPTY, UnitSet::EMPTY);
                for id in self.table.ids() {
                    if self.table.unit(id).is_some_and(|unit| matches!(unit.kind, Kind::Device(_))) {
                        let hangs = self.what_if.hang.contains(&self.name(id));
                        if hangs { &mut gone } else { &mut there }.insert(id);
                    }
                }
                self.handle(Event::Surveyed { there, gone });
            }
            // Whose process is gone.
            Later::Executed(..)
            | Later::Ready(..)
            | Later::Alive(..)
            | Later::Exited(..)
            | Later::Empty(_) => {}
        }
    }

    fn notify(&mut self, unit: u16, pid: u32, notice: Notice<'_>) {
        self.handle(Event::Notified { unit: UnitId(unit), pid: Pid(pid), uid: 0, notice });
    }

    fn end(&mut self, unit: UnitId, pid: u32, ending: Ending) {
        let Some(at) = self.processes.iter().position(|one| one.pid == pid) else { return };
        let ended = self.processes.swap_remove(at);
        let record = self.table.unit(unit);
        let forks = record
            .as_ref()
            .and_then(Unit::service)
            .is_some_and(|service| service.service_type == ServiceType::Forking);
        if forks && ending == Ending::Well && ended.slot == Some(Slot::Control) && self.is_starting(unit) {
            self.processes.push(Process { unit, slot: None, pid: self.next_pid });
            self.next_pid += 1;
        }
        let status = match ending {
            Ending::Well => ExitStatus::Exited(0),
            Ending::By(signal) => ExitStatus::Killed(signal),
        };
        self.soon(SOON_US, Later::Empty(unit.0));
        if ended.slot.is_some() {
            self.handle(Event::Exited { unit, pid: Pid(pid), status });
        }
    }

    fn is_starting(&self, unit: UnitId) -> bool {
        self.supervisor.status(unit).is_some_and(|status| status.sub == tomte::wire::SubState::Start)
    }

    fn lives(&self, pid: u32) -> bool {
        self.processes.iter().any(|one| one.pid == pid)
    }

    fn name(&self, unit: UnitId) -> String {
        self.table.unit(unit).map_or_else(String::new, |unit| unit.name.as_str().to_owned())
    }

    fn say(&mut self, log: Log) {
        let name = |unit: UnitId| self.name(unit);
        let line = match log {
            Log::Started(unit) => format!("started {}", name(unit)),
            Log::Stopped(unit) => format!("stopped {}", name(unit)),
            Log::Failed(unit, result) => format!("{} failed with result '{result}'", name(unit)),
            Log::DependencyFailed(unit, of) => format!("{} is not started: {} failed", name(unit), name(of)),
            Log::MainExited(unit, status) => {
                format!("{}: main process ended, {} {}", name(unit), status.code(), status.status())
            }
            Log::RestartScheduled(unit, count) => format!("{} restarts, number {count}", name(unit)),
            Log::StartLimitHit(unit) => format!("{}: too many starts in a short time", name(unit)),
            Log::TimedOut(unit, _) => format!("{}: timeout", name(unit)),
            Log::WatchdogExpired(unit, _) => format!("{}: watchdog timeout", name(unit)),
            Log::RuntimeOver(unit) => format!("{}: has run for as long as it may", name(unit)),
            Log::BootFinished => "boot is finished".to_owned(),
            other => format!("{other:?}"),
        };
        self.lines.push((self.now, line));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{board::Board, build};

    fn lines(what_if: &WhatIf) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let unit = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let install = "[Install]\nWantedBy=multi-user.target\n";
        unit(
            "db.service",
            &format!("[Service]\nType=notify\nExecStart=/bin/true\nTimeoutStartSec=10s\n{install}"),
        );
        unit(
            "app.service",
            &format!(
                "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\nExecStart=/bin/true\nRestart=on-failure\n{install}"
            ),
        );
        let options = build::Options { units: vec![folder.path().to_owned()], ..build::Options::default() };
        let mut board = Board::load("host").unwrap();
        board.config.userd = false;
        let table = build::table_of(&board, &options).unwrap();
        let table = Table::open(&table, None.or(tomte::table::Arch::NATIVE)).unwrap();
        play(table, what_if).unwrap().into_iter().map(|(at, line)| format!("{} {line}", at / 1000)).collect()
    }

    #[test]
    fn a_boot_that_goes_well_is_shown_in_its_order() {
        let lines = lines(&WhatIf::default());
        let at = |line: &str| lines.iter().position(|one| one == line).unwrap_or_else(|| panic!("{lines:?}"));
        assert!(at("52 started db.service") < at("52 started app.service"));
        assert!(lines.iter().any(|line| line.ends_with("boot is finished")), "{lines:?}");
    }

    #[test]
    fn what_would_follow_is_shown() {
        let slow = lines(&WhatIf { slow: vec!["db=5s".parse().unwrap()], ..WhatIf::default() });
        assert!(slow.contains(&"5052 started app.service".to_owned()), "{slow:?}");
        let crash = lines(&WhatIf { crash: vec!["app@2s".parse().unwrap()], ..WhatIf::default() });
        assert!(crash.contains(&"2000 app.service: main process ended, killed 11".to_owned()), "{crash:?}");
        assert!(crash.iter().any(|line| line.ends_with("app.service restarts, number 1")), "{crash:?}");
        let hang = lines(&WhatIf { hang: vec![full_name("db")], ..WhatIf::default() });
        assert!(hang.contains(&"10001 db.service: timeout".to_owned()), "{hang:?}");
        assert!(
            hang.iter().any(|line| line.ends_with("app.service is not started: db.service failed")),
            "{hang:?}"
        );
    }
}
