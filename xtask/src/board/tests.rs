//! Tests of reading board.toml.

use super::*;
use crate::target::feature::Feature;

fn error_of(lines: &str) -> String {
    let text = format!("arch = \"x86_64\"\ntarget = \"t\"\n{lines}\n");
    Config::parse(&text, Path::new("b/board.toml"))
        .map_or_else(|error| format!("{error:#}"), |_| "fine".into())
}

#[test]
fn a_board_says_little_and_means_the_rest() {
    let config = Config::parse("arch = \"arm\"\ntarget = \"t\"", Path::new("x")).unwrap();
    assert_eq!((config.uids.first, config.uids.last), (61184, 65519));
    assert_eq!((config.panic.action, config.panic.delay), (Ending::Reboot, Delay(Micros::from_secs(10))));
    assert_eq!((config.log, config.default_target.as_str()), (Log::Kmsg, "multi-user.target"));
    let config =
        Config::parse("arch = \"arm\"\ntarget = \"t\"\n[panic]\naction = \"halt\"", Path::new("x")).unwrap();
    assert_eq!((config.panic.action, config.panic.delay), (Ending::Halt, Delay(Micros::from_secs(10))));
}

#[test]
fn mistakes_are_named_with_line_and_column_and_what_was_meant() {
    let cases = [
        ("hostnme = \"x\"", "3:1", "T0704]: unknown key \"hostnme\"", "did you mean \"hostname\"?"),
        ("log = \"consle\"", "3:7", "T0705]: unknown word \"consle\"", "did you mean \"console\"?"),
        ("[panic]\naction = \"power-off\"", "4:10", "T0705]: unknown word", "did you mean \"poweroff\"?"),
        ("[panic]\ndelay = \"10x\"", "4:9", "T0705]: \"10x\": x is no unit of time", ""),
        ("[uids]\nfirst = 9\nlast = 8", "3:1", "T0705]: 9-8 is no range for users", ""),
        ("uids = { first = 1, last = 65534 }", "3:8", "T0705]: 1-65534 is no range", ""),
        ("uids = { first = 1, lst = 2 }", "3:21", "T0704]: unknown key \"lst\"", "did you mean \"last\"?"),
        ("environment = { \"A B\" = \"x\" }", "3:15", "T0705]: \"A B\" is no name", "variable"),
        ("hostname = 1", "3:12", "T0705]: invalid type: integer \"1\", expected a string", ""),
        ("enable = [", "3:11", "T0703]: no TOML", ""),
        ("[[user]]\nname = \"x\"\ngid = 1", "3:1", "T0706]: the key \"uid\" is missing", ""),
        ("[[user]]\nname = \"x\"\nuid = 0\ngid = 1", "3:1", "T0102]: user x: 0 is root", ""),
        ("inherit = \"qenu\"", "3:12", "T0707]: no board qenu to inherit from", "did you mean \"qemu\"?"),
        ("inherit = 1", "3:1", "T0707]: inherit: no name of a board", ""),
        (
            "missing-kernel-feature = { secomp = \"degrade\" }",
            "3:28",
            "T0705]: unknown word \"secomp\"",
            "did you mean \"seccomp\"?",
        ),
        (
            "[missing-kernel-feature]\nlandlock = \"ignore\"",
            "4:12",
            "T0705]: unknown word \"ignore\"",
            "expected one of degrade, refuse",
        ),
    ];
    for (lines, place, message, help) in cases {
        let error = error_of(lines);
        assert!(error.contains(&format!("b/board.toml:{place}\n")), "{place}: {error}");
        assert!(error.starts_with(&format!("error[{message}")) && error.contains(help), "{error}");
    }
    let arch = Config::parse("arch = \"arm64\"\ntarget = \"t\"", Path::new("x")).unwrap_err().to_string();
    assert!(arch.contains("x:1:8") && arch.contains("unknown word \"arm64\""), "{arch}");
    assert!(!arch.contains("missing"), "what is wrong is there: {arch}");
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let said = error_of(
        "hostnme = \"x\"\nlog = 3\n[panic]\nactoin = \"halt\"\n[[group]]\nname = \"g\"\ngdi = 3\ngid = 7",
    );
    assert_eq!(said.matches("error[").count(), 4, "{said}");
}

