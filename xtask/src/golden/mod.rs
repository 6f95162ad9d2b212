//! Golden data of real systemd, run on tomte: `tests/golden/` says what systemd did, a host board says what tomte does.

pub mod exec;
pub mod probe;
pub mod program;
pub mod restart;
pub mod sandbox;

use std::{fs, path::PathBuf};

use anyhow::Result;
use tempfile::TempDir;

/// A host board without units and without logd, so that what is printed comes as it is; in a folder that is gone with the
/// first of the two. All have one name, so that they share what is built.
fn board() -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("golden");
    fs::create_dir_all(dir.join("units"))?;
    let host = fs::read_to_string(crate::board::boards_dir().join("host/board.toml"))?;
    fs::write(dir.join("board.toml"), host + "\n[logd]\nenabled = false\n")?;
    Ok((folder, dir))
}
