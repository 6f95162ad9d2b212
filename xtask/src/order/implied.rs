//! What a unit depends on without saying so: default dependencies, and those that its own settings imply
//! (systemd.service(5), .socket(5), .timer(5), .path(5), .mount(5) and .swap(5), "Automatic Dependencies"; observed on
//! systemd 252).
//!
//! Left out: shutdown.target and umount.target, as the supervisor orders the shutdown; slices, as a cgroup is made when
//! its first unit starts; device units, as there are none.

use std::collections::BTreeMap;

use tomte::table::PrivateTmp;

use crate::model::{Elapse, Exec, Kind, Mount, Relation, Unit};

/// The reason given for default dependencies.
pub const DEFAULT: &str = "DefaultDependencies=yes";
/// The reason given for the unit that is started.
const TRIGGER: &str = "it starts that unit";
/// The reason given for mount points.
const MOUNT_POINT: &str = "a path of it lies there";

/// A dependency that stands in no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implied {
    pub relation: Relation,
    pub other: String,
    pub why: &'static str,
}

/// All that `unit` implies. `units` is all there are: mount points are looked for among them.
pub fn of(unit: &Unit, units: &BTreeMap<String, Unit>) -> Vec<Implied> {
    let mut implied = Vec::new();
    let mut add = |relation, other: &str, why| {
        implied.push(Implied { relation, other: other.to_owned(), why });
    };
    if unit.default_dependencies {
        for (relation, other) in defaults(&unit.kind) {
            add(relation, other, DEFAULT);
        }
    }
    let per_connection = matches!(&unit.kind, Kind::Socket(socket) if socket.accept);
    if let Some(other) = unit.kind.triggers().filter(|other| !per_connection && !other.value.is_empty()) {
        add(Relation::Triggers, &other.value, TRIGGER);
        add(Relation::Before, &other.value, TRIGGER);
    }
    if let Kind::Socket(socket) = &unit.kind {
        for instance in socket.instances() {
            add(Relation::Triggers, &instance, TRIGGER);
            add(Relation::Before, &instance, TRIGGER);
        }
    }
    let written = unit.mounts_for.iter().map(|(relation, path)| (*relation, path.clone()));
    for (relation, path) in paths(&unit.kind).into_iter().chain(written) {
        let below = |mount: &Mount| is_below(&path, &mount.r#where.value);
        let points = units.values().filter(|other| matches!(&other.kind, Kind::Mount(mount) if below(mount)));
        for point in points.filter(|point| point.name != unit.name) {
            add(relation, &point.name, MOUNT_POINT);
            add(Relation::After, &point.name, MOUNT_POINT);
        }
    }
    implied
}

/// Default dependencies of a kind.
fn defaults(kind: &Kind) -> Vec<(Relation, &'static str)> {
    use Relation::{After, Before, Requires, Wants};
    let mut defaults = match kind {
        Kind::Service(_) | Kind::Socket(_) | Kind::Timer(_) | Kind::Path(_) => {
            vec![(Requires, "sysinit.target"), (After, "sysinit.target")]
        }
        Kind::Target | Kind::Mount(_) | Kind::Swap(_) | Kind::Slice(_) | Kind::Device(_) => Vec::new(),
    };
    match kind {
        Kind::Service(_) => defaults.push((After, "basic.target")),
        Kind::Socket(_) => defaults.push((Before, "sockets.target")),
        Kind::Timer(timer) => {
            defaults.push((Before, "timers.target"));
            if timer.elapses.iter().any(|elapse| matches!(elapse.value, Elapse::Calendar(_))) {
                defaults.extend([(After, "time-set.target"), (After, "time-sync.target")]);
            }
        }
        Kind::Path(_) => defaults.push((Before, "paths.target")),
        Kind::Mount(mount) => {
            let (before, after) = match mount.is_network() {
                true => ("remote-fs.target", "remote-fs-pre.target"),
                false => ("local-fs.target", "local-fs-pre.target"),
            };
            defaults.push((After, after));
            if !mount.has_option("nofail") {
                defaults.push((Before, before));
            }
            if mount.is_network() {
                defaults.extend([
                    (After, "network.target"),
                    (Wants, "network-online.target"),
                    (After, "network-online.target"),
                ]);
            }
            if mount.file_system.value == "tmpfs" {
                defaults.push((After, "swap.target"));
            }
        }
        Kind::Swap(_) => defaults.push((Before, "swap.target")),
        Kind::Target | Kind::Slice(_) | Kind::Device(_) => {}
    }
    defaults
}

/// The paths that have to be mounted before the unit starts, or should be.
fn paths(kind: &Kind) -> Vec<(Relation, String)> {
    let required = |path: &str| (Relation::Requires, path.to_owned());
    match kind {
        Kind::Socket(socket) => {
            let listens = socket.listen.iter().filter_map(|listen| listen.value.path()).map(required);
            let runs = kind.service().map(|service| of_processes(&service.exec)).unwrap_or_default();
            listens.chain(runs).collect()
        }
        Kind::Timer(timer) if timer.persistent => vec![required("/var/lib/systemd/timers")],
        Kind::Path(path) => path.watches.iter().map(|(_, watched)| required(&watched.value)).collect(),
        Kind::Mount(mount) => {
            let parent = mount.r#where.value.rsplit_once('/').map_or("/", |(parent, _)| parent);
            let source = Some(mount.what.value.as_str()).filter(|what| what.starts_with('/'));
            source.into_iter().chain([parent]).map(required).collect()
        }
        Kind::Swap(swap) => vec![required(&swap.what.value)],
        Kind::Service(service) => of_processes(&service.exec),
        Kind::Target | Kind::Timer(_) | Kind::Slice(_) | Kind::Device(_) => Vec::new(),
    }
}

/// Those of a service's processes (unit.c, `unit_add_exec_dependencies`).
fn of_processes(exec: &Exec) -> Vec<(Relation, String)> {
    let mut paths = Vec::new();
    if exec.working_directory.starts_with('/') {
        let relation = if exec.working_directory_optional { Relation::Wants } else { Relation::Requires };
        paths.push((relation, exec.working_directory.clone()));
    }
    if !exec.view.root.is_empty() {
        paths.push((Relation::Requires, exec.view.root.clone()));
    }
    for directories in &exec.directories {
        let prefix = directories.kind.prefix();
        paths.extend(directories.names.iter().map(|name| (Relation::Requires, format!("{prefix}/{name}"))));
    }
    if exec.private_tmp != PrivateTmp::No {
        paths.extend(["/tmp", "/var/tmp"].map(|path| (Relation::Wants, path.to_owned())));
    }
    paths
}

/// Whether `path` is `point` or lies below it.
fn is_below(path: &str, point: &str) -> bool {
    path.strip_prefix(point).is_some_and(|rest| point == "/" || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check, diag::Diagnostics};

    /// The units of `files`, each a name and its text.
    fn load(files: &[(&str, &str)]) -> BTreeMap<String, Unit> {
        let folder = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("writable");
        }
        let mut sink = Diagnostics::default();
        let units = check::load(&[folder.path().to_owned()], &mut sink);
        assert!(!sink.has_errors(), "{}", sink.render(false));
        units.into_iter().map(|unit| (unit.name.clone(), unit)).collect()
    }

    fn shown(units: &BTreeMap<String, Unit>, name: &str) -> String {
        let mut list: Vec<_> = of(&units[name], units)
            .into_iter()
            .filter(|one| one.relation != Relation::Triggers)
            .map(|one| format!("{}={}", one.relation.setting(), one.other))
            .collect();
        list.sort();
        list.join(" ")
    }

    #[test]
    fn dependencies_are_those_that_systemd_shows() {
        let units = load(&[
            ("x.socket", "[Socket]\nListenStream=/run/x.sock\n"),
            ("acc.socket", "[Socket]\nListenStream=1234\nAccept=yes\nMaxConnections=1\n"),
            ("x.timer", "[Timer]\nOnCalendar=daily\n"),
            ("y.timer", "[Timer]\nOnBootSec=5min\nUnit=x.service\n"),
            ("x.path", "[Path]\nPathExists=/run/foo\n"),
            ("mnt-x.mount", "[Mount]\nWhat=/dev/sda9\nWhere=/mnt/x\n"),
            ("mnt-n.mount", "[Mount]\nWhat=server:/x\nWhere=/mnt/n\nType=nfs\n"),
            ("mnt-t.mount", "[Mount]\nWhat=tmpfs\nWhere=/mnt/t\nType=tmpfs\nOptions=ro,nofail\n"),
            ("dev-sdz9.swap", "[Swap]\nWhat=/dev/sdz9\n"),
            ("a-b.slice", "[Slice]\nMemoryMax=1G\n"),
            ("bare.timer", "[Unit]\nDefaultDependencies=no\n[Timer]\nOnCalendar=daily\n"),
        ]);
        for (name, dependencies) in [
            (
                "x.socket",
                "After=sysinit.target Before=sockets.target Before=x.service Requires=sysinit.target",
            ),
            (
                // systemd says so of each instance when it makes it.
                "acc.socket",
                "After=sysinit.target Before=acc@0.service Before=sockets.target Requires=sysinit.target",
            ),
            (
                "x.timer",
                "After=sysinit.target After=time-set.target After=time-sync.target Before=timers.target \
                 Before=x.service Requires=sysinit.target",
            ),
            ("y.timer", "After=sysinit.target Before=timers.target Before=x.service Requires=sysinit.target"),
            ("x.path", "After=sysinit.target Before=paths.target Before=x.service Requires=sysinit.target"),
            ("mnt-x.mount", "After=local-fs-pre.target Before=local-fs.target"),
            (
                "mnt-n.mount",
                "After=network-online.target After=network.target After=remote-fs-pre.target \
                 Before=remote-fs.target Wants=network-online.target",
            ),
            ("mnt-t.mount", "After=local-fs-pre.target After=swap.target"),
            ("dev-sdz9.swap", "Before=swap.target"),
            ("a-b.slice", ""),
            ("bare.timer", "Before=bare.service"),
        ] {
            assert_eq!(shown(&units, name), dependencies, "{name}");
        }
    }

    #[test]
    fn a_path_that_lies_below_a_mount_point_needs_it() {
        let units = load(&[
            ("mnt-x.mount", "[Mount]\nWhat=/dev/sda9\n"),
            ("mnt-x-b.mount", "[Unit]\nDefaultDependencies=no\n[Mount]\nWhat=/srv/a\nOptions=bind\n"),
            ("srv.mount", "[Mount]\nWhat=/dev/sda8\n"),
            ("var.mount", "[Mount]\nWhat=/dev/sda7\n"),
            ("p.path", "[Unit]\nDefaultDependencies=no\n[Path]\nPathChanged=/mnt/x/b\nPathExists=/mnt/xy\n"),
            ("t.timer", "[Unit]\nDefaultDependencies=no\n[Timer]\nOnBootSec=1\nPersistent=yes\n"),
            ("s.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\nListenFIFO=/srv/f\nListenStream=80\n"),
            ("srv-swap.swap", "[Unit]\nDefaultDependencies=no\n[Swap]\nWhat=/srv/swap\n"),
            (
                "d.service",
                "[Unit]\nDefaultDependencies=no\nWantsMountsFor=/mnt/x/y /other\nRequiresMountsFor=/srv\n\
                 [Service]\nExecStart=/bin/true\nStateDirectory=d\n",
            ),
            (
                "w.service",
                "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\nWorkingDirectory=-/srv/w\n\
                 RootDirectory=/mnt/x/b\nPrivateTmp=yes\n",
            ),
        ]);
        for (name, dependencies) in [
            ("mnt-x-b.mount", "After=mnt-x.mount After=srv.mount Requires=mnt-x.mount Requires=srv.mount"),
            (
                "p.path",
                "After=mnt-x-b.mount After=mnt-x.mount Before=p.service Requires=mnt-x-b.mount \
                 Requires=mnt-x.mount",
            ),
            ("t.timer", "After=var.mount Before=t.service Requires=var.mount"),
            ("s.socket", "After=srv.mount Before=s.service Requires=srv.mount"),
            ("srv-swap.swap", "After=srv.mount Requires=srv.mount"),
            (
                "d.service",
                "After=mnt-x.mount After=srv.mount After=var.mount Requires=srv.mount Requires=var.mount \
                 Wants=mnt-x.mount",
            ),
            (
                "w.service",
                "After=mnt-x-b.mount After=mnt-x.mount After=srv.mount After=var.mount Requires=mnt-x-b.mount \
                 Requires=mnt-x.mount Wants=srv.mount Wants=var.mount",
            ),
        ] {
            assert_eq!(shown(&units, name), dependencies, "{name}");
        }
    }
}
