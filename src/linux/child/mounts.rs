//! The mount namespace: what a unit sees of the file system, and what of it it can write to (systemd-semantics.md
//! §3.1). The plan says what goes where; nothing is decided here.
//!
//! First every place is found, and what has to stay as the host has it is copied (`trees`). Then the mounts are made,
//! parents first: flags hold for a whole tree (mount_setattr; kernels before 5.12 get a walk over mountinfo, `remount`),
//! and what is below with other flags is put on top afterwards. Whatever fails ends the child: half a sandbox is none.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, mknodat, openat},
    io::Errno,
    mount::{MountPropagationFlags, UnmountFlags, mount_change, mount_move, unmount},
    process::{chdir, chroot, fchdir, pivot_root, umask},
};

use super::{
    Work, devices,
    place::{self, Missing, find, open_plain, path_of},
    remount::{self, is_at_or_below},
    trees::Trees,
};

use crate::linux::{
    AsFd,
    path::PathBuffer,
    plan::{Content, Mount, Plan, Privilege, Propagation},
    private_tmp::PrivateTmpName,
    raw::mount::{NODEV, NOEXEC, NOSUID, RDONLY, set_attributes_recursive},
    tree,
};

/// Mounts of one view. More fail with E2BIG.
pub const MOUNTS_MAX: usize = 128;

/// The nodes that nobody can open.
const NO_DIRECTORY: &CStr = c"/run/tomte/inaccessible/directory";
const NO_FILE: &CStr = c"/run/tomte/inaccessible/file";
/// What stands where a private directory could not be made.
const EMPTY: &str = "tmpfs:mode=0755,size=4k";

/// One mount of the plan on its way.
struct Place<'a> {
    mount: &'a Mount<'a>,
    /// Where it goes once links are followed.
    path: &'a str,
    /// What is seen there, if it was copied beforehand.
    tree: Option<OwnedFd>,
}

type Places<'a> = Vec<Place<'a>, MOUNTS_MAX>;

/// Where the view's `/` is.
struct Root<'a> {
    /// PID 1's.
    host: OwnedFd,
    /// The view's, unless it is the same.
    own: Option<OwnedFd>,
    /// The view's path on the host; empty for the host's own.
    path: &'a str,
    trees: Trees,
    /// [`open_nothing`], once something has to be out of reach.
    nothing: Option<[OwnedFd; 2]>,
}

impl Root<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.own.as_ref().unwrap_or(&self.host).as_fd()
    }
}

/// Makes the mounts of the plan in a namespace that was entered just now.
#[inline(never)] // pages of stack, all of which would be touched for units without mounts, too
pub(super) fn make(work: &mut Work<'_>) -> Result<(), Errno> {
    let plan = work.plan;
    umask(Mode::empty()); // `Limits` sets the unit's
    // What the host mounts later still shows; nothing that is done here goes back.
    mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;

    work.about.set(plan.view.root.as_bytes());
    let mut root = open_root(work)?;
    let mut places = Places::new();
    for mount in plan.view.mounts {
        if let Some(place) = prepare(work, &mut root, mount, &places)? {
            places.push(place).map_err(|_| Errno::TOOBIG)?;
        }
    }
    sort(&mut places);
    for number in 0..places.len() {
        work.about.set(places.get(number).map_or("", |place| place.mount.path).as_bytes());
        put(&mut root, &mut places, number)?;
    }
    work.about.set(&[]);
    if plan.limits.no_new_privileges && plan.privilege != Privilege::Full {
        set_flags(&root, root.fd(), "/", NOSUID)?;
    }
    root.trees.finish()?;
    change_root(&root)?;
    let propagation = match plan.view.propagation {
        Propagation::Shared => MountPropagationFlags::SHARED,
        Propagation::Slave => return Ok(()),
        Propagation::Private => MountPropagationFlags::PRIVATE,
    };
    mount_change(c"/", propagation | MountPropagationFlags::REC)
}

