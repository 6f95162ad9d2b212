//! Lists in columns, as systemctl has them: each is as wide as the widest of what stands in it, and on a terminal, the
//! widest ones are cut until a row fits. For programs each row is an object, and the heads are its keys.

use core::fmt::{self, Write};

use crate::{
    linux::{clock, output::Output},
    wire::{ActiveState, Object, log::Date},
};

use super::{
    print::{colored, span},
    talk::TalkError,
    words::Words,
};

/// Columns of a list.
const COLUMNS_MAX: usize = 6;
/// Stands at the end of what is cut; ASCII, as a serial console shows it.
const CUT: &str = "...";

/// What stands in a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'c> {
    Text(&'c str),
    /// A number as it stands.
    Number(&'c str),
    /// What stands above a column, as a key.
    Head(&'c str),
    /// A moment of the wall clock, microseconds since 1970; 0 for none.
    Moment(u64),
    /// The same, as the time until then.
    Left(u64),
    /// The same, as the time since then.
    Passed(u64),
}

/// Hands on so many characters and counts them all.
struct Cut<'w> {
    out: Option<&'w mut Output>,
    room: usize,
    count: usize,
}

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.count += 1;
            if let Some(out) = self.out.as_mut().filter(|_| self.count <= self.room) {
                out.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// A list that is being shown.
pub(super) struct Grid<'o> {
    pub(super) out: &'o mut Output,
    pub(super) words: &'o Words<'o>,
    heads: &'static str,
    /// What the wall clock said at first.
    now_us: u64,
    widths: [usize; COLUMNS_MAX],
    /// Nothing is shown yet.
    measures: bool,
    rows: usize,
}

/// Who shows all rows, twice the same.
pub(super) type Rows<'r> = &'r mut dyn FnMut(&mut Grid<'_>) -> Result<(), TalkError>;

/// Shows what `rows` shows, below `heads`, and says how many `what` that were.
#[inline(never)] // for a small frame
pub(super) fn show(
    out: &mut Output,
    words: &Words<'_>,
    heads: &'static str,
    what: &str,
    rows: Rows<'_>,
) -> Result<(), TalkError> {
    let measures = !words.json();
    let grid = &mut Grid {
        out,
        words,
        heads,
        now_us: clock::wall_us(),
        widths: [0; COLUMNS_MAX],
        measures,
        rows: 0,
    };
    let legend = measures && !words.no_legend();
    if words.json() {
        grid.out.write_char('[')?;
    }
    loop {
        if legend {
            grid.head()?;
        }
        grid.rows = 0;
        rows(grid)?;
        if !core::mem::take(&mut grid.measures) {
            break;
        }
        grid.fit();
    }
    if words.json() {
        grid.out.write_str("]\n")?;
    } else if legend {
        write!(grid.out, "\n{} {what} listed.\n", grid.rows)?;
    }
    Ok(())
}

impl Grid<'_> {
    /// Makes the widest columns narrower until a row fits.
    fn fit(&mut self) {
        let marks = if self.words.plain() { 0 } else { 2 };
        let room = self.out.columns(self.words.full()).saturating_sub(marks);
        let gaps = self.heads.split(' ').count() - 1;
        while self.widths.iter().sum::<usize>() + gaps > room {
            match self.widths.iter_mut().max() {
                Some(widest) if *widest > CUT.len() => *widest -= 1,
                Some(_) | None => return,
            }
        }
    }

    #[inline(never)] // for a small frame
    fn head(&mut self) -> fmt::Result {
        let mut heads = heapless::Vec::<_, COLUMNS_MAX>::new();
        heads.extend(self.heads.split(' ').take(COLUMNS_MAX).map(Cell::Head));
        self.line(ActiveState::Inactive, &heads)
    }

    /// A row of texts about a unit that is in `state`.
    #[inline(never)] // for a small frame
    pub(super) fn texts(&mut self, state: ActiveState, texts: &[&str]) -> fmt::Result {
        let mut cells = heapless::Vec::<_, COLUMNS_MAX>::new();
        cells.extend(texts.iter().take(COLUMNS_MAX).map(|text| Cell::Text(text)));
        self.row(state, &cells)
    }

    /// A row about a unit that is in `state`.
    #[inline(never)] // for a small frame
    pub(super) fn row(&mut self, state: ActiveState, cells: &[Cell<'_>]) -> fmt::Result {
        if !self.words.json() {
            self.rows += 1;
            return self.line(state, cells);
        }
        self.comma()?;
        let mut object = Object::open(self.out);
        for (cell, key) in cells.iter().zip(self.heads.split(' ')) {
            match *cell {
                Cell::Text(text) | Cell::Head(text) => object.text(key, text),
                Cell::Number(number) => object.plain(key, number),
                Cell::Moment(0) | Cell::Left(0) | Cell::Passed(0) => object.plain(key, "null"),
                Cell::Moment(us) => object.number(key, us),
                Cell::Left(us) => object.number(key, us.saturating_sub(self.now_us)),
                Cell::Passed(us) => object.number(key, self.now_us.saturating_sub(us)),
            }
        }
        object.close()
    }

    /// Before a row for programs.
    pub(super) fn comma(&mut self) -> fmt::Result {
        self.rows += 1;
        self.out.write_str(if self.rows > 1 { "," } else { "" })
    }

    #[inline(never)] // for a small frame
    fn line(&mut self, state: ActiveState, cells: &[Cell<'_>]) -> fmt::Result {
        if !self.measures && !self.words.plain() {
            colored(self.out, state, if state == ActiveState::Failed { "* " } else { "  " })?;
        }
        let short = self.out.columns(self.words.full()) != usize::MAX;
        let now_us = self.now_us;
        for (place, (cell, width)) in cells.iter().zip(&mut self.widths).enumerate() {
            let mut measured = Cut { out: None, room: 0, count: 0 };
            write_cell(*cell, now_us, &mut measured, short)?;
            let count = measured.count;
            if self.measures {
                *width = count.max(*width);
                continue;
            }
            // Between the two times something may have become longer: a file takes it.
            let (room, cut) = if count > *width && short {
                (width.saturating_sub(CUT.len()), CUT)
            } else {
                (usize::MAX, "")
            };
            write_cell(*cell, now_us, &mut Cut { out: Some(self.out), room, count: 0 }, short)?;
            self.out.write_str(cut)?;
            if place + 1 < cells.len() {
                for _ in count.min(*width)..=*width {
                    self.out.write_char(' ')?;
                }
            }
        }
        if self.measures { Ok(()) } else { self.out.write_char('\n') }
    }
}

/// What `cell` says for people: moments as in the log if there is little room.
#[inline(never)] // for a small frame
fn write_cell(cell: Cell<'_>, now_us: u64, out: &mut Cut<'_>, short: bool) -> fmt::Result {
    match cell {
        Cell::Text(text) | Cell::Number(text) => out.write_str(text),
        Cell::Head(key) => key.bytes().try_for_each(|byte| {
            out.write_char(if byte == b'_' { ' ' } else { byte.to_ascii_uppercase().into() })
        }),
        Cell::Moment(0) | Cell::Left(0) | Cell::Passed(0) => out.write_char('-'),
        Cell::Moment(us) if short => Date::new(us).write(out),
        Cell::Moment(us) => Date::new(us).write_full(out),
        Cell::Left(us) => span(out, us.saturating_sub(now_us), "left"),
        Cell::Passed(us) => span(out, now_us.saturating_sub(us), "ago"),
    }
}
