//! A unit after `check`: typed, owned, every default filled in, names not yet ids. What `read` + `check` make and
//! `order` + `bake` consume.
//!
//! Types that the table has are the table's own.

use std::path::PathBuf;

use tomte::table::{
    CommandKind, DirectoryKind, ExitSet, Kill, Micros, NotifyAccess, Preserve, PrivateTmp, Privilege,
    ProtectHome, ProtectSystem, Restart, Rlimit, ServiceType, StartLimit, Stdin, Stdout,
};

/// A place in a unit file. Lines and columns start at 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

/// A value and where it was written; `None` for defaults and implied values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    pub value: T,
    pub place: Option<Place>,
}

/// One unit.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Full name with suffix.
    pub name: String,
    /// The file it was read from; `None` for the targets tomte brings along.
    pub file: Option<PathBuf>,
    pub description: String,
    pub default_dependencies: bool,
    /// Full unit names, as written.
    pub wants: Vec<Located<String>>,
    pub requires: Vec<Located<String>>,
    pub after: Vec<Located<String>>,
    pub before: Vec<Located<String>>,
    pub start_limit: StartLimit,
    pub install: Install,
    pub kind: Kind,
}

/// `[Install]`.
#[derive(Clone, Debug, Default)]
pub struct Install {
    /// Whether there is such a section.
    pub present: bool,
    pub wanted_by: Vec<Located<String>>,
    pub required_by: Vec<Located<String>>,
    /// `Alias=` and symbolic links to the file: other names of this unit.
    pub aliases: Vec<Located<String>>,
    /// `Also=`: units that are enabled along with it.
    pub also: Vec<Located<String>>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Target,
    Service(Box<Service>),
}

/// [Service], as `tomte::table::Service`.
#[derive(Clone, Debug)]
pub struct Service {
    pub service_type: ServiceType,
    pub remain_after_exit: bool,
    pub restart: Restart,
    pub restart_delay: Micros,
    pub success_exit_status: ExitSet,
    pub restart_prevent_exit_status: ExitSet,
    pub restart_force_exit_status: ExitSet,
    pub timeout_start: Micros,
    pub timeout_stop: Micros,
    pub timeout_abort: Micros,
    pub notify_access: NotifyAccess,
    pub watchdog: Micros,
    pub reload_signal: u8,
    pub kill: Kill,
    /// All command lines, in the order of the file within each kind.
    pub commands: Vec<(CommandKind, Command)>,
    pub exec: Exec,
}

/// One command line, as `tomte::table::Command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub place: Option<Place>,
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
    pub restrict_suid_sgid: bool,
    pub remove_ipc: bool,
    pub directories: Vec<Directories>,
    pub runtime_directory_preserve: Preserve,
    pub stdin: Stdin,
    pub stdout: Stdout,
    pub stderr: Stdout,
    pub tty_path: String,
    pub syslog_identifier: String,
    pub ignore_sigpipe: bool,
}

/// As `tomte::table::Directories`: names normalised, sorted, relative to the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    pub kind: DirectoryKind,
    pub mode: u16,
    pub names: Vec<String>,
}
