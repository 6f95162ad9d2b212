//! Static users and groups of an image: `[[user]]` and `[[group]]` of board.toml, merged into the image's passwd and
//! group. Pure: texts in, texts out.

/// What [`is_strict_name`] asks for, in words.
pub const STRICT_NAME: &str =
    "a name starts with a letter or _, goes on with letters, digits, _ and -, and has at most 31 bytes";

/// Whether `name` can be a user's or group's: systemd's strict rule (user-util.c, `valid_user_group_name`).
pub fn is_strict_name(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    starts_well && name.len() <= tomte::table::limits::USER_NAME_BYTES_MAX && name.bytes().all(valid)
}
