//! `PrivateDevices=`: a /dev with what every program expects and no hardware.

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Mode, OFlags, mknodat, openat, readlinkat_raw, statat, symlinkat},
    io::Errno,
};

use core::ffi::CStr;

use super::trees::Trees;
use crate::linux::AsFd;

/// Nodes and links that are as in the host's /dev.
const NAMES: [&CStr; 13] = [
    c"null", c"zero", c"full", c"random", c"urandom", c"tty", c"ptmx", c"fd", c"stdin", c"stdout", c"stderr",
    c"core", c"log",
];

/// Where one of these links leads to, with a NUL: longer ones fail with ENAMETOOLONG.
const TARGET_BYTES_MAX: usize = 256;

/// Fills the empty file system `tree`, which is not mounted yet, from the host's /dev. Where nodes cannot be made, there
/// is an empty file for [`bind`]: answers whether that is so of any.
pub(super) fn make(host: &OwnedFd, tree: &OwnedFd) -> Result<bool, Errno> {
    let mut refused = false;
    for &name in &NAMES {
        let found = match statat(host.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            answer => answer?,
        };
        let kind = FileType::from_raw_mode(found.st_mode);
        if kind.is_symlink() {
            let mut target = [0; TARGET_BYTES_MAX];
            readlinkat_raw(host, name, &mut target[..])?;
            symlinkat(CStr::from_bytes_until_nul(&target).map_err(|_| Errno::NAMETOOLONG)?, tree, name)?;
        } else if kind.is_char_device() {
            let mode = Mode::from_raw_mode(found.st_mode);
            match mknodat(tree, name, kind, mode, found.st_rdev) {
                Err(Errno::PERM) => {
                    refused = true;
                    mknodat(tree, name, FileType::RegularFile, Mode::empty(), 0)?;
                }
                answer => answer?,
            }
        }
    }
    Ok(refused)
}

/// Puts the host's nodes where none could be made. `tree` is mounted now.
pub(super) fn bind(trees: &mut Trees, host: &OwnedFd, tree: &OwnedFd) -> Result<(), Errno> {
    for &name in &NAMES {
        let made = match statat(tree.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            answer => answer?,
        };
        if FileType::from_raw_mode(made.st_mode).is_file() {
            let hold = |directory: &OwnedFd| {
                openat(directory.as_fd(), name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            };
            let node = trees.copy(&hold(host)?, false)?;
            trees.attach(&node, &hold(tree)?)?;
        }
    }
    Ok(())
}
