//! Sockets and paths, and what they start, end to end: the board is `tests/host/sockets`.

use anyhow::{Context, Result, ensure};

use super::{host::has_line, supervision::run_with_servant};

/// Unit, ActiveState, SubState, Result: what becomes of each.
const ENDS: [(&str, &str, &str, &str); 27] = [
    ("commanded.socket", "inactive", "dead", "success"),
    ("fussy.socket", "failed", "failed", "exit-code"),
    ("commander.service", "active", "exited", "success"),
    ("peers.socket", "active", "listening", "success"),
    ("peers-caller.service", "active", "exited", "success"),
    ("greeter.socket", "active", "running", "success"),
    ("greeter.service", "active", "running", "success"),
    ("callers.service", "active", "exited", "success"),
    ("each.socket", "active", "listening", "success"),
    ("each-callers.service", "active", "exited", "success"),
    ("mixed.socket", "active", "running", "success"),
    ("mixed.service", "inactive", "dead", "success"),
    ("mixed-too.service", "active", "running", "success"),
    ("idle.socket", "active", "running", "success"),
    ("taken.socket", "failed", "failed", "resources"),
    ("hopeless.socket", "failed", "failed", "service-start-limit-hit"),
    ("hopeless.service", "failed", "failed", "exit-code"),
    ("inetd.service", "inactive", "dead", "success"),
    ("named-stream.service", "inactive", "dead", "success"),
    ("inetd-caller.service", "active", "exited", "success"),
    ("orphan.service", "failed", "failed", "resources"),
    ("arrival.path", "active", "waiting", "success"),
    ("globbed.path", "active", "running", "success"),
    ("globbed.service", "active", "exited", "success"),
    ("changed.path", "active", "waiting", "success"),
    ("full.path", "active", "waiting", "success"),
    ("mover.service", "active", "exited", "success"),
];

/// Pieces of lines, and how often they are there.
const LINES: [(&[&str], usize); 24] = [
    (&["COMMANDED (start-pre)"], 1),
    (&["COMMANDED (start-post)"], 1),
    (&["COMMANDED (stop-pre)"], 1),
    (&["COMMANDED (stop-post)"], 1),
    (&["servant 127.0.0.1 port known"], 1),
    (&["servant is one too many"], 1),
    (&["peers.socket: too many connections from one source, one is closed"], 1),
    (&["servant fd 3 door own blocks"], 3),
    (&["servant heard hello"], 9),
    (&["LISTED 0 of 2"], 1),
    (&["servant EACH 1 connection"], 3),
    (&["servant has 0 descriptors"], 1),
    (&["orphan.service: Failed at step stdin", "Invalid argument"], 1),
    (&["servant fd 3 idle.socket own"], 1),
    (&["servant fd 8 mixed.socket own"], 1),
    (&["servant has 6 descriptors"], 1),
    (&["taken.socket: cannot bind to port 7001: Address already in use"], 1),
    (&["hopeless.service: Start request repeated too quickly."], 1),
    (&["arrival by arrival.path /run/arrival/parcel"], 2),
    (&["globbed by globbed.path /etc/group"], 1),
    (&["changed by changed.path /run/watched/file"], 2),
    (&["servant removed /run/arrival/parcel"], 2),
    (&["servant removed /run/watched/file.seen"], 1),
    (&["servant removed /run/full/one"], 1),
];

/// Runs the board.
pub fn run() -> Result<()> {
    let (finished, report) = run_with_servant("sockets", &["--until", "idle"])?;
    for (name, active, sub, result) in ENDS {
        let unit = report.unit(name).with_context(|| format!("no {name} in the report"))?;
        let found = (unit.active.as_str(), unit.sub.as_str(), unit.result.as_deref());
        ensure!(found == (active, sub, Some(result)), "{name}: {unit:?}");
    }
    for (pieces, times) in LINES {
        has_line(&finished, pieces)?;
        let count =
            finished.lines.iter().filter(|line| pieces.iter().all(|piece| line.contains(piece))).count();
        ensure!(count == times, "{pieces:?}: {count} times");
    }
    Ok(())
}