/// `RootDirectory=` becomes a mount of its own, on itself.
fn open_root<'a>(work: &mut Work<'a>) -> Result<Root<'a>, Errno> {
    let host = openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut trees = Trees::default();
    if work.plan.view.root.is_empty() {
        return Ok(Root { host, own: None, path: "", trees, nothing: None });
    }
    let (directory, _) = find(host.as_fd(), work.plan.view.root, Missing::Fails)?;
    let path = path_of(&directory, "", &mut work.arena)?;
    let own = trees.copy(&directory, true)?;
    trees.attach(&own, &directory)?;
    Ok(Root { host, own: Some(own), path, trees, nothing: None })
}

/// Finds the place of `mount` and what is to be seen there. `None` if it is left out.
fn prepare<'a>(
    work: &mut Work<'a>,
    root: &mut Root<'_>,
    mount: &'a Mount<'a>,
    earlier: &[Place<'a>],
) -> Result<Option<Place<'a>>, Errno> {
    let elsewhere = matches!(mount.content, Content::Bind | Content::BindOne);
    work.about.set(if elsewhere { mount.source } else { mount.path }.as_bytes());
    let tree = prepare_tree(work.plan, root, mount);
    let prepared = tree.and_then(|tree| {
        work.about.set(mount.path.as_bytes());
        prepare_place(work, root, mount, tree, earlier)
    });
    match prepared {
        Ok(place) => Ok(Some(place)),
        Err(Errno::NOENT | Errno::NOTDIR) if mount.optional => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// What comes from elsewhere on the host.
fn prepare_tree(plan: &Plan<'_>, root: &mut Root<'_>, mount: &Mount<'_>) -> Result<Option<OwnedFd>, Errno> {
    match mount.content {
        Content::Bind | Content::BindOne => {
            let (source, _) = find(root.host.as_fd(), mount.source, Missing::Fails)?;
            root.trees.copy(&source, mount.content == Content::Bind).map(Some)
        }
        Content::PrivateTmp => make_private_tmp(plan, &mut root.trees, mount.path),
        Content::Inaccessible if root.nothing.is_none() => {
            root.nothing = Some(open_nothing()?);
            Ok(None)
        }
        Content::Itself | Content::New | Content::Devices | Content::Inaccessible => Ok(None),
    }
}

fn prepare_place<'a>(
    work: &mut Work<'a>,
    root: &mut Root<'_>,
    mount: &'a Mount<'a>,
    mut tree: Option<OwnedFd>,
    earlier: &[Place<'a>],
) -> Result<Place<'a>, Errno> {
    // Below something that the view mounts itself, the host knows nothing of what will be there.
    if earlier.iter().any(|place| place.mount.content != Content::Itself && is_below(mount.path, place.path))
    {
        return Ok(Place { mount, path: mount.path, tree });
    }
    let missing = match mount.content {
        Content::Bind | Content::BindOne => what_it_takes(tree.as_ref())?,
        Content::New | Content::Devices if !mount.optional => Missing::BecomesDirectory,
        Content::Itself | Content::Inaccessible | Content::PrivateTmp | Content::New | Content::Devices => {
            Missing::Fails
        }
    };
    let (found, linked) = find(root.fd(), mount.path, missing)?;
    if mount.content == Content::Itself && mount.path != "/" {
        tree = Some(root.trees.copy(&found, true)?);
    }
    let path = if linked { path_of(&found, root.path, &mut work.arena)? } else { mount.path };
    Ok(Place { mount, path, tree })
}

fn is_below(path: &str, above: &str) -> bool {
    is_at_or_below(path.as_bytes(), above.as_bytes())
}

/// What has to be made for `tree` to be mounted on.
fn what_it_takes(tree: Option<&OwnedFd>) -> Result<Missing, Errno> {
    Ok(match tree {
        Some(tree) if !is_directory(tree)? => Missing::BecomesFile,
        Some(_) | None => Missing::BecomesDirectory,
    })
}

fn is_directory(held: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(held.as_fd())?.st_mode).is_dir())
}

