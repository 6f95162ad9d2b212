//! Unit files to typed units: what each directive means, what it defaults to, what it implies, and every check that
//! looks at one unit alone. Collects all problems of all files. Names of other units are left to `order`.

mod directives;
mod draft;
mod exec;
mod files;
mod finish;
mod known;
mod service;
pub mod verb;

use std::path::PathBuf;

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Kind, Located, Unit},
    read::{self, Assignment, Section},
    values::{specifier::Specifiers, unit_name::UnitName},
};

use draft::{Cx, Draft};
use files::Found;

/// What is known of the image that the units will run in.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its root directory, for programs, users and groups.
    pub root: Option<PathBuf>,
    /// Users that it will have besides those in its /etc/passwd: name and number.
    pub users: Vec<(String, u32)>,
    /// Groups that it will have besides those in its /etc/group: name and number.
    pub groups: Vec<(String, u32)>,
}

/// Reads the unit files in `paths` (files, or directories of them) and their drop-ins. Every problem goes to `sink`;
/// units with errors are returned as far as they could be understood, so ask `sink.has_errors()` before using them.
pub fn load(paths: &[PathBuf], sink: &mut Diagnostics) -> Vec<Unit> {
    load_for(paths, &Image::default(), sink)
}

/// The same for a known image: programs, users and groups that it lacks are errors too.
pub fn load_for(paths: &[PathBuf], image: &Image, sink: &mut Diagnostics) -> Vec<Unit> {
    let found = files::collect(paths, sink);
    let mut units: Vec<Unit> = found.units.iter().map(|one| unit(one, image, sink)).collect();
    for (alias, name) in found.aliases {
        if let Some(unit) = units.iter_mut().find(|unit| unit.name == name) {
            unit.install.aliases.push(Located { value: alias, place: None });
        }
    }
    units
}

/// One unit out of its file and drop-ins.
fn unit(found: &Found, image: &Image, sink: &mut Diagnostics) -> Unit {
    let mut sections = read::file(&found.file, sink).sections;
    for drop_in in &found.drop_ins {
        sections.extend(read::file(drop_in, sink).sections);
    }
    let _ = image;
    let specifiers = Specifiers { unit: found.name.clone(), root_shell: None };
    let mut cx = Cx::new(specifiers);
    let mut draft = Draft::new(&found.name, &found.file);
    for section in &sections {
        known::section(&section.name, found.name.suffix, &mut cx);
        take(section, &found.name, &mut draft, &mut cx);
        cx.drain(None, sink);
    }
    let unit = finish::unit(draft, &found.name, &mut cx);
    cx.drain(None, sink);
    unit
}

/// Applies every assignment of one section.
fn take(section: &Section, unit: &UnitName, draft: &mut Draft, cx: &mut Cx) {
    let name = section.name.as_str();
    if !known::sections(unit.suffix).contains(&name) {
        return;
    }
    draft.unit.install.present |= name == "Install";
    for assignment in &section.assignments {
        let Assignment { key, .. } = assignment;
        let before = cx.problems.len();
        match directives::find(name, key.as_str()) {
            Some(set) => {
                if let Err(problem) = set(draft, assignment, cx) {
                    cx.problems.push(problem);
                }
                cx.written.insert(key.as_str().to_owned(), assignment.clone());
                for problem in &mut cx.problems[before..] {
                    problem.message.insert_str(0, &format!("{}=: ", key.as_str()));
                }
            }
            None => cx.problems.extend(known::unsupported(name, assignment)),
        }
    }
}

/// Points at the assignment that was written last for `key`, or at nothing.
fn blame(problem: Diagnostic, key: &str, cx: &Cx) -> Diagnostic {
    match cx.written.get(key) {
        Some(Assignment { value, .. }) => problem.on(value, 0..value.len()),
        None => problem,
    }
}

/// Whether the unit is a service.
pub fn is_service(unit: &Unit) -> bool {
    matches!(unit.kind, Kind::Service(_))
}
