//! /etc/passwd and /etc/group, read by tomte itself: passwd(5), group(5).
//!
//! For children only: PID 1 never waits for a disk. Reading is bounded: a file or line above its limit is an error and
//! not "no such user", as a static user that goes unseen would lose its name to a dynamic one. Lines that are no entry
//! (comments, NIS's `+`, garbage) are passed over, as libc does.

mod lines;

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, open},
    io::{self, Errno},
};

use super::AsFd;
pub use lines::{GroupLine, UserLine, file_number};

/// A whole file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// One line; a group's with all its members.
pub const LINE_BYTES_MAX: usize = 8 << 10;
/// A user's name, home directory or shell.
pub const FIELD_BYTES_MAX: usize = 255;

/// Where users are.
pub const PASSWD: &CStr = c"/etc/passwd";
/// Where groups are.
pub const GROUP: &CStr = c"/etc/group";

/// A field of an entry, kept.
pub type Field = Vec<u8, FIELD_BYTES_MAX>;

/// The number of the user and group `nobody`.
pub const NOBODY: u32 = 65534;

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Field,
    /// Its number.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its home directory.
    pub home: Field,
    /// Its shell.
    pub shell: Field,
}

/// What an entry is looked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// Its name.
    Name(&'a [u8]),
    /// Its number.
    Number(u32),
}

impl<'a> Key<'a> {
    /// What `User=` or `Group=` says: decimal digits are a number, all else is a name.
    #[inline(never)]
    pub fn new(text: &'a str) -> Self {
        parse_number(text.as_bytes()).map_or(Key::Name(text.as_bytes()), Key::Number)
    }

    /// Whether an entry with this name and number is the one.
    pub fn fits(self, name: &[u8], number: u32) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Number(wanted) => wanted == number,
        }
    }
}

/// `root` and `nobody` are known without any file, so that a system without files can name them.
pub fn well_known(key: Key<'_>) -> Option<User> {
    const ROOT: UserLine<'_> = UserLine {
        name: b"root",
        password: b"x",
        uid: 0,
        gid: 0,
        gecos: b"",
        home: b"/root",
        shell: b"/bin/sh",
    };
    const KNOWN: [UserLine<'_>; 2] = [
        ROOT,
        UserLine { name: b"nobody", uid: NOBODY, gid: NOBODY, home: b"/", shell: b"/sbin/nologin", ..ROOT },
    ];
    KNOWN.iter().find(|user| key.fits(user.name, user.uid)).and_then(|user| to_user(user).ok())
}

/// The user of /etc/passwd. ENOENT if there is no such file, ENAMETOOLONG if a field is too long, ERANGE if a number is
/// none that a process can have.
pub fn find_user(key: Key<'_>) -> Result<Option<User>, Errno> {
    find_user_or(key, None, &mut false)
}

/// The same in one go with whether somebody has the number `other`, which is of no interest if the user is found.
pub fn find_user_or(key: Key<'_>, other: Option<u32>, taken: &mut bool) -> Result<Option<User>, Errno> {
    let mut user = None;
    search(&open_lines(PASSWD)?, &mut |line| {
        if let Some(entry) = UserLine::parse(line) {
            *taken |= other == Some(entry.uid);
            if key.fits(entry.name, entry.uid) {
                user = Some(to_user(&entry)?);
            }
        }
        Ok(user.is_some())
    })?;
    Ok(user)
}

/// The number of a group of /etc/group. ENOENT if there is no such file, ERANGE if it is none that a process can have.
pub fn find_group(key: Key<'_>) -> Result<Option<u32>, Errno> {
    find_group_or(key, None, &mut false)
}

/// As [`find_user_or`].
pub fn find_group_or(key: Key<'_>, other: Option<u32>, taken: &mut bool) -> Result<Option<u32>, Errno> {
    let mut gid = None;
    search(&open_lines(GROUP)?, &mut |line| {
        if let Some(entry) = GroupLine::parse(line) {
            *taken |= other == Some(entry.gid);
            if key.fits(entry.name, entry.gid) {
                gid = Some(in_range(entry.gid)?);
            }
        }
        Ok(gid.is_some())
    })?;
    Ok(gid)
}

/// Calls `found` with every group that lists `user` as a member. A missing file lists nobody.
pub fn each_membership(user: &[u8], found: &mut dyn FnMut(u32) -> Result<(), Errno>) -> Result<(), Errno> {
    each_line(GROUP, &mut |line| {
        if let Some(entry) = GroupLine::parse(line).filter(|entry| entry.has_member(user)) {
            found(in_range(entry.gid)?)?;
        }
        Ok(false)
    })
    .map(drop)
}

