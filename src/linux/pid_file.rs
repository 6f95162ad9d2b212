//! Reading `PIDFile=`: a number that somebody else has written, perhaps on behalf of nobody good.

use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2},
    io::{self, Errno},
};

use super::{AsFd, path::PathBuffer};
use crate::words;

/// Longest content that can be a pid and a newline.
const CONTENT_BYTES_MAX: usize = 32;

/// Reads the file at `path`: the pid, and whether only root can have put it there: no symbolic link on the way, the file
/// root's, its directory root's and nobody else's to write. Never waits, whatever the file is.
///
/// # Errors
/// open(2)'s and read(2)'s; EPROTO for what is no pid, EINVAL for what is no regular file.
#[inline(never)]
pub fn read(path: &str) -> Result<(u32, bool), Errno> {
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
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(directory.as_fd(), buffer.join(&[name])?, flags, Mode::empty())?;
    let status = fstat(file.as_fd())?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let trusted = straight && is_roots(&status) && is_roots(&fstat(directory.as_fd())?);
    Ok((content(&file)?, trusted))
}

/// Whether root owns it and nobody else may write to it.
fn is_roots(status: &Stat) -> bool {
    status.st_uid == 0 && status.st_mode & 0o022 == 0
}

fn content(file: &OwnedFd) -> Result<u32, Errno> {
    let mut bytes = [0; CONTENT_BYTES_MAX];
    let count = io::retry_on_intr(|| io::read(file.as_fd(), &mut bytes))?;
    let text = bytes.get(..count).and_then(|bytes| core::str::from_utf8(bytes).ok()).ok_or(Errno::PROTO)?;
    let pid = text.trim_ascii().parse::<u64>().ok().and_then(|pid| u32::try_from(pid).ok());
    pid.ok_or(Errno::PROTO)
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
}
