//! Which files make up which unit: unit files, drop-ins, aliases. Reads directories, not files.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::known::KINDS;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::Relation,
    read::code_of,
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

/// A drop-in of no unit.
#[derive(Clone, Debug)]
pub struct Loose {
    /// The drop-in as if it were a unit's file.
    pub found: Found,
    /// What its directory is called after.
    pub unit: String,
    /// Whether that stands for any number of units.
    pub of_many: bool,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Files {
    /// By name, each name once.
    pub units: Vec<Found>,
    /// `x@.service`.
    pub templates: Vec<Found>,
    /// Other name and name, from symbolic links.
    pub aliases: Vec<(String, String)>,
    /// What there is to be no unit of.
    pub masked: Vec<String>,
    /// What `.wants` and `.requires` directories hold.
    pub links: Vec<Link>,
    /// The drop-ins in each `.d` directory, by its name.
    drop_ins: BTreeMap<String, Vec<PathBuf>>,
    /// Those among them that lie in a directory that was given: each should belong to a unit.
    given_drop_ins: Vec<(String, PathBuf)>,
}

/// What a name stands for.
enum Entry {
    Unit(PathBuf),
    /// A symbolic link to a unit of another name.
    Alias(String),
    /// A link to /dev/null, or an empty file: there is to be no such unit.
    Masked,
}

/// Looks at `paths`: unit files, and directories of unit files. A later file of the same name replaces an earlier one.
pub fn collect(paths: &[PathBuf], sink: &mut Diagnostics) -> Files {
    let mut search = Search { files: Files::default(), entries: BTreeMap::new(), sink };
    let mut roots: Vec<(&Path, bool)> = Vec::new();
    for path in paths {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !path.exists() && !path.is_symlink() {
            search.error(Code::NoSuchPath, format!("{}: no such file or directory", path.display()));
        } else if path.is_dir() {
            roots.push((path, true));
            search.directory(path);
        } else {
            roots.push((parent, false));
            search.file(path, true);
        }
    }
    let mut seen = BTreeSet::new();
    for (root, given) in roots.into_iter().filter(|root| seen.insert(*root)) {
        search.drop_in_folders(root, given);
    }
    search.finish()
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

struct Search<'s> {
    files: Files,
    entries: BTreeMap<String, (UnitName, Entry)>,
    sink: &'s mut Diagnostics,
}

impl Search<'_> {
    fn error(&mut self, code: Code, message: String) {
        self.sink.push(Diagnostic::error(code, message));
    }

    fn warning(&mut self, code: Code, message: String) {
        self.sink.push(Diagnostic::warning(code, message));
    }

    /// Everything in a directory of units. Directories in it that are not for a unit are not looked into.
    fn directory(&mut self, path: &Path) {
        for entry in self.list(path) {
            let end = entry.extension().unwrap_or_default().to_string_lossy().into_owned();
            if SUFFIXES.contains(&end.as_str()) {
                self.file(&entry, false);
                continue;
            }
            let Some(relation) = folder_relation(&end) else { continue };
            if self.is_directory(&entry) {
                let from = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                for path in self.list(&entry) {
                    self.link(path, &from, relation);
                }
            }
        }
    }

    fn link(&mut self, path: PathBuf, from: &str, relation: Relation) {
        let to = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if UnitName::new(&to).is_ok_and(|name| KINDS.contains(&name.suffix)) {
            self.files.links.push(Link { path, from: from.to_owned(), to, relation });
        }
    }

