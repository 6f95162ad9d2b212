//! The descriptors that PID 1 holds for units: what sockets listen on, and what tells of changes below paths.
//!
//! A service that is given a descriptor has it in common with PID 1: epoll(7) watches it as long as either has it open.
//! So nothing is closed here that is not taken out of epoll first.

use heapless::{String, Vec};

use crate::{
    linux::{
        AsFd, BorrowedFd, Errno, OwnedFd,
        apart::Place,
        listen, pipe,
        plan::{PASSED_MAX, Passed},
        poll::{Interest, Poll},
        socket::Fds,
    },
    record::{Keep, Keeper},
    table::{CommandKind, Kind, Lists, Relation, Table, Unit, UnitId, limits},
    wire::FD_NAME_BYTES_MAX,
};

use super::{handover::keep_fd, kernel::Token, log, plan::takes_socket};

const _: () =
    assert!(limits::PASSED_MAX <= PASSED_MAX, "a table's descriptors are no more than a child passes");

/// One descriptor.
pub(super) struct Descriptor {
    pub(super) fd: OwnedFd,
    /// Whose.
    pub(super) unit: UnitId,
    /// Whether something has come when it is readable; if not, somebody has to look. Of one in a store: whether it is
    /// dropped when its other end is gone.
    pub(super) tells: bool,
    /// Of one in a store: its name's place in [`Held::names`] and one; [`GIVEN`] and its number of a stream that is given;
    /// [`READY`]; else 0.
    pub(super) name: u8,
}

/// Names that descriptors in all stores together can have.
const NAMES_MAX: usize = 32;

/// Names from here on are numbers of streams, 0 to 2.
const GIVEN: u8 = 0xf0;
/// The name of what a service says that it is ready with.
pub(super) const READY: u8 = u8::MAX;
const _: () = assert!(NAMES_MAX < GIVEN as usize, "names and streams are told apart");

impl Descriptor {
    /// Whether it is in its unit's store.
    pub(super) fn is_stored(&self) -> bool {
        (1..GIVEN).contains(&self.name)
    }

    /// Has epoll tell when it is readable, once; of one in a store, that its other end is gone.
    fn listen(&self, at: usize, poll: &Poll) {
        let (fd, token) = (self.fd.as_fd(), Token::Held(at as u16).into()); // HELD_MAX fits
        let heard = match self.name {
            0 | READY => poll.arm(fd, token),
            1..GIVEN if self.tells => match poll.add(fd, token, Interest::End) {
                Err(Errno::PERM | Errno::EXIST) => Ok(()), // of a file there is no other end; it is listened to
                heard => heard,
            },
            _ => Ok(()),
        };
        if let Err(errno) = heard {
            log::warn_of(errno, format_args!("cannot wait for a descriptor"));
        }
    }
}

/// All of them, a unit's in their order.
pub(super) struct Held {
    places: [Option<Descriptor>; limits::HELD_MAX],
    names: &'static mut Names,
}

/// Names of descriptors in stores. Not apart: a service's process is told them before it executes.
type Names = [String<FD_NAME_BYTES_MAX>; NAMES_MAX];
static NAMES: Place<Names> = Place::new([const { String::new() }; NAMES_MAX]);

impl Held {
    /// The only one there can be.
    pub(super) fn new() -> Option<Self> {
        let names = NAMES.take_for_all()?;
        Some(Self { places: [const { None }; limits::HELD_MAX], names })
    }

