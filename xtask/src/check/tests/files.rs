//! Which files make up which unit: drop-ins, templates, links, masks.

use std::path::Path;

use super::*;
use crate::{
    check::{Image, load_for},
    diag::Severity,
};

/// Writes `files` (path, text; `-> target` makes a symbolic link) into a folder and loads it.
fn load_folder(files: &[(&str, &str)], image: &Image) -> (Vec<Unit>, Diagnostics) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        match text.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, path).expect("writable"),
            None => std::fs::write(path, text).expect("writable"),
        }
    }
    let mut sink = Diagnostics::default();
    let units = load_for(&[folder.path().to_owned()], image, &mut sink);
    (units, sink)
}

fn names(units: &[Unit]) -> Vec<&str> {
    units.iter().map(|unit| unit.name.as_str()).collect()
}

fn user(unit: &Unit) -> &str {
    unit.kind.service().map_or("", |service| &service.exec.user.value)
}

const RUN: &str = "[Service]\nExecStart=/bin/true\nNoNewPrivileges=yes\n";

#[test]
fn drop_ins_are_applied_by_file_name_and_the_closest_of_a_name_wins() {
    let (units, sink) = load_folder(
        &[
            ("foo-bar.service", RUN),
            ("service.d/50-a.conf", "[Service]\nUser=a\nGroup=a\nEnvironment=A=1"),
            ("foo-.service.d/60-b.conf", "[Service]\nUser=b"),
            ("foo-bar.service.d/50-a.conf", "[Service]\nUser=c\nEnvironment=C=1"),
            ("foo-bar.service.d/notes.txt", "nonsense"),
        ],
        &Image::default(),
    );
    assert_eq!(sink.render(false), "");
    assert_eq!(user(&units[0]), "b");
    let Kind::Service(service) = &units[0].kind else { panic!("not a service") };
    assert_eq!(
        (service.exec.environment.join(" "), service.exec.group.value.as_str()),
        ("C=1".to_owned(), "")
    );
}

#[test]
fn drop_ins_of_no_unit_are_checked_and_said() {
    let (units, sink) = load_folder(
        &[
            ("a.service", RUN),
            ("b.service", "-> a.service"),
            ("b.service.d/of-the-alias.conf", "[Service]\nUser=bee"),
            ("nginx.service.d/x.conf", "[Service]\nPrivateTmp=maybe"),
            ("t@.service.d/x.conf", "[Service]\nUser=%i"),
            ("mount.d/x.conf", "[Mount]\nLazyUnmount=yes"),
            ("pre-.service.d/x.conf", "[Unit]\nDescription=%p"),
            ("readme.d/x.conf", "nonsense"),
        ],
        &Image::default(),
    );
    assert_eq!((names(&units), user(&units[0])), (vec!["a.service"], "bee"));
    let ends = |problem: &Diagnostic, end: &str| problem.message.ends_with(end);
    let said: Vec<_> = sink.iter().collect();
    assert_eq!(said.len(), 3, "{}", sink.render(false));
    assert!(said[0].message.starts_with("PrivateTmp=\"maybe\""));
    assert!(ends(said[1], "nginx.service.d/x.conf: there is no nginx.service to add this to"));
    assert!(ends(said[2], "t@.service.d/x.conf: there is no t@.service to add this to"));
}

#[test]
fn a_drop_in_that_another_one_replaces_has_a_unit_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let roots = ["vendor", "local"].map(|root| folder.path().join(root));
    for root in &roots {
        std::fs::create_dir_all(root.join("a.service.d")).expect("writable");
        std::fs::write(root.join("a.service.d/x.conf"), "[Service]\nUser=a").expect("writable");
    }
    std::fs::write(roots[0].join("a.service"), RUN).expect("writable");
    let mut sink = Diagnostics::default();
    load_for(&roots, &Image::default(), &mut sink);
    assert_eq!(sink.render(false), "");
    load_for(&[roots[0].join("a.service")], &Image::default(), &mut sink);
    assert_eq!(sink.render(false), "", "a folder that was not given is not looked through");
}

