//! One conversation with PID 1.

use core::fmt;

use crate::{
    linux::{self, AsFd, BorrowedFd, Errno, OwnedFd, socket},
    table::limits::UNIT_NAME_BYTES_MAX,
    wire::{
        self, DecodeError, JobResult, PACKET_BYTES_MAX, Reply, Request, SOCKET, SOCKET_PATH, See, UnitStatus,
        UnitType,
    },
    words,
};

/// Why a command could not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TalkError {
    /// Nobody listens.
    Connect(Errno),
    /// A file cannot be read.
    File(Errno),
    /// The connection broke.
    Connection(Errno),
    /// PID 1 closed it without an answer.
    Closed,
    /// PID 1 speaks another version.
    Version(u8),
    /// The answer was none.
    Malformed,
    /// PID 1 would not.
    Refused(&'static str),
    /// The job ended otherwise than well.
    Job(JobResult),
    /// The name given is no unit name.
    Name,
    /// PID 1 has another table than this program.
    OtherTable,
    /// The answer could not be shown.
    Output,
}

impl From<fmt::Error> for TalkError {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Connect(Errno::ACCESS | Errno::PERM) => f.write_str(refusal(&Reply::Denied)),
            Self::Connect(errno) => {
                write!(
                    f,
                    "cannot connect to {SOCKET_PATH}: {} (is tomte PID 1 here?)",
                    linux::errno::Text(errno)
                )
            }
            Self::File(errno) => write!(f, "{}", linux::errno::Text(errno)),
            Self::Connection(errno) => write!(f, "{SOCKET_PATH}: {}", linux::errno::Text(errno)),
            Self::Closed => write!(f, "{SOCKET_PATH}: closed without an answer"),
            Self::Version(theirs) => {
                let (theirs, ours) = (u64::from(theirs), u64::from(wire::VERSION));
                write!(f, "PID 1 speaks version {theirs} of the protocol, this tomte {ours}")
            }
            Self::Malformed => write!(f, "{SOCKET_PATH}: the answer is malformed"),
            Self::Refused(why) => f.write_str(why),
            Self::Job(JobResult::Invalid) => f.write_str(
                "the unit is not active, or cannot do that (ExecReload= or Type=notify-reload to reload), or the job mode is not for \
                 that: triggering is for stop, isolate and restart-dependencies are for start",
            ),
            Self::Job(result) => write!(f, "the job ended with result '{result}'; see tomte status"),
            Self::OtherTable => f.write_str("PID 1 has another table than this program"),
            Self::Name => f.write_str("not a unit name"),
            Self::Output => f.write_str("cannot write to standard output"),
        }
    }
}

/// A reply that is no answer to the question, as an error.
pub(super) const fn refused(reply: &Reply<'_>) -> TalkError {
    TalkError::Refused(refusal(reply))
}

const fn refusal(reply: &Reply<'_>) -> &'static str {
    match reply {
        Reply::Denied => "access denied: that is for root, or for whom [[allow]] in board.toml names",
        Reply::Busy => "PID 1 has too many requests waiting, try again",
        Reply::NoSuchUnit => "no such unit",
        Reply::Malformed => "PID 1 did not understand the request",
        Reply::Version(_) => "PID 1 speaks another version of the protocol",
        Reply::Manager(_)
        | Reply::Unit(_)
        | Reply::Setting(_)
        | Reply::End { .. }
        | Reply::Job(_)
        | Reply::Accepted => "PID 1 answered something else",
    }
}

/// `name` with `.service` after it if it has no suffix, as systemctl takes names.
#[inline(never)] // for a small frame
pub(super) fn full_name(name: &str) -> Result<heapless::String<UNIT_NAME_BYTES_MAX>, TalkError> {
    let end = words::split_last(name, b'.').map_or("", |(_, end)| end);
    let suffixed = UnitType::ALL.iter().any(|one| one.as_str() == end);
    let suffix = if suffixed { "" } else { ".service" };
    let mut full = heapless::String::new();
    full.push_str(name).and_then(|()| full.push_str(suffix)).map_err(|_| TalkError::Name)?;
    Ok(full)
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

    /// Sends `request` and reads one reply.
    pub(super) fn ask(&mut self, request: &Request<'_>) -> Result<Reply<'_>, TalkError> {
        self.tell(request)?;
        self.reply()
    }

    /// Sends `request` and waits for nothing.
    pub(super) fn tell(&mut self, request: &Request<'_>) -> Result<(), TalkError> {
        let packet = wire::encode(request, &mut self.buffer).ok_or(TalkError::Name)?;
        socket::send_packet(self.socket.as_fd(), packet).map_err(TalkError::Connection)
    }

    /// As [`Self::ask`]; `files` go along.
    pub(super) fn ask_with(
        &mut self,
        request: &Request<'_>,
        files: &[BorrowedFd<'_>],
    ) -> Result<Reply<'_>, TalkError> {
        let packet = wire::encode(request, &mut self.buffer).ok_or(TalkError::Name)?;
        socket::send_files(self.socket.as_fd(), packet, files).map_err(TalkError::Connection)?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply<'_>, TalkError> {
        let packet = socket::receive(self.socket.as_fd(), &mut self.buffer).map_err(TalkError::Connection)?;
        wire::decode(packet.ok_or(TalkError::Closed)?).map_err(|error| match error {
            DecodeError::Version(theirs) => TalkError::Version(theirs),
            DecodeError::Malformed => TalkError::Malformed,
        })
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
