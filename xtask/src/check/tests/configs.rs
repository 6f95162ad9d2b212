//! tests/configs: what is good loads without a word; what is bad says exactly what `NAME.expected` says. With
//! `TOMTE_BLESS=1` the expected texts are written anew.

use std::path::{Path, PathBuf};

use tomte::table::{
    CommandKind, DirectoryKind, Kill, KillMode, Micros, Preserve, PrivateTmp, Restart, ServiceType,
    StartLimit, Stdin, Stdout,
};

use crate::{
    check::{Image, beyond, load_for},
    diag::Diagnostics,
    model::{Exec, Install, Kind, Located, ProtectHome, ProtectSystem, Relation, Relations, Service},
    order,
};

/// Relative, so that messages are the same on every machine; tests run in xtask/.
const CONFIGS: &str = "../tests/configs";

fn image() -> Image {
    Image { roots: vec![Path::new(CONFIGS).join("rootfs")], ..Image::default() }
}

fn said(path: &Path) -> (usize, String) {
    let mut sink = Diagnostics::default();
    let units = load_for(&[path.to_owned()], &image(), &mut sink);
    beyond(&units, &mut sink);
    if path.is_dir() {
        order::check_set(&units, true, &mut sink);
    }
    (units.len(), sink.render(false).replace(&format!("{CONFIGS}/bad/"), ""))
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(CONFIGS).join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

#[test]
fn good_units_load_without_a_word() {
    let (count, said) = said(&Path::new(CONFIGS).join("good"));
    assert_eq!(said, "");
    assert!(count >= 3, "only {count} units");
}

#[test]
fn bad_units_say_what_is_expected() {
    let bless = std::env::var_os("TOMTE_BLESS").is_some();
    let mut wrong = Vec::new();
    // A file is one unit, a folder NAME.set an image.
    let inputs: Vec<_> = entries("bad")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end != "expected"))
        .collect();
    for path in &inputs {
        let (_, text) = said(path);
        let expected = path.with_extension("expected");
        if bless {
            std::fs::write(&expected, &text).expect("writable");
        }
        let old = std::fs::read_to_string(&expected).unwrap_or_default();
        if old != text || text.is_empty() {
            wrong.push(format!("{}: expected\n{old}but it said\n{text}", path.display()));
        }
    }
    assert!(inputs.len() >= 60, "only {} kinds of mistake", inputs.len());
    assert!(wrong.is_empty(), "{}\nTOMTE_BLESS=1 accepts what is said now", wrong.join("\n"));
}

#[test]
fn each_directive_lands_in_its_own_field() {
    let mut sink = Diagnostics::default();
    let units = load_for(&[Path::new(CONFIGS).join("good")], &image(), &mut sink);
    let unit = units.iter().find(|unit| unit.name == "everything.service").expect("loaded");
    let values =
        |list: &[Located<String>]| list.iter().map(|name| name.value.clone()).collect::<Vec<_>>().join(" ");
    let related = |list: &Relations, relation| values(&list.of(relation).cloned().collect::<Vec<_>>());
    assert_eq!(unit.description, "Everything in everything.service");
    assert_eq!(related(&unit.relations, Relation::After), "app.target other.service network.target");
    assert_eq!(
        [Relation::Wants, Relation::Requires, Relation::Before]
            .map(|relation| related(&unit.relations, relation)),
        ["app.target", "other.service", "shutdown.target"]
    );
    assert_eq!(unit.start_limit, StartLimit { interval: Micros::from_secs(300), burst: 3 });
    assert!(!unit.default_dependencies);
    let Install { present, relations, aliases, also } = &unit.install;
    assert!(*present);
    assert_eq!(
        [
            related(relations, Relation::WantedBy),
            related(relations, Relation::RequiredBy),
            values(aliases),
            values(also)
        ],
        ["multi-user.target", "app.target", "all.service", "other.service"]
    );
    let Kind::Service(service) = &unit.kind else { panic!("not a service") };
    everything_of_the_service(service);
    everything_of_exec(&service.exec);
}

