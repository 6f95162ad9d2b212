//! What the directives of systemd.resource-control(5) do (facts from load-fragment.c and cgroup.c). An empty value takes
//! what was written before back.

use std::collections::BTreeSet;

use tomte::table::Micros;

use super::draft::{Cx, Draft};
use crate::{
    diag::{Code, Diagnostic},
    model::{Controller, CpuWeight, Delegate, DevicePolicy, Interfaces, Located, PressureWatch, Resources},
    read::{Assignment, Text},
    values::{
        cpu_list, device, network, scalar,
        scheduling::integer,
        size::{self, Amount, Permyriad},
        specifier::Specifiers,
        time, unit_name, word, wrong,
    },
};

type Done = Result<(), Diagnostic>;

/// `Slice=`.
pub fn slice(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let text = cx.specifiers.expand(&a.value)?;
    let name = unit_name::parse(&text)?;
    if name.suffix != "slice" {
        return Err(wrong(&a.value, Code::UnitName, format!("{:?} is no slice", name.full)));
    }
    d.resources().slice = Some(Located { value: name.full, place: Some(a.value.place(0)) });
    Ok(())
}

/// `CPUWeight=`: 1 to 10000, or `idle`.
pub fn cpu_weight(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let value = match a.value.as_str() {
        "" => None,
        "idle" => Some(CpuWeight::Idle),
        _ => Some(CpuWeight::Weight(scalar::weight(&a.value)?)),
    };
    *d.resources().cpu_weight.of(a.key.as_str()) = value;
    Ok(())
}

/// `IOWeight=`.
pub fn io_weight(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let value = if a.value.is_empty() { None } else { Some(scalar::weight(&a.value)?) };
    *d.resources().io_weight.of(a.key.as_str()) = value;
    Ok(())
}

/// `CPUQuota=`: more than 100 % is more than one processor.
pub fn cpu_quota(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.resources().cpu_quota = match a.value.is_empty() {
        true => None,
        false => Some(size::share_unbounded(&a.value)?),
    };
    if d.resources().cpu_quota == Some(Permyriad(0)) {
        return Err(wrong(&a.value, Code::Size, "\"0%\": with no time at all nothing could run"));
    }
    Ok(())
}

/// `CPUQuotaPeriodSec=`: systemd holds it between 1 ms and 1 s.
pub fn cpu_quota_period(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    if matches!(a.value.as_str(), "" | "infinity") {
        d.resources().cpu_quota_period = None;
        return Ok(());
    }
    let written = time::span(&a.value)?;
    let held = written.clamp(Micros::from_millis(1), Micros::from_secs(1));
    if written != held {
        let problem = Diagnostic::warning(
            Code::TakenAs,
            "a period lies between 1ms and 1s; the nearer of them is taken",
        );
        cx.problems.push(problem.on(&a.value, 0..a.value.len()));
    }
    d.resources().cpu_quota_period = Some(held);
    Ok(())
}

/// `AllowedCPUs=` and `AllowedMemoryNodes=`: adds to what was written before.
pub fn allowed(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let key = a.key.as_str();
    let resources = d.resources();
    let phased = match key.ends_with("CPUs") {
        true => &mut resources.allowed_cpus,
        false => &mut resources.allowed_memory_nodes,
    };
    let slot = phased.of(key);
    match a.value.is_empty() {
        true => *slot = None,
        false => slot.get_or_insert_default().extend(cpu_list::parse(&a.value)?),
    }
    Ok(())
}

