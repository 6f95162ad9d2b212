//! Units that are made at run time: which place they get, and when that is free again.

use super::{Answer, ClientId, State, Supervisor, notice::Text, unit::Record};
use crate::{
    record::Keep,
    table::{JobMode, Table, UnitId},
    wire::JobResult,
};

impl<'t> Supervisor<'t> {
    /// The place for a unit called `name`: its own, else an empty one, else that of one that is down, one that has not
    /// failed first.
    ///
    /// # Errors
    /// The answer for who asks: the name is taken, or all places are.
    #[inline(never)]
    pub(super) fn free_slot(&self, name: &str) -> Result<UnitId, Answer> {
        let table = &self.table;
        let own = table.find(name);
        if table.alias(name).is_some()
            || own.is_some_and(|own| !table.slots().any(|slot| slot == own) || !self.is_down(own))
        {
            return Err(Answer::Job(JobResult::Invalid));
        }
        let rank = |slot: &UnitId| match (table.made(*slot), self.peek(*slot).state) {
            _ if own == Some(*slot) => 0,
            ([], _) => 1,
            (_, State::Dead) => 2,
            (_, _) => 3,
        };
        table.slots().filter(|slot| self.is_down(*slot)).min_by_key(rank).ok_or(Answer::Busy)
    }

    /// Whether nothing is going on with the unit, and nothing is left of it.
    pub(super) fn is_down(&self, id: UnitId) -> bool {
        self.peek(id).is_down()
    }

    /// Takes on `table`, in which the unit at `id` is another one now. `given`: the shell holds the streams of who asked for
    /// it, and closes them when it is told to clean up.
    pub fn remake(&mut self, id: UnitId, table: Table<'t>, given: bool) {
        self.table = table;
        self.decoded.set(None);
        *self.at(id) = Record { given, ..Record::new() };
        if let Some(text) = self.rooms.texts.get_mut(id.index()) {
            *text = Text::blank();
        }
    }

    /// The shell has looked at the record for the unit `id`.
    pub(super) fn made(&mut self, client: ClientId, id: UnitId, sound: bool) {
        let unit = self.unit(id);
        match unit.filter(|_| sound) {
            Some(unit) => {
                let name = unit.name;
                self.ask_start(client, name.as_str(), JobMode::Replace);
            }
            None => self.clients.answer(client, Answer::Job(JobResult::Invalid)),
        }
    }
}
