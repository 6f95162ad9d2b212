//! The names of what systemd 257 has and tomte has not, each list sorted (systemd.directives(7)). Names only: what
//! becomes of them is in `known.rs`.

/// How a restriction is written that does not restrict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// A boolean that is false.
    No,
    /// Nothing: the list is emptied.
    Empty,
    /// This word.
    Word(&'static str),
}

/// Directives of [Service] that restrict what a service can do or see, or that it relies on when restricted.
pub const NARROWING: &[(&str, Off)] = &[
    ("AppArmorProfile", Off::Empty),
    ("BPFProgram", Off::Empty),
    ("BindPaths", Off::Empty),
    ("BindReadOnlyPaths", Off::Empty),
    ("DeviceAllow", Off::Empty),
    ("DevicePolicy", Off::Word("auto")),
    ("ExecPaths", Off::Empty),
    ("ExtensionDirectories", Off::Empty),
    ("ExtensionImages", Off::Empty),
    ("IPAddressAllow", Off::Empty),
    ("IPAddressDeny", Off::Empty),
    ("IPCNamespacePath", Off::Empty),
    ("IPEgressFilterPath", Off::Empty),
    ("IPIngressFilterPath", Off::Empty),
    ("InaccessibleDirectories", Off::Empty),
    ("InaccessiblePaths", Off::Empty),
    ("KeyringMode", Off::Word("inherit")),
    ("LockPersonality", Off::No),
    ("MemoryDenyWriteExecute", Off::No),
    ("MountImages", Off::Empty),
    ("NetworkNamespacePath", Off::Empty),
    ("NoExecPaths", Off::Empty),
    ("PrivateDevices", Off::No),
    ("PrivateIPC", Off::No),
    ("PrivateMounts", Off::No),
    ("PrivateNetwork", Off::No),
    ("PrivatePIDs", Off::No),
    ("PrivateUsers", Off::No),
    ("ProcSubset", Off::Word("all")),
    ("ProtectClock", Off::No),
    ("ProtectControlGroups", Off::No),
    ("ProtectHostname", Off::No),
    ("ProtectKernelLogs", Off::No),
    ("ProtectKernelModules", Off::No),
    ("ProtectKernelTunables", Off::No),
    ("ProtectProc", Off::Word("default")),
    ("ReadOnlyDirectories", Off::Empty),
    ("ReadOnlyPaths", Off::Empty),
    ("ReadWriteDirectories", Off::Empty),
    ("ReadWritePaths", Off::Empty),
    ("RestrictAddressFamilies", Off::Empty),
    ("RestrictFileSystems", Off::Empty),
    ("RestrictNamespaces", Off::No),
    ("RestrictNetworkInterfaces", Off::Empty),
    ("RestrictRealtime", Off::No),
    ("RootDirectory", Off::Empty),
    ("RootDirectoryStartOnly", Off::No),
    ("RootEphemeral", Off::No),
    ("RootHash", Off::Empty),
    ("RootHashSignature", Off::Empty),
    ("RootImage", Off::Empty),
    ("RootImageOptions", Off::Empty),
    ("RootImagePolicy", Off::Empty),
    ("RootVerity", Off::Empty),
    ("SELinuxContext", Off::Empty),
    ("SecureBits", Off::Empty),
    ("SmackProcessLabel", Off::Empty),
    ("SocketBindAllow", Off::Empty),
    ("SocketBindDeny", Off::Empty),
    ("SystemCallArchitectures", Off::Empty),
    ("SystemCallErrorNumber", Off::Empty),
    ("SystemCallFilter", Off::Empty),
    ("TemporaryFileSystem", Off::Empty),
    ("UnsetEnvironment", Off::Empty),
];

