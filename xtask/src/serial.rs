//! A board's serial console: what it says goes to the screen and a log, what is typed goes to it. Owns the port and the
//! terminal's modes while it runs.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal as _, Read, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    fs::{FlockOperation, OFlags, flock},
    termios::{ControlModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};

use crate::report::{BEGIN, END};

/// Ctrl-], as telnet has it: ends the session.
const EXIT_KEY: u8 = 0x1d;
/// The longest line that is looked at for the report.
const LINE_BYTES_MAX: usize = 1 << 20;

/// What is wanted of a session.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Also write all that the board says to this file.
    pub log: Option<PathBuf>,
    /// End when the report has come.
    pub report: bool,
    /// Call it a hang after this time.
    pub guard: Option<Duration>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The report has come.
    Report,
    /// The exit key.
    Key,
    /// The guard.
    Guard,
    /// The port is gone.
    Closed,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    pub end: End,
    /// Line by line, without line ends.
    pub lines: Vec<String>,
}

/// A serial port.
#[derive(Debug)]
pub struct Port(File);

/// What happens while a session lasts.
enum Event {
    Said(Vec<u8>),
    Typed(u8),
    Closed,
}

impl Port {
    /// Opens the device at `path` with `speed` bits a second, eight data bits, no parity, no flow control.
    ///
    /// # Errors
    /// If it is not there or in use, or cannot be set so.
    pub fn open(path: &Path, speed: u32) -> Result<Self> {
        // Without NONBLOCK, opening waits for a modem's carrier.
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
        let file = file.with_context(|| format!("cannot open the serial port {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("{}: another program has this serial port", path.display());
        }
        let mut modes = tcgetattr(&file).with_context(|| format!("{} is no serial port", path.display()))?;
        modes.make_raw();
        modes.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        modes.control_modes &= !ControlModes::CRTSCTS;
        modes.set_speed(speed).with_context(|| format!("{speed} is no speed of a serial port"))?;
        tcsetattr(&file, OptionalActions::Now, &modes)
            .with_context(|| format!("cannot set the serial port {}", path.display()))?;
        rustix::fs::fcntl_setfl(&file, OFlags::empty()).context("cannot wait for the serial port")?;
        Ok(Self(file))
    }

    /// Talks to the board until the session ends. `keys` is what is typed, `screen` where it is shown.
    pub fn talk(
        &self,
        wanted: &Wanted,
        keys: impl Read + Send + 'static,
        screen: &mut dyn Write,
    ) -> Result<Seen> {
        let mut log = wanted.log.as_ref().map(|path| {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            opened.with_context(|| format!("cannot open the log {}", path.display()))
        });
        let mut log = log.take().transpose()?;
        let (sender, events) = mpsc::channel();
        let from = self.0.try_clone()?;
        let to_main = sender.clone();
        thread::spawn(move || listen(from, &to_main));
        thread::spawn(move || type_in(keys, &sender));
        let deadline = wanted.guard.map(|guard| Instant::now() + guard);
        let mut heard = Heard::default();
        let end = loop {
            let event = match deadline {
                Some(deadline) => events.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Said(bytes)) => {
                    screen.write_all(&bytes)?;
                    screen.flush()?;
                    log.iter_mut().try_for_each(|log| log.write_all(&bytes))?;
                    if heard.take(&bytes) && wanted.report {
                        break End::Report;
                    }
                }
                Ok(Event::Typed(EXIT_KEY)) => break End::Key,
                Ok(Event::Typed(key)) => (&self.0).write_all(&[key]).context("cannot write to the board")?,
                Ok(Event::Closed) | Err(RecvTimeoutError::Disconnected) => break End::Closed,
                Err(RecvTimeoutError::Timeout) => break End::Guard,
            }
        };
        Ok(Seen { end, lines: heard.lines() })
    }
}

/// The board's lines so far.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whether a report has begun.
    begun: bool,
}

impl Heard {
    /// Whether a report has ended in `bytes`.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let mut ended = false;
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < LINE_BYTES_MAX {
                    self.line.push(*byte);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
            self.begun |= line.ends_with(BEGIN);
            ended |= self.begun && line.ends_with(END);
            self.lines.push(line);
            self.line.clear();
        }
        ended
    }

    fn lines(mut self) -> Vec<String> {
        if !self.line.is_empty() {
            self.lines.push(String::from_utf8_lossy(&self.line).into_owned());
        }
        self.lines
    }
}

