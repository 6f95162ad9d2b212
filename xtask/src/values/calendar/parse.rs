//! Reading calendar expressions. Owns the grammar; `field` knows the numbers.

use std::ops::Range;

use super::{
    Calendar, DAYS, EVERY_DAY, Part, SECOND,
    field::{Field, Number, Raw, date, rounded},
};
use crate::{
    diag::{Code, Diagnostic},
    read::Text,
};

/// Full names, from Monday on; the first three letters of each will do.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Names of whole expressions.
const SHORTHANDS: [(&str, &str); 13] = [
    ("minutely", "*:*"),
    ("hourly", "*:0"),
    ("daily", "*-*-*"),
    ("weekly", "Mon"),
    ("monthly", "*-1"),
    ("quarterly", "1,4,7,10-1"),
    ("yearly", "1-1"),
    ("annually", "1-1"),
    ("anually", "1-1"),
    ("semiannually", "1,7-1"),
    ("semi-annually", "1,7-1"),
    ("biannually", "1,7-1"),
    ("bi-annually", "1,7-1"),
];

/// The calendar that `text` describes. Of time zones only UTC is known.
pub fn parse(text: &Text) -> Result<Calendar, Diagnostic> {
    if let Some((_, meaning)) =
        SHORTHANDS.into_iter().find(|(name, _)| without_utc(text.as_str()).eq_ignore_ascii_case(name))
    {
        let mut calendar = Parser { written: meaning, at: 0 }.whole().map_err(|wrong| wrong.on(text))?;
        calendar.utc = without_utc(text.as_str()) != text.as_str();
        return Ok(calendar);
    }
    let written = without_utc(text.as_str());
    zone(text, written)?;
    let mut calendar = Parser { written, at: 0 }.whole().map_err(|wrong| wrong.on(text))?;
    calendar.utc |= written != text.as_str();
    Ok(calendar)
}

fn without_utc(written: &str) -> &str {
    match written.len().checked_sub(4).and_then(|at| written.split_at_checked(at)) {
        Some((rest, zone)) if zone.eq_ignore_ascii_case(" UTC") => rest,
        _ => written,
    }
}

/// Refuses a time zone by name. Behind a blank no other word begins with a letter.
fn zone(text: &Text, written: &str) -> Result<(), Diagnostic> {
    let Some(at) = written.rfind(' ').map(|at| at + 1) else { return Ok(()) };
    let word = &written[at..];
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(());
    }
    let message = format!("{word:?} is not supported: of time zones tomte only knows UTC");
    let problem = Diagnostic::error(Code::CalendarEvent, message).on(text, at..written.len());
    Err(problem.help("a target has no time-zone data; its local time is UTC").did_you_mean(word, ["UTC"]))
}

/// What is wrong, and the bytes it is about.
struct Wrong {
    range: Range<usize>,
    message: String,
    help: Option<String>,
    /// A misspelled word, if that is what it is.
    word: Option<String>,
}

impl Wrong {
    fn on(self, text: &Text) -> Diagnostic {
        let end = self.range.end.min(text.len());
        let problem =
            Diagnostic::error(Code::CalendarEvent, self.message).on(text, self.range.start.min(end)..end);
        let problem = match self.help {
            Some(help) => problem.help(help),
            None => problem,
        };
        let names = || SHORTHANDS.into_iter().map(|(name, _)| name).chain(WEEKDAYS).chain(DAYS);
        match self.word {
            Some(word) => problem.did_you_mean(&word, names()),
            None => problem,
        }
    }
}

impl From<(Range<usize>, String)> for Wrong {
    fn from((range, message): (Range<usize>, String)) -> Self {
        Self { range, message, help: None, word: None }
    }
}

/// `None` is `*`.
type RawChain = Option<Vec<Raw>>;

