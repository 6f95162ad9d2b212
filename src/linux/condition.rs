//! What `Condition*=` and `Assert*=` look at (systemd.unit(5); condition.c). For children only: a path may be on a disk
//! that answers slowly or not at all.

use core::ffi::CStr;

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, StatVfsMountFlags, lstat, open, stat, statvfs},
    io::Errno,
    thread::{CapabilitySet, capability_is_in_bounding_set, sched_getaffinity},
};

use super::{
    AsFd, boot,
    command_line::{self, COMMAND_LINE_BYTES_MAX},
    glob,
    passwd::{open_lines, search},
    path::PathBuffer,
    raw::clock,
    tree::each_entry,
};

/// What a look may take: as long as a service may take to start.
const SECONDS_MAX: u32 = 90;

/// The names of all cgroup controllers: a dozen short words.
const CONTROLLERS_BYTES_MAX: usize = 1024;

/// Sees to it that this process ends if it gets no answer.
pub fn give_up_in_time() {
    let _ = clock::alarm(SECONDS_MAX); // cannot fail with this timer and value
}

/// What is asked about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether something is there.
    Exists,
    /// Whether it is the node of a device.
    Device,
    /// Whether it is a directory.
    Directory,
    /// Whether it is a directory with something in it.
    DirectoryNotEmpty,
    /// Whether it is a regular file of more than no bytes.
    FileNotEmpty,
    /// Whether it is a regular file that somebody may execute.
    FileExecutable,
    /// Whether it is a symbolic link. All others follow links.
    SymbolicLink,
    /// Whether something is mounted there.
    MountPoint,
    /// Whether its file system may be written.
    ReadWrite,
}

/// Whether `path` is what `question` asks for.
///
/// # Errors
/// What keeps anybody from telling; that nothing is there is an answer.
pub fn ask(question: Question, path: &str) -> Result<bool, Errno> {
    match answer(question, PathBuffer::empty().join(&[path])?) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
        answer => answer,
    }
}

fn answer(question: Question, path: &CStr) -> Result<bool, Errno> {
    let found = if question == Question::SymbolicLink { lstat(path) } else { stat(path) }?;
    let kind = FileType::from_raw_mode(found.st_mode);
    match question {
        Question::Exists => Ok(true),
        Question::Device => Ok(kind.is_char_device() || kind.is_block_device()),
        Question::Directory => Ok(kind.is_dir()),
        Question::DirectoryNotEmpty => Ok(kind.is_dir() && has_entries(path)?),
        Question::FileNotEmpty => Ok(kind.is_file() && found.st_size > 0),
        Question::FileExecutable => Ok(kind.is_file() && found.st_mode & 0o111 != 0),
        Question::SymbolicLink => Ok(kind.is_symlink()),
        Question::MountPoint => boot::is_mount_point(path, AtFlags::empty()),
        Question::ReadWrite => Ok(!statvfs(path)?.f_flag.contains(StatVfsMountFlags::RDONLY)),
    }
}

fn has_entries(path: &CStr) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let directory = open(path, flags, Mode::empty())?;
    let mut empty = true;
    each_entry(directory.as_fd(), &mut |_| {
        empty = false;
        Ok(())
    })?;
    Ok(!empty)
}

/// Whether something matches `pattern`.
///
/// # Errors
/// Those of the patterns, see `glob`.
pub fn glob_exists(pattern: &str) -> Result<bool, Errno> {
    glob::each_match(pattern, &mut |_| Ok(true))
}

/// Whether `word` is on the kernel's command line: the whole of a word, or what is before its `=`.
///
/// # Errors
/// Of reading /proc/cmdline.
pub fn is_on_command_line(word: &str) -> Result<bool, Errno> {
    let mut buffer = [0; COMMAND_LINE_BYTES_MAX];
    let line = command_line::bytes(&mut buffer)?;
    Ok(words(line).any(|other| {
        let rest = other.strip_prefix(word.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || (rest.first() == Some(&b'=') && !word.contains('=')))
    }))
}