/// By path; of several names of one place the strongest content first. They come sorted: only what links have led elsewhere
/// has to move.
fn sort(places: &mut [Place<'_>]) {
    for end in 1..places.len() {
        let mut at = end;
        while let Some([before, here]) = places.get_mut(at.saturating_sub(1)..=at)
            && (before.path, before.mount.content) > (here.path, here.mount.content)
        {
            core::mem::swap(before, here);
            at = at.saturating_sub(1);
        }
    }
}

/// Makes one mount. All that it is below are made.
fn put(root: &mut Root<'_>, places: &mut [Place<'_>], number: usize) -> Result<(), Errno> {
    let Some((made, [place, later @ ..])) = places.split_at_mut_checked(number) else { return Ok(()) };
    let (mount, path) = (place.mount, place.path);
    let (mut hidden, mut inherited, mut again) = (false, 0, false);
    for above in made.iter().filter(|above| is_below(path, above.path)) {
        hidden |= above.mount.content == Content::Inaccessible;
        inherited = inherited & !above.mount.clear | above.mount.set;
        again |= above.path == path;
    }
    if hidden {
        return Ok(());
    }
    if again {
        // Another name of the same place. It can only narrow what is there.
        return set_flags(root, open_plain(root.fd(), path)?.as_fd(), path, (mount.set | mount.only).into());
    }
    let flags = inherited & !mount.clear | mount.set | mount.only;
    if path == "/" && mount.content == Content::Itself {
        return set_flags(root, root.fd(), path, flags.into());
    }
    let target = match open_plain(root.fd(), path) {
        Err(Errno::NOENT | Errno::NOTDIR) if mount.optional => return Ok(()),
        answer => answer?,
    };
    let (mut clear, mut refused) = (0, None);
    let tree = match (place.tree.take(), mount.content) {
        (Some(tree), _) => tree,
        (None, Content::New) => root.trees.new_file_system(mount.source)?,
        (None, Content::Devices) => {
            let tree = root.trees.new_file_system(mount.source)?;
            // The host's: another root has none of its own.
            let host = open_plain(root.host.as_fd(), path)?;
            if devices::make(&host, &tree)? {
                refused = Some(host);
            }
            tree
        }
        (None, Content::Inaccessible) => {
            let [directory, file] = root.nothing.as_ref().ok_or(Errno::NOENT)?;
            root.trees.copy(if is_directory(&target)? { directory } else { file }, false)?
        }
        (None, Content::PrivateTmp) => {
            let empty = root.trees.new_file_system(EMPTY)?;
            return attach_with(root, &empty, &target, path, (RDONLY | NOEXEC | NOSUID | NODEV, 0), true);
        }
        (None, Content::Itself | Content::Bind | Content::BindOne) => {
            clear = inherited & mount.clear;
            root.trees.copy(&target, true)?
        }
    };
    if !matches!(mount.content, Content::Itself | Content::Inaccessible) {
        let empty = matches!(mount.content, Content::New | Content::Devices);
        make_places(&tree, empty, path, later)?;
    }
    attach_with(root, &tree, &target, path, (flags.into(), clear.into()), mount.content == Content::New)?;
    if let Some(host) = refused {
        devices::bind(&mut root.trees, &host, &tree)?;
    }
    if path == "/" {
        root.own = Some(tree);
    }
    Ok(())
}

