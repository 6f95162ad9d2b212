//! Machines with everything wrong with them: each boots to something that a person can use, and says on the console what
//! is the matter. And watchdogs: they start over a machine whose vital unit is down, and leave one that is well alone.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    host::has_line,
    lives::in_order,
    program::{self, Finished},
    tally::{Cases, Tally},
};
use crate::{
    board::Board,
    host::copy_folder,
    report::{Ended, Report},
    setup,
};

/// The board's folder.
const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/bad-input");
/// A vital unit that is always down.
const SICK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/sick/httpd.service");
/// A board whose kernel keeps what it says at its end, and when that has been seen.
const WHY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/why");
const KNOWN: &str = "THAT IS WHY={\"execute\":\"quit\"}";
/// Boards whose watchdogs are seen to bite: two with hardware, two with the kernel's own.
const WATCHED: [&str; 4] = ["qemu-x86_64", "qemu-aarch64", "qemu-armv7", "qemu-riscv64"];

/// All of them.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    let lacking = Board::load(BOARD).and_then(|board| setup::lacking(&board));
    if !tally.has_all("machines with bad input", lacking) {
        return;
    }
    cases.add("no devtmpfs, sysfs and cgroup2, a clock of 1970, a missing module, a full disk", poor);
    cases.add("a read-only root without a console, and a clock fifty years ahead", read_only);
    cases.add("a corrupt file system ends in the emergency shell", corrupt);
    cases.add("a table for another processor ends in a shell", wrong_table);
    if tally.has_all("why it started over", Board::load(WHY).and_then(|board| setup::lacking(&board))) {
        cases.add("a machine that panicked knows why in its next life", why);
    }
    for name in WATCHED {
        let board = Board::load(name);
        if board.is_ok_and(|board| setup::lacking(&board).is_ok_and(|lacking| lacking.is_empty())) {
            let what = format!("{name} is started over by its watchdog when a vital unit is down");
            cases.add(what, move || sick(name));
            cases.add(format!("{name} stays up for five times as long as its watchdog waits"), move || {
                healthy(name)
            });
        }
    }
}

/// Why the machine has started over stands in memory of its firmware, where the kernel put it when the watchdog had it panic.
fn why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let memory = format!(
        "--qemu-word=memory-backend-file,id=erst,mem-path={},size=64K,share=on",
        folder.path().join("erst").display()
    );
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", WHY, "--until", "150s", "--at", KNOWN]);
    command.args([
        "--qemu-word=-object",
        &memory,
        "--qemu-word=-device",
        "--qemu-word=acpi-erst,memdev=erst",
    ]);
    let finished = program::run(&mut command)?;
    let pieces = [
        "softdog: Initiating panic",
        "WHY:",
        "tomte: the watchdog is not fed any more because of heart.service",
    ];
    in_order(&finished, &pieces)
}

/// What came of a run: what was shown, and the report.
fn boot(board: &str, words: &[&str]) -> Result<(Finished, Report)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", board, "--report"]).arg(&file).args(words);
    let finished = program::run(&mut command)?;
    let report = fs::read_to_string(&file).context("xtask wrote no report")?;
    Ok((finished, Report::parse(&report)?))
}

fn is(report: &Report, unit: &str, active: &str) -> Result<()> {
    let unit = report.unit(unit).with_context(|| format!("the report has no {unit}"))?;
    ensure!(unit.active == active, "{unit:?}");
    Ok(())
}

fn poor() -> Result<()> {
    let words =
        ["--until", "idle", "--qemu-word=-rtc", "--qemu-word=base=1970-01-02", "--", "rdinit=/poor.sh"];
    let (finished, report) = boot(BOARD, &words)?;
    ensure!(report.ended == Ended::Idle, "ended: {}", report.ended);
    is(&report, "myapp-dynamic.service", "active")?;
    has_line(&finished, &["cannot mount /sys/fs/cgroup, going on without"])?;
    has_line(&finished, &["cannot open /dev/watchdog9 yet"])?;
    has_line(&finished, &["spawning no_such_module: No such file or directory"])?;
    has_line(&finished, &["eth9: cannot find it: No such device"])?;
    has_line(&finished, &["the clock was never set"])?;
    has_line(&finished, &["spawning /data/clock: No space left on device"])?;
    // What was said by a wrong clock has the right date as soon as there is one.
    has_line(&finished, &["May 18 11:59:5", "said with the clock wrong"])?;
    has_line(&finished, &["May 18 12:00:0", "said with the clock right"])?;
    Ok(())
}

