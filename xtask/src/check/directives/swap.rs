//! systemd.swap(5): [Swap].

use super::{Directive, Off, Page, extra, span, text};

pub const PAGE: Page = Page { manual: "systemd.swap(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("Options", text).unless(Off::Empty),
    extra("Priority", text).unless(Off::Empty),
    extra("TimeoutSec", span),
    extra("What", text).unless(Off::Empty),
];
