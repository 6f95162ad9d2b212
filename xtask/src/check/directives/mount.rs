//! systemd.mount(5): [Mount].

use super::{Directive, Page, put, supported};
use crate::{
    check::mount as m,
    values::{scalar, time},
};

pub const PAGE: Page = Page { manual: "systemd.mount(5)", directives: DIRECTIVES };

const DIRECTIVES: &[Directive] = &[
    supported("DirectoryMode", |d, a, _| put(&mut d.mount().directory_mode, m::mode(a))),
    supported("ForceUnmount", |d, a, _| put(&mut d.mount().force_unmount, scalar::boolean(&a.value))),
    supported("LazyUnmount", |d, a, _| put(&mut d.mount().lazy_unmount, scalar::boolean(&a.value))),
    supported("Options", |d, a, cx| put(&mut d.mount().options, m::options(a, cx))),
    supported("ReadWriteOnly", |d, a, _| put(&mut d.mount().read_write_only, scalar::boolean(&a.value))),
    supported("SloppyOptions", |d, a, _| put(&mut d.mount().sloppy_options, scalar::boolean(&a.value))),
    supported("TimeoutSec", |d, a, _| put(&mut d.mount().timeout, time::timeout(&a.value))),
    supported("Type", m::file_system),
    supported("What", |d, a, cx| put(&mut d.mount().what, m::located(a, cx))),
    supported("Where", |d, a, cx| put(&mut d.mount().r#where, m::located_path(a, cx))),
];
