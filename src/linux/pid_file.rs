//! Reading `PIDFile=`: a number that somebody else has written, perhaps on behalf of nobody good.
//!
//! PID 1 reads only what is on the very file system of /run, which is memory: nothing there can keep it waiting, as
//! openat2(2) does not leave it by a link or a mount on the way, and a FIFO is opened without waiting. For all else, which may
//! be on a disk that is slow, on a network that is down or in the hands of a program (FUSE), there is a child.

use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2},
    io::{self, Errno},
};

use super::{
    AsFd,
    path::PathBuffer,
    stamp::{self, Stamper},
};
use crate::words;

/// Longest content that can be a pid and a newline.
const CONTENT_BYTES_MAX: usize = 32;

/// What a file says: the pid, and whether only root can have put it there: no symbolic link on the way, the file root's, its
/// directory root's and nobody else's to write.
pub type Found = Result<(u32, bool), Errno>;

/// Bits of a child's answer: the second half of [`Found`], and an errno in the place of a pid.
const TRUSTED: u64 = 1 << 32;
const FAILED: u64 = 1 << 33;

/// How the file is opened. It does not wait for whoever writes.
const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Reads the file at `path`, if it is where nothing can keep the reader waiting; `None` if that is not known.
pub fn read_at_once(path: &str) -> Option<Found> {
    const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    let here = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_XDEV);
    let (folder, name) = path.strip_prefix("/run/")?.rsplit_once('/').unwrap_or((".", path.get(5..)?));
    let read = || {
        let mut buffer = PathBuffer::empty();
        let run = openat(CWD, c"/run", FOLDER, Mode::empty())?;
        let folder = openat2(&run, buffer.join(&[folder])?, FOLDER, Mode::empty(), here)?;
        content(&openat2(&folder, buffer.join(&[name])?, OPEN, Mode::empty(), here)?, &folder)
    };
    Some(read()).filter(|found| !matches!(found, Err(Errno::XDEV | Errno::LOOP | Errno::NOSYS)))
}

/// Has a child read the file at `path`. It tells by [`answer`].
///
/// # Errors
/// pipe2(2)'s and clone3(2)'s.
pub fn spawn(path: &str) -> Result<Stamper, Errno> {
    stamp::ask(&mut || {
        Ok(match read(path) {
            Ok((pid, trusted)) => u64::from(pid) | if trusted { TRUSTED } else { 0 },
            Err(errno) => FAILED | u64::from(errno.raw_os_error().unsigned_abs()),
        })
    })
}

/// What the child has found; ETIMEDOUT if it has found nothing in time.
///
/// # Errors
/// Those of opening and reading it.
pub fn answer(pipe: &OwnedFd) -> Found {
    match stamp::read(pipe) {
        0 => Err(Errno::TIMEDOUT),
        word if word & FAILED != 0 => Err(Errno::from_raw_os_error(word as i32 & 0xfff)),
        word => Ok((word as u32, word & TRUSTED != 0)),
    }
}

