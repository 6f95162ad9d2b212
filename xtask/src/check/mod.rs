//! Unit files to typed units: what each directive means, what it defaults to, what it implies, and every check that
//! looks at one unit alone. Collects all problems of all files. Names of other units are left to `order`.

mod checked;
mod conditions;
mod credentials;
pub mod directives;
mod draft;
mod environment;
mod exec;
mod files;
mod finish;
mod folders;
pub mod fstab;
mod image;
mod instances;
mod kinds;
mod known;
mod mount;
mod mounting;
mod notes;
mod owners;
mod relations;
mod resource;
mod scheduling;
mod service;
mod socket;
mod streams;
mod suspicious;
mod system_calls;
mod trigger;
mod triggered;
pub mod verb;
mod view;

use std::{path::PathBuf, sync::Arc};

use crate::{
    diag::{Code, Diagnostic, Diagnostics, Severity},
    model::{Located, Unit, Written},
    read::{self, Assignment, Section},
    values::{
        specifier::{Facts, Specifiers},
        unit_name::UnitName,
    },
};

use directives::{Set, Standing};
pub use draft::START_LIMIT;
#[cfg(test)]
pub use draft::service as default_service;
use draft::{Cx, Draft};
use files::{Files, Found};
#[cfg(test)]
pub use kinds::kind as default_kind;

pub use image::Image;

/// Reads the unit files in `paths` (files, or directories of them) and their drop-ins. Every problem goes to `sink`;
/// units with errors are returned as far as they could be understood, so ask `sink.has_errors()` before using them.
/// Templates come back as the instances that other units name.
pub fn load(paths: &[PathBuf], sink: &mut Diagnostics) -> Vec<Unit> {
    load_for(paths, &Image::default(), sink)
}

/// The same for a known image: programs, users and groups that it lacks are errors too, and templates get the
/// instances that the board names.
pub fn load_for(paths: &[PathBuf], image: &Image, sink: &mut Diagnostics) -> Vec<Unit> {
    let files = files::collect(paths, sink);
    let mut units = instances::units(&files, image, sink);
    units.sort_by(|one, other| one.name.cmp(&other.name));
    link(&files, &mut units, sink);
    for (alias, name) in &files.aliases {
        if let Some(unit) = find(&mut units, name) {
            unit.install.aliases.push(Located { value: alias.clone(), place: None });
        }
    }
    image.check(&units, sink);
    if paths.iter().any(|path| path.is_dir()) {
        triggered::check(&units, &files, sink);
    }
    owners::check(&units, sink);
    units
}

/// The names of which there is to be no unit: `paths` mask them. What else there is to say of the files [`load_for`] says.
pub fn masked(paths: &[PathBuf]) -> Vec<String> {
    files::collect(paths, &mut Diagnostics::default()).masked
}

/// Says what the units ask for and this tomte's PID 1 cannot do yet, as `bake` sees it.
pub fn beyond(units: &[Unit], sink: &mut Diagnostics) {
    beyond_as(None, units, sink);
}

/// The same, every problem as bad as `severity` says.
pub fn beyond_as(severity: Option<Severity>, units: &[Unit], sink: &mut Diagnostics) {
    let mut say = |problem: Diagnostic| {
        sink.push(Diagnostic { severity: severity.unwrap_or(problem.severity), ..problem });
    };
    units.iter().flat_map(|unit| &unit.later).cloned().for_each(&mut say);
}

/// The unit called `name`; `units` are sorted by name.
fn find<'u>(units: &'u mut [Unit], name: &str) -> Option<&'u mut Unit> {
    let found = units.binary_search_by(|unit| unit.name.as_str().cmp(name)).ok()?;
    units.get_mut(found)
}

/// Enters the links of `X.wants/` and `X.requires/` directories: at X if it is among the units, else as if `[Install]`
/// said so.
fn link(files: &Files, units: &mut [Unit], sink: &mut Diagnostics) {
    for link in &files.links {
        if let Some(unit) = find(units, &link.from) {
            unit.relations.imply(link.relation, &link.to);
        } else if let Some(unit) = find(units, &link.to) {
            let install = &mut unit.install;
            install.present = true;
            install.relations.imply(link.relation.installed(), &link.from);
        } else {
            let message = format!("{}: there is neither {} nor {}", link.path.display(), link.from, link.to);
            sink.push(Diagnostic::warning(Code::LooseLink, message));
        }
    }
}

