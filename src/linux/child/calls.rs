//! mount(2), umount2(2), swapon(2) and swapoff(2) in the place of a program: what mount and swap units run.
//!
//! In a child, as any of them may take as long as the slowest disk or server. What the options mean was settled when the
//! table was baked.

use core::ffi::CStr;

use rustix::{
    fd::AsFd,
    fs::{AtFlags, CWD, Mode, OFlags, fsync, mkdirat, open, stat},
    io::{Errno, write},
    mount::{MountFlags, UnmountFlags, mount, unmount},
};

use super::{Work, early, place::open_plain};
use crate::linux::{
    boot::{is_mount_point, read_file},
    find, fsck,
    listen::make_parents,
    network,
    passwd::parse_number,
    path::PathBuffer,
    plan::{Call, Command},
    raw::{self, process},
    root,
    tree::open_directory,
};

/// How long a device is waited for that is to be checked: a check itself may take as long as it takes.
const CHECK_WAIT_US: u64 = 90_000_000;

/// Mode of directories that are made for a program that mounts.
const HELPER_MODE: u32 = 0o755;

/// All of /proc/filesystems: some dozen names.
const FILE_SYSTEMS_BYTES_MAX: usize = 4096;

/// Makes the call of the plan, if it is not for a program, and ends the process well. Returns to say why not.
pub(super) fn carry_out(work: &mut Work<'_>) -> Result<(), Errno> {
    if work.plan.command.call == Call::Execute { Ok(()) } else { call(work) }
}

#[inline(never)] // pages of stack, all of which would be touched for every program
fn call(work: &mut Work<'_>) -> Result<(), Errno> {
    let command = work.plan.command;
    let mut buffer = PathBuffer::empty();
    let path = buffer.join(&[command.path])?;
    let mut words = command.argv.iter();
    let mut next = || words.next().unwrap_or_default();
    match command.call {
        Call::Execute => return Ok(()),
        Call::Helper => {
            let target = command.argv.iter().nth(2).unwrap_or_default();
            if !prepare(target.to_str().map_err(|_| Errno::ILSEQ)?, HELPER_MODE)? {
                return Ok(());
            }
        }
        Call::Mount => {
            let (source, kind, flags, data) = (next(), next(), next(), next());
            let new = Mounting { source, kind, flags: MountFlags::from_bits_retain(number(flags)?), data };
            let mode = next();
            if mode.is_empty() {
                new.mount_once(path, kind, new.flags)?;
            } else if !prepare(command.path, number(mode)?)? {
                let (mut device, what) = (PathBuffer::empty(), text(source)?);
                let source = find::wait_for(what, &mut device, u64::MAX)?;
                Mounting { source, ..new }.mount(path, next() == c"rw")?;
            }
        }
        Call::Unmount => {
            let flags = UnmountFlags::from_bits_retain(number(next())?) | UnmountFlags::NOFOLLOW;
            while is_mounted(path)? {
                unmount(path, flags)?;
            }
        }
        Call::SwapOn => {
            find::wait_for(command.path, &mut PathBuffer::empty(), u64::MAX)?;
            match raw::mount::swap_on(path, number(next())?) {
                Ok(()) | Err(Errno::BUSY) => {} // EBUSY: it is on
                Err(errno) => return Err(errno),
            }
        }
        Call::SwapOff => match raw::mount::swap_off(path) {
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {} // it is off
            Err(errno) => return Err(errno),
        },
        Call::Count => count(command.path, path, &mut next)?,
        Call::Check => {
            let mut device = PathBuffer::empty();
            let device = find::wait_for(command.path, &mut device, CHECK_WAIT_US)?;
            fsck::check(device, text(next())?)?;
        }
        Call::Root => mount_root(&command)?,
        Call::LoadModule
        | Call::LoadForDevices
        | Call::Write
        | Call::Own
        | Call::ClockFloor
        | Call::Touch
        | Call::LoadSeed
        | Call::SaveSeed
        | Call::MachineId
        | Call::MakeSwap => early::carry_out(&command, path)?,
        Call::Network => {
            let wait_us = seconds(next())?;
            network::set_up(command.path, wait_us, &mut next)?;
        }
    }
    process::exit(0)
}

/// The words: `plan::Call::Root`.
#[inline(never)]
fn mount_root(command: &Command<'_>) -> Result<(), Errno> {
    let mut words = command.argv.iter();
    let mut next = || words.next().unwrap_or_default();
    let (kind, options) = (text(next())?, next());
    let (wait_us, delay_us) = (seconds(next())?, seconds(next())?);
    let flags = if next() == c"rw" { MountFlags::empty() } else { MountFlags::RDONLY };
    let root = root::Root { what: command.path, kind, options, wait_us, delay_us, flags, init: next() };
    let mut over = words.map(|word| word.to_str().unwrap_or_default());
    root::mount_root(root, &mut over, &mut |source, kind, flags, data| {
        Mounting { source, kind, flags, data }.mount_any(root::SYSROOT, flags)
    })
}

