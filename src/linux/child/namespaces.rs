//! Namespaces besides that of mounts: network, IPC, hostname, users. That of processes is made by the parent's clone3.

use core::ffi::CStr;

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
    feature::Feature,
    kept,
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
    enter_kept(work, UnshareFlags::NEWNET, wanted.network, wanted.network_path)
}

/// `PrivateIPC=`, `IPCNamespacePath=`, `ProtectHostname=`, and the mount namespace.
pub(super) fn enter(work: &mut Work<'_>) -> Result<(), Errno> {
    let (wanted, view) = (work.plan.namespaces, work.plan.view);
    enter_kept(work, UnshareFlags::NEWIPC, wanted.ipc, wanted.ipc_path)?;
    let mounts = view.own || !view.mounts.is_empty();
    let mut flags = UnshareFlags::empty();
    flags.set(UnshareFlags::NEWUTS, wanted.hostname && work.plan.privilege != Privilege::Full);
    flags.set(UnshareFlags::NEWNS, mounts);
    let left = if flags.is_empty() { flags } else { leave(work, flags)? };
    work.alone = mounts && !left.contains(UnshareFlags::NEWNS);
    match (mounts, work.alone) {
        (false, _) => Ok(()),
        (true, false) => mounts::make(work),
        // Without a namespace of its own the root cannot be another one.
        (true, true) if view.root.is_empty() => Ok(()),
        (true, true) => Err(Errno::OPNOTSUPP),
    }
}

/// Enters a namespace of the network or of IPC: the one that is kept, or else the one at `path`, or else a new one, which is
/// kept then, if anything is.
fn enter_kept<'a>(work: &mut Work<'a>, kind: UnshareFlags, wanted: bool, path: &'a str) -> Result<(), Errno> {
    if !wanted && path.is_empty() {
        return Ok(());
    }
    let network = kind == UnshareFlags::NEWNET;
    work.about.set(path.as_bytes());
    let kept =
        work.plan.namespaces.kept.map(|[one, other]| if network { (one, other) } else { (other, one) });
    let join = |namespace: OwnedFd| {
        let kind =
            if network { LinkNameSpaceType::Network } else { LinkNameSpaceType::InterProcessCommunication };
        move_into_link_name_space(namespace.as_fd(), Some(kind))
    };
    if let Some((_, end)) = kept
        && let Some(namespace) = kept::look(end)?
    {
        return join(namespace);
    }
    if !path.is_empty() {
        join(open(PathBuffer::empty().join(&[path])?)?)?;
    } else if leave(work, kind)?.is_empty() {
        return Ok(());
    } else if network {
        network::set_loopback_up()?;
    }
    let Some((end, other)) = kept else { return Ok(()) };
    let own = open(if network { c"/proc/self/ns/net" } else { c"/proc/self/ns/ipc" })?;
    kept::put(end, own.as_fd())?;
    // Somebody else's may have come first. It is everybody's then.
    kept::look(other)?.ok_or(Errno::NOENT).and_then(join)
}

fn open(path: &CStr) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Leaves PID 1's namespaces of the kinds `wanted`; answers which were left. One that the kernel lacks stays, if the board
/// allows for that.
fn leave(work: &mut Work<'_>, wanted: UnshareFlags) -> Result<UnshareFlags, Errno> {
    const KINDS: [(UnshareFlags, Feature); 5] = [
        (UnshareFlags::NEWNS, Feature::MountNamespaces),
        (UnshareFlags::NEWIPC, Feature::IpcNamespaces),
        (UnshareFlags::NEWUTS, Feature::UtsNamespaces),
        (UnshareFlags::NEWNET, Feature::NetworkNamespaces),
        (UnshareFlags::NEWUSER, Feature::UserNamespaces),
    ];
    if unshare(wanted).is_ok() {
        return Ok(wanted);
    }
    let mut left = UnshareFlags::empty();
    for &(kind, feature) in &KINDS {
        if wanted.contains(kind) {
            match unshare(kind) {
                Ok(()) => left |= kind,
                Err(errno) => work.go_without(feature, errno)?,
            }
        }
    }
    Ok(left)
}

#[expect(unsafe_code, reason = "unshare could take memory or descriptors away from other threads")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: no caller passes a flag that takes either, and this process has one thread.
    unsafe { unshare_unsafe(flags) }
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
    match process::fork_into(None, false)? {
        Forked::Child => {
            drop(told);
            let mapped = wait_for_end(&ready)
                .and_then(|()| map(&me, "uid_map", ids[0], whole))
                .and_then(|()| map(&me, "gid_map", ids[1], whole));
            process::exit(mapped.err().map_or(0, |errno| errno.raw_os_error() as u8))
        }
        Forked::Parent { .. } => {
            let left = leave(work, UnshareFlags::NEWUSER);
            drop((ready, told)); // the helper goes on, whatever became of it
            let helper = process::wait_for_any()?;
            match helper {
                _ if left?.is_empty() => Ok(()),
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
