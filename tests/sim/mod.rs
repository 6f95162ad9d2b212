//! The simulation: the real supervisor in made-up worlds.
//!
//! A seed chooses a graph of units, what their programs are like, and what goes wrong. Safety first: while things go
//! wrong, [`judge`] watches every action. Then liveness: nothing goes wrong any more, everything must come to rest
//! with a reason, and a shutdown must end. A failure prints the seed and the way back.

mod fixture;
mod judge;
mod kernel;
mod plan;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

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

/// Runs the world of `seed`. If it fails, the last `lines` of what happened are shown.
///
/// # Errors
/// What went wrong, with the last lines of the log and the way to see it again.
pub(crate) fn run(seed: u64, lines: usize) -> Result<Tally, String> {
    let quiet = world(seed, None);
    let Err(what) = quiet else { return quiet };
    // The same again, with a log: most worlds never need one.
    let mut log = Vec::new();
    let again = world(seed, Some(&mut log));
    let same = again.as_ref().err() == Some(&what);
    let note =
        if same { "" } else { " (not the same the second time: something is not determined by the seed)" };
    let from = log.len().saturating_sub(lines);
    Err(format!("{}\nseed {seed}: {what}{note}; replay: cargo xtask sim {seed}", log[from..].join("\n")))
}

/// Runs the worlds of `seeds` until there were `events` events, or to the end of `seeds`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_many(seeds: impl Iterator<Item = u64>, events: u64) -> Result<Tally, String> {
    let mut total = Tally::default();
    for seed in seeds {
        let tally = run(seed, LOG_LINES)?;
        total.worlds += 1;
        total.events += tally.events;
        total.simulated += tally.simulated;
        if total.events >= events {
            break;
        }
    }
    Ok(total)
}

fn world(seed: u64, log: Option<&mut Vec<String>>) -> Result<Tally, String> {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::of(&mut rng);
    let bytes = fixture::bake(&plan.units, plan.range, plan.identities);
    let ended = catch_unwind(AssertUnwindSafe(|| World::new(&plan, &bytes, rng, log).live()));
    ended.unwrap_or_else(|_| Err("the supervisor panicked".into()))
}
