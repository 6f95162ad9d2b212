//! What board.toml says of booting, of the machine's health, and of who may help it at the console.

use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Spanned;
use tomte::table::Micros;

use crate::board::Delay;

/// `[vital]`: what tells a machine that works from one that does not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vital {
    /// The units without which it is of no use.
    pub units: Vec<Spanned<String>>,
    /// How long one of them may be down, at boot as later.
    #[serde(default = "patience")]
    pub patience: Delay,
    /// How long after that, when all of them have been restarted together; zero: they are not. `patience` without it.
    pub group_patience: Option<Delay>,
    /// How long all of them have to be up before the boot counts as good.
    #[serde(default = "good_after")]
    pub good_after: Delay,
}

/// `[boot-verdict]`: what follows from a good boot, and from sick ones. Command lines are those of `ExecStart=`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BootVerdict {
    /// Run when the boot is good: it tells the boot loader so.
    pub mark_good: Option<Spanned<String>>,
    /// The file that counts the boots since the last good one. Without it, a sick machine reboots each time.
    pub counter: Option<Spanned<String>>,
    /// How many boots in a row may be sick before the other slot is tried.
    #[serde(default = "tries")]
    pub tries: u16,
    /// Run after that, and followed by a reboot: it tells the boot loader to take the other slot, which has as many tries.
    pub other_slot: Option<Spanned<String>>,
    /// What is started alone when no slot is left.
    pub safe_target: Option<Spanned<String>>,
}

/// `[watchdog]`: the hardware's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Watchdog {
    #[serde(default = "watchdog_device")]
    pub device: Spanned<String>,
    /// How long it waits to be fed.
    pub timeout: Spanned<Delay>,
    /// How long before that the kernel is told.
    pub pretimeout: Option<Spanned<Delay>>,
    /// How long stopping all units may take.
    #[serde(default = "reboot_timeout")]
    pub reboot_timeout: Delay,
    /// How long it waits for the next kernel after kexec.
    #[serde(default = "kexec_timeout")]
    pub kexec_timeout: Delay,
    /// The file that is read from the root file system to see whether that answers; empty: none is.
    #[serde(default = "probe")]
    pub probe: String,
}

/// `[rescue]`: a root shell at the console, without a password, when boot fails or the kernel's command line asks for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescue {
    /// A command line as `ExecStart=` has it.
    #[serde(default = "shell")]
    pub shell: String,
}

/// A value of `[sysctl]`: a word, or a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Sysctl {
    Word(String),
    Number(i64),
}

/// `[modules]`: of the kernel.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {
    /// A module's name or file, and its parameters behind blanks.
    #[serde(default)]
    pub load: Vec<String>,
    /// Whether those are loaded that the devices ask for.
    #[serde(default)]
    pub coldplug: bool,
    /// The same for devices that come later, whose nodes get their owners as well.
    #[serde(default)]
    pub hotplug: bool,
}

/// `[[device]]`: whose the nodes are that the pattern matches.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// A glob(7) pattern.
    pub path: String,
    /// A number, or a static user of the board.
    pub user: Option<Spanned<String>>,
    pub group: Option<Spanned<String>>,
    /// Octal, such as "0660".
    #[serde(default, deserialize_with = "octal")]
    pub mode: Option<u32>,
}

/// `[machine-id]`: what tells this machine from others: machine-id(5).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineId {
    #[serde(default = "machine_id_file")]
    pub file: String,
    /// Files with a serial number: the first that there is makes the id; without one it is random.
    #[serde(default = "serial_numbers")]
    pub from: Vec<String>,
}

/// `[random-seed]`: what the kernel's random numbers begin with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSeed {
    #[serde(default = "seed_file")]
    pub file: String,
    /// Whether it counts as random: not where images or disks are copied with the file on them.
    #[serde(default)]
    pub credit: bool,
}

/// `[clock]`: before which time it cannot be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Clock {
    /// Its last change is when the machine last ran.
    #[serde(default = "clock_file")]
    pub file: String,
    /// A day, such as "2026-11-22": when the image was made. Without it, `$SOURCE_DATE_EPOCH`, or the release of xtask.
    #[serde(default, deserialize_with = "day")]
    pub not_before: Option<u32>,
}

