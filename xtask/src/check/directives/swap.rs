//! systemd.swap(5): [Swap].

use super::{Directive, Page, put, supported};
use crate::{check::mount as m, values::time};

pub const PAGE: Page = Page { manual: "systemd.swap(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    supported("Options", |d, a, cx| put(&mut d.swap().options, m::options(a, cx))),
    supported("Priority", m::priority),
    supported("TimeoutSec", |d, a, _| put(&mut d.swap().timeout, time::timeout(&a.value))),
    supported("What", |d, a, cx| put(&mut d.swap().what, m::located_path(a, cx))),
];
