//! The arrows of the house (src/lib.rs): imports point to lower layers only, `linux` knows no other room, and
//! unsafe code and system calls live in `linux` alone. Read from the sources, so a violation names file and line.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A room and the rooms it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("table", &["record"]),
    ("wire", &["record"]),
    ("supervisor", &["record", "table", "wire"]),
    ("linux", &[]),
    ("init", &["record", "table", "wire", "supervisor", "linux", "ctl"]),
    ("ctl", &["table", "wire", "linux"]),
    ("applets", &["table", "wire", "linux"]),
];

#[test]
fn imports_point_to_lower_layers_only() {
    let mut wrong = Vec::new();
    for (room, allowed) in MAY_NAME {
        for (file, number, line) in code_lines(room) {
            for (other, _) in MAY_NAME.iter().filter(|(other, _)| other != room && !allowed.contains(other)) {
                if names_room(&line, other) {
                    wrong.push(format!(
                        "{}:{number}: {room} must not know {other}: {}",
                        file.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_and_system_calls_live_in_linux_alone() {
    let mut wrong = Vec::new();
    for (room, _) in MAY_NAME.iter().filter(|(room, _)| *room != "linux") {
        for (file, number, line) in code_lines(room) {
            for word in ["unsafe {", "unsafe fn", "unsafe impl", "asm!", "rustix::", "linux_raw_sys::"] {
                if line.contains(word) {
                    wrong.push(format!(
                        "{}:{number}: `{word}` outside src/linux: {}",
                        file.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_rooms_have_no_statics_and_no_clock() {
    let mut wrong = Vec::new();
    for room in ["table", "wire", "supervisor"] {
        for (file, number, line) in code_lines(room) {
            let text = line.trim_start();
            if text.starts_with("static ") || text.starts_with("pub static ") || text.contains("std::time") {
                wrong.push(format!("{}:{number}: {room} is pure: {text}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_top_level_holds_what_was_agreed_and_nothing_else() {
    let agreed = ["src", "board-configs", "tests", "xtask", "target"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root).expect("the root can be listed").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.file_type().expect("a file type").is_dir();
        assert!(
            !folder || name.starts_with('.') || agreed.contains(&name.as_str()),
            "folder {name} at the top level"
        );
    }
}

fn names_room(line: &str, room: &str) -> bool {
    ["crate::", "super::super::", "tomte::"].iter().any(|prefix| {
        let by_path = line.contains(&format!("{prefix}{room}::"));
        let in_use = line.trim_start().starts_with(&format!("use {prefix}{room};"));
        by_path || in_use
    }) || (line.contains("use crate::{")
        && line.split(['{', ',', ' ']).any(|word| word.starts_with(&format!("{room}::"))))
        || line.trim_start().starts_with(&format!("{room}::{{"))
}

/// Every line of code of a room with its place, comments and test modules left out.
fn code_lines(room: &str) -> Vec<(PathBuf, usize, String)> {
    let mut lines = Vec::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room)) {
        let text = fs::read_to_string(&file).expect("a source file");
        for (at, line) in text.lines().enumerate() {
            if line.starts_with("#[cfg(test)]") {
                break; // tests come last in a file
            }
            if !line.trim_start().starts_with("//") {
                lines.push((file.clone(), at + 1, line.to_owned()));
            }
        }
    }
    lines
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
