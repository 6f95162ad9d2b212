//! A stage for timetable tests: events in by name, what is to be done out as words.

use std::{boxed::Box, format, string::String, vec::Vec};

use super::fixture::{UnitPlan, Watched, bake};
use crate::{
    supervisor::{
        Action, Answer, ClientId, Event, Facts, Found, Instant, Keeper, Log, Peer, Pid, Rooms, Slot, Spawn,
        Supervisor, Until, Which,
    },
    table::{Arch, Micros, Table, UidRange, UnitId, Verdict, list},
    wire::{ExitStatus, Failure, Notice, Power, Request, UnitStatus, Whom},
};

pub(super) use crate::wire::ExitStatus::{Dumped, Exited, Killed};

/// Two numbers more than the tests have names.
pub(super) const RANGE: UidRange = UidRange { first: 100, last: 105 };

/// Bytes of a test's state.
const STATE_BYTES_MAX: usize = 8192;

/// A supervisor, a clock, and the shell's part.
pub(super) struct Play {
    pub(super) supervisor: Supervisor<'static>,
    table: Table<'static>,
    now: u64,
    next_pid: u32,
    done: Vec<String>,
    logs: Vec<String>,
    pub(super) spawns: Vec<Spawn>,
    /// Whether who gets a signal is woken up to see it, signal by signal.
    woken: Vec<bool>,
    /// Units whose processes leave children behind: no `Empty` follows by itself.
    pub(super) leaves_children: bool,
    /// The daemon that was left behind, as `PIDFile=` or a guess finds it once.
    pub(super) daemon: Option<u32>,
    /// Whoever is named as a main process is one of the unit's.
    pub(super) adopts: bool,
    /// Janitors answer at once.
    pub(super) cleans: bool,
    /// What examiners answer at once, if they do.
    pub(super) examines: Option<Option<Verdict>>,
    /// What those who open or look answer at once, if they do.
    pub(super) opens: Option<Option<Found>>,
    /// The next spawns fail.
    pub(super) spawn_fails: bool,
    /// What stamp files say: microseconds since 1970.
    pub(super) stamp: u64,
    /// How much later than this clock the wall clock is, in seconds.
    wall: u64,
    /// Comes with the next request to run a unit.
    record: Option<UnitPlan>,
    /// Whether it brings the streams of who asks.
    pub(super) gives: bool,
    /// The other table: comes with the next request for one, or was there before. None can be opened if it is empty.
    pub(super) other: Vec<UnitPlan>,
}

/// The table of `plans`, for as long as the tests run.
fn opened(plans: &[UnitPlan]) -> Table<'static> {
    opened_watched(plans, &Watched::default())
}

/// The same of a board that watches over its units.
fn opened_watched(plans: &[UnitPlan], watched: &Watched) -> Table<'static> {
    let bytes: &'static [u8] = Box::leak(bake(plans, RANGE, 4, watched).into_boxed_slice());
    Table::open(bytes, Some(Arch::X86_64)).expect("a sound table")
}

/// Room for as long as the tests run.
fn rooms() -> &'static mut Rooms {
    Box::leak(Box::default())
}

impl Play {
    pub(super) fn new(plans: &[UnitPlan]) -> Self {
        Self::watched(plans, &Watched::default())
    }

    /// On a board that watches over its units.
    pub(super) fn watched(plans: &[UnitPlan], watched: &Watched) -> Self {
        let table = opened_watched(plans, watched);
        Self {
            supervisor: Supervisor::new(table, rooms()),
            table,
            now: 0,
            next_pid: 2,
            done: Vec::new(),
            logs: Vec::new(),
            spawns: Vec::new(),
            woken: Vec::new(),
            leaves_children: false,
            daemon: None,
            adopts: true,
            cleans: true,
            examines: None,
            opens: Some(Some(Found { there: None, seen: 0 })),
            spawn_fails: false,
            stamp: 0,
            wall: 0,
            record: None,
            gives: false,
            other: Vec::new(),
        }
    }

    /// The clock shows `millis`; what is due by then has happened, deadline by deadline.
    pub(super) fn at(&mut self, millis: u64) -> &mut Self {
        let now = millis * 1000;
        assert!(now >= self.now, "clocks do not go back");
        for _ in 0..1000 {
            let by_wall =
                self.supervisor.next_wall_deadline().map(|at| at.saturating_sub(self.wall * 1_000_000));
            let deadline = self.supervisor.next_deadline().map(|at| at.0);
            match deadline.into_iter().chain(by_wall).min() {
                Some(at) if at <= now => {
                    self.now = self.now.max(at);
                    let wall = self.wall * 1_000_000 + self.now;
                    let rings = by_wall == Some(at);
                    self.event(if rings { Event::Clock { wall, set: false } } else { Event::Deadline });
                }
                Some(_) | None => break,
            }
        }
        self.now = now;
        self
    }

