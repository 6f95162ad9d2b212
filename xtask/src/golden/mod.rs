//! Golden data of real systemd, run on tomte: `tests/golden/` says what systemd did, a host board says what tomte does.

pub mod exec;
pub mod probe;
pub mod program;
pub mod restart;
pub mod sandbox;

use std::{fs, path::PathBuf};

use anyhow::Result;
use tempfile::TempDir;

/// A host board without units, in a folder that is gone with the first of the two. All have one name, so that they share
/// what is built.
fn board() -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("golden");
    fs::create_dir_all(dir.join("units"))?;
    fs::copy(crate::board::boards_dir().join("host/board.toml"), dir.join("board.toml"))?;
    Ok((folder, dir))
}
