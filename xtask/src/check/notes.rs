//! What the notes of a run of `check` come to, in a few lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use crate::{
    diag::{Diagnostics, Severity},
    model::Unit,
};

/// Kinds of notes that are listed.
const LISTED_MAX: usize = 25;

/// The notes, each kind once with its number, the most frequent first; empty if there are none.
pub fn by_kind(sink: &Diagnostics) -> String {
    let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for problem in sink.iter().filter(|problem| problem.severity == Severity::Note) {
        // What has no place names its file.
        let message = problem.place.as_ref().map_or_else(|| problem.code.title(), |_| &problem.message);
        *kinds.entry((problem.code.as_str(), message)).or_default() += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let mut text = String::new();
    if !kinds.is_empty() {
        text.push_str("notes, by kind (--notes shows where, `cargo xtask explain CODE` tells more):\n");
    }
    for ((code, message), count) in kinds.iter().take(LISTED_MAX) {
        let _ = writeln!(text, "{count:5} x {code} {message}");
    }
    if kinds.len() > LISTED_MAX {
        let _ = writeln!(text, "      and {} other kinds", kinds.len() - LISTED_MAX);
    }
    text
}

/// How many of `units` can have a place in a table of this tomte: those in whose files there is no error, and that ask
/// for nothing that PID 1 cannot do yet.
pub fn fit_for_a_table(units: &[Unit], sink: &Diagnostics) -> usize {
    let errors = sink.iter().filter(|problem| problem.severity == Severity::Error);
    let files: BTreeSet<&Path> =
        errors.filter_map(|problem| Some(problem.place.as_ref()?.file.as_path())).collect();
    let fits = |unit: &&Unit| {
        unit.kind.is_started()
            && unit.later.iter().all(|problem| problem.severity != Severity::Error)
            && unit.file.as_ref().is_none_or(|file| !files.contains(file.as_path()))
    };
    units.iter().filter(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::load,
        diag::{Code, Diagnostic},
    };

    #[test]
    fn notes_are_counted_by_kind_and_units_by_what_becomes_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.service", "[Service]\nExecStart=/bin/true\n");
        write("b.service", "[Unit]\nStartLimitInterval=5\n[Service]\nExecStart=/bin/true\nOpenFile=/x\n");
        write("c.service", "[Service]\nExecStart=/bin/true\nRestart=sometimes\n");
        write("d.service", "[Service]\nExecStart=/bin/true\n");
        write("t@.service", "[Service]\nExecStart=/bin/true\n");
        write("u@.service", "[Service]\nExecStart=/bin/true\n");
        let mut sink = Diagnostics::default();
        let mut units = load(&[folder.path().to_owned()], &mut sink);
        units[3].later.push(Diagnostic::error(Code::NotYet, "Moon= is not supported by this tomte"));
        assert_eq!((units.len(), fit_for_a_table(&units, &sink)), (4, 2), "{}", sink.render(false));
        let expected = "notes, by kind (--notes shows where, `cargo xtask explain CODE` tells more):\n    2 x T0018 a template that nobody uses\n    1 x T0206 StartLimitInterval=: ";
        assert!(by_kind(&sink).starts_with(expected), "{}", by_kind(&sink));
    }
}
