//! The targets tomte brings along, and the names of systemd's own units that others mention. Source: systemd.special(7)
//! and bootup(7). A unit file of the same name wins over a target of this list.

/// A target that is there without a unit file.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Full name.
    pub name: &'static str,
    /// systemd's description.
    pub description: &'static str,
    /// Brought into the table together with this one.
    pub requires: &'static [&'static str],
    /// Wanted if something else brings them into the table: nobody needs an empty synchronisation point.
    pub wants: &'static [&'static str],
    /// Ordered first if they are in the table.
    pub after: &'static [&'static str],
}

const fn point(name: &'static str, description: &'static str) -> Target {
    Target { name, description, requires: &[], wants: &[], after: &[] }
}

const fn after(name: &'static str, description: &'static str, after: &'static [&'static str]) -> Target {
    Target { name, description, requires: &[], wants: &[], after }
}

/// All of them, sorted by name.
pub const TARGETS: &[Target] = &[
    Target {
        name: "basic.target",
        description: "Basic System",
        requires: &["sysinit.target"],
        wants: &["sockets.target", "timers.target", "paths.target"],
        after: &["sysinit.target", "sockets.target", "paths.target"],
    },
    point("bluetooth.target", "Bluetooth Support"),
    point("boot-complete.target", "Boot Completion Check"),
    after("cryptsetup.target", "Local Encrypted Volumes", &["cryptsetup-pre.target"]),
    point("cryptsetup-pre.target", "Local Encrypted Volumes (Pre)"),
    point("emergency.target", "Emergency Mode"),
    point("first-boot-complete.target", "First Boot Complete"),
    after("getty.target", "Login Prompts", &["getty-pre.target"]),
    point("getty-pre.target", "Preparation for Logins"),
    Target {
        name: "graphical.target",
        description: "Graphical Interface",
        requires: &["multi-user.target"],
        wants: &[],
        after: &["multi-user.target"],
    },
    after("local-fs.target", "Local File Systems", &["local-fs-pre.target"]),
    point("local-fs-pre.target", "Preparation for Local File Systems"),
    point("machines.target", "Containers"),
    Target {
        name: "multi-user.target",
        description: "Multi-User System",
        requires: &["basic.target"],
        wants: &["getty.target", "remote-fs.target"],
        after: &["basic.target", "rescue.target"],
    },
    after("network.target", "Network", &["network-pre.target"]),
    after("network-online.target", "Network is Online", &["network.target"]),
    point("network-pre.target", "Preparation for Network"),
    point("nss-lookup.target", "Host and Network Name Lookups"),
    point("nss-user-lookup.target", "User and Group Name Lookups"),
    point("paths.target", "Path Units"),
    point("printer.target", "Printer Support"),
    after("remote-fs.target", "Remote File Systems", &["remote-fs-pre.target"]),
    point("remote-fs-pre.target", "Preparation for Remote File Systems"),
    Target {
        name: "rescue.target",
        description: "Rescue Mode",
        requires: &["sysinit.target"],
        wants: &[],
        after: &["sysinit.target"],
    },
    point("rpcbind.target", "RPC Port Mapper"),
    point("slices.target", "Slice Units"),
    point("smartcard.target", "Smart Card"),
    point("sockets.target", "Socket Units"),
    point("sound.target", "Sound Card"),
    point("swap.target", "Swaps"),
    Target {
        name: "sysinit.target",
        description: "System Initialization",
        requires: &[],
        wants: &["local-fs.target", "swap.target"],
        after: &["local-fs.target", "swap.target", "emergency.target"],
    },
    point("time-set.target", "System Time Set"),
    after("time-sync.target", "System Time Synchronized", &["time-set.target"]),
    point("timers.target", "Timer Units"),
    point("usb-gadget.target", "Hardware activated USB gadget"),
];

/// The target called `name`.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Their names.
pub fn names<'n>() -> impl Iterator<Item = &'n str> {
    TARGETS.iter().map(|target| target.name)
}

