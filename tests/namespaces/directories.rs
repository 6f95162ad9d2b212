//! `RuntimeDirectory=` and its kind: where they stand, whose they are, what an attacker cannot make of them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use rustix::{
    fd::AsFd,
    io::Errno,
    mount::{MountFlags, mount_remount},
    process::{WaitId, WaitIdOptions, waitid},
};
use tomte::linux::{
    directory::{Directory, DirectoryKind},
    plan::{Dynamic, Identity, Plan, Words},
    process::signal_by_pidfd,
    report::Report,
    spawn::spawn,
    step::Step,
};

use super::harness::{Outcome, enter_small_world, owner_and_mode, plan, run_script, script};

const UID: u32 = 61300;

fn dynamic() -> Identity<'static> {
    let dynamic = Dynamic { uid: Some(UID), gid: None, check: false, suggest: false, range: (61184, 65519) };
    Identity { user: "pd", dynamic: Some(dynamic), ..Identity::default() }
}

fn named(user: &str) -> Identity<'_> {
    Identity { user, ..Identity::default() }
}

/// Directories of the given kinds, all with the same names.
fn settings<'a>(kinds: &[DirectoryKind], mode: u16, names: &'a [u8]) -> Vec<Directory<'a>> {
    let names = Words::new(names).expect("ends in NUL");
    kinds.iter().map(|&kind| Directory { kind, mode, names, links: Words::default() }).collect()
}

const ALL: [DirectoryKind; 5] = [
    DirectoryKind::Runtime,
    DirectoryKind::State,
    DirectoryKind::Cache,
    DirectoryKind::Logs,
    DirectoryKind::Configuration,
];

fn run_with<'a>(identity: Identity<'a>, directories: &'a [Directory<'a>], text: &str) -> Outcome {
    run_script(text, |plan: &mut Plan<'a>| {
        plan.identity = identity;
        plan.directories = directories;
    })
}

