//! `sim`: the simulation of the supervisor. The worlds are those of `tests/sim`.

#[path = "../../tests/sim/mod.rs"]
mod worlds;

use std::{process::ExitCode, time::Instant};

use anyhow::{Result, anyhow};

/// Events after which a run without a number of worlds ends.
const EVENTS: u64 = 1_500_000;

#[derive(clap::Args)]
pub struct Args {
    /// Play only the world of this seed.
    seed: Option<u64>,
    /// Play this many worlds; without it, as many as make 1.5 million events.
    #[arg(long, value_name = "COUNT", conflicts_with = "seed")]
    worlds: Option<u64>,
    /// The first world's seed.
    #[arg(long, value_name = "SEED", default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// How many of the last lines of a failing world's log to show.
    #[arg(long, value_name = "COUNT", default_value_t = worlds::LOG_LINES)]
    lines: usize,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let begin = Instant::now();
    let tally = match (args.seed, args.worlds) {
        (Some(seed), _) => worlds::run(seed, args.lines),
        (None, Some(worlds)) => worlds::run_many(args.from..args.from.saturating_add(worlds), u64::MAX),
        (None, None) => worlds::run_many(args.from.., EVENTS),
    };
    let tally = tally.map_err(|failure| anyhow!("{failure}"))?;
    println!(
        "sim: {} world{}, {} events, {} days, no rule broken ({:.1} s)",
        tally.worlds,
        if tally.worlds == 1 { "" } else { "s" },
        tally.events,
        tally.simulated / 86_400_000_000,
        begin.elapsed().as_secs_f32()
    );
    Ok(ExitCode::SUCCESS)
}
