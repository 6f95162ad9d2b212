//! A private apt state per suite and architecture below `target/cache/apt`, with sources derived from the ones the
//! machine already uses. apt verifies signatures and sums.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
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

/// How long a mirror between two states is left alone before it is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// Debian's other names of its releases. A mirror may have a release whole under one name while it, or a proxy before it,
/// has lists of two states under the other.
const ALIASES: [&str; 3] = ["stable", "oldstable", "oldoldstable"];

/// One private apt: suites and an index of them. As long as it lives, another of the same folder is waited for.
pub struct Apt {
    dir: PathBuf,
    suites: Vec<String>,
    index: Index,
    options: Vec<String>,
    _alone: File,
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
        let alone = File::create(dir.join("lock")).and_then(|file| file.lock().map(|()| file));
        let alone = alone.with_context(|| format!("cannot lock {}", dir.display()))?;
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
        let suites = suites.iter().map(|suite| (*suite).to_owned()).collect();
        Ok(Self { dir, suites, index, options, _alone: alone })
    }

    /// `program` of apt with this state.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(self.options.iter().flat_map(|option| ["-o", option]))
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Fetches the package lists. Mirrors are now and then between two states: they are asked again, and then for the
    /// suite's other names. A list that still cannot be had is told and done without, as apt itself does; what it would
    /// have named is missed when it is asked for.
    pub fn update(&self) {
        let step = progress::step(format!("fetching Debian's package lists ({})", self.dir.display()));
        let mut failed = self.update_once();
        if failed.as_deref().is_some_and(between_states) {
            thread::sleep(PAUSE);
            failed = self.update_once();
        }
        if failed.as_deref().is_some_and(between_states) && self.update_by_alias() {
            failed = None;
        }
        drop(step);
        if let Some(said) = failed {
            eprintln!(
                "not all of Debian's package lists could be fetched, going on with what there is: {said}"
            );
        }
    }

    /// What apt-get says is wrong with the lists. Proxies are to ask the mirror; lists of the suite's other names stay.
    fn update_once(&self) -> Option<String> {
        let options = ["-o", "Acquire::http::No-Cache=true", "--no-list-cleanup"];
        let fetched = progress::capture(self.command("apt-get").args(options).arg("update"));
        fetched.err().map(|error| errors_in(&format!("{error:#}")))
    }

    /// Fetches the lists under another name of the suite, if it has one; otherwise all is as it was.
    fn update_by_alias(&self) -> bool {
        let [suite] = &self.suites[..] else { return false };
        let list = self.dir.join("sources.list");
        let Ok(own) = fs::read_to_string(&list) else { return false };
        for alias in ALIASES {
            let found = fs::write(&list, renamed(&own, suite, alias)).is_ok()
                && self.update_once().is_none()
                && self.releases().is_some_and(|policy| only_of(&policy, suite));
            if found {
                return true;
            }
        }
        if let Err(error) = fs::write(&list, own) {
            eprintln!("{} names another suite now: {error}", list.display());
        }
        false
    }

    /// What apt-cache says of the releases that its lists are of.
    fn releases(&self) -> Option<String> {
        let output = progress::capture(self.command("apt-cache").arg("policy")).ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
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

/// What apt-get says is wrong, or all that it says.
fn errors_in(text: &str) -> String {
    let said: Vec<&str> = text.lines().filter(|line| line.starts_with("E:")).collect();
    if said.is_empty() { text.to_owned() } else { said.join("\n") }
}

/// Whether what apt-get says will be mended by the mirror itself.
fn between_states(said: &str) -> bool {
    said.contains("Mirror sync in progress?") || said.contains("Hash Sum mismatch")
}

/// The sources.list `own` with `suite` and its security updates by the name `alias`.
fn renamed(own: &str, suite: &str, alias: &str) -> String {
    let (from, to) = (format!(" {suite} "), format!(" {alias} "));
    own.replace(&from, &to).replace(&format!(" {suite}-security "), &format!(" {alias}-security "))
}

/// Whether every release in what `apt-cache policy` prints is `suite`, or its security updates.
fn only_of(policy: &str, suite: &str) -> bool {
    let names: Vec<&str> = policy
        .split([',', ' ', '\n'])
        .filter_map(|word| word.strip_prefix("n="))
        .map(|name| name.trim_end_matches("-security"))
        .collect();
    !names.is_empty() && names.iter().all(|name| *name == suite)
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
    fn a_mirror_between_two_states_is_asked_again_and_one_that_is_away_is_not() {
        let uneven = errors_in(
            "apt-get update: exit status: 100\nGet:1 http://mirror/debian trixie InRelease\n\
             E: Failed to fetch http://mirror/debian/Packages.xz  File has unexpected size (92 != 96). \
             Mirror sync in progress?\nE: Some index files failed to download.",
        );
        assert!(uneven.starts_with("E: Failed") && uneven.lines().count() == 2);
        assert!(between_states(&uneven));
        assert!(!between_states("E: Failed to fetch http://mirror/debian  Could not connect"));
        assert_eq!(errors_in("apt-get: not found"), "apt-get: not found");
    }

    #[test]
    fn another_name_of_a_suite_is_taken_only_if_it_is_the_same_release() {
        let own = "deb http://m/ trixie main\ndeb http://s/ trixie-security main\n";
        let other = "deb http://m/ stable main\ndeb http://s/ stable-security main\n";
        assert_eq!(renamed(own, "trixie", "stable"), other);
        let policy = "Package files:\n 500 http://m stable/main armhf Packages\n     \
                      release v=13.5,o=Debian,a=stable,n=trixie,l=Debian,c=main,b=armhf\n 500 http://s\n     \
                      release v=13,o=Debian,a=stable-security,n=trixie-security,l=Debian-Security,c=main,b=armhf\n";
        assert!(only_of(policy, "trixie"));
        assert!(!only_of(policy, "forky"));
        assert!(!only_of("Package files:\n", "trixie"));
        assert!(!only_of(&format!("{policy} release n=forky,c=main"), "trixie"));
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
