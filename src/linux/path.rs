//! Paths put together without a heap.

use core::ffi::CStr;

use heapless::Vec;
use rustix::io::Errno;

/// The kernel's PATH_MAX, NUL included.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// Room for a path with its NUL. It stays where it is: a path that is handed on by value is four kilobytes that are copied.
#[derive(Debug)]
pub(super) struct PathBuffer(Vec<u8, PATH_BYTES_MAX>);

impl PathBuffer {
    /// Room for any path.
    #[inline(always)]
    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The parts one after the other, for a system call. ENAMETOOLONG if they are longer than a path; EINVAL if one holds a
    /// NUL.
    #[inline(never)]
    pub(super) fn join(&mut self, parts: &[&str]) -> Result<&CStr, Errno> {
        self.0.clear();
        for part in parts {
            self.0.extend_from_slice(part.as_bytes()).map_err(|_| Errno::NAMETOOLONG)?;
        }
        self.0.push(0).map_err(|_| Errno::NAMETOOLONG)?;
        self.joined()
    }

    /// What was joined last. EINVAL if one of its parts holds a NUL, or there was none.
    pub(super) fn joined(&self) -> Result<&CStr, Errno> {
        CStr::from_bytes_with_nul(&self.0).map_err(|_| Errno::INVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_one_path() {
        let mut buffer = PathBuffer::empty();
        assert_eq!(buffer.join(&["/run", "/", "x"]), Ok(c"/run/x"));
        assert_eq!(buffer.join(&["y"]), Ok(c"y"));
    }

    #[test]
    fn nul_and_length_are_refused() {
        let mut buffer = PathBuffer::empty();
        assert_eq!(buffer.join(&["a\0b"]), Err(Errno::INVAL));
        let long = std::string::String::from_utf8(std::vec![b'a'; PATH_BYTES_MAX]).expect("ascii");
        assert_eq!(buffer.join(&[&long]), Err(Errno::NAMETOOLONG));
        assert!(buffer.join(&[&long[1..]]).is_ok());
    }
}