/// The name behind systemd's aliases; `default` is the board's default target.
pub fn resolve<'n>(name: &'n str, default: &'n str) -> &'n str {
    match name {
        "default.target" => default,
        "runlevel1.target" => "rescue.target",
        "runlevel2.target" | "runlevel3.target" | "runlevel4.target" => "multi-user.target",
        "runlevel5.target" => "graphical.target",
        "runlevel0.target" => "poweroff.target",
        "runlevel6.target" | "ctrl-alt-del.target" => "reboot.target",
        other => other,
    }
}

/// What is known about a unit that neither the image nor [`TARGETS`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Part of shutting down, which the supervisor orders without units.
    Shutdown,
    /// tomte itself, or the kernel, has done its work before the first unit starts: a dependency on it is fulfilled.
    Done(&'static str),
    /// A part of systemd or of a desktop that tomte has no counterpart of.
    Foreign,
    /// A kind of unit that tomte does not have.
    Kind(&'static str),
    /// Nothing is known.
    Unknown,
}

/// What is known about `name`.
pub fn absent(name: &str) -> Absent {
    const SHUTDOWN: &[&str] = &[
        "exit.target",
        "final.target",
        "halt.target",
        "kexec.target",
        "poweroff.target",
        "reboot.target",
        "shutdown.target",
        "soft-reboot.target",
        "umount.target",
    ];
    const FOREIGN: &[&str] = &[
        "ModemManager.service",
        "NetworkManager.service",
        "NetworkManager-wait-online.service",
        "auditd.service",
        "dbus-broker.service",
        "dbus.service",
        "dbus.socket",
        "display-manager.service",
        "firewalld.service",
        "hibernate.target",
        "hybrid-sleep.target",
        "kmod-static-nodes.service",
        "polkit.service",
        "rsyslog.service",
        "sleep.target",
        "suspend.target",
        "suspend-then-hibernate.target",
        "syslog.service",
        "syslog.socket",
        "syslog.target",
        "udev.service",
        "ypbind.service",
    ];
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    match name {
        _ if SHUTDOWN.contains(&name) => Absent::Shutdown,
        "systemd-journald.service" | "systemd-journald.socket" | "systemd-journald-dev-log.socket" => {
            Absent::Done("logging is there from the start")
        }
        "systemd-remount-fs.service" | "systemd-tmpfiles-setup-dev.service" => {
            Absent::Done("early boot has done this")
        }
        "-.mount" | "dev.mount" | "proc.mount" | "sys.mount" | "run.mount" | "tmp.mount"
        | "dev-shm.mount" => Absent::Done("mounted before the first unit starts"),
        "-.slice" | "system.slice" | "init.scope" => Absent::Done("always there"),
        _ if FOREIGN.contains(&name) => Absent::Foreign,
        _ if stem.starts_with("systemd-") || stem.starts_with("plymouth") || stem.starts_with("initrd") => {
            Absent::Foreign
        }
        _ if stem.starts_with("getty@") || stem.starts_with("serial-getty@") || stem.starts_with("user@") => {
            Absent::Foreign
        }
        _ => match kind {
            "socket" => Absent::Kind("socket"),
            "mount" => Absent::Kind("mount"),
            "automount" => Absent::Kind("automount"),
            "swap" => Absent::Kind("swap"),
            "device" => Absent::Kind("device"),
            "timer" => Absent::Kind("timer"),
            "path" => Absent::Kind("path"),
            "slice" => Absent::Kind("slice"),
            "scope" => Absent::Kind("scope"),
            _ => Absent::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_sorted_and_name_only_targets_of_the_list() {
        let stems: Vec<&str> = TARGETS.iter().map(|target| target.name.trim_end_matches(".target")).collect();
        assert!(stems.is_sorted(), "{stems:?}");
        for target in TARGETS {
            for name in target.requires.iter().chain(target.wants).chain(target.after) {
                assert!(find(name).is_some(), "{} names {name}", target.name);
            }
        }
    }

    #[test]
    fn a_name_is_either_a_target_of_the_list_or_known_to_be_absent() {
        assert!(TARGETS.iter().all(|target| absent(target.name) == Absent::Unknown));
        assert_eq!(absent("shutdown.target"), Absent::Shutdown);
        assert_eq!(absent("dbus.socket"), Absent::Foreign);
        assert_eq!(absent("dev-sda1.device"), Absent::Kind("device"));
        assert_eq!(absent("mosquitto.service"), Absent::Unknown);
    }
}
