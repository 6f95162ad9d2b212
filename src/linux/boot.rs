//! What a fresh kernel lacks: the standard streams, the API file systems, a hostname.

use core::ffi::CStr;

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, StatxAttributes, StatxFlags, mkdirat, open, stat, statx},
    io::Errno,
    mount::{MountFlags, mount},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use super::{AsFd, path::PathBuffer, pipe};

/// A file system that every Linux system has.
#[derive(Clone, Copy, Debug)]
pub struct ApiMount {
    /// Where it belongs.
    pub target: &'static CStr,
    /// Its type.
    pub kind: &'static CStr,
    flags: MountFlags,
    data: &'static CStr,
    /// What it means to be without it.
    pub need: Need,
}

/// How a system is without a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Unusable.
    Vital,
    /// Less than it should be.
    Expected,
    /// As it is: not every kernel has this.
    IfAny,
}

const PLAIN: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);
const TMP: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Mounted in this order. Flags as systemd's mount-setup.c has them.
pub const API_MOUNTS: [ApiMount; 10] = [
    ApiMount { target: c"/proc", kind: c"proc", flags: PLAIN, data: c"", need: Need::Vital },
    ApiMount { target: c"/sys", kind: c"sysfs", flags: PLAIN, data: c"", need: Need::Expected },
    ApiMount {
        target: c"/dev",
        kind: c"devtmpfs",
        flags: MountFlags::NOSUID,
        data: c"mode=0755",
        need: Need::Vital,
    },
    ApiMount {
        target: c"/dev/pts",
        kind: c"devpts",
        flags: MountFlags::NOSUID.union(MountFlags::NOEXEC),
        data: c"mode=0620,gid=5,ptmxmode=0666",
        need: Need::Expected,
    },
    ApiMount { target: c"/dev/shm", kind: c"tmpfs", flags: TMP, data: c"mode=1777", need: Need::Expected },
    // systemd's dev-mqueue.mount.
    ApiMount { target: c"/dev/mqueue", kind: c"mqueue", flags: PLAIN, data: c"", need: Need::IfAny },
    ApiMount { target: c"/run", kind: c"tmpfs", flags: TMP, data: c"mode=0755", need: Need::Vital },
    ApiMount { target: c"/tmp", kind: c"tmpfs", flags: TMP, data: c"mode=1777", need: Need::Expected },
    ApiMount { target: c"/sys/fs/cgroup", kind: c"cgroup2", flags: PLAIN, data: c"", need: Need::Expected },
    ApiMount { target: c"/sys/fs/pstore", kind: c"pstore", flags: PLAIN, data: c"", need: Need::IfAny },
];

/// Mounts one of [`API_MOUNTS`] unless something is mounted there already. Answers whether it did.
///
/// # Errors
/// mkdir(2)'s and mount(2)'s.
pub fn mount_api(api: &ApiMount) -> Result<bool, Errno> {
    match mkdirat(CWD, api.target, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST | Errno::ROFS) => {}
        Err(errno) => return Err(errno),
    }
    if is_mount_point(api.target, AtFlags::SYMLINK_NOFOLLOW)? {
        return Ok(false);
    }
    mount(api.kind, api.target, api.kind, api.flags, Some(api.data))?;
    Ok(true)
}

/// Whether something is mounted at `path`, which may be a link unless `links` says no: statx(2) says so since Linux 5.8,
/// before that a change of device does.
pub(super) fn is_mount_point(path: &CStr, links: AtFlags) -> Result<bool, Errno> {
    match statx(CWD, path, AtFlags::NO_AUTOMOUNT | links, StatxFlags::BASIC_STATS) {
        Ok(found) if found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            return Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
        }
        Ok(_) | Err(Errno::NOSYS) => {}
        Err(errno) => return Err(errno),
    }
    let mut parent = PathBuffer::empty();
    let parent = parent.join(&[path.to_str().map_err(|_| Errno::ILSEQ)?, "/.."])?;
    Ok(stat(path)?.st_dev != stat(parent)?.st_dev)
}

