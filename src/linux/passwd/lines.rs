//! Lines of /etc/passwd and /etc/group, taken apart: passwd(5), group(5). Pure.

/// One line of /etc/passwd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "passwd(5) names them; xtask has the file, too")]
pub struct UserLine<'l> {
    pub name: &'l [u8],
    pub password: &'l [u8],
    pub uid: u32,
    pub gid: u32,
    pub gecos: &'l [u8],
    pub home: &'l [u8],
    pub shell: &'l [u8],
}

impl<'l> UserLine<'l> {
    /// `None` for a line that is no entry.
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b':');
        let mut next = || fields.next();
        let (name, password, uid, gid) = (entry_name(next()?)?, next()?, next()?, next()?);
        let (gecos, home, shell) = (next()?, next()?, next()?);
        Some(Self { name, password, uid: entry_number(uid)?, gid: entry_number(gid)?, gecos, home, shell })
    }
}

/// One line of /etc/group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "group(5) names them; xtask has the file, too")]
pub struct GroupLine<'l> {
    pub name: &'l [u8],
    pub password: &'l [u8],
    pub gid: u32,
    pub members: &'l [u8],
}

impl<'l> GroupLine<'l> {
    /// `None` for a line that is no entry.
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b':');
        let mut next = || fields.next();
        let (name, password, gid, members) =
            (entry_name(next()?)?, next()?, next()?, next().unwrap_or_default());
        Some(Self { name, password, gid: entry_number(gid)?, members })
    }

    /// The members, in order.
    pub fn members(&self) -> impl Iterator<Item = &'l [u8]> + Clone + use<'l> {
        self.members.split(|&byte| byte == b',').filter(|member| !member.is_empty())
    }

    /// Whether `user` is one of them.
    pub fn has_member(&self, user: &[u8]) -> bool {
        self.members().any(|member| member == user)
    }
}

/// A name that an entry can have: NIS's `+` and `-` lines and comments are no entries.
fn entry_name(name: &[u8]) -> Option<&[u8]> {
    (!matches!(name, [] | [b'+' | b'-' | b'#', ..])).then_some(name)
}

/// The number of an entry: one that is too large to be any means "none".
fn entry_number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| file_number(text).unwrap_or(u32::MAX))
}

/// A number in a file: decimal digits; leading zeroes are fine there.
#[inline(never)]
pub fn file_number(text: &[u8]) -> Option<u32> {
    let shifted = |number: u32, byte: &u8| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    };
    text.iter().try_fold(0, shifted).filter(|_| !text.is_empty())
}
