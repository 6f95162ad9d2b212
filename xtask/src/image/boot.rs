//! What the boot partition holds: the kernel and the files that somebody gives, and the texts of board.toml. Owns the one
//! error that says what is missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use toml::Spanned;

use super::tree::{self, Entry, Kind, Tree};
use crate::board::{Board, image::Image};

/// What is given on the command line, besides what board.toml names.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Given {
    /// The board's kernel, instead of the one that board.toml names.
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// A file for the boot partition, or a folder of them, such as the boot loader's and the device trees; may be repeated.
    #[arg(long, value_name = "PATH")]
    pub boot: Vec<PathBuf>,
}

/// The boot partition's files. `root` is how the kernel knows the root partition; `more` words follow on its command line.
///
/// # Errors
/// What cannot be read; all that is missing, in one error.
pub fn tree(board: &Board, image: &Image, given: &Given, root: &str, more: &[String]) -> Result<Tree> {
    let mut tree = Tree::default();
    for path in image.boot_files.iter().map(|path| below(board, path)).chain(given.boot.iter().cloned()) {
        match path.is_dir() {
            true => folder(&mut tree, &path, "")?,
            false => file(&mut tree, &path, &name_of(&path)?)?,
        }
    }
    let kernel = given.kernel.clone().or_else(|| image.kernel.as_ref().map(|path| below(board, path)));
    let name = image.kernel_name.as_deref().unwrap_or_default();
    if let (Some(kernel), false) = (kernel, name.is_empty()) {
        file(&mut tree, &kernel, name)?;
    }
    let line = [&[image.command_line.clone()], more].concat().join(" ");
    let words = [("${command-line}", line.as_str()), ("${kernel}", name), ("${root}", root)];
    for text in &image.text {
        let content =
            words.iter().fold(text.text.clone(), |content, (word, value)| content.replace(word, value));
        tree.file(&text.path, 0o644, content.into());
    }
    missing(board, image, &tree)?;
    Ok(tree)
}

fn missing(board: &Board, image: &Image, tree: &Tree) -> Result<()> {
    let mut lacking: Vec<String> = Vec::new();
    if let Some(name) = image.kernel_name.as_deref().filter(|name| tree.get(name).is_none()) {
        lacking.push(format!("{name}: the kernel (--kernel FILE, or kernel = \"…\" below [image])"));
    }
    for needed in image.needs.iter().filter(|needed| tree.get(&needed.file).is_none()) {
        lacking.push(format!("{}: {}", needed.file, needed.what));
    }
    if lacking.is_empty() {
        return Ok(());
    }
    bail!(
        "{} does not boot without these; give a folder with them (--boot PATH, or boot-files = [\"…\"] below \
         [image] in board.toml):\n  {}",
        board.name,
        lacking.join("\n  ")
    )
}

/// A path of board.toml, from the folder of the file on in which it stands.
fn below(board: &Board, path: &Spanned<String>) -> PathBuf {
    let file = board.layers.text(path.span()).map(|text| text.place(0).file);
    let dir = file.as_deref().and_then(Path::parent).unwrap_or(&board.dir);
    dir.join(path.get_ref())
}

fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.with_context(|| format!("{}: no name of a file", path.display()))?.to_owned())
}

fn file(tree: &mut Tree, from: &Path, to: &str) -> Result<()> {
    let found = from.metadata().with_context(|| format!("cannot read {}", from.display()))?;
    if !found.is_file() {
        bail!("{}: no regular file", from.display());
    }
    tree.add(to, Entry::new(Kind::File(tree::at(from)), 0o644));
    Ok(())
}

/// FAT has no links: what they lead to is taken.
fn folder(tree: &mut Tree, from: &Path, to: &str) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let name = name_of(&path)?;
        let to = if to.is_empty() { name } else { format!("{to}/{name}") };
        match path.is_dir() {
            true => folder(tree, &path, &to)?,
            false => file(tree, &path, &to)?,
        }
    }
    Ok(())
}
