//! `setup`: what a board needs beyond the repository and Rust, whether it is there, and getting it.
//!
//! Only Debian's own packages are installed, only what is missing, never with the removal of anything.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{
    board::{self, Board, Qemu, image::FileSystem},
    debian::{
        self, cache_dir, codename,
        store::{GUEST_SUITE, Store},
    },
    host,
    image::ext4,
    qemu::BUSYBOX,
    toolchain::Toolchain,
};

/// One thing a board needs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Need {
    /// The Rust core library of this target.
    RustTarget(String),
    /// This QEMU program, from this Debian package.
    Qemu { program: String, package: String },
    /// These packages of the guest, for this architecture of Debian's.
    Guest { architecture: String, packages: Vec<String> },
    /// Namespaces, as root or with lent ids.
    Namespaces,
    /// The programs that make an ext4.
    Ext4,
    /// What `test` tries things with that few machines have.
    Tests,
}

/// Of [`Need::Tests`]: programs, and the packages of Debian's that they are in.
const TESTS: [(&str, &str); 3] = [("fish", "fish"), ("zsh", "zsh"), ("newuidmap", "uidmap")];

/// `cargo xtask setup`: for one board, or for all. The answer is whether nothing is missing in the end.
pub fn run(board: Option<&str>, dry_run: bool) -> Result<bool> {
    let boards = match board {
        Some(name) => vec![Board::load(name)?],
        None => all_boards()?,
    };
    let mut ready = true;
    for need in needs(&boards).into_iter().chain(board.is_none().then_some(Need::Tests)) {
        let missing = need.missing()?;
        let Some(why) = missing else {
            println!("ok       {}", need.name());
            continue;
        };
        println!("missing  {}: {why}", need.name());
        if dry_run {
            println!("         would: {}", need.remedy());
            ready = false;
        } else if let Err(error) = need.get() {
            println!("         cannot get it: {error:#}");
            ready = false;
        } else {
            println!("ok       {}", need.name());
        }
    }
    Ok(ready)
}

/// Gets what `board` needs; an error when something stays missing. `run` calls it, so it says nothing when all is there.
pub fn ensure(board: &Board) -> Result<()> {
    for need in needs(std::slice::from_ref(board)) {
        if let (Some(why), false) = (need.missing()?, need == Need::Namespaces) {
            eprintln!("{} is missing ({why}): {}", need.name(), need.remedy());
            need.get()?;
        }
    }
    Ok(())
}

/// What `board` with its demo still lacks, each with the reason; empty when it can run. What the demo is made of is
/// fetched first.
pub fn lacking(board: &Board) -> Result<Vec<String>> {
    let mut lacking = Vec::new();
    if !board.is_host()
        && let Err(error) = demo(board)
    {
        lacking.push(format!("{error:#}"));
    }
    for need in needs(std::slice::from_ref(board)) {
        if let Some(why) = need.missing()? {
            lacking.push(format!("{}: {why}", need.name()));
        }
    }
    Ok(lacking)
}

/// Every board of the repository, by name.
pub fn all_boards() -> Result<Vec<Board>> {
    board::names()?.iter().map(|name| Board::load(name)).collect()
}

