//! Lists of what the table has, with what PID 1 knows of it: `list-timers`, `list-sockets`, `list-unit-files`.

use core::fmt;

use crate::{
    linux::output::Output,
    table::{FileState, Kind, Lists, Relation, UnitId},
    wire::ActiveState,
    words::split_last,
};

use super::{
    Command,
    baked::System,
    grid::{self, Cell, Grid},
    print::chosen,
    talk::TalkError,
    verb::Verb,
};

/// What a place in the table leaves of a moment.
const PLACE_ABOVE: u64 = !(u16::MAX as u64);

impl Command<'_> {
    /// All in the order of the table; timers that elapse come first, the next one at the top.
    #[inline(never)] // for a small frame
    pub(super) fn list(&self, system: &System, out: &mut Output) -> Result<u8, TalkError> {
        let (heads, what) = if self.verb == Verb::ListTimers {
            ("next left last passed unit activates", "timers")
        } else if self.verb == Verb::ListSockets {
            ("listen unit activates", "sockets")
        } else {
            ("unit_file state", "unit files")
        };
        grid::show(out, self.words, heads, what, &mut |grid| {
            let mut from = 0;
            loop {
                // Of the moment the low bits make room for the place in the table; no moment comes last.
                let mut first = u64::MAX;
                for id in system.table.ids() {
                    let place = system.life(id).next_us.wrapping_sub(1) & PLACE_ABOVE | u64::from(id.0);
                    if place >= from && place < first {
                        first = place;
                    }
                }
                if first == u64::MAX {
                    return self.other_names(grid, system);
                }
                self.rows(grid, system, UnitId(first as u16))?; // cut to the place
                from = first + 1;
            }
        })?;
        Ok(0)
    }

    /// Whether it has the unit called `name`.
    #[inline(never)] // for a small frame
    fn lists_kind(&self, name: &str) -> bool {
        let (_, kind) = split_last(name, b'.').unwrap_or_default();
        self.lists(name) && chosen(self.words.types, &[kind])
    }

    /// The rows of names that no unit has for its own, below all of those.
    #[inline(never)] // for a small frame
    fn other_names(&self, grid: &mut Grid<'_>, system: &System) -> Result<(), TalkError> {
        let mut names = system.table.board().aliases.iter();
        while let (Some(name), Some(unit)) = (names.next(), names.next()) {
            let state = if unit.is_empty() { FileState::Masked } else { FileState::Alias }.as_str();
            if self.verb == Verb::ListUnitFiles
                && self.lists_kind(name)
                && chosen(self.words.states, &[state])
            {
                grid.texts(ActiveState::Inactive, &[name, state])?;
            }
        }
        Ok(())
    }

    /// The rows of unit `id`.
    #[inline(never)] // for a small frame
    fn rows(&self, grid: &mut Grid<'_>, system: &System, id: UnitId) -> fmt::Result {
        let Some(unit) = system.table.unit(id) else { return Ok(()) };
        let (name, state, life) = (unit.name.as_str(), unit.file_state.as_str(), system.life(id));
        if !self.lists_kind(name) {
            return Ok(());
        }
        // The first one, if it has one for each connection.
        let mut started = None;
        unit.each(Lists::of(Relation::Triggers), &mut |id| started = started.or(Some(id)));
        let started = started.and_then(|id| system.table.name(id)).unwrap_or("-");
        match (self.verb, &unit.kind) {
            (Verb::ListUnitFiles, _) if chosen(self.words.states, &[state]) => {
                grid.texts(life.active, &[name, state])?;
            }
            (Verb::ListTimers, Kind::Timer(_)) => {
                let cells = [
                    Cell::Moment(life.next_us),
                    Cell::Left(life.next_us),
                    Cell::Moment(life.last_us),
                    Cell::Passed(life.last_us),
                    Cell::Text(name),
                    Cell::Text(started),
                ];
                grid.row(life.active, &cells)?;
            }
            (Verb::ListSockets, Kind::Socket(socket)) => {
                for listen in socket.listen.iter() {
                    let place = if listen.shown.is_empty() { listen.path } else { listen.shown };
                    grid.texts(life.active, &[place, name, started])?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
