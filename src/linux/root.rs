//! The root: from an initramfs to the machine's own, and what is laid over that. What a child may have to wait for it does;
//! PID 1 itself only goes where that has been prepared.

use core::{ffi::CStr, fmt::Write};

use rustix::{
    fd::OwnedFd,
    fs::{Access, AtFlags, CWD, Mode, access, mkdirat, statfs},
    io::Errno,
    mount::{MountFlags, OpenTreeFlags, UnmountFlags, mount, mount_move, open_tree, unmount},
    process::{chdir, chroot, pivot_root},
};

use super::{
    AsFd,
    arguments::Arguments,
    boot::is_mount_point,
    clock,
    errno::Text,
    find, fsck,
    modules::Modules,
    output::Output,
    path::PathBuffer,
    raw::{
        process::{self, Forked},
        signal,
    },
    tree,
};

/// Where an initramfs mounts the machine's root: systemd's name.
pub const SYSROOT: &CStr = c"/sysroot";
/// Where the next root is that somebody has prepared, on the way out: systemd's name, too.
const NEXT_ROOT: &CStr = c"/run/nextroot";
/// Where a root that is on already gets its overlay.
pub const NEW_ROOT: &CStr = c"/run/tomte-root";
/// What lies over a root, and is hidden from then on unless it is a disk's.
pub const UPPER: &CStr = c"/run/tomte-overlay";
const UPPER_PATH: &str = match UPPER.to_str() {
    Ok(path) => path,
    Err(_) => "",
};
/// As systemd's volatile-root.c has it.
const TMPFS_OPTIONS: &CStr = c"mode=0755,size=25%,nr_inodes=1m";
/// statfs(2)'s names: linux/magic.h.
const OVERLAYFS: u64 = 0x794c_7630;
const RAMFS: u64 = 0x8584_58f6;
const TMPFS: u64 = 0x0102_1994;
/// What goes along from one root to the next.
const MOVED: [&str; 5] = [PROC, "/dev", "/sys", "/run", "/tmp"];
const PROC: &str = "/proc";

/// What could not be done, and why.
pub type Failure = (&'static str, Errno);

/// Whether this is an initramfs that is to be left again: it has systemd's mark.
pub fn is_initramfs() -> bool {
    access(c"/etc/initrd-release", Access::EXISTS).is_ok()
}

/// What is to be mounted as the root: bootparam(7).
#[derive(Clone, Copy, Debug)]
pub(super) struct Root<'a> {
    /// A device, by its node or by what is on it: `root=`.
    pub what: &'a str,
    /// A file system, or empty for what the device says: `rootfstype=`.
    pub kind: &'a str,
    /// Options of the file system: `rootflags=`.
    pub options: &'a CStr,
    /// How long the device is waited for: for good with `rootwait`.
    pub wait_us: u64,
    /// How long nobody looks for it: `rootdelay=`.
    pub delay_us: u64,
    /// Of the mount.
    pub flags: MountFlags,
    /// What it has to have: `init=`.
    pub init: &'a CStr,
}

/// Mounts a device at [`SYSROOT`]: the device, its type, which may be empty, flags, and options of the file system.
pub(super) type MountIt<'m> = &'m mut dyn FnMut(&CStr, &CStr, MountFlags, &CStr) -> Result<(), Errno>;

