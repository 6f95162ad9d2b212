//! Groups as text, and programs run as the kernel runs them, against a plain model of the rules.

mod interpreter;
mod network;

use proptest::prelude::*;
use tomte::table::Devices as DeviceRecord;

use super::*;
use crate::{
    check,
    diag::Diagnostics,
    model::{DevicePolicy, Protect},
    order::Wanted,
    values::{
        device::{Access, Devices, Rule},
        specifier::Facts,
    },
};
use interpreter::{Question, run};

fn unit(name: &str, text: &str) -> Unit {
    let mut sink = Diagnostics::default();
    let name = UnitName::new(name).expect("a name");
    let unit = check::unit_of(name, text.into(), Facts::default(), &mut sink);
    assert!(!sink.has_errors(), "{}", sink.render(false));
    unit
}

/// What the baker makes of a board.
struct Found {
    slices: BTreeMap<String, Slice>,
    programs: Vec<Vec<u8>>,
    groups: BTreeMap<String, Group>,
}

/// All groups of services with these names and lines, in these slices.
fn cgroups(services: &[(&str, &str)], slices: &[(&str, &str)]) -> Found {
    let service =
        |(name, lines): &(&str, &str)| unit(name, &format!("[Service]\nExecStart=/bin/a\n{lines}\n"));
    let slice = |(name, lines): &(&str, &str)| unit(name, &format!("[Slice]\n{lines}\n"));
    let wanted = Wanted { default_target: "multi-user.target", enable: None, orphans: true };
    let mut sink = Diagnostics::default();
    let graph = Graph::new(services.iter().map(service).collect(), &wanted, &mut sink).expect("a graph");
    let cgroups = Cgroups::new(&graph, &slices.iter().map(slice).collect::<Vec<_>>(), false).expect("groups");
    let of = |node: &crate::order::Node| {
        cgroups.of(&node.unit).expect("a group").map(|group| (node.unit.name.clone(), group))
    };
    let groups = graph.nodes.iter().filter_map(of).collect();
    Found { slices: cgroups.slices, programs: cgroups.programs, groups }
}

fn written(settings: &[Setting]) -> Vec<String> {
    let line = |one: &Setting| {
        let device = if one.device.is_empty() { String::new() } else { format!("[{}] ", one.device) };
        format!("{}={device}{}", one.file, one.text)
    };
    settings.iter().map(line).collect()
}

/// What is written into the group of a service with these lines.
fn settings(lines: &str) -> Vec<String> {
    written(&cgroups(&[("a.service", lines)], &[]).groups["a.service"].settings)
}

/// The controllers of a slice: those that are asked for, then the rest.
fn controllers(cgroups: &Found, path: &str) -> String {
    let Controllers { asked, usual } = &cgroups.slices[path].controllers;
    let words =
        |names: &std::collections::BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(" ");
    format!("{}/{}", words(asked), words(usual))
}

#[test]
fn a_unit_that_says_nothing_has_systemds_limit_of_tasks_and_nothing_else() {
    assert_eq!(settings(""), ["pids.max=@1500"]);
    assert_eq!(settings("TasksMax=infinity"), ["pids.max=max"]);
    assert_eq!(settings("TasksMax=10%"), ["pids.max=@1000"]);
}

