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

use super::{host::has_line, program, tally::Cases};
use crate::{
    board::Board,
    build::root_dir,
    debian::package::files_of,
    host::copy_folder,
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

/// Buildroot's last step but one, as it calls it: tomte becomes the init of the target folder, with the units of its packages,
/// whose users it adds later. A unit with a user that nobody adds ends the build.
pub fn after_buildroot() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [root, build, board] = ["target", "build", "board"].map(|name| folder.path().join(name));
    lay_out(&Board::load("host")?, &root)?;
    let units = root.join("usr/lib/systemd/system");
    fs::create_dir_all(&units)?;
    let text =
        "[Service]\nUser=mosquitto\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n";
    fs::write(units.join("broker.service"), text)?;
    let tree = root_dir().join("board-configs/buildroot/board/tomte");
    fs::create_dir(&board)?;
    copy_folder(&tree, &board)?;
    let sources = build.join("tomte-0.1.0");
    fs::create_dir_all(&sources)?;
    symlink(root_dir().join("xtask"), sources.join("xtask"))?;
    let config = folder.path().join("config");
    let text =
        format!("BR2_PACKAGE_TOMTE_BOARD=\"{}\"\nBR2_PACKAGE_TOMTE_PACKAGES_UNITS=y\n", board.display());
    fs::write(&config, text)?;
    let run = |users: &str| {
        fs::write(sources.join("users-table.txt"), users)?;
        let mut script = Command::new(tree.join("post-build.sh"));
        program::run(script.arg(&root).env("BR2_CONFIG", &config).env("BUILD_DIR", &build))
    };
    let refused = run("")?;
    ensure!(!refused.status.success(), "nobody missed the user");
    has_line(&refused, &["User=: the image has no user \"mosquitto\""])?;
    let finished = run("mosquitto -1 mosquitto -1 * - - - Mosquitto\n")?;
    ensure!(finished.status.success(), "{}", finished.status);
    let init = fs::read(root.join("sbin/init"))?;
    ensure!(init.starts_with(b"\x7fELF") && has(&init, b"broker.service"), "it is not the init");
    ensure!(!has(&fs::read(root.join("bin/busybox"))?, b"broker.service"), "busybox was written over");
    Ok(())
}

/// Whether `piece` is in `bytes`.
fn has(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|part| part == piece)
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
