//! What goes from one program to the next: descriptors that stay open over execve, and bytes in sealed memory.

#![expect(unsafe_code, reason = "memory is mapped, and a number becomes a descriptor again")]

use core::{convert::Infallible, ffi::CStr, ptr, slice};

use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create},
    io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd},
    mm::{MapFlags, ProtFlags, mmap, munmap},
    path::DecInt,
};

use super::{arguments::Arguments, path::PathBuffer, raw::CStrings};

/// Nobody can write to such a file any more, or cut it off below somebody who reads it.
const SEALED: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK);

/// The option that names the descriptor of the state, as systemd has it.
const OPTION: &str = "--deserialize=";

/// Lets `fd` stay open over execve; answers its number.
///
/// # Errors
/// fcntl(2)'s, which cannot happen.
pub fn pass_on(fd: BorrowedFd<'_>) -> Result<u32, Errno> {
    fcntl_setfd(fd, FdFlags::empty())?;
    Ok(fd.as_raw_fd().unsigned_abs())
}

/// Takes descriptor `number` over, which the program before has passed on. From here on it is closed by execve again.
///
/// # Errors
/// EBADF if there is none, or it was not passed on.
pub fn take_over(number: u32) -> Result<OwnedFd, Errno> {
    let raw = i32::try_from(number).ok().filter(|number| *number > 2).ok_or(Errno::BADF)?;
    // SAFETY: it is not -1, and borrowed for no longer than the kernel takes to say what it is.
    let fd = unsafe { BorrowedFd::borrow_raw(raw) };
    if fcntl_getfd(fd)?.contains(FdFlags::CLOEXEC) {
        return Err(Errno::BADF); // this program's own
    }
    fcntl_setfd(fd, FdFlags::CLOEXEC)?;
    // SAFETY: it was open before this program was: nobody in here owns it, and as it is close-on-exec from here on nobody
    // takes it over again.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Makes a file in memory that nobody can change any more. `write` fills up to `most` bytes and answers how many.
///
/// # Errors
/// memfd_create(2)'s, ftruncate(2)'s, mmap(2)'s and fcntl(2)'s; EFBIG if `write` answers none.
pub fn seal(
    name: &CStr,
    most: usize,
    write: &mut dyn FnMut(&mut [u8]) -> Option<usize>,
) -> Result<OwnedFd, Errno> {
    let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, most as u64)?;
    // SAFETY: a new mapping where nothing is.
    let memory = unsafe {
        mmap(ptr::null_mut(), most, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)
    }?;
    // SAFETY: the kernel has just mapped so many bytes there, zeroed, and nobody else knows them.
    let written = write(unsafe { slice::from_raw_parts_mut(memory.cast(), most) });
    // SAFETY: the slice ended with the line before.
    unsafe { munmap(memory, most) }?;
    ftruncate(&file, written.ok_or(Errno::FBIG)? as u64)?;
    fcntl_add_seals(&file, SEALED | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

/// The bytes of a sealed file of up to `most`, for as long as this program lives.
///
/// # Errors
/// EPERM for a file that can still be changed, EFBIG for one that is too large or empty, else fcntl(2)'s and mmap(2)'s.
pub fn map(file: BorrowedFd<'_>, most: usize) -> Result<&'static [u8], Errno> {
    if !fcntl_get_seals(file)?.contains(SEALED) {
        return Err(Errno::PERM);
    }
    let size = fstat(file)?.st_size;
    let size = usize::try_from(size).ok().filter(|size| (1..=most).contains(size)).ok_or(Errno::FBIG)?;
    // SAFETY: a new mapping where nothing is; the seals keep its bytes as they are, and it is never unmapped.
    unsafe {
        let memory = mmap(ptr::null_mut(), size, ProtFlags::READ, MapFlags::SHARED, file, 0)?;
        Ok(slice::from_raw_parts(memory.cast(), size))
    }
}

/// Gives memory back that [`map`] has answered. Nothing may use it any more: whoever calls has put something else in the
/// place of every reference to it.
pub fn unmap(memory: &'static [u8]) {
    // SAFETY: `map` made the mapping of just this size; that nobody reads it any more is the caller's promise, which
    // `Kernel::make` keeps, as the two tables with the reference have another one by then, and `handover::open_other`,
    // where it was no table and nobody else has had it.
    let _gone = unsafe { munmap(memory.as_ptr().cast_mut().cast(), memory.len()) };
}

impl Arguments {
    /// The descriptor of the state that the program before has left, as its number.
    pub fn state(self) -> Option<u32> {
        let number =
            self.words().find_map(|word| word.to_str().ok()?.strip_prefix(OPTION)?.parse::<u64>().ok())?;
        u32::try_from(number).ok()
    }

    /// Becomes `program`, or starts its own anew: with the same words and environment, and `state` for it to take over.
    /// Comes back only if that failed.
    ///
    /// # Errors
    /// execve(2)'s, and E2BIG for too many words.
    pub fn execute_anew(
        self,
        program: Option<BorrowedFd<'_>>,
        state: Option<BorrowedFd<'_>>,
    ) -> Result<Infallible, Errno> {
        let mut words = CStrings::<WORDS_MAX>::new();
        let mut given = self.words();
        words.push(given.next().unwrap_or(c"init"))?;
        let number = state.map_or(Ok(0), pass_on)?;
        let (mut option, mut path) = (PathBuffer::empty(), PathBuffer::empty());
        let option = option.join(&[OPTION, DecInt::new(number).as_str()])?;
        if state.is_some() {
            words.push(option)?;
        }
        given.filter(|word| is_handed_on(word)).try_for_each(|word| words.push(word))?;
        let path = match program {
            Some(program) => path.join(&["/proc/self/fd/", DecInt::from_fd(program).as_str()])?,
            None => c"/proc/self/exe",
        };
        Err(self.execute(path, &words))
    }

    /// Becomes the init at `path`, with the same words and environment. Comes back only to say why not.
    pub(super) fn execute_init(self, path: &CStr) -> Errno {
        let mut words = CStrings::<WORDS_MAX>::new();
        let mut given = self.words().skip(1).filter(|word| is_handed_on(word));
        match words.push(path).and_then(|()| given.try_for_each(|word| words.push(word))) {
            Ok(()) => self.execute(path, &words),
            Err(errno) => errno,
        }
    }
}

/// Words of a PID 1. The kernel hands over 32 of its own command line at most.
const WORDS_MAX: usize = 64;

fn is_handed_on(word: &CStr) -> bool {
    !word.to_bytes().starts_with(OPTION.as_bytes())
}
