//! The mount namespace, as golden/sandbox has it from systemd (with 257's corrections).

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{chown, symlink},
    path::Path,
};

use rustix::{
    io::Errno,
    mount::{MountFlags, mount_remount},
};
use tomte::linux::{
    directory::{Directory, DirectoryKind},
    plan::{Content, Dynamic, Identity, Mount, Plan, Words},
    report::Report,
    step::Step,
};

use super::{
    harness::{Outcome, enter_small_world, owner_and_mode, run_script, take_away_call},
    views::{NOEXEC, RDONLY, bind, connect_tmp, dynamic_users, inaccessible, itself, leak, mount, strict},
};

const UID: u32 = 61310;
const MOUNTS: &str = "cat /proc/self/mountinfo";
/// Prints each path if it can be written to.
const WRITABLE: &str = "for path in \"$@\"; do touch $path/probe 2>/dev/null && echo $path; done; true";

/// The last mount at each place, with its own options.
fn mounts_of(outcome: &Outcome) -> BTreeMap<String, Vec<String>> {
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
    plan.view.mounts = leak(dynamic_users(directories));
    plan.limits.no_new_privileges = true;
}

fn own_directories() -> [Directory<'static>; 5] {
    let names = Words::new(b"pd\0").expect("ends in NUL");
    let of = |kind| Directory { kind, mode: 0o755, names, links: Words::default() };
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
    let mounts = mounts_of(&outcome);
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
    let directories = [Directory { kind: DirectoryKind::State, mode: 0o755, names, links: Words::default() }];
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
    let mounts = mounts_of(&run_script(MOUNTS, |plan| plan.view.mounts = leak(strict())));
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
    let connected = |plan: &mut Plan<'_>| connect_tmp(plan, 0xabc);
    let first = run_script("ls /tmp; touch /tmp/mine /var/tmp/mine; stat -c %a /tmp /var/tmp", connected);
    assert_eq!(first.lines(), ["1777", "1777"], "{first:?}");
    assert_eq!(run_script("ls /tmp /var/tmp", connected).lines(), ["/tmp:", "mine", "", "/var/tmp:", "mine"]);
    for place in ["/tmp", "/var/tmp"] {
        let outer = format!("{place}/systemd-private-0000000000000abc-test.service");
        assert_eq!(owner_and_mode(&outer), (0, 0, 0o700));
        assert_eq!(owner_and_mode(format!("{outer}/tmp")), (0, 0, 0o1777));
        assert!(Path::new(&format!("{outer}/tmp/mine")).exists());
    }
    let other = run_script("ls /tmp", |plan| connect_tmp(plan, 0xdef));
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
    let outcome = run_script("true", |plan| connect_tmp(plan, 0xabc));
    assert_eq!(outcome.code, Some(226), "{outcome:?}");
}

#[test]
fn a_tmp_that_cannot_be_made_looks_empty_and_read_only() {
    if !enter_small_world() {
        return;
    }
    // A file could still be open for writing: in some other test's child.
    fs::create_dir("/tmp/hosts").expect("mkdir");
    mount_remount("/tmp", MountFlags::RDONLY, c"").expect("read-only");
    let outcome = run_script(
        "ls /tmp; touch /tmp/x 2>/dev/null || echo refused; touch /var/tmp/x && echo made",
        |plan| {
            connect_tmp(plan, 1);
        },
    );
    assert_eq!(outcome.lines(), ["refused", "made"]);
}

#[test]
fn what_is_read_only_stays_so_below_and_what_is_not_is_put_on_top() {
    if !enter_small_world() {
        return;
    }
    for path in ["/var/a", "/var/a/b", "/var/a/b/c"] {
        fs::create_dir(path).expect(path);
    }
    let mounts = [
        itself("/var", RDONLY, 0),
        itself("/var/a", NOEXEC, 0),
        itself("/var/a/b", 0, RDONLY),
        itself("/var/a/b/c", RDONLY, NOEXEC),
    ];
    let seen = mounts_of(&run_script(MOUNTS, |plan| plan.view.mounts = &mounts));
    assert!(has(&seen, "/var", &["ro"]) && !has(&seen, "/var", &["noexec"]), "{seen:?}");
    assert!(has(&seen, "/var/a", &["ro", "noexec"]), "{seen:?}");
    assert!(has(&seen, "/var/a/b", &["rw", "noexec"]), "{seen:?}");
    assert!(has(&seen, "/var/a/b/c", &["ro"]) && !has(&seen, "/var/a/b/c", &["noexec"]), "{seen:?}");
}

