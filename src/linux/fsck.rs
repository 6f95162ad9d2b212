//! A file system's check before it is mounted, as systemd-fsck(8) makes it: by `fsck.TYPE` itself. For children only.

use core::{ffi::CStr, fmt::Write};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use super::{
    command_line::{self, COMMAND_LINE_BYTES_MAX},
    output::Output,
    path::PathBuffer,
    raw::{
        CStrings,
        process::{self, Ending, Forked, execve},
    },
};
use crate::words;

/// Where programs of the kind are.
const FOLDERS: [&str; 4] = ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"];
/// Bits of its exit status, fsck(8): the machine is to start over; errors are left.
const REBOOT: u8 = 2;
const ERRORS_LEFT: u8 = 4;

/// Checks the file system of type `kind` on `device`, unless `fsck.mode=skip` is on the kernel's command line or there is
/// no program for it. If the program asks for a reboot, PID 1 is told, and the file system is not to be mounted.
///
/// # Errors
/// EUCLEAN if errors are left, EAGAIN if the machine starts over, EINTR if the program was killed; clone3(2)'s.
#[inline(never)]
pub(super) fn check(device: &CStr, kind: &str) -> Result<(), Errno> {
    let mut line = [0; COMMAND_LINE_BYTES_MAX];
    let line = command_line::read(&mut line).unwrap_or_default();
    let mode = words::last(line, "fsck.mode").unwrap_or_default();
    if mode == "skip" || kind.is_empty() {
        return Ok(());
    }
    let mut path = PathBuffer::empty();
    let there =
        |folder| path.join(&[folder, "fsck.", kind]).is_ok_and(|path| access(path, Access::EXEC_OK).is_ok());
    if !FOLDERS.into_iter().any(there) {
        return Ok(());
    }
    let program = path.joined()?;
    let mut words = CStrings::<5>::new();
    words.push(program)?;
    words.push(match words::last(line, "fsck.repair").unwrap_or_default() {
        "yes" => c"-y",
        "no" => c"-n",
        _ => c"-a",
    })?;
    if mode == "force" {
        words.push(c"-f")?;
    }
    words.push(device)?;
    let Forked::Parent { pid, .. } = process::fork()? else {
        let mut environment = CStrings::<2>::new();
        let _fits = environment.push(c"PATH=/usr/sbin:/usr/bin:/sbin:/bin");
        let _said_by_its_status = execve(program, &words, &environment);
        process::exit(u8::MAX)
    };
    let ending = loop {
        match process::wait_for_any()? {
            Some((ended, ending)) if ended == pid => break ending,
            _ => {}
        }
    };
    let Ending::Exited(status) = ending else { return Err(Errno::INTR) };
    if status & !1 != 0 {
        let device = device.to_str().unwrap_or_default();
        let _ = writeln!(
            Output::stderr(),
            "fsck.{kind} of {device} failed with exit status {}",
            u64::from(status)
        );
    }
    if status & ERRORS_LEFT != 0 {
        return Err(Errno::UCLEAN);
    }
    if status & REBOOT != 0 {
        kill_process(Pid::INIT, Signal::INT)?;
        return Err(Errno::AGAIN);
    }
    Ok(()) // what else there may be does not keep it from being mounted
}