/// Whether every one of `wanted`, blank-separated, is a controller of the cgroup2 hierarchy. `v2` is cgroup2 itself,
/// `v1` its absence.
///
/// # Errors
/// Of reading the list, unless there is none.
pub fn has_controllers(wanted: &str) -> Result<bool, Errno> {
    let mut buffer = [0; CONTROLLERS_BYTES_MAX];
    let list = match boot::read_file(c"/sys/fs/cgroup/cgroup.controllers", &mut buffer) {
        Ok(list) => list,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(wanted == "v1"),
        Err(errno) => return Err(errno),
    };
    Ok(match wanted {
        "v1" => false,
        "v2" => true,
        _ => words(wanted.as_bytes()).all(|wanted| words(list).any(|other| other == wanted)),
    })
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Whether the kernel has something below it (systemd's virt.c, as far as a file tells): an x86 processor says so, the
/// device tree of an emulator, a Xen, or the firmware of QEMU.
///
/// # Errors
/// Of looking; that there is no such file is none.
pub fn is_virtual_machine() -> Result<bool, Errno> {
    let told = |path: &CStr, word: &[u8]| {
        let file = match open_lines(path) {
            Err(Errno::NOENT) => return Ok(false),
            file => file?,
        };
        search(&file, &mut |line| Ok(words(line).any(|other| other == word)))
    };
    Ok(ask(Question::Exists, "/proc/device-tree/hypervisor")?
        || ask(Question::Exists, "/sys/hypervisor/type")?
        || glob_exists("/proc/device-tree/fw-cfg*")?
        || told(c"/sys/class/dmi/id/sys_vendor", b"QEMU")?
        || told(c"/proc/cpuinfo", b"hypervisor")?)
}

/// Whether a line of a file is what one of the patterns in `parameter` means: `table::Subject::FileSays`.
///
/// # Errors
/// Of looking; that there is no such file is none. EINVAL without a second line.
pub fn file_says(parameter: &str) -> Result<bool, Errno> {
    let (_, rest) = parameter.split_once('\n').ok_or(Errno::INVAL)?;
    let (files, patterns) = rest.split_once('\n').ok_or(Errno::INVAL)?;
    glob::each_match(files, &mut |path| {
        search(&open_lines(path)?, &mut |line| {
            let mut strings = line.split(|byte| *byte == 0);
            Ok(strings.any(|one| patterns.split('\n').any(|two| glob::matches(two.as_bytes(), one))))
        })
    })
}

/// The first three numbers of the kernel's version, 16 bits each.
///
/// # Errors
/// Of reading it.
pub fn kernel_version() -> Result<u64, Errno> {
    let mut buffer = [0; CONTROLLERS_BYTES_MAX];
    let release = boot::read_file(c"/proc/sys/kernel/osrelease", &mut buffer)?;
    let mut numbers = [0_u64; 3];
    let mut at = 0;
    for byte in release {
        match (byte, numbers.get_mut(at)) {
            (b'0'..=b'9', Some(number)) => {
                *number = number.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')));
            }
            (b'.', Some(_)) => at = at.saturating_add(1),
            _ => break,
        }
    }
    let [major, minor, patch] = numbers.map(|number| number & 0xffff);
    Ok(major << 32 | minor << 16 | patch)
}

/// Whether /usr has changed since somebody has last gone through `directory` (condition.c, `condition_test_needs_update`).
///
/// # Errors
/// stat(2)'s and statfs(2)'s.
pub fn needs_update(directory: &str) -> Result<bool, Errno> {
    if !ask(Question::ReadWrite, directory)? {
        return Ok(false);
    }
    let mut buffer = PathBuffer::empty();
    let done = match lstat(buffer.join(&[directory, "/.updated"])?) {
        Err(Errno::NOENT) => return Ok(true),
        found => found?,
    };
    let usr = lstat(c"/usr")?;
    Ok((usr.st_mtime, usr.st_mtime_nsec) > (done.st_mtime, done.st_mtime_nsec))
}

/// How many processors this process may run on.
///
/// # Errors
/// sched_getaffinity(2)'s.
pub fn processors() -> Result<u64, Errno> {
    Ok(sched_getaffinity(None)?.count().into())
}

/// Whether the capability of this decimal number is in PID 1's bounding set.
///
/// # Errors
/// prctl(2)'s, or EINVAL if it is no number.
pub fn may_have_capability(number: &str) -> Result<bool, Errno> {
    let bit = number.parse::<u64>().ok().filter(|number| *number < 64).ok_or(Errno::INVAL)?;
    let bit = 1 << bit;
    capability_is_in_bounding_set(CapabilitySet::from_bits_retain(bit))
}
