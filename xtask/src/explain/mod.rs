//! `cargo xtask explain BOARD UNIT`: what the table has on one unit, in words. Reads the baked record, so that it tells
//! what the target will see, the graph for the reasons behind the order, and the target's own list of steps.

mod kinds;
mod origins;
mod steps;
mod words;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use tomte::table::{FilterId, Relation, Table, UnitId};

use crate::{
    bake::{self, Baked, LockFile, Options, bake},
    board::Board,
    diag::{Code, Diagnostics, Severity, closest},
    model,
    order::{self, Edge, Node, Origin},
    seccomp,
    values::time,
};
use origins::Origins;

/// `cargo xtask explain`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A problem's code, such as T0101; or a board: a folder of board-configs, or a path with a slash in it.
    #[arg(value_name = "CODE|BOARD")]
    what: String,
    /// With a board: the unit's name; `.service` may be left out.
    #[arg(value_name = "UNIT")]
    unit: Option<String>,
    /// A unit file or a folder of them, instead of the board's own; may be repeated.
    #[arg(long, value_name = "PATH")]
    units: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One unit, explained: headings with lines of a name and its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Explanation {
    sections: Vec<(&'static str, Vec<Row>)>,
    /// By heading and row: where its values come from.
    origins: BTreeMap<&'static str, Origins>,
}

/// A setting and its values; several for lists.
type Row = (String, Vec<String>);

/// Explains a code, or one unit of a board, which is baked for that (without touching `uids.lock`).
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some(unit) = &args.unit else {
        let code: Code = args.what.parse().map_err(|why: String| {
            anyhow::anyhow!(
                "{why}, the last {}; a unit is explained by its board and its name",
                Code::ALL[Code::ALL.len() - 1]
            )
        })?;
        std::io::stdout().write_all(code.explanation().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let board = Board::load(&args.what)?;
    let options = Options {
        units: args.units.clone(),
        lock: LockFile::Leave,
        only_to_look: true,
        ..Options::default()
    };
    let mut diagnostics = Diagnostics::default();
    let baked = bake(&board, &options, &mut diagnostics);
    if diagnostics.count(Severity::Error) > 0 {
        bake::verb::emit(&diagnostics);
    }
    let explanation = explain(&baked?, unit)?;
    let text = match args.json {
        true => serde_json::to_string_pretty(&explanation.to_json())? + "\n",
        false => explanation.to_text(),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn explain(baked: &Baked, name: &str) -> Result<Explanation> {
    let table = Table::open(&baked.table, Some(baked.arch)).map_err(|error| anyhow::anyhow!("{error}"))?;
    let Some(id) = table.find(name).or_else(|| table.find(&format!("{name}.service"))) else {
        if let Some(unit) = baked.unstarted.iter().find(|unit| unit.name == name) {
            return Ok(kinds::explain(unit));
        }
        let units = baked.graph.nodes.iter().map(|node| &node.unit).chain(&baked.unstarted);
        let names = units.map(|unit| unit.name.as_str());
        let with_stems = names.flat_map(|name| [name, name.strip_suffix(".service").unwrap_or(name)]);
        let meant =
            closest(name, with_stems).map_or_else(String::new, |meant| format!(" (did you mean {meant}?)"));
        bail!("no unit {name} in the table{meant}");
    };
    let unit = table.unit(id).context("open has decoded every unit")?;
    let node = baked.graph.node(id);
    let mut explanation = Explanation::default();
    explanation.add("Unit", about(baked, id, node));
    explanation.add("Dependencies", dependencies(baked, id, node));
    let (heading, rows) = kinds::of_kind(&node.unit.kind);
    explanation.add_settings(heading, rows, &node.unit);
    if let Some(service) = unit.service() {
        explanation.add_settings("Identity", words::identity(&table.board(), &service.exec), &node.unit);
        explanation.add_settings("Commands", words::commands(service), &node.unit);
        explanation.add_settings("Service", words::service(&unit, service), &node.unit);
        explanation.add_settings("Processes", words::exec(&service.exec), &node.unit);
        if let Some(service) = node.unit.kind.service() {
            explanation.add_settings("Resources", kinds::rows(&service.resources), &node.unit);
        }
        explanation.add("System calls", system_calls(baked, node, service.exec.filter));
        explanation.add("Steps", steps::steps(&service.exec));
    }
    if let model::Kind::Socket(socket) = &node.unit.kind {
        explanation.add_settings("Socket", kinds::rows(socket), &node.unit);
    }
    if let model::Kind::Path(path) = &node.unit.kind {
        explanation.add_settings("Path", kinds::rows(path), &node.unit);
    }
    explanation.add("Without effect here", origins::inert(&node.unit));
    explanation.add("Not done yet", origins::later(&node.unit));
    Ok(explanation)
}

fn about(baked: &Baked, id: UnitId, node: &Node) -> Vec<Row> {
    let file =
        node.unit.file.as_ref().map_or("brought along by tomte".into(), |file| file.display().to_string());
    let waves = baked.graph.nodes.iter().map(|node| node.wave).max().unwrap_or(0);
    let at_boot = match (id == baked.graph.default_target, baked.graph.pulled_in().contains(&id)) {
        (true, _) => "yes, it is the default target",
        (false, true) => "yes",
        (false, false) => "no, only by hand",
    };
    let mut rows = vec![
        ("Name".to_owned(), vec![node.unit.name.clone()]),
        ("Description".to_owned(), vec![node.unit.description.clone()]),
        ("File".to_owned(), vec![file]),
        ("Started at boot".to_owned(), vec![at_boot.to_owned()]),
        ("Place in the order".to_owned(), vec![format!("{} of {waves}", node.wave)]),
        ("Start takes at most".to_owned(), longest(baked, id)),
    ];
    rows.retain(|(_, values)| values.iter().any(|value| !value.is_empty()));
    rows
}

/// What its filter does. The model has the settings, the table only what came of them.
fn system_calls(baked: &Baked, node: &Node, filter: Option<FilterId>) -> Vec<Row> {
    let program = filter.and_then(|id| baked.filters.programs.get(id.index()));
    let (Some(program), Some(service)) = (program, node.unit.kind.service()) else { return Vec::new() };
    let policy = &service.exec.system_calls;
    [seccomp::words::lists(policy), seccomp::words::views(policy, baked.arch, program)].concat()
}

/// How long it may take until the unit has started, and the units that it may wait for.
fn longest(baked: &Baked, id: UnitId) -> Vec<String> {
    let bound = order::bound::of(&baked.graph, id);
    let time = time::shown(bound.time);
    if bound.way.len() < 2 { vec![time] } else { vec![time, order::way(&baked.graph, &bound.way)] }
}

/// Each related unit with the reason: the line that says so, or what implies it.
fn dependencies(baked: &Baked, id: UnitId, node: &Node) -> Vec<Row> {
    let related = |other: &UnitId, origin: Option<&Origin>| {
        let name = &baked.graph.node(*other).unit.name;
        match origin {
            Some(Origin::Written(_, Some(place))) => {
                format!("{name} ({}:{})", place.file.display(), place.line)
            }
            Some(Origin::Written(assignment, None)) => format!("{name} ({assignment})"),
            Some(Origin::Implied(why)) => format!("{name} ({why})"),
            None => name.clone(),
        }
    };
    let own = |edge: Edge, other: &UnitId| related(other, node.reasons.get(&(edge, *other)));
    let of_other =
        |edge: Edge, other: &UnitId| related(other, baked.graph.node(*other).reasons.get(&(edge, id)));
    let before = |other: &UnitId| related(other, baked.graph.node(*other).after.get(&id));
    let row = |what: &str, values: Vec<String>| (what.to_owned(), values);
    let mut rows = vec![
        row("Wants", node.wants.iter().map(|other| own(Edge::Wants, other)).collect()),
        row("Requires", node.requires.iter().map(|other| own(Edge::Requires, other)).collect()),
        row("WantedBy", node.wanted_by.iter().map(|other| of_other(Edge::Wants, other)).collect()),
        row("RequiredBy", node.required_by.iter().map(|other| of_other(Edge::Requires, other)).collect()),
        row("After", node.after.iter().map(|(other, origin)| related(other, Some(origin))).collect()),
        row("Before", node.before.iter().map(before).collect()),
    ];
    let follows = |relation: Relation| match relation {
        Relation::Requisite => "Requisite",
        Relation::BoundBy => "BindsTo of",
        Relation::Parts => "PartOf of",
        Relation::StoppedAlong => "stopped along",
        Relation::ReloadedAlong => "reloaded along",
        Relation::Conflicts => "Conflicts",
        Relation::Upholds => "Upholds",
        Relation::UpheldBy => "UpheldBy",
        Relation::OnFailure => "OnFailure",
        Relation::OnSuccess => "OnSuccess",
        Relation::Triggers => "Triggers",
        Relation::TriggeredBy => "TriggeredBy",
        Relation::Joined => "JoinsNamespaceOf",
    };
    rows.extend(node.related.values().map(|(relation, ids)| {
        row(follows(*relation), ids.iter().map(|other| related(other, None)).collect())
    }));
    rows.retain(|(_, values)| !values.is_empty());
    rows
}

impl Explanation {
    fn add(&mut self, heading: &'static str, rows: Vec<Row>) {
        if !rows.is_empty() {
            self.sections.push((heading, rows));
        }
    }

    /// The same for settings, whose origins are said.
    fn add_settings(&mut self, heading: &'static str, rows: Vec<Row>, unit: &model::Unit) {
        let origins = origins::of(&rows, unit);
        if !origins.is_empty() {
            self.origins.insert(heading, origins);
        }
        self.add(heading, rows);
    }

    /// What to say behind value `n` of `count` values of a row: its own origin, or that of all behind the first.
    fn origin(&self, heading: &str, row: &str, n: usize, count: usize) -> String {
        let Some(origins) = self.origins.get(heading).and_then(|origins| origins.get(row)) else {
            return String::new();
        };
        match n {
            n if origins.len() == count => format!("   # {}", origins[n]),
            0 => format!("   # {}", origins.join(", ")),
            _ => String::new(),
        }
    }

    fn to_text(&self) -> String {
        let rows = || self.sections.iter().flat_map(|(_, rows)| rows);
        let width = rows().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (heading, rows) in &self.sections {
            text += &format!("[{heading}]\n");
            for (name, values) in rows {
                let mut label = name.as_str();
                for (n, value) in values.iter().enumerate() {
                    let origin = self.origin(heading, name, n, values.len());
                    text += &format!("  {label:width$}  {value}{origin}\n");
                    label = "";
                }
            }
        }
        text
    }

    /// An object of objects of lists: `{"Service": {"Restart": ["on-failure"]}}`; `Origins` has one with the same names
    /// for each section whose values come from somewhere: `{"Service": {"Restart": ["a.service:3"]}}`.
    fn to_json(&self) -> Value {
        let section = |rows: &[Row]| -> Value {
            rows.iter().map(|(name, values)| (name.clone(), json!(values))).collect::<Map<_, _>>().into()
        };
        let all = self.sections.iter().map(|(heading, rows)| ((*heading).to_owned(), section(rows)));
        all.chain([("Origins".to_owned(), json!(self.origins))]).collect::<Map<_, _>>().into()
    }
}
