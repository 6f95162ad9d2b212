//! Names to ids: which units the table has, what each pulls in and what it starts after. Pure: no files, no table bytes.
//!
//! Rules: systemd.unit(5) for the settings, systemd.service(5) and systemd.target(5) for default dependencies. Unlike
//! systemd, which breaks an ordering cycle at run time, a cycle is an error here: the image is not made.

pub mod bound;
mod cycle;
mod device;
mod implied;
mod known_units;
mod missing;
mod needs;
mod set;

#[cfg(test)]
mod tests;

pub use set::{check_set, too_long, way};

use std::collections::{BTreeMap, BTreeSet};

use tomte::table::{self, FileState, UnitId};

use crate::{
    check,
    diag::{Code, Diagnostic, Diagnostics, Severity},
    model::{Kind, Place, Relation, Unit},
    targets::{self, Target},
};

/// What the board wants of its units.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'b> {
    /// What boot starts.
    pub default_target: &'b str,
    /// The units that boot is to start: by their `[Install]`, and where that names nobody, by the default target.
    /// `None`: every unit that has an `[Install]` section.
    pub enable: Option<&'b [String]>,
    /// Boot also starts every service that has no `[Install]` and that no other unit pulls in.
    pub orphans: bool,
}

/// All units of a table, sorted by name: a unit's id is its index.
#[derive(Clone, Debug)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// What boot starts.
    pub default_target: UnitId,
    /// Names that none of them has for its own, and the name of the unit that each means; nothing if it is masked.
    pub aliases: BTreeMap<String, String>,
}

/// A unit and its place in the graph. Each relation has its inverse.
#[derive(Clone, Debug)]
pub struct Node {
    pub unit: Unit,
    pub wants: BTreeSet<UnitId>,
    pub wanted_by: BTreeSet<UnitId>,
    pub requires: BTreeSet<UnitId>,
    pub required_by: BTreeSet<UnitId>,
    /// Why it has each of [`Node::wants`] and [`Node::requires`].
    pub reasons: BTreeMap<(Edge, UnitId), Origin>,
    /// What this unit starts after, and why.
    pub after: BTreeMap<UnitId, Origin>,
    pub before: BTreeSet<UnitId>,
    /// What follows for others from what becomes of this unit, by what it is.
    pub related: BTreeMap<u8, (table::Relation, BTreeSet<UnitId>)>,
    /// 1 for units that start after nothing, else one more than the highest of `after`.
    pub wave: usize,
}

/// Where an edge of the graph comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a unit file: the assignment, and its place.
    Written(String, Option<Place>),
    /// A default dependency, or one of a target tomte brings along.
    Implied(&'static str),
}

/// One unit's mention of another one.
#[derive(Clone, Debug)]
struct Mention {
    unit: String,
    relation: Relation,
    other: String,
    origin: Origin,
}

