//! Stamp files: when a timer last elapsed, kept over boots as the time of a file's last change, where systemd keeps it.
//!
//! A child reads and writes them, as the disk may take its time; it answers through a pipe. So does one that reads a
//! `PIDFile=`.

use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, Timestamps, fstat, futimens, mkdirat, open},
    io::{self, Errno},
    pipe::{PipeFlags, pipe_with},
};

use super::{
    condition::give_up_in_time,
    path::PathBuffer,
    raw::process::{self, Forked},
};

/// Where the files are, and what leads there.
const DIRECTORIES: [&core::ffi::CStr; 4] =
    [c"/var", c"/var/lib", c"/var/lib/systemd", c"/var/lib/systemd/timers"];

/// A child that answers.
#[derive(Debug)]
pub struct Stamper {
    /// Its pid.
    pub pid: u32,
    /// A descriptor of it, readable once it has ended.
    pub pidfd: OwnedFd,
    /// Where it answers: see [`read`]. Non-blocking.
    pub pipe: OwnedFd,
}

/// Has a child read the stamp of `timer`, or set it to the present first if it has `elapsed`. Where there is none, one is
/// made, and read as 0.
///
/// # Errors
/// pipe2(2)'s and clone3(2)'s.
pub fn spawn(timer: &str, elapsed: bool) -> Result<Stamper, Errno> {
    ask(&mut || stamp(timer, elapsed))
}

/// Has a child find the answer to a question. It ends without one if that takes too long.
pub(super) fn ask(answer: &mut dyn FnMut() -> Result<u64, Errno>) -> Result<Stamper, Errno> {
    let (pipe, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    match process::fork()? {
        Forked::Child => {
            give_up_in_time();
            let answer = answer().and_then(|at| io::write(&writer, &at.to_ne_bytes()));
            process::exit(u8::from(answer.is_err()))
        }
        Forked::Parent { pid, pidfd } => Ok(Stamper { pid, pidfd, pipe }),
    }
}

/// What the child has answered: microseconds since 1970, or 0 if there is nothing to tell.
pub fn read(pipe: &OwnedFd) -> u64 {
    let mut answer = [0; 8];
    match io::read(pipe, &mut answer) {
        Ok(8) => u64::from_ne_bytes(answer),
        Ok(_) | Err(_) => 0,
    }
}

fn stamp(timer: &str, elapsed: bool) -> Result<u64, Errno> {
    for &directory in &DIRECTORIES {
        let _there = mkdirat(CWD, directory, Mode::from_raw_mode(0o755)); // or the file cannot be made
    }
    let mut buffer = PathBuffer::empty();
    let path = buffer.join(&["/var/lib/systemd/timers/stamp-", timer])?;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let file = match open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) if !elapsed => {
            open(path, flags | OFlags::CREATE, Mode::from_raw_mode(0o644))?;
            return Ok(0);
        }
        Err(Errno::NOENT) => open(path, flags | OFlags::CREATE, Mode::from_raw_mode(0o644))?,
        answer => answer?,
    };
    if elapsed {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        futimens(&file, &Timestamps { last_access: now, last_modification: now })?;
    }
    let found = fstat(&file)?;
    let secs = u64::try_from(found.st_mtime).unwrap_or(0);
    Ok(secs.saturating_mul(1_000_000).saturating_add(found.st_mtime_nsec as u64 / 1_000))
}
