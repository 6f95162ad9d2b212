//! The control protocol: what `tomte VERB` says to PID 1 and what PID 1 answers.
//!
//! One SOCK_SEQPACKET packet is one postcard value: a [`Request`] from the client, then [`Reply`] packets from PID 1.
//! Both ends are the same binary, but not always of the same day: the first byte of every packet is [`VERSION`].
//! Pure; shared by `init`, `ctl`, `supervisor` and xtask.
//!
//! # For another language
//! Connect a SOCK_SEQPACKET socket to [`SOCKET_PATH`]; send one packet, of [`PACKET_BYTES_MAX`] bytes at most; receive the
//! answer. A packet is the version's byte, the place of the variant in [`Request`] or [`Reply`] (one byte, from 0), then its
//! fields in the order in which they stand there, with nothing between and nothing behind:
//!
//! | field | bytes |
//! | --- | --- |
//! | `u8`, `bool`, a word such as [`ActiveState`] | one: the number, 0 or 1, the place of the word in its list (state.rs), from 0 |
//! | `u16`, `u32`, `u64` | seven bits a byte, lowest first, the top bit set in all but the last |
//! | `&str` | its length as such a number, then UTF-8 |
//! | `Option` | 0, or 1 and the value |
//! | a word with a value: [`ExitStatus`] | its place, one byte, then the value |
//! | a record in a record: [`UnitStatus`], [`Failure`] | its fields, in their order |
//! | `[u8; 16]` | sixteen |
//!
//! `start a.service` is `07 03 09 61 2e 73 65 72 76 69 63 65`: version 7, variant 3, nine bytes of name. When the job has
//! ended, the answer is `07 03 00`: variant 3 of `Reply`, a [`JobResult`], its first word, `done`. `End { next: Some(300) }`
//! is `07 02 01 ac 02`. (The test `the_documented_bytes_are_those_of_the_protocol` holds these, and
//! tests/host/client/rootfs/opt/client.py is a client in Python that was written from this page.)
//!
//! One request at a time on a connection; `Units` and `Posture` are answered by several packets, the last one of which is
//! [`Reply::End`]: where it names a next id, ask again from there. A job is answered when it has ended, however long that
//! takes; another connection serves meanwhile. Root may ask everything, everybody what is answered with states; else the
//! answer is [`Reply::Denied`] unless board.toml allows it. Who is not root has four connections at a time and one request
//! waiting. Who comes when all places are taken has that of one who waits for nothing; or else, as that one, [`Reply::Busy`] and
//! the end of the connection: nothing has come of a request that had no other answer. A packet of another version is answered with [`Reply::Version`], rubbish with [`Reply::Malformed`], and the
//! connection goes on; who does not read his answers is cut off. `Run` and `Switch` take a descriptor along (SCM_RIGHTS) of
//! a sealed memfd whose format is tomte's own and changes with it: `tomte run` and `tomte switch-table` are for that.
//!
//! For programs that would rather run one: `tomte --json VERB` answers every query with one JSON document in one line, and
//! `tomte --json logs` with one for each line of the log.

mod codec;
mod json;
pub mod log;
mod notice;
pub mod nscd;
mod state;

use core::ffi::CStr;

use serde::Serialize;

use crate::record::{Read, Reader};

pub use crate::record::JobMode;
pub use codec::{DecodeError, decode, encode};
pub use json::{Object, Quoted, See};
pub use notice::{FD_NAME_BYTES_MAX, NOTICE_BYTES_MAX, NOTIFY, NOTIFY_PATH, Notice, Ping, STORED};
pub use state::{
    ActiveState, Ended, ExitStatus, Failure, JobResult, Power, ServiceResult, SubState, UnitType, Verb, Whom,
};