#[test]
fn homes_can_be_out_of_reach_or_look_empty() {
    if !enter_small_world() {
        return;
    }
    fs::write("/home/svc/file", "").expect("write");
    let view = |mounts: &[Mount<'static>]| {
        let mounts = leak(mounts.to_vec());
        let script = "stat -c '%n %a' /home /root; ls /home; touch /home/x 2>/dev/null && echo rw";
        run_script(script, |plan| plan.view.mounts = mounts).lines().join(" ")
    };
    assert_eq!(view(&[]), "/home 755 /root 755 svc rw");
    fs::remove_file("/home/x").expect("it is the host's");
    assert_eq!(view(&[inaccessible("/home"), inaccessible("/root")]), "/home 0 /root 0");
    let cover = |path, source| Mount { only: RDONLY, ..mount(path, Content::New, source) };
    let covers = [cover("/home", "tmpfs:mode=0755,size=4m"), cover("/root", "tmpfs:mode=0700,size=4m")];
    assert_eq!(view(&covers), "/home 755 /root 700");
}

#[test]
fn files_and_directories_that_are_missing_end_the_start_unless_they_may() {
    if !enter_small_world() {
        return;
    }
    for mount in [itself("/var/none", RDONLY, 0), inaccessible("/var/none"), bind("/var/none", "/home")] {
        let mounts = leak(vec![mount]);
        let outcome = run_script("true", |plan| plan.view.mounts = mounts);
        assert_eq!(outcome.code, Some(226), "{mounts:?}");
        let mounts = leak(vec![Mount { optional: true, ..mount }]);
        let outcome = run_script("true", |plan| plan.view.mounts = mounts);
        assert_eq!(outcome.code, Some(0), "{mounts:?}");
    }
}

#[test]
fn a_file_can_be_out_of_reach_or_another_one() {
    if !enter_small_world() {
        return;
    }
    fs::write("/var/lib/secret", "secret").expect("write");
    fs::write("/var/lib/other", "other").expect("write");
    let mounts = [inaccessible("/var/lib/secret")];
    let outcome = run_script("stat -c '%a %s' /var/lib/secret", |plan| plan.view.mounts = &mounts);
    assert_eq!(outcome.lines(), ["0 0"], "{outcome:?}");
    let mounts = [bind("/var/lib/other", "/var/lib/secret")];
    let outcome = run_script("cat /var/lib/secret", |plan| plan.view.mounts = &mounts);
    assert_eq!(outcome.output, "other");
    assert_eq!(fs::read_to_string("/var/lib/secret").expect("the host's"), "secret");
}

#[test]
fn a_bind_makes_the_place_it_needs() {
    if !enter_small_world() {
        return;
    }
    fs::write("/var/lib/file", "here").expect("write");
    let mounts = [bind("/var/lib", "/var/a/b"), bind("/var/lib/file", "/var/c/file")];
    let outcome = run_script("cat /var/a/b/file /var/c/file", |plan| plan.view.mounts = &mounts);
    assert_eq!(outcome.output, "herehere");
    assert_eq!(owner_and_mode("/var/a"), (0, 0, 0o755));
}

#[test]
fn a_new_file_system_has_places_for_what_is_mounted_in_it() {
    if !enter_small_world() {
        return;
    }
    fs::write("/home/svc/file", "here").expect("write");
    let cover = Mount { only: RDONLY, ..mount("/var", Content::New, "tmpfs:mode=0755") };
    let mounts = [cover, bind("/home/svc", "/var/a/b"), bind("/home/svc/file", "/var/c")];
    let outcome = run_script("ls /var /var/a/b; cat /var/c; touch /var/x 2>/dev/null || echo ro", |plan| {
        plan.view.mounts = &mounts;
    });
    assert_eq!(outcome.lines(), ["/var:", "a", "c", "", "/var/a/b:", "file", "herero"]);
    assert!(!Path::new("/var/a").exists(), "nothing is made on the host for it");
}

