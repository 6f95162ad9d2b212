//! A root file system that somebody gives: a folder, or a tar archive as it is or compressed with gzip, xz or zstd.

use std::{
    fs::{self, File},
    io::{BufReader, Read, Seek, SeekFrom},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fs::{major, minor},
    process::geteuid,
};
use tar::{Archive, EntryType, Header};

use super::tree::{self, Content, Entry, Kind, Tree};

/// The permission bits.
const MODE_BITS: u32 = 0o7777;
/// First bytes of compressed archives.
const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = b"\xfd7zXZ\0";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Reads the folder or archive at `path`.
///
/// What belongs to the person who runs this in a folder belongs to root in the image, as whoever builds images is nobody
/// there; all other owners are kept, and those in an archive are, too.
pub fn read(path: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    if path.is_dir() {
        folder(&mut tree, path, "").with_context(|| format!("the root file system {}", path.display()))?;
    } else {
        archive(&mut tree, path).with_context(|| format!("the root file system {}", path.display()))?;
    }
    Ok(tree)
}

/// Puts what is in the folder `from` below `to`.
fn folder(tree: &mut Tree, from: &Path, to: &str) -> Result<()> {
    let builder = geteuid().as_raw();
    let cannot_read = || format!("cannot read {}", from.display());
    for entry in fs::read_dir(from).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        let name = entry.file_name().into_string().ok();
        let name = name.with_context(|| format!("{}: a name that is not UTF-8", entry.path().display()))?;
        let path = if to.is_empty() { name } else { format!("{to}/{name}") };
        let found = entry.path().symlink_metadata()?;
        let kind = found.file_type();
        let device = || (major(found.rdev()), minor(found.rdev()));
        let made = if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link(fs::read_link(entry.path())?.to_string_lossy().into_owned())
        } else if kind.is_file() {
            Kind::File(tree::at(&entry.path()))
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_socket() {
            continue; // is nobody's once it is copied
        } else {
            let (major, minor) = device();
            Kind::Device { block: kind.is_block_device(), major, minor }
        };
        let own = |id: u32, ours: u32| if id == ours { 0 } else { id };
        let uid = own(found.uid(), builder);
        let gid = if uid == 0 { own(found.gid(), rustix::process::getegid().as_raw()) } else { found.gid() };
        let below = matches!(made, Kind::Directory);
        tree.add(&path, Entry { kind: made, mode: found.mode() & MODE_BITS, uid, gid });
        if below {
            folder(tree, &entry.path(), &path)?;
        }
    }
    Ok(())
}

/// Puts what is in the archive `path` into `tree`.
fn archive(tree: &mut Tree, path: &Path) -> Result<()> {
    let mut file = File::open(path).context("cannot open it")?;
    let mut first = [0; 6];
    let length = file.read(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    let first = &first[..length];
    let file = BufReader::new(file);
    let plain: Box<dyn Read> = match () {
        () if first.starts_with(GZIP) => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        () if first.starts_with(XZ) => Box::new(lzma_rust2::XzReader::new(file, true)),
        () if first.starts_with(ZSTD) => Box::new(ruzstd::decoding::StreamingDecoder::new(file)?),
        () => Box::new(file),
    };
    let mut archive = Archive::new(plain);
    for entry in archive.entries().context("no folder, and no tar archive")? {
        let mut entry = entry.context("a tar archive that is damaged or cut short")?;
        let name = entry.path()?.to_str().map(str::to_owned).context("a name that is not UTF-8")?;
        let name = clean(&name)?;
        if name.is_empty() {
            continue;
        }
        let header = entry.header().clone();
        let to = entry.link_name()?.map(|to| to.to_string_lossy().into_owned());
        let mut content = Vec::new();
        if header.entry_type().is_file() {
            entry.read_to_end(&mut content).with_context(|| format!("{name}: damaged"))?;
        }
        add(tree, &name, &header, to, content).with_context(|| name.clone())?;
    }
    ensure!(tree.len() > 0, "it is empty");
    Ok(())
}

/// The path from the root on: without `./`, refused if it leads out.
fn clean(name: &str) -> Result<String> {
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        bail!("{name}: a path that leads out of the archive");
    }
    Ok(parts.join("/"))
}

fn add(tree: &mut Tree, name: &str, header: &Header, to: Option<String>, content: Vec<u8>) -> Result<()> {
    let linked = || to.clone().context("a link without a target");
    let device = || -> Result<(u32, u32)> {
        Ok((header.device_major()?.unwrap_or_default(), header.device_minor()?.unwrap_or_default()))
    };
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Link(linked()?),
        EntryType::Link => {
            let first = clean(&linked()?)?;
            let entry =
                tree.get(&first).with_context(|| format!("a hard link to {first}, which is not there"))?;
            tree.add(name, entry.clone());
            return Ok(());
        }
        EntryType::Char | EntryType::Block => {
            let (major, minor) = device()?;
            Kind::Device { block: header.entry_type() == EntryType::Block, major, minor }
        }
        EntryType::Fifo => Kind::Fifo,
        EntryType::XGlobalHeader => return Ok(()),
        other if other.is_file() => Kind::File(Content::Bytes(content)),
        other => bail!("a kind of entry that is not known: {other:?}"),
    };
    let id = |id: u64| u32::try_from(id).context("a number of a user or group that is too large");
    let (uid, gid) = (id(header.uid()?)?, id(header.gid()?)?);
    tree.add(name, Entry { kind, mode: header.mode()? & MODE_BITS, uid, gid });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_keeps_modes_and_links_and_its_builder_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        fs::write(folder.path().join("usr/bin/su"), "x").unwrap();
        fs::set_permissions(folder.path().join("usr/bin/su"), fs::Permissions::from_mode(0o4711)).unwrap();
        symlink("usr/bin", folder.path().join("bin")).unwrap();
        let tree = read(folder.path()).unwrap();
        let su = tree.get("usr/bin/su").unwrap();
        assert_eq!((su.mode, su.uid, su.gid), (0o4711, 0, 0));
        assert_eq!(tree.get("bin").unwrap().kind, Kind::Link("usr/bin".into()));
    }

    fn tar_of(name: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |name: &str, kind: EntryType, link: &str, content: &[u8]| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o640);
            header.set_uid(7);
            header.set_gid(8);
            header.set_size(content.len() as u64);
            if !link.is_empty() {
                header.set_link_name(link).unwrap();
            }
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content).unwrap();
        };
        add(name, EntryType::Regular, "", b"text");
        add("./hard", EntryType::Link, "./etc/f", b"");
        builder.into_inner().unwrap()
    }

    #[test]
    fn an_archive_keeps_owners_compressed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let plain = tar_of("./etc/f");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &plain).unwrap();
        for bytes in [plain, packed.finish().unwrap()] {
            let file = folder.path().join("r.tar");
            fs::write(&file, bytes).unwrap();
            let tree = read(&file).unwrap();
            let entry = tree.get("etc/f").unwrap();
            assert_eq!((entry.uid, entry.gid, entry.mode), (7, 8, 0o640));
            assert_eq!(entry.kind, Kind::File(Content::Bytes(b"text".to_vec())));
            assert_eq!(tree.get("hard"), Some(entry));
        }
    }

    #[test]
    fn what_is_no_archive_or_leads_out_of_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.tar");
        for (bytes, said) in
            [(tar_of("../f"), "leads out"), (b"no tar".to_vec(), "damaged"), (Vec::new(), "empty")]
        {
            fs::write(&file, bytes).unwrap();
            let error = format!("{:#}", read(&file).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }
}