/// Mounts the machine's root at [`SYSROOT`], after a check, and lays over it what `over` says. For a child.
///
/// # Errors
/// ENODEV if there is no such device, fsck's, mount(2)'s, and access(2)'s if it has no init.
#[inline(never)]
pub(super) fn mount_root(
    root: Root<'_>,
    over: &mut dyn Iterator<Item = &str>,
    mount_it: MountIt<'_>,
) -> Result<(), Errno> {
    clock::sleep_us(root.delay_us);
    let (mut path, mut kinds) = (PathBuffer::empty(), PathBuffer::empty());
    let device = find::wait_for(root.what, &mut path, root.wait_us)?;
    let mut kind = root.kind;
    if kind.is_empty() {
        kind = find::kind(device).unwrap_or_default();
    }
    fsck::check(device, kind)?;
    load(kind);
    make_directory(SYSROOT);
    mount_it(device, kinds.join(&[kind])?, root.flags, root.options)?;
    // It can be lived without what lies over it.
    if let Err((what, errno)) = lay_over(SYSROOT, SYSROOT, over) {
        let _ = writeln!(Output::stderr(), "cannot {what}: {}", Text(errno));
    }
    chroot(SYSROOT)?;
    chdir(c"/")?;
    access(root.init, Access::EXEC_OK)
}

/// Lays over the root, which `from` shows, what its words say: `overlay`, and a device and its type if it is not to be
/// memory; `state`, memory at /var alone; or nothing. The whole is at `to` then. Answers whether there is anything new there.
/// For a child.
///
/// # Errors
/// Mounting's. EINVAL for a word that means nothing here, such as `yes`: nobody would fill the rest of such a root.
#[inline(never)]
pub fn lay_over(from: &CStr, to: &CStr, words: &mut dyn Iterator<Item = &str>) -> Result<bool, Failure> {
    let mut step = "make such a root as systemd.volatile= says";
    lay(from, to, words, &mut step).map_err(|errno| (step, errno))
}

fn lay(
    from: &CStr,
    to: &CStr,
    words: &mut dyn Iterator<Item = &str>,
    step: &mut &'static str,
) -> Result<bool, Errno> {
    let root = from.to_str().unwrap_or_default();
    let mut path = PathBuffer::empty();
    match words.next().unwrap_or_default() {
        "overlay" => {}
        "state" => {
            *step = "mount a tmpfs at /var";
            let var = path.join(&[root, "/var"])?;
            if is_mount_point(var, AtFlags::empty()) == Ok(false) {
                mount(c"tmpfs", var, c"tmpfs", MountFlags::STRICTATIME, TMPFS_OPTIONS)?;
            }
            return Ok(false);
        }
        "" => return Ok(false),
        _ => return Err(Errno::INVAL),
    }
    if type_of(from) == OVERLAYFS {
        return Ok(false); // the initramfs has done it
    }
    *step = "mount what is to lie over /";
    let what = words.next().unwrap_or_default();
    mount_upper(what, words.next().unwrap_or_default())?;
    *step = "mount an overlay as /";
    load("overlay");
    make_directory(to);
    let data =
        path.join(&["lowerdir=", root, ",upperdir=", UPPER_PATH, "/upper,workdir=", UPPER_PATH, "/work"])?;
    let answer = mount(c"overlay", to, c"overlay", MountFlags::empty(), data);
    if what.is_empty() || answer.is_err() {
        let _ = unmount(UPPER, UnmountFlags::DETACH); // the overlay holds it
    }
    answer.map(|()| true)
}

/// Mounts the device `what`, or memory, for what is written. A device that is there is that of the root before this one.
fn mount_upper(what: &str, kind: &str) -> Result<(), Errno> {
    let (mut device, mut kinds, mut path) = (PathBuffer::empty(), PathBuffer::empty(), PathBuffer::empty());
    make_directory(UPPER);
    if what.is_empty() {
        mount(c"tmpfs", UPPER, c"tmpfs", MountFlags::STRICTATIME, TMPFS_OPTIONS)?;
    } else if is_mount_point(UPPER, AtFlags::SYMLINK_NOFOLLOW) != Ok(true) {
        let device = find::wait_for(what, &mut device, UPPER_WAIT_US)?;
        let kind = if kind.is_empty() { find::kind(device).unwrap_or_default() } else { kind };
        fsck::check(device, kind)?;
        load(kind);
        mount(device, UPPER, kinds.join(&[kind])?, MountFlags::NOATIME, c"")?;
    }
    make_directory(path.join(&[UPPER_PATH, "/upper"])?);
    make_directory(path.join(&[UPPER_PATH, "/work"])?);
    Ok(())
}

