//! What a unit's processes are to be: systemd.exec(5), as a record.

use super::{Cgroup, FilterId, IdentityId, List, StrList};

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
        /// `EnvironmentFile=`: paths, each with a `-` in front if it may be missing.
        pub environment_files: StrList<'t>,
        /// `PassEnvironment=`: names of PID 1's own variables.
        pub pass_environment: StrList<'t>,
        /// `UnsetEnvironment=`: names, or whole assignments.
        pub unset_environment: StrList<'t>,
        /// `ExecSearchPath=`, joined by colons; empty for the default.
        pub search_path: &'t str,
        /// `SetLoginEnvironment=`.
        pub login_environment: LoginEnvironment,
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
        /// `SecureBits=`: the kernel's SECBIT flags.
        pub secure_bits: u8,
        /// `KeyringMode=`.
        pub keyring: Keyring,
        /// What the processes see of the file system.
        pub view: View<'t>,
        /// What those of all commands but `ExecStart=` see instead, with `RootDirectoryStartOnly=`.
        pub view_besides: Option<View<'t>>,
        /// What commands with the prefix `+` see, if it is something else than the machine's own: what settings put there, not
        /// what they protect (exec-invoke.c, `apply_mount_namespace`).
        pub view_privileged: Option<View<'t>>,
        /// What Landlock holds them to below it.
        pub landlock: Landlock<'t>,
        /// What else they share with nobody.
        pub namespaces: Namespaces<'t>,
        /// How much of the machine they get.
        pub scheduling: Scheduling<'t>,
        /// Their cgroup.
        pub cgroup: Cgroup<'t>,
        /// What `SystemCallFilter=` and its kind let through, all in one.
        pub filter: Option<FilterId>,
        /// `MemoryDenyWriteExecute=`, for the kernel's own switch: the filter has it too.
        pub no_write_execute: bool,
        /// `RemoveIPC=`.
        pub remove_ipc: bool,
        /// `RuntimeDirectory=` and its kind, in the order of [`DirectoryKind::ALL`], kinds without names left out.
        pub directories: List<'t, Directories<'t>>,
        /// `RuntimeDirectoryPreserve=`.
        pub runtime_directory_preserve: Preserve,
        /// `LoadCredential=` and its kind, in the order in which they are tried: of one name the first one counts. Three
        /// strings each, and the first one says what the third one is besides the name:
        ///
        /// - `/ NAME PATH`: a file, a socket, or a directory of them;
        /// - `- NAME PATH`: the same, and it may be missing;
        /// - `* NAME PATH`: all that begin with it; what comes after it is put behind NAME;
        /// - `= NAME LENGTH`: the next LENGTH bytes of `credential_values`.
        pub credentials: StrList<'t>,
        /// What `SetCredential=` says, one after the other.
        pub credential_values: &'t [u8],
        /// `StandardInput=`.
        pub stdin: Stdin,
        /// `StandardOutput=`.
        pub stdout: Stdout,
        /// `StandardError=`.
        pub stderr: Stdout,
        /// The path of `StandardInput=file:`, or the name of `fd:`.
        pub stdin_path: &'t str,
        /// What `StandardInput=data` is to be read.
        pub stdin_data: &'t [u8],
        /// The path of `StandardOutput=file:` and its kind, or the name of `fd:`.
        pub stdout_path: &'t str,
        /// The path of `StandardError=file:` and its kind, or the name of `fd:`.
        pub stderr_path: &'t str,
        /// `TTYPath=`.
        pub tty_path: &'t str,
        /// What is done to it before it is used.
        pub terminal: Terminal,
        /// `SyslogIdentifier=`, or empty for the program's name.
        pub syslog_identifier: &'t str,
        /// What becomes of what they print.
        pub logging: Logging,
        /// `IgnoreSIGPIPE=`.
        pub ignore_sigpipe: bool,
        /// The settings that narrow what the processes may do, sorted. Each is what a person would write, a tab, what it takes
        /// from the kernel (bits of `linux::feature::Feature`), a tab, and the steps that apply it (bit n is the step with
        /// index n).
        pub posture: StrList<'t>,
    }
}

