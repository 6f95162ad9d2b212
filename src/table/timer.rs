//! What only timers have: the moments at which they start another unit ([`super::Relation::Triggers`]).
//!
//! Source: systemd.timer(5).

use super::{Calendar, List, Micros};

record! {
    /// A timer unit.
    pub struct Timer<'t> {
        /// `OnActiveSec=` and its kind.
        pub spans: List<'t, Span>,
        /// `OnCalendar=`.
        pub calendars: List<'t, Calendar<'t>>,
        /// `OnClockChange=`: it elapses when somebody sets the clock.
        pub on_clock_change: bool,
        /// `AccuracySec=`: how much later it may elapse, to do so together with others.
        pub accuracy: Micros,
        /// `RandomizedDelaySec=`: up to so much more.
        pub randomized_delay: Micros,
        /// `FixedRandomDelay=`: a hash of the unit's name, which makes the delay the same each time; 0 without.
        pub fixed_delay: u64,
        /// `Persistent=`: it makes up for what it missed while the machine was off.
        pub persistent: bool,
        /// `RemainAfterElapse=`.
        pub remain_after_elapse: bool,
        /// `DeferReactivation=`: what the unit was busy for does not count.
        pub defer_reactivation: bool,
    }
}

record! {
    /// `OnActiveSec=` and its kind.
    #[derive(Eq)]
    pub struct Span {
        /// What it is counted from.
        pub base: TimerBase,
        /// How long it is.
        pub span: Micros,
    }
}

choice! {
    /// What a span of a timer is counted from.
    #[expect(missing_docs, reason = "systemd.timer(5) names them")]
    pub enum TimerBase {
        Active,
        Boot,
        Startup,
        UnitActive,
        UnitInactive,
    }
}
