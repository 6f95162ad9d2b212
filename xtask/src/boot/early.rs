//! What has to be done once before anything else can count on it: modules, devices, settings of the kernel's, the clock,
//! random numbers, the machine's id, compressed swap. Each is a oneshot that runs before sysinit.target, under systemd's
//! name where systemd has such a unit, so that units which name that find it.

use tomte::table::{Call, CommandKind};

use super::{
    keys::{Clock, Device, MachineId, Modules, RandomSeed, Sysctl, Zram},
    made::{Maker, STANDS_FOR_CALLS, attempt, call, literal},
};
use crate::{
    board::Config,
    model::{Command, Kind, Relation, Unit},
};

/// Before this day there was no such tomte: 2026-11-01.
const RELEASED: u32 = 1_793_491_200;
const ZRAM: &str = "systemd-zram-setup@zram0.service";

/// The units that `config` asks for.
pub(super) fn units(config: &Config, maker: &mut Maker<'_>) {
    if let Some(modules) = &config.modules {
        load_modules(modules, maker);
    }
    devices(config, maker);
    if !config.sysctl.is_empty() {
        let write = |(key, value): (&String, &Sysctl)| {
            let value = match value {
                Sysctl::Word(word) => word.clone(),
                Sysctl::Number(number) => number.to_string(),
            };
            attempt(Call::Write, &sysctl_file(key), &[&value])
        };
        let calls = config.sysctl.iter().map(write).collect();
        let unit = early("systemd-sysctl.service", "Kernel Settings", "", "", calls, maker);
        unit.relations.imply(Relation::After, "systemd-modules-load.service");
    }
    if let Some(seed) = &config.random_seed {
        random_seed(seed, maker);
    }
    if let Some(clock) = &config.clock {
        set_clock(clock, maker);
    }
    if let Some(MachineId { file, from }) = &config.machine_id {
        let from: Vec<&str> =
            if from.is_empty() { vec![""] } else { from.iter().map(String::as_str).collect() };
        let calls = vec![attempt(Call::MachineId, file, &from)];
        let general = format!("RequiresMountsFor={}\nAfter=local-fs.target\n", literal(file));
        early("tomte-machine-id.service", "Machine Id", &general, "", calls, maker);
        let text = format!(
            "[Unit]\nDescription=Save Transient Machine Id\nDefaultDependencies=no\n\
             ConditionPathIsMountPoint={file}\nConditionVirtualization=!container\n\
             After=tomte-machine-id.service first-boot-complete.target\n\
             [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={STANDS_FOR_CALLS}\n",
            file = literal(file)
        );
        let commit = vec![(CommandKind::Start, attempt(Call::MachineId, file, &["commit"]))];
        let unit = maker.oneshot("systemd-machine-id-commit.service", &text, commit);
        unit.relations.imply(Relation::WantedBy, "sysinit.target");
    }
    if let Some(zram) = &config.zram {
        swap_in_memory(zram, maker);
    }
}

/// A oneshot that runs `calls` before sysinit.target.
fn early<'m>(
    name: &str,
    description: &str,
    general: &str,
    own: &str,
    calls: Vec<Command>,
    maker: &'m mut Maker<'_>,
) -> &'m mut Unit {
    let text = format!(
        "[Unit]\nDescription={description}\nDefaultDependencies=no\nBefore=sysinit.target\n\
         ConditionVirtualization=!container\n{general}\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutSec=90\nExecStart={STANDS_FOR_CALLS}\n{own}"
    );
    let calls = calls.into_iter().map(|call| (CommandKind::Start, call)).collect();
    // Whatever `enable` says: it is about the board's units.
    let unit = maker.oneshot(name, &text, calls);
    unit.relations.imply(Relation::WantedBy, "sysinit.target");
    unit
}

fn load_modules(modules: &Modules, maker: &mut Maker<'_>) {
    let load = |line: &String| {
        let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
        attempt(Call::LoadModule, name, &[parameters.trim()])
    };
    let calls: Vec<Command> = modules.load.iter().map(load).collect();
    if !calls.is_empty() {
        early("systemd-modules-load.service", "Kernel Modules", "", "", calls, maker);
    }
}

fn devices(config: &Config, maker: &mut Maker<'_>) {
    let rules: Vec<[String; 4]> = config.device.iter().map(|device| rule(device, config)).collect();
    let own = |[path, user, group, mode]: &[String; 4]| attempt(Call::Own, path, &[user, group, mode]);
    let mut calls: Vec<Command> = rules.iter().map(own).collect();
    let wants = |what: fn(&Modules) -> bool| config.modules.as_ref().is_some_and(what);
    if wants(|modules| modules.coldplug) {
        calls.insert(0, attempt(Call::LoadForDevices, "/sys/devices", &[""]));
    }
    if !calls.is_empty() {
        let unit = early("systemd-udev-trigger.service", "Devices", "", "", calls, maker);
        for before in ["systemd-modules-load.service", "systemd-udevd.service"] {
            unit.relations.imply(Relation::After, before);
        }
    }
    if wants(|modules| modules.hotplug) {
        let unit = maker.unit("systemd-udevd.service", HOTPLUG);
        unit.relations.imply(Relation::WantedBy, "sysinit.target");
        if let Kind::Service(service) = &mut unit.kind {
            let words = rules.into_iter().flatten();
            service.commands.iter_mut().take(1).for_each(|(_, command)| command.argv.extend(words.clone()));
        }
    }
}