/// `Memory*=`: a size, a share of the machine's memory, or `infinity`.
pub fn memory(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let key = a.key.as_str();
    let bare = key.trim_start_matches("Startup");
    let value = if a.value.is_empty() { None } else { Some(size::amount(&a.value)?) };
    let may_be_none =
        ["MemoryMin", "MemoryLow", "DefaultMemoryMin", "DefaultMemoryLow", "MemorySwapMax", "MemoryZSwapMax"];
    if matches!(value, Some(Amount::Fixed(0) | Amount::Share(Permyriad(0)))) && !may_be_none.contains(&bare) {
        return Err(wrong(
            &a.value,
            Code::Size,
            format!("{:?}: with no memory at all nothing could run", a.value.as_str()),
        ));
    }
    let resources = d.resources();
    *match bare {
        "MemoryMin" => &mut resources.memory_min,
        "DefaultMemoryMin" => &mut resources.default_memory_min,
        "DefaultMemoryLow" => resources.default_memory_low.of(key),
        "MemoryLow" => resources.memory_low.of(key),
        "MemoryHigh" => resources.memory_high.of(key),
        "MemoryMax" => resources.memory_max.of(key),
        "MemorySwapMax" => resources.memory_swap_max.of(key),
        _ => resources.memory_zswap_max.of(key),
    } = value;
    Ok(())
}

/// `TasksMax=`: a number, a share of what the kernel can have, or `infinity`.
pub fn tasks_max(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let value = if a.value.is_empty() { None } else { Some(size::count(&a.value)?) };
    if matches!(value, Some(Amount::Fixed(0) | Amount::Share(Permyriad(0)))) {
        return Err(wrong(
            &a.value,
            Code::Size,
            format!("{:?}: with no task at all nothing could run", a.value.as_str()),
        ));
    }
    d.resources().tasks_max = value;
    Ok(())
}

/// Reads a device and what goes with it.
type OfDevice<T> = fn(&Text, &Specifiers) -> Result<(String, T), Diagnostic>;

/// A list that goes with devices: the last value for each device holds, and nothing takes all back.
fn of_device<T>(list: &mut Vec<(String, T)>, a: &Assignment, cx: &Cx, parse: OfDevice<T>) -> Done {
    if a.value.is_empty() {
        list.clear();
        return Ok(());
    }
    let (device, value) = parse(&a.value, &cx.specifiers)?;
    list.retain(|(other, _)| *other != device);
    list.push((device, value));
    Ok(())
}

/// `IODeviceWeight=`.
pub fn io_device_weight(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    of_device(&mut d.resources().io.weights, a, cx, device::weight)
}

/// `IODeviceLatencyTargetSec=`.
pub fn io_latency(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    of_device(&mut d.resources().io.latencies, a, cx, device::latency)
}

/// `IOReadBandwidthMax=` and its kind.
pub fn io_rate(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let io = &mut d.resources().io;
    let list = match a.key.as_str() {
        "IOReadBandwidthMax" | "BlockIOReadBandwidth" => &mut io.read_bytes,
        "IOWriteBandwidthMax" | "BlockIOWriteBandwidth" => &mut io.write_bytes,
        "IOReadIOPSMax" => &mut io.read_requests,
        _ => &mut io.write_requests,
    };
    of_device(list, a, cx, device::rate)
}

/// `DevicePolicy=`.
pub fn device_policy(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let choices =
        [("auto", DevicePolicy::Auto), ("closed", DevicePolicy::Closed), ("strict", DevicePolicy::Strict)];
    d.resources().device_policy = scalar::choice(&a.value, &choices)?;
    Ok(())
}

/// `DeviceAllow=`.
pub fn device_allow(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let rules = &mut d.resources().device_allow;
    if a.value.is_empty() {
        rules.clear();
        return Ok(());
    }
    let rule = device::rule(&a.value, &cx.specifiers)?;
    rules.retain(|other| other.devices != rule.devices);
    rules.push(rule);
    Ok(())
}

/// What of `keys` is written narrows other units, and not here: `instead` says where it does.
pub fn not_enforced(cx: &mut Cx, keys: &[&str], here: &str, instead: &str) {
    for key in keys {
        let Some(a) = cx.written.get(*key).filter(|a| !matches!(a.value.as_str(), "" | "auto")).cloned()
        else {
            continue;
        };
        let message = format!("{key}= is not enforced for {here} by this tomte");
        let problem = Diagnostic::error(Code::ProtectionNotYet, message).on(&a.key, 0..a.key.len());
        cx.later(&a, Some(problem.help(instead)));
    }
}