fn everything_of_the_service(service: &Service) {
    assert_eq!((service.service_type, service.restart), (ServiceType::Oneshot, Restart::OnFailure));
    assert!(service.remain_after_exit);
    assert_eq!(service.restart_delay, Micros::from_secs(90));
    assert_eq!((service.timeout_start, service.timeout_stop), (Micros::FOREVER, Micros::from_secs(5)));
    let (success, prevent, force) = (
        &service.success_exit_status,
        &service.restart_prevent_exit_status,
        &service.restart_force_exit_status,
    );
    assert!(success.has_code(3) && success.has_code(75) && success.has_signal(10));
    assert!(prevent.has_code(78) && force.has_signal(1));
    let kill = Kill {
        mode: KillMode::Mixed,
        signal: 3,
        restart_signal: 3,
        final_signal: 9,
        watchdog_signal: 6,
        send_sighup: false,
        send_sigkill: true,
    };
    assert_eq!(service.kill, kill);
    let lines: Vec<_> =
        service.commands.iter().map(|(kind, command)| (*kind, command.argv.join("|"))).collect();
    let expected = [
        (CommandKind::Condition, "/bin/true|condition"),
        (CommandKind::StartPre, "/bin/true|first word|second\tword|third word"),
        (CommandKind::Start, "zeroth|$HOME|${HOME}/x"),
        (CommandKind::Start, "/bin/true|$HOME|;|end"),
        (CommandKind::Start, "/bin/true"),
        (CommandKind::StartPost, "/bin/true"),
        (CommandKind::Reload, "/bin/true|-HUP|$MAINPID"),
        (CommandKind::Stop, "/bin/true"),
        (CommandKind::StopPost, "/bin/true|100%"),
    ];
    assert_eq!(lines, expected.map(|(kind, line)| (kind, line.to_owned())));
}

fn everything_of_exec(exec: &Exec) {
    let groups: Vec<_> = exec.supplementary_groups.iter().map(|group| group.value.as_str()).collect();
    assert_eq!(
        (exec.user.value.as_str(), exec.group.value.as_str(), groups),
        ("myappuser", "myappgroup", vec!["video"])
    );
    assert!(!exec.dynamic_user && exec.no_new_privileges && exec.system_calls.suid_sgid && exec.remove_ipc);
    assert_eq!(exec.environment, ["A=1", "B=two words", "C=everything"]);
    assert_eq!((exec.working_directory.as_str(), exec.working_directory_optional), ("/srv/everything", true));
    assert_eq!(exec.umask, 0o027);
    let limits: Vec<_> = exec.rlimits.iter().map(|limit| (limit.resource, limit.soft, limit.hard)).collect();
    assert_eq!(limits, [(7, 1024, 524_288), (4, 0, 0), (13, 15, 15)]);
    assert_eq!((exec.capability_bounding_set, exec.ambient_capabilities), (1 << 10, 1 << 10));
    assert_eq!(exec.private_tmp, PrivateTmp::Disconnected);
    assert_eq!((exec.protect_system, exec.protect_home), (ProtectSystem::Strict, ProtectHome::ReadOnly));
    let directories: Vec<_> =
        exec.directories.iter().map(|dir| (dir.kind, dir.mode, dir.names.len())).collect();
    let expected = [
        (DirectoryKind::Runtime, 0o750, 2),
        (DirectoryKind::State, 0o700, 1),
        (DirectoryKind::Cache, 0o755, 1),
        (DirectoryKind::Logs, 0o755, 1),
        (DirectoryKind::Configuration, 0o755, 1),
    ];
    assert_eq!(directories, expected);
    assert_eq!(exec.runtime_directory_preserve, Preserve::Restart);
    assert_eq!((exec.stdin, exec.stdout, exec.stderr), (Stdin::Tty, Stdout::Journal, Stdout::Inherit));
    assert_eq!((exec.tty_path.as_str(), exec.syslog_identifier.as_str()), ("/dev/ttyS0", "all"));
    assert!(!exec.ignore_sigpipe);
}
