//! The pool of numbers for dynamic users: which name has which number, and which number a name gets next.
//!
//! systemd-semantics.md §1.3 for the candidates; design.md "UIDs" (b) and (c) for the way back: a number is free
//! again only when nothing of it is left, and then the one that has rested longest is taken first.

use heapless::{Deque, Vec};

use crate::{
    record::{Keep, Keeper, checksum},
    table::{
        Board, Identity, IdentityId, UidRange,
        limits::{IDENTITIES_MAX, OWN_NUMBERS_MAX},
    },
};

/// Numbers that one name tries in one start before there is none for it (systemd's limit).
pub(super) const TRIES_MAX: u8 = 100;
/// Released numbers whose order is remembered. One that rested longer than that many others counts as never used.
const QUARANTINE_MAX: usize = 512;
/// Numbers that are lost because what they left could not be removed and their name had to take another one. Beyond
/// this many, such a name gets no other number.
const LOST_MAX: usize = 64;

const _: () = assert!(QUARANTINE_MAX >= IDENTITIES_MAX, "every name's number can rest at once");

/// Names and numbers of this boot.
#[derive(Debug)]
pub(super) struct Pool {
    range: UidRange,
    holders: Vec<Holder, IDENTITIES_MAX>,
    /// Numbers that are somebody's own: [`Identity::own_number`].
    owned: Vec<u32, OWN_NUMBERS_MAX>,
    /// Released numbers, longest rested first.
    quarantine: Deque<u32, QUARANTINE_MAX>,
    /// Numbers that nobody gets any more.
    lost: Vec<u32, LOST_MAX>,
    random: u64,
    /// What tells this boot from others.
    boot: u64,
    /// A name has got or lost a number, and nobody has been told.
    changed: bool,
}

kept! {
/// One name.
#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    /// Its number.
    number: Option<u32>,
    /// The number it had before.
    last: Option<u32>,
    /// How many units hold it.
    references: u16,
    /// How many candidates it has used up since it last had none.
    tries: u8,
    /// A process has run under the number since it was chosen.
    used: bool,
    /// The first process of the number is on its way.
    probed: bool,
    /// A janitor is removing what is left of the number.
    leaving: bool,
    /// Something of the number could not be removed: it is never given to another name.
    tainted: bool,
}
}

/// The answer to who asks for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// This one, until it is given back.
    Number(u32),
    /// The name's number is being cleaned; ask again when that is done.
    Wait,
    /// There is none.
    NoneLeft,
}

impl Pool {
    /// No names. Not a constant: the binary would carry all its zeros.
    #[inline(always)]
    pub(super) const fn empty() -> Self {
        Self {
            range: UidRange::DYNAMIC,
            holders: Vec::new(),
            owned: Vec::new(),
            quarantine: Deque::new(),
            lost: Vec::new(),
            random: 0,
            boot: 0,
            changed: false,
        }
    }

    /// Takes on a board's range and names, of which each may have a number of its own. Once.
    pub(super) fn load(&mut self, range: UidRange, names: impl Iterator<Item = Option<u32>>) {
        self.range = range;
        for own_number in names {
            self.changed = true;
            if let Some(number) = own_number {
                let _ = self.owned.push(number); // `Table::open` refuses more than OWN_NUMBERS_MAX
            }
            if self.holders.push(Holder::default()).is_err() {
                break; // nor more than IDENTITIES_MAX
            }
        }
    }

    /// Saves everything, or loads what was saved into a pool that is fresh from [`Self::load`].
    pub(super) fn keep(&mut self, with: &mut Keeper<'_>, board: &Board<'_>) {
        self.random.keep(with);
        self.boot.keep(with);
        self.lost.keep(with);
        for at in 0..with.place(self.quarantine.len(), QUARANTINE_MAX.saturating_add(1)) {
            let mut number = self.quarantine.iter().nth(at).copied().unwrap_or_default();
            number.keep(with);
            if with.loads() {
                self.rest(number);
            }
        }
        for at in 0..with.place(self.holders.len(), IDENTITIES_MAX.saturating_add(1)) {
            let name_of = |at: usize| board.identities.iter().nth(at).map_or("", |identity| identity.name);
            let name = with.text(if with.loads() { "" } else { name_of(at) });
            let place =
                if with.loads() { (0..self.holders.len()).find(|at| name_of(*at) == name) } else { Some(at) };
            let mut unnamed = Holder::default();
            let holder = place.and_then(|place| self.holders.get_mut(place)).unwrap_or(&mut unnamed);
            holder.keep(with);
            if let Some(number) = unnamed.number
                && self.lost.push(number).is_err()
            {
                with.fail();
            }
        }
    }

