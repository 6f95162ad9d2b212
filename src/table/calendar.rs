//! When something is due: `OnCalendar=` as it is baked, and the next moment it names. Pure: the caller brings the time.
//!
//! The proleptic Gregorian calendar in UTC from 1970 to 2199 (systemd's calendarspec.c, `MIN_YEAR` and `MAX_YEAR`),
//! without leap seconds, as the kernel counts. A target has no time-zone data.

use super::List;

/// First and last year a calendar may name.
pub const YEARS: (u32, u32) = (1970, 2199);

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The day of the week of 1 January 1970, counted from Monday.
const THURSDAY: u32 = 3;

record! {
    /// `first`, `first + step` and so on, up to `last`.
    #[derive(Eq)]
    pub struct Steps {
        /// Lowest value.
        pub first: u32,
        /// Highest value that may be reached.
        pub last: u32,
        /// Distance of two values; at least 1.
        pub step: u32,
    }
}

impl Steps {
    /// The lowest value that is at least `from`.
    fn next(self, from: u32) -> Option<u32> {
        let steps = from.saturating_sub(self.first).div_ceil(self.step.max(1));
        let value = self.first.checked_add(steps.checked_mul(self.step)?)?;
        if value <= self.last { Some(value) } else { None }
    }

    const fn is_sound(self, lowest: u32, highest: u32) -> bool {
        self.step > 0 && lowest <= self.first && self.first <= self.last && self.last <= highest
    }
}

record! {
    /// A set of moments: those whose every part is in its set.
    pub struct Calendar<'t> {
        /// Bit n: the n-th day of the week, Monday being 0.
        pub weekdays: u8,
        /// Of [`YEARS`].
        pub years: List<'t, Steps>,
        /// Bit n: the n-th month, January being 0.
        pub months: u16,
        /// Bit n: the n-th day of a month, the first being 0.
        pub days: u32,
        /// Days count back from the month's end instead: 0 is its last day.
        pub from_end: bool,
        /// Bit n: hour n.
        pub hours: u32,
        /// Bit n: minute n.
        pub minutes: u64,
        /// Microseconds of a minute.
        pub seconds: List<'t, Steps>,
    }
}

impl Calendar<'_> {
    /// The first moment later than `after`, both in microseconds since 1970 UTC; `None` if there is none before 2200.
    pub fn next(&self, after: u64) -> Option<u64> {
        let from = after.checked_add(1)?;
        let today = u32::try_from(from / DAY).ok()?;
        let at = |day: u32, time: u64| u64::from(day) * DAY + time;
        let mut day = self.day(today)?;
        if day == today {
            if let Some(time) = self.time(from % DAY) {
                return Some(at(day, time));
            }
            day = self.day(today.checked_add(1)?)?;
        }
        self.time(0).map(|time| at(day, time))
    }

    /// Whether every part is within its bounds, none is empty and every list is whole.
    pub fn is_sound(&self) -> bool {
        let within = |list: List<'_, Steps>, lowest, highest| {
            list.count().is_some_and(|count| count > 0)
                && list.iter().all(|steps| steps.is_sound(lowest, highest))
        };
        (1..1 << 7).contains(&self.weekdays)
            && (1..1 << 12).contains(&self.months)
            && (1..1 << 31).contains(&self.days)
            && (1..1 << 24).contains(&self.hours)
            && (1..1 << 60).contains(&self.minutes)
            && within(self.years, YEARS.0, YEARS.1)
            && within(self.seconds, 0, (MINUTE - 1) as u32)
    }

    /// The first day in the sets that is at least `from`, in days since 1970.
    fn day(&self, from: u32) -> Option<u32> {
        let mut first = 0;
        for year in YEARS.0..=YEARS.1 {
            let named = self.years.iter().any(|steps| steps.next(year) == Some(year));
            for month in 0..12 {
                let length = month_length(year, month);
                if named && self.months >> month & 1 != 0 && first + length > from {
                    let day = (first.max(from)..first + length).find(|day| self.has_day(*day, first, length));
                    if day.is_some() {
                        return day;
                    }
                }
                first += length;
            }
        }
        None
    }

    /// Whether `day` of the month of `length` days from `first` on is in the sets.
    const fn has_day(&self, day: u32, first: u32, length: u32) -> bool {
        let of_month = day.saturating_sub(first);
        let bit = if self.from_end { length.saturating_sub(of_month).saturating_sub(1) } else { of_month };
        let weekday = day.wrapping_add(THURSDAY) % 7;
        self.days >> (bit & 31) & 1 != 0 && self.weekdays >> weekday & 1 != 0
    }

    /// The first time of a day in the sets that is at least `from`, in microseconds.
    fn time(&self, from: u64) -> Option<u64> {
        for hour in 0..24 {
            for minute in 0..60 {
                let at = hour * HOUR + minute * MINUTE;
                if self.hours >> hour & 1 != 0 && self.minutes >> minute & 1 != 0 && at + MINUTE > from {
                    let second = self.second(from.saturating_sub(at) as u32);
                    if let Some(second) = second {
                        return Some(at + u64::from(second));
                    }
                }
            }
        }
        None
    }

    /// The first part of a minute in the set that is at least `from`, in microseconds.
    fn second(&self, from: u32) -> Option<u32> {
        self.seconds.iter().filter_map(|steps| steps.next(from)).min()
    }
}

