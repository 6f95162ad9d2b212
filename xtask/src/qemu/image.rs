//! A board's initramfs: tomte as /init, busybox, the static users, the kernel's modules, the board's rootfs/ over it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{cpio::Archive, guest::Guest};
use crate::{
    board::Board,
    build::{self, Built},
    users,
};

/// Where modules are, beside `order` with their file names in loading order.
const MODULES: &str = "lib/modules";
/// Users every image has.
const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
/// Groups every image has.
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
/// Directories and their modes.
const DIRECTORIES: [(&str, u32); 16] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
    (MODULES, 0o755),
];
/// busybox's programs that units may use, all in /bin.
const APPLETS: [&str; 46] = [
    "ash", "awk", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "dirname", "dmesg", "echo",
    "env", "expr", "false", "grep", "head", "hostname", "httpd", "id", "ifconfig", "insmod", "ip", "kill",
    "ln", "ls", "lsmod", "mkdir", "mount", "nc", "ping", "ps", "pwd", "rm", "sed", "sh", "sleep", "stat",
    "tail", "touch", "true", "umount", "uname", "wget", "whoami",
];

/// Writes the initramfs; the answer is its path.
pub fn image(board: &Board, built: &Built, guest: &Guest) -> Result<PathBuf> {
    let mut archive = Archive::default();
    for (path, mode) in DIRECTORIES {
        archive.directory(path, mode);
    }
    archive.character_device("dev/console", 0o600, 5, 1);
    archive.file("init", 0o755, read(&built.binary)?);
    archive.link("sbin/init", "/init");
    archive.link("bin/tomte", "/init");
    archive.file("bin/busybox", 0o755, read(&guest.busybox)?);
    for applet in APPLETS {
        archive.link(&format!("bin/{applet}"), "busybox");
    }
    add_modules(&mut archive, &guest.modules)?;
    archive.file("etc/passwd", 0o644, PASSWD.into());
    archive.file("etc/group", 0o644, GROUP.into());
    for rootfs in board.rootfs() {
        lay_over(&mut archive, &rootfs, "")?;
    }
    add_users(&mut archive, board)?;
    let path = build::board_dir(board).join("initramfs.cpio");
    fs::write(&path, archive.bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn add_modules(archive: &mut Archive, modules: &[PathBuf]) -> Result<()> {
    let mut order = String::new();
    let mut all = Vec::new();
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        let bytes = read(module)?;
        all.push((name.clone().into_owned(), bytes.clone()));
        archive.file(&format!("{MODULES}/{name}"), 0o644, bytes);
        order.push_str(&format!("{name}\n"));
    }
    archive.file(&format!("{MODULES}/order"), 0o644, order.into());
    let (dependencies, aliases) = super::modules::lists(&all)?;
    archive.file(&format!("{MODULES}/modules.dep"), 0o644, dependencies.into());
    archive.file(&format!("{MODULES}/modules.alias"), 0o644, aliases.into());
    Ok(())
}

/// The board's static users join those of the image.
fn add_users(archive: &mut Archive, board: &Board) -> Result<()> {
    let text = |path: &str| String::from_utf8_lossy(archive.content(path).unwrap_or_default()).into_owned();
    let merged = users::merge(&text("etc/passwd"), &text("etc/group"), &board.config)?;
    archive.file("etc/passwd", 0o644, merged.passwd.into());
    archive.file("etc/group", 0o644, merged.group.into());
    Ok(())
}

fn lay_over(archive: &mut Archive, from: &Path, to: &str) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file name in rootfs/ is not UTF-8")?;
        let path = if to.is_empty() { name } else { format!("{to}/{name}") };
        let kind = entry.file_type()?;
        // Only the execute bit: git keeps no other, and the result must not depend on the builder's umask.
        let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
        if kind.is_dir() {
            if !is_directory_of_ours(&path) {
                archive.directory(&path, 0o755);
            }
            lay_over(archive, &entry.path(), &path)?;
        } else if kind.is_symlink() {
            archive.link(&path, &fs::read_link(entry.path())?.to_string_lossy());
        } else {
            archive.file(&path, if executable { 0o755 } else { 0o644 }, read(&entry.path())?);
        }
    }
    Ok(())
}

/// Whether `path` has its mode from [`DIRECTORIES`].
fn is_directory_of_ours(path: &str) -> bool {
    DIRECTORIES.iter().any(|(ours, _)| *ours == path)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
