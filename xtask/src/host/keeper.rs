//! The process between xtask and PID 1. It makes the pid namespace, passes on what xtask asks for, ends PID 1 when
//! xtask is gone (killed, crashed, closed terminal), and removes the run's cgroup and folder afterwards.
//!
//! A session of its own keeps the terminal's Ctrl-C away from it and from PID 1: xtask alone decides what that means.

use std::{
    fs,
    io::{Read, Write},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, setsid},
    thread::UnshareFlags,
};

use super::{
    Plan, cgroup,
    lines::{INTERRUPT, KILL, MAPPED, Said},
};

/// The sysctl settings by which kernels of distributions keep user namespaces from users.
const USER_NAMESPACE_SETTINGS: &str = "user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns";

/// Runs the keeper to its end; what happened goes to stdout.
pub fn run(plan: &Plan) -> Result<()> {
    let _ = setsid(); // fails only for a group's leader, which a spawned process is not
    let said = keep(plan).unwrap_or_else(|error| Said::Failed(format!("{error:#}")));
    if let Some(dir) = &plan.cgroup {
        cgroup::remove(dir);
    }
    if let Err(error) = fs::remove_dir_all(&plan.dir) {
        eprintln!("cannot remove {}: {error}", plan.dir.display());
    }
    say(&said);
    Ok(())
}

/// Tells xtask, if there is one left to hear it.
fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

fn keep(plan: &Plan) -> Result<Said> {
    if plan.user_namespace {
        unshare(UnshareFlags::NEWUSER, "a user namespace")?;
        say(&Said::Map);
        if next_byte()? != MAPPED {
            bail!("the user namespace's ids were not mapped");
        }
        become_root()?;
    }
    unshare(UnshareFlags::NEWPID, "a pid namespace")?;
    let mut pid_1 = Command::new("/proc/self/exe")
        .args(["host-stage", &serde_json::to_string(plan)?])
        .stdin(Stdio::null())
        .stdout(std::io::stderr().as_fd().try_clone_to_owned()?)
        .spawn()
        .context("cannot start the first process of the pid namespace")?;
    let watched = watch(&mut pid_1);
    if watched.is_err() {
        let _ = pid_1.kill();
    }
    let status = pid_1.wait().context("cannot wait for PID 1")?;
    let report = fs::read_to_string(plan.report()).ok();
    watched.map(|()| Said::Ended { status: status.into(), report })
}

/// Passes on xtask's bytes until PID 1 has ended.
fn watch(pid_1: &mut Child) -> Result<()> {
    let pid = Pid::from_child(pid_1);
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).context("cannot watch PID 1 (pidfd_open)")?;
    let stdin = std::io::stdin();
    loop {
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            other => other.context("cannot wait (poll)")?,
        };
        if !fds[0].revents().is_empty() {
            return Ok(());
        }
        let asked = next_byte().unwrap_or(KILL);
        let signal = if asked == INTERRUPT { Signal::INT } else { Signal::KILL };
        kill_process(pid, signal).context("cannot signal PID 1")?;
        if signal == Signal::KILL {
            return Ok(());
        }
    }
}

/// The next byte from xtask; an error when xtask is gone.
fn next_byte() -> Result<u8> {
    let mut byte = [0];
    std::io::stdin().read_exact(&mut byte).context("xtask is gone")?;
    Ok(byte[0])
}

/// Takes the user namespace's root identity: what it creates then belongs to 0, as PID 1 expects.
fn become_root() -> Result<()> {
    use rustix::process::{Gid, Uid};
    rustix::thread::set_thread_groups(&[]).context("setgroups in the user namespace")?;
    let (uid, gid) = (Uid::ROOT, Gid::ROOT);
    rustix::thread::set_thread_res_gid(gid, gid, gid).context("setresgid in the user namespace")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).context("setresuid in the user namespace")
}

/// Leaves the host's namespaces named by `flags`; `what` is for the message.
pub fn unshare(flags: UnshareFlags, what: &str) -> Result<()> {
    // SAFETY: `flags` never holds FILES, FS or VM, so nothing this process's memory safety rests on is touched; both
    // callers are single-threaded processes of their own, started from main.
    let made = unsafe { rustix::thread::unshare_unsafe(flags) };
    made.map_err(|errno| {
        anyhow!(
            "the kernel refuses {what} (unshare: {errno})\nways out: run it as root; outside of a locked-down container; \
             with {USER_NAMESPACE_SETTINGS} set so that users may make namespaces; or on a QEMU board: cargo xtask run \
             --board qemu-x86_64"
        )
    })
}
