//! One run of the host board that is measured: tomte or the floor as PID 1, with services that say when they are up.

use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
    time::{ClockId, clock_gettime},
};
use tempfile::TempDir;
use tomte::table::Table;

use crate::{
    bake,
    board::{Board, boards_dir},
    build,
    diag::Diagnostics,
    host::{self, Defects, Started},
    seccomp::Program,
};

/// What a service may take to say that it is up before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what was said. A look costs the machine that is measured less than being woken each time.
const PAUSE: Duration = Duration::from_millis(2);

/// Lines of board.toml.
const NO_LOGD: &str = "[logd]\nenabled = false\n";

/// What to run as PID 1, and with what.
pub struct Setup {
    folder: TempDir,
    board: Board,
    binary: PathBuf,
    words: Vec<String>,
}

impl Setup {
    /// tomte, with `units`: names and texts. The word `SERVICE` in a text stands for the service's path. Without logd, which
    /// other inits do not have either.
    pub fn of_tomte(units: &[(String, String)]) -> Result<Self> {
        Self::of_board(NO_LOGD, units)
    }

    /// The same with a logd that shows the console nothing.
    pub fn of_logging(units: &[(String, String)]) -> Result<Self> {
        Self::of_board("[logd]\nmax-level-console = \"none\"\n", units)
    }

    fn of_board(lines: &str, units: &[(String, String)]) -> Result<Self> {
        let setup = Self::without_binary(lines, Vec::new())?;
        let at = setup.board.dir.join("units");
        fs::create_dir(&at)?;
        for (name, text) in units {
            fs::write(at.join(name), text.replace("SERVICE", "/bench/service"))?;
        }
        let built = build::build(&setup.board, &build::Options::default())?;
        setup.with(&built.binary)
    }

    /// The floor, with `words` for it.
    pub fn of_floor(words: &[&str]) -> Result<Self> {
        let setup = Self::without_binary(NO_LOGD, words.iter().map(|word| (*word).to_owned()).collect())?;
        let floor = setup.folder.path().join("bench/rootfs/bench/service");
        setup.with(&floor)
    }

    /// The floor, which gives its `count` services the sandbox that `unit` has, a unit file's text.
    pub fn of_sandboxing_floor(count: usize, unit: &str) -> Result<Self> {
        let setup = Self::of_floor(&[&count.to_string()])?;
        let at = setup.board.dir.join("units");
        fs::create_dir(&at)?;
        fs::write(at.join("sandboxed.service"), unit.replace("SERVICE", "/bench/service"))?;
        let mut diagnostics = Diagnostics::default();
        let baked = bake::bake(&setup.board, &bake::Options::default(), &mut diagnostics)?;
        let filters = baked.filters.programs.iter().map(Program::bytes);
        let filter = filters.max_by_key(Vec::len).context("the unit has no filter")?;
        let programs = setup.board.dir.join("rootfs/bench");
        fs::write(programs.join("filter"), filter)?;
        let table = Table::open(&baked.table, Some(baked.arch)).map_err(|error| anyhow!("{error}"))?;
        let devices = table.ids().filter_map(|id| {
            let program = table.unit(id)?.service()?.exec.cgroup.devices?.program;
            Some(table.board().filter(program)?.program.to_vec())
        });
        fs::write(programs.join("devices"), devices.max_by_key(Vec::len).context("no devices")?)?;
        Ok(setup)
    }

    /// A board of its own, with further lines in its board.toml, whose root has the service in it.
    fn without_binary(lines: &str, words: Vec<String>) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the bench")?;
        let dir = folder.path().join("bench");
        let programs = dir.join("rootfs/bench");
        fs::create_dir_all(&programs)?;
        let host = fs::read_to_string(boards_dir().join("host/board.toml"))?;
        fs::write(dir.join("board.toml"), format!("{host}\n{lines}"))?;
        let board = Board::load(&dir.to_string_lossy())?;
        build::place(&programs.join("service"), &build::build_floor(&board)?)?;
        Ok(Self { folder, board, binary: PathBuf::new(), words })
    }

    fn with(mut self, binary: &Path) -> Result<Self> {
        self.binary = self.folder.path().join("pid-1");
        fs::copy(binary, &self.binary).with_context(|| format!("cannot copy {}", binary.display()))?;
        Ok(self)
    }

    /// Starts it, and waits until `services` of them are up.
    pub fn start(&self, services: usize) -> Result<Machine> {
        let defects = Defects { stamped: true, ..Defects::default() };
        let mut started = host::start(&self.board, &self.binary, None, self.words.clone(), defects)?;
        let stamps = started.stamps.take().context("no stamps")?;
        let mut console = started.console.try_clone()?;
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while console.read(&mut bytes).is_ok_and(|count| count > 0) {}
        });
        let mut machine = Machine { stamps, pid: Pid::INIT, begin_us: 0, up_us: Vec::new(), started };
        machine.begin_us = machine.hear(1)?.first().map_or(0, |stamp| stamp.at_us);
        machine.up_us = machine.hear(services)?.iter().map(|stamp| stamp.at_us).collect();
        machine.pid = only_child(machine.started.keeper.id())?;
        Ok(machine)
    }
}

