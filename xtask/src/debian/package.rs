//! What is in a package: `dpkg-deb` takes it apart, the archive inside is read here.

use std::{
    collections::BTreeMap,
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use tar::Entry;

/// The regular files of a package whose path (beginning with `./`) is `wanted`.
pub fn files_of(deb: &Path, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for_each(deb, |path, entry| {
        if entry.header().entry_type().is_file() && wanted(path) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(path.to_owned(), bytes);
        }
        Ok(())
    })?;
    Ok(files)
}

/// Writes the files and links of a package whose path (beginning with `./`) is `wanted` below `to`; of a hard link, the other
/// name has to be wanted, too.
pub fn unpack(deb: &Path, wanted: impl Fn(&str) -> bool, to: &Path) -> Result<()> {
    for_each(deb, |path, entry| {
        let kind = entry.header().entry_type();
        let other = entry.link_name()?.map(|name| name.to_string_lossy().into_owned());
        let linked = kind.is_hard_link() && other.is_some_and(|other| wanted(&other));
        if (kind.is_file() || kind.is_symlink() || linked) && wanted(path) {
            entry.unpack_in(to)?; // creates no file outside of `to`
        }
        Ok(())
    })
}

fn for_each(
    deb: &Path,
    mut visit: impl FnMut(&str, &mut Entry<'_, std::process::ChildStdout>) -> Result<()>,
) -> Result<()> {
    let mut unpacking = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb")?;
    if let Some(stdout) = unpacking.stdout.take() {
        for entry in tar::Archive::new(stdout).entries()? {
            let mut entry = entry.with_context(|| format!("{}", deb.display()))?;
            let path = entry.path()?.to_string_lossy().into_owned();
            visit(&path, &mut entry).with_context(|| format!("{}: {path}", deb.display()))?;
        }
    }
    let status = unpacking.wait()?;
    if !status.success() {
        bail!("dpkg-deb --fsys-tarfile {}: {status}", deb.display());
    }
    Ok(())
}
