//! The places that a mount namespace is about: a path is followed from a root, and a symbolic link on the way only
//! where nobody but root can have made it. Everything is held by a descriptor; nothing here mounts.

use core::str;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{
        CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, mkdirat, mknodat, openat, openat2,
        readlinkat_raw,
    },
    io::Errno,
};

use super::Arena;
use crate::linux::{
    AsFd,
    path::{PATH_BYTES_MAX, PathBuffer},
    tree::{magic_link, one_component},
};

const HOLD: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// Mode of directories that lead to a place.
const PARENT_MODE: Mode = Mode::from_raw_mode(0o755);

/// What is made where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing: ENOENT.
    Fails,
    /// Directories all the way.
    BecomesDirectory,
    /// Directories, and an empty file at the end.
    BecomesFile,
}

/// What is at `path` below `root`, and whether a link was followed to it.
pub(super) fn find(root: BorrowedFd<'_>, path: &str, missing: Missing) -> Result<(OwnedFd, bool), Errno> {
    match open_plain(root, path) {
        // A link, a kernel before 5.6, something to make.
        Err(Errno::LOOP | Errno::NOSYS) => walk(root, path, missing),
        Err(Errno::NOENT) if missing != Missing::Fails => walk(root, path, missing),
        answer => answer.map(|fd| (fd, false)),
    }
}

/// What is at `path` below `root`, with no link on the way.
pub(super) fn open_plain(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    open_below(root, path, ResolveFlags::NO_SYMLINKS)
}

fn open_below(root: BorrowedFd<'_>, path: &str, how: ResolveFlags) -> Result<OwnedFd, Errno> {
    let mut buffer = PathBuffer::empty();
    let path = buffer.join(&[path])?;
    let how = how | ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, HOLD, Mode::empty(), how)
}

fn walk(root: BorrowedFd<'_>, path: &str, missing: Missing) -> Result<(OwnedFd, bool), Errno> {
    let mut at = openat(root, c".", HOLD, Mode::empty())?;
    let (mut linked, mut done) = (false, 0_usize);
    let mut buffer = PathBuffer::empty();
    for component in path.split('/').skip(1).filter(|component| !component.is_empty()) {
        done = done.saturating_add(1).saturating_add(component.len());
        let name = one_component(component, &mut buffer)?;
        let open = || openat(at.as_fd(), name, HOLD | OFlags::NOFOLLOW, Mode::empty());
        let mut next = match open() {
            Err(Errno::NOENT) if missing != Missing::Fails => {
                let last = done == path.len();
                make(at.as_fd(), component, if last { missing } else { Missing::BecomesDirectory })?;
                open()?
            }
            answer => answer?,
        };
        let found = fstat(next.as_fd())?;
        if FileType::from_raw_mode(found.st_mode).is_symlink() {
            if !is_roots_own(&fstat(at.as_fd())?, &found) {
                return Err(Errno::LOOP);
            }
            next = open_below(root, path.get(..done).unwrap_or(path), ResolveFlags::empty())?;
            linked = true;
        }
        at = next;
    }
    Ok((at, linked))
}

/// Makes what `missing` says at `name` in `holder`. EEXIST if something is there.
pub(super) fn make(holder: BorrowedFd<'_>, name: &str, missing: Missing) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let name = one_component(name, &mut buffer)?;
    match missing {
        Missing::Fails => Err(Errno::NOENT),
        Missing::BecomesDirectory => mkdirat(holder, name, PARENT_MODE),
        Missing::BecomesFile => mknodat(holder, name, FileType::RegularFile, Mode::empty(), 0),
    }
}

/// Whether nobody but root can have made `link`, which stands in `holder`.
pub(super) const fn is_roots_own(holder: &Stat, link: &Stat) -> bool {
    holder.st_uid == 0 && holder.st_mode & 0o022 == 0 && link.st_uid == 0
}

/// The path of `held` below a root that is itself at `root`, kept in `arena`. Asked of /proc.
pub(super) fn path_of<'a>(held: &OwnedFd, root: &str, arena: &mut Arena<'a>) -> Result<&'a str, Errno> {
    let mut buffer = [0; PATH_BYTES_MAX];
    let length = readlinkat_raw(CWD, magic_link(held.as_fd()).as_c_str(), &mut buffer[..])?;
    let path = buffer.get(..length).ok_or(Errno::NAMETOOLONG)?;
    let below = path.strip_prefix(root.as_bytes()).ok_or(Errno::XDEV)?;
    let kept = arena.join(&[if below.is_empty() { b"/" } else { below }])?;
    kept.to_str().map_err(|_| Errno::ILSEQ)
}
