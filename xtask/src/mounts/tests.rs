//! The plans of settings, one line a mount.

use tomte::table::{Content, DirectoryKind, Mount as Flags, PrivateTmp, Propagation};

use super::{view, view_privileged};
use crate::{
    check::default_service,
    model::{
        Access, AccessPath, BindPath, CredentialsView, Directories, Exec, ProtectHome, ProtectSystem,
        TemporaryFileSystem,
    },
};

/// `PATH CONTENT[=SOURCE] [+SET] [!ONLY] [-CLEAR] [?]`, flags as the first letters of their names.
fn plan(change: impl FnOnce(&mut Exec)) -> Vec<String> {
    let mut exec = default_service().exec;
    change(&mut exec);
    let flags = |mark: char, flags: u8| {
        let names = [(Flags::RDONLY, 'r'), (Flags::NOSUID, 's'), (Flags::NODEV, 'd'), (Flags::NOEXEC, 'x')];
        let letters: String =
            names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letter)| *letter).collect();
        if letters.is_empty() { String::new() } else { format!(" {mark}{letters}") }
    };
    let line = |mount: &super::Mount| {
        let content = match mount.content {
            Content::Itself => "itself",
            Content::Bind => "bind",
            Content::BindOne => "bind-one",
            Content::New => "new",
            Content::Devices => "devices",
            Content::PrivateTmp => "tmp",
            Content::Inaccessible => "nothing",
        };
        let source =
            if mount.content == Content::Bind { format!("={}", mount.source) } else { String::new() };
        let (set, only, clear) = (flags('+', mount.set), flags('!', mount.only), flags('-', mount.clear));
        let optional = if mount.optional { " ?" } else { "" };
        format!("{} {content}{source}{set}{only}{clear}{optional}", mount.path)
    };
    view(&exec).mounts.iter().map(line).collect()
}

fn path(access: Access, path: &str) -> AccessPath {
    AccessPath { access, path: path.into(), optional: false, in_root: false }
}

#[test]
fn nothing_is_mounted_for_a_unit_that_asks_for_nothing() {
    assert!(plan(|_| ()).is_empty());
    assert!(!view(&default_service().exec).own);
}

#[test]
fn what_only_says_how_a_namespace_is_makes_none() {
    let own = |change: fn(&mut Exec)| {
        let mut exec = default_service().exec;
        change(&mut exec);
        view(&exec).own
    };
    assert!(!own(|exec| exec.view.propagation = Some(Propagation::Shared)));
    assert!(own(|exec| exec.view.propagation = Some(Propagation::Slave)));
    assert!(!own(|exec| exec.view.api_file_systems = Some(true)));
    let hidden = plan(|exec| {
        exec.view.api_file_systems = Some(true);
        exec.protect_home = ProtectHome::Yes;
    });
    assert!(hidden.iter().any(|line| line.starts_with("/proc new")), "{hidden:?}");
}

#[test]
fn a_unit_with_a_view_of_its_own_sees_no_credentials_but_its_own() {
    let seen = |credentials: CredentialsView, private_mounts| {
        plan(|exec| {
            exec.view.credentials = credentials;
            exec.view.private_mounts = private_mounts;
        })
    };
    let own = CredentialsView::Own("/run/credentials/a.service".into());
    assert!(seen(own.clone(), false).is_empty());
    assert_eq!(
        seen(own, true),
        [
            "/run/credentials new !rsdx -r",
            "/run/credentials/a.service bind=/run/credentials/a.service !rsdx -r ?"
        ]
    );
    assert_eq!(seen(CredentialsView::Nothing, true), ["/run/credentials nothing !rsdx -r ?"]);
    assert!(seen(CredentialsView::Host, true).is_empty());
}

