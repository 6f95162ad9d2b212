//! cgroup2: a group of processes for each unit, whoever their parents are.
//!
//! Everything goes through descriptors of directories: a group keeps its own, so nothing depends on where cgroup2 is
//! mounted or on the path to it.

mod settings;

use core::ffi::CStr;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, fstat, fstatfs, mkdirat, openat, readlinkat_raw, unlinkat},
    io::{self, Errno, retry_on_intr},
    process::{Pid, Signal, kill_process},
};

use super::{
    AsFd,
    passwd::{file_number, search},
    path::{PATH_BYTES_MAX, PathBuffer},
    tree::{self, open_if_there},
};

pub use settings::{enable, memory, set, tasks};

/// CGROUP2_SUPER_MAGIC of linux/magic.h.
const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// Where cgroup2 may be: alone, or beside the controllers of cgroup 1 (systemd's hybrid layout).
const PLACES: [&CStr; 2] = [c"/sys/fs/cgroup", c"/sys/fs/cgroup/unified"];

/// Rounds of signalling before a group that keeps forking is killed as a whole.
const ROUNDS_MAX: usize = 32;

/// How deep groups below a unit's are looked for.
const DEPTH_MAX: u32 = 16;

const SIGKILL: u8 = 9;

/// The groups of all units.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

impl Tree {
    /// The whole tree, as this process's cgroup namespace shows it. `None` if no cgroup2 is mounted.
    ///
    /// # Errors
    /// What the kernel says about the directory.
    pub fn open() -> Result<Option<Self>, Errno> {
        for &place in &PLACES {
            if let Some(root) = open_if_there(place)?
                && fstatfs(root.as_fd())?.f_type as u64 == CGROUP2_MAGIC
            {
                return Ok(Some(Self { root }));
            }
        }
        Ok(None)
    }

    /// The group at `path` below the root, made if it is missing; those above it are there. Empty for the root itself.
    ///
    /// # Errors
    /// mkdir(2)'s, such as EROFS in a container, and open(2)'s.
    pub fn slice(&self, path: &str) -> Result<OwnedFd, Errno> {
        make(self.root.as_fd(), if path.is_empty() { "." } else { path })
    }

    /// The group `name` (one name) in the slice at `slice`, made if it is missing.
    ///
    /// # Errors
    /// mkdir(2)'s and open(2)'s; EINVAL for what is no single name.
    pub fn create(&self, slice: &str, name: &str) -> Result<Group, Errno> {
        if name.contains('/') || matches!(name, "" | "." | "..") {
            return Err(Errno::INVAL);
        }
        let mut buffer = PathBuffer::empty();
        let path = buffer.join(&[slice, if slice.is_empty() { "" } else { "/" }, name])?;
        let (directory, is_new) = match make_at(self.root.as_fd(), path) {
            Err(Errno::NOENT) => (make(self.slice(slice)?.as_fd(), name)?, false),
            answer => answer?,
        };
        let memory = match read_only(&directory, c"memory.events") {
            Ok(events) => Memory::Counted { oom_kills: 0, events },
            Err(_) => Memory::Uncounted,
        };
        let mut group = Group { directory, events: None, memory };
        if !is_new {
            group.has_new_oom_kills(); // those before are nobody's: the group may be older than this process
        }
        Ok(group)
    }

    /// Moves this process out of the root, to a group of its own: in a container the root cannot have both controllers for
    /// the groups below it and processes.
    ///
    /// # Errors
    /// mkdir(2)'s, open(2)'s and write(2)'s.
    pub fn leave_root(&self) -> Result<(), Errno> {
        settings::write(make(self.root.as_fd(), "init.scope")?.as_fd(), c"cgroup.procs", b"0")
    }
}

