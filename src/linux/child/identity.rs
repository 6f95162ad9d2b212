//! Who the process will be: systemd-semantics.md §1.2, §1.3 and §2.
//!
//! Names are looked up here, in the child, because files may be slow. Nothing is changed yet: `privileges` does that.

use core::str;

use heapless::Vec;
use rustix::{
    fs::{Access, Gid, access},
    io::Errno,
};

use super::Work;
use crate::linux::{
    directory::Directory,
    ipc,
    passwd::{self, Key, User, parse_number, well_known},
    path::PathBuffer,
    plan::{Dynamic, Plan, Privilege},
    raw::process,
    report::{self, Report},
    step::Step,
};

/// Groups of one process: its own, those that list its user, and `SupplementaryGroups=`. More is E2BIG.
pub(super) const GROUPS_MAX: usize = 128;

/// The answer.
#[derive(Default)]
pub(super) struct Who {
    /// The user, if `User=` names one.
    pub(super) uid: Option<u32>,
    /// The group, if `User=` or `Group=` names one.
    pub(super) gid: Option<u32>,
    /// The supplementary groups, if they are to be set.
    pub(super) groups: Option<Vec<Gid, GROUPS_MAX>>,
    /// The static user's entry.
    pub(super) user: Option<User>,
    /// The uid is one of the plan's dynamic numbers, not a static user's.
    dynamic_uid: bool,
    /// The gid is a dynamic number of its own.
    dynamic_gid: bool,
    /// A static user or group has the dynamic uid, or the dynamic gid.
    uid_taken: bool,
    gid_taken: bool,
}

impl Who {
    /// Where the user is at home; root, without a user or `as_root`, where nobody else is (exec-invoke.c, `acquire_home`).
    pub(super) fn home(&self, as_root: bool) -> Option<&str> {
        let own = self.user.as_ref().and_then(|user| str::from_utf8(&user.home).ok());
        let own = own.filter(|home| home.starts_with('/') && *home != "/");
        own.or(if as_root || self.uid.is_none() { Some("/root") } else { None })
    }
}

/// `User=`; with `DynamicUser=` also `Group=`, as both numbers come from one place. ESRCH for a static user that does
/// not exist, EILSEQ for a dynamic name of which only the other kind exists.
pub(super) fn find_user(work: &mut Work<'_>) -> Result<(), Errno> {
    let identity = work.plan.identity;
    work.about.set(identity.user.as_bytes());
    match identity.dynamic {
        _ if identity.user.is_empty() => Ok(()),
        Some(dynamic) => {
            find_dynamic_user(&mut work.who, identity.user, dynamic)?;
            let own_group = identity.group.is_empty() || identity.group == identity.user;
            if own_group {
                return Ok(());
            }
            work.about.set(identity.group.as_bytes());
            find_dynamic_group(&mut work.who, identity.group, dynamic)
        }
        None => {
            let user = static_user(Key::new(identity.user))?.ok_or(Errno::SRCH)?;
            work.who.adopt(user);
            Ok(())
        }
    }
}

impl Who {
    fn adopt(&mut self, user: User) {
        self.uid = Some(user.uid);
        self.gid = Some(user.gid);
        self.user = Some(user);
    }
}

#[inline(never)]
fn static_user(key: Key<'_>) -> Result<Option<User>, Errno> {
    let Some(mut user) = well_known(key) else { return passwd::find_user(key) };
    // Root's shell is as systemd's user-util.c, `default_root_shell`, has it.
    if user.uid == 0 && access(c"/bin/bash", Access::EXEC_OK).is_ok() {
        user.shell = Vec::from_slice(b"/bin/bash").unwrap_or_default();
    }
    Ok(Some(user))
}

#[inline(never)]
fn static_group(key: Key<'_>) -> Result<Option<u32>, Errno> {
    well_known(key).map_or_else(|| passwd::find_group(key), |user| Ok(Some(user.gid)))
}

/// Whom a dynamic user or group might be instead, in one go with whether its own number is somebody else's. A missing file
/// has no entries.
#[inline(never)]
fn user_instead(key: Key<'_>, own: Option<u32>, taken: &mut bool) -> Result<Option<User>, Errno> {
    match well_known(key).map_or_else(|| passwd::find_user_or(key, own, taken), |user| Ok(Some(user))) {
        Err(Errno::NOENT) => Ok(None),
        answer => answer,
    }
}

/// The same of groups.
#[inline(never)]
fn group_instead(key: Key<'_>, own: Option<u32>, taken: &mut bool) -> Result<Option<u32>, Errno> {
    match well_known(key).map_or_else(|| passwd::find_group_or(key, own, taken), |user| Ok(Some(user.gid))) {
        Err(Errno::NOENT) => Ok(None),
        answer => answer,
    }
}

fn find_dynamic_user(who: &mut Who, name: &str, dynamic: Dynamic) -> Result<(), Errno> {
    let (key, own) = (Key::new(name), dynamic.uid.filter(|_| dynamic.check));
    if let Some(user) = user_instead(key, own, &mut who.uid_taken)? {
        // Its home and its shell are not the unit's (exec-invoke.c: only `get_fixed_user` asks for them).
        who.adopt(User { home: Vec::new(), shell: Vec::new(), ..user });
        return Ok(());
    }
    let uid = match key {
        Key::Number(uid) => uid,
        Key::Name(_) if group_instead(key, own, &mut who.uid_taken)?.is_some() => return Err(Errno::ILSEQ),
        Key::Name(_) => {
            who.dynamic_uid = true;
            dynamic.uid.ok_or(Errno::INVAL)?
        }
    };
    (who.uid, who.gid) = (Some(uid), Some(uid));
    Ok(())
}

