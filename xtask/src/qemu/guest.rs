//! What a guest boots with, out of Debian's packages: the kernel in the form QEMU starts fastest, the modules a board
//! names with those they depend on.
//!
//! A kernel's package is taken apart once, whatever boards there are of it: into `target/cache/guest/PACKAGE`. A stamp of its
//! sum says whether that is still right. Modules stay compressed until somebody names them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    kernel,
    modules::{self, Kept},
};
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
    /// The same as the package has it, for boot loaders and kexec.
    pub image: PathBuf,
    /// Modules in the order they have to be loaded.
    pub modules: Vec<PathBuf>,
}

/// Unpacks what `board` needs, unless that was done before.
pub fn prepare(board: &Board, qemu: &Qemu) -> Result<Guest> {
    let store = Store::guest(board.debian_arch());
    let kept = |name: &str| {
        let found = store.kept(name)?;
        found.with_context(|| format!("{name} for {} is missing: cargo xtask setup", board.debian_arch()))
    };
    let (package, deb) = kept(&qemu.kernel_package)?;
    let all = cache_dir().join("guest");
    fs::create_dir_all(&all).with_context(|| format!("cannot create {}", all.display()))?;
    let dir = all.join(deb.file_stem().context("a package without a name")?);
    // Boards of one kernel are prepared one after the other.
    let lock = dir.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("cannot create {}", lock.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    let stamp = dir.join("stamp");
    if !fs::read_to_string(&stamp).is_ok_and(|old| old == package.sha256) {
        let _step = progress::step(format!("unpacking {}", package.file));
        unpack(&deb, &dir)?;
        fs::write(stamp, package.sha256)?;
    }
    let mut files = Vec::new();
    for module in modules::in_order(&Folder(&dir), &qemu.modules)? {
        let path = dir.join(format!("{}.ko", module.name));
        let packed = path.with_extension("ko.xz");
        if qemu.packed_modules && packed.exists() {
            files.push(packed);
            continue;
        }
        if !path.exists() {
            let whole = path.with_extension("part");
            fs::write(&whole, module.bytes).with_context(|| format!("cannot write {}", whole.display()))?;
            fs::rename(&whole, &path)?;
        }
        files.push(path);
    }
    Ok(Guest { kernel: dir.join("kernel"), image: dir.join("image"), modules: files })
}

/// Writes what guests may want of the package `deb` into `dir`.
fn unpack(deb: &Path, dir: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let files = files_of(deb, |path| {
        path.contains("/boot/vmlinu") || path.ends_with(".ko.xz") || path.ends_with("/modules.builtin")
    })?;
    let mut image = None;
    for (path, bytes) in files {
        if path.contains("/boot/vmlinu") {
            image = Some(bytes);
            continue;
        }
        let name = modules::file_name(&path).with_context(|| format!("a file without a name: {path}"))?;
        fs::write(dir.join(name), bytes)?;
    }
    let image = image.context("the kernel package has no vmlinuz")?;
    fs::write(dir.join("image"), &image)?;
    fs::write(dir.join("kernel"), kernel::bootable(image)?)?;
    Ok(())
}

/// Modules of a package that has been taken apart.
struct Folder<'d>(&'d Path);

impl Kept for Folder<'_> {
    fn builtin(&self) -> Result<String> {
        fs::read_to_string(self.0.join("modules.builtin"))
            .context("the kernel package has no modules.builtin")
    }

    fn module(&self, name: &str) -> Result<Option<Vec<u8>>> {
        if let Ok(bytes) = fs::read(self.0.join(format!("{name}.ko"))) {
            return Ok(Some(bytes));
        }
        match fs::read(self.0.join(format!("{name}.ko.xz"))) {
            Ok(compressed) => kernel::decompressed(&compressed).map(Some),
            Err(_) => Ok(None),
        }
    }
}
