//! cgroup2: a group of processes for each unit, whoever their parents are.
//!
//! Everything goes through descriptors of directories: a group keeps its own, so nothing depends on where cgroup2 is
//! mounted or on the path to it.

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
    base: OwnedFd,
}

impl Tree {
    /// The tree below `slice` (one name), which is made if it is missing. `None` if no cgroup2 is mounted.
    ///
    /// # Errors
    /// What the kernel says about the directory, such as EROFS in a container.
    pub fn open(slice: &str) -> Result<Option<Self>, Errno> {
        for place in PLACES {
            if let Some(root) = open_if_there(place)?
                && fstatfs(root.as_fd())?.f_type as u64 == CGROUP2_MAGIC
            {
                return Ok(Some(Self { base: make(&root, slice)? }));
            }
        }
        Ok(None)
    }

    /// The group `name` (one name), made if it is missing.
    ///
    /// # Errors
    /// mkdir(2)'s and open(2)'s; EINVAL for what is no single name.
    pub fn create(&self, name: &str) -> Result<Group, Errno> {
        let directory = make(&self.base, name)?;
        let events =
            openat(directory.as_fd(), c"cgroup.events", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Group { directory, events })
    }
}

/// One unit's group.
#[derive(Debug)]
pub struct Group {
    directory: OwnedFd,
    events: OwnedFd,
}

impl Group {
    /// The directory: what a process is born into.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// cgroup.events: polls as urgent (EPOLLPRI) when the group becomes populated or empty.
    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// Whether any process is in the group or below it. Zombies do not count.
    ///
    /// # Errors
    /// EPROTO if the file says nothing about it.
    pub fn is_populated(&self) -> Result<bool, Errno> {
        let mut bytes = [0; 256];
        let count = match retry_on_intr(|| io::pread(&self.events, &mut bytes, 0)) {
            Err(Errno::NODEV) => return Ok(false), // somebody was faster and has removed it
            answer => answer?,
        };
        let text = bytes.get(..count).unwrap_or_default();
        let value = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"populated "));
        match value {
            Some(b"0") => Ok(false),
            Some(b"1") => Ok(true),
            Some(_) | None => Err(Errno::PROTO),
        }
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

    /// Sends `signal` to every process in the group and in those that root's services made below it. With SIGKILL nobody
    /// gets away by forking.
    ///
    /// cgroup.kill, which does that at once, comes last, because it spoils the group: on Linux 6.18 everything that
    /// clone3 lets be born into it afterwards, such as `ExecStopPost=`, was seen to die of SIGKILL at once.
    ///
    /// # Errors
    /// EINVAL for what is no signal; open(2)'s and read(2)'s on cgroup.procs. A process that is gone is no error.
    pub fn kill(&self, signal: u8) -> Result<(), Errno> {
        let mut highest = self.signal_each(signal, 0)?;
        if signal != SIGKILL {
            return Ok(());
        }
        // Who was forked while the list was read has a higher pid, is in the next list, and forks no more after it.
        for _ in 0..ROUNDS_MAX {
            let higher = self.signal_each(signal, highest)?;
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
        let name = path.split('/').fold("", |_, last| last);
        let mut component = PathBuffer::empty();
        // The kernel marks a path like this once the directory is gone.
        let name = match name.strip_suffix(" (deleted)") {
            Some(_) => return Ok(()),
            None => tree::one_component(name, &mut component)?,
        };
        let parent = openat(self.directory.as_fd(), c"..", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        remove_below(self.directory.as_fd(), DEPTH_MAX)?;
        match unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR) {
            Err(Errno::NOENT) => Ok(()),
            answer => answer,
        }
    }

    fn signal_each(&self, signal: u8, highest: i32) -> Result<i32, Errno> {
        let signal = Signal::from_named_raw(signal.into()).ok_or(Errno::INVAL)?;
        signal_tree(self.directory.as_fd(), signal, highest, DEPTH_MAX)
    }
}

/// Signals all that are listed; the answer is the highest pid there was, or `highest` if none was higher.
fn signal_tree(
    directory: BorrowedFd<'_>,
    signal: Signal,
    mut highest: i32,
    depth: u32,
) -> Result<i32, Errno> {
    let list = openat(directory.as_fd(), c"cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    search(&list, &mut |line| {
        // 0 is a process of another pid namespace: out of reach.
        let number = file_number(line).and_then(|number| i32::try_from(number).ok());
        let Some(pid) = number.and_then(Pid::from_raw) else { return Ok(false) };
        highest = highest.max(pid.as_raw_nonzero().get());
        match kill_process(pid, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(false),
            Err(errno) => Err(errno),
        }
    })?;
    each_group_below(directory, depth, &mut |group, _, depth| {
        highest = signal_tree(group, signal, highest, depth)?;
        Ok(())
    })?;
    Ok(highest)
}

fn remove_below(directory: BorrowedFd<'_>, depth: u32) -> Result<(), Errno> {
    each_group_below(directory, depth, &mut |group, name, depth| {
        remove_below(group, depth)?;
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOENT) => Ok(()),
            answer => answer,
        }
    })
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

/// The group right below `slice` that process `pid` is in, as this process's cgroup namespace shows it. `None` for one that
/// is elsewhere or gone: nobody can move there by giving a group of his own a clever name.
pub fn name_below<'b>(slice: &str, pid: u32, buffer: &'b mut [u8; NAME_BYTES_MAX]) -> Option<&'b str> {
    let pid = rustix::path::DecInt::new(pid);
    let mut path = PathBuffer::empty();
    let path = path.join(&["/proc/", pid.as_str(), "/cgroup"]).ok()?;
    let text = super::boot::read_file(path, buffer).ok()?;
    group_below(slice, text)
}

fn group_below<'b>(slice: &str, text: &'b [u8]) -> Option<&'b str> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::/"))?;
    let rest = line.strip_prefix(slice.as_bytes())?.strip_prefix(b"/")?;
    let name = rest.split(|byte| *byte == b'/').next()?;
    // A name that the buffer's end has cut is none.
    let whole = name.len() < rest.len() || text.ends_with(b"\n");
    core::str::from_utf8(name).ok().filter(|_| whole)
}

/// Opens directory `name` of `parent`, made if it is missing.
fn make(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return Err(Errno::INVAL);
    }
    let mut path = PathBuffer::empty();
    let path = path.join(&[name])?;
    match mkdirat(parent.as_fd(), path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent.as_fd(), path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_in_the_group_right_below_the_slice_whatever_it_calls_its_own() {
        let of = |text: &'static str| group_below("system.slice", text.as_bytes());
        assert_eq!(of("0::/system.slice/a.service\n"), Some("a.service"));
        assert_eq!(of("5:cpu:/x\n0::/system.slice/a.service/sub/deeper\n"), Some("a.service"));
        assert_eq!(of("0::/system.slice/a.service/system.slice/b.service\n"), Some("a.service"));
        assert_eq!(of("0::/system.slice/a.service/cut"), Some("a.service"));
        for elsewhere in [
            "",
            "0::/\n",
            "0::/system.slicer/a\n",
            "0::/x/system.slice/a\n",
            "1:x:/system.slice/a\n",
            "0::/system.slice/a.ser",
        ] {
            assert_eq!(of(elsewhere), None, "{elsewhere:?}");
        }
    }
}
