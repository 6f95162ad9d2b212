//! The mount namespace: what a unit sees of the file system, and what of it it can write to (systemd-semantics.md
//! §3.1).
//!
//! What must stay as it is under a read-only root is first copied to detached trees (open_tree), then the whole tree is
//! made read-only at once, then the copies are put back on top. mount_setattr does a tree in one call; kernels before
//! 5.12 get a walk over mountinfo (`remount`). Whatever fails ends the child: half a sandbox is none.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{CWD, Mode, fstat, mkdirat, stat},
    io::Errno,
    mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change,
        move_mount, open_tree, unmount,
    },
    process::umask,
    thread::{UnshareFlags, unshare_unsafe},
};

use super::{
    Work,
    directories::{is_below_another, is_private, open_made},
    remount,
};
use crate::linux::{
    directory::Directory,
    plan::{Plan, PrivateTmp, Privilege, ProtectHome, ProtectSystem},
    private_tmp::{self, PrivateTmpName},
    raw::mount::{NOSUID, RDONLY},
    tree,
};

/// Directories of one unit that get a mount of their own. More fail with E2BIG.
const DIRECTORIES_MAX: usize = 80;

/// What `ProtectSystem=strict` leaves alone.
const KERNEL_TREES: [&CStr; 3] = [c"/proc", c"/sys", c"/dev"];
/// What `ProtectHome=` is about.
const HOMES: [&CStr; 3] = [c"/home", c"/root", c"/run/user"];
/// What `ProtectSystem=yes` and, with the last one, `full` make read-only.
const SYSTEM: [&CStr; 4] = [c"/usr", c"/boot", c"/efi", c"/etc"];

/// An own /tmp. The sizes are systemd's, so that one unit cannot eat all memory.
const TMP_OPTIONS: &CStr = c"mode=1777,size=50%,nr_inodes=1m";
/// What covers the other units' private directories.
const COVER_OPTIONS: &CStr = c"mode=0755,size=4m,nr_inodes=1k";

/// Detached copies, to be put back.
struct Kept<'p> {
    /// Of whole trees, with the path of each.
    trees: Vec<(&'p CStr, OwnedFd), 6>,
    /// Of the unit's own directories, in the plan's order.
    directories: Vec<OwnedFd, DIRECTORIES_MAX>,
    /// Of the unit's own /tmp and /var/tmp; nothing where they could not be made.
    tmp: [Option<OwnedFd>; 2],
}

/// Of what leads to the unit's own directories.
const PLACE_MODE: Mode = Mode::from_raw_mode(0o755);

/// Makes the namespace, if the plan asks for anything that needs one.
pub(super) fn enter(work: &mut Work<'_>) -> Result<(), Errno> {
    let plan = work.plan;
    if plan.privilege == Privilege::Full || !is_wanted(plan) {
        return Ok(());
    }
    umask(Mode::empty()); // `Limits` sets the unit's
    let strict = plan.sandbox.protect_system == ProtectSystem::Strict;
    let mut kept = Kept { trees: Vec::new(), directories: Vec::new(), tmp: [None, None] };
    #[expect(unsafe_code, reason = "unshare could take memory or descriptors away from other threads")]
    // SAFETY: NEWNS takes neither, and this process has one thread.
    unsafe {
        unshare_unsafe(UnshareFlags::NEWNS)?;
    }
    // What the host mounts later still shows; nothing that is done here goes back.
    mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;

    if let PrivateTmp::Connected { token } = plan.sandbox.private_tmp {
        make_connected_tmp(&mut kept, &PrivateTmpName::new(token, plan.unit)?)?;
    }
    keep_own_directories(plan, &mut kept)?;
    if strict {
        make_all_read_only(plan, &mut kept)?;
    }
    protect_system(plan.sandbox.protect_system)?;
    protect_home(plan.sandbox.protect_home, strict)?;
    replace_tmp(plan.sandbox.private_tmp, &kept.tmp)?;
    put_back_directories(plan, &kept.directories)?;
    if plan.limits.no_new_privileges {
        remount::set_attributes(c"/", NOSUID)?;
    }
    Ok(())
}