/// Makes what the mounts below one that shows something else than the host are put on, where it is missing. `empty`: but for
/// devices, nothing is there.
fn make_places(tree: &OwnedFd, empty: bool, path: &str, later: &[Place<'_>]) -> Result<(), Errno> {
    for place in later {
        let below = if path == "/" { Some(place.path) } else { place.path.strip_prefix(path) };
        let Some(below) = below.filter(|below| below.starts_with('/')) else { continue };
        let missing = match place.mount.content {
            Content::Itself | Content::Inaccessible => continue,
            Content::Bind | Content::BindOne => what_it_takes(place.tree.as_ref())?,
            Content::New | Content::Devices | Content::PrivateTmp => Missing::BecomesDirectory,
        };
        let name = below.get(1..).filter(|name| empty && !name.contains('/'));
        match name.map_or(Err(Errno::EXIST), |name| place::make(tree.as_fd(), name, missing)) {
            Err(Errno::EXIST) => find(tree.as_fd(), below, missing).map(drop)?,
            made => made?,
        }
    }
    Ok(())
}

/// Mounts a detached tree with flags set and cleared on all of it. `fresh`: it is one new file system.
fn attach_with(
    root: &Root<'_>,
    tree: &OwnedFd,
    target: &OwnedFd,
    path: &str,
    (set, clear): (u32, u32),
    fresh: bool,
) -> Result<(), Errno> {
    let set_before =
        if set | clear == 0 { Ok(()) } else { set_attributes_recursive(tree.as_fd(), set, clear) };
    root.trees.attach(tree, target)?;
    match set_before {
        // What lies on top of PID 1's own root has no path. A new file system is one mount, whose descriptor will do.
        Err(Errno::NOSYS) if path == "/" && root.path.is_empty() && fresh => Trees::set_flags(tree, set),
        Err(Errno::NOSYS) if path == "/" && root.path.is_empty() => Err(Errno::NOSYS),
        Err(Errno::NOSYS) => remount::walk(PathBuffer::empty().join(&[root.path, path])?, set, clear),
        answer => answer,
    }
}

/// Sets flags on what is mounted at `path`, which is held, and on all below it.
fn set_flags(root: &Root<'_>, held: BorrowedFd<'_>, path: &str, set: u32) -> Result<(), Errno> {
    match set_attributes_recursive(held, set, 0) {
        Err(Errno::NOSYS) => remount::walk(PathBuffer::empty().join(&[root.path, path])?, set, 0),
        answer => answer,
    }
}

/// Nodes that nobody without all privileges can use. They are made when they are first needed, and with them what may have
/// to be hidden before it is used.
fn open_nothing() -> Result<[OwnedFd; 2], Errno> {
    let open = |path| openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
    let both = || Ok([open(NO_DIRECTORY)?, open(NO_FILE)?]);
    match both() {
        Err(Errno::NOENT) => {}
        answer => return answer,
    }
    for &path in &[c"/run/tomte", c"/run/tomte/inaccessible", c"/run/credentials"] {
        let _there = mkdirat(CWD, path, Mode::from_raw_mode(0o755));
    }
    let _there = mkdirat(CWD, NO_DIRECTORY, Mode::empty());
    let _there = mknodat(CWD, NO_FILE, FileType::RegularFile, Mode::empty(), 0);
    both()
}

/// The unit's directory below the host's `path`. None where it cannot be made (a read-only or full file system): it is
/// replaced by something empty and read-only then, as systemd does.
fn make_private_tmp(plan: &Plan<'_>, trees: &mut Trees, path: &str) -> Result<Option<OwnedFd>, Errno> {
    let place = tree::open_if_there(PathBuffer::empty().join(&[path])?)?.ok_or(Errno::NOENT)?;
    match PrivateTmpName::new(plan.view.tmp_token, plan.view.tmp_unit, &mut PathBuffer::empty())?.make(&place)
    {
        Ok(inner) => trees.copy(&inner, true).map(Some),
        Err(Errno::ROFS | Errno::NOSPC) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Makes the view's root `/` and lets go of the host's.
fn change_root(root: &Root<'_>) -> Result<(), Errno> {
    if let Some(own) = &root.own {
        fchdir(own.as_fd())?;
        match pivot_root(c".", c".") {
            // The old root is on top of the new one now.
            Ok(()) => unmount(c".", UnmountFlags::DETACH)?,
            // The initial file system of the kernel cannot be turned: it stays below.
            Err(Errno::INVAL) => {
                mount_move(c".", c"/")?;
                chroot(c".")?;
            }
            Err(errno) => return Err(errno),
        }
    }
    chdir(c"/")
}
