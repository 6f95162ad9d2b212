//! A unit after `check`: typed, owned, every default filled in, names not yet ids. What `read` + `check` make and
//! `order` + `bake` consume.
//!
//! Types that the table has are the table's own.

mod claims;
mod exec;
mod kinds;
mod mount;
mod relations;
mod resource;
pub mod show;
mod socket;
mod trigger;
mod view;

use std::path::PathBuf;

use tomte::table::{FileState, Manners, StartLimit};

use crate::diag::Diagnostic;

pub use claims::{Claim, Owned};
pub use exec::{Command, Credential, CredentialSource, Directories, Exec, Namespaces, Scheduling};
pub use kinds::{Kind, Service};
pub use mount::{Mount, Swap};
pub use relations::{Relation, Relations};
pub use resource::{Controller, CpuWeight, Delegate, DevicePolicy, Interfaces, PressureWatch, Resources};
pub use socket::{BindIpv6Only, Listen, NETLINK, Socket, Timestamping};
pub use trigger::{Elapse, Path, PathEvent, Timer, TimerBase};
pub use view::{
    Access, AccessPath, BindPath, CredentialsView, Protect, ProtectHome, ProtectSystem, TemporaryFileSystem,
    View,
};

/// A place in a unit file. Lines and columns start at 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

/// A value and where it was written; `None` for defaults and implied values.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Located<T> {
    pub value: T,
    #[serde(skip)]
    pub place: Option<Place>,
}

impl<T> Located<T> {
    /// A value that stands in no file.
    pub const fn implied(value: T) -> Self {
        Self { value, place: None }
    }
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
    /// What the unit says of other units in [Unit].
    pub relations: Relations,
    /// `RequiresMountsFor=` and `WantsMountsFor=`: absolute paths, and what the unit says of the mounts that they lie on.
    pub mounts_for: Vec<(Relation, String)>,
    /// `Condition*=` and `Assert*=`, in the order of the file.
    pub conditions: Vec<Condition>,
    pub start_limit: StartLimit,
    pub manners: Manners,
    /// What decides on whether boot starts it: `order` knows.
    pub file_state: FileState,
    /// What the firmware is told when an action of this unit's starts the machine over, and one of its job's.
    pub reboot_argument: String,
    pub job_timeout_reboot_argument: String,
    pub install: Install,
    pub kind: Kind,
    /// Whether it may come before what keeps the log, although it prints there: PID 1 takes that meanwhile.
    pub before_log: bool,
    /// What only one unit can have for its own.
    pub claims: Vec<Claim>,
    /// What the unit asks for and this tomte's PID 1 cannot do yet: what `bake` has to say about it.
    pub later: Vec<Diagnostic>,
    /// Every assignment of its files that was understood, in their order.
    pub written: Vec<Written>,
}

impl Unit {
    /// A unit of which nothing is known but its name.
    pub fn new(name: &str, kind: Kind, start_limit: StartLimit) -> Self {
        Self {
            name: name.to_owned(),
            file: None,
            description: String::new(),
            default_dependencies: true,
            relations: Relations::default(),
            mounts_for: Vec::new(),
            conditions: Vec::new(),
            start_limit,
            manners: Manners::DEFAULT,
            file_state: FileState::Static,
            reboot_argument: String::new(),
            job_timeout_reboot_argument: String::new(),
            install: Install::default(),
            kind,
            before_log: false,
            claims: Vec::new(),
            later: Vec::new(),
            written: Vec::new(),
        }
    }
}

/// An assignment of a unit's files, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub key: String,
    /// As written, specifiers and quotes included.
    pub value: String,
    /// Where the key stands.
    pub place: Place,
    /// Why it has no effect here, if it has none.
    pub inert: Option<&'static str>,
}

/// `Condition*=` or `Assert*=` (systemd.unit(5), "Conditions and Asserts").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at: the key without `Condition` or `Assert`.
    pub subject: String,
    /// Whether the start fails if it does not hold, instead of being passed over.
    pub assert: bool,
    /// `|`: one of those that have it has to hold, not all.
    pub trigger: bool,
    /// `!`: holds if it does not hold.
    pub negate: bool,
    pub parameter: Located<String>,
}

/// `[Install]`.
#[derive(Clone, Debug, Default)]
pub struct Install {
    /// Whether there is such a section.
    pub present: bool,
    /// `WantedBy=`, `RequiredBy=`, `UpheldBy=`.
    pub relations: Relations,
    /// `Alias=` and symbolic links to the file: other names of this unit.
    pub aliases: Vec<Located<String>>,
    /// `Also=`: units that are enabled along with it.
    pub also: Vec<Located<String>>,
}
