//! `tomte-powerkey WORD`: has PID 1 end the machine when somebody presses the power key, as systemd-logind does with
//! HandlePowerKey=. It is no part of PID 1, which then need not read what devices say; nobody wakes it up but that key, and
//! devices that come and go.

use crate::linux::{
    Errno,
    arguments::Arguments,
    power_key::{ask_for_the_end, devices, is_pressed},
    stream::{self, Ready},
    watch::watch,
};

/// IN_CREATE, IN_ATTRIB, IN_DELETE: a node comes, is given somebody's rights, goes.
const CHANGES: u32 = 0x100 | 0x4 | 0x200;

/// Listens until there is nothing to listen with; answers the exit code.
#[inline(never)]
pub(super) fn run(arguments: Arguments) -> u8 {
    let (step, errno) = listen(arguments);
    super::complain("tomte-powerkey", step, errno)
}

fn listen(arguments: Arguments) -> (&'static str, Errno) {
    let reboot = arguments.words().nth(1) == Some(c"reboot");
    let mut ready = false;
    loop {
        // Watched first, so that no device comes in between.
        let watched = match watch("/dev/input", CHANGES, false) {
            Ok(watched) => watched,
            Err(errno) => return ("cannot watch /dev/input", errno),
        };
        let devices = match devices() {
            Ok(devices) => devices,
            Err(errno) => return ("cannot look for a power key", errno),
        };
        if !ready {
            stream::say(arguments, b"READY=1");
            ready = true;
        }
        loop {
            match stream::wait(&watched.way, &mut devices.iter(), u64::MAX) {
                Ok(Ready::Nobody) => {}
                Ok(Ready::Listener) => break,
                Ok(Ready::Other(place)) => match devices.get(place).map(is_pressed) {
                    Some(Ok(true)) => {
                        if let Err(errno) = ask_for_the_end(reboot) {
                            return ("cannot ask PID 1 for the end", errno);
                        }
                    }
                    Some(Ok(false)) => {}
                    Some(Err(_)) | None => break, // it is gone
                },
                Err(errno) => return ("cannot wait for the power key", errno),
            }
        }
    }
}
