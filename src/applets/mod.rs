//! Small helpers of PID 1 that are the same program under another name (argv\[0\]) and run without its privileges: each is a
//! unit of its own that the baker adds (xtask/src/bake/own.rs, logd.rs).

mod devices;
mod logd;
mod powerkey;
mod userd;

use core::fmt::Write;

use crate::linux::{Errno, arguments::Arguments, errno::Text, output::Output};

/// Runs the helper that argv\[0\] names and answers its exit code; `None` if it names none.
#[inline(never)]
pub fn run(arguments: Arguments) -> Option<u8> {
    match arguments.words().next()?.to_bytes() {
        b"tomte-userd" => Some(userd::run(arguments)),
        b"tomte-logd" => Some(logd::run(arguments)),
        b"tomte-devices" => Some(devices::run(arguments)),
        b"tomte-powerkey" => Some(powerkey::run(arguments)),
        _ => None,
    }
}

/// Says why `applet` cannot go on; answers its exit code.
fn complain(applet: &str, step: &str, errno: Errno) -> u8 {
    let _ = writeln!(Output::stderr(), "{applet}: {step}: {}", Text(errno));
    1
}
