//! Mounts for plans, written out: what xtask bakes out of units' settings.

use tomte::linux::{
    directory::Directory,
    plan::{Content, Mount, Plan},
};

/// Flags of mount(2).
pub(super) const RDONLY: u8 = 1;
pub(super) const NOSUID: u8 = 2;
pub(super) const NODEV: u8 = 4;
pub(super) const NOEXEC: u8 = 8;

/// `PrivateTmp=yes`.
pub(super) const CONNECTED_TMP: [Mount<'static>; 2] =
    [mount("/tmp", Content::PrivateTmp, ""), mount("/var/tmp", Content::PrivateTmp, "")];

/// A mount that has to be possible.
pub(super) const fn mount<'a>(path: &'a str, content: Content, source: &'a str) -> Mount<'a> {
    Mount { path, content, source, set: 0, only: 0, clear: 0, optional: false }
}

/// What is at `path` with other flags.
pub(super) const fn itself(path: &str, set: u8, clear: u8) -> Mount<'_> {
    Mount { set, clear, ..mount(path, Content::Itself, "") }
}

/// What is at `source`, at `path`.
pub(super) const fn bind<'a>(source: &'a str, path: &'a str) -> Mount<'a> {
    mount(path, Content::Bind, source)
}

/// Nothing at `path`.
pub(super) const fn inaccessible(path: &str) -> Mount<'_> {
    Mount { only: RDONLY | NOEXEC, ..mount(path, Content::Inaccessible, "") }
}

/// Mounts that live as long as the test.
pub(super) fn leak<'a>(mut mounts: Vec<Mount<'a>>) -> &'a [Mount<'a>] {
    mounts.sort_by_key(|mount| mount.path);
    Vec::leak(mounts)
}

/// `PrivateTmp=yes` with this token.
pub(super) fn connect_tmp(plan: &mut Plan<'_>, token: u64) {
    (plan.view.mounts, plan.view.tmp_token) = (&CONNECTED_TMP, token);
}

/// `ProtectSystem=strict`.
pub(super) fn strict() -> Vec<Mount<'static>> {
    let kept = ["/dev", "/home", "/proc", "/root", "/run/user", "/sys"];
    let kept = kept.map(|path| Mount { optional: true, ..itself(path, 0, RDONLY) });
    [itself("/", RDONLY, 0)].into_iter().chain(kept).collect()
}

/// What `DynamicUser=yes` forces, with `directories` of the unit's own.
pub(super) fn dynamic_users<'a>(directories: &[Directory<'a>]) -> Vec<Mount<'a>> {
    let tmp = |path| Mount { only: NOSUID | NODEV, ..mount(path, Content::New, "tmpfs:mode=1777,size=50%") };
    let mut mounts = strict();
    mounts.retain(|mount| !["/home", "/root", "/run/user"].contains(&mount.path));
    mounts.extend([tmp("/tmp"), tmp("/var/tmp")].map(|mount| Mount { clear: RDONLY, ..mount }));
    for directory in directories {
        let private = directory.kind.is_private(false);
        let prefix = format!("/{}{}", directory.kind.prefix(), if private { "/private" } else { "" });
        let prefix: &str = prefix.leak();
        if private {
            let cover = mount(prefix, Content::New, "tmpfs:mode=0755,size=4m");
            mounts.push(Mount { only: RDONLY | NOSUID | NODEV | NOEXEC, clear: RDONLY, ..cover });
        }
        for name in directory.names.iter() {
            let path: &str = format!("{prefix}/{}", name.to_str().expect("UTF-8")).leak();
            let content = if private { Content::Bind } else { Content::Itself };
            mounts.push(Mount { clear: RDONLY, ..mount(path, content, if private { path } else { "" }) });
        }
    }
    mounts
}
