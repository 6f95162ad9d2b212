//! The descriptors that PID 1 holds for units: what sockets listen on, and what tells of changes below paths.
//!
//! A service that is given a descriptor has it in common with PID 1: epoll(7) watches it as long as either has it open.
//! So nothing is closed here that is not taken out of epoll first.

use heapless::Vec;

use crate::{
    linux::{
        AsFd, BorrowedFd, Errno, OwnedFd, listen,
        plan::{PASSED_MAX, Passed},
        poll::Poll,
    },
    record::{Keep, Keeper},
    table::{CommandKind, Kind, Lists, Relation, Table, Unit, UnitId, limits},
};

use super::{handover::keep_fd, kernel::Token, log, plan::takes_socket};

const _: () =
    assert!(limits::PASSED_MAX <= PASSED_MAX, "a table's descriptors are no more than a child passes");

/// One descriptor.
pub(super) struct Descriptor {
    pub(super) fd: OwnedFd,
    /// Whose.
    pub(super) unit: UnitId,
    /// Whether something has come when it is readable; if not, somebody has to look.
    pub(super) tells: bool,
}

/// All of them, a unit's in their order.
pub(super) struct Held([Option<Descriptor>; limits::HELD_MAX]);

impl Held {
    pub(super) const fn new() -> Self {
        Self([const { None }; limits::HELD_MAX])
    }

    /// Saves or loads all of them, each at its place. What is loaded is listened to: who waits for nothing passes it over.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool, poll: &Poll) {
        for (at, place) in self.0.iter_mut().enumerate() {
            if with.place(usize::from(place.is_some()), 2) == 0 {
                continue;
            }
            let (mut fd, mut unit, mut tells) = (None, UnitId(0), false);
            if let Some(one) = place.take() {
                (fd, unit, tells) = (Some(one.fd), one.unit, one.tells);
            }
            unit = UnitId(with.unit(unit.0));
            tells.keep(with);
            keep_fd(&mut fd, with, real);
            let Some(fd) = fd.filter(|_| unit.0 != u16::MAX) else { continue };
            if with.loads()
                && let Err(errno) = poll.arm(fd.as_fd(), Token::Held(at as u16).into())
            {
                log::warn_of(errno, format_args!("cannot wait for a descriptor"));
            }
            *place = Some(Descriptor { fd, unit, tells });
        }
    }

    /// Holds one more; whether there was room.
    pub(super) fn hold(&mut self, descriptor: Descriptor) -> bool {
        // Behind the unit's last one, so that they stay in order.
        let last =
            self.0.iter().rposition(|place| place.as_ref().is_some_and(|one| one.unit == descriptor.unit));
        let from = last.map_or(0, |last| last.saturating_add(1));
        match self.0.iter_mut().skip(from).find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(descriptor);
                true
            }
            None => false,
        }
    }

    /// The descriptor at a place.
    pub(super) fn get(&self, place: u16) -> Option<&Descriptor> {
        self.0.get(usize::from(place))?.as_ref()
    }

    /// Those of `unit`.
    pub(super) fn of(&self, unit: UnitId) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().flatten().filter(move |one| one.unit == unit).map(|one| one.fd.as_fd())
    }

    /// Tells once for each of `unit`'s descriptors when it is readable.
    pub(super) fn arm(&self, unit: UnitId, poll: &Poll) {
        for (at, one) in self.0.iter().enumerate() {
            let Some(one) = one.as_ref().filter(|one| one.unit == unit) else { continue };
            if let Err(errno) = poll.arm(one.fd.as_fd(), Token::Held(at as u16).into()) {
                log::warn_of(errno, format_args!("cannot wait for a descriptor"));
            }
        }
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
        all.map(|()| passed)
    }

    /// Drops what has come for `unit`: connections that wait, bytes that were not read.
    pub(super) fn flush(&self, unit: UnitId) {
        self.of(unit).for_each(listen::flush);
    }

    /// Closes those of `unit`.
    pub(super) fn close(&mut self, unit: UnitId, poll: &Poll) {
        for place in &mut self.0 {
            if let Some(one) = place.take_if(|one| one.unit == unit) {
                poll.remove(one.fd.as_fd());
            }
        }
    }
}
