//! The level `namespaces`: the host board end to end, with the seed units and with bad input.
//!
//! Each case of bad input is a folder of units in `tests/host`, words for `cargo xtask run`, and what has to come of it:
//! one line with these pieces, these units in these states. The unit `bystander.service` shows that others run on.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    program::{self, Finished},
    tally::{Outcome, Tally},
};
use crate::{board::Board, build, host, report::Report};

/// A bad input and what comes of it.
struct Case {
    name: &'static str,
    /// Folder below tests/host.
    units: &'static str,
    /// Further words for `run`.
    words: &'static [&'static str],
    /// One line of the output has all of these: the place and the cause.
    line: &'static [&'static str],
    /// Units of the report and their ActiveState and Result; empty when the units are refused before anything runs.
    states: &'static [(&'static str, &'static str, &'static str)],
    /// Whether `run` succeeds.
    well: bool,
}

const BYSTANDER: (&str, &str, &str) = ("bystander.service", "active", "success");

const CASES: [Case; 18] = [
    Case {
        name: "an unknown user fails its service alone",
        units: "unknown-user",
        words: &[],
        line: &["stranger.service", "step user", "No such process"],
        states: &[("stranger.service", "failed", "exit-code"), BYSTANDER],
        well: false,
    },
    Case {
        name: "an unknown group fails its services alone",
        units: "unknown-user",
        words: &[],
        line: &["grouped.service", "step group", "No such process"],
        states: &[
            ("grouped.service", "failed", "exit-code"),
            ("member.service", "failed", "exit-code"),
            BYSTANDER,
        ],
        well: false,
    },
    Case {
        name: "without a file of variables, or with one that has no end, there is no process",
        units: "environment",
        words: &[],
        line: &["huge.service", "step environment-file", "File too large"],
        states: &[
            ("missing.service", "failed", "resources"),
            ("follower.service", "inactive", "success"),
            ("optional.service", "active", "success"),
            ("huge.service", "failed", "resources"),
            ("zeros.service", "failed", "resources"),
            ("fifo.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: false,
    },
    Case {
        name: "a missing program fails its service alone",
        units: "missing-program",
        words: &[],
        line: &["ghost.service", "step exec", "No such file"],
        states: &[("ghost.service", "failed", "exit-code"), BYSTANDER],
        well: false,
    },
    Case {
        name: "without /etc/passwd only services with a named user fail",
        units: "named-user",
        words: &["--rootfs-without", "/etc/passwd"],
        line: &["named.service", "step user"],
        states: &[("named.service", "failed", "exit-code"), BYSTANDER],
        well: false,
    },
    Case {
        name: "without cgroup2 everything runs",
        units: "plain",
        words: &["--no-cgroup"],
        line: &["cgroup"],
        states: &[BYSTANDER],
        well: true,
    },
    Case {
        name: "a full /run fails only services that need room there",
        units: "directories",
        // The log daemon has no room either and starts over again and again: nobody can say when it is idle.
        words: &["--run-inodes", "20", "--until", "4s"],
        line: &["roomy.service", "directory", "No space left"],
        states: &[("roomy.service", "failed", "exit-code"), BYSTANDER],
        well: false,
    },
    Case {
        name: "units whose conditions do not hold are passed over and said so",
        units: "conditions",
        words: &[],
        line: &[
            "Passed over was skipped because of an unmet condition check (ConditionFileNotEmpty=/no/such)",
        ],
        states: &[
            ("met.service", "active", "success"),
            ("told.service", "active", "success"),
            ("unmet.service", "inactive", "success"),
            ("asserted.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: true,
    },
    Case {
        name: "every filter of system calls refuses what it is for, and lets programs run",
        units: "system-calls",
        words: &[],
        line: &["killed.service", "code=killed, status=SYS"],
        states: &[
            ("killed.service", "failed", "signal"),
            ("mounts.service", "inactive", "success"),
            ("namespaces.service", "inactive", "success"),
            ("no-capset.service", "inactive", "success"),
            ("one-filter.service", "inactive", "success"),
            ("personality.service", "inactive", "success"),
            ("realtime.service", "inactive", "success"),
            ("suid.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: false,
    },
    Case {
        name: "credentials are for their unit alone, and too much of them fails it alone",
        units: "credentials",
        words: &[],
        line: &["large.service", "step credentials", "File too large"],
        states: &[
            ("large.service", "failed", "exit-code"),
            ("data.service", "inactive", "success"),
            ("dynamic.service", "active", "success"),
            ("plain.service", "inactive", "success"),
            ("hidden.service", "inactive", "success"),
            ("late.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: false,
    },
    Case {
        name: "mounts are made, taken as they are, followed when somebody changes them, or fail those who need them",
        units: "mounts",
        words: &[],
        line: &["srv-broken.mount", "step mount", "No such device"],
        states: &[
            ("srv-scratch.mount", "active", "success"),
            ("srv-scratch-bound.mount", "active", "success"),
            ("srv-broken.mount", "failed", "exit-code"),
            ("tmp.mount", "active", "success"),
            ("srv-hand.mount", "inactive", "success"),
            ("srv-made.mount", "active", "success"),
            ("bound.service", "inactive", "success"),
            ("needing.service", "active", "success"),
            ("hand.service", "active", "success"),
            ("user.service", "active", "success"),
            ("unlucky.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: false,
    },
    Case {
        name: "units wait for devices, go with them and come back with them",
        units: "devices",
        words: &[],
        line: &["Started dev-sub-folder-y.device"],
        states: &[
            ("bound.service", "active", "success"),
            ("needing.service", "active", "success"),
            ("plug.service", "inactive", "success"),
            (r"dev-tomte\x2dx.device", "active", "success"),
            BYSTANDER,
        ],
        well: true,
    },
    Case {
        name: "timers start their units at their times, and what they have seen is kept",
        units: "timers",
        words: &[],
        line: &["tick 3 of tick.timer"],
        states: &[
            ("tick.timer", "active", "success"),
            ("once.timer", "inactive", "success"),
            ("never.timer", "active", "success"),
            ("clock.target", "active", "success"),
            ("past.timer", "inactive", "success"),
            ("past.service", "inactive", "success"),
            ("overdue.timer", "active", "success"),
            ("overdue.service", "active", "success"),
            ("watch.service", "active", "success"),
            BYSTANDER,
        ],
        well: true,
    },
    Case {
        name: "units join each other's network, IPC and /tmp as far as both have their own, to the last one's end",
        units: "joined",
        words: &[],
        line: &["SHARED UNTIL THE END"],
        states: &[
            ("first.service", "inactive", "success"),
            ("joiner.service", "inactive", "success"),
            ("named.service", "inactive", "success"),
            ("half.service", "inactive", "success"),
            ("lonely.service", "inactive", "success"),
            ("last.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: true,
    },
    Case {
        name: "settings of systemd.exec(5) do what it says",
        units: "exec",
        words: &[],
        line: &["lost.service", "step network", "No such file"],
        states: &[
            ("rooted.service", "inactive", "success"),
            ("lost.service", "failed", "exit-code"),
            ("streams.service", "inactive", "success"),
            ("environment.service", "inactive", "success"),
            ("scheduling.service", "inactive", "success"),
            ("groups.service", "inactive", "success"),
            ("queues.service", "inactive", "success"),
            ("prefixes.service", "inactive", "success"),
            ("homeless.service", "inactive", "success"),
            BYSTANDER,
        ],
        well: false,
    },
    Case {
        name: "a thousand processes that end at once keep nobody waiting",
        units: "crowd",
        words: &[],
        line: &["ASKED 20 OF A CROWD OF 1000"],
        states: &[("crowd.service", "inactive", "success"), BYSTANDER],
        well: true,
    },
    Case {
        name: "a value that is none is refused with its place",
        units: "syntax-error",
        words: &[],
        line: &["broken.service:3:9"],
        states: &[],
        well: false,
    },
    Case {
        name: "a dependency cycle is refused with its path",
        units: "cycle",
        words: &[],
        line: &["a.service", "b.service", "c.service"],
        states: &[],
        well: false,
    },
];

/// Runs every case.
pub fn run(tally: &mut Tally) {
    if let Err(error) = host::probe() {
        return tally.add("the host board", Outcome::Skipped(format!("{error:#}")));
    }
    if Path::new("/usr/bin/python3").exists() {
        tally.case("the seed units run under users of their own", seed_units);
    } else {
        let why = "they need /usr/bin/python3".to_owned();
        tally.add("the seed units run under users of their own", Outcome::Skipped(why));
    }
    super::rootless::run(tally);
    for case in &CASES {
        tally.case(case.name, || bad_input(case));
    }
    tally.case("what a service needs and is not there is named", super::missing::run);
    tally.case("services run in the root that they are for", super::disks::without_a_kernel);
    tally.case(
        "Buildroot's post-build script bakes what is in the target folder",
        super::disks::after_buildroot,
    );
    tally.case("a later tenant of a number finds nothing of the one before", || super::tenants::run(&[]));
    tally.case("so it is without cgroup2", || super::tenants::run(&["--no-cgroup"]));
    tally.case("services cannot do what they must not be able to", super::hostile::run);
    tally.case("what cannot be limited is reported so", super::posture::without_cgroups);
    tally.case("services say that they are ready, alive, reloading", || super::supervision::run(&[]));
    tally.case("so they do without cgroup2", || super::supervision::run(&["--no-cgroup"]));
    tally.case("what is said is kept, whoever says it and whoever ends logd", super::logs::run);
    tally.case("sockets and paths start what they are for", super::sockets::run);
    tally.case("a unit that has done its work ends the machine", super::supervision::last);
    tally.case("root gets systemctl's answers, a stranger none", super::manager::control);
    super::manager::client(tally);
    super::rights::run(tally);
    super::names::run(tally);
    tally.case("PID 1 replaces its program and every service runs on", super::handover::reexec);
    tally.case("PID 1 goes on with another table, and back", super::handover::switch);
    tally.case("PID 1 goes on after a fault, once", super::handover::crash);
    tally.case("a command runs as a unit made at run time", super::handover::transient);
    tally.case("a table for another architecture is refused by name", foreign_table);
    tally.case("a table beyond the limits is refused by the limit's name", oversized_table);
}

/// The three unit files of the first issue, as their authors wrote them.
fn seed_units() -> Result<()> {
    let (finished, report) = xtask_run(&["--until", "2s"])?;
    seed_units_run(&finished, report)
}

/// The seed units run under their users, as `finished` and `report` tell.
pub fn seed_units_run(finished: &Finished, report: Option<Report>) -> Result<()> {
    ensure!(finished.status.success(), "{}", finished.status);
    let report = report.context("no report")?;
    for (name, uid) in
        [("myapp.service", Some(901)), ("myapp-dirs.service", Some(901)), ("myapp-dynamic.service", None)]
    {
        let unit = report.unit(name).with_context(|| format!("the report has no {name}"))?;
        let range = tomte::table::UidRange::DYNAMIC;
        let right = match uid {
            Some(uid) => unit.uid == Some(uid),
            None => unit.uid.is_some_and(|uid| (range.first..=range.last).contains(&uid)),
        };
        ensure!(right && unit.sub == "running", "{unit:?}");
    }
    let dynamic = report.unit("myapp-dynamic.service").and_then(|unit| unit.uid).unwrap_or_default();
    for pieces in [
        vec!["uid=901 gid=901".to_owned()],
        vec![format!("uid={dynamic} gid={dynamic}")],
        vec!["runtime directory /run/myapp mode=0750 owner=901:901".to_owned()],
        vec!["state directory /var/lib/myapp mode=0750 owner=901:901".to_owned()],
        vec!["directory /run/myapp-dynamic ".to_owned(), format!("owner={dynamic}:{dynamic}")],
        vec![
            "state directory /var/lib/".to_owned(),
            format!("myapp-dynamic mode=0755 owner={dynamic}:{dynamic}"),
        ],
        vec!["heartbeat 1".to_owned()],
    ] {
        has_line(finished, &pieces)?;
    }
    Ok(())
}

fn bad_input(case: &Case) -> Result<()> {
    let until: &[&str] = if case.words.contains(&"--until") { &[] } else { &["--until", "idle"] };
    let words = [until, case.words].concat();
    let (finished, report) = run_units(&format!("tests/host/{}", case.units), &words)?;
    has_line(&finished, case.line)?;
    ensure!(finished.status.success() == case.well, "cargo xtask run: {}", finished.status);
    ensure!(report.is_some() != case.states.is_empty(), "whether it ran is wrong: {report:?}");
    for (name, active, result) in case.states {
        let unit = report.as_ref().and_then(|report| report.unit(name));
        let unit = unit.with_context(|| format!("the report has no {name}"))?;
        ensure!(unit.active == *active && unit.result.as_deref() == Some(*result), "{unit:?}");
    }
    Ok(())
}

fn foreign_table() -> Result<()> {
    let other = if std::env::consts::ARCH == "aarch64" { "qemu-x86_64" } else { "qemu-aarch64" };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("foreign.table");
    fs::write(&file, build::table_of(&Board::load(other)?, &build::Options::default())?)?;
    refused_table(&file, &["made for", std::env::consts::ARCH])
}

fn oversized_table() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("oversized.table");
    let mut table = build::table_of(&Board::load("host")?, &build::Options::default())?;
    table.resize(tomte::table::limits::TABLE_BYTES_MAX + 1, 0);
    let length = u32::try_from(table.len())?.to_le_bytes();
    table[16..20].copy_from_slice(&length); // where the header has the length (src/table/mod.rs)
    fs::write(&file, table)?;
    refused_table(&file, &["TABLE_BYTES_MAX"])
}

/// PID 1 says why it refuses the table at `file`, and the run fails without a hang.
fn refused_table(file: &Path, line: &[&str]) -> Result<()> {
    let (finished, _) = xtask_run(&["--table", &file.to_string_lossy(), "--until", "idle"])?;
    has_line(&finished, line)?;
    ensure!(!finished.status.success(), "cargo xtask run: {}", finished.status);
    ensure!(!finished.lines.iter().any(|line| line.contains("it hangs")), "it hung");
    Ok(())
}

/// `cargo xtask run --board host WORDS`, and its report if it wrote one.
fn xtask_run(words: &[&str]) -> Result<(Finished, Option<Report>)> {
    run_on("host", words)
}

/// The same with the units in `folder` of the repository.
pub fn run_units(folder: &str, words: &[&str]) -> Result<(Finished, Option<Report>)> {
    let units = build::root_dir().join(folder);
    xtask_run(&[&["--units", &units.to_string_lossy()], words].concat())
}

/// The same on the board in the folder `board` of the repository.
pub fn run_board(board: &str, words: &[&str]) -> Result<(Finished, Option<Report>)> {
    run_on(&build::root_dir().join(board).to_string_lossy(), words)
}

fn run_on(board: &str, words: &[&str]) -> Result<(Finished, Option<Report>)> {
    let folder = tempfile::tempdir()?;
    let file: PathBuf = folder.path().join("report.json");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["run", "--board", board, "--guard", "60s", "--report"]).arg(&file).args(words);
    let finished = program::run(&mut command)?;
    let report = fs::read_to_string(&file).ok().map(|text| Report::parse(&text)).transpose()?;
    Ok((finished, report))
}

/// One line of the output has all `pieces`.
pub fn has_line<S: AsRef<str>>(finished: &Finished, pieces: &[S]) -> Result<()> {
    let found = finished.lines.iter().any(|line| pieces.iter().all(|piece| line.contains(piece.as_ref())));
    let pieces: Vec<&str> = pieces.iter().map(AsRef::as_ref).collect();
    ensure!(found, "no line has all of {pieces:?}");
    Ok(())
}
