//! What only sockets and paths have: units that start another one ([`super::Relation::Triggers`]) when something comes.
//!
//! Sources: systemd.socket(5), systemd.path(5).

use super::StartLimit;

record! {
    /// A socket unit.
    #[derive(Eq)]
    pub struct Socket<'t> {
        /// `FileDescriptorName=`: what the service calls its descriptors.
        pub name: &'t str,
        /// `Accept=`: a service of its own for each connection.
        pub accept: bool,
        /// `TriggerLimitIntervalSec=` and `TriggerLimitBurst=`: starts of the service before the socket fails.
        pub trigger_limit: StartLimit,
        /// `PollLimitIntervalSec=` and `PollLimitBurst=`: wake-ups before the socket is left alone until the window is over.
        pub poll_limit: StartLimit,
    }
}

record! {
    /// A path unit.
    #[derive(Eq)]
    pub struct Path {
        /// `TriggerLimitIntervalSec=` and `TriggerLimitBurst=`: starts of the unit before this one fails.
        pub trigger_limit: StartLimit,
    }
}
