//! A new binary for a board that runs: copied there by ssh(1), tried as PID 1, and taken back by the board itself if it
//! does not answer. Needs a shell there, and tomte as PID 1.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{debian::store::sha256_of, progress};

/// How long the new program may take to answer before the board takes the old one back.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a reboot may take.
const REBOOT_MAX: Duration = Duration::from_secs(180);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// What says to the board that all is well.
const WELL: &str = "/run/tomte-flash.well";

/// How to reach a board.
#[derive(Clone, Debug)]
pub struct Remote {
    /// ssh's word for it: a name or USER@NAME.
    pub host: String,
    /// How long the new program may take.
    pub patience: Duration,
}

impl Remote {
    /// The board that ssh knows as `host`.
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned(), patience: PATIENCE }
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", &self.host, "--", script]);
        command
    }

    /// What `script` prints there.
    fn run(&self, script: &str) -> Result<String> {
        let output = progress::capture(&mut self.command(script))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Puts `binary` in the place of the board's /sbin/init and has PID 1 go on as it; boots with it if `reboot`.
    ///
    /// # Errors
    /// If the board cannot be reached or has not the architecture `arch`; if the new program does not answer: then the
    /// old one is back.
    pub fn install(&self, binary: &Path, arch: &str, reboot: bool) -> Result<()> {
        let asked = self.run("uname -m; readlink -f /sbin/init").context("cannot ask the board")?;
        let (machine, init) = asked.split_once('\n').context("the board has no /sbin/init")?;
        ensure!(machine.starts_with(arch), "{} is {machine}, the binary is for {arch}", self.host);
        ensure!(!init.contains('\''), "{init}: a name with a quote in it");
        self.upload(binary, init)?;
        let before = self.run(&format!("'{init}' list-units >/dev/null && echo well")).unwrap_or_default();
        ensure!(before == "well", "the board's PID 1 does not answer `tomte list-units`: is it tomte?");
        self.exchange(init)?;
        if !self.answers(init, self.patience) {
            thread::sleep(self.patience); // until the board has taken the old one back
            bail!(
                "the new program did not answer within {:?} as PID 1: the board goes on with the old one",
                self.patience
            );
        }
        if !reboot {
            return Ok(());
        }
        let _ = self.run(&format!("'{init}' reboot")); // the connection may end with it
        thread::sleep(PAUSE);
        ensure!(
            self.answers(init, REBOOT_MAX),
            "{} did not come back within {REBOOT_MAX:?}; the old program is there as {init}.old",
            self.host
        );
        Ok(())
    }

    /// Copies `binary` beside `init`, and tries whether it runs there at all.
    fn upload(&self, binary: &Path, init: &str) -> Result<()> {
        let _step = progress::step(format!("copying {} to {}", binary.display(), self.host));
        let script = format!(
            "set -e; d=$(dirname '{init}'); [ -w \"$d\" ] || mount -o remount,rw \"$d\" || mount -o remount,rw /; \
             cat > '{init}.new'; chmod 755 '{init}.new'; '{init}.new' list-units >/dev/null; sha256sum '{init}.new'"
        );
        let mut command = self.command(&script);
        let file = File::open(binary).with_context(|| format!("cannot open {}", binary.display()))?;
        let output = command.stdin(Stdio::from(file)).output();
        let output = output.with_context(|| format!("cannot run {}", progress::shown(&command)))?;
        let said =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).trim().to_owned());
        ensure!(output.status.success(), "cannot put it on the board: {}", said[1]);
        let sum = said[0].split(' ').next().unwrap_or_default();
        ensure!(sum == sha256_of(binary)?, "what arrived on the board is not what was sent");
        Ok(())
    }

    /// Puts the new program in the place of the old one, which comes back unless somebody says that all is well.
    fn exchange(&self, init: &str) -> Result<()> {
        let seconds = self.patience.as_secs_f64();
        let script = format!(
            "set -e; rm -f {WELL}; cp -p '{init}' '{init}.old'; mv '{init}.new' '{init}'; sync; \
             (sleep {seconds}; [ -e {WELL} ] || {{ mv '{init}.old' '{init}'; sync; '{init}' reexec; }}) \
             </dev/null >/dev/null 2>&1 & '{init}' reexec"
        );
        self.run(&script).map(drop).context("the board's PID 1 does not go on as the new program")
    }

    /// Whether PID 1 answers, and is not the old program again that the board has just taken back; tells the board so.
    fn answers(&self, init: &str, patience: Duration) -> bool {
        let script = format!("'{init}' list-units >/dev/null && touch {WELL} && [ -e '{init}.old' ]");
        let deadline = Instant::now() + patience;
        loop {
            if self.run(&script).is_ok() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(PAUSE.min(patience));
        }
    }
}
