//! What the janitor leaves: nothing. And the cgroups of units.

use std::{
    fs,
    os::unix::{
        fs::{chown, symlink},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use rustix::{
    fd::{AsFd, BorrowedFd},
    io::Errno,
    mount::{MountFlags, mount},
    process::{WaitId, WaitIdOptions, waitid},
};
use tomte::linux::{
    cgroup::Tree,
    clean::{self, CleanPlan, Janitor},
    directory::{Directory, DirectoryKind},
    ipc,
    plan::{Content, Dynamic, Identity, Keyring, Words},
    poll::{Interest, Poll, READY_MAX},
};

use super::{
    harness::{enter_small_world, plan, run_script, script},
    views,
};

/// The janitor's exit code.
fn clean<'a>(change: impl FnOnce(&mut CleanPlan<'a>)) -> i32 {
    let mut plan = CleanPlan {
        unit: "test.service",
        uid: None,
        gid: None,
        directories: &[],
        private_tmp: None,
        credentials: false,
        pid_file: "",
    };
    change(&mut plan);
    end_of(&clean::spawn(&plan).expect("a janitor"))
}

/// Waits for a janitor's end: its exit code.
pub(super) fn end_of(janitor: &Janitor) -> i32 {
    let status =
        waitid(WaitId::PidFd(janitor.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait").expect("ended");
    status.exit_status().expect("not killed")
}

#[test]
fn a_stale_pid_file_goes_and_that_there_is_none_is_fine() {
    if !enter_small_world() {
        return;
    }
    fs::write("/run/test.pid", "4000").expect("a file");
    for _ in 0..2 {
        assert_eq!(clean(|plan| plan.pid_file = "/run/test.pid"), 0);
        assert!(!fs::exists("/run/test.pid").expect("/run"));
    }
}

#[test]
fn processes_of_a_dynamic_user_are_killed_and_no_others() {
    if !enter_small_world() {
        return;
    }
    const UID: u32 = 61400;
    let sleeper =
        |uid| Command::new("sleep").arg("1000").uid(uid).stdin(Stdio::null()).spawn().expect("sleep");
    let mut victims = [sleeper(UID), sleeper(UID), sleeper(UID)];
    let mut bystander = sleeper(UID + 1);
    assert_eq!(clean(|plan| plan.uid = Some(UID)), 0);
    for victim in &mut victims {
        let status = victim.wait().expect("wait");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    }
    assert!(bystander.try_wait().expect("wait").is_none(), "somebody else's process lives on");
    bystander.kill().expect("kill");
    bystander.wait().expect("wait");
}

#[test]
fn root_is_never_cleaned_away() {
    if !enter_small_world() {
        return;
    }
    assert_eq!(clean(|plan| plan.uid = Some(0)), 1);
}

#[test]
fn ipc_objects_of_the_numbers_are_removed_and_no_others() {
    if !enter_small_world() {
        return;
    }
    const UID: u32 = 61410;
    const GID: u32 = 61411;
    fs::create_dir("/run/queues").expect("mount point");
    mount("mqueue", "/run/queues", "mqueue", MountFlags::empty(), None).expect("mqueue");
    for kind in ["--shmem=64", "--semaphore=1", "--queue"] {
        let made = Command::new("ipcmk").arg(kind).uid(UID).output().expect("ipcmk of util-linux");
        assert!(made.status.success(), "{made:?}");
    }
    fs::create_dir_all("/dev/shm/roots/deep").expect("mkdir");
    for path in ["/run/queues/q", "/dev/shm/file", "/dev/shm/roots/deep/file"] {
        fs::write(path, "").expect(path);
        chown(path, Some(UID), Some(UID)).expect(path);
    }
    for path in ["/run/queues/groups", "/dev/shm/groups"] {
        fs::write(path, "").expect(path);
        chown(path, Some(0), Some(GID)).expect(path);
    }
    for path in ["/run/queues/roots", "/dev/shm/roots/file"] {
        fs::write(path, "").expect(path);
    }
    assert_eq!((ipc::is_left(UID), ipc::is_left(GID)), (Ok(true), Ok(true)));

    assert_eq!(clean(|plan| (plan.uid, plan.gid) = (Some(UID), Some(GID))), 0);
    assert_eq!((ipc::is_left(UID), ipc::is_left(GID)), (Ok(false), Ok(false)));
    assert!(!Path::new("/dev/shm/roots/deep/file").exists(), "in somebody else's directory too");
    for path in ["/run/queues/roots", "/dev/shm/roots/file"] {
        assert!(Path::new(path).exists(), "{path}");
    }
}

#[test]
fn runtime_directories_and_private_tmp_are_removed_without_following_links() {
    if !enter_small_world() {
        return;
    }
    let names = Words::new(b"pd\0a/b\0absent\0").expect("ends in NUL");
    let links = Words::new(b"pd\0a/link\0").expect("ends in NUL");
    let directories = [Directory { kind: DirectoryKind::Runtime, mode: 0o755, names, links }];
    let dynamic =
        Dynamic { uid: Some(61420), gid: None, check: false, suggest: false, range: (61184, 65519) };
    fs::create_dir("/etc/victim").expect("mkdir");
    fs::write("/etc/victim/file", "").expect("write");
    let boundary = [
        views::mount("/run/private", Content::New, "tmpfs:mode=0755"),
        views::bind("/run/private/pd", "/run/private/pd"),
    ];
    for preserved in [false, true] {
        let mounts = if preserved {
            [&boundary[..], &views::CONNECTED_TMP].concat()
        } else {
            views::CONNECTED_TMP.to_vec()
        };
        let outcome = run_script(
            "cd /run/pd; mkdir -p x/y/z; touch x/y/z/f /tmp/f; ln -s /etc/victim x/link",
            |plan| {
                plan.identity = Identity { user: "pd", dynamic: Some(dynamic), ..Identity::default() };
                plan.directories = &directories;
                plan.runtime_directory_preserved = preserved;
                (plan.view.mounts, plan.view.tmp_token) = (&mounts, 7);
            },
        );
        assert_eq!((outcome.code, &outcome.output[..]), (Some(0), ""), "{outcome:?}");
        assert!(Path::new("/run/pd/x/y/z/f").exists());
        let code =
            clean(|plan| (plan.directories, plan.private_tmp) = (&directories, Some((7, "test.service"))));
        assert_eq!(code, 0);
        for gone in ["/run/pd", "/run/a/b", "/run/private/pd", "/run/private/a/b", "/run/a/link"] {
            assert!(fs::symlink_metadata(gone).is_err(), "{gone}");
        }
        for place in ["/tmp", "/var/tmp"] {
            assert_eq!(fs::read_dir(place).expect("a directory").count(), 0, "{place}");
        }
    }
    assert!(Path::new("/etc/victim/file").exists());
}

#[test]
fn a_directory_that_became_a_link_is_unlinked_and_a_parent_that_did_is_refused() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/etc/victim").expect("mkdir");
    fs::write("/etc/victim/b", "").expect("write");
    symlink("/etc/victim", "/run/a").expect("symlink");
    let of =
        |names| [Directory { kind: DirectoryKind::Runtime, mode: 0o755, names, links: Words::default() }];
    let below = of(Words::new(b"a/b\0").expect("ends in NUL"));
    assert_eq!(clean(|plan| plan.directories = &below), 1, "not through the link");
    assert!(Path::new("/etc/victim/b").exists());
    let top = of(Words::new(b"a\0").expect("ends in NUL"));
    assert_eq!(clean(|plan| plan.directories = &top), 0);
    assert!(fs::symlink_metadata("/run/a").is_err() && Path::new("/etc/victim/b").exists());
}

#[test]
fn a_tree_of_any_depth_is_removed() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all(format!("/run/pd/{}", "d/".repeat(1000))).expect("mkdir");
    fs::create_dir_all(format!("/run/pd/{}", "e/".repeat(500))).expect("mkdir");
    fs::create_dir("/run/pd/0").expect("a name that is taken already");
    let names = Words::new(b"pd\0").expect("ends in NUL");
    let directories =
        [Directory { kind: DirectoryKind::Runtime, mode: 0o755, names, links: Words::default() }];
    assert_eq!(clean(|plan| plan.directories = &directories), 0);
    assert!(!Path::new("/run/pd").exists());
}

