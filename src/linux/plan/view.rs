//! What a process sees: of files, of keys, of the machine.

use rustix::fd::BorrowedFd;

use super::Words;

/// The mount namespace: what the process sees of the file system. With [`View::default`] there is none, and it sees what
/// PID 1 sees.
#[derive(Clone, Copy, Debug, Default)]
pub struct View<'a> {
    /// There is a namespace, even if nothing is mounted in it.
    pub own: bool,
    /// What is mounted, sorted by path: what is below something comes after it. At most
    /// [`crate::linux::child::MOUNTS_MAX`].
    pub mounts: &'a [Mount<'a>],
    /// `RootDirectory=`: what becomes `/`, or empty for PID 1's own.
    pub root: &'a str,
    /// `MountFlags=`.
    pub propagation: Propagation,
    /// Part of the names of [`Content::PrivateTmp`]: a number that nobody can guess, the same for all commands of one
    /// activation and another one after every cleaning, so that nobody can have made them before.
    pub tmp_token: u64,
    /// Another part of them, for people: the unit that was the first to have them.
    pub tmp_unit: &'a str,
}

/// One mount of a [`View`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Where: an absolute path below the view's root.
    pub path: &'a str,
    /// What is seen there.
    pub content: Content,
    /// Of [`Content::Bind`] the path that is seen, of a new file system its type, a colon and its options; else empty.
    pub source: &'a str,
    /// Flags (`raw::mount`) that it gets, and what the view mounts below it as well, unless `clear` says otherwise there.
    pub set: u8,
    /// Flags that it alone gets.
    pub only: u8,
    /// Flags of what it is below that do not hold from here on.
    pub clear: u8,
    /// It is left out if `path` or `source` is missing.
    pub optional: bool,
}

/// Landlock's rules: what is allowed beneath which paths of the view. With [`Landlock::default`] there are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Landlock<'a> {
    /// Nothing can be written but beneath these.
    pub writable: Option<Words<'a>>,
    /// Nothing can be executed but beneath these.
    pub executable: Option<Words<'a>>,
    /// They hold along with the mounts, not only in their place: what else Landlock forbids to a process (to mount, to
    /// look into other processes) it cannot do anyhow.
    pub beside_mounts: bool,
}

/// `KeyringMode=`: which session keyring it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keyring {
    /// An empty one.
    #[default]
    Private,
    /// An empty one, with the user's keyring in it.
    Shared,
    /// PID 1's.
    Inherit,
}

/// What a [`Mount`] shows. Of several for one place the first one here is what is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Content {
    /// Nothing that could be opened, listed or entered.
    Inaccessible,
    /// What is at another path of PID 1's, with all mounts below it.
    Bind,
    /// The same without the mounts below it.
    BindOne,
    /// A directory of the unit's own below the host's /tmp or /var/tmp, shared by all its commands and removed by a
    /// janitor.
    PrivateTmp,
    /// A new file system for a /dev of its own, with null, zero, full, random, urandom and tty, and with the host's links: as
    /// [`Content::New`].
    Devices,
    /// A new file system: its type, a colon, and its options separated by commas.
    New,
    /// What is there anyhow.
    Itself,
}

/// `MountFlags=`: whose mounts show up where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// Later mounts of the host show in the namespace, its own in namespaces that its processes make: systemd's default.
    #[default]
    Shared,
    /// Later mounts of the host show in the namespace.
    Slave,
    /// None do.
    Private,
}

/// Namespaces besides that of mounts. With [`Namespaces::default`] all are PID 1's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Namespaces<'a> {
    /// `PrivateNetwork=`: a network with nothing but `lo`.
    pub network: bool,
    /// `PrivateIPC=`.
    pub ipc: bool,
    /// `PrivatePIDs=`: it is the first process of its own.
    pub processes: bool,
    /// `ProtectHostname=`.
    pub hostname: bool,
    /// `PrivateUsers=`.
    pub users: Users,
    /// `NetworkNamespacePath=`, or empty.
    pub network_path: &'a str,
    /// `IPCNamespacePath=`, or empty.
    pub ipc_path: &'a str,
    /// Where those of the network and of IPC are kept for other processes, as [`crate::linux::kept::make`] has made it.
    pub kept: Option<[BorrowedFd<'a>; 2]>,
}

/// `PrivateUsers=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Users {
    /// The host's.
    #[default]
    Host,
    /// Root and the unit's own user.
    Own,
    /// The first 65536, as themselves.
    Identity,
}
