//! What a user leaves in the kernel and outlives its processes: System V IPC objects, POSIX message queues, and files
//! in /dev/shm. Finding them and removing them; systemd's clean-ipc.c has the same three.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, fstatfs, mkdirat, statat},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, UnmountFlags, fsconfig_create, fsmount,
        fsopen, mount, unmount,
    },
};

use super::{
    AsFd,
    passwd::{columns, file_number, open_lines, search},
    raw::ipc::{SysV, is_used, remove, unlink_queue},
    tree::{self, Owner},
};

/// MQUEUE_MAGIC of the kernel's ipc/mqueue.c.
const MQUEUE_MAGIC: u64 = 0x1980_0202;

/// System V objects that one pass removes.
const BATCH: usize = 64;

/// Passes over one list: enough for the kernel's largest number of objects (32768).
const PASSES_MAX: usize = 512;

/// Whether anything is owned by user or group `number`.
pub fn is_left(number: u32) -> Result<bool, Errno> {
    anything_of(Owner { uid: Some(number), gid: Some(number) })
}

/// Whether anything is owned by `owner`.
pub fn anything_of(owner: Owner) -> Result<bool, Errno> {
    for &kind in &[SysV::SharedMemory, SysV::Semaphores, SysV::MessageQueue] {
        if !list_objects(kind, owner)?.is_empty() {
            return Ok(true);
        }
    }
    for &open in &[shared_memory, queues] {
        if let Some(directory) = open()?
            && tree::holds_owned(directory.as_fd(), owner)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what is owned by `owner`. The caller has ended its processes, or they make new things meanwhile.
pub fn remove_all_of(owner: Owner) -> Result<(), Errno> {
    for &kind in &[SysV::SharedMemory, SysV::Semaphores, SysV::MessageQueue] {
        remove_objects(kind, owner)?;
    }
    if let Some(directory) = shared_memory()? {
        tree::remove_owned(directory, owner)?;
    }
    let Some(directory) = queues()? else { return Ok(()) };
    tree::each_entry(directory.as_fd(), &mut |name| {
        let found = statat(directory.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
        if owner.has(found.st_uid, found.st_gid) { unlink_queue(name) } else { Ok(()) }
    })
}

fn remove_objects(kind: SysV, owner: Owner) -> Result<(), Errno> {
    for _ in 0..PASSES_MAX {
        let mut gone = 0_usize;
        for id in list_objects(kind, owner)? {
            match remove(kind, id) {
                Ok(()) => gone = gone.saturating_add(1),
                Err(Errno::INVAL | Errno::IDRM) => {} // gone already, or going with its last user
                Err(errno) => return Err(errno),
            }
        }
        if gone < BATCH {
            break;
        }
    }
    Ok(())
}

/// The first objects of a kind that belong to `owner`.
fn list_objects(kind: SysV, owner: Owner) -> Result<Vec<u32, BATCH>, Errno> {
    let mut ids = Vec::new();
    match is_used(kind) {
        Ok(true) => {}
        Ok(false) | Err(Errno::NOSYS) => return Ok(ids), // NOSYS: a kernel without System V IPC
        Err(errno) => return Err(errno),
    }
    let (list, owner_column) = match kind {
        SysV::SharedMemory => (c"/proc/sysvipc/shm", 7),
        SysV::Semaphores => (c"/proc/sysvipc/sem", 4),
        SysV::MessageQueue => (c"/proc/sysvipc/msg", 7),
    };
    search(&open_lines(list)?, &mut |line| {
        let full = object_of(line, owner_column, owner).is_some_and(|id| ids.push(id).is_err());
        Ok(full)
    })?;
    Ok(ids)
}

/// The id in a line of /proc/sysvipc, if owner or creator is meant. The heading has no numbers.
fn object_of(line: &[u8], owner_column: usize, owner: Owner) -> Option<u32> {
    let number = |column| columns(line).nth(column).and_then(file_number);
    let (uid, gid) = (number(owner_column)?, number(owner_column.checked_add(1)?)?);
    let (creator_uid, creator_gid) =
        (number(owner_column.checked_add(2)?)?, number(owner_column.checked_add(3)?)?);
    (owner.has(uid, gid) || owner.has(creator_uid, creator_gid)).then(|| number(1)).flatten()
}

fn shared_memory() -> Result<Option<OwnedFd>, Errno> {
    tree::open_if_there(c"/dev/shm")
}

/// The file system of POSIX message queues: where it is mounted, or a view of it that nobody else sees. `None` if the
/// kernel has none.
fn queues() -> Result<Option<OwnedFd>, Errno> {
    if let Some(directory) = tree::open_if_there(c"/dev/mqueue")?
        && fstatfs(directory.as_fd())?.f_type as u64 == MQUEUE_MAGIC
    {
        return Ok(Some(directory));
    }
    let context = match fsopen(c"mqueue", FsOpenFlags::FSOPEN_CLOEXEC) {
        Err(Errno::NODEV) => return Ok(None),
        Err(Errno::NOSYS) => return mounted_queues(),
        answer => answer?,
    };
    fsconfig_create(&context)?;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NOEXEC)?;
    tree::open_directory(&mount, c".").map(Some)
}

/// The same on a kernel where a mount has to be somewhere (before 5.2): it is there for a moment.
fn mounted_queues() -> Result<Option<OwnedFd>, Errno> {
    const MOMENT: &CStr = c"/run/tomte/queues";
    for &(directory, mode) in &[(c"/run/tomte", 0o755), (MOMENT, 0o700)] {
        match mkdirat(CWD, directory, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    match mount(c"mqueue", MOMENT, c"mqueue", MountFlags::NOEXEC, None) {
        Err(Errno::NODEV) => return Ok(None),
        answer => answer?,
    }
    let directory = tree::open_if_there(MOMENT);
    unmount(MOMENT, UnmountFlags::DETACH)?;
    directory
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &[u8] =
        b"       key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  cgid ...";
    const SEGMENT: &[u8] =
        b"         0         32768  1600     524288  1234  1234      2  61184  61185  61186  61187 1 2 3";

    #[test]
    fn owner_and_creator_of_an_object_count() {
        for (uid, gid, wanted) in [
            (Some(61184), None, Some(32768)),
            (None, Some(61185), Some(32768)),
            (Some(61186), None, Some(32768)),
            (None, Some(61187), Some(32768)),
            (Some(61185), Some(61184), None),
            (None, None, None),
        ] {
            assert_eq!(object_of(SEGMENT, 7, Owner { uid, gid }), wanted, "{uid:?} {gid:?}");
        }
    }

    #[test]
    fn a_heading_or_half_a_line_is_no_object() {
        let owner = Owner { uid: Some(61184), gid: None };
        assert_eq!(object_of(HEADING, 7, owner), None);
        for end in 0..SEGMENT.len() - 20 {
            let _id = object_of(&SEGMENT[..end], 7, owner);
        }
        assert_eq!(object_of(&SEGMENT[..40], 7, owner), None);
    }
}