    /// Whether a name has got or lost a number since this was asked last.
    pub(super) const fn take_changed(&mut self) -> bool {
        core::mem::replace(&mut self.changed, false)
    }

    /// Whether [`Self::take_changed`] would say so.
    pub(super) const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Seeds the random candidates, and what follows from chance besides.
    pub(super) const fn seed(&mut self, seed: u64) {
        self.random = seed;
        self.boot = self.chance();
    }

    /// One more unit holds the number of `id`, which is chosen if there is none yet.
    pub(super) fn take(&mut self, id: IdentityId, identity: &Identity<'_>) -> Taken {
        let Some(holder) = self.holders.get(id.index()).copied() else { return Taken::NoneLeft };
        if holder.leaving {
            return Taken::Wait;
        }
        let Some(number) = holder.number.or_else(|| self.choose(id, identity)) else {
            return Taken::NoneLeft;
        };
        self.assign(id, number);
        if let Some(holder) = self.holders.get_mut(id.index()) {
            holder.references = holder.references.saturating_add(1);
        }
        Taken::Number(number)
    }

    /// The number of `id`, if it has one.
    pub(super) fn number(&self, id: IdentityId) -> Option<u32> {
        self.holders.get(id.index())?.number
    }

    /// Whether a janitor is at work for the number of `id`.
    pub(super) fn is_leaving(&self, id: IdentityId) -> bool {
        self.holders.get(id.index()).is_some_and(|holder| holder.leaving)
    }

    /// Whether a process has run under the number of `id`.
    pub(super) fn is_used(&self, id: IdentityId) -> bool {
        self.holders.get(id.index()).is_some_and(|holder| holder.used)
    }

    /// Whether a process is on its way that is the first of its number and may find it unfit.
    pub(super) fn is_probed(&self, id: IdentityId) -> bool {
        self.holders.get(id.index()).is_some_and(|holder| holder.probed && !holder.used)
    }

    /// The first process of a number is on its way, or has told how it went.
    pub(super) fn set_probed(&mut self, id: IdentityId, probed: bool) {
        if let Some(holder) = self.holders.get_mut(id.index()) {
            holder.probed = probed;
        }
    }

    /// A process runs under the number of `id`.
    pub(super) fn mark_used(&mut self, id: IdentityId) {
        if let Some(holder) = self.holders.get_mut(id.index()) {
            holder.used = true;
        }
    }

    /// One unit less holds the number of `id`. If it was the last one, the number to clean is returned and stays taken
    /// until [`Self::left`].
    pub(super) fn leave(&mut self, id: IdentityId) -> Option<u32> {
        let holder = self.holders.get_mut(id.index())?;
        if holder.references > 1 {
            holder.references = holder.references.saturating_sub(1);
            return None;
        }
        holder.leaving = true;
        holder.number
    }

    /// The janitor is done with the number of `id`: nothing of it is left, or it is tainted and stays where it is.
    pub(super) fn left(&mut self, id: IdentityId) {
        let Some(holder) = self.holders.get_mut(id.index()) else { return };
        holder.references = 0;
        holder.leaving = false;
        holder.used = false;
        holder.tries = 0;
        if !holder.tainted
            && let Some(number) = holder.number.take()
        {
            holder.last = Some(number);
            self.changed = true;
            self.rest(number);
        }
    }

    /// Something that belongs to the number of `id` could not be removed.
    pub(super) fn taint(&mut self, id: IdentityId) {
        if let Some(holder) = self.holders.get_mut(id.index()) {
            holder.tainted |= holder.number.is_some();
        }
    }

    /// A unit gives back a number that none of its processes has taken on.
    pub(super) fn give_back(&mut self, id: IdentityId) {
        let Some(holder) = self.holders.get_mut(id.index()) else { return };
        holder.references = holder.references.saturating_sub(1);
        if holder.references == 0 {
            holder.tries = 0;
            if !holder.tainted {
                holder.last = holder.number.take();
                self.changed = true;
            }
        }
    }

