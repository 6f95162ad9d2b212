//! board.toml: everything about one board. Read strictly: an unknown key or a value out of its bounds is an error that
//! names line and column.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Spanned;
use tomte::table::{Arch, LogTarget, Micros, PanicAction, UidRange, limits::SLOTS_MAX};

use crate::{
    allow,
    diag::closest,
    read::{Source, Text},
    target::feature::Feature,
    users,
    values::time,
};

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
    /// How QEMU runs it; absent for boards that are no VM.
    pub qemu: Option<Qemu>,
}

/// As `tomte::table::LogTarget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    #[default]
    Kmsg,
    Console,
}

impl From<Log> for LogTarget {
    fn from(log: Log) -> Self {
        match log {
            Log::Kmsg => Self::Kmsg,
            Log::Console => Self::Console,
        }
    }
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
    /// Kernel modules the image carries, without those they depend on: these are found.
    #[serde(default)]
    pub modules: Vec<String>,
    /// TCP ports of the guest that can be reached on the host, each at a free port of 127.0.0.1.
    #[serde(default)]
    pub forward: Vec<u16>,
}

/// `missing-kernel-feature`: by the feature's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct MissingFeatures(BTreeMap<FeatureName, Lack>);

/// What a missing feature comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lack {
    /// What it would narrow stays wide; the posture says so.
    Degrade,
    /// The unit does not run.
    Refuse,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FeatureName(&'static str);

impl<'de> Deserialize<'de> for FeatureName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
            let mut names: Vec<&str> = Feature::ALL.into_iter().map(name_of).collect();
            names.sort_unstable();
            names.dedup();
            names
        });
        let written = String::deserialize(deserializer)?;
        let known = NAMES.iter().find(|name| **name == written);
        known.map(|name| Self(name)).ok_or_else(|| D::Error::unknown_variant(&written, &NAMES))
    }
}

fn name_of(feature: Feature) -> &'static str {
    Feature::name_of(feature as u32)
}

impl MissingFeatures {
    /// The features that the kernel may lack, as `tomte::table::Board` has them.
    pub fn may_lack(&self) -> u16 {
        let may = |feature: Feature| match self.0.get(&FeatureName(name_of(feature))) {
            Some(said) => *said == Lack::Degrade,
            None => feature == Feature::SecondWall, // everything is enforced without it
        };
        Feature::ALL.into_iter().filter(|feature| may(*feature)).fold(0, |all, feature| all | feature.bit())
    }
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
    /// Reads the text of a board.toml, which lies in `file`.
    ///
    /// # Errors
    /// With file, line and column where the text is wrong; static users that cannot be.
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
            let line = at.matches('\n').count() + 1;
            let column = at.chars().rev().take_while(|c| *c != '\n').count() + 1;
            anyhow!("{}:{line}:{column}: {}", file.display(), explained(error.message()))
        })?;
        users::check(&config).with_context(|| file.display().to_string())?;
        Ok(config)
    }
}

/// serde's message for an unknown key or word, with the one that was probably meant.
fn explained(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let slip = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let message =
        message.replacen("unknown field", "unknown key", 1).replacen("unknown variant", "unknown word", 1);
    match quoted.split_first() {
        Some((written, known)) if slip => match closest(written, known.iter().copied()) {
            Some(meant) => format!("{message} (did you mean `{meant}`?)"),
            None => message,
        },
        Some(_) | None => message,
    }
}

impl Board {
    /// Reads the board called `name`, or the one in the folder `name` if it is a path.
    pub fn load(name: &str) -> Result<Self> {
        let dir = if name.contains('/') { PathBuf::from(name) } else { boards_dir().join(name) };
        let file = dir.join("board.toml");
        if !file.exists() {
            let boards = crate::setup::board_names().unwrap_or_default();
            let meant = closest(name, boards.iter().map(String::as_str));
            let meant = meant.map_or_else(
                || format!("the boards are {}", boards.join(", ")),
                |meant| format!("did you mean {meant}?"),
            );
            bail!("no board {name}: {} does not exist ({meant})", file.display());
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let config = Config::parse(&text, &file)?;
        let name =
            dir.file_name().map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { name, dir, config })
    }

    /// The processor architecture.
    pub fn arch(&self) -> Arch {
        let named = ARCHS.into_iter().find(|arch| arch.as_str() == self.config.arch);
        named.expect("Config::parse has checked the name")
    }