record! {
    /// How the lines are taken that a unit's processes print.
    #[derive(Eq)]
    pub struct Logging {
        /// `LogRateLimitIntervalSec=` in milliseconds; there is no limit if this or the next is 0.
        pub rate_interval_ms: u32,
        /// `LogRateLimitBurst=`: lines within such a time.
        pub rate_burst: u32,
        /// `SyslogLevel=`: the priority of lines that say nothing of it.
        pub level: u8,
        /// `LogLevelMax=`: less important lines are dropped.
        pub level_max: u8,
        /// `SyslogLevelPrefix=`: whether a line says by `<N>` how important it is.
        pub level_prefix: bool,
    }
}

impl Logging {
    /// Without a word about it, as journald.conf(5) has it.
    pub const DEFAULT: Self =
        Self { rate_interval_ms: 30_000, rate_burst: 10_000, level: 6, level_max: 7, level_prefix: true };
}

record! {
    /// `TTYVHangup=` and its kind.
    pub struct Terminal {
        /// `TTYVHangup=`: whoever has it open loses it.
        pub hang_up: bool,
        /// `TTYReset=`.
        pub reset: bool,
        /// `TTYRows=`; 0 leaves the size alone.
        pub rows: u16,
        /// `TTYColumns=`, likewise.
        pub columns: u16,
    }
}

impl Terminal {
    /// Used as it is.
    pub const AS_IT_IS: Self = Self { hang_up: false, reset: false, rows: 0, columns: 0 };
}

record! {
    /// What Landlock holds the processes to. Paths are those of the view.
    pub struct Landlock<'t> {
        /// Nothing can be written but beneath these.
        pub writable: Option<StrList<'t>>,
        /// Nothing can be executed but beneath these.
        pub executable: Option<StrList<'t>>,
        /// The rules hold along with the mounts, not only in their place.
        pub beside_mounts: bool,
    }
}

impl Landlock<'_> {
    /// No rules.
    pub const NONE: Self = Self { writable: None, executable: None, beside_mounts: false };
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
    /// `SetLoginEnvironment=`: whether `USER`, `LOGNAME`, `HOME` and `SHELL` are set.
    pub enum LoginEnvironment {
        /// If there is a user.
        IfUser,
        /// For root without a user as well.
        Always,
        /// Not at all.
        Never,
    }
}

choice! {
    /// `KeyringMode=`: which session keyring the processes have.
    pub enum Keyring {
        /// An empty one.
        Private,
        /// An empty one, with the user's keyring in it.
        Shared,
        /// PID 1's.
        Inherit,
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

record! {
    /// The mount namespace: everything that `PrivateTmp=`, `ProtectSystem=`, `BindPaths=` and their kind ask for, put
    /// together by the baker.
    pub struct View<'t> {
        /// There is a namespace, even if nothing is mounted in it.
        pub own: bool,
        /// `RootDirectory=`, or empty for `/`.
        pub root: &'t str,
        /// `MountFlags=`.
        pub propagation: Propagation,
        /// What is mounted, sorted by path: what is below something comes after it.
        pub mounts: List<'t, Mount<'t>>,
    }
}

impl View<'_> {
    /// What PID 1 sees.
    pub const HOST: Self =
        Self { own: false, root: "", propagation: Propagation::Shared, mounts: List::new(&[]) };
}

record! {
    /// One mount of a [`View`].
    pub struct Mount<'t> {
        /// Where: an absolute path below the view's root.
        pub path: &'t str,
        /// What is seen there.
        pub content: Content,
        /// Of [`Content::Bind`] the path that is seen, of a new file system its type, a colon and its options; else empty.
        pub source: &'t str,
        /// Flags that it gets, and what the view mounts below it as well, unless `clear` says otherwise there.
        pub set: u8,
        /// Flags that it alone gets.
        pub only: u8,
        /// Flags of what it is below that do not hold from here on.
        pub clear: u8,
        /// It is left out if `path` or `source` is missing.
        pub optional: bool,
    }
}

impl Mount<'_> {
    /// Flag: nothing can be written. The numbers are the kernel's, of mount(2) and mount_setattr(2).
    pub const RDONLY: u8 = 1;
    /// Flag: SUID and SGID bits and file capabilities have no effect.
    pub const NOSUID: u8 = 2;
    /// Flag: device nodes cannot be opened.
    pub const NODEV: u8 = 4;
    /// Flag: nothing can be executed.
    pub const NOEXEC: u8 = 8;
    /// All of them.
    pub const FLAGS: u8 = Self::RDONLY | Self::NOSUID | Self::NODEV | Self::NOEXEC;
}

