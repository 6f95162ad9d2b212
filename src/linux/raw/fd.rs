//! Descriptors that are lent to system calls.

use core::mem::transmute;

use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What has a descriptor to lend. rustix's trait of the same name asks an [`OwnedFd`] at every use whether it is -1, which
/// makes a call to a function that may panic out of nothing; a kilobyte of them.
pub trait AsFd {
    /// The descriptor.
    fn as_fd(&self) -> BorrowedFd<'_>;
}

impl AsFd for OwnedFd {
    #[inline(always)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: BorrowedFd is a transparent RawFd that is open and not -1 (its documentation). This one is: rustix
        // makes no OwnedFd of -1, and it stays open as long as the borrow.
        unsafe { transmute::<RawFd, BorrowedFd<'_>>(self.as_raw_fd()) }
    }
}

impl AsFd for BorrowedFd<'_> {
    #[inline(always)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        *self
    }
}

impl<T: AsFd> AsFd for &T {
    #[inline(always)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        T::as_fd(self)
    }
}
