//! What a unit's processes are to be: systemd.exec(5), as a record.

use super::{FilterId, IdentityId, List, StrList};

record! {
    /// Everything about a service's processes: systemd.exec(5).
    pub struct Exec<'t> {
        /// `User=`: a name, a decimal number, or empty for root. With `DynamicUser=` the derived name.
        pub user: &'t str,
        /// `Group=`: a name, a decimal number, or empty for the user's own.
        pub group: &'t str,
        /// `SupplementaryGroups=`.
        pub supplementary_groups: StrList<'t>,
        /// `DynamicUser=`.
        pub dynamic_user: bool,
        /// Where the user's number comes from if no static user has the name. Absent for numbers and without `DynamicUser=`.
        pub user_identity: Option<IdentityId>,
        /// The same for the group; equal to `user_identity` when one number serves both.
        pub group_identity: Option<IdentityId>,
        /// `Environment=`, merged: each name once, the last assignment won.
        pub environment: StrList<'t>,
        /// `WorkingDirectory=`: a path, `~` for the user's home, or empty for `/`.
        pub working_directory: &'t str,
        /// Its `-` prefix: may be missing.
        pub working_directory_optional: bool,
        /// `UMask=`.
        pub umask: u16,
        /// `Limit*=`.
        pub rlimits: List<'t, Rlimit>,
        /// `CapabilityBoundingSet=`: bit n is capability n. All ones: untouched.
        pub capability_bounding_set: u64,
        /// `AmbientCapabilities=`.
        pub ambient_capabilities: u64,
        /// `NoNewPrivileges=`.
        pub no_new_privileges: bool,
        /// `PrivateTmp=`.
        pub private_tmp: PrivateTmp,
        /// `ProtectSystem=`.
        pub protect_system: ProtectSystem,
        /// `ProtectHome=`.
        pub protect_home: ProtectHome,
        /// What `SystemCallFilter=` and its kind let through, all in one.
        pub filter: Option<FilterId>,
        /// `RemoveIPC=`.
        pub remove_ipc: bool,
        /// `RuntimeDirectory=` and its kind, in the order of [`DirectoryKind::ALL`], kinds without names left out.
        pub directories: List<'t, Directories<'t>>,
        /// `RuntimeDirectoryPreserve=`.
        pub runtime_directory_preserve: Preserve,
        /// `StandardInput=`.
        pub stdin: Stdin,
        /// `StandardOutput=`.
        pub stdout: Stdout,
        /// `StandardError=`.
        pub stderr: Stdout,
        /// `TTYPath=`.
        pub tty_path: &'t str,
        /// `SyslogIdentifier=`, or empty for the program's name.
        pub syslog_identifier: &'t str,
        /// `IgnoreSIGPIPE=`.
        pub ignore_sigpipe: bool,
    }
}

record! {
    /// One resource limit of setrlimit(2). `u64::MAX` is infinity.
    #[derive(Eq)]
    pub struct Rlimit {
        /// The kernel's RLIMIT number.
        pub resource: u8,
        /// Soft limit.
        pub soft: u64,
        /// Hard limit.
        pub hard: u64,
    }
}

choice! {
    /// `PrivateTmp=`.
    pub enum PrivateTmp {
        /// The host's /tmp and /var/tmp.
        No,
        /// Directories of the unit's own below the host's, removed when it stops.
        Connected,
        /// A tmpfs of the unit's own, gone with its namespace.
        Disconnected,
    }
}

choice! {
    /// `ProtectSystem=`.
    #[expect(missing_docs, reason = "systemd.exec(5) names them")]
    pub enum ProtectSystem {
        No,
        Yes,
        Full,
        Strict,
    }
}

choice! {
    /// `ProtectHome=`.
    #[expect(missing_docs, reason = "systemd.exec(5) names them")]
    pub enum ProtectHome {
        No,
        Yes,
        ReadOnly,
        Tmpfs,
    }
}

record! {
    /// The names of one directory setting.
    pub struct Directories<'t> {
        /// Which setting.
        pub kind: DirectoryKind,
        /// `…DirectoryMode=`.
        pub mode: u16,
        /// Normalised, sorted (parents first), relative to the kind's prefix.
        pub names: StrList<'t>,
    }
}

choice! {
    /// The five directory settings of systemd.exec(5).
    #[expect(missing_docs, reason = "the methods say what each stands for")]
    pub enum DirectoryKind {
        Runtime,
        State,
        Cache,
        Logs,
        Configuration,
    }
}

impl DirectoryKind {
    /// All of them, in systemd's order.
    pub const ALL: [Self; 5] = [Self::Runtime, Self::State, Self::Cache, Self::Logs, Self::Configuration];

    /// The directory that the names are below.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Runtime => "/run",
            Self::State => "/var/lib",
            Self::Cache => "/var/cache",
            Self::Logs => "/var/log",
            Self::Configuration => "/etc",
        }
    }

    /// The setting's name.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Runtime => "RuntimeDirectory",
            Self::State => "StateDirectory",
            Self::Cache => "CacheDirectory",
            Self::Logs => "LogsDirectory",
            Self::Configuration => "ConfigurationDirectory",
        }
    }
}

choice! {
    /// `RuntimeDirectoryPreserve=`.
    pub enum Preserve {
        /// Removed whenever the unit goes down.
        No,
        /// Kept over automatic restarts.
        Restart,
        /// Never removed.
        Yes,
    }
}

choice! {
    /// `StandardInput=`.
    pub enum Stdin {
        /// /dev/null.
        Null,
        /// The terminal of `TTYPath=`.
        Tty,
    }
}

choice! {
    /// `StandardOutput=` and `StandardError=`.
    pub enum Stdout {
        /// The descriptor before it: stdin for stdout, stdout for stderr.
        Inherit,
        /// /dev/null.
        Null,
        /// The terminal of `TTYPath=`.
        Tty,
        /// The log.
        Journal,
    }
}
