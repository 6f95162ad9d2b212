//! What systemd.exec(5) says of a process, for every kind of unit that has processes.

use std::collections::BTreeSet;

use tomte::table::{
    Call, DirectoryKind, Keyring, LoginEnvironment, Preserve, PrivateTmp, PrivateUsers, Privilege, Rlimit,
    Stdin, Stdout, Terminal,
};

use super::{Located, Place, Protect, ProtectHome, ProtectSystem, View};
use crate::seccomp::policy::Policy;

/// One command line, as `tomte::table::Command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub place: Option<Place>,
    pub call: Call,
    pub path: String,
    pub argv: Vec<String>,
    pub ignore_failure: bool,
    pub expand: bool,
    pub privilege: Privilege,
}

/// As `tomte::table::Exec`. What DynamicUser= forces is already in the other fields.
#[derive(Clone, Debug)]
pub struct Exec {
    /// `User=` as written; empty when unset. With DynamicUser= and no User= `check` fills in the derived name.
    pub user: Located<String>,
    pub group: Located<String>,
    pub supplementary_groups: Vec<Located<String>>,
    pub dynamic_user: bool,
    /// `NAME=value`, merged: each name once, the last assignment won.
    pub environment: Vec<String>,
    /// `EnvironmentFile=`: paths, each with a `-` in front if it may be missing.
    pub environment_files: Vec<String>,
    /// `PassEnvironment=`: names.
    pub pass_environment: Vec<String>,
    /// `UnsetEnvironment=`: names, or whole assignments.
    pub unset_environment: Vec<String>,
    /// `ExecSearchPath=`.
    pub search_path: Vec<String>,
    pub login_environment: LoginEnvironment,
    pub working_directory: String,
    pub working_directory_optional: bool,
    pub umask: u16,
    pub rlimits: Vec<Rlimit>,
    pub capability_bounding_set: u64,
    pub ambient_capabilities: u64,
    pub no_new_privileges: bool,
    pub private_tmp: PrivateTmp,
    pub protect_system: ProtectSystem,
    pub protect_home: ProtectHome,
    pub protect: Protect,
    /// The settings that are about the file system alone.
    pub view: View,
    pub namespaces: Namespaces,
    pub scheduling: Scheduling,
    pub secure_bits: u8,
    pub keyring: Keyring,
    /// What the filter of system calls enforces.
    pub system_calls: Policy,
    pub remove_ipc: bool,
    pub directories: Vec<Directories>,
    pub runtime_directory_preserve: Preserve,
    /// `LoadCredential=` and its kind, in the order of the file.
    pub credentials: Vec<Credential>,
    pub stdin: Stdin,
    pub stdout: Stdout,
    pub stderr: Stdout,
    /// Of `StandardInput=file:` and its kind; else empty.
    pub stdin_path: String,
    /// Of `StandardInput=data`.
    pub stdin_data: Vec<u8>,
    pub stdout_path: String,
    pub stderr_path: String,
    pub tty_path: String,
    /// What is done to it before it is used.
    pub terminal: Terminal,
    pub syslog_identifier: String,
    pub logging: tomte::table::Logging,
    pub ignore_sigpipe: bool,
}

/// A credential, or several of one beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its name; of several what their names begin with.
    pub name: String,
    pub source: CredentialSource,
}

/// Where a credential comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// `LoadCredential=` of a path.
    Path(String),
    /// `LoadCredential=` of a name: out of the machine's stores.
    Stored(String),
    /// `ImportCredential=`: all in the stores whose names begin with this.
    Beginning(String),
    /// `ImportCredential=` of one name.
    Import(String),
    /// `SetCredential=`.
    Value(Vec<u8>),
}

/// Namespaces of the unit's own besides that of mounts.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// `PrivateNetwork=`.
    pub network: bool,
    /// `PrivateIPC=`.
    pub ipc: bool,
    /// `PrivatePIDs=`.
    pub pids: bool,
    /// `PrivateUsers=`.
    pub users: PrivateUsers,
    /// `NetworkNamespacePath=`, or empty.
    pub network_path: String,
    /// `IPCNamespacePath=`, or empty.
    pub ipc_path: String,
}

impl Namespaces {
    /// PID 1's.
    pub const fn host() -> Self {
        Self {
            network: false,
            ipc: false,
            pids: false,
            users: PrivateUsers::No,
            network_path: String::new(),
            ipc_path: String::new(),
        }
    }
}

/// As `tomte::table::Scheduling`.
#[derive(Clone, Debug, Default)]
pub struct Scheduling {
    pub nice: Option<i8>,
    pub policy: Option<u8>,
    pub priority: Option<u8>,
    pub reset_on_fork: bool,
    /// The processors' numbers.
    pub affinity: BTreeSet<u16>,
    pub io_class: Option<u8>,
    pub io_priority: Option<u8>,
    pub personality: Option<u32>,
    pub oom_score_adjust: Option<i16>,
    /// The kernel's MMF_DUMP bits.
    pub coredump_filter: Option<u32>,
    /// Nanoseconds.
    pub timer_slack: Option<u64>,
}

/// As `tomte::table::Directories`: names normalised, sorted, relative to the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    pub kind: DirectoryKind,
    pub mode: u16,
    pub names: Vec<String>,
    /// One of the names, and where a symbolic link leads to it.
    pub links: Vec<(String, String)>,
}