/// How many days month `month` of `year` has; January is 0.
pub const fn month_length(year: u32, month: u32) -> u32 {
    match month {
        1 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::encode::list;

    /// Year, month and day (from 0) of a day since 1970: the other way round than the code, by the cycle of 400 years.
    fn civil(day: u64) -> (u32, u32, u32) {
        let days = day + 719_468; // since 1 March 0
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153; // from March
        let day = of_year - (153 * month + 2) / 5;
        let year = year + era * 400 + u64::from(month >= 10);
        (year as u32, ((month + 2) % 12) as u32, day as u32)
    }

    /// Whether `calendar` names the moment `at`.
    fn names(calendar: &Calendar<'_>, at: u64) -> bool {
        let (year, month, day) = civil(at / DAY);
        let day = if calendar.from_end { month_length(year, month) - 1 - day } else { day };
        let of = |list: List<'_, Steps>, value: u32| {
            list.iter().any(|steps| {
                (steps.first..=steps.last).contains(&value)
                    && (value - steps.first).is_multiple_of(steps.step)
            })
        };
        let weekday = (at / DAY + 3) % 7;
        of(calendar.years, year)
            && calendar.months >> month & 1 != 0
            && calendar.days >> day & 1 != 0
            && calendar.weekdays >> weekday & 1 != 0
            && calendar.hours >> (at % DAY / HOUR) & 1 != 0
            && calendar.minutes >> (at % HOUR / MINUTE) & 1 != 0
            && of(calendar.seconds, (at % MINUTE) as u32)
    }

    fn steps(lowest: u32, highest: u32) -> impl Strategy<Value = Steps> {
        let ends = (lowest..=highest).prop_flat_map(move |first| (Just(first), first..=highest));
        (ends, 1..=highest - lowest).prop_map(|((first, last), step)| Steps { first, last, step })
    }

    const BOUND: u64 = 84_006 * DAY; // 1 January 2200

    proptest! {
        #[test]
        fn the_next_moment_is_named_and_none_before_it_is(
            (weekdays, months, days, from_end) in (1_u8..128, 1_u16..4096, 1_u32..1 << 31, any::<bool>()),
            (hours, minutes) in (1_u32..1 << 24, 1_u64..1 << 60),
            years in prop::collection::vec(steps(YEARS.0, YEARS.1), 1..3),
            seconds in prop::collection::vec(steps(0, 59_999_999), 1..3),
            after in 0..BOUND,
            between in prop::collection::vec(0.0..1.0, 20),
        ) {
            let (years, seconds) = (list(&years), list(&seconds));
            let calendar = Calendar {
                weekdays, years: List::new(&years), months, days, from_end, hours, minutes, seconds: List::new(&seconds),
            };
            prop_assert!(calendar.is_sound());
            let next = calendar.next(after);
            prop_assert!(next.is_none_or(|next| next > after && names(&calendar, next)));
            for part in between {
                let at = after + 1 + ((next.unwrap_or(BOUND) - after - 1) as f64 * part) as u64;
                if Some(at) != next {
                    prop_assert!(!names(&calendar, at));
                    prop_assert_eq!(calendar.next(at), next);
                }
            }
        }

        #[test]
        fn any_record_and_any_time_give_an_answer(
            bytes in prop::collection::vec(any::<u8>(), 0..40), after: u64,
        ) {
            let mut reader = crate::record::Reader::new(&bytes);
            let calendar: Calendar<'_> = crate::record::Read::read(&mut reader);
            let _ = (calendar.is_sound(), calendar.next(after));
        }
    }

    #[test]
    fn the_last_monday_of_may_is_found_from_the_months_end() {
        let every = Steps { first: YEARS.0, last: YEARS.1, step: 1 };
        let (years, seconds) = (list(&[every]), list(&[Steps { first: 500_000, last: 500_000, step: 1 }]));
        let calendar = Calendar {
            weekdays: 1,
            years: List::new(&years),
            months: 1 << 4,
            days: 0b111_1111,
            from_end: true,
            hours: 1 << 9,
            minutes: 1 << 30,
            seconds: List::new(&seconds),
        };
        let moment = |day: u64| day * DAY + 9 * HOUR + 30 * MINUTE + 500_000;
        assert_eq!(calendar.next(0), Some(moment(144)), "25 May 1970");
        assert_eq!(calendar.next(moment(144) - 1), Some(moment(144)));
        assert_eq!(calendar.next(moment(144)), Some(moment(515)), "31 May 1971");
        assert_eq!(calendar.next(BOUND), None);
        assert_eq!(calendar.next(u64::MAX), None);
    }

    #[test]
    fn what_names_no_moment_at_all_is_no_calendar() {
        let one = list(&[Steps { first: 1970, last: 1970, step: 1 }]);
        let minute = list(&[Steps { first: 0, last: 0, step: 1 }]);
        let right = Calendar {
            weekdays: 127,
            years: List::new(&one),
            months: 1,
            days: 1,
            from_end: false,
            hours: 1,
            minutes: 1,
            seconds: List::new(&minute),
        };
        assert!(right.is_sound());
        let still = list(&[Steps { first: 1970, last: 1971, step: 0 }]);
        for wrong in [
            Calendar { weekdays: 0, ..right },
            Calendar { weekdays: 128, ..right },
            Calendar { months: 1 << 12, ..right },
            Calendar { days: 0, ..right },
            Calendar { hours: 1 << 24, ..right },
            Calendar { minutes: 1 << 60, ..right },
            Calendar { years: List::default(), ..right },
            Calendar { years: List::new(&minute), ..right },
            Calendar { years: List::new(&still), ..right },
            Calendar { seconds: List::new(&one[..1]), ..right },
        ] {
            assert!(!wrong.is_sound(), "{wrong:?}");
        }
    }
}
