//! What this process works on, in memory that a service's process gets no copy of.
//!
//! A fork copies the page tables of all that may be written, and from then on each first write to a page costs a fault
//! and a copy of it, in the parent too: for PID 1's state that was a fifth of what a start costs, for memory that the
//! child never looks at. So it lies apart (madvise(2), MADV_DONTFORK). Children that work for PID 1 itself, such as the one
//! that writes the report, get everything: it comes back for as long as their fork takes, since services are more.

#![expect(unsafe_code, reason = "static memory is handed out once, and the kernel told what to do with it")]

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::mm::{Advice, madvise};

/// The kernel's page. Larger ones give no less, only some of the memory around them stays shared.
const PAGE_BYTES: usize = 4096;
/// How much of the stack below the caller's frame [`forget_dead_frames`] gives back.
const DEAD_BYTES: usize = 1 << 20;

/// Address and length of what lies apart: one place, since each would be a stretch of memory for forks to deal with.
static APART: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));

/// One `T`, on pages of its own. Whatever is all zeros in it takes up no memory before it is written to.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Place<T> {
    room: UnsafeCell<T>,
    taken: AtomicBool,
}

// SAFETY: the one way to what is inside is `take_for_all`, which gives it away once.
unsafe impl<T> Sync for Place<T> {}

impl<T> Place<T> {
    /// With `value`, for a static.
    pub const fn new(value: T) -> Self {
        const { assert!(align_of::<Self>() >= PAGE_BYTES) };
        Self { room: UnsafeCell::new(value), taken: AtomicBool::new(false) }
    }

    /// What is here, for as long as the process lives. `None` if somebody has it already. There is one such place in a
    /// process.
    pub fn take(&'static self) -> Option<&'static mut T> {
        let taken = self.take_for_all()?;
        APART.0.store(ptr::from_ref(self).addr(), Ordering::Relaxed);
        APART.1.store(size_of::<Self>(), Ordering::Relaxed);
        advise(Advice::LinuxDontFork);
        Some(taken)
    }

    /// The same for what children of any kind may look at: they get a copy.
    #[expect(clippy::mut_from_ref, reason = "once")]
    pub fn take_for_all(&'static self) -> Option<&'static mut T> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: `taken` was false, so nobody else has a reference to the room, and nobody gets one any more.
        Some(unsafe { &mut *self.room.get() })
    }
}

/// What becomes of the place at forks from now on. A kernel that will not be told copies it, which costs time only.
fn advise(advice: Advice) {
    let (at, bytes) = (APART.0.load(Ordering::Relaxed), APART.1.load(Ordering::Relaxed));
    if at != 0 {
        // SAFETY: neither advice changes what this process sees. The range is a `Place`, whole pages of static memory.
        let _ = unsafe { madvise(ptr::without_provenance_mut::<c_void>(at), bytes, advice) };
    }
}

/// Forks by `fork`, for a child that gets a copy of what is in every [`Place`]. Any other would die of touching it.
pub(super) fn with_copy<R>(fork: impl FnOnce() -> R) -> R {
    advise(Advice::LinuxDoFork);
    let forked = fork();
    advise(Advice::LinuxDontFork); // in the child, too: it may fork
    forked
}

/// Gives back the stack's memory that calls which have returned had used.
#[inline(never)]
pub fn forget_dead_frames() {
    let here = 0_u8;
    let below = ptr::from_ref(&here).addr() & !(PAGE_BYTES - 1);
    // The next page is left for this frame's own calls.
    let Some(from) = below.checked_sub(DEAD_BYTES) else { return };
    // SAFETY: PID 1 has one thread, so this is the main stack. The range ends a page below this frame, and the stack grows
    // downwards, so nothing that lives is in it; the kernel keeps the stack's guard gap of a megabyte free of other
    // mappings. ENOMEM says that a part was never mapped.
    let _ = unsafe {
        madvise(ptr::without_provenance_mut::<c_void>(from), DEAD_BYTES - PAGE_BYTES, Advice::LinuxDontNeed)
    };
}

#[cfg(test)]
mod tests {
    use rustix::{
        fd::AsFd,
        process::{WaitId, WaitIdOptions, WaitIdStatus, waitid},
    };

    use super::*;
    use crate::linux::raw::process::{Forked, exit, fork, fork_into};

    #[test]
    fn a_place_is_given_away_once_and_a_fork_of_ones_own_has_it_too() {
        static ROOM: Place<[u8; 5]> = Place::new([1, 2, 3, 4, 5]);
        let bytes = ROOM.take().expect("the first");
        assert!(ROOM.take().is_none());
        bytes[0] = 9;
        let own = ended(fork().expect("fork"), bytes);
        assert_eq!(own.exit_status(), Some(9));
        let services = ended(fork_into(None, false).expect("fork"), bytes);
        assert!(services.terminating_signal().is_some(), "it has no copy: {services:?}");
        assert_eq!(bytes, &[9, 2, 3, 4, 5]);
    }

    /// How a child ends whose exit code is the first of `bytes`.
    fn ended(forked: Forked, bytes: &[u8; 5]) -> WaitIdStatus {
        match forked {
            Forked::Child => exit(bytes[0]),
            Forked::Parent { pidfd, .. } => waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)
                .expect("wait")
                .expect("it has ended"),
        }
    }
}
