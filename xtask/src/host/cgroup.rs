//! The run's own cgroup below the cgroup2 hierarchy of the host, if there is one that may be written.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::fs::statfs;

/// f_type of cgroup2 (linux/magic.h, CGROUP2_SUPER_MAGIC).
const CGROUP2_MAGIC: u64 = 0x6367_7270;
/// Where distributions mount it: alone, or beside the first version's hierarchies.
const PLACES: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// How often and at what distance removal is tried again: the kernel lets go of a cgroup a moment after its last
/// process.
const REMOVAL: (u32, Duration) = (50, Duration::from_millis(20));

/// Makes a cgroup for this run, below the one xtask is in or else at the top. `None` when there is no cgroup2 or it
/// may not be written; the run goes on without.
pub fn create() -> Option<PathBuf> {
    candidates(std::process::id()).into_iter().find_map(|dir| {
        fs::create_dir(&dir).ok()?;
        let writable = fs::OpenOptions::new().write(true).open(dir.join("cgroup.procs")).is_ok();
        if writable {
            return Some(dir);
        }
        let _ = fs::remove_dir(&dir);
        None
    })
}

/// Whether the run of the xtask with the process id `pid` still has a cgroup.
pub fn is_left(pid: u32) -> bool {
    candidates(pid).iter().any(|dir| dir.exists())
}

/// Where the run of the xtask with the process id `pid` may have its cgroup, best first.
fn candidates(pid: u32) -> Vec<PathBuf> {
    let Some(mount) = PLACES.iter().map(Path::new).find(|place| is_cgroup2(place)) else { return Vec::new() };
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    [mount.join(own), mount.to_owned()].map(|parent| parent.join(format!("tomte-{pid}"))).into()
}

fn is_cgroup2(place: &Path) -> bool {
    // The type's width differs between architectures; the magic fits into all of them.
    statfs(place).is_ok_and(|found| found.f_type as u64 == CGROUP2_MAGIC)
}

/// Removes `dir` and every cgroup below it, after all their processes have ended.
pub fn remove(dir: &Path) {
    let _ = fs::write(dir.join("cgroup.kill"), "1");
    for _ in 0..REMOVAL.0 {
        remove_once(dir);
        if !dir.exists() {
            return;
        }
        thread::sleep(REMOVAL.1);
    }
    eprintln!("cannot remove {}: somebody is still in it", dir.display());
}

fn remove_once(dir: &Path) {
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_once(&entry.path());
    }
    let _ = fs::remove_dir(dir);
}
