use std::{fs, path::Path};

use super::*;
use crate::target::step::Step;
use crate::{diag::Diagnostic, model::Place};

const STEPS: &str = "Steps";

fn explained(unit: &str, file: &str) -> Result<Explanation> {
    let dir = tempfile::tempdir()?;
    fs::create_dir_all(dir.path().join("b/units"))?;
    fs::write(dir.path().join("b/board.toml"), "arch = \"x86_64\"\ntarget = \"t\"\n")?;
    let name = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    // A misspelt unit is not the one that is there.
    let name = if name.ends_with("service") { "app.service".to_owned() } else { name };
    fs::write(dir.path().join("b/units").join(name), file)?;
    let board = Board::load(dir.path().join("b").to_str().context("a path of text")?)?;
    let options = Options { lock: LockFile::Leave, only_to_look: true, ..Options::default() };
    explain(&bake(&board, &options, &mut Diagnostics::default())?, unit)
}

fn values<'e>(explanation: &'e Explanation, heading: &str, name: &str) -> &'e [String] {
    let section = explanation.sections.iter().find(|(other, _)| *other == heading);
    let row = section.and_then(|(_, rows)| rows.iter().find(|(other, _)| other == name));
    row.map_or(&[], |(_, values)| values)
}

#[test]
fn a_plain_service_has_no_settings_to_speak_of() {
    let explanation = explained("app", "[Service]\nExecStart=/bin/true\n").unwrap();
    let headings: Vec<&str> = explanation.sections.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings, ["Unit", "Dependencies", "Identity", "Commands", "Service", STEPS]);
    assert_eq!(values(&explanation, "Identity", "User"), ["root"]);
    assert_eq!(explanation.sections[4].1, [("Type".to_owned(), vec!["simple".to_owned()])]);
    assert_eq!(values(&explanation, "Unit", "Started at boot"), ["no, only by hand"]);
}

#[test]
fn what_differs_from_the_defaults_is_said_in_systemds_words() {
    let file = "[Unit]\nAfter=network.target\n[Service]\nType=exec\nDynamicUser=yes\nRestart=on-abnormal\nRestartSec=1500ms\n\
        ExecStart=-/bin/sh -c \"a b\"\nExecStop=+/bin/echo $X\nKillSignal=INT\nUMask=0077\nLimitNOFILE=10:20\n\
        AmbientCapabilities=CAP_NET_RAW\nStateDirectory=x/y\nStateDirectoryMode=0700\nSuccessExitStatus=3 USR1\n\
        [Install]\nWantedBy=multi-user.target\n";
    let explanation = explained("app.service", file).unwrap();
    let cases = [
        ("Unit", "Started at boot", "yes"),
        ("Service", "Type", "exec"),
        ("Service", "Restart", "on-abnormal"),
        ("Service", "RestartSec", "1500ms"),
        ("Service", "KillSignal", "INT"),
        ("Service", "SuccessExitStatus", "3 USR1"),
        ("Commands", "ExecStart", "/bin/sh -c \"a b\"   # failure counts as success"),
        ("Commands", "ExecStop", "/bin/echo $X   # no sandbox, root"),
        ("Processes", "UMask", "0077"),
        ("Processes", "LimitNOFILE", "10:20"),
        ("Processes", "AmbientCapabilities", "CAP_NET_RAW"),
        ("Processes", "StateDirectory", "/var/lib/x/y"),
        ("Processes", "StateDirectoryMode", "0700"),
        ("Processes", "ProtectSystem", "strict"),
        ("Processes", "PrivateTmp", "disconnected"),
    ];
    for (heading, name, expected) in cases {
        assert_eq!(values(&explanation, heading, name), [expected], "{name}");
    }
    let identity = values(&explanation, "Identity", "User and Group");
    assert_eq!(identity[0], "app");
    let hash = crate::uids::hashed("app", tomte::table::UidRange::DYNAMIC);
    assert!(identity.contains(&format!("  {hash} (systemd's hash)")), "{identity:?}");
    let after = values(&explanation, "Dependencies", "After");
    assert!(
        after.iter().any(|line| line.starts_with("network.target (") && line.ends_with("app.service:2)")),
        "{after:?}"
    );
}

#[test]
fn text_and_json_say_the_same() {
    let explanation = explained("app", "[Service]\nExecStart=/bin/true\n").unwrap();
    let (text, json) = (explanation.to_text(), explanation.to_json());
    assert!(text.contains("\n[Commands]\n  ExecStart            /bin/true   # "), "{text}");
    assert!(text.contains("b/units/app.service:2\n"), "{text}");
    assert_eq!(json["Commands"]["ExecStart"], json!(["/bin/true"]));
    assert!(json["Origins"]["Commands"]["ExecStart"][0].as_str().unwrap().ends_with("app.service:2"));
    assert!(Path::new(json["Unit"]["File"][0].as_str().unwrap()).ends_with("b/units/app.service"));
}

