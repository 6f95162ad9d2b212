//! One service's output: lines out of bytes, and how many of them are too many.

use crate::{
    linux::OwnedFd,
    table::limits::UNITS_MAX,
    wire::log::{Entry, Origin, Terms, split_priority},
};

use super::keep::Keep;

/// As many as there are units.
pub(super) const STREAMS_MAX: usize = UNITS_MAX;
/// The unit's name and the identifier, which is cut if it must.
const NAMES_BYTES_MAX: usize = 320;

/// How many lines came within the interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rate {
    since_us: u64,
    count: u32,
    suppressed: u64,
}

impl Rate {
    /// Counts one more at `now_us`. `Ok` if it may pass, with how many did not since the last that did.
    fn count(&mut self, terms: &Terms, now_us: u64) -> Option<u64> {
        if terms.interval_ms == 0 || terms.burst == 0 {
            return Some(core::mem::take(&mut self.suppressed));
        }
        if now_us.saturating_sub(self.since_us) >= u64::from(terms.interval_ms) * 1_000 {
            (self.since_us, self.count) = (now_us, 0);
        }
        if self.count >= terms.burst {
            self.suppressed += 1;
            return None;
        }
        self.count += 1;
        Some(core::mem::take(&mut self.suppressed))
    }
}

/// A unit's pipe and what is known about it.
pub(super) struct Stream {
    pub(super) fd: OwnedFd,
    pub(super) terms: Terms,
    pub(super) rate: Rate,
    /// Nobody is left who could write: the rest is a line.
    pub(super) ended: bool,
    /// Who writes.
    pub(super) pid: u32,
    /// A turn of logd's, and how many bytes were taken in it.
    pub(super) taken: (u64, usize),
    unit_bytes: usize,
    names: heapless::Vec<u8, NAMES_BYTES_MAX>,
}

impl Stream {
    pub(super) fn new(fd: OwnedFd, entry: &Entry<'_>, terms: Terms, rate: Option<Rate>) -> Self {
        let mut names = heapless::Vec::new();
        for &part in &[entry.unit, entry.identifier] {
            for byte in part {
                let _ = names.push(*byte); // what does not fit is cut
            }
        }
        let rate = rate.unwrap_or_default();
        Self {
            fd,
            terms,
            rate,
            ended: false,
            pid: entry.pid,
            taken: (0, 0),
            unit_bytes: entry.unit.len(),
            names,
        }
    }

    /// How many bytes were taken in this `turn`.
    pub(super) const fn taken_in(&self, turn: u64) -> usize {
        if self.taken.0 == turn { self.taken.1 } else { 0 }
    }

    /// The unit's name.
    pub(super) fn unit(&self) -> &[u8] {
        self.names.get(..self.unit_bytes).unwrap_or_default()
    }

    /// Puts one line into the log, unless it is not to be there.
    #[inline(never)]
    pub(super) fn line(&mut self, line: &[u8], keep: &mut Keep) {
        let said = if self.terms.prefix { split_priority(line) } else { None };
        let (priority, text) = said.unwrap_or((self.terms.level, line));
        if text.is_empty() || priority > self.terms.level_max {
            return;
        }
        if let Some(suppressed) = self.rate.count(&self.terms, keep.now_us) {
            self.tell_suppressed(suppressed, keep);
            keep.put(&Entry { priority, text, ..self.entry(keep.now_us) });
        }
    }

    /// The last line was the last.
    pub(super) fn end(&mut self, keep: &mut Keep) {
        let count = core::mem::take(&mut self.rate.suppressed);
        self.tell_suppressed(count, keep);
    }

    fn tell_suppressed(&self, count: u64, keep: &mut Keep) {
        if count > 0 {
            let mut text = heapless::String::<64>::new();
            let _fits =
                core::fmt::Write::write_fmt(text.as_mut_view(), format_args!("Suppressed {count} messages"));
            let entry = self.entry(keep.now_us);
            keep.put(&Entry { origin: Origin::Manager, priority: 4, text: text.as_bytes(), ..entry });
        }
    }

    fn entry(&self, time_us: u64) -> Entry<'_> {
        Entry {
            origin: Origin::Stdout,
            priority: self.terms.level,
            pid: self.pid,
            time_us,
            unit: self.unit(),
            identifier: self.names.get(self.unit_bytes..).unwrap_or_default(),
            text: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn whoever_says_too_much_is_counted() {
        let terms = Terms { serial: 0, interval_ms: 10, burst: 2, level: 6, level_max: 7, prefix: true };
        let mut rate = Rate::default();
        let at: Vec<_> = [20_000, 20_001, 20_002, 29_999, 30_000, 30_001, 30_002]
            .map(|now_us| rate.count(&terms, now_us))
            .into();
        assert_eq!(at, [Some(0), Some(0), None, None, Some(2), Some(0), None]);
        let free = Terms { burst: 0, ..terms };
        assert_eq!(rate.count(&free, 30_003), Some(1));
    }
}
