//! board.toml(5): every key with what it is for. A test holds the list against what board.toml's reader takes.

use clap_mangen::roff::{Roff, bold, roman};

/// Key, and what it is for.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("arch", "The processor: x86_64, aarch64, arm or riscv64."),
    ("target", "The Rust target triple."),
    ("hostname", "The host name that PID 1 sets; without it none."),
    ("default-target", "What boot starts; multi-user.target without it."),
    ("boot-timeout", "How long boot may take: baking warns if the units' timeouts allow for more."),
    ("log", "Where PID 1's messages go: kmsg or console."),
    (
        "logd",
        "Where what services say is kept: enabled, ring (bytes in memory), max-level-console, remote (an address of \
         syslog), and files = { size, older, bytes-a-day, at-once } in /var/log/tomte.",
    ),
    ("uids", "Numbers for dynamic users: { first = …, last = … }; 61184 to 65519 without it."),
    (
        "panic",
        "What becomes of the machine if PID 1 fails: { action = \"reboot|poweroff|halt\", delay = \"10s\" }.",
    ),
    ("environment", "What every service finds in its environment first: a table of names and values."),
    ("userd", "Whether names of dynamic users are to be had from every C library; true without it."),
    ("transient-units", "How many units tomte run can make at a time."),
    ("enable", "Units that boot is to start; without it all that have an [Install] section."),
    ("user", "[[user]]: a static user of the image, with name, uid and gid."),
    ("group", "[[group]]: a static group of the image, with name, gid and members."),
    (
        "missing-kernel-feature",
        "What is done about a feature that the kernel lacks: degrade or refuse, by its name.",
    ),
    (
        "allow",
        "[[allow]]: who may ask PID 1 for more than the state of units: user or group (a name or a number), verbs (start, stop, \
         restart, reload, isolate, reset-failed, kill, posture, shutdown), and units (full names, with * and ?); without \
         units, all of them.",
    ),
    (
        "mount",
        "[[mount]]: a mount or swap, as a line of fstab(5): what, where, type, options, and pass, whether fsck looks first.",
    ),
    (
        "vital",
        "What tells a machine that works from one that does not: the units that have to be up, for how long one may be \
         down before all are restarted together (patience), and after that before the machine is sick (group-patience; 0s: \
         they are not restarted), and how long all have to be up before the boot is good (good-after).",
    ),
    (
        "boot-verdict",
        "What follows from a good boot (mark-good, a command), and from sick ones: counter (a file), tries before \
         other-slot (a command), and safe-target when that was in vain, too.",
    ),
    (
        "watchdog",
        "The hardware watchdog, fed only while the vital units are up: device, timeout, pretimeout, reboot-timeout, \
         kexec-timeout, and probe, a file that is read to see whether the root file system answers.",
    ),
    (
        "rescue",
        "A root shell (shell, a command) at the console, without a password, when boot fails or the kernel's command line \
         asks for it. Without this key there is none.",
    ),
    (
        "console",
        "Who may log in where: login (getty, shell or none), tty, baud, and root, whether a shell of root's may run there \
         without a password.",
    ),
    ("sysctl", "Settings of the kernel by sysctl(8)'s names, made early at boot."),
    (
        "modules",
        "Kernel modules: load, a list; coldplug, whether those are loaded that the devices ask for; and hotplug, whether that \
         is done, and [[device]] heeded, for devices that come later, too. Firmware the kernel loads by itself.",
    ),
    ("device", "[[device]]: whose the nodes in /dev are that a pattern matches: path, user, group, mode."),
    (
        "network",
        "[network.INTERFACE]: an interface with fixed addresses: address, a list of such as 192.0.2.10/24; gateway, a list of \
         those that lead to everywhere else; and wait, for how long the interface may not be there yet.",
    ),
    (
        "machine-id",
        "Where machine-id(5) is kept (file), and the files with a serial number that it is made from (from); without one it \
         is random.",
    ),
    (
        "random-seed",
        "What the kernel's random numbers begin with, kept from boot to boot: file, and credit, whether it counts as random.",
    ),
    (
        "clock",
        "Before which time the clock cannot be: the last change of file, which is when the machine last ran, and the day \
         not-before, which is when the image was made.",
    ),
    ("zram", "Swap in compressed memory: size and algorithm."),
    (
        "power-key",
        "What becomes of the machine when its power key is pressed: poweroff, reboot, or ignore, which holds without this key.",
    ),
    (
        "root",
        "What lies over the root file system: volatile (overlay, state for /var alone, or no), and upper and upper-type, a \
         device that takes what is written. systemd.volatile= on the kernel's command line goes before.",
    ),
    (
        "initramfs",
        "tomte is the init of an initramfs and goes to the root (a device, or UUID=, LABEL=, PARTUUID=, PARTLABEL=): type, \
         options, wait, and modules to load before. root= and its kind on the kernel's command line go before.",
    ),
    ("image", "What the image of the board is made of."),
    (
        "demo",
        "What the root file system has, besides busybox, that is made where nobody gives one: packages, a list of Debian's.",
    ),
    ("flash", "How the image gets onto the board."),
    ("serial", "The board's serial console, for the host."),
    ("qemu", "How QEMU runs it; only for boards that are virtual machines."),
];

/// The page.
pub(super) fn page() -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("TH", ["board.toml", "5", "", "", "File Formats"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("board.toml - everything about a board that tomte runs on")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A TOML file in a folder of board-configs, beside units/, rootfs/ and uids.lock. It is read when the image is \
         built. A key that is not known is an error.",
    )]);
    roff.control("SH", ["KEYS"]);
    for (key, about) in KEYS {
        roff.control("TP", []);
        roff.text([bold(*key)]);
        roff.text([roman(*about)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("tomte(1), tomte(8)")]);
    roff.render().into_bytes()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::board::Config;

    #[test]
    fn the_page_has_exactly_the_keys_that_are_read() {
        let error = Config::parse("no-such-key = 1", Path::new("x")).unwrap_err();
        let error = format!("{error:#}");
        let known = error.split_once("the keys here are ").map_or("", |(_, keys)| keys);
        let known = known.lines().next().unwrap_or_default().trim_end_matches(')');
        let mut known: Vec<&str> = known.split(", ").collect();
        known.sort_unstable();
        let mut documented: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
        documented.sort_unstable();
        assert_eq!(documented, known, "{error}");
    }
}
