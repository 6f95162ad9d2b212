//! What a guest boots with, out of Debian's packages: the kernel in the form QEMU starts fastest, the modules a board
//! names with those they depend on.
//!
//! Unpacked once into `target/cache/guest/BOARD`; a stamp of the packages' sums and the module list says whether that is
//! still right.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{kernel, modules};
use crate::{
    board::{Board, Qemu},
    debian::{cache_dir, package::files_of, store::Store},
    progress,
};

/// Debian's package of a busybox that needs no library.
pub const BUSYBOX: &str = "busybox-static";

/// The unpacked parts.
#[derive(Clone, Debug)]
pub struct Guest {
    /// For `-kernel`.
    pub kernel: PathBuf,
    /// Uncompressed modules in the order they have to be loaded.
    pub modules: Vec<PathBuf>,
}

/// Unpacks what `board` needs, unless that was done before.
pub fn prepare(board: &Board, qemu: &Qemu) -> Result<Guest> {
    let store = Store::guest(board.debian_arch());
    let kept = |name: &str| {
        let found = store.kept(name)?;
        found.with_context(|| format!("{name} for {} is missing: cargo xtask setup", board.debian_arch()))
    };
    let (kernel_package, kernel_deb) = kept(&qemu.kernel_package)?;
    let dir = cache_dir().join("guest").join(&board.name);
    let stamp = format!("{}\n{}\n", kernel_package.sha256, qemu.modules.join(" "));
    let stamp_path = dir.join("stamp");
    let order_path = dir.join("modules.order");
    if fs::read_to_string(&stamp_path).is_ok_and(|old| old == stamp) {
        let order = fs::read_to_string(&order_path)?;
        return Ok(guest(&dir, order.lines()));
    }
    let _step = progress::step(format!("unpacking {}", kernel_package.file));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let order = unpack_kernel(&kernel_deb, &qemu.modules, &dir)?;
    fs::write(order_path, order.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    fs::write(stamp_path, stamp)?;
    Ok(guest(&dir, order.iter().map(String::as_str)))
}

fn guest<'n>(dir: &Path, modules: impl Iterator<Item = &'n str>) -> Guest {
    let modules = modules.map(|name| dir.join(name)).collect();
    Guest { kernel: dir.join("kernel"), modules }
}

/// Writes the kernel and the modules `wanted` into `dir`; the answer is the modules' file names in loading order.
fn unpack_kernel(deb: &Path, wanted: &[String], dir: &Path) -> Result<Vec<String>> {
    let mut files = files_of(deb, |path| {
        path.contains("/boot/vmlinu") || path.ends_with(".ko.xz") || path.ends_with("/modules.builtin")
    })?;
    let image = files.keys().find(|path| path.contains("/boot/vmlinu")).cloned();
    let image = image.and_then(|path| files.remove(&path)).context("the kernel package has no vmlinuz")?;
    fs::write(dir.join("kernel"), kernel::bootable(image)?)?;
    let mut order = Vec::new();
    for module in modules::in_order(&files, wanted)? {
        let name = format!("{}.ko", module.name);
        fs::write(dir.join(&name), module.bytes)?;
        order.push(name);
    }
    Ok(order)
}
