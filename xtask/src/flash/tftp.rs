//! What a board needs to boot over the network: kernel, device trees and the root file system as an initramfs, in a folder
//! that a TFTP server gives out, with the menu that U-Boot's `pxe` reads.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context, Result, ensure};

use crate::{
    board::Board,
    build::Built,
    image::{self, Args, tree::Kind},
};

/// Writes everything into `dir`; the answer is the names of the files.
pub fn write(board: &Board, built: &Built, args: &Args, dir: &Path) -> Result<Vec<String>> {
    let image = board.config.image.as_ref().context("the board has no [image]")?;
    let kernel = image.kernel_name.as_deref().unwrap_or_default();
    ensure!(
        !kernel.is_empty(),
        "board {}: its kernel is not a file of its own, so no network boot",
        board.name
    );
    let mut names = Vec::new();
    let mut put = |name: &str, bytes: &[u8]| -> Result<()> {
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        let write = || -> Result<()> {
            fs::create_dir_all(parent)?;
            // A board may be reading the old one.
            let mut beside = tempfile::NamedTempFile::new_in(parent)?;
            beside.write_all(bytes)?;
            beside.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            beside.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        names.push(name.to_owned());
        Ok(())
    };
    for (path, entry) in image::boot_tree(board, image, args)?.iter() {
        if let Kind::File(content) = &entry.kind {
            put(path, &content.read()?)?;
        }
    }
    put("initramfs.cpio", &image::initramfs(board, built, args)?)?;
    put("pxelinux.cfg/default", menu(&image.command_line, kernel).as_bytes())?;
    Ok(names)
}

/// The menu. The root file system is in memory: nothing is said of a root partition.
fn menu(command_line: &str, kernel: &str) -> String {
    let about_root = ["root=", "rootfstype=", "rootwait", "ro", "rw"];
    let words = command_line.split_whitespace().filter(|word| {
        !about_root.iter().any(|about| word == about || (about.ends_with('=') && word.starts_with(about)))
    });
    let words: Vec<&str> = words.collect();
    format!(
        "default tomte\nlabel tomte\n    kernel {kernel}\n    initrd initramfs.cpio\n    fdtdir .\n    append {}\n",
        words.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_says_nothing_of_a_root_partition() {
        let menu = menu("console=ttyS0 root=${root} rootfstype=squashfs ro rootwait quiet", "Image");
        assert!(
            menu.contains("    append console=ttyS0 quiet\n") && menu.contains("    kernel Image\n"),
            "{menu}"
        );
    }
}
