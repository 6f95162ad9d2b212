//! The throw-away root: an overlay of the host's `/` and of every other file system that is mounted in it, with all
//! changes in memory.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount};

/// What is mounted below these is made afresh for PID 1, by the stage or by PID 1 itself.
const FRESH: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];
/// Directories that belong to root everywhere and that the run writes into. In a user namespace the host's root has no
/// number, so overlayfs could not copy them up; they are put into the upper layer beforehand.
const OWNED_BY_ROOT: [&str; 12] = [
    "etc",
    "opt",
    "usr",
    "usr/bin",
    "usr/sbin",
    "var",
    "var/lib",
    "var/cache",
    "var/log",
    "srv",
    "bin",
    "sbin",
];

/// Where the layers of one run are.
pub struct Layers {
    /// The tmpfs with the upper layers.
    base: PathBuf,
    user_namespace: bool,
    count: u32,
}

impl Layers {
    /// Puts a tmpfs on `base` for the upper layers.
    pub fn new(base: &Path, user_namespace: bool) -> Result<Self> {
        mount_tmpfs(base, "mode=755")?;
        Ok(Self { base: base.to_owned(), user_namespace, count: 0 })
    }

    /// Overlays `/` and every file system below it that is not made afresh. The answer is the new root.
    pub fn overlay_root(&mut self) -> Result<PathBuf> {
        let mounted =
            fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
        let root = self.base.join("root");
        fs::create_dir(&root)?;
        self.overlay(Path::new("/"), &root)?;
        for point in other_mounts(&mounted, &self.base) {
            let Ok(below) = point.strip_prefix("/") else { continue };
            let at = root.join(below);
            let laid = if point.is_dir() {
                self.overlay(&point, &at)
            } else {
                // A file somebody mounted, such as a container's resolv.conf: its content is what matters.
                fs::copy(&point, &at).map(drop).context("copy")
            };
            if let Err(error) = laid {
                eprintln!("{} is left out of the throw-away root: {error:#}", point.display());
            }
        }
        Ok(root)
    }

    fn overlay(&mut self, lower: &Path, at: &Path) -> Result<()> {
        let [upper, work] = ["upper", "work"].map(|kind| self.base.join(format!("{kind}-{}", self.count)));
        self.count += 1;
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        // The merged root's mode is the upper layer's.
        fs::set_permissions(&upper, fs::metadata(lower)?.permissions())?;
        if self.user_namespace {
            own_directories(lower, &upper)?;
        }
        let mut options = format!("upperdir={},workdir={}", upper.display(), work.display());
        options.push_str(&format!(",lowerdir={}", lower.display()));
        if self.user_namespace {
            options.push_str(",userxattr");
        }
        mount_with("overlay", at, "overlay", MountFlags::empty(), &options).with_context(|| {
            format!("cannot lay a throw-away overlay over {} (is overlayfs in the kernel?)", lower.display())
        })
    }
}

/// Makes the directories of [`OWNED_BY_ROOT`] that `lower` has in `upper`, with their modes.
fn own_directories(lower: &Path, upper: &Path) -> Result<()> {
    for name in OWNED_BY_ROOT {
        let there = lower.join(name);
        if fs::symlink_metadata(&there).is_ok_and(|found| found.is_dir()) {
            let ours = upper.join(name);
            fs::create_dir_all(&ours)?;
            fs::set_permissions(&ours, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// Mount points of `mountinfo` (proc(5)) that belong into the new root, parents first.
fn other_mounts(mountinfo: &str, base: &Path) -> Vec<PathBuf> {
    let mut points: Vec<PathBuf> = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(unescape(point)))
        .filter(|point| point != Path::new("/") && !point.starts_with(base))
        .filter(|point| !FRESH.iter().any(|fresh| point.starts_with(fresh)))
        .collect();
    points.sort();
    points.dedup();
    points
}

/// Undoes mountinfo's octal escapes of space, tab, newline and backslash.
fn unescape(point: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(point.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// Mounts a tmpfs on the existing directory `at`.
pub fn mount_tmpfs(at: &Path, options: &str) -> Result<()> {
    mount_with("tmpfs", at, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options)
}

/// mount(2), with an error that names the place.
pub fn mount_with(source: &str, at: &Path, kind: &str, flags: MountFlags, options: &str) -> Result<()> {
    let options = std::ffi::CString::new(options)?;
    mount(source, at, kind, flags, Some(options.as_c_str()))
        .with_context(|| format!("cannot mount {kind} on {}", at.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_that_belong_into_the_root_are_taken_parents_first() {
        let mountinfo = "25 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 25 0:5 / /dev/pts rw - devpts devpts rw\n\
            41 40 8:2 / /usr/local\\040x rw - ext4 /dev/b rw\n\
            40 25 8:1 / /usr rw - ext4 /dev/a rw\n\
            50 25 0:9 / /srv/run/base rw - tmpfs tmpfs rw\n";
        let points = other_mounts(mountinfo, Path::new("/srv/run/base"));
        assert_eq!(points, [PathBuf::from("/usr"), PathBuf::from("/usr/local x")]);
    }
}
