//! One world: the shell's loop around the supervisor, with the simulated machine in the place of the real one.

mod clients;
mod happenings;
mod health;
mod mounts;
mod notices;
mod rest;
mod triggers;

use tomte::{
    supervisor::{
        Action, Event, Facts, Keeper, Log, Pid, Rooms, SHUTDOWN_TIMEOUT, Slot, Spawn, Supervisor, Until,
        Which,
    },
    table::{Arch, IdentityId, Micros, Table, UnitId},
    wire::{ActiveState, Power, UnitStatus},
};

use super::{
    Tally,
    judge::{Judge, Verdict},
    kernel::{Given, Kernel, Later},
    plan::{Faults, Plan, pick},
};

/// Events of one world while things go wrong.
const TROUBLE_EVENTS_MAX: u64 = 2_000;
/// Events until the world must have come to rest: a service that finds no number and restarts every millisecond is a
/// thousand of them each second of somebody else's stop.
const CALM_EVENTS_MAX: u64 = 400_000;
/// Bytes of a world's state.
const STATE_BYTES_MAX: usize = 16 << 10;
/// Actions that may follow from one event.
const ACTIONS_MAX: u32 = 2_000;

pub(super) struct World<'w> {
    /// The table in use, and the other one.
    plan: &'w Plan,
    table: Table<'w>,
    other: (&'w Plan, Table<'w>),
    supervisor: Supervisor<'w>,
    /// For the next one.
    rooms: Option<&'w mut Rooms>,
    kernel: Kernel,
    judge: Judge,
    log: Option<&'w mut Vec<String>>,
    events: u64,
    left_at: Option<u64>,
    shutdown_at: Option<u64>,
    /// Microseconds of the shutdown's that no time passed for.
    jumped: u64,
    reported: bool,
    calm: bool,
    /// The last turn was over too soon: there is more to do.
    cut_short: bool,
    /// Requests that are still to come at once.
    flood: u32,
    /// When each unit last said that it is alive, or was made.
    heard: Vec<u64>,
    /// Units that found no number although nothing goes wrong any more.
    numberless: Vec<bool>,
    /// What is held for each unit that starts others.
    held: Vec<triggers::Held>,
    mounts: mounts::Mounts,
    /// Since when a vital unit has been seen down, again and again.
    down_since: Option<u64>,
}

impl<'w> World<'w> {
    pub(super) fn new(
        tables: [(&'w Plan, &'w [u8]); 2],
        rng: fastrand::Rng,
        log: Option<&'w mut Vec<String>>,
        [rooms, next_rooms]: &'w mut [Rooms; 2],
    ) -> Self {
        let open = |(plan, bytes)| {
            (plan, Table::open(bytes, Some(Arch::X86_64)).expect("the plan is a sound table"))
        };
        let [(plan, table), other] = tables.map(open);
        Self {
            plan,
            table,
            other,
            supervisor: Supervisor::new(table, rooms),
            rooms: Some(next_rooms),
            kernel: Kernel::new(rng, plan),
            judge: Judge::new(plan.units.len(), !plan.related),
            log,
            events: 0,
            left_at: None,
            shutdown_at: None,
            jumped: 0,
            reported: false,
            calm: false,
            cut_short: false,
            flood: 0,
            heard: vec![0; plan.units.len()],
            numberless: vec![false; plan.units.len()],
            held: vec![triggers::Held::default(); plan.units.len()],
            mounts: mounts::Mounts::default(),
            down_since: Some(0),
        }
    }

