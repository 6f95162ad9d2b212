//! board.toml: everything about one board. Read strictly: an unknown key or a value out of its bounds is an error that
//! names line and column. A board may inherit from another (`inherit`): board/layers.rs.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Spanned;
use tomte::table::{Arch, Micros, PanicAction, UidRange, limits::SLOTS_MAX};

use crate::{
    allow,
    boot::{keys, network},
    diag::{Diagnostic, Diagnostics, closest},
    read::{Source, Text},
    users,
    values::time,
};

mod features;
pub mod image;
mod layers;
mod logs;
mod mistakes;
#[cfg(test)]
mod tests;

pub use features::MissingFeatures;
pub use layers::Layers;
pub use logs::{Log, Logd};

/// One board's folder and what its board.toml says.
#[derive(Clone, Debug)]
pub struct Board {
    /// The folder's name.
    pub name: String,
    /// The folder: board.toml, units/, rootfs/ (files to lay over the image), uids.lock.
    pub dir: PathBuf,
    pub config: Config,
    /// The files that `config` is from.
    pub layers: Layers,
    /// Further folders of unit files, which come first.
    units: Vec<PathBuf>,
    /// Further folders with units/ and rootfs/, which come last.
    more: Vec<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// x86_64, aarch64, arm or riscv64.
    #[serde(deserialize_with = "arch_name")]
    pub arch: String,
    /// The Rust target triple.
    pub target: String,
    #[serde(default)]
    pub hostname: String,
    /// What boot starts.
    #[serde(default = "multi_user")]
    pub default_target: String,
    /// How long boot may take, whatever hangs: `bake` warns if the timeouts of the units allow for more.
    pub boot_timeout: Option<Delay>,
    /// Where PID 1's messages go.
    #[serde(default)]
    pub log: Log,
    /// What keeps the log.
    #[serde(default)]
    pub logd: Logd,
    /// Numbers for dynamic users.
    #[serde(default)]
    pub uids: Uids,
    #[serde(default)]
    pub panic: Panic,
    /// What every service finds in its environment first.
    #[serde(default, deserialize_with = "environment")]
    pub environment: BTreeMap<String, String>,
    /// Whether names of dynamic users are to be had from every C library: tomte-userd answers at /run/nscd/socket.
    #[serde(default = "yes")]
    pub userd: bool,
    /// How many units `tomte run` can make at a time.
    #[serde(default = "transient_units", deserialize_with = "slots")]
    pub transient_units: u8,
    /// Units that boot is to start: through their [Install] section, or by the default target where that is missing.
    /// Without this list, all that have an [Install] section.
    pub enable: Option<Vec<String>>,
    /// Static users of the image.
    #[serde(default)]
    pub user: Vec<User>,
    /// Static groups of the image.
    #[serde(default)]
    pub group: Vec<Group>,
    /// What is done about a feature that the kernel lacks and a unit needs. Without a word about it, the unit is refused.
    #[serde(default)]
    pub missing_kernel_feature: MissingFeatures,
    /// Who may ask PID 1 for more than the state of units, besides root.
    #[serde(default)]
    pub allow: Vec<allow::Rule>,
    /// Mounts and swaps: lines of fstab(5).
    #[serde(default)]
    pub mount: Vec<MountLine>,
    /// What tells a machine that works from one that does not.
    pub vital: Option<keys::Vital>,
    /// What follows from a good boot, and from sick ones.
    pub boot_verdict: Option<keys::BootVerdict>,
    /// The hardware watchdog.
    pub watchdog: Option<keys::Watchdog>,
    /// A shell for whoever has to help the machine.
    pub rescue: Option<keys::Rescue>,
    /// Who may log in at the console.
    pub console: Option<keys::Console>,
    /// Settings of the kernel's, by sysctl(8)'s names.
    #[serde(default)]
    pub sysctl: BTreeMap<String, keys::Sysctl>,
    /// Modules of the kernel.
    pub modules: Option<keys::Modules>,
    /// Whose nodes in /dev are.
    #[serde(default)]
    pub device: Vec<keys::Device>,
    /// Network interfaces with fixed addresses, by their names.
    #[serde(default, deserialize_with = "network::interfaces")]
    pub network: BTreeMap<String, network::Interface>,
    pub machine_id: Option<keys::MachineId>,
    pub random_seed: Option<keys::RandomSeed>,
    pub clock: Option<keys::Clock>,
    pub zram: Option<keys::Zram>,
    pub demo: Option<Demo>,
    /// What becomes of the machine when somebody presses its power key.
    #[serde(default)]
    pub power_key: keys::PowerKey,
    /// What lies over the root file system.
    pub root: Option<keys::Root>,
    /// How tomte gets from an initramfs to the root.
    pub initramfs: Option<keys::Initramfs>,
    /// What the board boots from; absent for the host, and for what boots an initramfs in QEMU.
    pub image: Option<image::Image>,
    /// How an image gets onto the board.
    pub flash: Option<image::Flash>,
    /// The board's serial console, as this machine sees it.
    pub serial: Option<image::Serial>,
    /// How QEMU runs it; absent for boards that are no VM.
    pub qemu: Option<Qemu>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Range")]
pub struct Uids {
    pub first: u32,
    pub last: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    first: u32,
    last: u32,
}

impl TryFrom<Range> for Uids {
    type Error = String;

