//! Calendar expressions, as in `OnCalendar=` (systemd.time(7), "Calendar Events"; facts from calendarspec.c, observed
//! in tests/golden/calendar.tsv). What is made of them here; `parse` reads them, `tomte::table::Calendar` is what is
//! baked and computes the next moment.

mod field;
mod parse;

use std::fmt;

use tomte::table;

use field::Field;
pub use parse::parse;

/// A calendar expression in its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Bit n: the n-th day of the week, Monday being 0. All seven if none is named.
    weekdays: u8,
    year: Chain,
    month: Chain,
    day: Chain,
    from_end: bool,
    hour: Chain,
    minute: Chain,
    /// In microseconds.
    second: Chain,
    /// Whether the expression says UTC. Without it local time is meant, which on a target is UTC too.
    utc: bool,
}

/// What one part of an expression may be; empty for all there is.
type Chain = Vec<Part>;

/// A number, a range or a repetition. The order is the one of the normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    start: u32,
    stop: Option<u32>,
    /// 0 for a single number.
    step: u32,
}

impl Part {
    const fn one(start: u32) -> Self {
        Self { start, stop: None, step: 0 }
    }
}

const EVERY_DAY: u8 = 0x7f;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const SECOND: u32 = 1_000_000;

/// A baked calendar's bytes: what [`Compiled::record`] borrows.
pub struct Compiled {
    years: Vec<u8>,
    seconds: Vec<u8>,
    sets: Sets,
}

struct Sets {
    weekdays: u8,
    months: u16,
    days: u32,
    from_end: bool,
    hours: u32,
    minutes: u64,
}

impl Compiled {
    /// The record of the table.
    pub fn record(&self) -> table::Calendar<'_> {
        let Sets { weekdays, months, days, from_end, hours, minutes } = self.sets;
        table::Calendar {
            weekdays,
            years: table::List::new(&self.years),
            months,
            days,
            from_end,
            hours,
            minutes,
            seconds: table::List::new(&self.seconds),
        }
    }
}

impl Calendar {
    /// What the target needs to compute the next moment.
    pub fn compile(&self) -> Compiled {
        let day = if self.from_end { Field::DayFromEnd } else { Field::Day };
        // Months and days count from 1, the record's bits from 0; what fits is checked by the parser.
        let sets = Sets {
            weekdays: self.weekdays,
            months: (Field::Month.bits(&self.month) >> 1) as u16,
            days: (day.bits(&self.day) >> 1) as u32,
            from_end: self.from_end,
            hours: Field::Hour.bits(&self.hour) as u32,
            minutes: Field::Minute.bits(&self.minute),
        };
        let list = |field: Field, chain: &Chain| table::list(&field.steps(chain));
        Compiled { years: list(Field::Year, &self.year), seconds: list(Field::Second, &self.second), sets }
    }

    /// The first moment later than `after`, both in microseconds since 1970 UTC.
    pub fn next(&self, after: u64) -> Option<u64> {
        self.compile().record().next(after)
    }
}

impl serde::Serialize for Calendar {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Calendar {
    /// The normal form, as systemd-analyze(1) prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weekdays != EVERY_DAY {
            write_weekdays(f, self.weekdays)?;
            f.write_str(" ")?;
        }
        write_chain(f, &self.year, 4)?;
        f.write_str("-")?;
        write_chain(f, &self.month, 2)?;
        f.write_str(if self.from_end { "~" } else { "-" })?;
        write_chain(f, &self.day, 2)?;
        f.write_str(" ")?;
        write_chain(f, &self.hour, 2)?;
        f.write_str(":")?;
        write_chain(f, &self.minute, 2)?;
        f.write_str(":")?;
        write_seconds(f, &self.second)?;
        f.write_str(if self.utc { " UTC" } else { "" })
    }
}

fn write_weekdays(f: &mut fmt::Formatter<'_>, bits: u8) -> fmt::Result {
    let mut separator = "";
    let mut day = 0;
    while day < DAYS.len() {
        let run = (bits >> day).trailing_ones() as usize;
        if run > 0 {
            write!(f, "{separator}{}", DAYS[day])?;
            separator = ",";
        }
        if run > 1 {
            write!(f, "{}{}", if run > 2 { ".." } else { "," }, DAYS[day + run - 1])?;
        }
        day += run.max(1);
    }
    Ok(())
}

fn write_chain(f: &mut fmt::Formatter<'_>, chain: &Chain, width: usize) -> fmt::Result {
    if chain.is_empty() {
        return f.write_str("*");
    }
    for (n, part) in chain.iter().enumerate() {
        write!(f, "{}{:0width$}", if n > 0 { "," } else { "" }, part.start)?;
        if let Some(stop) = part.stop {
            write!(f, "..{stop:0width$}")?;
        }
        // The step of a range is 1 unless it is written.
        if part.step > u32::from(part.stop.is_some()) {
            write!(f, "/{}", part.step)?;
        } else if part.step > 0 && part.stop.is_none() {
            f.write_str("/1")?;
        }
    }
    Ok(())
}

fn write_seconds(f: &mut fmt::Formatter<'_>, chain: &Chain) -> fmt::Result {
    let decimal = |micros: u32, width: usize| match micros % SECOND {
        0 => format!("{:0width$}", micros / SECOND),
        fraction => format!("{:0width$}.{fraction:06}", micros / SECOND),
    };
    if chain.is_empty() {
        return f.write_str("*");
    }
    for (n, part) in chain.iter().enumerate() {
        write!(f, "{}{}", if n > 0 { "," } else { "" }, decimal(part.start, 2))?;
        if let Some(stop) = part.stop {
            write!(f, "..{}", decimal(stop, 2))?;
        }
        if part.step > 0 && !(part.stop.is_some() && part.step == SECOND) {
            write!(f, "/{}", decimal(part.step, 1))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
