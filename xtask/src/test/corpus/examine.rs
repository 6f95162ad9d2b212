//! Runs `check` on a folder of unit files and says file by file how it went.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    check,
    diag::{Diagnostic, Diagnostics, Severity},
    values::unit_name::SUFFIXES,
};

/// How a file went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing but notes.
    Ok,
    /// Understood, and something was said.
    Warned,
    /// There are errors, or nobody has read it.
    Refused,
}

/// What was said about the files of one package.
#[derive(Clone, Debug)]
pub struct Section {
    /// The package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Each file with the problems in it, sorted by its path below the units' folder.
    pub files: Vec<(String, Verdict, Vec<String>)>,
    /// Problems that are in no file.
    pub rest: Vec<String>,
}

impl Section {
    /// How many files went that way.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.files.iter().filter(|(_, found, _)| *found == verdict).count()
    }

    /// The text of the snapshot.
    pub fn text(&self) -> String {
        let mut text = format!("== {} {}\n", self.name, self.version);
        for (file, verdict, problems) in &self.files {
            let word = match verdict {
                Verdict::Ok => "ok",
                Verdict::Warned => "warned",
                Verdict::Refused => "REFUSED",
            };
            let _ = writeln!(text, "{word:7} {file}");
            problems.iter().for_each(|problem| text.push_str(&format!("        {problem}\n")));
        }
        self.rest.iter().for_each(|problem| text.push_str(&format!("        {problem}\n")));
        text
    }
}

/// Checks the unit files in `folders`. Symbolic links are names, not files: they are not counted.
pub fn examine(name: &str, version: &str, folders: &[PathBuf]) -> Result<Section> {
    let mut files = Vec::new();
    for folder in folders {
        list(folder, &mut files)?;
    }
    files.sort();
    let mut sink = Diagnostics::default();
    check::load(folders, &mut sink);
    let mut problems: BTreeMap<&Path, Vec<&Diagnostic>> = BTreeMap::new();
    let mut rest = Vec::new();
    for problem in sink.iter().filter(|problem| problem.severity != Severity::Note) {
        match files.iter().find(|file| is_about(problem, file)) {
            Some(file) => problems.entry(file).or_default().push(problem),
            None => rest.push(line(problem, folders)),
        }
    }
    let verdict = |file: &PathBuf| {
        let problems = problems.get(file.as_path()).cloned().unwrap_or_default();
        let verdict = match problems.iter().map(|problem| problem.severity).min() {
            _ if !sink.has_read(file) && !is_masked(file) => Verdict::Refused,
            Some(Severity::Error) => Verdict::Refused,
            Some(Severity::Warning) => Verdict::Warned,
            Some(Severity::Note) | None => Verdict::Ok,
        };
        let lines = problems.into_iter().map(|problem| line(problem, folders)).collect();
        (short(file, folders), verdict, lines)
    };
    let files = files.iter().map(verdict).collect();
    Ok(Section { name: name.to_owned(), version: version.to_owned(), files, rest })
}

/// The unit files and drop-ins below `folder`.
fn list(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && belongs_to_units(&path) {
            list(&path, found)?;
        } else if kind.is_file() && is_unit_file(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether the folder at `path` holds drop-ins or links of units.
pub fn belongs_to_units(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| ["d", "wants", "requires", "upholds"].iter().any(|known| end == *known))
}

/// Whether the file at `path` is one by its name: a unit file or a drop-in.
pub fn is_unit_file(path: &Path) -> bool {
    let end = path.extension().unwrap_or_default().to_string_lossy();
    let is_drop_in = || end == "conf" && path.parent().is_some_and(belongs_to_units);
    SUFFIXES.contains(&&*end) || is_drop_in()
}

fn is_masked(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.len() == 0)
}

fn is_about(problem: &Diagnostic, file: &Path) -> bool {
    match &problem.place {
        Some(place) => place.file == file,
        None => problem.message.starts_with(&format!("{}: ", file.display())),
    }
}

/// A problem in one line, with its place in the file and without the place of the cache.
fn line(problem: &Diagnostic, folders: &[PathBuf]) -> String {
    let place = problem.place.as_ref();
    let place = place.map_or_else(String::new, |place| format!("{}:{}: ", place.line, place.column));
    let mut line = format!("{place}{}: {}", problem.severity.as_str(), problem.message.replace('\n', " "));
    for folder in folders {
        line = line.replace(&format!("{}/", folder.display()), "");
    }
    line
}

/// `file` below the folder it is in.
fn short(file: &Path, folders: &[PathBuf]) -> String {
    let below = folders.iter().find_map(|folder| file.strip_prefix(folder).ok());
    below.unwrap_or(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_problems_and_links_are_no_files() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("good.service", "[Service]\nExecStart=/bin/true\n");
        write("odd.service", "[Service]\nExecStart=/bin/true\nBanana=1\n");
        write("bad.service", "[Service]\nExecStart=true/false\n");
        write("masked.service", "");
        write("notes.txt", "not a unit");
        std::os::unix::fs::symlink("good.service", dir.path().join("alias.service")).unwrap();
        let section = examine("p", "1.0", &[dir.path().to_owned()]).unwrap();
        let text = section.text();
        assert!(text.starts_with("== p 1.0\nREFUSED bad.service\n        2:11: error: ExecStart="), "{text}");
        assert!(text.contains("\nok      good.service\nok      masked.service\n"), "{text}");
        assert!(text.contains("\nwarned  odd.service\n        3:1: warning: unknown key Banana="), "{text}");
        assert_eq!(section.files.len(), 4);
        assert_eq!(section.count(Verdict::Warned), 1);
    }
}
