//! systemd.timer(5): [Timer].

use super::{Directive, Off, Page, extra, put};
use crate::{
    check::trigger as t,
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.timer(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("AccuracySec", t::accuracy),
    extra("DeferReactivation", |d, a, _| put(&mut d.timer().defer_reactivation, scalar::boolean(&a.value))),
    extra("FixedRandomDelay", |d, a, _| put(&mut d.timer().fixed_random_delay, scalar::boolean(&a.value))),
    extra("OnActiveSec", t::elapse).unless(Off::Empty),
    extra("OnBootSec", t::elapse).unless(Off::Empty),
    extra("OnCalendar", t::elapse)
        .unless(Off::Empty)
        .note("times are UTC, with or without the suffix; other time zones are refused by name"),
    extra("OnClockChange", |d, a, _| put(&mut d.timer().on_clock_change, scalar::boolean(&a.value))),
    extra("OnStartupSec", t::elapse).unless(Off::Empty),
    extra("OnTimezoneChange", |d, a, _| put(&mut d.timer().on_timezone_change, scalar::boolean(&a.value))),
    extra("OnUnitActiveSec", t::elapse).unless(Off::Empty),
    extra("OnUnitInactiveSec", t::elapse).unless(Off::Empty),
    extra("Persistent", |d, a, _| put(&mut d.timer().persistent, scalar::boolean(&a.value))),
    extra("RandomizedDelaySec", |d, a, _| put(&mut d.timer().randomized_delay, time::span(&a.value))),
    extra("RemainAfterElapse", |d, a, _| put(&mut d.timer().remain_after_elapse, scalar::boolean(&a.value))),
    extra("Unit", t::unit),
    extra("WakeSystem", |d, a, _| put(&mut d.timer().wake_system, scalar::boolean(&a.value))),
];
