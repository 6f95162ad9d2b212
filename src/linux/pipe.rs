//! Pipes for what services print, and what logd and readers of the log need besides: copies that take nothing away, the
//! ring's file, the kernel's ring buffer.

use core::ffi::CStr;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{BorrowedFd, OwnedFd},
    fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, ftruncate, inotify, open},
    io::{self, Errno},
    net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt::set_socket_send_buffer_size_force},
    pipe::{PipeFlags, SpliceFlags, pipe_with, tee},
};

use super::{path::PathBuffer, tree::magic_link};

/// Room for what PID 1 tells logd before logd is there, or while it starts anew: a message a unit, and thousands of lines.
const QUEUE_BYTES: usize = 1 << 20;

/// A new pipe: the end to read from, then the one to write to.
///
/// # Errors
/// pipe2(2)'s.
pub fn new() -> Result<(OwnedFd, OwnedFd), Errno> {
    pipe_with(PipeFlags::CLOEXEC)
}

/// Another end to write to of the pipe that `read_end` is of. Needs /proc.
///
/// # Errors
/// open(2)'s.
pub fn write_end(read_end: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    open(magic_link(read_end).as_c_str(), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Two connected sockets for packets. Neither ever blocks, and much fits between them.
///
/// # Errors
/// socketpair(2)'s.
pub fn packets() -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let _less_room = set_socket_send_buffer_size_force(&pair.0, QUEUE_BYTES);
    Ok(pair)
}

/// From here on reads and writes of `fd` answer EAGAIN where they would block, for everybody who shares it.
///
/// # Errors
/// fcntl(2)'s, which cannot happen.
pub fn stop_blocking(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)
}

/// Copies what is in the pipe `from` into the pipe `to`, up to `most` bytes, and takes nothing away. 0 when nothing is there
/// and nobody is left who could write.
///
/// # Errors
/// tee(2)'s: EAGAIN when nothing is there yet.
pub fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> Result<usize, Errno> {
    tee(from, to, most, SpliceFlags::NONBLOCK)
}

/// How many bytes are in the pipe `from`.
pub fn waiting(from: BorrowedFd<'_>) -> u64 {
    io::ioctl_fionread(from).unwrap_or(0)
}

/// Whether nobody is left at the other end of a pipe or socket.
pub fn has_ended(own_end: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(own_end, PollFlags::IN)];
    let _ = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    polled.iter().any(|one| one.revents().intersects(PollFlags::HUP.union(PollFlags::ERR)))
}

/// Fills as much of `buffer` as there is.
///
/// # Errors
/// read(2)'s.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    io::read(fd, buffer)
}

/// Writes all of `bytes` to descriptor `fd`, or what it takes.
///
/// # Errors
/// write(2)'s.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    io::write(fd, bytes)
}

/// Opens the file at `path` for reading alone, or makes it for writing, too, for root and its owner to read.
///
/// # Errors
/// open(2)'s.
pub fn open_file(path: &str, writes: bool) -> Result<OwnedFd, Errno> {
    let flags = if writes { OFlags::RDWR | OFlags::CREATE } else { OFlags::RDONLY };
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    open(PathBuffer::empty().join(&[path])?, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP)
}

/// A descriptor that is readable when somebody has written to the file at `path`; reading waits for that.
///
/// # Errors
/// inotify_add_watch(2)'s.
pub fn watch_writes(path: &str) -> Result<OwnedFd, Errno> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, PathBuffer::empty().join(&[path])?, inotify::WatchFlags::MODIFY)?;
    Ok(watch)
}

/// Opens the device at `path` for writing.
///
/// # Errors
/// open(2)'s.
pub fn open_device(path: &CStr) -> Result<OwnedFd, Errno> {
    open(path, OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens the file at `path`, made if it is missing, for writing at its end; each write has reached the storage when it
/// comes back, if that is to be `at_once`.
///
/// # Errors
/// open(2)'s.
pub fn append_to(path: &str, at_once: bool) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let flags = if at_once { flags | OFlags::DSYNC } else { flags };
    open(PathBuffer::empty().join(&[path])?, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP)
}

/// Gives the file at `from` the name `to`.
///
/// # Errors
/// rename(2)'s.
pub fn rename(from: &str, to: &str) -> Result<(), Errno> {
    let (mut old, mut new) = (PathBuffer::empty(), PathBuffer::empty());
    rustix::fs::rename(old.join(&[from])?, new.join(&[to])?)
}

/// Whether `fd` is a character device, and not /dev/null: what is written there goes somewhere.
pub fn is_character_device_but_null(fd: BorrowedFd<'_>) -> bool {
    let null = rustix::fs::makedev(1, 3);
    fstat(fd)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_char_device() && found.st_rdev != null)
}

/// The size of a file.
pub fn size(file: BorrowedFd<'_>) -> u64 {
    fstat(file).map_or(0, |found| found.st_size as u64)
}

/// Makes a file `size` bytes long.
///
/// # Errors
/// ftruncate(2)'s.
pub fn resize(file: BorrowedFd<'_>, size: u64) -> Result<(), Errno> {
    ftruncate(file, size)
}

/// Reads what is at place `at` of a file.
///
/// # Errors
/// pread(2)'s.
pub fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    io::pread(file, buffer, at)
}

/// Writes to place `at` of a file.
///
/// # Errors
/// pwrite(2)'s.
pub fn write_at(file: BorrowedFd<'_>, bytes: &[u8], at: u64) -> Result<usize, Errno> {
    io::pwrite(file, bytes, at)
}
