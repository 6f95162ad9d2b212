//! What board.toml comes to: the units that are made of it, and what is said of what cannot work.

use std::fs;

use tomte::table::{Call, CommandKind};

use crate::{
    bake::{self, LockFile, Options},
    board::Board,
    diag::Diagnostics,
    model::{Kind, Relation, Unit},
};

/// A vital service.
const APP: &str = "[Service]\nExecStart=/bin/app\n[Install]\nWantedBy=multi-user.target\n";

/// The units of a board with those lines, and what was said.
fn baked(lines: &str) -> (Vec<Unit>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("board");
    fs::create_dir_all(dir.join("units")).expect("writable");
    fs::write(dir.join("units/app.service"), APP).expect("writable");
    let toml = format!(
        "arch = \"x86_64\"\ntarget = \"x86_64-unknown-linux-gnu\"\n{lines}\n[qemu]\nprogram = \"q\"\n\
                        machine = \"m\"\ncpu = \"c\"\nmemory = \"1\"\nconsole = \"t\"\nkernel-package = \"k\"\n"
    );
    fs::write(dir.join("board.toml"), toml).expect("writable");
    let mut sink = Diagnostics::default();
    let Some(board) = Board::read(dir.to_str().expect("UTF-8"), &mut sink).expect("a board.toml") else {
        return (Vec::new(), sink.render(false));
    };
    let options = Options { lock: LockFile::Leave, ..Options::default() };
    let units = bake::bake(&board, &options, &mut sink)
        .map_or_else(|_| Vec::new(), |baked| baked.graph.nodes.into_iter().map(|node| node.unit).collect());
    (units, sink.render(false))
}

/// The calls of `unit`: what, where, and the words.
fn calls(units: &[Unit], name: &str) -> Vec<(CommandKind, Call, String)> {
    let unit = units.iter().find(|unit| unit.name == name).unwrap_or_else(|| panic!("no {name}"));
    let Kind::Service(service) = &unit.kind else { panic!("{name} is no service") };
    let shown = |(kind, command): &(CommandKind, crate::model::Command)| {
        (*kind, command.call, format!("{} {}", command.path, command.argv.join(" ")).trim_end().to_owned())
    };
    service.commands.iter().map(shown).collect()
}

fn start(call: Call, words: &str) -> (CommandKind, Call, String) {
    (CommandKind::Start, call, words.to_owned())
}

#[test]
fn a_file_system_is_checked_before_its_mount_and_an_initramfs_mounts_the_root() {
    let (units, said) = baked(
        "[[mount]]\nwhat = \"LABEL=data\"\nwhere = \"/data\"\ntype = \"ext4\"\npass = 2\n\
         [root]\nvolatile = \"overlay\"\nupper = \"/dev/vda3\"\nupper-type = \"ext4\"\n\
         [initramfs]\nroot = \"PARTLABEL=root\"\nwait = \"5s\"\nmodules = [\"ext4\"]\n",
    );
    assert!(!units.is_empty(), "{said}");
    let check = "systemd-fsck@LABEL\\x3ddata.service";
    assert_eq!(calls(&units, check), [start(Call::Check, "LABEL=data ext4")]);
    let mount = units.iter().find(|unit| unit.name == "data.mount").expect("a mount");
    let relations: Vec<_> =
        mount.relations.iter().map(|(relation, other)| (relation, &*other.value)).collect();
    for relation in [Relation::Requires, Relation::After] {
        assert!(relations.contains(&(relation, check)), "{relations:?}");
    }
    assert_eq!(
        calls(&units, "tomte-switch-root.service"),
        [
            start(Call::LoadModule, "ext4"),
            start(Call::LoadForDevices, "/sys/devices"),
            start(Call::Root, "PARTLABEL=root   5 overlay /dev/vda3 ext4"),
        ]
    );
}