#[test]
fn a_directory_of_the_units_own_is_there_and_can_be_written_to_whatever_is_above_it() {
    let own = |change: fn(&mut Exec)| {
        let plan = plan(|exec| {
            let names = vec!["a".to_owned()];
            exec.directories =
                vec![Directories { kind: DirectoryKind::State, mode: 0o755, names, links: vec![] }];
            change(exec);
        });
        plan.into_iter().find(|line| line.starts_with("/var/lib/a "))
    };
    let bound = Some("/var/lib/a bind=/var/lib/a -r".to_owned());
    assert_eq!(own(|_| ()), None);
    assert_eq!(own(|exec| exec.private_tmp = PrivateTmp::Connected), None);
    assert_eq!(own(|exec| exec.view.access = vec![path(Access::ReadOnly, "/")]), bound);
    assert_eq!(own(|exec| exec.view.access = vec![path(Access::ReadOnly, "/usr")]), None);
    assert_eq!(own(|exec| exec.protect_system = ProtectSystem::Strict), bound);
    let memory = |exec: &mut Exec| {
        exec.view.temporary =
            vec![TemporaryFileSystem { path: "/var".into(), options: String::new(), flags: 0 }];
    };
    assert_eq!(own(memory), bound);
}

#[test]
fn a_dynamic_users_directory_is_where_its_variable_says_although_the_link_is_covered() {
    let plan = plan(|exec| {
        let names = vec!["a".to_owned()];
        exec.dynamic_user = true;
        exec.directories =
            vec![Directories { kind: DirectoryKind::State, mode: 0o755, names, links: vec![] }];
        exec.view.temporary =
            vec![TemporaryFileSystem { path: "/var".into(), options: String::new(), flags: 0 }];
    });
    assert!(plan.contains(&"/var/lib/a bind=/var/lib/private/a -r".to_owned()), "{plan:?}");
}

#[test]
fn what_is_bound_to_where_it_is_shows_the_link_to_a_dynamic_users_directory() {
    let plan = plan(|exec| {
        exec.dynamic_user = true;
        exec.directories = vec![Directories {
            kind: DirectoryKind::State,
            mode: 0o755,
            names: vec!["a".to_owned()],
            links: vec![],
        }];
        exec.view.binds = vec![BindPath {
            path: "/var".into(),
            source: "/var".into(),
            optional: false,
            read_only: true,
            recursive: true,
        }];
    });
    assert!(plan.contains(&"/var/lib/private/a bind=/var/lib/private/a -r".to_owned()), "{plan:?}");
    assert!(!plan.iter().any(|mount| mount.starts_with("/var/lib/a ")), "{plan:?}");
}

#[test]
fn a_dynamic_users_plan_is_systemds() {
    let lines = plan(|exec| {
        exec.dynamic_user = true;
        exec.protect_system = ProtectSystem::Strict;
        exec.protect_home = ProtectHome::ReadOnly;
        exec.private_tmp = PrivateTmp::Disconnected;
        let of = |kind, names: &[&str]| Directories {
            kind,
            mode: 0o755,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            links: Vec::new(),
        };
        exec.directories =
            vec![of(DirectoryKind::Runtime, &["a"]), of(DirectoryKind::State, &["a", "a/below", "b"])];
    });
    assert_eq!(
        lines,
        [
            "/ itself +r",
            "/dev itself -r ?",
            "/proc itself -r ?",
            "/run/a bind=/run/a -r",
            "/sys itself -r ?",
            "/tmp new !sd -r ?",
            "/var/lib/private new !rsdx -r",
            "/var/lib/private/a bind=/var/lib/private/a -r",
            "/var/lib/private/b bind=/var/lib/private/b -r",
            "/var/tmp new !sd -r ?",
        ]
    );
}

#[test]
fn of_several_wishes_about_a_path_the_narrowest_wins() {
    let lines = plan(|exec| {
        exec.view.access = vec![
            path(Access::ReadWrite, "/a"),
            path(Access::ReadOnly, "/a"),
            path(Access::NoExec, "/a"),
            path(Access::Inaccessible, "/b"),
            path(Access::ReadWrite, "/b"),
            path(Access::ReadOnly, "/t"),
            path(Access::Exec, "/x"),
        ];
        let options = "mode=0755".to_owned();
        exec.view.temporary = vec![TemporaryFileSystem { path: "/t".into(), flags: Flags::NODEV, options }];
    });
    assert_eq!(lines, ["/a itself +rx", "/b nothing !rsdx -r", "/t new +r !d", "/x itself -x"]);
}