fn find_dynamic_group(who: &mut Who, name: &str, dynamic: Dynamic) -> Result<(), Errno> {
    let (key, own) = (Key::new(name), dynamic.gid.filter(|_| dynamic.check));
    who.gid = Some(match (group_instead(key, own, &mut who.gid_taken)?, key) {
        (Some(gid), _) | (None, Key::Number(gid)) => gid,
        (None, Key::Name(_)) if user_instead(key, own, &mut who.gid_taken)?.is_some() => {
            return Err(Errno::ILSEQ);
        }
        (None, Key::Name(_)) => {
            who.dynamic_gid = true;
            dynamic.gid.ok_or(Errno::INVAL)?
        }
    });
    Ok(())
}

/// `Group=` without `DynamicUser=`, and the supplementary groups. ESRCH for a group that does not exist.
pub(super) fn find_groups(work: &mut Work<'_>) -> Result<(), Errno> {
    let (identity, who) = (work.plan.identity, &mut work.who);
    work.about.set(identity.group.as_bytes());
    if identity.dynamic.is_none() && !identity.group.is_empty() {
        who.gid = Some(static_group(Key::new(identity.group))?.ok_or(Errno::SRCH)?);
    }
    let mut groups = Vec::new();
    let mut add = |gid| {
        let gid = Gid::from_raw(gid);
        if groups.contains(&gid) { Ok(()) } else { groups.push(gid).map_err(|_| Errno::TOOBIG) }
    };
    // As initgroups(3), which systemd calls for users whose group is not root's.
    let initial = who.gid.filter(|&gid| gid != 0 && who.uid.is_some());
    if let Some(gid) = initial {
        add(gid)?;
        let name = who.user.as_ref().map_or(identity.user.as_bytes(), |user| &user.name);
        passwd::each_membership(name, &mut add)?;
    }
    // Whoever stays root has only what initgroups(3) did on the way.
    let all = work.plan.privilege == Privilege::Restricted;
    for name in identity.supplementary.iter().filter(|_| all) {
        work.about.set(name.to_bytes());
        let name = name.to_str().map_err(|_| Errno::ILSEQ)?;
        add(static_group(Key::new(name))?.ok_or(Errno::SRCH)?)?;
    }
    // Whoever is not root has no group of PID 1's, not even with root's group for its own.
    if who.uid.is_some_and(|uid| uid != 0) || !groups.is_empty() {
        who.groups = Some(groups);
    }
    Ok(())
}

/// Checks newly claimed numbers and reports the ones that were found. A number that cannot be used ends the child here.
pub(super) fn settle(work: &mut Work<'_>) -> Result<(), Errno> {
    let (plan, who) = (work.plan, &work.who);
    if let Some(dynamic) = plan.identity.dynamic
        && let Some(unfit) = find_fault(plan, who, dynamic)?
    {
        report::write(work.report, unfit)?;
        process::exit(Step::Identity.exit_code());
    }
    match (who.uid, who.gid) {
        (None, None) => Ok(()),
        (uid, gid) => {
            let identity = Report::Identity { uid: uid.unwrap_or(0), gid: gid.unwrap_or(0) };
            report::write(work.report, identity)
        }
    }
}

/// Why one of the dynamic numbers cannot be used: a static user or group has it, or IPC objects of it are left.
fn find_fault(plan: &Plan<'_>, who: &Who, dynamic: Dynamic) -> Result<Option<Report>, Errno> {
    if let Some(uid) = who.uid.filter(|_| who.dynamic_uid) {
        if dynamic.suggest
            && let Some(owner) = suggested(plan, dynamic.range)?.filter(|&owner| owner != uid)
        {
            return Ok(Some(Report::Unfit { group: false, suggestion: Some(owner) }));
        }
        if dynamic.check && (who.uid_taken || ipc::is_left(uid)?) {
            return Ok(Some(Report::Unfit { group: false, suggestion: None }));
        }
    }
    if let Some(gid) = who.gid.filter(|_| who.dynamic_gid && dynamic.check)
        && (who.gid_taken || ipc::is_left(gid)?)
    {
        return Ok(Some(Report::Unfit { group: true, suggestion: None }));
    }
    Ok(None)
}

/// The owner of the first private directory that belongs to a number of the range.
#[inline(never)] // a page of stack, for those who need it
fn suggested(plan: &Plan<'_>, (first, last): (u32, u32)) -> Result<Option<u32>, Errno> {
    let private = |directory: &&Directory<'_>| directory.kind.is_private(plan.runtime_directory_preserved);
    for directory in plan.directories.iter().filter(private) {
        for name in directory.names.iter() {
            let name = name.to_str().map_err(|_| Errno::ILSEQ)?;
            let mut path = PathBuffer::empty();
            let path = path.join(&["/", directory.kind.prefix(), "/private/", name])?;
            match rustix::fs::lstat(path) {
                Ok(found) if (first..=last).contains(&found.st_uid) => return Ok(Some(found.st_uid)),
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(None)
}

/// What `$USER` and `$LOGNAME` say.
pub(super) fn user_name<'w>(work: &'w Work<'_>) -> Option<&'w [u8]> {
    let name = work.plan.identity.user;
    match &work.who.user {
        // A dynamic user that is a number keeps its number for a name.
        Some(user) if parse_number(name.as_bytes()).is_none() || work.plan.identity.dynamic.is_none() => {
            Some(&user.name)
        }
        _ if name.is_empty() => None,
        _ => Some(name.as_bytes()),
    }
}
