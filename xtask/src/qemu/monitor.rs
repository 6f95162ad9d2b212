//! What QEMU itself knows of the end of a guest: its exit code is 0 for a power-off, a reset and a panic alike. Asked by
//! QMP, through two FIFOs.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::fs::OFlags;
use serde::Deserialize;

/// How a guest ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuestEnd {
    /// It switched itself off.
    PowerOff,
    /// It started over, which here ends it.
    Reset,
    /// Its watchdog bit.
    Watchdog,
    /// Its kernel told QEMU that it panics.
    Panic,
    /// Somebody ended QEMU, or it did not say.
    #[default]
    Unknown,
}

/// Both ends of QEMU's monitor.
#[derive(Debug)]
pub struct Monitor {
    path: PathBuf,
    from: File,
    to: File,
}

/// What a person at the machine would do at a moment: when the console shows a line with `piece`, QEMU is told `command`.
#[derive(Clone, Debug)]
pub struct Moment {
    piece: String,
    command: String,
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (piece, command) = text.split_once('=').ok_or("expected PIECE=COMMAND")?;
        Ok(Self { piece: piece.to_owned(), command: command.to_owned() })
    }
}

/// Waits for such moments; each comes once.
#[derive(Debug)]
pub struct Hand {
    to: File,
    moments: Vec<Moment>,
}

impl Hand {
    /// The console shows `line`.
    pub fn see(&mut self, line: &str) -> Result<()> {
        while let Some(at) = self.moments.iter().position(|moment| line.contains(&moment.piece)) {
            let Moment { command, .. } = self.moments.remove(at);
            writeln!(self.to, "{command}").context("cannot tell QEMU's monitor")?;
        }
        Ok(())
    }
}

/// A message of QMP, as far as it matters.
#[derive(Deserialize)]
struct Message {
    event: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    reason: Option<String>,
}

impl Monitor {
    /// Opens the FIFOs `path`.in and `path`.out, which exist, and asks for events.
    pub fn open(path: &Path) -> Result<Self> {
        let open = |end: &str| {
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            let opened =
                OpenOptions::new().read(true).write(true).custom_flags(flags).open(path.with_extension(end));
            opened.with_context(|| format!("cannot open QEMU's monitor {}", path.display()))
        };
        let (from, mut to) = (open("out")?, open("in")?);
        to.write_all(b"{\"execute\":\"qmp_capabilities\"}\n").context("cannot ask QEMU for its events")?;
        Ok(Self { path: path.to_owned(), from, to })
    }

    /// QEMU's words for it.
    pub fn words(&self) -> [String; 4] {
        [
            "-chardev".into(),
            format!("pipe,id=monitor,path={}", self.path.display()),
            "-mon".into(),
            "chardev=monitor,mode=control".into(),
        ]
    }

    /// Somebody who waits for `moments`.
    pub fn hand(&self, moments: &[Moment]) -> Result<Hand> {
        Ok(Hand {
            to: self.to.try_clone().context("cannot share QEMU's monitor")?,
            moments: moments.to_vec(),
        })
    }

    /// How the guest ended. To be asked when QEMU has.
    pub fn end(mut self) -> GuestEnd {
        let mut said = Vec::new();
        let _ = self.from.read_to_end(&mut said); // ends with EAGAIN
        end_of(&String::from_utf8_lossy(&said))
    }
}

fn end_of(said: &str) -> GuestEnd {
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let mut end = GuestEnd::Unknown;
    for message in messages {
        let reason = message.data.and_then(|data| data.reason).unwrap_or_default();
        end = match (message.event.as_deref(), reason.as_str()) {
            (Some("WATCHDOG"), _) => GuestEnd::Watchdog,
            (Some("GUEST_PANICKED"), _) | (Some("SHUTDOWN"), "guest-panic") => GuestEnd::Panic,
            (Some("SHUTDOWN"), "guest-reset") if end == GuestEnd::Unknown => GuestEnd::Reset,
            (Some("SHUTDOWN"), "guest-shutdown") if end == GuestEnd::Unknown => GuestEnd::PowerOff,
            _ => end,
        };
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_qemu_tell_how_the_guest_ended() {
        let greeting = "{\"QMP\": {\"version\": {}}}\r\n{\"return\": {}}\r\n";
        let shutdown = |reason: &str| {
            format!(
                "{greeting}{{\"timestamp\": {{}}, \"event\": \"SHUTDOWN\", \"data\": {{\"guest\": true, \"reason\": \"{reason}\"}}}}\r\n"
            )
        };
        assert_eq!(end_of(greeting), GuestEnd::Unknown);
        assert_eq!(end_of(&shutdown("guest-shutdown")), GuestEnd::PowerOff);
        assert_eq!(end_of(&shutdown("guest-reset")), GuestEnd::Reset);
        assert_eq!(end_of(&shutdown("guest-panic")), GuestEnd::Panic);
        let watchdog = "{\"event\": \"WATCHDOG\", \"data\": {\"action\": \"reset\"}}\r\n";
        assert_eq!(end_of(&format!("{watchdog}{}", shutdown("guest-reset"))), GuestEnd::Watchdog);
    }
}
