//! systemd.slice(5): [Slice].

use super::{Directive, Page};

pub const PAGE: Page = Page { manual: "systemd.slice(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[];
