//! The root file system that a board has when nobody gives one: busybox, the static users, the kernel's modules. And what
//! every root file system gets: tomte, the board's users, the board's own files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    source,
    tree::{Content, Entry, Kind, Tree, at},
};
use crate::{board::Board, debian::package::unpack, users};

/// Where modules are, beside `order` with their file names in loading order.
pub const MODULES: &str = "lib/modules";
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
const APPLETS: &str = "\
    ash awk basename cat chmod chown clear cp cut date dd df dirname dmesg echo env expr false find free \
    grep head hostname httpd id ifconfig insmod ip kill less ln logger ls lsmod mkdir mount mv nc pidof \
    ping ps pwd readlink rm sed sh sha256sum sleep sort stat sync tail test top touch tr true umount \
    uname uniq vi wc wget which whoami xargs";
/// Names that tomte goes by, besides its own.
pub const NAMES: [&str; 4] = ["halt", "poweroff", "reboot", "shutdown"];

/// The root file system without tomte, with `busybox` and the kernel's `modules`.
pub fn tree(busybox: Content, modules: &[impl AsRef<Path>]) -> Result<Tree> {
    let mut tree = Tree::default();
    for (path, mode) in DIRECTORIES {
        tree.directory(path, mode);
    }
    tree.character_device("dev/console", 0o600, 5, 1);
    tree.add("bin/busybox", Entry::new(Kind::File(busybox), 0o755));
    for applet in APPLETS.split(' ') {
        tree.link(&format!("bin/{applet}"), "busybox");
    }
    tree.link("var/run", "../run"); // where C libraries look for nscd
    add_modules(&mut tree, modules)?;
    tree.file("etc/machine-id", 0o444, Vec::new());
    tree.file("etc/passwd", 0o644, PASSWD.into());
    tree.file("etc/group", 0o644, GROUP.into());
    Ok(tree)
}

/// Puts the kernel's modules there, and the order in which they are to be loaded.
pub fn add_modules(tree: &mut Tree, modules: &[impl AsRef<Path>]) -> Result<()> {
    let mut order = String::new();
    let mut all = Vec::new();
    for module in modules {
        let name = module.as_ref().file_name().unwrap_or_default().to_string_lossy();
        tree.add(&format!("{MODULES}/{name}"), Entry::new(Kind::File(at(module.as_ref())), 0o644));
        order.push_str(&format!("{name}\n"));
        let bytes = fs::read(module).with_context(|| format!("cannot read {name}"))?;
        let bytes = if name.ends_with(".ko") { bytes } else { crate::qemu::decompressed(&bytes)? };
        all.push((name.into_owned(), bytes));
    }
    tree.file(&format!("{MODULES}/order"), 0o644, order.into());
    let (dependencies, aliases) = crate::qemu::module_lists(&all)?;
    tree.file(&format!("{MODULES}/modules.dep"), 0o644, dependencies.into());
    tree.file(&format!("{MODULES}/modules.alias"), 0o644, aliases.into());
    Ok(())
}

/// Puts the programs and libraries of Debian's packages there, and the loader of shared libraries where programs look for it.
pub fn add_packages(tree: &mut Tree, packages: &[PathBuf]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for package in packages {
        unpack(package, is_of_use, folder.path())?;
    }
    for (path, entry) in source::read(folder.path())?.iter() {
        let kind = match &entry.kind {
            Kind::File(content) => Kind::File(Content::Bytes(content.read()?)),
            Kind::Link(to) => Kind::Link(to.clone()),
            _ => continue, // folders come with what is in them
        };
        tree.add(path, Entry::new(kind, entry.mode));
        if let Some(loader) = path.strip_prefix("usr/").filter(|path| is_loader(path)) {
            tree.link(loader, &format!("/{path}"));
        }
    }
    Ok(())
}

/// Whether a file of a package is a program or a library.
fn is_of_use(path: &str) -> bool {
    let Some(path) = path.strip_prefix("./usr/") else { return false };
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["bin" | "sbin", _] => true,
        ["lib", _, name] => name.contains(".so"),
        _ => is_loader(path),
    }
}

/// Whether this is a path, below / or /usr, that programs name as their interpreter: `lib64/ld-linux-x86-64.so.2`.
fn is_loader(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(folder, name)| folder.starts_with("lib") && name.starts_with("ld-linux"))
}