/// Decimal digits as systemd takes them for a UID: no sign, no blank, no leading zero, and not one of the two numbers
/// that mean "none" (CVE-2020-13776).
pub fn parse_number(text: &[u8]) -> Option<u32> {
    file_number(text).filter(|&number| matches!(text, [b'0'] | [b'1'..=b'9', ..]) && in_range(number).is_ok())
}

/// `number`, unless it is one of the two that mean "none": a process that is to change to them stays what it is, root.
const fn in_range(number: u32) -> Result<u32, Errno> {
    if matches!(number, 65535 | u32::MAX) { Err(Errno::RANGE) } else { Ok(number) }
}

fn keep(field: &[u8]) -> Result<Field, Errno> {
    Field::from_slice(field).map_err(|_| Errno::NAMETOOLONG)
}

#[inline(never)]
fn to_user(line: &UserLine<'_>) -> Result<User, Errno> {
    let (name, home, shell) = (keep(line.name)?, keep(line.home)?, keep(line.shell)?);
    Ok(User { name, uid: in_range(line.uid)?, gid: in_range(line.gid)?, home, shell })
}

/// What stands between a line's blanks.
pub(super) fn columns(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|column| !column.is_empty())
}

/// Lines of a source of bytes, without their newlines.
struct Lines<'r> {
    read: Read<'r>,
    buffer: [u8; LINE_BYTES_MAX],
    /// The bytes of `buffer` that are not handed out yet.
    start: usize,
    end: usize,
    /// Bytes read so far.
    total: usize,
    finished: bool,
}

/// Fills a buffer and says how far; 0 at the end.
pub(super) type Read<'r> = &'r mut dyn FnMut(&mut [u8]) -> Result<usize, Errno>;

impl<'r> Lines<'r> {
    /// Lines of what `read` gives, until it gives nothing.
    const fn new(read: Read<'r>) -> Self {
        Self { read, buffer: [0; LINE_BYTES_MAX], start: 0, end: 0, total: 0, finished: false }
    }

    /// The next line. EFBIG above [`FILE_BYTES_MAX`], EMSGSIZE above [`LINE_BYTES_MAX`].
    fn next(&mut self) -> Result<Option<&[u8]>, Errno> {
        let length = loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(length) = unread.iter().position(|&byte| byte == b'\n') {
                break length;
            }
            if self.finished {
                break unread.len();
            }
            self.fill()?;
        };
        let (from, to) = (self.start, self.start.saturating_add(length));
        self.start = to.saturating_add(1).min(self.end);
        if from == self.end && self.finished {
            return Ok(None);
        }
        Ok(self.buffer.get(from..to))
    }

    fn fill(&mut self) -> Result<(), Errno> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        let free = self.buffer.get_mut(self.end..).filter(|free| !free.is_empty()).ok_or(Errno::MSGSIZE)?;
        let count = (self.read)(free)?.min(free.len());
        self.finished = count == 0;
        self.end = self.end.saturating_add(count);
        self.total = self.total.saturating_add(count);
        if self.total > FILE_BYTES_MAX { Err(Errno::FBIG) } else { Ok(()) }
    }
}

/// A file of lines.
pub(super) fn open_lines(path: &CStr) -> Result<OwnedFd, Errno> {
    open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
}

/// Shows the lines of the file at `path` to `pick` until it takes one; answers whether it did. A file that is not there has
/// none.
///
/// # Errors
/// open(2)'s and read(2)'s; EFBIG and EMSGSIZE beyond the limits; those of `pick`.
pub fn each_line(path: &CStr, pick: Pick<'_>) -> Result<bool, Errno> {
    match open_lines(path) {
        Err(Errno::NOENT) => Ok(false),
        file => search(&file?, pick),
    }
}

/// What looks at a line and says whether it was looked for.
pub type Pick<'p> = &'p mut dyn FnMut(&[u8]) -> Result<bool, Errno>;

/// Shows the file's lines to `pick` until it takes one. Answers whether it did.
///
/// # Errors
/// read(2)'s; EFBIG and EMSGSIZE beyond the limits; those of `pick`.
pub fn search(file: &OwnedFd, pick: Pick<'_>) -> Result<bool, Errno> {
    search_lines(&mut |buffer| io::retry_on_intr(|| io::read(file.as_fd(), &mut *buffer)), pick)
}

