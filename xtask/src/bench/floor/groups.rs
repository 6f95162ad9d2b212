//! A control group for each service, as tomte makes, opens and removes them: one directory each, right below the root.

use core::ffi::CStr;

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat},
    io::Errno,
};
use tomte::linux::{
    AsFd, BorrowedFd, OwnedFd,
    boot::{API_MOUNTS, mount_api},
};

/// Where the services' groups are.
const CGROUPS: &CStr = c"/sys/fs/cgroup";

/// All groups.
pub(super) struct Groups {
    root: OwnedFd,
    made: u32,
}

/// One of them.
pub(super) struct Group {
    number: u32,
    directory: OwnedFd,
}

impl Groups {
    /// Mounts what the kernel offers, as tomte does first: groups are among it.
    pub(super) fn mount() -> Option<Self> {
        for api in &API_MOUNTS {
            mount_api(api).ok()?;
        }
        let root = openat(CWD, CGROUPS, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Self { root, made: 0 })
    }

    /// A group for the next service.
    pub(super) fn next(&mut self) -> Result<Group, Errno> {
        let number = self.made;
        self.made += 1;
        let name = name(number);
        let name = CStr::from_bytes_with_nul(&name).map_err(|_| Errno::INVAL)?;
        mkdirat(&self.root, name, Mode::from_raw_mode(0o755))?;
        let directory = openat(&self.root, name, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Group { number, directory })
    }

    /// Removes a group that is empty.
    pub(super) fn remove(&self, group: &Group) -> Result<(), Errno> {
        let name = name(group.number);
        let name = CStr::from_bytes_with_nul(&name).map_err(|_| Errno::INVAL)?;
        unlinkat(&self.root, name, AtFlags::REMOVEDIR)
    }
}

impl Group {
    /// What processes are born in.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// How many were made before it.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }
}

/// A name that ends in a zero.
const fn name(number: u32) -> [u8; 6] {
    const fn digit(number: u32, place: u32) -> u8 {
        b'0' + (number / place % 10) as u8
    }
    [b's', digit(number, 1000), digit(number, 100), digit(number, 10), digit(number, 1), 0]
}