/// Runs, and expects all to be well.
fn make(identity: Identity<'_>, kinds: &[DirectoryKind], mode: u16, names: &[u8]) {
    let outcome = run_with(identity, &settings(kinds, mode, names), "true");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_static_users_directories_are_its_own_and_listed_in_the_environment() {
    if !enter_small_world() {
        return;
    }
    let directories = settings(&ALL, 0o750, b"one\0two/deep\0");
    let outcome = run_with(named("svc"), &directories, "env | grep _DIRECTORY= | sort");
    assert_eq!(
        outcome.lines(),
        [
            "CACHE_DIRECTORY=/var/cache/one:/var/cache/two/deep",
            "CONFIGURATION_DIRECTORY=/etc/one:/etc/two/deep",
            "LOGS_DIRECTORY=/var/log/one:/var/log/two/deep",
            "RUNTIME_DIRECTORY=/run/one:/run/two/deep",
            "STATE_DIRECTORY=/var/lib/one:/var/lib/two/deep",
        ]
    );
    for prefix in ["/run", "/var/lib", "/var/cache", "/var/log"] {
        assert_eq!(owner_and_mode(format!("{prefix}/one")), (1001, 1001, 0o750), "{prefix}");
        assert_eq!(owner_and_mode(format!("{prefix}/two")), (0, 0, 0o755), "{prefix}");
        assert_eq!(owner_and_mode(format!("{prefix}/two/deep")), (1001, 1001, 0o750), "{prefix}");
    }
    assert_eq!(owner_and_mode("/etc/one"), (0, 0, 0o750), "configuration stays root's");
}

#[test]
fn an_unusual_umask_of_the_manager_does_not_show() {
    if !enter_small_world() {
        return;
    }
    // It is this thread's alone since its namespaces are.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    make(named("svc"), &[DirectoryKind::State, DirectoryKind::Configuration], 0o775, b"a/b\0");
    rustix::process::umask(before);
    assert_eq!(owner_and_mode("/var/lib/a"), (0, 0, 0o755));
    assert_eq!(owner_and_mode("/var/lib/a/b"), (1001, 1001, 0o775));
    assert_eq!(owner_and_mode("/etc/a/b"), (0, 0, 0o775));
}

#[test]
fn a_dynamic_users_directories_stand_behind_a_boundary() {
    if !enter_small_world() {
        return;
    }
    make(dynamic(), &ALL, 0o755, b"pd\0sub/dir\0");
    for prefix in ["/var/lib", "/var/cache", "/var/log"] {
        assert_eq!(owner_and_mode(format!("{prefix}/private")), (0, 0, 0o700), "{prefix}");
        assert_eq!(owner_and_mode(format!("{prefix}/private/pd")), (UID, UID, 0o755), "{prefix}");
        assert_eq!(fs::read_link(format!("{prefix}/pd")).expect("a link"), Path::new("private/pd"));
        assert_eq!(
            fs::read_link(format!("{prefix}/sub/dir")).expect("a link"),
            Path::new("../private/sub/dir")
        );
    }
    assert_eq!(owner_and_mode("/run/pd"), (UID, UID, 0o755), "not preserved: nobody can inherit it");
    assert_eq!(owner_and_mode("/etc/pd"), (0, 0, 0o755), "a successor would inherit it");
    assert!(!Path::new("/etc/private").exists());
    make(dynamic(), &ALL, 0o755, b"pd\0sub/dir\0"); // and once more over what is there
}

#[test]
fn a_preserved_runtime_directory_is_private_too() {
    if !enter_small_world() {
        return;
    }
    let directories = settings(&[DirectoryKind::Runtime], 0o700, b"pd\0pd/below\0");
    let outcome = run_script("true", |plan| {
        plan.identity = dynamic();
        plan.directories = &directories;
        plan.runtime_directory_preserved = true;
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(owner_and_mode("/run/private"), (0, 0, 0o700));
    assert_eq!(owner_and_mode("/run/private/pd/below"), (UID, UID, 0o700));
    assert_eq!(fs::read_link("/run/pd").expect("a link"), Path::new("private/pd"));
}

#[test]
fn directories_move_when_dynamic_user_is_turned_on_and_off() {
    if !enter_small_world() {
        return;
    }
    make(named("svc"), &[DirectoryKind::State], 0o755, b"pd\0");
    fs::write("/var/lib/pd/data", "kept").expect("write");
    make(dynamic(), &[DirectoryKind::State], 0o755, b"pd\0");
    assert_eq!(fs::read_to_string("/var/lib/private/pd/data").expect("moved"), "kept");
    assert_eq!(owner_and_mode("/var/lib/private/pd/data").0, UID);
    make(named("svc"), &[DirectoryKind::State], 0o755, b"pd\0");
    assert_eq!(owner_and_mode("/var/lib/pd"), (1001, 1001, 0o755));
    assert_eq!(fs::read_to_string("/var/lib/pd/data").expect("moved back"), "kept");
    assert_eq!(owner_and_mode("/var/lib/pd/data").0, 1001);
    assert!(!Path::new("/var/lib/private/pd").exists());
}

#[test]
fn a_new_owner_gets_everything_but_suid_bits() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all("/var/lib/private/pd/a/b").expect("mkdir");
    for file in ["/var/lib/private/pd/x", "/var/lib/private/pd/a/b/y"] {
        fs::write(file, "").expect("write");
        chown(file, Some(61999), Some(61999)).expect("chown");
        fs::set_permissions(file, fs::Permissions::from_mode(0o6755)).expect("chmod");
    }
    symlink("/etc/passwd", "/var/lib/private/pd/a/link").expect("symlink");
    fs::create_dir("/etc/victim").expect("mkdir");
    symlink("/etc/victim", "/var/lib/private/pd/dirlink").expect("symlink");
    chown("/var/lib/private/pd", Some(61999), Some(61999)).expect("chown");

    make(dynamic(), &[DirectoryKind::State], 0o755, b"pd\0");
    for (path, mode) in [("x", 0o755), ("a", 0o755), ("a/b", 0o755), ("a/b/y", 0o755)] {
        assert_eq!(owner_and_mode(format!("/var/lib/private/pd/{path}")), (UID, UID, mode), "{path}");
    }
    let (uid, gid, _) = owner_and_mode("/var/lib/private/pd/a/link");
    assert_eq!((uid, gid), (UID, UID), "the link itself");
    assert_eq!(owner_and_mode("/etc/passwd"), (0, 0, 0o644), "not what it points to");
    assert_eq!(owner_and_mode("/etc/victim"), (0, 0, 0o755));
}

#[test]
fn a_hand_over_that_was_cut_off_anywhere_is_done_again_by_the_next_start() {
    if !enter_small_world() {
        return;
    }
    let paths: Vec<String> = (0..2000).map(|n| format!("/var/lib/private/pd/{}/{n}", n % 50)).collect();
    for path in &paths {
        fs::create_dir_all(Path::new(path).parent().expect("a parent")).expect("mkdir");
        fs::write(path, "").expect("write");
    }
    let owned = || paths.iter().filter(|path| owner_and_mode(path).0 == UID).count();
    let mut cut_off = 0;
    for wanted in [1, 400, 1600].into_iter().cycle().take(30) {
        if cut_off == 3 {
            break; // a busy machine may let a child be done before it is killed
        }
        for path in &paths {
            chown(path, Some(61999), Some(61999)).expect("chown");
        }
        chown("/var/lib/private/pd", Some(61999), Some(61999)).expect("chown");
        let directories = settings(&[DirectoryKind::State], 0o755, b"pd\0");
        let text = script("true");
        let plan = Plan { identity: dynamic(), directories: &directories, ..plan(&text) };
        let child = spawn(&plan).expect("a child");
        while owned() < wanted {}
        signal_by_pidfd(&child.pidfd, 9).expect("kill"); // as a power cut would end it
        waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
        if owner_and_mode("/var/lib/private/pd").0 == UID {
            assert_eq!(owned(), paths.len(), "the top comes last");
        } else {
            cut_off += 1;
        }
        make(dynamic(), &[DirectoryKind::State], 0o755, b"pd\0");
        assert_eq!(owned(), paths.len(), "cut off after {wanted}");
    }
    assert!(cut_off > 0, "no child was killed before it was done");
}

#[test]
fn a_right_top_directory_is_left_alone() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all("/var/lib/pd").expect("mkdir");
    fs::write("/var/lib/pd/roots", "").expect("write");
    chown("/var/lib/pd", Some(1001), Some(1001)).expect("chown");
    make(named("svc"), &[DirectoryKind::State], 0o755, b"pd\0");
    assert_eq!(owner_and_mode("/var/lib/pd/roots").0, 0, "a restart walks no tree");
}

#[test]
fn a_service_cannot_plant_a_link_where_its_next_directory_will_be() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/etc/victim").expect("mkdir");
    make(named("svc"), &[DirectoryKind::Runtime], 0o755, b"a\0");
    symlink("/etc/victim", "/run/a/b").expect("symlink");
    let outcome = run_with(named("svc"), &settings(&[DirectoryKind::Runtime], 0o755, b"a\0a/b\0"), "true");
    assert_eq!(outcome.code, Some(233));
    let failure = Report::Failed { step: Step::RuntimeDirectory, errno: Errno::LOOP };
    assert_eq!(outcome.reports.last(), Some(&failure));
    assert_eq!(owner_and_mode("/etc/victim"), (0, 0, 0o755));
}

