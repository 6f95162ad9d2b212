//! Writing an image to a disk or a file, and reading it back. Holes of the image are not written where nothing is: what is
//! there is read, and only what is not zero is overwritten.

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;
use rustix::fs::{Advice, OFlags, fadvise, seek};

use super::device::Target;
use crate::progress;

/// What is read and written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    start: u64,
    end: u64,
    /// Nothing was ever written there: it reads as zeros.
    hole: bool,
}

/// Writes the image at `from` to `to`, and compares.
///
/// # Errors
/// What cannot be read or written; if `to` is too small; if what is read back is not what was written, with the place.
pub fn write(from: &Path, to: &Path, target: &Target) -> Result<()> {
    let image = File::open(from).with_context(|| format!("cannot open {}", from.display()))?;
    let bytes = image.metadata()?.len();
    let disk = open(to, target, bytes)?;
    let fresh = *target == Target::File;
    let shown = progress::bytes(format!("writing {}", to.display()), bytes);
    for extent in extents(&image, bytes)? {
        put(&image, &disk, extent, fresh, &shown)
            .with_context(|| format!("cannot write {}", to.display()))?;
    }
    shown.set_message(format!("writing {}: waiting until all of it is there", to.display()));
    disk.sync_all().with_context(|| format!("cannot write {}", to.display()))?;
    shown.finish_and_clear();
    compare(&image, &disk, bytes, to)
}

fn open(to: &Path, target: &Target, bytes: u64) -> Result<File> {
    let cannot_open = || format!("cannot open {}", to.display());
    match target {
        Target::File => {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(to);
            let file = file.with_context(cannot_open)?;
            file.set_len(bytes).with_context(cannot_open)?;
            Ok(file)
        }
        Target::Device { objections } => {
            // The kernel refuses this where anything is mounted, even if it was not seen.
            let alone = if objections.is_empty() { OFlags::EXCL } else { OFlags::empty() };
            let flags = alone.bits().cast_signed();
            let mut disk = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(flags)
                .open(to)
                .with_context(cannot_open)?;
            let room = disk.seek(SeekFrom::End(0))?;
            ensure!(room >= bytes, "{} has {room} bytes, the image {bytes}", to.display());
            Ok(disk)
        }
    }
}

/// The parts of `image`, holes and others. A file system that knows no holes has none.
fn extents(image: &File, bytes: u64) -> Result<Vec<Extent>> {
    let mut extents = Vec::new();
    let mut at = 0;
    while at < bytes {
        let data = match seek(image, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => data.min(bytes),
            Err(rustix::io::Errno::NXIO) => bytes,
            Err(rustix::io::Errno::INVAL) => at,
            Err(errno) => return Err(errno).context("cannot look for the holes of the image"),
        };
        if data > at {
            extents.push(Extent { start: at, end: data, hole: true });
        }
        if data == bytes {
            break;
        }
        let end = seek(image, rustix::fs::SeekFrom::Hole(data)).map_or(bytes, |end| end.min(bytes));
        extents.push(Extent { start: data, end, hole: false });
        at = end;
    }
    Ok(extents)
}

fn put(image: &File, disk: &File, extent: Extent, fresh: bool, shown: &ProgressBar) -> Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = extent.start;
    while at < extent.end {
        let length = usize::try_from(extent.end - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let piece = &mut piece[..length];
        match (extent.hole, fresh) {
            (false, _) => {
                image.read_exact_at(piece, at)?;
                disk.write_all_at(piece, at)?;
            }
            (true, true) => {}
            (true, false) => {
                disk.read_exact_at(piece, at)?;
                if piece.iter().any(|byte| *byte != 0) {
                    piece.fill(0);
                    disk.write_all_at(piece, at)?;
                }
            }
        }
        at += length as u64;
        shown.inc(length as u64);
    }
    Ok(())
}

/// Reads back from the disk, not from the kernel's memory of it.
fn compare(image: &File, disk: &File, bytes: u64, to: &Path) -> Result<()> {
    fadvise(disk, 0, None, Advice::DontNeed).context("cannot make the kernel forget what was written")?;
    let shown = progress::bytes(format!("reading {} back", to.display()), bytes);
    let (mut meant, mut found) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let mut at = 0;
    while at < bytes {
        let length = usize::try_from(bytes - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        image.read_exact_at(&mut meant[..length], at)?;
        let read = disk.read_exact_at(&mut found[..length], at);
        read.with_context(|| format!("cannot read {} back at byte {at}", to.display()))?;
        if meant[..length] != found[..length] {
            let differs = meant.iter().zip(&found).position(|(one, other)| one != other).unwrap_or_default();
            bail!(
                "{} does not hold what was written to it, from byte {} on: it is broken, or smaller than it says",
                to.display(),
                at + differs as u64
            );
        }
        at += length as u64;
        shown.inc(length as u64);
    }
    shown.finish_and_clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    const MEGABYTE: usize = 1 << 20;

    fn image(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("image");
        let file = File::create(&path).unwrap();
        file.set_len(20 * MEGABYTE as u64 + 5).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        file.write_all_at(&vec![7; 3 * MEGABYTE], 8 * MEGABYTE as u64).unwrap();
        file.write_all_at(b"end", 20 * MEGABYTE as u64 + 2).unwrap();
        path
    }

    #[test]
    fn a_file_is_what_the_image_is_and_has_its_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (image, to) = (image(folder.path()), folder.path().join("to"));
        fs::write(&to, vec![9; 30 * MEGABYTE]).unwrap();
        write(&image, &to, &Target::File).unwrap();
        assert!(fs::read(&image).unwrap() == fs::read(&to).unwrap());
        assert!(to.metadata().unwrap().blocks() * 512 < 10 * MEGABYTE as u64, "holes are not written");
    }

    #[test]
    fn what_was_on_a_disk_does_not_shine_through_the_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (image, to) = (image(folder.path()), folder.path().join("to"));
        fs::write(&to, vec![9; 24 * MEGABYTE]).unwrap();
        write(&image, &to, &Target::Device { objections: vec!["it is a file".into()] }).unwrap();
        let written = fs::read(&to).unwrap();
        let length = fs::read(&image).unwrap().len();
        assert!(
            written[..length] == fs::read(&image).unwrap() && written[length..].iter().all(|byte| *byte == 9)
        );
    }

    #[test]
    fn a_disk_that_is_too_small_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (image, to) = (image(folder.path()), folder.path().join("to"));
        fs::write(&to, vec![9; MEGABYTE]).unwrap();
        let error = write(&image, &to, &Target::Device { objections: Vec::new() }).unwrap_err().to_string();
        assert!(error.contains("the image 20971525"), "{error}");
        assert!(fs::read(&to).unwrap() == vec![9; MEGABYTE]);
    }

    #[test]
    fn what_is_read_back_and_differs_is_an_error_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let image = File::open(image(folder.path())).unwrap();
        let other = folder.path().join("other");
        fs::write(&other, vec![0; 21 * MEGABYTE]).unwrap();
        let disk = File::open(&other).unwrap();
        let error = compare(&image, &disk, 20 * MEGABYTE as u64 + 5, &other).unwrap_err().to_string();
        assert!(error.contains("from byte 0 on"), "{error}");
    }
}
