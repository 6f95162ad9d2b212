//! The mount plan: everything that a unit's settings say of the file system, as one list of mounts for the child to make
//! (systemd-semantics.md §3.1; namespace.c). Sorted by path, as a rule one mount for each, parents before what is below them.
//!
//! Pure. What a path is on the target (a link, missing) is the child's business.

mod kernel;
mod landlock;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use tomte::table::{Content, DirectoryKind, Mount as Flags, Preserve, PrivateTmp, Propagation};

pub use landlock::{Landlock, landlock};

use crate::model::{
    self, Access, BindPath, CredentialsView, Directories, Exec, Namespaces, Protect, ProtectHome,
    ProtectSystem,
};

const RDONLY: u8 = Flags::RDONLY;
const NOSUID: u8 = Flags::NOSUID;
const NODEV: u8 = Flags::NODEV;
const NOEXEC: u8 = Flags::NOEXEC;

/// What `ProtectSystem=strict` leaves alone.
const KERNEL_TREES: [&str; 3] = ["/dev", "/proc", "/sys"];
/// What `ProtectHome=` is about.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
/// What `ProtectSystem=yes` and, with the last one, `full` make read-only.
const SYSTEM: [&str; 4] = ["/usr", "/boot", "/efi", "/etc"];
/// Where temporary files are.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// An own /tmp. The sizes are systemd's, so that one unit cannot eat all memory.
const TMP: &str = "tmpfs:mode=1777,size=50%,nr_inodes=1m";
/// What covers homes and other units' private directories.
const COVER: &str = "tmpfs:mode=0755,size=4m,nr_inodes=1k";
const COVER_CLOSED: &str = "tmpfs:mode=0700,size=4m,nr_inodes=1k";
/// `PrivateDevices=`.
const DEVICES: &str = "tmpfs:mode=0755,size=4m,nr_inodes=64k";

/// As `tomte::table::Mount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub path: String,
    pub content: Content,
    pub source: String,
    pub set: u8,
    pub only: u8,
    pub clear: u8,
    pub optional: bool,
}

impl Mount {
    fn new(path: &str, content: Content, source: &str) -> Self {
        // Nothing that is put somewhere is read-only only because its surroundings are.
        let clear = if content == Content::Itself { 0 } else { RDONLY };
        Self {
            path: path.to_owned(),
            content,
            source: source.to_owned(),
            set: 0,
            only: 0,
            clear,
            optional: false,
        }
    }

    /// What is there anyhow, with other flags.
    fn itself(path: &str, set: u8, clear: u8) -> Self {
        Self { set, clear, ..Self::new(path, Content::Itself, "") }
    }

    fn inaccessible(path: &str) -> Self {
        Self { only: Flags::FLAGS, ..Self::new(path, Content::Inaccessible, "") }
    }

    /// The host's own, where something else would be.
    fn kept(path: &str) -> Self {
        Self::new(path, Content::Bind, path)
    }

    fn only(self, only: u8) -> Self {
        Self { only, ..self }
    }

    fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// As `tomte::table::View`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub own: bool,
    pub root: String,
    pub propagation: Propagation,
    pub mounts: Vec<Mount>,
}

/// What a process of `exec` sees of the file system.
pub fn view(exec: &Exec) -> View {
    let view = planned(exec);
    if exec.view.api_file_systems != Some(true) || !view.own {
        return view;
    }
    // `MountAPIVFS=` says what there is in a namespace, not that there is one (execute.c, `exec_needs_mount_namespace`).
    let mut without = exec.clone();
    without.view.api_file_systems = None;
    Some(planned(&without)).filter(|without| !without.own).unwrap_or(view)
}

fn planned(exec: &Exec) -> View {
    let mut plan = Plan::default();
    plan.protect_system(exec);
    plan.protect_home(exec);
    plan.private_tmp(exec);
    kernel::protect(&mut plan, exec);
    plan.access(exec);
    exec.view.binds.iter().for_each(|bind| plan.bind(bind));
    for one in &exec.view.temporary {
        plan.add(Mount::new(&one.path, Content::New, &format!("tmpfs:{}", one.options)).only(one.flags));
    }
    kernel::api_file_systems(&mut plan, exec);
    plan.directories(exec);
    let own = !plan.0.is_empty()
        || exec.view.private_mounts
        || exec.view.propagation.is_some_and(|propagation| propagation != Propagation::Shared)
        || !exec.view.root.is_empty();
    if own {
        plan.credentials(&exec.view.credentials);
        kernel::protect_hostname(&mut plan, exec);
    }
    let mounts: Vec<Mount> = plan.0.into_values().collect();
    let propagation = exec.view.propagation;
    View {
        own,
        root: exec.view.root.clone(),
        propagation: propagation.unwrap_or(Propagation::Shared),
        mounts,
    }
}

