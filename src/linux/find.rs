//! Devices by what is on them: `UUID=` and `LABEL=` of a file system, `PARTUUID=` and `PARTLABEL=` of a partition, as
//! mount(8) has them. Without a device manager somebody has to look: a child does, at every block device there is.
//!
//! Only first blocks are read, and nothing of them is taken for a length: a partition table's entries are bounded.

use core::{ffi::CStr, fmt::Write};

use rustix::{
    fs::{Mode, OFlags, open, stat},
    io::{Errno, pread},
    path::DecInt,
};

use super::{AsFd, clock, output::Output, path::PathBuffer, tree::each_entry};

/// How often a device is looked for that is not there yet.
const LOOK_US: u64 = 50_000;
/// When somebody is told what is waited for.
const TELL_US: u64 = 1_000_000;
/// What is read of a device: the superblocks, and a partition table's header of disks of both sector sizes.
const HEAD_BYTES: usize = 8192;
/// Entries of a partition table that are looked at: twice as many as anybody makes.
const ENTRIES_MAX: u32 = 256;
/// Bytes of an entry that are looked at: all of UEFI's.
const ENTRY_BYTES: usize = 128;
/// Disks with partitions, and all that is a block device.
const DISKS: &CStr = c"/sys/block";
const BLOCKS: &CStr = c"/sys/class/block";

