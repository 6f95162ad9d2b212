//! Kernel modules: what depends on what, and what a device asks for, as depmod(8) has written it beside them. For children
//! only: a module's own start may take long, and the lists are mapped as they are.

#![expect(unsafe_code, reason = "a list is mapped, not read: some are megabytes")]

use core::{cell::Cell, ffi::CStr, mem::MaybeUninit, ptr, slice};

use rustix::{
    fd::BorrowedFd,
    fs::{FileType, Mode, OFlags, RawDir, fstat, open, openat, stat},
    io::{Errno, read},
    mm::{MapFlags, ProtFlags, mmap},
    system::{finit_module, uname},
};

use super::{AsFd, glob, path::PathBuffer};

/// Where the kernel's modules are, or those of an image that has but one kernel.
const ROOT: &str = "/lib/modules/";
/// MODULE_INIT_COMPRESSED_FILE: the kernel unpacks it.
const COMPRESSED: i32 = 4;
/// A directory is read in pieces of so many bytes.
const ENTRIES_BYTES: usize = 2048;
/// The longest `modalias` of sysfs: a page.
const ALIAS_BYTES_MAX: usize = 4096;
/// Modules whose devices need modules whose devices need modules.
const ROUNDS_MAX: usize = 8;
/// How deep devices lie below /sys/devices.
const DEPTH_MAX: usize = 24;

/// The modules of the running kernel.
#[derive(Debug)]
pub(super) struct Modules {
    base: heapless::String<128>,
    /// `PATH: PATH…`: a module, and what has to be there before it, the last first.
    dependencies: &'static [u8],
    /// `alias PATTERN MODULE`: what devices ask for, and who serves it. Empty without a list of them.
    aliases: &'static [u8],
    /// A module has been loaded since this was last asked.
    loaded: Cell<bool>,
}

impl Modules {
    /// Those of the kernel's release, or those in /lib/modules itself.
    ///
    /// # Errors
    /// ENOENT if there is no list of them.
    pub(super) fn find() -> Result<Self, Errno> {
        let kernel = uname();
        let release = kernel.release().to_str().unwrap_or_default();
        let mut answer = Err(Errno::NOENT);
        for &parts in &[[ROOT, release, "/"], [ROOT, "", ""]] {
            let mut base = heapless::String::new();
            if parts.iter().try_for_each(|part| base.push_str(part)).is_err() {
                continue;
            }
            match map(&base, "modules.dep") {
                Ok(dependencies) => {
                    let aliases = map(&base, "modules.alias").unwrap_or_default();
                    return Ok(Self { base, dependencies, aliases, loaded: Cell::new(false) });
                }
                Err(errno) => answer = Err(errno),
            }
        }
        answer
    }

    /// Loads the module called `name`, after those that it depends on. One that is there already is loaded.
    ///
    /// # Errors
    /// ENOENT if there is none of that name, else finit_module(2)'s.
    pub(super) fn load(&self, name: &[u8], parameters: &CStr) -> Result<(), Errno> {
        if is_loaded(name) {
            return Ok(());
        }
        for line in self.dependencies.split(|byte| *byte == b'\n') {
            let mut words = line.split(|byte| matches!(byte, b' ' | b':')).filter(|word| !word.is_empty());
            let Some(path) = words.next().filter(|path| is_same(stem(path), name)) else { continue };
            for needed in words.rev() {
                self.insert(needed, c"")?;
            }
            self.insert(path, parameters)?;
            self.loaded.set(true);
            return Ok(());
        }
        Err(Errno::NOENT)
    }

    fn insert(&self, path: &[u8], parameters: &CStr) -> Result<(), Errno> {
        let path = core::str::from_utf8(path).map_err(|_| Errno::ILSEQ)?;
        let base = if path.starts_with('/') { "" } else { self.base.as_str() };
        insert(PathBuffer::empty().join(&[base, path])?, parameters)
    }

    /// Loads what the devices below /sys/devices ask for, as far as it is there and wants to: most of what they ask for is
    /// built in, or not in this image.
    ///
    /// # Errors
    /// Of opening /sys/devices.
    pub(super) fn load_for_devices(&self) -> Result<(), Errno> {
        for _ in 0..ROUNDS_MAX {
            let devices = open(c"/sys/devices", FOLDER, Mode::empty())?;
            self.below(devices.as_fd(), DEPTH_MAX);
            // A driver of a bus finds more devices.
            if !self.loaded.replace(false) {
                break;
            }
        }
        Ok(())
    }