    /// The entries of a directory, sorted.
    fn list(&mut self, directory: &Path) -> Vec<PathBuf> {
        let read = std::fs::read_dir(directory).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
        });
        let mut entries = read.unwrap_or_else(|error| {
            self.error(code_of(&error), format!("cannot read {}: {error}", directory.display()));
            Vec::new()
        });
        entries.sort();
        entries
    }

    /// Whether `path` is a directory, as its name says; complains if it is not.
    fn is_directory(&mut self, path: &Path) -> bool {
        match path.metadata() {
            Ok(found) if found.is_dir() => return true,
            Ok(_) => self.warning(
                Code::NotAFile,
                format!("{}: no directory, though it is called like one: skipped", path.display()),
            ),
            Err(error) => self.error(code_of(&error), format!("cannot read {}: {error}", path.display())),
        }
        false
    }

    /// Takes one file into account. `named`: the user gave this very path.
    fn file(&mut self, path: &Path, named: bool) {
        let written = path.file_name().unwrap_or_default().to_string_lossy();
        let name = match UnitName::new(&written) {
            Ok(name) => name,
            Err(why) => return self.error(Code::FileName, format!("{}: {why}", path.display())),
        };
        if !KINDS.contains(&name.suffix) {
            let message = format!("{}: {} units are not supported by tomte", path.display(), name.suffix);
            return match named {
                true => self.error(Code::Kind, message),
                false => self.warning(Code::Kind, message + ": skipped"),
            };
        }
        if let Some(entry) = self.entry(path, &name) {
            self.entries.insert(name.full.clone(), (name, entry));
        }
    }

    /// What the file at `path` makes of `name`; `None` if that has been complained of, or changes nothing.
    fn entry(&mut self, path: &Path, name: &UnitName) -> Option<Entry> {
        let target = std::fs::read_link(path).ok();
        let found = path.metadata();
        let is_null = target.as_deref() == Some(Path::new("/dev/null"));
        if is_null || found.as_ref().is_ok_and(|found| found.is_file() && found.len() == 0) {
            self.sink.push(Diagnostic::note(Code::Masked, format!("{}: masked", path.display())));
            return Some(Entry::Masked);
        }
        let target_name =
            target.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let other = target_name.filter(|target| {
            let instance = name.template().is_some_and(|template| template == *target);
            *target != name.full && UnitName::new(target).is_ok() && !instance
        });
        match (found, other) {
            (Ok(found), _) if found.is_dir() => {
                self.warning(
                    Code::NotAFile,
                    format!("{}: a directory, though it is called like a unit: skipped", path.display()),
                );
                None
            }
            // A link may point to where its target will be in the image.
            (Err(error), Some(other)) if error.kind() == ErrorKind::NotFound => Some(Entry::Alias(other)),
            (Err(error), None)
                if error.kind() == ErrorKind::NotFound && self.entries.contains_key(&name.full) =>
            {
                None
            }
            (Err(error), _) => {
                self.error(code_of(&error), format!("cannot read {}: {error}", path.display()));
                None
            }
            (Ok(_), Some(other)) => Some(Entry::Alias(other)),
            (Ok(_), None) => Some(Entry::Unit(path.to_owned())),
        }
    }

    /// Remembers the drop-ins in the `.d` directories of `root`, which was `given` as a whole.
    fn drop_in_folders(&mut self, root: &Path, given: bool) {
        for folder in self.list(root) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let of_units = name
                .strip_suffix(".d")
                .is_some_and(|stem| SUFFIXES.contains(&stem.rsplit('.').next().unwrap_or_default()));
            if of_units && self.is_directory(&folder) {
                let files = self.list(&folder).into_iter();
                let files = files.filter(|file| file.extension().is_some_and(|end| end == "conf"));
                for file in files {
                    if given {
                        self.files.given_drop_ins.push((name.clone(), file.clone()));
                    }
                    self.files.drop_ins.entry(name.clone()).or_default().push(file);
                }
            }
        }
    }

    fn finish(mut self) -> Files {
        let target_of = |entries: &BTreeMap<String, (UnitName, Entry)>, name: &str| match entries.get(name) {
            Some((_, Entry::Alias(target))) => Some(target.clone()),
            Some((_, Entry::Unit(_) | Entry::Masked)) | None => None,
        };
        let mut aliases = Vec::new();
        for name in self.entries.keys() {
            let mut seen = BTreeSet::from([name.clone()]);
            let mut last = name.clone();
            while let Some(target) = target_of(&self.entries, &last) {
                last = target;
                if !seen.insert(last.clone()) {
                    let message = format!("{name}: an alias that leads back to itself, by {last}");
                    self.sink.push(Diagnostic::error(Code::AliasLoop, message));
                    break;
                }
            }
            if last != *name {
                aliases.push((name.clone(), last));
            }
        }
        self.files.aliases = aliases;
        for (name, entry) in std::mem::take(&mut self.entries).into_values() {
            match entry {
                Entry::Unit(file) => {
                    let drop_ins = self.files.drop_ins(&name);
                    let list =
                        if name.is_template() { &mut self.files.templates } else { &mut self.files.units };
                    list.push(Found { name, file, drop_ins });
                }
                Entry::Masked => self.files.masked.push(name.full),
                Entry::Alias(_) => {}
            }
        }
        self.files
    }
}

impl Files {
    /// The drop-ins that `is_used` by no unit, each with a name that its unit could have, and whether it is meant for
    /// that unit alone.
    pub fn loose_drop_ins(&self, is_used: impl Fn(&Path) -> bool) -> Vec<Loose> {
        let loose = |(folder, file): &(String, PathBuf)| {
            let stem = folder.strip_suffix(".d")?;
            let (prefix, suffix) = stem.rsplit_once('.').unwrap_or(("", stem));
            let of_many = prefix.is_empty() || prefix.ends_with('-');
            // What stands for the rest of the name, or for the instance, is nobody's.
            let name = match prefix.strip_suffix('@') {
                Some(prefix) => format!("{prefix}@instance.{suffix}"),
                None if of_many => format!("{prefix}unit.{suffix}"),
                None => stem.to_owned(),
            };
            let name = UnitName::new(&name).ok().filter(|name| KINDS.contains(&name.suffix))?;
            Some(Loose {
                found: Found { name, file: file.clone(), drop_ins: Vec::new() },
                unit: stem.to_owned(),
                of_many,
            })
        };
        self.given_drop_ins.iter().filter(|(_, file)| !is_used(file)).filter_map(loose).collect()
    }

    /// The drop-ins of a unit: of its kind, of its dashed prefixes, of its template, of other names that links give it,
    /// of itself; by file name, whatever
    /// directory they are in, and one of the same name closer to the unit replaces one farther off.
    pub fn drop_ins(&self, name: &UnitName) -> Vec<PathBuf> {
        let mut folders = vec![format!("{}.d", name.suffix)];
        let dashes = name.prefix.match_indices('-').map(|(at, _)| &name.prefix[..=at]);
        folders.extend(
            dashes
                .filter(|prefix| *prefix != name.prefix)
                .map(|prefix| format!("{prefix}.{}.d", name.suffix)),
        );
        folders.extend(name.template().map(|template| format!("{template}.d")));
        let aliases = self.aliases.iter().filter(|(_, unit)| *unit == name.full);
        folders.extend(aliases.map(|(alias, _)| format!("{alias}.d")));
        folders.push(format!("{}.d", name.full));
        let mut found: BTreeMap<Option<&OsStr>, &PathBuf> = BTreeMap::new();
        for file in folders.iter().filter_map(|folder| self.drop_ins.get(folder)).flatten() {
            found.insert(file.file_name(), file);
        }
        found.into_values().cloned().collect()
    }
}
