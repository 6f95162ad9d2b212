//! Debian packages without touching the machine's own apt: a private state per suite and architecture below
//! `target/cache/apt`, with sources derived from the ones the machine already uses.
//!
//! Downloads are kept and checked: apt verifies signatures and sums on the way in, the sum from its metadata is written
//! beside the file, and every later use verifies the file against it.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mirrors;
use crate::{build::root_dir, host::on_path, progress};

/// The suite kernels and busybox come from: one version for all architectures.
pub const GUEST_SUITE: &str = "trixie";
/// Debian's keys, where its keyring package puts them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A downloaded package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The package that was found for the name asked for (a metapackage leads to another).
    pub name: String,
    pub version: String,
    /// The file's name in the folder of its architecture.
    pub file: String,
    /// From apt's metadata, in hexadecimal.
    pub sha256: String,
}

/// The folder for everything downloaded.
pub fn cache_dir() -> PathBuf {
    root_dir().join("target/cache")
}

/// The machine's Debian release; an error on anything else.
pub fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let field = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    if field("ID") != "debian" || !on_path("apt-get") {
        bail!("this is no Debian with apt-get ({})", field("PRETTY_NAME"));
    }
    Ok(field("VERSION_CODENAME"))
}

/// One private apt: a suite, an architecture.
pub struct Apt {
    dir: PathBuf,
    architecture: String,
    options: Vec<String>,
}

impl Apt {
    /// Sets up the private state for `suites` (each as Debian names it) and `architecture`. With `own_status` it knows
    /// what the machine has installed; without, it resolves as for an empty system.
    pub fn new(suites: &[&str], architecture: &str, own_status: bool) -> Result<Self> {
        let own = codename()?;
        let dir = cache_dir().join("apt").join(format!("{}-{architecture}", suites.join("+")));
        for below in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(dir.join(below))
                .with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(dir.join("sources.list"), sources(&mirrors::of_this_machine(), &own, suites)?)?;
        fs::write(dir.join("empty-status"), "")?;
        let path = |name: &str| dir.join(name).display().to_string();
        let mut options = vec![
            format!("Dir::Etc::sourcelist={}", path("sources.list")),
            "Dir::Etc::sourceparts=-".into(),
            format!("Dir::State::lists={}", path("lists")),
            format!("Dir::Cache={}", dir.display()),
            format!("Dir::Cache::archives={}", path("archives")),
            "APT::Sandbox::User=".into(),
            format!("APT::Architecture={architecture}"),
            format!("APT::Architectures={architecture}"),
            "Acquire::Languages=none".into(),
        ];
        if !own_status {
            options.push(format!("Dir::State::status={}", path("empty-status")));
        }
        Ok(Self { dir, architecture: architecture.into(), options })
    }

    /// `program` of apt with this state.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(self.options.iter().flat_map(|option| ["-o", option]))
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Fetches the package lists.
    pub fn update(&self) -> Result<()> {
        let _step = progress::step(format!("fetching Debian's package lists ({})", self.dir.display()));
        progress::capture(self.command("apt-get").arg("update"))?;
        Ok(())
    }