/// `IPAddressAllow=` and `IPAddressDeny=`.
pub fn ip_address(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let resources = d.resources();
    let set = match a.key.as_str() {
        "IPAddressAllow" => &mut resources.ip_address_allow,
        _ => &mut resources.ip_address_deny,
    };
    if a.value.is_empty() {
        set.clear();
    }
    set.extend(network::prefixes(&a.value)?);
    Ok(())
}

/// `SocketBindAllow=` and `SocketBindDeny=`.
pub fn socket_bind(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let resources = d.resources();
    let rules = match a.key.as_str() {
        "SocketBindAllow" => &mut resources.socket_bind_allow,
        _ => &mut resources.socket_bind_deny,
    };
    match a.value.is_empty() {
        true => rules.clear(),
        false => rules.push(network::bind_rule(&a.value)?),
    }
    Ok(())
}

/// `RestrictNetworkInterfaces=`: the first line says whether its names are the only ones or all but; a later line of the
/// other kind takes names away.
pub fn network_interfaces(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let slot = &mut d.resources().restrict_network_interfaces;
    if a.value.is_empty() {
        *slot = None;
        return Ok(());
    }
    let (except, names) = network::interfaces(&a.value)?;
    let list = slot.get_or_insert_with(|| Interfaces { except, names: BTreeSet::new() });
    match list.except == except {
        true => list.names.extend(names),
        false => list.names.retain(|name| !names.contains(name)),
    }
    Ok(())
}

const CONTROLLERS: [(&str, Controller); 10] = [
    ("cpu", Controller::Cpu),
    ("cpuset", Controller::Cpuset),
    ("io", Controller::Io),
    ("memory", Controller::Memory),
    ("pids", Controller::Pids),
    ("bpf-firewall", Controller::BpfFirewall),
    ("bpf-devices", Controller::BpfDevices),
    ("bpf-foreign", Controller::BpfForeign),
    ("bpf-socket-bind", Controller::BpfSocketBind),
    ("bpf-restrict-network-interfaces", Controller::BpfRestrictNetworkInterfaces),
];

/// Names that cgroup-v1 had: it counted processor time and block requests elsewhere.
const OLD_CONTROLLERS: [&str; 3] = ["cpuacct", "blkio", "devices"];

fn controllers(a: &Assignment) -> Result<BTreeSet<Controller>, Diagnostic> {
    let mut set = BTreeSet::new();
    for word in word::list(&a.value)? {
        if !OLD_CONTROLLERS.contains(&word.as_str()) {
            set.insert(scalar::choice(&word, &CONTROLLERS)?);
        }
    }
    Ok(set)
}

/// `Delegate=`: a boolean, or controllers to add to those of before; nothing delegates without any.
pub fn delegate(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let value = match scalar::boolean(&a.value) {
        Ok(true) => Delegate::All,
        Ok(false) => Delegate::No,
        Err(_) if a.value.is_empty() => Delegate::Controllers(BTreeSet::new()),
        Err(_) => {
            let mut named = controllers(a)?;
            match &d.resources().delegate {
                Delegate::All => return Ok(()), // all and more are all
                Delegate::No => {}
                Delegate::Controllers(before) => named.extend(before),
            }
            Delegate::Controllers(named)
        }
    };
    d.resources().delegate = value;
    Ok(())
}

/// `DisableControllers=`.
pub fn disable_controllers(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let disabled = &mut d.resources().disable_controllers;
    if a.value.is_empty() {
        disabled.clear();
    }
    disabled.extend(controllers(a)?);
    Ok(())
}