    /// From boot to the last action.
    pub(super) fn live(mut self) -> Result<Tally, String> {
        let until = self.plan.until_idle.then_some(Until::Idle);
        let random = self.kernel.rng.u64(..);
        self.plug(false);
        self.handle(Event::Clock { wall: self.kernel.wall(), set: false })?;
        self.handle(Event::Boot { random, until, kernel_age: Micros::ZERO, machine: 0, target: None })?;
        if self.kernel.faults.requests > 0 {
            self.kernel.schedule(1_000, Later::Request);
        }
        if self.kernel.faults.hands > 0 {
            self.kernel.schedule(1_000, Later::Hand);
        }
        let early = self.kernel.rng.u8(..5) == 0;
        while self.kernel.now < self.plan.trouble
            && self.events < TROUBLE_EVENTS_MAX
            && self.left_at.is_none()
        {
            if !self.step()? {
                break;
            }
        }
        if early && self.left_at.is_none() {
            self.shut_down()?; // while things still go wrong
            self.run_until(|world| world.left_at.is_some(), "shutdown does not end")?;
            return self.end();
        }
        self.kernel.faults = Faults::default();
        self.kernel.tame();
        self.calm = true;
        self.plug(true);
        self.run_until(
            |world| world.left_at.is_some() || world.is_at_rest(),
            "no rest although all is well",
        )?;
        if self.left_at.is_none() {
            self.judge_rest()?;
            // Who is upheld in vain is never idle.
            let upheld = self.plan.related && self.supervisor.next_deadline().is_some();
            if self.plan.until_idle && !self.reported && !upheld && self.numberless.iter().all(|unit| !unit) {
                return Err("idle, and no report".into());
            }
            self.shut_down()?;
            self.run_until(|world| world.left_at.is_some(), "shutdown does not end")?;
        }
        self.end()
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool, complaint: &str) -> Verdict {
        for _ in 0..CALM_EVENTS_MAX {
            if done(self) {
                return Ok(());
            }
            if !self.step()? {
                break;
            }
        }
        if done(self) {
            return Ok(());
        }
        let moving = self.statuses().filter(|status| !is_down(status));
        let moving: Vec<_> = moving.map(|status| format!("{} {}", status.name, status.sub)).collect();
        Err(format!("{complaint}: {}; jobs: {}", moving.join(", "), self.supervisor.manager().jobs))
    }

    fn end(mut self) -> Result<Tally, String> {
        let waiting: u32 = self.judge.unanswered.values().sum();
        if waiting > 0 {
            return Err(format!("{waiting} requests were never answered"));
        }
        let took = self.left_at.zip(self.shutdown_at).map_or(0, |(left, asked)| left.saturating_sub(asked));
        if took > SHUTDOWN_TIMEOUT.0 + self.jumped {
            return Err(format!("shutdown took {took} us, {} of them in jumps", self.jumped));
        }
        // Whatever comes in now, nothing goes out.
        self.kernel.schedule(0, Later::Request);
        for _ in 0..20 {
            self.step()?;
        }
        Ok(Tally { worlds: 1, events: self.events, simulated: self.kernel.now })
    }