/// `[zram]`: a swap device in compressed memory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zram {
    /// Bytes that fit in, such as "128M".
    pub size: String,
    /// One of those in /sys/block/zram0/comp_algorithm.
    pub algorithm: Option<String>,
}

/// `power-key`: what becomes of the machine when somebody presses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerKey {
    PowerOff,
    Reboot,
    /// Nothing, and nobody listens.
    #[default]
    Ignore,
}

/// `[root]`: what lies over it. `systemd.volatile=` on the kernel's command line goes before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Root {
    #[serde(default)]
    pub volatile: Volatile,
    /// For `overlay`: the device that takes what is written, instead of memory that is empty after each boot.
    pub upper: Option<String>,
    /// The file system on it; without it, the device says so itself.
    pub upper_type: Option<String>,
}

/// What of the root forgets: systemd's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Volatile {
    /// Nothing.
    #[default]
    No,
    /// /var.
    State,
    /// Everything, above what there is.
    Overlay,
}

/// `[initramfs]`: tomte is the init of one, mounts the root and goes there. What the kernel's command line says of it (`root=`
/// and its kind) goes before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initramfs {
    /// A device node, or `UUID=`, `LABEL=`, `PARTUUID=`, `PARTLABEL=`.
    pub root: String,
    /// The file system; without it, the device says so itself.
    #[serde(rename = "type", default)]
    pub file_system: String,
    /// Options of the file system.
    #[serde(default)]
    pub options: String,
    /// How long the device is waited for.
    #[serde(default = "initramfs_wait")]
    pub wait: Delay,
    /// Modules of the kernel that are loaded before, in this order, besides those that devices and the root's file system ask
    /// for: what the root itself lacks.
    #[serde(default)]
    pub modules: Vec<String>,
}

const fn initramfs_wait() -> Delay {
    Delay(Micros::from_secs(30))
}

/// `[console]`: who may log in there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Console {
    pub login: Login,
    /// Terminals below /dev; those that there are get a login.
    #[serde(default = "consoles")]
    pub tty: Vec<Spanned<String>>,
    /// Bits in a second of a serial line.
    #[serde(default = "baud")]
    pub baud: u32,
    /// Whether a shell of root's may run there without a password.
    #[serde(default)]
    pub root: bool,
}

/// What runs at a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Login {
    /// /sbin/getty, and what that starts.
    Getty,
    /// A shell of root's.
    Shell,
    /// Nothing.
    None,
}

fn octal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match u32::from_str_radix(&text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(Some(mode)),
        _ => Err(D::Error::custom(format!("\"{text}\" is no mode: expected octal digits such as \"0660\""))),
    }
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = humantime::parse_rfc3339_weak(&format!("{text} 00:00:00")).ok();
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    match since.and_then(|since| u32::try_from(since.as_secs()).ok()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(D::Error::custom(format!("\"{text}\" is no day: expected one such as \"2026-11-22\""))),
    }
}

fn machine_id_file() -> String {
    "/etc/machine-id".into()
}

fn serial_numbers() -> Vec<String> {
    ["/sys/class/dmi/id/product_uuid", "/proc/device-tree/serial-number", "/sys/devices/soc0/serial_number"]
        .map(str::to_owned)
        .to_vec()
}

fn seed_file() -> String {
    "/var/lib/systemd/random-seed".into()
}

fn clock_file() -> String {
    "/var/lib/systemd/timesync/clock".into()
}

fn consoles() -> Vec<Spanned<String>> {
    vec![Spanned::new(0..0, "console".into())]
}

const fn baud() -> u32 {
    115_200
}

const fn patience() -> Delay {
    Delay(Micros::from_secs(60))
}

const fn good_after() -> Delay {
    Delay(Micros::from_secs(10))
}

const fn tries() -> u16 {
    3
}

fn watchdog_device() -> Spanned<String> {
    Spanned::new(0..0, "/dev/watchdog0".into())
}

const fn reboot_timeout() -> Delay {
    Delay(Micros::from_secs(600))
}

const fn kexec_timeout() -> Delay {
    Delay(Micros::from_secs(60))
}

fn probe() -> String {
    "/proc/self/exe".into()
}

fn shell() -> String {
    "/bin/sh".into()
}
