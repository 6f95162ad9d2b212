//! What is written into a group's files.

use core::{ffi::CStr, fmt::Write as _};

use rustix::{
    fd::BorrowedFd,
    fs::{FileType, Mode, OFlags, major, minor, openat, stat},
    io::{self, Errno},
    system::sysinfo,
};

use crate::linux::{boot::read_file, passwd::file_number, path::PathBuffer, plan::Words};

/// A text that is worked out here: a device and its limit.
type Text = heapless::String<128>;

/// Writes `settings`: in turn a file of `group`, the path of a block device or of something on one or nothing, and a text
/// that is written behind the device's number. `@1500` stands for so many hundredths of a percent of the machine's memory,
/// in `pids.max` of `tasks`. What fails is handed to `failed`, which says whether to go on.
///
/// # Errors
/// What `failed` answers.
pub fn set<'a>(
    group: BorrowedFd<'_>,
    settings: Words<'a>,
    tasks: u64,
    failed: &mut dyn FnMut(&'a CStr, Errno) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut words = settings.iter();
    while let (Some(file), Some(device), Some(text)) = (words.next(), words.next(), words.next()) {
        if let Err(errno) = set_one(group, file, device, text, tasks) {
            failed(file, errno)?;
        }
    }
    Ok(())
}

fn set_one(group: BorrowedFd<'_>, file: &CStr, device: &CStr, text: &CStr, tasks: u64) -> Result<(), Errno> {
    let mut worked_out = Text::new();
    let text = text.to_bytes();
    if let Some(share) = text.strip_prefix(b"@") {
        let share = u64::from(file_number(share).ok_or(Errno::INVAL)?);
        let all = if file == c"pids.max" { tasks } else { memory() };
        let _ = write!(worked_out.as_mut_view(), "{}", all.saturating_mul(share) / 10_000);
        return write(group, file, worked_out.as_bytes());
    }
    if device.is_empty() {
        return write(group, file, text);
    }
    whole_device(device, &mut worked_out)?;
    let text = core::str::from_utf8(text).map_err(|_| Errno::ILSEQ)?;
    worked_out.push_str(text).map_err(|_| Errno::TOOBIG)?;
    write(group, file, worked_out.as_bytes())
}

/// Puts the number of the block device at `path`, or of the one that holds what is there, into `text`, a blank behind it:
/// of the whole device, if that is a part of one. The kernel limits whole ones only.
#[inline(never)] // a page of stack, for those who need it
fn whole_device(path: &CStr, text: &mut Text) -> Result<(), Errno> {
    let found = stat(path)?;
    let is_device = FileType::from_raw_mode(found.st_mode).is_block_device();
    let device = if is_device { found.st_rdev } else { found.st_dev };
    let (major, minor) = (u64::from(major(device)), u64::from(minor(device)));
    let _ = write!(text.as_mut_view(), "/sys/dev/block/{major}:{minor}/../dev");
    let mut buffer = [0; 32];
    let mut path = PathBuffer::empty();
    let whole = read_file(path.join(&[text])?, &mut buffer);
    text.clear();
    let _ = match whole.ok().and_then(|number| core::str::from_utf8(number).ok()) {
        Some(number) => write!(text.as_mut_view(), "{} ", number.trim_end()),
        None => write!(text.as_mut_view(), "{major}:{minor} "),
    };
    Ok(())
}

/// Lets the groups right below `group` have `controller`, written as `+memory`. ENOENT and EINVAL if there is none; EBUSY if
/// there are processes in `group`, and it is not the machine's root.
///
/// # Errors
/// write(2)'s on cgroup.subtree_control.
pub fn enable(group: BorrowedFd<'_>, controller: &str) -> Result<(), Errno> {
    write(group, c"cgroup.subtree_control", controller.as_bytes())
}

/// Bytes of memory that the machine has.
#[allow(clippy::useless_conversion, reason = "the kernel's long is narrower on 32-bit machines")]
pub fn memory() -> u64 {
    let found = sysinfo();
    u64::from(found.totalram).saturating_mul(found.mem_unit.into())
}

/// How many tasks the machine can have: the lowest of what limits them, and what one group may have if nothing can be read.
pub fn tasks() -> u64 {
    let limit = |path| {
        let mut buffer = [0; 16];
        let text = read_file(path, &mut buffer).unwrap_or_default();
        file_number(text.trim_ascii_end()).unwrap_or(u32::MAX)
    };
    limit(c"/proc/sys/kernel/pid_max").min(limit(c"/proc/sys/kernel/threads-max")).into()
}

pub(super) fn write(group: BorrowedFd<'_>, file: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = openat(group, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    io::write(file, text).map(drop)
}
