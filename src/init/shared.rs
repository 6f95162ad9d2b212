//! What all commands of a unit have in common, and units with `JoinsNamespaceOf=` with each other: the directories of a
//! private /tmp, and namespaces of network and IPC (systemd.unit(5)). PID 1 only says where: the first process that needs
//! one of them makes it.

use crate::{
    linux::{AsFd, Errno, OwnedFd, kept, random, socket},
    record::{Keep, Keeper},
    table::{Exec, Lists, PrivateTmp, Relation, Unit, UnitId},
};

use super::{handover::keep_fd, kernel::Kernel};

/// What a unit has.
pub(super) struct Shared {
    /// Part of the name of a private /tmp, not to be guessed before; 0 until the unit's first command.
    pub(super) token: u64,
    /// Another part of it: who was the first to have it.
    pub(super) first: UnitId,
    /// Where namespaces are kept, if more than one command is to have them.
    pub(super) kept: [Option<OwnedFd>; 2],
}

impl Shared {
    pub(super) const NOTHING: Self = Self { token: 0, first: UnitId(0), kept: [None, None] };
}

impl Kernel {
    /// Sees to it that `id` has all that it may share, before a command of its.
    ///
    /// # Errors
    /// Those of making descriptors.
    pub(super) fn share(&mut self, id: UnitId, unit: &Unit<'_>, exec: &Exec<'_>) -> Result<(), Errno> {
        let needed = exec.private_tmp == PrivateTmp::Connected || exec.namespaces.kept;
        if !needed || self.shared.get(id.index()).is_none_or(|own| own.token != 0) {
            return Ok(());
        }
        let mut other = None;
        unit.each(Lists::of(Relation::Joined), &mut |joined| {
            other = other.or(self.shared.get(joined.index()).filter(|other| other.token != 0));
        });
        let mut new = Shared { token: random::seed().max(1), first: id, ..Shared::NOTHING };
        if let Some(other) = other {
            (new.token, new.first) = (other.token, other.first);
        }
        if exec.namespaces.kept {
            new.kept = match other.map(|other| &other.kept) {
                Some([Some(one), Some(other)]) => {
                    [Some(socket::duplicate(one.as_fd())?), Some(socket::duplicate(other.as_fd())?)]
                }
                Some([_, _]) | None => kept::make()?.map(Some),
            };
        }
        if let Some(place) = self.shared.get_mut(id.index()) {
            *place = new;
        }
        Ok(())
    }

    /// `id` goes down: the next time it will have something else. Answers the token and the unit of a private /tmp that
    /// nobody has any more.
    pub(super) fn unshare(&mut self, id: UnitId) -> Option<(u64, UnitId)> {
        let Shared { token, first, .. } =
            core::mem::replace(self.shared.get_mut(id.index())?, Shared::NOTHING);
        (token != 0 && self.shared.iter().all(|other| other.token != token)).then_some((token, first))
    }
}

impl Shared {
    /// Saves or loads it. The unit that was the first may be gone: its name is lost then, and nothing else.
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, real: bool) {
        self.token.keep(with);
        self.first = UnitId(with.unit(self.first.0));
        for end in &mut self.kept {
            keep_fd(end, with, real);
        }
    }
}
