//! Watching one machine (the host board's PID 1, or QEMU) until it ends: its console, Ctrl-C, the guard.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::{Child, ExitStatus},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// How long a console may go on after its machine has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What an end that was asked for may take before the guard comes.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(120);

/// What can be asked of a machine.
pub trait Machine {
    /// Asks for an orderly shutdown.
    fn interrupt(&mut self) -> Result<()>;
    /// Ends it at once.
    fn kill(&mut self) -> Result<()>;
    /// Its console shows `line`.
    fn said(&mut self, line: &str) -> Result<()> {
        let _ = line;
        Ok(())
    }
}

/// How the console is shown while the machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// On stderr, as it comes.
    Live,
    /// Not at all (tests); it is in [`Watched::console`] anyway.
    Quiet,
}

/// What was seen.
#[derive(Debug)]
pub struct Watched {
    /// How the machine's process ended.
    pub status: ExitStatus,
    /// The console, line by line, without line ends.
    pub console: Vec<String>,
    /// Whether somebody asked for the end (Ctrl-C).
    pub interrupted: bool,
    /// Whether the guard ended it.
    pub guarded: bool,
}

enum Event {
    Line(String),
    ConsoleClosed,
    Ended(std::io::Result<ExitStatus>),
    Signal,
}

/// Watches `child` and its `console` to the end. After `guard` it is killed. The first Ctrl-C asks it to shut down, the
/// second kills it.
pub fn watch(
    mut child: Child,
    console: File,
    machine: &mut dyn Machine,
    guard: Option<Duration>,
    show: Show,
) -> Result<Watched> {
    let (sender, events) = mpsc::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for Ctrl-C")?;
    let signals_end = signals.handle();
    let to_main = sender.clone();
    let signals_thread = thread::spawn(move || {
        for _ in signals.forever() {
            let _ = to_main.send(Event::Signal);
        }
    });
    let to_main = sender.clone();
    thread::spawn(move || read_console(console, &to_main));
    thread::spawn(move || sender.send(Event::Ended(child.wait())));

    let mut seen = Seen { deadline: guard.map(|guard| Instant::now() + guard), ..Seen::default() };
    let status = loop {
        let event = match seen.deadline {
            Some(deadline) => events.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Line(line)) => {
                machine.said(&line)?;
                seen.line(line, show);
            }
            Ok(Event::ConsoleClosed) => {}
            Ok(Event::Ended(status)) => break status.context("cannot wait for the machine's process")?,
            Ok(Event::Signal) => seen.asked_to_end(machine)?,
            Err(RecvTimeoutError::Timeout) => {
                seen.guarded = true;
                seen.deadline = None;
                eprintln!("it hangs: ending it");
                machine.kill()?;
            }
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the watching threads have ended"),
        }
    };
    signals_end.close();
    let _ = signals_thread.join();
    while let Ok(Event::Line(line)) = events.recv_timeout(LAST_WORDS) {
        seen.line(line, show);
    }
    Ok(Watched { status, console: seen.console, interrupted: seen.interrupted, guarded: seen.guarded })
}

#[derive(Default)]
struct Seen {
    console: Vec<String>,
    interrupted: bool,
    guarded: bool,
    deadline: Option<Instant>,
}

impl Seen {
    fn line(&mut self, line: String, show: Show) {
        if show == Show::Live {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        self.console.push(line);
    }

    fn asked_to_end(&mut self, machine: &mut dyn Machine) -> Result<()> {
        if self.interrupted {
            return machine.kill();
        }
        self.interrupted = true;
        self.deadline = Some(Instant::now() + SHUTDOWN_MAX);
        eprintln!("shutting down; Ctrl-C again ends it at once");
        machine.interrupt()
    }
}

fn read_console(console: File, events: &Sender<Event>) {
    let mut console = BufReader::new(console);
    let mut bytes = Vec::new();
    // A terminal whose other side is closed gives EIO: an end like any other.
    while console.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
        let line = String::from_utf8_lossy(&bytes);
        if events.send(Event::Line(line.trim_end_matches(['\r', '\n']).to_owned())).is_err() {
            return;
        }
        bytes.clear();
    }
    let _ = events.send(Event::ConsoleClosed);
}