fn read_only() -> Result<()> {
    let line = "rdinit=/readonly.sh systemd.volatile=state";
    let words = ["--until", "idle", "--qemu-word=-rtc", "--qemu-word=base=2076-11-22", "--", line];
    let (finished, report) = boot(BOARD, &words)?;
    ensure!(report.ended == Ended::Idle, "ended: {}", report.ended);
    is(&report, "httpd.service", "active")?;
    is(&report, "tomte-machine-id.service", "active")?;
    has_line(&finished, &["the clock was never set"])?;
    has_line(&finished, &["Read-only file system"])?;
    has_line(&finished, &["/VAR IS tmpfs"])?;
    Ok(())
}

fn corrupt() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = folder.path().join("disk");
    fs::write(&disk, vec![0x5a; 1 << 20])?;
    let drive = format!("--qemu-word=file={},format=raw,if=none,id=bad", disk.display());
    let words = ["--until", "20s", "--qemu-word=-drive", &drive, "--qemu-word=-device"];
    let rest = [
        "--qemu-word=virtio-blk-pci,drive=bad,addr=0x5",
        "--",
        "tomte.target=corrupt.target systemd.volatile=overlay",
    ];
    let (finished, report) = boot(BOARD, &[&words[..], &rest].concat())?;
    ensure!(report.ended == Ended::Timeout, "ended: {}", report.ended);
    is(&report, "corrupt.mount", "failed")?;
    is(&report, "emergency.service", "active")?;
    has_line(&finished, &["corrupt.mount: Failed at step"])?;
    has_line(&finished, &["Started emergency.service"])?;
    has_line(&finished, &["THE ROOT IS overlay"])?;
    Ok(())
}

/// Whoever asks for a shell gets one, as the table cannot say what the board allows.
fn wrong_table() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table");
    let mut bake = Command::new(std::env::current_exe()?);
    let finished = program::run(bake.args(["bake", "qemu-aarch64", "-o"]).arg(&table))?;
    ensure!(finished.status.success(), "{}", finished.status);
    let text = |path: &Path| path.display().to_string();
    let words = ["--until", "idle", "--guard", "25s", "--table", &text(&table), "--", "tomte.shell"];
    let (finished, report) = boot(BOARD, &words)?;
    ensure!(report.ended == Ended::Hang, "ended: {}", report.ended);
    has_line(&finished, &["made for aarch64, this is x86_64; a shell instead"])?;
    has_line(&finished, &["built-in shell"])?;
    Ok(())
}

/// The vital unit of the board called `name` fails, and once more when all of them are restarted.
/// The board `name` in `folder`, where something can be added to it.
fn copied(name: &str, folder: &Path) -> Result<PathBuf> {
    let own = folder.join(name);
    fs::create_dir(&own)?;
    copy_folder(&Board::load(name)?.dir, &own)?;
    Ok(own)
}

/// With units that are well, a watchdog that waits for four seconds never bites in twenty.
fn healthy(name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let own = copied(name, folder.path())?;
    let mut toml = fs::OpenOptions::new().append(true).open(own.join("board.toml"))?;
    toml.write_all(b"\n[watchdog]\ntimeout = \"4s\"\n")?;
    let (finished, report) = boot(&own.to_string_lossy(), &["--until", "20s"])?;
    ensure!(finished.status.success() && report.ended == Ended::Timeout, "ended: {}", report.ended);
    has_line(&finished, &["/dev/watchdog0 waits for 4 s"])?;
    is(&report, "httpd.service", "active")?;
    let starved = finished.lines.iter().find(|line| line.contains("is not fed any more"));
    ensure!(starved.is_none(), "{starved:?}");
    Ok(())
}

fn sick(name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let own = copied(name, folder.path())?;
    fs::create_dir_all(own.join("units"))?;
    fs::copy(SICK, own.join("units/httpd.service"))?;
    let (finished, report) = boot(&own.to_string_lossy(), &["--until", "150s"])?;
    ensure!(report.ended == Ended::Reset, "ended: {}", report.ended);
    has_line(&finished, &["httpd.service: Vital and down: restarting all vital units."])?;
    has_line(&finished, &["/dev/watchdog0 waits for"])?;
    has_line(&finished, &["the watchdog is not fed any more because of httpd.service"])?;
    Ok(())
}
