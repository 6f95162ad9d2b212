//! A private apt state per suite and architecture below `target/cache/apt`, with sources derived from the ones the
//! machine already uses. apt verifies signatures and sums.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{cache_dir, codename, mirrors, store::Package};
use crate::progress;

/// Debian's keys, where its keyring package puts them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Which of a suite's lists is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// Packages for this architecture of Debian's.
    Binary(String),
    /// Source packages.
    Source,
}

impl Index {
    /// The architecture, or `source`.
    pub fn name(&self) -> &str {
        match self {
            Self::Binary(architecture) => architecture,
            Self::Source => "source",
        }
    }

    /// The word of sources.list(5).
    const fn kind(&self) -> &'static str {
        match self {
            Self::Binary(_) => "deb",
            Self::Source => "deb-src",
        }
    }
}

/// One private apt: suites and an index of them.
pub struct Apt {
    dir: PathBuf,
    index: Index,
    options: Vec<String>,
}

impl Apt {
    /// Sets up the private state for `index` of `suites` (each as Debian names it). With `own_status` it knows what
    /// the machine has installed; without, it resolves as for an empty system.
    pub fn new(suites: &[&str], index: Index, own_status: bool) -> Result<Self> {
        let own = codename()?;
        let dir = cache_dir().join("apt").join(format!("{}-{}", suites.join("+"), index.name()));
        for below in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(dir.join(below))
                .with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(
            dir.join("sources.list"),
            sources(&mirrors::of_this_machine(), &own, suites, index.kind())?,
        )?;
        fs::write(dir.join("empty-status"), "")?;
        let path = |name: &str| dir.join(name).display().to_string();
        let mut options = vec![
            format!("Dir::Etc::sourcelist={}", path("sources.list")),
            "Dir::Etc::sourceparts=-".into(),
            format!("Dir::State::lists={}", path("lists")),
            format!("Dir::Cache={}", dir.display()),
            format!("Dir::Cache::archives={}", path("archives")),
            "APT::Sandbox::User=".into(),
            "Acquire::Languages=none".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(), // descriptions for desktops
        ];
        if let Index::Binary(architecture) = &index {
            options.push(format!("APT::Architecture={architecture}"));
            options.push(format!("APT::Architectures={architecture}"));
        }
        if !own_status {
            options.push(format!("Dir::State::status={}", path("empty-status")));
        }
        Ok(Self { dir, index, options })
    }

    /// `program` of apt with this state.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(self.options.iter().flat_map(|option| ["-o", option]))
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Fetches the package lists. Mirrors are now and then between two states: a list that cannot be had is told and
    /// done without, as apt itself does; what it would have named is missed when it is asked for.
    pub fn update(&self) {
        let step = progress::step(format!("fetching Debian's package lists ({})", self.dir.display()));
        let fetched = progress::capture(self.command("apt-get").arg("update"));
        drop(step);
        if let Err(error) = fetched {
            let text = format!("{error:#}");
            let said: Vec<&str> = text.lines().filter(|line| line.starts_with("E:")).collect();
            let said = if said.is_empty() { text.as_str() } else { &said.join("\n") };
            eprintln!(
                "not all of Debian's package lists could be fetched, going on with what there is: {said}"
            );
        }
    }

