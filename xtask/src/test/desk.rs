//! The demo that the boards on a desk run, in a virtual machine: tests/vm/desk has their units, their root file system and its
//! real daemons. A web server, an SSH server that writes to syslog and by which `flash --ssh` brings a new binary, and an NTP
//! server that gives up root.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    host::has_line,
    lives::in_order,
    program,
    tally::{Cases, Outcome, Tally},
    vm::forwarded,
};
use crate::{board::Board, host::on_path, progress, setup};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/desk");
const LINES: [&str; 4] =
    ["HTTPD ANSWERS", "SSH-2.0-dropbear", "DROPBEAR HAS WRITTEN TO SYSLOG", "NTPD HAS LEFT ROOT: active"];

/// How long the machine may take until its SSH server is there.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// They, where they can be run.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let name = "the demo of the boards on a desk";
    if tally.has_all(name, Board::load(BOARD).and_then(|board| setup::lacking(&board))) {
        cases.add(format!("{name} runs a web server, an SSH server and an NTP server"), daemons);
        let what = format!("{name} gets a new binary over ssh while it runs");
        match ["ssh", "ssh-keygen"].into_iter().find(|program| !on_path(program)) {
            Some(program) => tally.add(&what, Outcome::Skipped(format!("{program} is not on PATH"))),
            None => cases.add(what, over_ssh),
        }
    }
}

fn daemons() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let finished =
        program::run(command.args(["run", "--board", BOARD, "--until", "idle", "--guard", "120s"]))?;
    in_order(&finished, &LINES)?;
    ensure!(finished.status.success(), "{}", finished.status);
    Ok(())
}

fn wait_for(what: &AtomicBool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !what.load(Ordering::Relaxed) {
        ensure!(Instant::now() < deadline, "the machine has no SSH server yet");
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// A new binary is brought by ssh to a board that runs: its PID 1 goes on as that, with all services.
fn over_ssh() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let key = at("key");
    progress::capture(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
    let home = at("board/rootfs/root/.ssh");
    fs::create_dir_all(&home)?;
    fs::copy(at("key.pub"), home.join("authorized_keys"))?;
    fs::write(at("board/board.toml"), format!("inherit = \"{BOARD}\"\n"))?;

    let (port, serves) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicBool::new(false)));
    let (port_seen, seen) = (port.clone(), serves.clone());
    let mut run = Command::new(std::env::current_exe()?);
    run.args(["run", "--until", "300s", "--guard", "360s", "--board"]).arg(at("board"));
    let running = program::start_watched(&mut run, move |line| {
        if let Some(port) = forwarded(line, 22) {
            port_seen.store(port, Ordering::Relaxed);
        }
        seen.fetch_or(line.contains("DROPBEAR HAS WRITTEN TO SYSLOG"), Ordering::Relaxed);
    })?;
    let brought = wait_for(&serves).and_then(|()| {
        let config = format!(
            "Host desk\nHostName 127.0.0.1\nPort {}\nUser root\nIdentityFile {}\nIdentitiesOnly yes\n\
             StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n",
            port.load(Ordering::Relaxed),
            key.display()
        );
        fs::write(at("config"), config)?;
        fs::create_dir(at("bin"))?;
        // The next one on the path, told of this board.
        let ssh = format!("#!/bin/sh\nPATH=${{PATH#*:}} exec ssh -F {} \"$@\"\n", at("config").display());
        fs::write(at("bin/ssh"), ssh)?;
        fs::set_permissions(at("bin/ssh"), fs::Permissions::from_mode(0o755))?;
        let path = format!("{}:{}", at("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut flash = Command::new(std::env::current_exe()?);
        let brought =
            program::run(flash.arg("flash").arg(at("board")).args(["--ssh", "desk"]).env("PATH", &path))?;
        program::run(Command::new(at("bin/ssh")).args(["desk", "poweroff"]).env("PATH", &path))?;
        Ok(brought)
    });
    if brought.is_err() {
        kill_process(Pid::from_child(&running.child), Signal::INT).context("cannot interrupt xtask")?;
    }
    let finished = running.finish()?;
    let brought = brought?;
    ensure!(brought.status.success(), "cargo xtask flash: {}", brought.status);
    has_line(&brought, &["desk: PID 1 is the new program"])?;
    has_line(&finished, &["tomte: executed anew"])?;
    ensure!(finished.status.success(), "{}", finished.status);
    Ok(())
}
