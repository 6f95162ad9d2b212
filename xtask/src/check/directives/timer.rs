//! systemd.timer(5): [Timer].

use super::{Directive, Off, Page, boolean, extra, span, text};

pub const PAGE: Page = Page { manual: "systemd.timer(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("AccuracySec", span),
    extra("DeferReactivation", boolean),
    extra("FixedRandomDelay", boolean),
    extra("OnActiveSec", text).unless(Off::Empty),
    extra("OnBootSec", text).unless(Off::Empty),
    extra("OnCalendar", text).unless(Off::Empty),
    extra("OnClockChange", boolean),
    extra("OnStartupSec", text).unless(Off::Empty),
    extra("OnTimezoneChange", boolean),
    extra("OnUnitActiveSec", text).unless(Off::Empty),
    extra("OnUnitInactiveSec", text).unless(Off::Empty),
    extra("Persistent", boolean),
    extra("RandomizedDelaySec", span),
    extra("RemainAfterElapse", boolean),
    extra("Unit", text).unless(Off::Empty),
    extra("WakeSystem", boolean),
];