/// Puts `binary` at `init` and where people look for it, and the board's files and users into `tree`.
pub fn complete(tree: &mut Tree, board: &Board, binary: &Path, init: &str) -> Result<()> {
    let init = tree.place(init)?;
    let program = format!("/{init}");
    tree.add(&init, Entry::new(Kind::File(at(binary)), 0o755));
    for path in
        ["sbin/init".into(), "bin/tomte".into()].into_iter().chain(NAMES.map(|name| format!("sbin/{name}")))
    {
        let path = tree.place(&path)?;
        if path != init {
            tree.link(&path, &program);
        }
    }
    for rootfs in board.rootfs() {
        lay_over(tree, &rootfs, "")?;
    }
    let text = |path: &str| tree.text(path).unwrap_or_default();
    let merged = users::merge(&text("etc/passwd"), &text("etc/group"), &board.config)?;
    for (path, content) in [("etc/passwd", merged.passwd), ("etc/group", merged.group)] {
        let path = tree.resolve(path)?;
        tree.file(&path, 0o644, content.into());
    }
    Ok(())
}

fn lay_over(tree: &mut Tree, from: &Path, to: &str) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a file name in rootfs/ is not UTF-8")?;
        let path = tree.place(&if to.is_empty() { name } else { format!("{to}/{name}") })?;
        let kind = entry.file_type()?;
        // Only the execute bit: git keeps no other, and the result must not depend on the builder's umask.
        let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
        if kind.is_dir() {
            let there = tree.get(&tree.resolve(&path)?).is_some();
            if !there {
                tree.directory(&path, 0o755);
            }
            lay_over(tree, &entry.path(), &path)?;
        } else if kind.is_symlink() {
            tree.link(&path, &fs::read_link(entry.path())?.to_string_lossy());
        } else {
            let mode = if executable { 0o755 } else { 0o644 };
            tree.add(&path, Entry::new(Kind::File(at(&entry.path())), mode));
        }
    }
    Ok(())
}

/// The first root file system of a board that boots from a disk and whose kernel has all drivers as modules: loads them,
/// mounts what the command line says, and goes there.
pub fn first_stage(busybox: Content, modules: &[impl AsRef<Path>]) -> Result<Tree> {
    let mut tree = Tree::default();
    for (path, mode) in [("dev", 0o755), ("proc", 0o555), ("sysroot", 0o755)] {
        tree.directory(path, mode);
    }
    tree.character_device("dev/console", 0o600, 5, 1);
    tree.add("bin/busybox", Entry::new(Kind::File(busybox), 0o755));
    tree.link("bin/sh", "busybox");
    add_modules(&mut tree, modules)?;
    tree.file("init", 0o755, FIRST_STAGE.into());
    Ok(tree)
}

/// The same with tomte as its init, and systemd's mark of an initramfs.
pub fn make_first_stage_of_tomte(tree: &mut Tree, binary: &Path) {
    for (path, mode) in [("root", 0o700), ("run", 0o755), ("sys", 0o555), ("tmp", 0o1777)] {
        tree.directory(path, mode);
    }
    tree.file("etc/initrd-release", 0o644, Vec::new());
    tree.add("init", Entry::new(Kind::File(at(binary)), 0o755));
}

const FIRST_STAGE: &str = r#"#!/bin/sh
# The first root file system: the kernel's modules, then the disk.
set -e
alias b=/bin/busybox
b mount -t devtmpfs devtmpfs /dev
b mount -t proc proc /proc
while read -r module; do
    b insmod "/lib/modules/$module"
done < /lib/modules/order
read -r words < /proc/cmdline
for word in $words; do
    case $word in
        root=*) root=${word#root=} ;;
        rootfstype=*) type=${word#rootfstype=} ;;
        rw) mode=rw ;;
    esac
done
tries=0
until [ -b "$root" ] || [ "$tries" -ge 50 ]; do
    b sleep 0.1
    tries=$((tries + 1))
done
b mount -t "${type:-squashfs}" -o "${mode:-ro}" "$root" /sysroot
b umount /proc
b mount --move /dev /sysroot/dev
exec /bin/busybox switch_root /sysroot /sbin/init "$@"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_libraries_of_a_package_are_of_use_and_its_documentation_is_not() {
        for path in [
            "./usr/sbin/dropbear",
            "./usr/lib/x86_64-linux-gnu/libz.so.1.3.1",
            "./usr/lib64/ld-linux-x86-64.so.2",
        ] {
            assert!(is_of_use(path), "{path}");
        }
        for path in [
            "./usr/share/doc/zlib1g/copyright",
            "./usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
            "./etc/init.d/dropbear",
        ] {
            assert!(!is_of_use(path), "{path}");
        }
        assert!(
            is_loader("lib/ld-linux-aarch64.so.1")
                && !is_loader("lib/libc.so.6")
                && !is_loader("bin/ld-linux")
        );
    }
}
