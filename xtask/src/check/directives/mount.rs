//! systemd.mount(5): [Mount].

use super::{Directive, Off, Page, extra, put};
use crate::{
    check::mount as m,
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.mount(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    extra("DirectoryMode", |d, a, _| put(&mut d.mount().directory_mode, m::mode(a))),
    extra("ForceUnmount", |d, a, _| put(&mut d.mount().force_unmount, scalar::boolean(&a.value))),
    extra("LazyUnmount", |d, a, _| put(&mut d.mount().lazy_unmount, scalar::boolean(&a.value))),
    extra("Options", |d, a, cx| put(&mut d.mount().options, m::options(a, cx))).unless(Off::Empty),
    extra("ReadWriteOnly", |d, a, _| put(&mut d.mount().read_write_only, scalar::boolean(&a.value))),
    extra("SloppyOptions", |d, a, _| put(&mut d.mount().sloppy_options, scalar::boolean(&a.value))),
    extra("TimeoutSec", |d, a, _| put(&mut d.mount().timeout, time::timeout(&a.value))),
    extra("Type", m::file_system).unless(Off::Empty),
    extra("What", |d, a, cx| put(&mut d.mount().what, m::located(a, cx))),
    extra("Where", |d, a, cx| put(&mut d.mount().r#where, m::located_path(a, cx))),
];