/// Directives of [Service] that restrict and that tomte enforces.
pub const NARROWING_HERE: &[&str] = &[
    "CapabilityBoundingSet",
    "DynamicUser",
    "Group",
    "LimitCORE",
    "NoNewPrivileges",
    "PrivateTmp",
    "ProtectHome",
    "ProtectSystem",
    "RemoveIPC",
    "RestrictSUIDSGID",
    "UMask",
    "User",
];

/// Directives that a service does not work without, and what to do instead.
pub const NEEDED: &[(&str, &str)] = &[
    ("BusName", "a service that owns a bus name needs a message bus; remove BusName= if it works without"),
    ("EnvironmentFile", "write the variables into Environment="),
    ("ExecSearchPath", "write absolute paths into the command lines"),
    ("LoadCredential", "credentials are files that the service expects to find"),
    ("LoadCredentialEncrypted", "credentials are files that the service expects to find"),
    ("PAMName", "no PAM session is opened; User= sets the user without one"),
    ("PIDFile", "it goes with Type=forking; run the program in the foreground instead"),
    ("SetCredential", "credentials are files that the service expects to find"),
    ("SetCredentialEncrypted", "credentials are files that the service expects to find"),
    ("Sockets", "the service would not be given the sockets it expects"),
    ("StandardInputData", "the service would read nothing"),
    ("StandardInputText", "the service would read nothing"),
    ("SuccessAction", "the service would not do what it is there for"),
];

/// Directives whose effect nobody can miss here.
pub const INERT: &[&str] = &[
    "AllowIsolate",
    "BlockIOAccounting",
    "CPUAccounting",
    "CollectMode",
    "IOAccounting",
    "IPAccounting",
    "IgnoreOnIsolate",
    "MemoryAccounting",
    "SourcePath",
    "TasksAccounting",
];

