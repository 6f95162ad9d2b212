//! What systemd.exec(5) says of the file system that processes see.

use tomte::table::Propagation;

/// `ProtectSystem=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtectSystem {
    #[default]
    No,
    Yes,
    Full,
    Strict,
}

/// `ProtectHome=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtectHome {
    #[default]
    No,
    Yes,
    ReadOnly,
    Tmpfs,
}

/// Directives that are on or off. Some have a share in the file system, some in system calls, some in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protect {
    /// `PrivateDevices=`.
    pub devices: bool,
    /// `ProtectKernelTunables=`.
    pub kernel_tunables: bool,
    /// `ProtectKernelModules=`.
    pub kernel_modules: bool,
    /// `ProtectKernelLogs=`.
    pub kernel_logs: bool,
    /// `ProtectControlGroups=`.
    pub control_groups: bool,
    /// `ProtectClock=`.
    pub clock: bool,
    /// `ProtectHostname=`.
    pub hostname: bool,
}

/// What may be done with what is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `ReadOnlyPaths=`.
    ReadOnly,
    /// `ReadWritePaths=`.
    ReadWrite,
    /// `InaccessiblePaths=`.
    Inaccessible,
    /// `ExecPaths=`.
    Exec,
    /// `NoExecPaths=`.
    NoExec,
}

/// One path of `ReadOnlyPaths=` and its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPath {
    pub access: Access,
    pub path: String,
    /// `-`: may be missing.
    pub optional: bool,
    /// `+`: below `RootDirectory=`.
    pub in_root: bool,
}

/// One of `BindPaths=` or `BindReadOnlyPaths=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindPath {
    pub source: String,
    pub path: String,
    pub read_only: bool,
    /// With what is mounted below.
    pub recursive: bool,
    /// `-`: the source may be missing.
    pub optional: bool,
}

/// One of `TemporaryFileSystem=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryFileSystem {
    pub path: String,
    /// Flags of `tomte::table::Mount`.
    pub flags: u8,
    /// What is left for the file system itself.
    pub options: String,
}

/// The settings that are about the file system alone.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// `RootDirectory=`; empty for `/`.
    pub root: String,
    /// `RootDirectoryStartOnly=`: it is for `ExecStart=` alone.
    pub root_start_only: bool,
    /// `MountAPIVFS=`; the default depends on `RootDirectory=`.
    pub api_file_systems: Option<bool>,
    /// `PrivateMounts=`.
    pub private_mounts: bool,
    /// `MountFlags=`.
    pub propagation: Option<Propagation>,
    /// `ReadOnlyPaths=` and its kind, in the order of the file.
    pub access: Vec<AccessPath>,
    /// `BindPaths=` and `BindReadOnlyPaths=`, in the order of the file.
    pub binds: Vec<BindPath>,
    /// `TemporaryFileSystem=`.
    pub temporary: Vec<TemporaryFileSystem>,
    /// `ProtectProc=`: the kernel's word for who is hidden.
    pub protect_proc: Option<&'static str>,
    /// `ProcSubset=pid`.
    pub processes_only: bool,
    /// What is seen of /run/credentials.
    pub credentials: CredentialsView,
}

/// What a unit with a view of its own sees of /run/credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CredentialsView {
    /// What is there: no unit of the image has credentials.
    #[default]
    Host,
    /// Nothing: other units have some.
    Nothing,
    /// Its own, at this path.
    Own(String),
}
