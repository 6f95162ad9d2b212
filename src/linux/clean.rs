//! What a janitor child does after a unit: nothing of a dynamic user may be left when its number is given away.
//!
//! Runs in a child because every part of it may take its time: processes that die slowly, directories with many files.

use core::ffi::CStr;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, unlinkat},
    io::Errno,
    process::{Pid, Signal, kill_process_group},
    thread::{NanosleepRelativeResult, Timespec, Uid, nanosleep, set_thread_res_uid},
};

use super::{
    AsFd, credentials,
    directory::Directory,
    errno::Text,
    ipc, listen,
    passwd::{columns, file_number, open_lines, search},
    path::PathBuffer,
    private_tmp::PrivateTmpName,
    raw::{
        keyring,
        process::{self, Ending, Forked},
    },
    tree::{self, Owner},
};

/// What is to go.
#[derive(Clone, Copy, Debug)]
pub struct CleanPlan<'a> {
    /// The unit's name, for messages and for the name of its private directories.
    pub unit: &'a str,
    /// A dynamic user's number: its processes are killed, its IPC objects removed. Never 0.
    pub uid: Option<u32>,
    /// A dynamic group's number of its own: its IPC objects are removed.
    pub gid: Option<u32>,
    /// Directories to remove: those of `RuntimeDirectory=`, if they are not preserved.
    pub directories: &'a [Directory<'a>],
    /// The token and the unit of `PrivateTmp=` that the unit's processes were started with, if they had such directories and
    /// nobody else has them.
    pub private_tmp: Option<(u64, &'a str)>,
    /// Whether the unit has credentials.
    pub credentials: bool,
    /// `PIDFile=`, which names nobody any more; empty if there is none.
    pub pid_file: &'a str,
}

/// A janitor. It exits with 0 if nothing is left, with 1 otherwise, and logs what it could not do.
#[derive(Debug)]
pub struct Janitor {
    /// Its pid.
    pub pid: u32,
    /// A descriptor of it, readable once it has ended.
    pub pidfd: OwnedFd,
}

/// How often dying processes are looked for, and how long between two looks: two seconds in all.
const ROUNDS: usize = 400;
const BETWEEN_ROUNDS: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// Starts a janitor.
///
/// # Errors
/// clone3(2)'s.
pub fn spawn(plan: &CleanPlan<'_>) -> Result<Janitor, Errno> {
    match process::fork()? {
        Forked::Child => process::exit(u8::from(!clean(plan))),
        Forked::Parent { pid, pidfd } => Ok(Janitor { pid, pidfd }),
    }
}

/// Removes everything. Answers whether nothing is left.
fn clean(plan: &CleanPlan<'_>) -> bool {
    let done = |what: &str, result: Result<(), Errno>| {
        if let Err(errno) = result {
            ::log::warn!("{}: cannot remove its {what}: {}", plan.unit, Text(errno));
        }
        result.is_ok()
    };
    let mut clean = true;
    if let Some(uid) = plan.uid {
        clean &= done("processes", kill_all_of(uid));
        clean &= done("keys", clear_keys_of(uid));
        // A dynamic user's number is its group's as well unless the group has one of its own.
        clean &= done("IPC objects", remove_ipc(Owner { uid: Some(uid), gid: Some(uid) }));
    }
    if let Some(gid) = plan.gid {
        clean &= done("IPC objects", remove_ipc(Owner { uid: None, gid: Some(gid) }));
    }
    for directory in plan.directories {
        clean &= done("runtime directories", remove_directory(directory));
    }
    if plan.credentials {
        clean &= done("credentials", credentials::remove(plan.unit));
    }
    // A stale number is nothing of a dynamic user's.
    let _said = done("PID file", listen::remove(plan.pid_file));
    if let Some((token, unit)) = plan.private_tmp {
        let mut buffer = PathBuffer::empty();
        let name = PrivateTmpName::new(token, unit, &mut buffer);
        clean &= done("private /tmp", name.and_then(|name| name.remove()));
    }
    clean
}

/// Kills every process of user `uid`. A grandchild takes on the number, because kill(2) then reaches that user's
/// processes and no others, all at once. EBUSY if some are still there at the end.
#[inline(never)]
fn kill_all_of(uid: u32) -> Result<(), Errno> {
    if uid == 0 {
        return Err(Errno::INVAL);
    }
    for _ in 0..ROUNDS {
        match process::fork()? {
            Forked::Child => process::exit(u8::from(kill_as(uid).is_err())),
            Forked::Parent { .. } => match process::wait_for_any()? {
                Some((_, Ending::Exited(0))) if !is_anybody_alive(uid)? => return Ok(()),
                Some((_, Ending::Exited(0))) => {} // they are dying
                Some((_, Ending::Exited(_))) => return Err(Errno::PERM),
                // One of them was faster and killed the grandchild.
                Some((_, Ending::Killed(_) | Ending::Dumped(_))) | None => {}
            },
        }
        if let NanosleepRelativeResult::Err(errno) = nanosleep(&BETWEEN_ROUNDS) {
            return Err(errno);
        }
    }
    Err(Errno::BUSY)
}

fn kill_as(uid: u32) -> Result<(), Errno> {
    let uid = Uid::from_raw(uid);
    set_thread_res_uid(uid, uid, uid)?;
    // kill(2) with -1, which is how "process group 1" is passed: everybody that this user may signal, but not itself.
    match kill_process_group(Pid::INIT, Signal::KILL) {
        Err(Errno::SRCH | Errno::PERM) => Ok(()),
        answer => answer,
    }
}