#[test]
fn settings_become_the_kernels_files() {
    for (lines, file) in [
        ("CPUWeight=50", "cpu.weight=50"),
        ("CPUWeight=idle", "cpu.idle=1"),
        ("AllowedCPUs=0-2 5 7-8", "cpuset.cpus=0-2,5,7-8"),
        ("AllowedMemoryNodes=1", "cpuset.mems=1"),
        ("MemoryMax=64M", "memory.max=67108864"),
        ("MemoryHigh=12.5%", "memory.high=@1250"),
        ("MemorySwapMax=0", "memory.swap.max=0"),
        ("MemoryMax=infinity", "memory.max=max"),
        ("MemoryZSwapWriteback=no", "memory.zswap.writeback=0"),
        ("OOMPolicy=kill", "memory.oom.group=1"),
        ("IOWeight=500", "io.weight=default 500"),
        ("IOWeight=500", "io.bfq.weight=136"),
        ("IODeviceWeight=/dev/sda 200", "io.weight=[/dev/sda] 200"),
        ("IODeviceLatencyTargetSec=/dev/sda 25ms", "io.latency=[/dev/sda] target=25000"),
        ("IOReadBandwidthMax=/srv 5M", "io.max=[/srv] rbps=5000000"),
        ("IOWriteIOPSMax=/dev/sda infinity", "io.max=[/dev/sda] wiops=max"),
    ] {
        let found = settings(lines);
        assert!(found.iter().any(|line| line == file), "{lines}: {found:?}");
    }
}

#[test]
fn a_quota_is_time_in_a_period_that_the_kernel_can_count() {
    for (lines, expected) in [
        ("CPUQuota=20%", "cpu.max=20000 100000"),
        ("CPUQuota=250%", "cpu.max=250000 100000"),
        ("CPUQuota=20%\nCPUQuotaPeriodSec=10ms", "cpu.max=2000 10000"),
        ("CPUQuota=5%\nCPUQuotaPeriodSec=1ms", "cpu.max=1000 20000"),
        ("CPUQuota=0.01%", "cpu.max=1000 1000000"),
    ] {
        assert_eq!(settings(lines)[0], expected, "{lines}");
    }
}

#[test]
fn units_are_in_systemds_slices() {
    let found = cgroups(
        &[
            ("a.service", ""),
            ("b.service", "Slice=x-y.slice"),
            ("c.service", "Slice=-.slice"),
            ("long-name@1.service", ""),
        ],
        &[],
    );
    let slice = |name: &str| found.groups[name].slice.as_str();
    assert_eq!(slice("a.service"), "system.slice");
    assert_eq!(slice("b.service"), "x.slice/x-y.slice");
    assert_eq!(slice("c.service"), "");
    assert_eq!(slice("long-name@1.service"), "system.slice/system-long\\x2dname.slice");
    let paths: Vec<&str> = found.slices.keys().map(String::as_str).collect();
    let expected =
        ["", "system.slice", "system.slice/system-long\\x2dname.slice", "x.slice", "x.slice/x-y.slice"];
    assert_eq!(paths, expected, "each after the one that it is in");
}

#[test]
fn a_slice_has_the_controllers_that_what_is_in_it_needs_and_its_own_settings() {
    let found = cgroups(
        &[("a.service", "CPUWeight=50\nSlice=x-y.slice"), ("b.service", "MemoryMax=1G\nSlice=x.slice")],
        &[("x-y.slice", "IOWeight=50\nMemoryMax=2G"), ("x.slice", "TasksMax=50"), ("unused.slice", "")],
    );
    assert_eq!(controllers(&found, "x.slice/x-y.slice"), "cpu/memory pids");
    assert_eq!(controllers(&found, "x.slice"), "cpu io memory/pids");
    assert_eq!(controllers(&found, ""), "cpu io memory pids/");
    assert!(!found.slices.contains_key("unused.slice"));
    assert_eq!(written(&found.slices["x.slice"].settings), ["pids.max=50"], "no limit of tasks by itself");
    assert!(found.slices[""].settings.is_empty());
}

#[test]
fn a_slice_can_disable_controllers_below_and_lend_its_units_memory() {
    let found = cgroups(
        &[("a.service", "CPUWeight=50\nSlice=x.slice"), ("b.service", "MemoryLow=7\nSlice=x.slice")],
        &[("x.slice", "DisableControllers=cpu\nDefaultMemoryLow=5M\nDefaultMemoryMin=1M")],
    );
    assert_eq!(controllers(&found, "x.slice"), "memory/pids");
    let settings = |name: &str| written(&found.groups[name].settings);
    assert!(settings("a.service").contains(&"memory.low=5242880".to_owned()));
    assert!(settings("b.service").contains(&"memory.low=7".to_owned()));
    assert!(settings("b.service").contains(&"memory.min=1048576".to_owned()));
}

