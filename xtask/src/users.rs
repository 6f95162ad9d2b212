//! Static users and groups of an image: `[[user]]` and `[[group]]` of board.toml, merged into the image's passwd and
//! group. Pure: texts in, texts out.

/// What [`is_strict_name`] asks for, in words.
pub const STRICT_NAME: &str =
    "a name starts with a letter or _, goes on with letters, digits, _ and -, and has at most 31 bytes";

