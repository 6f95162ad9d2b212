//! Who may ask PID 1 what: every verb of `tomte`, about a unit that `[[allow]]` of board.toml names and about another one, as root,
//! as the user of a rule, as a member of the group of a rule, and as somebody else. The verbs are those of src/ctl/verbs.txt;
//! one that nobody has thought of here is a failure.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};
use tomte::wire::Verb;

use super::{
    host::run_board,
    tally::{Outcome, Tally},
};
use crate::progress;

/// A line for each verb.
const VERBS: &str = include_str!("../../../src/ctl/verbs.txt");
/// Who asks, and the words before `tomte` that make the shell's child one. Debian has all of them from the beginning.
const ASKERS: [(&str, &str); 4] = [
    ("stranger", "setpriv --reuid=nobody --regid=nogroup --clear-groups"),
    ("member", "setpriv --reuid=nobody --regid=nogroup --groups=games"),
    ("user", "setpriv --reuid=bin --regid=bin --clear-groups"),
    ("root", ""),
];
const UNITS: [&str; 2] = ["named.service", "other.service"];
/// Rules of the board: of one unit everything that a rule can allow, and to one user the machine's end.
const BOARD: &str = r#"
arch = "x86_64"
target = "x86_64-unknown-linux-gnu"
hostname = "tomte"
log = "console"
[[allow]]
user = "bin"
verbs = [VERBS]
units = ["named.service"]
[[allow]]
group = "games"
verbs = [VERBS]
units = ["named.service"]
[[allow]]
user = "bin"
verbs = ["shutdown"]
"#;
const DRIVER: &str = "[Unit]\nIgnoreOnIsolate=yes\nAfter=named.service other.service\n[Service]\nType=oneshot\n\
                      ExecStart=/bin/sh /opt/ask.sh\n[Install]\nWantedBy=multi-user.target\n";
const IDLE: &str = "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n";
/// `ask WHO VERB UNIT WORDS...`: one line about what came of it.
const ASK: &str = r#"ask() {
    who=$1 verb=$2 unit=$3; shift 3
    said=$(timeout 20 "$@" 2>&1 < /dev/null)
    case $said in
    *'access denied'* | *'ring: Permission denied'*) said=denied ;;
    *'not understood: '* | *'cannot connect'* | *setpriv:*) said="not asked: $said" ;;
    *) said=heard ;;
    esac
    echo "RIGHT $who $verb $unit $said"
}
"#;

/// What a verb takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// It looks at states or at what is no secret, or says something itself.
    Nothing,
    /// A rule can allow it.
    Right(Verb),
    /// To be root.
    Root,
}

/// What `verb` takes, and its words about `unit`.
fn asked(verb: &str, unit: &str) -> Result<(Takes, String)> {
    let plain = format!("{verb} {unit}");
    Ok(match verb {
        "list-units" | "list-unit-files" | "list-timers" | "list-sockets" | "is-system-running"
        | "get-default" | "users" | "blame" | "timeline" | "daemon-reload" | "help" => {
            (Takes::Nothing, verb.to_owned())
        }
        "logs" => (Takes::Root, "logs -n 0".to_owned()),
        "status" | "show" | "is-active" | "is-failed" | "is-enabled" | "cat" | "list-dependencies"
        | "critical-chain" | "enable" | "disable" | "mask" => (Takes::Nothing, plain),
        "start" => (Takes::Right(Verb::Start), plain),
        "stop" => (Takes::Right(Verb::Stop), plain),
        "restart" | "try-restart" => (Takes::Right(Verb::Restart), plain),
        "reload" | "reload-or-restart" | "try-reload-or-restart" => (Takes::Right(Verb::Reload), plain),
        "isolate" => (Takes::Right(Verb::Isolate), plain),
        "kill" => (Takes::Right(Verb::Kill), format!("kill -s SIGCONT {unit}")),
        "reset-failed" => (Takes::Right(Verb::ResetFailed), plain),
        "posture" => (Takes::Right(Verb::Posture), plain),
        "poweroff" | "reboot" | "halt" | "kexec" => (Takes::Right(Verb::Shutdown), verb.to_owned()),
        "run" => (Takes::Root, format!("run --collect --unit made-{unit} /bin/true")),
        "reexec" => (Takes::Root, verb.to_owned()),
        "switch-table" => (Takes::Root, "switch-table /opt/table".to_owned()),
        other => bail!("src/ctl/verbs.txt has {other}: what it takes is to be said here"),
    })
}

