//! What one unit's settings come to: files of its cgroup, and what is written there (cgroup.c, `cgroup_context_apply`).
//!
//! `tomte::table::Cgroup` says what a child of PID 1's makes of them.

use std::collections::BTreeSet;

use tomte::table::Micros;

use crate::{
    model::{Controller, CpuWeight, Delegate, Resources},
    values::size::{Amount, Permyriad},
};

/// A line for a file of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub file: &'static str,
    /// The block device, or something on it, that it is about; or empty.
    pub device: String,
    /// `@1500` is a share of what the machine has.
    pub text: String,
}

impl Setting {
    const fn new(file: &'static str, text: String) -> Self {
        Self { file, device: String::new(), text }
    }

    fn of_device(file: &'static str, device: &str, text: String) -> Self {
        Self { file, device: device.to_owned(), text }
    }
}

/// The kernel's controllers, in its words.
const KERNELS: [(Controller, &str); 5] = [
    (Controller::Cpu, "cpu"),
    (Controller::Cpuset, "cpuset"),
    (Controller::Io, "io"),
    (Controller::Memory, "memory"),
    (Controller::Pids, "pids"),
];

/// Those that every unit has without asking: `DefaultMemoryAccounting=` and `DefaultTasksAccounting=`.
const USUAL: [&str; 2] = ["memory", "pids"];

/// The period of `CPUQuota=`, and the least and the most that the kernel counts in.
const PERIOD: Micros = Micros::from_millis(100);
const PERIOD_MIN: Micros = Micros::from_millis(1);
const PERIOD_MAX: Micros = Micros::from_secs(1);

/// What holds for what a unit does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsaid {
    pub memory_min: Option<Amount>,
    pub memory_low: Option<Amount>,
    pub tasks_max: Option<Amount>,
    /// `OOMPolicy=kill`.
    pub oom_group: bool,
}

/// Controllers of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controllers {
    /// Somebody's unit file asks for them.
    pub asked: BTreeSet<&'static str>,
    /// They are there for all.
    pub usual: BTreeSet<&'static str>,
}

impl Controllers {
    /// Adds what somebody else needs.
    pub fn add(&mut self, other: &Self) {
        self.asked.extend(&other.asked);
        self.usual.extend(&other.usual);
        self.usual.retain(|name| !self.asked.contains(name));
    }

    /// `DisableControllers=`: nothing below has them.
    pub fn disable(&mut self, disabled: &BTreeSet<Controller>) {
        for name in names(disabled) {
            self.asked.remove(name);
            self.usual.remove(name);
        }
    }
}

/// The kernel's of `controllers`, in its words.
fn names(controllers: &BTreeSet<Controller>) -> impl Iterator<Item = &'static str> + '_ {
    KERNELS.into_iter().filter(|(controller, _)| controllers.contains(controller)).map(|(_, name)| name)
}

/// What a group with these settings needs the group that it is in to have.
pub fn controllers(resources: &Resources) -> Controllers {
    let files = of(resources, &Unsaid::default());
    let of_file = |setting: &Setting| {
        let controller = setting.file.split('.').next();
        KERNELS.into_iter().map(|(_, name)| name).find(|name| controller == Some(name))
    };
    let mut asked: BTreeSet<&'static str> = files.iter().filter_map(of_file).collect();
    match &resources.delegate {
        Delegate::No => {}
        Delegate::All => asked.extend(KERNELS.map(|(_, name)| name)),
        Delegate::Controllers(named) => asked.extend(names(named)),
    }
    let usual = USUAL.into_iter().filter(|name| !asked.contains(name)).collect();
    Controllers { asked, usual }
}

