//! PID 1 is replaced, fails and goes on, and makes units at run time: what becomes of the services meanwhile.

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_units},
    program::Finished,
};
use crate::{board::Board, build};

/// `tests/host/reexec`: services run on under the next program, which is asked for the same things as the one before.
pub fn reexec() -> Result<()> {
    let (finished, report) = run_units("tests/host/reexec", &["--until", "idle"])?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    let (before, after) = (said(&finished, "BEFORE ")?, said(&finished, "AFTER ")?);
    ensure!(before == after, "{before} has become {after}");
    let again = said(&finished, "AGAIN ")?;
    ensure!(number(again, "restarts")? == 1, "it was not started again after its end: {again}");
    ensure!(number(again, "uid")? == number(before, "uid")?, "its number is another one: {again}");
    has_line(&finished, &["WORDS ", "--deserialize="])?;
    let open: Vec<&str> = all(&finished, "OPEN ").collect();
    ensure!(open.len() == 2 && open[0] == open[1], "descriptors are left open: {open:?}");
    has_line(&finished, &["SLOW is done"])?;
    let slow = report.context("no report")?;
    let slow = slow.unit("slow.service").context("the report has no slow.service")?;
    ensure!(slow.sub == "exited", "{slow:?}");
    Ok(())
}

/// `tests/host/switch`: PID 1 goes on with other tables. What is the same in them runs on, the rest is restarted, and a set
/// that does not come up makes room for the one before.
pub fn switch() -> Result<()> {
    let here = build::root_dir().join("tests/host/switch");
    let folder = tempfile::tempdir_in(build::root_dir().join("target"))?;
    let tables = folder.path().to_str().context("a path in UTF-8")?;
    let same = folder.path().join("same");
    std::fs::create_dir(&same)?;
    for name in ["stays.service", "root.service"] {
        let text = std::fs::read_to_string(here.join("first").join(name))?;
        std::fs::write(same.join(name), text.replace("@TABLES@", tables))?;
    }
    let board = Board::load("host")?;
    for name in ["next", "broken"] {
        let units = vec![same.clone(), here.join(name)];
        let table = build::table_of(&board, &build::Options { units, ..build::Options::default() })?;
        std::fs::write(folder.path().join(name).with_extension("table"), table)?;
    }
    let first = ["changes.service", "goes.service"].map(|name| here.join("first").join(name));
    let units = [&first[0], &first[1], &same].map(|path| path.to_string_lossy());
    let words = ["--units", &units[1], "--units", &units[2], "--until", "idle"];
    let (finished, _) = run_units(&units[0], &words)?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    let stays: Vec<&str> = all(&finished, "STAYS ").collect();
    ensure!(stays.len() == 4 && stays.iter().all(|one| *one == stays[0]), "it did not stay: {stays:?}");
    for line in [
        "~ changes.service",
        "- goes.service",
        "+ comes.service",
        "CHANGES goes",
        "NEXT 0",
        "Unit goes.service could not be found",
        "comes.service - Was not in the table before",
        "going back to the table before",
        "the new set did not come up",
        "BROKEN 1",
        "cannot use the table: not a table",
        "END",
    ] {
        has_line(&finished, &[line])?;
    }
    // Three times of two: after the switch, after the way back, after another program's beginning.
    let sleeps = |what: &str| all(&finished, "sleep ").filter(|after| *after == what).count();
    ensure!(sleeps("2001") == 3 && sleeps("2002") == 3, "{:?}", all(&finished, "sleep ").collect::<Vec<_>>());
    Ok(())
}

/// `tests/host/crash`: PID 1 goes on after a fault of its own, with every service as it was; a second one soon after is
/// the end, in one clear line and not in a hang.
pub fn crash() -> Result<()> {
    let (finished, report) = run_units("tests/host/crash", &["--until", "idle"])?;
    has_line(&finished, &["tomte: cannot go on: caught SEGV"])?;
    has_line(&finished, &["tomte: executed anew"])?;
    let (before, after) = (said(&finished, "BEFORE ")?, said(&finished, "AFTER ")?);
    ensure!(before == after, "{before} has become {after}");
    has_line(&finished, &["PID 1 exited with status 101"])?;
    ensure!(!finished.status.success(), "cargo xtask run: {}", finished.status);
    let report = report.context("no report")?;
    ensure!(report.ended == crate::report::Ended::Panic && report.units.is_empty(), "{report:?}");
    Ok(())
}

/// `tests/host/transient`: `tomte run` as somebody at the console types it.
pub fn transient() -> Result<()> {
    let (finished, _) = run_units("tests/host/transient", &["--until", "idle"])?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    has_line(&finished, &["Running as unit: nap.service"])?;
    let (nap, still) = (said(&finished, "NAP ")?, said(&finished, "STILL ")?);
    let uid = number(nap, "uid")?;
    let range = tomte::table::UidRange::DYNAMIC;
    ensure!(u32::try_from(uid).is_ok_and(|uid| range.contains(uid)), "not a number of the range: {nap}");
    ensure!(said(&finished, "OWNER ")? == uid.to_string(), "the process has another owner than {uid}");
    ensure!(said(&finished, "USER ")? == "nap nap", "the unit's user is not called as it is");
    ensure!(nap == still, "{nap} has become {still}");
    let stopped = said(&finished, "STOPPED ")?;
    ensure!(stopped.contains("\"active\":\"inactive\""), "{stopped}");
    let hello = said(&finished, "hello from nice ")?;
    ensure!(hello == format!("5 uid {uid}"), "the number was not given back: {hello}, not {uid}");
    let gone = said(&finished, "GONE ")?;
    ensure!(gone.contains("\"active\":\"inactive\"") && gone.contains("exit-code"), "{gone}");
    for line in [
        "root.service: Main process exited, code=exited, status=7",
        "PIPED IN PUT",
        "to stderr",
        "PIPE 9",
        "LIMITS 33 44 0",
        "tomte: MemoryMax= cannot have this value",
        "tomte: CPUQuota= cannot be set: no unit of the image has one",
        "tomte: SystemCallFilter= cannot be set for a unit that is made at run time: that takes",
        "tomte: Type= cannot have this value",
        "tomte: a unit with this name is there already",
        "MANY 4 0",
        "tomte: PID 1 has too many requests waiting",
        "MANY 5 1",
    ] {
        has_line(&finished, &[line])?;
    }
    Ok(())
}

/// What follows `what` on each line that has it.
fn all<'f>(finished: &'f Finished, what: &str) -> impl Iterator<Item = &'f str> {
    finished.lines.iter().filter_map(move |line| line.split_once(what)).map(|(_, after)| after.trim())
}

/// What follows `what` on the first line that has it.
pub fn said<'f>(finished: &'f Finished, what: &str) -> Result<&'f str> {
    all(finished, what).next().with_context(|| format!("no line has {what:?}"))
}

/// A number in the JSON of `tomte status`.
fn number(status: &str, key: &str) -> Result<u64> {
    let status: serde_json::Value = serde_json::from_str(status).with_context(|| status.to_owned())?;
    status[key].as_u64().with_context(|| format!("no {key} in {status}"))
}
