//! Descriptors 0, 1 and 2, opened as root and outside every sandbox.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Gid, Mode, OFlags, Uid, fchmod, fchown, open},
    io::Errno,
    process::ioctl_tiocsctty,
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin, stdout},
};

use super::Work;
use crate::linux::{
    path::PathBuffer,
    plan::{Input, Output},
};

/// `StandardInput=`.
pub(super) fn connect_input(work: &mut Work<'_>) -> Result<(), Errno> {
    match work.plan.stdio.input {
        Input::Null => dup2_stdin(open_null(OFlags::RDONLY)?),
        Input::Fd(fd) => dup2_stdin(fd),
        Input::Tty => {
            let tty = open_tty(work)?;
            ioctl_tiocsctty(&tty)?;
            if let Some(uid) = work.who.uid.filter(|&uid| uid != 0) {
                fchown(&tty, Some(Uid::from_raw(uid)), None::<Gid>)?;
                fchmod(&tty, Mode::RUSR | Mode::WUSR)?;
            }
            dup2_stdin(tty)
        }
    }
}

/// `StandardOutput=`.
pub(super) fn connect_output(work: &mut Work<'_>) -> Result<(), Errno> {
    match (work.plan.stdio.output, work.plan.stdio.input) {
        (Output::Inherit, Input::Null) | (Output::Null, _) => dup2_stdout(open_null(OFlags::WRONLY)?),
        (Output::Inherit, Input::Tty | Input::Fd(_)) => dup2_stdout(borrow_stdin()),
        (Output::Tty, _) => dup2_stdout(open_tty(work)?),
        (Output::Fd(fd), _) => dup2_stdout(fd),
    }
}

/// `StandardError=`.
pub(super) fn connect_error(work: &mut Work<'_>) -> Result<(), Errno> {
    match work.plan.stdio.error {
        Output::Inherit => dup2_stderr(borrow_stdout()),
        Output::Null => dup2_stderr(open_null(OFlags::WRONLY)?),
        Output::Tty => dup2_stderr(open_tty(work)?),
        Output::Fd(fd) => dup2_stderr(fd),
    }
}

fn open_null(access: OFlags) -> Result<OwnedFd, Errno> {
    open(c"/dev/null", access | OFlags::CLOEXEC, Mode::empty())
}

fn open_tty(work: &Work<'_>) -> Result<OwnedFd, Errno> {
    let path = PathBuffer::new(&[work.plan.stdio.tty_path])?;
    open(path.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}

#[expect(unsafe_code, reason = "descriptors 0 and 1 are borrowed by number")]
fn borrow_stdin() -> impl AsFd {
    // SAFETY: `connect_input` has just put a descriptor there, and nothing closes it before execve.
    unsafe { stdin() }
}

#[expect(unsafe_code, reason = "descriptors 0 and 1 are borrowed by number")]
fn borrow_stdout() -> impl AsFd {
    // SAFETY: `connect_output` has just put a descriptor there, and nothing closes it before execve.
    unsafe { stdout() }
}
