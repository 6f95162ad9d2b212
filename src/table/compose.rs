//! A record out of the pieces in a table's [`Transient`]: what `tomte run` does, and xtask's tests compare with the baker's.
//!
//! Knows the forms of values; what a setting does is in the pieces.

use core::fmt::Write as _;

use heapless::Vec;

use super::{
    Call, Change, Content, Form, List, Merge, Mount, Rlimit, Setting, StrList, Transient, Word,
    limits::USER_NAME_BYTES_MAX,
};
use crate::{
    record::{Read, Reader},
    words,
};

/// One field of a record.
const PART_BYTES_MAX: usize = 4096;
/// Two decimal numbers of 64 bits.
const NUMBER_BYTES: usize = 41;

type Bytes = Vec<u8, PART_BYTES_MAX>;

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComposeError<'a> {
    /// There are no pieces for a setting of this name.
    Unknown(&'a str),
    /// The setting is known, and why it cannot be set.
    Refused(&'a str, &'a str),
    /// The setting cannot have that value.
    Value(&'a str),
    /// Two settings say different things of the same.
    Clash(&'a str, &'a str),
    /// The record is longer than its room, or one field of it longer than a field may be.
    TooLong,
}

struct Record<'r> {
    room: &'r mut [u8],
    used: usize,
}

impl Record<'_> {
    fn add(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.used.checked_add(bytes.len())?;
        self.room.get_mut(self.used..end)?.copy_from_slice(bytes);
        self.used = end;
        Some(())
    }
}

/// Puts the record of a service together, part by part, into `room`; answers its length. It is called `name`, runs `command`
/// and has `settings`, of which the last one of a name counts.
///
/// # Errors
/// [`ComposeError`] names the setting.
#[inline(never)]
pub fn compose<'a>(
    transient: &Transient<'a>,
    name: &str,
    command: &[&str],
    settings: &[(&'a str, &'a str)],
    room: &mut [u8],
) -> Result<usize, ComposeError<'a>> {
    let mut record = Record { room, used: 0 };
    for (key, _) in settings {
        let setting = setting(transient, key).ok_or(ComposeError::Unknown(key))?;
        if setting.form == Form::Refused {
            return Err(ComposeError::Refused(key, setting.key));
        }
    }
    for (at, part) in (0_u8..).zip(transient.parts.iter()) {
        let mut bytes = Bytes::from_slice(part.bytes).map_err(|_| ComposeError::TooLong)?;
        if at == transient.name {
            bytes.clear();
            put_bytes(&mut bytes, name.as_bytes()).ok_or(ComposeError::TooLong)?;
        } else if at == transient.start {
            bytes.clear();
            put_command(&mut bytes, command).ok_or(ComposeError::TooLong)?;
        } else {
            let mut by = "";
            for (n, (key, value)) in settings.iter().enumerate() {
                let again = settings.iter().skip(n + 1).any(|(later, _)| later == key);
                let Some(setting) = setting(transient, key) else { continue };
                if again && !setting.form.adds() {
                    continue; // the last one counts
                }
                let mut change = Bytes::new();
                if !change_of(&setting, value, at, &bytes, &mut change)
                    .map_err(|()| ComposeError::Value(key))?
                {
                    continue;
                }
                let added = setting.form.adds() && setting.values.contains(&at);
                if by.is_empty() || by == *key || change == bytes || added {
                    bytes = change;
                } else {
                    bytes = merged(part.merge, &bytes, &change).ok_or(ComposeError::Clash(by, key))?;
                }
                by = key;
            }
        }
        record.add(&bytes).ok_or(ComposeError::TooLong)?;
    }
    Ok(record.used)
}

fn setting<'t>(transient: &Transient<'t>, key: &str) -> Option<Setting<'t>> {
    transient.settings.iter().find(|setting| setting.name == key)
}

