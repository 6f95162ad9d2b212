//! The mount namespace, as golden/sandbox has it from systemd (with 257's corrections).

use std::{collections::BTreeMap, fs, os::unix::fs::chown, path::Path};

use rustix::mount::{MountFlags, mount_remount};
use tomte::linux::{
    directory::{Directory, DirectoryKind},
    plan::{Dynamic, Identity, Plan, PrivateTmp, ProtectHome, ProtectSystem, Sandbox, Words},
};

use super::harness::{Outcome, enter_small_world, owner_and_mode, run_script, take_away_call};

const UID: u32 = 61310;
const MOUNTS: &str = "cat /proc/self/mountinfo";
/// Prints each path if it can be written to.
const WRITABLE: &str = "for path in \"$@\"; do touch $path/probe 2>/dev/null && echo $path; done; true";

/// The last mount at each place, with its own options.
fn mounts(outcome: &Outcome) -> BTreeMap<String, Vec<String>> {
    let mut mounts = BTreeMap::new();
    for line in outcome.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        mounts.insert(fields[4].to_owned(), fields[5].split(',').map(str::to_owned).collect());
    }
    mounts
}

fn has(mounts: &BTreeMap<String, Vec<String>>, path: &str, options: &[&str]) -> bool {
    let own = mounts.get(path).unwrap_or_else(|| panic!("no mount at {path}: {mounts:?}"));
    options.iter().all(|option| own.iter().any(|other| other == option))
}

/// Everything that `DynamicUser=yes` forces.
fn as_dynamic_user<'a>(plan: &mut Plan<'a>, directories: &'a [Directory<'a>]) {
    let dynamic = Dynamic { uid: Some(UID), gid: None, check: true, suggest: true, range: (61184, 65519) };
    plan.identity = Identity { user: "pd", dynamic: Some(dynamic), ..Identity::default() };
    plan.directories = directories;
    plan.sandbox = Sandbox {
        private_tmp: PrivateTmp::Disconnected,
        protect_system: ProtectSystem::Strict,
        protect_home: ProtectHome::ReadOnly,
    };
    plan.limits.no_new_privileges = true;
}

fn own_directories() -> [Directory<'static>; 5] {
    let names = Words::new(b"pd\0").expect("ends in NUL");
    let of = |kind| Directory { kind, mode: 0o755, names };
    [
        of(DirectoryKind::Runtime),
        of(DirectoryKind::State),
        of(DirectoryKind::Cache),
        of(DirectoryKind::Logs),
        of(DirectoryKind::Configuration),
    ]
}

