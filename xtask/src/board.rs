//! board.toml: everything about one board. Read strictly: an unknown key is an error.

use std::{collections::BTreeMap, path::{Path, PathBuf}};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// One board's folder and what its board.toml says.
#[derive(Clone, Debug)]
pub struct Board {
    /// The folder's name.
    pub name: String,
    /// The folder: board.toml, units/, rootfs/ (files to lay over the image), uids.lock.
    pub dir: PathBuf,
    pub config: Config,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// x86_64, aarch64, arm or riscv64.
    pub arch: String,
    /// The Rust target triple.
    pub target: String,
    #[serde(default)]
    pub hostname: String,
    /// What boot starts.
    #[serde(default = "multi_user")]
    pub default_target: String,
    /// `kmsg` or `console`.
    #[serde(default = "kmsg")]
    pub log: String,
    /// Numbers for dynamic users.
    #[serde(default)]
    pub uids: Uids,
    #[serde(default)]
    pub panic: Panic,
    /// What every service finds in its environment first.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Units to enable; without it, all that have an [Install] section.
    pub enable: Option<Vec<String>>,
    /// Static users of the image.
    #[serde(default)]
    pub user: Vec<User>,
    /// Static groups of the image.
    #[serde(default)]
    pub group: Vec<Group>,
    /// How QEMU runs it; absent for boards that are no VM.
    pub qemu: Option<Qemu>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uids {
    pub first: u32,
    pub last: u32,
}

impl Default for Uids {
    fn default() -> Self {
        let range = tomte::table::UidRange::DYNAMIC;
        Self { first: range.first, last: range.last }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panic {
    /// reboot, poweroff or halt.
    pub action: String,
    /// A time span, such as "10s".
    pub delay: String,
}

impl Default for Panic {
    fn default() -> Self {
        Self { action: "reboot".into(), delay: "10s".into() }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    #[serde(default)]
    pub members: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Qemu {
    /// The program, such as qemu-system-x86_64.
    pub program: String,
    pub machine: String,
    pub cpu: String,
    pub memory: String,
    /// The serial console's device name, such as ttyS0.
    pub console: String,
    /// Debian's architecture name, for the kernel and busybox packages.
    pub debian_arch: String,
    /// The kernel's metapackage.
    pub kernel_package: String,
}

fn multi_user() -> String {
    "multi-user.target".into()
}

fn kmsg() -> String {
    "kmsg".into()
}

/// The folder that holds the boards.
pub fn boards_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../board-configs")
}

impl Board {
    /// Reads the board called `name`, or the one in the folder `name` if it is a path.
    pub fn load(name: &str) -> Result<Self> {
        let dir = if name.contains('/') { PathBuf::from(name) } else { boards_dir().join(name) };
        let file = dir.join("board.toml");
        if !file.exists() {
            bail!("no board {name}: {} does not exist", file.display());
        }
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let config = toml::from_str(&text).with_context(|| format!("{}", file.display()))?;
        let name = dir.file_name().map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { name, dir, config })
    }
}