fn listen(mut port: File, events: &Sender<Event>) {
    let mut bytes = [0; 4096];
    // A port that was unplugged gives 0 or EIO.
    while let Ok(length) = port.read(&mut bytes) {
        if length == 0 || events.send(Event::Said(bytes[..length].to_vec())).is_err() {
            break;
        }
    }
    let _ = events.send(Event::Closed);
}

/// Nobody who types is no reason to end: what is not a terminal has an end at once.
fn type_in(mut keys: impl Read, events: &Sender<Event>) {
    let mut typed = [0; 64];
    while let Ok(length @ 1..) = keys.read(&mut typed) {
        if typed[..length].iter().any(|key| events.send(Event::Typed(*key)).is_err()) {
            return;
        }
    }
}

/// The terminal of whoever runs this, so that every key goes to the board; as it was when dropped.
#[derive(Debug)]
pub struct RawTerminal(Option<Termios>);

impl RawTerminal {
    /// Does nothing where standard input is no terminal.
    pub fn new() -> Result<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self(None));
        }
        let before = tcgetattr(stdin.as_fd())?;
        let mut modes = before.clone();
        modes.make_raw();
        tcsetattr(stdin.as_fd(), OptionalActions::Now, &modes).context("cannot set the terminal")?;
        Ok(Self(Some(before)))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// The board's end of a serial line, and the path of ours.
    fn line() -> (File, PathBuf) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().to_str().unwrap());
        (File::from(master), path)
    }

    const GUARD: Option<Duration> = Some(Duration::from_secs(60));

    #[test]
    fn a_session_ends_with_the_report_and_all_of_it_is_in_the_log() {
        let (mut board, path) = line();
        let port = Port::open(&path, 115_200).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let said = format!("[ 0.1] Linux\r\n{BEGIN}\r\n|{{\"schema\":1}}\r\n{END}\r\n");
        board.write_all(said.as_bytes()).unwrap();
        let wanted = Wanted { log: Some(log.clone()), report: true, guard: GUARD };
        let mut screen = Vec::new();
        let seen = port.talk(&wanted, Cursor::new(Vec::new()), &mut screen).unwrap();
        assert_eq!(
            (seen.end, &seen.lines[..2]),
            (End::Report, &["[ 0.1] Linux".to_owned(), BEGIN.to_owned()][..])
        );
        assert_eq!(crate::report::Report::in_console(&seen.lines).unwrap(), "{\"schema\":1}");
        assert_eq!((std::fs::read(log).unwrap(), screen), (said.clone().into_bytes(), said.into_bytes()));
    }

    #[test]
    fn keys_go_to_the_board_and_the_exit_key_does_not() {
        let (mut board, path) = line();
        let port = Port::open(&path, 115_200).unwrap();
        let wanted = Wanted { guard: GUARD, ..Wanted::default() };
        let seen = port.talk(&wanted, Cursor::new(b"ls\r\x1dx".to_vec()), &mut Vec::new()).unwrap();
        assert_eq!(seen.end, End::Key);
        let mut typed = [0; 3];
        board.read_exact(&mut typed).unwrap();
        assert_eq!(&typed, b"ls\r");
    }

    #[test]
    fn a_silent_board_is_a_hang_and_one_that_is_unplugged_is_gone() {
        let (board, path) = line();
        let port = Port::open(&path, 115_200).unwrap();
        let wanted = Wanted { guard: Some(Duration::ZERO), report: true, ..Wanted::default() };
        assert_eq!(port.talk(&wanted, Cursor::new(Vec::new()), &mut Vec::new()).unwrap().end, End::Guard);
        drop(board);
        let wanted = Wanted { guard: GUARD, report: true, ..Wanted::default() };
        assert_eq!(port.talk(&wanted, Cursor::new(Vec::new()), &mut Vec::new()).unwrap().end, End::Closed);
    }

    #[test]
    fn a_port_has_one_user_and_a_file_is_none() {
        let (_board, path) = line();
        let _port = Port::open(&path, 115_200).unwrap();
        assert!(Port::open(&path, 115_200).unwrap_err().to_string().contains("another program"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Port::open(file.path(), 115_200).unwrap_err().to_string().contains("no serial port"));
    }
}
