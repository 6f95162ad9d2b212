//! The board `host`: tomte as PID 1 of fresh namespaces over a throw-away overlay of the host's `/`, or of a folder.
//!
//! Three processes: xtask (`launch`) owns the console, signals and the report; the keeper (`keeper`) outlives a killed
//! xtask and removes everything; the stage (`stage`) is the first process of the pid namespace, builds the root and
//! becomes tomte. xtask and the keeper talk over the keeper's stdin and stdout, see [`keeper`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod cgroup;
pub mod keeper;
mod launch;
mod lines;
mod loopback;
mod overlay;
pub mod root;
pub mod stage;
mod user_namespace;

pub use cgroup::is_left as has_cgroup_left;
pub use launch::{Started, launch, start};
pub use root::lay_over as copy_folder;
pub use user_namespace::on_path;

/// `$container` of the host board's PID 1.
pub const CONTAINER: &str = "tomte-host";

/// Looks whether this board can run here; the error says what is refused and the ways out.
pub fn probe() -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        user_namespace::probe()?;
    }
    let tried = std::process::Command::new("/proc/self/exe").arg("host-probe").output()?;
    let said = String::from_utf8_lossy(&tried.stderr);
    anyhow::ensure!(tried.status.success(), "{}", said.trim().trim_start_matches("error: "));
    Ok(())
}

/// Where the report is, seen by PID 1.
pub const REPORT_INSIDE: &str = "/run/host/report.json";

/// The pipe for what `bench` measures, seen by PID 1 and its services: two native numbers of eight bytes each time, the
/// microseconds of CLOCK_MONOTONIC and the pid of who says so.
pub const STAMPS_INSIDE: &str = "/run/host/stamps";

/// Deviations from an ordinary host board, for tests of what happens then.
#[derive(Clone, Debug, Default, Serialize, Deserialize, clap::Args)]
pub struct Defects {
    /// Run without a cgroup2 hierarchy.
    #[arg(long, hide = true)]
    pub no_cgroup: bool,
    /// Remove this path from the throw-away root first.
    #[arg(long, hide = true, value_name = "PATH")]
    pub rootfs_without: Vec<PathBuf>,
    /// Give /run only so many inodes (2 are in use before PID 1 starts).
    #[arg(long, hide = true, value_name = "COUNT")]
    pub run_inodes: Option<u64>,
    /// Make [`STAMPS_INSIDE`], and say there when PID 1 is executed.
    #[arg(skip)]
    pub stamped: bool,
}

/// Everything the keeper and the stage have to know. Travels as JSON in an argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// A folder of this run: `base/` becomes the mount point of the new root, `host/` is /run/host inside.
    pub dir: PathBuf,
    /// The target binary.
    pub binary: PathBuf,
    /// The folder that is the root; the host's own root without it.
    pub root: Option<PathBuf>,
    /// Folders of files to lay over the root, in this order.
    pub rootfs: Vec<PathBuf>,
    /// The console's terminal, below /dev/pts.
    pub console: PathBuf,
    /// Words for PID 1 after argv[0].
    pub words: Vec<String>,
    /// Whether `dir` has a `passwd` and a `group` to install: the root's with the board's static users.
    pub users: bool,
    /// Whether to make a user namespace first (when xtask is not root).
    pub user_namespace: bool,
    /// The run's own cgroup; `None` hides cgroups from PID 1.
    pub cgroup: Option<PathBuf>,
    pub defects: Defects,
}

impl Plan {
    /// The mount point below which the new root is built.
    fn base(&self) -> PathBuf {
        self.dir.join("base")
    }

    /// What PID 1 sees as /run/host.
    fn host(&self) -> PathBuf {
        self.dir.join("host")
    }

    /// The report, seen by the host.
    fn report(&self) -> PathBuf {
        self.host().join("report.json")
    }
}
