//! Boots from a disk, of a root file system that is laid out as Buildroot does it, with tests of somebody's folder; and
//! ends that have to be told apart.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};

use super::{program, tally::Cases};
use crate::{
    board::Board,
    debian::package::files_of,
    report::{Ended, Report},
    setup,
};

/// Names that busybox goes by in Buildroot's /bin.
const APPLETS: [&str; 10] = ["cat", "echo", "grep", "ip", "insmod", "mkdir", "rm", "sh", "sleep", "id"];

/// A board that boots from a disk, with tomte as /sbin/init of its root partition.
pub fn cases(board: &Arc<Board>, cases: &mut Cases) {
    let disk = board.clone();
    cases.add(
        format!("{} boots a root as Buildroot makes it from its disk, and runs tests", board.name),
        move || from_disk(&disk),
    );
    for (word, ended, said) in [
        ("panic", Ended::Panic, "error: panic: "),
        ("reset", Ended::Reset, "a reset"),
        ("hang", Ended::Hang, "error: it hung"),
    ] {
        let board = board.clone();
        cases.add(format!("a {word} is told from other ends"), move || ends(&board, word, ended, said));
    }
}

fn from_disk(board: &Board) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (root, file, junit) =
        (folder.path().join("target"), folder.path().join("report.json"), folder.path().join("junit.xml"));
    lay_out(board, &root)?;
    let trials = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/trials");
    let mut command = run(board)?;
    command
        .arg("--rootfs")
        .arg(&root)
        .args(["--tests", trials, "--junit"])
        .arg(&junit)
        .arg("--report")
        .arg(&file);
    let finished = program::run(command.args(["--until", "idle"]))?;
    ensure!(!finished.status.success(), "a test has failed, and the run ended well");
    let report = Report::parse(&fs::read_to_string(&file).context("xtask wrote no report")?)?;
    ensure!(
        report.ended == Ended::Idle && report.failed().is_empty(),
        "{:?}: {:?}",
        report.ended,
        report.failed()
    );
    for name in ["var.mount", "tmp.mount", "httpd.service", "myapp-dirs.service"] {
        let unit = report.unit(name).with_context(|| format!("the report has no {name}"))?;
        ensure!(unit.active == "active", "{unit:?}");
    }
    let xml = fs::read_to_string(&junit).context("xtask wrote no junit.xml")?;
    for wanted in [
        "tests=\"4\" failures=\"1\" skipped=\"1\"",
        "name=\"status\"/>",
        "name=\"tap: the root is read-only and /var is not\"/>",
        "name=\"tap: this fails\"><failure",
    ] {
        ensure!(xml.contains(wanted), "junit.xml has no {wanted}: {xml}");
    }
    Ok(())
}

/// The folder that Buildroot calls target/: busybox and its links, its /sbin/init among them; /etc; empty places.
fn lay_out(board: &Board, root: &Path) -> Result<()> {
    for dir in [
        "bin",
        "dev",
        "etc/init.d",
        "lib",
        "media",
        "mnt",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr/bin",
        "usr/lib",
        "usr/sbin",
        "var/lib",
        "var/log",
        "var/tmp",
    ] {
        fs::create_dir_all(root.join(dir))?;
    }
    let busybox = files_of(&setup::busybox(board)?, |path| path.ends_with("/bin/busybox"))?.pop_first();
    let busybox = busybox.context("no busybox in its package")?.1;
    fs::write(root.join("bin/busybox"), busybox)?;
    fs::set_permissions(root.join("bin/busybox"), fs::Permissions::from_mode(0o4755))?;
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    for (to, link) in [
        ("lib", "lib64"),
        ("bin/busybox", "linuxrc"),
        ("../bin/busybox", "sbin/init"),
        ("../bin/busybox", "sbin/poweroff"),
        ("../proc/self/mounts", "etc/mtab"),
        ("../run/resolv.conf", "etc/resolv.conf"),
    ] {
        symlink(to, root.join(link))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::set_permissions(root.join("var/tmp"), fs::Permissions::from_mode(0o1777))?;
    let passwd = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n\
                  nobody:x:65534:65534:nobody:/home:/bin/false\n";
    fs::write(root.join("etc/passwd"), passwd)?;
    fs::write(root.join("etc/group"), "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n")?;
    fs::write(root.join("etc/hostname"), "buildroot\n")?;
    // What its modules are for is done by the first stage here.
    fs::create_dir_all(root.join("lib/modules"))?;
    fs::write(root.join("lib/modules/order"), "")?;
    Ok(())
}

/// The host board runs in such a folder, as it would on the machine that it is for, and changes nothing in it.
pub fn without_a_kernel() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (root, unit) = (folder.path().join("target"), folder.path().join("inside.service"));
    lay_out(&Board::load("host")?, &root)?;
    let text = "[Service]\nType=oneshot\nUser=www-data\nStateDirectory=inside\n\
                ExecStart=/bin/sh -c 'echo INSIDE $$(id -u) $$(cat /etc/hostname); ls /linuxrc; ls -d /var/lib/inside'\n\
                [Install]\nWantedBy=multi-user.target\n";
    fs::write(&unit, text)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["run", "--guard", "60s", "--until", "idle", "--rootfs"])
        .arg(&root)
        .arg("--units")
        .arg(&unit);
    let finished = program::run(&mut command)?;
    ensure!(finished.status.success(), "{}", finished.status);
    for line in ["INSIDE 33 buildroot", "/linuxrc", "/var/lib/inside"] {
        ensure!(finished.lines.iter().any(|said| said.ends_with(line)), "nobody said {line:?}");
    }
    ensure!(!root.join("var/lib/inside").exists(), "the run has changed the folder");
    Ok(())
}

fn ends(board: &Board, word: &str, ended: Ended, said: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/ends");
    let mut command = run(board)?;
    command.args(["--units", units, "--until", "idle", "--report"]).arg(&file);
    if ended == Ended::Hang {
        command.args(["--guard", "25s"]); // which is one on the slowest machine, too
    }
    let finished = program::run(command.args(["--", &format!("end={word}")]))?;
    ensure!(!finished.status.success(), "the run ended well");
    let report = Report::parse(&fs::read_to_string(&file).context("xtask wrote no report")?)?;
    ensure!(report.ended == ended, "ended: {}, not {ended}", report.ended);
    ensure!(finished.lines.iter().any(|line| line.contains(said)), "nobody said {said:?}");
    Ok(())
}

fn run(board: &Board) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", &board.name]);
    Ok(command)
}
