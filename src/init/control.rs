//! The control socket: connections in, packets to requests, answers to packets. Whether a request is granted is the
//! supervisor's business; whether it is one at all is decided here.

use core::ffi::CStr;

use crate::{
    linux::{
        AsFd, Errno, OwnedFd,
        poll::{Interest, Poll},
        socket::{self, Files},
    },
    record::Keeper,
    supervisor::{Answer, ClientId, Peer, Supervisor},
    table::{Table, UnitId},
    wire::{self, DecodeError, PACKET_BYTES_MAX, Reply, Request, SOCKET, SOCKET_PATH},
};

use super::{handover::keep_fd, kernel::Token, log, posture::Lacking};

/// Connections at one time.
pub(super) const CLIENTS_MAX: usize = 16;
/// Those of them that are not root's; and of one user. What nobody else can take is left for root.
const OTHERS_MAX: usize = 12;
const SAME_USER_MAX: usize = 4;
/// Supplementary groups of a peer that are looked at. Who has more counts as having none.
const GROUPS_MAX: usize = 64;
/// Unit packets in one answer; the client asks for the rest. Small enough to fit any socket buffer.
const UNITS_PER_ANSWER: usize = 32;
pub(super) const SOCKET_DIRECTORY: &CStr = c"/run/tomte";

struct Client {
    socket: OwnedFd,
    uid: u32,
    gid: u32,
    /// It waits for an answer.
    asked: bool,
}

/// The listening socket and its connections.
pub(super) struct Control {
    listener: Option<OwnedFd>,
    /// Given up for the moment when no other descriptor is left.
    spare: Option<OwnedFd>,
    clients: [Option<Client>; CLIENTS_MAX],
    /// Behind the place that was given away last: who has been there longest comes first.
    turn: usize,
    packet: [u8; PACKET_BYTES_MAX],
    packet_bytes: usize,
    /// Came with it.
    files: Files,
    /// The supplementary groups of who sent it.
    groups: heapless::Vec<u32, GROUPS_MAX>,
}

impl Client {
    fn of(socket: OwnedFd) -> Result<Self, Errno> {
        let socket::Peer { uid, gid, .. } = socket::peer(socket.as_fd())?;
        Ok(Self { socket, uid, gid, asked: false })
    }

    /// It may ask again: nothing that it has asked was heard.
    fn turn_away(&self) {
        let _gone = socket::send_packet(self.socket.as_fd(), &wire::BUSY);
    }

    #[inline(never)]
    fn send(&self, reply: &Reply<'_>) -> bool {
        let mut buffer = [0; PACKET_BYTES_MAX];
        wire::encode(reply, &mut buffer)
            .is_some_and(|packet| socket::send_packet(self.socket.as_fd(), packet).is_ok())
    }
}

/// What became of a readable connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A request waits in [`Control::request`].
    Request,
    /// Nothing for the supervisor.
    Nothing,
    /// The connection is closed.
    Gone,
}

impl Control {
    /// Nobody is connected, nobody can be.
    pub(super) const fn new() -> Self {
        Self {
            listener: None,
            spare: None,
            clients: [const { None }; CLIENTS_MAX],
            turn: 0,
            packet: [0; PACKET_BYTES_MAX],
            packet_bytes: 0,
            files: Files::new(),
            groups: heapless::Vec::new(),
        }
    }

    /// Listens, if it can: without a control socket services still run. Who is connected is heard again.
    pub(super) fn listen(&mut self, poll: &Poll) {
        let listener = self.listener.take().map_or_else(|| socket::listen_at(SOCKET_DIRECTORY, SOCKET), Ok);
        let watched = listener.and_then(|listener| {
            poll.add(listener.as_fd(), Token::Listener.into(), Interest::Readable)?;
            Ok(listener)
        });
        match watched {
            Ok(listener) => {
                self.spare = socket::duplicate(listener.as_fd()).ok();
                self.listener = Some(listener);
            }
            Err(errno) => {
                log::error_of(errno, format_args!("cannot listen at {SOCKET_PATH}, going on without"));
            }
        }
        for (place, client) in self.clients.iter_mut().enumerate() {
            let token = Token::Client(place as u16).into(); // CLIENTS_MAX is far below
            client.take_if(|client| poll.add(client.socket.as_fd(), token, Interest::Readable).is_err());
        }
    }

