//! Flags of a whole tree of mounts: one call where the kernel has it, a walk over mountinfo where not.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fs::CWD,
    io::Errno,
    mount::{MountFlags, mount_remount},
};

use crate::linux::{
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
        let mount = parse(line).ok_or(Errno::PROTO)?;
        let target = CStr::from_bytes_with_nul(&mount.point).unwrap_or(c"");
        if !is_at_or_below(target.to_bytes(), root) {
            return Ok(false);
        }
        match mount_remount(target, MountFlags::BIND | mount.flags | set, c"") {
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

/// One line of mountinfo: proc_pid_mountinfo(5).
struct Mount {
    /// Where it is, with NUL.
    point: Vec<u8, PATH_BYTES_MAX>,
    /// Its own flags, which a remount without them would clear.
    flags: MountFlags,
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ').skip(4);
    let (escaped, options) = (fields.next()?, fields.next()?);
    let mut point = Vec::new();
    let mut rest = escaped;
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
    Some(Mount { point, flags: flags.fold(MountFlags::empty(), MountFlags::union) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_gives_place_and_flags() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402\134x ro,noexec,relatime master:1 - ext3 /dev/root rw,errors=continue";
        let mount = parse(line).expect("a mount");
        assert_eq!(&mount.point[..], b"/mnt 2\\x\0");
        assert_eq!(mount.flags, MountFlags::RDONLY | MountFlags::NOEXEC | MountFlags::RELATIME);
        assert!(parse(b"36 35 98:0 /mnt1").is_none());
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
