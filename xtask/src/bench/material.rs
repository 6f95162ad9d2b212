//! Unit files to measure with: real ones where `test corpus` has fetched them, else the repository's own, and copies of
//! them under other names until there are enough.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{build::root_dir, debian::cache_dir};

/// A folder of unit files.
pub struct Units {
    folder: TempDir,
    /// Each file, in the order of their names.
    pub files: Vec<PathBuf>,
    /// Where they come from, and how large they are.
    pub about: String,
}

impl Units {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// `count` services, none of them a template.
pub fn services(count: usize) -> Result<Units> {
    let real = cache_dir().join("corpus/units");
    let mut found = Vec::new();
    collect(&real, 8, &mut found);
    let from = if found.is_empty() { "the repository's own" } else { "of Debian packages" };
    if found.is_empty() {
        collect(&root_dir().join("tests/configs/good"), 1, &mut found);
    }
    found.sort();
    ensure!(!found.is_empty(), "there is no service to copy");
    copies(&found, count, from)
}

/// `count` services that bake: copies of the repository's own.
pub fn good_services(count: usize) -> Result<Units> {
    let mut found = Vec::new();
    collect(&root_dir().join("tests/configs/good"), 1, &mut found);
    // It names other units of its folder, and an alias that only one of its copies could have.
    found.retain(|file| !file.ends_with("everything.service"));
    found.sort();
    copies(&found, count, "the repository's own")
}

fn copies(originals: &[PathBuf], count: usize, from: &str) -> Result<Units> {
    let folder = tempfile::tempdir().context("cannot make a folder for units")?;
    let (mut files, mut bytes) = (Vec::new(), 0);
    for (n, original) in originals.iter().cycle().take(count).enumerate() {
        let text = fs::read(original).with_context(|| format!("cannot read {}", original.display()))?;
        let stem = original.file_stem().unwrap_or_default().to_string_lossy();
        let file = folder.path().join(format!("{stem}-{n:04}.service"));
        fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
        bytes += text.len();
        files.push(file);
    }
    let about = format!("{count} services, {bytes} bytes, {from} ({} files)", originals.len().min(count));
    Ok(Units { folder, files, about })
}

/// Enters the services in `folder` and, as far as `depth` goes, in the folders in it. What cannot be read is left out.
fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 1 => collect(&path, depth - 1, found),
            Ok(kind) if kind.is_file() && name.ends_with(".service") && !name.contains('@') => {
                found.push(path)
            }
            Ok(_) | Err(_) => {}
        }
    }
}