/// How long the device of what is to lie over / is waited for.
const UPPER_WAIT_US: u64 = 10_000_000;

fn make_directory(path: &CStr) {
    let _made = mkdirat(CWD, path, Mode::from_raw_mode(0o755)); // or whatever is to be there says so
}

/// Loads the module of a file system where there is one.
fn load(kind: &str) {
    if !kind.is_empty() {
        let _ = Modules::find().and_then(|modules| modules.load(kind.as_bytes(), c"")); // mount(2) says ENODEV
    }
}

/// Makes what is mounted at `root` this process's and everybody's root; the API file systems go along. What was the root
/// before is let go of, unless it is the kernel's own, which stays below.
///
/// # Errors
/// mount(2)'s, chdir(2)'s, chroot(2)'s. As long as there is no /proc in the new root, nothing has changed.
#[inline(never)]
pub fn enter(root: &CStr) -> Result<(), Errno> {
    let (mut from, mut to) = (PathBuffer::empty(), PathBuffer::empty());
    let mut base = root.to_str().unwrap_or_default();
    for &path in &MOVED {
        let (from, to) = (from.join(&[path])?, to.join(&[base, path])?);
        make_directory(to);
        let there = is_mount_point(from, AtFlags::SYMLINK_NOFOLLOW) == Ok(true);
        let moved = if there { mount_move(from, to) } else { Ok(()) };
        if path == PROC {
            moved?;
            // The new root may lie in /run, which cannot go along then: /proc is a place that is free now.
            mount_move(root, from)?;
            base = PROC;
        } else if moved.is_err() {
            let _ = unmount(from, UnmountFlags::DETACH); // or it would lie below for good
        }
    }
    chdir(PROC)?;
    match pivot_root(c".", c".") {
        Ok(()) => unmount(c".", UnmountFlags::DETACH)?,
        Err(_) => mount_move(c".", c"/").and_then(|()| chroot(c"."))?, // an initramfs
    }
    chdir(c"/")
}

/// Goes to the next root, if there is one, and becomes `init` there: of an initramfs, which deletes itself, the one at
/// [`SYSROOT`]; else systemd's /run/nextroot. Comes back only if that failed.
#[inline(never)]
pub fn switch(arguments: Arguments, init: &str) -> Failure {
    let (next, left) = if is_initramfs() { (SYSROOT, hold_initramfs()) } else { (NEXT_ROOT, None) };
    if is_mount_point(next, AtFlags::SYMLINK_NOFOLLOW) == Ok(true)
        && let Err(errno) = enter(next)
    {
        return ("enter the new root", errno);
    }
    if let Some(left) = left
        && let Ok(Forked::Child) = process::fork()
    {
        let _ = tree::each_entry(left.as_fd(), &mut |name| {
            let _ = tree::remove(left.as_fd(), name); // what stays is memory, no more
            Ok(())
        });
        process::exit(0);
    }
    let _ = signal::set_mask(0); // the next program has its own
    let errno = match PathBuffer::empty().join(&[init]) {
        Ok(path) => arguments.execute_init(path),
        Err(errno) => errno,
    };
    ("execute the init of the new root", errno)
}

/// What an initramfs has in memory, without anything that is mounted on it, where it can be had.
fn hold_initramfs() -> Option<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let in_memory = [RAMFS, TMPFS].contains(&type_of(c"/"));
    let alone = tree::open_directory(CWD, c"/").and_then(|root| open_tree(root.as_fd(), c"", flags));
    let held = alone.and_then(|alone| tree::open_directory(alone.as_fd(), c"."));
    held.ok().filter(|_| in_memory)
}

/// The type of the file system at `path`; 0 if nobody can say.
fn type_of(path: &CStr) -> u64 {
    statfs(path).map_or(0, |found| found.f_type as u64 & 0xffff_ffff)
}
