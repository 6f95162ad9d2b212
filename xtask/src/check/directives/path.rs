//! systemd.path(5): [Path].

use super::{Directive, Page, put, supported};
use crate::{
    check::{mount::mode, trigger as t},
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.path(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    supported("DirectoryMode", |d, a, _| put(&mut d.path().directory_mode, mode(a))),
    supported("DirectoryNotEmpty", t::watch),
    supported("MakeDirectory", |d, a, _| put(&mut d.path().make_directory, scalar::boolean(&a.value))),
    supported("PathChanged", t::watch),
    supported("PathExists", t::watch),
    supported("PathExistsGlob", t::watch),
    supported("PathModified", t::watch),
    supported("TriggerLimitBurst", |d, a, _| {
        put(&mut d.path().trigger_limit.burst, scalar::number(&a.value))
    }),
    supported("TriggerLimitIntervalSec", |d, a, _| {
        put(&mut d.path().trigger_limit.interval, time::span(&a.value))
    }),
    supported("Unit", t::unit),
];
