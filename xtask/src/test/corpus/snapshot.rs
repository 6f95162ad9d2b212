//! The snapshot of a corpus: what was said when a person last looked. Sections are compared one by one, and only where
//! the versions agree: mirrors keep the newest version of a package alone.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    super::tally::{Outcome, Tally},
    examine::{Section, Verdict},
};

/// Lines of a difference that are shown.
const SHOWN_MAX: usize = 20;

/// Share of files without errors below which the corpus fails, in per mille.
const WITHOUT_ERRORS_MIN: usize = 970;

/// Compares `sections` with the snapshot at `path`; with `TOMTE_BLESS=1` writes that first.
pub fn check(tally: &mut Tally, path: &Path, title: &str, sections: &[Section]) -> Result<()> {
    if std::env::var_os("TOMTE_BLESS").is_some() && !sections.is_empty() {
        bless(path, title, sections)?;
    }
    compare(tally, path, title, sections)
}

fn bless(path: &Path, title: &str, sections: &[Section]) -> Result<()> {
    let texts: String = sections.iter().map(|section| format!("\n{}", section.text())).collect();
    let text = format!(
        "# What `cargo xtask check` says about the unit files of {title}: file by file, with the reasons.\n\
         # TOMTE_BLESS=1 cargo xtask test corpus writes this.\n# {}\n{texts}",
        Summary::of(sections).text()
    );
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn compare(tally: &mut Tally, path: &Path, title: &str, sections: &[Section]) -> Result<()> {
    if sections.is_empty() {
        return Ok(()); // nothing could be had, and that has been said
    }
    let summary = Summary::of(sections);
    println!("{title}: {}", summary.text());
    let name = format!("{title}: at least 97 % are without errors");
    let outcome = if summary.is_enough() { Outcome::Passed } else { Outcome::Failed(summary.text()) };
    tally.add(&name, outcome);

    let blessed = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let blessed = Blessed::parse(&blessed);
    let mut differences = Vec::new();
    let mut compared = 0;
    for section in sections {
        let name = format!("{title}: {}", section.name);
        match blessed.find(&section.name) {
            None => differences.push(format!("{name} is new")),
            Some(old) if old.version != section.version => {
                let why = format!("the snapshot is of {}, here is {}", old.version, section.version);
                tally.add(&name, Outcome::Skipped(why));
            }
            Some(old) => {
                compared += 1;
                let difference = difference(old.text, &section.text());
                differences.extend(difference.map(|text| format!("{name}:\n{text}")));
            }
        }
    }
    if !differences.is_empty() {
        differences.push("TOMTE_BLESS=1 accepts what is said now".to_owned());
    }
    let outcome =
        if differences.is_empty() { Outcome::Passed } else { Outcome::Failed(differences.join("\n")) };
    tally.add(&format!("{title}: {compared} sections are as in the snapshot"), outcome);
    Ok(())
}

/// How many files went how.
struct Summary {
    ok: usize,
    warned: usize,
    refused: usize,
}

impl Summary {
    fn of(sections: &[Section]) -> Self {
        let count = |verdict| sections.iter().map(|section| section.count(verdict)).sum();
        Self { ok: count(Verdict::Ok), warned: count(Verdict::Warned), refused: count(Verdict::Refused) }
    }

    /// Files without errors in a thousand.
    fn per_mille(&self) -> usize {
        (self.ok + self.warned) * 1000 / (self.ok + self.warned + self.refused).max(1)
    }

    fn is_enough(&self) -> bool {
        self.per_mille() >= WITHOUT_ERRORS_MIN
    }

    fn text(&self) -> String {
        let Self { ok, warned, refused } = self;
        let (whole, tenth) = (self.per_mille() / 10, self.per_mille() % 10);
        let files = ok + warned + refused;
        format!(
            "{whole}.{tenth} % of {files} files without errors ({ok} ok, {warned} with warnings, {refused} refused)"
        )
    }
}

/// One section of a snapshot.
struct BlessedSection<'t> {
    name: &'t str,
    version: &'t str,
    text: &'t str,
}

/// A snapshot that was read.
struct Blessed<'t>(Vec<BlessedSection<'t>>);

impl<'t> Blessed<'t> {
    fn parse(text: &'t str) -> Self {
        let section = |text: &'t str| {
            let (name, version) = text.lines().next()?.strip_prefix("== ")?.split_once(' ')?;
            Some(BlessedSection { name, version, text: text.trim_end() })
        };
        Self(text.split("\n\n").filter_map(section).collect())
    }

    fn find(&self, name: &str) -> Option<&BlessedSection<'t>> {
        self.0.iter().find(|section| section.name == name)
    }
}

/// The lines that only one of the two has, in short; `None` where there are none.
fn difference(old: &str, new: &str) -> Option<String> {
    let only = |sign: &str, one: &str, other: &str| -> Vec<String> {
        let others: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !others.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    if old.trim_end() == new.trim_end() {
        return None;
    }
    let mut lines = [only("-", old, new), only("+", new, old)].concat();
    if lines.is_empty() {
        lines.push("the same lines in another order".to_owned());
    }
    let more = lines.len().saturating_sub(SHOWN_MAX);
    lines.truncate(SHOWN_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, version: &str, verdict: Verdict, problem: &str) -> Section {
        let files = vec![("a.service".to_owned(), verdict, vec![problem.to_owned()])];
        Section { name: name.to_owned(), version: version.to_owned(), files, rest: Vec::new() }
    }

    #[test]
    fn only_sections_of_the_same_version_are_compared() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        let old = [section("same", "1", Verdict::Ok, "x"), section("moved", "1", Verdict::Ok, "y")];
        fs::write(&path, format!("# head\n\n{}\n{}", old[0].text(), old[1].text())).unwrap();
        let run = |sections: &[Section]| {
            let mut tally = Tally::default();
            compare(&mut tally, &path, "t", sections).unwrap();
            tally.summary().lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(run(&old), "2 passed, 0 failed, 0 skipped");
        let moved = [old[0].clone(), section("moved", "2", Verdict::Warned, "z")];
        assert_eq!(run(&moved), "2 passed, 0 failed, 1 skipped");
        assert_eq!(run(&[section("same", "1", Verdict::Ok, "z")]), "1 passed, 1 failed, 0 skipped");
        assert_eq!(run(&[section("new", "1", Verdict::Ok, "z")]), "1 passed, 1 failed, 0 skipped");
        assert_eq!(run(&[section("same", "1", Verdict::Refused, "x")]), "0 passed, 2 failed, 0 skipped");
    }

    #[test]
    fn a_share_just_below_the_limit_is_not_rounded_up() {
        let summary = Summary { ok: 900, warned: 69, refused: 31 };
        assert!(!summary.is_enough());
        assert!(summary.text().starts_with("96.9 % of 1000 files"), "{}", summary.text());
        assert!(Summary { ok: 970, warned: 0, refused: 30 }.is_enough());
    }
}