/// Boards `a`, `b` … in one folder, each with a text; what comes of the first, and what was said.
fn family(texts: &[&str]) -> (tempfile::TempDir, Option<Board>, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ["a", "b", "c"].iter().zip(texts) {
        std::fs::create_dir_all(folder.path().join(name).join("units")).unwrap();
        std::fs::write(folder.path().join(name).join("board.toml"), text).unwrap();
    }
    let mut sink = Diagnostics::default();
    let board = Board::read(&format!("{}/a", folder.path().display()), &mut sink).unwrap();
    (folder, board, sink.render(false))
}

#[test]
fn a_board_has_what_those_it_inherits_from_say_unless_it_says_otherwise() {
    let (folder, board, said) = family(&[
        "inherit = \"b\"\narch = \"arm\"\nenable = [\"x.service\"]\n[panic]\ndelay = \"5s\"\n[[group]]\nname = \"two\"\ngid = 2\n",
        "inherit = \"c\"\nhostname = \"b\"\nenable = [\"y.service\", \"z.service\"]\n",
        "arch = \"x86_64\"\ntarget = \"t\"\nhostname = \"c\"\n[panic]\naction = \"halt\"\n[[group]]\nname = \"one\"\ngid = 1\n",
    ]);
    assert_eq!(said, "");
    let board = board.unwrap();
    assert_eq!((board.arch(), board.config.target.as_str()), (Arch::Arm, "t"));
    assert_eq!(board.config.hostname, "b");
    assert_eq!(board.config.enable.as_deref(), Some(&["x.service".to_owned()][..]));
    assert_eq!((board.config.panic.action, board.config.panic.delay.0), (Ending::Halt, Micros::from_secs(5)));
    let groups: Vec<_> = board.config.group.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["one", "two"], "arrays of tables add to each other");
    let units = ["c", "b", "a"].map(|name| folder.path().join(name).join("units"));
    assert_eq!(board.units(), units);
}

#[test]
fn a_mistake_in_what_is_inherited_is_shown_where_it_stands() {
    let (_folder, board, said) = family(&[
        "inherit = \"b\"\narch = \"arm\"\nlog = \"kmsg\"\nhostname = 3\n",
        "# a comment\nlog = \"consle\"\ntarget = 7\n",
    ]);
    assert!(board.is_none());
    assert!(said.contains("b/board.toml:3:10") && said.contains("a/board.toml:4:12"), "{said}");
    assert!(!said.contains("consle"), "what is overridden is not looked at: {said}");
}

#[test]
fn boards_that_inherit_from_each_other_are_an_error_with_the_line() {
    let (_folder, board, said) =
        family(&["arch = \"arm\"\ninherit = \"b\"\n", "inherit = \"c\"\n", "\n\ninherit = \"../a\"\n"]);
    assert!(board.is_none());
    assert!(said.contains("T0708") && said.contains("c/board.toml:3:12"), "{said}");
    assert!(said.contains("a -> b -> c -> ../a"), "{said}");
}

#[test]
fn a_missing_feature_is_refused_unless_it_only_shares_out_or_the_board_says_otherwise() {
    let may_lack = |lines: &str| {
        let text = format!("arch = \"arm\"\ntarget = \"t\"\n{lines}");
        Config::parse(&text, Path::new("x")).unwrap().missing_kernel_feature.may_lack()
    };
    let controllers = [
        Feature::Cgroup,
        Feature::CgroupCpu,
        Feature::CgroupCpuset,
        Feature::CgroupMemory,
        Feature::CgroupIo,
        Feature::CgroupPids,
    ];
    let limits = controllers.into_iter().fold(0, |all, feature| all | feature.bit());
    assert_eq!(may_lack(""), limits | Feature::SecondWall.bit());
    let both = "missing-kernel-feature = { landlock = \"degrade\", seccomp = \"refuse\" }";
    assert_eq!(may_lack(both), limits | Feature::SecondWall.bit() | Feature::Landlock.bit());
    let strict = "missing-kernel-feature = { landlock = \"refuse\", cgroup-memory = \"refuse\" }";
    assert_eq!(may_lack(strict), limits & !Feature::CgroupMemory.bit());
    let devices = "missing-kernel-feature.cgroup-devices = \"degrade\"";
    assert_eq!(may_lack(devices) & Feature::CgroupDevices.bit(), Feature::CgroupDevices.bit());
}

#[test]
fn the_boards_of_this_repository_load_and_what_they_inherit_from_is_none() {
    let boards = names().unwrap();
    assert!(boards.iter().any(|name| name == "host") && !boards.iter().any(|name| name == "qemu"));
    for name in boards {
        Board::load(&name).unwrap();
    }
}
