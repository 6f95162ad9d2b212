//! One conversation with PID 1.

use core::fmt;

use crate::{
    linux::{self, AsFd, BorrowedFd, Errno, OwnedFd, clock, socket},
    table::limits::UNIT_NAME_BYTES_MAX,
    wire::{
        self, DecodeError, JobResult, PACKET_BYTES_MAX, Reply, Request, SOCKET, SOCKET_PATH, See, UnitStatus,
        UnitType,
    },
    words,
};

/// Why a command could not be carried out. Small enough for a register: hundreds of places hand it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TalkError {
    /// Nobody listens.
    Connect(Errno),
    /// This file cannot be used.
    File(File, Errno),
    /// PID 1 closed it without an answer.
    Closed,
    /// PID 1 speaks another version.
    Version(u8),
    /// The answer was none.
    Malformed,
    /// The peer may not ask this.
    Denied,
    /// The unit does not let itself be asked this.
    Refused,
    /// PID 1 has too much to do.
    Busy,
    /// There is no such unit.
    NoSuchUnit,
    /// PID 1 did not understand.
    NotUnderstood,
    /// PID 1 answered something else.
    NoAnswer,
    /// The job ended otherwise than well.
    Job(JobResult),
    /// The name given is no unit name.
    Name,
    /// PID 1 has another table than this program.
    OtherTable,
    /// The answer could not be shown.
    Output,
}

const _: () =
    assert!(size_of::<Result<u8, TalkError>>() <= size_of::<u64>(), "it is handed on in a register");

/// Files of [`TalkError::File`], at the places of their names in [`FILES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Program,
    Names,
    Control,
}

const FILES: &str = "/proc/self/exe /run/tomte/passwd /run/tomte/control";

impl From<fmt::Error> for TalkError {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Connect(Errno::ACCESS | Errno::PERM) | Self::Denied => {
                f.write_str("access denied: that is for root, or for whom [[allow]] in board.toml names")
            }
            Self::Refused => f.write_str(
                "operation refused by the unit (RefuseManualStart=, RefuseManualStop= or AllowIsolate=no)",
            ),
            Self::Busy => f.write_str("PID 1 has too many requests waiting, try again"),
            Self::NoSuchUnit => f.write_str("no such unit"),
            Self::NotUnderstood => f.write_str("PID 1 did not understand the request"),
            Self::NoAnswer => f.write_str("PID 1 answered something else"),
            Self::Connect(errno) => {
                write!(
                    f,
                    "cannot connect to {SOCKET_PATH}: {} (is tomte PID 1 here?)",
                    linux::errno::Text(errno)
                )
            }
            Self::File(file, errno) => {
                write!(f, "{}: {}", words::nth(FILES, file as usize), linux::errno::Text(errno))
            }
            Self::Closed => write!(f, "{SOCKET_PATH}: closed without an answer"),
            Self::Version(theirs) => {
                let (theirs, ours) = (u64::from(theirs), u64::from(wire::VERSION));
                write!(f, "PID 1 speaks version {theirs} of the protocol, this tomte {ours}")
            }
            Self::Malformed => write!(f, "{SOCKET_PATH}: the answer is malformed"),
            Self::Job(JobResult::Invalid) => {
                f.write_str("the unit has no such process, or the job mode is not for that")
            }
            Self::Job(result) => write!(f, "the job ended with result '{result}'; see tomte status"),
            Self::OtherTable => f.write_str("PID 1 has another table than this program"),
            Self::Name => f.write_str("not a unit name"),
            Self::Output => f.write_str("cannot write to standard output"),
        }
    }
}

/// The connection broke.
const fn broken(errno: Errno) -> TalkError {
    TalkError::File(File::Control, errno)
}

/// A reply that is no answer to the question, as an error.
pub(super) const fn refused(reply: &Reply<'_>) -> TalkError {
    match reply {
        Reply::Denied => TalkError::Denied,
        Reply::Refused => TalkError::Refused,
        Reply::Busy => TalkError::Busy,
        Reply::NoSuchUnit => TalkError::NoSuchUnit,
        Reply::Malformed => TalkError::NotUnderstood,
        Reply::Version(theirs) => TalkError::Version(*theirs),
        Reply::Manager(_)
        | Reply::Unit(_)
        | Reply::Setting(_)
        | Reply::End { .. }
        | Reply::Job(_)
        | Reply::Accepted => TalkError::NoAnswer,
    }
}

/// How often a PID 1 that is asked by too many is asked again, and after how long.
const TRIES: u32 = 100;
const PAUSE_US: u64 = 50_000;

/// Room for [`full_name`].
pub(super) type Name = heapless::String<UNIT_NAME_BYTES_MAX>;

/// `name` with `suffix` after it if it has none, as systemctl takes names; written to `room`.
#[inline(never)] // for a small frame
pub(super) fn full_name<'r>(name: &str, suffix: &str, room: &'r mut Name) -> Result<&'r str, TalkError> {
    let end = words::split_last(name, b'.').map_or("", |(_, end)| end);
    let suffixed = UnitType::ALL.iter().any(|one| one.as_str() == end);
    let suffix = if suffixed { "" } else { suffix };
    room.clear();
    room.push_str(name).and_then(|()| room.push_str(suffix)).map_err(|_| TalkError::Name)?;
    Ok(room)
}

