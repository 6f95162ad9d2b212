//! The host board without root: as a user who is made up for the test, with lent ids of its own. Files that name them
//! cover the machine's in a mount namespace that ends with the test, so the machine's users stay as they are.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rustix::process::geteuid;

use super::{
    host::{has_line, seed_units_run},
    program,
    tally::{Outcome, Tally},
};
use crate::{board::Board, build, host, progress, report::Report};

const NAME: &str = "the host board runs without root";
/// The user's name and number: nobody's on machines that follow the usual ranges.
const USER: (&str, u32) = ("tomte-test", 60_577);
/// First of the lent ids, far from any that a machine lends.
const FIRST_ID: u32 = 0x5000_0000;
/// What has to be on PATH.
const PROGRAMS: [(&str, &str); 5] = [
    ("newuidmap", "uidmap"),
    ("newgidmap", "uidmap"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("python3", "python3"),
];
/// The files that get a line for the user.
const FILES: [&str; 4] = ["passwd", "group", "subuid", "subgid"];
/// Covers the machine's files and becomes the user. `$1`: the folder, `$2`: the user's number; then the command.
const BECOME: &str = "set -e; folder=$1; id=$2; shift 2
for name in passwd group subuid subgid; do mount --bind \"$folder/$name\" \"/etc/$name\"; done
exec setpriv --reuid=\"$id\" --regid=\"$id\" --clear-groups -- \"$@\"";

/// Runs the case, or says why not.
pub fn run(tally: &mut Tally) {
    match obstacle() {
        Some(why) => tally.add(NAME, Outcome::Skipped(why)),
        None => match prepare() {
            Ok(folder) => match refusal(folder.path()) {
                Some(why) => tally.add(NAME, Outcome::Skipped(why)),
                None => {
                    tally.case(NAME, || seed_units(folder.path()));
                    tally.case("a path that cannot be watched is told with the limit", || {
                        crowded(folder.path())
                    });
                }
            },
            Err(error) => tally.add(NAME, Outcome::Failed(format!("{error:#}"))),
        },
    }
}

/// What this machine lacks for it.
fn obstacle() -> Option<String> {
    if !geteuid().is_root() {
        return Some("xtask does not run as root, so every other case of the host board shows it".into());
    }
    let lacking = PROGRAMS.iter().find(|(program, _)| !host::on_path(program));
    if let Some((program, package)) = lacking {
        return Some(format!("{program} is not installed (Debian: apt-get install {package})"));
    }
    let file = FILES.iter().find(|name| !Path::new("/etc").join(name).exists());
    file.map(|name| format!("/etc/{name} does not exist"))
}

/// What the kernel says to a user who wants namespaces, if that is no.
fn refusal(folder: &Path) -> Option<String> {
    let mut probe = command(folder);
    probe.arg("host-probe");
    progress::capture(&mut probe).err().map(|error| format!("{error:#}"))
}

/// A folder that the user may read, with all that the run needs: xtask, the binary, the board, and the files that name the
/// user.
fn prepare() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let board = Board::load("host")?;
    let built = build::build(&board, &build::Options::default())?;
    fs::copy(std::env::current_exe()?, at("xtask"))?;
    fs::copy(&built.binary, at("tomte"))?;
    fs::create_dir(at("host"))?;
    host::root::lay_over(&board.dir, &at("host"))?;
    fs::create_dir(at("out"))?;
    let (name, id) = USER;
    chown(at("out"), Some(id), Some(id))?;
    let lent = format!("{name}:{FIRST_ID}:65536\n");
    for file in FILES {
        let line = match file {
            "passwd" => format!("{name}:x:{id}:{id}::/:/bin/sh\n"),
            "group" => format!("{name}:x:{id}:\n"),
            _ => lent.clone(),
        };
        let there = fs::read_to_string(Path::new("/etc").join(file))?;
        fs::write(at(file), line + &there)?;
    }
    Ok(folder)
}

/// xtask as the user; its words are still to come.
fn command(folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", BECOME, "sh"]).arg(folder).arg(USER.1.to_string());
    command.arg(folder.join("xtask")).current_dir("/");
    command
}

/// `tests/host/crowded`, where root has limits of its own.
fn crowded(folder: &Path) -> Result<()> {
    let units = vec![build::root_dir().join("tests/host/crowded")];
    let built = build::build(&Board::load("host")?, &build::Options { units, ..build::Options::default() })?;
    let binary = folder.join("tomte-crowded");
    fs::copy(&built.binary, &binary)?;
    let mut command = command(folder);
    command.args(["run", "--until", "idle", "--guard", "60s", "--board"]).arg(folder.join("host"));
    command.arg("--binary").arg(&binary);
    let finished = program::run(&mut command)?;
    has_line(&finished, &["crowded.path: cannot watch (fs.inotify.max_user_watches is reached) /run/crowded"])
}

fn seed_units(folder: &Path) -> Result<()> {
    let report: PathBuf = folder.join("out/report.json");
    let mut command = command(folder);
    command.args(["run", "--until", "2s", "--guard", "60s", "--board"]).arg(folder.join("host"));
    command.arg("--binary").arg(folder.join("tomte")).arg("--report").arg(&report);
    let finished = program::run(&mut command)?;
    let text = fs::read_to_string(&report).context("no report")?;
    seed_units_run(&finished, Some(Report::parse(&text)?))
}
