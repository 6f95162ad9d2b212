//! The names of dynamic users as files, for everybody who reads such: /run/tomte/passwd and /run/tomte/group. Each change
//! is a new file in the place of the old one, so that nobody reads half of one.

use core::{ffi::CStr, fmt::Write};

use crate::{
    linux::{self, Errno, output::Output},
    supervisor::Supervisor,
    wire::{NAMES_GROUP, NAMES_PASSWD},
};

use super::{kernel::Kernel, log};

/// What becomes [`NAMES_PASSWD`] or [`NAMES_GROUP`].
const NEW: &CStr = c"/run/tomte/.names";

impl Kernel {
    /// Writes both files, if names have changed since. It waits until there is nothing else to do: each name that comes
    /// costs as much as all of them.
    pub(super) fn publish_names(&mut self, supervisor: &Supervisor<'_>) {
        if !core::mem::take(&mut self.names_changed) {
            return;
        }
        for (path, is_passwd) in [(NAMES_PASSWD, true), (NAMES_GROUP, false)] {
            if let Err(errno) = write(supervisor, path, is_passwd) {
                let path = path.to_str().unwrap_or_default();
                log::warn_of(errno, format_args!("cannot write {path}, names of dynamic users are unknown"));
            }
        }
    }
}

fn write(supervisor: &Supervisor<'_>, path: &CStr, is_passwd: bool) -> Result<(), Errno> {
    let mut out = Output::file(linux::boot::create_file(NEW.to_str().unwrap_or_default())?);
    for (name, number) in supervisor.names() {
        let number = u64::from(number);
        let _ = match is_passwd {
            true => writeln!(out, "{name}:x:{number}:{number}:Dynamic User:/:/sbin/nologin"),
            false => writeln!(out, "{name}:x:{number}:"),
        };
    }
    out.finish()?;
    linux::boot::rename(NEW, path)
}
