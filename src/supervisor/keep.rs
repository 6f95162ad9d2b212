//! What goes on when PID 1 is replaced: everything that the supervisor remembers, by the names of the units.

use super::{Supervisor, notice::Text, unit::Record};
use crate::{
    record::{IDS_MAX, Keep, Keeper},
    table::{UnitId, limits::UNITS_MAX},
};

const _: () = assert!(UNITS_MAX <= IDS_MAX, "every unit can be told apart");

impl Supervisor<'_> {
    /// Saves everything, or loads what another supervisor has saved into one that is fresh from [`Self::load`].
    ///
    /// Not between an action that has an answer and that answer. Units are found again by name, so the table may be
    /// another one; what is remembered of a unit that is not in it is forgotten, and a number that it held stays taken.
    pub fn keep(&mut self, with: &mut Keeper<'_>) {
        let units = self.keep_names(with);
        self.now.keep(with);
        self.wall_offset.keep(with);
        self.kernel_age.keep(with);
        self.machine.keep(with);
        self.unneeded_due.keep(with);
        self.impossible_count.keep(with);
        self.run.keep(with);
        self.clients.keep(with);
        if let Some(table) = self.table {
            self.pool.keep(with, &table.board());
        }
        for unit in 0..units {
            let id = if with.loads() { usize::from(with.now(unit)) } else { unit };
            match self.units.get_mut(id).zip(self.texts.get_mut(id)) {
                Some((record, text)) => {
                    record.keep(with);
                    text.keep(with);
                }
                None => {
                    self.nowhere.keep(with);
                    Text::blank().keep(with);
                }
            }
        }
        if with.loads() {
            self.nowhere = Record::new();
            for id in self.ids() {
                self.dirty.insert(id);
            }
        }
    }

    /// Which unit is which. Answers how many the saved ones are.
    fn keep_names(&mut self, with: &mut Keeper<'_>) -> usize {
        let units = with.place(self.units.len(), UNITS_MAX.saturating_add(1));
        let mut next = UnitId(0);
        for unit in 0..units {
            let name_of = |id: UnitId| self.unit(id).map(|unit| unit.name.as_str());
            let own = u16::try_from(unit).ok().map(UnitId).filter(|_| !with.loads()).and_then(name_of);
            let name = with.text(own.unwrap_or_default());
            if with.loads() {
                // Most tables differ by few units: the next one is it.
                let same = Some(next).filter(|next| name_of(*next) == Some(name));
                let id = same.or_else(|| self.find(name)).unwrap_or(UnitId(u16::MAX));
                with.takes_place(id.0);
                next = UnitId(id.0.wrapping_add(1));
            }
        }
        units
    }
}