#[test]
fn what_is_delegated_is_enabled_above() {
    let found =
        cgroups(&[("a.service", "Delegate=yes"), ("b.service", "Delegate=io\nDelegateSubgroup=in")], &[]);
    assert_eq!(controllers(&found, "system.slice"), "cpu cpuset io memory pids/");
    assert!(found.groups["a.service"].delegate);
    assert_eq!(found.groups["b.service"].subgroup, "in");
}

#[test]
fn a_unit_that_says_nothing_of_devices_may_use_all() {
    let filter = |lines: &str| cgroups(&[("a.service", lines)], &[]).groups["a.service"].devices.clone();
    assert_eq!(filter(""), None);
    assert!(filter("DevicePolicy=closed").is_some_and(|(filter, _)| filter.needed));
    assert!(filter("DeviceAllow=/dev/null").is_some_and(|(filter, _)| filter.needed));
    assert!(filter("PrivateDevices=yes").is_some_and(|(filter, _)| !filter.needed));
    let (clock, _) = filter("ProtectClock=yes").expect("a filter");
    assert_eq!(clock.late, ["char-rtc"]);
    let late = |lines: &str| {
        let lines = format!("PrivateDevices=yes\nProtectClock=yes\n{lines}");
        filter(&lines).expect("a filter").0.late
    };
    assert!(late("").is_empty(), "it has no node of a clock");
    for lines in ["BindPaths=/dev/rtc0", "BindReadOnlyPaths=/:/host", "ExecStartPre=+/bin/true"] {
        assert_eq!(late(lines), ["char-rtc"], "{lines}");
    }
    assert!(late("BindPaths=/srv").is_empty());
    assert_eq!(late("DeviceAllow=char-rtc rw"), ["char-rtc"]);
    let shared = cgroups(&[("a.service", "PrivateDevices=yes"), ("b.service", "DevicePolicy=closed")], &[]);
    assert_eq!(shared.programs.len(), 1);
}

/// A machine's devices: kind, major, minor, and where DeviceAllow= finds it. `KNOWN` devices are here as on every machine.
const DEVICES: [(u32, u32, u32, &str, &str); 9] = [
    (2, 1, 3, "/dev/null", "mem"),
    (2, 1, 1, "/dev/mem", "mem"),
    (2, 5, 1, "/dev/console", "/dev/console"),
    (2, 136, 0, "/dev/pts/0", "pts"),
    (2, 136, 7, "/dev/pts/7", "pts"),
    (1, 8, 0, "/dev/sda", "sd"),
    (1, 65, 16, "/dev/sdr", "sd"),
    (2, 254, 0, "/dev/rtc0", "rtc"),
    (1, 1, 3, "/dev/ram3", "ramdisk"),
];

/// What DeviceAllow= names when the unit starts, as `linux` fills it in.
fn filled_in(filter: &Filter) -> Vec<u8> {
    let (fixed, rest) = filter.program.split_at(filter.fixed);
    let rules = rest.chunks_exact(8 * DeviceRecord::RULE);
    let mut program = fixed.to_vec();
    for (name, rule) in filter.late.iter().zip(rules.clone()) {
        let mut add = |kind: u32, major: u32, minor: u32| {
            let begin = program.len();
            program.extend(rule);
            for (instruction, operand) in [(2, kind), (3, major), (4, minor)] {
                program[begin + 8 * instruction + 4..][..4].copy_from_slice(&operand.to_le_bytes());
            }
        };
        for (kind, major, minor, path, driver) in DEVICES {
            let class = format!("{}-{driver}", if kind == 1 { "block" } else { "char" });
            if name == path || *name == class {
                add(kind, major, minor);
            }
        }
    }
    program.extend(rules.remainder());
    program
}

