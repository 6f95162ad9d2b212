//! Walking directories that belong to somebody else: every entry is held by a descriptor that follows no link, so
//! nothing that is swapped under the walk leads it astray (CVE-2018-15687). Depth is bounded; no heap.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, RenameFlags, Uid, chmod, chownat, fstat, openat,
        removexattr, renameat_with, unlinkat,
    },
    io::Errno,
    path::DecInt,
};

use super::{AsFd, path::PathBuffer};

/// How deep a walk goes at once: a kilobyte or two of stack and two descriptors a level. A deeper tree takes several
/// passes to remove, and cannot be handed over (ELOOP).
const DEPTH_MAX: u32 = 128;

/// Passes over a directory that is to be removed.
const PASSES_MAX: u32 = 4096;

/// Directories that one pass moves to the top. Their names are numbers.
const MOVED_MAX: u32 = 1024;

/// Bytes of directory entries read at once. Holds the longest name.
const ENTRIES_BYTES: usize = 1024;

const OPEN_DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// Whose things are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// This user's.
    pub uid: Option<u32>,
    /// And this group's.
    pub gid: Option<u32>,
}

impl Owner {
    /// Whether something of `uid` and `gid` is meant.
    pub fn has(self, uid: u32, gid: u32) -> bool {
        self.uid == Some(uid) || self.gid == Some(gid)
    }
}

/// What is done with files that change hands.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    /// Whose they become.
    pub uid: u32,
    /// And which group's.
    pub gid: u32,
    /// Mode bits that they may keep.
    pub mode_mask: u32,
}

/// Opens directory `name` of `parent`. ELOOP or ENOTDIR if it is a link.
pub fn open_directory(parent: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    openat(parent.as_fd(), name, OPEN_DIRECTORY, Mode::empty())
}

/// Removes `name` of `parent` with all that is below it, however deep. Nothing to remove is no error.
///
/// # Errors
/// What the kernel says; ENOTEMPTY if somebody keeps filling it.
pub fn remove(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    if unlink(parent, name)? {
        return Ok(());
    }
    for _ in 0..PASSES_MAX {
        let top = open_directory(parent, name)?;
        each_entry(top.as_fd(), &mut |entry| remove_below(top.as_fd(), top.as_fd(), entry, DEPTH_MAX))?;
        if remove_empty(parent, name)? {
            return Ok(());
        }
    }
    Err(Errno::NOTEMPTY)
}

/// Removes what is no more than `depth` levels deep; deeper directories are moved to `top`, for its next pass.
fn remove_below(top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &CStr, depth: u32) -> Result<(), Errno> {
    if unlink(parent, name)? {
        return Ok(());
    }
    let Some(below) = depth.checked_sub(1) else { return move_up(top, parent, name) };
    let directory = open_directory(parent, name)?;
    each_entry(directory.as_fd(), &mut |entry| remove_below(top, directory.as_fd(), entry, below))?;
    remove_empty(parent, name).map(|_| ()) // what has been filled again is for the next pass
}