/// The files and texts for `resources`. What is not said is not written: a new group has the kernel's defaults.
pub fn of(resources: &Resources, unsaid: &Unsaid) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut add = |file, text: Option<String>| settings.extend(text.map(|text| Setting::new(file, text)));
    match resources.cpu_weight.always {
        None => {}
        Some(CpuWeight::Idle) => add("cpu.idle", Some("1".into())),
        Some(CpuWeight::Weight(weight)) => add("cpu.weight", Some(weight.to_string())),
    }
    add("cpu.max", resources.cpu_quota.map(|quota| cpu_max(quota, resources.cpu_quota_period)));
    add("cpuset.cpus", numbers(resources.allowed_cpus.always.as_ref()));
    add("cpuset.mems", numbers(resources.allowed_memory_nodes.always.as_ref()));
    for (file, amount) in [
        ("memory.min", resources.memory_min.or(unsaid.memory_min)),
        ("memory.low", resources.memory_low.always.or(unsaid.memory_low)),
        ("memory.high", resources.memory_high.always),
        ("memory.max", resources.memory_max.always),
        ("memory.swap.max", resources.memory_swap_max.always),
        ("memory.zswap.max", resources.memory_zswap_max.always),
        ("pids.max", resources.tasks_max.or(unsaid.tasks_max)),
    ] {
        add(file, amount.map(text));
    }
    let bit = |on: bool| if on { "1".to_owned() } else { "0".to_owned() };
    add("memory.zswap.writeback", resources.memory_zswap_writeback.map(bit));
    add("memory.oom.group", unsaid.oom_group.then(|| bit(true)));
    io(resources, &mut settings);
    // In the order that `tomte run` puts another one between them.
    settings.sort_by_key(|setting| setting.file);
    settings
}

/// The settings of the block devices' controller. The kernel has two schedulers that go by weights.
fn io(resources: &Resources, settings: &mut Vec<Setting>) {
    if let Some(weight) = resources.io_weight.always {
        settings.push(Setting::new("io.weight", format!("default {weight}")));
        settings.push(Setting::new("io.bfq.weight", bfq_weight(weight).to_string()));
    }
    let io = &resources.io;
    for (path, weight) in &io.weights {
        settings.push(Setting::of_device("io.weight", path, weight.to_string()));
    }
    for (path, Micros(target)) in &io.latencies {
        settings.push(Setting::of_device("io.latency", path, format!("target={target}")));
    }
    for (key, limits) in [
        ("rbps", &io.read_bytes),
        ("wbps", &io.write_bytes),
        ("riops", &io.read_requests),
        ("wiops", &io.write_requests),
    ] {
        for (path, limit) in limits {
            let limit = limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string());
            settings.push(Setting::of_device("io.max", path, format!("{key}={limit}")));
        }
    }
}

/// A weight of 1 to 10000 around 100, on BFQ's scale of 1 to 1000 around the same 100 (cgroup-util.h, `BFQ_WEIGHT`).
const fn bfq_weight(weight: u64) -> u64 {
    if weight <= 100 { weight } else { 100 + (weight - 100) * (1000 - 100) / (10_000 - 100) }
}

/// So much time in each period, which is longer where a share would be less than the kernel can count (cgroup.c,
/// `cgroup_cpu_adjust_period`).
fn cpu_max(quota: Permyriad, period: Option<Micros>) -> String {
    let second = Micros::from_secs(1).0;
    let quota = u64::from(quota.0) * (second / 10_000); // in each second
    let Micros(wanted) = period.unwrap_or(PERIOD);
    let period = wanted.max(PERIOD_MIN.0).max(PERIOD_MIN.0 * second / quota).min(PERIOD_MAX.0);
    format!("{} {period}", (quota * period / second).max(PERIOD_MIN.0))
}

/// `0-3,8`.
fn numbers(set: Option<&BTreeSet<u16>>) -> Option<String> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for number in set? {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let range = |(first, last): (u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    Some(ranges.into_iter().map(range).collect::<Vec<_>>().join(","))
}

fn text(amount: Amount) -> String {
    match amount {
        Amount::Fixed(number) => number.to_string(),
        Amount::Share(Permyriad(share)) => format!("@{share}"),
        Amount::Unlimited => "max".to_owned(),
    }
}
