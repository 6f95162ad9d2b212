//! Every decision: what starts when, what follows an end, who gets which number, who may ask what.
//!
//! Pure: no system calls, no clock, no statics, no heap, no unsafe. The caller brings `now` and carries the actions
//! out. Every action that can fail answers with an event; nothing is assumed done.
//!
//! | file | owns |
//! | --- | --- |
//! | `event`, `action` | what goes in, and what comes out |
//! | `unit`, `state` | one unit's record; the states of its life |
//! | `job`, `mode`, `turn` | what is to be done with which unit; what is in the way of that; whose turn it is |
//! | `condition` | what comes of `Condition*=` and `Assert*=` |
//! | `start`, `stop`, `end` | a service's way up, its way down, and what the end of a process means |
//! | `notice`, `reload` | what a service says of itself, and its silence; a reload |
//! | `fork` | services that fork and leave a daemon behind: which process is the main one |
//! | `restart`, `limit` | the Restart= table; the start limit |
//! | `trigger` | sockets and paths: what they start, and what follows when that goes up, down or fails |
//! | `relation` | what follows for other units; contradictions |
//! | `emergency` | what ends the machine |
//! | `survey` | mounts and swaps that come and go by hand; devices |
//! | `uid`, `hold` | the pool of numbers; which unit holds which |
//! | `rights` | who may ask what |
//! | `control`, `shutdown`, `status` | who waits for an answer; the way out; what is shown |
//! | `vital` | whether the machine works, and what the hardware watchdog hears of it |
//! | `keep` | what goes on when PID 1 is replaced |
//! | `slot` | units that are made at run time |
//! | `switch` | another table in the place of this one |
//!
//! There is no queue of actions. Events change records; [`Supervisor::next_action`] reads off them what is due, unit
//! by unit in turn, so that one that crashes in a loop can neither overflow anything nor starve the others.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod action;
mod condition;
mod control;
mod emergency;
mod end;
mod event;
mod fork;
mod hold;
mod job;
mod keep;
mod limit;
mod mode;
mod notice;
mod relation;
mod reload;
mod restart;
mod rights;
pub mod root;
mod set;
mod shutdown;
mod slot;
mod start;
mod state;
mod status;
mod stop;
mod survey;
mod switch;
#[cfg(test)]
mod tests;
mod timer;
mod trigger;
mod turn;
mod uid;
mod unit;
mod vital;

use core::cell::Cell;

use heapless::Vec;

use crate::{
    table::{Head, Kind, Manners, Micros, Service, Table, Unit, UnitId, limits::UNITS_MAX},
    wire::JobResult,
};
use control::Clients;
use shutdown::Run;
use state::State;
use survey::Survey;
use switch::Switch;
use uid::Pool;
use unit::Record;
use vital::Health;

pub use crate::record::Keeper;
pub use action::{Action, Answer, Log, Outcome, Spawn, Trigger, Which};
pub use control::WAITING_MAX;
pub use event::{ClientId, Event, Found, Instant, Pid, Slot, Until};
pub use keep::Facts;
pub use rights::Peer;
pub use set::UnitSet;
pub use shutdown::SHUTDOWN_TIMEOUT;

/// Everything that is decided is decided here.
///
/// The shell's loop: [`Supervisor::handle`] one event, carry out [`Supervisor::next_action`] until there is none
/// (handing in each answer as it comes), wait for the next event or [`Supervisor::next_deadline`]. When the deadline
/// has passed, [`Event::Deadline`] gets its turn among the other events.
#[derive(Debug)]
#[repr(C)] // small fields first: what is within 128 bytes of the beginning takes three bytes less at every use
pub struct Supervisor<'t> {
    now: Instant,
    table: Table<'t>,
    /// What the wall clock says of PID 1's exec, as it is set now: microseconds since 1970.
    wall_offset: u64,
    /// How long the kernel had been running then.
    kernel_age: Micros,
    /// What tells this machine from others.
    machine: u64,
    /// Whether to look for units that nobody needs any more.
    unneeded_due: bool,
    /// What happened that cannot, and where; told once for each.
    impossible: Option<(&'static str, UnitId)>,
    impossible_count: u32,
    /// Whose message brings descriptors for its store, or takes some out.
    storing: Option<(UnitId, bool)>,
    /// What holds for every job that comes to be just now.
    marks: u8,
    /// Whose turn it is.
    turn: u16,
    run: Run,
    survey: Survey,
    health: Health,
    /// Processor time that PID 1 itself took until the default target was reached.
    boot_cpu: Micros,
    /// Units about which something may be due.
    dirty: UnitSet,
    /// Units that may have something to tell.
    noted: UnitSet,
    /// Units that may wait for a moment.
    timed: UnitSet,
    /// Those that have to be up for the machine to be of use.
    vital: UnitSet,
    /// Stands in for units that do not exist, so that no access can fail. Nothing reads off it what to do.
    nowhere: Record,
    clients: Clients,
    switch: Switch,
    pool: Pool,
    rooms: &'t mut Rooms,
    /// Whose record was decoded last, and the record: what a unit has to do is decided bit by bit, but mostly in one go.
    decoded: Cell<Option<UnitId>>,
    record: Cell<Option<Unit<'t>>>,
}

