//! The settings that narrow what a unit's processes may do, as `tomte posture` and the report name them, each with what it
//! takes from the kernel and the steps that apply it. A service runs only if every one of them was applied, or left out
//! with the board's consent.

use tomte::table::{PrivateTmp, PrivateUsers};

use crate::{
    model::{Access, DevicePolicy, Exec, ProtectHome, ProtectSystem, Resources},
    mounts::Landlock,
    seccomp,
    target::{feature::Feature, step::Step},
};

/// What a setting takes: features of the kernel, and steps.
type Means = (&'static [Feature], &'static [Step]);

const USER: Means = (&[], &[Step::User, Step::Group, Step::Identity, Step::Groups, Step::Ids]);
const VIEW: Means = (&[Feature::MountNamespaces], &[Step::Namespace]);
const FILTER: Means = (&[Feature::Seccomp], &[Step::Seccomp]);
const VIEW_AND_FILTER: Means =
    (&[Feature::MountNamespaces, Feature::Seccomp], &[Step::Namespace, Step::Seccomp]);
const FILTER_AND_CAPABILITIES: Means = (&[Feature::Seccomp], &[Step::Seccomp, Step::BoundingSet]);
const VIEW_FILTER_AND_CAPABILITIES: Means =
    (&[Feature::MountNamespaces, Feature::Seccomp], &[Step::Namespace, Step::Seccomp, Step::BoundingSet]);
const HOSTNAME: Means = (&[Feature::UtsNamespaces, Feature::Seccomp], &[Step::Namespace, Step::Seccomp]);
const IPC: Means = (&[Feature::IpcNamespaces, Feature::MountNamespaces], &[Step::Namespace]);
const PROCESSES: Means =
    (&[Feature::PidNamespaces, Feature::MountNamespaces], &[Step::Clone, Step::Namespace]);
const USERS: Means = (&[Feature::UserNamespaces], &[Step::PrivateUsers]);

const NETWORK: Means = (&[Feature::Cgroup, Feature::CgroupNetwork], &[Step::NetworkPolicy]);
const DEVICES: Means = (&[Feature::Cgroup, Feature::CgroupDevices], &[Step::DevicePolicy]);

/// What takes a controller of cgroups.
const fn limit(controller: &'static [Feature]) -> Means {
    (controller, &[Step::Cgroup])
}

/// Those of a unit with these settings and rules of Landlock's, each as `tomte::table::Exec` has it.
pub(super) fn of(exec: &Exec, resources: &Resources, landlock: &Landlock) -> Vec<String> {
    let (protect, namespaces, view) = (exec.protect, &exec.namespaces, &exec.view);
    let has = |access: Access| view.access.iter().any(|one| one.access == access);
    let settings: [(bool, &str, Means); 36] = [
        (exec.dynamic_user, "DynamicUser=yes", USER),
        (!exec.dynamic_user && !exec.user.value.is_empty(), "User=", USER),
        (exec.no_new_privileges, "NoNewPrivileges=yes", (&[], &[Step::NoNewPrivileges])),
        (exec.private_tmp == PrivateTmp::Connected, "PrivateTmp=yes", VIEW),
        (exec.private_tmp == PrivateTmp::Disconnected, "PrivateTmp=disconnected", VIEW),
        (exec.protect_system == ProtectSystem::Yes, "ProtectSystem=yes", VIEW),
        (exec.protect_system == ProtectSystem::Full, "ProtectSystem=full", VIEW),
        (exec.protect_system == ProtectSystem::Strict, "ProtectSystem=strict", VIEW),
        (exec.protect_home == ProtectHome::Yes, "ProtectHome=yes", VIEW),
        (exec.protect_home == ProtectHome::ReadOnly, "ProtectHome=read-only", VIEW),
        (exec.protect_home == ProtectHome::Tmpfs, "ProtectHome=tmpfs", VIEW),
        (exec.capability_bounding_set != u64::MAX, "CapabilityBoundingSet=", (&[], &[Step::BoundingSet])),
        (exec.remove_ipc, "RemoveIPC=yes", (&[], &[])),
        (protect.devices, "PrivateDevices=yes", VIEW_FILTER_AND_CAPABILITIES),
        (protect.kernel_tunables, "ProtectKernelTunables=yes", VIEW_AND_FILTER),
        (protect.kernel_modules, "ProtectKernelModules=yes", VIEW_FILTER_AND_CAPABILITIES),
        (protect.kernel_logs, "ProtectKernelLogs=yes", VIEW_FILTER_AND_CAPABILITIES),
        (protect.control_groups, "ProtectControlGroups=yes", VIEW),
        (protect.clock, "ProtectClock=yes", FILTER_AND_CAPABILITIES),
        (protect.hostname, "ProtectHostname=yes", HOSTNAME),
        (namespaces.network, "PrivateNetwork=yes", (&[Feature::NetworkNamespaces], &[Step::Network])),
        (namespaces.ipc, "PrivateIPC=yes", IPC),
        (namespaces.pids, "PrivatePIDs=yes", PROCESSES),
        (namespaces.users == PrivateUsers::Own, "PrivateUsers=yes", USERS),
        (namespaces.users == PrivateUsers::Identity, "PrivateUsers=identity", USERS),
        (exec.secure_bits != 0, "SecureBits=", (&[], &[Step::SecureBits])),
        (!namespaces.network_path.is_empty(), "NetworkNamespacePath=", (&[], &[Step::Network])),
        (!namespaces.ipc_path.is_empty(), "IPCNamespacePath=", (&[], &[Step::Namespace])),
        (view.private_mounts, "PrivateMounts=yes", VIEW),
        (view.processes_only, "ProcSubset=pid", VIEW),
        (!view.root.is_empty(), "RootDirectory=", VIEW),
        (has(Access::ReadOnly), "ReadOnlyPaths=", VIEW),
        (has(Access::Inaccessible), "InaccessiblePaths=", VIEW),
        (has(Access::NoExec), "NoExecPaths=", VIEW),
        (view.binds.iter().any(|bind| bind.read_only), "BindReadOnlyPaths=", VIEW),
        (!view.temporary.is_empty(), "TemporaryFileSystem=", VIEW),
    ];
    let on = settings.into_iter().filter(|(holds, ..)| *holds);
    let mut held: Vec<String> = on.map(|(_, name, means)| one(name.to_owned(), means)).collect();
    held.extend(seccomp::words::posture(&exec.system_calls).into_iter().map(|name| one(name, FILTER)));
    held.extend(view.protect_proc.map(|how| one(format!("ProtectProc={how}"), VIEW)));
    held.extend(second_wall(landlock));
    held.extend(limits(resources));
    held.extend(devices(resources, protect.devices));
    held.extend(network(resources));
    held
}