impl Graph {
    /// Makes the graph of `units` and the targets they need. `None` if an error was added to `diagnostics`.
    pub fn new(units: Vec<Unit>, wanted: &Wanted<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut units = by_name(units, diagnostics)?;
        let default_target = targets::resolve(wanted.default_target, "multi-user.target");
        let aliases = aliases(&units, diagnostics);
        let enabled = enabled(&units, &aliases, wanted, diagnostics);
        let resolve = |name: &str| aliases.get(name).map_or(name, String::as_str).to_owned();
        let default_target = &*resolve(default_target);
        let mut mentions = Vec::new();
        for unit in units.values() {
            mentioned(unit, &units, enabled.contains(&unit.name), default_target, &mut mentions);
        }
        for mention in &mut mentions {
            mention.other = resolve(&mention.other);
        }
        let chosen = start_at_boot(&units, &enabled, wanted, default_target, &mut mentions);
        for unit in units.values_mut() {
            unit.file_state = file_state(unit, enabled.contains(&unit.name), chosen.contains(&unit.name));
        }
        let asked_for =
            mentions.iter().map(|mention| mention.other.clone()).chain([default_target.to_owned()]);
        for target in bring_along(asked_for.collect(), &units) {
            let unit = own_unit(target);
            mentioned(&unit, &units, false, default_target, &mut mentions);
            units.insert(unit.name.clone(), unit);
        }
        for mention in &mentions {
            if let Some(device) = device::of(mention) {
                units.entry(device.name.clone()).or_insert(device);
            }
        }

        let ids: BTreeMap<String, UnitId> =
            (0..).map(UnitId).zip(units.keys()).map(|(id, name)| (name.clone(), id)).collect();
        let mut graph = Self {
            nodes: units.into_values().map(Node::new).collect(),
            default_target: UnitId(0),
            aliases: BTreeMap::new(),
        };
        let errors_before = diagnostics.count(Severity::Error);
        graph.connect(&mentions, &ids, diagnostics);
        needs::check(&mentions, &ids, diagnostics);
        needs::contradictions(graph.nodes.iter().map(|node| &node.unit), diagnostics);
        graph.order_targets();
        match ids.get(default_target) {
            Some(id) => {
                graph.default_target = *id;
                graph.enabled_in_vain(wanted, &ids, &aliases, diagnostics);
            }
            None => {
                missing::of_board("default-target", default_target, &known_names(&ids), diagnostics);
            }
        }
        graph.aliases = aliases;
        if wanted.default_target != "default.target" && !ids.contains_key("default.target") {
            graph.aliases.insert("default.target".to_owned(), default_target.to_owned());
        }
        cycle::order(&mut graph, diagnostics);
        (diagnostics.count(Severity::Error) == errors_before).then_some(graph)
    }

    /// Takes note of `names` of which there is to be no unit; whatever there is of that name all the same stays.
    pub fn mask(&mut self, names: Vec<String>) {
        for name in names {
            if !self.nodes.iter().any(|node| node.unit.name == name) {
                self.aliases.insert(name, String::new());
            }
        }
    }

    /// The node of `id`, which comes from this graph.
    pub fn node(&self, id: UnitId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.nodes.len()).map(|n| UnitId(n as u16)) // `by_name` and UNITS_MAX keep n within 16 bits
    }

    /// The units that boot starts: the default target and what it pulls in.
    pub fn pulled_in(&self) -> BTreeSet<UnitId> {
        let mut found = BTreeSet::new();
        let mut queue = vec![self.default_target];
        while let Some(id) = queue.pop() {
            if found.insert(id) {
                queue.extend(self.node(id).wants.union(&self.node(id).requires));
            }
        }
        found
    }

    fn connect(
        &mut self,
        mentions: &[Mention],
        ids: &BTreeMap<String, UnitId>,
        diagnostics: &mut Diagnostics,
    ) {
        let mut missing = missing::Missing::default();
        let known = known_names(ids);
        for mention in mentions {
            let unit = ids[&mention.unit];
            match ids.get(&mention.other) {
                Some(other) if *other == unit => missing::itself(mention, diagnostics),
                Some(other) => self.add(unit, mention.relation, *other, mention.origin.clone()),
                None => missing.report(mention, &known, diagnostics),
            }
        }
    }

    fn add(&mut self, unit: UnitId, relation: Relation, other: UnitId, origin: Origin) {
        for (follows, inverse) in followers(relation) {
            let (from, to) = if *inverse { (other, unit) } else { (unit, other) };
            let place = self.nodes[from.index()].related.entry(*follows as u8);
            place.or_insert_with(|| (*follows, BTreeSet::new())).1.insert(to);
        }
        let Some((edge, inverse)) = edge(relation) else { return };
        let (from, to) = if inverse { (other, unit) } else { (unit, other) };
        if edge != Edge::After {
            self.nodes[from.index()].reasons.entry((edge, to)).or_insert_with(|| origin.clone());
        }
        match edge {
            Edge::Wants => {
                self.nodes[from.index()].wants.insert(to);
                self.nodes[to.index()].wanted_by.insert(from);
            }
            Edge::Requires => {
                self.nodes[from.index()].requires.insert(to);
                self.nodes[to.index()].required_by.insert(from);
            }
            Edge::After => {
                let known = self.nodes[from.index()].after.entry(to).or_insert_with(|| origin.clone());
                if matches!((&known, &origin), (Origin::Implied(_), Origin::Written(..))) {
                    *known = origin;
                }
                self.nodes[to.index()].before.insert(from);
            }
        }
    }

    /// Warns of units that the board enables and that boot does not start all the same.
    fn enabled_in_vain(
        &self,
        wanted: &Wanted<'_>,
        ids: &BTreeMap<String, UnitId>,
        aliases: &BTreeMap<String, String>,
        diagnostics: &mut Diagnostics,
    ) {
        let started = self.pulled_in();
        for name in wanted.enable.unwrap_or_default() {
            let id = ids.get(aliases.get(name).unwrap_or(name));
            let Some(id) = id.filter(|id| !started.contains(id)) else { continue };
            let node = self.node(*id);
            let by = node.wanted_by.union(&node.required_by).map(|id| self.node(*id).unit.name.as_str());
            missing::not_started(name, &by.collect::<Vec<_>>(), diagnostics);
        }
    }

    /// systemd.target(5): a target starts after what it pulls in, where both have default dependencies and the other one
    /// does not start after the target already.
    fn order_targets(&mut self) {
        for id in self.ids() {
            let node = self.node(id);
            if !matches!(node.unit.kind, Kind::Target) || !node.unit.default_dependencies {
                continue;
            }
            let pulled_in: Vec<UnitId> = node.wants.union(&node.requires).copied().collect();
            for other in pulled_in {
                if self.node(other).unit.default_dependencies && !self.node(other).after.contains_key(&id) {
                    self.add(
                        id,
                        Relation::After,
                        other,
                        Origin::Implied("a target starts after what it pulls in"),
                    );
                }
            }
        }
    }
}

