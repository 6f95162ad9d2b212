//! What a file system is to hold, before it is in one: paths, with kind, mode and owner of each. Knows no format.
//! Reproducible: sorted by path, without times.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Symbolic links that a path may lead through.
const LINKS_MAX: usize = 16;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link to this.
    Link(String),
    /// A device node: whether it is a block device, major and minor number.
    Device { block: bool, major: u32, minor: u32 },
    /// A FIFO.
    Fifo,
}

/// What a regular file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the file at this path of the host holds.
    At(PathBuf),
}

impl Content {
    /// The bytes.
    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::At(path) => fs::read(path).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// How many there are.
    pub fn len(&self) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::At(path) => {
                let found = path.metadata().with_context(|| format!("cannot read {}", path.display()))?;
                Ok(found.len())
            }
        }
    }
}

/// One path's kind, permission bits and owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The lower twelve bits of st_mode.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl Entry {
    /// One that belongs to root.
    pub const fn new(kind: Kind, mode: u32) -> Self {
        Self { kind, mode, uid: 0, gid: 0 }
    }
}

/// A tree in the making. Paths are relative to the root, without a leading slash.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Sorted by path, so parents come before what is in them.
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// A directory, with its parents as 0755 where there are none yet.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.add(path, Entry::new(Kind::Directory, mode));
    }

    /// A regular file; replaces what was there.
    pub fn file(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        self.add(path, Entry::new(Kind::File(Content::Bytes(content)), mode));
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, to: &str) {
        self.add(path, Entry::new(Kind::Link(to.to_owned()), 0o777));
    }

    /// A character device node.
    pub fn character_device(&mut self, path: &str, mode: u32, major: u32, minor: u32) {
        self.add(path, Entry::new(Kind::Device { block: false, major, minor }, mode));
    }

    /// Puts `entry` at `path`, in the place of what was there.
    pub fn add(&mut self, path: &str, entry: Entry) {
        for (at, _) in path.match_indices('/') {
            let parent = Entry::new(Kind::Directory, 0o755);
            self.entries.entry(path[..at].to_owned()).or_insert(parent);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// What stands at `path`.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All paths and what stands there, parents first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// The content of the regular file at `path`, links followed; `None` if there is none.
    pub fn text(&self, path: &str) -> Option<String> {
        let entry = self.get(&self.resolve(path).ok()?)?;
        match &entry.kind {
            Kind::File(content) => Some(String::from_utf8_lossy(&content.read().ok()?).into_owned()),
            Kind::Directory | Kind::Link(_) | Kind::Device { .. } | Kind::Fifo => None,
        }
    }

    /// `path` as it is called once all symbolic links on the way are followed, the last one too.
    ///
    /// # Errors
    /// If links lead round in a circle, or out of the tree.
    pub fn resolve(&self, path: &str) -> Result<String> {
        self.resolve_within(path, LINKS_MAX)
    }

    /// [`Tree::resolve`] for a file to be put at `path`: the links of its directories are followed, its own is not.
    pub fn place(&self, path: &str) -> Result<String> {
        match path.rsplit_once('/') {
            Some((parent, name)) => Ok(format!("{}/{name}", self.resolve(parent)?)),
            None => Ok(path.to_owned()),
        }
    }

    fn resolve_within(&self, path: &str, links: usize) -> Result<String> {
        let mut done: Vec<&str> = Vec::new();
        let mut left = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        while let Some(part) = left.next() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(part);
            let here = done.join("/");
            let Some(Entry { kind: Kind::Link(to), .. }) = self.get(&here) else { continue };
            if links == 0 {
                bail!("/{path}: symbolic links that lead round in a circle");
            }
            done.pop();
            let base = if to.starts_with('/') { String::new() } else { done.join("/") };
            let rest: Vec<&str> = left.collect();
            return self.resolve_within(&format!("{base}/{to}/{}", rest.join("/")), links - 1);
        }
        Ok(done.join("/"))
    }

    /// Bytes of all regular files.
    pub fn bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for entry in self.entries.values() {
            if let Kind::File(content) = &entry.kind {
                sum += content.len()?;
            }
        }
        Ok(sum)
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes out what is below the directory `path`, which stays, as a tree of its own.
    pub fn split(&mut self, path: &str) -> Self {
        let below = format!("{path}/");
        let all = std::mem::take(&mut self.entries);
        let mut taken = Self::default();
        for (name, entry) in all {
            match name.strip_prefix(&below) {
                Some(rest) => drop(taken.entries.insert(rest.to_owned(), entry)),
                None => drop(self.entries.insert(name, entry)),
            }
        }
        taken
    }

    /// Removes what is in the directory `path`, and it.
    pub fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.entries.retain(|other, _| other != path && !other.starts_with(&below));
    }
}

/// The content of the host's file at `path`.
pub fn at(path: &Path) -> Content {
    Content::At(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_keep_a_mode_given_to_them() {
        let mut tree = Tree::default();
        tree.directory("tmp", 0o1777);
        tree.file("tmp/a/b", 0o600, Vec::new());
        let paths: Vec<_> = tree.iter().map(|(path, entry)| (path, entry.mode)).collect();
        assert_eq!(paths, [("tmp", 0o1777), ("tmp/a", 0o755), ("tmp/a/b", 0o600)]);
    }

    #[test]
    fn paths_lead_through_links_and_never_out_of_the_tree() {
        let mut tree = Tree::default();
        tree.directory("usr/sbin", 0o755);
        tree.link("sbin", "usr/sbin");
        tree.link("usr/sbin/init", "../../bin/busybox");
        tree.link("a", "/b/../a");
        assert_eq!(tree.place("sbin/init").unwrap(), "usr/sbin/init");
        assert_eq!(tree.resolve("sbin/init").unwrap(), "bin/busybox");
        assert_eq!(tree.resolve("../../etc/./passwd").unwrap(), "etc/passwd");
        assert!(tree.resolve("a/x").is_err());
    }
}
