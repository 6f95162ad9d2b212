//! `RuntimeDirectory=`, `StateDirectory=`, `CacheDirectory=`, `LogsDirectory=`, `ConfigurationDirectory=`: made, moved
//! and handed over as root, in the host's view of the file system (systemd-semantics.md §1.4).
//!
//! Below a prefix every step goes through a descriptor and follows no link but root's own, because a service may write
//! to its directories while the next one's are being made.

use core::ffi::CStr;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, mkdirat, openat, readlinkat_raw,
        renameat, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

use super::{Work, place::is_roots_own};

use crate::linux::{
    AsFd,
    directory::{Directory, DirectoryKind},
    path::{PATH_BYTES_MAX, PathBuffer},
    plan::Plan,
    tree::{self, Handover, one_component, open_directory},
};

/// Mode of directories that a name brings along.
const PARENT_MODE: u32 = 0o755;
/// Mode of `private`: the boundary that no user but root passes.
const BOUNDARY_MODE: u32 = 0o700;

/// `RuntimeDirectory=`.
pub(super) fn make_runtime(work: &mut Work<'_>) -> Result<(), Errno> {
    make(work, DirectoryKind::Runtime)
}

/// `StateDirectory=`.
pub(super) fn make_state(work: &mut Work<'_>) -> Result<(), Errno> {
    make(work, DirectoryKind::State)
}

/// `CacheDirectory=`.
pub(super) fn make_cache(work: &mut Work<'_>) -> Result<(), Errno> {
    make(work, DirectoryKind::Cache)
}

/// `LogsDirectory=`.
pub(super) fn make_logs(work: &mut Work<'_>) -> Result<(), Errno> {
    make(work, DirectoryKind::Logs)
}

/// `ConfigurationDirectory=`. Stays root's: what a dynamic user owned in /etc would be its successor's.
pub(super) fn make_configuration(work: &mut Work<'_>) -> Result<(), Errno> {
    make(work, DirectoryKind::Configuration)
}

/// Whether `directory` has the private layout.
fn is_private(plan: &Plan<'_>, directory: &Directory<'_>) -> bool {
    plan.identity.dynamic.is_some() && directory.kind.is_private(plan.runtime_directory_preserved)
}

/// Whether another name of the list is a parent of `name`: such a name has no link and no mount of its own.
fn is_below_another(directory: &Directory<'_>, name: &CStr) -> bool {
    let below = |other: &CStr| {
        name.to_bytes().strip_prefix(other.to_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
    };
    directory.names.iter().any(below)
}

fn make(work: &Work<'_>, kind: DirectoryKind) -> Result<(), Errno> {
    for directory in work.plan.directories.iter().filter(|directory| directory.kind == kind) {
        let public = make_root(kind)?;
        let public = public.as_fd();
        let private = is_private(work.plan, directory);
        for name in directory.names.iter() {
            work.about.set(name.to_bytes());
            let made = if private {
                make_private(public, directory, name)?
            } else {
                make_public(public, directory, name)?
            };
            settle(work, directory, &made)?;
        }
        make_links(work, directory, public)?;
    }
    Ok(())
}

#[inline(never)] // a page of stack, for those who need it
fn make_links<'a>(work: &Work<'a>, directory: &Directory<'a>, public: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut links = directory.links.iter();
    while let (Some(name), Some(link)) = (links.next(), links.next()) {
        work.about.set(link.to_bytes());
        let (parent, last) = make_parents(public, link)?;
        make_link(parent.as_fd(), last, from(link, "", name, &mut PathBuffer::empty())?)?;
    }
    Ok(())
}

/// A directory, and whether it was made just now.
struct Made {
    directory: OwnedFd,
    new: bool,
}

