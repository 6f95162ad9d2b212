//! Error numbers by name or number (errno(3)). The numbers are those of every architecture tomte has.

use nix::errno::Errno;

use super::{scalar::decimal, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Highest number a system call can return (include/linux/err.h, `MAX_ERRNO`).
const HIGHEST: u16 = 4095;

/// Second names of numbers that have one already.
const ALIASES: [(&str, Errno); 3] =
    [("EWOULDBLOCK", Errno::EAGAIN), ("EDEADLOCK", Errno::EDEADLK), ("ENOTSUP", Errno::EOPNOTSUPP)];

/// The number that `text` names: `EPERM`, or 0 to 4095.
pub fn parse(text: &Text) -> Result<u16, Diagnostic> {
    let written = text.as_str();
    if let Some(number) = decimal(written) {
        let number = u16::try_from(number).ok().filter(|number| *number <= HIGHEST);
        return number.ok_or_else(|| {
            wrong(text, Code::Word, format!("{written} is no error number: at most {HIGHEST}"))
        });
    }
    let alias = ALIASES.into_iter().find(|(name, _)| *name == written).map(|(_, errno)| errno as u16);
    let known = || names().into_iter().find(|(_, name)| name == written).map(|(number, _)| number);
    alias.or_else(known).ok_or_else(|| {
        let names: Vec<_> = names().into_iter().map(|(_, name)| name).collect();
        wrong(text, Code::Word, format!("{written:?} is no error's name"))
            .did_you_mean(written, names.iter().map(String::as_str))
    })
}

/// The name of error `number`, if it has one.
pub fn name(number: u16) -> Option<String> {
    match Errno::from_raw(i32::from(number)) {
        Errno::UnknownErrno => None,
        errno => Some(format!("{errno:?}")),
    }
}

fn names() -> Vec<(u16, String)> {
    (1..256).filter_map(|number| Some((number, name(number)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn errors_have_names_and_numbers() {
        for (written, number) in [
            ("EPERM", 1),
            ("ENOSYS", 38),
            ("EACCES", 13),
            ("EWOULDBLOCK", 11),
            ("EDEADLOCK", 35),
            ("ENOTSUP", 95),
            ("EHWPOISON", 133),
            ("0", 0),
            ("255", 255),
            ("4095", 4095),
        ] {
            assert_eq!(parse(&text(written)), Ok(number), "{written}");
        }
        for bad in ["", "4096", "-1", "01", "eperm", "EPREM", "EUNKNOWN"] {
            assert!(parse(&text(bad)).is_err(), "{bad}");
        }
        assert_eq!(parse(&text("EPREM")).expect_err("no name").help, ["did you mean \"EPERM\"?"]);
        assert_eq!(name(38).as_deref(), Some("ENOSYS"));
        assert!((name(0), name(41), name(4000)) == (None, None, None), "41 is EWOULDBLOCK's empty place");
    }
}
