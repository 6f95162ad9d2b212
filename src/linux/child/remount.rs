//! Flags of a whole tree of mounts where the kernel has no mount_setattr: a walk over mountinfo.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    io::Errno,
    mount::{MountFlags, mount_remount},
};

use crate::linux::{
    passwd::{open_lines, search},
    path::PATH_BYTES_MAX,
};

/// Sets the flags `set` (of `raw::mount`) and clears the flags `clear` on the mount at `path` and on all below it.
pub(super) fn walk(path: &CStr, set: u32, clear: u32) -> Result<(), Errno> {
    let root = path.to_bytes();
    // The flags have the same numbers in mount(2) and mount_setattr(2).
    let (set, clear) = (MountFlags::from_bits_retain(set), MountFlags::from_bits_retain(clear));
    let failure = search(open_lines(c"/proc/self/mountinfo")?, |line| {
        let Some(point) = mount_point(line) else { return Some(Errno::PROTO) };
        let target = CStr::from_bytes_with_nul(&point).unwrap_or(c"");
        if !is_at_or_below(target.to_bytes(), root) {
            return None;
        }
        let remounted = flags_of(target)
            .and_then(|flags| mount_remount(target, MountFlags::BIND | flags.difference(clear) | set, c""));
        match remounted {
            // Hidden under another mount: out of everybody's reach.
            Ok(()) | Err(Errno::NOENT | Errno::INVAL) => None,
            Err(errno) => Some(errno),
        }
    })?;
    failure.map_or(Ok(()), Err)
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
pub(super) fn is_at_or_below(path: &[u8], root: &[u8]) -> bool {
    root == b"/" || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Where the mount of one line of mountinfo is, with NUL: proc_pid_mountinfo(5).
fn mount_point(line: &[u8]) -> Option<Vec<u8, PATH_BYTES_MAX>> {
    let mut point = Vec::new();
    let mut rest = line.split(|&byte| byte == b' ').nth(4)?;
    while let [byte, after @ ..] = rest {
        let (byte, after) = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                ((a & 3) << 6 | (b & 7) << 3 | (c & 7), after)
            }
            _ => (*byte, after),
        };
        point.push(byte).ok()?;
        rest = after;
    }
    point.push(0).ok()?;
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_says_where() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402\134x ro,noexec,relatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(mount_point(line).as_deref(), Some(&b"/mnt 2\\x\0"[..]));
        assert!(mount_point(b"36 35 98:0 /mnt1").is_none());
    }

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