/// Somebody said that he is up.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// CLOCK_MONOTONIC, microseconds; or what came of his work.
    pub at_us: u64,
    /// His pid, as his namespace counts.
    who: u64,
}

/// A machine that runs.
pub struct Machine {
    started: Started,
    stamps: fs::File,
    /// PID 1, as the host counts.
    pid: Pid,
    begin_us: u64,
    up_us: Vec<u64>,
}

impl Machine {
    /// From PID 1's execve to the first instruction of the last service's `main`.
    pub fn boot(&self) -> Duration {
        let last = self.up_us.iter().max().copied().unwrap_or_default();
        Duration::from_micros(last.saturating_sub(self.begin_us))
    }

    /// The next `count` stamps.
    pub fn hear(&mut self, count: usize) -> Result<Vec<Stamp>> {
        let mut heard = Vec::new();
        let end = Instant::now() + PATIENCE;
        while heard.len() < count {
            let mut bytes = [0; 16];
            match self.stamps.read(&mut bytes) {
                Ok(16) => {
                    let (at_us, who) = bytes.split_at(8);
                    let number = |bytes: &[u8]| anyhow::Ok(u64::from_ne_bytes(bytes.try_into()?));
                    heard.push(Stamp { at_us: number(at_us)?, who: number(who)? });
                    continue;
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("cannot read the stamps"),
            }
            ensure!(Instant::now() < end, "only {} of {count} services are up", heard.len());
            thread::sleep(PAUSE);
        }
        Ok(heard)
    }

    /// Kills one service; the time until it is up again.
    pub fn restart(&mut self) -> Result<Duration> {
        let victim = children(self.pid.as_raw_nonzero().get().unsigned_abs())?;
        let victim = victim.first().copied().context("no service runs")?;
        let begin_us = now_us();
        kill_process(victim, Signal::KILL).context("cannot kill a service")?;
        let up = self.hear(1)?;
        Ok(Duration::from_micros(up[0].at_us.saturating_sub(begin_us)))
    }

    /// Has the service that was started with `word` do its work once; what it answers.
    pub fn work(&mut self, word: &str) -> Result<u64> {
        let is_it = |pid: &Pid| {
            let words = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
            words.split(|byte| *byte == 0).nth(1) == Some(word.as_bytes())
        };
        let pid = children(self.pid.as_raw_nonzero().get().unsigned_abs())?.into_iter().find(is_it);
        let pid = pid.with_context(|| format!("no service {word} runs"))?;
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
        let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).context("no NSpid")?;
        let who: u64 = pids.split_whitespace().last().context("no pid")?.parse()?;
        kill_process(pid, Signal::USR1)?;
        loop {
            // Others may come up meanwhile, and say so.
            if let Some(stamp) = self.hear(1)?.into_iter().find(|stamp| stamp.who == who) {
                return Ok(stamp.at_us);
            }
        }
    }

    /// Gives PID 1, and nobody whom it starts, the processor whenever it wants it.
    pub fn put_first(&self) -> Result<()> {
        let pid = self.pid.as_raw_nonzero().to_string();
        let status = Command::new("chrt").args(["--reset-on-fork", "--fifo", "--pid", "10", &pid]).status();
        ensure!(status.context("cannot run chrt")?.success(), "cannot give PID 1 a real-time priority");
        Ok(())
    }

    /// Asks PID 1 to end; the time until it is gone.
    pub fn stop(self) -> Result<Duration> {
        let pidfd = pidfd_open(self.pid, PidfdFlags::empty()).context("pidfd_open")?;
        let begin = Instant::now();
        kill_process(self.pid, Signal::INT).context("cannot signal PID 1")?;
        wait_for_end(&pidfd)?;
        let took = begin.elapsed();
        self.started.finish()?;
        Ok(took)
    }

    /// How often PID 1 has run and given up the CPU, by itself or not.
    pub fn switches(&self) -> Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let numbers = status.lines().filter(|line| line.contains("ctxt_switches:"));
        Ok(numbers.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum())
    }

    /// A field of PID 1's /proc/PID/smaps_rollup, in KiB.
    pub fn memory(&self, field: &str) -> Result<u64> {
        let text = fs::read_to_string(self.proc("smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        number.with_context(|| format!("no {field} in smaps_rollup"))
    }

    /// The time that PID 1 has run for, in hundredths of a second.
    pub fn ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let times = fields.split_whitespace().skip(11).take(2); // utime and stime: proc(5)
        Ok(times.filter_map(|field| field.parse::<u64>().ok()).sum())
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid.as_raw_nonzero()))
    }
}

/// Ends nothing in order: a bench that has failed leaves nobody behind, for the keeper sees its pipe close.
fn wait_for_end(pidfd: &OwnedFd) -> Result<()> {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    let patience = PATIENCE.try_into()?;
    ensure!(poll(&mut fds, Some(&patience)).context("poll")? == 1, "PID 1 does not end");
    Ok(())
}

fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000
}

fn only_child(of: u32) -> Result<Pid> {
    children(of)?.first().copied().context("the keeper has no child")
}

fn children(of: u32) -> Result<Vec<Pid>> {
    let text = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).context("no list of children")?;
    Ok(text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect())
}
