//! Flags of a whole tree of mounts where the kernel has no mount_setattr: a walk over mountinfo.

use core::ffi::CStr;

use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    io::Errno,
    mount::{MountFlags, mount_remount},
};

use super::trees::STAGE;
use crate::linux::{
    mountinfo,
    passwd::{open_lines, search},
    path::PATH_BYTES_MAX,
};

/// Sets the flags `set` (of `raw::mount`) and clears the flags `clear` on the mount at `path` and on all below it.
pub(super) fn walk(path: &CStr, set: u32, clear: u32) -> Result<(), Errno> {
    let root = path.to_bytes();
    let root = root.strip_suffix(b"/").filter(|root| !root.is_empty()).unwrap_or(root);
    // The flags have the same numbers in mount(2) and mount_setattr(2).
    let (set, clear) = (MountFlags::from_bits_retain(set), MountFlags::from_bits_retain(clear));
    search(&open_lines(c"/proc/self/mountinfo")?, &mut |line| {
        let mut buffer = [0; PATH_BYTES_MAX];
        let (target, _) = mountinfo::parse(line, &mut buffer).ok_or(Errno::PROTO)?;
        let target_path = target.to_bytes();
        if !is_at_or_below(target_path, root) || is_at_or_below(target_path, STAGE.to_bytes()) {
            return Ok(false);
        }
        let remounted = flags_of(target)
            .and_then(|flags| mount_remount(target, MountFlags::BIND | flags.difference(clear) | set, c""));
        match remounted {
            // Hidden under another mount: out of everybody's reach.
            Ok(()) | Err(Errno::NOENT | Errno::INVAL) => Ok(false),
            Err(errno) => Err(errno),
        }
    })
    .map(drop)
}

/// The flags of what is mounted at `path`, which a remount without them would clear.
fn flags_of(path: &CStr) -> Result<MountFlags, Errno> {
    let found = statvfs(path)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let set = pairs.into_iter().filter(|(flag, _)| found.contains(*flag));
    Ok(set.fold(MountFlags::empty(), |flags, (_, flag)| flags | flag))
}

/// Whether `path` is `root` or below it. Both are absolute, without a slash at the end.
#[inline(never)]
pub(super) fn is_at_or_below(path: &[u8], root: &[u8]) -> bool {
    // What follows comes first: of a view's paths, each of which is compared with all before it, few have a slash there.
    root == b"/" || matches!(path.get(root.len()), None | Some(b'/')) && path.starts_with(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_with_the_same_beginning_is_not_below() {
        assert!(
            is_at_or_below(b"/usr", b"/usr")
                && is_at_or_below(b"/usr/lib", b"/usr")
                && is_at_or_below(b"/x", b"/")
        );
        assert!(!is_at_or_below(b"/usr2", b"/usr"));
    }
}
