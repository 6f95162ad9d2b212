//! The unit files of systemd's own source tree: those it installs, which are templates that its build fills in, and
//! those its tests run.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use minijinja::{Environment, UndefinedBehavior, context};

use super::examine::{Section, belongs_to_units, examine, is_unit_file};
use crate::{
    debian::{cache_dir, store::Package},
    progress,
};

/// The release of Debian that has the systemd whose unit language tomte follows.
pub const SUITE: &str = "trixie";
/// The source package.
pub const PACKAGE: &str = "systemd";

/// The folders below the root of the tree that have unit files in them, or folders with unit files.
const FOLDERS: [&str; 2] = ["units", "test"];

const FOREIGN: &str = "for an architecture that tomte does not run on";
const TEXT_ONLY: &str = "its text is compared; its name is not that of its mount point";

/// What looks like a unit file and is not meant to be a valid one, each with what its author made it for: beginnings of
/// paths.
const MEANT_TO_BE_WRONG: &[(&str, &str)] = &[
    ("test/integration-tests/TEST-54-CREDS/systemd.", "credentials, which are called like units"),
    ("test/integration-tests/TEST-55-OOMD/systemd.", "credentials, which are called like units"),
    ("test/test-execute/exec-mount-apivfs-no.service", "the test adds what to run in a drop-in"),
    ("test/test-execute/exec-personality-aarch64.service", "systemd ignores the name, which is arm64"),
    ("test/test-execute/exec-personality-loongarch64.service", FOREIGN),
    ("test/test-execute/exec-personality-ppc64.service", FOREIGN),
    ("test/test-execute/exec-personality-ppc64le.service", FOREIGN),
    ("test/test-execute/exec-personality-s390.service", FOREIGN),
    ("test/test-execute/exec-personality-s390x.service", FOREIGN),
    (
        "test/test-execute/exec-restrictnamespaces-merge-and.service",
        "a slip: systemd drops the line with \"usr\"",
    ),
    ("test/test-execute/exec-systemcallfilter-failing2.service", "its program is not to be started"),
    ("test/test-execute/exec-systemcallfilter-failing3.service", "its program is not to be started"),
    ("test/test-fstab-generator/test-18-options.fstab.expected/mnt-wantedby-automount.mount", TEXT_ONLY),
    (
        "test/test-fstab-generator/test-18-options.fstab.expected.sysroot/mnt-wantedby-automount.mount",
        TEXT_ONLY,
    ),
    ("test/test-fstab-generator/test-19-mounts-from-cmdline.expected/hoge-withx20space.mount", TEXT_ONLY),
    ("test/test.service.in", "a template that each integration test fills in"),
    ("test/units/sched_idle_bad.service", "its CPUSchedulingPriority= is out of bounds"),
    ("test/units/sched_rr_bad.service", "its CPUSchedulingPriority= is out of bounds"),
];

/// What `check` says about the tree, a section for each folder with unit files.
pub fn sections(package: &Package, archive: &Path) -> Result<Vec<Section>> {
    let root = tree(package, archive)?;
    let mut folders = Vec::new();
    for folder in FOLDERS {
        unit_folders(&root.join(folder), &mut folders)?;
    }
    folders.sort();
    folders.dedup();
    let section = |folder: &PathBuf| {
        let name = folder.strip_prefix(&root).unwrap_or(folder).display().to_string();
        examine(&name, &package.version, std::slice::from_ref(folder))
    };
    folders.iter().map(section).collect()
}

/// `folder`, if it has unit files, and such folders in it.
fn unit_folders(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if !belongs_to_units(&path) {
                unit_folders(&path, found)?;
            }
        } else if is_unit_file(&path) && !found.iter().any(|known| known == folder) {
            found.push(folder.to_owned());
        }
    }
    Ok(())
}

