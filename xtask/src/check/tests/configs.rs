//! tests/configs: what is good loads without a word; what is bad says exactly what `NAME.expected` says. With
//! `TOMTE_BLESS=1` the expected texts are written anew.

use std::path::{Path, PathBuf};

use crate::check::{Image, load_for};
use crate::diag::Diagnostics;

/// Relative, so that messages are the same on every machine; tests run in xtask/.
const CONFIGS: &str = "../tests/configs";

fn image() -> Image {
    Image { roots: vec![Path::new(CONFIGS).join("rootfs")], ..Image::default() }
}

fn said(path: &Path) -> (usize, String) {
    let mut sink = Diagnostics::default();
    let units = load_for(&[path.to_owned()], &image(), &mut sink);
    (units.len(), sink.render(false).replace(&format!("{CONFIGS}/bad/"), ""))
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(CONFIGS).join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

#[test]
fn good_units_load_without_a_word() {
    let (count, said) = said(&Path::new(CONFIGS).join("good"));
    assert_eq!(said, "");
    assert!(count >= 3, "only {count} units");
}

#[test]
fn bad_units_say_what_is_expected() {
    let bless = std::env::var_os("TOMTE_BLESS").is_some();
    let mut wrong = Vec::new();
    let inputs: Vec<_> = entries("bad")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "service"))
        .collect();
    for path in &inputs {
        let (_, text) = said(path);
        let expected = path.with_extension("expected");
        if bless {
            std::fs::write(&expected, &text).expect("writable");
        }
        let old = std::fs::read_to_string(&expected).unwrap_or_default();
        if old != text || text.is_empty() {
            wrong.push(format!("{}: expected\n{old}but it said\n{text}", path.display()));
        }
    }
    assert!(inputs.len() >= 20, "only {} kinds of mistake", inputs.len());
    assert!(wrong.is_empty(), "{}\nTOMTE_BLESS=1 accepts what is said now", wrong.join("\n"));
}