    /// The fields of `package`'s newest version.
    fn show(&self, package: &str) -> Result<String> {
        let output =
            progress::capture(self.command("apt-cache").args(["show", "--no-all-versions", package]))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Downloads `name` into `to`: the package, or what it stands for if it is a kernel's metapackage; of a source
    /// package the upstream archive.
    pub(super) fn download(&self, name: &str, to: &Path) -> Result<Package> {
        match self.index {
            Index::Binary(_) => self.download_binary(name, to),
            Index::Source => self.download_source(name, to),
        }
    }

    fn download_binary(&self, name: &str, to: &Path) -> Result<Package> {
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
        let step = self.downloading(&format!("{real} {version}"), get("Size")?);
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

    fn download_source(&self, name: &str, to: &Path) -> Result<Package> {
        let arguments = ["source", "--only-source", "--tar-only", "--download-only"];
        let printed =
            progress::capture(self.command("apt-get").args(arguments).args(["--print-uris", name]))?;
        let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
        let archive = printed.lines().find_map(archive_in);
        let Archive { file, size, sha256 } =
            archive.with_context(|| format!("apt names no archive of {name}'s source: {printed}"))?;
        let version = file.trim_start_matches(name).trim_start_matches('_');
        let version = version.split(".orig.").next().unwrap_or_default().to_owned();
        let step = self.downloading(file, size);
        progress::capture(self.command("apt-get").current_dir(to).args(arguments).arg(name))?;
        drop(step);
        Ok(Package { name: name.to_owned(), version, file: file.to_owned(), sha256: sha256.to_owned() })
    }

    fn downloading(&self, what: &str, bytes: &str) -> progress::Step {
        let megabytes = bytes.parse::<u64>().unwrap_or_default().div_ceil(1_000_000);
        progress::step(format!("downloading {what} ({}, {megabytes} MB)", self.index.name()))
    }
}

/// A line of `apt-get --print-uris`.
#[derive(Debug, PartialEq, Eq)]
struct Archive<'l> {
    file: &'l str,
    size: &'l str,
    sha256: &'l str,
}

/// `'URI' FILE SIZE SHA256:SUM`, if it is upstream's archive.
fn archive_in(line: &str) -> Option<Archive<'_>> {
    let mut words = line.strip_prefix('\'')?.split(' ').skip(1);
    let (file, size, sum) = (words.next()?, words.next()?, words.next()?);
    file.contains(".orig.tar.").then_some(())?;
    Some(Archive { file, size, sha256: sum.strip_prefix("SHA256:")? })
}

/// A sources.list with `suites` and their security updates, from the mirrors the machine uses for `own`.
fn sources(mirrors: &[(String, String)], own: &str, suites: &[&str], kind: &str) -> Result<String> {
    let mirror = |suite: &str| mirrors.iter().find(|(_, found)| found == suite).map(|(uri, _)| uri);
    let main = mirror(own)
        .with_context(|| format!("the machine's apt sources have no Debian {own} to derive from"))?;
    let mut text = String::new();
    let mut add = |uri: &str, suite: &str| {
        text.push_str(&format!("{kind} [signed-by={KEYRING}] {uri} {suite} main\n"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_from_the_machines_own_mirrors() {
        let mirrors =
            [("http://mirror/debian/", "bookworm"), ("http://mirror/security/", "bookworm-security")]
                .map(|(uri, suite)| (uri.to_owned(), suite.to_owned()));
        let text = sources(&mirrors, "bookworm", &["bookworm", "bookworm-backports"], "deb").unwrap();
        let expected = format!(
            "deb [signed-by={KEYRING}] http://mirror/debian/ bookworm main\n\
             deb [signed-by={KEYRING}] http://mirror/security/ bookworm-security main\n\
             deb [signed-by={KEYRING}] http://mirror/debian/ bookworm-backports main\n"
        );
        assert_eq!(text, expected);
        assert!(sources(&mirrors, "forky", &["trixie"], "deb").is_err());
    }

    #[test]
    fn upstreams_archive_is_found_among_the_files_of_a_source_package() {
        let line = "'http://mirror/s_1.dsc' s_1.dsc 9 SHA256:aa";
        assert_eq!(archive_in(line), None);
        let line = "'http://mirror/s_1.orig.tar.gz' s_1.orig.tar.gz 16543653 SHA256:1eb7";
        let archive = Archive { file: "s_1.orig.tar.gz", size: "16543653", sha256: "1eb7" };
        assert_eq!(archive_in(line), Some(archive));
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
