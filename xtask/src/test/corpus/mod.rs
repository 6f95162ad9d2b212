//! The level `corpus`: `check` on the unit files of real packages. What it says about each file is kept in
//! tests/corpus, so that a change in what tomte understands is seen by a reviewer.
//!
//! Packages come from Debian's mirrors, are kept in `target/cache`, and are never installed.

mod examine;
mod packages;
mod snapshot;
mod systemd;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::tally::{Outcome, Tally};
use crate::{
    build::root_dir,
    debian::{
        apt::Index,
        cache_dir, package,
        store::{self, Package, Store},
    },
    progress,
};
use examine::{Section, examine};

/// Where packages have unit files.
const UNIT_FOLDERS: [&str; 3] = ["lib/systemd/system", "usr/lib/systemd/system", "etc/systemd/system"];

/// All of it.
pub fn run(tally: &mut Tally) {
    let debian_12 = "Debian 12";
    if let Err(error) = debian(tally, debian_12) {
        tally.add(debian_12, Outcome::Failed(format!("{error:#}")));
    }
    let source = "systemd's source";
    if let Err(error) = systemd_source(tally, source) {
        tally.add(source, Outcome::Failed(format!("{error:#}")));
    }
}

fn debian(tally: &mut Tally, title: &str) -> Result<()> {
    let store = Store::corpus(packages::SUITE, Index::Binary("amd64".to_owned()));
    let mut sections = Vec::new();
    let mut all = Vec::new();
    for (package, deb) in had(&store, packages::PACKAGES, tally, title)? {
        let folders = folders_of(&package, &deb)?;
        sections.push(examine(&package.name, &package.version, &folders)?);
        all.extend(folders);
    }
    sections.push(together(&sections, &all)?);
    snapshot::check(tally, &root_dir().join("tests/corpus/debian-12.txt"), title, &sections)
}

fn systemd_source(tally: &mut Tally, title: &str) -> Result<()> {
    let store = Store::corpus(systemd::SUITE, Index::Source);
    let mut sections = Vec::new();
    for (package, archive) in had(&store, &[systemd::PACKAGE], tally, title)? {
        sections.extend(systemd::sections(&package, &archive)?);
    }
    snapshot::check(tally, &root_dir().join("tests/corpus/systemd.txt"), title, &sections)
}

/// Those of `names` that could be had, now or earlier; the others are skipped in plain sight.
fn had(store: &Store, names: &[&str], tally: &mut Tally, title: &str) -> Result<Vec<(Package, PathBuf)>> {
    let trouble = store.fetch(names).err();
    let mut had = Vec::new();
    for name in names {
        match store.kept(name)? {
            Some(package) => had.push(package),
            None => {
                let why = trouble.as_ref().map_or_else(String::new, |error| format!("{error:#}"));
                tally.add(&format!("{title}: {name}"), Outcome::Skipped(why));
            }
        }
    }
    Ok(had)
}

/// What `check` says about all packages at once beyond what it says about each: no file counts again. Its version
/// stands for theirs.
fn together(sections: &[Section], folders: &[PathBuf]) -> Result<Section> {
    let versions = sections.iter().map(|section| format!("{} {}\n", section.name, section.version));
    let version = store::hex(&Sha256::digest(versions.collect::<String>()));
    let mut all = examine("all-together", &version, folders)?;
    let said: BTreeSet<(&str, &str)> = sections
        .iter()
        .flat_map(|section| &section.files)
        .flat_map(|(file, _, problems)| problems.iter().map(|problem| (file.as_str(), problem.as_str())))
        .collect();
    for (file, _, problems) in std::mem::take(&mut all.files) {
        let new = problems.into_iter().filter(|problem| !said.contains(&(file.as_str(), problem.as_str())));
        all.rest.extend(new.map(|problem| format!("{file}: {problem}")));
    }
    let before: BTreeSet<&String> = sections.iter().flat_map(|section| &section.rest).collect();
    all.rest.retain(|problem| !before.contains(problem));
    Ok(all)
}

/// The folders with the package's unit files, unpacked once.
fn folders_of(package: &Package, deb: &Path) -> Result<Vec<PathBuf>> {
    let folder = cache_dir().join("corpus/units").join(&package.sha256);
    if !folder.is_dir() {
        let _step = progress::step(format!("unpacking the unit files of {}", package.name));
        let parent = folder.parent().context("it has one")?;
        fs::create_dir_all(parent)?;
        let incoming = tempfile::tempdir_in(parent)?;
        let wanted = |path: &str| {
            let path = path.trim_start_matches("./");
            UNIT_FOLDERS.iter().any(|folder| path.starts_with(folder))
        };
        package::unpack(deb, wanted, incoming.path())?;
        fs::rename(incoming.keep(), &folder)?;
    }
    let folders = UNIT_FOLDERS.iter().map(|below| folder.join(below));
    Ok(folders.filter(|folder| folder.is_dir()).collect())
}
