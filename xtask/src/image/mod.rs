//! `image`: what a board boots, made from a root file system that somebody gives, or the demo's. Owns file systems and
//! partition tables; the same input gives the same bytes everywhere.

pub mod boot;
mod cpio;
mod demo;
pub mod disk;
pub mod ext4;
mod fat;
pub mod install;
pub mod source;
mod squashfs;
pub mod tree;

#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    board::{
        Board,
        image::{Bytes, FileSystem, Holds, Image, Partition},
    },
    build::{self, Built},
    debian::package::files_of,
    progress, qemu, setup,
};
use boot::Given;
use disk::Part;
use tree::{Content, Tree};

/// What a partition has to spare, in parts of what it holds.
const SPARE: u64 = 8;
/// The least that FAT can be.
const FAT_BYTES_MIN: u64 = 1 << 20;

/// `cargo xtask image`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A folder of board-configs, or a path with a slash in it.
    pub board: String,
    /// The root file system: a folder or a tar archive; without it, a demo made of busybox.
    #[arg(long, value_name = "DIR|TAR")]
    pub rootfs: Option<PathBuf>,
    /// Where to put the image [default: target/boards/BOARD]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What the boot partition needs.
    #[command(flatten)]
    pub given: Given,
    /// Further words for the kernel's command line, after --.
    #[arg(last = true)]
    pub words: Vec<String>,
}

impl Args {
    /// The image that a verb which goes on with it needs: where it always lies, without further words.
    pub fn new(board: &str, rootfs: Option<&Path>, given: &Given) -> Self {
        Self {
            board: board.to_owned(),
            rootfs: rootfs.map(Path::to_owned),
            out: None,
            given: given.clone(),
            words: Vec::new(),
        }
    }
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A disk, and what QEMU loads besides it.
    Disk { image: PathBuf, qemu: Option<Loaded> },
    /// What QEMU loads.
    Loaded(Loaded),
}

/// What QEMU loads itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
}

/// `cargo xtask image B`: the paths of what was made go to stdout.
pub fn run(args: &Args) -> Result<()> {
    let board = Board::load(&args.board)?;
    let (_built, made) = build(&board, args)?;
    match &made {
        Made::Disk { image, .. } => println!("{}", image.display()),
        Made::Loaded(loaded) => println!("{}\n{}", loaded.initramfs.display(), loaded.kernel.display()),
    }
    Ok(())
}

/// Builds the board's binary and its image.
pub fn build(board: &Board, args: &Args) -> Result<(Built, Made)> {
    ensure!(!board.is_host(), "board {} is this machine: there is no image of it", board.name);
    setup::ensure(board)?;
    // What is missing is said before anybody waits for a build.
    if let Some(image) = &board.config.image {
        boot_tree(board, image, args)?;
    }
    let roots = roots(board, args.rootfs.as_deref());
    let built = build::build(board, &build::Options { roots, ..build::Options::default() })?;
    let made = make(board, &built, args)?;
    Ok((built, made))
}

/// The folders that the image's root will be made of, if they are known before: units are checked against those.
pub fn roots(board: &Board, rootfs: Option<&Path>) -> Vec<PathBuf> {
    match rootfs.filter(|path| path.is_dir()) {
        Some(root) => [vec![root.to_owned()], board.rootfs()].concat(),
        None => Vec::new(),
    }
}

/// Makes the image of `board` with the binary of `built`.
pub fn make(board: &Board, built: &Built, args: &Args) -> Result<Made> {
    let dir = args.out.clone().unwrap_or_else(|| built.dir.clone());
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let guest = board.config.qemu.as_ref().map(|qemu| qemu::prepare(board, qemu)).transpose()?;
    let modules = guest.as_ref().map_or(&[][..], |guest| &guest.modules);
    let on_disk = board.config.image.is_some();
    let mut root = match &args.rootfs {
        Some(path) => source::read(path)?,
        // The first stage has loaded what a disk's kernel needs.
        None => demo_of(board, if on_disk { &[] } else { modules })?,
    };
    demo::complete(&mut root, board, &built.binary, if on_disk { "sbin/init" } else { "init" })?;
    let loaded = |tree: &Tree| -> Result<Option<Loaded>> {
        let Some(guest) = &guest else { return Ok(None) };
        let initramfs = dir.join("initramfs.cpio");
        fs::write(&initramfs, cpio::archive(tree)?)
            .with_context(|| format!("cannot write {}", initramfs.display()))?;
        Ok(Some(Loaded { kernel: guest.kernel.clone(), initramfs }))
    };
    let Some(image) = &board.config.image else {
        return loaded(&root)?.map(Made::Loaded).context("neither [image] nor [qemu]");
    };
    ensure!(
        !board.config.qemu.as_ref().is_some_and(|qemu| qemu.packed_modules)
            || board.config.initramfs.is_some(),
        "board {}: [qemu] packed-modules: without [initramfs], busybox loads the modules, which unpacks none",
        board.name
    );
    let qemu = if guest.is_some() { loaded(&first_stage(board, built, modules)?)? } else { None };
    let file = dir.join(format!("{}.img", board.name));
    let _step = progress::step(format!("making {}", file.display()));
    let parts = parts(board, image, args, root)?;
    disk::write(&file, &board.name, image.partition_table, &parts.list)?;
    Ok(Made::Disk { image: file, qemu })
}

/// What QEMU loads beside a disk: it finds the root there.
fn first_stage(board: &Board, built: &Built, modules: &[PathBuf]) -> Result<Tree> {
    let mut tree = demo::first_stage(busybox(board)?, modules)?;
    if board.config.initramfs.is_some() {
        demo::make_first_stage_of_tomte(&mut tree, &built.binary);
    }
    Ok(tree)
}