fn is_wanted(plan: &Plan<'_>) -> bool {
    plan.sandbox.private_tmp != PrivateTmp::No
        || plan.sandbox.protect_system != ProtectSystem::No
        || plan.sandbox.protect_home != ProtectHome::No
        || plan.directories.iter().any(|directory| is_private(plan, directory))
}

/// A detached copy of what is at `path`, mounts below included.
fn copy_tree(directory: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    flags.set(OpenTreeFlags::AT_EMPTY_PATH, path.is_empty());
    open_tree(directory, path, flags)
}

/// Mounts a detached tree on a directory.
fn attach(copy: &OwnedFd, directory: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(copy, c"", directory, c"", flags)
}

/// What is missing needs no protection.
fn copy_if_there(path: &CStr) -> Result<Option<OwnedFd>, Errno> {
    match copy_tree(CWD, path) {
        Ok(copy) => Ok(Some(copy)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Opens the unit's own directories that need a mount, one after the other: all where the rest is read-only, else those
/// that get covered.
fn each_own_directory(
    plan: &Plan<'_>,
    act: &mut dyn FnMut(OwnedFd) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let strict = plan.sandbox.protect_system == ProtectSystem::Strict;
    for directory in plan.directories.iter().filter(|directory| strict || is_private(plan, directory)) {
        for name in directory.names.iter().filter(|name| !is_below_another(directory, name)) {
            act(open_made(plan, directory, name)?)?;
        }
    }
    Ok(())
}

fn keep_own_directories(plan: &Plan<'_>, kept: &mut Kept<'_>) -> Result<(), Errno> {
    each_own_directory(plan, &mut |directory| {
        kept.directories.push(copy_tree(directory.as_fd(), c"")?).map_err(|_| Errno::TOOBIG)
    })
}

fn put_back_directories(plan: &Plan<'_>, copies: &[OwnedFd]) -> Result<(), Errno> {
    for directory in plan.directories.iter().filter(|directory| is_private(plan, directory)) {
        cover(directory)?;
    }
    let mut copies = copies.iter();
    each_own_directory(plan, &mut |directory| attach(copies.next().ok_or(Errno::NOENT)?, &directory))
}

/// Hides the other units' directories: an empty read-only file system with places for this unit's own.
fn cover(directory: &Directory<'_>) -> Result<(), Errno> {
    let root = directory.private_root()?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(c"tmpfs", root.as_c_str(), c"tmpfs", flags, Some(COVER_OPTIONS))?;
    let cover = tree::open_if_there(root.as_c_str())?.ok_or(Errno::NOENT)?;
    for name in directory.names.iter().filter(|name| !is_below_another(directory, name)) {
        make_place(&cover, name)?;
    }
    remount::set_attributes(root.as_c_str(), RDONLY)
}

fn make_place(cover: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let make = |parent: BorrowedFd<'_>, component: &CStr| match mkdirat(parent, component, PLACE_MODE) {
        Ok(()) | Err(Errno::EXIST) => tree::open_directory(parent, component),
        Err(errno) => Err(errno),
    };
    let (parent, last) = tree::walk(cover.as_fd(), name, &mut { make })?;
    make(parent.as_fd(), last.as_c_str()).map(drop)
}

/// `ProtectSystem=strict`.
fn make_all_read_only(plan: &Plan<'_>, kept: &mut Kept<'_>) -> Result<(), Errno> {
    let homes = if plan.sandbox.protect_home == ProtectHome::No { &HOMES[..] } else { &[] };
    for path in KERNEL_TREES.iter().chain(homes) {
        if let Some(copy) = copy_if_there(path)? {
            kept.trees.push((path, copy)).map_err(|_| Errno::TOOBIG)?;
        }
    }
    remount::set_attributes(c"/", RDONLY)?;
    for (path, copy) in &kept.trees {
        // Not to leave a second one underneath; where it is no mount of its own (EINVAL) there is none.
        match unmount(*path, UnmountFlags::DETACH) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(errno) => return Err(errno),
        }
        attach(copy, &tree::open_if_there(path)?.ok_or(Errno::NOENT)?)?;
    }
    Ok(())
}

/// `ProtectSystem=yes` and `full`.
fn protect_system(wanted: ProtectSystem) -> Result<(), Errno> {
    let paths = match wanted {
        ProtectSystem::No | ProtectSystem::Strict => &[],
        ProtectSystem::Yes => SYSTEM.get(..3).unwrap_or_default(),
        ProtectSystem::Full => &SYSTEM[..],
    };
    paths.iter().try_for_each(|path| make_read_only(path))
}

/// `ProtectHome=`.
fn protect_home(wanted: ProtectHome, strict: bool) -> Result<(), Errno> {
    for path in HOMES {
        match wanted {
            ProtectHome::No => {}
            ProtectHome::ReadOnly if strict => {} // it is already
            ProtectHome::ReadOnly => make_read_only(path)?,
            ProtectHome::Yes => cover_home(path, c"mode=0,size=4k,nr_inodes=2", MountFlags::NOEXEC)?,
            ProtectHome::Tmpfs if path == c"/root" => {
                cover_home(path, c"mode=0700,size=4m", MountFlags::empty())?
            }
            ProtectHome::Tmpfs => cover_home(path, c"mode=0755,size=4m", MountFlags::empty())?,
        }
    }
    Ok(())
}

fn cover_home(path: &CStr, options: &CStr, flags: MountFlags) -> Result<(), Errno> {
    let flags = flags | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    match mount(c"tmpfs", path, c"tmpfs", flags, Some(options)) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        answer => answer,
    }
}

