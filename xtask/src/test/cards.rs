//! Boards on the desk, as far as they can be had without them: their images go onto a card by `flash`, where a loop device
//! takes the card's place; then the kernel mounts the partitions, each by a loop device, and what is in them is looked at.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::geteuid;

use super::{
    program,
    tally::{Cases, Outcome, Tally},
};
use crate::{
    board::{
        Board,
        image::{FileSystem, Holds, Partition},
    },
    image::{
        self, Made,
        boot::Given,
        disk, ext4, source,
        tree::{Kind, Tree},
    },
    setup,
};

/// The boards that nobody has here.
const BOARDS: [&str; 4] = ["raspberrypi4-64", "beaglebone-black", "visionfive2", "milkv-duo"];
/// What a card has more than its image.
const SPARE: u64 = 8 << 20;
/// What was on the card before: nothing of it may be seen afterwards.
const JUNK: u8 = 0xa5;
/// How often there is some.
const JUNK_STEP: usize = 16 << 20;

/// One case for each board.
pub fn cases(tally: &mut Tally, cases: &mut Cases) {
    for name in BOARDS {
        let what = format!("{name}'s image is written to a card, and what it holds is mounted");
        if !geteuid().is_root() || !Path::new("/dev/loop-control").exists() {
            tally.add(&what, Outcome::Skipped("no loop devices, or not root".into()));
        } else if tally.has_all(&what, Board::load(name).and_then(|board| setup::lacking(&board))) {
            cases.add(what, move || written(name));
        }
    }
}

fn written(name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let board = Board::load(name)?;
    let of_board = board.config.image.as_ref().context("it has no image")?;
    let args = image::Args {
        board: name.to_owned(),
        rootfs: None,
        out: Some(folder.path().join("out")),
        given: stand_ins(&board, folder.path())?,
        words: Vec::new(),
    };
    let (built, Made::Disk { image, .. }) = image::build(&board, &args)? else { bail!("no disk") };
    // A card that has been used before: with a file system on it, which is mounted, and then with junk.
    let file = folder.path().join("card");
    let bytes = image.metadata()?.len() + SPARE;
    ext4::make(&Tree::default(), &file, bytes, "used", disk::id(&["used"]))?;
    let card = Loop::attach(&file, 0, None)?;
    let mut flash = Command::new(std::env::current_exe()?);
    flash.args(["flash", name, "--image"]).arg(&image).arg("--device").arg(&card.device);
    in_use(&card, &flash)?;
    scribble(&card, bytes)?;
    let finished = program::run(&mut flash)?;
    ensure!(finished.status.success(), "{}", finished.status);
    ensure!(finished.lines.iter().any(|line| line.ends_with("and was read back")), "nobody read it back");
    drop(card);

    for (number, partition) in (1..).zip(&of_board.partition) {
        let look = || -> Result<()> {
            let (start, bytes) = disk::place(&file, of_board.partition_table, number)?;
            let part = Loop::attach(&file, start, Some(bytes))?;
            match (&partition.holds, partition.file_system) {
                (Holds::Boot, _) => boot_files(&board, &part.device),
                (Holds::Root, kind) => root(&mounted(&part.device, kind)?, &built.binary),
                (_, FileSystem::Raw) => loader(&part.device, partition),
                (_, kind) => data(&mounted(&part.device, kind)?),
            }
        };
        look().with_context(|| format!("partition {number}, {}", partition.name))?;
    }
    Ok(())
}

/// Files that stand in for the loader's, each of which holds its own name, and for the kernel.
pub fn stand_ins(board: &Board, folder: &Path) -> Result<Given> {
    let image = board.config.image.as_ref().context("it has no image")?;
    let boot = folder.join("boot");
    for needed in &image.needs {
        let path = boot.join(&needed.file);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(path, &needed.file)?;
    }
    let kernel = folder.join("kernel");
    fs::write(&kernel, "the kernel")?;
    Ok(Given { kernel: image.kernel_name.is_some().then_some(kernel), boot: vec![boot] })
}

/// What the loader reads, and nothing of what was there before. Read without the kernel, which may have no FAT.
fn boot_files(board: &Board, node: &Path) -> Result<()> {
    let image = board.config.image.as_ref().context("it has no image")?;
    let volume = fatfs::FileSystem::new(File::open(node)?, fatfs::FsOptions::new())?;
    let raw: Vec<&str> = image.partition.iter().filter_map(|partition| partition.file.as_deref()).collect();
    for needed in image.needs.iter().filter(|needed| !raw.contains(&needed.file.as_str())) {
        let mut text = String::new();
        volume.root_dir().open_file(&needed.file).context(needed.file.clone())?.read_to_string(&mut text)?;
        ensure!(text == needed.file, "{} holds {text:?}", needed.file);
    }
    Ok(())
}

