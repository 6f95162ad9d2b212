//! The child's only memory besides its stack: strings it makes itself, for argv and the environment.
//!
//! The bytes are zeroes in .bss that PID 1 never touches: they cost no page until a child writes to its own copy.

#![expect(unsafe_code, reason = "a static buffer is handed out once")]

use core::{
    cell::UnsafeCell,
    ffi::CStr,
    mem,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::io::Errno;

/// Room for expanded words and made-up variables. Larger ones fail the exec step with E2BIG.
const ARENA_BYTES: usize = 128 << 10;

/// The flag is on the page that is written to anyway.
#[repr(C)]
struct Room {
    taken: AtomicBool,
    bytes: UnsafeCell<[u8; ARENA_BYTES]>,
}

// SAFETY: `Arena::take` hands the bytes out once in the life of a process; nobody else touches them.
unsafe impl Sync for Room {}

static ROOM: Room = Room { taken: AtomicBool::new(false), bytes: UnsafeCell::new([0; ARENA_BYTES]) };

/// Gives out C strings that live as long as its bytes. One string is written at a time.
pub(crate) struct Arena<'a> {
    free: &'a mut [u8],
    /// Bytes of the string that is being written.
    length: usize,
}

impl Arena<'static> {
    /// The process's arena. ENOMEM if it is taken already.
    pub(super) fn take() -> Result<Self, Errno> {
        if ROOM.taken.swap(true, Ordering::Relaxed) {
            return Err(Errno::NOMEM);
        }
        // SAFETY: `taken` lets one caller through, so this is the only reference there will ever be.
        Ok(Self::over(unsafe { &mut *ROOM.bytes.get() }))
    }
}

impl<'a> Arena<'a> {
    /// An arena over other bytes.
    pub(crate) const fn over(free: &'a mut [u8]) -> Self {
        Self { free, length: 0 }
    }

    /// Goes on writing. E2BIG if the arena is full, EINVAL for NUL.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.contains(&0) {
            return Err(Errno::INVAL);
        }
        let end = self.length.checked_add(bytes.len()).ok_or(Errno::TOOBIG)?;
        self.free.get_mut(self.length..end).ok_or(Errno::TOOBIG)?.copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    /// Bytes of the string that is being written.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Takes back what was written behind the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Ends the string that was written. E2BIG if there is no room for its NUL.
    pub(crate) fn finish(&mut self) -> Result<&'a CStr, Errno> {
        let length = mem::take(&mut self.length);
        let (string, free) =
            mem::take(&mut self.free).split_at_mut_checked(length.saturating_add(1)).ok_or(Errno::TOOBIG)?;
        self.free = free;
        *string.last_mut().ok_or(Errno::TOOBIG)? = 0;
        CStr::from_bytes_with_nul(string).map_err(|_| Errno::INVAL)
    }

    /// The parts as one string.
    pub(crate) fn join(&mut self, parts: &[&[u8]]) -> Result<&'a CStr, Errno> {
        self.length = 0;
        for part in parts {
            self.write(part)?;
        }
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_follow_each_other_until_the_bytes_are_used_up() {
        let mut bytes = [0xff; 8];
        let mut arena = Arena::over(&mut bytes);
        assert_eq!(arena.join(&[b"ab", b"c"]), Ok(c"abc"));
        assert_eq!(arena.finish(), Ok(c""));
        assert_eq!(arena.join(&[b"wxy"]), Err(Errno::TOOBIG));
    }

    #[test]
    fn a_string_that_just_fits_fits() {
        let mut bytes = [0xff; 4];
        assert_eq!(Arena::over(&mut bytes).join(&[b"abc"]), Ok(c"abc"));
        assert_eq!(Arena::over(&mut [0; 3]).join(&[b"abc"]), Err(Errno::TOOBIG));
    }

    #[test]
    fn nul_is_no_part_of_a_string() {
        assert_eq!(Arena::over(&mut [0; 8]).join(&[b"a\0b"]), Err(Errno::INVAL));
    }
}
