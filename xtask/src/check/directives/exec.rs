//! systemd.exec(5): what a process is given and kept from.

use super::{Directive, Off, Page, boolean, extra, inert, put, refused, span, supported, text};
use crate::{
    check::{
        checked as c, credentials, environment, exec as e, scheduling, streams, system_calls as s, view as v,
    },
    values::scalar,
};

pub const PAGE: Page = Page { manual: "systemd.exec(5)", directives: DIRECTIVES };

const IMAGES: &str = "images are not mounted for one service; `RootDirectory=` takes a directory";
const LSM: &str = "no policy of a security module is loaded at boot; the other directives narrow without one";
const NO_DEVICE_PROGRAM: &str =
    "namespace, capabilities and filter as in systemd, without a program for the cgroup's devices";
const NUMA: &str = "boards have one memory node; nothing is lost";
const NO_WAY_ROUND: &str = "io_uring_setup answers ENOSYS, too: it would be a way round";
const READ_ONLY: &str = "what is read-only above it stays so; with systemd it can be written to again";
const STORES: &str = "names are looked for in /etc/credstore, /run/credstore, /usr/local/lib/credstore and \
                      /usr/lib/credstore";
const UTMP: &str = "there is no utmp to write to";

const DIRECTIVES: &[Directive] = &[
    supported("AmbientCapabilities", e::ambient_capabilities),
    refused("AppArmorProfile", Off::Empty, LSM).narrowing(),
    extra("BindLogSockets", boolean),
    supported("BindPaths", v::bind).narrowing(),
    supported("BindReadOnlyPaths", v::bind).narrowing(),
    supported("CPUAffinity", scheduling::affinity),
    supported("CPUSchedulingPolicy", scheduling::policy),
    supported("CPUSchedulingPriority", scheduling::priority),
    supported("CPUSchedulingResetOnFork", scheduling::reset_on_fork),
    supported("CacheDirectory", e::directory),
    supported("CacheDirectoryMode", e::directory_mode),
    inert(
        "Capabilities",
        "systemd does nothing about it any more; `CapabilityBoundingSet=` limits capabilities",
    ),
    supported("CapabilityBoundingSet", e::capability_bounding_set).narrowing(),
    supported("ConfigurationDirectory", e::directory)
        .note("a new one is root's, as systemd.exec(5) says; systemd gives it to the user"),
    supported("ConfigurationDirectoryMode", e::directory_mode),
    supported("CoredumpFilter", scheduling::coredump_filter),
    supported("DynamicUser", |d, a, _| put(&mut d.exec().dynamic_user, scalar::boolean(&a.value)))
        .narrowing(),
    supported("Environment", e::environment),
    supported("EnvironmentFile", environment::files),
    supported("ExecPaths", v::exec).narrowing().note(READ_ONLY),
    supported("ExecSearchPath", environment::search_path),
    refused("ExtensionDirectories", Off::Empty, IMAGES).narrowing(),
    refused("ExtensionImagePolicy", Off::Empty, IMAGES).narrowing(),
    refused("ExtensionImages", Off::Empty, IMAGES).narrowing(),
    supported("Group", |d, a, cx| put(&mut d.exec().group, e::user(a, cx))).narrowing(),
    supported("IOSchedulingClass", scheduling::io_class),
    supported("IOSchedulingPriority", scheduling::io_priority),
    supported("IPCNamespacePath", |d, a, cx| put(&mut d.exec().namespaces.ipc_path, v::namespace(a, cx)))
        .narrowing(),
    supported("IgnoreSIGPIPE", |d, a, _| put(&mut d.exec().ignore_sigpipe, scalar::boolean(&a.value))),
    supported("ImportCredential", credentials::import).note(STORES),
    supported("InaccessibleDirectories", v::inaccessible).narrowing(),
    supported("InaccessiblePaths", v::inaccessible).narrowing(),
    supported("KeyringMode", e::keyring_mode).narrowing(),
    supported("LimitAS", e::rlimit),
    supported("LimitCORE", e::rlimit).narrowing(),
    supported("LimitCPU", e::rlimit),
    supported("LimitDATA", e::rlimit),
    supported("LimitFSIZE", e::rlimit),
    supported("LimitLOCKS", e::rlimit),
    supported("LimitMEMLOCK", e::rlimit),
    supported("LimitMSGQUEUE", e::rlimit),
    supported("LimitNICE", e::rlimit),
    supported("LimitNOFILE", e::rlimit),
    supported("LimitNPROC", e::rlimit),
    supported("LimitRSS", e::rlimit),
    supported("LimitRTPRIO", e::rlimit),
    supported("LimitRTTIME", e::rlimit),
    supported("LimitSIGPENDING", e::rlimit),
    supported("LimitSTACK", e::rlimit),
    supported("LoadCredential", credentials::load).note(STORES),
    refused(
        "LoadCredentialEncrypted",
        Off::Empty,
        "there is no key of the machine to decrypt them with; `LoadCredential=` takes a file",
    ),
    supported("LockPersonality", |d, a, _| s::lock_personality(d, a)).narrowing(),
    extra("LogExtraFields", c::log_fields).unless(Off::Empty),
    extra("LogFilterPatterns", text).unless(Off::Empty),
    supported("LogLevelMax", e::log_level_max),
    extra("LogNamespace", text).unless(Off::Empty),
    supported("LogRateLimitBurst", e::log_rate_burst),
    supported("LogRateLimitIntervalSec", e::log_rate_interval),
    supported("LogsDirectory", e::directory),
    supported("LogsDirectoryMode", e::directory_mode),
    supported("MemoryDenyWriteExecute", |d, a, _| s::switch(d, a, |policy| &mut policy.write_execute))
        .narrowing(),
    extra("MemoryKSM", boolean),
    supported("MountAPIVFS", v::mount_api),
    supported("MountFlags", v::mount_flags),
    refused("MountImagePolicy", Off::Empty, IMAGES).narrowing(),
    refused("MountImages", Off::Empty, IMAGES).narrowing(),
    inert("NUMAMask", NUMA),
    inert("NUMAPolicy", NUMA),
    supported("NetworkNamespacePath", |d, a, cx| {
        put(&mut d.exec().namespaces.network_path, v::namespace(a, cx))
    })
    .narrowing(),
    supported("Nice", scheduling::nice),
    supported("NoExecPaths", v::no_exec).narrowing().note(READ_ONLY),
    supported("NoNewPrivileges", |d, a, _| put(&mut d.exec().no_new_privileges, scalar::boolean(&a.value)))
        .narrowing(),
    supported("OOMScoreAdjust", scheduling::oom_score),
    refused("PAMName", Off::Empty, "no PAM session is opened; `User=` sets the user without one"),
    supported("PassEnvironment", environment::pass),
    supported("Personality", scheduling::personality),
    supported("PrivateDevices", |d, a, _| put(&mut d.exec().protect.devices, scalar::boolean(&a.value)))
        .narrowing()
        .note(NO_DEVICE_PROGRAM),
    supported("PrivateIPC", |d, a, _| put(&mut d.exec().namespaces.ipc, scalar::boolean(&a.value)))
        .narrowing(),
    supported("PrivateMounts", |d, a, _| put(&mut d.exec().view.private_mounts, scalar::boolean(&a.value)))
        .narrowing(),
    supported("PrivateNetwork", |d, a, _| put(&mut d.exec().namespaces.network, scalar::boolean(&a.value)))
        .narrowing(),
    supported("PrivatePIDs", |d, a, _| put(&mut d.exec().namespaces.pids, scalar::boolean(&a.value)))
        .narrowing(),
    supported("PrivateTmp", e::private_tmp).narrowing(),
    supported("PrivateUsers", v::private_users).narrowing(),
    supported("ProcSubset", |d, a, _| {
        put(&mut d.exec().view.processes_only, scalar::choice(&a.value, &[("all", false), ("pid", true)]))
    })
    .narrowing(),
    supported("ProtectClock", |d, a, _| put(&mut d.exec().protect.clock, scalar::boolean(&a.value)))
        .narrowing()
        .note(NO_DEVICE_PROGRAM),
    supported("ProtectControlGroups", v::protect_control_groups)
        .narrowing()
        .note("yes or no; private and strict are refused: no unit has a hierarchy of its own"),
    supported("ProtectHome", e::protect_home).narrowing(),
    supported("ProtectHostname", |d, a, _| put(&mut d.exec().protect.hostname, scalar::boolean(&a.value)))
        .narrowing(),
    supported("ProtectKernelLogs", |d, a, _| {
        put(&mut d.exec().protect.kernel_logs, scalar::boolean(&a.value))
    })
    .narrowing(),
    supported("ProtectKernelModules", |d, a, _| {
        put(&mut d.exec().protect.kernel_modules, scalar::boolean(&a.value))
    })
    .narrowing(),
    supported("ProtectKernelTunables", |d, a, _| {
        put(&mut d.exec().protect.kernel_tunables, scalar::boolean(&a.value))
    })
    .narrowing(),
    supported("ProtectProc", v::protect_proc).narrowing(),
    supported("ProtectSystem", e::protect_system).narrowing(),
    supported("ReadOnlyDirectories", v::read_only).narrowing(),
    supported("ReadOnlyPaths", v::read_only).narrowing(),
    supported("ReadWriteDirectories", v::read_write).narrowing(),
    supported("ReadWritePaths", v::read_write).narrowing(),
    supported("RemoveIPC", |d, a, _| put(&mut d.exec().remove_ipc, scalar::boolean(&a.value))).narrowing(),
    supported("RestrictAddressFamilies", s::address_families).narrowing().note(NO_WAY_ROUND),
    refused(
        "RestrictFileSystems",
        Off::Empty,
        "it needs the BPF LSM; `NoExecPaths=`, `InaccessiblePaths=` and `PrivateDevices=` narrow too",
    )
    .narrowing(),
    supported("RestrictNamespaces", s::namespaces).narrowing(),
    supported("RestrictRealtime", |d, a, _| s::switch(d, a, |policy| &mut policy.realtime))
        .narrowing()
        .note("sched_setattr answers ENOSYS, too: it has the policy in memory"),
    supported("RestrictSUIDSGID", |d, a, _| s::switch(d, a, |policy| &mut policy.suid_sgid))
        .narrowing()
        .note(NO_WAY_ROUND),
    supported("RootDirectory", v::root_directory).narrowing(),
    refused("RootEphemeral", Off::No, IMAGES).narrowing(),
    refused("RootHash", Off::Empty, IMAGES).narrowing(),
    refused("RootHashSignature", Off::Empty, IMAGES).narrowing(),
    refused("RootImage", Off::Empty, IMAGES).narrowing(),
    refused("RootImageOptions", Off::Empty, IMAGES).narrowing(),
    refused("RootImagePolicy", Off::Empty, IMAGES).narrowing(),
    refused("RootVerity", Off::Empty, IMAGES).narrowing(),
    supported("RuntimeDirectory", e::directory),
    supported("RuntimeDirectoryMode", e::directory_mode),
    supported("RuntimeDirectoryPreserve", e::runtime_directory_preserve),
    refused("SELinuxContext", Off::Empty, LSM).narrowing(),
    supported("SecureBits", e::secure_bits).narrowing(),
    supported("SetCredential", credentials::set),
    refused(
        "SetCredentialEncrypted",
        Off::Empty,
        "there is no key of the machine to decrypt them with; `LoadCredential=` takes a file",
    ),
    supported("SetLoginEnvironment", environment::login),
    refused("SmackProcessLabel", Off::Empty, LSM).narrowing(),
    supported("StandardError", streams::error),
    supported("StandardInput", streams::input),
    supported("StandardInputData", streams::data),
    supported("StandardInputText", streams::text),
    supported("StandardOutput", streams::output),
    supported("StateDirectory", e::directory),
    supported("StateDirectoryMode", e::directory_mode),
    supported("SupplementaryGroups", e::supplementary_groups),
    extra("SyslogFacility", c::log_facility).unless(Off::Empty),
    supported("SyslogIdentifier", e::syslog_identifier),
    supported("SyslogLevel", e::syslog_level),
    supported("SyslogLevelPrefix", e::syslog_level_prefix),
    supported("SystemCallArchitectures", s::architectures).narrowing(),
    supported("SystemCallErrorNumber", s::error_number).narrowing(),
    supported("SystemCallFilter", s::filter)
        .narrowing()
        .note("with a list of what is allowed, calls newer than systemd 257 answer ENOSYS"),
    supported("SystemCallLog", s::log),
    supported("TTYColumns", e::tty_size),
    supported("TTYPath", e::tty_path),
    supported("TTYReset", e::tty_reset),
    supported("TTYRows", e::tty_size),
    supported("TTYVHangup", e::tty_hang_up),
    extra("TTYVTDisallocate", boolean).unless(Off::No),
    supported("TemporaryFileSystem", v::temporary)
        .narrowing()
        .note("also where `ProtectHome=read-only` or its like is about the same path: systemd shows what is there then"),
    extra("TimeoutCleanSec", span),
    supported("TimerSlackNSec", scheduling::timer_slack),
    supported("UMask", |d, a, _| put(&mut d.exec().umask, scalar::mode(&a.value, 0o777))).narrowing(),
    supported("UnsetEnvironment", environment::unset).narrowing(),
    supported("User", |d, a, cx| put(&mut d.exec().user, e::user(a, cx))).narrowing(),
    inert("UtmpIdentifier", UTMP),
    inert("UtmpMode", UTMP),
    supported("WorkingDirectory", e::working_directory),
];
