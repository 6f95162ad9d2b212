//! `sim`: the simulation of the supervisor. The worlds are those of `tests/sim`; with `--board` it plays that board's own
//! table instead (`timeline`).

mod timeline;

#[path = "../../tests/sim/mod.rs"]
mod worlds;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use tomte::table::Table;

use crate::{board::Board, build};

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
    /// Play this board's own table, and print what happens when.
    #[arg(long, value_name = "BOARD", conflicts_with_all = ["seed", "worlds", "time", "from"])]
    board: Option<String>,
    /// With --board: unit files or folders of them, instead of the board's own.
    #[arg(long, value_name = "PATH", requires = "board")]
    units: Vec<PathBuf>,
    /// With --board: the unit's main process crashes so long after boot, such as sshd@2s.
    #[arg(long, value_name = "UNIT@TIME", requires = "board")]
    crash: Vec<timeline::Crash>,
    /// With --board: the unit does not get ready, and does not end.
    #[arg(long, value_name = "UNIT", requires = "board")]
    hang: Vec<String>,
    /// With --board: the unit's start takes so much longer, such as sshd=5s.
    #[arg(long, value_name = "UNIT=TIME", requires = "board")]
    slow: Vec<timeline::Slow>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(board) = &args.board {
        return play(args, board);
    }
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

/// Prints the timeline of the table of `board`.
fn play(args: &Args, board: &str) -> Result<ExitCode> {
    let board = Board::load(board)?;
    let options = build::Options { units: args.units.clone(), ..build::Options::default() };
    let bytes = build::table_of(&board, &options)?;
    let table = Table::open(&bytes, Some(board.arch())).map_err(|error| anyhow!("{error}"))?;
    let what_if = timeline::WhatIf {
        crash: args.crash.clone(),
        slow: args.slow.clone(),
        hang: args.hang.iter().map(|unit| timeline::full_name(unit)).collect(),
    };
    let lines = timeline::play(table, &what_if).map_err(|error| anyhow!("{error}"))?;
    for (at_us, line) in lines {
        println!("{:>5}.{:03} s  {line}", at_us / 1_000_000, at_us / 1_000 % 1_000);
    }
    Ok(ExitCode::SUCCESS)
}
