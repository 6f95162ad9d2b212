//! What a unit's cgroup may use (systemd.resource-control(5)). `None` is the kernel's default everywhere.

use std::collections::BTreeSet;

use serde::Serialize;
use tomte::table::Micros;

use super::Located;
use crate::values::{
    device::Rule,
    network::{BindRule, Prefix},
    size::{Amount, Permyriad},
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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

/// All of systemd.resource-control(5).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Resources {
    pub slice: Option<Located<String>>,
    #[serde(rename = "CPUWeight")]
    pub cpu_weight: Phased<CpuWeight>,
    #[serde(rename = "CPUQuota")]
    pub cpu_quota: Option<Permyriad>,
    #[serde(rename = "CPUQuotaPeriodSec")]
    pub cpu_quota_period: Option<Micros>,
    #[serde(rename = "AllowedCPUs")]
    pub allowed_cpus: Phased<BTreeSet<u16>>,
    pub allowed_memory_nodes: Phased<BTreeSet<u16>>,
    pub memory_min: Option<Amount>,
    pub default_memory_min: Option<Amount>,
    pub memory_low: Phased<Amount>,
    pub default_memory_low: Phased<Amount>,
    pub memory_high: Phased<Amount>,
    pub memory_max: Phased<Amount>,
    pub memory_swap_max: Phased<Amount>,
    #[serde(rename = "MemoryZSwapMax")]
    pub memory_zswap_max: Phased<Amount>,
    #[serde(rename = "MemoryZSwapWriteback")]
    pub memory_zswap_writeback: Option<bool>,
    pub tasks_max: Option<Amount>,
    #[serde(rename = "IOWeight")]
    pub io_weight: Phased<u64>,
    #[serde(rename = "IOLimits")]
    pub io: IoLimits,
    pub device_policy: DevicePolicy,
    pub device_allow: Vec<Rule>,
    #[serde(rename = "IPAddressAllow")]
    pub ip_address_allow: BTreeSet<Prefix>,
    #[serde(rename = "IPAddressDeny")]
    pub ip_address_deny: BTreeSet<Prefix>,
    pub socket_bind_allow: Vec<BindRule>,
    pub socket_bind_deny: Vec<BindRule>,
    pub restrict_network_interfaces: Option<Interfaces>,
    pub delegate: Delegate,
    pub delegate_subgroup: String,
    pub disable_controllers: BTreeSet<Controller>,
    pub memory_pressure_watch: Option<PressureWatch>,
    pub memory_pressure_threshold: Option<Micros>,
}