#[test]
fn a_tree_that_is_too_deep_to_hand_over_is_an_error_and_not_a_crash() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all(format!("/var/lib/pd/{}", "d/".repeat(1000))).expect("mkdir");
    let names = Words::new(b"pd\0").expect("ends in NUL");
    let directories = [Directory { kind: DirectoryKind::State, mode: 0o755, names, links: Words::default() }];
    let outcome = run_script("true", |plan| {
        plan.identity.user = "svc";
        plan.directories = &directories;
    });
    assert_eq!(outcome.code, Some(238), "{outcome:?}");
}

#[test]
fn a_fork_bomb_does_not_survive_its_cgroup() {
    if !enter_small_world() {
        return;
    }
    let Some(tree) = Tree::open().expect("cgroup2") else {
        println!("SKIPPED: no cgroup2 is mounted");
        return;
    };
    tree.slice("tomte-bomb.slice").expect("a slice");
    let create = || tree.create("tomte-bomb.slice", "bomb.service").expect("a group");
    let (home, mut group) = (create(), create());
    // Every process forks its successor and dies: whoever is listed is gone a moment later.
    let argv = script("echo 'sh /run/bomb &' > /run/bomb; sh /run/bomb; sh /run/bomb; sh /run/bomb");
    let mut plan = plan(&argv);
    plan.cgroup.directory = Some(home.directory());
    let child = tomte::linux::spawn::spawn(&plan).expect("a child");
    waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
    assert_eq!(group.is_populated(&mut |_| Ok(())), Ok(true), "its descendants go on");
    while group.is_populated(&mut |_| unreachable!("it is watched")) == Ok(true) {
        group.kill(9, false).expect("kill");
        std::thread::yield_now();
    }
    assert_eq!(group.remove(), Ok(()));
    drop(tree);
    remove_slice("tomte-bomb.slice");
}

