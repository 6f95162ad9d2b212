//! What goes in: whatever happens, as whoever runs the supervisor tells it.

use super::{Peer, UnitSet};
use crate::{
    table::{IdentityId, Micros, UnitId, Verdict},
    wire::{ExitStatus, Failure, Notice, Request},
};

kept! {
/// A moment: microseconds on a clock that never goes back. The shell starts it at PID 1's exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);
}

impl Instant {
    /// `span` later; `None` if that is never.
    pub const fn after(self, span: Micros) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(at) => Some(Self(at)),
            None => None,
        }
    }

    /// The earlier of two moments that may never come.
    pub(super) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

kept! {
/// A process id. Never 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pid(pub u32);
}

kept! {
/// A connection of the control socket, as numbered by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId(pub u16);
}

kept! {
/// The two processes a service can have of its own: the service itself, and one command beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `ExecStart=`.
    Main,
    /// `ExecStartPre=`, `ExecStop=` and the like.
    Control,
}
}

/// When a test run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// As soon as no job is left and no unit is between two states (a restart that is waited for counts as between).
    Idle,
    /// So long after boot.
    Elapsed(Micros),
}

/// What happens to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// First of all: start the default target.
    Boot {
        /// Seed of the random UID candidates.
        random: u64,
        /// Whether and when to report and shut down without being asked.
        until: Option<Until>,
        /// How long the kernel had been running when PID 1 was executed; zero in a container.
        kernel_age: Micros,
        /// A number that tells this machine from others, boot after boot: /etc/machine-id.
        machine: u64,
        /// What to start instead of the default target.
        target: Option<UnitId>,
    },
    /// Answers `Action::Spawn`: the process exists.
    Spawned {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// In which slot.
        slot: Slot,
        /// The new process.
        pid: Pid,
    },
    /// Answers `Action::Spawn`: there is no process.
    SpawnFailed {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        #[expect(missing_docs, reason = "the slot this is about")]
        slot: Slot,
        /// The step (of the parent's) and the kernel's reason.
        failure: Failure,
    },
    /// What the wall clock says: before [`Event::Boot`], at [`super::Supervisor::next_wall_deadline`], and when somebody
    /// has set it.
    Clock {
        /// Microseconds since 1970.
        wall: u64,
        /// Somebody has set it.
        set: bool,
    },
    /// Answers `Action::Stamp`.
    Stamped {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// When the timer last elapsed, by the wall clock; 0 if it never has, or if nobody knows.
        at: u64,
    },
    /// The child knows its numbers: a static user won, or the numbers given were taken.
    Identified {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The process that says so.
        pid: Pid,
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// The child cannot use the number given for `identity`: it belongs to a static user or group, IPC objects of it
    /// are left, or the unit's directories belong to `suggestion`. The child ends; that end is not the service's.
    Unfit {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The process that says so.
        pid: Pid,
        /// Whose number.
        identity: IdentityId,
        /// A number in the range that owns the unit's directories.
        suggestion: Option<u32>,
    },
    /// A step of the child failed; its end, with the step's exit code, follows.
    StepFailed {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The process that says so.
        pid: Pid,
        /// The step and the kernel's reason.
        failure: Failure,
        /// What systemd sees to before there is a process: its end is not the service's, and the result is `resources`.
        early: bool,
    },
    /// The kernel has killed a process of the unit for want of memory. Its end follows if it was one of a slot.
    OomKilled {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
    },
    /// The child's execve has succeeded.
    Executed {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The process.
        pid: Pid,
    },
    /// A process of the unit says something: sd_notify(3).
    Notified {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The process, as the kernel says.
        pid: Pid,
        /// Its user, as the kernel says.
        uid: u32,
        /// What it says. `MONOTONIC_USEC=` is on the supervisor's clock.
        notice: Notice<'a>,
    },
    /// Something has come out of the descriptor of `X-ReadyFd=`, or nothing can any more.
    ReadyFd {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Whether that is a newline.
        ready: bool,
    },
    /// Answers `Action::Adopt`.
    Adopted {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The new main process; `None` if there is none.
        pid: Option<Pid>,
    },
    /// A process of a slot has ended and is reaped: its pid may be somebody else's from here on.
    Exited {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// The process.
        pid: Pid,
        /// How.
        status: ExitStatus,
    },
    /// No process of the unit is left, descendants included. Comes after every end of the last process, whether or not
    /// anybody asked.
    Empty {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
    },
    /// Answers `Action::Clean`.
    Cleaned {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Whether nothing is left. If not, the numbers stay taken: nobody may inherit what could not be removed.
        clean: bool,
    },
    /// Something was mounted or unmounted, or swap has been switched on or off: by this program's doing or by hand.
    MountsChanged,
    /// Answers `Action::Survey`. Who is in neither set is no mount or swap, or could not be made out.
    Surveyed {
        /// Units whose file system is mounted, or whose swap is on.
        there: UnitSet,
        /// Those of which nothing is there.
        gone: UnitSet,
    },
    /// Answers `Action::Examine`.
    Examined {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// What came of it; `None` if nobody could look.
        verdict: Option<Verdict>,
    },
    /// Answers `Action::Watch`.
    Watched {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// What came of it; `None` if it cannot be waited for.
        found: Option<Found>,
    },
    /// What the unit waits for has come, or may have. Told once for each `Action::Arm`.
    Readable {
        #[expect(missing_docs, reason = "the unit this is about")]
        unit: UnitId,
        /// Which of the unit's descriptors that are enough by themselves it was, counted from 0. `None`: somebody has to look.
        there: Option<u8>,
    },
    /// Answers `Action::Accept`, if there was a connection.
    Accepted {
        /// The service that has it now.
        unit: UnitId,
    },
    /// A deadline may have passed. Spurious ones are harmless.
    Deadline,
    /// A client asks.
    Request {
        #[expect(missing_docs, reason = "where the answer goes")]
        client: ClientId,
        /// Who it is.
        peer: Peer<'a>,
        /// What it asks.
        request: Request<'a>,
    },
    /// The client's connection is gone; nobody waits for its answer.
    ClientGone {
        #[expect(missing_docs, reason = "the client this is about")]
        client: ClientId,
    },
    /// PID 1 got a signal: most ask for the end.
    Signal {
        /// Its number.
        signal: u8,
        /// Whether this is the PID 1 of a container.
        container: bool,
    },
    /// Answers `Action::Report`.
    Reported,
    /// Answers `Action::Make`.
    Made {
        #[expect(missing_docs, reason = "who asked")]
        client: ClientId,
        #[expect(missing_docs, reason = "where it is")]
        unit: UnitId,
        /// Whether it is a record that can be run.
        sound: bool,
    },
    /// Answers `Action::Reexec`: the program is the same as before.
    NotReplaced,
    /// The probe of `Action::Feed` has had an answer.
    Probed,
    /// This much processor time has PID 1 itself taken until the default target was reached: the answer to
    /// `Log::BootFinished`.
    BootCost(Micros),
}

/// What a child that opened or looked has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the unit waits for is there already: the last such place in its list.
    pub there: Option<u8>,
    /// Which of the paths are there that are watched for changes: a bit for each place in the unit's list.
    pub seen: u16,
}