/// A copy over itself, read-only with all that is mounted below.
fn make_read_only(path: &CStr) -> Result<(), Errno> {
    let Some(copy) = copy_if_there(path)? else { return Ok(()) };
    attach(&copy, &tree::open_if_there(path)?.ok_or(Errno::NOENT)?)?;
    remount::set_attributes(path, RDONLY)
}

/// Makes the unit's directories on the host and copies them. What cannot be made (a read-only or full file system) is
/// replaced by something empty and read-only later, as systemd does.
fn make_connected_tmp(kept: &mut Kept<'_>, name: &PrivateTmpName) -> Result<(), Errno> {
    for (path, copy) in private_tmp::PLACES.into_iter().zip(&mut kept.tmp) {
        let Some(place) = tree::open_if_there(path)? else { continue };
        *copy = match name.make(&place) {
            Ok(inner) => Some(copy_tree(inner.as_fd(), c"")?),
            Err(Errno::ROFS | Errno::NOSPC) => None,
            Err(errno) => return Err(errno),
        };
    }
    Ok(())
}

/// `PrivateTmp=`.
fn replace_tmp(wanted: PrivateTmp, copies: &[Option<OwnedFd>; 2]) -> Result<(), Errno> {
    if wanted == PrivateTmp::No {
        return Ok(());
    }
    let mut first = None;
    for (path, copy) in private_tmp::PLACES.into_iter().zip(copies) {
        let Some(place) = tree::open_if_there(path)? else { continue };
        let found = fstat(&place)?;
        let identity = (found.st_dev, found.st_ino);
        if first == Some(identity) {
            continue; // one of the two is a link to the other
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        match (wanted, copy) {
            (PrivateTmp::Connected { .. }, Some(copy)) => attach(copy, &place)?,
            (PrivateTmp::Connected { .. }, None) => {
                let flags = flags | MountFlags::NOEXEC | MountFlags::RDONLY;
                mount(c"tmpfs", path, c"tmpfs", flags, Some(c"mode=0755,size=4k"))?;
            }
            (PrivateTmp::Disconnected | PrivateTmp::No, _) => {
                mount(c"tmpfs", path, c"tmpfs", flags, Some(TMP_OPTIONS))?;
            }
        }
        let mounted = stat(path)?;
        first = Some((mounted.st_dev, mounted.st_ino));
    }
    Ok(())
}
