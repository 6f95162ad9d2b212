//! A tree as a squashfs: read-only, compressed with gzip, which every kernel with squashfs can read. Reproducible.

use std::io::{Cursor, Write as _};

use anyhow::{Context, Result, ensure};
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader, compression::Compressor};

use super::tree::{Entry, Kind, Tree};

/// A file system ends at a multiple of this.
const BLOCK_BYTES: u64 = 4096;

/// `tree` as a file system.
pub fn make(tree: &Tree) -> Result<Vec<u8>> {
    let mut writer = FilesystemWriter::default();
    writer.set_time(0);
    writer.set_root_mode(0o755);
    writer.set_compressor(FilesystemCompressor::new(Compressor::Gzip, None)?);
    for (path, entry) in tree.iter() {
        let header = header(entry).with_context(|| format!("/{path}"))?;
        match &entry.kind {
            Kind::Directory => writer.push_dir(path, header),
            Kind::File(content) => writer.push_file(Cursor::new(content.read()?), path, header),
            Kind::Link(to) => writer.push_symlink(to, path, header),
            Kind::Device { block: true, major, minor } => {
                writer.push_block_device(number(*major, *minor)?, path, header)
            }
            Kind::Device { block: false, major, minor } => {
                writer.push_char_device(number(*major, *minor)?, path, header)
            }
            Kind::Fifo => writer.push_fifo(path, header),
        }
        .with_context(|| format!("/{path}"))?;
    }
    let mut image = Cursor::new(Vec::new());
    let (_, used) = writer.write(&mut image).context("cannot make the squashfs")?;
    image.flush()?;
    let mut bytes = image.into_inner();
    bytes.resize(usize::try_from(used.next_multiple_of(BLOCK_BYTES))?.max(bytes.len()), 0);
    Ok(bytes)
}

fn header(entry: &Entry) -> Result<NodeHeader> {
    Ok(NodeHeader { permissions: u16::try_from(entry.mode)?, uid: entry.uid, gid: entry.gid, mtime: 0 })
}

/// The kernel's old form of a device number, which is all that there is room for here.
fn number(major: u32, minor: u32) -> Result<u32> {
    ensure!(major < 0x1000 && minor < 0x10_0000, "device {major}:{minor} is out of range");
    Ok(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use backhand::{FilesystemReader, InnerNode};

    use super::*;

    #[test]
    fn what_went_in_is_in_it_and_two_are_alike() {
        let mut tree = Tree::default();
        tree.directory("tmp", 0o1777);
        tree.file("bin/su", 0o4755, vec![7; 300_000]);
        tree.link("bin/sh", "busybox");
        tree.character_device("dev/console", 0o600, 5, 1);
        tree.add("home", Entry { uid: 1000, ..Entry::new(Kind::Directory, 0o700) });
        let bytes = make(&tree).unwrap();
        assert_eq!(bytes, make(&tree).unwrap());
        assert_eq!(bytes.len() % 4096, 0);
        let reader = FilesystemReader::from_reader(BufReader::new(Cursor::new(bytes))).unwrap();
        let find = |path: &str| {
            let node = reader.files().find(|node| node.fullpath.to_str() == Some(path));
            node.unwrap_or_else(|| panic!("{path} is not there"))
        };
        assert_eq!((find("/tmp").header.permissions, find("/home").header.uid), (0o1777, 1000));
        let InnerNode::CharacterDevice(console) = &find("/dev/console").inner else { panic!("a device") };
        assert_eq!(console.device_number, 0x501);
        let InnerNode::File(file) = &find("/bin/su").inner else { panic!("a file") };
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut reader.file(file).reader(), &mut read).unwrap();
        assert_eq!((read, find("/bin/su").header.permissions), (vec![7; 300_000], 0o4755));
    }
}
