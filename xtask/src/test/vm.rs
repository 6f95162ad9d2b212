//! The level `qemu`: all virtual machines boot, serve a page from a port below 1024 without root, restart what
//! crashes, shut down on Ctrl-C, and report.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    cgroups, disks,
    host::has_line,
    page,
    program::{self, Running},
    steps,
    tally::{Cases, Outcome, Tally},
};
use crate::{
    board::Board,
    report::{Ended, Report},
    setup,
};

/// How long the machine may take to serve and to crash twice, before the test calls it a hang.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);
/// How often the crasher has to have been restarted.
const RESTARTS: usize = 1;
/// What the guest's page says.
const PAGE: &str = "under a user of its own";

/// The board whose boot has a budget, and that: processor time of PID 1 itself, in the guest's own time.
const MEASURED: &str = "qemu-aarch64";
const OWN_US_MAX: u64 = 50_000;
/// Has QEMU's clock go by what the guest does, a nanosecond an instruction, so that every machine measures the same. When the
/// guest waits, its clock jumps to what it waits for.
pub const COUNTED: [&str; 2] = ["--qemu-word=-icount", "--qemu-word=shift=0,sleep=off"];
/// A machine with a power key, and what a person does with it.
const KEYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/power-key");
const BUTTON: &str = "Startup finished={\"execute\":\"system_powerdown\"}";

/// Boots every board that is a virtual machine.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let boards = match setup::all_boards() {
        Ok(boards) => boards,
        Err(error) => return tally.add("boards", Outcome::Failed(format!("{error:#}"))),
    };
    for board in boards.into_iter().filter(|board| board.config.qemu.is_some()).map(Arc::new) {
        let name = &board.name;
        if !tally.has_all(name, setup::lacking(&board)) {
            continue;
        }
        if board.config.image.is_some() {
            disks::cases(&board, cases);
            continue;
        }
        let mut add = |what: &str, case: fn(&Board) -> Result<()>| {
            let board = board.clone();
            cases.add(format!("{name} {what}"), move || case(&board));
        };
        add("boots, serves, restarts, shuts down and reports", boot);
        add("limits what its services use, and powers off when it is idle", cgroups::run);
        if steps::suits(&board) {
            add("fails closed at every step", steps::run);
        }
        add("starts over when PID 1 panics", panicking);
        if name == MEASURED {
            add("is up before PID 1 has taken 50 ms for it", quick);
        }
    }
    let name = "the power key of a machine with a device tree powers it off";
    if tally.has_all(name, Board::load(KEYED).and_then(|board| setup::lacking(&board))) {
        cases.add(name, power_key);
    }
}

fn quick(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let mut command = xtask(board, &file)?;
    program::run(command.args(["--until", "idle"]).args(COUNTED))?;
    let report = read(&file)?;
    ensure!(report.ended == Ended::Idle, "ended: {}", report.ended);
    let own_us = report.boot_cpu_us;
    ensure!(
        (1..=OWN_US_MAX).contains(&own_us),
        "PID 1 took {own_us} us for a boot, {OWN_US_MAX} are allowed"
    );
    println!("PID 1 took {own_us} us, an instruction a nanosecond");
    Ok(())
}

fn power_key() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let finished = program::run(command.args(["run", "--board", KEYED, "--until", "60s", "--at", BUTTON]))?;
    let lines = [&["Started tomte-powerkey.service"][..], &["tomte: Powering off."], &["reboot: Power down"]];
    lines.into_iter().try_for_each(|pieces| has_line(&finished, pieces))?;
    let elapsed = finished.lines.iter().find(|line| line.contains("ended: timeout"));
    ensure!(elapsed.is_none() && finished.status.success(), "{}", finished.status);
    Ok(())
}

/// `tomte.panic`: the panic handler says why and reboots; the kernel never hears of a dead init.
fn panicking(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let mut command = xtask(board, &file)?;
    let finished = program::run(command.args(["--until", "idle", "--", "tomte.panic"]))?;
    ensure!(!finished.status.success(), "{}", finished.status);
    has_line(&finished, &["tomte: cannot go on: panic at src/init/mod.rs:", "asked for by tomte.panic"])?;
    has_line(&finished, &["tomte: rebooting in "])?;
    has_line(&finished, &["reboot: Restarting system"])?;
    ensure!(!finished.lines.iter().any(|line| line.contains("Attempted to kill init")), "init was killed");
    ensure!(read(&file)?.ended == Ended::Panic, "the report does not say panic");
    Ok(())
}

