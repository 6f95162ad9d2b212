//! What the kernel puts on a new program's stack: the words it was called with and its environment.
//!
//! Owns the one place where rustix is told about the auxiliary vector; it may not look into /proc for it, which is not
//! mounted yet when PID 1 starts.

#![expect(unsafe_code, reason = "the initial stack is only reachable through a pointer")]

use core::ffi::{CStr, c_char};

use rustix::io::Errno;

use super::raw::{CStrings, process::execve_with};

/// argv and envp as the kernel laid them out. They live as long as the process.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    argv: *const *const c_char,
    envp: *const *const c_char,
}

impl Arguments {
    /// Reads the initial stack and hands the auxiliary vector to rustix.
    ///
    /// # Safety
    /// `stack` is the stack pointer at the program's first instruction (argc, argv, null, envp, null, auxv), nothing
    /// has written there since, and rustix has not been used yet.
    pub unsafe fn from_stack(stack: *const usize) -> Self {
        // SAFETY: by the caller's promise argc is there, `argc` pointers and a null follow, then envp.
        let (argv, envp) = unsafe {
            let argv = stack.add(1).cast::<*const c_char>();
            (argv, argv.add(*stack).add(1))
        };
        // SAFETY: `envp` is the original environment block, and this is rustix's first use.
        unsafe { rustix::param::init(envp.cast_mut().cast()) };
        Self { argv, envp }
    }

    /// Those of a test.
    #[cfg(test)]
    pub(crate) fn of(words: &[&'static CStr]) -> Self {
        let ends = words.iter().map(|word| word.as_ptr()).chain([core::ptr::null(), core::ptr::null()]);
        let strings: &'static [*const c_char] = std::vec::Vec::from_iter(ends).leak();
        let argv = strings.as_ptr();
        Self { argv, envp: strings.last().map_or(argv, core::ptr::from_ref) }
    }

    /// The words of the command line, argv\[0\] first. Empty if there is none: the kernel allows that.
    pub const fn words(self) -> Strings {
        Strings(self.argv)
    }

    /// Becomes the program at `path` with other `words` and the same environment. Comes back only if that failed.
    pub(super) fn execute<const SLOTS: usize>(self, path: &CStr, words: &CStrings<'_, SLOTS>) -> Errno {
        // SAFETY: `CStrings` ends in a null pointer, and so does the environment: `from_stack` made it from the initial
        // stack.
        unsafe { execve_with(path, words.as_ptr(), self.envp) }
    }

    /// The environment's `NAME=value` strings.
    pub const fn environment(self) -> Strings {
        Strings(self.envp)
    }
}

/// Walks a null-terminated array of C strings on the initial stack.
#[derive(Clone, Debug)]
pub struct Strings(*const *const c_char);

impl Iterator for Strings {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: `Arguments::from_stack` made the pointer from a null-terminated array, and the walk stops at its null.
        let string = unsafe { *self.0 };
        if string.is_null() {
            return None;
        }
        // SAFETY: not at the null yet, so the next slot exists; the kernel ends each string with NUL and keeps it
        // mapped for the life of the process.
        unsafe {
            self.0 = self.0.add(1);
            Some(CStr::from_ptr(string))
        }
    }
}