#[test]
fn early_items_are_calls_of_oneshots() {
    let (units, said) = baked(
        "[modules]\nload = [\"softdog soft_margin=30\"]\ncoldplug = true\n[sysctl]\n\"net.ipv4.ip_forward\" = 1\n\
         \"kernel/core_pattern\" = \"core.%p\"\n[[device]]\npath = \"/dev/ttyS*\"\ngroup = \"20\"\nmode = \"0660\"\n\
         [clock]\nnot-before = \"2026-11-22\"\n[random-seed]\ncredit = true\n[machine-id]\nfrom = []\n\
         [zram]\nsize = \"64M\"\nalgorithm = \"lz4\"\n",
    );
    assert!(!units.is_empty(), "{said}");
    assert_eq!(
        calls(&units, "systemd-modules-load.service"),
        [start(Call::LoadModule, "softdog soft_margin=30")]
    );
    assert_eq!(
        calls(&units, "systemd-udev-trigger.service"),
        [start(Call::LoadForDevices, "/sys/devices"), start(Call::Own, "/dev/ttyS*  20 432")]
    );
    assert_eq!(
        calls(&units, "systemd-sysctl.service"),
        [
            start(Call::Write, "/proc/sys/kernel/core_pattern core.%p"),
            start(Call::Write, "/proc/sys/net/ipv4/ip_forward 1")
        ]
    );
    let clock = "/var/lib/systemd/timesync/clock";
    assert_eq!(
        calls(&units, "tomte-clock.service"),
        [
            start(Call::ClockFloor, &format!("{clock} 1795305600")),
            (CommandKind::Stop, Call::Touch, clock.to_owned())
        ]
    );
    let seed = "/var/lib/systemd/random-seed";
    assert_eq!(
        calls(&units, "systemd-random-seed.service"),
        [
            start(Call::LoadSeed, &format!("{seed} credit")),
            (CommandKind::Stop, Call::SaveSeed, seed.to_owned())
        ]
    );
    assert_eq!(calls(&units, "systemd-zram-setup@zram0.service").len(), 4);
    assert!(units.iter().any(|unit| unit.name == "dev-zram0.swap"));
}

#[test]
fn a_ladder_counts_boots_and_each_rung_has_its_turn() {
    let (units, said) = baked(
        "[vital]\nunits = [\"app.service\"]\n[boot-verdict]\nmark-good = \"/bin/good\"\ncounter = \"/data/boots\"\n\
         tries = 2\nother-slot = \"/bin/slot\"\nsafe-target = \"rescue.target\"\n[rescue]\n",
    );
    assert!(!units.is_empty(), "{said}");
    assert_eq!(
        calls(&units, "tomte-boot-count.service"),
        [start(Call::Count, "/data/boots add")],
        "whatever fails later and is pulled in again does not count again"
    );
    assert_eq!(calls(&units, "tomte-boot-ladder.service"), [start(Call::Count, "/data/boots 0 2 4 5")]);
    assert_eq!(
        calls(&units, "tomte-boot-other-slot.service"),
        [start(Call::Count, "/data/boots 3 3"), start(Call::Execute, "/bin/slot /bin/slot")]
    );
    assert_eq!(
        calls(&units, "tomte-boot-good.service"),
        [start(Call::Count, "/data/boots forget"), start(Call::Execute, "/bin/good /bin/good")]
    );
    assert!(units.iter().any(|unit| unit.name == "boot-complete.target"));
    assert!(units.iter().any(|unit| unit.name == "emergency.target"));
}

#[test]
fn a_login_is_made_for_each_console_and_roots_shell_only_if_that_is_meant() {
    let (units, said) = baked("[console]\nlogin = \"getty\"\ntty = [\"ttyS0\", \"console\"]\n");
    assert_eq!(
        calls(&units, "serial-getty@ttyS0.service"),
        [start(Call::Execute, "/sbin/getty /sbin/getty -L ttyS0 115200 vt102")],
        "{said}"
    );
    assert_eq!(calls(&units, "console-getty.service").len(), 1);
    let (units, said) = baked("[console]\nlogin = \"shell\"\n");
    assert!(units.is_empty() && said.contains("a shell of root's without a password"), "{said}");
    assert!(!baked("[console]\nlogin = \"shell\"\nroot = true\n").0.is_empty());
}

#[test]
fn health_that_cannot_be_told_is_refused() {
    for (lines, message) in [
        ("[vital]\nunits = [\"ap.service\"]", "[vital]: there is no ap.service"),
        ("[vital]\nunits = [\"app.service\"]\npatience = \"50ms\"", "started again after 100ms"),
        ("[watchdog]\ntimeout = \"1500ms\"", "no whole number of seconds"),
        ("[watchdog]\ntimeout = \"1s\"", "too short to be fed twice"),
        ("[watchdog]\ntimeout = \"9s\"\nreboot-timeout = \"30s\"", "app.service alone may take"),
        ("[watchdog]\ntimeout = \"9s\"\ndevice = \"wdt\"", "\"wdt\" is no device"),
        ("[boot-verdict]\nmark-good = \"/bin/true\"", "nothing is vital"),
    ] {
        let (units, said) = baked(lines);
        assert!(units.is_empty() && said.contains(message), "{lines}: {said}");
    }
}