/// Number of the protocol. A packet that begins with another one is answered with [`Reply::Version`].
pub const VERSION: u8 = 7;
/// The packet of [`Reply::Busy`].
pub const BUSY: [u8; 2] = [VERSION, 7];
/// Largest packet in either direction.
pub const PACKET_BYTES_MAX: usize = 4096;
/// Bytes kept of a service's `STATUS=`. There are up to 256 such texts in PID 1's memory.
pub const STATUS_BYTES_MAX: usize = 120;
/// Where PID 1 listens.
pub const SOCKET: &CStr = c"/run/tomte/control";
/// Where PID 1 keeps the names of dynamic users, as passwd(5) has them.
pub const NAMES_PASSWD: &CStr = c"/run/tomte/passwd";
/// The same for their groups, as group(5).
pub const NAMES_GROUP: &CStr = c"/run/tomte/group";
/// [`SOCKET`] for people.
pub const SOCKET_PATH: &str = match SOCKET.to_str() {
    Ok(path) => path,
    Err(_) => panic!("it is ASCII"),
};

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Request<'a> {
    /// The manager itself.
    Manager,
    /// All units from number `from` on, as many as fit: ask again from the last id + 1.
    Units {
        /// The first id wanted.
        from: u16,
    },
    /// One unit by its full name.
    Unit {
        /// Such as `sshd.service`.
        name: &'a str,
    },
    /// Start the unit; answered with [`Reply::Job`] when the job has ended.
    Start {
        /// Full name.
        name: &'a str,
    },
    /// Stop the unit; answered like `Start`.
    Stop {
        /// Full name.
        name: &'a str,
    },
    /// Stop, then start; answered like `Start`.
    Restart {
        /// Full name.
        name: &'a str,
    },
    /// Forget failures and start limits.
    ResetFailed {
        /// Full name.
        name: &'a str,
    },
    /// Stop everything and leave; answered with [`Reply::Accepted`] before it begins.
    Shutdown(Power),
    /// Have the unit read its configuration again; answered like `Start`.
    Reload {
        /// Full name.
        name: &'a str,
    },
    /// Start the unit and stop all that it does not pull in; answered like `Start`.
    Isolate {
        /// Full name.
        name: &'a str,
    },
    /// Start or stop the unit, whichever `verb` says, in another mode than `replace`; answered like `Start`, with `canceled` if
    /// something is in the way that does not give way, and with `invalid` if that mode is not for that verb.
    Job {
        /// `Start` or `Stop`.
        verb: Verb,
        /// What becomes of others.
        mode: JobMode,
        /// Full name.
        name: &'a str,
    },
    /// Replace PID 1's program by the one that is at its path now; answered by the new one with [`Reply::Accepted`], or with
    /// [`Reply::Job`] by the old one, which then goes on.
    Reexec,
    /// Start the unit whose record is in the sealed file that comes along; answered like `Start`.
    Run {
        /// Full name.
        name: &'a str,
    },
    /// Wait until the unit is down; answered with [`Reply::Unit`] then.
    Wait {
        /// Full name.
        name: &'a str,
    },
    /// What narrows one unit; answered with a [`Reply::Setting`] for each setting, then [`Reply::End`].
    Posture {
        /// Its place in the table.
        id: u16,
    },
    /// Go on with the table in the sealed file that comes along; answered with [`Reply::Job`] when what it changes is up,
    /// or the table before is back.
    Switch {
        /// How long that may take, seconds.
        timeout: u32,
    },
    /// Send a signal to processes of the unit; answered with [`Reply::Accepted`], or with [`Reply::Job`] and `invalid` if it
    /// has none.
    Kill {
        /// Full name.
        name: &'a str,
        /// Which of them.
        whom: Whom,
        /// The signal's number, 1 to 64.
        signal: u8,
    },
}

impl<'a> Request<'a> {
    /// What one has to be allowed for it.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Manager | Self::Units { .. } | Self::Unit { .. } | Self::Wait { .. } => Verb::Status,
            // Whoever is in the way goes, or has its job called off: that is more than a start.
            Self::Job { verb: Verb::Start, mode: JobMode::Isolate | JobMode::Flush, .. } => Verb::Isolate,
            Self::Job { verb, .. } => *verb,
            Self::Start { .. } => Verb::Start,
            Self::Stop { .. } => Verb::Stop,
            Self::Restart { .. } => Verb::Restart,
            Self::ResetFailed { .. } => Verb::ResetFailed,
            Self::Shutdown(_) => Verb::Shutdown,
            Self::Reload { .. } => Verb::Reload,
            Self::Isolate { .. } => Verb::Isolate,
            Self::Reexec | Self::Run { .. } | Self::Switch { .. } => Verb::Rule,
            Self::Posture { .. } => Verb::Posture,
            Self::Kill { .. } => Verb::Kill,
        }
    }

    /// The unit that it is about, where it says so by name.
    pub const fn name(&self) -> Option<&'a str> {
        match self {
            Self::Unit { name }
            | Self::Start { name }
            | Self::Stop { name }
            | Self::Restart { name }
            | Self::ResetFailed { name }
            | Self::Reload { name }
            | Self::Isolate { name }
            | Self::Run { name }
            | Self::Wait { name }
            | Self::Job { name, .. }
            | Self::Kill { name, .. } => Some(name),
            Self::Manager
            | Self::Units { .. }
            | Self::Shutdown(_)
            | Self::Reexec
            | Self::Switch { .. }
            | Self::Posture { .. } => None,
        }
    }
}

impl<'t> Read<'t> for Request<'t> {
    #[inline(always)]
    fn empty() -> Self {
        Self::Manager
    }

    fn read(from: &mut Reader<'t>) -> Self {
        match from.place(17) {
            0 => Self::Manager,
            1 => Self::Units { from: Read::read(from) },
            2 => Self::Unit { name: Read::read(from) },
            3 => Self::Start { name: Read::read(from) },
            4 => Self::Stop { name: Read::read(from) },
            5 => Self::Restart { name: Read::read(from) },
            6 => Self::ResetFailed { name: Read::read(from) },
            7 => Self::Shutdown(Read::read(from)),
            8 => Self::Reload { name: Read::read(from) },
            9 => Self::Isolate { name: Read::read(from) },
            10 => Self::Job { verb: Read::read(from), mode: Read::read(from), name: Read::read(from) },
            11 => Self::Reexec,
            12 => Self::Run { name: Read::read(from) },
            13 => Self::Wait { name: Read::read(from) },
            14 => Self::Posture { id: Read::read(from) },
            15 => Self::Switch { timeout: Read::read(from) },
            _ => Self::Kill { name: Read::read(from), whom: Read::read(from), signal: Read::read(from) },
        }
    }
}