#[test]
fn a_misspelt_unit_is_an_error_with_the_one_meant() {
    let error = explained("aap", "[Service]\nExecStart=/bin/true\n").unwrap_err().to_string();
    assert_eq!(error, "no unit aap in the table (did you mean app?)");
    let error = explained("basic.tagret", "[Service]\nExecStart=/bin/true\n").unwrap_err().to_string();
    assert_eq!(error, "no unit basic.tagret in the table (did you mean basic.target?)");
}

#[test]
fn variants_are_written_with_hyphens() {
    use tomte::table::{KillMode, Micros, Restart};
    assert_eq!(words::word(Restart::OnWatchdog), "on-watchdog");
    assert_eq!(words::word(KillMode::ControlGroup), "control-group");
    let spans = [Micros(1_500), Micros::from_secs(90), Micros::FOREVER, Micros(1_500_000)];
    assert_eq!(spans.map(time::shown), ["1500us", "90s", "infinity", "1500ms"]);
}

#[test]
fn steps_stand_in_their_order_and_only_where_they_have_something_to_do() {
    let names = |file: &str| -> Vec<String> {
        let explanation = explained("app", file).unwrap();
        let (_, rows) = explanation.sections.into_iter().find(|(heading, _)| *heading == STEPS).unwrap();
        rows.into_iter().map(|(name, _)| name).collect()
    };
    let plain = names("[Service]\nExecStart=/bin/true\n");
    let always = "pipe clone signals session cgroup stdin stdout stderr environment keyring limits \
        working-directory close-descriptors signal-mask exec";
    assert_eq!(plain.join(" "), always);
    let all = names(
        "[Service]\nExecStart=/bin/true\nDynamicUser=yes\nRuntimeDirectory=a\nStateDirectory=a\nCacheDirectory=a\n\
         LogsDirectory=a\nConfigurationDirectory=a\nCapabilityBoundingSet=CAP_NET_RAW\n\
         AmbientCapabilities=CAP_NET_RAW\nEnvironmentFile=/e\nPrivateNetwork=yes\nPrivateUsers=yes\nSecureBits=noroot\n\
         OOMScoreAdjust=5\nCoredumpFilter=all\nCPUSchedulingPolicy=batch\nNice=5\nCPUAffinity=0\nIOSchedulingClass=idle\n\
         TimerSlackNSec=1us\nPersonality=x86-64\nSetCredential=a:b\nDevicePolicy=closed\nIPAddressDeny=any\n",
    );
    let of_services = Step::ALL.into_iter().filter(|step| *step != Step::Call);
    assert!(all.iter().eq(of_services.map(Step::name)), "{all:?}");
}

#[test]
fn a_step_says_what_it_does_and_how_its_failure_looks() {
    let file = "[Service]\nExecStart=/bin/true\nUser=daemon\nPrivateTmp=yes\nProtectHome=read-only\nLimitNOFILE=9\n\
        UMask=0077\nWorkingDirectory=-~\nStateDirectory=x y\nStateDirectoryMode=0700\n\
        IPAddressDeny=10.0.0.0/8\nSocketBindDeny=80\n";
    let explanation = explained("app", file).unwrap();
    for (step, expected) in [
        (
            "network-policy",
            "lets all in the cgroup speak with no other addresses and bind no other ports than those that are \
             allowed   # exit 219 if it fails",
        ),
        ("cgroup", "sets pids.max of its cgroup   # exit 219 if it fails"),
        ("user", "looks up daemon in the image's /etc/passwd   # exit 217 if it fails"),
        ("group", "looks up the user's groups in the image's /etc/group   # exit 216 if it fails"),
        (
            "state-directory",
            "makes /var/lib/x, /var/lib/y, mode 0700, owned by the user   # exit 238 if it fails",
        ),
        ("namespace", "enters a mount namespace and makes the 5 mounts above   # exit 226 if it fails"),
        ("limits", "sets the umask 0077 and LimitNOFILE   # exit 205 if it fails"),
        (
            "working-directory",
            "changes to the user's home, or / where that is missing   # exit 200 if it fails",
        ),
        ("exec", "expands $, finds the program and becomes it   # exit 203 if it fails"),
    ] {
        assert_eq!(values(&explanation, STEPS, step), [expected], "{step}");
    }
}

