//! The settings that narrow what a unit's processes may do, as `tomte posture` and the report name them. A service runs
//! only if every one of them was applied.

use tomte::table::{PrivateTmp, PrivateUsers};

use crate::{
    model::{Exec, ProtectHome, ProtectSystem},
    seccomp,
};

/// Those of `exec`.
pub(super) fn of(exec: &Exec) -> Vec<String> {
    let (protect, namespaces, view) = (exec.protect, &exec.namespaces, &exec.view);
    let settings = [
        (exec.dynamic_user, "DynamicUser=yes"),
        (!exec.dynamic_user && !exec.user.value.is_empty(), "User="),
        (exec.no_new_privileges, "NoNewPrivileges=yes"),
        (exec.private_tmp == PrivateTmp::Connected, "PrivateTmp=yes"),
        (exec.private_tmp == PrivateTmp::Disconnected, "PrivateTmp=disconnected"),
        (exec.protect_system == ProtectSystem::Yes, "ProtectSystem=yes"),
        (exec.protect_system == ProtectSystem::Full, "ProtectSystem=full"),
        (exec.protect_system == ProtectSystem::Strict, "ProtectSystem=strict"),
        (exec.protect_home == ProtectHome::Yes, "ProtectHome=yes"),
        (exec.protect_home == ProtectHome::ReadOnly, "ProtectHome=read-only"),
        (exec.protect_home == ProtectHome::Tmpfs, "ProtectHome=tmpfs"),
        (exec.capability_bounding_set != u64::MAX, "CapabilityBoundingSet="),
        (exec.remove_ipc, "RemoveIPC=yes"),
        (protect.devices, "PrivateDevices=yes"),
        (protect.kernel_tunables, "ProtectKernelTunables=yes"),
        (protect.kernel_modules, "ProtectKernelModules=yes"),
        (protect.kernel_logs, "ProtectKernelLogs=yes"),
        (protect.control_groups, "ProtectControlGroups=yes"),
        (protect.clock, "ProtectClock=yes"),
        (protect.hostname, "ProtectHostname=yes"),
        (namespaces.network, "PrivateNetwork=yes"),
        (namespaces.ipc, "PrivateIPC=yes"),
        (namespaces.pids, "PrivatePIDs=yes"),
        (namespaces.users == PrivateUsers::Own, "PrivateUsers=yes"),
        (namespaces.users == PrivateUsers::Identity, "PrivateUsers=identity"),
        (exec.secure_bits != 0, "SecureBits="),
        (!namespaces.network_path.is_empty(), "NetworkNamespacePath="),
        (!namespaces.ipc_path.is_empty(), "IPCNamespacePath="),
        (view.private_mounts, "PrivateMounts=yes"),
        (view.processes_only, "ProcSubset=pid"),
        (!view.root.is_empty(), "RootDirectory="),
        (!view.access.is_empty(), "ReadOnlyPaths="),
        (!view.temporary.is_empty(), "TemporaryFileSystem="),
    ];
    let mut held: Vec<String> =
        settings.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name.to_owned()).collect();
    held.extend(seccomp::words::posture(&exec.system_calls));
    held.extend(view.protect_proc.map(|how| format!("ProtectProc={how}")));
    held
}
