//! What services that say much cost: logd itself, other services, and whoever asks PID 1 something meanwhile.

use std::{
    io::{Read as _, Write as _},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Bench, Prepared, Target, Unit,
    machine::{Machine, Setup},
};

/// Services that log at full speed.
const FLOODS: usize = 10;
/// What the `rate` of the floor's program writes, MB.
const RATE_MB: f64 = (64 << 20) as f64 / 1e6;

/// Everything about logs.
pub const ALL: [Bench; 3] = [
    Bench {
        name: "ask-200",
        about: "the median of 1001 questions for a unit's state, with 200 services up and 10 more that log at full speed",
        floor: "the same while nobody logs",
        unit: Unit::Milliseconds,
        rounds: None,
        target: Target::AtMost(1.0),
        prepare: || against_silence("ask", 200),
    },
    Bench {
        name: "log-neighbour",
        about: "200 lines of one service, while 10 others log at full speed",
        floor: "the same while nobody else logs",
        unit: Unit::Milliseconds,
        rounds: None,
        target: Target::AtMost(1.0),
        prepare: || against_silence("few", 0),
    },
    Bench {
        name: "log-rate",
        about: "lines of 100 bytes from a service into the log",
        floor: "the same bytes through a pipe, read and forgotten",
        unit: Unit::MegabytesPerSecond,
        rounds: None,
        target: Target::AtLeast(200.0),
        prepare: || {
            let mut machine = Setup::of_logging(&[unit("rate", 0)])?.start(1)?;
            let rate = move || {
                let before = machine.ticks()?;
                let took = machine.work("rate")?;
                ensure!(machine.ticks()? <= before + 1, "PID 1 has had to do with it");
                Ok(RATE_MB / (took.max(1) as f64 / 1e6))
            };
            Ok(Prepared {
                input: format!("{RATE_MB:.0} MB"),
                round: Box::new(rate),
                floor: Box::new(through_a_pipe),
                grouped: None,
            })
        },
    },
];

/// A service that does `word`.
fn unit(word: &str, number: usize) -> (String, String) {
    let text = format!(
        "[Service]\nExecStart=SERVICE {word}\nLogRateLimitIntervalSec=0\n[Install]\nWantedBy=multi-user.target\n"
    );
    (format!("{word}-{number:03}.service"), text)
}

/// The service `word` among `others` that are silent: while some flood the log, and, as the floor, while nobody does.
fn against_silence(word: &'static str, others: usize) -> Result<Prepared> {
    let quiet: Vec<_> = (0..others).map(|number| unit("wait", number)).chain([unit(word, 0)]).collect();
    let loud: Vec<_> = (0..FLOODS).map(|number| unit("flood", number)).chain(quiet.clone()).collect();
    let mut silent = Setup::of_logging(&quiet)?.start(quiet.len())?;
    let flooded = Setup::of_logging(&loud)?;
    let count = loud.len();
    let work = |machine: &mut Machine| Ok(machine.work(word)? as f64 / 1e3);
    // Only one of them may be loud at a time, or the floor would hear it.
    let round = move || {
        let mut machine = flooded.start(count)?;
        let took = work(&mut machine);
        machine.stop()?;
        took
    };
    Ok(Prepared {
        input: format!("{count} services"),
        round: Box::new(round),
        floor: Box::new(move || work(&mut silent)),
        grouped: None,
    })
}

/// What the machine's pipes carry if nobody looks at it, MB/s.
fn through_a_pipe() -> Result<f64> {
    let (mut from, mut to) = std::io::pipe()?;
    let lines = [b"x".repeat(99), b"\n".to_vec()].concat().repeat(80);
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while from.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let begin = Instant::now();
    for _ in 0..(64 << 20) / lines.len() {
        to.write_all(&lines).context("a pipe")?;
    }
    let took = begin.elapsed();
    drop(to);
    let _ = reader.join();
    Ok(RATE_MB / took.as_secs_f64())
}
