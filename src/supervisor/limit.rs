//! The start limit: a fixed window, not a sliding one (systemd-semantics.md §5).

use super::Instant;
use crate::table::StartLimit;

kept! {
/// How many starts there were in the window that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// When it was opened; means nothing while there were no starts.
    opened: Instant,
    starts: u32,
}
}

impl Window {
    /// No window is open.
    pub(super) const CLOSED: Self = Self { opened: Instant(0), starts: 0 };

    /// Whether a start at `now` would not be allowed.
    pub(super) fn is_spent(self, limit: StartLimit, now: Instant) -> bool {
        let mut copy = self;
        !copy.admit(limit, now)
    }

    /// When the window ends; `None` is never.
    pub(super) fn end(self, limit: StartLimit) -> Option<Instant> {
        self.opened.after(limit.interval)
    }

    /// Whether a start at `now` is allowed; if so, it is counted.
    pub(super) fn admit(&mut self, limit: StartLimit, now: Instant) -> bool {
        if limit.interval.0 == 0 || limit.burst == 0 {
            return true;
        }
        let open = self.starts > 0 && self.end(limit).is_none_or(|end| now <= end);
        if !open {
            *self = Self { opened: now, starts: 1 };
            return true;
        }
        if self.starts < limit.burst {
            self.starts = self.starts.saturating_add(1);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Micros;

    const LIMIT: StartLimit = StartLimit { interval: Micros(10), burst: 2 };

    #[test]
    fn the_window_opens_at_the_first_start_and_reopens_after_it_has_passed() {
        let mut window = Window::CLOSED;
        for (at, allowed) in
            [(5, true), (14, true), (15, false), (16, true), (17, true), (26, false), (27, true)]
        {
            assert_eq!(window.admit(LIMIT, Instant(at)), allowed, "at {at}");
        }
    }

    #[test]
    fn a_zero_interval_or_burst_switches_the_limit_off() {
        for limit in
            [StartLimit { interval: Micros::ZERO, burst: 1 }, StartLimit { interval: Micros(9), burst: 0 }]
        {
            let mut window = Window::CLOSED;
            assert!((0..100).all(|at| window.admit(limit, Instant(at / 50))));
        }
    }

    #[test]
    fn an_endless_window_never_reopens() {
        let mut window = Window::CLOSED;
        let limit = StartLimit { interval: Micros::FOREVER, burst: 1 };
        assert!(window.admit(limit, Instant(1)));
        assert!(!window.admit(limit, Instant(u64::MAX)));
    }
}