/// Sees to it that descriptors 0, 1 and 2 are open, on /dev/console if it is there, else on /dev/null, so that no later
/// open can take their place. Answers whether they are what they should be: handed over, or the console.
///
/// # Errors
/// open(2)'s for /dev/null.
pub fn standard_streams() -> Result<bool, Errno> {
    let mut good = true;
    loop {
        let console = open(c"/dev/console", OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let there = console.is_ok();
        let fd = match console {
            Ok(fd) => fd,
            Err(_) => open(c"/dev/null", OFlags::RDWR, Mode::empty())?,
        };
        let raw = rustix::fd::AsRawFd::as_raw_fd(&fd);
        if raw > 2 {
            return Ok(good); // the lowest free number is above them, so all three are open; `fd` is closed
        }
        good &= there;
        let _kept: i32 = rustix::fd::IntoRawFd::into_raw_fd(fd);
    }
}

/// Frees PID 1 of what whoever started it happened to have: supplementary groups, which services of root's would
/// inherit, and a low limit of descriptors, of which every unit takes a few.
///
/// # Errors
/// setgroups(2)'s, such as EPERM in a user namespace without groups, and setrlimit(2)'s.
pub fn set_own_credentials_and_limits() -> Result<(), Errno> {
    let descriptors = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: descriptors.maximum, ..descriptors })?;
    rustix::thread::set_thread_groups(&[])
}

/// What /etc/machine-id says before the first boot has come to its end: machine-id(5).
pub const UNINITIALIZED: &[u8] = b"uninitialized";

/// Leaves systemd's mark of a first boot for those who ask.
///
/// # Errors
/// mkdir(2)'s and open(2)'s.
pub fn mark_first_boot() -> Result<(), Errno> {
    match mkdirat(CWD, c"/run/systemd", Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => create_file("/run/systemd/first-boot").map(drop),
        Err(errno) => Err(errno),
    }
}

/// This boot's number, as systemd writes it: 32 digits.
pub fn id() -> [u8; 32] {
    let mut text = [0; 36];
    let _unknown = pipe::open_file("/proc/sys/kernel/random/boot_id", false)
        .and_then(|file| pipe::read(file.as_fd(), &mut text));
    let mut id = [b'0'; 32];
    for (place, digit) in id.iter_mut().zip(text.iter().filter(|digit| **digit != b'-')) {
        *place = *digit;
    }
    id
}

/// The hostname.
pub fn hostname() -> heapless::String<64> {
    let uname = rustix::system::uname();
    heapless::String::try_from(uname.nodename().to_str().unwrap_or_default()).unwrap_or_default()
}

/// Sets the hostname.
///
/// # Errors
/// sethostname(2)'s.
pub fn set_hostname(name: &str) -> Result<(), Errno> {
    rustix::system::sethostname(name.as_bytes())
}

/// Reads the file at `path` into `buffer` as far as it fits; answers the bytes read.
///
/// # Errors
/// open(2)'s and read(2)'s.
pub fn read_file<'b>(path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut used = 0;
    while let Some(space) = buffer.get_mut(used..).filter(|space| !space.is_empty()) {
        match rustix::io::read(fd.as_fd(), space) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(buffer.get(..used).unwrap_or_default())
}

/// Makes or empties the file at `path` for writing; a device is just opened.
///
/// # Errors
/// open(2)'s: ENOENT for a device that is not there.
pub fn create_file(path: &str) -> Result<rustix::fd::OwnedFd, Errno> {
    let create = if path.starts_with("/dev/") { OFlags::empty() } else { OFlags::CREATE };
    let flags = create | OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOCTTY;
    open(PathBuffer::empty().join(&[path])?, flags, Mode::from_raw_mode(0o644))
}

/// Opens the file at `path` to add to it, or makes it.
///
/// # Errors
/// open(2)'s.
pub fn append_to(path: &CStr) -> Result<rustix::fd::OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY;
    open(path, flags, Mode::from_raw_mode(0o644))
}

/// Puts the file at `from` in the place of what is at `to`.
///
/// # Errors
/// rename(2)'s.
pub fn rename(from: &CStr, to: &CStr) -> Result<(), Errno> {
    rustix::fs::rename(from, to)
}