/// What PID 1 answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Reply<'a> {
    /// To `Manager`.
    Manager(ManagerStatus<'a>),
    /// To `Unit`, and to `Units` once for each unit.
    Unit(UnitStatus<'a>),
    /// Nothing more follows in answer to this request; more exist from this id on, if any.
    End {
        /// Where to go on.
        next: Option<u16>,
    },
    /// The job has ended.
    Job(JobResult),
    /// The request will be carried out.
    Accepted,
    /// No unit has that name.
    NoSuchUnit,
    /// The peer may not ask this.
    Denied,
    /// Too many requests are waiting; ask again.
    Busy,
    /// The packet was no request.
    Malformed,
    /// PID 1 speaks another version of the protocol.
    Version(u8),
    /// To `Posture`, once for each setting.
    Setting(Setting<'a>),
    /// The unit does not let itself be asked this: `RefuseManualStart=`, `RefuseManualStop=`, `AllowIsolate=no`.
    Refused,
}

impl<'t> Read<'t> for Reply<'t> {
    #[inline(always)]
    fn empty() -> Self {
        Self::Malformed
    }

    fn read(from: &mut Reader<'t>) -> Self {
        match from.place(12) {
            0 => Self::Manager(Read::read(from)),
            1 => Self::Unit(Read::read(from)),
            2 => Self::End { next: Read::read(from) },
            3 => Self::Job(Read::read(from)),
            4 => Self::Accepted,
            5 => Self::NoSuchUnit,
            6 => Self::Denied,
            7 => Self::Busy,
            8 => Self::Malformed,
            9 => Self::Version(Read::read(from)),
            10 => Self::Setting(Read::read(from)),
            _ => Self::Refused,
        }
    }
}

record! {
    /// PID 1 as a whole.
    #[derive(Eq)]
    pub struct ManagerStatus<'t> {
        /// The board's name.
        pub board: &'t str,
        /// The table's architecture.
        pub arch: &'t str,
        /// `starting`, `running`, `degraded` or `stopping`, as `systemctl is-system-running` says.
        pub state: &'t str,
        /// Microseconds from PID 1's exec to the default target being reached; 0 until then.
        pub boot_us: u64,
        /// Microseconds of processor time that PID 1 itself, user and system, took for that.
        pub boot_cpu_us: u64,
        /// How many units there are.
        pub units: u16,
        /// How many of them have failed.
        pub failed: u16,
        /// How many jobs are queued or running.
        pub jobs: u16,
        /// The time of all the times in [`UnitStatus`]: microseconds since PID 1's exec, now.
        pub now_us: u64,
        /// Hash of every file the table was made from.
        pub inputs: [u8; 16],
    }
}

record! {
    /// One unit. The words are those of `systemctl show`.
    #[derive(Eq)]
    pub struct UnitStatus<'t> {
        /// Place in the table.
        pub id: u16,
        /// Full name.
        pub name: &'t str,
        /// `Description=`.
        pub description: &'t str,
        /// The name's suffix.
        pub unit_type: UnitType,
        /// ActiveState.
        pub active: ActiveState,
        /// SubState.
        pub sub: SubState,
        /// Result.
        pub result: ServiceResult,
        /// MainPID, 0 when there is none.
        pub main_pid: u32,
        /// ExecMainCode and ExecMainStatus of the last main process that ended.
        pub main_exit: Option<ExitStatus>,
        /// The step of the last spawn that failed, if that is why it failed.
        pub failure: Option<Failure>,
        /// What the last main process ran as, once its child has said so.
        pub uid: Option<u32>,
        /// The same for the group.
        pub gid: Option<u32>,
        /// NRestarts.
        pub restarts: u32,
        /// When the last start began, microseconds since PID 1's exec; 0 if it never did.
        pub started_us: u64,
        /// When it last became active, likewise.
        pub ready_us: u64,
        /// When it last came to rest, likewise.
        pub ended_us: u64,
        /// What the service last said of itself: `STATUS=`, cut at [`STATUS_BYTES_MAX`].
        pub status: &'t str,
        /// Why it says that it fails: `ERRNO=`; 0 if it does not.
        pub errno: u16,
        /// The table's sum of all that makes its processes what they are; 0 for a unit that was made at run time.
        pub fingerprint: u32,
        /// When a timer elapses next, microseconds since 1970 by the wall clock as it is set; 0 if it does not.
        pub next_us: u64,
        /// When it last did, likewise; that may have been in an earlier boot.
        pub last_us: u64,
    }
}

record! {
    /// A setting that narrows a unit, and what became of it.
    #[derive(Eq)]
    pub struct Setting<'t> {
        /// The unit's full name.
        pub unit: &'t str,
        /// Such as `ProtectSystem=strict`.
        pub setting: &'t str,
        /// What became of it: `applied`, `degraded`, `refused`, or `inactive` if nothing runs.
        pub state: &'t str,
        /// Why it was not applied, or empty.
        pub why: &'t str,
    }
}
