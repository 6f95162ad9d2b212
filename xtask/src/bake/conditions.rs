//! `Condition*=` and `Assert*=` as the table has them: what cannot change while the board runs is decided here.

use std::sync::Arc;

use bumpalo::Bump;
use tomte::table::{self, Arch, List, Subject};

use super::pressure;
use crate::{
    model::Condition,
    read::{Source, Text},
    values::{capability, size},
};

/// The records of a unit's conditions. Those that PID 1 cannot look at are left out: `check` has said so.
pub(super) fn records<'a>(
    arena: &'a Bump,
    conditions: &[Condition],
    arch: Arch,
) -> List<'a, table::Condition<'a>> {
    let records: Vec<_> = conditions.iter().filter_map(|one| record(arena, one, arch)).collect();
    super::record::list(arena, &records)
}

fn record<'a>(arena: &'a Bump, condition: &Condition, arch: Arch) -> Option<table::Condition<'a>> {
    let Condition { subject, assert, trigger, negate, parameter } = condition;
    let value = parameter.value.as_str();
    let all = table::Condition {
        subject: Subject::Always,
        assert: *assert,
        trigger: *trigger,
        negate: *negate,
        parameter: "",
    };
    let written = format!("{subject}={}{value}", if *negate { "!" } else { "" });
    if let Some(holds) = decided(subject, value, arch) {
        let subject = if holds == *negate { Subject::Never } else { Subject::Always };
        return Some(table::Condition {
            subject,
            negate: false,
            parameter: arena.alloc_str(&written),
            ..all
        });
    }
    let Look { subject, parameter, flipped } = look(subject, value, &written)?;
    let negate = *negate != flipped;
    Some(table::Condition { subject, negate, parameter: arena.alloc_str(&parameter), ..all })
}

/// What is looked at on the target.
struct Look {
    subject: Subject,
    parameter: String,
    /// The condition holds if this does not.
    flipped: bool,
}

impl Look {
    fn new(subject: Subject, parameter: impl Into<String>) -> Self {
        Self { subject, parameter: parameter.into(), flipped: false }
    }

    /// Something is at `path`.
    fn exists(path: &str) -> Self {
        Self::new(Subject::PathExists, path)
    }

    /// A line of one of `files` is what one of `patterns` means. What is shown is what was `written`.
    fn says(written: &str, files: &str, patterns: &[&str]) -> Self {
        Self::new(Subject::FileSays, [&[written, files], patterns].concat().join("\n"))
    }

    fn unless(self, flipped: bool) -> Self {
        Self { flipped, ..self }
    }
}