#[test]
fn an_administrators_link_is_followed() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir("/home/data").expect("mkdir");
    symlink("/home/data", "/var/lib/pd").expect("symlink");
    make(named("svc"), &[DirectoryKind::State], 0o755, b"pd\0");
    assert_eq!(owner_and_mode("/home/data"), (1001, 1001, 0o755));
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    if !enter_small_world() {
        return;
    }
    for name in [&b"../etc\0"[..], b"a/../../etc\0", b"/etc\0", b"a//b\0", b".\0"] {
        let outcome = run_with(named("svc"), &settings(&[DirectoryKind::State], 0o755, name), "true");
        assert_eq!(outcome.code, Some(238), "{name:?}");
        let failure = Report::Failed { step: Step::StateDirectory, errno: Errno::INVAL };
        assert_eq!(outcome.reports.last(), Some(&failure), "{name:?}");
    }
    assert_eq!(owner_and_mode("/etc"), (0, 0, 0o755));
}

#[test]
fn directories_that_are_right_already_need_no_writable_disk_and_missing_ones_fail_with_their_code() {
    if !enter_small_world() {
        return;
    }
    make(dynamic(), &[DirectoryKind::Logs], 0o755, b"pd\0");
    mount_remount("/var", MountFlags::RDONLY, c"").expect("read-only");
    make(dynamic(), &[DirectoryKind::Logs], 0o755, b"pd\0");
    for (kind, code) in [(DirectoryKind::State, 238), (DirectoryKind::Cache, 239), (DirectoryKind::Logs, 240)]
    {
        let outcome = run_with(dynamic(), &settings(&[kind], 0o755, b"new\0"), "true");
        assert_eq!(outcome.code, Some(code), "{kind:?}");
        assert!(
            matches!(outcome.reports.last(), Some(Report::Failed { errno: Errno::ROFS, .. })),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_file_of_roots_with_a_second_name_does_not_change_hands() {
    if !enter_small_world() {
        return;
    }
    // As where fs.protected_hardlinks is 0. One file system, so that a link is possible at all.
    make(named("svc"), &[DirectoryKind::State], 0o755, b"one\0");
    fs::write("/var/lib/shadow", "").expect("write");
    fs::hard_link("/var/lib/shadow", "/var/lib/one/trap").expect("link");
    fs::write("/var/lib/one/own", "").expect("write");
    fs::hard_link("/var/lib/one/own", "/var/lib/one/own too").expect("link");
    chown("/var/lib/one/own", Some(1001), Some(1001)).expect("chown");
    fs::write("/var/lib/one/roots", "").expect("write");
    make(named("odd"), &[DirectoryKind::State], 0o755, b"one\0");
    assert_eq!(owner_and_mode("/var/lib/shadow"), (0, 0, 0o644));
    for path in ["/var/lib/one", "/var/lib/one/own", "/var/lib/one/own too", "/var/lib/one/roots"] {
        let (uid, gid, _) = owner_and_mode(path);
        assert_eq!((uid, gid), (1002, 1003), "{path}");
    }
}

#[test]
fn links_lead_to_the_directories_whichever_layout_they_have_and_go_with_the_unit() {
    if !enter_small_world() {
        return;
    }
    let names = Words::new(b"linked\0").expect("ends in NUL");
    let links = Words::new(b"linked\0other\0linked\0deep/er\0").expect("ends in NUL");
    let of = |kind| Directory { kind, mode: 0o755, names, links };
    let directories = [of(DirectoryKind::Runtime), of(DirectoryKind::State)];
    let leads_to = |link: &str| fs::canonicalize(link).expect(link).display().to_string();
    for _again in 0..2 {
        let outcome = run_with(dynamic(), &directories, "true");
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(fs::read_link("/run/deep/er").expect("a link"), Path::new("../linked"));
        assert_eq!(
            (leads_to("/run/other"), leads_to("/run/deep/er")),
            ("/run/linked".into(), "/run/linked".into())
        );
        assert_eq!(leads_to("/var/lib/deep/er"), "/var/lib/private/linked");
    }
    fs::create_dir("/run/taken").expect("mkdir");
    let taken = Words::new(b"linked\0taken\0").expect("ends in NUL");
    let directories = [Directory { links: taken, ..of(DirectoryKind::Runtime) }];
    let outcome = run_with(dynamic(), &directories, "true");
    let expected = Report::Failed { step: Step::RuntimeDirectory, errno: Errno::EXIST };
    assert_eq!((outcome.code, outcome.reports.last()), (Some(233), Some(&expected)));
}
