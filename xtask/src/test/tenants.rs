//! The numbers of dynamic users, end to end: two services never share one at a time, what a tenant leaves goes with it,
//! its state stays its own, and a later tenant of the same number finds nothing. The board is `tests/host/tenants`.

use anyhow::{Context, Result, ensure};

use super::{host::run_board, program::Finished};

/// Runs the board, with further `words` for `run`, and reads what its scripts saw.
pub fn run(words: &[&str]) -> Result<()> {
    let (finished, report) = run_board("tests/host/tenants", &[&["--until", "idle"], words].concat())?;
    let report = report.context("no report")?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    let said = |what: &str| said(&finished, what);

    let numbers = said("LANDLORD first=")?;
    let (first, second) = numbers.split_once(" second=").context("no second number")?;
    ensure!(first != second, "both tenants have {first}");
    let range = tomte::table::UidRange::DYNAMIC;
    for number in [first, second] {
        ensure!(range.contains(number.parse()?), "{number} is outside the range");
    }
    ensure!(
        said("LANDLORD processes of first: ")?.parse::<u32>()? >= 2,
        "the first tenant's stray process never ran"
    );
    expect(&finished, "LANDLORD IPC of first: ", "3")?;
    expect(&finished, "LANDLORD runtime owner: ", &format!("{first}:755"))?;
    expect(&finished, "LANDLORD stopped: ", "0")?;
    expect(&finished, "LANDLORD state: ", "inactive (dead)")?;
    expect(&finished, "LANDLORD runtime directory is gone", "")?;
    expect(&finished, "LANDLORD state owner: ", &format!("{first}:755 boundary 0:700"))?;
    expect(&finished, "LANDLORD state link: ", "private/first")?;
    expect(&finished, "LANDLORD processes left: ", "0")?;
    expect(&finished, "LANDLORD IPC left: ", "0")?;
    expect(&finished, "LANDLORD files left: ", "0")?;
    ensure!(said("LANDLORD second runs: ")?.parse::<u32>()? >= 2, "the second tenant was disturbed");

    expect(&finished, "LANDLORD started: ", "0")?;
    expect(&finished, "LANDLORD third=", first)?;
    expect(&finished, "THIRD uid=", first)?;
    expect(&finished, "THIRD sees ", "third")?;
    expect(&finished, "THIRD is done", "")?;
    for kept in
        ["LEAVER first keeps a key", "LEAVER first keeps a queue", "LEAVER first tried its neighbours"]
    {
        expect(&finished, kept, "")?;
    }
    // Each keeps the state and the runtime directory of the other.
    let smuggled =
        finished.lines.iter().filter(|line| line.contains("LEAVER holds a smuggled descriptor")).count();
    ensure!(smuggled >= 4, "{smuggled} of 4 descriptors were smuggled");
    let reached: Vec<_> = finished.lines.iter().filter(|line| line.contains(" CAN ")).collect();
    ensure!(reached.is_empty(), "{reached:?}");
    let found: Vec<_> = finished.lines.iter().filter(|line| line.contains("THIRD finds")).collect();
    ensure!(found.is_empty(), "{found:?}");
    let third = report.unit("third.service").context("the report has no third.service")?;
    ensure!(third.uid.map(|uid| uid.to_string()).as_deref() == Some(first), "{third:?}");
    Ok(())
}

/// What follows `what` on the first line that has it.
fn said<'f>(finished: &'f Finished, what: &str) -> Result<&'f str> {
    let mut after =
        finished.lines.iter().filter_map(|line| line.split_once(what)).map(|(_, after)| after.trim());
    after.next().with_context(|| format!("no line has {what:?}"))
}

fn expect(finished: &Finished, what: &str, value: &str) -> Result<()> {
    let found = said(finished, what)?;
    ensure!(found == value, "{what}{found}, not {value}");
    Ok(())
}
