//! systemd.path(5): [Path].

use super::{Directive, Off, Page, extra, put};
use crate::{
    check::{mount::mode, trigger as t},
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.path(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("DirectoryMode", |d, a, _| put(&mut d.path().directory_mode, mode(a))),
    extra("DirectoryNotEmpty", t::watch).unless(Off::Empty),
    extra("MakeDirectory", |d, a, _| put(&mut d.path().make_directory, scalar::boolean(&a.value))),
    extra("PathChanged", t::watch).unless(Off::Empty),
    extra("PathExists", t::watch).unless(Off::Empty),
    extra("PathExistsGlob", t::watch).unless(Off::Empty),
    extra("PathModified", t::watch).unless(Off::Empty),
    extra("TriggerLimitBurst", |d, a, _| put(&mut d.path().trigger_limit.burst, scalar::number(&a.value))),
    extra("TriggerLimitIntervalSec", |d, a, _| {
        put(&mut d.path().trigger_limit.interval, time::span(&a.value))
    }),
    extra("Unit", t::unit),
];
