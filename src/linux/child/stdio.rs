//! Descriptors 0, 1 and 2, opened as root and outside every sandbox.

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{
        Gid, MemfdFlags, Mode, OFlags, SealFlags, Uid, fchmod, fchown, fcntl_add_seals, memfd_create, open,
        openat,
    },
    io::{self, Errno},
    process::ioctl_tiocsctty,
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin, stdout},
};

use super::{
    Work,
    place::{Missing, find},
};

use crate::linux::{
    AsFd,
    path::PathBuffer,
    plan::{Input, Output, Writing},
    tree::magic_link,
};

/// `StandardInput=`.
pub(super) fn connect_input(work: &mut Work<'_>) -> Result<(), Errno> {
    match work.plan.stdio.input {
        Input::Null => dup2_stdin(open_null(OFlags::RDONLY)?),
        Input::Fd(fd) => dup2_stdin(fd),
        Input::File(path) => {
            // One descriptor serves both where they name the same file.
            let both = matches!(work.plan.stdio.output, Output::File(output, _) if output == path);
            dup2_stdin(open_file(work, path, if both { OFlags::RDWR } else { OFlags::RDONLY })?)
        }
        Input::Data(bytes) => dup2_stdin(hold_data(bytes)?),
        Input::Tty => {
            let tty = open_tty(work)?;
            ioctl_tiocsctty(&tty)?;
            if let Some(uid) = work.who.uid.filter(|&uid| uid != 0) {
                fchown(tty.as_fd(), Some(Uid::from_raw(uid)), None::<Gid>)?;
                fchmod(tty.as_fd(), Mode::RUSR | Mode::WUSR)?;
            }
            dup2_stdin(tty)
        }
    }
}

/// `StandardOutput=`.
pub(super) fn connect_output(work: &mut Work<'_>) -> Result<(), Errno> {
    match (work.plan.stdio.output, work.plan.stdio.input) {
        (Output::Inherit, Input::Null) | (Output::Null, _) => dup2_stdout(open_null(OFlags::WRONLY)?),
        (Output::Inherit, Input::Tty | Input::File(_) | Input::Data(_) | Input::Fd(_)) => {
            dup2_stdout(borrow_stdin())
        }
        (Output::File(path, _), Input::File(input)) if path == input => dup2_stdout(borrow_stdin()),
        (Output::File(path, how), _) => dup2_stdout(open_file(work, path, flags(how))?),
        (Output::Tty, _) => dup2_stdout(open_tty(work)?),
        (Output::Fd(fd), _) => dup2_stdout(fd),
    }
}

/// `StandardError=`.
pub(super) fn connect_error(work: &mut Work<'_>) -> Result<(), Errno> {
    match (work.plan.stdio.error, work.plan.stdio.output) {
        (Output::File(path, how), Output::File(other, also)) if path == other && how == also => {
            dup2_stderr(borrow_stdout())
        }
        (error, _) => connect_error_to(work, error),
    }
}

fn connect_error_to(work: &Work<'_>, error: Output<'_>) -> Result<(), Errno> {
    match error {
        Output::Inherit => dup2_stderr(borrow_stdout()),
        Output::File(path, how) => dup2_stderr(open_file(work, path, flags(how))?),
        Output::Null => dup2_stderr(open_null(OFlags::WRONLY)?),
        Output::Tty => dup2_stderr(open_tty(work)?),
        Output::Fd(fd) => dup2_stderr(fd),
    }
}

const fn flags(how: Writing) -> OFlags {
    match how {
        Writing::Over => OFlags::WRONLY,
        Writing::Append => OFlags::WRONLY.union(OFlags::APPEND),
        Writing::Truncate => OFlags::WRONLY.union(OFlags::TRUNC),
    }
}

/// Opens a file as root does, so a link on the way is followed only where nobody but root can have made it. A file that
/// is to be written is made if it is missing.
fn open_file(work: &Work<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
    let root = open(c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match find(root.as_fd(), path, Missing::Fails) {
        Ok((held, _)) => open(magic_link(held.as_fd()).as_c_str(), flags, Mode::empty()),
        Err(Errno::NOENT) if flags.intersects(OFlags::WRONLY | OFlags::RDWR) => {
            let (folder, name) = path.rsplit_once('/').ok_or(Errno::INVAL)?;
            let (folder, _) = find(root.as_fd(), folder, Missing::Fails)?;
            let mode = Mode::from_raw_mode(0o666 & !u32::from(work.plan.limits.umask));
            let flags = flags | OFlags::CREATE | OFlags::NOFOLLOW;
            openat(folder.as_fd(), PathBuffer::empty().join(&[name])?, flags, mode)
        }
        Err(errno) => Err(errno),
    }
}

/// A file in memory that has `bytes` and never anything else.
fn hold_data(bytes: &[u8]) -> Result<OwnedFd, Errno> {
    let file = memfd_create(c"stdin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    if io::write(&file, bytes)? < bytes.len() {
        return Err(Errno::IO);
    }
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    // Opened anew, it is read from its beginning.
    open(magic_link(file.as_fd()).as_c_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn open_null(access: OFlags) -> Result<OwnedFd, Errno> {
    open(c"/dev/null", access | OFlags::CLOEXEC, Mode::empty())
}

fn open_tty(work: &Work<'_>) -> Result<OwnedFd, Errno> {
    let mut path = PathBuffer::empty();
    let path = path.join(&[work.plan.stdio.tty_path])?;
    open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}

#[expect(unsafe_code, reason = "descriptors 0 and 1 are borrowed by number")]
fn borrow_stdin() -> BorrowedFd<'static> {
    // SAFETY: `connect_input` has just put a descriptor there, and nothing closes it before execve.
    unsafe { stdin() }
}

#[expect(unsafe_code, reason = "descriptors 0 and 1 are borrowed by number")]
fn borrow_stdout() -> BorrowedFd<'static> {
    // SAFETY: `connect_output` has just put a descriptor there, and nothing closes it before execve.
    unsafe { stdout() }
}