/// A loader that the firmware reads from a partition of its own.
fn loader(node: &Path, partition: &Partition) -> Result<()> {
    let name = partition.file.as_deref().context("it has no file")?;
    let mut begin = vec![0; name.len() + 1];
    File::open(node)?.read_exact(&mut begin)?;
    ensure!(begin.strip_suffix(b"\0") == Some(name.as_bytes()), "it begins with {begin:?}");
    Ok(())
}

/// tomte is its init, by all its names, and all belongs to root.
fn root(tree: &Tree, binary: &Path) -> Result<()> {
    let entry = |path: &str| {
        tree.iter().find(|(at, _)| *at == path).map(|(_, entry)| entry).with_context(|| format!("no {path}"))
    };
    let init = entry("sbin/init")?;
    let Kind::File(content) = &init.kind else { bail!("sbin/init is no file") };
    ensure!(content.read()? == fs::read(binary)?, "sbin/init is not what was built");
    ensure!(init.mode == 0o755, "sbin/init has the mode {:o}", init.mode);
    for name in ["bin/tomte", "sbin/poweroff", "sbin/reboot"] {
        let Kind::Link(to) = &entry(name)?.kind else { bail!("{name} is no link") };
        ensure!(to.ends_with("sbin/init"), "{name} leads to {to}");
    }
    for place in ["proc", "sys", "dev", "run", "tmp", "var"] {
        ensure!(entry(place)?.kind == Kind::Directory, "{place} is no directory");
    }
    ensure!(!tree.iter().any(|(path, _)| path.starts_with("var/")), "that is on a partition of its own");
    let stranger = tree.iter().find(|(_, entry)| (entry.uid, entry.gid) != (0, 0));
    ensure!(stranger.is_none(), "it does not belong to root: {stranger:?}");
    Ok(())
}

/// Where state is kept: nobody but root can write there. (A link's mode says nothing.)
fn data(tree: &Tree) -> Result<()> {
    let open = tree.iter().find(|(_, entry)| {
        entry.uid != 0 || !matches!(entry.kind, Kind::Link(_)) && entry.mode & 0o1002 == 0o002
    });
    ensure!(open.is_none(), "everybody can write there: {open:?}");
    Ok(())
}

/// A card that is in use is not written to.
fn in_use(card: &Loop, flash: &Command) -> Result<()> {
    let there = tempfile::tempdir()?;
    let mut refused = inside(&card.device, FileSystem::Ext4, there.path(), "exec \"$@\"");
    refused.arg(flash.get_program()).args(flash.get_args());
    let finished = program::run(&mut refused)?;
    ensure!(!finished.status.success(), "a mounted card was overwritten");
    let said = format!("is mounted on {}", there.path().display());
    ensure!(finished.lines.iter().any(|line| line.contains(&said)), "nobody said that it {said}");
    Ok(())
}

/// What the file system `kind` on `node` holds, as the kernel shows it.
fn mounted(node: &Path, kind: FileSystem) -> Result<Tree> {
    let there = tempfile::tempdir()?;
    let archive = tempfile::NamedTempFile::new()?;
    let mut command = inside(node, kind, there.path(), "exec tar -C \"$0\" -c .");
    let Output { status, stderr, .. } = command.stdout(archive.reopen()?).output()?;
    ensure!(status.success(), "{}", String::from_utf8_lossy(&stderr).trim());
    source::read(archive.path())
}

/// A shell in a mount namespace of its own, where `node` is mounted on `at`, which is `$0` of its `script`: the mount ends
/// with it.
fn inside(node: &Path, kind: FileSystem, at: &Path, script: &str) -> Command {
    let kind = match kind {
        FileSystem::Squashfs => "squashfs",
        _ => "ext4",
    };
    let script = format!("mount -t {kind} -o ro {} \"$0\" && {script}", node.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).arg(at);
    command
}

/// Writes junk all over the card.
fn scribble(card: &Loop, bytes: u64) -> Result<()> {
    let device = File::options().write(true).open(&card.device)?;
    (0..bytes).step_by(JUNK_STEP).try_for_each(|at| device.write_all_at(&[JUNK; 4096], at))?;
    Ok(())
}

/// A loop device, for as long as this lives.
struct Loop {
    device: PathBuf,
}

impl Loop {
    /// One that holds what the file at `path` holds from `start` on: all, or so many bytes.
    fn attach(path: &Path, start: u64, bytes: Option<u64>) -> Result<Self> {
        let mut attach = Command::new("losetup");
        attach.args(["--find", "--show", "--offset", &start.to_string()]);
        attach.args(bytes.map(|bytes| format!("--sizelimit={bytes}"))).arg(path);
        let output = attach.output().context("cannot run losetup")?;
        ensure!(output.status.success(), "losetup: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(Self { device: String::from_utf8(output.stdout)?.trim().into() })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // It stays attached until nobody has it open: nothing is lost, and nobody can be told.
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}
