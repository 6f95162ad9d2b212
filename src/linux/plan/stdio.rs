//! What a process has as descriptors 0, 1 and 2.

use rustix::fd::BorrowedFd;

/// Descriptors 0, 1 and 2. A descriptor given here has to be 3 or higher.
#[derive(Clone, Copy, Debug)]
pub struct Stdio<'a> {
    /// `StandardInput=`.
    pub input: Input<'a>,
    /// `StandardOutput=`.
    pub output: Output<'a>,
    /// `StandardError=`.
    pub error: Output<'a>,
    /// `TTYPath=`: the terminal of `Tty`.
    pub tty_path: &'a str,
    /// What is done to it before.
    pub terminal: Terminal,
}

/// What is done to a terminal before it is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Whoever has it open loses it.
    pub hang_up: bool,
    /// Its settings become those that a person expects.
    pub reset: bool,
    /// Its size; 0 leaves it.
    pub rows: u16,
    /// Likewise.
    pub columns: u16,
}

/// How a terminal that is another session's becomes this one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is waited for.
    Wait,
    /// It is taken away.
    Force,
    /// EPERM.
    Fail,
}

impl Default for Stdio<'_> {
    /// /dev/null three times.
    fn default() -> Self {
        Self {
            input: Input::Null,
            output: Output::Inherit,
            error: Output::Inherit,
            tty_path: "/dev/console",
            terminal: Terminal::default(),
        }
    }
}

/// `StandardInput=`.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// /dev/null.
    Null,
    /// The terminal, which becomes the session's.
    Tty(Taking),
    /// The file at this path.
    File(&'a str),
    /// These bytes.
    Data(&'a [u8]),
    /// This descriptor, which waits for what it is read.
    Fd(BorrowedFd<'a>),
}

/// `StandardOutput=` and `StandardError=`.
#[derive(Clone, Copy, Debug)]
pub enum Output<'a> {
    /// As the descriptor before it: stdin for stdout, stdout for stderr. After a stdin of /dev/null: /dev/null.
    Inherit,
    /// /dev/null.
    Null,
    /// The terminal.
    Tty,
    /// The file at this path, made if it is missing.
    File(&'a str, Writing),
    /// This descriptor: the log.
    Fd(BorrowedFd<'a>),
}

/// Where in a file the first byte goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// To its beginning, over what is there.
    Over,
    /// To its end, as every later one.
    Append,
    /// To its beginning, and what was there is gone.
    Truncate,
}