/// Directives that are understood and change nothing yet.
pub const WITHOUT_EFFECT: &[&str] = &[
    "AllowedCPUs",
    "AllowedMemoryNodes",
    "BindTo",
    "BlockIODeviceWeight",
    "BlockIOReadBandwidth",
    "BlockIOWeight",
    "BlockIOWriteBandwidth",
    "CPUAffinity",
    "CPUQuota",
    "CPUQuotaPeriodSec",
    "CPUSchedulingPolicy",
    "CPUSchedulingPriority",
    "CPUSchedulingResetOnFork",
    "CPUShares",
    "CPUWeight",
    "Conflicts",
    "CoredumpFilter",
    "CoredumpReceive",
    "DefaultMemoryLow",
    "DefaultMemoryMin",
    "Delegate",
    "DelegateSubgroup",
    "DisableControllers",
    "ExitType",
    "FailureAction",
    "FailureActionExitStatus",
    "FileDescriptorStoreMax",
    "FileDescriptorStorePreserve",
    "GuessMainPID",
    "IODeviceLatencyTargetSec",
    "IODeviceWeight",
    "IOReadBandwidthMax",
    "IOReadIOPSMax",
    "IOSchedulingClass",
    "IOSchedulingPriority",
    "IOWeight",
    "IOWriteBandwidthMax",
    "IOWriteIOPSMax",
    "ImportCredential",
    "JobRunningTimeoutSec",
    "JobTimeoutAction",
    "JobTimeoutRebootArgument",
    "JobTimeoutSec",
    "JoinsNamespaceOf",
    "LogExtraFields",
    "LogFilterPatterns",
    "LogLevelMax",
    "LogNamespace",
    "LogRateLimitBurst",
    "LogRateLimitIntervalSec",
    "ManagedOOMMemoryPressure",
    "ManagedOOMMemoryPressureDurationSec",
    "ManagedOOMMemoryPressureLimit",
    "ManagedOOMPreference",
    "ManagedOOMSwap",
    "MemoryHigh",
    "MemoryKSM",
    "MemoryLimit",
    "MemoryLow",
    "MemoryMax",
    "MemoryMin",
    "MemoryPressureThresholdSec",
    "MemoryPressureWatch",
    "MemorySwapMax",
    "MemoryZSwapMax",
    "MemoryZSwapWriteback",
    "MountAPIVFS",
    "MountFlags",
    "NFTSet",
    "NUMAMask",
    "NUMAPolicy",
    "Nice",
    "NonBlocking",
    "NotifyAccess",
    "OOMPolicy",
    "OOMScoreAdjust",
    "OnFailure",
    "OnFailureIsolate",
    "OnFailureJobMode",
    "OnSuccess",
    "OnSuccessJobMode",
    "OpenFile",
    "PartOf",
    "PassEnvironment",
    "Personality",
    "PropagateReloadFrom",
    "PropagateReloadTo",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "RebootArgument",
    "RefuseManualStart",
    "RefuseManualStop",
    "ReloadPropagatedFrom",
    "ReloadSignal",
    "RequiresMountsFor",
    "RequiresOverridable",
    "Requisite",
    "RequisiteOverridable",
    "RestartKillSignal",
    "RestartMaxDelaySec",
    "RestartMode",
    "RestartSteps",
    "RuntimeMaxSec",
    "RuntimeRandomizedExtraSec",
    "SetLoginEnvironment",
    "Slice",
    "StartLimitAction",
    "StartupAllowedCPUs",
    "StartupAllowedMemoryNodes",
    "StartupBlockIOWeight",
    "StartupCPUShares",
    "StartupCPUWeight",
    "StartupIOWeight",
    "StartupMemoryHigh",
    "StartupMemoryLow",
    "StartupMemoryMax",
    "StartupMemorySwapMax",
    "StartupMemoryZSwapMax",
    "StopPropagatedFrom",
    "StopWhenUnneeded",
    "SuccessActionExitStatus",
    "SurviveFinalKillSignal",
    "SyslogFacility",
    "SyslogLevel",
    "SyslogLevelPrefix",
    "SystemCallLog",
    "TTYColumns",
    "TTYReset",
    "TTYRows",
    "TTYVHangup",
    "TTYVTDisallocate",
    "TasksMax",
    "TimeoutAbortSec",
    "TimeoutCleanSec",
    "TimeoutStartFailureMode",
    "TimeoutStopFailureMode",
    "TimerSlackNSec",
    "USBFunctionDescriptors",
    "USBFunctionStrings",
    "UpheldBy",
    "Upholds",
    "UtmpIdentifier",
    "UtmpMode",
    "WantsMountsFor",
    "WatchdogSec",
    "WatchdogSignal",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::directives;

    #[test]
    fn every_name_stands_once_in_its_sorted_place() {
        let names = |list: &[(&'static str, Off)]| list.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let narrowing = names(NARROWING);
        let needed: Vec<_> = NEEDED.iter().map(|(name, _)| *name).collect();
        let lists = [narrowing.as_slice(), needed.as_slice(), INERT, WITHOUT_EFFECT];
        for list in lists {
            assert!(list.is_sorted() && list.windows(2).all(|pair| pair[0] != pair[1]), "{list:?}");
        }
        let mut all = lists.concat();
        all.extend(["Unit", "Service", "Install"].into_iter().flat_map(directives::keys));
        all.sort_unstable();
        // StartLimit* are understood in two sections.
        let twice = all.windows(2).filter(|pair| pair[0] == pair[1] && !pair[0].starts_with("StartLimit"));
        assert_eq!(twice.count(), 0);
    }

    #[test]
    fn whatever_sounds_like_a_restriction_is_enforced_or_an_error() {
        for key in WITHOUT_EFFECT.iter().chain(INERT) {
            let narrow =
                ["Protect", "Private", "Restrict", "SystemCallF", "IPAddress", "Device", "RootD", "NoExec"];
            assert!(!narrow.iter().any(|start| key.starts_with(start)) && !key.ends_with("Paths"), "{key}");
        }
        for key in NARROWING_HERE {
            assert!(directives::find("Service", key).is_some(), "{key}");
        }
    }
}
