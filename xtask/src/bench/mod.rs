//! `bench`: what things take, beside a floor that is measured in the same run: what has to be done in any case, such as
//! reading the same bytes. Shows medians; judges nothing but its own targets.
//!
//! Where processes are started there is a second floor beside the first, which judges nothing: it makes the mounts that a
//! PID 1 must make, and has every process in a cgroup of its own. What lies between the two is the kernel's price for that;
//! what lies above both is tomte's.
//!
//! `units.rs`, `starts.rs` and `logs.rs` say what is measured; `material.rs` makes unit files, `machine.rs` runs tomte and the floor,
//! which is the program in `floor/`.

mod logs;
mod machine;
mod material;
mod starts;
mod units;

use std::{io::Write as _, process::ExitCode, time::Instant};

use anyhow::{Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use crate::diag::closest;

/// What the second floor is, wherever there is one.
const GROUPED: &str = "the floor with PID 1's mounts and with a cgroup for each process";

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
    /// What is measured.
    pub unit: Unit,
    /// Most rounds, if one round says it all.
    pub rounds: Option<usize>,
    /// What is promised of the median.
    pub target: Target,
    /// Makes everything that is not measured.
    pub prepare: fn() -> Result<Prepared>,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Milliseconds,
    Kibibytes,
    Times,
    MegabytesPerSecond,
}

/// A promise about a median.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
    /// At most so many times the floor.
    Ratio(f64),
}

/// A bench that is ready to run.
pub struct Prepared {
    /// What the input is, such as a number of files and bytes.
    pub input: String,
    /// One round of what is measured, and what came of it.
    pub round: Box<dyn FnMut() -> Result<f64>>,
    /// One round of the floor.
    pub floor: Box<dyn FnMut() -> Result<f64>>,
    /// One round of the second floor: [`GROUPED`].
    pub grouped: Option<Box<dyn FnMut() -> Result<f64>>>,
}

/// A round that takes as long as `work` does.
pub fn timed(mut work: impl FnMut() -> Result<()> + 'static) -> Box<dyn FnMut() -> Result<f64>> {
    Box::new(move || {
        let begin = Instant::now();
        work()?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    })
}

/// Those that need nothing but this program.
const HERE: [Bench; 3] = [units::CHECK, units::BAKE, units::OPEN];

/// All of them.
fn benches() -> impl Iterator<Item = &'static Bench> {
    HERE.iter().chain(&starts::ALL).chain(&logs::ALL)
}

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
        results.push((bench, measure((bench.prepare)()?, bench.rounds.unwrap_or(args.rounds))?));
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
        return Ok(benches().collect());
    }
    let find = |name: &String| match benches().find(|bench| bench.name == name) {
        Some(bench) => Ok(bench),
        None => {
            let known: Vec<_> = benches().map(|bench| bench.name).collect();
            match closest(name, known.iter().copied()) {
                Some(meant) => bail!("no bench {name} (did you mean {meant}?)"),
                None => bail!("no bench {name}; there are {}", known.join(", ")),
            }
        }
    };
    names.iter().map(find).collect()
}

/// The values of one bench, each list sorted.
struct Measured {
    input: String,
    values: Vec<f64>,
    floors: Vec<f64>,
    grouped: Vec<f64>,
}

/// Takes bench and floors in turns, so that whatever else the machine does falls on both; the first round of each only
/// warms up, unless there is but one.
fn measure(mut prepared: Prepared, rounds: usize) -> Result<Measured> {
    let (mut values, mut floors, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    let warm_up = usize::from(rounds > 1);
    for round in 0..rounds + warm_up {
        let second = prepared.grouped.as_mut().map(|work| (&mut grouped, work));
        let both = [(&mut floors, &mut prepared.floor), (&mut values, &mut prepared.round)];
        for (list, work) in both.into_iter().chain(second) {
            let value = work()?;
            if round >= warm_up {
                list.push(value);
            }
        }
    }
    for list in [&mut values, &mut floors, &mut grouped] {
        list.sort_by(f64::total_cmp);
    }
    Ok(Measured { input: prepared.input, values, floors, grouped })
}

impl Measured {
    fn median(&self) -> f64 {
        median(&self.values)
    }

    fn floor(&self) -> f64 {
        median(&self.floors)
    }

    fn ratio(&self) -> f64 {
        self.median() / self.floor().max(f64::MIN_POSITIVE)
    }

    /// The second floor's median, and how many times it the bench takes.
    fn grouped(&self) -> Option<(f64, f64)> {
        let grouped = median(&self.grouped);
        (grouped > 0.0).then(|| (grouped, self.median() / grouped))
    }

    fn keeps(&self, target: Target) -> bool {
        match target {
            Target::AtMost(most) => self.median() <= most,
            Target::AtLeast(least) => self.median() >= least,
            Target::Ratio(most) => self.ratio() <= most,
        }
    }
}

/// The middle of a sorted list; the later one of two.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Kibibytes => format!("{value:.1} KiB"),
            Self::Times => format!("{value:.0}"),
            Self::MegabytesPerSecond => format!("{value:.0} MB/s"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Kibibytes => "KiB",
            Self::Times => "times",
            Self::MegabytesPerSecond => "MB/s",
        }
    }
}