#[test]
fn what_is_in_a_bind_can_be_narrowed_and_widened() {
    if !enter_small_world() {
        return;
    }
    for path in ["/home/svc/ro", "/home/svc/rw", "/home/svc/secret"] {
        fs::create_dir(path).expect(path);
    }
    let mounts = [
        Mount { only: RDONLY, ..bind("/home/svc", "/var/svc") },
        itself("/var/svc/ro", RDONLY, 0),
        Mount { clear: RDONLY, ..bind("/home/svc/rw", "/var/svc/rw") },
        inaccessible("/var/svc/secret"),
    ];
    let places = "/var/svc /var/svc/ro /var/svc/rw /var/svc/secret";
    let written = write_with(places, |plan| plan.view.mounts = &mounts);
    assert_eq!(written, ["/var/svc/rw"]);
}

#[test]
fn roots_links_are_followed_and_the_order_is_that_of_where_they_lead() {
    if !enter_small_world() {
        return;
    }
    for path in ["/var/real", "/var/real/secret", "/var/real/open"] {
        fs::create_dir(path).expect(path);
    }
    symlink("real", "/var/a").expect("link");
    // In the order of the paths, what is read-only would come before its parent and be covered by it.
    let mounts = [
        itself("/var/a", 0, RDONLY),
        inaccessible("/var/a/secret"),
        itself("/var/real", RDONLY, 0),
        itself("/var/real/open", 0, RDONLY),
    ];
    let written = write_with("/var/real /var/real/secret /var/real/open", |plan| plan.view.mounts = &mounts);
    assert_eq!(written, ["/var/real/open"]);
    let modes = run_script("stat -c %a /var/a/secret", |plan| plan.view.mounts = &mounts);
    assert_eq!(modes.lines(), ["0"]);
}

#[test]
fn of_several_names_of_one_place_the_strongest_says_what_is_seen() {
    if !enter_small_world() {
        return;
    }
    for path in ["/var/real", "/var/other"] {
        fs::create_dir(path).expect(path);
    }
    for path in ["/var/real/secret", "/var/other/open"] {
        fs::write(path, "").expect(path);
    }
    symlink("real", "/var/link").expect("link");
    let seen = |mounts: &[Mount<'static>]| {
        let mounts = leak(mounts.to_vec());
        run_script("ls /var/real; touch /var/real/new 2>/dev/null && echo writable", |plan| {
            plan.view.mounts = mounts
        })
        .lines()
        .join(" ")
    };
    let other = |path| bind("/var/other", path);
    assert_eq!(seen(&[inaccessible("/var/link"), other("/var/real")]), "");
    assert_eq!(seen(&[inaccessible("/var/real"), other("/var/link")]), "");
    assert_eq!(seen(&[itself("/var/real", RDONLY, 0), other("/var/link")]), "open");
    assert_eq!(seen(&[itself("/var/link", RDONLY, 0), other("/var/real")]), "open");
    // What is bound is not there: the rest of what is wanted of the place holds.
    let missing = Mount { optional: true, ..bind("/var/no-such", "/var/real") };
    assert_eq!(seen(&[missing, itself("/var/real", RDONLY, 0)]), "secret");
}

#[test]
fn a_link_that_a_service_could_have_made_ends_the_start() {
    if !enter_small_world() {
        return;
    }
    chown("/home/svc", Some(1001), Some(1001)).expect("chown");
    symlink("/etc", "/home/svc/data").expect("link");
    for mount in [itself("/home/svc/data", 0, RDONLY), bind("/home/svc/data", "/var/lib")] {
        let mounts = leak(vec![mount]);
        let outcome = run_script("true", |plan| plan.view.mounts = mounts);
        assert_eq!(outcome.code, Some(226), "{mount:?}");
        assert_eq!(outcome.reports, [Report::Failed { step: Step::Namespace, errno: Errno::LOOP }]);
    }
}

