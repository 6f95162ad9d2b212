//! `bench`: how long things take, beside a floor that is measured in the same run: what has to be done in any case, such
//! as reading the same bytes. Shows medians; judges nothing but its own targets. `material.rs` makes the input.

mod material;
mod units;

use std::{
    io::Write as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use crate::diag::closest;

/// Rounds of each measurement, unless told otherwise.
const ROUNDS: usize = 15;

/// Something that is measured.
pub struct Bench {
    /// The word for the command line.
    pub name: &'static str,
    /// What is done in one round.
    pub about: &'static str,
    /// What the floor does with the same input.
    pub floor: &'static str,
    /// What the median is to stay under, of the times or of their ratio.
    pub target: Target,
    /// Makes everything that is not measured.
    pub prepare: fn() -> Result<Prepared>,
}

/// A promise about a median.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most so long.
    Time(Duration),
    /// At most so many times the floor.
    #[allow(dead_code, reason = "for the benches of starts, whose floor is a bare clone3 and execve")]
    Ratio(f64),
}

/// A bench that is ready to run.
pub struct Prepared {
    /// What the input is, such as a number of files and bytes.
    pub input: String,
    /// One round of what is measured.
    pub round: Box<dyn FnMut() -> Result<()>>,
    /// One round of the floor.
    pub floor: Box<dyn FnMut() -> Result<()>>,
}

/// All of them.
const BENCHES: &[Bench] = &[units::CHECK, units::BAKE, units::OPEN];

/// `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to measure; without one, everything.
    names: Vec<String>,
    /// How often to measure each.
    #[arg(long, value_name = "COUNT", default_value_t = ROUNDS, value_parser = rounds)]
    rounds: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn rounds(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|rounds| *rounds > 0).ok_or_else(|| "expected a number from 1 on".to_owned())
}

/// Measures, and shows what came of it. Fails only if something could not be done.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut results = Vec::new();
    for bench in chosen(&args.names)? {
        eprintln!("bench: {}: {} …", bench.name, bench.about);
        results.push((bench, measure((bench.prepare)()?, args.rounds)?));
    }
    let text = match args.json {
        true => serde_json::to_string_pretty(&to_json(&results))? + "\n",
        false => to_text(&results),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Bench>> {
    if names.is_empty() {
        return Ok(BENCHES.iter().collect());
    }
    let find = |name: &String| match BENCHES.iter().find(|bench| bench.name == name) {
        Some(bench) => Ok(bench),
        None => {
            let known: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
            match closest(name, known.iter().copied()) {
                Some(meant) => bail!("no bench {name} (did you mean {meant}?)"),
                None => bail!("no bench {name}; there are {}", known.join(", ")),
            }
        }
    };
    names.iter().map(find).collect()
}

/// The times of one bench, each list sorted.
struct Measured {
    input: String,
    times: Vec<Duration>,
    floors: Vec<Duration>,
}

/// Takes bench and floor in turns, so that whatever else the machine does falls on both; the first round of each only
/// warms up.
fn measure(mut prepared: Prepared, rounds: usize) -> Result<Measured> {
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        for (list, work) in [(&mut floors, &mut prepared.floor), (&mut times, &mut prepared.round)] {
            let begin = Instant::now();
            work()?;
            if round > 0 {
                list.push(begin.elapsed());
            }
        }
    }
    times.sort();
    floors.sort();
    Ok(Measured { input: prepared.input, times, floors })
}

impl Measured {
    fn median(&self) -> Duration {
        median(&self.times)
    }

    fn floor(&self) -> Duration {
        median(&self.floors)
    }