/// The same for all commands but `ExecStart=`, if it is something else: with `RootDirectoryStartOnly=` they have the root
/// that everybody has (service.c, `EXEC_APPLY_CHROOT`), and paths are those below it.
pub fn view_besides(exec: &Exec) -> Option<View> {
    let mut exec = exec.clone();
    let rooted = !core::mem::take(&mut exec.view.root).is_empty();
    (rooted && exec.view.root_start_only).then(|| view(&exec))
}

/// What commands with the prefix `+` see: what settings put there, not what they protect or hide (exec-invoke.c,
/// `apply_mount_namespace`); `None` if that is what PID 1 sees.
pub fn view_privileged(exec: &Exec) -> Option<View> {
    let wanted = &exec.view;
    let seen = model::View {
        root: if wanted.root_start_only { String::new() } else { wanted.root.clone() },
        api_file_systems: wanted.api_file_systems.filter(|_| !wanted.root.is_empty()),
        private_mounts: wanted.private_mounts,
        propagation: wanted.propagation,
        binds: wanted.binds.clone(),
        temporary: wanted.temporary.clone(),
        ..model::View::default()
    };
    let plain = Exec {
        view: seen,
        protect_system: ProtectSystem::No,
        protect_home: ProtectHome::No,
        protect: Protect::default(),
        private_tmp: PrivateTmp::No,
        namespaces: Namespaces::host(),
        directories: Vec::new(),
        ..exec.clone()
    };
    Some(view(&plain)).filter(|view| view.own)
}

/// What one path is to show, strongest first (systemd's `MountMode`; there a new file system is the weakest, and what it was to
/// hide is shown read-only).
const fn strength(content: Content) -> u8 {
    match content {
        Content::Inaccessible => 0,
        Content::BindOne => 1,
        Content::Bind => 2,
        Content::PrivateTmp => 3,
        Content::Devices => 4,
        Content::New => 5,
        Content::Itself => 6,
    }
}

/// Mounts by path. Behind a bind that may lack its source stands what is wanted of the path besides.
#[derive(Default)]
struct Plan(BTreeMap<(String, bool), Mount>);

impl Plan {
    /// Adds a wish.
    fn add(&mut self, wish: Mount) {
        self.put(wish, false);
    }

    /// Of several wishes about one path the strongest decides what is there, of several of one kind the first; what any of
    /// them narrows is narrowed.
    fn put(&mut self, wish: Mount, besides: bool) {
        let key = (wish.path.clone(), besides);
        let Some(other) = self.0.remove(&key) else {
            self.0.insert(key, wish);
            return;
        };
        let (winner, loser) = match strength(other.content) <= strength(wish.content) {
            true => (other, wish),
            false => (wish, other),
        };
        let is_bind = |mount: &Mount| matches!(mount.content, Content::Bind | Content::BindOne);
        let same = winner.content == loser.content || is_bind(&winner) && is_bind(&loser);
        let may_lack = winner.optional && is_bind(&winner) && !same;
        let set = winner.set | loser.set;
        let merged = Mount {
            set,
            only: if same { winner.only | loser.only } else { winner.only },
            clear: (winner.clear | loser.clear) & !set,
            optional: winner.optional && (loser.optional || may_lack),
            ..winner
        };
        self.0.insert(key, merged);
        if may_lack {
            self.put(loser, true);
        }
    }

    fn protect_system(&mut self, exec: &Exec) {
        let paths = match exec.protect_system {
            ProtectSystem::No => &[][..],
            ProtectSystem::Yes => &SYSTEM[..3],
            ProtectSystem::Full => &SYSTEM[..],
            ProtectSystem::Strict => {
                self.add(Mount::itself("/", RDONLY, 0));
                let homes = if exec.protect_home == ProtectHome::No { &HOMES[..] } else { &[] };
                for path in KERNEL_TREES.iter().chain(homes) {
                    self.add(Mount::itself(path, 0, RDONLY).optional());
                }
                &[]
            }
        };
        for path in paths {
            self.add(Mount::itself(path, RDONLY, 0).optional());
        }
    }

    fn protect_home(&mut self, exec: &Exec) {
        let strict = exec.protect_system == ProtectSystem::Strict;
        for path in HOMES {
            let mount = match exec.protect_home {
                ProtectHome::No => continue,
                ProtectHome::ReadOnly if strict => continue, // it is already
                ProtectHome::ReadOnly => Mount::itself(path, RDONLY, 0),
                ProtectHome::Yes => Mount::inaccessible(path),
                ProtectHome::Tmpfs => {
                    let cover = if path == "/root" { COVER_CLOSED } else { COVER };
                    Mount::new(path, Content::New, cover).only(RDONLY | NOSUID | NODEV)
                }
            };
            self.add(mount.optional());
        }
    }

