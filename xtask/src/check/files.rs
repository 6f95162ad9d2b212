//! Which files make up which unit: unit files, drop-ins, aliases. Reads directories, not files.

use std::path::{Path, PathBuf};

use super::known::KINDS;
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Relation,
    values::unit_name::{SUFFIXES, UnitName},
};

/// A unit's files.
#[derive(Clone, Debug)]
pub struct Found {
    /// The unit's name.
    pub name: UnitName,
    /// Its file; for an instance, the template's.
    pub file: PathBuf,
    /// In the order in which they are applied.
    pub drop_ins: Vec<PathBuf>,
}

/// A symbolic link in a `.wants` or `.requires` directory.
#[derive(Clone, Debug)]
pub struct Link {
    /// The link itself.
    pub path: PathBuf,
    /// The unit whose directory it is in.
    pub from: String,
    /// The unit it names.
    pub to: String,
    /// What the directory is for: [`Relation::Wants`], [`Relation::Requires`] or [`Relation::Upholds`].
    pub relation: Relation,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Files {
    /// Each name once.
    pub units: Vec<Found>,
    /// `x@.service`.
    pub templates: Vec<Found>,
    /// Other name and name, from symbolic links.
    pub aliases: Vec<(String, String)>,
    /// What `.wants` and `.requires` directories hold.
    pub links: Vec<Link>,
    /// The directories to look for drop-ins in.
    pub roots: Vec<PathBuf>,
}

/// Looks at `paths`: unit files, and directories of unit files. A later file of the same name replaces an earlier one.
pub fn collect(paths: &[PathBuf], sink: &mut Diagnostics) -> Files {
    let mut files = Files::default();
    for path in paths {
        if !path.exists() && !path.is_symlink() {
            sink.push(Diagnostic::error(format!("{}: no such file or directory", path.display())));
        } else if path.is_dir() {
            files.roots.push(path.clone());
            directory(path, &mut files, sink);
        } else {
            files.roots.push(path.parent().unwrap_or(Path::new("")).to_owned());
            file(path, true, &mut files, sink);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    files.roots.retain(|root| seen.insert(root.clone()));
    let Files { units, templates, roots, .. } = &mut files;
    for unit in units.iter_mut().chain(templates) {
        unit.drop_ins = drop_ins(&unit.name, roots, sink);
    }
    files
}

/// What a directory `UNIT.END` of links says of the unit (systemd.unit(5)).
fn folder_relation(end: &str) -> Option<Relation> {
    match end {
        "wants" => Some(Relation::Wants),
        "requires" => Some(Relation::Requires),
        "upholds" => Some(Relation::Upholds),
        _ => None,
    }
}

fn directory(path: &Path, files: &mut Files, sink: &mut Diagnostics) {
    for entry in list(path, sink) {
        let end = entry.extension().unwrap_or_default().to_string_lossy().into_owned();
        if !entry.is_dir() && SUFFIXES.contains(&end.as_str()) {
            file(&entry, false, files, sink);
        } else if let Some(relation) = folder_relation(&end).filter(|_| entry.is_dir()) {
            let from = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for path in list(&entry, sink) {
                let to = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let supported = UnitName::new(&to).is_ok_and(|name| KINDS.contains(&name.suffix));
                if supported {
                    files.links.push(Link { path, from: from.clone(), to, relation });
                }
            }
        }
    }
}

/// The entries of a directory, sorted.
fn list(directory: &Path, sink: &mut Diagnostics) -> Vec<PathBuf> {
    let read = std::fs::read_dir(directory).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
    });
    let mut entries = read.unwrap_or_else(|error| {
        sink.push(Diagnostic::error(format!("cannot read {}: {error}", directory.display())));
        Vec::new()
    });
    entries.sort();
    entries
}

/// Takes one file into account. `named`: the user gave this very path.
fn file(path: &Path, named: bool, files: &mut Files, sink: &mut Diagnostics) {
    let written = path.file_name().unwrap_or_default().to_string_lossy();
    let name = match UnitName::new(&written) {
        Ok(name) => name,
        Err(why) => {
            sink.push(Diagnostic::error(format!("{}: {why}", path.display())));
            return;
        }
    };
    if !KINDS.contains(&name.suffix) {
        let message = format!("{}: {} units are not supported by tomte", path.display(), name.suffix);
        sink.push(match named {
            true => Diagnostic::error(message),
            false => Diagnostic::warning(message + ": skipped"),
        });
        return;
    }
    let target = std::fs::read_link(path);
    let empty = path.metadata().is_ok_and(|meta| meta.len() == 0);
    if empty || target.as_deref().is_ok_and(|target| target == Path::new("/dev/null")) {
        sink.push(Diagnostic::warning(format!("{}: masked", path.display())));
        return;
    }
    if let Ok(target) = target {
        let target = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let instance = name.template().is_some_and(|template| template == target);
        if target != name.full && UnitName::new(&target).is_ok() && !instance {
            files.aliases.push((name.full, target));
            return;
        }
    }
    let list = if name.is_template() { &mut files.templates } else { &mut files.units };
    list.retain(|other| other.name != name);
    list.push(Found { name, file: path.to_owned(), drop_ins: Vec::new() });
}

/// The drop-ins of a unit: of its kind, of its dashed prefixes, of its template, of itself; by file name, whatever
/// directory they are in, and one of the same name closer to the unit replaces one farther off.
pub fn drop_ins(name: &UnitName, roots: &[PathBuf], sink: &mut Diagnostics) -> Vec<PathBuf> {
    let mut folders = vec![format!("{}.d", name.suffix)];
    let dashes = name.prefix.match_indices('-').map(|(at, _)| &name.prefix[..=at]);
    folders.extend(
        dashes.filter(|prefix| *prefix != name.prefix).map(|prefix| format!("{prefix}.{}.d", name.suffix)),
    );
    folders.extend(name.template().map(|template| format!("{template}.d")));
    folders.push(format!("{}.d", name.full));
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        for directory in roots.iter().map(|root| root.join(&folder)).filter(|path| path.is_dir()) {
            for entry in list(&directory, sink) {
                if entry.extension().is_some_and(|end| end == "conf") {
                    found.retain(|other| other.file_name() != entry.file_name());
                    found.push(entry);
                }
            }
        }
    }
    found.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    found
}