/// Whether `who` may have that, about `unit`.
fn may(takes: Takes, who: &str, unit: &str) -> bool {
    match takes {
        Takes::Nothing => true,
        _ if who == "root" => true,
        Takes::Right(Verb::Shutdown) => who == "user",
        Takes::Right(_) => matches!(who, "user" | "member") && unit == UNITS[0],
        Takes::Root => false,
    }
}

/// What is asked, and whether it is heard.
fn matrix() -> Result<(String, BTreeMap<String, bool>)> {
    let (mut script, mut expected) = (ASK.to_owned(), BTreeMap::new());
    for (who, prefix) in ASKERS {
        for verb in VERBS.lines().filter_map(|line| line.split('\t').next()) {
            for unit in UNITS {
                let (takes, words) = asked(verb, unit)?;
                let heard = may(takes, who, unit);
                if heard && takes == Takes::Right(Verb::Shutdown) {
                    continue; // asked last
                }
                writeln!(
                    script,
                    "tomte start {} >&2; ask {who} {verb} {unit} {prefix} tomte {words}",
                    UNITS.join(" ")
                )?;
                expected.insert(format!("{who} {verb} {unit}"), heard);
            }
        }
    }
    let (_, user) = ASKERS[2];
    // What is allowed here ends this script too: it has a line to say yet.
    writeln!(script, "trap '' TERM; ask user poweroff - {user} tomte poweroff")?;
    expected.insert("user poweroff -".to_owned(), true);
    Ok((script, expected))
}

/// The whole of it, where setpriv(1) is.
pub fn run(tally: &mut Tally) {
    let name = "every verb is for whom the board says, about which unit it says, and for nobody else";
    if !cfg!(target_arch = "x86_64") {
        return tally.add(name, Outcome::Skipped("the board is for x86_64".into()));
    }
    match Command::new("setpriv").arg("--version").output() {
        Ok(_) => tally.case(name, board),
        Err(error) => tally.add(name, Outcome::Skipped(format!("setpriv: {error}"))),
    }
}

fn board() -> Result<()> {
    let (script, expected) = matrix()?;
    let folder = tempfile::tempdir()?;
    make(folder.path(), &script)?;
    let (finished, _) = run_board(&folder.path().to_string_lossy(), &[])?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    let mut found = BTreeMap::new();
    for line in &finished.lines {
        let Some((_, said)) = line.split_once("RIGHT ") else { continue };
        let mut words = said.splitn(4, ' ');
        let key: Vec<&str> = words.by_ref().take(3).collect();
        let heard = match words.next() {
            Some("heard") => true,
            Some("denied") => false,
            other => bail!("{said}: {other:?}"),
        };
        found.insert(key.join(" "), heard);
    }
    for (asked, heard) in &expected {
        let said = found.get(asked).with_context(|| format!("{asked}: nothing came of it"))?;
        ensure!(said == heard, "{asked}: {}", if *said { "heard" } else { "denied" });
    }
    ensure!(found.len() == expected.len(), "more was asked than planned");
    Ok(())
}

fn make(folder: &Path, script: &str) -> Result<()> {
    let grantable =
        Verb::ALL.iter().filter(|verb| !matches!(verb, Verb::Status | Verb::Rule | Verb::Shutdown));
    let verbs: Vec<String> = grantable.map(|verb| format!("{:?}", verb.as_str())).collect();
    let (units, opt) = (folder.join("units"), folder.join("rootfs/opt"));
    fs::create_dir_all(&units)?;
    fs::create_dir_all(&opt)?;
    fs::write(folder.join("board.toml"), BOARD.replace("VERBS", &verbs.join(", ")))?;
    fs::write(units.join("driver.service"), DRIVER)?;
    for unit in UNITS {
        fs::write(units.join(unit), IDLE)?;
    }
    fs::write(opt.join("ask.sh"), script)?;
    let mut bake = Command::new(std::env::current_exe()?);
    progress::capture(bake.arg("bake").arg(folder).arg("-o").arg(opt.join("table"))).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_of_the_command_line_has_its_place_in_the_matrix() {
        let (script, expected) = matrix().expect("every verb is known");
        assert!(expected.len() > 4 * VERBS.lines().count());
        assert!(expected.values().any(|heard| *heard) && expected.values().any(|heard| !heard));
        assert!(script.contains("ask root start named.service  tomte start named.service"));
    }
}