/// Owner and mode.
fn settle(work: &Work<'_>, directory: &Directory<'_>, made: &Made) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(directory.mode.into());
    if directory.kind == DirectoryKind::Configuration {
        return if made.new { fchmod(made.directory.as_fd(), mode) } else { Ok(()) };
    }
    let mode_mask = if work.plan.identity.dynamic.is_some() { 0o1777 } else { 0o7777 };
    let (uid, gid) = (work.who.uid.unwrap_or(0), work.who.gid.unwrap_or(0));
    let held = made.directory.as_fd();
    tree::hand_over(held, Handover { uid, gid, mode_mask })?;
    if Mode::from_raw_mode(fstat(held)?.st_mode) == mode {
        return Ok(()); // a read-only file system may hold it as it should be
    }
    fchmod(held, mode)
}

/// Opens the kind's prefix, made if it is missing. All of it is root's, so links are followed.
fn make_root(kind: DirectoryKind) -> Result<OwnedFd, Errno> {
    let mut directory = open_directory(rustix::fs::CWD, c"/")?;
    let mut buffer = PathBuffer::empty();
    for component in kind.prefix().split('/') {
        let component = one_component(component, &mut buffer)?;
        make_one(directory.as_fd(), component, PARENT_MODE)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        directory = openat(directory.as_fd(), component, flags, Mode::empty())?;
    }
    Ok(directory)
}

/// mkdir(2), whatever the umask; answers whether there was none before.
fn make_one(parent: BorrowedFd<'_>, name: &CStr, mode: u32) -> Result<bool, Errno> {
    match mkdirat(parent, name, Mode::from_raw_mode(mode)) {
        Ok(()) => fchmod(open_directory(parent, name)?.as_fd(), Mode::from_raw_mode(mode)).map(|()| true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Opens the directory of `name`'s last component, made if it is missing.
fn make_parents<'n>(root: BorrowedFd<'_>, name: &'n CStr) -> Result<(OwnedFd, &'n CStr), Errno> {
    tree::walk(root, name, &mut |parent, component| {
        make_one(parent, component, PARENT_MODE)?;
        open_trusted(parent, component)
    })
}

/// Opens a directory; a link is followed only where nobody but root can have made it (an administrator may keep
/// /var/lib/NAME on another file system).
fn open_trusted(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    match open_directory(parent, name) {
        Err(Errno::LOOP | Errno::NOTDIR) => {
            if !is_roots_own(&fstat(parent)?, &statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?) {
                return Err(Errno::LOOP);
            }
            openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        }
        answer => answer,
    }
}

/// `PREFIX/NAME`. What `DynamicUser=` had moved to `private` comes back.
#[inline(never)]
fn make_public(public: BorrowedFd<'_>, directory: &Directory<'_>, name: &CStr) -> Result<Made, Errno> {
    let (parent, last) = make_parents(public, name)?;
    let parent = parent.as_fd();
    if directory.kind != DirectoryKind::Configuration
        && links_to(parent, last, link_target(name, &mut PathBuffer::empty())?)?
    {
        let private = open_directory(public, c"private")?;
        let (private_parent, private_last) = tree::open_parent(&private, name)?;
        unlinkat(parent, last, AtFlags::empty())?;
        renameat(private_parent.as_fd(), private_last, parent, last)?;
    }
    let new = make_one(parent, last, directory.mode.into())?;
    Ok(Made { directory: open_trusted(parent, last)?, new })
}

/// `PREFIX/private/NAME`, and a link to it at the public place. A directory that stands there from before
/// `DynamicUser=` moves in.
#[inline(never)]
fn make_private(public: BorrowedFd<'_>, directory: &Directory<'_>, name: &CStr) -> Result<Made, Errno> {
    make_one(public, c"private", BOUNDARY_MODE)?;
    let boundary = open_directory(public, c"private")?;
    let boundary = boundary.as_fd();
    close_boundary(boundary)?;
    let (private_parent, private_last) = make_parents(boundary, name)?;
    let (public_parent, public_last) = make_parents(public, name)?;
    let (private_parent, public_parent) = (private_parent.as_fd(), public_parent.as_fd());
    let linked = !is_below_another(directory, name);

    let public_is_directory = match statat(public_parent, public_last, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => FileType::from_raw_mode(found.st_mode).is_dir(),
        Err(Errno::NOENT) => false,
        Err(errno) => return Err(errno),
    };
    let private_is_missing =
        statat(private_parent, private_last, AtFlags::SYMLINK_NOFOLLOW).err() == Some(Errno::NOENT);
    if linked && public_is_directory && private_is_missing {
        renameat(public_parent, public_last, private_parent, private_last)?;
    }
    let new = make_one(private_parent, private_last, directory.mode.into())?;
    let made = Made { directory: open_directory(private_parent, private_last)?, new };
    if linked {
        make_link(public_parent, public_last, link_target(name, &mut PathBuffer::empty())?)?;
    }
    Ok(made)
}

/// Makes a link that says just `target`, if there is none. EEXIST for anything else of that name.
fn make_link(parent: BorrowedFd<'_>, name: &CStr, target: &CStr) -> Result<(), Errno> {
    match symlinkat(target, parent, name) {
        Err(Errno::EXIST) if links_to(parent, name, target)? => Ok(()),
        answer => answer,
    }
}

fn close_boundary(boundary: BorrowedFd<'_>) -> Result<(), Errno> {
    let found = fstat(boundary)?;
    if found.st_uid != 0 || found.st_gid != 0 {
        fchown(boundary, Some(Uid::ROOT), Some(Gid::ROOT))?;
    }
    if found.st_mode & 0o7777 == BOUNDARY_MODE {
        Ok(())
    } else {
        fchmod(boundary, Mode::from_raw_mode(BOUNDARY_MODE))
    }
}

/// From the public place to the private one, relative: `private/NAME`, `../private/A/B`.
fn link_target<'b>(name: &CStr, buffer: &'b mut PathBuffer) -> Result<&'b CStr, Errno> {
    from(name, "private/", name, buffer)
}