impl Node {
    /// A unit that has nothing to do with any other.
    pub fn new(unit: Unit) -> Self {
        Self {
            unit,
            wants: BTreeSet::new(),
            wanted_by: BTreeSet::new(),
            requires: BTreeSet::new(),
            required_by: BTreeSet::new(),
            reasons: BTreeMap::new(),
            after: BTreeMap::new(),
            before: BTreeSet::new(),
            related: BTreeMap::new(),
            wave: 0,
        }
    }
}

/// Names that somebody may have meant.
fn known_names(ids: &BTreeMap<String, UnitId>) -> Vec<&str> {
    let mut names: Vec<&str> = ids.keys().map(String::as_str).collect();
    names.extend(targets::names());
    names
}

fn by_name(units: Vec<Unit>, diagnostics: &mut Diagnostics) -> Option<BTreeMap<String, Unit>> {
    let mut named: BTreeMap<String, Unit> = BTreeMap::new();
    let mut twice = false;
    for unit in units {
        if let Some(first) = named.get(&unit.name) {
            let file =
                |unit: &Unit| unit.file.as_ref().map_or_else(String::new, |file| file.display().to_string());
            let message = format!("{} is there twice: {} and {}", unit.name, file(first), file(&unit));
            diagnostics.push(Diagnostic::error(Code::UnitTwice, message));
            twice = true;
        }
        named.insert(unit.name.clone(), unit);
    }
    (!twice).then_some(named)
}

/// Other names of units, and whose they are. A unit of that name wins over an alias.
fn aliases(units: &BTreeMap<String, Unit>, diagnostics: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut aliases: BTreeMap<String, (String, Option<Place>)> = BTreeMap::new();
    for unit in units.values() {
        for alias in unit.install.aliases.iter().filter(|alias| alias.value != unit.name) {
            if units.contains_key(&alias.value) {
                continue;
            }
            let owner = (unit.name.clone(), alias.place.clone());
            if let Some((other, first)) = aliases.insert(alias.value.clone(), owner) {
                let message = format!("{} and {} both have the alias {}", other, unit.name, alias.value);
                let width = alias.value.chars().count();
                let problem =
                    Diagnostic::error(Code::AliasTwice, message).at(alias.place.clone()).wide(width);
                diagnostics.push(problem.also(first, width, "first written here"));
            }
        }
    }
    aliases.into_iter().map(|(alias, (name, _))| (alias, name)).collect()
}

