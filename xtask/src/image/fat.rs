//! A tree as a FAT file system: what boot loaders read. Owners, modes and links are not in it; times are those of FAT's
//! first day. Reproducible.

use std::io::{Cursor, Write as _};

use anyhow::{Context, Result, bail, ensure};
use fatfs::{Date, DateTime, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider};

use super::tree::{Kind, Tree};

const SECTOR_BYTES: u64 = 512;
/// Characters of a volume's label.
const LABEL_CHARACTERS: usize = 11;

/// A clock that stands still.
#[derive(Debug)]
struct FirstDay;

impl TimeProvider for FirstDay {
    fn get_current_date(&self) -> Date {
        Date { year: 1980, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime { date: self.get_current_date(), time: Time { hour: 0, min: 0, sec: 0, millis: 0 } }
    }
}

/// `tree` as a file system of `bytes`, called `label`, with the number `id`.
pub fn make(tree: &Tree, bytes: u64, label: &str, id: u32) -> Result<Vec<u8>> {
    let content = tree.bytes()?;
    ensure!(
        content < bytes,
        "the partition {label} has {bytes} bytes, and its files have {content}: make its size larger"
    );
    let mut image = Cursor::new(vec![0; usize::try_from(bytes)?]);
    let options = FormatVolumeOptions::new()
        .total_sectors(u32::try_from(bytes / SECTOR_BYTES)?)
        .volume_id(id)
        .volume_label(padded(label));
    fatfs::format_volume(&mut image, options).with_context(|| format!("cannot make the FAT {label}"))?;
    let options = FsOptions::new().time_provider(&FirstDay).update_accessed_date(false);
    let volume = FileSystem::new(&mut image, options)?;
    for (path, entry) in tree.iter() {
        let root = volume.root_dir();
        match &entry.kind {
            Kind::Directory => root.create_dir(path).map(drop),
            Kind::File(content) => {
                let content = content.read()?;
                root.create_file(path).and_then(|mut file| file.write_all(&content))
            }
            Kind::Link(_) | Kind::Device { .. } | Kind::Fifo => {
                bail!("{path}: FAT has files and folders only")
            }
        }
        .with_context(|| format!("cannot put {path} on the partition {label}"))?;
    }
    volume.unmount()?;
    Ok(image.into_inner())
}

fn padded(label: &str) -> [u8; LABEL_CHARACTERS] {
    let mut padded = [b' '; LABEL_CHARACTERS];
    padded.iter_mut().zip(label.bytes()).for_each(|(to, from)| *to = from.to_ascii_uppercase());
    padded
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const MEGABYTES: u64 = 1 << 20;

    #[test]
    fn what_went_in_is_in_it_and_two_are_alike() {
        let mut tree = Tree::default();
        tree.file("config.txt", 0o644, b"arm_64bit=1\n".to_vec());
        tree.file("overlays/disable-bt.dtbo", 0o644, vec![9; 100_000]);
        let bytes = make(&tree, 32 * MEGABYTES, "boot", 7).unwrap();
        assert_eq!(bytes, make(&tree, 32 * MEGABYTES, "boot", 7).unwrap());
        let volume = FileSystem::new(Cursor::new(bytes), FsOptions::new()).unwrap();
        assert_eq!((volume.volume_label().as_str(), volume.volume_id()), ("BOOT", 7));
        let mut read = Vec::new();
        volume.root_dir().open_file("overlays/disable-bt.dtbo").unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, vec![9; 100_000]);
    }

    #[test]
    fn what_does_not_fit_or_is_no_file_is_refused() {
        let mut tree = Tree::default();
        tree.link("a", "b");
        assert!(make(&tree, 32 * MEGABYTES, "boot", 7).is_err());
        tree.file("a", 0o644, vec![9; 2 << 20]);
        assert!(make(&tree, MEGABYTES, "boot", 7).unwrap_err().to_string().contains("larger"));
    }
}