/// Who hears of devices that come later. It is there before the others have their turn, so that none comes in between.
const HOTPLUG: &str = "\
[Unit]
Description=Devices That Come Later
DefaultDependencies=no
Before=sysinit.target shutdown.target
Conflicts=shutdown.target
ConditionVirtualization=!container

[Service]
Type=notify
ExecStart=:@/proc/self/exe tomte-devices
Restart=always
RestartSec=1
TimeoutStopSec=5
OOMScoreAdjust=-1000
CapabilityBoundingSet=CAP_SYS_MODULE CAP_CHOWN CAP_FOWNER
NoNewPrivileges=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_NETLINK AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service @module
SystemCallFilter=~@resources @setuid @keyring @ipc
";

/// The words of `linux::devices::own`: a pattern, user and group by their numbers, and the mode.
fn rule(device: &Device, config: &Config) -> [String; 4] {
    let number = |name: &Option<toml::Spanned<String>>, named: &dyn Fn(&str) -> Option<u32>| {
        name.as_ref().map_or_else(String::new, |name| {
            let name = name.get_ref();
            let number = if name == "root" { Some(0) } else { named(name) };
            number.map_or_else(|| name.clone(), |number| number.to_string())
        })
    };
    let user = |name: &str| config.user.iter().find(|user| user.name == name).map(|user| user.uid);
    let group = |name: &str| config.group.iter().find(|group| group.name == name).map(|group| group.gid);
    let mode = device.mode.map_or_else(String::new, |mode| mode.to_string());
    [device.path.clone(), number(&device.user, &user), number(&device.group, &group), mode]
}

/// `net.ipv4.ip_forward` and `net/ipv4/conf/eth0.5/forwarding` as sysctl(8) has them: the first of the two marks decides.
fn sysctl_file(key: &str) -> String {
    let path = match key.find(['.', '/']) {
        Some(at) if key.as_bytes()[at] == b'.' => key
            .chars()
            .map(|c| {
                if c == '.' {
                    '/'
                } else if c == '/' {
                    '.'
                } else {
                    c
                }
            })
            .collect(),
        _ => key.to_owned(),
    };
    format!("/proc/sys/{path}")
}

fn random_seed(seed: &RandomSeed, maker: &mut Maker<'_>) {
    let general = format!("RequiresMountsFor={}\nAfter=local-fs.target\n", literal(&seed.file));
    let credit = if seed.credit { "credit" } else { "" };
    let calls = vec![call(Call::LoadSeed, &seed.file, &[credit])];
    early("systemd-random-seed.service", "Random Seed", &general, "", calls, maker);
    maker.stop(attempt(Call::SaveSeed, &seed.file, &[""]));
}

fn set_clock(clock: &Clock, maker: &mut Maker<'_>) {
    let of_build = || std::env::var("SOURCE_DATE_EPOCH").ok()?.parse().ok();
    let floor = clock.not_before.or_else(of_build).unwrap_or(RELEASED).to_string();
    let general = format!(
        "RequiresMountsFor={}\nAfter=local-fs.target\nWants=time-set.target\nBefore=time-set.target\n",
        literal(&clock.file)
    );
    let calls = vec![call(Call::ClockFloor, &clock.file, &[&floor])];
    early("tomte-clock.service", "Clock Not before the Last Run", &general, "", calls, maker);
    maker.stop(attempt(Call::Touch, &clock.file, &[""]));
}

fn swap_in_memory(zram: &Zram, maker: &mut Maker<'_>) {
    let mut calls = vec![attempt(Call::LoadModule, "zram", &[""])];
    if let Some(algorithm) = &zram.algorithm {
        calls.push(attempt(Call::Write, "/sys/block/zram0/comp_algorithm", &[algorithm]));
    }
    calls.push(call(Call::Write, "/sys/block/zram0/disksize", &[&zram.size]));
    calls.push(call(Call::MakeSwap, "/dev/zram0", &[""]));
    early(ZRAM, "Swap in Compressed Memory", "Before=dev-zram0.swap\n", "", calls, maker);
    let text = format!(
        "[Unit]\nDescription=Swap in Compressed Memory\nRequires={ZRAM}\nAfter={ZRAM}\n\
         [Swap]\nWhat=/dev/zram0\nPriority=100\n"
    );
    maker.unit("dev-zram0.swap", &text).relations.imply(Relation::WantedBy, "swap.target");
}
