//! systemd.mount(5): [Mount].

use super::{Directive, Off, Page, boolean, extra, span, text};

pub const PAGE: Page = Page { manual: "systemd.mount(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("DirectoryMode", text).unless(Off::Empty),
    extra("ForceUnmount", boolean),
    extra("LazyUnmount", boolean),
    extra("Options", text).unless(Off::Empty),
    extra("ReadWriteOnly", boolean),
    extra("SloppyOptions", boolean),
    extra("TimeoutSec", span),
    extra("Type", text).unless(Off::Empty),
    extra("What", text).unless(Off::Empty),
    extra("Where", text).unless(Off::Empty),
];