/// How a device is used: struct bpf_cgroup_dev_ctx of linux/bpf.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Used {
    /// 1 is a block device, 2 a character device.
    kind: u32,
    /// 1 is to make a node, 2 to read, 4 to write.
    access: u32,
    major: u32,
    minor: u32,
}

fn allows(program: &[u8], used: Used) -> bool {
    let words = [(0, used.access << 16 | used.kind), (4, used.major), (8, used.minor)];
    run(program, &Question { words: &words, packet: &[] })
}

/// Whether systemd's rules allow it.
fn may(rules: &[Rule], policy: DevicePolicy, question: Used) -> bool {
    let device = DEVICES.iter().find(|(kind, major, minor, ..)| {
        (*kind, *major, *minor) == (question.kind, question.major, question.minor)
    });
    let Some((kind, .., path, driver)) = device else { return false };
    let granted = |access: Access| {
        (access.mknod || question.access & 1 == 0)
            && (access.read || question.access & 2 == 0)
            && (access.write || question.access & 4 == 0)
    };
    let named = |rule: &&Rule| match &rule.devices {
        Devices::Node(node) => node == path,
        Devices::Class { block, pattern } => *block == (*kind == 1) && (pattern == "*" || pattern == driver),
    };
    let harmless = policy != DevicePolicy::Strict
        && (*path == "/dev/null" || (*driver == "pts" && question.access & 1 == 0));
    harmless || rules.iter().filter(named).any(|rule| granted(rule.access))
}

fn rule() -> impl Strategy<Value = Rule> {
    let node = prop::sample::select(DEVICES.map(|(.., path, _)| path).to_vec())
        .prop_map(|path| Devices::Node(path.to_owned()));
    let class = (any::<bool>(), prop::sample::select(vec!["mem", "pts", "sd", "rtc", "*", "missing"]))
        .prop_map(|(block, pattern)| Devices::Class { block, pattern: pattern.to_owned() });
    let access = (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(read, write, mknod)| Access {
        read,
        write,
        mknod,
    });
    (prop_oneof![node, class], access).prop_map(|(devices, access)| Rule { devices, access })
}

proptest! {
    #[test]
    fn a_program_allows_what_the_rules_allow(rules in prop::collection::vec(rule(), 0..6), strict: bool) {
        let policy = if strict { DevicePolicy::Strict } else { DevicePolicy::Closed };
        let resources = Resources { device_policy: policy, device_allow: rules.clone(), ..Resources::default() };
        let filter = devices::filter(&resources, Protect::default()).expect("a policy");
        let program = filled_in(&filter);
        for (kind, major, minor, ..) in DEVICES.into_iter().chain([(2, 99, 1, "", ""), (1, 8, 1, "", "")]) {
            for access in 1..8 {
                let question = Used { kind, access, major, minor };
                let model = may(&rules, policy, question)
                    || rules.iter().any(|rule| class_allows(rule, question));
                prop_assert_eq!(allows(&program, question), model, "{:?} of {:?}", question, rules);
                // What only the target knows is refused before it is filled in.
                prop_assert!(!allows(&filter.program, question) || model);
            }
        }
    }
}

/// A class has all minor numbers of its major ones, those of devices that are not there too.
fn class_allows(rule: &Rule, question: Used) -> bool {
    let Devices::Class { block, pattern } = &rule.devices else { return false };
    let of_class = DEVICES.iter().any(|(kind, major, _, _, driver)| {
        (*kind, *major) == (question.kind, question.major) && driver == pattern
    });
    let kind = if *block { 1 } else { 2 };
    let bits = [(rule.access.mknod, 1), (rule.access.read, 2), (rule.access.write, 4)];
    let granted: u32 = bits.into_iter().filter(|(may, _)| *may).map(|(_, bit)| bit).sum();
    kind == question.kind && question.access & !granted == 0 && (pattern == "*" || of_class)
}