/// The board's root file system as an initramfs.
pub fn initramfs(board: &Board, built: &Built, args: &Args) -> Result<Vec<u8>> {
    let mut root = match &args.rootfs {
        Some(path) => source::read(path)?,
        None => demo_of(board, &[])?,
    };
    demo::complete(&mut root, board, &built.binary, "init")?;
    cpio::archive(&root)
}

/// The root file system that `board` has if nobody gives one, with the kernel's `modules`.
fn demo_of(board: &Board, modules: &[PathBuf]) -> Result<Tree> {
    let mut tree = demo::tree(busybox(board)?, modules)?;
    demo::add_packages(&mut tree, &setup::demo(board)?)?;
    Ok(tree)
}

/// Debian's busybox for `board`.
fn busybox(board: &Board) -> Result<Content> {
    let deb = setup::busybox(board)?;
    let (_, bytes) = files_of(&deb, |path| path.ends_with("/bin/busybox"))?
        .pop_first()
        .context("no busybox in its package")?;
    Ok(Content::Bytes(bytes))
}

/// The files of the boot partition.
pub fn boot_tree(board: &Board, image: &Image, args: &Args) -> Result<Tree> {
    boot::tree(board, image, &args.given, &root_of(board, image)?, &args.words)
}

/// How the kernel knows the root partition.
pub fn root_of(board: &Board, image: &Image) -> Result<String> {
    let root = image.partition.iter().position(|partition| partition.holds == Holds::Root);
    let root =
        root.with_context(|| format!("board {}: no [[image.partition]] with holds = \"root\"", board.name))?;
    let name = &image.partition[root].name;
    Ok(format!("PARTUUID={}", disk::partuuid(image.partition_table, &board.name, root + 1, name)))
}

/// Partitions, and the folder with their content.
struct Parts {
    list: Vec<Part>,
    _folder: tempfile::TempDir,
}

/// Makes the content of all partitions.
fn parts(board: &Board, image: &Image, args: &Args, mut root: Tree) -> Result<Parts> {
    let folder = tempfile::tempdir().context("cannot make a folder for the partitions")?;
    let mut boot = boot_tree(board, image, args)?;
    let mut raw: Vec<Option<Vec<u8>>> = Vec::new();
    for partition in &image.partition {
        let taken = partition.file.as_ref().map(|name| taken(&mut boot, name, partition)).transpose()?;
        raw.push(taken);
    }
    let mut split = |holds: &Holds| match holds {
        Holds::Below(path) => root.split(path),
        Holds::Boot | Holds::Root | Holds::Nothing => Tree::default(),
    };
    let below: Vec<Tree> = image.partition.iter().map(|partition| split(&partition.holds)).collect();
    let mut list = Vec::new();
    for (partition, (raw, below)) in image.partition.iter().zip(raw.into_iter().zip(&below)) {
        let tree = match &partition.holds {
            Holds::Boot => &boot,
            Holds::Root => &root,
            Holds::Below(_) | Holds::Nothing => below,
        };
        let content = folder.path().join(&partition.name);
        let bytes = content_of(board, partition, tree, raw, &content)
            .with_context(|| format!("the partition {} of board {}", partition.name, board.name))?;
        list.push(Part {
            name: partition.name.clone(),
            file_system: partition.file_system,
            type_id: partition.type_id.clone(),
            bootable: partition.bootable,
            bytes,
            content,
        });
    }
    Ok(Parts { list, _folder: folder })
}

/// Takes the raw file `name` out of the boot partition's.
fn taken(boot: &mut Tree, name: &str, partition: &Partition) -> Result<Vec<u8>> {
    let bytes = match boot.get(name).map(|entry| &entry.kind) {
        Some(tree::Kind::File(content)) => content.read()?,
        _ => bail!("the partition {} needs {name}: it is not among the boot files", partition.name),
    };
    boot.remove(name);
    Ok(bytes)
}

/// Writes what `partition` holds into the new file `content`; the answer is the partition's size.
fn content_of(
    board: &Board,
    partition: &Partition,
    tree: &Tree,
    raw: Option<Vec<u8>>,
    content: &Path,
) -> Result<u64> {
    let spared = |bytes: u64| bytes + bytes / SPARE;
    let id = disk::id(&[&board.name, &partition.name, "file system"]);
    let size = partition.size.map(|Bytes(bytes)| bytes);
    let bytes = match partition.file_system {
        FileSystem::Ext4 => {
            let bytes = size.map_or_else(|| ext4::room_for(tree), Ok)?;
            ext4::make(tree, content, bytes, &partition.name, id)?;
            return Ok(bytes);
        }
        FileSystem::Vfat => {
            let bytes = size.map_or_else(|| tree.bytes().map(|bytes| spared(bytes) + FAT_BYTES_MIN), Ok)?;
            let (number, ..) = id.as_fields();
            fat::make(tree, bytes.next_multiple_of(FAT_BYTES_MIN), &partition.name, number)?
        }
        FileSystem::Squashfs => squashfs::make(tree)?,
        FileSystem::Raw => raw.unwrap_or_default(),
    };
    let length = bytes.len() as u64;
    let size = size.unwrap_or(length).max(1);
    ensure!(length <= size, "it holds {length} bytes, and its size is {size}");
    fs::write(content, bytes).with_context(|| format!("cannot write {}", content.display()))?;
    Ok(size)
}
