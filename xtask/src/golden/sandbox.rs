//! `tests/golden/sandbox/`: what units with one setting each saw under systemd 252, as the difference to a bare unit;
//! here the same on tomte's host board, all of them in one run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::probe::{self, Mount, Seen};
use crate::{
    check,
    diag::{Diagnostic, Diagnostics, Severity},
    run::{Args, Outcome, Until, execute, watch::Show},
};

/// The unit that all others are compared with.
const BASE: &str = "base";
/// What the golden units call their directories. Ours run at the same time, so each gets a name of its own.
const DIRECTORY: &str = "pd";
/// Mounts that tomte has no need of, or that the golden machine had and the host board has not.
const NOT_OURS: [&str; 5] =
    ["/run/credentials", "/run/systemd/incoming", "/mnt/out", "/run/lock", "/sys/fs/cgroup"];
/// The flags of a mount that narrow what can be done with it.
const FLAGS: [&str; 4] = ["ro", "nosuid", "nodev", "noexec"];

/// One file.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    directives: Vec<String>,
    result: String,
    #[serde(rename = "diff_vs_base")]
    differs: Differs,
}

/// What a unit saw other than the bare unit did. Keys that are not here were not the setting's doing.
#[derive(Debug, Default, Deserialize)]
struct Differs {
    #[serde(default)]
    ns_new: BTreeSet<String>,
    #[serde(default)]
    mounts: BTreeMap<String, String>,
    #[serde(default, rename = "env+")]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    paths: BTreeMap<String, String>,
    #[serde(default)]
    access: BTreeMap<String, String>,
    #[serde(default, rename = "rlim")]
    limits: BTreeMap<String, [i64; 2]>,
    #[serde(default)]
    cwd: Option<String>,
    /// Lines of /proc/self/status among them.
    #[serde(flatten)]
    status: BTreeMap<String, Value>,
}

/// What came of all cases.
pub struct Compared {
    /// Cases that ran.
    pub cases: usize,
    /// Where tomte is not as systemd.
    pub differences: Vec<String>,
    /// Cases with a setting that this tomte refuses or ignores, and what it says to that.
    pub unsupported: Vec<(String, String)>,
}

/// Runs every case whose settings tomte has.
pub fn run() -> Result<Compared> {
    let mut unsupported = Vec::new();
    let mut cases = Vec::new();
    for case in read_all(&folder())? {
        match objection(&case)? {
            None => cases.push(case),
            Some(objection) => unsupported.push((case.name, objection)),
        }
    }
    ensure!(cases.len() > 20, "only {} of the cases are supported", cases.len());
    let outcome = run_all(&cases)?;
    let mut seen = sights(&outcome.console)?;
    let base = seen.remove(BASE).with_context(|| format!("{BASE}.service said nothing"))?;
    let mut differences = bare_faults(&base);
    for case in cases.iter().filter(|case| case.name != BASE) {
        let found = match (fails_before_it_runs(case), seen.get(&case.name)) {
            (true, None) => result_of(case, &outcome),
            (true, Some(_)) => vec!["it ran".into()],
            (false, None) => vec!["it said nothing".into()],
            (false, Some(seen)) => [result_of(case, &outcome), compare(case, &base, seen)].concat(),
        };
        differences.extend(found.into_iter().map(|found| format!("{}: {found}", case.name)));
    }
    Ok(Compared { cases: cases.len(), differences, unsupported })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/sandbox")
}

fn read_all(folder: &Path) -> Result<Vec<Case>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |file: &PathBuf| {
        serde_json::from_str(&fs::read_to_string(file)?).with_context(|| file.display().to_string())
    };
    files.iter().map(read).collect()
}

fn fails_before_it_runs(case: &Case) -> bool {
    !case.result.starts_with("success")
}

fn own_directory(case: &Case) -> String {
    format!("{DIRECTORY}-{}", case.name)
}

