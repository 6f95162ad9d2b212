//! Whether what somebody wants to overwrite is what they mean: reads /sys and /proc, writes nothing.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::fs::{major, minor};

/// Where what the kernel says is to be found: `/`, but for tests.
#[derive(Clone, Debug)]
pub struct Kernel(pub PathBuf);

impl Default for Kernel {
    fn default() -> Self {
        Self("/".into())
    }
}

/// Places whose file system is the machine's own.
const SYSTEM: [&str; 5] = ["/", "/boot", "/boot/efi", "/usr", "/home"];

/// What is to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A regular file, or one that is not there yet.
    File,
    /// A whole block device that nothing speaks against, or that was told twice.
    Device {
        /// What spoke against it.
        objections: Vec<String>,
    },
}

/// Looks at `path`.
///
/// # Errors
/// If it is neither a file nor a whole block device. If something speaks against it and `again` is not the same path: with
/// all that does.
pub fn look(path: &Path, again: Option<&Path>, kernel: &Kernel) -> Result<Target> {
    let found = match path.metadata() {
        Ok(found) => found,
        Err(_) if path.starts_with("/dev") => bail!("{}: no such device", path.display()),
        Err(_) => return Ok(Target::File),
    };
    if found.is_file() {
        return Ok(Target::File);
    }
    if !found.file_type().is_block_device() {
        bail!("{}: neither a file nor a block device", path.display());
    }
    let objections = kernel.objections((major(found.rdev()), minor(found.rdev())))?;
    if objections.is_empty() || again == Some(path) {
        return Ok(Target::Device { objections });
    }
    bail!(
        "{} is not overwritten:\n  {}\nif it is what you mean, name it again: --overwrite-anyway {}",
        path.display(),
        objections.join("\n  "),
        path.display()
    )
}

impl Kernel {
    fn file(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn text(&self, path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default().trim().to_owned()
    }

    /// What speaks against writing to the whole disk with these numbers.
    fn objections(&self, (major, minor): (u32, u32)) -> Result<Vec<String>> {
        let link = self.file(&format!("sys/dev/block/{major}:{minor}"));
        let disk =
            link.canonicalize().with_context(|| format!("the kernel knows no disk {major}:{minor}"))?;
        let name = disk.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if disk.join("partition").exists() {
            let whole = disk.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            bail!("{name} is a partition: an image is of a whole disk, which is /dev/{whole}");
        }
        let mut objections = Vec::new();
        let parts: Vec<(String, PathBuf)> = fs::read_dir(&disk)
            .with_context(|| format!("cannot read {}", disk.display()))?
            .flatten()
            .filter(|entry| entry.path().join("partition").exists())
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
            .chain([(name.clone(), disk.clone())])
            .collect();
        for (part, folder) in &parts {
            self.uses(part, folder, &mut objections);
        }
        if self.text(&disk.join("ro")) == "1" {
            objections.push(format!("{name} is read-only (a switch on the card?)"));
        }
        let removable = self.text(&disk.join("removable")) == "1";
        let plugged = ["mmcblk", "loop", "nbd"].iter().any(|kind| name.starts_with(kind))
            || disk.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"));
        if !removable && !plugged {
            objections.push(format!("{name} is no removable disk"));
        }
        objections.sort();
        objections.dedup();
        Ok(objections)
    }

    /// Who uses the disk or partition `part`.
    fn uses(&self, part: &str, folder: &Path, objections: &mut Vec<String>) {
        let number = self.text(&folder.join("dev"));
        for line in self.text(&self.file("proc/self/mountinfo")).lines() {
            let mut fields = line.split(' ').skip(2);
            let (Some(device), Some(at)) = (fields.next(), fields.nth(1)) else { continue };
            if device == number {
                let system = if SYSTEM.contains(&at) { ": this machine's own system" } else { "" };
                objections.push(format!("{part} is mounted on {at}{system}"));
            }
        }
        let swaps = self.text(&self.file("proc/swaps"));
        if swaps.lines().any(|line| line.split_whitespace().next() == Some(&format!("/dev/{part}"))) {
            objections.push(format!("{part} is swapped to"));
        }
        let holders = fs::read_dir(folder.join("holders")).into_iter().flatten().flatten();
        for holder in holders {
            objections.push(format!("{part} is part of {}", holder.file_name().to_string_lossy()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A kernel with one disk at `place` below /sys/devices, numbers 8:16, and its partition 8:17.
    fn kernel(place: &str, removable: &str) -> (tempfile::TempDir, Kernel) {
        let root = tempfile::tempdir().unwrap();
        let disk = root.path().join("sys/devices").join(place);
        fs::create_dir_all(disk.join("sdb1/holders")).unwrap();
        fs::create_dir_all(root.path().join("sys/dev/block")).unwrap();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        for (file, text) in
            [("dev", "8:16\n"), ("removable", removable), ("sdb1/dev", "8:17\n"), ("sdb1/partition", "1\n")]
        {
            fs::write(disk.join(file), text).unwrap();
        }
        symlink(&disk, root.path().join("sys/dev/block/8:16")).unwrap();
        symlink(disk.join("sdb1"), root.path().join("sys/dev/block/8:17")).unwrap();
        let kernel = Kernel(root.path().to_owned());
        (root, kernel)
    }

    #[test]
    fn a_card_that_nobody_uses_is_fine() {
        for (place, removable) in [("pci/usb1/sdb", "0"), ("pci/ata1/sdb", "1\n"), ("mmc/mmcblk0", "0")] {
            let (_root, kernel) = kernel(place, removable);
            assert_eq!(kernel.objections((8, 16)).unwrap(), Vec::<String>::new(), "{place}");
        }
    }

    #[test]
    fn all_that_speaks_against_a_disk_is_told() {
        let (root, kernel) = kernel("pci/ata1/sdb", "0\n");
        fs::write(
            root.path().join("proc/self/mountinfo"),
            "22 1 8:17 / / rw - ext4 /dev/sdb1 rw\n23 1 8:17 / /mnt rw - ext4 /dev/sdb1 rw\n24 1 8:1 / /x rw - ext4 x rw\n",
        )
        .unwrap();
        fs::write(root.path().join("proc/swaps"), "Filename Type\n/dev/sdb partition 1 0 -2\n").unwrap();
        fs::create_dir(root.path().join("sys/devices/pci/ata1/sdb/sdb1/holders/dm-0")).unwrap();
        assert_eq!(
            kernel.objections((8, 16)).unwrap(),
            [
                "sdb is no removable disk",
                "sdb is swapped to",
                "sdb1 is mounted on /: this machine's own system",
                "sdb1 is mounted on /mnt",
                "sdb1 is part of dm-0",
            ]
        );
    }

    #[test]
    fn a_partition_is_not_taken_for_a_disk() {
        let (_root, kernel) = kernel("pci/usb1/sdb", "1");
        let error = kernel.objections((8, 17)).unwrap_err().to_string();
        assert!(error.contains("which is /dev/sdb"), "{error}");
    }

    #[test]
    fn files_are_written_and_what_is_neither_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = Kernel::default();
        assert_eq!(look(&folder.path().join("new.img"), None, &kernel).unwrap(), Target::File);
        assert!(look(Path::new("/dev/null"), None, &kernel).is_err());
        assert!(look(Path::new("/dev/no-such-disk"), None, &kernel).is_err());
    }
}
