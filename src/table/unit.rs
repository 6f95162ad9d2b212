//! The unit record: what it is called, what it needs, and what it does.
//!
//! Source: systemd.unit(5). Defaults are the baker's business:
//! a record always says everything.

use serde::Serialize;

use super::{Condition, IdList, List, Micros, Name, Path, Service, Socket, Timer, UnitId};
use crate::record::{JobMode, Read, Reader};

record! {
    /// One unit.
    pub struct Unit<'t> {
        /// What it is called, and what it has to do with others.
        pub head: Head<'t>,
        /// What the unit does.
        pub kind: Kind<'t>,
        /// `RebootArgument=`: what the firmware is told when an action of this unit's starts the machine over.
        pub reboot_argument: &'t str,
        /// `JobTimeoutRebootArgument=`: the same of `JobTimeoutAction=`.
        pub job_timeout_reboot_argument: &'t str,
        /// Its processes: a service's, or those of a socket that runs commands, which opens what it listens on in the place of
        /// `ExecStart=`.
        pub service: Option<Service<'t>>,
    }
}

record! {
    /// The beginning of every unit's record: what most questions are about. What follows takes ten times as long to read.
    pub struct Head<'t> {
        /// Full name with suffix.
        pub name: Name<'t>,
        /// `Description=`, or empty.
        pub description: &'t str,
        /// `Wants=`: started along; their failure does not matter.
        pub wants: IdList<'t>,
        /// `Requires=`: started along; if they fail to start and `after` orders them first, this unit fails too.
        pub requires: IdList<'t>,
        /// Inverse of `requires`: stopped when this unit is stopped.
        pub required_by: IdList<'t>,
        /// `After=` and others' `Before=`, implicit ones included: these start first and stop last.
        pub after: IdList<'t>,
        /// Inverse of `after`.
        pub before: IdList<'t>,
        /// `Condition*=` and `Assert*=`, looked at before every start.
        pub conditions: List<'t, Condition<'t>>,
        /// What follows for other units from what becomes of this one; most have nothing.
        pub related: List<'t, Related<'t>>,
        /// Who may do what, and what else follows.
        pub manners: Manners,
        /// What `systemctl is-enabled` says of it.
        pub file_state: FileState,
        /// `StartLimitIntervalSec=` and `StartLimitBurst=`.
        pub start_limit: StartLimit,
    }
}

choice! {
    /// What decides on whether boot starts a unit: the words and meanings of `systemctl is-enabled` (systemctl(1)).
    pub enum FileState {
        /// It has no [Install]: others pull it in, or nobody does.
        Static,
        /// Its [Install] counts, or `enable` in board.toml names it.
        Enabled,
        /// Its [Install] does not count on this board.
        Disabled,
        /// All that its [Install] has is `Also=`.
        Indirect,
        /// It was made at run time.
        Transient,
        /// It is another unit's name.
        Alias,
        /// There is to be no such unit.
        Masked,
    }
}

impl FileState {
    /// systemd's word.
    pub fn as_str(self) -> &'static str {
        crate::words::nth("static enabled disabled indirect transient alias masked", self as usize)
    }

    /// Whether `is-enabled` ends well.
    pub const fn is_enabled(self) -> bool {
        !matches!(self, Self::Disabled | Self::Masked)
    }
}

/// A unit answers whatever its head does.
impl<'t> core::ops::Deref for Unit<'t> {
    type Target = Head<'t>;

    fn deref(&self) -> &Head<'t> {
        &self.head
    }
}

impl<'t> Unit<'t> {
    /// Its processes, if it has any. Borrowed: a record is several hundred bytes.
    pub const fn service(&self) -> Option<&Service<'t>> {
        self.service.as_ref()
    }
}

impl Head<'_> {
    /// Calls `act` with every unit in those `lists`. One walk over all of them for everybody: iterators chained where they
    /// are needed are hundreds of bytes each.
    #[inline(never)]
    pub fn each(&self, lists: Lists, act: &mut dyn FnMut(UnitId)) {
        let own = [
            (Lists::WANTS, self.wants),
            (Lists::REQUIRES, self.requires),
            (Lists::REQUIRED_BY, self.required_by),
            (Lists::AFTER, self.after),
            (Lists::BEFORE, self.before),
        ];
        for (list, ids) in own {
            if lists.meets(list) {
                ids.iter().for_each(&mut *act);
            }
        }
        for one in self.related.iter() {
            if lists.meets(Lists::of(one.relation)) {
                one.units.iter().for_each(&mut *act);
            }
        }
    }
}

/// Some of the lists of units that a unit has: a bit each.
#[derive(Clone, Copy, Debug)]
pub struct Lists(u32);

impl Lists {
    /// [`Head::wants`].
    pub const WANTS: Self = Self(1 << 31);
    /// [`Head::requires`].
    pub const REQUIRES: Self = Self(1 << 30);
    /// [`Head::required_by`].
    pub const REQUIRED_BY: Self = Self(1 << 29);
    /// [`Head::after`].
    pub const AFTER: Self = Self(1 << 28);
    /// [`Head::before`].
    pub const BEFORE: Self = Self(1 << 27);

    /// None of them.
    pub const NONE: Self = Self(0);

    /// Those of [`Head::related`] with `relation`.
    pub const fn of(relation: Relation) -> Self {
        Self(1 << relation as u32)
    }

    /// These and `others`.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

record! {
    /// Units that something follows for.
    pub struct Related<'t> {
        /// What.
        pub relation: Relation,
        /// Them.
        pub units: IdList<'t>,
    }
}