    /// Saves or loads the socket and its connections.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool) {
        keep_fd(&mut self.listener, with, real);
        for place in &mut self.clients {
            let mut socket = place.take().map(|client| client.socket);
            keep_fd(&mut socket, with, real);
            *place = socket.and_then(|socket| Client::of(socket).ok());
        }
    }

    /// Takes one waiting connection; answers who had to make room for it.
    #[inline(never)]
    pub(super) fn accept(&mut self, poll: &Poll) -> Option<ClientId> {
        let listener = self.listener.as_ref()?;
        let socket = match socket::accept(listener.as_fd()) {
            Ok(socket) => socket,
            Err(Errno::MFILE | Errno::NFILE) => {
                // No descriptor is left. A connection that goes on waiting would keep PID 1 from ever sleeping, so
                // the spare one takes it, to be closed at once.
                self.spare = None;
                drop(socket::accept(listener.as_fd()));
                self.spare = socket::duplicate(listener.as_fd()).ok();
                return None;
            }
            Err(_) => return None,
        };
        let client = Client::of(socket).ok()?;
        let Some(place) = self.place_for(client.uid) else {
            client.turn_away();
            return None;
        };
        self.turn = place + 1;
        let id = ClientId(place as u16); // CLIENTS_MAX is far below
        if let Some(Some(one)) = self.clients.get(place)
            && !one.asked
        {
            one.turn_away();
        }
        let made_room = self.close(id, poll) == Received::Gone;
        if poll.add(client.socket.as_fd(), Token::Client(id.0).into(), Interest::Readable).is_ok()
            && let Some(empty) = self.clients.get_mut(place)
        {
            *empty = Some(client);
        }
        made_room.then_some(id)
    }

    /// Where a connection of `uid`'s goes: an empty place, or that of one who waits for nothing. Who says nothing keeps
    /// nobody out, and nobody but root keeps root out.
    fn place_for(&self, uid: u32) -> Option<usize> {
        let (mut others, mut same) = (0, 0);
        for one in self.clients.iter().flatten().filter(|one| one.uid != 0) {
            others += 1;
            same += usize::from(one.uid == uid);
        }
        let (root, crowded) = (uid == 0, same >= SAME_USER_MAX);
        let rank = |place: &Option<Client>| match place {
            None => (root || !crowded && others < OTHERS_MAX).then_some(0),
            Some(one) if one.asked => (root && one.uid != 0).then_some(2),
            Some(one) => (root || one.uid != 0 && (!crowded || one.uid == uid)).then_some(1),
        };
        let places = (0..CLIENTS_MAX).map(|place| (self.turn + place) % CLIENTS_MAX);
        let ranked = places.filter_map(|place| Some((rank(self.clients.get(place)?)?, place)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, place)| place)
    }

    /// Reads one packet of `client`'s.
    #[inline(never)]
    pub(super) fn receive(&mut self, client: ClientId, poll: &Poll) -> Received {
        let Some(Some(connection)) = self.clients.get_mut(usize::from(client.0)) else {
            return Received::Nothing;
        };
        match socket::receive_files(connection.socket.as_fd(), &mut self.packet) {
            Ok(Some((bytes, files))) => (self.packet_bytes, self.files) = (bytes, files),
            Err(Errno::AGAIN) => return Received::Nothing,
            Err(Errno::MSGSIZE) => return self.refuse(client, Reply::Malformed, poll),
            Ok(None) | Err(_) => return self.close(client, poll),
        }
        match wire::decode::<Request<'_>>(self.packet.get(..self.packet_bytes).unwrap_or_default()) {
            Ok(_) => {
                connection.asked = true;
                Received::Request
            }
            Err(DecodeError::Version(_)) => self.refuse(client, Reply::Version(wire::VERSION), poll),
            Err(DecodeError::Malformed) => self.refuse(client, Reply::Malformed, poll),
        }
    }

    /// The files that came with it.
    pub(super) const fn take_files(&mut self) -> Files {
        core::mem::replace(&mut self.files, Files::new())
    }

    /// The request that [`Control::receive`] has just read, and who asked.
    pub(super) fn request(&mut self, client: ClientId) -> Option<(Peer<'_>, Request<'_>)> {
        let Client { socket, uid, gid, .. } = self.clients.get(usize::from(client.0))?.as_ref()?;
        let _ = self.groups.resize(if *uid == 0 { 0 } else { GROUPS_MAX }, 0); // that many fit
        let count = socket::peer_groups(socket.as_fd(), &mut self.groups).unwrap_or(0);
        self.groups.truncate(count);
        let packet = self.packet.get(..self.packet_bytes).unwrap_or_default();
        Some((Peer { uid: *uid, gid: *gid, groups: &self.groups }, wire::decode(packet).ok()?))
    }

    /// Sends `answer`. A client that does not read its answers is cut off; answers true then.
    #[inline(never)]
    pub(super) fn answer(
        &mut self,
        client: ClientId,
        answer: Answer,
        table: &Table<'_>,
        supervisor: &Supervisor<'_>,
        lacking: &Lacking,
        poll: &Poll,
    ) -> bool {
        // One reply for all of them: as constants, those without a value are 136 bytes each.
        let reply = match answer {
            Answer::Manager => Some(Reply::Manager(supervisor.manager())),
            Answer::Units { from } => self.send_units(client, from, table, supervisor),
            Answer::Unit(id) => Some(supervisor.status(id).map_or(Reply::NoSuchUnit, Reply::Unit)),
            Answer::Posture(id) => {
                let told = lacking.each(table, supervisor, id, &mut |setting| {
                    if self.send(client, &Reply::Setting(*setting)) { Ok(()) } else { Err(core::fmt::Error) }
                });
                // Rooms of units made at run time may be empty.
                let next = table
                    .ids()
                    .map(|id| id.0)
                    .find(|next| *next > id.0 && supervisor.status(UnitId(*next)).is_some());
                told.is_ok().then_some(Reply::End { next })
            }
            Answer::Job(result) => Some(Reply::Job(result)),
            Answer::Accepted => Some(Reply::Accepted),
            Answer::NoSuchUnit => Some(Reply::NoSuchUnit),
            Answer::Denied => Some(Reply::Denied),
            Answer::Refused => Some(Reply::Refused),
            Answer::Busy => Some(Reply::Busy),
        };
        let sent = reply.is_some_and(|reply| self.send(client, &reply));
        if let Some(Some(client)) = self.clients.get_mut(usize::from(client.0)) {
            client.asked = false;
        }
        !sent && self.close(client, poll) == Received::Gone
    }

    fn send_units(
        &mut self,
        client: ClientId,
        from: u16,
        table: &Table<'_>,
        supervisor: &Supervisor<'_>,
    ) -> Option<Reply<'static>> {
        let mut next = from;
        let mut sent = true;
        for id in table.ids().filter(|UnitId(id)| *id >= from).take(UNITS_PER_ANSWER) {
            if let Some(status) = supervisor.status(id) {
                sent = sent && self.send(client, &Reply::Unit(status));
            }
            next = id.0 + 1;
        }
        let more = usize::from(next) < table.unit_count();
        sent.then_some(Reply::End { next: more.then_some(next) })
    }

    fn send(&self, client: ClientId, reply: &Reply<'_>) -> bool {
        let client = self.clients.get(usize::from(client.0)).and_then(Option::as_ref);
        client.is_none_or(|client| client.send(reply))
    }

    fn refuse(&mut self, client: ClientId, reply: Reply<'_>, poll: &Poll) -> Received {
        if self.send(client, &reply) { Received::Nothing } else { self.close(client, poll) }
    }

    fn close(&mut self, client: ClientId, poll: &Poll) -> Received {
        match self.clients.get_mut(usize::from(client.0)).and_then(Option::take) {
            Some(client) => {
                poll.remove(client.socket.as_fd()); // children that are being made have copies of it
                Received::Gone
            }
            None => Received::Nothing,
        }
    }
}