#[test]
fn a_root_of_its_own_holds_what_the_view_puts_there_and_nothing_else() {
    if !enter_small_world() {
        return;
    }
    let root = "/var/root";
    for directory in ["", "/usr", "/bin", "/lib", "/lib64", "/proc", "/tmp", "/etc"] {
        fs::create_dir(format!("{root}{directory}")).expect("mkdir");
    }
    let kept = |path| Mount { optional: true, ..bind(path, path) };
    let mounts = [
        kept("/bin"),
        itself("/etc", RDONLY, 0),
        kept("/lib"),
        kept("/lib64"),
        mount("/proc", Content::New, "proc:"),
        kept("/usr"),
    ];
    let outcome = run_script("ls /; touch /etc/x 2>&- || echo ro; touch /tmp/x && echo rw", |plan| {
        (plan.view.root, plan.view.mounts) = (root, &mounts);
    });
    let names = ["bin", "etc", "lib", "lib64", "proc", "tmp", "usr", "ro", "rw"];
    assert_eq!(outcome.lines(), names, "{outcome:?}");
    assert!(Path::new("/var/root/tmp/x").exists());
    let script = "grep -c . /proc/self/mountinfo; grep /home /proc/self/mountinfo || echo none";
    let outcome = run_script(script, |plan| (plan.view.root, plan.view.mounts) = (root, &mounts));
    assert_eq!(outcome.lines().last(), Some(&"none"), "the host's mounts are gone: {outcome:?}");
}

#[test]
fn an_empty_root_can_be_filled() {
    if !enter_small_world() {
        return;
    }
    let kept = |path| Mount { optional: true, only: RDONLY, ..bind(path, path) };
    let new_root = Mount { only: RDONLY, ..mount("/", Content::New, "tmpfs:mode=0755") };
    let mounts = [new_root, kept("/bin"), kept("/lib"), kept("/lib64"), kept("/usr")];
    let outcome = run_script("ls /; touch /x 2>&- || echo ro", |plan| plan.view.mounts = &mounts);
    assert_eq!(outcome.lines(), ["bin", "lib", "lib64", "usr", "ro"], "{outcome:?}");
}

#[test]
fn devices_of_its_own_are_the_usual_ones_alone() {
    if !enter_small_world() {
        return;
    }
    let own = Mount { only: RDONLY, ..mount("/dev", Content::Devices, "tmpfs:mode=0755,size=4m") };
    let mounts = [own, bind("/dev/shm", "/dev/shm")];
    let script = "ls /dev; echo x >/dev/null; head -c 1 /dev/zero | wc -c; touch /dev/x 2>/dev/null || echo ro; \
                  touch /dev/shm/x && echo rw";
    let outcome = run_script(script, |plan| plan.view.mounts = &mounts);
    assert_eq!(outcome.lines(), ["full", "null", "shm", "urandom", "zero", "1", "ro", "rw"], "{outcome:?}");
    // In another root they are the host's, too.
    fs::create_dir("/var/root").expect("a root");
    let kept = |path| Mount { optional: true, ..bind(path, path) };
    let mounts = leak(vec![own, kept("/bin"), kept("/lib"), kept("/lib64"), kept("/usr")]);
    let outcome = run_script("ls /dev; echo x >/dev/null; touch /dev/x 2>/dev/null || echo ro", |plan| {
        (plan.view.mounts, plan.view.root) = (mounts, "/var/root");
    });
    assert_eq!(outcome.lines(), ["full", "null", "urandom", "zero", "ro"], "{outcome:?}");
}

#[test]
fn processes_of_others_can_be_hidden() {
    if !enter_small_world() {
        return;
    }
    let proc = [mount("/proc", Content::New, "proc:hidepid=invisible,subset=pid")];
    let outcome = run_script("test -e /proc/1 || echo hidden; test -e /proc/sys || echo only", |plan| {
        plan.view.mounts = &proc;
        plan.identity.user = "svc";
    });
    assert_eq!(outcome.lines(), ["hidden", "only"], "{outcome:?}");
}

#[test]
fn a_view_without_mounts_is_a_namespace_all_the_same() {
    if !enter_small_world() {
        return;
    }
    let own = fs::read_link("/proc/thread-self/ns/mnt").expect("a namespace").display().to_string();
    let outcome = run_script("readlink /proc/self/ns/mnt", |plan| plan.view.own = true);
    assert_ne!(outcome.output.trim(), own);
    assert_eq!(run_script("readlink /proc/self/ns/mnt", |_| ()).output.trim(), own);
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
