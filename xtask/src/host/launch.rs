//! xtask's side of a run on the host board.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::PermissionsExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::{
    fs::{FileType, Mode, OFlags},
    process::geteuid,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr},
};

use super::{
    Defects, Plan, cgroup,
    lines::{Ended, INTERRUPT, KILL, MAPPED, Said},
    user_namespace,
};
use crate::{
    board::Board,
    run::watch::{Machine, Show, Watched, watch},
    users,
};

/// What a run on the host board gave.
pub struct Ran {
    pub watched: Watched,
    /// How PID 1 ended.
    pub status: Ended,
    /// Whether that was by itself and with status 0.
    pub orderly: bool,
    /// What PID 1 wrote to /run/host/report.json.
    pub report: Option<String>,
}

/// A run that has begun.
pub struct Started {
    pub keeper: Child,
    /// The console's other side.
    pub console: File,
    /// The pipe of `Defects::stamped`.
    pub stamps: Option<File>,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
}

/// Runs `binary` as PID 1 of the host board, to its end. `root`: a folder to be its root.
pub fn launch(
    board: &Board,
    binary: &Path,
    root: Option<&Path>,
    words: Vec<String>,
    defects: Defects,
    guard: Option<Duration>,
    show: Show,
) -> Result<Ran> {
    let Started { keeper, console, orders, mut said, .. } = start(board, binary, root, words, defects)?;
    let last = thread::spawn(move || hear(&mut said));
    let watched = watch(keeper, console, &mut Keeper(orders), guard, show)?;
    match last.join() {
        Ok(Ok(Said::Ended { status, report })) => {
            Ok(Ran { watched, orderly: status == Ended::Exited(0), status, report })
        }
        Ok(Ok(Said::Failed(text))) => bail!("{text}"),
        Ok(Ok(Said::Map)) => bail!("the keeper asked for ids when PID 1 was due"),
        Ok(Err(error)) => Err(error),
        Err(_) => bail!("the thread that listens to the keeper has panicked"),
    }
}

/// Starts `binary` as PID 1 of the host board.
pub fn start(
    board: &Board,
    binary: &Path,
    root: Option<&Path>,
    words: Vec<String>,
    defects: Defects,
) -> Result<Started> {
    if let Some(archive) = root.filter(|root| !root.is_dir()) {
        bail!("the host board runs in a folder: unpack {} and name that", archive.display());
    }
    let lent = if geteuid().is_root() { None } else { Some(user_namespace::probe()?) };
    let dir =
        tempfile::Builder::new().prefix("tomte-host-").tempdir().context("cannot make a temporary folder")?;
    fs::create_dir(dir.path().join("base"))?;
    fs::create_dir(dir.path().join("host"))?;
    let own_binary = dir.path().join("tomte");
    fs::copy(binary, &own_binary).with_context(|| format!("cannot copy {}", binary.display()))?;
    let cgroup = if defects.no_cgroup { None } else { cgroup::create() };
    let (console, terminal, console_path) = open_console()?;
    let stamps = defects.stamped.then(|| make_stamps(&dir.path().join("host"))).transpose()?;
    let plan = Plan {
        dir: dir.path().to_owned(),
        binary: own_binary,
        root: root.map(Path::canonicalize).transpose()?,
        rootfs: board.rootfs().iter().map(|dir| dir.canonicalize()).collect::<std::io::Result<_>>()?,
        console: console_path,
        words,
        users: write_users(board, root.unwrap_or(Path::new("/")), dir.path())?,
        user_namespace: lent.is_some(),
        cgroup,
        defects,
    };
    let mut keeper = start_keeper(&plan, terminal)?;
    let _ = dir.keep(); // the keeper's from here on
    let (stdin, stdout) = (keeper.stdin.take(), keeper.stdout.take());
    let (Some(mut orders), Some(stdout)) = (stdin, stdout) else { bail!("the keeper has no pipes") };
    let mut said = BufReader::new(stdout);
    if let Some(lent) = lent {
        match hear(&mut said)? {
            Said::Map => user_namespace::map(lent, keeper.id())?,
            Said::Failed(text) => bail!("{text}"),
            other => bail!("the keeper said {other:?} when the user namespace was due"),
        }
        orders.write_all(&[MAPPED]).context("the keeper is gone")?;
    }
    Ok(Started { keeper, console, stamps, orders, said })
}

impl Started {
    /// Ends PID 1 at once if it still runs, and waits until the keeper has removed everything.
    pub fn finish(mut self) -> Result<()> {
        drop(self.orders);
        hear(&mut self.said)?;
        self.keeper.wait().context("cannot wait for the keeper")?;
        Ok(())
    }
}

/// The pipe below `dir`, for anybody to write to, and our side of it.
fn make_stamps(dir: &Path) -> Result<File> {
    let path = dir.join(Path::new(super::STAMPS_INSIDE).file_name().unwrap_or_default());
    rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o622), 0)
        .with_context(|| format!("cannot make {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622))?;
    // Open for both, so that writers find a reader from the beginning and no end is ever seen.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let stamps = rustix::fs::open(&path, flags, Mode::empty());
    Ok(File::from(stamps.with_context(|| format!("cannot open {}", path.display()))?))
}

/// Writes the passwd and group of `root` with the board's static users into `dir`; `false` when the board has none.
fn write_users(board: &Board, root: &Path, dir: &Path) -> Result<bool> {
    if board.config.user.is_empty() && board.config.group.is_empty() {
        return Ok(false);
    }
    let read = |name: &str| {
        let path = root.join("etc").join(name);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            other => other.with_context(|| format!("cannot read {}", path.display())),
        }
    };
    let merged = users::merge(&read("passwd")?, &read("group")?, &board.config)?;
    fs::write(dir.join("passwd"), merged.passwd)?;
    fs::write(dir.join("group"), merged.group)?;
    Ok(true)
}

/// Makes a terminal for the console: our side, the other side, the other side's path.
fn open_console() -> Result<(File, OwnedFd, PathBuf)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .context("cannot make a terminal for the console (/dev/ptmx)")?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(&path, flags, Mode::empty())
        .with_context(|| format!("cannot open {}", path.display()))?;
    let mut attributes = tcgetattr(&theirs)?;
    attributes.output_modes -= OutputModes::OPOST; // lines arrive as they were written
    tcsetattr(&theirs, OptionalActions::Now, &attributes)?;
    Ok((File::from(ours), theirs, path))
}

fn start_keeper(plan: &Plan, terminal: OwnedFd) -> Result<Child> {
    Command::new("/proc/self/exe")
        .args(["host-keeper", &serde_json::to_string(plan)?])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(terminal)
        .spawn()
        .context("cannot start the keeper")
}

fn hear(said: &mut BufReader<ChildStdout>) -> Result<Said> {
    let mut line = String::new();
    said.read_line(&mut line).context("cannot hear the keeper")?;
    serde_json::from_str(&line).with_context(|| format!("the keeper ended without a word ({line:?})"))
}

struct Keeper(ChildStdin);

impl Machine for Keeper {
    fn interrupt(&mut self) -> Result<()> {
        self.0.write_all(&[INTERRUPT]).context("the keeper is gone")
    }

    fn kill(&mut self) -> Result<()> {
        self.0.write_all(&[KILL]).context("the keeper is gone")
    }
}
