//! A tree as an ext4: made empty by mke2fs(8), filled by debugfs(8), both of e2fsprogs, without root and without mounting.
//! Reproducible: numbers and times are given to them.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use uuid::Uuid;

use super::tree::{Content, Kind, Tree};
use crate::progress;

/// The programs, and Debian's package of both.
pub const PROGRAMS: [&str; 2] = ["mke2fs", "debugfs"];
/// See [`PROGRAMS`].
pub const PACKAGE: &str = "e2fsprogs";
/// Bytes of a block.
const BLOCK_BYTES: u64 = 4096;
/// The time that both programs write down: a second of 1970.
const NOW: (&str, &str) = ("E2FSPROGS_FAKE_TIME", "1");
/// Bytes of the disk for one file, where there are not more files.
const BYTES_PER_FILE: u64 = 16384;
/// What every machine makes the same file system with. Kernels from 3.18 on know all of it.
const CONFIGURATION: &str = "\
[defaults]
    base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
    default_mntopts = acl,user_xattr
    inode_size = 256
[fs_types]
    ext4 = {
        features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
    }
    floppy = {
    }
    small = {
    }
    big = {
    }
    huge = {
    }
";
/// Bytes of what is no content: tables, a small journal.
const OVERHEAD_BYTES: u64 = 8 << 20;

/// Where the program is: on PATH, or where only root's PATH leads.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Bytes of a file system that has room for `tree`, and some to spare.
pub fn room_for(tree: &Tree) -> Result<u64> {
    let blocks = tree.bytes()? + tree.len() as u64 * BLOCK_BYTES;
    Ok(blocks + blocks / 4 + OVERHEAD_BYTES)
}

/// Makes `tree` a file system of `bytes` in the new file `image`, called `label`, with the number `id`.
pub fn make(tree: &Tree, image: &Path, bytes: u64, label: &str, id: Uuid) -> Result<()> {
    let content = tree.bytes()?;
    ensure!(
        content < bytes,
        "the partition {label} has {bytes} bytes, and its files have {content}: make its size larger"
    );
    let file = fs::File::create(image).with_context(|| format!("cannot create {}", image.display()))?;
    file.set_len(bytes / BLOCK_BYTES * BLOCK_BYTES)?;
    let extended = format!("hash_seed={id},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0");
    let mut configuration = tempfile::NamedTempFile::new().context("cannot make a file for mke2fs")?;
    configuration.write_all(CONFIGURATION.as_bytes())?;
    let files = (tree.len() as u64 * 2 + 64).max(bytes / BYTES_PER_FILE);
    let mut mke2fs = tool("mke2fs")?;
    mke2fs.env("MKE2FS_CONFIG", configuration.path()).args(["-N", &files.to_string()]);
    mke2fs.args([
        "-q",
        "-F",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-m",
        "0",
        "-L",
        label,
        "-U",
        &id.to_string(),
        "-E",
        &extended,
    ]);
    progress::capture(mke2fs.arg(image)).with_context(|| format!("cannot make the ext4 {label}"))?;
    if tree.len() > 0 {
        fill(tree, image).with_context(|| format!("cannot fill the ext4 {label}"))?;
    }
    Ok(())
}

fn tool(name: &str) -> Result<Command> {
    let found = program(name);
    let mut command = Command::new(found.with_context(|| format!("{name} is missing: install {PACKAGE}"))?);
    command.env(NOW.0, NOW.1).env("LC_ALL", "C");
    Ok(command)
}

