//! A set of units: one bit each.

use crate::table::{UnitId, limits::UNITS_MAX};

const WORDS: usize = UNITS_MAX.div_ceil(64);

kept! {
/// Units, by id. Ids beyond the limit are never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitSet([u64; WORDS]);
}

impl UnitSet {
    /// No unit.
    pub const EMPTY: Self = Self([0; WORDS]);

    /// Every id that a unit can have.
    pub(super) const ALL: Self = Self([u64::MAX; WORDS]);

    /// Whether no unit is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Adds `id`; whether it was not in yet.
    pub fn insert(&mut self, id: UnitId) -> bool {
        let Some(word) = self.0.get_mut(id.index() / 64) else { return false };
        let bit = 1 << (id.index() % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether `id` is in it.
    pub fn contains(&self, id: UnitId) -> bool {
        self.0.get(id.index() / 64).is_some_and(|word| word & (1 << (id.index() % 64)) != 0)
    }

    /// Takes `id` out.
    pub(super) fn remove(&mut self, id: UnitId) {
        if let Some(word) = self.0.get_mut(id.index() / 64) {
            *word &= !(1 << (id.index() % 64));
        }
    }

    /// The first unit from `from` on, else the first of all: going on behind the last answer serves everyone in turn.
    pub(super) fn next_from(&self, from: u16) -> Option<UnitId> {
        self.first_at_least(from).or_else(|| self.first_at_least(0))
    }

    pub(super) fn first_at_least(&self, from: u16) -> Option<UnitId> {
        let start = usize::from(from);
        self.0.iter().enumerate().skip(start / 64).find_map(|(at, word)| {
            let rest = if at == start / 64 { word & (u64::MAX << (start % 64)) } else { *word };
            let id = at.checked_mul(64)?.checked_add(rest.trailing_zeros() as usize)?;
            if rest == 0 { None } else { u16::try_from(id).ok().map(UnitId) }
        })
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = UnitId> + use<'_> {
        let mut from = 0;
        core::iter::from_fn(move || {
            let id = self.first_at_least(from)?;
            from = id.0.saturating_add(1);
            Some(id)
        })
    }

    /// Takes out any one unit.
    pub(super) fn pop(&mut self) -> Option<UnitId> {
        let id = self.first_at_least(0)?;
        self.remove(id);
        Some(id)
    }
}

/// Units that are visited one after the other, each once.
#[derive(Debug)]
pub(super) struct Walk {
    /// All that were added so far.
    pub(super) seen: UnitSet,
    pending: UnitSet,
}

impl Walk {
    /// A walk that begins at `root`.
    pub(super) fn from(root: UnitId) -> Self {
        let mut walk = Self { seen: UnitSet::EMPTY, pending: UnitSet::EMPTY };
        walk.add(root);
        walk
    }

    /// Visits `id` as well.
    #[inline(never)]
    pub(super) fn add(&mut self, id: UnitId) {
        if self.seen.insert(id) {
            self.pending.insert(id);
        }
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self) -> Option<UnitId> {
        self.pending.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_gets_its_turn() {
        let mut set = UnitSet::EMPTY;
        for id in [0, 63, 64, 255] {
            assert!(set.insert(UnitId(id)));
            assert!(!set.insert(UnitId(id)));
        }
        assert_eq!(set.next_from(0), Some(UnitId(0)));
        assert_eq!(set.next_from(1), Some(UnitId(63)));
        assert_eq!(set.next_from(64), Some(UnitId(64)));
        assert_eq!(set.next_from(65), Some(UnitId(255)));
        assert_eq!(set.next_from(256), Some(UnitId(0)));
        set.remove(UnitId(0));
        assert_eq!(set.next_from(256), Some(UnitId(63)));
        assert_eq!(set.pop(), Some(UnitId(63)));
    }

    #[test]
    fn what_is_no_unit_is_never_a_member() {
        let mut set = UnitSet::EMPTY;
        assert!(!set.insert(UnitId(u16::MAX)));
        set.remove(UnitId(u16::MAX));
        assert_eq!(set.next_from(u16::MAX), None);
    }
}