/// A connection to PID 1.
pub(super) struct Connection {
    socket: OwnedFd,
    buffer: [u8; PACKET_BYTES_MAX],
}

impl Connection {
    pub(super) fn open() -> Result<Self, TalkError> {
        let socket = socket::connect_to(SOCKET).map_err(TalkError::Connect)?;
        Ok(Self { socket, buffer: [0; PACKET_BYTES_MAX] })
    }

    /// Whatever is still to come on this one is nobody's.
    #[inline(never)] // two callers
    pub(super) fn renew(&mut self) -> Result<(), TalkError> {
        self.socket = socket::connect_to(SOCKET).map_err(TalkError::Connect)?;
        Ok(())
    }

    /// Sends `request` and reads one reply.
    pub(super) fn ask(&mut self, request: &Request<'_>) -> Result<Reply<'_>, TalkError> {
        self.ask_with(request, &[])
    }

    /// As [`Self::ask`]; `files` go along. A PID 1 that is asked by too many is asked again, on another connection: that
    /// answer says that nothing has come of the request.
    pub(super) fn ask_with(
        &mut self,
        request: &Request<'_>,
        files: &[BorrowedFd<'_>],
    ) -> Result<Reply<'_>, TalkError> {
        for _ in 0..TRIES {
            let bytes = self.exchange(request, files)?;
            if self.buffer.get(..bytes) != Some(&wire::BUSY) {
                return self.read(bytes);
            }
            clock::sleep_us(PAUSE_US);
            self.renew()?;
        }
        Ok(Reply::Busy)
    }

    /// Sends `request` and `files`, and receives one packet of so many bytes.
    #[inline(never)] // for a small frame
    pub(super) fn exchange(
        &mut self,
        request: &Request<'_>,
        files: &[BorrowedFd<'_>],
    ) -> Result<usize, TalkError> {
        let packet = wire::encode(request, &mut self.buffer).ok_or(TalkError::Name)?;
        let sent = socket::send_files(self.socket.as_fd(), packet, files);
        // Who is turned away finds a word about it behind the error, whatever became of his own.
        let mut received = self.receive();
        if matches!(received, Err(TalkError::File(_, Errno::CONNRESET))) {
            received = self.receive();
        }
        if received.is_err() {
            sent.map_err(broken)?
        }
        received
    }

    /// Sends `request` and waits for nothing.
    pub(super) fn tell(&mut self, request: &Request<'_>) -> Result<(), TalkError> {
        let packet = wire::encode(request, &mut self.buffer).ok_or(TalkError::Name)?;
        socket::send_packet(self.socket.as_fd(), packet).map_err(broken)
    }

    fn receive(&mut self) -> Result<usize, TalkError> {
        let packet = socket::receive(self.socket.as_fd(), &mut self.buffer).map_err(broken)?;
        packet.map(<[u8]>::len).ok_or(TalkError::Closed)
    }

    /// The reply in these bytes of the buffer.
    pub(super) fn read(&self, bytes: usize) -> Result<Reply<'_>, TalkError> {
        wire::decode(self.buffer.get(..bytes).unwrap_or_default()).map_err(|error| match error {
            DecodeError::Version(theirs) => TalkError::Version(theirs),
            DecodeError::Malformed => TalkError::Malformed,
        })
    }

    fn reply(&mut self) -> Result<Reply<'_>, TalkError> {
        let bytes = self.receive()?;
        self.read(bytes)
    }

    /// The unit called `name`, if there is one.
    #[inline(never)] // for a small frame
    pub(super) fn unit(&mut self, name: &str) -> Result<Option<UnitStatus<'_>>, TalkError> {
        let reply = self.ask(&Request::Unit { name })?;
        if let Reply::Unit(unit) = reply {
            return Ok(Some(unit));
        }
        if matches!(reply, Reply::NoSuchUnit) { Ok(None) } else { Err(refused(&reply)) }
    }

    /// Shows every unit to `see`, in the order of the table.
    pub(super) fn each_unit(
        &mut self,
        see: &mut dyn FnMut(&UnitStatus<'_>) -> fmt::Result,
    ) -> Result<(), TalkError> {
        let mut from = 0;
        loop {
            let mut reply = self.ask(&Request::Units { from })?;
            while let Reply::Unit(unit) = reply {
                see(&unit)?;
                reply = self.reply()?;
            }
            let Reply::End { next } = reply else { return Err(refused(&reply)) };
            match next {
                Some(more) if more > from => from = more,
                Some(_) => return Err(TalkError::Malformed),
                None => return Ok(()),
            }
        }
    }

    /// Shows every setting that narrows unit `id` to `see`; answers which unit follows.
    pub(super) fn each_setting(&mut self, id: u16, see: See<'_>) -> Result<Option<u16>, TalkError> {
        let mut reply = self.ask(&Request::Posture { id })?;
        while let Reply::Setting(setting) = reply {
            see(&setting)?;
            reply = self.reply()?;
        }
        if let Reply::End { next } = reply { Ok(next) } else { Err(refused(&reply)) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_error_names_the_file_that_it_is_about() {
        assert_eq!(broken(Errno::PIPE).to_string(), std::format!("{SOCKET_PATH}: Broken pipe"));
        let names = wire::NAMES_PASSWD.to_str().expect("ASCII");
        let error = TalkError::File(File::Names, Errno::NOENT).to_string();
        assert_eq!(error, std::format!("{names}: No such file or directory"));
    }
}