/// How a UUID's bytes are written: as they are; as UEFI has them; and a number, the low byte first.
const PLAIN: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const GUID: &[u8] = &[3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
const NUMBER: &[u8] = &[3, 2, 1, 0];

/// A file system by its first blocks: offsets in bytes.
struct Format {
    kind: &'static str,
    magic: (usize, &'static [u8]),
    uuid: (usize, &'static [u8]),
    /// Where the label is, and how long it can be.
    label: (usize, usize),
}

const fn format(
    kind: &'static str,
    magic: (usize, &'static [u8]),
    uuid: (usize, &'static [u8]),
    label: (usize, usize),
) -> Format {
    Format { kind, magic, uuid, label }
}

/// Offsets of the kernel's fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, include/uapi/linux/msdos_fs.h, fs/squashfs/squashfs_fs.h
/// and fs/f2fs/f2fs.h (its label is no text of bytes).
static FORMATS: [Format; 6] = [
    format("ext4", (0x438, b"\x53\xef"), (0x468, PLAIN), (0x478, 16)),
    format("squashfs", (0, b"hsqs"), (0, &[]), (0, 0)),
    format("vfat", (0x52, b"FAT32"), (0x43, NUMBER), (0x47, 11)),
    format("vfat", (0x36, b"FAT1"), (0x27, NUMBER), (0x2b, 11)),
    format("xfs", (0, b"XFSB"), (32, PLAIN), (108, 12)),
    format("f2fs", (0x400, b"\x10\x20\xf5\xf2"), (0x46c, PLAIN), (0, 0)),
];

/// What somebody looks for: the place in this list is the kind of word.
const TAGS: [&str; 4] = ["UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="];

/// Whether `what` is a device, by its node or by what is on it.
fn is_device(what: &str) -> bool {
    what.starts_with("/dev/") || TAGS.iter().any(|tag| what.starts_with(tag))
}

/// Puts the path of the device `what` into `path`, when it is there; anything that is no device as it is. Who waits longer
/// than a second says so.
///
/// # Errors
/// ENODEV if it is not there within `wait_us`; which devices there are is said. ENAMETOOLONG.
#[inline(never)]
pub(super) fn wait_for<'p>(what: &str, path: &'p mut PathBuffer, wait_us: u64) -> Result<&'p CStr, Errno> {
    let begin = clock::monotonic_us();
    let mut told = false;
    while is_device(what) && !find(what, path) {
        let waited = clock::monotonic_us().saturating_sub(begin);
        if waited >= wait_us {
            say_devices(what);
            return Err(Errno::NODEV);
        }
        if waited >= TELL_US && !told {
            told = true;
            let _ = writeln!(Output::stderr(), "waiting for {what}");
        }
        clock::sleep_us(LOOK_US);
    }
    if what.starts_with('/') || !is_device(what) {
        return path.join(&[what]);
    }
    path.joined()
}

/// Whether `what` is there, and where.
fn find(what: &str, path: &mut PathBuffer) -> bool {
    let Some((place, value)) =
        TAGS.iter().enumerate().find_map(|(at, tag)| Some((at, what.strip_prefix(tag)?)))
    else {
        return path.join(&[what]).is_ok_and(|path| stat(path).is_ok());
    };
    let value = value.trim_matches('"');
    let mut found = false;
    let Ok(folder) = open(if place < 2 { BLOCKS } else { DISKS }, OPEN_FOLDER, Mode::empty()) else {
        return false;
    };
    let mut head = [0; HEAD_BYTES];
    let _ = each_entry(folder.as_fd(), &mut |name| {
        let name = name.to_str().unwrap_or_default();
        if found || name.starts_with('.') {
            return Ok(());
        }
        let Ok(device) = path.join(&["/dev/", name]).and_then(|path| open(path, OPEN_DEVICE, Mode::empty()))
        else {
            return Ok(());
        };
        let length = pread(&device, &mut head, 0).unwrap_or(0);
        let head = head.get(..length).unwrap_or_default();
        if place < 2 {
            found = format_of(head).is_some_and(|format| is_on(format, head, place == 0, value));
            return Ok(());
        }
        let read = &mut |entry: &mut [u8; ENTRY_BYTES], at: u64| pread(&device, entry, at) == Ok(ENTRY_BYTES);
        if let Some(number) = partition(head, place == 2, value, read) {
            let between = if name.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
            // A table may speak of what the kernel has not found yet.
            found = path
                .join(&["/dev/", name, between, DecInt::new(number).as_str()])
                .is_ok_and(|path| stat(path).is_ok());
        }
        Ok(())
    });
    found
}

const OPEN_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Without a wait for a medium.
const OPEN_DEVICE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The type of the file system on the device at `path`, if it is one of those that are known here.
pub(super) fn kind(path: &CStr) -> Option<&'static str> {
    let mut head = [0; HEAD_BYTES];
    let length =
        open(path, OPEN_DEVICE, Mode::empty()).and_then(|device| pread(&device, &mut head, 0)).ok()?;
    Some(format_of(head.get(..length)?)?.kind)
}

fn format_of(head: &[u8]) -> Option<&'static Format> {
    FORMATS.iter().find(|format| at(head, format.magic.0, format.magic.1.len()) == format.magic.1)
}

/// `length` bytes of `head` from `place` on; none if it is shorter.
fn at(head: &[u8], place: usize, length: usize) -> &[u8] {
    head.get(place..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

/// Whether the file system's UUID, or else its label, is `value`.
fn is_on(format: &Format, head: &[u8], uuid: bool, value: &str) -> bool {
    let (place, length) = format.label;
    if uuid {
        return !format.uuid.1.is_empty() && is_written(value, at(head, format.uuid.0, 16), format.uuid.1);
    }
    let label = at(head, place, length);
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii_end();
    !label.is_empty() && label == value.as_bytes()
}

/// Whether `text` is `bytes` in hexadecimal digits, in that order, with dashes anywhere.
fn is_written(text: &str, bytes: &[u8], order: &[u8]) -> bool {
    let mut digits = text.chars().filter(|c| *c != '-');
    for &place in order {
        let Some(&byte) = bytes.get(usize::from(place)) else { return false };
        for half in [byte >> 4, byte & 0xf] {
            if digits.next().and_then(|digit| digit.to_digit(16)) != Some(u32::from(half)) {
                return false;
            }
        }
    }
    digits.next().is_none()
}

/// The number of the partition whose UUID, or else whose label, is `value`: in a disk that begins with `head`. Of an MBR
/// the kernel makes UUIDs of the disk's number and the partition's.
fn partition(
    head: &[u8],
    uuid: bool,
    value: &str,
    read: &mut dyn FnMut(&mut [u8; ENTRY_BYTES], u64) -> bool,
) -> Option<u32> {
    const SIGNATURE: &[u8] = b"EFI PART";
    let sector = if at(head, 512, 8) == SIGNATURE { 512 } else { 4096 };
    if at(head, sector, 8) != SIGNATURE {
        let (disk, number) = value.split_once('-').filter(|_| uuid && at(head, 510, 2) == b"\x55\xaa")?;
        let number = u32::from_str_radix(number, 16).ok()?;
        return is_written(disk, at(head, 440, 4), NUMBER).then_some(number);
    }
    let word = |place| at(head, sector + place, 4).try_into().map_or(0, u32::from_le_bytes);
    let begin = (u64::from(word(76)) << 32 | u64::from(word(72))).checked_mul(sector as u64)?;
    let mut entry = [0; ENTRY_BYTES];
    for number in 0..word(80).min(ENTRIES_MAX) {
        if !read(&mut entry, begin.checked_add(u64::from(number) * u64::from(word(84)))?) {
            break;
        }
        let mut label = value.encode_utf16();
        let mut units = entry.get(56..)?.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let same = match uuid {
            true => is_written(value, at(&entry, 16, 16), GUID),
            false => units.all(|unit| unit == label.next().unwrap_or(0)) && label.next().is_none(),
        };
        if same && at(&entry, 0, 16) != [0; 16] {
            return Some(number + 1);
        }
    }
    None
}

/// For who has to find out what the device is called.
fn say_devices(what: &str) {
    let mut out = Output::stderr();
    let _ = write!(out, "there is no {what}; block devices:");
    if let Ok(folder) = open(BLOCKS, OPEN_FOLDER, Mode::empty()) {
        let _ = each_entry(folder.as_fd(), &mut |name| {
            let name = name.to_str().unwrap_or_default();
            if !name.starts_with('.') {
                let _ = write!(out, " {name}");
            }
            Ok(())
        });
    }
    let _ = out.write_str("\n");
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn head(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut head = vec![0; HEAD_BYTES];
        for (place, bytes) in parts {
            head[*place..*place + bytes.len()].copy_from_slice(bytes);
        }
        head
    }

    const BYTES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];

    #[test]
    fn a_file_system_is_known_by_its_magic_number_and_has_uuid_and_label() {
        for (parts, kind, uuid, label) in [
            (
                &[(0x438, &b"\x53\xef"[..]), (0x468, &BYTES), (0x478, b"data")][..],
                "ext4",
                "00010203-0405-0607-0809-AABBccddeeff",
                "data",
            ),
            (
                &[(0x52, b"FAT32   "), (0x43, &[1, 2, 3, 4]), (0x47, b"BOOT       ")],
                "vfat",
                "0403-0201",
                "BOOT",
            ),
            (
                &[(0, b"XFSB"), (32, &BYTES), (108, b"twelve bytes")],
                "xfs",
                "000102030405060708 09",
                "twelve bytes",
            ),
        ] {
            let head = head(parts);
            let format = format_of(&head).expect(kind);
            assert_eq!(format.kind, kind);
            assert_eq!(is_on(format, &head, true, uuid), !uuid.contains(' '), "{kind}");
            assert!(is_on(format, &head, false, label) && !is_on(format, &head, false, "other"), "{kind}");
            assert!(!is_on(format, &head, true, "0001"), "{kind}");
        }
        assert!(format_of(&head(&[])).is_none() && format_of(b"").is_none());
        let squashfs = head(&[(0, b"hsqs")]);
        let format = format_of(&squashfs).expect("squashfs");
        assert!(!is_on(format, &squashfs, true, "") && !is_on(format, &squashfs, false, ""));
    }

    #[test]
    fn a_partition_is_found_by_its_uuid_or_label_in_disks_of_both_sector_sizes() {
        for sector in [512_usize, 4096] {
            let count = 3_u32.to_le_bytes();
            let size = 128_u32.to_le_bytes();
            let disk = head(&[
                (sector, b"EFI PART"),
                (sector + 72, &2_u32.to_le_bytes()),
                (sector + 80, &count),
                (sector + 84, &size),
            ]);
            let read = &mut |entry: &mut [u8; ENTRY_BYTES], at: u64| {
                *entry = [0; ENTRY_BYTES];
                if at == 2 * sector as u64 + 128 {
                    entry[0] = 1;
                    entry[16..32].copy_from_slice(&BYTES);
                    for (place, unit) in entry[56..].chunks_exact_mut(2).zip("räume".encode_utf16()) {
                        place.copy_from_slice(&unit.to_le_bytes());
                    }
                }
                true
            };
            assert_eq!(partition(&disk, true, "03020100-0504-0706-0809-aabbccddeeff", read), Some(2));
            assert_eq!(partition(&disk, false, "räume", read), Some(2));
            for other in ["räum", "räumen", ""] {
                assert_eq!(partition(&disk, false, other, read), None, "{other:?}");
            }
            assert_eq!(partition(&disk, true, "03020100-0504-0706-0809-aabbccddeef0", read), None);
        }
    }

    #[test]
    fn a_damaged_table_ends_the_search() {
        let disk = head(&[
            (512, b"EFI PART"),
            (512 + 72, &[0xff; 8]),
            (512 + 80, &[0xff; 4]),
            (512 + 84, &[0xff; 4]),
        ]);
        assert_eq!(partition(&disk, false, "x", &mut |_, _| true), None);
        assert_eq!(partition(&disk[..520], false, "x", &mut |_, _| false), None);
        assert_eq!(partition(b"", true, "x-1", &mut |_, _| true), None);
    }

    #[test]
    fn an_mbr_has_a_number_of_its_own() {
        let disk = head(&[(440, &[0x78, 0x56, 0x34, 0x12]), (510, b"\x55\xaa")]);
        let none = &mut |_: &mut [u8; ENTRY_BYTES], _| false;
        assert_eq!(partition(&disk, true, "12345678-02", none), Some(2));
        assert_eq!(partition(&disk, true, "12345679-02", none), None);
        assert_eq!(partition(&disk, false, "12345678-02", none), None);
    }

    #[test]
    fn what_is_no_device_is_not_waited_for() {
        let mut path = PathBuffer::empty();
        assert_eq!(wait_for("tmpfs", &mut path, 0), Ok(c"tmpfs"));
        assert_eq!(wait_for("/no/such", &mut path, 0), Ok(c"/no/such"));
        assert_eq!(wait_for("/dev/null", &mut path, 0), Ok(c"/dev/null"));
        assert_eq!(wait_for("/dev/no-such", &mut path, 0), Err(Errno::NODEV));
        assert_eq!(wait_for("PARTLABEL=no such", &mut path, 0), Err(Errno::NODEV));
    }
}
