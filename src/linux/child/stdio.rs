//! Descriptors 0, 1 and 2, opened as root and outside every sandbox.

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{
        Gid, MemfdFlags, Mode, OFlags, SealFlags, Uid, fchmod, fchown, fcntl_add_seals, fcntl_getfl,
        fcntl_setfl, memfd_create, open, openat,
    },
    io::{self, Errno},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin, stdout},
};

use super::{
    Work,
    place::{Missing, find},
};

use crate::{
    linux::{
        AsFd,
        clock::sleep_us,
        path::PathBuffer,
        plan::{Input, Output, Taking, Terminal, Writing},
        raw::terminal,
        tree::magic_link,
    },
    words,
};

/// How long somebody else's terminal is left to him before it is asked for again.
const PAUSE_US: u64 = 200_000;

/// `StandardInput=`.
pub(super) fn connect_input(work: &mut Work<'_>) -> Result<(), Errno> {
    prepare_terminal(work)?;
    match work.plan.stdio.input {
        Input::Null => dup2_stdin(open_null(OFlags::RDONLY)?),
        Input::Fd(fd) => {
            fcntl_setfl(fd, fcntl_getfl(fd)?.difference(OFlags::NONBLOCK))?;
            dup2_stdin(fd)
        }
        Input::File(path) => {
            // One descriptor serves both where they name the same file.
            let both = matches!(work.plan.stdio.output, Output::File(output, _) if output == path);
            dup2_stdin(open_file(work, path, if both { OFlags::RDWR } else { OFlags::RDONLY })?)
        }
        Input::Data(bytes) => dup2_stdin(hold_data(bytes)?),
        Input::Tty(taking) => {
            let tty = take_tty(work, taking)?;
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
        (Output::Inherit, Input::Null | Input::Data(_)) | (Output::Null, _) => {
            dup2_stdout(open_null(OFlags::WRONLY)?)
        }
        (Output::Inherit, Input::Tty(_) | Input::File(_) | Input::Fd(_)) => dup2_stdout(borrow_stdin()),
        (Output::File(path, _), Input::File(input)) if path == input => dup2_stdout(borrow_stdin()),
        (Output::File(path, how), _) => dup2_stdout(open_file(work, path, flags(how))?),
        (Output::Tty, _) => dup2_stdout(open_tty(work, OFlags::empty())?),
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

fn connect_error_to<'a>(work: &Work<'a>, error: Output<'a>) -> Result<(), Errno> {
    match error {
        Output::Inherit => dup2_stderr(borrow_stdout()),
        Output::File(path, how) => dup2_stderr(open_file(work, path, flags(how))?),
        Output::Null => dup2_stderr(open_null(OFlags::WRONLY)?),
        Output::Tty => dup2_stderr(open_tty(work, OFlags::empty())?),
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
fn open_file<'a>(work: &Work<'a>, path: &'a str, flags: OFlags) -> Result<OwnedFd, Errno> {
    work.about.set(path.as_bytes());
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
    let root = open(c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match find(root.as_fd(), path, Missing::Fails) {
        Ok((held, _)) => open(magic_link(held.as_fd()).as_c_str(), flags, Mode::empty()),
        Err(Errno::NOENT) if flags.intersects(OFlags::WRONLY | OFlags::RDWR) => {
            let (folder, name) = words::split_last(path, b'/').ok_or(Errno::INVAL)?;
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

fn open_tty(work: &Work<'_>, more: OFlags) -> Result<OwnedFd, Errno> {
    work.about.set(work.plan.stdio.tty_path.as_bytes());
    let mut path = PathBuffer::empty();
    let path = path.join(&[work.plan.stdio.tty_path])?;
    open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | more, Mode::empty())
}

/// `TTYVHangup=` and its kind. Nobody else keeps a terminal that is to be taken from him; its looks are no reason to fail.
fn prepare_terminal(work: &Work<'_>) -> Result<(), Errno> {
    let Terminal { hang_up, reset, rows, columns } = work.plan.stdio.terminal;
    let sized = rows != 0 || columns != 0;
    if !hang_up && !reset && !sized {
        return Ok(());
    }
    // Opening does not wait for a modem's carrier.
    if hang_up {
        terminal::hang_up(open_tty(work, OFlags::NONBLOCK)?.as_fd())?;
    }
    let tty = open_tty(work, OFlags::NONBLOCK)?;
    if reset {
        let _looks = terminal::reset(tty.as_fd());
    }
    if sized {
        let _looks = terminal::resize(tty.as_fd(), rows, columns);
    }
    Ok(())
}

/// The terminal, which is this session's from here on.
fn take_tty(work: &Work<'_>, taking: Taking) -> Result<OwnedFd, Errno> {
    loop {
        let tty = open_tty(work, OFlags::empty())?;
        match terminal::acquire(tty.as_fd(), taking == Taking::Force) {
            Ok(()) => return Ok(tty),
            // EIO: it was hung up when its last session ended.
            Err(Errno::PERM | Errno::IO) if taking == Taking::Wait => sleep_us(PAUSE_US),
            Err(errno) => return Err(errno),
        }
    }
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
