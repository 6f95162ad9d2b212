use std::{fs, path::Path};

use super::*;

fn explained(unit: &str, file: &str) -> Result<Explanation> {
    let dir = tempfile::tempdir()?;
    fs::create_dir_all(dir.path().join("b/units"))?;
    fs::write(dir.path().join("b/board.toml"), "arch = \"x86_64\"\ntarget = \"t\"\n")?;
    fs::write(dir.path().join("b/units/app.service"), file)?;
    let board = Board::load(dir.path().join("b").to_str().context("a path of text")?)?;
    let options = Options { lock: LockFile::Leave, ..Options::default() };
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
    assert_eq!(headings, ["Unit", "Dependencies", "Identity", "Commands", "Service"]);
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
    assert!(text.contains("\n[Commands]\n  ExecStart           /bin/true\n"), "{text}");
    assert_eq!(json["Commands"]["ExecStart"], json!(["/bin/true"]));
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
    assert_eq!(spans.map(words::span), ["1500us", "90s", "infinity", "1500ms"]);
}