#[test]
fn what_the_board_enables_is_no_word_about_what_boot_itself_needs() {
    let (units, said) = baked(
        "enable = [\"app.service\"]\n[clock]\n[vital]\nunits = [\"app.service\"]\n[boot-verdict]\ncounter = \"/var/count\"\n",
    );
    for name in ["tomte-clock.service", "tomte-boot-count.service", "tomte-boot-ladder.service"] {
        let unit = units.iter().find(|unit| unit.name == name).unwrap_or_else(|| panic!("no {name}: {said}"));
        let mut wanted = unit.relations.iter();
        assert!(
            wanted.any(|(relation, other)| relation == Relation::WantedBy && other.value == "sysinit.target"),
            "{name} is not started"
        );
    }
}

#[test]
fn devices_that_come_later_are_waited_for_with_the_rules_of_the_board() {
    let (units, said) = baked(
        "[modules]\nhotplug = true\n[[group]]\nname = \"radio\"\ngid = 20\n[[device]]\npath = \"/dev/tty%$USB*\"\n\
         group = \"radio\"\nmode = \"0660\"\n[[device]]\npath = \"/dev/rtc0\"\nuser = \"7\"\n",
    );
    assert!(!units.is_empty(), "{said}");
    assert_eq!(
        calls(&units, "systemd-udevd.service"),
        [start(Call::Execute, "/proc/self/exe tomte-devices /dev/tty%$USB*  20 432 /dev/rtc0 7")]
    );
    assert_eq!(
        calls(&units, "systemd-udev-trigger.service"),
        [start(Call::Own, "/dev/tty%$USB*  20 432"), start(Call::Own, "/dev/rtc0 7")]
    );
    let unit = units.iter().find(|unit| unit.name == "systemd-udevd.service").expect("a listener");
    let Kind::Service(service) = &unit.kind else { panic!("no service") };
    assert!(service.commands.iter().all(|(_, command)| !command.expand), "a pattern is no variable");
}

#[test]
fn an_interface_is_set_up_before_network_target_and_its_name_is_one_of_the_kernels() {
    let (units, said) = baked("[network.eth0]\naddress = [\"10.0.2.15/24\"]\nwait = \"2s\"\n");
    assert!(!units.is_empty(), "{said}");
    let name = "tomte-network@eth0.service";
    let messages = "set it up 2000000010000500000000000000000000000000*0100000001000000 give it 10.0.2.15/24 \
                    3000000014000505000000000000000002180000*080002000a00020f080001000a00020f080004000a0002ff";
    assert_eq!(calls(&units, name), [start(Call::Network, &format!("eth0 2 {messages}"))]);
    let unit = units.iter().find(|unit| unit.name == name).expect("a unit");
    let relations: Vec<_> =
        unit.relations.iter().map(|(relation, other)| (relation, &*other.value)).collect();
    assert!(relations.contains(&(Relation::Before, "network.target")), "{relations:?}");
    for (wrong, why) in [
        ("[network.\"a b\"]\naddress = [\"10.0.2.15/24\"]", "\"a b\" is no name of a network interface"),
        ("[network.sixteen_letters1]\naddress = [\"10.0.2.15/24\"]", "is no name of a network interface"),
        (
            "[network.eth0]\naddress = [\"10.0.2.15/24\"]\ngateway = [\"10.1.0.1\"]",
            "the network of no address",
        ),
    ] {
        let (units, said) = baked(wrong);
        assert!(units.is_empty() && said.contains(why), "{wrong}: {said}");
    }
}

#[test]
fn an_order_that_nobody_wrote_is_not_spoken_of() {
    let (units, said) = baked(
        "[modules]\ncoldplug = true\n[sysctl]\n\"kernel.panic\" = 1\n[network.eth0]\naddress = [\"10.0.2.15/24\"]\n",
    );
    assert!(units.iter().any(|unit| unit.name == "systemd-udev-trigger.service"));
    assert!(!said.contains("T0402"), "{said}");
}
