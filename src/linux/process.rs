//! Processes as PID 1 sees them from outside.

use linux_raw_sys::general::{P_PID, P_PIDFD};
use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{Mode, OFlags, fstat, open as open_file},
    io::Errno,
    path::DecInt,
    process::{
        Pid, PidfdFlags, Signal, getpid, getsid, kill_process, kill_process_group, pidfd_open,
        pidfd_send_signal, test_kill_process_group,
    },
};

use super::{AsFd, boot, path::PathBuffer, raw, tree::each_entry};

/// Room for what /proc tells of a pidfd: six short lines.
const FDINFO_BYTES_MAX: usize = 512;

/// This process's id.
pub fn id() -> u32 {
    getpid().as_raw_nonzero().get().unsigned_abs()
}

/// What the kernel tells of process `pid` in `file` of its directory in /proc; nothing if it is gone, or it is no text.
#[inline(never)]
pub fn told<'b>(pid: u32, file: &str, buffer: &'b mut [u8]) -> Option<&'b str> {
    let mut path = PathBuffer::empty();
    let path = path.join(&["/proc/", DecInt::new(pid).as_str(), file]).ok()?;
    core::str::from_utf8(boot::read_file(path, buffer).ok()?).ok()
}

/// Sends `signal` to every process but PID 1 and those whose name begins with `@`: root's storage daemons' does, which have
/// to outlive the file systems they serve (systemd's ROOT_STORAGE_DAEMONS.md). Answers whether there are such.
pub fn signal_others(signal: u8) -> bool {
    let mut any_spared = false;
    each_other(&mut |_, spared| any_spared |= spared);
    if !any_spared {
        let _ = signal_everybody(signal); // ESRCH: nobody is there
        return false;
    }
    each_other(&mut |number, spared| {
        if let (false, Ok(pid), Ok(signal)) = (spared, pid(number), signal_number(signal)) {
            let _ = kill_process(pid, signal); // it may be gone
        }
    });
    true
}

/// Whether there is anybody whom [`signal_others`] does not spare.
pub fn has_others() -> bool {
    let mut any = false;
    each_other(&mut |_, spared| any |= !spared);
    any
}

/// Shows every process but PID 1 and this one, and whether it is spared. The kernel's own threads are none.
fn each_other(see: &mut dyn FnMut(u32, bool)) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(processes) = open_file(c"/proc", flags, Mode::empty()) else { return };
    // What cannot be read has just ended.
    let _ = each_entry(processes.as_fd(), &mut |name| {
        let name = name.to_str().unwrap_or_default();
        if let Some(number) = name.parse::<u64>().ok().and_then(|number| u32::try_from(number).ok())
            && number > 1
            && number != id()
        {
            let (mut path, mut first) = (PathBuffer::empty(), [0]);
            let path = path.join(&["/proc/", name, "/cmdline"])?;
            if let Ok([byte]) = boot::read_file(path, &mut first) {
                see(number, *byte == b'@');
            }
        }
        Ok(())
    });
}

/// Sends `signal` to every process but PID 1 and the sender: kill(2) with pid -1.
///
/// # Errors
/// kill(2)'s: ESRCH when there is nobody.
pub fn signal_everybody(signal: u8) -> Result<(), Errno> {
    kill_process_group(Pid::INIT, signal_number(signal)?) // -1 is "process group 1" to kill(2)'s sign convention
}

/// Sends `signal` to the very process that `pidfd` refers to, never to a later one with its number.
///
/// # Errors
/// pidfd_send_signal(2)'s: ESRCH when it has been reaped.
pub fn signal_by_pidfd(pidfd: impl AsFd, signal: u8) -> Result<(), Errno> {
    pidfd_send_signal(pidfd.as_fd(), signal_number(signal)?)
}

/// A descriptor of process `pid`, close-on-exec, readable once it has ended.
///
/// # Errors
/// pidfd_open(2)'s: ESRCH if there is none, EINVAL for a thread that leads none.
pub fn open(number: u32) -> Result<OwnedFd, Errno> {
    pidfd_open(pid(number)?, PidfdFlags::empty())
}

/// The process that `pidfd` refers to, as /proc here numbers it; `None` if it is gone, not to be seen, or that is no pidfd.
pub fn of_pidfd(pidfd: impl AsFd) -> Option<u32> {
    let mut buffer = [0; FDINFO_BYTES_MAX];
    let mut path = PathBuffer::empty();
    let path = path.join(&["/proc/self/fdinfo/", DecInt::from_fd(pidfd.as_fd()).as_str()]).ok()?;
    let text = core::str::from_utf8(boot::read_file(path, &mut buffer).ok()?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pid:\t"))?.parse().ok().filter(|pid| *pid > 0)
}

/// The number that the kernel has given to every pidfd of process `pid`, and to those of no other one: pidfd_open(2), since
/// Linux 6.9.
///
/// # Errors
/// pidfd_open(2)'s.
pub fn pidfd_id(pid: u32) -> Result<u64, Errno> {
    Ok(fstat(open(pid)?)?.st_ino)
}

/// Whether the process that `pidfd` refers to is a child of this one, ended or not.
pub fn is_child(pidfd: impl AsFd) -> bool {
    raw::process::is_child(P_PIDFD, pidfd.as_fd().as_raw_fd() as usize)
}

/// Whether process `pid` is a child of this one, ended or not.
pub fn is_own_child(number: u32) -> bool {
    raw::process::is_child(P_PID, number as usize)
}

/// The leader of the session that process `pid` is in.
pub fn session_of(number: u32) -> Option<u32> {
    getsid(Some(pid(number).ok()?)).ok().map(|leader| leader.as_raw_nonzero().get().unsigned_abs())
}

fn signal_number(signal: u8) -> Result<Signal, Errno> {
    Signal::from_named_raw(i32::from(signal)).ok_or(Errno::INVAL)
}

/// Sends `signal` to the process group that `leader` founded.
///
/// # Errors
/// kill(2)'s: ESRCH when nobody is in it.
pub fn signal_group(leader: u32, signal: u8) -> Result<(), Errno> {
    kill_process_group(pid(leader)?, signal_number(signal)?)
}

/// Whether anybody, a zombie even, is in the process group that `leader` founded. While there is, the kernel gives its
/// number to nobody else.
pub fn group_exists(leader: u32) -> bool {
    pid(leader).is_ok_and(|leader| test_kill_process_group(leader).is_ok())
}

fn pid(number: u32) -> Result<Pid, Errno> {
    i32::try_from(number).ok().and_then(Pid::from_raw).filter(|pid| !pid.is_init()).ok_or(Errno::SRCH)
}
