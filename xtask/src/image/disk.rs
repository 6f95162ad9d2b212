//! A disk: a partition table and what its partitions hold. Reproducible: all numbers come from names.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use gpt::{GptConfig, disk::LogicalBlockSize, mbr::ProtectiveMBR, partition_types::Type};
use mbrman::{BOOT_ACTIVE, BOOT_INACTIVE, CHS, MBR, MBRPartitionEntry};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::board::image::{FileSystem, TableKind};

const SECTOR_BYTES: u64 = 512;
/// Partitions begin and end at multiples of this.
const ALIGNMENT_BYTES: u64 = 1 << 20;
/// Room for the second partition table at the end of a disk.
const END_BYTES: u64 = ALIGNMENT_BYTES;
/// What is copied at a time; such a piece without anything in it becomes a hole.
const PIECE_BYTES: usize = 64 << 10;
/// Partitions that the old table has room for.
const OLD_PARTITIONS_MAX: usize = 4;

/// A partition, whose content is in a file.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What it holds: sets the type where `type_id` does not.
    pub file_system: FileSystem,
    /// Its type in the table: a GUID, or a number such as 0x0c.
    pub type_id: Option<String>,
    /// Whether it is marked as the one to boot from.
    pub bootable: bool,
    /// Its bytes, at least those of `content`.
    pub bytes: u64,
    /// What it begins with.
    pub content: PathBuf,
}

