//! Watching paths, as systemd's path.c does: the path itself, and every directory on the way that it may come to be in.
//! For children only: a path may be on a disk that answers slowly or not at all.

use rustix::{
    fd::OwnedFd,
    fs::inotify::{CreateFlags, WatchFlags, add_watch, init},
    io::{Errno, read},
};

use super::path::PathBuffer;

/// Room for what inotify tells at a time: the kernel wants room for one event at least, with a name of 255 bytes.
const TOLD_BYTES: usize = 1024;

/// What is watched of a directory on the way.
const ON_THE_WAY: WatchFlags = WatchFlags::MOVE_SELF
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO);

/// What is watched of a directory that something may be made in and removed from.
const COMES_AND_GOES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// Descriptors that are readable when something has happened.
#[derive(Debug)]
pub struct Watched {
    /// On the way to the path.
    pub way: OwnedFd,
    /// With the path itself; `None` if it is watched along with the way, or not there.
    pub itself: Option<OwnedFd>,
}

/// Watches `path` for the events of `mask`, `apart` from the way to it or along with that.
///
/// # Errors
/// inotify_init1(2)'s: EMFILE when the limit of instances is reached; inotify_add_watch(2)'s: ENOSPC when that of watches
/// is. That something is missing is none.
#[inline(never)]
pub fn watch(path: &str, mask: u32, apart: bool) -> Result<Watched, Errno> {
    let way = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let mut before = "";
    let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at.max(1));
    for at in slashes {
        let (part, _) = path.split_at_checked(at).unwrap_or_default();
        if part == path {
            break;
        }
        if !add(&way, part, ON_THE_WAY)? {
            return Ok(Watched { way, itself: None });
        }
        if !before.is_empty() {
            // What is there need not be watched closely; the worst that can come of a failure is a look too many.
            let _ = add(&way, before, WatchFlags::MOVE_SELF);
        }
        before = part;
    }
    let itself = if apart { Some(init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?) } else { None };
    let flags = WatchFlags::from_bits_retain(mask);
    let there = add(itself.as_ref().unwrap_or(&way), path, flags)?;
    if there && !before.is_empty() {
        let _ = add(&way, before, WatchFlags::MOVE_SELF);
    }
    Ok(Watched { way, itself: itself.filter(|_| there) })
}

/// Something that is readable when one of several nodes comes or goes. It watches nothing yet.
///
/// # Errors
/// inotify_init1(2)'s.
pub fn nodes() -> Result<OwnedFd, Errno> {
    init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
}

/// Watches the directories that lead to the nodes `paths`, all of which begin with /dev. What was told of nodes before is
/// forgotten: whoever calls this looks next.
///
/// # Errors
/// See [`watch`].
pub fn watch_nodes(nodes: &OwnedFd, paths: &mut dyn Iterator<Item = &str>) -> Result<(), Errno> {
    let mut told = [0; TOLD_BYTES];
    while read(nodes, &mut told).is_ok() {}
    for path in paths {
        for (at, _) in path.bytes().enumerate().filter(|(at, byte)| *byte == b'/' && *at > 0) {
            let (directory, _) = path.split_at_checked(at).unwrap_or_default();
            if !add(nodes, directory, COMES_AND_GOES)? {
                break;
            }
        }
    }
    Ok(())
}

/// Watches `path`, and what it leads to if it is a link. Whether it is there.
fn add(inotify: &OwnedFd, path: &str, flags: WatchFlags) -> Result<bool, Errno> {
    let mut buffer = PathBuffer::empty();
    let path = buffer.join(&[path])?;
    for &follow in &[WatchFlags::DONT_FOLLOW, WatchFlags::empty()] {
        match add_watch(inotify, path, flags | follow) {
            Ok(_) => {}
            Err(Errno::NOENT | Errno::ACCESS | Errno::NOTDIR) => return Ok(false),
            Err(errno) => return Err(errno),
        }
    }
    Ok(true)
}
