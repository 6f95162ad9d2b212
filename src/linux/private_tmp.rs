//! `PrivateTmp=yes`: directories of a unit's own below the host's /tmp and /var/tmp.
//!
//! `/tmp/systemd-private-TOKEN-UNIT/tmp`: the outer directory is root's and closed, the inner one is what the unit sees
//! as its /tmp. The token keeps others from making the outer one first.

use core::ffi::CStr;

use rustix::{
    fd::OwnedFd,
    fs::{Mode, fchmod, fstat, mkdirat},
    io::Errno,
};

use super::{AsFd, path::PathBuffer, tree};

/// The directories that hold temporary files.
pub(super) const PLACES: [&CStr; 2] = [c"/tmp", c"/var/tmp"];

/// The name of a unit's outer directory.
pub(super) struct PrivateTmpName<'b>(&'b CStr);

impl<'b> PrivateTmpName<'b> {
    /// For `unit`, whose name is cut where the whole would be longer than a file name may be.
    pub(super) fn new(token: u64, unit: &str, buffer: &'b mut PathBuffer) -> Result<Self, Errno> {
        let mut rest = token;
        let digits: [u8; 16] = core::array::from_fn(|_| {
            rest = rest.rotate_left(4);
            let digit = rest as u8 & 0xf;
            if digit < 10 { b'0' | digit } else { b'a'.saturating_add(digit.saturating_sub(10)) }
        });
        let digits = core::str::from_utf8(&digits).unwrap_or_default();
        // A file name has 255 bytes; systemd-private- and the token take 33 of them, and a dash.
        let unit = unit.get(..unit.len().min(200)).unwrap_or_default();
        buffer.join(&["systemd-private-", digits, "-", unit]).map(Self)
    }

    /// Makes the directories below `place` if they are missing, and opens the inner one. EEXIST if somebody else's is
    /// in the way.
    pub(super) fn make(&self, place: &OwnedFd) -> Result<OwnedFd, Errno> {
        let (place, name) = (place.as_fd(), self.0);
        match mkdirat(place, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let outer = tree::open_directory(place, name)?;
        let found = fstat(outer.as_fd())?;
        if found.st_uid != 0 || found.st_mode & 0o7777 != 0o700 {
            return Err(Errno::EXIST);
        }
        match mkdirat(outer.as_fd(), c"tmp", Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let inner = tree::open_directory(&outer, c"tmp")?;
        fchmod(inner.as_fd(), Mode::from_raw_mode(0o1777))?;
        Ok(inner)
    }

    /// Removes the directories below every place.
    pub(super) fn remove(&self) -> Result<(), Errno> {
        for &place in &PLACES {
            if let Some(place) = tree::open_if_there(place)? {
                tree::remove(place.as_fd(), self.0)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_has_the_token_and_the_unit() {
        let mut buffer = PathBuffer::empty();
        let name = PrivateTmpName::new(0x0123_4567_89ab_cdef, "a@b.service", &mut buffer).expect("short");
        assert_eq!(name.0, c"systemd-private-0123456789abcdef-a@b.service");
    }

    #[test]
    fn a_long_unit_name_still_gives_a_file_name() {
        let mut buffer = PathBuffer::empty();
        let name = PrivateTmpName::new(u64::MAX, &"u".repeat(255), &mut buffer).expect("cut");
        assert!(name.0.count_bytes() <= 255);
    }
}