    fn try_from(Range { first, last }: Range) -> Result<Self, String> {
        let range = UidRange { first, last };
        if range.is_valid() {
            return Ok(Self { first, last });
        }
        Err(format!(
            "{first}-{last} is no range for users: first <= last, without 0, 65534, 65535 and 4294967295"
        ))
    }
}

impl Default for Uids {
    fn default() -> Self {
        let range = UidRange::DYNAMIC;
        Self { first: range.first, last: range.last }
    }
}

/// How the board ends when PID 1 itself fails.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Panic {
    pub action: Ending,
    /// A time span, such as "10s".
    pub delay: Delay,
}

impl Default for Panic {
    fn default() -> Self {
        Self { action: Ending::Reboot, delay: Delay(Micros::from_secs(10)) }
    }
}

/// As `tomte::table::PanicAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    Reboot,
    PowerOff,
    Halt,
}

impl From<Ending> for PanicAction {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Reboot => Self::Reboot,
            Ending::PowerOff => Self::PowerOff,
            Ending::Halt => Self::Halt,
        }
    }
}

/// A time span of the unit files' kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Delay(pub Micros);

impl TryFrom<String> for Delay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = text.len();
        let source = Arc::new(Source::new("board.toml", text));
        time::span(&Text::of(&source, 0..length)).map(Self).map_err(|problem| problem.message)
    }
}

/// What the root file system has that is made where nobody gives one, besides busybox.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demo {
    /// Debian's packages, whose programs and libraries are taken. What these depend on is to be named, too.
    pub packages: Vec<String>,
}

/// A line of fstab(5): it becomes a unit (`check/fstab.rs`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountLine {
    pub what: Spanned<String>,
    /// Not of a swap.
    pub r#where: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub file_system: Option<Spanned<String>>,
    pub options: Option<Spanned<String>>,
    /// Whether, and when, `fsck` looks at it first: fstab(5)'s sixth field, of which any but 0 is yes.
    #[serde(default)]
    pub pass: u8,
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
    /// The kernel's metapackage.
    pub kernel_package: String,
    /// Kernel modules the image carries, without those they depend on: these are found.
    #[serde(default)]
    pub modules: Vec<String>,
    /// They stay compressed, as the package has them. The kernel unpacks them; busybox's insmod, by which an image with
    /// partitions gets to its disk, does not.
    #[serde(default)]
    pub packed_modules: bool,
    /// TCP ports of the guest that can be reached on the host, each at a free port of 127.0.0.1.
    #[serde(default)]
    pub forward: Vec<u16>,
    /// Devices beside those that every run needs: words of QEMU's `-device`.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Further words, of a run's own.
    #[serde(skip)]
    pub words: Vec<String>,
    /// What is done to the machine while it runs, likewise.
    #[serde(skip)]
    pub moments: Vec<crate::qemu::Moment>,
}

const ARCHS: [Arch; 4] = [Arch::X86_64, Arch::Aarch64, Arch::Arm, Arch::Riscv64];

fn arch_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match ARCHS.iter().any(|arch| arch.as_str() == name) {
        true => Ok(name),
        false => Err(D::Error::unknown_variant(&name, &["x86_64", "aarch64", "arm", "riscv64"])),
    }
}

fn environment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = BTreeMap::<String, String>::deserialize(deserializer)?;
    let valid = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match map.keys().find(|name| !valid(name)) {
        Some(name) => Err(D::Error::custom(format!("`{name}` is no name of an environment variable"))),
        None => Ok(map),
    }
}

const fn yes() -> bool {
    true
}

const fn transient_units() -> u8 {
    4
}

fn slots<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let slots = u8::deserialize(deserializer)?;
    if usize::from(slots) > SLOTS_MAX {
        return Err(D::Error::custom(format!("at most {SLOTS_MAX}, {slots} given")));
    }
    Ok(slots)
}

fn multi_user() -> String {
    "multi-user.target".into()
}

/// The folder that holds the boards, relative to the working directory where it lies below that.
pub fn boards_dir() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    let boards = root.join("board-configs");
    match env::current_dir() {
        Ok(here) => boards.strip_prefix(here).map(Path::to_owned).unwrap_or(boards),
        Err(_) => boards,
    }
}

impl Config {
    /// Reads the text of a board.toml, which lies in `file`, and what it inherits from.
    ///
    /// # Errors
    /// All mistakes, as text: what [`Board::read`] says of them.
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let mut sink = Diagnostics::default();
        match read(text.to_owned(), file, &mut sink) {
            Some((config, _)) => Ok(config),
            None => bail!("{}", sink.render(false).trim_end()),
        }
    }
}

