//! The examples in the explanations of codes: what is wrong gives exactly that code, what is right gives none.
//!
//! A block of an explanation begins with ```` ```wrong FILE ```` or ```` ```right FILE ````; all blocks of one kind are one
//! image. `-> TARGET` makes a symbolic link, `board.toml` adds to the board's, and with `bytes` behind the name `\xHH`
//! stands for a byte.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path};

use super::{Code, Diagnostics};
use crate::{
    bake::{self, LockFile, Options},
    board::Board,
};

/// Codes whose explanations show nothing, as it cannot be shown in a few lines; other tests provoke them.
const WITHOUT_EXAMPLE: [Code; 12] = [
    Code::FileTooLarge,
    Code::TooMuchToRead,
    Code::NoSuchPath, // is about a command line
    Code::NotShown,
    Code::NoUnits,     // is about a command line
    Code::UnitTwice,   // is a mistake of the caller: a folder holds each name once
    Code::LockChanged, // is about what was done
    Code::NotKept,     // these are about files of other inits
    Code::KeptOtherwise,
    Code::NoEntry,
    Code::NothingToImport,
    Code::TooMuchToImport,
];

/// These may come along: what PID 1 cannot do yet is less every month, and an example is about one thing only.
const BESIDES: [Code; 4] =
    [Code::NotYet, Code::ProtectionNotYet, Code::WithoutEffect, Code::UserWithoutNarrowing];

/// Name and text of the blocks of one kind.
fn blocks(text: &str, kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("```") {
        let (head, body) = rest[start + 3..].split_once('\n').expect("a block goes on");
        let end = body.find("```").expect("a block ends");
        if head.split(' ').next() == Some(kind) {
            let bytes = head.ends_with(" bytes");
            let name = head[kind.len()..].trim_start().trim_end_matches(" bytes").to_owned();
            found.push((name, if bytes { unescape(&body[..end]) } else { body[..end].into() }));
        }
        rest = &body[end + 3..];
    }
    found
}

fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// Bakes a board with these files, and says what was found.
fn found(files: &[(String, Vec<u8>)]) -> Diagnostics {
    let folder = tempfile::tempdir().expect("a folder");
    let board_dir = folder.path().join("board");
    fs::create_dir_all(board_dir.join("units")).expect("writable");
    let mut toml = b"arch = \"x86_64\"\ntarget = \"x86_64-unknown-linux-gnu\"\n".to_vec();
    for (name, content) in files {
        if name == "board.toml" {
            toml.extend_from_slice(content);
            continue;
        }
        let path = board_dir.join("units").join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        match content.strip_prefix(b"-> ") {
            Some(target) => {
                symlink(String::from_utf8_lossy(target).trim_end(), path).expect("writable");
            }
            None => fs::write(path, content).expect("writable"),
        }
    }
    fs::write(board_dir.join("board.toml"), toml).expect("writable");
    let mut sink = Diagnostics::default();
    let board = Board::read(board_dir.to_str().expect("UTF-8"), &mut sink).expect("a board.toml");
    let Some(board) = board else { return sink };
    let roots = vec![Path::new("../tests/configs/rootfs").to_owned()];
    let options = Options { roots, lock: LockFile::Leave, ..Options::default() };
    if let Err(error) = bake::bake(&board, &options, &mut sink) {
        assert!(sink.has_errors(), "{error:#}");
    }
    sink
}

#[test]
fn wrong_examples_give_their_code_and_right_ones_give_none() {
    let mut problems = Vec::new();
    for code in Code::ALL {
        let text = code.explanation();
        let (wrong, right) = (blocks(&text, "wrong"), blocks(&text, "right"));
        if WITHOUT_EXAMPLE.contains(code) {
            assert!(wrong.is_empty() && right.is_empty(), "{code} has an example now");
            continue;
        }
        for (files, expected) in [(wrong, BTreeSet::from([*code])), (right, BTreeSet::new())] {
            if files.is_empty() {
                problems.push(format!("{code}: an example is missing"));
                continue;
            }
            let said = found(&files);
            let mut codes: BTreeSet<Code> = said.iter().map(|problem| problem.code).collect();
            codes.retain(|found| found == code || !BESIDES.contains(found));
            if codes != expected {
                problems.push(format!("{code}: expected {expected:?}, but it said\n{}", said.render(false)));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn explanations_keep_to_the_width_of_a_terminal() {
    for code in Code::ALL {
        for line in code.explanation().lines() {
            assert!(line.chars().count() <= 120, "{code}: {line}");
        }
    }
}
