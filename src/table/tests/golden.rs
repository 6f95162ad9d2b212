//! The bytes of the fixture, as they were when this schema was made.

use std::{env, fmt::Write as _, format, fs, path::Path, string::String, vec::Vec};

use super::super::*;
use super::fixture::blob;

const FILE: &str = "tests/golden/table.hex";

#[test]
fn the_bytes_of_this_schema_are_the_golden_ones() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let found = hex(&blob());
    let golden = fs::read_to_string(&file).unwrap_or_default();
    if found == golden {
        return;
    }
    let same_schema = bytes(&golden).get(8..10) == Some(&SCHEMA.to_le_bytes());
    if !same_schema && env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, found).expect("the golden file can be written");
        return;
    }
    let line = 1 + found.lines().zip(golden.lines()).take_while(|(one, other)| one == other).count();
    assert!(
        !same_schema,
        "the layout of the records has changed (line {line} of {FILE}), and the schema number has not: devices in the \
         field would read such a table wrongly. Raise SCHEMA in src/table/mod.rs, then run \
         UPDATE_GOLDEN=1 cargo test --lib golden"
    );
    panic!("{FILE} is not of schema {SCHEMA}: run UPDATE_GOLDEN=1 cargo test --lib golden");
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&format!("{}{}", pair[0], pair[1]), 16);
    digits.chunks_exact(2).filter_map(|pair| byte(pair).ok()).collect()
}
