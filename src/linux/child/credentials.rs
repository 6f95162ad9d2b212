//! `LoadCredential=`, `ImportCredential=`, `SetCredential=`: fetched as root, in the host's view of the file system, and
//! put where the unit's user alone can read them (exec-credential.c; systemd.exec(5), "Credentials").
//!
//! The store is a file system in memory that is never swapped out. It is filled before anybody can see it, and appears
//! whole. A source may be slow or never answer: it keeps this child waiting, until the start times out.

use core::ffi::CStr;

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Uid, fchmod, fchown, fstat, mkdirat, open, openat},
    io::{self, Errno},
    mount::{MountFlags, mount_remount},
    net::{
        AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, bind, connect, shutdown,
        socket_with,
    },
    path::DecInt,
};

use super::{
    Arena, Work,
    place::{Missing, find},
    trees::{attach, new_file_system},
};
use crate::{
    linux::{
        boot::is_mount_point,
        credentials,
        passwd::{open_lines, parse_number},
        path::PathBuffer,
        plan::Loading,
        random,
        tree::{self, magic_link},
    },
    words,
};

/// Names and contents of all credentials of a unit: systemd's CREDENTIALS_TOTAL_SIZE_MAX. More fail with EFBIG.
const BYTES_MAX: usize = 1 << 20;
/// The variable that says where they are.
pub(super) const VARIABLE: &str = "CREDENTIALS_DIRECTORY";

const HOLD: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// Makes the unit's store anew, or leaves the one that is there if it is to be kept.
pub(super) fn load(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = work.plan.credentials;
    if wanted.sources.is_empty() || wanted.loading == Loading::No { Ok(()) } else { load_all(work) }
}