    fn below(&self, folder: BorrowedFd<'_>, deeper: usize) {
        let mut buffer = [MaybeUninit::uninit(); ENTRIES_BYTES];
        let mut entries = RawDir::new(folder, &mut buffer);
        // What cannot be read is a device that has just gone.
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name();
            if name == c"modalias" {
                let mut alias = [0; ALIAS_BYTES_MAX];
                let file = openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
                let length = file.and_then(|file| read(&file, &mut alias)).unwrap_or(0);
                self.load_matching(alias.get(..length).unwrap_or_default().trim_ascii_end());
            } else if entry.file_type() == FileType::Directory
                && !matches!(name.to_bytes(), b"." | b".." | b"power")
                && deeper > 0
                && let Ok(folder) = openat(folder, name, FOLDER, Mode::empty())
            {
                self.below(folder.as_fd(), deeper - 1);
            }
        }
    }

    /// Loads what a device asks for with `alias`.
    #[inline(never)]
    pub(super) fn load_matching(&self, alias: &[u8]) {
        // In patterns of ACPI's, the bus has a `*` before the colon.
        let bus = alias.split(|byte| *byte == b':').next().unwrap_or_default();
        for line in self.aliases.split(|byte| *byte == b'\n') {
            let Some(rest) =
                line.strip_prefix(b"alias ").filter(|rest| !bus.is_empty() && rest.starts_with(bus))
            else {
                continue;
            };
            let mut words = rest.split(|byte| *byte == b' ');
            if let (Some(pattern), Some(module)) = (words.next(), words.next())
                && glob::matches(pattern, alias)
            {
                let _ = self.load(module, c""); // the kernel says why a module does not start
            }
        }
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// Loads the module in the file at `path`, compressed or not.
///
/// # Errors
/// open(2)'s and finit_module(2)'s; that it is loaded is none.
pub(super) fn insert(path: &CStr, parameters: &CStr) -> Result<(), Errno> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = if path.to_bytes().ends_with(b".ko") { 0 } else { COMPRESSED };
    match finit_module(&file, parameters, flags) {
        Err(Errno::EXIST) => Ok(()),
        answer => answer,
    }
}

/// Whether the kernel has the module `name`, built in or loaded.
pub(super) fn is_loaded(name: &[u8]) -> bool {
    let name = core::str::from_utf8(name).unwrap_or_default();
    PathBuffer::empty().join(&["/sys/module/", name]).is_ok_and(|path| stat(path).is_ok())
}

/// The name of the module in the file at `path`: what is between the last `/` and `.ko`.
fn stem(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.split(|byte| *byte == b'.').next().unwrap_or_default()
}

/// To the kernel, `-` and `_` are the same in a module's name.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'-' { b'_' } else { *byte };
    one.iter().map(plain).eq(other.iter().map(plain))
}

/// The bytes of a list of depmod's.
fn map(base: &str, name: &str) -> Result<&'static [u8], Errno> {
    let file =
        open(PathBuffer::empty().join(&[base, name])?, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let size = usize::try_from(fstat(&file)?.st_size).map_err(|_| Errno::FBIG)?;
    if size == 0 {
        return Ok(&[]);
    }
    // SAFETY: a new mapping where nothing is, which is never unmapped. Its bytes stay as they are for as long as nobody
    // writes the file, which root alone can do; who shortens it ends this child by SIGBUS.
    unsafe {
        let memory = mmap(ptr::null_mut(), size, ProtFlags::READ, MapFlags::PRIVATE, &file, 0)?;
        Ok(slice::from_raw_parts(memory.cast(), size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_name_whatever_its_file_is_called() {
        assert_eq!(stem(b"kernel/drivers/net/virtio-net.ko.xz"), b"virtio-net");
        assert!(is_same(stem(b"/x/snd-hda_intel.ko"), b"snd_hda-intel"));
        assert!(!is_same(b"snd", b"snd_pcm"));
    }
}