fn unit_text(case: &Case) -> String {
    let (name, directory) = (&case.name, own_directory(case));
    let mut text =
        format!("[Service]\nType=oneshot\nExecStart=/opt/golden/{} {name} {directory}\n", probe::NAME);
    for directive in &case.directives {
        match directive.split_once('=') {
            Some((key, DIRECTORY)) => text.push_str(&format!("{key}={directory}\n")),
            _ => text.push_str(&format!("{directive}\n")),
        }
    }
    text + "[Install]\nWantedBy=multi-user.target\n"
}

/// What tomte has to say against the unit: an error, or a setting that it passes over.
fn objection(case: &Case) -> Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(format!("{}.service", case.name));
    fs::write(&file, unit_text(case))?;
    let mut diagnostics = Diagnostics::default();
    let units = check::load(&[file], &mut diagnostics);
    check::beyond(&units, &mut diagnostics);
    let passed_over = |message: &str| message.contains("has no effect in this tomte");
    let objection =
        |problem: &&Diagnostic| problem.severity == Severity::Error || passed_over(&problem.message);
    Ok(diagnostics.iter().find(objection).map(|problem| problem.message.clone()))
}

fn run_all(cases: &[Case]) -> Result<Outcome> {
    let (_folder, board) = super::board()?;
    let (programs, units) = (board.join("rootfs/opt/golden"), board.join("units"));
    for folder in [&programs, &board.join("rootfs/run/user")] {
        fs::create_dir_all(folder)?;
    }
    fs::copy(std::env::current_exe()?, programs.join(probe::NAME))?;
    for case in cases {
        fs::write(units.join(format!("{}.service", case.name)), unit_text(case))?;
    }
    let args = Args { board: board.display().to_string(), until: Some(Until::Idle), ..Args::default() };
    execute(&args, Show::Quiet)
}

fn sights(console: &[String]) -> Result<BTreeMap<String, Seen>> {
    let lines = console.iter().filter_map(|line| line.strip_prefix(probe::MARK));
    let one = |line: &str| {
        let (unit, seen) = line.split_once(' ').context("a line of the program without a unit")?;
        let seen = seen.replace(&format!("{DIRECTORY}-{unit}"), DIRECTORY);
        Ok((unit.to_owned(), serde_json::from_str(&seen).with_context(|| format!("{unit}: {seen}"))?))
    };
    lines.map(one).collect()
}

/// What no process may bring along from PID 1.
fn bare_faults(base: &Seen) -> Vec<String> {
    let mut faults = Vec::new();
    let status = |name: &str| base.status.get(name).map_or("", String::as_str);
    if !status("Groups").is_empty() {
        faults.push(format!("{BASE}: it has PID 1's groups {}", status("Groups")));
    }
    for name in ["CapInh", "CapAmb"] {
        if status(name).contains(|digit| digit != '0') {
            faults.push(format!("{BASE}: {name} is {}", status(name)));
        }
    }
    faults
}

fn result_of(case: &Case, outcome: &Outcome) -> Vec<String> {
    let name = format!("{}.service", case.name);
    let Some(unit) = outcome.report.units.iter().find(|unit| unit.name == name) else {
        return vec!["it is not in the report".into()];
    };
    let code = unit.main_code.as_deref().unwrap_or_default();
    let status = unit.main_status.unwrap_or_default();
    // `success exited 0`, `exited 217/USER`; `success?` where nobody looked.
    let expected: u32 = case.result.split([' ', '/']).find_map(|word| word.parse().ok()).unwrap_or_default();
    if (code, status) == ("exited", expected) {
        return Vec::new();
    }
    vec![format!("ends with {code} {status}, systemd {}", case.result)]
}

