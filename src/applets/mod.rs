//! Small unprivileged helpers that are the same program under another name (argv\[0\]). PID 1 starts them as any service,
//! from units that the baker adds (xtask/src/bake/own).

mod userd;

use crate::linux::arguments::Arguments;

/// Runs the helper that argv\[0\] names and answers its exit code; `None` if it names none.
pub fn run(arguments: Arguments) -> Option<u8> {
    match arguments.words().next()?.to_bytes() {
        b"tomte-userd" => Some(userd::run(arguments)),
        _ => None,
    }
}
