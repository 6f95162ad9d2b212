//! A shell at the console for whoever is there, when PID 1 has nothing else to run.

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    process::{ioctl_tiocsctty, setsid},
};

use super::{
    clock, console,
    raw::{
        CStrings,
        process::{Forked, execve, exit, fork, reap_any},
    },
};

/// How often the ended are looked for meanwhile.
const REAP_PAUSE_US: u64 = 100_000;

/// Runs /bin/sh at the console until it ends.
///
/// # Errors
/// clone3(2)'s, and ECHILD if nobody can say how it ended.
pub fn run() -> Result<(), Errno> {
    let Forked::Parent { pid, .. } = fork()? else {
        let _said_by_its_exit = become_shell();
        exit(1)
    };
    while reap_any()?.is_none_or(|(ended, _)| ended != pid) {
        clock::sleep_us(REAP_PAUSE_US);
    }
    Ok(())
}

fn become_shell() -> Result<(), Errno> {
    setsid()?;
    console::move_to("console")?;
    let terminal = open(c"/dev/console", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let _ = ioctl_tiocsctty(&terminal); // without job control it is a shell still
    let (mut words, mut environment) = (CStrings::<4>::new(), CStrings::<4>::new());
    words.push(c"-sh")?;
    environment.push(c"HOME=/root")?;
    environment.push(c"PATH=/usr/sbin:/usr/bin:/sbin:/bin")?;
    Err(execve(c"/bin/sh", &words, &environment))
}
