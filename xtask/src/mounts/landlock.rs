//! Landlock's rules for a unit: what its mounts say, as far as rules can say it.
//!
//! A rule allows something at and below a path; nothing can be closed again below. So there are rules only where `/`
//! itself is read-only (or not executable) and some of what is below it is not; what is closed below that is left to the
//! mounts. The rules never refuse what the mounts allow.

use tomte::table::{Content, Mount as Flags};

use super::{Mount, View};
use crate::{model::Exec, values::namespace};

/// As `tomte::table::Landlock`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landlock {
    pub writable: Option<Vec<String>>,
    pub executable: Option<Vec<String>>,
    pub beside_mounts: bool,
    /// Paths that only the mounts close.
    pub left: Vec<String>,
}

/// The rules for a process of `exec`, which sees `view`.
pub fn landlock(exec: &Exec, view: &View) -> Landlock {
    let (mut left, flags) = (Vec::new(), flags(view));
    let writable = open(&flags, Flags::RDONLY, &mut left);
    let executable = open(&flags, Flags::NOEXEC, &mut left);
    left.sort();
    left.dedup();
    Landlock { writable, executable, beside_mounts: does_not_mind(exec), left }
}

/// Every mount and the flags that it ends up with, as `linux::child::mounts` makes them.
fn flags(view: &View) -> Vec<(&Mount, u8)> {
    let above = |path: &str| {
        let mounts = view.mounts.iter().filter(|above| above.path != path && is_below(path, &above.path));
        mounts.fold(0, |flags, above| flags & !above.clear | above.set)
    };
    view.mounts.iter().map(|one| (one, above(&one.path) & !one.clear | one.set | one.only)).collect()
}

fn is_below(path: &str, above: &str) -> bool {
    above == "/" || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The paths without `flag`, if `/` has it. Those with it below them go to `left`.
fn open(mounts: &[(&Mount, u8)], flag: u8, left: &mut Vec<String>) -> Option<Vec<String>> {
    let root = mounts.iter().find(|(mount, _)| mount.path == "/")?;
    if root.1 & flag == 0 {
        return None;
    }
    let mut open: Vec<String> = Vec::new();
    for (mount, flags) in mounts {
        let below_open = open.iter().any(|above| is_below(&mount.path, above));
        match (flags & flag == 0 && mount.content != Content::Inaccessible, below_open) {
            (true, false) => open.push(mount.path.clone()),
            (false, true) => left.push(mount.path.clone()),
            (true, true) | (false, false) => {}
        }
    }
    Some(open)
}

/// Whether what else Landlock forbids is nothing to a process of `exec`: it cannot mount anyhow, and has no privilege to
/// look into other users' processes.
fn does_not_mind(exec: &Exec) -> bool {
    const SYS_PTRACE: u64 = 1 << 19;
    const SYS_ADMIN: u64 = 1 << 21;
    let policy = &exec.system_calls;
    let leaves_root = !matches!(exec.user.value.as_str(), "" | "0" | "root");
    let no_users = policy.namespaces.is_some_and(|kept| kept & namespace::USER == 0);
    let no_mounts = ["mount", "move_mount", "umount2", "pivot_root"].iter().all(|call| !policy.allows(call));
    leaves_root
        && exec.no_new_privileges
        && exec.ambient_capabilities & (SYS_PTRACE | SYS_ADMIN) == 0
        && (no_users || no_mounts)
}