fn to_text(results: &[(&Bench, Measured)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
        .set_header(["BENCH", "MEDIAN", "BEST", "WORST", "FLOOR", "RATIO", "GROUPED", "RATIO", "TARGET", ""]);
    for (bench, measured) in results {
        let shown = |value: f64| bench.unit.show(value);
        let at = |place: Option<&f64>| place.copied().map_or_else(String::new, shown);
        let grouped = measured.grouped();
        table.add_row([
            bench.name.to_owned(),
            shown(measured.median()),
            at(measured.values.first()),
            at(measured.values.last()),
            shown(measured.floor()),
            if measured.floor() > 0.0 { format!("{:.2}", measured.ratio()) } else { "-".to_owned() },
            grouped.map_or_else(String::new, |(grouped, _)| shown(grouped)),
            grouped.map_or_else(String::new, |(_, ratio)| format!("{ratio:.2}")),
            match bench.target {
                Target::AtMost(most) => shown(most),
                Target::AtLeast(least) => format!("{} at least", shown(least)),
                Target::Ratio(most) => format!("ratio {most:.1}"),
            },
            if measured.keeps(bench.target) { "kept" } else { "MISSED" }.to_owned(),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(7) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    text.push('\n');
    for (bench, measured) in results {
        let Bench { name, about, floor, .. } = bench;
        text.push_str(&format!("{name}: {about}: {}. Floor: {floor}.\n", measured.input));
    }
    if results.iter().any(|(_, measured)| measured.grouped().is_some()) {
        text.push_str(&format!("GROUPED: {GROUPED}; targets are against the floor without.\n"));
    }
    text
}

fn to_json(results: &[(&Bench, Measured)]) -> serde_json::Value {
    let one = |(bench, measured): &(&Bench, Measured)| {
        let (kind, most) = match bench.target {
            Target::AtMost(most) => ("at_most", most),
            Target::AtLeast(least) => ("at_least", least),
            Target::Ratio(most) => ("ratio", most),
        };
        json!({
            "name": bench.name,
            "about": bench.about,
            "input": measured.input,
            "unit": bench.unit.name(),
            "median": measured.median(),
            "values": measured.values,
            "floor_about": bench.floor,
            "floor": measured.floor(),
            "ratio": (measured.floor() > 0.0).then(|| measured.ratio()),
            "grouped": measured.grouped().map(|(grouped, _)| grouped),
            "grouped_ratio": measured.grouped().map(|(_, ratio)| ratio),
            "target": { kind: most },
            "kept": measured.keeps(bench.target),
        })
    };
    json!({ "schema": 2, "benches": results.iter().map(one).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[f64], floors: &[f64]) -> Measured {
        Measured {
            input: "nothing".into(),
            values: values.into(),
            floors: floors.into(),
            grouped: Vec::new(),
        }
    }

    #[test]
    fn medians_are_compared_with_the_target_and_with_the_floor() {
        let measured = measured(&[0.9, 1.0, 5.0], &[0.4, 0.5, 0.6]);
        assert_eq!((measured.median(), measured.floor()), (1.0, 0.5));
        assert!(measured.keeps(Target::AtMost(1.0)) && measured.keeps(Target::Ratio(2.0)));
        assert!(!measured.keeps(Target::AtMost(0.999)) && !measured.keeps(Target::Ratio(1.9)));
    }

    #[test]
    fn every_bench_is_known_by_one_name_and_those_that_need_no_machine_run() {
        for bench in benches() {
            assert_eq!(benches().filter(|other| other.name == bench.name).count(), 1);
        }
        for bench in &HERE {
            let mut prepared = (bench.prepare)().unwrap_or_else(|error| panic!("{}: {error:#}", bench.name));
            (prepared.floor)()
                .and_then(|_| (prepared.round)())
                .unwrap_or_else(|error| panic!("{}: {error:#}", bench.name));
        }
        assert!(
            chosen(&["chek-1000".into()])
                .is_err_and(|error| error.to_string().ends_with("(did you mean check-1000?)"))
        );
    }

    #[test]
    fn results_are_shown_to_people_and_to_programs() {
        let mut results = [(&HERE[0], measured(&[1_000.0], &[500.0]))];
        let text = to_text(&results);
        assert!(text.contains("1000.00 ms") && text.contains("2.00") && text.contains("kept"), "{text}");
        assert!(!text.contains(GROUPED), "{text}");
        results[0].1.grouped = vec![800.0];
        let text = to_text(&results);
        assert!(text.contains("2.00") && text.contains("1.25") && text.contains(GROUPED), "{text}");
        let json = to_json(&results);
        assert_eq!(json["benches"][0]["ratio"], 2.0);
        assert_eq!(json["benches"][0]["grouped_ratio"], 1.25);
        assert_eq!(json["benches"][0]["kept"], true);
    }

    #[test]
    fn what_is_nothing_has_no_ratio_to_nothing() {
        let results = [(&starts::ALL[6], measured(&[0.0], &[0.0]))];
        assert!(to_text(&results).contains(" - "), "{}", to_text(&results));
        assert_eq!(to_json(&results)["benches"][0]["ratio"], serde_json::Value::Null);
    }
}
