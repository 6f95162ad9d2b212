//! It fails closed: whatever step of a whole sandbox fails, for whatever reason, the program does not run, nothing is left
//! behind, and nobody else notices.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, chown, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::{
    io::Errno,
    mount::{MountFlags, mount},
    process::{WaitId, WaitIdOptions, waitid},
};
use tomte::linux::{
    AsFd as _,
    child::STEPS,
    directory::{Directory, DirectoryKind},
    plan::{Dynamic, Identity, Landlock, Plan, Rlimit, Users, Words},
    report::Report,
    spawn::spawn,
    step::Step,
};

use super::{
    harness::{OLD_KERNEL, enter_small_world, filter_without, plan, run_script, script},
    views::{dynamic_users, leak},
};

const UID: u32 = 61330;
/// The first of two tenants of one directory.
const RACED: u32 = 61340;
/// What the program does, for all to see.
pub(super) const MARK: &str = "/var/lib/private/closed/executed";

fn directories() -> Vec<Directory<'static>> {
    let names = Words::new(b"closed\0").expect("ends in NUL");
    let of = |kind| Directory { kind, mode: 0o755, names, links: Words::default() };
    vec![of(DirectoryKind::Runtime), of(DirectoryKind::State), of(DirectoryKind::Logs)]
}

/// What `uid` is here: the same tests may run beside this one as those of an old kernel, and a number's processes are
/// looked for on the whole machine.
fn own(uid: u32) -> u32 {
    if std::env::var_os(OLD_KERNEL).is_some() { uid + 1000 } else { uid }
}

/// A sandbox in which every step has something to do.
pub(super) fn whole(plan: &mut Plan<'_>, uid: u32) {
    let directories = directories().leak();
    let dynamic =
        Dynamic { uid: Some(own(uid)), gid: None, check: true, suggest: false, range: (61184, 65519) };
    plan.identity = Identity { user: "closed", dynamic: Some(dynamic), ..Identity::default() };
    plan.directories = directories;
    plan.view.mounts = leak(dynamic_users(directories));
    plan.namespaces.network = true;
    plan.namespaces.ipc = true;
    plan.namespaces.hostname = true;
    plan.namespaces.users = Users::Own;
    plan.limits.no_new_privileges = true;
    plan.limits.no_write_execute = true;
    plan.limits.bounding_set = 0;
    plan.limits.rlimits = &[Rlimit { resource: 7, soft: 64, hard: 64 }];
    plan.limits.filter = filter_without(9999).leak();
    plan.scheduling.nice = Some(21);
    plan.landlock = Landlock {
        writable: Words::new(b"/var/lib/private/closed\0"),
        beside_mounts: true,
        ..Landlock::default()
    };
    plan.may_lack = tomte::linux::feature::Feature::SecondWall.bit();
}

/// Every file of the small world but the unit's own directories and tomte's.
pub(super) fn files() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> =
        ["/etc", "/run", "/tmp", "/var", "/home", "/root", "/dev/shm"].map(PathBuf::from).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let own =
                path.ends_with("closed") || path.ends_with("private") || path == Path::new("/run/tomte");
            if own || !found.insert(path.clone()) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            }
        }
    }
    found
}

pub(super) fn mounts() -> String {
    fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo")
}

pub(super) fn processes_of(uid: u32) -> usize {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter(|entry| entry.metadata().is_ok_and(|found| found.uid() == own(uid))).count()
}