/// Room for the records of as many units as there can be. Empty it is all zeros: in a static of PID 1's it takes up what the
/// units that there are need.
#[derive(Debug)]
pub struct Rooms {
    units: Vec<Record, UNITS_MAX>,
    /// What the units say of themselves, by unit.
    texts: Vec<notice::Text, UNITS_MAX>,
}

impl Rooms {
    /// Nobody's.
    pub const fn new() -> Self {
        Self { units: Vec::new(), texts: Vec::new() }
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self::new()
    }
}

/// What looking at a unit has led to.
enum Due {
    /// This is to be done.
    Act(Action),
    /// Its record has changed: look again.
    Changed,
    /// Nothing, until something happens.
    Nothing,
}

impl<'t> Supervisor<'t> {
    /// A supervisor of `table`'s units, whose records are in `rooms`.
    pub fn new(table: Table<'t>, rooms: &'t mut Rooms) -> Self {
        rooms.units.clear();
        rooms.texts.clear();
        for _ in 0..table.unit_count() {
            if rooms.units.push(Record::new()).is_err() || rooms.texts.push(notice::Text::new()).is_err() {
                break; // `Table::open` refuses more than UNITS_MAX
            }
        }
        let mut supervisor = Self {
            table,
            rooms,
            nowhere: Record::new(),
            dirty: UnitSet::EMPTY,
            noted: UnitSet::EMPTY,
            timed: UnitSet::EMPTY,
            vital: UnitSet::EMPTY,
            marks: 0,
            turn: 0,
            storing: None,
            now: Instant(0),
            wall_offset: 0,
            kernel_age: Micros::ZERO,
            machine: 0,
            pool: Pool::empty(),
            clients: Clients::NONE,
            switch: Switch::NONE,
            run: Run::new(),
            survey: Survey::NONE,
            health: Health::UNKNOWN,
            boot_cpu: Micros::ZERO,
            unneeded_due: false,
            impossible: None,
            impossible_count: 0,
            decoded: Cell::new(None),
            record: Cell::new(None),
        };
        let board = table.board();
        supervisor.pool.load(board.uids, board.identities.iter().map(|one| one.own_number()));
        supervisor.load_vital();
        supervisor
    }

