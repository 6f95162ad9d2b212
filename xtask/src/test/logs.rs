//! Logs end to end: the board is `tests/host/logs`. Services say all sorts of things while logd is killed again and again;
//! one that comes after them reads what there is.

use anyhow::{Context, Result, ensure};

use super::{
    host::{has_line, run_board},
    program::Finished,
};

/// Pieces of lines that the reader reads.
const LINES: [&[&str]; 30] = [
    &["read[", " tomte talk[", "]: broken"],
    &["read[", "]: plain"],
    &["read[", "]: err"],
    &["read[", "]: escape \\x1b[2J nul \\x00 end"],
    &["read[", "]: a beginning and its end"],
    &["read[", "]: no newline"],
    &["read[", "tomte[1]: Started talker.service"],
    &["]: LONG 1000000"],
    &["read[", " sh[", "tomte[1]: talker.service: forged"],
    &["read[", "]: Suppressed 90 messages"],
    &["]: FLOOD 10"],
    // Files, none of them larger than it may be; a budget; a full partition, of which nobody takes harm; another machine.
    &["]: FILES messages messages.1 messages.2"],
    &["tomte-logd: cannot write /var/log/tomte/messages, going on without: Disk quota exceeded"],
    &["]: IN THE RING 300"],
    &["]: AGAIN 1"],
    &["tomte-logd: cannot write /var/log/tomte/messages, going on without: No space left on device"],
    &["]: tomte: nothing is left of the boot before this one"],
    &["]: BEFORE 1"],
    &["]: BEFORE tomte-logd: Boot 0123456789abcdef0123456789abcde2 a: b c: d e: f"],
    &["]: BEFORE c: d e: f"],
    &["]: BACK AS FORTH"],
    &["]: BOOTS 1"],
    &["]: BOOT 0123456789abcdef0123456789abcde2 2020-01-01T00:00:00Z 2020-01-01T00:00:09Z"],
    &[
        "]: BOOT [{\"index\":-1,\"boot_id\":\"0123456789abcdef0123456789abcde2\",\"first_entry\":1577836800000000,\"last_entry\":1577836809000000}",
    ],
    &["]: MARKED 1"],
    // Who said a line is the one who wrote it, although another one runs when it is read.
    &["]: SAID first before middle after main of main last gone"],
    &["]: PICKY 2"],
    &["]: SINCE 1"],
    &["]: PRI27 1 ", "Z tomte talk ", " - - broken"],
    &["files[", " lines were overwritten before they could be read"],
];
/// Bytes of one of the board's files, with as much on top as is written at once.
const FILE_BYTES_MAX: u64 = (64 << 10) + (8 << 10);

/// Runs the board.
pub fn run() -> Result<()> {
    let (finished, report) = run_board("tests/host/logs", &["--until", "idle"])?;
    ensure!(finished.status.success(), "cargo xtask run: {}", finished.status);
    for pieces in LINES {
        has_line(&finished, pieces)?;
    }
    ensure!(says(&finished, "]: NUMBERS ")? == "50000", "lines of counter.service are lost");
    let followed: Vec<_> = finished.lines.iter().filter(|line| line.contains("]: FOLLOWED ")).collect();
    ensure!(followed.len() == 1, "{followed:?}");
    let largest: u64 = says(&finished, "]: LARGEST ")?.parse()?;
    ensure!(largest <= FILE_BYTES_MAX, "a file has {largest} bytes");
    // What is important enough comes to the console by itself; what is not comes only because somebody reads it there.
    let direct =
        |text: &str| finished.lines.iter().any(|line| line.starts_with("talk[") && line.ends_with(text));
    ensure!(direct("]: broken") && !direct("]: plain"), "the console's level has no effect");
    has_line(&finished, &["\"_SYSTEMD_UNIT\":\"talker.service\"", "\"MESSAGE\":\"no newline\""])?;
    // What one unit says is never another's, whatever it says; detail below LogLevelMax= is nobody's.
    let first = finished.lines.iter().find(|line| line.contains("]: no newline"));
    let reader = first.and_then(|line| line.split_once("]: ")).map_or("", |(reader, _)| reader);
    let of_talker = finished.lines.iter().filter(|line| !reader.is_empty() && line.starts_with(reader));
    let forged: Vec<_> = of_talker.clone().filter(|line| line.contains("forged")).collect();
    ensure!(forged.is_empty() && of_talker.count() > 4, "{forged:?}");
    ensure!(
        !finished.lines.iter().any(|line| line.contains("too much detail")),
        "LogLevelMax= had no effect"
    );
    let report = report.context("no report")?;
    let logd = report.unit("tomte-logd.service").context("the report has no logd")?;
    // It was killed five times, and restarted once by hand, with which the counter begins anew.
    has_line(&finished, &["tomte-logd.service: Scheduled restart job, restart counter is at 5."])?;
    ensure!(logd.restarts == Some(0) && logd.active == "active", "{logd:?}");
    Ok(())
}

fn says<'f>(finished: &'f Finished, piece: &str) -> Result<&'f str> {
    let found = finished.lines.iter().find_map(|line| line.split_once(piece));
    found.map(|(_, said)| said.trim()).with_context(|| format!("no line has {piece:?}"))
}