/// What a link at `place` below the prefix says that leads to `name` below `folder` of it.
fn from<'b>(place: &CStr, folder: &str, name: &CStr, buffer: &'b mut PathBuffer) -> Result<&'b CStr, Errno> {
    const UP: &str = "../../../../../../../../../../../../../../../../";
    let depth = place.to_bytes().iter().filter(|&&byte| byte == b'/').count();
    let up = UP.get(..depth.saturating_mul(3)).ok_or(Errno::NAMETOOLONG)?;
    buffer.join(&[up, folder, name.to_str().map_err(|_| Errno::ILSEQ)?])
}

/// Whether `name` is a link that says just `target`.
fn links_to(parent: BorrowedFd<'_>, name: &CStr, target: &CStr) -> Result<bool, Errno> {
    let mut buffer = [0; PATH_BYTES_MAX];
    match readlinkat_raw(parent, name, &mut buffer[..]) {
        Ok(length) => Ok(buffer.get(..length) == Some(target.to_bytes())),
        Err(Errno::INVAL | Errno::NOENT) => Ok(false), // no link
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::plan::Words;

    #[test]
    fn a_link_goes_up_as_far_as_its_name_is_deep() {
        let mut buffer = PathBuffer::empty();
        assert_eq!(link_target(c"x", &mut buffer), Ok(c"private/x"));
        assert_eq!(link_target(c"a/b/c", &mut buffer), Ok(c"../../private/a/b/c"));
        let deep = std::ffi::CString::new("a/".repeat(17) + "a").expect("no NUL");
        assert_eq!(link_target(&deep, &mut buffer), Err(Errno::NAMETOOLONG));
    }

    #[test]
    fn only_whole_components_make_a_parent() {
        let names = Words::new(b"a\0a/b\0ab\0").expect("ends in NUL");
        let directory = Directory { kind: DirectoryKind::State, mode: 0o755, names, links: Words::default() };
        assert!(is_below_another(&directory, c"a/b"));
        assert!(!is_below_another(&directory, c"a") && !is_below_another(&directory, c"ab"));
    }
}