    /// Ends it, for another one in the same rooms.
    pub fn into_rooms(self) -> &'t mut Rooms {
        self.rooms
    }

    /// Takes note of `event`. Work is bounded by the number of units and their dependencies; what follows from the
    /// event comes from [`Self::next_action`].
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.now = self.now.max(now);
        match event {
            Event::Boot { random, until, kernel_age, machine, target } => {
                (self.kernel_age, self.machine) = (kernel_age, machine);
                self.boot(random, until, target);
            }
            Event::Clock { wall, set } => self.clock(wall, set),
            Event::Stamped { unit, at } => self.stamped(unit, at),
            Event::Deadline => self.deadline(),
            Event::Request { client, peer, request } => self.request(client, &peer, request),
            Event::ClientGone { client } => self.clients.gone(client),
            Event::Signal { signal, container } => self.signalled(signal, container),
            Event::Reported => self.reported(),
            Event::Made { client, unit, sound } => self.made(client, unit, sound),
            Event::NotReplaced => {
                self.clients.replaced(Answer::Job(JobResult::Failed));
                self.replaced(false);
            }
            Event::Probed => self.probed(),
            Event::BootCost(cpu) => self.boot_cpu = cpu,
            Event::Spawned { unit, slot, pid } => {
                self.for_service(unit, &mut |s, sv| s.spawned(unit, sv, slot, pid))
            }
            Event::SpawnFailed { unit, slot, failure } => {
                self.for_service(unit, &mut |s, sv| s.spawn_failed(unit, sv, slot, Some(failure)));
            }
            Event::Identified { unit, pid, uid, gid } => {
                self.for_service(unit, &mut |s, sv| s.identified(unit, sv, pid, uid, gid));
            }
            Event::Unfit { unit, pid, identity, suggestion } => {
                self.for_service(unit, &mut |s, sv| s.unfit(unit, sv, pid, identity, suggestion));
            }
            Event::StepFailed { unit, pid, failure, early } => self.step_failed(unit, pid, failure, early),
            Event::OomKilled { unit } => self.for_service(unit, &mut |s, sv| s.oom_killed(unit, sv)),
            Event::Executed { unit, pid } => self.for_service(unit, &mut |s, sv| s.executed(unit, sv, pid)),
            Event::Notified { unit, pid, uid, notice } => {
                self.for_service(unit, &mut |s, sv| s.notified(unit, sv, pid, uid, &notice));
            }
            Event::ReadyFd { unit, ready } => {
                self.for_service(unit, &mut |s, sv| s.heard_ready(unit, sv, ready));
            }
            Event::Adopted { unit, pid } => self.for_service(unit, &mut |s, sv| s.adopted(unit, sv, pid)),
            Event::Exited { unit, pid, status } => {
                self.for_service(unit, &mut |s, sv| s.exited(unit, sv, pid, status))
            }
            Event::Empty { unit } => self.for_service(unit, &mut |s, sv| s.emptied(unit, sv)),
            Event::Examined { unit, verdict } => self.examined(unit, verdict),
            Event::Cleaned { unit, clean } => self.cleaned(unit, clean),
            Event::MountsChanged => self.survey.ask(),
            Event::Surveyed { there, gone } => self.surveyed(&there, &gone),
            Event::Watched { unit, found } => self.watched(unit, found),
            Event::Readable { unit, there } => self.readable(unit, there),
            Event::Accepted { unit } => self.accepted(unit),
        }
    }

    /// What is to be done next, if anything. Answers to an action may be handed in before asking again.
    #[must_use]
    #[inline(never)]
    pub fn next_action(&mut self) -> Option<Action> {
        if self.run.has_left() {
            return None;
        }
        // Ends: `Due::Changed` moves a job or a state forward, and without an action in between those only go so far.
        while let Some(id) = self.dirty.next_from(self.turn) {
            if let Some(action) = self.next_saying() {
                return Some(action);
            }
            match self.due(id) {
                Due::Act(action) => {
                    self.turn = id.0.saturating_add(1);
                    return Some(action);
                }
                Due::Changed => {}
                Due::Nothing => {
                    self.dirty.remove(id);
                    if self.peek(id).deadline().is_none() {
                        self.timed.remove(id);
                    }
                }
            }
        }
        self.next_saying().or_else(|| self.due_of_health()).or_else(|| self.due_of_all())
    }

    /// The same, without what takes time: answers and news, causes before consequences, and whom to take for a main process,
    /// which the next event may be about. They come before anything else is done.
    #[must_use]
    pub fn next_saying(&mut self) -> Option<Action> {
        if self.run.has_left() {
            return None;
        }
        let units = &self.rooms.units;
        self.clients.settle(&|id| units.get(id.index()).is_none_or(Record::is_down));
        if let Some((client, unit)) = self.clients.next_to_make() {
            return Some(Action::Make { client, unit });
        }
        if let Some((unit, add)) = self.storing.take() {
            return Some(Action::Store { unit, add });
        }
        if let Some(action) = self.switch.take_asked() {
            return Some(action);
        }
        if let Some((client, answer)) = self.clients.next_reply() {
            return Some(Action::Reply { client, answer });
        }
        if self.pool.take_changed() {
            return Some(Action::Names);
        }
        if let Some((what, unit)) = self.impossible.take() {
            return Some(Action::Log(Log::Impossible(what, unit)));
        }
        if let Some(log) = self.run.next_log() {
            return Some(Action::Log(log));
        }
        while let Some(id) = self.noted.first_at_least(0) {
            if let Some(log) = self.rooms.units.get_mut(id.index()).and_then(|unit| unit.next_log(id)) {
                return Some(Action::Log(log));
            }
            if let Some(adoption) = self.due_adoption(id) {
                return Some(adoption);
            }
            self.noted.remove(id);
        }
        None
    }

    /// When [`Event::Deadline`] is wanted, if nothing else happens before.
    #[must_use]
    #[inline(never)]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.run.has_left() {
            return None;
        }
        let first = Instant::earlier(self.run.deadline(), self.switch.deadline());
        let first = Instant::earlier(first, self.health.deadline());
        self.timed.iter().fold(first, |first, id| Instant::earlier(first, self.peek(id).deadline()))
    }

    /// When [`Event::Clock`] is wanted, by the wall clock: microseconds since 1970. It is wanted earlier if somebody sets
    /// the clock. `None` if nobody goes by it.
    #[must_use]
    pub fn next_wall_deadline(&self) -> Option<u64> {
        let waits = |unit: &&Record| matches!(unit.state, State::Waiting { .. }) && unit.timing.wall_at > 0;
        self.rooms.units.iter().filter(waits).map(|unit| unit.timing.wall_at).min()
    }

    /// How often something happened that cannot.
    pub const fn impossible_count(&self) -> u32 {
        self.impossible_count
    }

    fn due(&mut self, id: UnitId) -> Due {
        self.time_job(id);
        match self.due_of_state(id) {
            Due::Act(action) => Due::Act(action),
            Due::Changed => Due::Changed,
            Due::Nothing if self.advance_job(id) => Due::Changed,
            Due::Nothing => self.due_examination(id),
        }
    }

    /// What the state of `id` itself asks for.
    fn due_of_state(&mut self, id: UnitId) -> Due {
        match self.due_kill(id) {
            Due::Nothing => {}
            due @ (Due::Act(_) | Due::Changed) => return due,
        }
        match self.peek(id).state {
            State::Reloading { .. } => match self.due_reload_signal(id) {
                Due::Nothing => self.due_spawn(id),
                due @ (Due::Act(_) | Due::Changed) => due,
            },
            State::Dead
            | State::Failed
            | State::AutoRestart { .. }
            | State::RestartDue
            | State::Active
            | State::Elapsed => Due::Nothing,
            State::Opening { .. } | State::Waiting { .. } | State::Triggered => self.due_trigger(id),
            State::Command { .. } | State::Running | State::Exited => self.due_spawn(id),
            State::Kill { .. } => self.due_signal(id),
            State::Clean { .. } => self.due_clean(id),
        }
    }

    /// The record of `id`, to be changed: whatever is done to it, it will be looked at.
    fn at(&mut self, id: UnitId) -> &mut Record {
        match self.rooms.units.get_mut(id.index()) {
            Some(unit) => {
                self.dirty.insert(id);
                self.noted.insert(id);
                self.timed.insert(id);
                unit
            }
            None => &mut self.nowhere,
        }
    }

    #[inline(never)] // everybody looks
    fn peek(&self, id: UnitId) -> &Record {
        self.rooms.units.get(id.index()).unwrap_or(&self.nowhere)
    }

    #[inline(never)] // everybody asks
    fn head(&self, id: UnitId) -> Option<Head<'t>> {
        self.table.head(id)
    }

    /// The record of the unit `id`, which is decoded unless it was the last one.
    #[inline(never)]
    pub fn unit(&self, id: UnitId) -> Option<Unit<'t>> {
        if self.decoded.replace(Some(id)) != Some(id) {
            self.record.set(self.table.unit(id));
        }
        self.record.get()
    }

    /// How the unit `id` is to be dealt with. A function of its own: a decoded record is a kilobyte of its caller's frame.
    #[inline(never)]
    fn manners(&self, id: UnitId) -> Option<Manners> {
        self.head(id).map(|unit| unit.manners)
    }

    /// Whether the unit `id` is a timer.
    #[inline(never)]
    fn is_timer(&self, id: UnitId) -> bool {
        self.unit(id).is_some_and(|unit| matches!(unit.kind, Kind::Timer(_)))
    }

    /// Decodes the record of the service `id` and hands it to `work`.
    fn for_service(&mut self, id: UnitId, work: &mut dyn FnMut(&mut Self, &Service<'t>)) {
        let Some(unit) = self.unit(id) else {
            return self.report_impossible("an event of a unit that is not in the table", id);
        };
        match unit.service() {
            Some(service) => work(self, service),
            None => self.report_impossible("a process of a unit that has none", id),
        }
    }

    fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..u16::try_from(self.rooms.units.len()).unwrap_or(u16::MAX)).map(UnitId)
    }

    /// Says that something happened that cannot. It is contained where it is found.
    #[cold]
    #[inline(never)]
    fn report_impossible(&mut self, what: &'static str, id: UnitId) {
        self.impossible_count = self.impossible_count.saturating_add(1);
        self.impossible = Some((what, id));
    }

    /// Everything whose time has come.
    #[inline(never)]
    fn deadline(&mut self) {
        self.elapse_timers();
        let timed = self.timed;
        for id in timed.iter() {
            if self.peek(id).state.deadline().is_some_and(|at| at <= self.now) && !self.trigger_timed_out(id)
            {
                self.for_service(id, &mut |supervisor, service| supervisor.timed_out(id, service));
            }
            if self.peek(id).job_at.is_some_and(|at| at <= self.now) {
                self.job_timed_out(id);
            }
            if self.peek(id).uphold_at.is_some_and(|at| at <= self.now) {
                self.start_upheld(id);
            }
            if self.peek(id).service_deadline().is_some_and(|at| at <= self.now) {
                self.for_service(id, &mut |supervisor, service| supervisor.time_is_up(id, service));
            }
        }
        self.run_deadline();
    }
}