/// A number that is always the same for the same words.
pub fn id(words: &[&str]) -> Uuid {
    let mut sum = Sha256::new();
    for word in words {
        sum.update((word.len() as u64).to_le_bytes());
        sum.update(word);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sum.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The old table's number of a disk.
fn signature(board: &str) -> [u8; 4] {
    let mut first = [0; 4];
    first.copy_from_slice(&id(&[board, "disk"]).as_bytes()[..4]);
    first
}

/// How the kernel knows partition `number` (from 1), called `name`, of `board`'s disk, wherever that is plugged in.
pub fn partuuid(kind: TableKind, board: &str, number: usize, name: &str) -> String {
    match kind {
        TableKind::Gpt => id(&[board, name]).to_string(),
        TableKind::Mbr => format!("{:08x}-{number:02x}", u32::from_le_bytes(signature(board))),
    }
}

/// Writes the disk of `board` into the new file `image`.
pub fn write(image: &Path, board: &str, kind: TableKind, parts: &[Part]) -> Result<()> {
    let cannot = || format!("cannot write {}", image.display());
    let mut starts = Vec::new();
    let mut end = ALIGNMENT_BYTES;
    for part in parts {
        starts.push(end);
        end += part.bytes.next_multiple_of(ALIGNMENT_BYTES);
    }
    let _ = fs::remove_file(image);
    let mut file =
        File::options().read(true).write(true).create_new(true).open(image).with_context(cannot)?;
    file.set_len(end + END_BYTES).with_context(cannot)?;
    for (part, start) in parts.iter().zip(&starts) {
        copy(&part.content, &file, *start).with_context(cannot)?;
    }
    match kind {
        TableKind::Gpt => new_table(&mut file, board, parts, &starts)?,
        TableKind::Mbr => old_table(&mut file, board, parts, &starts)?,
    }
    file.flush().with_context(cannot)
}

/// Copies what is in `from` to `offset` of `to`, where nothing is yet; zeros stay holes.
fn copy(from: &Path, to: &File, mut offset: u64) -> Result<()> {
    let source = File::open(from).with_context(|| format!("cannot open {}", from.display()))?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        let length =
            source.read_at(&mut piece, at).with_context(|| format!("cannot read {}", from.display()))?;
        if length == 0 {
            return Ok(());
        }
        if piece[..length].iter().any(|byte| *byte != 0) {
            to.write_all_at(&piece[..length], offset)?;
        }
        at += length as u64;
        offset += length as u64;
    }
}

fn new_table(file: &mut File, board: &str, parts: &[Part], starts: &[u64]) -> Result<()> {
    let bytes = file.metadata()?.len();
    let sectors = u32::try_from(bytes / SECTOR_BYTES - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(file).context("cannot write the protective MBR")?;
    let mut disk = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(file, Some(id(&[board, "disk"])))
        .context("cannot begin the partition table")?;
    let mut entries = std::collections::BTreeMap::new();
    for (number, (part, start)) in (1_u32..).zip(parts.iter().zip(starts)) {
        let kind = match &part.type_id {
            Some(text) => {
                let guid = Uuid::parse_str(text).ok();
                guid.with_context(|| format!("partition {}: type-id = {text:?} is no GUID", part.name))?
            }
            None => usual_type(part.file_system),
        };
        let length = part.bytes.next_multiple_of(ALIGNMENT_BYTES);
        let mut entry = gpt::partition::Partition::zero();
        entry.part_type_guid = Type::from(kind);
        entry.part_guid = id(&[board, &part.name]);
        entry.first_lba = start / SECTOR_BYTES;
        entry.last_lba = (start + length) / SECTOR_BYTES - 1;
        entry.flags = if part.bootable { LEGACY_BOOTABLE } else { 0 };
        entry.name.clone_from(&part.name);
        entries.insert(number, entry);
    }
    disk.update_partitions(entries).context("cannot enter the partitions")?;
    disk.write().context("cannot write the partition table")?;
    Ok(())
}

/// U-Boot's and the PC's mark of a partition to boot from (UEFI 2.10, table 5.7).
const LEGACY_BOOTABLE: u64 = 1 << 2;

/// What partitions of such file systems usually are.
const fn usual_type(file_system: FileSystem) -> Uuid {
    match file_system {
        FileSystem::Vfat => Uuid::from_u128(0xEBD0A0A2_B9E5_4433_87C0_68B6B72699C7),
        FileSystem::Squashfs | FileSystem::Ext4 | FileSystem::Raw => {
            Uuid::from_u128(0x0FC63DAF_8483_4772_8E79_3D69D8477DE4)
        }
    }
}

fn old_table(file: &mut File, board: &str, parts: &[Part], starts: &[u64]) -> Result<()> {
    ensure!(
        parts.len() <= OLD_PARTITIONS_MAX,
        "{} partitions: an MBR has {OLD_PARTITIONS_MAX}, a GPT more",
        parts.len()
    );
    let mut table = MBR::new_from(file, u32::try_from(SECTOR_BYTES)?, signature(board))?;
    for (number, (part, start)) in (1..).zip(parts.iter().zip(starts)) {
        let length = part.bytes.next_multiple_of(ALIGNMENT_BYTES);
        let too_far = || format!("partition {}: further than an MBR reaches", part.name);
        table[number] = MBRPartitionEntry {
            boot: if part.bootable { BOOT_ACTIVE } else { BOOT_INACTIVE },
            first_chs: CHS::empty(),
            sys: old_type(part)?,
            last_chs: CHS::empty(),
            starting_lba: u32::try_from(start / SECTOR_BYTES).with_context(too_far)?,
            sectors: u32::try_from(length / SECTOR_BYTES).with_context(too_far)?,
        };
    }
    file.seek(SeekFrom::Start(0))?;
    table.write_into(file).context("cannot write the partition table")?;
    Ok(())
}

fn old_type(part: &Part) -> Result<u8> {
    let Some(text) = &part.type_id else {
        return Ok(match part.file_system {
            FileSystem::Vfat => 0x0c,
            FileSystem::Squashfs | FileSystem::Ext4 | FileSystem::Raw => 0x83,
        });
    };
    match text.strip_prefix("0x").map(|digits| u8::from_str_radix(digits, 16)) {
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) | None => bail!("partition {}: type-id = {text:?} is no number such as 0x0c", part.name),
    }
}

/// Where the partition with this number, counted from 1, begins on the disk `image`, and how long it is, in bytes.
///
/// # Errors
/// If there is no such table or partition.
pub fn place(image: &Path, kind: TableKind, number: u32) -> Result<(u64, u64)> {
    let (first, sectors) = match kind {
        TableKind::Gpt => {
            let disk = GptConfig::new().open(image)?;
            let partition = disk.partitions().get(&number).context("no such partition")?;
            (partition.first_lba, partition.sectors_len()?)
        }
        TableKind::Mbr => {
            let table = MBR::read_from(&mut File::open(image)?, 512)?;
            let partition = table.get(number as usize).context("no such partition")?;
            (partition.starting_lba.into(), partition.sectors.into())
        }
    };
    Ok((first * SECTOR_BYTES, sectors * SECTOR_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, file_system: FileSystem, bytes: u64, content: &Path) -> Part {
        let (content, type_id) = (content.to_owned(), None);
        Part { name: name.into(), file_system, type_id, bootable: name == "boot", bytes, content }
    }

    fn made(kind: TableKind) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::write(&content, b"here it begins").unwrap();
        let parts = [
            part("boot", FileSystem::Vfat, 3 << 20, &content),
            part("root", FileSystem::Ext4, (4 << 20) - 5, &content),
        ];
        let [one, two] = ["one", "two"].map(|name| {
            let image = folder.path().join(name);
            write(&image, "b", kind, &parts).unwrap();
            image
        });
        assert!(fs::read(&one).unwrap() == fs::read(two).unwrap(), "two are alike");
        (folder, one)
    }

    fn begins(image: &Path, sector: u64) -> Vec<u8> {
        let mut found = vec![0; 14];
        File::open(image).unwrap().read_exact_at(&mut found, sector * SECTOR_BYTES).unwrap();
        found
    }

    #[test]
    fn a_gpt_names_partitions_where_their_content_is() {
        let (_folder, image) = made(TableKind::Gpt);
        let disk = GptConfig::new().open(&image).unwrap();
        let [boot, root] = [1, 2].map(|number| disk.partitions()[&number].clone());
        assert_eq!((boot.name.as_str(), boot.first_lba, boot.last_lba, boot.flags), ("boot", 2048, 8191, 4));
        assert_eq!((root.name.as_str(), root.first_lba, root.last_lba), ("root", 8192, 16383));
        assert_eq!(partuuid(TableKind::Gpt, "b", 2, "root"), root.part_guid.to_string());
        assert_eq!(
            (begins(&image, 2048), begins(&image, 8192)),
            (b"here it begins".to_vec(), b"here it begins".to_vec())
        );
        assert!(disk.backup_header().is_ok());
    }

    #[test]
    fn an_mbr_names_partitions_where_their_content_is() {
        let (_folder, image) = made(TableKind::Mbr);
        let table = MBR::read_from(&mut File::open(&image).unwrap(), 512).unwrap();
        assert_eq!((table[1].starting_lba, table[1].sectors, table[1].sys), (2048, 6144, 0x0c));
        assert!(table[1].is_active() && !table[2].is_active());
        assert_eq!((table[2].starting_lba, table[2].sectors, table[2].sys), (8192, 8192, 0x83));
        let number = u32::from_le_bytes(table.header.disk_signature);
        assert_eq!(partuuid(TableKind::Mbr, "b", 2, "root"), format!("{number:08x}-02"));
        assert_eq!(begins(&image, 8192), b"here it begins");
    }

    #[test]
    fn five_partitions_are_too_many_for_an_mbr() {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::write(&content, b"").unwrap();
        let parts: Vec<Part> =
            (0..5).map(|n| part(&n.to_string(), FileSystem::Raw, 1 << 20, &content)).collect();
        assert!(write(&folder.path().join("x"), "b", TableKind::Mbr, &parts).is_err());
        assert!(write(&folder.path().join("x"), "b", TableKind::Gpt, &parts).is_ok());
    }
}