/// A count is the length of its file: what is appended is there as a whole or not at all, however the machine ends.
#[inline(never)]
fn count<'w>(name: &str, path: &CStr, next: &mut dyn FnMut() -> &'w CStr) -> Result<(), Errno> {
    let first = next();
    let flags = match first.to_bytes() {
        b"add" => OFlags::CREATE | OFlags::APPEND,
        b"forget" => OFlags::TRUNC,
        _ => {
            let count = stat(path).map_or(0, |found| found.st_size as u64);
            let mut from = first;
            while !from.is_empty() {
                if (u64::from(number(from)?)..=u64::from(number(next())?)).contains(&count) {
                    return Ok(());
                }
                from = next();
            }
            return Err(Errno::DOM);
        }
    };
    if flags.contains(OFlags::CREATE) {
        let _made = make_parents(name, HELPER_MODE as u16); // or the file cannot be made
    }
    let flags = flags | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match open(path, flags, Mode::from_raw_mode(0o600)) {
        Err(Errno::NOENT) => return Ok(()), // there is nothing to forget
        answer => answer?,
    };
    if flags.contains(OFlags::CREATE) {
        write(&file, b"+")?;
    }
    fsync(&file)
}

/// A number of seconds, in microseconds.
fn seconds(word: &CStr) -> Result<u64, Errno> {
    Ok(u64::from(number(word)?) * 1_000_000)
}

fn text(word: &CStr) -> Result<&str, Errno> {
    word.to_str().map_err(|_| Errno::ILSEQ)
}

pub(super) fn number(word: &CStr) -> Result<u32, Errno> {
    parse_number(word.to_bytes()).ok_or(Errno::INVAL)
}

/// Whether something is mounted at `path` itself.
fn is_mounted(path: &CStr) -> Result<bool, Errno> {
    match is_mount_point(path, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
        answer => answer,
    }
}

/// Makes the directories that are missing at `path`, and answers whether something is mounted there already: that is
/// taken as it is (mount.c). ELOOP if `path` leads through a link: what is mounted at the other end would not be found
/// again by the unit's name.
fn prepare(path: &str, mode: u32) -> Result<bool, Errno> {
    let mut buffer = PathBuffer::empty();
    for (at, _) in path.match_indices('/') {
        // What is there is no error; what cannot be made is one of the mount's.
        let above = buffer.join(&[path.get(..at).unwrap_or_default()])?;
        let _made = mkdirat(CWD, above, Mode::from_raw_mode(mode));
    }
    let place = buffer.join(&[path])?;
    let _made = mkdirat(CWD, place, Mode::from_raw_mode(mode));
    match open_plain(open_directory(CWD, c"/")?.as_fd(), path) {
        Ok(_) | Err(Errno::NOSYS) => is_mounted(place),
        Err(errno) => Err(errno),
    }
}

/// A mount to be made.
struct Mounting<'a> {
    source: &'a CStr,
    kind: &'a CStr,
    flags: MountFlags,
    data: &'a CStr,
}

impl Mounting<'_> {
    /// Mounts, without leave to write where the device gives none, unless it is to fail then.
    fn mount(&self, target: &CStr, writable: bool) -> Result<(), Errno> {
        match self.mount_any(target, self.flags) {
            Err(Errno::ROFS | Errno::ACCESS) if !writable => {
                self.mount_any(target, self.flags | MountFlags::RDONLY)
            }
            answer => answer,
        }
    }

    /// Mounts with the type that is given, or with the first of the kernel's that fits.
    fn mount_any(&self, target: &CStr, flags: MountFlags) -> Result<(), Errno> {
        if !self.kind.is_empty() || flags.contains(MountFlags::BIND) {
            return self.mount_once(target, self.kind, flags);
        }
        let (mut names, mut buffer) = ([0; FILE_SYSTEMS_BYTES_MAX], PathBuffer::empty());
        let mut answer = Err(Errno::NODEV);
        for line in read_file(c"/proc/filesystems", &mut names)?.split(|byte| *byte == b'\n') {
            // Those that need no device have a word before the tab.
            let Some(kind) = line.strip_prefix(b"\t").and_then(|kind| core::str::from_utf8(kind).ok()) else {
                continue;
            };
            answer = self.mount_once(target, buffer.join(&[kind])?, flags);
            if !matches!(answer, Err(Errno::INVAL | Errno::NODEV)) {
                break;
            }
        }
        answer
    }

    fn mount_once(&self, target: &CStr, kind: &CStr, flags: MountFlags) -> Result<(), Errno> {
        mount(self.source, target, kind, flags, Some(self.data))
    }
}
