//! What board.toml says of booting, of the machine's health, and of who may help it at the console.

use serde::Deserialize;
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
