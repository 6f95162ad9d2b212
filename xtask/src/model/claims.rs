//! What only one unit of an image can have for its own.

use super::Located;

/// A kind of such things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owned {
    /// A directory that is removed when the unit stops; its path.
    RuntimeDirectory,
    /// A directory that stays; its path.
    Directory,
    /// What a socket unit listens on.
    Address,
    /// A name on the message bus.
    BusName,
    /// A PID file; its path.
    PidFile,
}

/// A unit's claim to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it is.
    pub owned: Owned,
    /// The key that claims it.
    pub key: String,
    /// Its name, and where that is written.
    pub name: Located<String>,
}
