//! Signals as PID 1 meets them: read from a descriptor, or a fault of its own.

use core::fmt;

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
};

use super::{AsFd, raw::signal as raw};
use crate::words;

/// Signal numbers of the kernel's generic ABI, which all supported architectures share.
#[expect(missing_docs, reason = "signal(7) names them")]
mod numbers {
    pub const HUP: u8 = 1;
    pub const INT: u8 = 2;
    pub const ILL: u8 = 4;
    pub const ABRT: u8 = 6;
    pub const BUS: u8 = 7;
    pub const FPE: u8 = 8;
    pub const KILL: u8 = 9;
    pub const USR1: u8 = 10;
    pub const SEGV: u8 = 11;
    pub const USR2: u8 = 12;
    pub const TERM: u8 = 15;
    pub const CHLD: u8 = 17;
    pub const CONT: u8 = 18;
    pub const PWR: u8 = 30;
    pub const SYS: u8 = 31;
    pub const RTMIN: u8 = 34;
}
pub use numbers::*;

/// What PID 1 listens to. Everything else it leaves to the kernel, which spares PID 1 what has no handler.
const LISTENED: [u8; 11] =
    [CHLD, INT, TERM, USR1, USR2, PWR, RTMIN + 3, RTMIN + 4, RTMIN + 5, RTMIN + 6, RTMIN + 7];
/// Faults of PID 1's own: without a handler the kernel panics.
const FATAL: [u8; 6] = [ILL, ABRT, BUS, FPE, SEGV, SYS];

/// Those of the numbers from 1 on.
const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN \
                     TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// A signal for people: `KILL`, `RTMIN+3`, or the bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub u8);

/// The number of a signal by its name, with or without `SIG`, or in digits; TERM for nothing at all.
pub fn number(name: &str) -> Option<u8> {
    if name.is_empty() {
        return Some(TERM);
    }
    let short = name.strip_prefix("SIG").unwrap_or(name);
    let named = words::place(NAMES, short.as_bytes()).map(|place| place as u64 + 1);
    let real_time = || short.strip_prefix("RTMIN+")?.parse::<u64>().ok()?.checked_add(RTMIN.into());
    let number = named.or_else(|| name.parse().ok()).or_else(real_time);
    number.filter(|number| (1..=64).contains(number)).map(|number| number as u8)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match words::nth(NAMES, usize::from(self.0).wrapping_sub(1)) {
            "" if self.0 >= RTMIN => write!(f, "RTMIN+{}", u64::from(self.0 - RTMIN)),
            "" => write!(f, "{}", u64::from(self.0)),
            name => f.write_str(name),
        }
    }
}

/// A descriptor that is readable when one of PID 1's signals has come.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks what PID 1 listens to and opens the descriptor.
    ///
    /// # Errors
    /// signalfd(2)'s.
    pub fn new() -> Result<Self, Errno> {
        let set = LISTENED.iter().fold(0, |set, signal| set | raw::bit(*signal));
        raw::set_mask(set)?;
        raw::signalfd(set).map(Self)
    }

    /// Takes the next signal, if there is one.
    pub fn take(&self) -> Option<u8> {
        raw::receive(&self.0).ok().flatten().map(|received| received.signal)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Gives every signal its default action, whatever this process was started with, and has `handler` called with the
/// signal's number when it faults, or is told so by kill(2). It must not return.
///
/// An ignored signal is ignored by every program that a process starts. Here is the one place that sees to it, so that
/// each child need not.
///
/// # Errors
/// rt_sigaction(2)'s and sigaltstack(2)'s.
pub fn take_charge(handler: extern "C" fn(i32) -> !) -> Result<(), Errno> {
    for signal in 1..=raw::SIGNAL_MAX {
        match raw::set_default(signal) {
            Ok(()) | Err(Errno::INVAL) => {} // EINVAL: KILL, STOP
            Err(errno) => return Err(errno),
        }
    }
    raw::set_fault_stack()?;
    FATAL.iter().try_for_each(|signal| raw::on_fault(*signal, handler))
}
