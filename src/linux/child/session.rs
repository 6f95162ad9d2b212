//! What a process inherits and has to get rid of: dispositions, session, directory, descriptors, signal mask.

use core::ffi::CStr;

use rustix::{
    fd::BorrowedFd,
    io::{self, Errno, FdFlags},
    process::{Resource, chdir, getrlimit, setsid},
};

use super::Work;
use crate::linux::{
    path::PathBuffer,
    raw::{
        keyring, process,
        signal::{self, SIGNAL_MAX, SIGPIPE},
    },
};

/// Descriptors looked at one by one where the kernel cannot do it at once; tomte's own limit is far lower.
const DESCRIPTORS_MAX: u64 = 1 << 20;

/// Ignored signals would stay ignored over execve.
pub(super) fn reset_signals(work: &mut Work<'_>) -> Result<(), Errno> {
    for number in 1..=SIGNAL_MAX {
        match signal::set_default(number) {
            Ok(()) | Err(Errno::INVAL) => {} // EINVAL: KILL, STOP
            Err(errno) => return Err(errno),
        }
    }
    if work.plan.ignore_sigpipe { signal::ignore(SIGPIPE) } else { Ok(()) }
}

/// A session and process group of its own, without a terminal.
pub(super) fn start(_work: &mut Work<'_>) -> Result<(), Errno> {
    setsid().map(|_| ())
}

/// `KeyringMode=`: an empty keyring instead of PID 1's, unless it is to be PID 1's.
pub(super) fn join_keyring(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.inherit_keyring {
        return Ok(());
    }
    match keyring::join_new_session() {
        // A kernel without keys, or a container whose filter denies them to everybody in it.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        answer => answer,
    }
}

/// `WorkingDirectory=`, as the user and inside the namespace: a home on NFS may be closed to root.
pub(super) fn change_directory(work: &mut Work<'_>) -> Result<(), Errno> {
    chdir(c"/")?;
    let entered = match work.plan.working_directory {
        "" => Ok(()),
        "~" => work.who.home().ok_or(Errno::NXIO).and_then(enter),
        path => enter(path),
    };
    if work.plan.working_directory_optional { Ok(()) } else { entered }
}

fn enter(path: &str) -> Result<(), Errno> {
    chdir::<&CStr>(PathBuffer::empty().join(&[path])?)
}

/// Everything from 3 up closes at execve, whoever forgot to say so.
pub(super) fn close_descriptors(_work: &mut Work<'_>) -> Result<(), Errno> {
    match process::close_on_exec_from(3) {
        Err(Errno::NOSYS | Errno::INVAL) => close_one_by_one(), // before Linux 5.11
        answer => answer,
    }
}

fn close_one_by_one() -> Result<(), Errno> {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(DESCRIPTORS_MAX).min(DESCRIPTORS_MAX);
    for number in 3..i32::try_from(limit).unwrap_or(i32::MAX) {
        #[expect(unsafe_code, reason = "descriptors that may not exist are asked about by number")]
        // SAFETY: the flag is all that is touched, and the kernel answers EBADF for what is not open.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        match io::fcntl_setfd(fd, FdFlags::CLOEXEC) {
            Ok(()) | Err(Errno::BADF) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// From here on a signal ends the child as it would end the program.
pub(super) fn unblock_signals(_work: &mut Work<'_>) -> Result<(), Errno> {
    signal::set_mask(0).map(|_| ())
}
