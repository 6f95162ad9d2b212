//! The words between xtask and the keeper.
//!
//! xtask → keeper, on the keeper's stdin, one byte each; end of file means xtask is gone, which is [`KILL`].
//! Keeper → xtask, on the keeper's stdout, one [`Said`] a line.

use std::{fmt, process::ExitStatus};

use serde::{Deserialize, Serialize};

/// The user namespace's ids are mapped, go on.
pub const MAPPED: u8 = b'm';
/// Ask PID 1 for an orderly shutdown.
pub const INTERRUPT: u8 = b'i';
/// End it at once.
pub const KILL: u8 = b'k';

/// What the keeper says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// A user namespace is there and waits for its ids.
    Map,
    /// PID 1 has ended, everything is removed; with what it wrote to its report.
    Ended { status: Ended, report: Option<String> },
    /// It did not come so far.
    Failed(String),
}

/// How PID 1 ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, signal) => Self::Killed(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Killed(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}
