//! What services print: a pipe for each unit whose output goes to the log. A child writes to it, logd reads from it, and
//! PID 1 keeps it until logd says that it has all of it: nothing is lost while logd starts anew, or starts at all.
//!
//! PID 1 touches none of what goes through. It holds one descriptor a unit, the end to read from; the other end is opened
//! anew for each process.

use crate::{
    linux::{AsFd, BorrowedFd, OwnedFd, console, pipe, poll::Interest, poll::Poll, socket},
    record::{Keep, Keeper},
    table::{CommandKind, Service, Stdout, Table, Unit, UnitId, limits::UNITS_MAX},
    wire::log::{ENTRY_BYTES_MAX, Entry, LOGD_UNIT, Origin, Terms},
    words,
};

use super::{handover::keep_fd, kernel::Token, log};

/// Acknowledgements taken in one turn.
const ACKNOWLEDGEMENTS_PER_TURN: usize = 32;

/// All of it.
pub(super) struct Streams {
    logd: Option<UnitId>,
    /// To logd and from it. PID 1 holds both ends: what it says waits there for the next logd.
    ours: Option<OwnedFd>,
    theirs: Option<OwnedFd>,
    pipes: [Option<OwnedFd>; UNITS_MAX],
    /// Of each unit's last announcement.
    serials: [u32; UNITS_MAX],
    serial: u32,
    /// Bytes that were in the pipe of whoever is made next, before it was.
    left: u64,
}

impl Streams {
    /// With a logd if `table` has one.
    pub(super) fn new(table: &Table<'_>) -> Self {
        Self {
            logd: table.find(LOGD_UNIT),
            ours: None,
            theirs: None,
            pipes: [const { None }; UNITS_MAX],
            serials: [0; UNITS_MAX],
            serial: 0,
            left: 0,
        }
    }

    /// Saves or loads the connection to logd.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool) {
        keep_fd(&mut self.ours, with, real);
        keep_fd(&mut self.theirs, with, real);
        self.serial.keep(with);
    }

    /// The same for what `unit` prints.
    pub(super) fn keep_unit(&mut self, unit: usize, with: &mut Keeper<'_>, real: bool) {
        keep_fd(self.pipes.get_mut(unit).unwrap_or(&mut None), with, real);
        self.serials.get_mut(unit).unwrap_or(&mut 0).keep(with);
    }

    /// Listens to logd, if the table has one. From here on it is told what PID 1 says.
    pub(super) fn listen(&mut self, poll: &Poll) {
        if self.logd.is_none() {
            return;
        }
        if self.ours.is_none() {
            match pipe::packets() {
                Ok((ours, theirs)) => (self.ours, self.theirs) = (Some(ours), Some(theirs)),
                Err(errno) => log::warn_of(errno, format_args!("no connection to {LOGD_UNIT}")),
            }
        }
        if let Some(ours) = &self.ours {
            let _once = poll.add(ours.as_fd(), Token::Log.into(), Interest::Readable);
            console::set_logd(ours.as_fd());
        }
    }

    /// logd's end, if `unit` is logd.
    pub(super) fn of_logd(&self, unit: UnitId) -> Option<BorrowedFd<'_>> {
        self.theirs.as_ref().filter(|_| self.logd == Some(unit)).map(AsFd::as_fd)
    }

    /// Where a new process of `unit` is to print to, if that is the log's business.
    pub(super) fn write_end(&mut self, unit: UnitId, service: &Service<'_>) -> Option<OwnedFd> {
        let exec = &service.exec;
        if self.ours.is_none()
            || self.logd == Some(unit)
            || ![exec.stdout, exec.stderr].contains(&Stdout::Journal)
        {
            return None;
        }
        let place = self.pipes.get_mut(unit.index())?;
        self.left = place.as_ref().map_or(0, |read_end| pipe::waiting(read_end.as_fd()));
        let made = match place {
            Some(read_end) => pipe::write_end(read_end.as_fd()),
            None => pipe::new().map(|(read_end, write_end)| {
                *place = Some(read_end);
                write_end
            }),
        };
        made.map_err(|errno| log::warn_of(errno, format_args!("no pipe for what a unit prints"))).ok()
    }

    /// Tells logd about `unit`'s pipe, if it has one, and who writes to it from now on: its number, and which command it is.
    pub(super) fn announce(&mut self, id: UnitId, unit: &Unit<'_>, (pid, command): (u32, (CommandKind, u8))) {
        let left = core::mem::take(&mut self.left);
        let place = (self.pipes.get(id.index()), self.serials.get_mut(id.index()));
        let (Some(Some(read_end)), Some(serial)) = place else { return };
        let (Some(ours), Some(service)) = (&self.ours, unit.service()) else { return };
        self.serial = self.serial.wrapping_add(1);
        *serial = self.serial;
        let wanted = &service.exec.logging;
        let terms = Terms {
            serial: *serial,
            interval_ms: wanted.rate_interval_ms,
            burst: wanted.rate_burst,
            level: wanted.level,
            level_max: wanted.level_max,
            prefix: wanted.level_prefix,
        };
        let entry = Entry {
            origin: Origin::Stream,
            priority: 0,
            pid,
            time_us: left,
            unit: unit.name.as_str().as_bytes(),
            identifier: identifier(service, command).as_bytes(),
            text: &terms.write(),
        };
        let mut packet = [0; ENTRY_BYTES_MAX];
        let length = entry.write(&mut packet);
        let packet = packet.get(..length).unwrap_or_default();
        if let Err(errno) = socket::send_files(ours.as_fd(), packet, &[read_end.as_fd()]) {
            log::warn_of(errno, format_args!("{}: its output waits for the next {LOGD_UNIT}", unit.name));
        }
    }

    /// Tells a new logd about all pipes: what the one before it has heard is lost. `speaker` knows who writes.
    pub(super) fn announce_all(
        &mut self,
        table: &Table<'_>,
        speaker: &dyn Fn(UnitId) -> (u32, (CommandKind, u8)),
    ) {
        for id in table.ids() {
            if matches!(self.pipes.get(id.index()), Some(Some(_)))
                && let Some(unit) = table.unit(id)
            {
                self.announce(id, &unit, speaker(id));
            }
        }
    }

    /// Closes the pipes that logd has read to their end. One that got a new process meanwhile stays.
    #[inline(never)]
    pub(super) fn acknowledged(&mut self, table: &Table<'_>) {
        let mut packet = [0; ENTRY_BYTES_MAX];
        for _ in 0..ACKNOWLEDGEMENTS_PER_TURN {
            let Some(Ok(Some(bytes))) =
                self.ours.as_ref().map(|ours| socket::receive(ours.as_fd(), &mut packet))
            else {
                return;
            };
            let said = Entry::read(bytes).and_then(|(entry, _)| {
                let name = core::str::from_utf8(entry.unit).ok()?;
                Some((table.find(name)?, Terms::read(entry.text)?.serial))
            });
            if let Some((unit, serial)) = said
                && self.serials.get(unit.index()) == Some(&serial)
                && let Some(place) = self.pipes.get_mut(unit.index())
            {
                *place = None;
            }
        }
    }
}

/// What its lines begin with.
fn identifier<'t>(service: &Service<'t>, (kind, index): (CommandKind, u8)) -> &'t str {
    match service.exec.syslog_identifier {
        "" => {
            let command = service.commands.of(kind).iter().nth(index.into());
            words::file_name(command.map_or("", |command| command.path))
        }
        identifier => identifier,
    }
}
