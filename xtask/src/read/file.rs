//! Bytes off the disk, within bounds: files of a bounded size, as many as a bounded sum allows, each read once. Opens
//! nothing but regular files, so that no FIFO makes it wait and no device is touched.

use std::{
    collections::BTreeMap,
    fs::{FileType, Metadata, OpenOptions},
    io::{Error, ErrorKind, Read as _, Result},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    rc::Rc,
};

use rustix::{fs::OFlags, io::Errno};

use super::{FILE_BYTES_MAX, UnitFile, parse};
use crate::diag::{Code, Diagnostic, Diagnostics};

/// What the files of one run may take together, in bytes of memory: each counts as often as it is asked for, a drop-in
/// for each unit that it applies to, a template for each of its instances. 700 units of a Debian system take 4 MiB.
pub const INPUT_MAX: usize = 128 << 20;
/// What a file takes besides its text and assignments.
const FILE_TAKES: usize = 1 << 10;
/// What an assignment takes besides its text.
const ASSIGNMENT_TAKES: usize = 128;

/// What the file at `path` holds, if that is a regular file of at most `most` bytes. Links are followed.
///
/// # Errors
/// What the kernel says, or that the file is of another type or too large.
pub fn bytes(path: &Path, most: usize) -> Result<Vec<u8>> {
    let check = |found: &Metadata| match other_type(found.file_type()) {
        Some(other) => Err(Error::new(ErrorKind::InvalidInput, format!("it is {other}"))),
        None => Ok(()),
    };
    let too_large = || Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
    // Before it is opened, as some devices act on that; after that again, as the path may mean another file by then.
    check(&path.metadata()?)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    check(&found)?;
    if found.len() > most as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0) + 1);
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(too_large()) } else { Ok(bytes) }
}

/// What a file is that is no regular one.
fn other_type(found: FileType) -> Option<&'static str> {
    if found.is_file() {
        None
    } else if found.is_dir() {
        Some("a directory")
    } else if found.is_fifo() {
        Some("a FIFO")
    } else if found.is_socket() {
        Some("a socket")
    } else if found.is_block_device() || found.is_char_device() {
        Some("a device")
    } else {
        Some("no regular file")
    }
}

/// Reads unit files, each once.
#[derive(Debug)]
pub struct Reader {
    known: BTreeMap<PathBuf, (Rc<UnitFile>, usize)>,
    /// What further files may take; `None` once it was not enough, which has been said.
    left: Option<usize>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::with(INPUT_MAX)
    }
}

impl Reader {
    /// One whose files may take `most` bytes of memory.
    const fn with(most: usize) -> Self {
        Self { known: BTreeMap::new(), left: Some(most) }
    }

    /// The file at `path`. What is wrong with it goes to `sink`, the first time; what could be read is returned.
    pub fn file(&mut self, path: &Path, sink: &mut Diagnostics) -> Rc<UnitFile> {
        let Some(left) = self.left else { return Rc::new(UnitFile::unreadable()) };
        let (file, takes) = match self.known.get(path) {
            Some((file, takes)) => (Rc::clone(file), *takes),
            None => {
                let (file, takes) = read(path, sink);
                self.known.insert(path.to_owned(), (Rc::clone(&file), takes));
                (file, takes)
            }
        };
        self.left = left.checked_sub(takes);
        if self.left.is_none() {
            let message = format!(
                "{}: too much to read: this file and those before it take more than {} MiB, each drop-in counted for \
                 every unit that it applies to",
                path.display(),
                INPUT_MAX >> 20
            );
            sink.push(Diagnostic::error(Code::TooMuchToRead, message).help("no further file is read"));
            return Rc::new(UnitFile::unreadable());
        }
        file
    }

    /// Whether nothing more can be read.
    pub const fn is_exhausted(&self) -> bool {
        self.left.is_none()
    }
}

/// What it is that a file cannot be read.
pub fn code_of(error: &Error) -> Code {
    match error.kind() {
        ErrorKind::FileTooLarge => Code::FileTooLarge,
        ErrorKind::InvalidInput => Code::NotAFile,
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Code::LinkLoop,
        _ => Code::Unreadable,
    }
}

/// The file, and what it takes.
fn read(path: &Path, sink: &mut Diagnostics) -> (Rc<UnitFile>, usize) {
    match bytes(path, FILE_BYTES_MAX) {
        Ok(bytes) => {
            let size = bytes.len();
            let file = parse(path, bytes, sink);
            let assignments: usize = file.sections.iter().map(|section| 1 + section.assignments.len()).sum();
            (Rc::new(file), FILE_TAKES + size + assignments * ASSIGNMENT_TAKES)
        }
        Err(error) => {
            sink.push(Diagnostic::error(code_of(&error), format!("cannot read {}: {error}", path.display())));
            (Rc::new(UnitFile::unreadable()), FILE_TAKES)
        }
    }
}
