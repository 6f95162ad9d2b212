//! The first process of the pid namespace: makes the other namespaces, builds the root, becomes tomte.

use std::{env, fs, io::Write as _, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Result};
use rustix::{
    mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount},
    process::{Signal, geteuid, pivot_root, set_parent_process_death_signal},
    thread::UnshareFlags,
    time::{ClockId, clock_gettime},
};

use super::{Plan, keeper::unshare, loopback, overlay::Layers, root};

/// Where tomte is in the new root.
const BINARY: &str = "/sbin/tomte";

/// What PID 1 has of its own besides the pid namespace, which the keeper made.
const NAMESPACES: UnshareFlags = UnshareFlags::NEWNS
    .union(UnshareFlags::NEWIPC)
    .union(UnshareFlags::NEWUTS)
    .union(UnshareFlags::NEWNET)
    .union(UnshareFlags::NEWCGROUP);

/// Tries, in a process of its own that ends then, whether the kernel allows all of it.
pub fn try_namespaces() -> Result<()> {
    if !geteuid().is_root() {
        unshare(UnshareFlags::NEWUSER, "a user namespace")?;
    }
    unshare(NAMESPACES | UnshareFlags::NEWPID, "namespaces")
}

/// Becomes PID 1. Comes back only with an error.
pub fn run(plan: &Plan) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot tie PID 1 to xtask (PDEATHSIG)")?;
    if let Some(dir) = &plan.cgroup {
        let procs = dir.join("cgroup.procs");
        fs::write(&procs, "0")
            .with_context(|| format!("cannot enter the run's cgroup ({})", procs.display()))?;
    }
    unshare(NAMESPACES, "mount, ipc, uts, net and cgroup namespaces")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .context("cannot make the mounts private")?;
    loopback::up()?;
    let old = enter_new_root(plan)?;
    root::fill(plan, &old)?;
    root::install(&old, &plan.binary, Path::new(BINARY))?;
    unmount(&old, UnmountFlags::DETACH).context("cannot leave the host's root")?;
    let _ = fs::remove_dir(&old);
    env::set_current_dir("/")?;
    let mut init = Command::new(BINARY);
    init.arg0("init")
        .args(&plan.words)
        .env_clear()
        // What the kernel gives its init, and the container's name as systemd-nspawn(1) and others give it.
        .envs([("HOME", "/"), ("TERM", "linux"), ("container", super::CONTAINER)]);
    if plan.defects.stamped {
        let mut stamps = fs::OpenOptions::new().write(true).open(super::STAMPS_INSIDE)?;
        let now = clock_gettime(ClockId::Monotonic);
        let now_us = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000;
        stamps.write_all(&[now_us.to_ne_bytes(), 1_u64.to_ne_bytes()].concat())?;
    }
    let error = init.exec();
    Err(error).with_context(|| format!("cannot execute {BINARY}"))
}

/// Makes the overlay the root. The host's is then at the path that is given back.
fn enter_new_root(plan: &Plan) -> Result<std::path::PathBuf> {
    let mut layers = Layers::new(&plan.base(), plan.user_namespace)?;
    let new = match &plan.root {
        Some(folder) => layers.overlay_folder(folder)?,
        None => layers.overlay_root()?,
    };
    let name = ".host-root";
    fs::create_dir_all(new.join(name)).context("cannot make a place for the host's root")?;
    env::set_current_dir(&new)?;
    pivot_root(".", name).context("cannot pivot into the new root")?;
    env::set_current_dir("/")?;
    Ok(Path::new("/").join(name))
}
