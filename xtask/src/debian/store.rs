//! Downloaded packages, kept and checked: apt verifies signatures and sums on the way in, the sum from its metadata is
//! written beside the file, and every later use verifies the file against it.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    apt::{Apt, Index},
    cache_dir,
};

/// The suite kernels and busybox come from: one version for all architectures.
pub const GUEST_SUITE: &str = "trixie";

/// A downloaded package, or the upstream part of a source package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The package that was found for the name asked for (a metapackage leads to another).
    pub name: String,
    pub version: String,
    /// The file's name in its folder.
    pub file: String,
    /// From apt's metadata, in hexadecimal.
    pub sha256: String,
}

/// A folder of packages of one suite and one index of it.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    suite: &'static str,
    index: Index,
}

impl Store {
    /// What virtual machines boot with, for `architecture`.
    pub fn guest(architecture: &str) -> Self {
        let folder = cache_dir().join("debian").join(architecture);
        Self { folder, suite: GUEST_SUITE, index: Index::Binary(architecture.to_owned()) }
    }

    /// What the unit files of the corpus are in: packages of `suite`, which are alike on all architectures but for
    /// programs.
    pub fn corpus(suite: &'static str, index: Index) -> Self {
        let folder = cache_dir().join("corpus").join(format!("{suite}-{}", index.name()));
        Self { folder, suite, index }
    }

    /// The package kept for `name`, with its path, if it is there and still what was downloaded.
    pub fn kept(&self, name: &str) -> Result<Option<(Package, PathBuf)>> {
        let record = self.record_path(name);
        let Ok(text) = fs::read_to_string(&record) else { return Ok(None) };
        let package: Package =
            serde_json::from_str(&text).with_context(|| format!("{}", record.display()))?;
        let path = self.folder.join(&package.file);
        match sha256_of(&path) {
            Ok(sum) if sum == package.sha256 => Ok(Some((package, path))),
            Ok(_) => {
                eprintln!(
                    "{} is not what was downloaded (SHA-256 differs): fetching it again",
                    path.display()
                );
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }

    /// Downloads what of `names` is not kept yet, as far as it can be had.
    ///
    /// # Errors
    /// If one of them cannot be had; the others have been tried.
    pub fn fetch(&self, names: &[&str]) -> Result<()> {
        if self.lacking(names)?.is_empty() {
            return Ok(());
        }
        let apt = Apt::new(&[self.suite], self.index.clone(), false)?;
        let wanted = self.lacking(names)?; // others may have fetched some while this waited for the apt
        if wanted.is_empty() {
            return Ok(());
        }
        apt.update();
        fs::create_dir_all(&self.folder)?;
        let troubles: Vec<String> = wanted
            .into_iter()
            .filter_map(|name| Some(format!("{name}: {:#}", self.fetch_one(&apt, name).err()?)))
            .collect();
        if troubles.is_empty() { Ok(()) } else { bail!("{}", troubles.join("\n")) }
    }

    fn lacking<'n>(&self, names: &[&'n str]) -> Result<Vec<&'n str>> {
        let mut lacking = Vec::new();
        for name in names {
            if self.kept(name)?.is_none() {
                lacking.push(*name);
            }
        }
        Ok(lacking)
    }

    fn fetch_one(&self, apt: &Apt, name: &str) -> Result<()> {
        let incoming = tempfile::tempdir_in(&self.folder)?;
        let package = apt.download(name, incoming.path())?;
        let (from, to) = (incoming.path().join(&package.file), self.folder.join(&package.file));
        let sum = sha256_of(&from)?;
        if sum != package.sha256 {
            bail!("{}: SHA-256 is {sum}, apt's metadata says {}", package.file, package.sha256);
        }
        fs::rename(from, to)?;
        fs::write(self.record_path(name), serde_json::to_string_pretty(&package)?)?;
        Ok(())
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256_of(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut sum = Sha256::new();
    let mut block = vec![0; 1 << 18];
    loop {
        let length = file.read(&mut block).with_context(|| format!("cannot read {}", path.display()))?;
        if length == 0 {
            break;
        }
        sum.update(&block[..length]);
    }
    Ok(hex(&sum.finalize()))
}

/// `bytes` in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