/// Reads the file at `path`, wherever it is.
///
/// # Errors
/// open(2)'s and read(2)'s; EPROTO for what is no pid, EINVAL for what is no regular file.
#[inline(never)]
fn read(path: &str) -> Found {
    let (directory, name) = words::split_last(path, b'/').ok_or(Errno::INVAL)?;
    let mut buffer = PathBuffer::empty();
    let directory = buffer.join(&[if directory.is_empty() { "/" } else { directory }])?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let strict = openat2(CWD, directory, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let straight = strict.is_ok();
    let directory = match strict {
        Err(Errno::LOOP | Errno::NOSYS) => openat(CWD, directory, flags, Mode::empty())?,
        directory => directory?,
    };
    let file = openat(directory.as_fd(), buffer.join(&[name])?, OPEN, Mode::empty())?;
    content(&file, &directory).map(|(pid, trusted)| (pid, trusted && straight))
}

/// Whether root owns it and nobody else may write to it.
fn is_roots(status: &Stat) -> bool {
    status.st_uid == 0 && status.st_mode & 0o022 == 0
}

fn content(file: &OwnedFd, folder: &OwnedFd) -> Found {
    let status = fstat(file.as_fd())?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let mut bytes = [0; CONTENT_BYTES_MAX];
    let count = io::retry_on_intr(|| io::read(file.as_fd(), &mut bytes))?;
    let text = bytes.get(..count).and_then(|bytes| core::str::from_utf8(bytes).ok()).ok_or(Errno::PROTO)?;
    let pid = text.trim_ascii().parse::<u64>().ok().and_then(|pid| u32::try_from(pid).ok());
    Ok((pid.ok_or(Errno::PROTO)?, is_roots(&status) && is_roots(&fstat(folder.as_fd())?)))
}

#[cfg(test)]
mod tests {
    use std::{format, fs, os::unix::fs::symlink, path::Path, string::String};

    use super::*;

    fn at(folder: &Path, name: &str) -> String {
        format!("{}/{name}", folder.display())
    }

    #[test]
    fn a_pid_is_read_and_anything_else_is_an_error() {
        let folder = std::env::temp_dir().join(format!("tomte-pid-file-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (text, pid) in [
            ("42\n", Ok(42)),
            (" 42 ", Ok(42)),
            ("", Err(Errno::PROTO)),
            ("x", Err(Errno::PROTO)),
            ("-1\n", Err(Errno::PROTO)),
            ("1 2", Err(Errno::PROTO)),
            ("99999999999", Err(Errno::PROTO)),
        ] {
            fs::write(folder.join("pid"), text).expect("a file");
            assert_eq!(read(&at(&folder, "pid")).map(|(pid, _)| pid), pid, "{text:?}");
        }
        fs::write(folder.join("long"), "1".repeat(1 << 16)).expect("a file");
        assert_eq!(read(&at(&folder, "long")), Err(Errno::PROTO));
        assert_eq!(read(&at(&folder, "none")), Err(Errno::NOENT));
        assert_eq!(read("relative"), Err(Errno::INVAL));
        assert_eq!(read("/dev/zero"), Err(Errno::INVAL));
        symlink("long", folder.join("link")).expect("a link");
        assert_eq!(read(&at(&folder, "link")), Err(Errno::LOOP));
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn nobody_is_trusted_whose_directory_others_write_to() {
        let folder = std::env::temp_dir().join(format!("tomte-pid-trust-{}", std::process::id()));
        fs::create_dir_all(folder.join("own")).expect("a folder");
        fs::write(folder.join("own/pid"), "42").expect("a file");
        symlink("own", folder.join("way")).expect("a link");
        let root = rustix::process::getuid().is_root();
        let trusted = |name: &str| read(&at(&folder, name)).map(|(_, trusted)| trusted);
        assert_eq!(trusted("own/pid"), Ok(root));
        assert_eq!(trusted("way/pid"), Ok(false));
        rustix::fs::chmod(at(&folder, "own").as_str(), Mode::from_raw_mode(0o777)).expect("own folder");
        assert_eq!(trusted("own/pid"), Ok(false));
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn what_is_on_the_file_system_of_run_is_read_at_once_and_a_child_reads_all_else() {
        for elsewhere in ["/tmp/pid", "/var/run/pid", "/run", "relative"] {
            assert_eq!(read_at_once(elsewhere), None, "{elsewhere}");
        }
        let folder = format!("/run/tomte-pid-at-once-{}", std::process::id());
        if fs::create_dir_all(format!("{folder}/own")).is_err() {
            return std::println!("SKIPPED: /run is somebody else's");
        }
        fs::write(format!("{folder}/own/pid"), "42").expect("a file");
        symlink("own", format!("{folder}/way")).expect("a link");
        symlink("pid", format!("{folder}/own/link")).expect("a link");
        assert_eq!(read_at_once(&format!("{folder}/own/pid")), Some(Ok((42, true))));
        assert_eq!(read_at_once(&format!("{folder}/own/none")), Some(Err(Errno::NOENT)));
        assert_eq!(read_at_once(&format!("{folder}/way/pid")), None);
        assert_eq!(read_at_once(&format!("{folder}/own/link")), None);
        let fifo = format!("{folder}/own/fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
        assert!(made.success());
        assert_eq!(read_at_once(&fifo), Some(Err(Errno::INVAL)));
        for (path, found) in [
            (format!("{folder}/way/pid"), Ok((42, false))),
            (format!("{folder}/own/pid"), Ok((42, true))),
            (format!("{folder}/own/link"), Err(Errno::LOOP)),
            (fifo, Err(Errno::INVAL)),
        ] {
            let child = spawn(&path).expect("a child");
            let pidfd = rustix::process::WaitId::PidFd(child.pidfd.as_fd());
            rustix::process::waitid(pidfd, rustix::process::WaitIdOptions::EXITED).expect("its end");
            assert_eq!(answer(&child.pipe), found, "{path}");
        }
        let _ = fs::remove_dir_all(&folder);
    }
}
