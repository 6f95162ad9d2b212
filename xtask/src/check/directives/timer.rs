//! systemd.timer(5): [Timer].

use super::{Directive, Page, inert, put, supported};
use crate::{
    check::trigger as t,
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.timer(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    supported("AccuracySec", t::accuracy),
    supported("DeferReactivation", |d, a, _| {
        put(&mut d.timer().defer_reactivation, scalar::boolean(&a.value))
    }),
    supported("FixedRandomDelay", |d, a, _| {
        put(&mut d.timer().fixed_random_delay, scalar::boolean(&a.value))
    }),
    supported("OnActiveSec", t::elapse),
    supported("OnBootSec", t::elapse),
    supported("OnCalendar", t::elapse)
        .note("times are UTC, with or without the suffix; other time zones are refused by name"),
    supported("OnClockChange", |d, a, _| put(&mut d.timer().on_clock_change, scalar::boolean(&a.value))),
    supported("OnStartupSec", t::elapse),
    inert("OnTimezoneChange", "timers count in UTC, whatever the time zone"),
    supported("OnUnitActiveSec", t::elapse),
    supported("OnUnitInactiveSec", t::elapse),
    supported("Persistent", |d, a, _| put(&mut d.timer().persistent, scalar::boolean(&a.value))),
    supported("RandomizedDelaySec", |d, a, _| put(&mut d.timer().randomized_delay, time::span(&a.value))),
    supported("RemainAfterElapse", |d, a, _| {
        put(&mut d.timer().remain_after_elapse, scalar::boolean(&a.value))
    }),
    supported("Unit", t::unit),
    inert("WakeSystem", "nothing here puts the machine to sleep"),
];
