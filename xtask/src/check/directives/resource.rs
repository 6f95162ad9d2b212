//! systemd.resource-control(5): what the unit's cgroup may use.

use super::{Directive, Off, Page, boolean, extra, inert, needed, refused, text};
use crate::values::scalar;

pub const PAGE: Page = Page { manual: "systemd.resource-control(5)", directives: DIRECTIVES };

const ACCOUNTING: &str = "what the kernel accounts for is shown; nothing has to be switched on";
const BPF: &str = "a BPF program of the image's own is not attached; `RestrictAddressFamilies=` and `PrivateNetwork=` narrow too";
const OOMD: &str =
    "a hint to systemd-oomd, which is not here; `MemoryMax=` and `OOMPolicy=` hold by themselves";

const DIRECTIVES: &[Directive] = &[
    extra("AllowedCPUs", text).unless(Off::Empty),
    extra("AllowedMemoryNodes", text).unless(Off::Empty),
    refused("BPFProgram", Off::Empty, BPF).narrowing(),
    inert("BlockIOAccounting", ACCOUNTING),
    extra("BlockIODeviceWeight", text),
    extra("BlockIOReadBandwidth", text),
    extra("BlockIOWeight", text),
    extra("BlockIOWriteBandwidth", text),
    inert("CPUAccounting", ACCOUNTING),
    extra("CPUQuota", text).unless(Off::Empty),
    extra("CPUQuotaPeriodSec", text).unless(Off::Empty),
    extra("CPUShares", text),
    extra("CPUWeight", text).unless(Off::Empty),
    inert("CoredumpReceive", "there is no core dump collector that could pass one on"),
    extra("DefaultMemoryLow", text).unless(Off::Empty),
    extra("DefaultMemoryMin", text).unless(Off::Empty),
    extra("Delegate", text).unless(Off::Empty),
    extra("DelegateSubgroup", text).unless(Off::Empty),
    needed("DeviceAllow", Off::Empty, text).narrowing(),
    needed("DevicePolicy", Off::Word("auto"), |_, a, _| {
        scalar::choice(&a.value, &[("auto", ()), ("closed", ()), ("strict", ())])
    })
    .narrowing(),
    extra("DisableControllers", text).unless(Off::Empty),
    inert("IOAccounting", ACCOUNTING),
    extra("IODeviceLatencyTargetSec", text).unless(Off::Empty),
    extra("IODeviceWeight", text).unless(Off::Empty),
    extra("IOReadBandwidthMax", text).unless(Off::Empty),
    extra("IOReadIOPSMax", text).unless(Off::Empty),
    extra("IOWeight", text).unless(Off::Empty),
    extra("IOWriteBandwidthMax", text).unless(Off::Empty),
    extra("IOWriteIOPSMax", text).unless(Off::Empty),
    inert("IPAccounting", ACCOUNTING),
    needed("IPAddressAllow", Off::Empty, text).narrowing(),
    needed("IPAddressDeny", Off::Empty, text).narrowing(),
    refused("IPEgressFilterPath", Off::Empty, BPF).narrowing(),
    refused("IPIngressFilterPath", Off::Empty, BPF).narrowing(),
    inert("ManagedOOMMemoryPressure", OOMD),
    inert("ManagedOOMMemoryPressureDurationSec", OOMD),
    inert("ManagedOOMMemoryPressureLimit", OOMD),
    inert("ManagedOOMPreference", OOMD),
    inert("ManagedOOMSwap", OOMD),
    inert("MemoryAccounting", ACCOUNTING),
    extra("MemoryHigh", text).unless(Off::Empty),
    extra("MemoryLimit", text),
    extra("MemoryLow", text).unless(Off::Empty),
    extra("MemoryMax", text).unless(Off::Empty),
    extra("MemoryMin", text).unless(Off::Empty),
    extra("MemoryPressureThresholdSec", text).unless(Off::Empty),
    extra("MemoryPressureWatch", text).unless(Off::Empty),
    extra("MemorySwapMax", text).unless(Off::Empty),
    extra("MemoryZSwapMax", text).unless(Off::Empty),
    extra("MemoryZSwapWriteback", boolean),
    inert("NFTSet", "it tells a firewall the unit's cgroup; rules by user work with `User=`"),
    inert("NetClass", "systemd does nothing about it any more"),
    needed("RestrictNetworkInterfaces", Off::Empty, text).narrowing(),
    extra("Slice", text),
    needed("SocketBindAllow", Off::Empty, text).narrowing(),
    needed("SocketBindDeny", Off::Empty, text).narrowing(),
    extra("StartupAllowedCPUs", text).unless(Off::Empty),
    extra("StartupAllowedMemoryNodes", text).unless(Off::Empty),
    extra("StartupBlockIOWeight", text),
    extra("StartupCPUShares", text),
    extra("StartupCPUWeight", text).unless(Off::Empty),
    extra("StartupIOWeight", text).unless(Off::Empty),
    extra("StartupMemoryHigh", text).unless(Off::Empty),
    extra("StartupMemoryLow", text).unless(Off::Empty),
    extra("StartupMemoryMax", text).unless(Off::Empty),
    extra("StartupMemorySwapMax", text).unless(Off::Empty),
    extra("StartupMemoryZSwapMax", text).unless(Off::Empty),
    inert("TasksAccounting", ACCOUNTING),
    extra("TasksMax", text).unless(Off::Empty),
];