/// A boolean, as `check` has found it.
fn yes(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// How a condition on `subject` is looked at; `None` if the target does not.
fn look(subject: &str, value: &str, written: &str) -> Option<Look> {
    match (subject, value) {
        ("Virtualization", "container") => Some(Look::new(Subject::Container, value)),
        ("Virtualization", "vm") => Some(Look::new(Subject::VirtualMachine, value)),
        ("Virtualization", _) if yes(value).is_some() => {
            Some(Look::new(Subject::Virtual, "yes").unless(yes(value) == Some(false)))
        }
        ("FirstBoot", _) => Some(Look::exists("/run/systemd/first-boot").unless(!yes(value)?)),
        ("Firmware", "uefi") => Some(Look::exists("/sys/firmware/efi")),
        ("Firmware", "device-tree") => Some(Look::exists("/sys/firmware/devicetree")),
        ("Security", _) if security(value).is_some() => security(value),
        // It holds, too, where the kernel tells nothing of it: condition.c, `condition_test_psi`.
        ("MemoryPressure" | "CPUPressure" | "IOPressure", _) => {
            let (file, patterns) = pressure::above(subject, value)?;
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            Some(Look::says(written, &file, &patterns).unless(true))
        }
        ("KernelVersion", _) if compared(value, version).is_some() => {
            compared(value, version).map(|to| Look::new(Subject::KernelVersion, to))
        }
        ("CPUs", _) => compared(value, |number| number.parse().ok()).map(|to| Look::new(Subject::Cpus, to)),
        ("Memory", _) => {
            let bytes = |number: &str| {
                let source = Arc::new(Source::new("", number));
                size::bytes(&Text::of(&source, 0..number.len())).ok()
            };
            compared(value, bytes).map(|to| Look::new(Subject::Memory, to))
        }
        (
            "ACPower" | "CPUFeature" | "Environment" | "Firmware" | "Host" | "KernelVersion" | "OSRelease",
            _,
        )
        | ("Security" | "Virtualization", _) => said(subject, value, written),
        _ => {
            let named = |known: &Subject| known.as_str().trim_end_matches('=') == subject;
            let known = Subject::OPEN.into_iter().find(named)?;
            let parameter = match known {
                Subject::Capability => capability::by_name(value)?.to_string(),
                _ => value.to_owned(),
            };
            Some(Look::new(known, parameter))
        }
    }
}

/// What a file says (condition.c, and virt.c as far as it looks at files).
fn said(subject: &str, value: &str, written: &str) -> Option<Look> {
    const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let says = |files: &str, patterns: &[&str]| Some(Look::says(written, files, patterns));
    let plain = |text: &str| !text.is_empty() && !text.contains(['\n', '*', '?', '[', '\\']);
    let hex = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (subject, value) {
        // On battery is who empties one. Boards without any are on the mains.
        ("ACPower", _) => {
            let mains = yes(value)?;
            says("/sys/class/power_supply/*/status", &["Discharging"]).map(|look| look.unless(mains))
        }
        ("CPUFeature", _) if plain(value) => {
            let [last, other] = [format!("flags* {value}"), format!("flags* {value} *")];
            says("/proc/cpuinfo", &[&last, &other])
        }
        ("Environment", _) if plain(value) => {
            let pattern = if value.contains('=') { value.to_owned() } else { format!("{value}=*") };
            says("/proc/1/environ", &[&pattern])
        }
        ("Firmware", _) => {
            let compatible = value.strip_prefix("device-tree-compatible(")?.strip_suffix(')')?;
            says("/proc/device-tree/compatible", &[Some(compatible).filter(|word| plain(word))?])
        }
        ("Host", id) if hex(&id.replace('-', "")) => {
            says("/etc/machine-id", &[&id.replace('-', "").to_lowercase()])
        }
        ("Host", _) => says("/proc/sys/kernel/hostname", &[value]),
        ("KernelVersion", _) if !value.starts_with(['<', '>', '=', '!', '$']) => {
            says("/proc/sys/kernel/osrelease", &[value])
        }
        ("OSRelease", _) => {
            let (field, wanted) =
                value.split_once('=').filter(|(field, wanted)| plain(field) && plain(wanted))?;
            let whole = !field.ends_with(['<', '>', '!', '$']) && !wanted.starts_with(['=', '"', '\'']);
            let [bare, quoted] = [format!("{field}={wanted}"), format!("{field}=\"{wanted}\"")];
            whole.then(|| says("/etc/os-release", &[&bare, &quoted]))?
        }
        ("Security", "uefi-secureboot") => says(SECURE_BOOT, &["\u{1}"]),
        ("Virtualization", "docker") => Some(Look::exists("/.dockerenv")),
        ("Virtualization", "podman") => Some(Look::exists("/run/.containerenv")),
        ("Virtualization", "wsl") => says("/proc/sys/kernel/osrelease", &["*Microsoft*", "*WSL*"]),
        ("Virtualization", name) if CONTAINERS.contains(&name) => {
            says("/proc/1/environ", &[&format!("container={name}")])
        }
        ("Virtualization", _) => {
            let (_, files, pattern) = MACHINES.into_iter().find(|(name, ..)| *name == value)?;
            says(files, &[pattern])
        }
        _ => None,
    }
}

/// Virtual machines by systemd's names, and what tells them. `qemu` is none of them: whether it has KVM below it, only a
/// processor tells.
const MACHINES: [(&str, &str, &str); 11] = [
    ("amazon", "/sys/class/dmi/id/sys_vendor", "Amazon EC2"),
    ("apple", "/sys/class/dmi/id/product_name", "Apple Virtualization*"),
    ("bhyve", "/sys/class/dmi/id/product_name", "BHYVE"),
    ("google", "/sys/class/dmi/id/product_name", "Google Compute Engine"),
    ("kvm", "/sys/devices/system/clocksource/clocksource0/available_clocksource", "*kvm-clock*"),
    ("microsoft", "/sys/class/dmi/id/product_name", "Virtual Machine"),
    ("oracle", "/sys/class/dmi/id/product_name", "VirtualBox"),
    ("parallels", "/sys/class/dmi/id/product_name", "Parallels*"),
    ("uml", "/proc/cpuinfo", "vendor_id*User Mode Linux"),
    ("vmware", "/sys/class/dmi/id/product_name", "VMware*"),
    ("xen", "/sys/hypervisor/type", "xen"),
];

/// Containers by systemd's names that tell their PID 1 so in its environment.
const CONTAINERS: [&str; 5] = ["lxc", "lxc-libvirt", "pouch", "rkt", "systemd-nspawn"];

/// A version of up to three numbers as [`Subject::KernelVersion`] has it.
fn version(text: &str) -> Option<u64> {
    let mut numbers = text.split('.').map(|number| number.parse::<u16>().ok());
    let mut whole = 0;
    for _ in 0..3 {
        whole = whole << 16 | u64::from(numbers.next().unwrap_or(Some(0))?);
    }
    numbers.next().is_none().then_some(whole)
}

/// `ConditionSecurity=`, as far as a path tells (condition.c, `condition_test_security`).
fn security(value: &str) -> Option<Look> {
    match value {
        "selinux" => Some(Look::exists("/sys/fs/selinux/enforce")),
        // What a process has only if the kernel can audit it.
        "audit" => Some(Look::exists("/proc/self/loginuid")),
        "apparmor" => Some(Look::exists("/sys/kernel/security/apparmor")),
        "tomoyo" => Some(Look::exists("/sys/kernel/security/tomoyo/version")),
        "smack" => Some(Look::exists("/sys/fs/smackfs")),
        "ima" => Some(Look::exists("/sys/kernel/security/ima")),
        "measured-uki" => Some(Look::exists(concat!(
            "/sys/firmware/efi/efivars/StubPcrKernelImage-",
            "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
        ))),
        "tpm2" => Some(Look::new(Subject::DirectoryNotEmpty, "/sys/class/tpmrm")),
        _ => None,
    }
}

/// A comparison as [`Subject::compares`] reads it; without a sign it is "at least".
fn compared(value: &str, number: impl Fn(&str) -> Option<u64>) -> Option<String> {
    const SIGNS: [(&str, &str); 8] = [
        ("<=", "<="),
        (">=", ">="),
        ("!=", "<>"),
        ("<>", "<>"),
        ("==", "="),
        ("<", "<"),
        (">", ">"),
        ("=", "="),
    ];
    let signed = SIGNS.iter().find_map(|(sign, right)| Some((value.strip_prefix(sign)?, *right)));
    let (rest, right) = signed.unwrap_or((value, ">="));
    Some(format!("{right}{}", number(rest.trim())?))
}

/// Whether a condition holds that is the same at every start; `None` for all others.
fn decided(subject: &str, value: &str, arch: Arch) -> Option<bool> {
    match subject {
        "Architecture" => Some(value == "native" || value == architecture(arch)),
        "User" => Some(matches!(value, "root" | "0" | "@system")),
        "Group" => Some(matches!(value, "root" | "0")),
        // PID 1 is given none.
        "Credential" => Some(false),
        // Nothing is above 100 %.
        _ => pressure::above(subject, value).filter(|(_, patterns)| patterns.is_empty()).map(|_| true),
    }
}

/// systemd's name for the architecture (systemd.unit(5), `ConditionArchitecture=`).
const fn architecture(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86-64",
        Arch::Aarch64 => "arm64",
        Arch::Arm => "arm",
        Arch::Riscv64 => "riscv64",
    }
}