#[test]
fn the_first_bind_to_a_path_is_the_one_or_the_first_without_what_is_mounted_below() {
    let bind = |source: &str, read_only, recursive| BindPath {
        source: source.into(),
        path: "/b".into(),
        read_only,
        recursive,
        optional: false,
    };
    let lines = plan(|exec| {
        exec.view.access = vec![path(Access::NoExec, "/b")];
        exec.view.binds = vec![bind("/one", false, true), bind("/two", true, true)];
    });
    assert_eq!(lines, ["/b bind=/one +x !r -r"]);
    let lines = plan(|exec| exec.view.binds = vec![bind("/one", true, true), bind("/two", false, false)]);
    assert_eq!(lines, ["/b bind-one !r -r"]);
}

#[test]
fn what_the_host_has_below_an_own_dev_is_read_only_with_it() {
    let lines = plan(|exec| {
        exec.protect.devices = true;
        exec.view.access = vec![path(Access::ReadOnly, "/dev")];
    });
    assert_eq!(lines[0], "/dev devices +r !rsx");
    assert!(lines.contains(&"/dev/shm bind=/dev/shm ?".to_owned()), "{lines:?}");
}

#[test]
fn home_and_system_narrow_as_far_as_they_say() {
    let home = |home| plan(|exec| exec.protect_home = home);
    assert_eq!(home(ProtectHome::Yes)[0], "/home nothing !rsdx -r ?");
    assert_eq!(home(ProtectHome::ReadOnly)[1], "/root itself +r ?");
    assert_eq!(home(ProtectHome::Tmpfs)[2], "/run/user new !rsd -r ?");
    let system = |system| plan(|exec| exec.protect_system = system).len();
    let counts =
        [ProtectSystem::No, ProtectSystem::Yes, ProtectSystem::Full, ProtectSystem::Strict].map(system);
    assert_eq!(counts, [0, 3, 4, 7]);
}

#[test]
fn paths_are_seen_from_the_units_own_root() {
    let lines = plan(|exec| {
        exec.view.root = "/srv/root".into();
        exec.view.access = vec![
            path(Access::ReadOnly, "/srv/root/etc"),
            path(Access::ReadOnly, "/etc"),
            path(Access::ReadOnly, "/srv/root"),
            AccessPath { in_root: true, ..path(Access::ReadWrite, "/var") },
        ];
    });
    assert_eq!(
        lines,
        [
            "/ itself +r",
            "/dev bind=/dev -r",
            "/etc itself +r",
            "/proc new !sdx -r",
            "/run new !sd -r",
            "/sys bind=/sys !sdx -r",
            "/var itself -r",
        ]
    );
}

#[test]
fn the_kernels_files_are_narrowed_and_the_rest_of_them_left() {
    let lines = plan(|exec| {
        exec.protect.kernel_tunables = true;
        exec.protect.control_groups = true;
    });
    for line in [
        "/proc new !sdx -r",
        "/proc/sys itself +r ?",
        "/proc/kcore nothing !rsdx -r ?",
        "/sys itself +rx ?",
        "/sys/fs/cgroup itself +r ?",
    ] {
        assert!(lines.iter().any(|one| one == line), "{line}: {lines:?}");
    }
    let lines = plan(|exec| exec.protect.devices = true);
    assert_eq!(lines[0], "/dev devices !rsx -r");
    assert_eq!(lines[4], "/dev/shm bind=/dev/shm ?");
}

#[test]
fn message_queues_are_the_machines_or_those_of_the_units_own_ipc() {
    let queues = |change: fn(&mut Exec)| {
        let lines = plan(|exec| {
            exec.protect.devices = true;
            change(exec);
        });
        lines.into_iter().find(|line| line.starts_with("/dev/mqueue ")).expect("it is in every /dev")
    };
    assert_eq!(queues(|_| ()), "/dev/mqueue bind=/dev/mqueue ?");
    // As systemd 252 mounts it, with PrivateDevices= and without.
    assert_eq!(queues(|exec| exec.namespaces.ipc = true), "/dev/mqueue new !sdx -r ?");
    assert_eq!(queues(|exec| exec.namespaces.ipc_path = "/run/ipc".into()), "/dev/mqueue new !sdx -r ?");
}