/// The tree's unit files, unpacked and filled in once.
fn tree(package: &Package, archive: &Path) -> Result<PathBuf> {
    let root = cache_dir().join("corpus/tree").join(&package.sha256);
    if root.is_dir() {
        return Ok(root);
    }
    let _step = progress::step(format!("unpacking the unit files of {}", package.file));
    let parent = root.parent().context("it has one")?;
    fs::create_dir_all(parent)?;
    let incoming = tempfile::tempdir_in(parent)?;
    let file = fs::File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
    for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
        let mut entry = entry.with_context(|| format!("{}", archive.display()))?;
        let path = entry.path()?.components().skip(1).collect::<PathBuf>();
        let Some(to) = place_of(&path).filter(|_| entry.header().entry_type().is_file()) else { continue };
        let mut text = String::new();
        entry.read_to_string(&mut text).with_context(|| format!("{}", path.display()))?;
        if to != path {
            text = filled_in(&text).with_context(|| format!("{}", path.display()))?;
        }
        let to = incoming.path().join(to);
        fs::create_dir_all(to.parent().context("it has one")?)?;
        fs::write(to, text)?;
    }
    fs::rename(incoming.keep(), &root)?;
    Ok(root)
}

/// Where the file at `path` of the tree goes, if it is a unit file, a drop-in, or a template of one.
fn place_of(path: &Path) -> Option<PathBuf> {
    let filled_in = if path.extension()? == "in" { path.with_extension("") } else { path.to_owned() };
    let is_ours = FOLDERS.iter().any(|folder| path.starts_with(folder)) && !path.starts_with("test/fuzz");
    let is_meant = MEANT_TO_BE_WRONG.iter().all(|(wrong, _)| !path.to_string_lossy().starts_with(wrong));
    (is_ours && is_meant && is_unit_file(&filled_in)).then_some(filled_in)
}

/// A template as a build with every optional part fills it in.
fn filled_in(template: &str) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let values = context! {
        DEBUGTTY => "/dev/tty9",
        DEFAULT_USER_TIMEOUT_SEC => 90,
        ENABLE_LOGIND => true,
        HAVE_LOCALEGEN => true,
        HAVE_SYSV_COMPAT => true,
        HIGH_RLIMIT_NOFILE => 524_288,
        KMOD => "/usr/bin/kmod",
        LIBEXECDIR => "/usr/lib/systemd",
        QUOTACHECK => "/usr/sbin/quotacheck",
        QUOTAON => "/usr/sbin/quotaon",
        RANDOM_SEED => "/var/lib/systemd/random-seed",
        RC_LOCAL_PATH => "/etc/rc.local",
        SERVICE_WATCHDOG => "WatchdogSec=3min",
        SUSHELL => "/bin/sh",
        UDEVLIBEXECDIR => "/usr/lib/udev",
    };
    environment.render_str(template, values).context("the template cannot be filled in")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_lose_their_ending_and_what_is_no_unit_file_stays_behind() {
        for (path, expected) in [
            ("units/systemd-udevd.service.in", Some("units/systemd-udevd.service")),
            ("units/basic.target", Some("units/basic.target")),
            ("units/user@.service.d/10-x.conf", Some("units/user@.service.d/10-x.conf")),
            ("units/meson.build", None),
            ("test/integration-tests/TEST-54-CREDS/systemd.extra-unit.my-service.service", None),
            ("test/units/sched_rr_bad.service", None),
            ("test/fuzz/fuzz-unit-file/x.service", None),
            ("src/home/org.freedesktop.home1.service", None),
        ] {
            assert_eq!(place_of(Path::new(path)), expected.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn a_variable_that_nobody_knows_is_an_error() {
        let text = "{% if HAVE_SYSV_COMPAT %}\nExecStart={{LIBEXECDIR}}/x\n{% endif %}\n{{ DEFAULT_USER_TIMEOUT_SEC*4//3 }}\n";
        assert_eq!(filled_in(text).unwrap().trim(), "ExecStart=/usr/lib/systemd/x\n\n120");
        assert!(filled_in("{{ BANANA }}").is_err());
    }
}
