//! What a unit says of others without a line of its file: `DefaultDependencies=yes` (systemd.service(5) and its kind,
//! "Default Dependencies"). Conflicts with shutdown.target are left out: the supervisor shuts down without units.

use crate::model::{Kind, Relation, Unit};

const START: &[(Relation, &str)] =
    &[(Relation::Requires, "sysinit.target"), (Relation::After, "sysinit.target")];

/// The default dependencies of `unit`. A target's depend on what it pulls in: `Graph::order_targets`.
pub(super) fn of(unit: &Unit) -> impl Iterator<Item = (Relation, &'static str)> {
    let (first, second): (&'static [_], &'static [_]) = match unit.kind {
        Kind::Service(_) => (START, &[(Relation::After, "basic.target")]),
        Kind::Socket(_) => (START, &[(Relation::Before, "sockets.target")]),
        Kind::Timer => (START, &[(Relation::Before, "timers.target")]),
        Kind::Path => (START, &[(Relation::Before, "paths.target")]),
        Kind::Swap(_) => (&[(Relation::Before, "swap.target")], &[]),
        Kind::Mount(_) => {
            (&[(Relation::After, "local-fs-pre.target")], &[(Relation::Before, "local-fs.target")])
        }
        Kind::Target | Kind::Slice => (&[], &[]),
    };
    let on = unit.default_dependencies;
    first.iter().chain(second).copied().filter(move |_| on)
}
