//! tmpfiles.d(5) of the image: directories that systemd makes at boot and tomte does not. A service whose package leaves
//! its directory below /run to that would find none.

use tomte::table::DirectoryKind;

use super::Image;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::{Exec, Place, Unit},
};

/// Where such files are: one hides those of the same name in later folders.
const FOLDERS: [&str; 3] = ["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/lib/tmpfiles.d"];

impl Image {
    /// Complains about directories below /run that a file of `unit`'s package wants made, and that the unit does not make.
    pub(super) fn check_temporary_files(&self, unit: &Unit, exec: &Exec, sink: &mut Diagnostics) {
        // An instance's package is its template's.
        let stem = unit.name.split(['@', '.']).next().unwrap_or_default();
        for name in self.names_in(&FOLDERS) {
            if !is_named_after(&name, stem) {
                continue;
            }
            let files = FOLDERS.iter().map(|folder| format!("{folder}/{name}"));
            let Some((path, file)) =
                files.filter_map(|path| Some((self.resolve(&path)?, self.read(&path)?))).next()
            else {
                continue;
            };
            for (line, text) in (1..).zip(file.lines()) {
                let Some(directory) = made_below_run(text).filter(|directory| !makes(exec, directory)) else {
                    continue;
                };
                let message =
                    format!("{stem} is left to make /run/{directory} itself: tmpfiles.d is not read");
                let place = Place { file: path.clone(), line, column: 1 };
                let help = format!("add RuntimeDirectory={directory} to {}", unit.name);
                sink.push(
                    Diagnostic::warning(Code::TemporaryFiles, message)
                        .at(place)
                        .wide(text.chars().count())
                        .help(help),
                );
            }
        }
    }
}

/// Whether the file belongs to the package of a unit with this stem, as packages call them: `NAME.conf`,
/// `NAME-tmpfiles.conf`, `NAME.tmpfile.conf`.
fn is_named_after(file: &str, stem: &str) -> bool {
    let rest = file.strip_suffix(".conf").and_then(|file| file.strip_prefix(stem));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

/// The directory below /run that the line makes: `d` and `D`, whatever modifiers are behind that.
fn made_below_run(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.next().filter(|kind| kind.starts_with(['d', 'D']))?;
    let path = words.next()?;
    let directory =
        path.strip_prefix("/run/").or_else(|| path.strip_prefix("/var/run/"))?.trim_end_matches('/');
    // Specifiers and patterns are not the names that they stand for.
    (!directory.is_empty() && !directory.contains(['%', '*'])).then_some(directory)
}

fn makes(exec: &Exec, directory: &str) -> bool {
    let runtime = exec.directories.iter().filter(|setting| setting.kind == DirectoryKind::Runtime);
    runtime.flat_map(|setting| &setting.names).any(|name| {
        name == directory || name.strip_prefix(directory).is_some_and(|below| below.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_unit_that_it_is_named_after() {
        for file in ["web.conf", "web-tmpfiles.conf", "web.tmpfile.conf"] {
            assert!(is_named_after(file, "web"), "{file}");
        }
        for file in ["webmail.conf", "web", "tmp.conf"] {
            assert!(!is_named_after(file, "web"), "{file}");
        }
    }

    #[test]
    fn only_directories_below_run_are_made_anew_at_each_boot() {
        assert_eq!(made_below_run("D /run/web 0750 web web -"), Some("web"));
        assert_eq!(made_below_run("d! /var/run/web/sub/"), Some("web/sub"));
        for line in ["# d /run/web", "L /run/web - - - - /x", "d /var/lib/web", "d /run/%i", "d", ""] {
            assert_eq!(made_below_run(line), None, "{line}");
        }
    }
}
