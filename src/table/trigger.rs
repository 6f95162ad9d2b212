//! What only sockets and paths have: units that start another one ([`super::Relation::Triggers`]) when something comes.
//!
//! Sources: systemd.socket(5), systemd.path(5). Addresses, options and masks are the kernel's own bytes and numbers, put
//! together by the baker: they are the same on all supported architectures.

use super::{List, StartLimit, StrList};

record! {
    /// A socket unit.
    pub struct Socket<'t> {
        /// `FileDescriptorName=`: what the service calls its descriptors.
        pub name: &'t str,
        /// `Accept=`: a service of its own for each connection.
        pub accept: bool,
        /// `MaxConnectionsPerSource=`: connections of one address, or of one user of a Unix socket; 0 for no limit.
        pub per_source: u32,
        /// `FlushPending=`: what came while the service ran is dropped when it is down.
        pub flush_pending: bool,
        /// `RemoveOnStop=`.
        pub remove_on_stop: bool,
        /// `PassFileDescriptorsToExec=`: not only `ExecStart=` of the service has the descriptors.
        pub pass_to_all: bool,
        /// `SocketUser=`, or empty.
        pub user: &'t str,
        /// `SocketGroup=`, or empty.
        pub group: &'t str,
        /// `SocketMode=`.
        pub mode: u16,
        /// `DirectoryMode=`.
        pub directory_mode: u16,
        /// `Symlinks=`: paths that lead to the only node there is.
        pub symlinks: StrList<'t>,
        /// Whether opening it cannot take its time: there are Unix sockets only, without a node, or with one in /run or in a
        /// directory of /run; no links, and no user who would have to be looked up.
        pub quick: bool,
        /// What is opened, in the order of the descriptors.
        pub listen: List<'t, Listen<'t>>,
        /// `TriggerLimitIntervalSec=` and `TriggerLimitBurst=`: starts of the service before the socket fails.
        pub trigger_limit: StartLimit,
        /// `PollLimitIntervalSec=` and `PollLimitBurst=`: wake-ups before the socket is left alone until the window is over.
        pub poll_limit: StartLimit,
    }
}

record! {
    /// One descriptor.
    pub struct Listen<'t> {
        /// What it is.
        pub kind: ListenKind,
        /// The family of a socket: socket(2).
        pub family: u8,
        /// Its type.
        pub socket_type: u8,
        /// Its protocol.
        pub protocol: u16,
        /// `struct sockaddr` as bind(2) takes it.
        pub address: &'t [u8],
        /// The network interface whose index completes the address, or empty.
        pub interface: &'t str,
        /// The node in the file system, the file, or the queue's name; empty if there is none.
        pub path: &'t str,
        /// `Backlog=`, for what is listened to.
        pub backlog: Option<u32>,
        /// `PipeSize=` or `MessageQueueMessageSize=`; 0 is the kernel's.
        pub size: u32,
        /// `MessageQueueMaxMessages=`.
        pub messages: u32,
        /// How systemctl(1) shows it in a list; empty if that is the path.
        pub shown: &'t str,
        /// What setsockopt(2) sets.
        pub options: List<'t, SocketOption<'t>>,
    }
}

choice! {
    /// What is opened.
    pub enum ListenKind {
        /// A socket.
        Socket,
        /// A FIFO, made if it is missing.
        Fifo,
        /// A file that is there.
        Special,
        /// The same, and it may be written.
        SpecialWritable,
        /// A POSIX message queue.
        MessageQueue,
    }
}

record! {
    /// An option of a socket.
    pub struct SocketOption<'t> {
        /// The level: SOL_SOCKET and the like.
        pub level: u16,
        /// Its number.
        pub name: u16,
        /// Whether the socket is of no use without.
        pub vital: bool,
        /// The bytes.
        pub value: &'t [u8],
    }
}

record! {
    /// A path unit.
    pub struct Path<'t> {
        /// `MakeDirectory=`.
        pub make_directory: bool,
        /// `DirectoryMode=`.
        pub directory_mode: u16,
        /// What is watched.
        pub watches: List<'t, Watch<'t>>,
        /// `TriggerLimitIntervalSec=` and `TriggerLimitBurst=`: starts of the unit before this one fails.
        pub trigger_limit: StartLimit,
    }
}

record! {
    /// One path that is watched.
    pub struct Watch<'t> {
        /// What is waited for.
        pub event: WatchEvent,
        /// The events that inotify(7) tells of the path itself.
        pub mask: u32,
        /// Where.
        pub path: &'t str,
    }
}

choice! {
    /// What is waited for.
    pub enum WatchEvent {
        /// `PathExists=`.
        Exists,
        /// `PathExistsGlob=`.
        ExistsGlob,
        /// `PathChanged=` and `PathModified=`.
        Changed,
        /// `DirectoryNotEmpty=`.
        DirectoryNotEmpty,
    }
}