choice! {
    /// What follows for other units (systemd.unit(5)). `Wants=` and `Requires=`, with `BindsTo=` among them, have fields of
    /// their own.
    pub enum Relation {
        /// `Requisite=`: if they are not up, this unit does not start.
        Requisite,
        /// Those with `BindsTo=` this unit: they go down with it, however that comes.
        BoundBy,
        /// `PartOf=` this unit: they are stopped and restarted along with it.
        Parts,
        /// `PropagatesStopTo=`, and `StopPropagatedFrom=` this unit: they are stopped along with it.
        StoppedAlong,
        /// `PropagatesReloadTo=`, and `ReloadPropagatedFrom=` this unit: they are reloaded along with it.
        ReloadedAlong,
        /// `Conflicts=`, in either direction: they are stopped when this unit starts.
        Conflicts,
        /// `Upholds=`: they are started again and again as long as this unit is up.
        Upholds,
        /// Those with `Upholds=` this unit.
        UpheldBy,
        /// `OnFailure=`: started when this unit fails.
        OnFailure,
        /// `OnSuccess=`: started when this unit has gone down well.
        OnSuccess,
        /// What a socket, timer or path starts. Several: with `Accept=yes` one for each connection, else the one that it
        /// starts and those that name it in `Sockets=`.
        Triggers,
        /// The sockets, timers and paths that start this unit.
        TriggeredBy,
        /// `JoinsNamespaceOf=`, in either direction: what one of them has of private namespaces and /tmp is the other's.
        Joined,
    }
}

record! {
    /// Switches and actions of [Unit].
    #[derive(Eq)]
    pub struct Manners {
        /// `RefuseManualStart=`.
        pub refuse_manual_start: bool,
        /// `RefuseManualStop=`.
        pub refuse_manual_stop: bool,
        /// `StopWhenUnneeded=`.
        pub stop_when_unneeded: bool,
        /// `AllowIsolate=`.
        pub allow_isolate: bool,
        /// `IgnoreOnIsolate=`.
        pub ignore_on_isolate: bool,
        /// `CollectMode=inactive-or-failed`: a failure is over when the unit is down.
        pub collect_failed: bool,
        /// `OnFailureJobMode=`, and `OnFailureIsolate=yes`.
        pub on_failure_mode: JobMode,
        /// `OnSuccessJobMode=`.
        pub on_success_mode: JobMode,
        /// `JobTimeoutSec=`: how long a job may take with its waiting. Zero: for ever.
        pub job_timeout: Micros,
        /// `JobRunningTimeoutSec=`: the same from its turn on.
        pub job_running_timeout: Micros,
        /// `JobTimeoutAction=`.
        pub job_timeout_action: UnitAction,
        /// `StartLimitAction=`.
        pub start_limit_action: UnitAction,
        /// `FailureAction=`.
        pub failure_action: UnitAction,
        /// `SuccessAction=`.
        pub success_action: UnitAction,
        /// `FailureActionExitStatus=`; without it 255.
        pub failure_status: Option<u8>,
        /// `SuccessActionExitStatus=`; without it 0.
        pub success_status: Option<u8>,
    }
}

impl Manners {
    /// systemd's defaults.
    pub const DEFAULT: Self = Self {
        refuse_manual_start: false,
        refuse_manual_stop: false,
        stop_when_unneeded: false,
        allow_isolate: false,
        ignore_on_isolate: false,
        collect_failed: false,
        on_failure_mode: JobMode::Replace,
        on_success_mode: JobMode::Fail,
        job_timeout: Micros::ZERO,
        job_running_timeout: Micros::ZERO,
        job_timeout_action: UnitAction::None,
        start_limit_action: UnitAction::None,
        failure_action: UnitAction::None,
        success_action: UnitAction::None,
        failure_status: None,
        success_status: None,
    };
}

choice! {
    /// `FailureAction=` and its kind. `Force`: nobody is stopped first. `Immediate`: nothing is written out either.
    #[expect(missing_docs, reason = "systemd.unit(5) names them")]
    pub enum UnitAction {
        None,
        Reboot,
        RebootForce,
        RebootImmediate,
        PowerOff,
        PowerOffForce,
        PowerOffImmediate,
        Halt,
        HaltForce,
        HaltImmediate,
        Exit,
        ExitForce,
        SoftReboot,
        SoftRebootForce,
    }
}

/// The kinds of unit and what only they have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Kind<'t> {
    /// A point in the graph.
    Target,
    /// Processes.
    Service,
    /// Descriptors that a service is given, and that it is started for.
    Socket(Socket<'t>),
    /// Places in the file system that a unit is started for.
    Path(Path<'t>),
    /// Moments that a unit is started at.
    Timer(Timer<'t>),
    /// A device: its node, which it is up with. Only children ever follow the path.
    Device(&'t str),
}

impl<'t> Read<'t> for Kind<'t> {
    #[inline(always)]
    fn empty() -> Self {
        Self::Target
    }

    fn read(from: &mut Reader<'t>) -> Self {
        match from.place(6) {
            1 => Self::Service,
            2 => Self::Socket(Socket::read(from)),
            3 => Self::Path(Path::read(from)),
            4 => Self::Timer(Timer::read(from)),
            5 => Self::Device(Read::read(from)),
            _ => Self::Target,
        }
    }
}

record! {
    /// A fixed window: it opens at a start and allows `burst` of them until `interval` has passed.
    #[derive(Eq)]
    pub struct StartLimit {
        /// Length of the window; zero switches the limit off.
        pub interval: Micros,
        /// Starts allowed in one window.
        pub burst: u32,
    }
}