fn compare(case: &Case, base: &Seen, seen: &Seen) -> Vec<String> {
    let mut found = inherited(seen);
    found.extend(compare_status(case, base, seen));
    found.extend(compare_mounts(case, base, seen));
    let new: BTreeSet<String> = seen
        .namespaces
        .iter()
        .filter(|(name, id)| base.namespaces.get(*name) != Some(id))
        .map(|(name, _)| name.clone())
        .collect();
    if new != case.differs.ns_new {
        found.push(format!("new namespaces {new:?}, systemd {:?}", case.differs.ns_new));
    }
    let mut environment = seen.environment.clone();
    // What is another one's in each start.
    let own = |name: &str| matches!(name, "SYSTEMD_EXEC_PID" | "INVOCATION_ID");
    environment.retain(|name, value| !own(name) && base.environment.get(name) != Some(value));
    let mut expected = case.differs.environment.clone();
    if case.directives.iter().any(|directive| directive.starts_with("PassEnvironment=")) {
        // What there is to pass: PID 1 of the host board is started without PATH.
        expected = BTreeMap::from([("container".to_owned(), crate::host::CONTAINER.to_owned())]);
    }
    if environment != expected {
        found.push(format!("variables {environment:?}, systemd {expected:?}"));
    }
    for (name, limit) in &seen.limits {
        let expected = case.differs.limits.get(name).or(base.limits.get(name));
        if Some(limit) != expected {
            found.push(format!("Limit{name} {limit:?}, systemd {expected:?}"));
        }
    }
    let cwd = case.differs.cwd.as_ref().unwrap_or(&base.cwd);
    if seen.cwd != *cwd {
        found.push(format!("works in {}, systemd in {cwd}", seen.cwd));
    }
    for (name, ours) in &seen.numbers {
        let expected =
            case.differs.status.get(name).and_then(Value::as_i64).or(base.numbers.get(name).copied());
        if Some(*ours) != expected {
            found.push(format!("{name} is {ours}, systemd has {expected:?}"));
        }
    }
    found.extend(compare_paths(case, seen));
    for (path, ours) in &seen.access {
        let bare = base.access.get(path);
        let mut expected = case.differs.access.get(path).or(bare);
        let read_only = "r-x".to_owned();
        if path_of_home(path) && case.directives.iter().any(|directive| directive == "ProtectHome=tmpfs") {
            expected = Some(&read_only); // as above: 252 loses the options
        }
        let ours = if ours == "missing" { "---" } else { ours }; // the golden probe did not tell them apart
        if bare.is_some_and(|bare| bare != "missing") && Some(ours) != expected.map(String::as_str) {
            found.push(format!("{path} is {ours}, systemd has {expected:?}"));
        }
    }
    found
}

/// What a service must never have of PID 1's, whatever its settings.
fn inherited(seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    if seen.descriptors != [0, 1, 2] {
        found.push(format!("descriptors {:?} are open", seen.descriptors));
    }
    let [blocked, ignored] = &seen.signals;
    if u64::from_str_radix(blocked, 16) != Ok(0) {
        found.push(format!("signals {blocked} are blocked"));
    }
    if u64::from_str_radix(ignored, 16) != Ok(1 << 12) {
        found.push(format!("signals {ignored} are ignored, not only SIGPIPE"));
    }
    found
}

fn compare_status(case: &Case, base: &Seen, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    for name in probe::STATUS {
        let bare = base.status.get(name).map_or("", String::as_str);
        let expected = case.differs.status.get(name).and_then(Value::as_str).unwrap_or(bare);
        let ours = seen.status.get(name).map_or("", String::as_str);
        let same = if name.starts_with("Cap") {
            // A container's PID 1 may have been given fewer.
            let all = base.status.get("CapBnd").map_or("", String::as_str);
            let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or(u64::MAX);
            let all = if case.differs.ns_new.contains("user") { u64::MAX } else { number(all) };
            number(ours) == number(expected) & all
        } else {
            ours == expected
        };
        if !same {
            found.push(format!("{name} is {ours:?}, systemd has {expected:?}"));
        }
    }
    found
}

fn flags<'m>(options: impl IntoIterator<Item = &'m str>) -> BTreeSet<&'m str> {
    options.into_iter().filter(|option| FLAGS.contains(option)).collect()
}

fn flags_of(mount: &Mount) -> BTreeSet<&str> {
    flags(mount.options.iter().map(String::as_str))
}

