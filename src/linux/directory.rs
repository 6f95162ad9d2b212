//! `RuntimeDirectory=` and its kind: where each stands and who may see it.
use super::plan::Words;

/// The five directory settings of systemd.exec(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the methods say what each stands for")]
pub enum DirectoryKind {
    Runtime,
    State,
    Cache,
    Logs,
    Configuration,
}

impl DirectoryKind {
    /// The directory that the names are below, without its first slash.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Runtime => "run",
            Self::State => "var/lib",
            Self::Cache => "var/cache",
            Self::Logs => "var/log",
            Self::Configuration => "etc",
        }
    }

    /// The environment variable that lists the paths.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Runtime => "RUNTIME_DIRECTORY",
            Self::State => "STATE_DIRECTORY",
            Self::Cache => "CACHE_DIRECTORY",
            Self::Logs => "LOGS_DIRECTORY",
            Self::Configuration => "CONFIGURATION_DIRECTORY",
        }
    }

    /// Whether a dynamic user's directories of this kind stand below `private`, where nobody but root can pass
    /// (systemd's `exec_directory_is_private`).
    pub const fn is_private(self, runtime_directory_preserved: bool) -> bool {
        match self {
            Self::Runtime => runtime_directory_preserved,
            Self::State | Self::Cache | Self::Logs => true,
            Self::Configuration => false,
        }
    }
}

/// The names of one setting.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    /// Which setting.
    pub kind: DirectoryKind,
    /// `…DirectoryMode=`.
    pub mode: u16,
    /// Relative to the kind's prefix, normalised, parents first.
    pub names: Words<'a>,
    /// In turn one of them, and where below the prefix a symbolic link leads to it.
    pub links: Words<'a>,
}

impl Directory<'_> {
    /// Where the names are seen: `/var/lib`. Where a dynamic user's stand: `/var/lib/private`, which only root can pass.
    pub(super) const fn roots(&self) -> [[&'static str; 3]; 2] {
        let prefix = self.kind.prefix();
        [["/", prefix, ""], ["/", prefix, "/private"]]
    }
}