fn boot(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let (port, restarts) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen_port, seen_restarts) = (port.clone(), restarts.clone());
    let mut running = program::start_watched(&mut xtask(board, &file)?, move |line| {
        if let Some(port) = forwarded(line, 80) {
            seen_port.store(port, Ordering::Relaxed);
        }
        if line.contains("crasher.service: Scheduled restart job") {
            seen_restarts.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    let served = serve(&mut running, &port, &restarts);
    kill_process(Pid::from_child(&running.child), Signal::INT).context("cannot interrupt xtask")?;
    if served.is_err() {
        thread::sleep(PAUSE);
        let _ = kill_process(Pid::from_child(&running.child), Signal::INT);
    }
    let finished = running.finish()?;
    let owner = served?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    check(&read(&file)?, owner)
}

/// Where port `guest` of the machine is on this one, if `line` says so.
pub fn forwarded(line: &str, guest: u16) -> Option<u16> {
    let rest = line.strip_prefix(&format!("port {guest} of the guest is 127.0.0.1:"))?;
    rest.split(' ').next()?.parse().ok()
}

/// Waits until the page is there and the crasher has crashed; the answer is the user who serves.
fn serve(running: &mut Running, port: &AtomicU16, restarts: &AtomicUsize) -> Result<u32> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < deadline {
        if let Some(status) = running.child.try_wait()? {
            anyhow::bail!("the machine ended before it served: {status}");
        }
        let owner = serving_user(port.load(Ordering::Relaxed));
        if let (Ok(owner), true) = (&owner, restarts.load(Ordering::Relaxed) >= RESTARTS) {
            return Ok(*owner);
        }
        last = owner.err();
        thread::sleep(PAUSE);
    }
    match last {
        Some(error) => Err(error.context("no page")),
        None => anyhow::bail!("crasher.service was restarted {} times", restarts.load(Ordering::Relaxed)),
    }
}

/// Fetches the page, and asks a program that the server starts who it is.
fn serving_user(port: u16) -> Result<u32> {
    ensure!(port != 0, "no port is forwarded yet");
    let body = page::fetch(port, "/")?;
    ensure!(body.contains(PAGE), "the page says {body:?}");
    let id = page::fetch(port, "/cgi-bin/id")?;
    id.trim().parse().with_context(|| format!("/cgi-bin/id says {id:?}"))
}

/// The report agrees with what was seen from outside.
fn check(report: &Report, owner: u32) -> Result<()> {
    let unit = |name: &str| report.unit(name).with_context(|| format!("the report has no {name}"));
    let dynamic = tomte::table::UidRange::DYNAMIC;
    let is_dynamic = |uid: u32| (dynamic.first..=dynamic.last).contains(&uid);
    ensure!(report.ended == Ended::Signal, "ended: {}", report.ended);
    let httpd = unit("httpd.service")?;
    ensure!(
        httpd.uid == Some(owner) && is_dynamic(owner),
        "httpd runs as {owner}, the report says {:?}",
        httpd.uid
    );
    let crasher = unit("crasher.service")?;
    ensure!(crasher.restarts.is_some_and(|count| count >= 1), "crasher was not restarted: {crasher:?}");
    for name in ["myapp.service", "myapp-dirs.service"] {
        let myapp = unit(name)?;
        ensure!(myapp.sub == "running" && myapp.uid == Some(901), "{myapp:?}");
    }
    let myapp = unit("myapp-dynamic.service")?;
    let uid = myapp.uid.unwrap_or_default();
    ensure!(myapp.sub == "running" && is_dynamic(uid) && uid != owner, "{myapp:?}, httpd has {owner}");
    Ok(())
}

fn xtask(board: &Board, report: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", &board.name, "--report"]).arg(report);
    Ok(command)
}

fn read(report: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(report).context("xtask wrote no report")?;
    Report::parse(&text)
}
