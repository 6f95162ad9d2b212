//! Typed values: one file for each kind of thing that can stand right of a `=`. Each parser takes the text with its
//! places and gives the value or a diagnostic that points at the offending characters. They know no key by name; the
//! caller puts the key in front of the message.

pub mod address;
pub mod base64;
pub mod calendar;
pub mod capability;
pub mod command;
pub mod cpu_list;
pub mod credential;
pub mod device;
pub mod directory;
pub mod environment;
pub mod errno;
pub mod exit_status;
pub mod family;
pub mod log;
pub mod mount_options;
pub mod namespace;
pub mod network;
pub mod path;
pub mod rlimit;
pub mod scalar;
pub mod scheduling;
pub mod signal;
pub mod size;
pub mod specifier;
pub mod time;
pub mod unit_name;
pub mod user;
pub mod word;

use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// An error that points at all of `text`.
pub fn wrong(text: &Text, code: Code, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).on(text, 0..text.len())
}

#[cfg(test)]
pub mod tests {
    //! What the parsers' tests share.

    use std::sync::Arc;

    use crate::read::{Source, Text};

    /// `text` as if it were a file.
    pub fn text(text: &str) -> Text {
        let source = Arc::new(Source::new("x.service", text));
        Text::of(&source, 0..text.len())
    }
}