    /// Gives `id` the number `wanted` instead of the one it has; whether it could be.
    pub(super) fn exchange_for(&mut self, id: IdentityId, wanted: u32) -> bool {
        let owner = self.number(id).is_some_and(|number| self.owned.contains(&number));
        if owner || self.is_used(id) || !self.is_free(wanted) || !self.drop_number(id) {
            return false;
        }
        self.assign(id, wanted);
        true
    }

    /// Gives `id` the next candidate instead of the number it has, which is not fit for use; whether there is one. A
    /// number that processes have run under is not changed.
    pub(super) fn exchange(&mut self, id: IdentityId, identity: &Identity<'_>) -> bool {
        if self.is_used(id) {
            return false;
        }
        // The old number is held until the next is found, so that it is not found again.
        let Some(number) = self.choose(id, identity) else { return false };
        let dropped = self.drop_number(id);
        if dropped {
            self.assign(id, number);
        }
        dropped
    }

    /// Takes the number from `id`; whether it could be: a tainted one must be remembered for ever.
    fn drop_number(&mut self, id: IdentityId) -> bool {
        let Some(holder) = self.holders.get_mut(id.index()) else { return false };
        let Some(number) = holder.number else { return true };
        if holder.tainted {
            if self.lost.push(number).is_err() {
                return false;
            }
            holder.tainted = false;
        }
        holder.number = None;
        holder.used = false;
        self.changed = true;
        self.rest(number);
        true
    }

    fn assign(&mut self, id: IdentityId, number: u32) {
        for _ in 0..self.quarantine.len() {
            match self.quarantine.pop_front() {
                // There is room: one was just taken out.
                Some(other) if other != number => self.rest(other),
                Some(_) | None => {}
            }
        }
        if let Some(holder) = self.holders.get_mut(id.index()) {
            self.changed |= holder.number != Some(number);
            holder.number = Some(number);
        }
    }

    fn rest(&mut self, number: u32) {
        if self.quarantine.is_full() {
            self.quarantine.pop_front();
        }
        let _ = self.quarantine.push_back(number); // there is room now
    }

    /// Whether `number` is in the range and nobody has it, nor owns it.
    fn is_free(&self, number: u32) -> bool {
        self.range.contains(number) && !self.owned.contains(&number) && self.is_unused(number)
    }

    fn is_unused(&self, number: u32) -> bool {
        !self.lost.contains(&number) && !self.holders.iter().any(|holder| holder.number == Some(number))
    }

    /// The next candidate for `id`.
    fn choose(&mut self, id: IdentityId, identity: &Identity<'_>) -> Option<u32> {
        if let Some(number) = identity.own_number() {
            return Some(number).filter(|number| self.is_unused(*number));
        }
        loop {
            let holder = self.holders.get_mut(id.index())?;
            let attempt = holder.tries;
            if attempt >= TRIES_MAX {
                return None;
            }
            holder.tries = attempt.saturating_add(1);
            let last = holder.last;
            let candidate = match attempt {
                0 => last,
                1 => Some(identity.baked),
                2 => Some(identity.hashed).filter(|number| !self.is_resting(*number)),
                _ => self.random().or_else(|| self.longest_rested()),
            };
            if let Some(number) = candidate.filter(|number| self.is_free(*number)) {
                return Some(number);
            }
        }
    }

    fn is_resting(&self, number: u32) -> bool {
        self.quarantine.iter().any(|other| *other == number)
    }

    /// A random number.
    pub(super) const fn chance(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014): good enough to spread, and small.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random)
    }

    /// What tells the start of the unit called `name` that began `at` so many microseconds from all others. It follows from
    /// what stays the same in another table and in another PID 1.
    pub(super) fn invocation(&self, name: &str, at: u64) -> u64 {
        mix(checksum([name.as_bytes(), &at.to_le_bytes()]) ^ self.boot)
    }

    /// Any free number that is not resting, if chance finds one.
    fn random(&mut self) -> Option<u32> {
        (0..TRIES_MAX).find_map(|_| {
            let offset = self.chance().checked_rem(u64::from(self.range.len()))?;
            let number = self.range.first.saturating_add(u32::try_from(offset).ok()?);
            (self.is_free(number) && !self.is_resting(number)).then_some(number)
        })
    }

    fn longest_rested(&self) -> Option<u32> {
        self.quarantine.iter().copied().find(|number| self.is_free(*number))
    }
}

/// Spreads a number over all 64 bits, and no two to the same.
const fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
