//! What a unit's cgroup may use (systemd.resource-control(5)). `None` is the kernel's default everywhere.

use std::collections::BTreeSet;

use serde::Serialize;
use tomte::table::Micros;

use super::{Located, show};
use crate::values::{
    device::Rule,
    network::{BindRule, Prefix},
    size::{Amount, Permyriad},
    time,
};

/// A setting, and what holds instead of it while the machine starts and stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phased<T> {
    pub always: Option<T>,
    pub startup: Option<T>,
}

impl<T> Default for Phased<T> {
    fn default() -> Self {
        Self { always: None, startup: None }
    }
}

impl<T> Phased<T> {
    /// The place for what `key` sets: `Startup…` is that of the start.
    pub fn of(&mut self, key: &str) -> &mut Option<T> {
        if key.starts_with("Startup") { &mut self.startup } else { &mut self.always }
    }
}

/// A share of the processors' time among neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CpuWeight {
    /// Only what nobody else wants.
    Idle,
    /// 1 to 10000; 100 is everybody's.
    Weight(u64),
}

/// `Delegate=`: whether the unit's processes may make cgroups of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Delegate {
    #[default]
    No,
    /// With every controller.
    All,
    /// With these controllers.
    Controllers(BTreeSet<Controller>),
}

/// A controller of cgroups (cgroup-v2), or one of systemd's that work by BPF programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Controller {
    Cpu,
    Cpuset,
    Io,
    Memory,
    Pids,
    BpfFirewall,
    BpfDevices,
    BpfForeign,
    BpfSocketBind,
    BpfRestrictNetworkInterfaces,
}

/// `DevicePolicy=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum DevicePolicy {
    /// Every device if `DeviceAllow=` names none.
    #[default]
    Auto,
    /// The harmless ones, and those of `DeviceAllow=`.
    Closed,
    /// Those of `DeviceAllow=`.
    Strict,
}

/// `MemoryPressureWatch=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PressureWatch {
    Off,
    On,
    Auto,
    Skip,
}

/// Which network interfaces may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interfaces {
    /// All but these, not only these.
    pub except: bool,
    pub names: BTreeSet<String>,
}

/// How a block device's requests are limited. Devices are paths: of the node, or of a file on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IoLimits {
    pub weights: Vec<(String, u64)>,
    pub latencies: Vec<(String, Micros)>,
    /// Bytes a second; `None` is no limit.
    pub read_bytes: Vec<(String, Option<u64>)>,
    pub write_bytes: Vec<(String, Option<u64>)>,
    /// Requests a second; `None` is no limit.
    pub read_requests: Vec<(String, Option<u64>)>,
    pub write_requests: Vec<(String, Option<u64>)>,
}

impl Serialize for IoLimits {
    /// A list of the lines of a unit file.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rates = [
            ("IOReadBandwidthMax", &self.read_bytes),
            ("IOWriteBandwidthMax", &self.write_bytes),
            ("IOReadIOPSMax", &self.read_requests),
            ("IOWriteIOPSMax", &self.write_requests),
        ];
        let weights = self.weights.iter().map(|(path, weight)| format!("IODeviceWeight={path} {weight}"));
        let latencies = self
            .latencies
            .iter()
            .map(|(path, latency)| format!("IODeviceLatencyTargetSec={path} {}", time::shown(*latency)));
        let rates = rates.into_iter().flat_map(|(key, list)| {
            list.iter().map(move |(path, rate)| {
                let rate = rate.map_or_else(|| "infinity".to_owned(), |rate| rate.to_string());
                format!("{key}={path} {rate}")
            })
        });
        serializer.collect_seq(weights.chain(latencies).chain(rates))
    }
}

/// All of systemd.resource-control(5).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Resources {
    #[serde(skip_serializing_if = "show::is_default")]
    pub slice: Option<Located<String>>,
    #[serde(rename = "CPUWeight", skip_serializing_if = "show::is_default")]
    pub cpu_weight: Phased<CpuWeight>,
    #[serde(rename = "CPUQuota", skip_serializing_if = "show::is_default")]
    pub cpu_quota: Option<Permyriad>,
    #[serde(rename = "CPUQuotaPeriodSec")]
    #[serde(serialize_with = "show::maybe_span", skip_serializing_if = "Option::is_none")]
    pub cpu_quota_period: Option<Micros>,
    #[serde(rename = "AllowedCPUs", skip_serializing_if = "show::is_default")]
    pub allowed_cpus: Phased<BTreeSet<u16>>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub allowed_memory_nodes: Phased<BTreeSet<u16>>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub memory_min: Option<Amount>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub default_memory_min: Option<Amount>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub memory_low: Phased<Amount>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub default_memory_low: Phased<Amount>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub memory_high: Phased<Amount>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub memory_max: Phased<Amount>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub memory_swap_max: Phased<Amount>,
    #[serde(rename = "MemoryZSwapMax", skip_serializing_if = "show::is_default")]
    pub memory_zswap_max: Phased<Amount>,
    #[serde(rename = "MemoryZSwapWriteback", skip_serializing_if = "show::is_default")]
    pub memory_zswap_writeback: Option<bool>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub tasks_max: Option<Amount>,
    #[serde(rename = "IOWeight", skip_serializing_if = "show::is_default")]
    pub io_weight: Phased<u64>,
    #[serde(rename = "IOLimits", skip_serializing_if = "show::is_default")]
    pub io: IoLimits,
    #[serde(skip_serializing_if = "show::is_default")]
    pub device_policy: DevicePolicy,
    #[serde(skip_serializing_if = "show::is_default")]
    pub device_allow: Vec<Rule>,
    #[serde(rename = "IPAddressAllow", skip_serializing_if = "show::is_default")]
    pub ip_address_allow: BTreeSet<Prefix>,
    #[serde(rename = "IPAddressDeny", skip_serializing_if = "show::is_default")]
    pub ip_address_deny: BTreeSet<Prefix>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub socket_bind_allow: Vec<BindRule>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub socket_bind_deny: Vec<BindRule>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub restrict_network_interfaces: Option<Interfaces>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub delegate: Delegate,
    #[serde(skip_serializing_if = "show::is_default")]
    pub delegate_subgroup: String,
    #[serde(skip_serializing_if = "show::is_default")]
    pub disable_controllers: BTreeSet<Controller>,
    #[serde(skip_serializing_if = "show::is_default")]
    pub memory_pressure_watch: Option<PressureWatch>,
    #[serde(serialize_with = "show::maybe_span", skip_serializing_if = "Option::is_none")]
    pub memory_pressure_threshold: Option<Micros>,
}
