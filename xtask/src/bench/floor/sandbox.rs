//! One sandboxed service as a bare program starts it: the calls that `bench::starts::SANDBOX` asks for, each made once, in
//! tomte's order. Nothing is looked up, decided or reported.

use core::ffi::CStr;

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, makedev, mkdirat, mknodat, openat, openat2, symlinkat},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
        fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    },
    process::{Resource, Rlimit, chdir, setrlimit, setsid, umask},
    thread::{
        CapabilitySet, Gid, Uid, UnshareFlags, remove_capability_from_bounding_set, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
    },
};
use tomte::linux::{
    AsFd, Errno, OwnedFd,
    boot::read_file,
    raw::{
        bpf, keyring, landlock,
        mount::{NODEV, NOEXEC, NOSUID, RDONLY, set_attributes_recursive},
        process::close_on_exec_from,
        seccomp, signal,
    },
};

use super::groups::Group;

/// The filter, as the bench has written it: the one that tomte's units have.
const FILTER: &CStr = c"/bench/filter";
const FILTER_BYTES_MAX: usize = 32 << 10;
/// The first service's user.
const FIRST_USER: u32 = 61184;
/// The program that decides about devices, likewise.
const DEVICE_FILTER: &CStr = c"/bench/devices";

/// What is made of /dev: name, major and minor.
const DEVICES: [(&CStr, u32, u32); 6] = [
    (c"null", 1, 3),
    (c"zero", 1, 5),
    (c"full", 1, 7),
    (c"random", 1, 8),
    (c"urandom", 1, 9),
    (c"tty", 5, 0),
];
const DEVICE_LINKS: [(&CStr, &CStr); 5] = [
    (c"ptmx", c"pts/ptmx"),
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
];
/// Kept over the new /dev and /sys.
const KEPT: [(&CStr, u32); 7] = [
    (c"/dev/pts", 0),
    (c"/dev/shm", 0),
    (c"/sys", RDONLY | NOEXEC),
    (c"/sys/fs/bpf", RDONLY | NOEXEC),
    (c"/sys/fs/cgroup", RDONLY | NOEXEC),
    (c"/sys/kernel/debug", RDONLY | NOEXEC),
    (c"/sys/kernel/tracing", RDONLY | NOEXEC),
];
/// What of /proc is read-only, as far as this kernel has it.
const PROC_READ_ONLY: [&CStr; 7] =
    [c"/proc/acpi", c"/proc/bus", c"/proc/fs", c"/proc/irq", c"/proc/mtrr", c"/proc/sys", c"/proc/scsi"];
/// What nobody sees: directories, and files.
const CLOSED_DIRECTORIES: [&CStr; 2] = [c"/home", c"/root"];
const CLOSED_FILES: [&CStr; 2] = [c"/proc/kallsyms", c"/proc/kmsg"];
/// What may be changed, for Landlock.
const WRITABLE: [&CStr; 5] = [c"/dev/pts", c"/dev/shm", c"/proc", c"/tmp", c"/var/tmp"];

/// What all services have in common.
pub(super) struct Sandbox {
    filter: Program,
    devices: Program,
}

/// A program of the kernel's.
struct Program {
    bytes: [u8; FILTER_BYTES_MAX],
    length: usize,
}

