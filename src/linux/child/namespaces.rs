//! Namespaces besides that of mounts: network, IPC, hostname, users. That of processes is made by the parent's clone3.

use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, openat},
    io::{self, Errno},
    path::DecInt,
    pipe::{PipeFlags, pipe_with},
    process::getpid,
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe},
};

use super::{Work, mounts};

use crate::linux::{
    AsFd,
    path::PathBuffer,
    plan::{Privilege, Users},
    raw::{
        network,
        process::{self, Ending, Forked},
    },
};

/// `PrivateNetwork=` and `NetworkNamespacePath=`.
pub(super) fn enter_network(work: &mut Work<'_>) -> Result<(), Errno> {
    let wanted = work.plan.namespaces;
    if work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    if !wanted.network_path.is_empty() {
        return join(wanted.network_path, LinkNameSpaceType::Network);
    }
    if wanted.network {
        leave(UnshareFlags::NEWNET)?;
        network::set_loopback_up()?;
    }
    Ok(())
}

/// `PrivateIPC=`, `IPCNamespacePath=`, `ProtectHostname=`, and the mount namespace.
pub(super) fn enter(work: &mut Work<'_>) -> Result<(), Errno> {
    let (wanted, view) = (work.plan.namespaces, work.plan.view);
    if work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    if !wanted.ipc_path.is_empty() {
        join(wanted.ipc_path, LinkNameSpaceType::InterProcessCommunication)?;
    }
    let mounts = view.own || !view.mounts.is_empty();
    let mut flags = UnshareFlags::empty();
    flags.set(UnshareFlags::NEWIPC, wanted.ipc && wanted.ipc_path.is_empty());
    flags.set(UnshareFlags::NEWUTS, wanted.hostname);
    flags.set(UnshareFlags::NEWNS, mounts);
    if !flags.is_empty() {
        leave(flags)?;
    }
    if mounts { mounts::make(work) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "unshare could take memory or descriptors away from other threads")]
fn leave(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: no caller passes a flag that takes either, and this process has one thread.
    unsafe { unshare_unsafe(flags) }
}

fn join(path: &str, kind: LinkNameSpaceType) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let path = buffer.join(&[path])?;
    let namespace = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    move_into_link_name_space(namespace.as_fd(), Some(kind))
}

/// `PrivateUsers=`: root and the unit's user are themselves, everybody else is nobody. Whoever is inside may not write
/// such a map, so a helper outside does.
pub(super) fn enter_users(work: &mut Work<'_>) -> Result<(), Errno> {
    let users = work.plan.namespaces.users;
    if users == Users::Host || work.plan.privilege == Privilege::Full {
        return Ok(());
    }
    let (ready, told) = pipe_with(PipeFlags::CLOEXEC)?;
    let whole = users == Users::Identity;
    let ids = [work.who.uid.unwrap_or(0), work.who.gid.unwrap_or(0)];
    let me = DecInt::new(getpid().as_raw_nonzero().get());
    match process::fork(None)? {
        Forked::Child => {
            drop(told);
            let mapped = wait_for_end(&ready)
                .and_then(|()| map(&me, "uid_map", ids[0], whole))
                .and_then(|()| map(&me, "gid_map", ids[1], whole));
            process::exit(mapped.err().map_or(0, |errno| errno.raw_os_error() as u8))
        }
        Forked::Parent { .. } => {
            let left = leave(UnshareFlags::NEWUSER);
            drop((ready, told)); // the helper goes on, whatever became of it
            let helper = process::wait_for_any()?;
            left?;
            match helper {
                Some((_, Ending::Exited(0))) => Ok(()),
                Some((_, Ending::Exited(code))) => Err(Errno::from_raw_os_error(code.into())),
                Some((_, Ending::Killed(_) | Ending::Dumped(_))) | None => Err(Errno::CHILD),
            }
        }
    }
}

fn wait_for_end(pipe: &OwnedFd) -> Result<(), Errno> {
    io::retry_on_intr(|| io::read(pipe.as_fd(), &mut [0_u8; 1])).map(drop)
}

/// Writes one map of process `pid`: numbers inside, numbers outside, how many.
fn map(pid: &DecInt, name: &str, id: u32, whole: bool) -> Result<(), Errno> {
    let mut path = PathBuffer::empty();
    let path = path.join(&["/proc/", pid.as_str(), "/", name])?;
    let id = DecInt::new(id);
    let mut own = PathBuffer::empty();
    let own = own.join(&[id.as_str(), " ", id.as_str(), " 1\n"])?;
    let (all, root) = (c"0 0 65536\n", c"0 0 1\n");
    let lines = match (whole, id.as_bytes()) {
        (true, _) => [all, c""],
        (false, b"0") => [root, c""],
        (false, _) => [root, own],
    };
    let mut text = heapless::Vec::<u8, 64>::new();
    for line in lines {
        text.extend_from_slice(line.to_bytes()).map_err(|_| Errno::TOOBIG)?;
    }
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    io::write(file.as_fd(), &text).map(drop)
}
