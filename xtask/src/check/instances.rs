//! Units out of files: each unit with its drop-ins, each template as the instances that somebody names. Bounded, as an
//! instance may name further ones of its own template.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    Image, assemble, cx_of,
    files::{Files, Found},
    fragment,
    triggered::template_of,
};
use tomte::table::{Micros, Restart};

use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::{Kind, Located, Place, Unit},
    read::Reader,
    values::{specifier::Facts, unit_name::UnitName},
};

/// Instances of one run: four times what a table holds.
const INSTANCES_MAX: usize = 4 * tomte::table::limits::UNITS_MAX;
/// Instances that name instances that name instances.
const DEPTH_MAX: usize = 32;

/// A name that somebody wants to be a unit.
struct Asked {
    name: Located<String>,
    /// How many instances stand between it and what is no instance.
    depth: usize,
}

/// The units of `files`, and the instances of templates that they, the board, or the template's own `DefaultInstance=`
/// name.
pub fn units(files: &Files, image: &Image, sink: &mut Diagnostics) -> Vec<Unit> {
    let mut loader =
        Loader { files, facts: Arc::new(image.facts()), reader: Reader::default(), sink, units: Vec::new() };
    for found in &files.units {
        loader.load(found);
    }
    let at_once = |name: &String| Asked { name: Located { value: name.clone(), place: None }, depth: 0 };
    let mut asked: VecDeque<Asked> = image.instances.iter().map(at_once).collect();
    asked.extend(files.links.iter().map(|link| at_once(&link.to)));
    asked.extend(loader.units.iter().flat_map(named).map(|name| Asked { name, depth: 0 }));
    for template in &files.templates {
        asked.extend(loader.default_instance(template).iter().map(at_once));
    }
    let sockets: Vec<String> = loader.units.iter().flat_map(per_connection).collect();
    asked.extend(sockets.iter().map(at_once));
    loader.instances(asked);
    loader.loose_drop_ins();
    let connections: BTreeSet<String> = loader.units.iter().flat_map(per_connection).collect();
    for unit in loader.units.iter_mut().filter(|unit| connections.contains(&unit.name)) {
        // Each connection's is a new one: nothing is left to restart when it has ended, and no start is one too many.
        unit.start_limit.interval = Micros::ZERO;
        if let Kind::Service(service) = &mut unit.kind {
            (service.per_connection, service.restart) = (true, Restart::No);
        }
    }
    loader.units
}

/// The units that `unit` names and that may be instances.
fn named(unit: &Unit) -> impl Iterator<Item = Located<String>> + use<'_> {
    let started = unit.kind.triggers();
    unit.relations.iter().map(|(_, name)| name).chain(&unit.install.also).chain(started).cloned()
}

/// The services that `unit` starts for connections.
fn per_connection(unit: &Unit) -> Vec<String> {
    if let Kind::Socket(socket) = &unit.kind { socket.instances().collect() } else { Vec::new() }
}

struct Loader<'f> {
    files: &'f Files,
    facts: Arc<Facts>,
    reader: Reader,
    sink: &'f mut Diagnostics,
    units: Vec<Unit>,
}