/// The names of the units whose `[Install]` counts.
fn enabled(
    units: &BTreeMap<String, Unit>,
    aliases: &BTreeMap<String, String>,
    wanted: &Wanted<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeSet<String> {
    let Some(enable) = wanted.enable else {
        return units.values().filter(|unit| unit.install.present).map(|unit| unit.name.clone()).collect();
    };
    let mut enabled = BTreeSet::new();
    let mut queue: Vec<&String> = enable.iter().collect();
    while let Some(name) = queue.pop() {
        match units.get(aliases.get(name).unwrap_or(name)) {
            Some(unit) if enabled.insert(unit.name.clone()) => {
                let also = unit.install.also.iter().map(|also| &also.value);
                queue.extend(also.filter(|also| units.contains_key(*also)));
            }
            Some(_) => {}
            None if targets::find(name).is_some() => {
                enabled.insert(name.clone());
            }
            None => {
                let known: Vec<&str> = units.keys().map(String::as_str).collect();
                missing::of_board("enable", name, &known, diagnostics);
            }
        }
    }
    enabled
}

/// Lets the default target want the enabled units whose `[Install]` names nobody, and the orphans if they are wanted.
fn start_at_boot(
    units: &BTreeMap<String, Unit>,
    enabled: &BTreeSet<String>,
    wanted: &Wanted<'_>,
    default_target: &str,
    mentions: &mut Vec<Mention>,
) -> BTreeSet<String> {
    let pulled_in: BTreeSet<&str> = mentions
        .iter()
        .filter(|mention| {
            matches!(mention.relation, Relation::Wants | Relation::Requires | Relation::Triggers)
        })
        .map(|mention| mention.other.as_str())
        .collect();
    let is_orphan = |unit: &Unit| {
        wanted.orphans
            && matches!(unit.kind, Kind::Service(_))
            && !unit.install.present
            && !pulled_in.contains(unit.name.as_str())
    };
    let by_name = |unit: &Unit| {
        let install = &unit.install;
        wanted.enable.is_some() && enabled.contains(&unit.name) && install.relations.iter().next().is_none()
    };
    let chosen =
        units.values().filter(|unit| unit.name != default_target && (by_name(unit) || is_orphan(unit)));
    let targets = enabled.iter().filter(|name| !units.contains_key(*name) && *name != default_target);
    let names: BTreeSet<String> = chosen.map(|unit| &unit.name).chain(targets).cloned().collect();
    mentions.extend(names.iter().map(|name| Mention {
        unit: default_target.to_owned(),
        relation: Relation::Wants,
        other: name.clone(),
        origin: Origin::Written("enable".to_owned(), None),
    }));
    names
}

/// What `is-enabled` says of `unit`; `enabled`: its `[Install]` counts; `chosen`: the board starts it without one.
fn file_state(unit: &Unit, enabled: bool, chosen: bool) -> FileState {
    let install = &unit.install;
    if chosen {
        FileState::Enabled
    } else if !install.present {
        FileState::Static
    } else if install.relations.iter().next().is_none() && install.aliases.is_empty() {
        FileState::Indirect
    } else if enabled {
        FileState::Enabled
    } else {
        FileState::Disabled
    }
}

/// Adds what `unit` says of others, its default dependencies included.
fn mentioned(
    unit: &Unit,
    units: &BTreeMap<String, Unit>,
    enabled: bool,
    default_target: &str,
    mentions: &mut Vec<Mention>,
) {
    let installed = unit.install.relations.iter().filter(|_| enabled);
    let written = unit
        .relations
        .iter()
        .chain(installed)
        .filter(|(relation, _)| edge(*relation).is_some() || !followers(*relation).is_empty());
    for (relation, name) in written {
        let origin = match unit.file {
            Some(_) => Origin::Written(format!("{}={}", relation.setting(), name.value), name.place.clone()),
            None => Origin::Implied("a target that tomte brings along"),
        };
        let other = targets::resolve(&name.value, default_target).to_owned();
        mentions.push(Mention { unit: unit.name.clone(), relation, other, origin });
    }
    for implied::Implied { relation, other, why } in implied::of(unit, units) {
        let origin = Origin::Implied(why);
        mentions.push(Mention { unit: unit.name.clone(), relation, other, origin });
    }
}

/// The targets of tomte's own list that `names` mention and no file has, and those that these require in turn.
fn bring_along(mut names: Vec<String>, units: &BTreeMap<String, Unit>) -> Vec<&'static Target> {
    let mut found: BTreeMap<&str, &'static Target> = BTreeMap::new();
    while let Some(name) = names.pop() {
        let Some(target) = targets::find(&name).filter(|_| !units.contains_key(&name)) else { continue };
        if found.insert(target.name, target).is_none() {
            names.extend(target.requires.iter().map(|name| (*name).to_owned()));
        }
    }
    found.into_values().collect()
}

