//! The hash of everything a table was made from, so that a running system can say what it runs.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{board::Board, read};

/// Bytes of the hash that the table's header has room for.
const HASH_BYTES: usize = 16;

/// A hash over all input files but `uids.lock`, which is added once it is known.
#[derive(Clone, Default)]
pub(super) struct Inputs(Sha256);

/// Bytes of one input file.
const FILE_BYTES_MAX: usize = 16 << 20;

/// Hashes board.toml, those it inherits from, and every file in `paths`, which are files and folders. Names are those below the folder given, so
/// that the same tree gives the same hash wherever it lies. Unit files lie in a folder, their drop-ins and links in a
/// folder in that; nothing deeper counts.
pub(super) fn hash(board: &Board, paths: &[PathBuf]) -> Result<Inputs> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (index, layer) in board.layers.iter().rev().enumerate() {
        files.insert("board.toml".to_owned() + &"+".repeat(index), layer.dir.join("board.toml"));
    }
    for path in paths {
        let name =
            path.file_name().map_or_else(|| "units".to_owned(), |name| name.to_string_lossy().into_owned());
        collect(path, name, 2, &mut files)?;
    }
    let mut inputs = Inputs::default();
    for (name, path) in files {
        inputs.add(&name, &content(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    Ok(inputs)
}

/// What a file holds; of a link that leads nowhere, its target; nothing of what is no file.
fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    match (path.metadata(), fs::read_link(path)) {
        (Ok(found), _) if found.is_file() => read::bytes(path, FILE_BYTES_MAX),
        (Ok(_), _) => Ok(Vec::new()),
        (Err(_), Ok(target)) => Ok(target.into_os_string().into_vec()),
        (Err(error), Err(_)) => Err(error),
    }
}

/// Enters `path`, and what is in it if it is a folder, as far as `depth` folders go.
fn collect(path: &Path, name: String, depth: usize, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let cannot_read = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        // Two paths may end alike: the second one's name says that it is another file.
        let mut unique = name.clone();
        while files.get(&unique).is_some_and(|other| other != path) {
            unique.push('\'');
        }
        files.insert(unique, path.to_owned());
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
    for entry in fs::read_dir(path).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        collect(&entry.path(), format!("{name}/{}", entry.file_name().to_string_lossy()), depth, files)?;
    }
    Ok(())
}

impl Inputs {
    fn add(&mut self, name: &str, content: &[u8]) {
        for part in [name.as_bytes(), content] {
            self.0.update((part.len() as u64).to_le_bytes()); // so that no two lists of files look alike
            self.0.update(part);
        }
    }

    /// The hash with the text of `uids.lock`.
    pub(super) fn finish(mut self, lock: &str) -> [u8; HASH_BYTES] {
        self.add("uids.lock", lock.as_bytes());
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&self.0.finalize()[..HASH_BYTES]);
        hash
    }
}