/// The same, of any source of bytes.
pub(super) fn search_lines(read: Read<'_>, pick: Pick<'_>) -> Result<bool, Errno> {
    let mut lines = Lines::new(read);
    while let Some(line) = lines.next()? {
        if pick(line)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Lines of `bytes`, read in pieces of `step`.
    fn lines_of(bytes: &[u8], step: usize) -> Result<Vec<Vec<u8>>, Errno> {
        let mut rest = bytes;
        let mut read = |buffer: &mut [u8]| {
            let count = rest.len().min(step).min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok(count)
        };
        let mut all = Vec::new();
        search_lines(&mut read, &mut |line| {
            all.push(line.to_vec());
            Ok(false)
        })?;
        Ok(all)
    }

    #[test]
    fn a_passwd_line_gives_its_user() {
        let user = UserLine::parse(b"daemon:x:1:2:who,ever:/usr/sbin:/usr/sbin/nologin").expect("an entry");
        let user = to_user(&user).expect("short");
        assert_eq!((user.uid, user.gid), (1, 2));
        assert_eq!((&user.name[..], &user.home[..]), (&b"daemon"[..], &b"/usr/sbin"[..]));
        assert_eq!(&user.shell[..], b"/usr/sbin/nologin");
    }

    #[test]
    fn lines_that_are_no_entry_are_passed_over() {
        for line in [
            "",
            "#root:x:0:0::/:",
            "+::0:0:::",
            "root",
            "x:x:-1:0::/:",
            "x:x:1x:0::/:",
            "x:x::0::/:",
            ":x:0:0::/:",
            "x:x:0:0:",
        ] {
            assert!(UserLine::parse(line.as_bytes()).is_none(), "{line}");
        }
        for line in ["", "adm", "adm:x", "adm:x:", "adm:x:four:", "+adm:x:4:"] {
            assert!(GroupLine::parse(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn members_are_whole_names() {
        let group = GroupLine::parse(b"adm:x:4:alice,bob").expect("an entry");
        assert!(group.has_member(b"alice") && group.has_member(b"bob"));
        assert!(!group.has_member(b"ali") && !group.has_member(b"alice,bob") && !group.has_member(b"adm"));
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        assert_eq!(parse_number(b"0"), Some(0));
        assert_eq!(parse_number(b"4294967294"), Some(4_294_967_294));
        for text in
            ["", "00", "01", "0x0", "+1", "-1", " 1", "1 ", "4294967295", "65535", "4294967296", "0day"]
        {
            assert_eq!(parse_number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn root_and_nobody_need_no_file() {
        assert_eq!(well_known(Key::new("root")).map(|user| (user.uid, user.gid)), Some((0, 0)));
        assert_eq!(well_known(Key::new("0")), well_known(Key::new("root")));
        assert_eq!(well_known(Key::new("65534")), well_known(Key::new("nobody")));
        assert_eq!(well_known(Key::new("daemon")), None);
    }

    #[test]
    fn a_line_may_have_so_many_bytes_and_no_more() {
        let mut bytes = std::vec![b'a'; LINE_BYTES_MAX - 1];
        bytes.push(b'\n');
        assert_eq!(lines_of(&bytes, 1000).expect("fits").len(), 1);
        bytes.insert(0, b'a');
        assert_eq!(lines_of(&bytes, 1000), Err(Errno::MSGSIZE));
    }

    #[test]
    fn a_file_may_have_so_many_bytes_and_no_more() {
        let mut bytes = std::vec![b'\n'; FILE_BYTES_MAX];
        assert_eq!(lines_of(&bytes, 4096).expect("fits").len(), FILE_BYTES_MAX);
        bytes.push(b'\n');
        assert_eq!(lines_of(&bytes, 4096), Err(Errno::FBIG));
    }

    proptest! {
        #[test]
        fn lines_are_those_of_split_whatever_the_reads(
            bytes in proptest::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'\n')], 0..3000),
            step in 1_usize..700,
        ) {
            let mut wanted: Vec<_> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            if wanted.last().is_some_and(Vec::is_empty) {
                wanted.pop(); // what follows the last newline is no line
            }
            prop_assert_eq!(lines_of(&bytes, step), Ok(wanted));
        }

        #[test]
        fn no_line_makes_the_parsers_panic(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _user = UserLine::parse(&line).map(|user| to_user(&user));
            let _member = GroupLine::parse(&line).map(|group| group.has_member(&line));
        }

        #[test]
        fn an_entry_is_read_back_as_written(uid in any::<u32>(), gid in any::<u32>(), name in "[a-z_][a-z0-9_-]{0,30}") {
            let line = std::format!("{name}:x:{uid}:{gid}:gecos:/home/{name}:/bin/sh");
            let user = UserLine::parse(line.as_bytes()).expect("an entry");
            let usable = ![65535, u32::MAX].contains(&uid) && ![65535, u32::MAX].contains(&gid);
            prop_assert_eq!(to_user(&user).is_ok(), usable);
            prop_assert_eq!((user.name, user.uid, user.gid), (name.as_bytes(), uid, gid));
        }
    }
}
