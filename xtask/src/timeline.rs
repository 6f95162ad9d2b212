//! `timeline`: what `tomte timeline` printed on the device, or a run's report, as a picture or as a trace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use svg::{
    Document,
    node::element::{Rectangle, Text},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON of `tomte timeline`, or of `run --report`.
    file: PathBuf,
    /// Draw it, into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write it as a trace for Perfetto or chrome://tracing, into this file.
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,
}

/// What both kinds of file have.
#[derive(Debug, Deserialize)]
struct Boot {
    units: Vec<Unit>,
}

#[derive(Debug, Deserialize)]
struct Unit {
    name: String,
    active: String,
    started_us: Option<u64>,
    ready_us: Option<u64>,
    ended_us: Option<u64>,
}

impl Unit {
    /// When it started, and when it was up or came to rest; `None` if it never started.
    fn span(&self) -> Option<(u64, u64)> {
        let started = self.started_us.filter(|at| *at > 0)?;
        let ends = [self.ready_us, self.ended_us].into_iter().flatten();
        Some((started, ends.filter(|at| *at >= started).min().unwrap_or(started)))
    }
}

/// Draws the boot of a device.
pub fn run(args: &Args) -> Result<()> {
    let text = fs::read_to_string(&args.file).with_context(|| args.file.display().to_string())?;
    let boot: Boot = serde_json::from_str(&text)
        .with_context(|| format!("{}: not what tomte timeline prints", args.file.display()))?;
    if args.svg.is_none() && args.perfetto.is_none() {
        bail!("--svg FILE, --perfetto FILE, or both");
    }
    let write = |file: &Path, text: String| fs::write(file, text).with_context(|| file.display().to_string());
    args.svg.as_deref().map_or(Ok(()), |file| write(file, picture(&boot).to_string()))?;
    args.perfetto.as_deref().map_or(Ok(()), |file| write(file, trace(&boot)))
}

/// The units that have started, in that order.
fn started(boot: &Boot) -> Vec<(&Unit, u64, u64)> {
    let span = |unit| Unit::span(unit).map(|(from, to)| (unit, from, to));
    let mut all: Vec<_> = boot.units.iter().filter_map(span).collect();
    all.sort_by_key(|(unit, from, to)| (*from, *to, unit.name.clone()));
    all
}

const WIDTH: u64 = 800;
const MARGIN: u64 = 10;
const ROW: u64 = 20;

/// A bar for each unit, from its start to its being up, and its name beside it.
fn picture(boot: &Boot) -> Document {
    let units = started(boot);
    let end = units.iter().map(|(_, _, to)| *to).max().unwrap_or(1).max(1);
    let at = |us: u64| MARGIN + us * WIDTH / end;
    let height = 2 * MARGIN + ROW * units.len() as u64;
    let mut picture = Document::new()
        .set("viewBox", (0, 0, WIDTH + 2 * MARGIN + 400, height))
        .set("font-family", "sans-serif")
        .set("font-size", 12);
    for (row, (unit, from, to)) in (0..).zip(units) {
        let top = MARGIN + ROW * row;
        let color = if unit.active == "failed" { "firebrick" } else { "steelblue" };
        let bar = Rectangle::new()
            .set("x", at(from))
            .set("y", top + 2)
            .set("width", (at(to) - at(from)).max(2))
            .set("height", ROW - 4)
            .set("fill", color);
        let label = format!("{} {:.1} ms + {:.1} ms", unit.name, from as f64 / 1e3, (to - from) as f64 / 1e3);
        let label = Text::new(label).set("x", at(to) + 6).set("y", top + ROW - 6);
        picture = picture.add(bar).add(label);
    }
    picture
}

/// Trace Event Format: a complete event for each unit, each in a row of its own.
fn trace(boot: &Boot) -> String {
    let events: Vec<_> = (1_u32..)
        .zip(started(boot))
        .map(|(row, (unit, from, to))| {
            json!({"name": unit.name, "ph": "X", "ts": from, "dur": to - from, "pid": 1, "tid": row,
                   "args": {"active": unit.active}})
        })
        .collect();
    json!({"traceEvents": events, "displayTimeUnit": "ms"}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = r#"{"manager":{"board":"b"},"units":[
        {"name":"late.service","active":"failed","started_us":3000,"ready_us":0,"ended_us":9000},
        {"name":"never.service","active":"inactive","started_us":0,"ready_us":0,"ended_us":0},
        {"name":"web.service","active":"active","started_us":1000,"ready_us":2500,"ended_us":0}]}"#;

    #[test]
    fn units_that_started_are_drawn_in_their_order() {
        let boot: Boot = serde_json::from_str(BOOT).unwrap();
        let spans: Vec<_> = started(&boot).iter().map(|(unit, from, to)| (&*unit.name, *from, *to)).collect();
        assert_eq!(spans, [("web.service", 1000, 2500), ("late.service", 3000, 9000)]);
        let picture = picture(&boot).to_string();
        assert_eq!(picture.matches("<rect").count(), 2);
        assert!(
            picture.contains("web.service 1.0 ms + 1.5 ms") && picture.contains("firebrick"),
            "{picture}"
        );
    }

    #[test]
    fn a_trace_has_an_event_for_each() {
        let boot: Boot = serde_json::from_str(BOOT).unwrap();
        let trace: serde_json::Value = serde_json::from_str(&trace(&boot)).unwrap();
        assert_eq!(trace["traceEvents"][0]["name"], "web.service");
        assert_eq!(
            (&trace["traceEvents"][1]["ts"], &trace["traceEvents"][1]["dur"]),
            (&json!(3000), &json!(6000))
        );
    }
}