#[test]
fn templates_become_the_instances_that_somebody_names() {
    let template = format!("{RUN}User=%i\n[Install]\nDefaultInstance=d");
    let (units, sink) = load_folder(
        &[
            ("t@.service", template.as_str()),
            ("t@y.service.d/x.conf", "[Service]\nUser=why"),
            ("a.target", "[Unit]\nWants=t@x.service"),
            ("a.target.wants/t@y.service", "-> ../t@.service"),
            ("b.target.wants/t@w.service", "-> ../t@.service"),
        ],
        &Image { instances: vec!["t@z.service".into()], ..Image::default() },
    );
    assert_eq!(sink.render(false), "");
    assert_eq!(
        names(&units),
        ["a.target", "t@d.service", "t@w.service", "t@x.service", "t@y.service", "t@z.service"]
    );
    assert_eq!(units[1..].iter().map(user).collect::<Vec<_>>(), ["d", "w", "x", "why", "z"]);
    let (units, sink) = load_folder(&[("t@.service", RUN)], &Image::default());
    assert!(units.is_empty() && sink.iter().any(|said| said.message.contains("no unit names an instance")));
}

#[test]
fn links_are_aliases_masks_and_installations() {
    let (units, sink) = load_folder(
        &[
            ("a.service", RUN),
            ("b.service", "-> a.service"),
            ("m.service", "-> /dev/null"),
            ("n.service", ""),
            ("x.target.requires/a.service", "-> ../a.service"),
            ("x.scope", ""),
            ("README", ""),
        ],
        &Image::default(),
    );
    assert_eq!(names(&units), ["a.service"]);
    let install = &units[0].install;
    assert_eq!(install.aliases[0].value, "b.service");
    assert!(
        install.present && install.relations.of(Relation::RequiredBy).any(|other| other.value == "x.target")
    );
    let said: Vec<_> = sink.iter().map(|said| said.message.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(
        said,
        [
            "m.service: masked",
            "n.service: masked",
            "x.scope: scope units are not supported by tomte: skipped"
        ]
    );
}

#[test]
fn what_is_masked_is_known_by_its_name() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let paths = folders.each_ref().map(|folder| folder.path().to_owned());
    let write = |at: usize, name: &str| std::fs::write(paths[at].join(name), RUN).expect("writable");
    let mask = |at: usize, name: &str| {
        std::os::unix::fs::symlink("/dev/null", paths[at].join(name)).expect("writable");
    };
    write(0, "a.service");
    mask(1, "a.service");
    mask(0, "b.service");
    write(1, "b.service");
    mask(1, "t@.service");
    assert_eq!(masked(&paths), ["a.service", "t@.service"], "a later folder wins");
}

#[test]
fn every_problem_of_every_file_is_found_in_one_run() {
    let bad = "[Service]\nExecStart=/bin/true\nRestart=x\nKillMode=y\n";
    let (units, sink) = load_folder(&[("a.service", bad), ("b.service", bad)], &Image::default());
    assert_eq!((units.len(), sink.count(Severity::Error)), (2, 4));
    let mut sink = Diagnostics::default();
    load(&[Path::new("no/such.service").into(), Path::new("no/such.timer").into()], &mut sink);
    assert_eq!(sink.count(Severity::Error), 2, "{}", sink.render(false));
}

#[test]
fn programs_are_found_through_links_that_stay_inside_the_image() {
    let root = tempfile::tempdir().expect("a folder");
    let bin = root.path().join("usr/bin");
    std::fs::create_dir_all(&bin).expect("writable");
    let link = |target: &str, at: &str| {
        std::os::unix::fs::symlink(target, root.path().join(at)).expect("writable");
    };
    link("/usr/bin", "bin");
    link("../../../../etc/passwd", "usr/bin/out");
    link("loop", "usr/bin/loop");
    let roots = vec![root.path().to_owned(), "../tests/configs/rootfs".into()];
    let image = Image { roots, ..Image::default() };
    let start = "ExecStart=";
    let unit = format!(
        "[Service]\nType=oneshot\n{start}/usr/bin/python3\n{start}python3\n{start}/usr/bin/out\n{start}/bin/loop\n"
    );
    let (_, sink) = load_folder(&[("a.service", &unit)], &image);
    let said: Vec<_> = sink.iter().map(|said| said.message.as_str()).collect();
    assert_eq!(said, ["/usr/bin/out is no executable file in the image", "/bin/loop is not in the image"]);
}