#[test]
fn whatever_step_of_a_sandbox_fails_nothing_runs_nothing_is_left_and_nobody_notices() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/var/log").expect("a place for logs, as every image has it");
    let text = "touch $STATE_DIRECTORY/executed";
    let sleeper = script("exec sleep 1000");
    let neighbour = spawn(&plan(&sleeper)).expect("a neighbour");
    let (files_before, mounts_before) = (files(), mounts());
    for (step, _) in STEPS {
        if step == Step::Call {
            continue; // in the place of a program
        }
        let outcome = run_script(text, |plan| {
            whole(plan, UID);
            plan.fail_at = Some((step, Errno::XFULL));
        });
        assert_eq!(outcome.code, Some(step.exit_code().into()), "{step:?}: {outcome:?}");
        assert_eq!(outcome.reports.last(), Some(&Report::Failed { step, errno: Errno::XFULL }), "{step:?}");
        assert!(!Path::new(MARK).exists(), "{step:?} failed and the program ran");
        assert_eq!(mounts(), mounts_before, "{step:?} left a mount");
        assert_eq!(processes_of(UID), 0, "{step:?} left a process");
        assert_eq!(files(), files_before, "{step:?} left a file");
    }
    let outcome = run_script(text, |plan| whole(plan, UID));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(Path::new(MARK).exists(), "the script does show that it runs");
    let ended = waitid(WaitId::PidFd(neighbour.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    assert!(ended.expect("a neighbour").is_none(), "the neighbour has ended");
    tomte::linux::process::signal_by_pidfd(&neighbour.pidfd, 9).expect("the neighbour");
    waitid(WaitId::PidFd(neighbour.pidfd.as_fd()), WaitIdOptions::EXITED).expect("its end");
}

#[test]
fn a_full_disk_fails_the_directory_and_nothing_else_is_tried() {
    if !enter_small_world() {
        return;
    }
    mount("tmpfs", "/var/lib", "tmpfs", MountFlags::NODEV, Some(c"mode=0755,nr_inodes=1"))
        .expect("a full disk");
    let outcome = run_script("touch /run/executed", |plan| whole(plan, UID));
    assert_eq!(outcome.code, Some(238), "{outcome:?}");
    let expected = Report::Failed { step: Step::StateDirectory, errno: Errno::NOSPC };
    assert_eq!(outcome.reports.last(), Some(&expected));
    assert!(!Path::new("/run/executed").exists());
}

#[test]
fn a_view_of_more_mounts_than_there_is_room_for_is_none_at_all() {
    if !enter_small_world() {
        return;
    }
    let many = vec![super::views::itself("/", super::views::RDONLY, 0); tomte::linux::child::MOUNTS_MAX + 1];
    let outcome = run_script("touch /run/executed", |plan| plan.view.mounts = many.leak());
    let expected = Report::Failed { step: Step::Namespace, errno: Errno::TOOBIG };
    assert_eq!((outcome.code, outcome.reports.last()), (Some(226), Some(&expected)));
    assert!(!Path::new("/run/executed").exists());
}

#[test]
fn links_and_renames_during_the_change_of_owner_lead_nowhere() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/etc/victim").expect("mkdir");
    fs::write("/etc/victim/file", "root's").expect("write");
    assert_eq!(
        run_script("mkdir $STATE_DIRECTORY/d; touch $STATE_DIRECTORY/d/file", |plan| whole(plan, RACED)).code,
        Some(0)
    );
    let done = AtomicBool::new(false);
    let swaps = thread::scope(|scope| {
        // The unit's last tenant, as fast as it can: a directory, and then a link to root's in its place.
        let racer = scope.spawn(|| {
            let (place, aside) = ("/var/lib/private/closed/d", "/var/lib/private/closed/aside");
            let mut swaps = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let swapped = fs::rename(place, aside).is_ok() && symlink("/etc/victim", place).is_ok();
                let _ = fs::remove_file(place);
                let _ = fs::rename(aside, place);
                swaps += u32::from(swapped);
            }
            swaps
        });
        for round in 0..20 {
            chown("/var/lib/private/closed", Some(1000), Some(1000)).expect("chown");
            let outcome = run_script("true", |plan| whole(plan, RACED + round % 2));
            // It may well give up over what it finds; it may not be led astray.
            assert!(matches!(outcome.code, Some(0 | 238)), "{outcome:?}");
        }
        done.store(true, Ordering::Relaxed);
        racer.join().expect("the racer")
    });
    assert!(swaps > 0, "nobody raced");
    for path in ["/etc", "/etc/victim", "/etc/victim/file"] {
        assert_eq!(fs::metadata(path).expect(path).uid(), 0, "{path} has changed hands");
    }
}