impl Program {
    fn read(path: &CStr) -> Option<Self> {
        let mut bytes = [0; FILTER_BYTES_MAX];
        let length = read_file(path, &mut bytes).ok()?.len();
        Some(Self { bytes, length })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Sandbox {
    /// Reads the programs; `None` where none were left for the services.
    pub(super) fn prepare() -> Option<Self> {
        Some(Self { filter: Program::read(FILTER)?, devices: Program::read(DEVICE_FILTER)? })
    }

    /// Makes what covers what nobody sees. After the mounts.
    pub(super) fn make_covers() {
        let _made = mkdirat(CWD, c"/run/closed", Mode::empty());
        let _made = mknodat(CWD, c"/run/closed-file", FileType::RegularFile, Mode::empty(), 0);
    }

    /// Everything that a service's process does between its birth in `group` and its execve, as a user of its own.
    pub(super) fn enter(&self, group: &Group) -> Result<(), Errno> {
        signal::ignore(signal::SIGPIPE)?;
        setsid()?;
        bpf::put(group.directory(), bpf::DEVICES, self.devices.bytes())?;
        let null = openat(CWD, c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        keyring::join_new_session()?;
        change_view()?;
        wall_off()?;
        drop_privileges(FIRST_USER + group.number())?;
        chdir(c"/")?;
        set_no_new_privs(true)?;
        close_on_exec_from(3)?;
        signal::set_mask(0)?;
        seccomp::forbid_write_execute()?;
        seccomp::load(self.filter.bytes())
    }
}

fn change_view() -> Result<(), Errno> {
    unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC)?;
    umask(Mode::empty());
    mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    let root = openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut kept = [const { None }; KEPT.len()];
    for (tree, (path, _)) in kept.iter_mut().zip(KEPT) {
        *tree = clone_of(&root, path, true).ok();
    }
    set_attributes_recursive(root.as_fd(), RDONLY, 0)?;
    let dev = make_dev()?;
    put(&root, c"/dev", dev, RDONLY | NOSUID | NOEXEC)?;
    put(&root, c"/dev/mqueue", file_system(c"mqueue", &[])?, NOSUID | NODEV | NOEXEC)?;
    for (tree, (path, flags)) in kept.iter_mut().zip(KEPT).take(2) {
        put_if_there(&root, path, tree.take(), flags)?;
    }
    for path in CLOSED_DIRECTORIES {
        put(&root, path, clone_of(&root, c"/run/closed", false)?, RDONLY | NOSUID | NODEV | NOEXEC)?;
    }
    let proc = file_system(c"proc", &[(c"hidepid", c"invisible")])?;
    put(&root, c"/proc", proc, NOSUID | NODEV | NOEXEC)?;
    for path in PROC_READ_ONLY {
        put_if_there(&root, path, clone_of(&root, path, true).ok(), RDONLY)?;
    }
    for path in CLOSED_FILES {
        put(&root, path, clone_of(&root, c"/run/closed-file", false)?, RDONLY | NOSUID | NODEV | NOEXEC)?;
    }
    for (tree, (path, flags)) in kept.iter_mut().zip(KEPT).skip(2) {
        put_if_there(&root, path, tree.take(), flags)?;
    }
    for path in [c"/tmp", c"/var/tmp"] {
        let tmp = file_system(c"tmpfs", &[(c"mode", c"1777"), (c"size", c"50%"), (c"nr_inodes", c"1m")])?;
        put(&root, path, tmp, NOSUID | NODEV)?;
    }
    set_attributes_recursive(root.as_fd(), NOSUID, 0)?;
    mount_change(c"/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)
}

#[expect(unsafe_code, reason = "unshare could take memory or descriptors away from other threads")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: these are namespaces only, and this process has one thread.
    unsafe { unshare_unsafe(flags) }
}

fn make_dev() -> Result<OwnedFd, Errno> {
    let dev = file_system(c"tmpfs", &[(c"mode", c"0755"), (c"size", c"4m"), (c"nr_inodes", c"64k")])?;
    for (name, major, minor) in DEVICES {
        let mode = Mode::from_raw_mode(0o666);
        mknodat(&dev, name, FileType::CharacterDevice, mode, makedev(major, minor))?;
    }
    for (name, target) in DEVICE_LINKS {
        symlinkat(target, &dev, name)?;
    }
    for name in [c"mqueue", c"pts", c"shm"] {
        mkdirat(&dev, name, Mode::from_raw_mode(0o755))?;
    }
    Ok(dev)
}

fn file_system(kind: &CStr, options: &[(&CStr, &CStr)]) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), *key, *value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

fn find(root: &OwnedFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn clone_of(root: &OwnedFd, path: &CStr, whole: bool) -> Result<OwnedFd, Errno> {
    let at = find(root, path)?;
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, whole);
    open_tree(&at, c"", flags)
}

fn put(root: &OwnedFd, path: &CStr, tree: OwnedFd, attributes: u32) -> Result<(), Errno> {
    let at = find(root, path)?;
    set_attributes_recursive(tree.as_fd(), attributes, 0)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree.as_fd(), c"", at.as_fd(), c"", flags)
}

fn put_if_there(root: &OwnedFd, path: &CStr, tree: Option<OwnedFd>, attributes: u32) -> Result<(), Errno> {
    tree.map_or(Ok(()), |tree| put(root, path, tree, attributes))
}

fn wall_off() -> Result<(), Errno> {
    let rights = landlock::CHANGE_DIRECTORY | landlock::TRUNCATE;
    let rules = landlock::create(rights | landlock::REFER)?;
    let allow = |path: &CStr, rights| {
        let held = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        landlock::allow(rules.as_fd(), held.as_fd(), rights)
    };
    allow(c"/", landlock::REFER)?;
    for path in WRITABLE {
        allow(path, rights)?;
    }
    set_no_new_privs(true)?;
    landlock::restrict(rules.as_fd())
}

fn drop_privileges(user: u32) -> Result<(), Errno> {
    umask(Mode::from_raw_mode(0o022));
    setrlimit(Resource::Nofile, Rlimit { current: Some(1024), maximum: Some(4096) })?;
    setrlimit(Resource::Rtprio, Rlimit { current: Some(0), maximum: Some(0) })?;
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    set_thread_groups(&[gid])?;
    set_thread_res_gid(gid, gid, gid)?;
    for number in 0..u64::BITS {
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)).is_err() {
            break; // the kernel has no more
        }
    }
    set_thread_res_uid(uid, uid, uid)
}
