//! Trees of mounts that nobody sees yet: made, copied, and put where they belong.
//!
//! The kernel keeps such trees for whoever holds their descriptor (Linux 5.2). Before that a mount has to be somewhere:
//! the trees wait on a stage, a file system of the namespace's own, and are moved from there by mount(2). Copies of what
//! is around the stage leave it out.

use core::ffi::CStr;

use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, mknodat, openat},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
        OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
        fsopen, mount, mount_bind, mount_bind_recursive, mount_change, mount_move, mount_remount, move_mount,
        open_tree, unmount,
    },
    path::DecInt,
    process::fchdir,
};

use crate::linux::{AsFd, path::PathBuffer, tree::magic_link};

/// Where the stage is.
pub(super) const STAGE: &CStr = c"/run/tomte/stage";
const HOLD: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// What it takes to make trees.
#[derive(Default)]
pub(super) struct Trees {
    stage: Option<Stage>,
    /// How many trees have been on it.
    staged: u32,
}

/// Where trees wait on a kernel that does not keep them.
struct Stage {
    /// The host's /proc/self/fd: a held place has a path there, even if another mount hides it. It is opened with the first
    /// tree, before that or any other can be mounted.
    links: OwnedFd,
    directory: OwnedFd,
}

impl Trees {
    /// A copy of what is held, with the mounts below it or without.
    pub(super) fn copy(&mut self, held: &OwnedFd, recursive: bool) -> Result<OwnedFd, Errno> {
        let mut flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
        match open_tree(held.as_fd(), c"", flags) {
            Err(Errno::NOSYS) => {
                let directory = FileType::from_raw_mode(fstat(held.as_fd())?.st_mode).is_dir();
                let source = number(held);
                self.stage(directory, &mut |place| match recursive {
                    true => mount_bind_recursive(source.as_c_str(), place),
                    false => mount_bind(source.as_c_str(), place),
                })
            }
            answer => answer,
        }
    }

    /// [`new_file_system`], on any kernel.
    pub(super) fn new_file_system(&mut self, source: &str) -> Result<OwnedFd, Errno> {
        match new_file_system(source) {
            Err(Errno::NOSYS) => self.new_on_stage(source),
            answer => answer,
        }
    }

    #[inline(never)] // pages of stack, for those who need them
    fn new_on_stage(&mut self, source: &str) -> Result<OwnedFd, Errno> {
        let (kind, options) = source.split_once(':').ok_or(Errno::INVAL)?;
        let (mut first, mut second) = (PathBuffer::empty(), PathBuffer::empty());
        let (kind, options) = (first.join(&[kind])?, second.join(&[options])?);
        self.stage(true, &mut |place| mount(kind, place, kind, MountFlags::empty(), options))
    }

    /// [`attach`], on any kernel.
    pub(super) fn attach(&self, tree: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
        match attach(tree, target) {
            Err(Errno::NOSYS) => {
                fchdir(self.stage.as_ref().ok_or(Errno::NOSYS)?.links.as_fd())?;
                mount_move(number(tree).as_c_str(), number(target).as_c_str())
            }
            answer => answer,
        }
    }

    /// Sets flags of mount(2) on a new file system, which has none yet, where the kernel has no mount_setattr.
    pub(super) fn set_flags(tree: &OwnedFd, flags: u32) -> Result<(), Errno> {
        let flags = MountFlags::BIND | MountFlags::from_bits_retain(flags);
        mount_remount(magic_link(tree.as_fd()).as_c_str(), flags, c"")
    }

    /// Has `act` mount something on a new place of the stage: a directory or a file, by its path from /proc/self/fd.
    fn stage(
        &mut self,
        directory: bool,
        act: &mut dyn FnMut(&CStr) -> Result<(), Errno>,
    ) -> Result<OwnedFd, Errno> {
        let Stage { links, directory: stage } = match &self.stage {
            Some(stage) => stage,
            None => self.stage.insert(open_stage()?),
        };
        let name = DecInt::new(self.staged);
        self.staged = self.staged.saturating_add(1);
        match directory {
            true => mkdirat(stage.as_fd(), name.as_c_str(), Mode::empty())?,
            false => mknodat(stage.as_fd(), name.as_c_str(), FileType::RegularFile, Mode::empty(), 0)?,
        }
        let open = || openat(stage.as_fd(), name.as_c_str(), HOLD, Mode::empty());
        let place = open()?;
        fchdir(links.as_fd())?;
        act(number(&place).as_c_str())?;
        open()
    }

    /// Clears the stage away, with what was never put anywhere.
    pub(super) fn finish(&mut self) -> Result<(), Errno> {
        match self.stage.take() {
            Some(stage) => {
                fchdir(stage.directory.as_fd())?;
                unmount(c".", UnmountFlags::DETACH)
            }
            None => Ok(()),
        }
    }
}

/// A new file system that is nowhere yet: `TYPE:OPTION,OPTION=VALUE`. ENOSYS before Linux 5.2.
pub(super) fn new_file_system(source: &str) -> Result<OwnedFd, Errno> {
    let (kind, options) = source.split_once(':').ok_or(Errno::INVAL)?;
    let (mut buffer, mut other) = (PathBuffer::empty(), PathBuffer::empty());
    let context = fsopen(buffer.join(&[kind])?, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some((key, value)) => {
                fsconfig_set_string(context.as_fd(), buffer.join(&[key])?, other.join(&[value])?)?;
            }
            None => fsconfig_set_flag(context.as_fd(), buffer.join(&[option])?)?,
        }
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// Mounts a tree that is nowhere yet on what is held. ENOSYS before Linux 5.2.
pub(super) fn attach(tree: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree.as_fd(), c"", target.as_fd(), c"", flags)
}

fn number(held: &OwnedFd) -> DecInt {
    DecInt::new(held.as_raw_fd())
}

fn open_stage() -> Result<Stage, Errno> {
    let hold = |path| openat(CWD, path, HOLD | OFlags::DIRECTORY, Mode::empty());
    let links = hold(c"/proc/self/fd")?;
    let _there = mkdirat(CWD, c"/run/tomte", Mode::from_raw_mode(0o755));
    let _there = mkdirat(CWD, STAGE, Mode::from_raw_mode(0o700));
    mount(c"tmpfs", STAGE, c"tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0700")?;
    mount_change(STAGE, MountPropagationFlags::UNBINDABLE)?;
    Ok(Stage { links, directory: hold(STAGE)? })
}
