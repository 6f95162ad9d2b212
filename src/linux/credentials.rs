//! `/run/credentials/UNIT`: where a unit's credentials are, a file system of their own that is never written to a disk.

use core::ffi::CStr;

use rustix::{
    fs::{AtFlags, CWD, unlinkat},
    io::Errno,
    mount::{UnmountFlags, unmount},
};

use super::path::PathBuffer;

/// The directory of `unit`'s credentials.
pub(super) fn path<'b>(unit: &str, buffer: &'b mut PathBuffer) -> Result<&'b CStr, Errno> {
    buffer.join(&["/run/credentials/", unit])
}

/// Lets go of whatever is mounted there.
pub(super) fn discard(directory: &CStr) {
    while unmount(directory, UnmountFlags::DETACH).is_ok() {}
}

/// Removes the credentials of `unit`, if there are any.
pub(super) fn remove(unit: &str) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let directory = path(unit, &mut buffer)?;
    discard(directory);
    match unlinkat(CWD, directory, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}
