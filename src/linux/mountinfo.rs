//! The lines of /proc/self/mountinfo: proc_pid_mountinfo(5). And those of /proc/swaps: swapon(8).

use core::ffi::CStr;

use rustix::{fd::OwnedFd, fs::stat, io::Errno};

use super::{
    passwd::{open_lines, search},
    path::{PATH_BYTES_MAX, PathBuffer},
};

/// Where the kernel says what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// File systems that are mounted in this process's namespace.
    Mounts,
    /// Swap that is on.
    Swaps,
}

impl Source {
    /// The file.
    pub const fn path(self) -> &'static CStr {
        match self {
            Self::Mounts => c"/proc/self/mountinfo",
            Self::Swaps => c"/proc/swaps",
        }
    }
}

/// Something that there is.
#[derive(Clone, Copy, Debug)]
pub struct Found<'l> {
    source: Source,
    path: &'l CStr,
}

impl Found<'_> {
    /// Whether this is mounted at `place`, or is the swap at `place`, which may be a link.
    pub fn is_of(&self, place: &str) -> bool {
        match self.source {
            Source::Mounts => self.path.to_bytes() == place.as_bytes(),
            Source::Swaps => {
                let mut buffer = PathBuffer::empty();
                let own = buffer.join(&[place]).and_then(stat);
                let (Ok(own), Ok(one)) = (own, stat(self.path)) else { return false };
                (own.st_dev, own.st_ino) == (one.st_dev, one.st_ino)
            }
        }
    }
}

/// Opens the file of `source`, which has POLLPRI whenever that has changed.
///
/// # Errors
/// open(2)'s.
pub fn open(source: Source) -> Result<OwnedFd, Errno> {
    open_lines(source.path())
}

/// Shows everything that there is to `see`.
///
/// # Errors
/// open(2)'s and read(2)'s; EFBIG and EMSGSIZE beyond the limits of `passwd`, a mebibyte and 8 KiB a line.
#[inline(never)]
pub fn each(source: Source, see: &mut dyn FnMut(Found<'_>)) -> Result<(), Errno> {
    let file = open(source)?;
    let found = search(&file, &mut |line| {
        let mut buffer = [0; PATH_BYTES_MAX];
        let path = match source {
            Source::Mounts => parse(line, &mut buffer).map(|(path, _)| path),
            Source::Swaps => {
                line.split(|byte| *byte == b' ').next().and_then(|path| unescape(path, &mut buffer))
            }
        };
        if let Some(path) = path {
            see(Found { source, path });
        }
        Ok(false)
    });
    found.map(drop)
}

/// Where a line's file system is mounted, unescaped into `buffer` (space, tab, newline and backslash are octal), and the
/// options of that mount. `None` if the line is none, or longer than `buffer`.
#[inline(never)]
pub fn parse<'l>(line: &'l [u8], buffer: &'l mut [u8]) -> Option<(&'l CStr, &'l [u8])> {
    let mut fields = line.split(|&byte| byte == b' ').skip(4);
    let (escaped, options) = (fields.next()?, fields.next()?);
    Some((unescape(escaped, buffer)?, options))
}

/// `escaped` with its octal escapes undone in `buffer`. `None` if it does not fit, or is not escaped so.
pub fn unescape<'b>(escaped: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let mut bytes = escaped.iter().copied();
    let mut places = buffer.iter_mut();
    while let Some(mut byte) = bytes.next() {
        if byte == b'\\' {
            byte = 0;
            for _ in 0..3 {
                let digit = bytes.next()?.checked_sub(b'0').filter(|digit| *digit < 8)?;
                byte = byte << 3 | digit;
            }
        }
        *places.next()? = byte;
    }
    *places.next()? = 0;
    CStr::from_bytes_until_nul(buffer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_place_and_options() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402\134x ro,noexec,relatime master:1 - ext3 /dev/root rw,errors=continue";
        let mut buffer = [0xff; 16];
        assert_eq!(parse(line, &mut buffer), Some((c"/mnt 2\\x", &b"ro,noexec,relatime"[..])));
        assert_eq!(parse(b"36 35 98:0 /mnt1", &mut buffer), None);
        assert_eq!(parse(b"", &mut buffer), None);
        assert_eq!(parse(br"36 35 98:0 / /a\0 rw", &mut buffer), None);
    }

    #[test]
    fn a_place_that_does_not_fit_is_none() {
        assert_eq!(parse(b"1 2 3 / /abc rw", &mut [0; 4]), None);
        assert!(parse(b"1 2 3 / /abc rw", &mut [0; 5]).is_some());
    }
}
