//! Flags of a whole tree of mounts: one call where the kernel has it, a walk over mountinfo where not.

use core::ffi::CStr;

use rustix::{
    fs::CWD,
    io::Errno,
    mount::{MountFlags, mount_remount},
};

use crate::linux::{
    mountinfo,
    passwd::{open_lines, search},
    path::PATH_BYTES_MAX,
    raw::mount,
};

/// Sets the flags `set` (of `raw::mount`) on the mount at `path` and on all below it.
pub(super) fn set_attributes(path: &CStr, set: u32) -> Result<(), Errno> {
    match mount::set_attributes_recursive(CWD, path, set) {
        Err(Errno::NOSYS) => walk(path, set), // before Linux 5.12
        answer => answer,
    }
}

fn walk(path: &CStr, set: u32) -> Result<(), Errno> {
    let root = path.to_bytes();
    // The flags have the same numbers in mount(2) and mount_setattr(2).
    let set = MountFlags::from_bits_retain(set);
    search(&open_lines(c"/proc/self/mountinfo")?, &mut |line| {
        let mut buffer = [0; PATH_BYTES_MAX];
        let (target, options) = mountinfo::parse(line, &mut buffer).ok_or(Errno::PROTO)?;
        if !is_at_or_below(target.to_bytes(), root) {
            return Ok(false);
        }
        match mount_remount(target, MountFlags::BIND | flags_of(options) | set, c"") {
            // Hidden under another mount: out of everybody's reach.
            Ok(()) | Err(Errno::NOENT | Errno::INVAL) => Ok(false),
            Err(errno) => Err(errno),
        }
    })
    .map(drop)
}

fn is_at_or_below(path: &[u8], root: &[u8]) -> bool {
    root == b"/" || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// A mount's own flags, which a remount without them would clear.
fn flags_of(options: &[u8]) -> MountFlags {
    let flags = options.split(|&byte| byte == b',').map(|option| match option {
        b"ro" => MountFlags::RDONLY,
        b"nosuid" => MountFlags::NOSUID,
        b"nodev" => MountFlags::NODEV,
        b"noexec" => MountFlags::NOEXEC,
        b"noatime" => MountFlags::NOATIME,
        b"nodiratime" => MountFlags::NODIRATIME,
        b"relatime" => MountFlags::RELATIME,
        _ => MountFlags::empty(),
    });
    flags.fold(MountFlags::empty(), MountFlags::union)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_keeps_its_flags() {
        let flags = MountFlags::RDONLY | MountFlags::NOEXEC | MountFlags::RELATIME;
        assert_eq!(flags_of(b"ro,noexec,relatime"), flags);
        assert_eq!(flags_of(b"rw"), MountFlags::empty());
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
