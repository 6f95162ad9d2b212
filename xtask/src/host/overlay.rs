//! The throw-away root: an overlay of the host's `/` and of every other file system that is mounted in it, or of a folder
//! that is to be the root, with all changes in memory.
//!
//! In a user namespace the kernel lets nobody look below a mount that was made outside of it, so it refuses an overlay
//! over a directory with such a mount somewhere below. There the root is a patchwork: an overlay over every directory
//! without one, and the directories that lead to one made by hand.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    mount::{MountFlags, mount, mount_bind, mount_remount},
};

/// What is mounted below these is made afresh for PID 1, by the stage or by PID 1 itself.
const FRESH: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];
/// Directories below the patchwork's overlays that belong to root everywhere and that the run writes into. In a user
/// namespace the host's root has no number, so overlayfs could not copy them up; they are put into the upper layer
/// beforehand.
const OWNED_BY_ROOT: [&str; 6] = ["/usr/bin", "/usr/sbin", "/var/lib", "/var/cache", "/var/log", "/var/tmp"];
/// Directories that only root may look into: in a user namespace nobody can, so they start empty.
const CLOSED: [&str; 3] = ["/var/lib/private", "/var/cache/private", "/var/log/private"];

/// Files of the patchwork up to this size are copied.
const COPIED_BYTES_MAX: u64 = 1 << 20;

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

    /// Overlays the folder `lower`. The answer is the new root.
    pub fn overlay_folder(&mut self, lower: &Path) -> Result<PathBuf> {
        let root = self.base.join("root");
        fs::create_dir(&root)?;
        self.overlay(lower, &root)?;
        Ok(root)
    }

    /// Overlays `/` and every file system below it that is not made afresh. The answer is the new root.
    pub fn overlay_root(&mut self) -> Result<PathBuf> {
        let mounted =
            fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
        let root = self.base.join("root");
        fs::create_dir(&root)?;
        let points = other_mounts(&mounted, &self.base);
        if self.user_namespace {
            mount_tmpfs(&root, "mode=755")?;
            self.patchwork(Path::new("/"), &root, &points)?;
            return Ok(root);
        }
        self.overlay(Path::new("/"), &root)?;
        for point in points {
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

    /// Makes in the directory `to` what the directory `from` of the host has; `points` are the host's mount points.
    fn patchwork(&mut self, from: &Path, to: &Path, points: &[PathBuf]) -> Result<()> {
        let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
        for entry in entries.flatten() {
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let is_fresh = FRESH.iter().any(|fresh| source == Path::new(fresh)) || source == self.base;
            let laid = match fs::symlink_metadata(&source).map(|found| found.file_type()) {
                Ok(_) if is_fresh => Ok(()),
                Ok(kind) if kind.is_dir() => self.patch(&source, &target, points),
                Ok(kind) if kind.is_symlink() => {
                    fs::read_link(&source).and_then(|to| symlink(to, &target)).context("symlink")
                }
                Ok(kind) if kind.is_file() => show_file(&source, &target),
                Ok(_) => Ok(()), // sockets, pipes and devices of the host are not the run's business
                Err(error) => Err(error.into()),
            };
            if let Err(error) = laid {
                eprintln!("{} is left out of the throw-away root: {error:#}", source.display());
            }
        }
        Ok(())
    }

    /// One directory of the patchwork.
    fn patch(&mut self, from: &Path, to: &Path, points: &[PathBuf]) -> Result<()> {
        fs::create_dir(to)?;
        if !points.iter().any(|point| point != from && point.starts_with(from)) {
            return self.overlay(from, to);
        }
        fs::set_permissions(to, fs::metadata(from)?.permissions())?;
        self.patchwork(from, to, points)
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
        })?;
        for closed in CLOSED.iter().filter(|_| self.user_namespace) {
            let Ok(name) = Path::new(closed).strip_prefix(lower) else { continue };
            if at.join(name).is_dir() {
                mount_tmpfs(&at.join(name), "mode=700")?;
            }
        }
        Ok(())
    }
}

/// Makes the directories of [`OWNED_BY_ROOT`] that are below `lower` in `upper`.
fn own_directories(lower: &Path, upper: &Path) -> Result<()> {
    for there in OWNED_BY_ROOT.map(Path::new) {
        let Ok(name) = there.strip_prefix(lower) else { continue };
        if fs::symlink_metadata(there).is_ok_and(|found| found.is_dir()) && name != Path::new("") {
            let ours = upper.join(name);
            fs::create_dir_all(&ours)?;
            fs::set_permissions(&ours, fs::metadata(there)?.permissions())?;
        }
    }
    Ok(())
}

/// Gives the new root the host's file `from` at `to`: a copy, which can be replaced, or a bind mount of a large one. Files
/// that only root may read are not there.
fn show_file(from: &Path, to: &Path) -> Result<()> {
    if fs::metadata(from)?.len() > COPIED_BYTES_MAX {
        return bind_read_only(from, to);
    }
    match fs::copy(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
        other => drop(other.context("copy")?),
    }
    Ok(())
}

/// Shows the host's file `from` at `to`, which is made; nobody can change it there.
fn bind_read_only(from: &Path, to: &Path) -> Result<()> {
    fs::write(to, "")?;
    mount_bind(from, to).context("bind")?;
    // What the mount forbids already stays forbidden: the kernel insists on that in a user namespace.
    let found = statvfs(to)?.f_flag;
    let kept = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = kept.into_iter().filter(|(flag, _)| found.contains(*flag)).map(|(_, flag)| flag);
    let flags = kept.fold(MountFlags::BIND | MountFlags::RDONLY, MountFlags::union);
    mount_remount(to, flags, "").context("remount read-only")
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
