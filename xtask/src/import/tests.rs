//! tests/configs/import: each input becomes exactly what its folder `NAME.expected` holds, and what was said about it.
//! `TOMTE_BLESS=1` writes that anew. And that no input makes an importer panic or write what is no unit file.

use std::{collections::BTreeMap, fs};

use clap::ValueEnum as _;

use super::*;
use crate::{check, diag::Severity};

/// Relative, so that messages are the same on every machine; tests run in xtask/.
const INPUTS: &str = "../tests/configs/import";

/// Groups of files that are imported together: a file, or all files of a folder `NAME.d`.
fn cases(format: Format) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let list = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the folder is there");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        paths.sort();
        paths
    };
    let inputs = list(&Path::new(INPUTS).join(format.as_str()));
    let inputs = inputs.into_iter().filter(|path| path.extension().is_none_or(|end| end != "expected"));
    let case = |path: PathBuf| {
        let mut expected = path.clone().into_os_string();
        expected.push(".expected");
        let files = if path.is_dir() {
            list(&path).into_iter().filter(|path| path.is_file()).collect()
        } else {
            vec![path]
        };
        (PathBuf::from(expected), files)
    };
    inputs.map(case).collect()
}

/// File name and text of all that `files` make: the units, and `said` for the problems.
fn made(format: Format, files: &[PathBuf]) -> BTreeMap<String, String> {
    let mut sink = Diagnostics::default();
    let units = import(format, files, &mut sink);
    let mut made =
        BTreeMap::from([("said".to_owned(), sink.render(false).replace(&format!("{INPUTS}/"), ""))]);
    if !sink.has_errors() {
        made.extend(units.iter().map(|unit| (unit.name.clone(), unit.text(format.as_str()))));
    }
    made
}

fn expected(folder: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("readable"))
    };
    entries.map(read).collect()
}

fn bless(folder: &Path, made: &BTreeMap<String, String>) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("writable");
    for (name, text) in made {
        fs::write(folder.join(name), text).expect("writable");
    }
}

#[test]
fn every_input_becomes_what_is_expected() {
    let mut wrong = Vec::new();
    for &format in Format::value_variants() {
        let cases = cases(format);
        assert!(cases.len() >= 4, "{format:?}: only {} inputs", cases.len());
        for (folder, files) in cases {
            let made = made(format, &files);
            if std::env::var_os("TOMTE_BLESS").is_some() {
                bless(&folder, &made);
            }
            if expected(&folder) != made {
                wrong.push(format!("{}: it makes\n{made:#?}", folder.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nTOMTE_BLESS=1 accepts what is made now", wrong.join("\n"));
}

#[test]
fn what_is_made_passes_the_checker() {
    for &format in Format::value_variants() {
        for (folder, files) in cases(format) {
            let made = made(format, &files);
            let output = tempfile::tempdir().expect("a folder");
            for (name, text) in made.iter().filter(|(name, _)| *name != "said") {
                fs::write(output.path().join(name), text).expect("writable");
            }
            let mut sink = Diagnostics::default();
            check::load(&[output.path().to_owned()], &mut sink);
            let errors: Vec<_> = sink.iter().filter(|problem| problem.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{}: {}", folder.display(), sink.render(false));
        }
    }
}

#[test]
fn files_that_are_too_large_or_no_text_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inittab");
    for (bytes, expected) in [
        (vec![b'#'; FILE_BYTES_MAX + 1], "more than 1048576 bytes"),
        (b"::respawn:/bin/\xff".to_vec(), "not UTF-8"),
        (b"\x7fELF\0".to_vec(), "a NUL byte"),
        (b"::respawn:/bin/a\n".repeat(ENTRIES_MAX + 1), "more than 1000 entries"),
        (Vec::new(), "no entry ID:RUNLEVELS:ACTION:PROCESS"),
    ] {
        fs::write(&path, bytes).expect("writable");
        let mut sink = Diagnostics::default();
        import(Format::Inittab, std::slice::from_ref(&path), &mut sink);
        let errors: Vec<_> = sink.iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert_eq!(errors.len(), 1, "{expected}");
        assert!(errors[0].message.contains(expected), "{errors:?}");
    }
    let mut sink = Diagnostics::default();
    import(Format::Sysv, &[folder.path().to_owned()], &mut sink);
    assert!(sink.has_errors(), "a directory");
}

#[test]
fn files_that_are_there_are_replaced_only_by_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("new/units");
    let unit = |description: &str| [UnitText::new("a", "service", description)];
    write(&unit("first, and longer"), Format::Finit, &output, false).expect("written");
    let error = write(&unit("second"), Format::Finit, &output, false).expect_err("it is there");
    assert!(error.to_string().contains("--force"), "{error}");
    write(&unit("second"), Format::Finit, &output, true).expect("replaced");
    let text = fs::read_to_string(output.join("a.service")).expect("readable");
    assert!(text.ends_with("[Unit]\nDescription=second\n"), "{text}");
}

/// Imports `text` as a file called `name`, and reads what is made as unit files.
fn read_back(format: Format, name: &str, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("writable");
    let units = import(format, &[path], &mut Diagnostics::default());
    let mut wrong = Vec::new();
    for unit in units {
        let mut sink = Diagnostics::default();
        let text = unit.text(format.as_str());
        let file = read::parse(Path::new(&unit.name), text.clone().into_bytes(), &mut sink);
        let lines = text.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty()).count();
        let read: usize = file.sections.iter().map(|section| section.assignments.len()).sum();
        let name = crate::values::unit_name::UnitName::new(&unit.name);
        if sink.iter().count() > 0 || read != lines || name.is_err() {
            wrong.push(format!("{:?}\n{text}{}", unit.name, sink.render(false)));
        }
    }
    wrong
}

proptest::proptest! {
    #[test]
    fn any_text_makes_unit_files_that_read_back_line_by_line(
        lines in proptest::collection::vec(
            "(::respawn:|[a-z1]{0,4}:2?:(once|wait|sysinit|shutdown|askfirst):|service |run \\[S\\] |tty |command = |\
            type = |DAEMON=|start-stop-daemon -S -x |# Provides: |case \"\\$1\" in start\\) )?\
            [ -~\\t\u{e9}]{0,40}",
            0..6,
        ),
    ) {
        let text = lines.join("\n");
        for (format, name) in [
            (Format::Sysv, "S10-\u{e9} x"),
            (Format::Inittab, "inittab"),
            (Format::Finit, "a@.conf"),
            (Format::Dinit, "a b"),
        ] {
            let text = if format == Format::Sysv { format!("#!/bin/sh\nstart() {{\n{text}\n}}\n") } else { text.clone() };
            let wrong = read_back(format, name, &text);
            proptest::prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
}
