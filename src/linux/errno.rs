//! The kernel's errors for people.

use core::fmt;

use rustix::io::Errno;

/// Lines of one string: a table of strings takes sixteen bytes more for each.
macro_rules! texts {
    ($($errno:ident = $text:literal,)+) => {
        const ERRNOS: &[Errno] = &[$(Errno::$errno,)+];
        const TEXTS: &str = concat!($($text, "\n"),+);
    };
}

// What errno(3) says, for those that the calls in this room answer; others show their number.
texts! {
    PERM = "Operation not permitted",
    NOENT = "No such file or directory",
    SRCH = "No such process",
    INTR = "Interrupted system call",
    IO = "Input/output error",
    NXIO = "No such device or address",
    TOOBIG = "Argument list too long",
    NOEXEC = "Exec format error",
    BADF = "Bad file descriptor",
    CHILD = "No child processes",
    AGAIN = "Resource temporarily unavailable",
    NOMEM = "Cannot allocate memory",
    ACCESS = "Permission denied",
    FAULT = "Bad address",
    BUSY = "Device or resource busy",
    EXIST = "File exists",
    XDEV = "Invalid cross-device link",
    NODEV = "No such device",
    NOTDIR = "Not a directory",
    ISDIR = "Is a directory",
    INVAL = "Invalid argument",
    NFILE = "Too many open files in system",
    MFILE = "Too many open files",
    NOTTY = "Inappropriate ioctl for device",
    TXTBSY = "Text file busy",
    FBIG = "File too large",
    OVERFLOW = "Value too large for defined data type",
    NOSPC = "No space left on device",
    ROFS = "Read-only file system",
    MLINK = "Too many links",
    PIPE = "Broken pipe",
    RANGE = "Numerical result out of range",
    NAMETOOLONG = "File name too long",
    NOSYS = "Function not implemented",
    NOTEMPTY = "Directory not empty",
    LOOP = "Too many levels of symbolic links",
    ILSEQ = "User or group with specified name already exists",
    ADDRINUSE = "Address already in use",
    ADDRNOTAVAIL = "Cannot assign requested address",
    AFNOSUPPORT = "Address family not supported by protocol",
    CONNREFUSED = "Connection refused",
    CONNRESET = "Connection reset by peer",
    MSGSIZE = "Message too long",
    UCLEAN = "Structure needs cleaning",
    OPNOTSUPP = "Operation not supported",
    DQUOT = "Disk quota exceeded",
}

/// An error as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text(pub Errno);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = ERRNOS.iter().position(|errno| *errno == self.0);
        match place.and_then(|place| TEXTS.lines().nth(place)) {
            Some(text) => f.write_str(text),
            None => write!(f, "error {}", u64::from(self.0.raw_os_error().unsigned_abs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_error_has_its_own_text_or_its_number() {
        assert_eq!(Text(Errno::PERM).to_string(), "Operation not permitted");
        assert_eq!(Text(Errno::DQUOT).to_string(), "Disk quota exceeded");
        assert_eq!(Text(Errno::XFULL).to_string(), "error 54");
        assert_eq!(ERRNOS.len(), TEXTS.lines().count());
    }
}
