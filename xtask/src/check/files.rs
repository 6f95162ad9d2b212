//! Which files make up which unit: unit files, drop-ins, aliases. Reads directories, not files.

use std::path::{Path, PathBuf};

use crate::{
    diag::{Diagnostic, Diagnostics},
    values::unit_name::{SUFFIXES, UnitName},
};

/// The kinds of unit that tomte knows.
const SUPPORTED: [&str; 2] = ["service", "target"];

/// A unit's files.
#[derive(Clone, Debug)]
pub struct Found {
    pub name: UnitName,
    pub file: PathBuf,
    /// In the order in which they are applied.
    pub drop_ins: Vec<PathBuf>,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Files {
    /// Each name once, sorted.
    pub units: Vec<Found>,
    /// Other name and name, from symbolic links.
    pub aliases: Vec<(String, String)>,
}

/// Looks at `paths`: unit files, and directories of unit files.
pub fn collect(paths: &[PathBuf], sink: &mut Diagnostics) -> Files {
    let mut files = Files::default();
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() {
            roots.push(path.clone());
            for entry in list(path, sink) {
                let unit_like =
                    entry.extension().is_some_and(|end| SUFFIXES.iter().any(|suffix| end == *suffix));
                if unit_like && !entry.is_dir() {
                    file(&entry, false, &mut files, sink);
                }
            }
        } else {
            roots.extend(path.parent().map(Path::to_owned));
            file(path, true, &mut files, sink);
        }
    }
    roots.dedup();
    files.units.sort_by(|one, other| one.name.full.cmp(&other.name.full));
    for unit in &mut files.units {
        unit.drop_ins = drop_ins(&unit.name, &roots, sink);
    }
    files
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
    if !SUPPORTED.contains(&name.suffix) {
        let message = format!("{}: {} units are not supported by this tomte", path.display(), name.suffix);
        sink.push(match named {
            true => Diagnostic::error(message),
            false => Diagnostic::warning(message + ": skipped"),
        });
        return;
    }
    if let Ok(target) = std::fs::read_link(path) {
        if target == Path::new("/dev/null") {
            sink.push(Diagnostic::warning(format!("{}: masked", path.display())));
            return;
        }
        let target = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let instance = name.template().is_some_and(|template| template == target);
        if target != name.full && UnitName::new(&target).is_ok() && !instance {
            files.aliases.push((name.full, target));
            return;
        }
    }
    files.units.retain(|other| other.name != name);
    files.units.push(Found { name, file: path.to_owned(), drop_ins: Vec::new() });
}

/// The drop-ins of a unit: of its kind, of its dashed prefixes, of its template, of itself; by file name, whatever
/// directory they are in, and one of the same name closer to the unit replaces one farther off.
fn drop_ins(name: &UnitName, roots: &[PathBuf], sink: &mut Diagnostics) -> Vec<PathBuf> {
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
