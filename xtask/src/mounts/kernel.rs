//! What `MountAPIVFS=`, `ProtectKernelTunables=` and its kind, `ProtectControlGroups=`, `ProtectHostname=` and
//! `PrivateDevices=` do to the kernel's file systems (namespace.c's tables).

use tomte::table::Content;

use super::{DEVICES, Mount, NODEV, NOEXEC, NOSUID, Plan, RDONLY};
use crate::model::Exec;

/// Made read-only by `ProtectKernelTunables=`.
const TUNABLES: [&str; 15] = [
    "/proc/acpi",
    "/proc/apm",
    "/proc/asound",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/latency_stats",
    "/proc/mtrr",
    "/proc/scsi",
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/timer_stats",
    "/sys/fs/bpf",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
];
/// Hidden by it.
const SECRETS: [&str; 2] = ["/proc/kallsyms", "/proc/kcore"];
/// Left alone by it below /sys.
const LEFT: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/selinux"];
/// Hidden by `ProtectKernelModules=`.
const MODULES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];
/// Hidden by `ProtectKernelLogs=`.
const LOGS: [&str; 2] = ["/dev/kmsg", "/proc/kmsg"];
/// The message queues of the namespace of IPC that they were mounted in, whoever looks.
const QUEUES: &str = "/dev/mqueue";
/// Of the host's /dev in that of `PrivateDevices=`, besides the devices.
const DEVICE_DIRECTORIES: [&str; 4] = ["/dev/hugepages", QUEUES, "/dev/pts", "/dev/shm"];

/// /run of a `RootDirectory=`.
const RUN: &str = "tmpfs:mode=0755,size=20%,nr_inodes=800k";
/// Read-only with `ProtectHostname=` where there is a namespace for it (the setting asks for none).
const NAMES: [&str; 2] = ["/proc/sys/kernel/domainname", "/proc/sys/kernel/hostname"];

/// Adds what `ProtectHostname=` says.
pub(super) fn protect_hostname(plan: &mut Plan, exec: &Exec) {
    for path in NAMES.iter().filter(|_| exec.protect.hostname) {
        plan.add(Mount::itself(path, RDONLY, 0).optional());
    }
}

/// `MountAPIVFS=`, and what needs a view of the processes of its own: where no setting puts anything else, as that of
/// `PrivateDevices=` (namespace.c, `namespace_info_mount_apivfs`).
pub(super) fn api_file_systems(plan: &mut Plan, exec: &Exec) {
    let (view, protect) = (&exec.view, &exec.protect);
    let rooted = !view.root.is_empty();
    let asked = view.api_file_systems.unwrap_or(rooted);
    let hidden = view.protect_proc.is_some() || view.processes_only || exec.namespaces.pids;
    if !(asked || hidden || protect.control_groups || protect.kernel_tunables) {
        return;
    }
    let hide = view.protect_proc.map(|how| format!("hidepid={how}"));
    let subset = view.processes_only.then(|| "subset=pid".to_owned());
    let options: Vec<String> = hide.into_iter().chain(subset).collect();
    let processes = Mount::new("/proc", Content::New, &format!("proc:{}", options.join(",")));
    plan.add(processes.only(NOSUID | NODEV | NOEXEC));
    if !rooted {
        return plan.add(Mount::itself("/sys", NOEXEC, 0).optional());
    }
    let system = Mount::kept("/sys").only(NOSUID | NODEV | NOEXEC);
    for mount in [system, Mount::kept("/dev"), Mount::new("/run", Content::New, RUN).only(NOSUID | NODEV)] {
        let there = plan.0.get(&(mount.path.clone(), false));
        if there.is_none_or(|there| there.content == Content::Itself) {
            plan.add(mount);
        }
    }
}

/// Adds all the others.
pub(super) fn protect(plan: &mut Plan, exec: &Exec) {
    let protect = exec.protect;
    let mut add = |wanted: bool, paths: &[&str], mount: &dyn Fn(&str) -> Mount| {
        paths.iter().filter(|_| wanted).for_each(|path| plan.add(mount(path).optional()));
    };
    let read_only = |path: &str| Mount::itself(path, RDONLY, 0);
    add(protect.kernel_tunables, &TUNABLES, &read_only);
    add(protect.kernel_tunables, &["/sys"], &read_only);
    add(protect.kernel_tunables, &LEFT, &|path| Mount::itself(path, 0, RDONLY));
    add(protect.kernel_tunables, &SECRETS, &Mount::inaccessible);
    add(protect.kernel_modules, &MODULES, &Mount::inaccessible);
    add(protect.kernel_logs, &LOGS, &Mount::inaccessible);
    add(protect.control_groups, &["/sys/fs/cgroup"], &read_only);
    let own_queues = exec.namespaces.ipc || !exec.namespaces.ipc_path.is_empty();
    add(own_queues, &[QUEUES], &|path| {
        Mount::new(path, Content::New, "mqueue:").only(NODEV | NOSUID | NOEXEC)
    });
    if protect.devices {
        plan.add(Mount::new("/dev", Content::Devices, DEVICES).only(RDONLY | NOSUID | NOEXEC));
        let kept = DEVICE_DIRECTORIES.iter().filter(|path| !own_queues || **path != QUEUES);
        kept.for_each(|path| plan.add(Mount { clear: 0, ..Mount::kept(path).optional() }));
    }
}
