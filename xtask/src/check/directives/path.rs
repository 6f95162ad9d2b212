//! systemd.path(5): [Path].

use super::{Directive, Off, Page, boolean, extra, span, text};

pub const PAGE: Page = Page { manual: "systemd.path(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("DirectoryMode", text).unless(Off::Empty),
    extra("DirectoryNotEmpty", text).unless(Off::Empty),
    extra("MakeDirectory", boolean),
    extra("PathChanged", text).unless(Off::Empty),
    extra("PathExists", text).unless(Off::Empty),
    extra("PathExistsGlob", text).unless(Off::Empty),
    extra("PathModified", text).unless(Off::Empty),
    extra("TriggerLimitBurst", text).unless(Off::Empty),
    extra("TriggerLimitIntervalSec", span),
    extra("Unit", text).unless(Off::Empty),
];
