//! Landlock: what a process may do with files, on top of who owns them and how they are mounted (Linux 5.13).

#![expect(unsafe_code, reason = "system calls that take pointers")]

use linux_raw_sys::{
    general::{__NR_landlock_add_rule, __NR_landlock_create_ruleset, __NR_landlock_restrict_self},
    landlock::{
        LANDLOCK_ACCESS_FS_EXECUTE, LANDLOCK_ACCESS_FS_MAKE_BLOCK, LANDLOCK_ACCESS_FS_MAKE_CHAR,
        LANDLOCK_ACCESS_FS_MAKE_DIR, LANDLOCK_ACCESS_FS_MAKE_FIFO, LANDLOCK_ACCESS_FS_MAKE_REG,
        LANDLOCK_ACCESS_FS_MAKE_SOCK, LANDLOCK_ACCESS_FS_MAKE_SYM, LANDLOCK_ACCESS_FS_REFER,
        LANDLOCK_ACCESS_FS_REMOVE_DIR, LANDLOCK_ACCESS_FS_REMOVE_FILE, LANDLOCK_ACCESS_FS_TRUNCATE,
        LANDLOCK_ACCESS_FS_WRITE_FILE, LANDLOCK_CREATE_RULESET_VERSION,
    },
};
use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    io::Errno,
};

use super::syscall;

/// Executing a file.
pub const EXECUTE: u32 = LANDLOCK_ACCESS_FS_EXECUTE;
/// Opening something for writing, be it a device or a named pipe.
pub const WRITE_FILE: u32 = LANDLOCK_ACCESS_FS_WRITE_FILE;
/// Changing what is in a directory.
pub const CHANGE_DIRECTORY: u32 = LANDLOCK_ACCESS_FS_REMOVE_DIR
    | LANDLOCK_ACCESS_FS_REMOVE_FILE
    | LANDLOCK_ACCESS_FS_MAKE_CHAR
    | LANDLOCK_ACCESS_FS_MAKE_DIR
    | LANDLOCK_ACCESS_FS_MAKE_REG
    | LANDLOCK_ACCESS_FS_MAKE_SOCK
    | LANDLOCK_ACCESS_FS_MAKE_FIFO
    | LANDLOCK_ACCESS_FS_MAKE_BLOCK
    | LANDLOCK_ACCESS_FS_MAKE_SYM;
/// Links and renames from one directory to another (ABI 2). Always refused before that.
pub const REFER: u32 = LANDLOCK_ACCESS_FS_REFER;
/// Cutting a file off (ABI 3). Never refused before that.
pub const TRUNCATE: u32 = LANDLOCK_ACCESS_FS_TRUNCATE;
/// Those of the rights that a file can have which is no directory.
pub const ON_FILES: u32 = EXECUTE | WRITE_FILE | TRUNCATE;

const RULE_PATH_BENEATH: usize = 1;

/// linux/landlock.h, struct landlock_path_beneath_attr.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

/// Which version of Landlock the kernel has. ENOSYS if it was built without, EOPNOTSUPP if it was booted without.
pub fn version() -> Result<usize, Errno> {
    // SAFETY: without attributes the kernel reads nothing.
    unsafe {
        syscall(__NR_landlock_create_ruleset, [0, 0, LANDLOCK_CREATE_RULESET_VERSION as usize, 0, 0, 0])
    }
}

/// A set of rules, still without any: what `handled` names is refused everywhere.
pub fn create(handled: u32) -> Result<OwnedFd, Errno> {
    let handled = u64::from(handled);
    let attributes = (&raw const handled).expose_provenance();
    // SAFETY: the kernel reads eight bytes, as it is told.
    let fd = unsafe { syscall(__NR_landlock_create_ruleset, [attributes, size_of::<u64>(), 0, 0, 0, 0]) }?;
    let fd = RawFd::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the call has just made this descriptor, so nobody else owns it. It closes at execve.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Allows `rights` at and below what is held. EINVAL if it is no directory and some of them are about those.
pub fn allow(rules: BorrowedFd<'_>, held: BorrowedFd<'_>, rights: u32) -> Result<(), Errno> {
    let rule = PathBeneath { allowed: rights.into(), parent: held.as_raw_fd() };
    let args =
        [rules.as_raw_fd() as usize, RULE_PATH_BENEATH, (&raw const rule).expose_provenance(), 0, 0, 0];
    // SAFETY: the kernel reads one rule, whose fields are as it has them.
    unsafe { syscall(__NR_landlock_add_rule, args) }?;
    Ok(())
}

/// Holds this process and its children to the rules for good. EPERM without no_new_privs and CAP_SYS_ADMIN.
pub fn restrict(rules: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the call takes two numbers.
    unsafe { syscall(__NR_landlock_restrict_self, [rules.as_raw_fd() as usize, 0, 0, 0, 0, 0]) }?;
    Ok(())
}