/// `DelegateSubgroup=`: the name of one cgroup (cgroup-util.c, `cg_needs_escape` and `filename_is_valid`).
pub fn delegate_subgroup(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let text = cx.specifiers.expand(&a.value)?;
    let name = text.as_str();
    if [".", ".."].contains(&name) || name.contains('/') || name.starts_with("cgroup.") || name.len() > 255 {
        return Err(wrong(&text, Code::Word, format!("{name:?} cannot be the name of a cgroup")));
    }
    name.clone_into(&mut d.resources().delegate_subgroup);
    Ok(())
}

/// `MemoryPressureWatch=`.
pub fn pressure_watch(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    let watch = match (a.value.as_str(), scalar::boolean(&a.value)) {
        ("", _) => None,
        (_, Ok(true)) => Some(PressureWatch::On),
        (_, Ok(false)) => Some(PressureWatch::Off),
        _ => Some(scalar::choice(
            &a.value,
            &[
                ("off", PressureWatch::Off),
                ("on", PressureWatch::On),
                ("auto", PressureWatch::Auto),
                ("skip", PressureWatch::Skip),
            ],
        )?),
    };
    d.resources().memory_pressure_watch = watch;
    Ok(())
}

/// `MemoryPressureThresholdSec=`.
pub fn pressure_threshold(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.resources().memory_pressure_threshold =
        if a.value.is_empty() { None } else { Some(time::span(&a.value)?) };
    Ok(())
}

/// `MemoryZSwapWriteback=`.
pub fn zswap_writeback(d: &mut Draft, a: &Assignment, _: &mut Cx) -> Done {
    d.resources().memory_zswap_writeback = Some(scalar::boolean(&a.value)?);
    Ok(())
}

/// Settings of cgroup-v1 as systemd translates them (cgroup.c, `cgroup_weight_io_to_…` the other way round).
pub fn of_version_1(d: &mut Draft, a: &Assignment, cx: &mut Cx) -> Done {
    let key = a.key.as_str();
    let bare = key.trim_start_matches("Startup");
    let today = match bare {
        "CPUShares" => "CPUWeight",
        "MemoryLimit" => "MemoryMax",
        "BlockIOWeight" => "IOWeight",
        "BlockIODeviceWeight" => "IODeviceWeight",
        "BlockIOReadBandwidth" => "IOReadBandwidthMax",
        _ => "IOWriteBandwidthMax",
    };
    let startup = &key[..key.len() - bare.len()];
    let problem = Diagnostic::note(Code::OldSpelling, "an old spelling").on(&a.key, 0..a.key.len());
    cx.problems.push(problem.help(format!("since cgroup-v2 it is {startup}{today}=")));
    if a.value.is_empty() && bare != "MemoryLimit" {
        return clear(d.resources(), key, bare);
    }
    match bare {
        "CPUShares" => {
            let shares = integer(&a.value, 2, 262_144, "shares")? as u64;
            let weight = (shares * 100 / 1024).clamp(1, 10_000);
            *d.resources().cpu_weight.of(key) = Some(CpuWeight::Weight(weight));
        }
        "MemoryLimit" => {
            let limit = if a.value.is_empty() { None } else { Some(size::amount(&a.value)?) };
            if !cx.written.contains_key("MemoryMax") {
                d.resources().memory_max.always = limit;
            }
        }
        "BlockIOWeight" => {
            let weight = integer(&a.value, 10, 1000, "a weight")? as u64;
            *d.resources().io_weight.of(key) = Some((weight * 100 / 500).clamp(1, 10_000));
        }
        "BlockIODeviceWeight" => return io_device_weight(d, a, cx),
        _ => return io_rate(d, a, cx),
    }
    Ok(())
}

fn clear(resources: &mut Resources, key: &str, bare: &str) -> Done {
    match bare {
        "CPUShares" => *resources.cpu_weight.of(key) = None,
        "BlockIOWeight" => *resources.io_weight.of(key) = None,
        "BlockIODeviceWeight" => resources.io.weights.clear(),
        "BlockIOReadBandwidth" => resources.io.read_bytes.clear(),
        _ => resources.io.write_bytes.clear(),
    }
    Ok(())
}