    /// The next thing happens; whether there was one.
    fn step(&mut self) -> Result<bool, String> {
        // PID 1 is late for what it has to do after a short turn, but not by minutes.
        if !self.cut_short && self.kernel.strikes(self.kernel.faults.clock_jumps) {
            let span = self.kernel.rng.u64(..600_000_000);
            self.kernel.now += span;
            self.jumped += if self.shutdown_at.is_some() { span } else { 0 };
        }
        if self.kernel.strikes(self.kernel.faults.clock_jumps) {
            self.kernel.set_wall_clock();
            self.handle(Event::Clock { wall: self.kernel.wall(), set: true })?;
        }
        let rings = self.supervisor.next_wall_deadline().filter(|at| *at < u64::MAX);
        let rings = rings.map(|at| self.kernel.when_wall_is(at));
        let deadline = self.supervisor.next_deadline().map(|at| at.0).into_iter().chain(rings).min();
        let due = match (deadline, self.kernel.next_at()) {
            (Some(deadline), Some(at)) if deadline == at => self.kernel.rng.bool(),
            (Some(deadline), Some(at)) => deadline < at,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if let Some(deadline) = deadline.filter(|_| due) {
            self.kernel.now = self.kernel.now.max(deadline);
            self.handle(match rings {
                Some(at) if at <= deadline => Event::Clock { wall: self.kernel.wall(), set: false },
                Some(_) | None => Event::Deadline,
            })?;
            self.judge_silence()?;
        } else {
            let Some(later) = self.kernel.pop() else { return Ok(false) };
            self.happen(later)?;
        }
        if self.events.is_multiple_of(8) && !self.cut_short {
            self.judge.rest(&self.plan.units, &self.kernel, &self.supervisor)?;
        }
        Ok(true)
    }

    fn shut_down(&mut self) -> Verdict {
        if self.shutdown_at.is_none() {
            self.shutdown_at = Some(self.kernel.now);
        }
        if self.reported || !self.plan.until_idle {
            self.judge.shutting_down = true; // else a report comes first
            self.judge.shutdown_began = self.kernel.now;
        }
        let power = *pick(&mut self.kernel.rng, Power::ALL);
        let signal = match power {
            Power::PowerOff => 12,
            Power::Reboot => 15,
            Power::Halt => 10,
            Power::Kexec => 40,
            Power::SoftReboot => 41,
        };
        self.handle(Event::Signal { signal, container: false })
    }

    /// The shell's loop, one turn.
    fn handle(&mut self, event: Event<'_>) -> Verdict {
        self.tell(|| format!("<- {event:?}"));
        self.events += 1;
        self.cut_short = false;
        if self.fails(&event) {
            self.recover()?;
        } else {
            self.supervisor.handle(self.kernel.instant(), event);
        }
        for _ in 0..ACTIONS_MAX {
            if self.kernel.strikes(self.kernel.faults.reexecs) {
                self.replace_supervisor(false)?;
            }
            self.look_at_vital();
            self.cut_short |= self.kernel.strikes(self.kernel.faults.short_turns);
            let action =
                if self.cut_short { self.supervisor.next_saying() } else { self.supervisor.next_action() };
            let Some(action) = action else {
                self.look_at_vital();
                if self.cut_short {
                    self.kernel.schedule(0, Later::Turn);
                }
                return if self.supervisor.impossible_count() == 0 {
                    Ok(())
                } else {
                    Err("something impossible".into())
                };
            };
            self.tell(|| format!("  -> {action:?}"));
            if self.left_at.is_some() {
                return Err(format!("{action:?} after the last one"));
            }
            if let Some(answer) = self.perform(action)? {
                self.tell(|| format!("<- {answer:?}"));
                self.events += 1;
                self.supervisor.handle(self.kernel.instant(), answer);
            }
        }
        Err("no end of actions".into())
    }

    /// Whether PID 1 fails before it has made anything of `event`.
    fn fails(&mut self, event: &Event<'_>) -> bool {
        let is_lost = matches!(
            event,
            Event::Spawned { .. }
                | Event::Identified { .. }
                | Event::Executed { .. }
                | Event::Notified { .. }
                | Event::Exited { .. }
                | Event::Empty { .. }
                | Event::Cleaned { .. }
                | Event::Examined { .. }
                | Event::MountsChanged
                | Event::Surveyed { .. }
                | Event::Deadline
        );
        is_lost && self.kernel.strikes(self.kernel.faults.failures)
    }

    /// The next program goes on with what there is.
    fn recover(&mut self) -> Verdict {
        self.replace_supervisor(false)?;
        self.judge.unanswered.clear();
        let (now, kernel, held) = (self.kernel.instant(), &self.kernel, &self.held);
        self.supervisor.recover(now, &|unit| Facts {
            main: kernel.slot(unit, Slot::Main).map(|process| (process.pid, process.executed)),
            control: kernel.slot(unit, Slot::Control).map(|process| (process.pid, process.executed)),
            // A watcher that somebody has called off says nothing any more.
            examiner: kernel.has_examiner(unit),
            helper: kernel.has_helper(unit) || held.get(unit.index()).is_some_and(|held| held.watcher),
            known: kernel.of(unit).next().is_some(),
        });
        Ok(())
    }

    /// PID 1 may be replaced at any moment: what one supervisor has saved, another one loads. It has the other table if it
    /// has `switched`.
    fn replace_supervisor(&mut self, switched: bool) -> Verdict {
        self.tell(|| if switched { "-- switch" } else { "-- reexec" }.into());
        let mains: Vec<_> = self.statuses().map(|status| (status.id, status.main_pid)).collect();
        let mut room = vec![0; STATE_BYTES_MAX];
        let mut keeper = Keeper::save(&mut room);
        self.supervisor.keep(&mut keeper);
        let left = keeper.left().ok_or("the state does not fit")?;
        let mut keeper = Keeper::load(&room[..STATE_BYTES_MAX - left]);
        if switched {
            self.judge_difference()?;
            let before = core::mem::replace(&mut self.other, (self.plan, self.table));
            (self.plan, self.table) = before;
            self.kernel.change(self.plan);
        }
        let rooms = self.rooms.take().expect("they come back below");
        let before = core::mem::replace(&mut self.supervisor, Supervisor::new(self.table, rooms));
        self.rooms = Some(before.into_rooms());
        self.supervisor.keep(&mut keeper);
        if keeper.left() != Some(0) {
            return Err("the state does not load".into());
        }
        self.supervisor.replaced(switched);
        self.mounts_are_forgotten();
        let is_other = |status: UnitStatus<'_>| !mains.contains(&(status.id, status.main_pid));
        match self.statuses().find(|status| is_other(*status)) {
            Some(status) => Err(format!("{} has lost its process", status.name)),
            None => Ok(()),
        }
    }

    /// Who is another one in the other table is down when that comes.
    fn judge_difference(&self) -> Verdict {
        for status in self.statuses().filter(|status| !is_down(status)) {
            let id = UnitId(status.id);
            if self.table.fingerprint(id) != self.other.1.fingerprint(id) {
                return Err(format!("{} is {} and another one in the next table", status.name, status.sub));
            }
        }
        Ok(())
    }

    fn perform(&mut self, action: Action) -> Result<Option<Event<'static>>, String> {
        self.judge.look(&self.supervisor);
        let plans = &self.plan.units;
        match action {
            Action::Spawn(spawn) => {
                let given = self.given(&spawn);
                self.judge.spawn(&spawn, &given, plans, &self.kernel, &self.supervisor)?;
                let answer = self.kernel.spawn(&spawn, given);
                if let Event::Spawned { unit, slot, pid } = answer {
                    self.judge.spawned(unit);
                    if slot == Slot::Main {
                        self.heard[unit.index()] = self.kernel.now;
                    }
                    self.may_mount(&spawn, pid.0);
                }
                return Ok(Some(answer));
            }
            Action::Adopt { unit, which } => {
                let pid = match which {
                    Which::Named { pid, .. } => Some(pid.0),
                    Which::InFile { .. } | Which::Only => self.kernel.daemon(unit, which != Which::Only),
                };
                let pid = pid.filter(|pid| self.kernel.adopt(unit, *pid)).map(Pid);
                return Ok(Some(Event::Adopted { unit, pid }));
            }
            Action::Kill { unit, whom, signal, wakes: _ } => {
                self.judge.kill(unit, whom, signal, plans, &self.kernel, &self.supervisor)?;
                if !self.reloads(unit, signal) {
                    self.kernel.kill(unit, whom, signal);
                }
            }
            Action::Clean { unit, uid, gid, .. } => {
                let numbers: Vec<u32> = uid.into_iter().chain(gid).collect();
                self.judge.clean(unit, &numbers, (plans, &self.kernel), &self.supervisor)?;
                numbers.iter().for_each(|number| self.kernel.kill_number(*number));
                let clean = !self.kernel.strikes(self.kernel.faults.unclean);
                let span = self.kernel.rng.u64(1..2_000_000);
                self.kernel.schedule(span, Later::Cleaned { unit: unit.0, clean });
            }
            Action::Examine { unit } => {
                self.judge.examine(unit, plans)?;
                let dies = self.kernel.strikes(self.kernel.faults.examiner_dies);
                let met = !self.kernel.strikes(self.kernel.faults.unmet);
                let span = self.kernel.rng.u64(1..2_000_000);
                self.kernel.schedule(span, Later::Examined { unit: unit.0, met: (!dies).then_some(met) });
            }
            Action::Survey => self.survey(),
            Action::Stamp { unit, elapsed } => self.stamp(unit, elapsed),
            Action::Store { .. } => {}
            Action::Watch { unit, .. } => self.watch(unit)?,
            Action::Arm { unit, .. } => self.arm(unit)?,
            Action::Unwatch { unit } => self.unwatch(unit),
            Action::Accept { unit, instance } => return self.accept(unit, instance),
            Action::Reply { client, answer } => return self.reply(client, answer),
            Action::Log(log) => self.note(log)?,
            Action::Names => {}
            Action::Report { .. } => return Ok(Some(self.report())),
            Action::Make { client, unit } => return Ok(Some(Event::Made { client, unit, sound: false })),
            Action::Reexec { switch } => {
                if self.kernel.rng.bool() {
                    return Ok(Some(Event::NotReplaced));
                }
                self.replace_supervisor(switch)?;
            }
            Action::Switch { back } => self.open_other(back),
            Action::Feed { .. } => return Ok(self.feed()?.then_some(Event::Probed)),
            Action::Leave { .. } => self.leave()?,
        }
        Ok(None)
    }

