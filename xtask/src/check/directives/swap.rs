//! systemd.swap(5): [Swap].

use super::{Directive, Off, Page, extra, put};
use crate::{check::mount as m, values::time};

pub const PAGE: Page = Page { manual: "systemd.swap(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("Options", |d, a, cx| put(&mut d.swap().options, m::options(a, cx))).unless(Off::Empty),
    extra("Priority", m::priority).unless(Off::Empty),
    extra("TimeoutSec", |d, a, _| put(&mut d.swap().timeout, time::timeout(&a.value))),
    extra("What", |d, a, cx| put(&mut d.swap().what, m::located_path(a, cx))),
];