fn fill(tree: &Tree, image: &Path) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder for the files of an ext4")?;
    let mut script = String::new();
    for (index, (path, entry)) in tree.iter().enumerate() {
        let at = quoted(&format!("/{path}"))?;
        match &entry.kind {
            // mke2fs has made it.
            Kind::Directory if path == "lost+found" => {}
            Kind::Directory => script += &format!("mkdir {at}\n"),
            Kind::Link(to) => script += &format!("symlink {at} {}\n", quoted(to)?),
            Kind::File(content) => {
                let from = match content {
                    Content::At(path) => path.clone(),
                    Content::Bytes(bytes) => {
                        let file = folder.path().join(index.to_string());
                        fs::write(&file, bytes)?;
                        file
                    }
                };
                script += &format!("write {} {at}\n", quoted(&from.to_string_lossy())?);
            }
            Kind::Device { block, major, minor } => {
                let kind = if *block { 'b' } else { 'c' };
                script += &node(path, &format!("{kind} {major} {minor}"))?;
            }
            Kind::Fifo => script += &node(path, "p")?,
        }
        let kind = match &entry.kind {
            Kind::Directory => 0o040_000,
            Kind::File(_) => 0o100_000,
            Kind::Link(_) => 0o120_000,
            Kind::Device { block: true, .. } => 0o060_000,
            Kind::Device { block: false, .. } => 0o020_000,
            Kind::Fifo => 0o010_000,
        };
        script += &format!("sif {at} mode 0{:o}\n", kind | entry.mode);
        script += &format!("sif {at} uid {}\nsif {at} gid {}\n", entry.uid, entry.gid);
        for time in ["atime", "mtime"] {
            script += &format!("sif {at} {time} @{}\n", NOW.1); // that of the host's file is written too
        }
    }
    let commands = folder.path().join("script");
    fs::write(&commands, script)?;
    let output = progress::capture(tool("debugfs")?.args(["-w", "-f"]).arg(&commands).arg(image))?;
    // It ends well whatever has failed. Its first line is its name.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut troubles = said.lines().filter(|line| !line.starts_with("debugfs 1.") && !line.is_empty());
    match troubles.next() {
        Some(trouble) => bail!("debugfs says: {trouble}"),
        None => Ok(()),
    }
}

/// mknod, which knows names only.
fn node(path: &str, what: &str) -> Result<String> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok(format!("cd {}\nmknod {} {what}\ncd /\n", quoted(&format!("/{parent}"))?, quoted(name)?))
}

/// A word of debugfs's commands.
fn quoted(word: &str) -> Result<String> {
    ensure!(!word.contains(['\n', '"']), "{word:?}: a name that debugfs cannot be told");
    Ok(format!("\"{word}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tree::Entry;

    #[test]
    fn what_went_in_is_in_it_and_two_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::default();
        let from = folder.path().join("host file");
        fs::write(&from, "from the host").unwrap();
        tree.directory("tmp", 0o1777);
        tree.add("bin/a b", Entry::new(Kind::File(Content::At(from)), 0o755));
        tree.file("bin/su", 0o4755, vec![7; 300_000]);
        tree.link("bin/sh", "busybox");
        tree.character_device("dev/console", 0o600, 5, 1);
        tree.add("home", Entry { uid: 1000, gid: 70_000, ..Entry::new(Kind::Directory, 0o700) });
        let id = Uuid::from_u128(7);
        let [one, two] = ["one", "two"].map(|name| {
            let image = folder.path().join(name);
            make(&tree, &image, 16 << 20, "root", id).unwrap();
            image
        });
        assert!(fs::read(&one).unwrap() == fs::read(two).unwrap());
        let ask = |command: &str| {
            let output = progress::capture(tool("debugfs").unwrap().args(["-R", command]).arg(&one)).unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert_eq!(ask("cat \"/bin/a b\""), "from the host");
        assert!(ask("stat /bin/su").contains("Mode:  04755") && ask("stat /bin/su").contains("Size: 300000"));
        let home = ask("stat /home");
        assert!(home.contains("User:  1000   Group: 70000") && home.contains("Mode:  0700"), "{home}");
        assert!(home.contains("directory"));
        assert!(ask("stat /bin/sh").contains("busybox") && ask("stat /tmp").contains("Mode:  01777"));
        let checked = Command::new(program("e2fsck").unwrap()).args(["-fn"]).arg(&one).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::default();
        tree.file("a", 0o644, vec![9; (16 << 20) - 1]);
        let made = make(&tree, &folder.path().join("x"), 16 << 20, "root", Uuid::nil());
        assert!(format!("{:#}", made.unwrap_err()).contains("root"));
    }
}