/// Writes what `setting` makes of part `at` with `value`; whether it changes that at all.
#[inline(never)]
fn change_of(setting: &Setting<'_>, value: &str, at: u8, before: &Bytes, to: &mut Bytes) -> Result<bool, ()> {
    let word = match setting.form {
        Form::Words => {
            let find = |value: &str| setting.words.iter().find(|word: &Word<'_>| word.word == value);
            Some(find(value).or_else(|| find(boolean(value)?)).ok_or(())?)
        }
        _ if setting.values.contains(&at) => {
            put_value(setting, value, before, to).ok_or(())?;
            return Ok(true);
        }
        Form::Time
        | Form::TimeOrForever
        | Form::Text
        | Form::User
        | Form::Path
        | Form::Nice
        | Form::Assignment
        | Form::Weight
        | Form::Share
        | Form::Amount
        | Form::Limit
        | Form::LimitBytes
        | Form::Refused => setting.words.iter().next(),
    };
    let change = word.and_then(|word| word.changes.iter().find(|change: &Change<'_>| change.part == at));
    match change {
        Some(change) => to.extend_from_slice(change.bytes).map(|()| true).map_err(|_| ()),
        None => Ok(false),
    }
}

/// systemd's other words for yes and no.
fn boolean(value: &str) -> Option<&'static str> {
    let is_in = |list: &str| words::place(list, value.as_bytes()).is_some();
    match is_in("1 y true t on") {
        true => Some("yes"),
        false => is_in("0 n false f off").then_some("no"),
    }
}

/// Writes `value` as the field that it becomes.
#[inline(never)]
fn put_value(setting: &Setting<'_>, value: &str, before: &Bytes, to: &mut Bytes) -> Option<()> {
    let (form, key) = (setting.form, setting.key);
    let plain = !value.contains(['%', '\0', '\n']);
    match form {
        Form::Words => None,
        Form::Time => put_number(to, time_span(value)?),
        Form::TimeOrForever => {
            put_number(to, time_span(value).map(|span| if span == 0 { u64::MAX } else { span })?)
        }
        Form::Text if plain => put_bytes(to, value.as_bytes()),
        Form::User if is_user(value) => put_bytes(to, value.as_bytes()),
        Form::Path if plain && is_path(value) => put_bytes(to, value.as_bytes()),
        Form::Nice => {
            let up = match value.strip_prefix('-') {
                Some(digits) if !digits.starts_with('+') => 20_u64.checked_sub(digits.parse().ok()?)?,
                Some(_) => return None,
                None => value.parse::<u64>().ok()?.checked_add(20).filter(|up| *up < 40)?,
            };
            to.push(1).ok()?;
            put_number(to, up)
        }
        Form::Assignment if plain && !value.contains([' ', '\t', '"', '\'', '\\']) => {
            let (name, _) = value.split_once('=').filter(|(name, _)| is_variable(name))?;
            let mut strings = Bytes::new();
            let mut new = Some(value);
            for one in list_of(before)?.iter() {
                let same = one.split_once('=').is_some_and(|(other, _)| other == name);
                put_string(&mut strings, if same { new.take().unwrap_or(value) } else { one })?;
            }
            if let Some(new) = new {
                put_string(&mut strings, new)?;
            }
            put_bytes(to, &strings)
        }
        Form::Weight | Form::Share | Form::Amount => {
            put_setting(to, before, key, &written(form, value, key == "memory.swap.max")?)
        }
        Form::Limit | Form::LimitBytes => {
            let (soft, hard) = value.split_once(':').unwrap_or((value, value));
            let limit = |text| match text {
                "infinity" => Some(u64::MAX),
                _ => number(text, form == Form::LimitBytes),
            };
            let (soft, hard) = (limit(soft)?, limit(hard)?);
            let resource = *key.as_bytes().first()?;
            if soft > hard { None } else { put_limit(to, before, Rlimit { resource, soft, hard }) }
        }
        Form::Text | Form::User | Form::Path | Form::Assignment | Form::Refused => None,
    }
}

/// A decimal number; with `sized` it may count in K, M, G or T.
fn number(text: &str, sized: bool) -> Option<u64> {
    let (digits, power) = match text.as_bytes().last()? {
        letter if sized && letter.is_ascii_alphabetic() => {
            let power = b"KMGT".iter().position(|one| one == letter)? as u32 + 1;
            (text.get(..text.len() - 1)?, power)
        }
        _ => (text, 0),
    };
    let whole =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let number = digits.parse::<u64>().ok().filter(|_| whole)?;
    number.checked_mul(1 << (10 * power)).filter(|number| *number < u64::MAX)
}

/// What is written into a cgroup's file for `value`: a weight, so much time in each period, or an amount.
fn written(form: Form, value: &str, none: bool) -> Option<heapless::String<NUMBER_BYTES>> {
    let mut text = heapless::String::new();
    let percent = value.strip_suffix('%').map(|value| number(value, false).unwrap_or(0));
    let done = match (form, percent) {
        (Form::Weight, _) => {
            let weight = number(value, false).filter(|weight| (1..=10_000).contains(weight))?;
            write!(text, "{weight}")
        }
        (Form::Share, Some(share @ 1..=100_000)) => write!(text, "{} 100000", share * 1_000),
        (Form::Amount, Some(share @ 1..=100)) => write!(text, "@{}", share * 100),
        (Form::Amount, None) if value == "infinity" => text.write_str("max"),
        (Form::Amount, None) => {
            write!(text, "{}", number(value, true).filter(|amount| none || *amount > 0)?)
        }
        _ => return None,
    };
    done.ok().map(|()| text)
}

/// The settings of a cgroup in `before`, in the order of their files, with `text` for `file` among them.
fn put_setting(to: &mut Bytes, before: &Bytes, file: &str, text: &str) -> Option<()> {
    let (mut list, mut new) = (Bytes::new(), Some(text));
    let mut strings = list_of(before)?.iter();
    while let (Some(other), Some(device), Some(its)) = (strings.next(), strings.next(), strings.next()) {
        let mut its = its;
        if other >= file
            && let Some(text) = new.take()
        {
            if other == file {
                its = text;
            } else {
                [file, "", text].into_iter().try_for_each(|one| put_string(&mut list, one))?;
            }
        }
        [other, device, its].into_iter().try_for_each(|one| put_string(&mut list, one))?;
    }
    if let Some(text) = new {
        [file, "", text].into_iter().try_for_each(|one| put_string(&mut list, one))?;
    }
    put_bytes(to, &list)
}

/// The limits in `before` with `limit` behind them, in the place of another one of its resource.
fn put_limit(to: &mut Bytes, before: &Bytes, limit: Rlimit) -> Option<()> {
    let mut list = Bytes::new();
    for (other, bytes) in List::<'_, Rlimit>::new(payload(before)?).pieces() {
        if other.resource != limit.resource {
            list.extend_from_slice(bytes).ok()?;
        }
    }
    list.push(limit.resource).ok()?;
    put_number(&mut list, limit.soft)?;
    put_number(&mut list, limit.hard)?;
    put_bytes(to, &list)
}

fn is_variable(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(word) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// A name that useradd(8) takes, or a number.
fn is_user(value: &str) -> bool {
    let number = value.parse::<u64>().is_ok_and(|number| number < u32::MAX.into() && number != 0xffff);
    number || is_user_name(value)
}

/// A name that useradd(8) takes.
#[inline(never)]
pub(super) fn is_user_name(value: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    value.bytes().all(word)
        && value.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && value.len() <= USER_NAME_BYTES_MAX
}

fn is_path(value: &str) -> bool {
    let Some(below) = value.strip_prefix('/') else { return false };
    value == "/" || below.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A span of time in microseconds: systemd.time(7). `infinity` is [`u64::MAX`].
pub fn time_span(value: &str) -> Option<u64> {
    // The words at the same place in microseconds; the empty one is a second, too.
    const UNITS: &str =
        " s sec second seconds us usec ms msec m min minute minutes h hr hour hours d day days w week weeks";
    const MICROS: [(usize, u64); 7] = [
        (5, 1_000_000),
        (7, 1),
        (9, 1_000),
        (13, 60_000_000),
        (17, 3_600_000_000),
        (20, 86_400_000_000),
        (usize::MAX, 604_800_000_000),
    ];
    if value == "infinity" {
        return Some(u64::MAX);
    }
    let (mut sum, mut rest) = (0_u64, value.trim_ascii_start());
    while sum == 0 || !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.trim_ascii_start().bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.trim_ascii_start().split_at_checked(letters)?;
        let place = words::place(UNITS, unit.as_bytes())?;
        let (_, micros) = MICROS.iter().find(|(below, _)| place < *below)?;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*micros)?)?;
        rest = after.trim_ascii_start();
        if sum == 0 && rest.is_empty() {
            break;
        }
    }
    Some(sum)
}

