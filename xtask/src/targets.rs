//! The targets tomte brings along, as systemd 257 ships them (systemd.special(7), bootup(7), and its unit files). A unit
//! file of the same name wins over a target of this list. Units of systemd that tomte does not bring along are in
//! `order/known_units.rs`.

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
    /// `DefaultDependencies=`: whether it starts after what it wants without being told so.
    pub default_dependencies: bool,
    /// `AllowIsolate=`.
    pub allow_isolate: bool,
    /// Under systemd udev starts it when such a device appears; here a unit or the board has to.
    pub hardware: bool,
}

impl Target {
    const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            requires: &[],
            wants: &[],
            after: &[],
            default_dependencies: true,
            allow_isolate: false,
            hardware: false,
        }
    }

    const fn requires(self, requires: &'static [&'static str]) -> Self {
        Self { requires, ..self }
    }

    const fn wants(self, wants: &'static [&'static str]) -> Self {
        Self { wants, ..self }
    }

    const fn after(self, after: &'static [&'static str]) -> Self {
        Self { after, ..self }
    }

    const fn without_default_dependencies(self) -> Self {
        Self { default_dependencies: false, ..self }
    }

    const fn allow_isolate(self) -> Self {
        Self { allow_isolate: true, ..self }
    }

    const fn hardware(self) -> Self {
        Self { hardware: true, ..self }
    }
}

/// All of them, sorted by name.
pub const TARGETS: &[Target] = &[
    Target::new("basic.target", "Basic System")
        .requires(&["sysinit.target"])
        .wants(&["sockets.target", "timers.target", "paths.target", "slices.target"])
        .after(&["sysinit.target", "sockets.target", "paths.target", "slices.target"]),
    Target::new("bluetooth.target", "Bluetooth Support").hardware(),
    Target::new("boot-complete.target", "Boot Completion Check")
        .requires(&["sysinit.target"])
        .after(&["sysinit.target"]),
    Target::new("cryptsetup.target", "Local Encrypted Volumes").after(&["cryptsetup-pre.target"]),
    Target::new("cryptsetup-pre.target", "Local Encrypted Volumes (Pre)"),
    Target::new("emergency.target", "Emergency Mode").after(&["sysinit.target"]).allow_isolate(),
    Target::new("factory-reset.target", "Factory Reset"),
    Target::new("first-boot-complete.target", "First Boot Complete"),
    Target::new("getty.target", "Login Prompts").after(&["getty-pre.target"]),
    Target::new("getty-pre.target", "Preparation for Logins"),
    Target::new("graphical.target", "Graphical Interface")
        .requires(&["multi-user.target"])
        .wants(&["display-manager.service"])
        .after(&["multi-user.target", "rescue.target", "display-manager.service"])
        .allow_isolate(),
    Target::new("integritysetup.target", "Local Integrity Protected Volumes")
        .after(&["integritysetup-pre.target"]),
    Target::new("integritysetup-pre.target", "Local Integrity Protected Volumes (Pre)"),
    Target::new("local-fs.target", "Local File Systems")
        .after(&["local-fs-pre.target"])
        .without_default_dependencies(),
    Target::new("local-fs-pre.target", "Preparation for Local File Systems"),
    Target::new("machines.target", "Containers"),
    Target::new("multi-user.target", "Multi-User System")
        .requires(&["basic.target"])
        .wants(&["getty.target", "machines.target", "remote-fs.target"])
        .after(&["basic.target", "rescue.target", "machines.target"])
        .allow_isolate(),
    Target::new("network.target", "Network").after(&["network-pre.target"]),
    Target::new("network-online.target", "Network is Online").after(&["network.target"]),
    Target::new("network-pre.target", "Preparation for Network"),
    Target::new("nss-lookup.target", "Host and Network Name Lookups"),
    Target::new("nss-user-lookup.target", "User and Group Name Lookups"),
    Target::new("paths.target", "Path Units"),
    Target::new("printer.target", "Printer Support").hardware(),
    Target::new("remote-cryptsetup.target", "Remote Encrypted Volumes")
        .after(&["remote-fs-pre.target", "cryptsetup-pre.target"])
        .without_default_dependencies(),
    Target::new("remote-fs.target", "Remote File Systems")
        .after(&["remote-fs-pre.target"])
        .without_default_dependencies(),
    Target::new("remote-fs-pre.target", "Preparation for Remote File Systems"),
    Target::new("remote-veritysetup.target", "Remote Verity Protected Volumes")
        .after(&["remote-fs-pre.target", "veritysetup-pre.target"])
        .without_default_dependencies(),
    Target::new("rescue.target", "Rescue Mode")
        .requires(&["sysinit.target"])
        .after(&["sysinit.target"])
        .allow_isolate(),
    Target::new("rpcbind.target", "RPC Port Mapper"),
    Target::new("slices.target", "Slice Units"),
    Target::new("smartcard.target", "Smart Card").hardware(),
    Target::new("sockets.target", "Socket Units"),
    Target::new("sound.target", "Sound Card").hardware(),
    Target::new("ssh-access.target", "SSH Access Available"),
    Target::new("swap.target", "Swaps"),
    Target::new("sysinit.target", "System Initialization")
        .wants(&[
            "local-fs.target",
            "swap.target",
            "cryptsetup.target",
            "integritysetup.target",
            "veritysetup.target",
        ])
        .after(&["local-fs.target", "swap.target"]),
    Target::new("time-set.target", "System Time Set"),
    Target::new("time-sync.target", "System Time Synchronized")
        .wants(&["time-set.target"])
        .after(&["time-set.target"]),
    Target::new("timers.target", "Timer Units").without_default_dependencies(),
    Target::new("tpm2.target", "Trusted Platform Module").hardware(),
    Target::new("usb-gadget.target", "Hardware activated USB gadget").hardware(),
    Target::new("veritysetup.target", "Local Verity Protected Volumes").after(&["veritysetup-pre.target"]),
    Target::new("veritysetup-pre.target", "Local Verity Protected Volumes (Pre)"),
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
        "dbus.target" => "dbus.socket",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_sorted_and_name_only_targets_of_the_list_or_what_the_image_may_have() {
        let stems: Vec<&str> = TARGETS.iter().map(|target| target.name.trim_end_matches(".target")).collect();
        assert!(stems.is_sorted(), "{stems:?}");
        for target in TARGETS {
            for name in target.requires.iter().chain(target.wants).chain(target.after) {
                assert!(
                    find(name).is_some() || *name == "display-manager.service",
                    "{}: {name}",
                    target.name
                );
            }
            assert!(target.requires.iter().all(|name| find(name).is_some()), "{}", target.name);
        }
    }

    /// systemd 257's unit files.
    #[test]
    fn these_may_be_isolated() {
        let allowed: Vec<&str> =
            TARGETS.iter().filter(|target| target.allow_isolate).map(|target| target.name).collect();
        assert_eq!(allowed, ["emergency.target", "graphical.target", "multi-user.target", "rescue.target"]);
    }

    #[test]
    fn an_alias_leads_to_a_name_that_is_none() {
        for name in
            ["default.target", "runlevel1.target", "runlevel3.target", "runlevel5.target", "runlevel6.target"]
        {
            let found = resolve(name, "multi-user.target");
            assert_eq!(resolve(found, "multi-user.target"), found, "{name}");
        }
    }
}
