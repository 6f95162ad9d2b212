//! Where messages go: `log` and `[logd]` of board.toml.

use serde::Deserialize;
use tomte::{table::LogTarget, wire::log::PRIORITIES};

use super::image::Bytes;

/// As `tomte::table::LogTarget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    #[default]
    Kmsg,
    Console,
}

impl From<Log> for LogTarget {
    fn from(log: Log) -> Self {
        match log {
            Log::Kmsg => Self::Kmsg,
            Log::Console => Self::Console,
        }
    }
}

/// `[logd]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Logd {
    /// Without it, what services print goes where PID 1's messages go.
    pub enabled: bool,
    /// How large the ring in memory is, such as "256K".
    pub ring: Bytes,
    /// The least important priority of what services say that the console shows, or "none". Without a word about it, a board
    /// whose PID 1 writes to the console shows everything there.
    pub max_level_console: Option<ConsoleLevel>,
    /// Files in /var/log/tomte, if the log is to outlive the power.
    pub files: Option<LogFiles>,
    /// Where a copy of every line goes, as RFC 5424 has it: an address and a port, such as "192.0.2.1:514".
    pub remote: Option<std::net::SocketAddr>,
}

/// `[logd.files]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LogFiles {
    /// How large one gets.
    pub size: Bytes,
    /// How many older ones there are.
    pub older: u8,
    /// What may be written a day, for the flash's sake; "0" for any amount.
    pub bytes_a_day: Bytes,
    /// Whether lines are on the storage at once: what was said last is there after a power cut, and the storage wears
    /// faster.
    pub at_once: bool,
}

impl Default for LogFiles {
    fn default() -> Self {
        Self { size: Bytes(256 << 10), older: 3, bytes_a_day: Bytes(4 << 20), at_once: false }
    }
}

impl Default for Logd {
    fn default() -> Self {
        Self { enabled: true, ring: Bytes(256 << 10), max_level_console: None, files: None, remote: None }
    }
}

impl Logd {
    /// How many of the eight priorities the console is shown.
    pub fn console_priorities(&self, log: Log) -> u8 {
        match (self.max_level_console, log) {
            (Some(level), _) => level.0,
            (None, Log::Console) => 8,
            (None, Log::Kmsg) => 0,
        }
    }
}

/// A priority, or none of them: how many are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ConsoleLevel(u8);

impl TryFrom<String> for ConsoleLevel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let place = PRIORITIES.split(' ').position(|priority| priority == text);
        match (place.and_then(|place| u8::try_from(place).ok()), text.as_str()) {
            (Some(place), _) => Ok(Self(place + 1)),
            (None, "none") => Ok(Self(0)),
            (None, _) => Err(format!("{text:?}: expected none {PRIORITIES}")),
        }
    }
}
