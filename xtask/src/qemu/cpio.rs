//! The archive an initramfs is: cpio in its `newc` form (the kernel's Documentation/driver-api/early-userspace/
//! buffer-format.rst). Reproducible: sorted, no times, everything belongs to root.

use std::collections::BTreeMap;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
/// Names and contents begin at multiples of this.
const ALIGNMENT: usize = 4;

#[derive(Clone, Debug)]
struct Entry {
    mode: u32,
    device: (u32, u32),
    content: Vec<u8>,
}

/// An archive in the making. Paths are relative to the root, without a leading slash.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// Sorted by path, so parents come before what is in them.
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// A directory, with its parents as 0755 where there are none yet.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.add(path, DIRECTORY | mode, (0, 0), Vec::new());
    }

    /// A regular file; replaces what was there.
    pub fn file(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        self.add(path, FILE | mode, (0, 0), content);
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, to: &str) {
        self.add(path, LINK | 0o777, (0, 0), to.as_bytes().to_vec());
    }

    /// A character device node.
    pub fn character_device(&mut self, path: &str, mode: u32, major: u32, minor: u32) {
        self.add(path, CHARACTER_DEVICE | mode, (major, minor), Vec::new());
    }

    /// The content of the regular file at `path`.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.entries.get(path).map(|entry| entry.content.as_slice())
    }

    fn add(&mut self, path: &str, mode: u32, device: (u32, u32), content: Vec<u8>) {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        for parent in parents {
            let directory = Entry { mode: DIRECTORY | 0o755, device: (0, 0), content: Vec::new() };
            self.entries.entry(parent.to_owned()).or_insert(directory);
        }
        self.entries.insert(path.to_owned(), Entry { mode, device, content });
    }

    /// The archive's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (path, entry)) in self.entries.iter().enumerate() {
            write_entry(&mut bytes, number + 1, path, entry);
        }
        let end = Entry { mode: 0, device: (0, 0), content: Vec::new() };
        write_entry(&mut bytes, 0, "TRAILER!!!", &end);
        bytes
    }
}

fn write_entry(bytes: &mut Vec<u8>, number: usize, path: &str, entry: &Entry) {
    let links = if entry.mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
    let fields = [
        number,
        entry.mode as usize,
        0, // uid
        0, // gid
        links,
        0, // time
        entry.content.len(),
        0, // device it was on
        0,
        entry.device.0 as usize,
        entry.device.1 as usize,
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
    bytes.extend(&entry.content);
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
        let mut one = Archive::default();
        one.file("etc/passwd", 0o644, b"root".to_vec());
        one.link("bin/sh", "busybox");
        let mut other = Archive::default();
        other.link("bin/sh", "busybox");
        other.file("etc/passwd", 0o644, b"root".to_vec());
        assert_eq!(one.bytes(), other.bytes());
    }

    #[test]
    fn an_entry_has_the_layout_the_kernel_reads() {
        let mut archive = Archive::default();
        archive.file("a", 0o644, b"xyz".to_vec());
        let bytes = archive.bytes();
        let header = b"070701000000010000\
            81a400000000000000000000000100000000000000030000000000000000000000000000000000000002\
            00000000a\0";
        assert_eq!(&bytes[..112], header);
        assert_eq!(&bytes[112..116], b"xyz\0");
        assert!(bytes[116..].starts_with(b"070701"));
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
    }

    #[test]
    fn parents_come_first_and_keep_a_mode_given_to_them() {
        let mut archive = Archive::default();
        archive.directory("tmp", 0o1777);
        archive.file("tmp/a/b", 0o600, Vec::new());
        let paths: Vec<_> = archive.entries.iter().map(|(path, entry)| (path.as_str(), entry.mode)).collect();
        assert_eq!(paths, [("tmp", 0o041_777), ("tmp/a", 0o040_755), ("tmp/a/b", 0o100_600)]);
    }
}