/// The unit called `name` whose file holds `bytes`, without any drop-in.
pub fn unit_of(name: UnitName, bytes: Vec<u8>, facts: Facts, sink: &mut Diagnostics) -> Unit {
    let found = Found { file: PathBuf::from(&name.full), name, drop_ins: Vec::new() };
    let file = read::parse(&found.file, bytes, sink);
    let mut cx = cx_of(&found, &Arc::new(facts));
    cx.failed = file.damaged;
    assemble(&found, &file.sections, cx, sink).0
}

fn cx_of(found: &Found, image: &Arc<Facts>) -> Cx {
    Cx::new(Specifiers { unit: found.name.clone(), image: Arc::clone(image) })
}

/// One unit out of its sections, and its `DefaultInstance=`.
fn assemble<'s>(
    found: &Found,
    sections: impl IntoIterator<Item = &'s Section>,
    mut cx: Cx,
    sink: &mut Diagnostics,
) -> (Unit, String) {
    let mut draft = draft(found, sections, &mut cx);
    let default_instance = std::mem::take(&mut draft.default_instance);
    let mut unit = finish::unit(draft, &found.name, &mut cx);
    suspicious::unit(&unit, &mut cx);
    owners::of_unit(&mut unit, &cx);
    unit.later = cx.lacking.drain(..).map(|(_, problem)| problem).collect();
    cx.drain(sink);
    (unit, default_instance)
}

/// Checks sections that make no whole unit.
fn fragment<'s>(
    found: &Found,
    sections: impl IntoIterator<Item = &'s Section>,
    mut cx: Cx,
    sink: &mut Diagnostics,
) {
    draft(found, sections, &mut cx);
    cx.drain(sink);
}

/// What all the sections say.
fn draft<'s>(found: &Found, sections: impl IntoIterator<Item = &'s Section>, cx: &mut Cx) -> Draft {
    let mut draft = Draft::new(&found.name, &found.file);
    for section in sections {
        known::section(&section.name, found.name.suffix, cx);
        take(section, &found.name, &mut draft, cx);
    }
    draft
}

/// Applies every assignment of one section.
fn take(section: &Section, unit: &UnitName, draft: &mut Draft, cx: &mut Cx) {
    let name = section.name.as_str();
    if !known::sections(unit.suffix).contains(&name) {
        return;
    }
    if !["Unit", "Install"].contains(&name) {
        cx.header = Some(section.name.clone());
    }
    draft.unit.install.present |= name == "Install";
    for assignment in &section.assignments {
        let key = assignment.key.as_str();
        let Some(directive) = directives::find(name, key) else {
            cx.problems.extend(known::unknown(name, unit.suffix, assignment));
            continue;
        };
        suspicious::line(assignment, cx);
        draft.unit.written.push(Written {
            key: key.to_owned(),
            value: assignment.value.as_str().to_owned(),
            place: assignment.key.place(0),
            inert: matches!(directive.standing, Standing::Inert).then_some(directive.note),
        });
        match directive.standing {
            Standing::Supported(set) => apply(set, assignment, draft, cx),
            Standing::Checked(set, _) => {
                apply(set, assignment, draft, cx);
                cx.later(assignment, directive.later(assignment));
            }
            Standing::Inert => {}
            Standing::Refused => cx.problems.extend(directive.refusal(assignment)),
        }
    }
}

/// Applies one assignment.
fn apply(set: Set, assignment: &Assignment, draft: &mut Draft, cx: &mut Cx) {
    let key = assignment.key.as_str();
    let before = cx.problems.len();
    let failed = set(draft, assignment, cx).err();
    cx.failed |= failed.is_some();
    cx.problems.extend(failed);
    for problem in &mut cx.problems[before..] {
        problem.message = under(key, &problem.message);
    }
    cx.written.insert(key.to_owned(), assignment.clone());
}

/// `message` about the value of `key`; it may begin with the value, quoted.
fn under(key: &str, message: &str) -> String {
    let colon = if message.starts_with('"') { "" } else { ": " };
    format!("{key}={colon}{message}")
}

/// Points at the assignment that was written last for `key`, or at nothing.
fn blame(problem: Diagnostic, key: &str, cx: &Cx) -> Diagnostic {
    match cx.written.get(key) {
        Some(Assignment { value, .. }) if !value.is_empty() => problem.on(value, 0..value.len()),
        Some(Assignment { key, .. }) => problem.on(key, 0..key.len()),
        None => problem,
    }
}

#[cfg(test)]
mod tests;
