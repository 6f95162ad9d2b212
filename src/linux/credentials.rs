//! `/run/credentials/UNIT`: where a unit's credentials are, a file system of their own that is never written to a disk.

use core::ffi::CStr;

use rustix::{
    fs::{AtFlags, CWD, Mode, mkdirat, unlinkat},
    io::Errno,
    mount::{UnmountFlags, unmount},
};

use super::path::PathBuffer;

/// The directory of `unit`'s credentials.
pub(super) fn path(unit: &str) -> Result<PathBuffer, Errno> {
    PathBuffer::new(&["/run/credentials/", unit])
}

/// Makes the directory, closed to everybody but root, if it is missing.
pub(super) fn make(directory: &PathBuffer) -> Result<(), Errno> {
    for (path, mode) in [(c"/run/credentials", 0o755), (directory.as_c_str(), 0o700)] {
        match mkdirat(CWD, path, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Lets go of whatever is mounted there.
pub(super) fn discard(directory: &CStr) {
    while unmount(directory, UnmountFlags::DETACH).is_ok() {}
}

/// Removes the credentials of `unit`, if there are any.
pub(super) fn remove(unit: &str) -> Result<(), Errno> {
    let directory = path(unit)?;
    let directory = directory.as_c_str();
    discard(directory);
    match unlinkat(CWD, directory, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}
