//! User and group names and numbers (systemd.exec(5), "Credentials"; facts from user-util.c). Names that could be
//! taken for numbers are refused, since systemd once ran such services as root (CVE-2017-1000082, CVE-2020-13776).

use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use tomte::table::limits::USER_NAME_BYTES_MAX;

use super::wrong;
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// systemd's key for names that are made from unit names (unit.c, `user_from_unit_name`).
const NAME_KEY: [u8; 16] =
    [0x58, 0x1a, 0xaf, 0xe6, 0x28, 0x58, 0x4e, 0x96, 0xb4, 0x4e, 0xf5, 0x3b, 0x8c, 0x92, 0x07, 0xec];

/// Whether `name` may be given to a dynamic user: `[A-Za-z_][A-Za-z0-9_-]*`, at most 31 bytes.
pub fn is_strict(name: &str) -> bool {
    name.len() <= USER_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The dynamic user's name for a unit without `User=`: the unit's prefix, or a hash of it where that is no name.
pub fn derived(prefix: &str) -> String {
    if is_strict(prefix) {
        return prefix.to_owned();
    }
    let mut hasher = SipHasher24::new_with_key(&NAME_KEY);
    hasher.write(prefix.as_bytes());
    format!("_du{:016x}", hasher.finish())
}

/// A number: decimal, without sign and leading zeros, and not one of the two that stand for "none".
pub fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = plain.then(|| text.parse::<u32>().ok()).flatten()?;
    (number != u32::MAX && number != 0xffff).then_some(number)
}

/// A name or a number, as written.
pub fn parse(text: &Text) -> Result<String, Diagnostic> {
    let name = text.as_str();
    if number(name).is_some() {
        return Ok(name.to_owned());
    }
    let refuse = |why: &str| Err(wrong(text, Code::UserName, format!("{name:?} is no user or group: {why}")));
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return refuse(
            "a number is decimal, without leading zeros, below 4294967295, and a name begins with a letter",
        );
    }
    if name.is_empty() || name == "." || name == ".." || name.starts_with(['-', '+']) {
        return refuse("a name begins with a letter or _");
    }
    if name.trim() != name || name.chars().any(|c| c.is_control() || c == ':' || c == '/') {
        return refuse("a name holds no colon, slash or control character and no blank at its ends");
    }
    if name.len() > USER_NAME_BYTES_MAX {
        return refuse("a name has at most 31 bytes");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::tests::text;

    #[test]
    fn derived_names_are_systemds() {
        for (prefix, name) in [
            ("foo", "foo"),
            ("_x-1", "_x-1"),
            ("exec-dynamicuser-supplementarygroups", "_du340d985882767cff"),
        ] {
            assert_eq!(derived(prefix), name);
        }
        for hashed in ["a.b", "1a", "a:b", "abcdefghijklmnopqrstuvwxyz123456", "-a", r"a\x2db"] {
            let name = derived(hashed);
            assert!(name.starts_with("_du") && name.len() == 19 && is_strict(&name), "{name}");
        }
    }

    #[test]
    fn names_and_numbers_are_told_apart_and_doubtful_ones_refused() {
        for good in ["root", "0", "901", "user.name", "müller", "a b", "_apt", "65534"] {
            assert!(parse(&text(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "0day",
            "0x0",
            "007",
            "00",
            "-1",
            "+5",
            "-x",
            ".",
            "..",
            "a:b",
            "a/b",
            " a",
            "4294967295",
            "65535",
            "99999999999",
            "abcdefghijklmnopqrstuvwxyz123456",
        ] {
            assert!(parse(&text(bad)).is_err(), "{bad}");
        }
    }
}