    /// The other table is opened, unless it is damaged.
    fn open_other(&mut self, back: bool) {
        let opens = back || self.kernel.rng.u8(..8) > 0;
        self.supervisor.switch_to(opens.then_some(&self.other.1));
    }

    fn leave(&mut self) -> Verdict {
        self.left_at = Some(self.kernel.now);
        let waited = self.kernel.now.saturating_sub(self.shutdown_at.unwrap_or(0));
        if waited < SHUTDOWN_TIMEOUT.0 && self.statuses().any(|status| !is_down(&status)) {
            return Err("left before all units were down".into());
        }
        Ok(())
    }

    fn report(&mut self) -> Event<'static> {
        self.reported = true;
        self.shutdown_at = self.shutdown_at.or(Some(self.kernel.now));
        self.judge.shutting_down = true;
        self.judge.shutdown_began = self.kernel.now;
        Event::Reported
    }

    fn given(&self, spawn: &Spawn) -> Vec<Given> {
        let Some(service) = &self.plan.units[spawn.unit.index()].service else { return vec![] };
        let user = service.user.map(IdentityId).zip(spawn.uid);
        let group = service.group.map(IdentityId).zip(spawn.gid);
        user.into_iter().chain(group.filter(|group| user != Some(*group))).collect()
    }

    fn note(&mut self, log: Log) -> Verdict {
        match log {
            Log::Starving(Some(unit)) => self.judge_starving(unit)?,
            Log::DependencyFailed(unit, _) => self.judge.dependency_failed(unit),
            Log::Regrouped(_) => {
                self.judge.undisturbed = false;
                self.plan.watched.vital.iter().for_each(|unit| self.judge.reset(UnitId(*unit)));
            }
            Log::JobTimedOut(unit) => self.judge.job_timed_out(unit, &self.supervisor),
            Log::NoUidLeft(unit) => self.numberless[unit.index()] |= self.calm,
            Log::Started(_)
            | Log::Stopped(_)
            | Log::Failed(..)
            | Log::ConditionUnmet(..)
            | Log::AssertFailed(..)
            | Log::NotExamined(_)
            | Log::MainExited(..)
            | Log::RestartScheduled(..)
            | Log::StartLimitHit(_)
            | Log::TriggerLimitHit(_)
            | Log::AlreadyActive(..)
            | Log::TimedOut(..)
            | Log::NotCleaned(_)
            | Log::WatchdogExpired(..)
            | Log::OomKilled(_)
            | Log::RuntimeOver(_)
            | Log::Contradiction(..)
            | Log::Acting(_)
            | Log::NoticeRefused(..)
            | Log::NotAdopted(_)
            | Log::ReloadFailed(_)
            | Log::Reloaded(_)
            | Log::BootFinished
            | Log::Healthy
            | Log::Sick(_)
            | Log::Starving(None)
            | Log::ShuttingDown(_)
            | Log::Impossible(..) => {}
        }
        Ok(())
    }

    fn statuses(&self) -> impl Iterator<Item = UnitStatus<'_>> {
        let count = u16::try_from(self.plan.units.len()).expect("few units");
        (0..count).filter_map(|n| self.supervisor.status(UnitId(n)))
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.kernel.now;
        if let Some(log) = &mut self.log {
            log.push(format!("{:>6}.{:06} {}", now / 1_000_000, now % 1_000_000, line()));
        }
    }
}

const fn is_down(status: &UnitStatus<'_>) -> bool {
    matches!(status.active, ActiveState::Inactive | ActiveState::Failed)
}