/// Clears the keyrings of user `uid`, which the kernel keeps for whoever has the number next. A grandchild takes on the
/// number, because its user alone can.
#[inline(never)]
fn clear_keys_of(uid: u32) -> Result<(), Errno> {
    if !has_keys(uid)? {
        return Ok(());
    }
    match process::fork()? {
        Forked::Child => {
            let number = Uid::from_raw(uid);
            let cleared = set_thread_res_uid(number, number, number).and_then(|()| keyring::clear_users());
            // In a container whose filter denies keys to everybody in it, they are somebody's outside of it.
            let done = matches!(cleared, Ok(()) | Err(Errno::PERM | Errno::NOSYS));
            process::exit(u8::from(!done))
        }
        Forked::Parent { .. } => match process::wait_for_any()? {
            Some((_, Ending::Exited(0))) => Ok(()),
            Some((_, Ending::Exited(_) | Ending::Killed(_) | Ending::Dumped(_))) | None => Err(Errno::ACCESS),
        },
    }
}

/// Whether the kernel counts any key or keyring of user `uid`: `  UID: usage …` in /proc/key-users.
fn has_keys(uid: u32) -> Result<bool, Errno> {
    let file = match open_lines(c"/proc/key-users") {
        Err(Errno::NOENT) => return Ok(false), // a kernel without keys
        answer => answer?,
    };
    search(&file, &mut |line| {
        let number = columns(line).next().and_then(|number| number.strip_suffix(b":"));
        Ok(number.and_then(file_number) == Some(uid))
    })
}

/// Whether /proc shows a process of user `uid` that is more than a zombie.
fn is_anybody_alive(uid: u32) -> Result<bool, Errno> {
    let mut found = false;
    let processes = tree::open_directory(CWD, c"/proc")?;
    tree::each_entry(processes.as_fd(), &mut |entry| {
        let name = entry.to_str().unwrap_or_default();
        if found || file_number(name.as_bytes()).is_none() {
            return Ok(());
        }
        let mut status = PathBuffer::empty();
        let status = status.join(&["/proc/", name, "/status"])?;
        let mut look = |line: &[u8]| {
            let answer = is_alive_as(line, uid);
            found = answer == Some(true);
            Ok(answer.is_some())
        };
        match open_lines(status).and_then(|file| search(&file, &mut look)) {
            Ok(_) => {}
            Err(Errno::NOENT | Errno::SRCH) => {} // gone meanwhile
            Err(errno) => return Err(errno),
        }
        Ok(())
    })?;
    Ok(found)
}

/// Whether a line of /proc/PID/status tells of a living process of which `uid` is the real, effective, saved or file
/// system user; `None` if it tells of something else.
fn is_alive_as(line: &[u8], uid: u32) -> Option<bool> {
    if let Some(state) = line.strip_prefix(b"State:\t") {
        return matches!(state, [b'Z' | b'X', ..]).then_some(false);
    }
    let uids = line.strip_prefix(b"Uid:\t")?;
    Some(columns(uids).any(|number| file_number(number) == Some(uid)))
}

fn remove_ipc(owner: Owner) -> Result<(), Errno> {
    ipc::remove_all_of(owner)?;
    if ipc::anything_of(owner)? { Err(Errno::BUSY) } else { Ok(()) }
}

/// Removes the public and the private directory of each name, or the link between them. A parent directory that the
/// name brought along stays, as with systemd. Links that lead to it go as well; a directory in
/// the place of one stays.
#[inline(never)]
fn remove_directory(directory: &Directory<'_>) -> Result<(), Errno> {
    for root in directory.roots() {
        let Some(root) = tree::open_if_there(PathBuffer::empty().join(&root)?)? else { continue };
        let each = |name: &CStr, remove: &dyn Fn(BorrowedFd<'_>, &CStr) -> Result<(), Errno>| {
            match tree::open_parent(&root, name) {
                Ok((parent, last)) => remove(parent.as_fd(), last),
                Err(errno) => Err(errno),
            }
            .or_else(|errno| if errno == Errno::NOENT { Ok(()) } else { Err(errno) })
        };
        for name in directory.names.iter() {
            each(name, &|parent, last| tree::remove(parent, last))?;
        }
        for link in directory.links.iter().skip(1).step_by(2) {
            each(link, &|parent, last| match unlinkat(parent, last, AtFlags::empty()) {
                Err(Errno::ISDIR) => Ok(()),
                answer => answer,
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(status: &str, uid: u32) -> bool {
        status.lines().find_map(|line| is_alive_as(line.as_bytes(), uid)).unwrap_or(false)
    }

    #[test]
    fn any_of_a_process_four_uids_makes_it_that_users() {
        let status = "Name:\tx\nState:\tS (sleeping)\nUid:\t1\t2\t3\t4\nGid:\t5\t5\t5\t5\n";
        assert_eq!([1, 2, 3, 4, 5].map(|uid| alive(status, uid)), [true, true, true, true, false]);
    }

    #[test]
    fn zombies_do_not_count() {
        assert!(!alive("Name:\tx\nState:\tZ (zombie)\nUid:\t1\t1\t1\t1\n", 1));
        assert!(!alive("", 1));
    }
}
