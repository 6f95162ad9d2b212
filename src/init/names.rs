//! The names of dynamic users as files, for everybody who reads such: /run/tomte/passwd and /run/tomte/group. Each change
//! is a new file in the place of the old one, so that nobody reads half of one.

use core::{ffi::CStr, fmt::Write};

use crate::{
    linux::{self, Errno, output::Output},
    record::checksum,
    supervisor::{Spawn, Supervisor},
    table::Exec,
    wire::{NAMES_GROUP, NAMES_PASSWD},
};

use super::{kernel::Kernel, log};

/// Both files, and whether it is the one of users.
const FILES: [(&CStr, bool); 2] = [(NAMES_PASSWD, true), (NAMES_GROUP, false)];
/// What becomes one of them.
const NEW: &str = "/run/tomte/.names";
const NEW_PATH: &CStr = c"/run/tomte/.names";

impl Kernel {
    /// Writes both files anew, if they say anything else than the names there are. It waits until there is nothing else to
    /// do: each name that comes costs as much as all of them. Who runs before that is known by [`add`], which is mostly all
    /// that there is to change; names that have gone are still in the files then.
    pub(super) fn publish_names(&mut self, supervisor: &Supervisor<'_>) {
        if !core::mem::take(&mut self.names_changed) {
            return;
        }
        let sum = supervisor.names().fold(0_u64, |sum, (name, number)| sum.wrapping_add(mark(name, number)));
        if self.names_written == [sum; 2] {
            return;
        }
        for (&(path, is_passwd), held) in FILES.iter().zip(&mut self.names_written) {
            let written = linux::boot::create_file(NEW).and_then(|file| {
                let mut out = Output::file(file);
                supervisor.names().for_each(|(name, number)| line(&mut out, name, number, is_passwd));
                out.finish()?;
                linux::boot::rename(NEW_PATH, path)
            });
            *held = if written.is_ok() { sum } else { !sum };
            warn(path, written);
        }
    }
}

/// A name's part of the sum over all names in a file, which so tells without a look whether it says the right ones.
fn mark(name: &str, number: u32) -> u64 {
    checksum([name.as_bytes(), &number.to_le_bytes()])
}

/// Adds the names that `exec` is about to run under: they are to be known before that. `sums` are those of both files.
pub(super) fn add(exec: &Exec<'_>, spawn: &Spawn, sums: &mut [u64; 2]) {
    let names = [(exec.user, spawn.uid), (exec.group, spawn.gid)];
    for ((&(path, is_passwd), (name, number)), sum) in FILES.iter().zip(names).zip(sums) {
        let Some(number) = number else { continue };
        *sum = sum.wrapping_add(mark(name, number));
        let added = linux::boot::append_to(path).and_then(|file| {
            let mut out = Output::file(file);
            line(&mut out, name, number, is_passwd);
            out.finish()
        });
        warn(path, added);
    }
}

fn line(out: &mut Output, name: &str, number: u32, is_passwd: bool) {
    let number = u64::from(number);
    let _ = match is_passwd {
        true => writeln!(out, "{name}:x:{number}:{number}:Dynamic User:/:/sbin/nologin"),
        false => writeln!(out, "{name}:x:{number}:"),
    };
}

fn warn(path: &CStr, written: Result<(), Errno>) {
    if let Err(errno) = written {
        let path = path.to_str().unwrap_or_default();
        log::warn_of(errno, format_args!("cannot write {path}, names of dynamic users are unknown"));
    }
}
