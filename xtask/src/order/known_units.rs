//! Units of systemd, of its surroundings and of the kernel's view of devices that units of images name and that tomte
//! does not bring along (systemd.special(7), and what systemd 257 installs): what a dependency on each comes to. A unit
//! of the image with the same name wins over this list.

/// What becomes of a dependency on a unit that neither the image nor `targets.rs` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Part of shutting down, which the supervisor orders without units.
    Shutdown,
    /// tomte itself, the kernel, or the build has done its work before the first unit starts: a dependency on it is
    /// fulfilled.
    Done(&'static str),
    /// A part of systemd or of a desktop that tomte has no counterpart of. What to do instead; may be empty.
    Foreign(&'static str),
    /// A device: it is not waited for.
    Device,
    /// A kind of unit that tomte does not have.
    Kind(&'static str),
    /// Nothing is known.
    Unknown,
}

const MOUNTED: Fate = Fate::Done("mounted before the first unit starts");
const LOGGING: Fate = Fate::Done("logging is there from the start");
const USERS: Fate = Fate::Done("the image's users are made when it is built");
const NODES: Fate = Fate::Done("the kernel's devtmpfs has the device nodes");
const CGROUP: Fate = Fate::Done("cgroups need no units here");
const SYSLOG: Fate = Fate::Done("a syslog daemon opens its socket by itself");
const NOT_AN_INITRD: Fate = Fate::Done("the units of an image start when its root is the root");
const UNUSED: Fate = Fate::Done("what it does for systemd is not needed here");
const OBSOLETE: Fate = Fate::Done("systemd has dropped it");

const DBUS: Fate = Fate::Foreign("put the units of a D-Bus daemon beside this one");
const UDEV: Fate = Fate::Foreign(
    "the kernel's devtmpfs has the nodes; put the units of a device manager beside this one for more",
);
const DIRECTORIES: Fate = Fate::Foreign(
    "tmpfiles.d is not read; StateDirectory= and its kind, or a oneshot service, make directories",
);
const NETWORK: Fate = Fate::Foreign("put the units of what sets up the network beside this one");
const TIME: Fate = Fate::Foreign("put the unit of an NTP client beside this one");
const LOGIND: Fate = Fate::Foreign("there are no login sessions here");
const ONESHOT: Fate = Fate::Foreign("a oneshot service can do it");
const SLEEP: Fate = Fate::Foreign("tomte does not put the machine to sleep");
const UPDATE: Fate = Fate::Foreign("tomte has no offline updates");
const HERE: Fate = Fate::Foreign("put its unit beside this one");
const OTHER: Fate = Fate::Foreign("");

/// Names, or beginnings of names that end in `*`; sorted.
const UNITS: &[(&str, Fate)] = &[
    ("-.mount", MOUNTED),
    ("-.slice", CGROUP),
    ("ModemManager.service", HERE),
    ("NetworkManager*", NETWORK),
    ("auditd.service", HERE),
    ("blockdev@*", Fate::Device),
    ("capsule*", LOGIND),
    ("console-getty.service", HERE),
    ("container-getty@*", HERE),
    ("dbus-broker.service", DBUS),
    ("dbus-org.freedesktop.*", DBUS),
    ("dbus.service", DBUS),
    ("dbus.socket", DBUS),
    ("debug-shell.service", HERE),
    ("dev-hugepages.mount", ONESHOT),
    ("dev-mqueue.mount", ONESHOT),
    ("dev-pts.mount", MOUNTED),
    ("dev-shm.mount", MOUNTED),
    ("dev.mount", MOUNTED),
    ("display-manager.service", HERE),
    ("emergency.service", OTHER),
    ("exit.target", Fate::Shutdown),
    ("final.target", Fate::Shutdown),
    ("firewalld.service", HERE),
    ("getty-static.service", HERE),
    ("getty@*", HERE),
    ("halt.target", Fate::Shutdown),
    ("hibernate.target", SLEEP),
    ("hybrid-sleep.target", SLEEP),
    ("init.scope", CGROUP),
    ("initrd-*", NOT_AN_INITRD),
    ("initrd.target", NOT_AN_INITRD),
    ("kbrequest.target", OTHER),
    ("kexec.target", Fate::Shutdown),
    ("kmod-static-nodes.service", NODES),
    ("ldconfig.service", UNUSED),
    ("local-fs-post.target", OBSOLETE),
    ("machine.slice", CGROUP),
    ("modprobe@*", Fate::Foreign("name the module in board.toml, or load it with a oneshot service")),
    ("plymouth*", UNUSED),
    ("polkit.service", HERE),
    ("poweroff.target", Fate::Shutdown),
    ("proc-sys-fs-binfmt_misc*", ONESHOT),
    ("proc.mount", MOUNTED),
    ("quotaon*", ONESHOT),
    ("rc-local.service", HERE),
    ("reboot.target", Fate::Shutdown),
    ("rescue.service", OTHER),
    ("rsyslog.service", HERE),
    ("run.mount", MOUNTED),
    ("serial-getty@*", HERE),
    ("shutdown.target", Fate::Shutdown),
    ("sigpwr.target", OTHER),
    ("sleep.target", SLEEP),
    ("soft-reboot.target", Fate::Shutdown),
    ("storage-target-mode.target", OTHER),
    ("suspend-then-hibernate.target", SLEEP),
    ("suspend.target", SLEEP),
    ("sys-fs-cgroup.mount", MOUNTED),
    ("sys-fs-fuse-connections.mount", ONESHOT),
    ("sys-kernel-config.mount", ONESHOT),
    ("sys-kernel-debug.mount", ONESHOT),
    ("sys-kernel-tracing.mount", ONESHOT),
    ("sys.mount", MOUNTED),
    ("syslog.service", HERE),
    ("syslog.socket", SYSLOG),
    ("syslog.target", OBSOLETE),
    ("system-update*", UPDATE),
    ("system.slice", CGROUP),
    ("systemd-ask-password*", OTHER),
    ("systemd-backlight@*", ONESHOT),
    ("systemd-battery-check.service", UNUSED),
    ("systemd-binfmt.service", ONESHOT),
    ("systemd-boot-random-seed.service", UNUSED),
    ("systemd-coredump*", OTHER),
    ("systemd-cryptsetup@*", ONESHOT),
    ("systemd-exit.service", Fate::Shutdown),
    ("systemd-firstboot.service", UNUSED),
    ("systemd-fsck*", ONESHOT),
    ("systemd-growfs*", ONESHOT),
    ("systemd-halt.service", Fate::Shutdown),
    ("systemd-hibernate*", SLEEP),
    ("systemd-homed*", LOGIND),
    ("systemd-hwdb-update.service", UNUSED),
    ("systemd-hybrid-sleep.service", SLEEP),
    ("systemd-initctl.*", Fate::Done("tomte listens for the requests of sysvinit's programs")),
    ("systemd-journal-catalog-update.service", UNUSED),
    ("systemd-journal-flush.service", LOGGING),
    ("systemd-journald*", LOGGING),
    ("systemd-kexec.service", Fate::Shutdown),
    ("systemd-logind*", LOGIND),
    ("systemd-machine-id-commit.service", UNUSED),
    (
        "systemd-modules-load.service",
        Fate::Foreign("name the modules in board.toml, or load them with a oneshot service"),
    ),
    ("systemd-networkd*", NETWORK),
    ("systemd-oomd*", OTHER),
    ("systemd-pcr*", UNUSED),
    ("systemd-poweroff.service", Fate::Shutdown),
    ("systemd-pstore.service", OTHER),
    ("systemd-quotacheck*", ONESHOT),
    (
        "systemd-random-seed.service",
        Fate::Foreign("the kernel seeds itself; a oneshot service can keep a seed over reboots"),
    ),
    ("systemd-reboot.service", Fate::Shutdown),
    ("systemd-remount-fs.service", Fate::Done("the kernel has mounted the root as its command line says")),
    ("systemd-repart.service", UNUSED),
    ("systemd-resolved*", NETWORK),
    ("systemd-rfkill*", ONESHOT),
    ("systemd-soft-reboot.service", Fate::Shutdown),
    ("systemd-suspend*", SLEEP),
    ("systemd-sysctl.service", Fate::Foreign("sysctl.d is not read; a oneshot service can run sysctl")),
    ("systemd-sysext*", OTHER),
    ("systemd-sysusers.service", USERS),
    ("systemd-time-wait-sync.service", TIME),
    ("systemd-timesyncd.service", TIME),
    ("systemd-tmpfiles-clean*", DIRECTORIES),
    ("systemd-tmpfiles-setup-dev*", NODES),
    ("systemd-tmpfiles-setup.service", DIRECTORIES),
    ("systemd-tpm2-setup*", OTHER),
    ("systemd-udev*", UDEV),
    ("systemd-update-done.service", UNUSED),
    ("systemd-update-utmp*", UNUSED),
    ("systemd-user-sessions.service", Fate::Done("nothing keeps users from logging in")),
    ("systemd-userdbd*", USERS),
    ("systemd-vconsole-setup.service", ONESHOT),
    ("systemd-volatile-root.service", NOT_AN_INITRD),
    ("tmp.mount", MOUNTED),
    ("udev.service", UDEV),
    ("umount.target", Fate::Shutdown),
    ("user-runtime-dir@*", LOGIND),
    ("user.slice", CGROUP),
    ("user@*", LOGIND),
    ("var-lib-machines.mount", OTHER),
    ("ypbind.service", HERE),
];

/// What is known about `name`.
pub fn fate(name: &str) -> Fate {
    let matches = |(pattern, _): &&(&str, Fate)| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *pattern,
    };
    // The longest pattern says the most.
    if let Some((_, fate)) = UNITS.iter().filter(matches).max_by_key(|(pattern, _)| pattern.len()) {
        return *fate;
    }
    match name.rsplit_once('.') {
        Some((_, "device")) => Fate::Device,
        Some((_, "automount")) => Fate::Kind("automount"),
        Some((_, "scope")) => Fate::Kind("scope"),
        Some(_) if name.starts_with("systemd-") => OTHER,
        Some(_) | None => Fate::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TARGETS;

    #[test]
    fn names_are_sorted_and_none_is_a_target_of_tomtes_own() {
        let names: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        assert!(TARGETS.iter().all(|target| fate(target.name) == Fate::Unknown));
    }

    #[test]
    fn the_longest_name_that_fits_decides() {
        assert_eq!(fate("systemd-tmpfiles-setup-dev-early.service"), NODES);
        assert_eq!(fate("systemd-tmpfiles-setup.service"), DIRECTORIES);
        assert_eq!(fate("systemd-udevd-kernel.socket"), UDEV);
        assert_eq!(fate("systemd-something-new.service"), OTHER);
        assert_eq!(fate("dev-ttyS0.device"), Fate::Device);
        assert_eq!(fate("mosquitto.service"), Fate::Unknown);
        assert_eq!(fate("data.mount"), Fate::Unknown);
    }
}
