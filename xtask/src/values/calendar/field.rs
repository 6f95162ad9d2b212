//! The parts of a calendar expression: which numbers each may hold, and what a chain of them comes to.

use std::ops::Range;

use tomte::table::{Steps, YEARS, month_length};

use super::{Chain, Part, SECOND};

/// A number as written, and where.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) value: u32,
    pub(super) range: Range<usize>,
}

/// One element of a chain as written.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) start: Number,
    pub(super) stop: Option<Number>,
    pub(super) step: Option<Number>,
}

/// A part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    Month,
    Day,
    /// Counted back from the month's end.
    DayFromEnd,
    Hour,
    Minute,
    /// In microseconds.
    Second,
}

impl Field {
    /// Lowest and highest value. Three days of a month may not exist, so they cannot be counted back to.
    const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Year => YEARS,
            Self::Month => (1, 12),
            Self::Day => (1, 31),
            Self::DayFromEnd => (1, 28),
            Self::Hour => (0, 23),
            Self::Minute => (0, 59),
            Self::Second => (0, 60 * SECOND - 1),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::DayFromEnd => "day from the month's end",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }

    fn shown(self, value: u32) -> String {
        if self == Self::Second {
            format!("{}", f64::from(value) / f64::from(SECOND))
        } else {
            value.to_string()
        }
    }

    /// The chain in its normal form, or what is wrong with it and where. `None` is `*`.
    pub(super) fn normal(self, raw: Option<&[Raw]>) -> Result<Chain, (Range<usize>, String)> {
        let mut chain =
            raw.unwrap_or_default().iter().map(|one| self.part(one)).collect::<Result<Chain, _>>()?;
        chain.sort_unstable();
        chain.dedup();
        if self == Self::Second && chain == [Part { start: 0, stop: None, step: SECOND }] {
            chain.clear(); // every second, which is *
        }
        Ok(chain)
    }

    /// A single number in its normal form.
    fn value(self, number: &Number) -> Result<u32, (Range<usize>, String)> {
        let (lowest, highest) = self.bounds();
        let value = match number.value {
            short @ 0..70 if self == Self::Year => short + 2000,
            short @ 70..100 if self == Self::Year => short + 1900,
            value => value,
        };
        if (lowest..=highest).contains(&value) {
            return Ok(value);
        }
        let highest = if self == Self::Second { "below 60".to_owned() } else { format!("to {highest}") };
        let message = format!("{} is no {}: expected {lowest} {highest}", self.shown(value), self.name());
        Err((number.range.clone(), message.replace("0 below", "0 or more, below")))
    }

    fn part(self, raw: &Raw) -> Result<Part, (Range<usize>, String)> {
        let start = self.value(&raw.start)?;
        let default = if raw.stop.is_none() {
            0
        } else if self == Self::Second {
            SECOND
        } else {
            1
        };
        let step = raw.step.as_ref().map_or(default, |step| step.value);
        let step_range =
            || raw.step.as_ref().map_or_else(|| raw.start.range.clone(), |step| step.range.clone());
        if raw.step.is_some() && step == 0 {
            return Err((step_range(), "a repetition of 0".to_owned()));
        }
        if let Some(written) = &raw.stop {
            return self.range(raw, start, self.value(written)?, step);
        }
        let (lowest, highest) = self.bounds();
        let reached = if self == Self::DayFromEnd {
            start.checked_sub(step).is_some_and(|value| value >= lowest)
        } else {
            start.checked_add(step).is_some_and(|value| value <= highest)
        };
        if !reached {
            let message = format!(
                "{} and every {} from there: there is no second one",
                self.shown(start),
                self.shown(step)
            );
            return Err((step_range(), message));
        }
        Ok(Part { start, stop: None, step })
    }

    fn range(self, raw: &Raw, start: u32, stop: u32, step: u32) -> Result<Part, (Range<usize>, String)> {
        let whole =
            raw.start.range.start..raw.stop.as_ref().map_or(raw.start.range.end, |stop| stop.range.end);
        let Some(length) = stop.checked_sub(start) else {
            return Err((whole, "the range ends before it begins".to_owned()));
        };
        if self == Self::Second && raw.step.is_none() && step > length {
            return Err((whole, "a range below one second needs a repetition, such as /0.1".to_owned()));
        }
        let stop = stop - length % step;
        Ok(if stop == start { Part::one(start) } else { Part { start, stop: Some(stop), step } })
    }

    /// The values that `chain` may reach, for the table.
    pub(super) fn steps(self, chain: &Chain) -> Vec<Steps> {
        let (lowest, highest) = self.bounds();
        if chain.is_empty() {
            let step = if self == Self::Second { SECOND } else { 1 };
            return vec![Steps { first: lowest, last: highest, step }];
        }
        let one = |part: &Part| match *part {
            Part { start, step: 0, .. } => Steps { first: start, last: start, step: 1 },
            Part { start, stop: Some(last), step } => Steps { first: start, last, step },
            // Counted back from the end, later days have lower numbers.
            Part { start, stop: None, step } if self == Self::DayFromEnd => {
                Steps { first: start - (start - lowest) / step * step, last: start, step }
            }
            Part { start, stop: None, step } => Steps { first: start, last: highest, step },
        };
        chain.iter().map(one).collect()
    }

    /// The same as bits: bit n for value n. For fields whose values are below 64.
    pub(super) fn bits(self, chain: &Chain) -> u64 {
        let mut bits = 0;
        for Steps { first, last, step } in self.steps(chain) {
            for value in (first..=last).step_by(step as usize) {
                bits |= 1 << value;
            }
        }
        bits
    }
}

/// Six digits behind the point; the seventh rounds.
pub(super) fn rounded(fraction: &str) -> u64 {
    let digit = |n: usize| fraction.as_bytes().get(n).map_or(0, |byte| u64::from(byte - b'0'));
    (0..6).fold(0, |sum, n| sum * 10 + digit(n)) + u64::from(digit(6) >= 5)
}

/// Year, month and day of a day since 1970; `None` from 2200 on.
pub(super) fn date(days: u64) -> Option<(u32, u32, u32)> {
    let mut left = u32::try_from(days).ok()?;
    for year in YEARS.0..=YEARS.1 {
        for month in 0..12 {
            let length = month_length(year, month);
            if left < length {
                return Some((year, month + 1, left + 1));
            }
            left -= length;
        }
    }
    None
}