/// Whether `name` is gone: it was no directory, or was not there.
fn unlink(parent: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR | Errno::PERM) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether directory `name` is gone.
fn remove_empty(parent: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn move_up(top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    for number in 0..MOVED_MAX {
        let new = DecInt::new(number);
        match renameat_with(parent, name, top, new.as_c_str(), RenameFlags::NOREPLACE) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(()) // the next pass finds fewer names taken
}

/// Removes what belongs to `owner` below `directory`, at any depth.
pub fn remove_owned(directory: impl AsFd, owner: Owner) -> Result<(), Errno> {
    remove_owned_below(directory.as_fd(), owner, DEPTH_MAX)
}

fn remove_owned_below(directory: BorrowedFd<'_>, owner: Owner, depth: u32) -> Result<(), Errno> {
    let below = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    each_entry(directory, &mut |entry| {
        let held = match hold(directory, entry) {
            Err(Errno::NOENT) => return Ok(()),
            answer => answer?,
        };
        let found = fstat(held.as_fd())?;
        if owner.has(found.st_uid, found.st_gid) {
            return remove(directory, entry);
        }
        if FileType::from_raw_mode(found.st_mode).is_dir() {
            return remove_owned_below(open_directory(&held, c".")?.as_fd(), owner, below);
        }
        Ok(())
    })
}

/// Whether anything at the top of `directory` belongs to `owner`.
pub fn holds_owned(directory: BorrowedFd<'_>, owner: Owner) -> Result<bool, Errno> {
    let mut found = false;
    each_entry(directory, &mut |entry| {
        match hold(directory, entry).and_then(fstat) {
            Ok(stat) => found |= owner.has(stat.st_uid, stat.st_gid),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    })?;
    Ok(found)
}

/// Gives `directory` and all that is below it to somebody, unless the top is right already. The top comes last, so that
/// a walk that was cut off is done again.
pub fn hand_over(directory: impl AsFd, to: Handover) -> Result<(), Errno> {
    let top = fstat(directory.as_fd())?;
    if top.st_uid == to.uid && top.st_gid == to.gid && top.st_mode & 0o7777 & !to.mode_mask == 0 {
        return Ok(());
    }
    hand_over_below(directory.as_fd(), to, top.st_uid, DEPTH_MAX)?;
    change_hands(directory.as_fd(), to)
}

/// What is below changes hands, whoever owns it, but for one case: a file with more names than one that was not the old
/// owner's. Where fs.protected_hardlinks is 0, the kernel's default, anybody can give /etc/shadow a name in here.
fn hand_over_below(directory: BorrowedFd<'_>, to: Handover, from: u32, depth: u32) -> Result<(), Errno> {
    let below = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    each_entry(directory, &mut |entry| {
        let held = hold(directory, entry)?;
        let found = fstat(held.as_fd())?;
        let owned = found.st_uid != 0 && found.st_uid == from || found.st_uid == to.uid;
        if FileType::from_raw_mode(found.st_mode).is_dir() {
            hand_over_below(open_directory(&held, c".")?.as_fd(), to, from, below)?;
        } else if found.st_nlink > 1 && !owned {
            return Ok(());
        }
        change_hands(held.as_fd(), to)
    })
}

/// Owner first: a change of mode before it would be the old owner's to undo.
fn change_hands(held: BorrowedFd<'_>, to: Handover) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(to.uid), Gid::from_raw(to.gid));
    chownat(held, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    let found = fstat(held)?;
    if FileType::from_raw_mode(found.st_mode).is_symlink() {
        return Ok(());
    }
    let link = magic_link(held);
    let path = link.as_c_str();
    for &list in &[c"system.posix_acl_access", c"system.posix_acl_default"] {
        // The link is followed: lremovexattr would look at the link in /proc itself.
        match removexattr(path, list) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno),
        }
    }
    chmod(path, Mode::from_raw_mode(found.st_mode & 0o7777 & to.mode_mask))
}

const FOLDER: &[u8; 14] = b"/proc/self/fd/";

/// `/proc/self/fd/N`: the way to what an O_PATH descriptor holds.
pub(super) fn magic_link(held: BorrowedFd<'_>) -> MagicLink {
    let mut path = [0; 32];
    let number = DecInt::new(held.as_raw_fd());
    let (folder, rest) = path.split_at_mut(FOLDER.len());
    folder.copy_from_slice(FOLDER);
    for (to, from) in rest.iter_mut().zip(number.as_bytes()) {
        *to = *from;
    }
    MagicLink(path)
}

/// The path of [`magic_link`]: 14 bytes, at most 11 of a number, zeroes.
pub(super) struct MagicLink([u8; 32]);

impl MagicLink {
    /// The path for a system call.
    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Pins `name` of `directory` without opening it.
fn hold(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Calls `act` for every entry but `.` and `..`. Reads from the start; `directory` must not have been read before.
pub fn each_entry(
    directory: BorrowedFd<'_>,
    act: &mut dyn FnMut(&CStr) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut buffer = [MaybeUninit::uninit(); ENTRIES_BYTES];
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            act(entry.file_name())?;
        }
    }
    Ok(())
}

/// Opens the directory that holds `name`, one component after the other and following no link, and gives `name`'s last
/// component. ENOENT if a component is missing.
pub(super) fn open_parent(root: impl AsFd, name: &CStr) -> Result<(OwnedFd, &CStr), Errno> {
    walk(root.as_fd(), name, &mut |parent, component| open_directory(parent, component))
}

/// Goes from `root` to the directory that holds `name`, by `step` from component to component, and gives `name`'s last
/// component.
pub(super) fn walk<'n>(
    root: BorrowedFd<'_>,
    name: &'n CStr,
    step: &mut dyn FnMut(BorrowedFd<'_>, &CStr) -> Result<OwnedFd, Errno>,
) -> Result<(OwnedFd, &'n CStr), Errno> {
    let mut parent = open_directory(root, c".")?;
    let mut buffer = PathBuffer::empty();
    let mut last = name;
    while let Some((component, _)) = last.to_str().map_err(|_| Errno::ILSEQ)?.split_once('/') {
        parent = step(parent.as_fd(), one_component(component, &mut buffer)?)?;
        let after = last.to_bytes_with_nul().get(component.len().saturating_add(1)..).unwrap_or_default();
        last = CStr::from_bytes_with_nul(after).map_err(|_| Errno::INVAL)?;
    }
    one_component(last.to_str().map_err(|_| Errno::ILSEQ)?, &mut buffer)?;
    Ok((parent, last))
}

/// EINVAL for what leads elsewhere: the baker has normalised the names.
pub(super) fn one_component<'b>(component: &str, buffer: &'b mut PathBuffer) -> Result<&'b CStr, Errno> {
    if matches!(component, "" | "." | "..") { Err(Errno::INVAL) } else { buffer.join(&[component]) }
}

/// Opens the directory at an absolute `path`, links followed: for paths that root alone can change. `None` if there is
/// none.
pub fn open_if_there(path: &CStr) -> Result<Option<OwnedFd>, Errno> {
    match openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}
