//! The archive an initramfs is: cpio in its `newc` form (the kernel's Documentation/driver-api/early-userspace/
//! buffer-format.rst). Reproducible, as its tree is.

use anyhow::{Result, ensure};

use super::tree::{Kind, Tree};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const BLOCK_DEVICE: u32 = 0o060_000;
const FIFO: u32 = 0o010_000;
/// Names and contents begin at multiples of this.
const ALIGNMENT: usize = 4;

/// One entry's fields, as far as they are not always the same.
#[derive(Default)]
struct Header {
    number: usize,
    mode: u32,
    owner: (u32, u32),
    device: (u32, u32),
}

/// The root directory's mode. The kernel makes it before it reads the archive, and as a tmpfs everybody may write there.
const ROOT_MODE: u32 = 0o755;

/// `tree` as an archive.
pub fn archive(tree: &Tree) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_entry(&mut bytes, ".", &Header { mode: DIRECTORY | ROOT_MODE, ..Header::default() }, &[]);
    for (index, (path, entry)) in tree.iter().enumerate() {
        let (kind, device, content) = match &entry.kind {
            Kind::Directory => (DIRECTORY, (0, 0), Vec::new()),
            Kind::File(content) => (FILE, (0, 0), content.read()?),
            Kind::Link(to) => (LINK, (0, 0), to.as_bytes().to_vec()),
            Kind::Device { block: true, major, minor } => (BLOCK_DEVICE, (*major, *minor), Vec::new()),
            Kind::Device { block: false, major, minor } => (CHARACTER_DEVICE, (*major, *minor), Vec::new()),
            Kind::Fifo => (FIFO, (0, 0), Vec::new()),
        };
        ensure!(u32::try_from(content.len()).is_ok(), "/{path}: too large for an initramfs");
        let owner = (entry.uid, entry.gid);
        write_entry(
            &mut bytes,
            path,
            &Header { number: index + 1, mode: kind | entry.mode, owner, device },
            &content,
        );
    }
    write_entry(&mut bytes, "TRAILER!!!", &Header::default(), &[]);
    Ok(bytes)
}

fn write_entry(bytes: &mut Vec<u8>, path: &str, header: &Header, content: &[u8]) {
    let links = if header.mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
    let fields = [
        header.number,
        header.mode as usize,
        header.owner.0 as usize,
        header.owner.1 as usize,
        links,
        0, // time
        content.len(),
        0, // device it was on
        0,
        header.device.0 as usize,
        header.device.1 as usize,
        path.len() + 1,
        0, // checksum: not in this form
    ];
    bytes.extend(b"070701");
    for field in fields {
        bytes.extend(format!("{field:08x}").bytes());
    }
    bytes.extend(path.bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend(content);
    pad(bytes);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_adding_changes_nothing() {
        let mut one = Tree::default();
        one.file("etc/passwd", 0o644, b"root".to_vec());
        one.link("bin/sh", "busybox");
        let mut other = Tree::default();
        other.link("bin/sh", "busybox");
        other.file("etc/passwd", 0o644, b"root".to_vec());
        assert_eq!(archive(&one).unwrap(), archive(&other).unwrap());
    }

    #[test]
    fn an_entry_has_the_layout_the_kernel_reads() {
        let mut tree = Tree::default();
        tree.file("a", 0o644, b"xyz".to_vec());
        let bytes = archive(&tree).unwrap();
        let (root, bytes) = bytes.split_at(112);
        assert!(root.starts_with(b"07070100000000000041ed") && root.ends_with(b".\0"));
        let header = b"070701000000010000\
            81a400000000000000000000000100000000000000030000000000000000000000000000000000000002\
            00000000a\0";
        assert_eq!(&bytes[..112], header);
        assert_eq!(&bytes[112..116], b"xyz\0");
        assert!(bytes[116..].starts_with(b"070701"));
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
    }
}