/// Line numbers of the file behind the values of a row, or the words of what implies it.
fn origins_of(explanation: &Explanation, heading: &str, name: &str) -> Vec<String> {
    let found = explanation.origins.get(heading).and_then(|origins| origins.get(name));
    let short = |origin: &String| match origin.split_once(", ") {
        Some((implied, place)) => format!("{implied}, {}", place.rsplit(':').next().unwrap_or_default()),
        None => origin.rsplit(':').next().unwrap_or_default().to_owned(),
    };
    found.map(|origins| origins.iter().map(short).collect()).unwrap_or_default()
}

#[test]
fn each_value_says_the_lines_that_make_it_or_what_implies_it() {
    let file = "[Service]\nExecStart=/bin/false\nExecStart=\nExecStart=/bin/true\nExecStop=/bin/a\nExecStop=/bin/b\n\
        TimeoutStopSec=1\nTimeoutSec=7\nUMask=0007\nUMask=0077\nDynamicUser=yes\nPrivateTmp=no\n\
        Environment=A=1\nEnvironment=B=2\nRestart=on-failure\n";
    let explanation = explained("app", file).unwrap();
    for (heading, name, expected) in [
        ("Commands", "ExecStart", "4"),
        ("Commands", "ExecStop", "5 6"),
        ("Service", "TimeoutStopSec", "8"),
        ("Service", "Restart", "15"),
        ("Service", "Type", "default"),
        ("Processes", "UMask", "10"),
        ("Processes", "Environment", "13 14"),
        ("Processes", "PrivateTmp", "implied by DynamicUser=, 11"),
        ("Processes", "ProtectHome", "implied by DynamicUser=, 11"),
        ("Identity", "DynamicUser", "11"),
        ("Identity", "User and Group", "implied by DynamicUser=, 11"),
    ] {
        assert_eq!(origins_of(&explanation, heading, name).join(" "), expected, "{name}");
    }
}

#[test]
fn what_has_no_effect_and_what_cannot_be_done_yet_is_said_with_the_reason() {
    let file = "[Unit]\nDocumentation=man:a(8)\n[Service]\nExecStart=/bin/true\n";
    let explanation = explained("app", file).unwrap();
    let inert = values(&explanation, "Without effect here", "Documentation");
    assert!(
        inert[0].starts_with("man:a(8)   # ") && inert[0].contains("app.service:2: for people"),
        "{inert:?}"
    );
    let problem = Diagnostic::error(Code::NotYet, "Moon= is not supported by this tomte");
    let place = Place { file: "app.service".into(), line: 4, column: 1 };
    let mut unit = crate::testing::service("app.service", |_| {});
    unit.later.push(problem.at(place));
    let expected = "Moon= is not supported by this tomte; bake refuses it   # app.service:4";
    assert_eq!(origins::later(&unit), [("T0901".to_owned(), vec![expected.to_owned()])]);
}

#[test]
fn relations_of_both_sides_say_why() {
    let file = "[Unit]\nBefore=network.target\nWants=network.target\n[Service]\nExecStart=/bin/true\n\
        [Install]\nWantedBy=multi-user.target\n";
    let explanation = explained("app", file).unwrap();
    let line = |name: &str| values(&explanation, "Dependencies", name).join(" ");
    assert!(line("Wants").starts_with("network.target (") && line("Wants").ends_with("app.service:3)"));
    assert_eq!(line("Requires"), "sysinit.target (DefaultDependencies=yes)");
    assert!(
        line("WantedBy").starts_with("multi-user.target (") && line("WantedBy").ends_with("app.service:7)")
    );
    assert!(line("Before").contains("network.target (") && line("Before").contains("app.service:2)"));
}

#[test]
fn a_mount_is_told_with_its_calls() {
    let unit = "[Mount]\nWhat=/dev/vda2\nType=ext4\nOptions=noatime,errors=remount-ro\nLazyUnmount=yes\n";
    let explanation = explained("srv-x.mount", unit).unwrap();
    for (name, expected) in
        [("Where", "/srv/x"), ("What", "/dev/vda2"), ("Timeout", "90s"), ("DirectoryMode", "0755")]
    {
        assert_eq!(values(&explanation, "Mount", name), [expected], "{name}");
    }
    let commands = |kind: &str| values(&explanation, "Commands", kind).to_vec();
    assert_eq!(commands("ExecStart"), ["mount(2) /srv/x: /dev/vda2 ext4 1024 errors=remount-ro 493 \"\""]);
    assert_eq!(commands("ExecReload"), ["mount(2) /srv/x: \"\" ext4 1056 errors=remount-ro \"\""]);
    assert_eq!(commands("ExecStop"), ["umount2(2) /srv/x: 2"]);
    let swap = explained("dev-sda2.swap", "[Swap]\nPriority=5\n").unwrap();
    assert_eq!(values(&swap, "Swap", "What"), ["/dev/sda2"]);
    assert_eq!(values(&swap, "Commands", "ExecStart"), ["swapon(2) /dev/sda2: 32773"]);
}
