//! The simulation: the real supervisor in made-up worlds.
//!
//! A seed chooses a graph of units, what their programs are like, and what goes wrong. Safety first: while things go
//! wrong, [`judge`] watches every action. Then liveness: nothing goes wrong any more, everything must come to rest
//! with a reason, and a shutdown must end. A failure prints the seed, which of its faults it takes, and the way back.
//!
//! To add to it: what units can be like is in `plan` (a field of `UnitPlan` or `ServicePlan` in `fixture`, chosen in
//! `plan::unit` or `plan::change`); what goes wrong is a field of [`Faults`], which strikes where `kernel` or `world` asks
//! `strikes`; a new event is a variant of `kernel::Later`, scheduled there and told to the supervisor in `world`; a new action
//! is an arm of `world`'s `perform`. A rule that holds always is a check in `judge`, one that holds at rest in
//! `world::rest`. Then plant a bug that breaks it (xtask/src/test/mutants/bugs.rs), and see that it is caught.

mod fixture;
mod judge;
mod kernel;
mod plan;
mod world;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Instant,
};

use fastrand::Rng;
use tomte::supervisor::Rooms;

pub(crate) use plan::Faults;
use plan::Plan;
use world::World;

/// Lines of the log that a failure shows, unless somebody wants another number.
pub(crate) const LOG_LINES: usize = 60;

/// What a run of many worlds came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) worlds: u64,
    pub(crate) events: u64,
    /// Microseconds that passed in the worlds.
    pub(crate) simulated: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.events += other.events;
        self.simulated += other.simulated;
    }
}

/// Runs the world of `seed`. If it fails, the last `lines` of what happened are shown.
///
/// # Errors
/// What went wrong, with the last lines of the log and the way to see it again.
pub(crate) fn run(seed: u64, lines: usize) -> Result<Tally, String> {
    let quiet = world(seed, &Change::default(), None);
    let Err(what) = quiet else { return quiet };
    // The same again, with a log: most worlds never need one.
    let mut log = Vec::new();
    let again = world(seed, &Change::default(), Some(&mut log));
    let same = again.as_ref().err() == Some(&what);
    let note =
        if same { "" } else { " (not the same the second time: something is not determined by the seed)" };
    let from = log.len().saturating_sub(lines);
    let all = Plan::of(&mut Rng::with_seed(seed));
    let faults = all.faults.fewest(&mut |faults| {
        let fewer = Change { faults: Some(faults), ..Change::default() };
        world(seed, &fewer, None).is_err()
    });
    let change = smallest(seed, Change { faults: Some(faults), ..Change::default() }, &all);
    let mut least = Vec::new();
    let _the_same = world(seed, &change, Some(&mut least));
    let units: Vec<&str> = (0..)
        .zip(&all.units)
        .filter(|(id, _)| !change.idle.contains(id))
        .map(|(_, unit)| &*unit.name)
        .collect();
    Err(format!(
        "{}\nseed {seed}: {what}{note}; it takes {}, {} of {} events, and {}; replay: cargo xtask sim {seed}",
        log[from..].join("\n"),
        faults.told(),
        least.iter().filter(|line| line.contains("<-")).count(),
        log.iter().filter(|line| line.contains("<-")).count(),
        units.join(" "),
    ))
}

/// Runs the worlds of `seeds`, on every processor, to their end or until `end`.
///
/// # Errors
/// As [`run`]: of the worlds that failed, the one with the lowest seed.
pub(crate) fn run_many(seeds: Range<u64>, end: Option<Instant>) -> Result<Tally, String> {
    let next = AtomicU64::new(seeds.start);
    let failed = AtomicBool::new(false);
    let work = || {
        let mut total = Tally::default();
        while !failed.load(Ordering::Relaxed) && end.is_none_or(|end| Instant::now() < end) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            match run(seed, LOG_LINES) {
                Ok(tally) => total.add(tally),
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    return Err((seed, failure));
                }
            }
        }
        Ok(total)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let ended: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().expect("worlds catch what panics in them")).collect()
    });
    let mut total = Tally::default();
    let mut first: Option<(u64, String)> = None;
    for ended in ended {
        match ended {
            Ok(tally) => total.add(tally),
            Err(failure) if first.as_ref().is_none_or(|(seed, _)| failure.0 < *seed) => first = Some(failure),
            Err(_) => {}
        }
    }
    first.map_or(Ok(total), |(_, failure)| Err(failure))
}

/// How a world is made smaller.
#[derive(Clone, Default)]
struct Change {
    /// What goes wrong instead.
    faults: Option<Faults>,
    /// Units that are targets which have nothing to do with others.
    idle: Vec<u16>,
    /// For how long things may go wrong, in microseconds.
    trouble: Option<u64>,
}

/// As few units and as short a time as it takes for the world of `seed`, whose plan is `all`, to fail still.
fn smallest(seed: u64, mut change: Change, all: &Plan) -> Change {
    let fails = |change: &Change| world(seed, change, None).is_err();
    for id in (0..).take(all.units.len()).skip(1) {
        change.idle.push(id);
        if !fails(&change) {
            change.idle.pop();
        }
    }
    let mut trouble = all.trouble;
    while trouble > 1 {
        trouble /= 2;
        if !fails(&Change { trouble: Some(trouble), ..change.clone() }) {
            break;
        }
        change.trouble = Some(trouble);
    }
    change
}

/// The world of `seed`, with that `change`.
fn world(seed: u64, change: &Change, log: Option<&mut Vec<String>>) -> Result<Tally, String> {
    let mut rng = Rng::with_seed(seed);
    let mut plan = Plan::of(&mut rng);
    plan.faults = change.faults.unwrap_or(plan.faults);
    plan.trouble = change.trouble.unwrap_or(plan.trouble);
    change.idle.iter().for_each(|id| plan.make_idle(*id));
    let other = plan.other(&mut rng);
    let bytes =
        [&plan, &other].map(|plan| fixture::bake(&plan.units, plan.range, plan.identities, &plan.watched));
    let tables = [(&plan, &*bytes[0]), (&other, &*bytes[1])];
    let mut rooms = Box::new([Rooms::new(), Rooms::new()]);
    let ended = catch_unwind(AssertUnwindSafe(|| World::new(tables, rng, log, &mut rooms).live()));
    ended.unwrap_or_else(|_| Err("the supervisor panicked".into()))
}