#[inline(never)] // a page of stack, for those who need it
fn load_all(work: &mut Work<'_>) -> Result<(), Errno> {
    let (plan, wanted) = (work.plan, work.plan.credentials);
    let mut buffer = PathBuffer::empty();
    let path = credentials::path(plan.unit, &mut buffer)?;
    for &(path, mode) in &[(c"/run/credentials", 0o755), (path, 0o700)] {
        match mkdirat(CWD, path, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    if wanted.loading == Loading::IfMissing && is_mount_point(path, AtFlags::empty())? {
        return Ok(());
    }
    let memory = new_file_system("ramfs:")?;
    let directory = tree::open_directory(&memory, c".")?;
    let owner = work.who.uid.map(Uid::from_raw);
    let mut store =
        Store { directory, owner, left: BYTES_MAX, unit: plan.unit.as_bytes(), arena: &mut work.arena };
    let (mut words, mut values) = (wanted.sources.iter(), wanted.values);
    while let (Some(kind), Some(name), Some(from)) = (words.next(), words.next(), words.next()) {
        work.about.set(name.to_bytes());
        let done = match kind.to_bytes() {
            b"=" => {
                let length = parse_number(from.to_bytes()).ok_or(Errno::INVAL)? as usize;
                let (value, rest) = values.split_at_checked(length).ok_or(Errno::INVAL)?;
                values = rest;
                store.add(name, value, None)
            }
            kind => store.fetch(name, from, kind == b"*"),
        };
        match done {
            Err(Errno::NOENT) if kind != c"/" => {}
            answer => answer?,
        }
    }
    fchmod(&store.directory, Mode::RUSR | Mode::XUSR)?;
    fchown(&store.directory, owner, None)?;
    credentials::discard(path);
    attach(&memory, &open(path, HOLD, Mode::empty())?)?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount(path, flags | MountFlags::NOEXEC, c"")
}

/// The file system on its way.
struct Store<'s, 'a> {
    directory: OwnedFd,
    owner: Option<Uid>,
    /// Bytes that may still be added.
    left: usize,
    /// For sockets that want to know who asks.
    unit: &'a [u8],
    arena: &'s mut Arena<'a>,
}

impl Store<'_, '_> {
    /// Adds what is at `path`, or of `several` all whose paths begin so, by the rest of their names. A link on the way is
    /// followed only where nobody but root can have made it: what root alone may read would be anybody's.
    fn fetch(&mut self, name: &CStr, path: &CStr, several: bool) -> Result<(), Errno> {
        let path = path.to_str().map_err(|_| Errno::ILSEQ)?;
        let (folder, stem) =
            if several { words::split_last(path, b'/').ok_or(Errno::INVAL)? } else { (path, "") };
        let root = open(c"/", HOLD, Mode::empty())?;
        let (held, _) = find(root.as_fd(), folder, Missing::Fails)?;
        if several { self.search(name, held.as_fd(), stem.as_bytes()) } else { self.load(name, held.as_fd()) }
    }

    /// Adds what is held: a file's content, what a socket sends, or all of those in a directory, as `NAME_ENTRY`.
    fn load(&mut self, name: &CStr, held: BorrowedFd<'_>) -> Result<(), Errno> {
        let link = magic_link(held);
        match FileType::from_raw_mode(fstat(held)?.st_mode) {
            FileType::Socket => {
                let socket = self.connect(name, link.as_c_str())?;
                self.add(name, &[], Some(&socket))
            }
            FileType::Directory => {
                let name = self.arena.join(&[name.to_bytes(), b"_"])?;
                self.search(name, held, &[])
            }
            FileType::Symlink => Ok(()), // its maker may not be root
            FileType::RegularFile
            | FileType::Fifo
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => self.add(name, &[], Some(&open_lines(link.as_c_str())?)),
        }
    }

    /// Adds what begins with `stem` in the directory that is held, as `name` and the rest.
    fn search(&mut self, name: &CStr, held: BorrowedFd<'_>, stem: &[u8]) -> Result<(), Errno> {
        let directory = tree::open_directory(held, c".")?;
        tree::each_entry(directory.as_fd(), &mut |entry| {
            let Some(rest) = entry.to_bytes().strip_prefix(stem) else { return Ok(()) };
            let held = openat(&directory, entry, HOLD | OFlags::NOFOLLOW, Mode::empty())?;
            let name = self.arena.join(&[name.to_bytes(), rest])?;
            self.load(name, held.as_fd())
        })
    }

    /// Connects to the socket at `path`, from an address that says for which unit and which credential.
    fn connect(&mut self, name: &CStr, path: &CStr) -> Result<OwnedFd, Errno> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let number = DecInt::new(random::seed());
        let own = self.arena.join(&[number.as_bytes(), b"/unit/", self.unit, b"/", name.to_bytes()])?;
        if let Ok(address) = SocketAddrUnix::new_abstract_name(own.to_bytes()) {
            bind(&socket, &address)?; // one that is too long is left out
        }
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        shutdown(&socket, Shutdown::Write)?;
        Ok(socket)
    }

    /// Adds a file of `bytes` and of what can be read from `source`, unless there is one of the name.
    fn add(&mut self, name: &CStr, bytes: &[u8], source: Option<&OwnedFd>) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match openat(&self.directory, name, flags, Mode::RUSR) {
            Err(Errno::EXIST) => return Ok(()),
            file => file?,
        };
        fchown(&file, self.owner, None)?;
        self.write(&file, bytes, name.count_bytes())?;
        let Some(source) = source else { return Ok(()) };
        let mut buffer = [0; 1024];
        loop {
            let count = io::read(source, &mut buffer)?;
            self.write(&file, buffer.get(..count).unwrap_or_default(), 0)?;
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Writes `bytes`, which count with `more` against the limit.
    fn write(&mut self, file: &OwnedFd, bytes: &[u8], more: usize) -> Result<(), Errno> {
        self.left = self.left.checked_sub(bytes.len().saturating_add(more)).ok_or(Errno::FBIG)?;
        if io::write(file, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::IO) }
    }
}