    /// Saves or loads all of them, each at its place. What is loaded is listened to: who waits for nothing passes it over.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool, poll: &Poll) {
        self.names.keep(with);
        for (at, place) in self.places.iter_mut().enumerate() {
            if with.place(usize::from(place.is_some()), 2) == 0 {
                continue;
            }
            let (mut fd, mut unit, mut tells, mut name) = (None, UnitId(0), false, 0);
            if let Some(one) = place.take() {
                (fd, unit, tells, name) = (Some(one.fd), one.unit, one.tells, one.name);
            }
            unit = UnitId(with.unit(unit.0));
            tells.keep(with);
            name.keep(with);
            keep_fd(&mut fd, with, real);
            let Some(fd) = fd.filter(|_| unit.0 != u16::MAX) else { continue };
            let one = place.insert(Descriptor { fd, unit, tells, name });
            if with.loads() {
                one.listen(at, poll);
            }
        }
    }

    /// Holds one more; whether there was room.
    pub(super) fn hold(&mut self, descriptor: Descriptor) -> bool {
        // Behind the unit's last one, so that they stay in order.
        let last = self
            .places
            .iter()
            .rposition(|place| place.as_ref().is_some_and(|one| one.unit == descriptor.unit));
        let from = last.map_or(0, |last| last.saturating_add(1));
        match self.places.iter_mut().skip(from).find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(descriptor);
                true
            }
            None => false,
        }
    }

    /// Puts `fds` into `unit`'s store as `name`, but for those that are there, until the other end `tells` that it is gone;
    /// without any, takes out what has that name. Whether there was room for all, `most` being the unit's.
    #[inline(never)]
    pub(super) fn store(
        &mut self,
        unit: UnitId,
        (name, tells): (&str, bool),
        fds: &mut Fds,
        most: usize,
        poll: &Poll,
    ) -> bool {
        let used = |at: usize| self.places.iter().flatten().any(|one| usize::from(one.name) == at + 1);
        let own = self.names.iter().position(|own| own == name);
        let Some(at) = own.or_else(|| (0..NAMES_MAX).find(|at| !used(*at))) else { return fds.is_empty() };
        let number = at as u8 + 1; // NAMES_MAX fits
        if fds.is_empty() {
            self.close_if(&|one| one.unit == unit && one.name == number, poll);
            return true;
        }
        if let Some(place) = self.names.get_mut(at) {
            place.clear();
            let _fits = place.push_str(name); // the message was read so
        }
        let mut room = true;
        while let Some(fd) = fds.pop() {
            let stored = |one: &&Descriptor| one.unit == unit && one.is_stored();
            let own = self.places.iter().flatten().filter(stored);
            if own.clone().any(|one| listen::is_same(one.fd.as_fd(), fd.as_fd())) {
                continue;
            }
            room = own.count() < most && self.hold(Descriptor { fd, unit, tells, name: number });
            if !room {
                break;
            }
        }
        self.arm(unit, poll);
        room
    }

    /// Holds the three `streams` for the unit until it is down; whether there were any.
    pub(super) fn give(&mut self, unit: UnitId, streams: impl Iterator<Item = OwnedFd>) -> bool {
        let mut given = false;
        for (name, fd) in (GIVEN..GIVEN + 3).zip(streams) {
            given = true;
            self.hold(Descriptor { fd, unit, tells: false, name });
        }
        given
    }

    /// The streams that were given for the unit's processes, if all of them were.
    pub(super) fn given(&self, unit: UnitId) -> Option<[BorrowedFd<'_>; 3]> {
        let mut own =
            self.places.iter().flatten().filter(|one| one.unit == unit && (GIVEN..READY).contains(&one.name));
        let mut next = || own.next().map(|one| one.fd.as_fd());
        Some([next()?, next()?, next()?])
    }

    /// The descriptor at a place.
    pub(super) fn get(&self, place: u16) -> Option<&Descriptor> {
        self.places.get(usize::from(place))?.as_ref()
    }

    /// Those of `unit`.
    pub(super) fn of(&self, unit: UnitId) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listened = move |one: &&Descriptor| one.unit == unit && one.name == 0;
        self.places.iter().flatten().filter(listened).map(|one| one.fd.as_fd())
    }

    /// Tells once for each of `unit`'s descriptors when it is readable, and when what is in its store is of no use any more.
    pub(super) fn arm(&self, unit: UnitId, poll: &Poll) {
        for (at, one) in self.places.iter().enumerate() {
            if let Some(one) = one.as_ref().filter(|one| one.unit == unit) {
                one.listen(at, poll);
            }
        }
    }

    /// From here on `fd` tells when `unit` is ready; `None` that nothing does any more.
    pub(super) fn await_ready(&mut self, unit: UnitId, fd: Option<OwnedFd>, poll: &Poll) {
        self.close_if(&|one| one.unit == unit && one.name == READY, poll);
        if let Some(fd) = fd
            && pipe::stop_blocking(fd.as_fd()).is_ok()
            && self.hold(Descriptor { fd, unit, tells: false, name: READY })
        {
            self.arm(unit, poll);
        }
    }

    /// How many descriptors of `unit` that tell are before `place`.
    pub(super) fn telling_before(&self, unit: UnitId, place: u16) -> u8 {
        let before = self.places.iter().take(place.into()).flatten();
        before.filter(|one| one.unit == unit && one.tells).count() as u8 // LISTEN_MAX fits
    }

    /// Where the descriptor is that tells when `unit` is ready, if one does.
    pub(super) fn place_of_ready(&self, unit: UnitId) -> Option<u16> {
        let is_it = |place: &Option<Descriptor>| {
            place.as_ref().is_some_and(|one| one.unit == unit && one.name == READY)
        };
        self.places.iter().position(is_it).map(|at| at as u16) // HELD_MAX fits
    }

    /// What a command of `service` is given.
    ///
    /// # Errors
    /// EMFILE for more than [`PASSED_MAX`].
    pub(super) fn passed<'a>(
        &'a self,
        table: &Table<'a>,
        (id, service): (UnitId, &Unit<'_>),
        kind: CommandKind,
    ) -> Result<Vec<Passed<'a>, PASSED_MAX>, Errno> {
        let mut passed = Vec::new();
        let non_blocking = service.service().map(|service| service.non_blocking);
        let all_commands = service.service().is_some_and(|service| takes_socket(&service.exec));
        let mut all = Ok(());
        service.each(Lists::of(Relation::TriggeredBy), &mut |trigger| {
            let Some(Kind::Socket(socket)) = table.unit(trigger).map(|unit| unit.kind) else { return };
            let wanted = kind == CommandKind::Start || socket.pass_to_all || all_commands;
            if !wanted {
                return;
            }
            for fd in self.of(if socket.accept { id } else { trigger }) {
                let one = Passed { fd, name: socket.name, non_blocking };
                all = all.and(passed.push(one).map_err(|_| Errno::MFILE));
            }
        });
        for one in self.places.iter().flatten() {
            if one.unit == id && one.is_stored() && kind == CommandKind::Start {
                let name = self.names.get(usize::from(one.name) - 1).map_or("", String::as_str);
                all = all.and(
                    passed.push(Passed { fd: one.fd.as_fd(), name, non_blocking }).map_err(|_| Errno::MFILE),
                );
            }
        }
        all.map(|()| passed)
    }

    /// Drops what has come for `unit`: connections that wait, bytes that were not read.
    pub(super) fn flush(&self, unit: UnitId) {
        self.of(unit).for_each(listen::flush);
    }

    /// Closes those of `unit`.
    pub(super) fn close(&mut self, unit: UnitId, poll: &Poll) {
        self.close_if(&|one| one.unit == unit, poll);
    }

    /// Closes those in stores whose other end is gone. All are asked: who was told of may have been taken out since.
    pub(super) fn drop_ended(&mut self, poll: &Poll) {
        self.close_if(&|one| one.is_stored() && one.tells && pipe::has_ended(one.fd.as_fd()), poll);
    }

    fn close_if(&mut self, which: &dyn Fn(&Descriptor) -> bool, poll: &Poll) {
        for place in &mut self.places {
            if let Some(one) = place.take_if(|one| which(one)) {
                poll.remove(one.fd.as_fd());
            }
        }
    }
}
