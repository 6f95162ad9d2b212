//! [Mount] and [Swap] (systemd.mount(5), systemd.swap(5)).

use serde::Serialize;
use tomte::table::Micros;

use super::{Located, Service, show};

/// [Mount].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// A device node, a directory, a source of the network, or a word that the file system knows.
    pub what: Located<String>,
    /// Absolute, simplified.
    pub r#where: Located<String>,
    /// The file system; empty leaves it to mount(8) to find out.
    #[serde(rename = "Type")]
    pub file_system: Located<String>,
    /// Comma-separated, as written.
    pub options: Located<String>,
    /// Options that the file system does not know do not fail the mount.
    pub sloppy_options: bool,
    pub lazy_unmount: bool,
    /// Fails where only a read-only mount is possible.
    pub read_write_only: bool,
    pub force_unmount: bool,
    /// Of the directories that are made on the way to the mount point.
    #[serde(serialize_with = "show::mode")]
    pub directory_mode: u16,
    #[serde(serialize_with = "show::span")]
    pub timeout: Micros,
    /// What is run for it.
    #[serde(skip)]
    pub service: Service,
}

impl Mount {
    /// Whether one of the options is `name`.
    pub fn has_option(&self, name: &str) -> bool {
        self.options.value.split(',').any(|option| option == name)
    }

    /// Whether it needs the network (mount-util.c, `fstype_is_network`, and the option `_netdev`).
    pub fn is_network(&self) -> bool {
        const NETWORK: [&str; 13] = [
            "afs",
            "ceph",
            "cifs",
            "smb3",
            "smbfs",
            "sshfs",
            "ncpfs",
            "ncp",
            "nfs",
            "nfs4",
            "gfs",
            "gfs2",
            "glusterfs",
        ];
        const OTHERS: [&str; 4] = ["pvfs2", "ocfs2", "lustre", "davfs"];
        let kind = self.file_system.value.as_str();
        let kind = kind.strip_prefix("fuse.").unwrap_or(kind);
        NETWORK.contains(&kind) || OTHERS.contains(&kind) || self.has_option("_netdev")
    }
}

/// [Swap].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Swap {
    /// A device node or a file.
    pub what: Located<String>,
    /// `None` leaves it to the kernel; higher is used first.
    pub priority: Option<i16>,
    /// Comma-separated, as written.
    pub options: Located<String>,
    #[serde(serialize_with = "show::span")]
    pub timeout: Micros,
    /// What is run for it.
    #[serde(skip)]
    pub service: Service,
}