    /// Numbers for dynamic users.
    pub fn uids(&self) -> UidRange {
        UidRange { first: self.config.uids.first, last: self.config.uids.last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(lines: &str) -> String {
        let text = format!("arch = \"x86_64\"\ntarget = \"t\"\n{lines}\n");
        Config::parse(&text, Path::new("b/board.toml"))
            .map_or_else(|error| format!("{error:#}"), |_| "fine".into())
    }

    #[test]
    fn a_board_says_little_and_means_the_rest() {
        let config = Config::parse("arch = \"arm\"\ntarget = \"t\"", Path::new("x")).unwrap();
        assert_eq!((config.uids.first, config.uids.last), (61184, 65519));
        assert_eq!((config.panic.action, config.panic.delay), (Ending::Reboot, Delay(Micros::from_secs(10))));
        assert_eq!((config.log, config.default_target.as_str()), (Log::Kmsg, "multi-user.target"));
        let config =
            Config::parse("arch = \"arm\"\ntarget = \"t\"\n[panic]\naction = \"halt\"", Path::new("x"))
                .unwrap();
        assert_eq!((config.panic.action, config.panic.delay), (Ending::Halt, Delay(Micros::from_secs(10))));
    }

    #[test]
    fn mistakes_are_named_with_line_and_column_and_what_was_meant() {
        let cases = [
            (
                "hostnme = \"x\"",
                "b/board.toml:3:1: unknown key `hostnme`, expected one of",
                "(did you mean `hostname`?)",
            ),
            ("log = \"consle\"", "b/board.toml:3:7: unknown word `consle`", "(did you mean `console`?)"),
            (
                "[panic]\naction = \"power-off\"",
                "b/board.toml:4:10: unknown word",
                "(did you mean `poweroff`?)",
            ),
            ("[panic]\ndelay = \"10x\"", "b/board.toml:4:9: \"10x\": x is no", "unit of time"),
            ("[uids]\nfirst = 9\nlast = 8", "b/board.toml:3:1: 9-8 is no range for users", "4294967295"),
            ("uids = { first = 1, last = 65534 }", "b/board.toml:3:8: 1-65534 is no range", "4294967295"),
            (
                "uids = { first = 1, lst = 2 }",
                "b/board.toml:3:21: unknown key `lst`",
                "(did you mean `last`?)",
            ),
            ("environment = { \"A B\" = \"x\" }", "b/board.toml:3:15: `A B` is no name", "variable"),
            ("hostname = 1", "b/board.toml:3:12: invalid type: integer", "expected a string"),
            ("enable = [", "b/board.toml:", ""),
            (
                "missing-kernel-feature = { secomp = \"degrade\" }",
                "b/board.toml:3:28: unknown word `secomp`, expected one of `cgroup`",
                "(did you mean `seccomp`?)",
            ),
            (
                "[missing-kernel-feature]\nlandlock = \"ignore\"",
                "b/board.toml:4:12: unknown word `ignore`, expected `degrade` or `refuse`",
                "",
            ),
        ];
        for (lines, start, end) in cases {
            let error = error_of(lines);
            assert!(error.starts_with(start) && error.ends_with(end), "{error}");
        }
        let arch = Config::parse("arch = \"arm64\"\ntarget = \"t\"", Path::new("x")).unwrap_err().to_string();
        assert!(arch.starts_with("x:1:8: unknown word `arm64`, expected one of `x86_64`"), "{arch}");
    }

    #[test]
    fn a_missing_feature_is_refused_unless_the_board_says_otherwise() {
        let may_lack = |lines: &str| {
            let text = format!("arch = \"arm\"\ntarget = \"t\"\n{lines}");
            Config::parse(&text, Path::new("x")).unwrap().missing_kernel_feature.may_lack()
        };
        assert_eq!(may_lack(""), Feature::SecondWall.bit());
        let both = "missing-kernel-feature = { landlock = \"degrade\", seccomp = \"refuse\" }";
        assert_eq!(may_lack(both), Feature::SecondWall.bit() | Feature::Landlock.bit());
        assert_eq!(may_lack("missing-kernel-feature.landlock = \"refuse\""), 0);
    }

    #[test]
    fn the_boards_of_this_repository_load() {
        let boards = std::fs::read_dir(boards_dir()).unwrap().map(|entry| entry.unwrap().path());
        let boards: Vec<PathBuf> = boards.filter(|dir| dir.join("board.toml").exists()).collect();
        assert!(!boards.is_empty());
        for dir in boards {
            Board::load(&format!("{}/", dir.display())).unwrap();
        }
    }
}