/// What a cgroup holds the unit to. Weights share out and hold nobody back, so they are none.
fn limits(resources: &Resources) -> impl Iterator<Item = String> {
    let processor = limit(&[Feature::Cgroup, Feature::CgroupCpu]);
    let processors = limit(&[Feature::Cgroup, Feature::CgroupCpuset]);
    let memory = limit(&[Feature::Cgroup, Feature::CgroupMemory]);
    let disk = limit(&[Feature::Cgroup, Feature::CgroupIo]);
    let io = &resources.io;
    let settings: [(bool, &str, Means); 12] = [
        (resources.cpu_quota.is_some(), "CPUQuota=", processor),
        (resources.allowed_cpus.always.is_some(), "AllowedCPUs=", processors),
        (resources.allowed_memory_nodes.always.is_some(), "AllowedMemoryNodes=", processors),
        (resources.memory_high.always.is_some(), "MemoryHigh=", memory),
        (resources.memory_max.always.is_some(), "MemoryMax=", memory),
        (resources.memory_swap_max.always.is_some(), "MemorySwapMax=", memory),
        (resources.memory_zswap_max.always.is_some(), "MemoryZSwapMax=", memory),
        (resources.tasks_max.is_some(), "TasksMax=", limit(&[Feature::Cgroup, Feature::CgroupPids])),
        (!io.read_bytes.is_empty(), "IOReadBandwidthMax=", disk),
        (!io.write_bytes.is_empty(), "IOWriteBandwidthMax=", disk),
        (!io.read_requests.is_empty(), "IOReadIOPSMax=", disk),
        (!io.write_requests.is_empty(), "IOWriteIOPSMax=", disk),
    ];
    settings.into_iter().filter(|(holds, ..)| *holds).map(|(_, name, means)| one(name.to_owned(), means))
}

/// Which devices may be used; `PrivateDevices=` brings a policy along.
fn devices(resources: &Resources, private: bool) -> impl Iterator<Item = String> {
    let allows = !resources.device_allow.is_empty();
    let policy = match resources.device_policy {
        DevicePolicy::Strict => Some("DevicePolicy=strict"),
        DevicePolicy::Closed => Some("DevicePolicy=closed"),
        DevicePolicy::Auto if private => Some("DevicePolicy=closed"),
        DevicePolicy::Auto => None,
    };
    let named = [policy, allows.then_some("DeviceAllow=")];
    named.into_iter().flatten().map(|name| one(name.to_owned(), DEVICES))
}

/// Packets and sockets. What slices deny is theirs.
fn network(resources: &Resources) -> impl Iterator<Item = String> {
    let settings = [
        (!resources.ip_address_deny.is_empty(), "IPAddressDeny="),
        (!resources.socket_bind_deny.is_empty(), "SocketBindDeny="),
    ];
    settings.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| one(name.to_owned(), NETWORK))
}

/// Landlock, where it holds beside the mounts, and what of their work it cannot do.
fn second_wall(landlock: &Landlock) -> Option<String> {
    /// Paths that are named.
    const NAMED: usize = 3;
    if !landlock.beside_mounts || landlock.writable.is_none() && landlock.executable.is_none() {
        return None;
    }
    let mut named: Vec<&str> = landlock.left.iter().take(NAMED).map(String::as_str).collect();
    let more = landlock.left.len().saturating_sub(NAMED);
    let more = format!("{more} more");
    if landlock.left.len() > NAMED {
        named.push(&more);
    }
    let left = match named.is_empty() {
        true => String::new(),
        false => format!(" (without {})", named.join(", ")),
    };
    Some(one(format!("Landlock{left}"), (&[Feature::SecondWall], &[Step::Landlock])))
}

fn one(setting: String, (features, steps): Means) -> String {
    let needs = features.iter().fold(0, |all, feature| all | feature.bit());
    let steps = steps.iter().fold(0_u64, |all, step| all | 1 << step.index());
    format!("{setting}\t{needs}\t{steps}")
}