fn write_with<'a>(paths: &str, change: impl FnOnce(&mut Plan<'a>)) -> Vec<String> {
    let argv = format!("sh\0-c\0{WRITABLE}\0sh\0{}\0", paths.replace(' ', "\0"));
    let outcome = run_script("", |plan| {
        change(plan);
        plan.command.argv = Words::new(Box::leak(argv.into_bytes().into_boxed_slice())).expect("ends in NUL");
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.lines().into_iter().map(str::to_owned).collect()
}

/// What golden/sandbox/dyn-state.json says of the mounts.
fn check_dynamic_users_view() {
    let directories = own_directories();
    let outcome = run_script(MOUNTS, |plan| as_dynamic_user(plan, &directories));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let mounts = mounts(&outcome);
    for path in ["/", "/run", "/etc", "/var", "/home", "/root"] {
        assert!(has(&mounts, path, &["ro", "nosuid"]), "{path}: {mounts:?}");
    }
    for path in ["/proc", "/dev", "/tmp", "/var/tmp"] {
        assert!(has(&mounts, path, &["rw", "nosuid"]), "{path}: {mounts:?}");
    }
    for path in ["/run/pd", "/etc/pd", "/var/lib/private/pd", "/var/cache/private/pd", "/var/log/private/pd"]
    {
        assert!(has(&mounts, path, &["rw", "nosuid"]), "{path}: {mounts:?}");
    }
    for path in ["/var/lib/private", "/var/cache/private", "/var/log/private"] {
        assert!(has(&mounts, path, &["ro", "nosuid", "nodev", "noexec"]), "{path}: {mounts:?}");
    }
}

#[test]
fn a_dynamic_user_sees_systemds_mounts() {
    if enter_small_world() {
        check_dynamic_users_view();
    }
}

#[test]
fn a_dynamic_user_sees_the_same_mounts_where_mount_setattr_is_missing() {
    if !enter_small_world() {
        return;
    }
    take_away_call(442); // mount_setattr, on every architecture
    check_dynamic_users_view();
}

#[test]
fn a_dynamic_user_writes_to_its_own_directories_and_nowhere_else() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all("/var/lib/private/other").expect("mkdir");
    chown("/var/lib/private/other", Some(UID), Some(UID)).expect("chown");
    fs::create_dir("/run/everybodys").expect("mkdir");
    chown("/run/everybodys", Some(UID), Some(UID)).expect("chown");
    let directories = own_directories();
    let places = "/run/pd /var/lib/pd /var/cache/pd /var/log/pd /tmp /var/tmp /run/everybodys /etc/pd /home /root \
                  /var/lib/private/other / /run /etc /var/lib";
    let written = write_with(places, |plan| as_dynamic_user(plan, &directories));
    assert_eq!(written, ["/run/pd", "/var/lib/pd", "/var/cache/pd", "/var/log/pd", "/tmp", "/var/tmp"]);
    assert!(Path::new("/var/lib/private/pd/probe").exists(), "state is on the host's disk");
    assert!(
        !Path::new("/tmp/probe").exists() && !Path::new("/var/tmp/probe").exists(),
        "/tmp is not the host's"
    );
}

#[test]
fn other_units_private_directories_are_out_of_sight() {
    if !enter_small_world() {
        return;
    }
    fs::create_dir_all("/var/lib/private/other/secret").expect("mkdir");
    let names = Words::new(b"pd\0deep/er\0").expect("ends in NUL");
    let directories = [Directory { kind: DirectoryKind::State, mode: 0o755, names }];
    let outcome =
        run_script("ls /var/lib/private /var/lib/private/deep; stat -c %a /var/lib/private", |plan| {
            as_dynamic_user(plan, &directories);
        });
    assert_eq!(
        outcome.lines(),
        ["/var/lib/private:", "deep", "pd", "", "/var/lib/private/deep:", "er", "755"]
    );
    assert!(Path::new("/var/lib/private/other/secret").exists());
}

#[test]
fn what_is_read_only_below_dev_stays_so_under_strict() {
    if !enter_small_world() {
        return;
    }
    mount_remount("/dev/shm", MountFlags::RDONLY, c"").expect("read-only");
    let mounts = mounts(&run_script(MOUNTS, |plan| plan.sandbox.protect_system = ProtectSystem::Strict));
    assert!(has(&mounts, "/dev/shm", &["ro"]) && has(&mounts, "/dev", &["rw"]), "{mounts:?}");
    assert!(
        has(&mounts, "/home", &["rw"]) && has(&mounts, "/root", &["rw"]),
        "ProtectHome= decides those: {mounts:?}"
    );
    assert!(has(&mounts, "/tmp", &["ro"]), "{mounts:?}");
}

#[test]
fn a_connected_tmp_is_shared_by_the_units_commands_alone() {
    if !enter_small_world() {
        return;
    }
    fs::write("/tmp/hosts", "").expect("write");
    let connected = |plan: &mut Plan<'_>| plan.sandbox.private_tmp = PrivateTmp::Connected { token: 0xabc };
    let first = run_script("ls /tmp; touch /tmp/mine /var/tmp/mine; stat -c %a /tmp /var/tmp", connected);
    assert_eq!(first.lines(), ["1777", "1777"], "{first:?}");
    assert_eq!(run_script("ls /tmp /var/tmp", connected).lines(), ["/tmp:", "mine", "", "/var/tmp:", "mine"]);
    for place in ["/tmp", "/var/tmp"] {
        let outer = format!("{place}/systemd-private-0000000000000abc-test.service");
        assert_eq!(owner_and_mode(&outer), (0, 0, 0o700));
        assert_eq!(owner_and_mode(format!("{outer}/tmp")), (0, 0, 0o1777));
        assert!(Path::new(&format!("{outer}/tmp/mine")).exists());
    }
    let other =
        run_script("ls /tmp", |plan| plan.sandbox.private_tmp = PrivateTmp::Connected { token: 0xdef });
    assert_eq!(other.output, "", "another activation starts empty");
}

#[test]
fn a_connected_tmp_that_somebody_else_made_is_refused() {
    if !enter_small_world() {
        return;
    }
    let outer = "/tmp/systemd-private-0000000000000abc-test.service";
    fs::create_dir(outer).expect("mkdir");
    chown(outer, Some(1001), Some(1001)).expect("chown");
    let outcome =
        run_script("true", |plan| plan.sandbox.private_tmp = PrivateTmp::Connected { token: 0xabc });
    assert_eq!(outcome.code, Some(226), "{outcome:?}");
}

#[test]
fn a_tmp_that_cannot_be_made_looks_empty_and_read_only() {
    if !enter_small_world() {
        return;
    }
    fs::write("/tmp/hosts", "").expect("write");
    mount_remount("/tmp", MountFlags::RDONLY, c"").expect("read-only");
    let outcome = run_script(
        "ls /tmp; touch /tmp/x 2>/dev/null || echo refused; touch /var/tmp/x && echo made",
        |plan| {
            plan.sandbox.private_tmp = PrivateTmp::Connected { token: 1 };
        },
    );
    assert_eq!(outcome.lines(), ["refused", "made"]);
}

#[test]
fn protect_system_makes_more_and_more_read_only() {
    if !enter_small_world() {
        return;
    }
    let options = |protect_system| {
        let outcome = run_script(MOUNTS, |plan| plan.sandbox.protect_system = protect_system);
        let mounts = mounts(&outcome);
        ["/usr", "/etc", "/run"].map(|path| mounts.contains_key(path) && has(&mounts, path, &["ro"]))
    };
    assert_eq!(options(ProtectSystem::Yes), [true, false, false]);
    assert_eq!(options(ProtectSystem::Full), [true, true, false]);
    assert_eq!(options(ProtectSystem::Strict)[1..], [true, true]);
}

#[test]
fn protect_home_hides_or_protects_homes() {
    if !enter_small_world() {
        return;
    }
    fs::write("/home/svc/file", "").expect("write");
    fs::create_dir_all("/run/user").expect("mkdir");
    let view = |protect_home| {
        let outcome = run_script(
            "stat -c '%n %a' /home /root /run/user; ls /home; touch /home/x 2>/dev/null && echo rw",
            |plan| {
                plan.sandbox.protect_home = protect_home;
            },
        );
        outcome.lines().join(" ")
    };
    assert_eq!(view(ProtectHome::No), "/home 755 /root 755 /run/user 755 svc rw");
    fs::remove_file("/home/x").expect("it is the host's");
    assert_eq!(view(ProtectHome::ReadOnly), "/home 755 /root 755 /run/user 755 svc");
    assert_eq!(view(ProtectHome::Yes), "/home 0 /root 0 /run/user 0");
    assert_eq!(view(ProtectHome::Tmpfs), "/home 755 /root 700 /run/user 755");
}

#[test]
fn nothing_of_a_namespace_reaches_the_host() {
    if !enter_small_world() {
        return;
    }
    rustix::mount::mount_change(
        c"/",
        rustix::mount::MountPropagationFlags::SHARED | rustix::mount::MountPropagationFlags::REC,
    )
    .expect("shared, as systemd leaves it");
    let before = fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo");
    let directories = own_directories();
    let outcome = run_script("true", |plan| as_dynamic_user(plan, &directories));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo"), before);
}

#[test]
fn a_small_descriptor_limit_does_not_stop_the_sandbox() {
    if !enter_small_world() {
        return;
    }
    let directories = own_directories();
    let rlimits = [tomte::linux::plan::Rlimit { resource: 7, soft: 4, hard: 4 }];
    let outcome = run_script("ulimit -n", |plan| {
        as_dynamic_user(plan, &directories);
        plan.limits.rlimits = &rlimits;
    });
    assert_eq!(outcome.lines(), ["4"]);
}