choice! {
    /// What a [`Mount`] shows.
    pub enum Content {
        /// What is there anyhow.
        Itself,
        /// What is at another path of PID 1's, with all mounts below it.
        Bind,
        /// The same without the mounts below it.
        BindOne,
        /// A new file system.
        New,
        /// A new file system with the devices that every program expects.
        Devices,
        /// A directory of the unit's own below the host's /tmp or /var/tmp.
        PrivateTmp,
        /// Nothing that could be opened, listed or entered.
        Inaccessible,
    }
}

choice! {
    /// `MountFlags=`.
    #[expect(missing_docs, reason = "systemd.exec(5) names them")]
    pub enum Propagation {
        Shared,
        Slave,
        Private,
    }
}

record! {
    /// Namespaces besides that of mounts.
    pub struct Namespaces<'t> {
        /// `PrivateNetwork=`.
        pub network: bool,
        /// `PrivateIPC=`.
        pub ipc: bool,
        /// `PrivatePIDs=`.
        pub processes: bool,
        /// `ProtectHostname=`.
        pub hostname: bool,
        /// `PrivateUsers=`.
        pub users: PrivateUsers,
        /// `NetworkNamespacePath=`, or empty.
        pub network_path: &'t str,
        /// `IPCNamespacePath=`, or empty.
        pub ipc_path: &'t str,
        /// Those of the network and of IPC are there for several commands: the unit's, or others' by `JoinsNamespaceOf=`.
        pub kept: bool,
    }
}

impl Namespaces<'_> {
    /// PID 1's.
    pub const HOST: Self = Self {
        network: false,
        ipc: false,
        processes: false,
        hostname: false,
        users: PrivateUsers::No,
        network_path: "",
        ipc_path: "",
        kept: false,
    };
}

choice! {
    /// `PrivateUsers=`.
    pub enum PrivateUsers {
        /// The host's.
        No,
        /// Root and the unit's own user.
        Own,
        /// The first 65536, as themselves.
        Identity,
    }
}

record! {
    /// What a process can say about its share of the machine. What is `None` or empty stays as PID 1 has it.
    pub struct Scheduling<'t> {
        /// `Nice=`, plus 20.
        pub nice: Option<u8>,
        /// `CPUSchedulingPolicy=`: the kernel's SCHED number.
        pub policy: Option<u8>,
        /// `CPUSchedulingPriority=`.
        pub priority: u8,
        /// `CPUSchedulingResetOnFork=`.
        pub reset_on_fork: bool,
        /// `CPUAffinity=`: bit n of byte m is processor 8 m + n.
        pub affinity: &'t [u8],
        /// `IOSchedulingClass=` in the top three bits, `IOSchedulingPriority=` in the rest.
        pub io_priority: Option<u16>,
        /// `Personality=`: the kernel's PER number.
        pub personality: Option<u32>,
        /// `OOMScoreAdjust=`, as the kernel's file takes it.
        pub oom_score_adjust: &'t str,
        /// `CoredumpFilter=`, likewise.
        pub coredump_filter: &'t str,
        /// `TimerSlackNSec=`, likewise.
        pub timer_slack: &'t str,
    }
}

impl Scheduling<'_> {
    /// As PID 1 has it.
    pub const UNSET: Self = Self {
        nice: None,
        policy: None,
        priority: 0,
        reset_on_fork: false,
        affinity: &[],
        io_priority: None,
        personality: None,
        oom_score_adjust: "",
        coredump_filter: "",
        timer_slack: "",
    };
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
        /// In turn one of the names, and where beside it a symbolic link leads to it.
        pub links: StrList<'t>,
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
        /// The terminal of `TTYPath=`, once it is nobody else's.
        Tty,
        /// A file.
        File,
        /// `StandardInputText=` and `StandardInputData=`.
        Data,
        /// The terminal, whoever has it.
        TtyForce,
        /// The terminal, unless it is somebody else's.
        TtyFail,
        /// The only descriptor of the unit's sockets.
        Socket,
        /// The descriptor of that name.
        Fd,
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
        /// A file, from its beginning.
        File,
        /// A file, at its end.
        Append,
        /// A file that is emptied.
        Truncate,
        /// The only descriptor of the unit's sockets.
        Socket,
        /// The descriptor of that name.
        Fd,
    }
}
