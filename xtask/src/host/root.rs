//! What the new root has before PID 1 starts: a minimal /dev, /proc, a read-only /sys, /run with /run/host, the
//! board's files and static users.
//!
//! Runs inside the new root, so that every path resolves there; the host's root is still mounted and gives what has to
//! be taken over. /proc and /sys are mounted here although PID 1 could: in a user namespace the kernel allows that
//! only while the host's are still visible.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount_bind};

use super::{
    Plan,
    overlay::{mount_tmpfs, mount_with},
};

/// The device nodes a service may count on.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Names in /dev that lead elsewhere.
const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Makes the root of `plan` complete. `old` is where the host's root is.
pub fn fill(plan: &Plan, old: &Path) -> Result<()> {
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for dir in ["/proc", "/sys", "/dev", "/run", "/tmp"] {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {dir}"))?;
    }
    mount_with("proc", Path::new("/proc"), "proc", safe, "")?;
    mount_with("sysfs", Path::new("/sys"), "sysfs", safe | MountFlags::RDONLY, "")?;
    if plan.cgroup.is_none() {
        let at = Path::new("/sys/fs/cgroup");
        if at.is_dir() {
            mount_with("tmpfs", at, "tmpfs", safe | MountFlags::RDONLY, "mode=555,nr_inodes=1")?;
        }
    }
    fill_dev(plan, old)?;
    let inodes = plan.defects.run_inodes.map(|count| format!(",nr_inodes={count}")).unwrap_or_default();
    mount_tmpfs(Path::new("/run"), &format!("mode=755{inodes}"))?;
    fs::create_dir("/run/host").context("cannot create /run/host")?;
    bind(&below(old, &plan.host()), Path::new("/run/host"))?;
    for rootfs in &plan.rootfs {
        lay_over(&below(old, rootfs), Path::new("/"))?;
    }
    if plan.users {
        install_users(plan, old)?;
    }
    for path in &plan.defects.rootfs_without {
        remove(path).with_context(|| format!("cannot remove {} from the throw-away root", path.display()))?;
    }
    Ok(())
}

fn fill_dev(plan: &Plan, old: &Path) -> Result<()> {
    let dev = Path::new("/dev");
    // No NODEV: in a user namespace bound nodes would be dead.
    mount_with("tmpfs", dev, "tmpfs", MountFlags::NOSUID, "mode=755")?;
    for name in DEVICES {
        let at = dev.join(name);
        fs::write(&at, "")?;
        bind(&below(old, &at), &at)?;
    }
    fs::write("/dev/console", "")?;
    bind(&below(old, &plan.console), Path::new("/dev/console"))?;
    for (name, to) in LINKS {
        symlink(to, dev.join(name)).with_context(|| format!("cannot create /dev/{name}"))?;
    }
    Ok(())
}

/// Puts the passwd and group files that xtask made in their places.
fn install_users(plan: &Plan, old: &Path) -> Result<()> {
    for name in ["passwd", "group"] {
        // A new file, not a changed one: overlayfs need not copy the host's, whose owner may have no number here.
        let (fresh, path) = (format!("/etc/{name}.tomte"), format!("/etc/{name}"));
        fs::copy(below(old, &plan.dir.join(name)), &fresh)
            .with_context(|| format!("cannot write {fresh}"))?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot replace {path}"))?;
    }
    Ok(())
}

/// Copies the file `from` of the host to `to`, executable.
pub fn install(old: &Path, from: &Path, to: &Path) -> Result<()> {
    fs::copy(below(old, from), to).with_context(|| format!("cannot install {}", to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Copies everything in the folder `from` over `to`, with modes; a file replaces what was there.
pub fn lay_over(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !target.is_dir() {
                fs::create_dir(&target).with_context(|| format!("cannot create {}", target.display()))?;
                fs::set_permissions(&target, entry.metadata()?.permissions())?;
            }
            lay_over(&source, &target)?;
            continue;
        }
        if fs::symlink_metadata(&target).is_ok() {
            fs::remove_file(&target).with_context(|| format!("cannot replace {}", target.display()))?;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)
        } else {
            fs::copy(&source, &target).map(drop)
        }
        .with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// Where the host's absolute `path` is now.
fn below(old: &Path, path: &Path) -> PathBuf {
    old.join(path.strip_prefix("/").unwrap_or(path))
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    mount_bind(from, to).with_context(|| format!("cannot bind {} to {}", from.display(), to.display()))
}