fn own_unit(target: &Target) -> Unit {
    let mut unit = Unit::new(target.name, Kind::Target, check::START_LIMIT);
    unit.description = target.description.to_owned();
    unit.default_dependencies = target.default_dependencies;
    unit.manners.allow_isolate = target.allow_isolate;
    let lists = [
        (Relation::Wants, target.wants),
        (Relation::Requires, target.requires),
        (Relation::After, target.after),
    ];
    for (relation, names) in lists {
        names.iter().for_each(|name| unit.relations.imply(relation, name));
    }
    if target.name == "local-fs.target" {
        unit.relations.imply(Relation::OnFailure, "emergency.target"); // systemd's, if the board has a shell there
    }
    unit
}

/// What the graph is made of. Each has its inverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    Wants,
    Requires,
    After,
}

/// What follows for others from what becomes of a unit because of `relation`, and whether it is the other unit that it
/// follows from.
const fn followers(relation: Relation) -> &'static [(table::Relation, bool)] {
    use table::Relation as Follows;
    match relation {
        Relation::Requisite => &[(Follows::Requisite, false)],
        Relation::BindsTo => &[(Follows::BoundBy, true)],
        Relation::PartOf => &[(Follows::Parts, true)],
        Relation::Upholds => &[(Follows::Upholds, false), (Follows::UpheldBy, true)],
        Relation::UpheldBy => &[(Follows::Upholds, true), (Follows::UpheldBy, false)],
        Relation::Conflicts => &[(Follows::Conflicts, false), (Follows::Conflicts, true)],
        Relation::OnFailure => &[(Follows::OnFailure, false)],
        Relation::OnSuccess => &[(Follows::OnSuccess, false)],
        Relation::PropagatesReloadTo => &[(Follows::ReloadedAlong, false)],
        Relation::ReloadPropagatedFrom => &[(Follows::ReloadedAlong, true)],
        Relation::PropagatesStopTo => &[(Follows::StoppedAlong, false)],
        Relation::StopPropagatedFrom => &[(Follows::StoppedAlong, true)],
        Relation::Triggers => &[(Follows::Triggers, false), (Follows::TriggeredBy, true)],
        Relation::TriggeredBy => &[(Follows::Triggers, true), (Follows::TriggeredBy, false)],
        Relation::JoinsNamespaceOf => &[(Follows::Joined, false), (Follows::Joined, true)],
        Relation::Wants
        | Relation::WantedBy
        | Relation::Requires
        | Relation::RequiredBy
        | Relation::Before
        | Relation::After => &[],
    }
}

/// The edge that a relation is, and whether it runs the other way; `None` for relations that are none. `BindsTo=` is
/// `Requires=` and more.
const fn edge(relation: Relation) -> Option<(Edge, bool)> {
    match relation {
        Relation::Wants => Some((Edge::Wants, false)),
        Relation::WantedBy => Some((Edge::Wants, true)),
        Relation::Requires | Relation::BindsTo => Some((Edge::Requires, false)),
        Relation::RequiredBy => Some((Edge::Requires, true)),
        Relation::After => Some((Edge::After, false)),
        Relation::Before => Some((Edge::After, true)),
        Relation::Requisite
        | Relation::PartOf
        | Relation::Upholds
        | Relation::UpheldBy
        | Relation::Conflicts
        | Relation::OnFailure
        | Relation::OnSuccess
        | Relation::PropagatesReloadTo
        | Relation::ReloadPropagatedFrom
        | Relation::PropagatesStopTo
        | Relation::StopPropagatedFrom
        | Relation::Triggers
        | Relation::TriggeredBy
        | Relation::JoinsNamespaceOf => None,
    }
}