/// Reads the text of the board.toml at `file`. `None` if anything is wrong, which `sink` has been told.
fn read(text: String, file: &Path, sink: &mut Diagnostics) -> Option<(Config, Layers)> {
    let layers = Layers::read(text, file, sink);
    let merged = layers.merged(sink);
    let config = match sink.has_errors() {
        false => mistakes::config(&merged, &layers, sink)?,
        true => return None,
    };
    for mistake in users::check(&config) {
        let span = mistakes::element(merged.get_ref(), mistake.array, mistake.index);
        let problem = Diagnostic::error(mistake.code, mistake.message);
        let text = span.and_then(|span| layers.text(span)).or_else(|| layers.beginning());
        sink.push(match text {
            Some(text) => problem.on(&text, 0..text.len()),
            None => problem,
        });
    }
    (!sink.has_errors()).then_some(())?;
    drop(merged);
    Some((config, layers))
}

/// The folders of the repository that hold a board.toml, boards or not, by name.
pub fn folders() -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(boards_dir())?
        .flatten()
        .filter(|entry| entry.path().join("board.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// The names of the repository's boards, sorted: not of what is only there for boards to inherit from, which has no
/// `arch`.
pub fn names() -> std::io::Result<Vec<String>> {
    let is_board = |name: &String| {
        let file = boards_dir().join(name).join("board.toml");
        let mut sink = Diagnostics::default();
        let layers = Layers::read(std::fs::read_to_string(&file).unwrap_or_default(), &file, &mut sink);
        let merged = layers.merged(&mut sink);
        sink.has_errors() || merged.get_ref().contains_key("arch")
    };
    Ok(folders()?.into_iter().filter(is_board).collect())
}

impl Board {
    /// Reads the board called `name`, or the one in the folder `name` if it is a path. What is wrong with it goes to
    /// stderr.
    pub fn load(name: &str) -> Result<Self> {
        let mut sink = Diagnostics::default();
        let board = Self::read(name, &mut sink)?;
        crate::bake::verb::emit(&sink);
        match (board, sink.count(crate::diag::Severity::Error)) {
            (Some(board), _) => Ok(board),
            (None, 1) => bail!("no board {name} because of the error above"),
            (None, errors) => bail!("no board {name} because of the {errors} errors above"),
        }
    }

    /// [`Board::load`], where what is wrong with the board's files goes to `sink`; then there is none.
    ///
    /// # Errors
    /// If there is no such file, or it cannot be read.
    pub fn read(name: &str, sink: &mut Diagnostics) -> Result<Option<Self>> {
        let dir = if name.contains('/') { PathBuf::from(name) } else { boards_dir().join(name) };
        let file = dir.join("board.toml");
        if !file.exists() {
            let boards = names().unwrap_or_default();
            let meant = closest(name, boards.iter().map(String::as_str));
            let meant = meant.map_or_else(
                || format!("the boards are {}", boards.join(", ")),
                |meant| format!("did you mean {meant}?"),
            );
            bail!("no board {name}: {} does not exist ({meant})", file.display());
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name =
            dir.file_name().map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned());
        let read = read(text, &file, sink);
        Ok(read.map(|(config, layers)| Self::new(name, dir, config, layers)))
    }

    /// A board that is `config`.
    pub fn new(name: String, dir: PathBuf, config: Config, layers: Layers) -> Self {
        Self { name, dir, config, layers, units: Vec::new(), more: Vec::new() }
    }

    /// Takes the unit files in `folders`, too: the board's own win over those.
    pub fn take_units(&mut self, folders: &[PathBuf]) {
        self.units.extend_from_slice(folders);
    }

    /// Adds the units/ and rootfs/ of the folder `dir`, and has boot start `units`.
    pub fn add(&mut self, dir: &Path, units: &[String]) {
        self.more.push(dir.to_owned());
        if let Some(enable) = &mut self.config.enable {
            enable.extend_from_slice(units);
        }
    }

    /// The processor architecture.
    pub fn arch(&self) -> Arch {
        let named = ARCHS.into_iter().find(|arch| arch.as_str() == self.config.arch);
        named.expect("Config::parse has checked the name")
    }

    /// Debian's name of it.
    pub fn debian_arch(&self) -> &'static str {
        match self.arch() {
            Arch::X86_64 => "amd64",
            Arch::Aarch64 => "arm64",
            Arch::Arm => "armhf",
            Arch::Riscv64 => "riscv64",
        }
    }

    /// Whether the board is this very machine.
    pub fn is_host(&self) -> bool {
        self.config.qemu.is_none() && self.config.image.is_none()
    }

    /// Numbers for dynamic users.
    pub fn uids(&self) -> UidRange {
        UidRange { first: self.config.uids.first, last: self.config.uids.last }
    }

    /// The folders of unit files that are there: its own, after those of the boards that it inherits from.
    pub fn units(&self) -> Vec<PathBuf> {
        [self.units.clone(), self.below("units")].concat()
    }

    /// The folders of files to lay over the image, in that order: its own, after those of the boards that it inherits
    /// from.
    pub fn rootfs(&self) -> Vec<PathBuf> {
        self.below("rootfs")
    }

    fn below(&self, name: &str) -> Vec<PathBuf> {
        let folders = self.layers.iter().map(|layer| &layer.dir).chain(&self.more);
        folders.map(|dir| dir.join(name)).filter(|dir| dir.is_dir()).collect()
    }
}