fn read_only(group: &OwnedFd, file: &CStr) -> Result<OwnedFd, Errno> {
    openat(group, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// One unit's group.
#[derive(Debug)]
pub struct Group {
    directory: OwnedFd,
    /// cgroup.events, once anybody has asked for it: every child gets a copy of every descriptor, and closes it.
    events: Option<OwnedFd>,
    memory: Memory,
}

/// What the memory controller tells of a group, if there is one. Small: there is one for every unit.
#[derive(Debug)]
enum Memory {
    Uncounted,
    Counted {
        /// How many processes the kernel has killed for want of memory, as far as it was asked: the low half of its count.
        oom_kills: u16,
        events: OwnedFd,
    },
}

impl Group {
    /// The directory: what a process is born into.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// memory.events, if there is a memory controller: polls as urgent (EPOLLPRI) when it changes.
    pub fn memory_events(&self) -> Option<BorrowedFd<'_>> {
        match &self.memory {
            Memory::Uncounted => None,
            Memory::Counted { events, .. } => Some(events.as_fd()),
        }
    }

    /// Whether any process is in the group or below it. Zombies do not count. If one is, `watch` has got cgroup.events, this
    /// time or before: it polls as urgent (EPOLLPRI) at the next change, be that before `watch` or after it.
    ///
    /// # Errors
    /// open(2)'s, `watch`'s, and EPROTO if the file says nothing about it.
    pub fn is_populated(
        &mut self,
        watch: &mut dyn FnMut(BorrowedFd<'_>) -> Result<(), Errno>,
    ) -> Result<bool, Errno> {
        let is_new = self.events.is_none();
        let events = match &self.events {
            Some(events) => events,
            None => match read_only(&self.directory, c"cgroup.events") {
                Err(Errno::NOENT) => return Ok(false), // somebody was faster and has removed it
                answer => self.events.insert(answer?),
            },
        };
        match value(events, b"populated ") {
            Ok(0) | Err(Errno::NODEV) => {
                self.events = None;
                Ok(false) // NODEV: removed since
            }
            Ok(_) if is_new => {
                let watched = watch(events.as_fd());
                if watched.is_err() {
                    self.events = None; // the next look tries again
                }
                watched.map(|()| true)
            }
            answer => answer.map(|_| true),
        }
    }

    /// Whether the kernel has killed a process of the group, or of those below it, for want of memory since this was asked.
    pub fn has_new_oom_kills(&mut self) -> bool {
        let Memory::Counted { oom_kills, events } = &mut self.memory else { return false };
        let before = *oom_kills;
        *oom_kills = value(events, b"oom_kill ").map_or(before, |count| count as u16);
        *oom_kills != before
    }

    /// The only process of the group itself that is a child of this one; `None` if there are several or none.
    pub fn only_child(&self) -> Option<u32> {
        let list =
            openat(self.directory.as_fd(), c"cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let list = list.ok()?;
        let mut only = None;
        let several = search(&list, &mut |line| {
            let Some(pid) = file_number(line).filter(|pid| super::process::is_own_child(*pid)) else {
                return Ok(false);
            };
            Ok(only.replace(pid).is_some())
        });
        only.filter(|_| several == Ok(false))
    }

    /// Sends `signal` to every process in the group and in those that root's services made below it, and SIGCONT after it if
    /// that `wakes` them. With SIGKILL nobody gets away by forking.
    ///
    /// cgroup.kill, which does that at once, comes last, because it spoils the group: on Linux 6.18 everything that
    /// clone3 lets be born into it afterwards, such as `ExecStopPost=`, was seen to die of SIGKILL at once.
    ///
    /// # Errors
    /// EINVAL for what is no signal; open(2)'s and read(2)'s on cgroup.procs. A process that is gone is no error.
    pub fn kill(&self, signal: u8, wakes: bool) -> Result<(), Errno> {
        let mut highest = self.signal_each(signal, wakes, 0)?;
        if signal != SIGKILL {
            return Ok(());
        }
        // Who was forked while the list was read has a higher pid, is in the next list, and forks no more after it.
        for _ in 0..ROUNDS_MAX {
            let higher = self.signal_each(signal, wakes, highest)?;
            if higher == highest {
                return Ok(());
            }
            highest = higher;
        }
        match openat(self.directory.as_fd(), c"cgroup.kill", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        {
            Ok(file) => io::write(file, b"1").map(|_| ()),
            Err(Errno::NOENT) => Ok(()), // before Linux 5.14; the next try goes on
            Err(errno) => Err(errno),
        }
    }

    /// Removes the group and those below it. ENOENT, gone already, is no error. Its name is asked of /proc, so that 256 groups need not
    /// keep theirs.
    ///
    /// # Errors
    /// EBUSY while a process or a group is in it; ENOENT if /proc is not mounted.
    pub fn remove(self) -> Result<(), Errno> {
        let mut buffer = [0; PATH_BYTES_MAX];
        let length =
            readlinkat_raw(CWD, tree::magic_link(self.directory.as_fd()).as_c_str(), &mut buffer[..])?;
        let path = buffer.get(..length).and_then(|path| core::str::from_utf8(path).ok()).unwrap_or_default();
        let mut whole = PathBuffer::empty();
        let path = whole.join(&[path])?;
        match remove_one(CWD, path) {
            Err(Errno::BUSY) => {
                remove_below(self.directory.as_fd(), DEPTH_MAX)?;
                remove_one(CWD, path)
            }
            // Gone already: then the kernel marks the path with more than was ever in the directory.
            answer => answer,
        }
    }

    fn signal_each(&self, signal: u8, wakes: bool, highest: i32) -> Result<i32, Errno> {
        let signal = Signal::from_named_raw(signal.into()).ok_or(Errno::INVAL)?;
        signal_tree(self.directory.as_fd(), signal, wakes, highest, DEPTH_MAX)
    }
}

/// The number behind `key` in a file of keys and numbers. EPROTO if there is none.
fn value(file: &OwnedFd, key: &[u8]) -> Result<u32, Errno> {
    let mut bytes = [0; 256];
    let count = retry_on_intr(|| io::pread(file, &mut bytes, 0))?;
    let text = bytes.get(..count).unwrap_or_default();
    let value = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(key));
    value.and_then(file_number).ok_or(Errno::PROTO)
}

/// Signals all that are listed; the answer is the highest pid there was, or `highest` if none was higher.
fn signal_tree(
    directory: BorrowedFd<'_>,
    signal: Signal,
    wakes: bool,
    mut highest: i32,
    depth: u32,
) -> Result<i32, Errno> {
    let list = openat(directory.as_fd(), c"cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    search(&list, &mut |line| {
        // 0 is a process of another pid namespace: out of reach.
        let number = file_number(line).and_then(|number| i32::try_from(number).ok());
        let Some(pid) = number.and_then(Pid::from_raw) else { return Ok(false) };
        highest = highest.max(pid.as_raw_nonzero().get());
        let sent = kill_process(pid, signal).and_then(|()| match wakes {
            true => kill_process(pid, Signal::CONT),
            false => Ok(()),
        });
        match sent {
            Ok(()) | Err(Errno::SRCH) => Ok(false),
            Err(errno) => Err(errno),
        }
    })?;
    each_group_below(directory, depth, &mut |group, _, depth| {
        highest = signal_tree(group, signal, wakes, highest, depth)?;
        Ok(())
    })?;
    Ok(highest)
}

fn remove_below(directory: BorrowedFd<'_>, depth: u32) -> Result<(), Errno> {
    each_group_below(directory, depth, &mut |group, name, depth| {
        remove_below(group, depth)?;
        remove_one(directory, name)
    })
}

fn remove_one(parent: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    match unlinkat(parent, path, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        answer => answer,
    }
}

/// Calls `act` with every group right below `directory`, its name, and how much deeper it may go.
fn each_group_below(
    directory: BorrowedFd<'_>,
    depth: u32,
    act: &mut dyn FnMut(BorrowedFd<'_>, &CStr, u32) -> Result<(), Errno>,
) -> Result<(), Errno> {
    // A directory of the kernel's has one link for each below it, `.` and `..` besides.
    if fstat(directory.as_fd())?.st_nlink <= 2 {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    let list = tree::open_directory(directory, c".")?;
    tree::each_entry(list.as_fd(), &mut |name| {
        match tree::open_directory(directory, name) {
            Ok(group) => act(group.as_fd(), name, depth),
            Err(Errno::NOTDIR | Errno::NOENT) => Ok(()), // a file; or gone meanwhile
            Err(errno) => Err(errno),
        }
    })
}

/// Longest path of a cgroup that is read, and the line around it.
pub const NAME_BYTES_MAX: usize = 512;

/// The group of a unit that process `pid` is in, as this process's cgroup namespace shows it: the first one below slices.
/// `None` for one that is gone: nobody can move there by giving a group of his own a clever name.
pub fn unit_of(pid: u32, buffer: &mut [u8; NAME_BYTES_MAX]) -> Option<&str> {
    first_below_slices(super::process::told(pid, "/cgroup", buffer)?)
}

fn first_below_slices(text: &str) -> Option<&str> {
    let line = text.split('\n').find_map(|line| line.strip_prefix("0::/"))?;
    let mut names = line.split('/');
    let name = names.find(|name| !name.ends_with(".slice"))?;
    // A name that the buffer's end has cut is none.
    let whole = names.next().is_some() || text.ends_with('\n');
    whole.then_some(name)
}

/// Opens directory `path` below `parent`, made if it is missing.
pub(super) fn make(parent: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    let mut buffer = PathBuffer::empty();
    make_at(parent, buffer.join(&[path])?).map(|(directory, _)| directory)
}

/// The same; and whether it was missing.
fn make_at(parent: BorrowedFd<'_>, path: &CStr) -> Result<(OwnedFd, bool), Errno> {
    let is_new = match mkdirat(parent, path, Mode::from_raw_mode(0o755)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(errno),
    };
    Ok((tree::open_directory(parent, path)?, is_new))
}

/// Memory in bytes and the number of tasks of the cgroup that `pid` is in, if this process can see them.
pub fn usage(pid: u32) -> Option<(u64, u64)> {
    let (mut path, mut buffer) = (PathBuffer::empty(), [0; PATH_BYTES_MAX]);
    let group = super::process::told(pid, "/cgroup", &mut buffer)?;
    let group = group.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut value = |file: &str| {
        let mut digits = [0; 24];
        let text =
            super::boot::read_file(path.join(&["/sys/fs/cgroup", group, file]).ok()?, &mut digits).ok()?;
        core::str::from_utf8(text).ok()?.trim_ascii_end().parse().ok()
    };
    Some((value("/memory.current")?, value("/pids.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_in_the_first_group_below_slices_whatever_it_calls_its_own() {
        let of = first_below_slices;
        assert_eq!(of("0::/system.slice/a.service\n"), Some("a.service"));
        assert_eq!(of("5:cpu:/x\n0::/system.slice/a.service/sub/deeper\n"), Some("a.service"));
        assert_eq!(of("0::/system.slice/a.service/system.slice/b.service\n"), Some("a.service"));
        assert_eq!(of("0::/system.slice/a.service/cut"), Some("a.service"));
        assert_eq!(of("0::/a.slice/a-b.slice/a.service\n"), Some("a.service"));
        assert_eq!(of("0::/a.service\n"), Some("a.service"));
        assert_eq!(of("0::/x/system.slice/a.service\n"), Some("x"));
        for nowhere in ["", "0::/\n", "0::/system.slice\n", "1:x:/system.slice/a\n", "0::/system.slice/a.ser"]
        {
            assert_eq!(of(nowhere).filter(|name| !name.is_empty()), None, "{nowhere:?}");
        }
    }
}