    /// The fields of `package`'s newest version.
    fn show(&self, package: &str) -> Result<String> {
        let output =
            progress::capture(self.command("apt-cache").args(["show", "--no-all-versions", package]))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Downloads `name`, or what it stands for if it is a kernel's metapackage, into `to`.
    fn download(&self, name: &str, to: &Path) -> Result<Package> {
        let mut fields = self.show(name)?;
        let mut real = name.to_owned();
        let depends = field(&fields, "Depends").unwrap_or_default();
        if let Some(kernel) = kernel_in(depends) {
            real = kernel.to_owned();
            fields = self.show(&real)?;
        }
        let get = |key: &str| field(&fields, key).with_context(|| format!("apt says no {key} for {real}"));
        let version = get("Version")?.to_owned();
        let sha256 = get("SHA256")?.to_owned();
        let megabytes = get("Size")?.parse::<u64>().unwrap_or_default().div_ceil(1_000_000);
        let step =
            progress::step(format!("downloading {real} {version} ({}, {megabytes} MB)", self.architecture));
        progress::capture(self.command("apt-get").current_dir(to).args(["download", &real]))?;
        drop(step);
        let prefix = format!("{real}_");
        let file = fs::read_dir(to)?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .find(|file| file.starts_with(&prefix) && file.ends_with(".deb"))
            .with_context(|| format!("apt-get download left no {prefix}….deb in {}", to.display()))?;
        Ok(Package { name: real, version, file, sha256 })
    }
}

/// The folder of `architecture`'s packages.
fn package_dir(architecture: &str) -> PathBuf {
    cache_dir().join("debian").join(architecture)
}

fn record_path(architecture: &str, name: &str) -> PathBuf {
    package_dir(architecture).join(format!("{name}.json"))
}

/// The package kept for `name`, with its path, if it is there and still what was downloaded.
pub fn kept(architecture: &str, name: &str) -> Result<Option<(Package, PathBuf)>> {
    let record = record_path(architecture, name);
    let Ok(text) = fs::read_to_string(&record) else { return Ok(None) };
    let package: Package = serde_json::from_str(&text).with_context(|| format!("{}", record.display()))?;
    let path = package_dir(architecture).join(&package.file);
    match sha256_of(&path) {
        Ok(sum) if sum == package.sha256 => Ok(Some((package, path))),
        Ok(_) => {
            eprintln!("{} is not what was downloaded (SHA-256 differs): fetching it again", path.display());
            Ok(None)
        }
        Err(_) => Ok(None),
    }
}

/// Downloads what of `names` is not kept yet.
pub fn fetch(architecture: &str, names: &[&str]) -> Result<()> {
    let mut wanted = Vec::new();
    for name in names {
        if kept(architecture, name)?.is_none() {
            wanted.push(*name);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let apt = Apt::new(&[GUEST_SUITE], architecture, false)?;
    apt.update()?;
    let dir = package_dir(architecture);
    fs::create_dir_all(&dir)?;
    for name in wanted {
        let incoming = tempfile::tempdir_in(&dir)?;
        let package = apt.download(name, incoming.path())?;
        let (from, to) = (incoming.path().join(&package.file), dir.join(&package.file));
        let sum = sha256_of(&from)?;
        if sum != package.sha256 {
            bail!("{}: SHA-256 is {sum}, apt's metadata says {}", package.file, package.sha256);
        }
        fs::rename(from, to)?;
        fs::write(record_path(architecture, name), serde_json::to_string_pretty(&package)?)?;
    }
    Ok(())
}

/// A sources.list with `suites` and their security updates, from the mirrors the machine uses for `own`.
fn sources(mirrors: &[(String, String)], own: &str, suites: &[&str]) -> Result<String> {
    let mirror = |suite: &str| mirrors.iter().find(|(_, found)| found == suite).map(|(uri, _)| uri);
    let main = mirror(own)
        .with_context(|| format!("the machine's apt sources have no Debian {own} to derive from"))?;
    let mut text = String::new();
    let mut add = |uri: &str, suite: &str| {
        text.push_str(&format!("deb [signed-by={KEYRING}] {uri} {suite} main\n"));
    };
    for suite in suites {
        add(main, suite);
        if let (Some(uri), false) = (mirror(&format!("{own}-security")), suite.contains('-')) {
            add(uri, &format!("{suite}-security"));
        }
    }
    Ok(text)
}

/// One field of a stanza of apt-cache show.
fn field<'a>(stanza: &'a str, key: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

/// The kernel a metapackage depends on: linux-image-VERSION, where VERSION begins with a digit.
fn kernel_in(depends: &str) -> Option<&str> {
    depends.split([',', ' ', '|']).find(|word| {
        word.strip_prefix("linux-image-")
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    })
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
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_from_the_machines_own_mirrors() {
        let mirrors =
            [("http://mirror/debian/", "bookworm"), ("http://mirror/security/", "bookworm-security")]
                .map(|(uri, suite)| (uri.to_owned(), suite.to_owned()));
        let text = sources(&mirrors, "bookworm", &["bookworm", "bookworm-backports"]).unwrap();
        let expected = format!(
            "deb [signed-by={KEYRING}] http://mirror/debian/ bookworm main\n\
             deb [signed-by={KEYRING}] http://mirror/security/ bookworm-security main\n\
             deb [signed-by={KEYRING}] http://mirror/debian/ bookworm-backports main\n"
        );
        assert_eq!(text, expected);
        assert!(sources(&mirrors, "forky", &["trixie"]).is_err());
    }

    #[test]
    fn a_metapackage_leads_to_its_kernel() {
        assert_eq!(
            kernel_in("linux-image-6.12.1+deb13-arm64 (= 6.12.1-1)"),
            Some("linux-image-6.12.1+deb13-arm64")
        );
        assert_eq!(kernel_in("linux-image-arm64, libc6"), None);
    }
}