/// Whether PID 1 looks at conditions of `subject` with the parameter `value`.
pub fn is_looked_at(subject: &str, value: &str) -> bool {
    matches!(subject, "Architecture" | "Credential" | "User" | "Group") || look(subject, value, "").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is looked at for `subject` with `value`, as a unit file would have it.
    fn looked_at(subject: &str, value: &str) -> Option<String> {
        let Look { subject, parameter, flipped } = look(subject, value, "")?;
        Some(format!("{}{}{parameter}", subject.as_str(), if flipped { "!" } else { "" }))
    }

    #[test]
    fn what_a_path_tells_is_asked_as_a_path() {
        for (subject, value, asked) in [
            ("FirstBoot", "yes", "PathExists=/run/systemd/first-boot"),
            ("FirstBoot", "no", "PathExists=!/run/systemd/first-boot"),
            ("Security", "audit", "PathExists=/proc/self/loginuid"),
            ("Security", "selinux", "PathExists=/sys/fs/selinux/enforce"),
            ("Firmware", "uefi", "PathExists=/sys/firmware/efi"),
            ("Virtualization", "no", "Virtualization=!yes"),
            ("Virtualization", "vm", "Virtualization=vm"),
            ("Virtualization", "lxc", "\n/proc/1/environ\ncontainer=lxc"),
            ("Virtualization", "podman", "PathExists=/run/.containerenv"),
            ("CPUs", "4", "CPUs=>=4"),
            ("CPUs", "!=4", "CPUs=<>4"),
            ("Memory", "< 1G", "Memory=<1073741824"),
            ("PathExists", "/x", "PathExists=/x"),
            ("KernelVersion", ">=5.4", "KernelVersion=>=21475098624"),
            ("KernelVersion", "6.1.*", "\n/proc/sys/kernel/osrelease\n6.1.*"),
            ("NeedsUpdate", "/etc", "NeedsUpdate=/etc"),
            ("ACPower", "yes", "!\n/sys/class/power_supply/*/status\nDischarging"),
            ("Environment", "A", "\n/proc/1/environ\nA=*"),
            ("Host", "b1c4", "\n/proc/sys/kernel/hostname\nb1c4"),
            ("IOPressure", "99.99%", "!\n/proc/pressure/io\nfull * avg300=100.?? *"),
            (
                "CPUPressure",
                "99.98%/10sec",
                "!\n/proc/pressure/cpu\nfull avg10=99.9[9-9] *\nfull avg10=100.?? *",
            ),
            ("OSRelease", "ID=x", "\n/etc/os-release\nID=x\nID=\"x\""),
            ("Firmware", "device-tree-compatible(a,b)", "\n/proc/device-tree/compatible\na,b"),
        ] {
            assert_eq!(looked_at(subject, value).as_deref(), Some(asked), "{subject}={value}");
        }
        assert_eq!(decided("MemoryPressure", "100%/1min", Arch::Arm), Some(true));
        assert_eq!(decided("MemoryPressure", "99%", Arch::Arm), None);
        for (subject, value) in [
            ("Virtualization", "qemu"),
            ("Virtualization", "openvz"),
            ("Virtualization", "proot"),
            ("Security", "cvm"),
            ("CPUs", "many"),
            ("MemoryPressure", "a.slice:10%"),
            ("MemoryPressure", "10"),
            ("KernelVersion", ">=5.4-rc1"),
        ] {
            assert!(!is_looked_at(subject, value), "{subject}={value}");
        }
    }
}