#[test]
fn behind_a_bind_that_may_lack_its_source_stands_what_else_is_wanted() {
    let bind = |optional| BindPath {
        path: "/srv/a".into(),
        source: "/no-such".into(),
        read_only: false,
        recursive: true,
        optional,
    };
    let with = |optional| {
        plan(|exec| {
            exec.view.binds = vec![bind(optional)];
            exec.view.access = vec![path(Access::ReadOnly, "/srv/a"), path(Access::NoExec, "/srv/a")];
        })
    };
    assert_eq!(with(false), ["/srv/a bind=/no-such +rx"]);
    assert_eq!(with(true), ["/srv/a bind=/no-such +rx ?", "/srv/a itself +rx"]);
}

#[test]
fn the_hostname_is_protected_where_there_is_a_namespace_for_it() {
    assert!(plan(|exec| exec.protect.hostname = true).is_empty());
    let both = plan(|exec| (exec.protect.hostname, exec.protect_system) = (true, ProtectSystem::Yes));
    assert!(both.contains(&"/proc/sys/kernel/hostname itself +r ?".to_owned()), "{both:?}");
    assert!(both.contains(&"/proc/sys/kernel/domainname itself +r ?".to_owned()), "{both:?}");
}

#[test]
fn all_privileges_see_what_is_put_there_and_nothing_protected() {
    let mut exec = default_service().exec;
    (exec.protect_system, exec.protect_home) = (ProtectSystem::Strict, ProtectHome::Yes);
    (exec.private_tmp, exec.protect.devices) = (PrivateTmp::Connected, true);
    exec.view.access = vec![path(Access::Inaccessible, "/srv")];
    assert!(view_privileged(&exec).is_none());
    exec.view.temporary =
        vec![TemporaryFileSystem { path: "/media".into(), options: String::new(), flags: Flags::NODEV }];
    let paths = |view: super::View| view.mounts.into_iter().map(|mount| mount.path).collect::<Vec<_>>();
    assert_eq!(view_privileged(&exec).map(paths), Some(vec!["/media".to_owned()]));
    exec.view.root = "/srv/root".into();
    assert_eq!(view_privileged(&exec).map(|view| view.root), Some("/srv/root".to_owned()));
    exec.view.root_start_only = true;
    assert_eq!(view_privileged(&exec).map(|view| view.root), Some(String::new()));
}

#[test]
fn what_a_root_is_given_stands_in_nobodys_way() {
    let rooted = |change: fn(&mut Exec)| {
        plan(|exec| {
            exec.view.root = "/srv/root".into();
            change(exec);
        })
    };
    let starts = |lines: &[String], what: &str| lines.iter().any(|line| line.starts_with(what));
    let plain = rooted(|_| ());
    assert!(starts(&plain, "/dev bind=/dev") && starts(&plain, "/run new"), "{plain:?}");
    let devices = rooted(|exec| exec.protect.devices = true);
    assert!(starts(&devices, "/dev devices !rsx"), "the host's /dev is not seen: {devices:?}");
    let bound = rooted(|exec| {
        let bind = |path: &str| BindPath {
            source: "/srv/own".into(),
            path: path.into(),
            read_only: false,
            recursive: true,
            optional: false,
        };
        exec.view.binds = vec![bind("/sys"), bind("/run")];
        exec.view.access = vec![AccessPath { in_root: true, ..path(Access::Inaccessible, "/dev") }];
    });
    assert!(starts(&bound, "/sys bind=/srv/own") && starts(&bound, "/run bind=/srv/own"), "{bound:?}");
    assert!(!starts(&bound, "/dev bind"), "{bound:?}");
    // Whose processes are hidden has them all, too.
    let hidden = rooted(|exec| (exec.view.api_file_systems, exec.view.processes_only) = (Some(false), true));
    assert!(starts(&hidden, "/dev bind=/dev") && starts(&hidden, "/proc new"), "{hidden:?}");
}
