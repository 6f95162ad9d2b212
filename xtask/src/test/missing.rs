//! What a service needs and is not there: the service fails alone, with systemd's exit code, and one line says where.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::host::{has_line, run_board};
use crate::board;

/// A setting, the step that fails, what of the setting the message names, why, and the exit code of systemd.exec(5).
const MISSING: [(&str, &str, &str, &str, u32); 15] = [
    ("User=nosuchuser", "user", "nosuchuser", "No such process", 217),
    ("Group=nosuchgroup", "group", "nosuchgroup", "No such process", 216),
    ("SupplementaryGroups=root nosuchgroup", "group", "nosuchgroup", "No such process", 216),
    ("WorkingDirectory=/nowhere", "working-directory", "/nowhere", "No such file or directory", 200),
    ("RootDirectory=/nowhere", "namespace", "/nowhere", "No such file or directory", 226),
    ("ReadOnlyPaths=/etc /nowhere", "namespace", "/nowhere", "No such file or directory", 226),
    ("InaccessiblePaths=/nowhere", "namespace", "/nowhere", "No such file or directory", 226),
    ("BindPaths=/nowhere:/mnt", "namespace", "/nowhere", "No such file or directory", 226),
    ("BindPaths=/etc:/bin/sh/x", "namespace", "/bin/sh/x", "Not a directory", 226),
    ("NetworkNamespacePath=/run/netns/none", "network", "/run/netns/none", "No such file or directory", 225),
    ("StandardInput=file:/nowhere/in", "stdin", "/nowhere/in", "No such file or directory", 208),
    ("StandardOutput=append:/nowhere/out", "stdout", "/nowhere/out", "No such file or directory", 209),
    ("StandardError=truncate:/nowhere/err", "stderr", "/nowhere/err", "No such file or directory", 222),
    ("StateDirectory=above/below", "state-directory", "above/below", "Not a directory", 238),
    ("LoadCredential=key:/nowhere", "credentials", "key", "No such file or directory", 243),
];

/// One unit for each, side by side.
pub fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let board = folder.path().join("missing");
    let (units, lib) = (board.join("units"), board.join("rootfs/var/lib"));
    fs::create_dir_all(&units)?;
    fs::create_dir_all(&lib)?;
    fs::copy(board::boards_dir().join("host/board.toml"), board.join("board.toml"))?;
    fs::write(lib.join("above"), "a file where a directory should be\n")?;
    for (number, (setting, ..)) in MISSING.iter().enumerate() {
        let text = format!(
            "[Service]\nType=oneshot\nExecStart=/bin/echo it runs\n{setting}\n[Install]\nWantedBy=multi-user.target\n"
        );
        fs::write(units.join(format!("missing{number}.service")), text)?;
    }
    let (finished, report) = run_board(&board.to_string_lossy(), &["--until", "idle"])?;
    let report = report.context("no report")?;
    for (number, (setting, step, about, cause, code)) in MISSING.iter().enumerate() {
        let name = format!("missing{number}.service");
        let line = format!("{name}: Failed at step {step} spawning /bin/echo: {about}: {cause}");
        has_line(&finished, &[line]).context(*setting)?;
        let unit = report.unit(&name).with_context(|| format!("no {name} in the report"))?;
        ensure!(
            unit.result.as_deref() == Some("exit-code") && unit.main_status == Some(*code),
            "{setting}: {unit:?}"
        );
    }
    ensure!(
        !finished.lines.iter().any(|line| line.contains("it runs")),
        "a service ran without what it needs"
    );
    Ok(())
}
