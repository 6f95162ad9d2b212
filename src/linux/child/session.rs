//! What a process inherits and has to get rid of: dispositions, session, directory, descriptors, signal mask.

use core::{ffi::CStr, mem};

use rustix::{
    fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{self, Errno, FdFlags},
    process::{Resource, chdir, getrlimit, setsid},
    thread::{Uid, set_thread_res_uid},
};

use super::Work;
use crate::linux::{
    path::PathBuffer,
    plan::{Keyring, PASSED_MAX, Privilege},
    raw::{
        keyring, process,
        signal::{self, SIGPIPE},
    },
};

/// Descriptors looked at one by one where the kernel cannot do it at once; tomte's own limit is far lower.
const DESCRIPTORS_MAX: u64 = 1 << 20;

/// `IgnoreSIGPIPE=`. What is ignored stays so over execve, but nothing else is (`signals::take_charge`); execve takes care
/// of handlers.
pub(super) fn reset_signals(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.ignore_sigpipe { signal::ignore(SIGPIPE) } else { signal::set_default(SIGPIPE) }
}

/// A session and process group of its own, without a terminal.
pub(super) fn start(_work: &mut Work<'_>) -> Result<(), Errno> {
    setsid().map(|_| ())
}

/// `KeyringMode=`: an empty keyring instead of PID 1's, unless it is to be PID 1's.
pub(super) fn join_keyring(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.keyring == Keyring::Inherit {
        return Ok(());
    }
    match keyring::join_new_session() {
        // A kernel without keys, or a container whose filter denies them to everybody in it.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => return Ok(()),
        answer => answer?,
    }
    if work.plan.keyring == Keyring::Private {
        return Ok(());
    }
    // Whose keyring "the user's" is goes by the real number; all else that root may do stays (exec-invoke.c, `setup_keyring`).
    let restricted = work.plan.privilege == Privilege::Restricted;
    let user = work.who.uid.filter(|_| restricted).map_or(Uid::ROOT, Uid::from_raw);
    set_thread_res_uid(user, Uid::ROOT, Uid::ROOT)?;
    let linked = keyring::link_users();
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).and(linked)
}

/// `WorkingDirectory=`, as the user and inside the namespace: a home on NFS may be closed to root.
pub(super) fn change_directory(work: &mut Work<'_>) -> Result<(), Errno> {
    chdir(c"/")?;
    work.about.set(work.plan.working_directory.as_bytes());
    let entered = match work.plan.working_directory {
        "" => Ok(()),
        "~" => work.who.home(work.plan.privilege != Privilege::Restricted).ok_or(Errno::NXIO).and_then(enter),
        path => enter(path),
    };
    if work.plan.working_directory_optional { Ok(()) } else { entered }
}

fn enter(path: &str) -> Result<(), Errno> {
    chdir::<&CStr>(PathBuffer::empty().join(&[path])?)
}

/// Everything from 3 up closes at execve, whoever forgot to say so, but for what the program is given.
pub(super) fn close_descriptors(work: &mut Work<'_>) -> Result<(), Errno> {
    match process::close_on_exec_from(3) {
        Err(Errno::NOSYS | Errno::INVAL) => close_one_by_one(), // before Linux 5.11
        answer => answer,
    }?;
    pass_descriptors(work)
}

/// Puts what the program is given at 3 and so on. Copies above come first: the places may be taken by what is still needed.
fn pass_descriptors(work: &mut Work<'_>) -> Result<(), Errno> {
    let (passed, ready) = (work.plan.descriptors, work.plan.ready);
    let end = i32::try_from(passed.len()).map_err(|_| Errno::MFILE)? + 3;
    let first_free = ready.map_or(end, |(_, number)| end.max(i32::from(number) + 1));
    if first_free == 3 {
        return Ok(());
    }
    let above = |fd: BorrowedFd<'_>| io::fcntl_dupfd_cloexec(fd, first_free);
    #[expect(unsafe_code, reason = "the descriptor stays open to the end of the process")]
    // SAFETY: nobody closes it: it is given up by its owner, and execve closes it.
    let report = unsafe { BorrowedFd::borrow_raw(above(work.report)?.into_raw_fd()) };
    work.report = report;
    let mut copies = heapless::Vec::<OwnedFd, PASSED_MAX>::new();
    for one in passed {
        if let Some(non_blocking) = one.non_blocking {
            let mut flags = fcntl_getfl(one.fd)?;
            flags.set(OFlags::NONBLOCK, non_blocking);
            fcntl_setfl(one.fd, flags)?;
        }
        copies.push(above(one.fd)?).map_err(|_| Errno::MFILE)?;
    }
    let ready = match ready {
        Some((_, number)) if i32::from(number) < end => return Err(Errno::BUSY),
        Some((fd, number)) => Some((above(fd)?, number.into())),
        None => None,
    };
    for (number, copy) in (3..).zip(&copies) {
        put(copy, number)?;
    }
    ready.map_or(Ok(()), |(copy, number)| put(&copy, number))
}

/// Puts `copy` at `number`.
fn put(copy: &OwnedFd, number: i32) -> Result<(), Errno> {
    #[expect(unsafe_code, reason = "descriptors are put in places that are given by number")]
    // SAFETY: all that is needed from here on has a copy above these places, so nobody misses what was there; the place is
    // given up below and not closed.
    let mut place = unsafe { OwnedFd::from_raw_fd(number) };
    let put = io::dup2(copy, &mut place);
    mem::forget(place);
    put
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