/// The tests' own slices, wherever cgroup2 is.
fn remove_slice(name: &str) {
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        let slice = format!("{root}/{name}");
        if Path::new(&slice).exists() {
            fs::remove_dir(slice).expect("no group is left in it");
        }
    }
}

#[test]
fn a_child_is_born_in_its_cgroup_and_dies_with_it() {
    if !enter_small_world() {
        return;
    }
    let Some(tree) = Tree::open().expect("cgroup2") else {
        println!("SKIPPED: no cgroup2 is mounted");
        return;
    };
    tree.slice("tomte-test.slice").expect("a slice");
    let create = || tree.create("tomte-test.slice", "born-in.service").expect("a group");
    let (home, mut group) = (create(), create());
    let poll = Poll::new(0).expect("an epoll");
    let watch = &mut |fd: BorrowedFd<'_>| poll.add(fd, 7, Interest::Changed);
    assert_eq!(group.is_populated(watch), Ok(false));
    let argv = script("exec sleep 1000");
    let mut plan = plan(&argv);
    plan.cgroup.directory = Some(home.directory());
    // After a KILL too a group takes new processes: ExecStopPost= runs there.
    for signal in [15, 9, 9, 15] {
        let child = tomte::linux::spawn::spawn(&plan).expect("a child");
        assert_eq!(group.is_populated(watch), Ok(true), "from its first moment on");
        // TERM is the program's to take: not before it executes.
        while !matches!(tomte::linux::report::read(&child.report), Ok(tomte::linux::report::Reading::Closed))
        {
            std::thread::yield_now();
        }
        group.kill(signal, false).expect("kill");
        let status =
            waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait").expect("ended");
        assert_eq!(status.terminating_signal(), Some(i32::from(signal)));
        let mut told = [0; READY_MAX];
        assert_eq!(poll.wait(&mut told, true), Ok(1), "it tells that it is empty");
        assert_eq!((told[0], group.is_populated(watch)), (7, Ok(false)));
    }
    assert_eq!(tree.create("tomte-test.slice", "../escape").err(), Some(Errno::INVAL));
    assert_eq!(group.remove(), Ok(()));
    let again = tree.create("tomte-test.slice", "born-in.service").expect("a group");
    assert_eq!(again.remove(), Ok(()));
    remove_slice("tomte-test.slice");
}