fn needs(boards: &[Board]) -> Vec<Need> {
    let mut needs = Vec::new();
    for board in boards {
        let config = &board.config;
        let target = Need::RustTarget(config.target.clone());
        let mut of_board = vec![target];
        if board.is_host() {
            of_board.push(Need::Namespaces);
        }
        if let Some(qemu) = &config.qemu {
            of_board.extend([qemu_program(qemu), guest(board, qemu)]);
        }
        let partitions = config.image.iter().flat_map(|image| &image.partition);
        if partitions.clone().any(|partition| partition.file_system == FileSystem::Ext4) {
            of_board.push(Need::Ext4);
        }
        for need in of_board {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
    }
    needs
}

fn qemu_program(qemu: &Qemu) -> Need {
    let package = match qemu.program.as_str() {
        "qemu-system-x86_64" | "qemu-system-i386" => "qemu-system-x86",
        "qemu-system-aarch64" | "qemu-system-arm" => "qemu-system-arm",
        "qemu-system-riscv64" | "qemu-system-riscv32" => "qemu-system-riscv",
        _ => "qemu-system-misc",
    };
    Need::Qemu { program: qemu.program.clone(), package: package.into() }
}

fn guest(board: &Board, qemu: &Qemu) -> Need {
    Need::Guest {
        architecture: board.debian_arch().into(),
        packages: vec![qemu.kernel_package.clone(), BUSYBOX.into()],
    }
}

/// Debian's busybox for `board`, which is fetched if it is not here yet: the path of the package.
pub fn busybox(board: &Board) -> Result<PathBuf> {
    packages(board, &[BUSYBOX.into()])?.pop().context("no package")
}

/// Fetches what `board`'s demo is made of: the paths of the packages that it has besides busybox.
pub fn demo(board: &Board) -> Result<Vec<PathBuf>> {
    busybox(board)?;
    packages(board, board.config.demo.as_ref().map_or(&[][..], |demo| &demo.packages))
}

/// Packages of Debian's for `board`, which are fetched if they are not here yet: their paths.
pub fn packages(board: &Board, names: &[String]) -> Result<Vec<PathBuf>> {
    let architecture = board.debian_arch();
    let need = Need::Guest { architecture: architecture.into(), packages: names.to_vec() };
    if need.missing()?.is_some() {
        need.get()?;
    }
    let path = |name: &String| {
        let kept = Store::guest(architecture).kept(name)?;
        Ok(kept.with_context(|| format!("{name} for {architecture} is missing"))?.1)
    };
    names.iter().map(path).collect()
}

impl Need {
    fn name(&self) -> String {
        match self {
            Self::RustTarget(target) => format!("Rust's core for {target}"),
            Self::Qemu { program, .. } => program.clone(),
            Self::Guest { architecture, packages } => {
                format!("{} for {architecture}", packages.join(" and "))
            }
            Self::Namespaces => "namespaces for the host board".into(),
            Self::Ext4 => ext4::PROGRAMS.join(" and "),
            Self::Tests => TESTS.map(|(program, _)| program).join(", "),
        }
    }

    /// What stands in the way; `None` when nothing does.
    fn missing(&self) -> Result<Option<String>> {
        Ok(match self {
            Self::RustTarget(target) => {
                Toolchain::ready(target)?.is_none().then(|| "the toolchain has none".into())
            }
            Self::Qemu { program, .. } => (!host::on_path(program)).then(|| "not on PATH".into()),
            Self::Guest { architecture, packages } => {
                let store = Store::guest(architecture);
                let mut lacking = Vec::new();
                for package in packages {
                    if store.kept(package)?.is_none() {
                        lacking.push(package.as_str());
                    }
                }
                (!lacking.is_empty()).then(|| format!("{} not downloaded", lacking.join(", ")))
            }
            Self::Namespaces => host::probe().err().map(|error| format!("{error:#}")),
            Self::Ext4 => {
                let lacking = ext4::PROGRAMS.iter().find(|name| ext4::program(name).is_none());
                lacking.map(|name| format!("no {name}"))
            }
            Self::Tests => {
                let lacking = TESTS.iter().find(|(program, _)| !host::on_path(program));
                lacking.map(|(program, _)| format!("no {program}; its tests would be skipped"))
            }
        })
    }

    /// What would be done about it, in words.
    fn remedy(&self) -> String {
        match self {
            Self::RustTarget(target) => format!("rustup target add {target}, or build it from its sources"),
            Self::Qemu { package, .. } => {
                format!("install {package} with apt-get, without removing anything")
            }
            Self::Guest { .. } => {
                format!("download from Debian {} into {}", GUEST_SUITE, cache_dir().display())
            }
            Self::Namespaces => "nothing: run it as root, or use a QEMU board".into(),
            Self::Ext4 => format!("install {} with apt-get", ext4::PACKAGE),
            Self::Tests => {
                format!("install {} with apt-get", TESTS.map(|(_, package)| package).join(", "))
            }
        }
    }

    fn get(&self) -> Result<()> {
        match self {
            Self::RustTarget(target) => Toolchain::get(target).map(drop),
            Self::Qemu { program, package } => install_qemu(program, package),
            Self::Guest { architecture, packages } => {
                let names: Vec<&str> = packages.iter().map(String::as_str).collect();
                Store::guest(architecture).fetch(&names)
            }
            Self::Namespaces => bail!("{}", self.remedy()),
            Self::Ext4 => debian::install(&[ext4::PACKAGE], false),
            Self::Tests => debian::install(&TESTS.map(|(_, package)| package), false),
        }
    }
}

/// Installs `package` beside whatever QEMU tools the machine has. Bookworm's own 7.2 would remove newer ones, so there
/// it comes from backports.
fn install_qemu(program: &str, package: &str) -> Result<()> {
    let bookworm = codename().is_ok_and(|codename| codename == "bookworm");
    let mut packages = vec![package];
    if bookworm && debian::has_package("qemu-utils") {
        packages.push("qemu-utils"); // the same version as the rest, or apt would have to remove it
    }
    debian::install(&packages, bookworm)?;
    if !host::on_path(program) {
        bail!("{package} is installed, but {program} is not on PATH");
    }
    Ok(())
}
