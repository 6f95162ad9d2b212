//! Paths put together without a heap.

use core::ffi::CStr;

use heapless::Vec;
use rustix::io::Errno;

/// The kernel's PATH_MAX, NUL included.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// A path with its NUL.
#[derive(Clone, Debug)]
pub(super) struct PathBuffer(Vec<u8, PATH_BYTES_MAX>);

impl PathBuffer {
    /// The parts one after the other. ENAMETOOLONG if they are longer than a path; EINVAL if one holds a NUL.
    pub(super) fn new(parts: &[&str]) -> Result<Self, Errno> {
        let mut bytes = Vec::new();
        for part in parts {
            if part.as_bytes().contains(&0) {
                return Err(Errno::INVAL);
            }
            bytes.extend_from_slice(part.as_bytes()).map_err(|_| Errno::NAMETOOLONG)?;
        }
        bytes.push(0).map_err(|_| Errno::NAMETOOLONG)?;
        Ok(Self(bytes))
    }

    /// The path for a system call.
    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.0).unwrap_or(c"") // `new` ended it with its only NUL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_one_path() {
        assert_eq!(PathBuffer::new(&["/run", "/", "x"]).expect("short").as_c_str(), c"/run/x");
    }

    #[test]
    fn nul_and_length_are_refused() {
        assert_eq!(PathBuffer::new(&["a\0b"]).err(), Some(Errno::INVAL));
        let long = std::string::String::from_utf8(std::vec![b'a'; PATH_BYTES_MAX]).expect("ascii");
        assert_eq!(PathBuffer::new(&[&long]).err(), Some(Errno::NAMETOOLONG));
        assert!(PathBuffer::new(&[&long[1..]]).is_ok());
    }
}