/// Both in one, if that is possible.
#[inline(never)]
fn merged(merge: Merge, one: &Bytes, other: &Bytes) -> Option<Bytes> {
    let mut list = Bytes::new();
    match merge {
        Merge::Same => return None,
        Merge::Both => {
            let number = |bytes: &Bytes| u64::read(&mut Reader::new(bytes));
            put_number(&mut list, number(one) & number(other))?;
            return Some(list);
        }
        Merge::Strings => {
            let (one, other) = (list_of(one)?, list_of(other)?);
            let mut last = "";
            // Both are in order, and short: the least of what comes after the last one, again and again.
            loop {
                let mut next = None;
                for &list in &[one, other] {
                    for string in list.iter() {
                        if string > last && next.is_none_or(|least| string < least) {
                            next = Some(string);
                        }
                    }
                }
                let Some(next) = next else { break };
                put_string(&mut list, next)?;
                last = next;
            }
        }
        Merge::Mounts => {
            let (one, other) = (payload(one)?, payload(other)?);
            let (one, other): (List<'_, Mount<'_>>, List<'_, Mount<'_>>) = (List::new(one), List::new(other));
            let mut last = "";
            loop {
                let mut next: Option<(Mount<'_>, &[u8])> = None;
                for &list in &[one, other] {
                    for (mount, bytes) in list.pieces() {
                        match next {
                            _ if mount.path <= last => {}
                            Some((least, _)) if mount.path > least.path => {}
                            Some((least, same))
                                if mount.path == least.path && (same == bytes || spares(&mount)) => {}
                            Some((least, _)) if mount.path == least.path && !spares(&least) => return None,
                            Some(_) | None => next = Some((mount, bytes)),
                        }
                    }
                }
                let Some((Mount { path, .. }, bytes)) = next else { break };
                list.extend_from_slice(bytes).ok()?;
                last = path;
            }
        }
    }
    let mut part = Bytes::new();
    put_bytes(&mut part, &list)?;
    Some(part)
}

/// Whether `mount` only spares what is there from what holds above it: that gives way to whatever else is said of it.
fn spares(mount: &Mount<'_>) -> bool {
    mount.content == Content::Itself && mount.set == 0 && mount.only == 0
}

fn payload(part: &Bytes) -> Option<&[u8]> {
    let mut reader = Reader::new(part);
    let payload = <&[u8]>::read(&mut reader);
    reader.rest().map(|_| payload)
}

fn list_of(part: &Bytes) -> Option<StrList<'_>> {
    StrList::new(payload(part)?)
}

fn put_string(to: &mut Bytes, string: &str) -> Option<()> {
    to.extend_from_slice(string.as_bytes()).ok()?;
    to.push(0).ok()
}

fn put_number(to: &mut Bytes, mut number: u64) -> Option<()> {
    while number >= 0x80 {
        to.push(number as u8 | 0x80).ok()?;
        number >>= 7;
    }
    to.push(number as u8).ok()
}

fn put_bytes(to: &mut Bytes, bytes: &[u8]) -> Option<()> {
    put_number(to, bytes.len() as u64)?;
    to.extend_from_slice(bytes).ok()
}

/// `ExecStart=:` with these words: one command line, of which nothing is replaced.
fn put_command(to: &mut Bytes, words: &[&str]) -> Option<()> {
    let (mut line, mut strings) = (Bytes::new(), Bytes::new());
    line.push(Call::Execute as u8).ok()?;
    put_bytes(&mut line, words.first()?.as_bytes())?;
    for word in words {
        put_string(&mut strings, word)?;
    }
    put_bytes(&mut line, &strings)?;
    // A failure counts, nothing is replaced, all restrictions hold: `table::Command`.
    line.extend_from_slice(&[0, 0, 0]).ok()?;
    put_bytes(to, &line)
}