/// Makes one system call after the other with perl, which every Debian has; prints the answers, -1 for a failure.
fn calls(uid: u32, calls: &str) -> Vec<i64> {
    let words = "($type, $name, $secret) = qw(user name secret)"; // not literals: the kernel could write to them
    let text = format!("perl -e '{words}; print join(\"\\n\", {calls})'");
    let outcome = run_script(&text, |plan| {
        let dynamic =
            Dynamic { uid: Some(uid), gid: None, check: false, suggest: false, range: (61184, 65519) };
        plan.identity = Identity { user: "keeper", dynamic: Some(dynamic), ..Identity::default() };
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.lines().iter().map(|line| line.parse().expect("a number")).collect()
}

#[test]
fn a_later_tenant_finds_no_keys_of_the_one_before() {
    const UID: u32 = 61450;
    const KEYCTL: u32 = if cfg!(target_arch = "x86_64") { 250 } else { 219 };
    const ADD_KEY: u32 = if cfg!(target_arch = "x86_64") { 248 } else { 217 };
    if !enter_small_world() {
        return;
    }
    // add_key and KEYCTL_SEARCH, in KEY_SPEC_USER_KEYRING.
    let add = format!("syscall({ADD_KEY}, $type, $name, $secret, 6, -4)");
    let find = format!("syscall({KEYCTL}, 10, -4, $type, $name, 0)");
    if calls(UID, &add)[0] < 0 {
        println!("SKIPPED: no keys here");
        return;
    }
    assert!(calls(UID, &find)[0] > 0, "the kernel keeps it although its user's last process is gone");
    assert_eq!(clean(|plan| plan.uid = Some(UID)), 0);
    assert_eq!(calls(UID, &find), [-1]);
}

#[test]
fn a_service_has_a_session_keyring_of_its_own() {
    const KEYCTL: u32 = if cfg!(target_arch = "x86_64") { 250 } else { 219 };
    if !enter_small_world() {
        return;
    }
    // KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING, and of the user's that stands in for a missing one.
    let ask = format!("syscall({KEYCTL}, 0, -3, 0), syscall({KEYCTL}, 0, -5, 0)");
    let (first, second) = (calls(61451, &ask), calls(61451, &ask));
    if first[0] < 0 {
        println!("SKIPPED: no keys here");
        return;
    }
    assert!(first[0] != second[0] && first[0] != first[1], "{first:?} {second:?}");
}

#[test]
fn a_shared_session_keyring_leads_to_what_the_user_has_and_a_private_one_does_not() {
    const KEYCTL: u32 = if cfg!(target_arch = "x86_64") { 250 } else { 219 };
    const ADD_KEY: u32 = if cfg!(target_arch = "x86_64") { 248 } else { 217 };
    if !enter_small_world() {
        return;
    }
    // A key in KEY_SPEC_USER_KEYRING, and KEYCTL_SEARCH from KEY_SPEC_SESSION_KEYRING.
    let words = "($type, $name, $secret) = qw(user tomte-shared secret)";
    let calls = format!(
        "syscall({ADD_KEY}, $type, $name, $secret, 6, -4), syscall({KEYCTL}, 10, -3, $type, $name, 0)"
    );
    for (keyring, finds) in [(Keyring::Private, false), (Keyring::Shared, true)] {
        let text = format!("perl -e '{words}; print join(\" \", {calls}), \"\\n\"'; id -u");
        let outcome = run_script(&text, |plan| (plan.keyring, plan.identity.user) = (keyring, "svc"));
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let [said, "1001"] = outcome.lines()[..] else { panic!("{outcome:?}") };
        let Some((added, found)) = said.split_once(' ').filter(|(added, _)| !added.starts_with('-')) else {
            println!("SKIPPED: no keys here: {outcome:?}");
            return;
        };
        assert_eq!(found == added, finds, "{outcome:?}");
    }
}

#[test]
fn a_directory_that_somebody_else_still_holds_is_not_the_next_tenants() {
    if !enter_small_world() {
        return;
    }
    const UID: u32 = 61405;
    let names = Words::new(b"app\0").expect("ends in NUL");
    let directories =
        [Directory { kind: DirectoryKind::Runtime, mode: 0o755, names, links: Words::default() }];
    let tenant = |text: &str| {
        let outcome = run_script(text, |plan| {
            let dynamic =
                Dynamic { uid: Some(UID), gid: None, check: true, suggest: false, range: (61184, 65519) };
            plan.identity = Identity { user: "app", dynamic: Some(dynamic), ..Identity::default() };
            plan.directories = &directories;
            views::connect_tmp(plan, 7);
        });
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.output
    };
    tenant("touch $RUNTIME_DIRECTORY/x /tmp/x");
    let tmp =
        fs::read_dir("/tmp").expect("/tmp").flatten().map(|entry| entry.path()).next().expect("its own");
    // As if they had come over a socket, to a process of another user's.
    let hold = |path: &Path| {
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        rustix::fs::open(path.to_str().expect("UTF-8"), flags, rustix::fs::Mode::empty())
            .expect("a directory")
    };
    let held = [hold(Path::new("/run/app")), hold(&tmp.join("tmp"))];
    let cleaned = clean(|plan| {
        (plan.uid, plan.directories, plan.private_tmp) = (Some(UID), &directories, Some((7, "test.service")));
    });
    assert_eq!(cleaned, 0);
    for directory in &held {
        let made = rustix::fs::mkdirat(directory, c"foothold", rustix::fs::Mode::from_raw_mode(0o777));
        assert_eq!(made, Err(Errno::NOENT), "a directory that is gone takes nothing");
    }
    assert_eq!(tenant("ls -A $RUNTIME_DIRECTORY /tmp | grep -v :"), "\n");
}