struct Parser<'t> {
    written: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn whole(mut self) -> Result<Calendar, Wrong> {
        if self.written.is_empty() {
            return Err((0..0, "an empty calendar expression".to_owned()).into());
        }
        let mut calendar = Calendar {
            weekdays: self.weekdays()?,
            year: Vec::new(),
            month: Vec::new(),
            day: Vec::new(),
            from_end: false,
            hour: vec![Part::one(0)],
            minute: vec![Part::one(0)],
            second: vec![Part::one(0)],
            utc: false,
        };
        if self.peek() == Some('@') {
            self.moment(&mut calendar)?;
        } else {
            self.date(&mut calendar)?;
            self.time(&mut calendar)?;
        }
        Ok(calendar)
    }

    fn rest(&self) -> &str {
        &self.written[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        self.at = self.written.len() - self.rest().trim_start_matches(' ').len();
    }

    /// Complains about the character that comes next.
    fn unexpected<T>(&self, expected: &str) -> Result<T, Wrong> {
        let width = self.peek().map_or(0, char::len_utf8);
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"));
        Err((self.at..self.at + width, format!("{found}: expected {expected}")).into())
    }

    /// The days of the week, as bits; all if none is named.
    fn weekdays(&mut self) -> Result<u8, Wrong> {
        let mut bits = 0;
        let mut since: Option<usize> = None;
        loop {
            let start = self.at;
            let Some(day) = self.weekday() else {
                let word: String = self.rest().chars().take_while(|c| c.is_alphanumeric()).collect();
                if bits == 0 && !word.starts_with(char::is_alphabetic) {
                    return Ok(EVERY_DAY);
                }
                let message = format!("{word:?} is no day of the week");
                let range = self.at..self.at + word.len();
                return Err(Wrong { word: Some(word), ..(range, message).into() });
            };
            let first = since.unwrap_or(day);
            if first > day {
                let message =
                    format!("{} comes before {}: the week begins on Monday", WEEKDAYS[day], WEEKDAYS[first]);
                let help = format!("write {}..Sun,Mon..{}", DAYS[first], DAYS[day]);
                let problem: Wrong = (start..self.at, message).into();
                return Err(Wrong {
                    help: Some(help.replace("Sun..Sun", "Sun").replace("Mon..Mon", "Mon")),
                    ..problem
                });
            }
            (first..=day).for_each(|day| bits |= 1 << day);
            match self.peek() {
                None => return Ok(bits),
                Some(' ') => {
                    self.blanks();
                    return Ok(bits);
                }
                Some(',') => {
                    self.at += 1;
                    since = None;
                    if matches!(self.peek(), None | Some(' ')) {
                        self.blanks();
                        return Ok(bits);
                    }
                }
                Some('.') if since.is_none() && self.rest().starts_with("..") => {
                    self.at += 2;
                    since = Some(day);
                }
                Some('-') if since.is_none() => {
                    self.at += 1;
                    since = Some(day);
                }
                Some(_) => return self.unexpected("a blank, a comma or .. behind a day of the week"),
            }
        }
    }

    /// A day's name that stands whole, taken.
    fn weekday(&mut self) -> Option<usize> {
        let length = self.rest().find(|c: char| !c.is_alphanumeric()).unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        let found = (0..7)
            .find(|day| [WEEKDAYS[*day], DAYS[*day]].iter().any(|name| name.eq_ignore_ascii_case(word)));
        self.at += found.map_or(0, |_| length);
        found
    }

    /// `@` and the seconds since 1970 UTC.
    fn moment(&mut self, calendar: &mut Calendar) -> Result<(), Wrong> {
        self.at += 1;
        let digits = self.rest();
        let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = all.then(|| digits.parse::<u64>().ok()).flatten();
        let date = seconds.and_then(|seconds| {
            let (year, month, day) = date(seconds / 86_400)?;
            let part = |value: u64| vec![Part::one(value as u32)]; // below 60
            calendar.hour = part(seconds / 3_600 % 24);
            calendar.minute = part(seconds / 60 % 60);
            calendar.second = vec![Part::one((seconds % 60) as u32 * SECOND)];
            Some([year, month, day].map(|value| vec![Part::one(value)]))
        });
        let Some(date) = date else {
            let message = "expected whole seconds since 1970 behind the @, before the year 2200".to_owned();
            return Err((self.at..self.written.len(), message).into());
        };
        [calendar.year, calendar.month, calendar.day] = date;
        calendar.utc = true;
        Ok(())
    }

    /// `[YEAR-]MONTH-DAY` or with `~` before the day; nothing if a time comes first.
    fn date(&mut self, calendar: &mut Calendar) -> Result<(), Wrong> {
        let start = self.at;
        if self.peek().is_none() {
            return Ok(());
        }
        let first = self.chain(Field::Day)?;
        let from_end = match self.peek() {
            Some(':') => {
                self.at = start;
                return Ok(());
            }
            Some(mark @ ('-' | '~')) => mark == '~',
            None => {
                let message = "neither a date nor a time".to_owned();
                let help = Some("a date is such as 12-24 or *-*-1, a time such as 6:00 or *:0/15".to_owned());
                return Err(Wrong { help, ..(start..self.at, message).into() });
            }
            Some(_) => return self.unexpected("- or ~ in a date, : in a time"),
        };
        self.at += 1;
        let second = self.chain(Field::Day)?;
        if matches!(self.peek(), None | Some(' ')) {
            return self.finish_date(calendar, None, &first, &second, from_end);
        }
        let from_end = match self.peek() {
            Some(mark @ ('-' | '~')) if !from_end => mark == '~',
            _ => return self.unexpected("a blank behind the date"),
        };
        self.at += 1;
        let third = self.chain(Field::Day)?;
        if !matches!(self.peek(), None | Some(' ')) {
            return self.unexpected("a blank behind the date");
        }
        self.finish_date(calendar, Some(&first), &second, &third, from_end)
    }

    fn finish_date(
        &mut self,
        calendar: &mut Calendar,
        year: Option<&RawChain>,
        month: &RawChain,
        day: &RawChain,
        from_end: bool,
    ) -> Result<(), Wrong> {
        calendar.year = Field::Year.normal(year.and_then(Option::as_deref))?;
        calendar.month = Field::Month.normal(month.as_deref())?;
        let field = if from_end { Field::DayFromEnd } else { Field::Day };
        calendar.day = field.normal(day.as_deref())?;
        calendar.from_end = from_end && !calendar.day.is_empty();
        self.blanks();
        Ok(())
    }

    /// `HOUR:MINUTE[:SECOND]`; midnight if nothing is left.
    fn time(&mut self, calendar: &mut Calendar) -> Result<(), Wrong> {
        if self.peek().is_none() {
            return Ok(());
        }
        let hour = self.chain(Field::Hour)?;
        if self.peek() != Some(':') {
            return self.unexpected(": and a minute behind the hour");
        }
        self.at += 1;
        let minute = self.chain(Field::Minute)?;
        let second = match self.peek() {
            None => None,
            Some(':') => {
                self.at += 1;
                Some(self.chain(Field::Second)?)
            }
            Some(_) => return self.unexpected(": and a second behind the minute, or the end"),
        };
        if self.peek().is_some() {
            return self.unexpected("the end of the time");
        }
        calendar.hour = Field::Hour.normal(hour.as_deref())?;
        calendar.minute = Field::Minute.normal(minute.as_deref())?;
        if let Some(second) = second {
            calendar.second = Field::Second.normal(second.as_deref())?;
        }
        Ok(())
    }

    /// `*`, or numbers, ranges and repetitions with commas between. Decimals only in seconds.
    fn chain(&mut self, field: Field) -> Result<RawChain, Wrong> {
        if self.peek() == Some('*') {
            self.at += 1;
            if let Some(c @ ('/' | ',' | '.')) = self.peek() {
                let message = format!("{c:?} behind *: a * stands alone");
                let help = (c == '/').then(|| "a repetition begins at a number, such as 0/5".to_owned());
                return Err(Wrong { help, ..(self.at..self.at + 1, message).into() });
            }
            return Ok(None);
        }
        let mut chain = Vec::new();
        loop {
            let start = self.number(field)?;
            let mut one = Raw { start, stop: None, step: None };
            if self.rest().starts_with("..") {
                self.at += 2;
                one.stop = Some(self.number(field)?);
            }
            if self.peek() == Some('/') {
                self.at += 1;
                one.step = Some(self.number(field)?);
            }
            chain.push(one);
            if self.peek() != Some(',') {
                return Ok(Some(chain));
            }
            self.at += 1;
        }
    }

    fn number(&mut self, field: Field) -> Result<Number, Wrong> {
        let start = self.at;
        let whole = self.digits();
        if whole.is_empty() {
            return self.unexpected("a number or *");
        }
        let mut value = whole.parse::<u64>().ok();
        if field == Field::Second {
            let mut micros = 0;
            if self.peek() == Some('.') && !self.rest().starts_with("..") {
                self.at += 1;
                let fraction = self.digits();
                if fraction.is_empty() {
                    return self.unexpected("digits behind the point");
                }
                micros = rounded(&fraction);
            }
            value = value.and_then(|value| value.checked_mul(u64::from(SECOND))?.checked_add(micros));
        }
        let range = start..self.at;
        match value.and_then(|value| u32::try_from(value).ok()) {
            Some(value) => Ok(Number { value, range }),
            None => {
                let message = format!("{} is too large", &self.written[range.clone()]);
                Err((range, message).into())
            }
        }
    }

    fn digits(&mut self) -> String {
        let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
        self.at += digits.len();
        digits
    }
}