    /// Somebody sets the wall clock, to what it is at so many seconds after this one began.
    pub(super) fn clock(&mut self, seconds: u64, set: bool) -> &mut Self {
        self.wall = seconds;
        let wall = seconds * 1_000_000 + self.now;
        self.event(Event::Clock { wall, set })
    }

    /// The same for a PID 1 that hears only, and gets to do nothing.
    pub(super) fn only_hears(&mut self, millis: u64, event: Event<'_>) -> &mut Self {
        self.now = millis * 1000;
        self.supervisor.handle(Instant(self.now), event);
        self
    }

    /// Of each signal since the last look, whether SIGCONT follows it.
    pub(super) fn woken(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.woken)
    }

    pub(super) fn event(&mut self, event: Event<'_>) -> &mut Self {
        self.supervisor.handle(Instant(self.now), event);
        for _ in 0..10_000 {
            let Some(action) = self.supervisor.next_action() else { return self };
            self.perform(action);
        }
        panic!("no end of actions: {:?}", self.done);
    }

    fn perform(&mut self, action: Action) {
        if let Action::Log(log) = action {
            let text = self.log(log);
            self.logs.push(text);
            return;
        }
        if action == Action::Names {
            return;
        }
        if let Action::Kill { wakes, .. } = action {
            self.woken.push(wakes);
        }
        let text = self.words(&action);
        self.done.push(text);
        let answer = match action {
            Action::Spawn(spawn) if self.spawn_fails => {
                self.spawns.push(spawn);
                let failure = Failure { step: 1, errno: 11 };
                Event::SpawnFailed { unit: spawn.unit, slot: spawn.slot, failure }
            }
            Action::Spawn(spawn) => {
                self.spawns.push(spawn);
                self.next_pid += 1;
                Event::Spawned { unit: spawn.unit, slot: spawn.slot, pid: Pid(self.next_pid) }
            }
            Action::Adopt { unit, which: Which::Named { pid, .. } } => {
                Event::Adopted { unit, pid: self.adopts.then_some(pid) }
            }
            Action::Adopt { unit, which: Which::InFile { .. } | Which::Only } => {
                Event::Adopted { unit, pid: self.daemon.take().map(Pid) }
            }
            Action::Make { client, unit } => self.make(client, unit),
            Action::Switch { .. } => {
                let other = (!self.other.is_empty()).then(|| opened(&self.other));
                return self.supervisor.switch_to(other.as_ref());
            }
            Action::Clean { unit, .. } if self.cleans => Event::Cleaned { unit, clean: true },
            Action::Watch { unit, .. } if self.opens.is_some() => {
                Event::Watched { unit, found: self.opens.flatten() }
            }
            Action::Stamp { unit, .. } => Event::Stamped { unit, at: self.stamp },
            Action::Unwatch { unit } => Event::Cleaned { unit, clean: true },
            Action::Examine { unit } if self.examines.is_some() => {
                Event::Examined { unit, verdict: self.examines.flatten() }
            }
            Action::Accept { instance, .. } if instance.0 != u16::MAX => Event::Accepted { unit: instance },
            Action::Accept { .. }
            | Action::Survey
            | Action::Store { .. }
            | Action::Feed { .. }
            | Action::Clean { .. }
            | Action::Examine { .. }
            | Action::Watch { .. }
            | Action::Arm { .. }
            | Action::Kill { .. }
            | Action::Reply { .. }
            | Action::Log(_)
            | Action::Names
            | Action::Report { .. }
            | Action::Reexec { .. }
            | Action::Leave { .. } => return,
        };
        self.supervisor.handle(Instant(self.now), answer);
    }

    /// Takes `plan` for the record that came with a request, if there is one.
    fn make(&mut self, client: ClientId, unit: UnitId) -> Event<'static> {
        let record = self.record.take().map(|plan| {
            let record = list(&[opened(&[plan]).unit(UnitId(0)).expect("its only unit")]);
            &*Box::leak(record.into_boxed_slice())
        });
        let sound = record.is_some_and(|record| self.table.make(unit, record));
        if sound {
            self.supervisor.remake(unit, self.table, self.gives);
        }
        Event::Made { client, unit, sound }
    }

    /// `plan` is to run.
    pub(super) fn run(&mut self, client: u16, plan: UnitPlan) -> &mut Self {
        let name = plan.name.clone();
        self.record = Some(plan);
        self.ask(client, Request::Run { name: &name })
    }

    /// Another program takes over, with a table of `plans`.
    pub(super) fn replaced(&mut self, plans: &[UnitPlan]) -> &mut Self {
        self.replaced_by(plans, false)
    }

    /// The same, on the way to a table of `plans`.
    pub(super) fn switched(&mut self, plans: &[UnitPlan]) -> &mut Self {
        self.replaced_by(plans, true)
    }

    /// The program has brought the other table along.
    pub(super) fn switch_unasked(&mut self) -> &mut Self {
        let other = opened(&self.other);
        self.supervisor.switch_to(Some(&other));
        self.event(Event::Deadline)
    }

    fn replaced_by(&mut self, plans: &[UnitPlan], switched: bool) -> &mut Self {
        let mut room = [0; STATE_BYTES_MAX];
        let mut with = Keeper::save(&mut room);
        self.supervisor.keep(&mut with);
        let saved = STATE_BYTES_MAX - with.left().expect("few units");
        let before = core::mem::replace(&mut self.table, opened(plans));
        for (id, slot) in before.slots().zip(self.table.slots()) {
            let _empty = self.table.make(slot, before.made(id));
        }
        self.supervisor = Supervisor::new(self.table, rooms());
        let mut with = Keeper::load(&room[..saved]);
        self.supervisor.keep(&mut with);
        assert_eq!(with.left(), Some(0), "all of the state makes sense");
        self.supervisor.replaced(switched);
        self.event(Event::Deadline)
    }

    /// PID 1 fails, and its next program finds these `facts`.
    pub(super) fn replaced_by_recovery(
        &mut self,
        plans: &[UnitPlan],
        facts: &dyn Fn(UnitId) -> Facts,
    ) -> &mut Self {
        self.replaced(plans);
        self.supervisor.recover(Instant(self.now), facts);
        self.event(Event::Deadline)
    }

    pub(super) fn boot(&mut self) -> &mut Self {
        self.event(Event::Boot { random: 1, until: None, kernel_age: Micros::ZERO, machine: 0, target: None })
    }

    pub(super) fn boot_until(&mut self, until: Until) -> &mut Self {
        self.event(Event::Boot {
            random: 1,
            until: Some(until),
            kernel_age: Micros::ZERO,
            machine: 0,
            target: None,
        })
    }

    pub(super) fn id(&self, name: &str) -> UnitId {
        self.table.find(name).unwrap_or_else(|| panic!("no unit {name}"))
    }

    pub(super) fn status(&self, name: &str) -> UnitStatus<'_> {
        self.supervisor.status(self.id(name)).expect("a unit of the table")
    }

    /// `active/sub/result` of a unit.
    pub(super) fn state(&self, name: &str) -> String {
        let status = self.status(name);
        format!("{}/{}/{}", status.active, status.sub, status.result)
    }

    pub(super) fn pid(&self, name: &str, slot: Slot) -> Option<Pid> {
        let record = self.supervisor.peek(self.id(name));
        match slot {
            Slot::Main => record.main.pid(),
            Slot::Control => record.control.pid(),
        }
    }

    /// The main process ends.
    pub(super) fn main(&mut self, name: &str, status: ExitStatus) -> &mut Self {
        self.end(name, Slot::Main, status)
    }

    /// The command beside it ends.
    pub(super) fn control(&mut self, name: &str, status: ExitStatus) -> &mut Self {
        self.end(name, Slot::Control, status)
    }

    fn end(&mut self, name: &str, slot: Slot, status: ExitStatus) -> &mut Self {
        let unit = self.id(name);
        let pid = self.pid(name, slot).unwrap_or_else(|| panic!("{name} has no process in {slot:?}"));
        self.event(Event::Exited { unit, pid, status });
        let alone = self.pid(name, Slot::Main).is_none() && self.pid(name, Slot::Control).is_none();
        if alone && !self.leaves_children { self.empty(name) } else { self }
    }

    pub(super) fn empty(&mut self, name: &str) -> &mut Self {
        let unit = self.id(name);
        self.event(Event::Empty { unit })
    }

    /// The examiner answers.
    pub(super) fn verdict(&mut self, name: &str, verdict: Option<Verdict>) -> &mut Self {
        let unit = self.id(name);
        self.event(Event::Examined { unit, verdict })
    }

    /// Something has come for a unit that starts others.
    pub(super) fn readable(&mut self, name: &str, there: bool) -> &mut Self {
        let unit = self.id(name);
        self.event(Event::Readable { unit, there: there.then_some(0) })
    }

    pub(super) fn executed(&mut self, name: &str) -> &mut Self {
        let (unit, pid) = (self.id(name), self.pid(name, Slot::Main).expect("a main process"));
        self.event(Event::Executed { unit, pid })
    }

    /// The main process says something.
    pub(super) fn says(&mut self, name: &str, text: &str) -> &mut Self {
        let pid = self.pid(name, Slot::Main).expect("a main process");
        self.hears(name, pid.0, text)
    }

    /// `pid`, which is no root, says something.
    pub(super) fn hears(&mut self, name: &str, pid: u32, text: &str) -> &mut Self {
        let notice = Notice::parse(text.as_bytes()).expect("a message");
        let unit = self.id(name);
        self.event(Event::Notified { unit, pid: Pid(pid), uid: 1000, notice })
    }

    pub(super) fn ask(&mut self, client: u16, request: Request<'_>) -> &mut Self {
        self.event(Event::Request { client: ClientId(client), peer: Peer::ROOT, request })
    }

    pub(super) fn shutdown(&mut self, power: Power) -> &mut Self {
        let signal = match power {
            Power::PowerOff => 12,
            Power::Reboot => 15,
            Power::Halt => 10,
            Power::Kexec => 40,
            Power::SoftReboot => 41,
        };
        self.event(Event::Signal { signal, container: false })
    }

    /// What was done since the last time, but for what was only said.
    pub(super) fn expect(&mut self, expected: &str) -> &mut Self {
        assert_eq!(self.done.join("; "), expected, "at {} ms", self.now / 1000);
        self.done.clear();
        self
    }

    /// What was said since the last time.
    pub(super) fn expect_log(&mut self, expected: &str) -> &mut Self {
        assert_eq!(self.logs.join("; "), expected, "at {} ms", self.now / 1000);
        self.logs.clear();
        self
    }

    fn name(&self, id: UnitId) -> &'static str {
        self.table.unit(id).map_or("nothing", |unit| unit.name.as_str())
    }

    fn words(&self, action: &Action) -> String {
        match *action {
            Action::Spawn(spawn) => {
                let kind = format!("{:?}", spawn.kind);
                let index = if spawn.index == 0 { String::new() } else { format!(" {}", spawn.index) };
                let uid = spawn.uid.map_or_else(String::new, |uid| format!(" as {uid}"));
                format!("{} {}{index}{uid}", kind.to_lowercase(), self.name(spawn.unit))
            }
            Action::Kill { unit, whom, signal, .. } => {
                let whom = match whom {
                    Whom::Main => "main",
                    Whom::Control => "control",
                    Whom::All => "all",
                };
                format!("kill {signal} {} {whom}", self.name(unit))
            }
            Action::Adopt { unit, which: Which::InFile { .. } } => format!("pid file {}", self.name(unit)),
            Action::Adopt { unit, which: Which::Only } => format!("guess {}", self.name(unit)),
            Action::Adopt { unit, which: Which::Named { pid, trusted } } => {
                let trusted = if trusted { " trusted" } else { "" };
                format!("adopt {} {}{trusted}", self.name(unit), pid.0)
            }
            Action::Survey => "survey".into(),
            Action::Store { unit, add: true } => format!("store {}", self.name(unit)),
            Action::Store { unit, add: false } => format!("unstore {}", self.name(unit)),
            Action::Clean { unit, runtime_directories, uid, gid, .. } => {
                let dirs = if runtime_directories { " dirs" } else { "" };
                let number =
                    |what: &str, n: Option<u32>| n.map_or_else(String::new, |n| format!(" {what}{n}"));
                format!("clean {}{dirs}{}{}", self.name(unit), number("u", uid), number("g", gid))
            }
            Action::Examine { unit } => format!("examine {}", self.name(unit)),
            Action::Stamp { unit, elapsed: false } => format!("stamp? {}", self.name(unit)),
            Action::Stamp { unit, elapsed: true } => format!("stamp {}", self.name(unit)),
            Action::Watch { unit, .. } => format!("watch {}", self.name(unit)),
            Action::Arm { unit, .. } => format!("arm {}", self.name(unit)),
            Action::Unwatch { unit } => format!("unwatch {}", self.name(unit)),
            Action::Accept { instance, .. } => format!("accept for {}", self.name(instance)),
            Action::Reply { client, answer } => {
                let answer = match answer {
                    Answer::Job(result) => format!("{result}"),
                    Answer::Unit(id) => format!("unit {}", self.name(id)),
                    Answer::Posture(id) => format!("posture {}", self.name(id)),
                    other @ (Answer::Manager
                    | Answer::Units { .. }
                    | Answer::Accepted
                    | Answer::NoSuchUnit
                    | Answer::Denied
                    | Answer::Refused
                    | Answer::Busy) => format!("{other:?}").to_lowercase(),
                };
                format!("reply {} {answer}", client.0)
            }
            Action::Log(_) | Action::Names => String::new(),
            Action::Reexec { switch: false } => "reexec".into(),
            Action::Reexec { switch: true } => "switch".into(),
            Action::Switch { back: false } => "open".into(),
            Action::Switch { back: true } => "open before".into(),
            Action::Feed { probe: true } => "feed and probe".into(),
            Action::Feed { probe: false } => "feed".into(),
            Action::Make { client, unit } => format!("make {} for {}", unit.0, client.0),
            Action::Report { ended } => format!("report {ended}"),
            Action::Leave { power, immediate, status, reason } => {
                let at_once = if immediate { " at once" } else { "" };
                let status = if status == 0 { String::new() } else { format!(" {status}") };
                let reason = reason.map_or_else(String::new, |(unit, job)| {
                    format!(" for {}{}", if job { "the job of " } else { "" }, self.name(unit))
                });
                format!("leave {power}{at_once}{status}{reason}")
            }
        }
    }

    fn log(&self, log: Log) -> String {
        match log {
            Log::Started(id) => format!("started {}", self.name(id)),
            Log::Stopped(id) => format!("stopped {}", self.name(id)),
            Log::Failed(id, result) => format!("failed {} {result}", self.name(id)),
            Log::DependencyFailed(id, of) => format!("dependency {} {}", self.name(id), self.name(of)),
            Log::ConditionUnmet(id, place) => format!("unmet {} {place}", self.name(id)),
            Log::AssertFailed(id, place) => format!("assert {} {place}", self.name(id)),
            Log::NotExamined(id) => format!("not examined {}", self.name(id)),
            Log::MainExited(id, status) => {
                format!("main {} {} {}", self.name(id), status.code(), status.status())
            }
            Log::RestartScheduled(id, n) => format!("restart {} {n}", self.name(id)),
            Log::StartLimitHit(id) => format!("limit {}", self.name(id)),
            Log::TriggerLimitHit(id) => format!("trigger limit {}", self.name(id)),
            Log::AlreadyActive(id, other) => format!("already active {} {}", self.name(id), self.name(other)),
            Log::TimedOut(id, signal) => format!("timeout {} {signal}", self.name(id)),
            Log::NoUidLeft(id) => format!("no uid {}", self.name(id)),
            Log::WatchdogExpired(id, signal) => format!("watchdog {} {signal}", self.name(id)),
            Log::NoticeRefused(id, pid) => format!("refused {} {}", self.name(id), pid.0),
            Log::NotAdopted(id) => format!("not adopted {}", self.name(id)),
            Log::OomKilled(id) => format!("oom {}", self.name(id)),
            Log::JobTimedOut(id) => format!("job timeout {}", self.name(id)),
            Log::RuntimeOver(id) => format!("runtime over {}", self.name(id)),
            Log::Contradiction(id, other) => format!("contradiction {} {}", self.name(id), self.name(other)),
            Log::Acting(id) => format!("acting {}", self.name(id)),
            Log::ReloadFailed(id) => format!("reload failed {}", self.name(id)),
            Log::Reloaded(id) => format!("reloaded {}", self.name(id)),
            Log::NotCleaned(id) => format!("not cleaned {}", self.name(id)),
            Log::BootFinished => "boot".into(),
            Log::Healthy => "healthy".into(),
            Log::Sick(id) => format!("sick {}", self.name(id)),
            Log::Regrouped(id) => format!("regrouped {}", self.name(id)),
            Log::Starving(id) => format!("starving {}", id.map_or("all", |id| self.name(id))),
            Log::ShuttingDown(power) => format!("shutting down {power}"),
            Log::Impossible(what, id) => format!("impossible: {what}: {}", self.name(id)),
        }
    }
}