    fn ratio(&self) -> f64 {
        self.median().as_secs_f64() / self.floor().as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn keeps(&self, target: Target) -> bool {
        match target {
            Target::Time(most) => self.median() <= most,
            Target::Ratio(most) => self.ratio() <= most,
        }
    }
}

/// The middle of a sorted list; the later one of two.
fn median(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn to_text(results: &[(&Bench, Measured)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["BENCH", "MEDIAN", "BEST", "WORST", "FLOOR", "RATIO", "TARGET", ""]);
    for (bench, measured) in results {
        let at = |place: Option<&Duration>| place.map_or_else(String::new, |time| milliseconds(*time));
        table.add_row([
            bench.name.to_owned(),
            milliseconds(measured.median()),
            at(measured.times.first()),
            at(measured.times.last()),
            milliseconds(measured.floor()),
            format!("{:.1}", measured.ratio()),
            match bench.target {
                Target::Time(most) => milliseconds(most),
                Target::Ratio(most) => format!("ratio {most:.1}"),
            },
            if measured.keeps(bench.target) { "kept" } else { "MISSED" }.to_owned(),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    text.push('\n');
    for (bench, measured) in results {
        let Bench { name, about, floor, .. } = bench;
        text.push_str(&format!("{name}: {about}: {}. Floor: {floor}.\n", measured.input));
    }
    text
}

fn to_json(results: &[(&Bench, Measured)]) -> serde_json::Value {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let one = |(bench, measured): &(&Bench, Measured)| {
        let (kind, most) = match bench.target {
            Target::Time(most) => ("median_us", micros(most)),
            Target::Ratio(most) => ("ratio", most),
        };
        json!({
            "name": bench.name,
            "about": bench.about,
            "input": measured.input,
            "rounds": measured.times.len(),
            "median_us": micros(measured.median()),
            "times_us": measured.times.iter().copied().map(micros).collect::<Vec<_>>(),
            "floor": bench.floor,
            "floor_us": micros(measured.floor()),
            "ratio": measured.ratio(),
            "target": { kind: most },
            "kept": measured.keeps(bench.target),
        })
    };
    json!({ "schema": 1, "benches": results.iter().map(one).collect::<Vec<_>>() })
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(times: &[u64], floors: &[u64]) -> Measured {
        let list = |times: &[u64]| times.iter().map(|time| Duration::from_micros(*time)).collect();
        Measured { input: "nothing".into(), times: list(times), floors: list(floors) }
    }

    #[test]
    fn medians_are_compared_with_the_target_and_with_the_floor() {
        let measured = measured(&[900, 1000, 5000], &[400, 500, 600]);
        assert_eq!(
            (measured.median(), measured.floor()),
            (Duration::from_millis(1), Duration::from_micros(500))
        );
        assert!(measured.keeps(Target::Time(Duration::from_millis(1))) && measured.keeps(Target::Ratio(2.0)));
        assert!(
            !measured.keeps(Target::Time(Duration::from_micros(999))) && !measured.keeps(Target::Ratio(1.9))
        );
    }

    #[test]
    fn every_bench_can_be_prepared_and_run_and_is_known_by_one_name() {
        for bench in BENCHES {
            assert_eq!(BENCHES.iter().filter(|other| other.name == bench.name).count(), 1);
            let mut prepared = (bench.prepare)().unwrap_or_else(|error| panic!("{}: {error:#}", bench.name));
            (prepared.floor)()
                .and_then(|()| (prepared.round)())
                .unwrap_or_else(|error| panic!("{}: {error:#}", bench.name));
        }
        assert!(
            chosen(&["chek-1000".into()])
                .is_err_and(|error| error.to_string().ends_with("(did you mean check-1000?)"))
        );
    }

    #[test]
    fn results_are_shown_to_people_and_to_programs() {
        let results = [(&BENCHES[0], measured(&[1_000_000], &[500_000]))];
        let text = to_text(&results);
        assert!(text.contains("1000.00 ms") && text.contains("2.0") && text.contains("kept"), "{text}");
        let json = to_json(&results);
        assert_eq!(json["benches"][0]["ratio"], 2.0);
        assert_eq!(json["benches"][0]["kept"], true);
    }
}