    fn private_tmp(&mut self, exec: &Exec) {
        for path in TEMPORARY {
            let mount = match exec.private_tmp {
                PrivateTmp::No => continue,
                PrivateTmp::Connected => Mount::new(path, Content::PrivateTmp, ""),
                PrivateTmp::Disconnected => Mount::new(path, Content::New, TMP).only(NOSUID | NODEV),
            };
            self.add(mount.optional());
        }
    }

    /// The unit's own directories, where something else is read-only or stands in their place (systemd has them in every
    /// namespace: namespace.c, `compile_bind_mounts`); a dynamic user's, and nobody else's.
    fn directories(&mut self, exec: &Exec) {
        let rooted = !exec.view.root.is_empty();
        for setting in &exec.directories {
            let private = exec.dynamic_user && is_private(setting.kind, exec.runtime_directory_preserve);
            let prefix = match private {
                true => format!("{}/private", setting.kind.prefix()),
                false => setting.kind.prefix().to_owned(),
            };
            if private {
                let cover = Mount::new(&prefix, Content::New, COVER);
                self.add(cover.only(RDONLY | NOSUID | NODEV | NOEXEC));
            }
            for name in setting.names.iter().filter(|name| !is_below_another(name, setting)) {
                let path = format!("{prefix}/{name}");
                if private || rooted || self.is_covered(&path, RDONLY) {
                    self.add(Mount::kept(&path));
                }
                let public = format!("{}/{name}", setting.kind.prefix());
                if private && (rooted || self.is_covered(&public, 0)) {
                    // In place of the link that leads to it, which is not seen.
                    self.add(Mount::new(&public, Content::Bind, &path));
                }
            }
        }
    }

    /// Whether something else stands above what the host has at `path`, or any of `flags` narrows it.
    fn is_covered(&self, path: &str, flags: u8) -> bool {
        let is_above = |mount: &&Mount| below(path, mount.path.trim_end_matches('/')).is_some();
        // What is bound to where it is shows the same, with other flags.
        let shows_the_host = |mount: &Mount| {
            mount.content == Content::Itself || mount.content == Content::Bind && mount.source == mount.path
        };
        let covers = |mount: &Mount| !shows_the_host(mount) || (mount.set | mount.only) & flags != 0;
        self.0.values().filter(is_above).any(covers)
    }

    /// The unit's own credentials, which only some of its commands find, and nobody else's.
    fn credentials(&mut self, seen: &CredentialsView) {
        const ALL: &str = "/run/credentials";
        match seen {
            CredentialsView::Host => {}
            CredentialsView::Nothing => self.add(Mount::inaccessible(ALL).optional()),
            CredentialsView::Own(path) => {
                self.add(Mount::new(ALL, Content::New, COVER).only(Flags::FLAGS));
                self.add(Mount::kept(path).only(Flags::FLAGS).optional());
            }
        }
    }

    /// `ReadOnlyPaths=` and its kind.
    fn access(&mut self, exec: &Exec) {
        for one in &exec.view.access {
            let path = match one.in_root {
                true => one.path.as_str(),
                false => match below(&one.path, &exec.view.root) {
                    Some(path) => path,
                    None => continue, // not seen anyhow
                },
            };
            let mount = match one.access {
                Access::ReadOnly => Mount::itself(path, RDONLY, 0),
                Access::ReadWrite => Mount::itself(path, 0, RDONLY),
                Access::NoExec => Mount::itself(path, NOEXEC, 0),
                Access::Exec => Mount::itself(path, 0, NOEXEC),
                Access::Inaccessible => Mount::inaccessible(path),
            };
            self.add(Mount { optional: one.optional, ..mount });
        }
    }

    fn bind(&mut self, bind: &BindPath) {
        let content = if bind.recursive { Content::Bind } else { Content::BindOne };
        let mount = Mount::new(&bind.path, content, &bind.source);
        let only = if bind.read_only { RDONLY } else { 0 };
        self.add(Mount { optional: bind.optional, ..mount.only(only) });
    }
}

/// `path` as seen from `root`, if it is there or below.
fn below<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    match path.strip_prefix(root) {
        Some("") => Some("/"),
        Some(rest) if rest.starts_with('/') => Some(rest),
        Some(_) | None => None,
    }
}

/// Whether a dynamic user's directories of this kind stand below `private` (execute.c, `exec_directory_is_private`).
const fn is_private(kind: DirectoryKind, preserve: Preserve) -> bool {
    match kind {
        DirectoryKind::Runtime => !matches!(preserve, Preserve::No),
        DirectoryKind::State | DirectoryKind::Cache | DirectoryKind::Logs => true,
        DirectoryKind::Configuration => false,
    }
}

/// Whether another name of the setting is a parent: such a name needs no mount of its own.
fn is_below_another(name: &str, setting: &Directories) -> bool {
    let parent = |other: &String| name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/'));
    setting.names.iter().any(parent)
}