/// Of the mount that `path` is in.
fn flags_around<'s>(seen: &'s Seen, path: &str) -> BTreeSet<&'s str> {
    let around = Path::new(path).ancestors().find_map(|parent| seen.mounts.get(parent.to_str()?));
    around.map(flags_of).unwrap_or_default()
}

fn compare_mounts(case: &Case, base: &Seen, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    for (path, theirs) in case.differs.mounts.iter().filter(|(path, _)| !NOT_OURS.contains(&path.as_str())) {
        let Some((before, after)) =
            theirs.split_once(' ').map(|(first, _)| match theirs.split_once(" -> ") {
                Some((before, after)) => (before, after),
                None => ("", theirs.trim_start_matches(first).trim_start()),
            })
        else {
            continue;
        };
        let (kind, after) = after.split_once(' ').unwrap_or(("", after));
        let (before, after) = (flags(before.split(',')), flags(after.split(',')));
        let Some(mount) = seen.mounts.get(path) else {
            found.push(format!("nothing is mounted on {path}, systemd has {theirs}"));
            continue;
        };
        let own_tmp = matches!(path.as_str(), "/tmp" | "/var/tmp");
        let mut expected = after.clone();
        if let Some(bare) = base.mounts.get(path) {
            expected.extend(flags_of(bare).difference(&before));
        } else {
            // A part of a mount that is less permissive on the host board than it was on the golden machine.
            expected.extend(flags_around(base, path).into_iter().filter(|flag| *flag != "ro"));
            if kind != mount.kind && !own_tmp {
                found.push(format!("{path} is a {}, systemd has {theirs}", mount.kind));
            }
        }
        if own_tmp && is_dynamic(case) {
            expected.insert("nodev"); // since 257 a tmpfs of its own
        }
        if path_of_home(path) && mount.kind == "tmpfs" {
            expected.extend(["ro", "nosuid", "nodev"]); // 252 loses the options of ProtectHome=tmpfs
        }
        if case.directives.iter().any(|directive| directive == &format!("InaccessiblePaths={path}")) {
            expected.extend(["nosuid", "nodev"]); // narrower, on what nobody can open
        }
        if flags_of(mount) != expected {
            found.push(format!("{path} is {:?}, systemd has {theirs}", mount.options));
        }
    }
    let strict = case.differs.mounts.contains_key("/");
    for (path, mount) in seen.mounts.iter().filter(|(path, _)| !case.differs.mounts.contains_key(*path)) {
        let bare = base.mounts.get(path).map(flags_of);
        if !strict && bare.as_ref() != Some(&flags_of(mount)) {
            found.push(format!("{path} is {:?}, which systemd leaves alone", mount.options));
        }
    }
    found
}

fn is_dynamic(case: &Case) -> bool {
    case.directives.iter().any(|directive| directive == "DynamicUser=yes")
}

fn path_of_home(path: &str) -> bool {
    matches!(path, "/home" | "/root" | "/run/user")
}

fn compare_paths(case: &Case, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    for (path, theirs) in &case.differs.paths {
        let theirs = match path.as_str() {
            // Ours stays root's, so that its number's next owner does not find it its own (systemd-semantics.md §1.4).
            "/etc/pd" if is_dynamic(case) => "drwxr-xr-x 0:0 755",
            // 252's tables lose the options (systemd-semantics.md §3.1).
            "/root" if theirs.starts_with("drwxrwxrwt") => "drwx------ 0:0 700",
            _ if theirs.starts_with("drwxrwxrwt") => "drwxr-xr-x 0:0 755",
            // What other cases had left or not.
            "/run/private" | "/run/credentials" | "/run/user" => continue,
            _ if theirs.ends_with("Error") => continue,
            "/run/pd"
                if !case.directives.iter().any(|directive| directive.starts_with("RuntimeDirectory=")) =>
            {
                continue;
            }
            _ => theirs.as_str(),
        };
        let ours = seen.paths.get(path).map_or("not looked at", String::as_str);
        if ours != theirs {
            found.push(format!("{path} is {ours}, systemd has {theirs}"));
        }
    }
    found
}
