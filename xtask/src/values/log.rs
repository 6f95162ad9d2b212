//! Words of logging: levels, facilities, fields (syslog(3), systemd.journal-fields(7); facts from syslog-util.c and
//! journal-util's `journal_field_valid`).

use super::{scalar, wrong};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Levels by number: the lower, the worse.
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Facilities by number; 12 to 15 have no names.
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// The longest name of a field (journal's `MAX_FIELD_NAME` less the NUL).
const FIELD_BYTES_MAX: usize = 64;

/// A level by name or number.
pub fn level(text: &Text) -> Result<u8, Diagnostic> {
    let number = scalar::decimal(text.as_str()).and_then(|level| u8::try_from(level).ok());
    match number.filter(|level| usize::from(*level) < LEVELS.len()) {
        Some(level) => Ok(level),
        None => {
            let numbered: Vec<_> = LEVELS.into_iter().zip(0..).collect();
            scalar::choice(text, &numbered)
        }
    }
}

/// A facility by name or number.
pub fn facility(text: &Text) -> Result<u8, Diagnostic> {
    let number = scalar::decimal(text.as_str()).and_then(|facility| u8::try_from(facility).ok());
    match number.filter(|facility| *facility < 24) {
        Some(facility) => Ok(facility),
        None => scalar::choice(text, &FACILITIES),
    }
}

/// `FIELD=value`: capital letters, digits and `_`, neither of the last two first.
pub fn field(text: &Text) -> Result<(String, String), Diagnostic> {
    let written = text.as_str();
    let Some((name, value)) = written.split_once('=') else {
        return Err(wrong(text, Code::Variable, format!("{written:?}: expected FIELD=value")));
    };
    let valid = (1..=FIELD_BYTES_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !valid {
        let part = text.slice(0..name.len());
        let message =
            format!("{name:?} is no field: capital letters, digits and _, a letter first, at most 64");
        return Err(wrong(&part, Code::Variable, message));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn levels_facilities_and_fields_have_names() {
        for (written, number) in
            [("emerg", Some(0)), ("debug", Some(7)), ("3", Some(3)), ("8", None), ("error", None), ("", None)]
        {
            assert_eq!(level(&text(written)).ok(), number, "{written}");
        }
        for (written, number) in
            [("kern", Some(0)), ("local7", Some(23)), ("13", Some(13)), ("24", None), ("deamon", None)]
        {
            assert_eq!(facility(&text(written)).ok(), number, "{written}");
        }
        assert_eq!(facility(&text("deamon")).expect_err("no facility").help, ["did you mean \"daemon\"?"]);
        assert_eq!(field(&text("A_1=b=c")), Ok(("A_1".into(), "b=c".into())));
        for (bad, width) in [("a=b", 1), ("_A=b", 2), ("1A=b", 2), ("=b", 1), ("A", 1), ("A-B=c", 3)] {
            assert_eq!(field(&text(bad)).expect_err(bad).width, width, "{bad}");
        }
    }
}
