//! Who may ask what: root everything, everybody the state of units, and `[[allow]]` of board.toml the rest.

use super::{Supervisor, uid::Pool};
use crate::{
    table::{Allow, IdentityId, UnitId, Who, matches},
    wire::{Request, Verb},
};

/// Who asks, as the kernel says: SO_PEERCRED and SO_PEERGROUPS of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer<'a> {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: &'a [u32],
}

impl Peer<'_> {
    /// The one who needs no rule.
    pub const ROOT: Self = Self { uid: 0, gid: 0, groups: &[] };

    /// Whether nothing is kept from it.
    pub const fn is_root(&self) -> bool {
        self.uid == Self::ROOT.uid
    }

    fn is_in(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

impl Supervisor<'_> {
    /// Whether `peer` may ask for `request`.
    #[inline(never)]
    pub(super) fn may(&self, peer: &Peer<'_>, request: &Request<'_>) -> bool {
        let verb = request.verb();
        if peer.is_root() || verb == Verb::Status {
            return true;
        }
        if verb == Verb::Rule {
            return false;
        }
        // A rule is about units, whatever they are called by who asks.
        let id = if let Request::Posture { id } = request { Some(UnitId(*id)) } else { None };
        let id = request.name().map_or(id, |name| self.find(name));
        let own = id.and_then(|id| self.table.name(id));
        let name = own.or(request.name()).unwrap_or_default();
        let covers = |rule: &Allow<'_>| {
            rule.verbs >> verb as u32 & 1 != 0
                && is_for(rule, peer, &self.pool)
                && (rule.units.is_empty() || rule.units.iter().any(|pattern| matches(pattern, name)))
        };
        self.table.board().allow.iter().any(|rule| covers(&rule))
    }
}

fn is_for(rule: &Allow<'_>, peer: &Peer<'_>, pool: &Pool) -> bool {
    // A name that has no number now is nobody's, and so is one that no process has taken on yet.
    let number = || {
        let id = IdentityId(u16::try_from(rule.number).ok()?);
        pool.number(id).filter(|_| pool.is_used(id))
    };
    match rule.who {
        Who::User => peer.uid == rule.number,
        Who::Group => peer.is_in(rule.number),
        Who::DynamicUser => number() == Some(peer.uid),
        Who::DynamicGroup => number().is_some_and(|gid| peer.is_in(gid)),
    }
}
