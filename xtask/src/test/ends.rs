//! Ends of a run on the host board that a person or the machine brings about: Ctrl-C, a killed xtask. Whatever happens,
//! nothing of the run is left on the host.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    program::{self, Running},
    tally::Tally,
};
use crate::{
    build, host,
    report::{Ended, Report},
};

/// How long the machine may take for what is due, before the test calls it a failure.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs every case, where the host board runs at all.
pub fn run(tally: &mut Tally) {
    if host::probe().is_err() {
        return; // the host board's other cases have said why
    }
    tally.case("Ctrl-C is an orderly shutdown with a report", ctrl_c);
    tally.case("a second Ctrl-C ends a shutdown that hangs", second_ctrl_c);
    tally.case("a killed xtask leaves no process, mount, cgroup or file", killed);
}

fn ctrl_c() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let running = start("plain", folder.path())?;
    signal(&running, Signal::INT)?;
    let pid = running.child.id();
    let finished = running.finish()?;
    ensure!(finished.status.success(), "{}", finished.status);
    let report = Report::parse(&fs::read_to_string(folder.path().join("report.json"))?)?;
    ensure!(report.ended == Ended::Signal, "ended: {}", report.ended);
    ensure!(report.unit("bystander.service").is_some_and(|unit| unit.sub == "running"), "{report:?}");
    nothing_left(pid, folder.path())
}

fn second_ctrl_c() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let running = start("stubborn", folder.path())?;
    signal(&running, Signal::INT)?;
    thread::sleep(PAUSE); // two signals at once are one
    signal(&running, Signal::INT)?;
    let pid = running.child.id();
    let finished = running.finish()?;
    ensure!(!finished.status.success(), "a killed PID 1 is no success");
    nothing_left(pid, folder.path())
}

fn killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let running = start("plain", folder.path())?;
    signal(&running, Signal::KILL)?;
    let pid = running.child.id();
    running.finish()?;
    nothing_left(pid, folder.path())
}

/// Starts a run whose temporary files are in `folder`, and waits until its units are up.
fn start(units: &str, folder: &Path) -> Result<Running> {
    let temporary = folder.join("tmp");
    fs::create_dir(&temporary)?;
    let up = Arc::new(AtomicBool::new(false));
    let seen = up.clone();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", "host", "--units"]).arg(build::root_dir().join("tests/host").join(units));
    command.arg("--report").arg(folder.join("report.json")).env("TMPDIR", &temporary);
    let running = program::start_watched(&mut command, move |line| {
        if line.contains("Startup finished") {
            seen.store(true, Ordering::Relaxed);
        }
    })?;
    wait_for("its units are up", || up.load(Ordering::Relaxed)).map(|()| running)
}

fn signal(running: &Running, signal: Signal) -> Result<()> {
    kill_process(Pid::from_child(&running.child), signal).context("cannot signal xtask")
}

/// The run of the xtask `pid` with its temporary files in `folder` is gone. A cgroup that can be removed has no
/// processes, so that is looked at for them too.
fn nothing_left(pid: u32, folder: &Path) -> Result<()> {
    let temporary = folder.join("tmp");
    let is_empty = || fs::read_dir(&temporary).is_ok_and(|mut entries| entries.next().is_none());
    wait_for("the temporary files are gone", is_empty)?;
    wait_for("the cgroup is gone", || !host::has_cgroup_left(pid))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let path = folder.to_string_lossy();
    ensure!(!mounts.contains(path.as_ref()), "a mount below {path} is left");
    Ok(())
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        ensure!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(PAUSE);
    }
    Ok(())
}
