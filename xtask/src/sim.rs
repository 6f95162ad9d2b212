//! `sim`: the simulation of the supervisor. The worlds are those of `tests/sim`.

#[path = "../../tests/sim/mod.rs"]
mod worlds;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

/// Worlds of a run that names neither a number nor a time: what CI plays.
const WORLDS: u64 = 100_000;

#[derive(clap::Args)]
pub struct Args {
    /// Play only the world of this seed.
    seed: Option<u64>,
    /// Play this many worlds [default: 100000].
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["seed", "time"])]
    worlds: Option<u64>,
    /// Play as many worlds as there is time for, such as 8h.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "seed", value_parser = humantime::parse_duration)]
    time: Option<Duration>,
    /// The first world's seed.
    #[arg(long, value_name = "SEED", default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// How many of the last lines of a failing world's log to show.
    #[arg(long, value_name = "COUNT", default_value_t = worlds::LOG_LINES)]
    lines: usize,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let begin = Instant::now();
    let worlds = match args.time {
        Some(_) => u64::MAX,
        None => args.worlds.unwrap_or(WORLDS),
    };
    let tally = match args.seed {
        Some(seed) => worlds::run(seed, args.lines),
        None => worlds::run_many(
            args.from..args.from.saturating_add(worlds),
            args.time.and_then(|time| begin.checked_add(time)),
        ),
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
