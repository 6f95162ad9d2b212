//! Landlock below the mounts: what the view lets nobody write or execute stays so even for who gets around the mounts, or
//! where there are none.
//!
//! The rules are the plan's. They never refuse what the mounts allow; what they cannot say (something closed below
//! something open) is left to the mounts.

use core::ffi::CStr;

use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, openat},
    io::Errno,
    thread::set_no_new_privs,
};

use super::Work;
use crate::linux::{
    AsFd,
    feature::Feature,
    plan::Privilege,
    raw::landlock::{
        self, CHANGE_DIRECTORY, EXECUTE, ON_FILES, REFER, TRUNCATE, WRITE_FILE, allow, restrict,
    },
};

/// The first version that can let a file be renamed to another directory.
const VERSION_MIN: usize = 2;
const VERSION_WITH_TRUNCATE: usize = 3;

/// Raises the second wall, or the only one.
pub(super) fn wall_off(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = work.plan.landlock;
    let nothing = wanted.writable.is_none() && wanted.executable.is_none();
    if nothing || work.plan.privilege == Privilege::Full || !work.alone && !wanted.beside_mounts {
        return Ok(());
    }
    let feature = if work.alone { Feature::Landlock } else { Feature::SecondWall };
    match landlock::version() {
        Ok(version @ VERSION_MIN..) => hold_to(work, version),
        Ok(_) => work.go_without(feature, Errno::OPNOTSUPP),
        Err(errno) => work.go_without(feature, errno),
    }
}

fn hold_to(work: &Work<'_>, version: usize) -> Result<(), Errno> {
    let wanted = work.plan.landlock;
    let mut write = CHANGE_DIRECTORY;
    if version >= VERSION_WITH_TRUNCATE {
        write |= TRUNCATE;
    }
    if work.alone {
        // Named pipes and devices can be written to through a read-only mount, but here they are like any file.
        write |= WRITE_FILE;
    }
    let lists = [(wanted.writable, write), (wanted.executable, EXECUTE)];
    let handled =
        lists.iter().filter(|(paths, _)| paths.is_some()).fold(REFER, |all, (_, rights)| all | rights);
    let rules = landlock::create(handled)?;
    add(&rules, c"/", REFER)?;
    if handled & WRITE_FILE != 0 {
        add(&rules, c"/dev", WRITE_FILE)?;
    }
    for (paths, rights) in lists {
        for path in paths.unwrap_or_default().iter() {
            add(&rules, path, rights)?;
        }
    }
    if work.plan.limits.no_new_privileges {
        set_no_new_privs(true)?; // for a PID 1 without CAP_SYS_ADMIN
    }
    restrict(rules.as_fd())
}

/// Allows `rights` at `path`, if it is there.
fn add(rules: &OwnedFd, path: &CStr, rights: u32) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let held = match openat(CWD, path, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        answer => answer?,
    };
    match allow(rules.as_fd(), held.as_fd(), rights) {
        Err(Errno::INVAL) if rights & ON_FILES != 0 => allow(rules.as_fd(), held.as_fd(), rights & ON_FILES),
        Err(Errno::INVAL) => Ok(()),
        answer => answer,
    }
}