impl Loader<'_> {
    /// Adds a unit.
    fn load(&mut self, found: &Found) {
        if let Some((unit, _)) = self.read(found) {
            self.units.push(unit);
        }
    }

    /// One unit out of its file and drop-ins, and its `DefaultInstance=`. `None` once there was too much to read.
    fn read(&mut self, found: &Found) -> Option<(Unit, String)> {
        let paths = std::iter::once(&found.file).chain(&found.drop_ins);
        let files: Vec<_> = paths.map(|path| self.reader.file(path, self.sink)).collect();
        if self.reader.is_exhausted() {
            return None;
        }
        let mut cx = cx_of(found, &self.facts);
        cx.failed = files.iter().any(|file| file.damaged);
        let sections = files.iter().flat_map(|file| &file.sections);
        Some(assemble(found, sections, cx, self.sink))
    }

    /// Looks at the drop-ins of units that are not there: what they say may be wrong all the same.
    fn loose_drop_ins(&mut self) {
        let files = self.files;
        let sink = &*self.sink;
        for loose in files.loose_drop_ins(|file| sink.has_read(file)) {
            let file = self.reader.file(&loose.found.file, self.sink);
            if self.reader.is_exhausted() {
                return;
            }
            fragment(&loose.found, &file.sections, cx_of(&loose.found, &self.facts), self.sink);
            let known = |unit: &Unit| unit.name == loose.unit;
            if !loose.of_many && !self.units.iter().any(known) {
                let message =
                    format!("{}: there is no {} to add this to", loose.found.file.display(), loose.unit);
                self.sink.push(Diagnostic::warning(Code::LooseDropIn, message));
            }
        }
    }

    /// The instance that the template itself names. Its own problems count even if nobody uses it.
    fn default_instance(&mut self, template: &Found) -> Option<String> {
        let UnitName { prefix, suffix, .. } = &template.name;
        let instance = |instance: &str| format!("{prefix}@{instance}.{suffix}");
        // `%i` has to stand for something meanwhile.
        let name = UnitName::new(&instance("instance")).ok()?;
        let (_, default) = self.read(&Found { name, ..template.clone() })?;
        (!default.is_empty()).then(|| instance(&default))
    }

    /// Makes the instances that are asked for, those that these ask for, and so on.
    fn instances(&mut self, mut asked: VecDeque<Asked>) {
        let files = self.files;
        let mut known: BTreeSet<String> = self.units.iter().map(|unit| unit.name.clone()).collect();
        let mut used: BTreeSet<String> =
            self.units.iter().filter_map(template_of).map(str::to_owned).collect();
        let mut made = 0;
        while let Some(Asked { name, depth }) = asked.pop_front() {
            let Ok(unit_name) = UnitName::new(&name.value) else { continue };
            let Some(template) = unit_name.template().and_then(|full| template(files, &full)) else {
                continue;
            };
            used.insert(template.name.full.clone());
            if !known.insert(unit_name.full.clone()) {
                continue;
            }
            if depth > DEPTH_MAX || made == INSTANCES_MAX {
                self.sink.push(endless(template, &name.value, name.place, depth));
                return;
            }
            made += 1;
            let drop_ins = files.drop_ins(&unit_name);
            let Some((unit, _)) =
                self.read(&Found { name: unit_name, file: template.file.clone(), drop_ins })
            else {
                return;
            };
            used.extend(template_of(&unit).map(str::to_owned));
            asked.extend(named(&unit).map(|name| Asked { name, depth: depth + 1 }));
            self.units.push(unit);
        }
        for template in files.templates.iter().filter(|template| !used.contains(&template.name.full)) {
            let message = format!("{}: no unit names an instance of this template", template.file.display());
            self.sink.push(Diagnostic::note(Code::UnusedTemplate, message));
        }
    }
}

/// `files` has them by name.
fn template<'f>(files: &'f Files, name: &str) -> Option<&'f Found> {
    let found = files.templates.binary_search_by(|template| template.name.full.as_str().cmp(name)).ok()?;
    files.templates.get(found)
}

fn endless(template: &Found, name: &str, place: Option<Place>, depth: usize) -> Diagnostic {
    let problem = if depth > DEPTH_MAX {
        let message = format!("{name}: instances that name further instances, more than {DEPTH_MAX} deep");
        Diagnostic::error(Code::EndlessInstances, message).help(format!(
            "an instance of {} leads to a new one of it each time, without an end",
            template.name.full
        ))
    } else {
        Diagnostic::error(
            Code::EndlessInstances,
            format!("{name}: too many instances of templates: more than {INSTANCES_MAX}"),
        )
    };
    problem.at(place).wide(name.chars().count())
}
