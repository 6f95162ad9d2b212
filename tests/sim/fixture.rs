//! Tables for tests and simulated worlds, made of few words.
//!
//! Used by the supervisor's own tests, by the simulation and by xtask: one definition.

use std::{format, string::String, vec, vec::Vec}; // the tests of the library have no prelude

use tomte::table::{
    Allow, Arch, Board, Calendar, Call, Cgroup, Command, CommandKind, Commands, Condition, Directories,
    DirectoryKind, Exec, ExitSet, FailureMode, FileState, Head, IdList, Identity, IdentityId, Keyring, Kill,
    KillMode, Kind, Landlock, List, LogTarget, Logging, LoginEnvironment, Manners, Micros, Name, Namespaces,
    NotifyAccess, OomPolicy, PanicAction, Path, Preserve, PrivateTmp, Privilege, Related, Relation, Restart,
    Scheduling, Service, ServiceType, Socket, Span, StartLimit, Stdin, Stdout, Steps, StrList, Terminal,
    Timer, TimerBase, Transient, UidRange, Unit, UnitId, View, Vital, Watchdog, Who, encode, ids, list,
    strings,
};
use tomte::wire::Verb;

/// Units that can be made at run time; the first names are theirs.
const SLOTS: u8 = 2;

/// Who may ask for what, besides root: user 1001 start and stop `a…`, group 50 restart anything, the first dynamic user
/// reload `b.service`, the second dynamic group kill.
pub(crate) fn allow() -> [Allow<'static>; 4] {
    let bit = |verb: Verb| 1 << verb as u32;
    let units = |names: &'static str| StrList::new(names.as_bytes()).expect("a list");
    [
        Allow {
            who: Who::User,
            number: 1001,
            verbs: bit(Verb::Start) | bit(Verb::Stop),
            units: units("a*\0"),
        },
        Allow { who: Who::Group, number: 50, verbs: bit(Verb::Restart), units: StrList::EMPTY },
        Allow { who: Who::DynamicUser, number: 0, verbs: bit(Verb::Reload), units: units("b.service\0") },
        Allow { who: Who::DynamicGroup, number: 1, verbs: bit(Verb::Kill), units: StrList::EMPTY },
    ]
}

/// Other names of units, and one that is masked.
const ALIASES: &str = "x.service\0a.service\0a-alias.service\0b.service\0masked.service\0\0";

/// A unit to be: ids are places in the list that it is part of.
#[derive(Clone, Debug)]
pub(crate) struct UnitPlan {
    pub(crate) name: String,
    pub(crate) wants: Vec<u16>,
    pub(crate) requires: Vec<u16>,
    pub(crate) after: Vec<u16>,
    pub(crate) conditions: Vec<Condition<'static>>,
    /// One direction of each; the inverses are made from it.
    pub(crate) related: Vec<(Relation, u16)>,
    pub(crate) manners: Manners,
    pub(crate) start_limit: StartLimit,
    /// `None` is a target, or what `trigger` says.
    pub(crate) service: Option<ServicePlan>,
    /// A unit that starts others: those that it has [`Relation::Triggers`] for.
    pub(crate) trigger: Option<Kind<'static>>,
}

/// A service to be.
#[derive(Clone, Debug)]
pub(crate) struct ServicePlan {
    pub(crate) service_type: ServiceType,
    pub(crate) remain_after_exit: bool,
    pub(crate) restart: Restart,
    pub(crate) restart_delay: Micros,
    pub(crate) success: ExitSet,
    pub(crate) prevent: ExitSet,
    pub(crate) force: ExitSet,
    pub(crate) timeout_start: Micros,
    pub(crate) timeout_stop: Micros,
    pub(crate) timeout_abort: Micros,
    pub(crate) start_failure_mode: FailureMode,
    pub(crate) stop_failure_mode: FailureMode,
    pub(crate) runtime_max: Micros,
    pub(crate) runtime_extra: Micros,
    pub(crate) restart_direct: bool,
    pub(crate) restart_steps: u32,
    pub(crate) restart_delay_max: Micros,
    pub(crate) restart_growth: f64,
    pub(crate) exit_with_last: bool,
    pub(crate) pid_file: &'static str,
    pub(crate) guess_main_pid: bool,
    pub(crate) notify_access: NotifyAccess,
    pub(crate) ready_fd: u8,
    pub(crate) watchdog: Micros,
    pub(crate) oom_policy: OomPolicy,
    pub(crate) kill: Kill,
    /// Kind, and whether it has the prefix `-`.
    pub(crate) commands: Vec<(CommandKind, bool)>,
    pub(crate) user: Option<u16>,
    pub(crate) group: Option<u16>,
    pub(crate) runtime_directory: bool,
    pub(crate) preserve: Preserve,
    pub(crate) private_tmp: PrivateTmp,
    /// `EnvironmentFile=`, each with a NUL.
    pub(crate) environment_files: &'static str,
    pub(crate) per_connection: bool,
    pub(crate) store_max: u32,
    pub(crate) store_preserve: Preserve,
}

/// A target called `name`.
pub(crate) fn target(name: &str) -> UnitPlan {
    UnitPlan {
        name: name.into(),
        wants: vec![],
        requires: vec![],
        after: vec![],
        conditions: vec![],
        related: vec![],
        manners: Manners::DEFAULT,
        start_limit: StartLimit { interval: Micros::from_secs(10), burst: 5 },
        service: None,
        trigger: None,
    }
}

/// A simple service called `name` with systemd's defaults.
pub(crate) fn service(name: &str) -> UnitPlan {
    UnitPlan { service: Some(ServicePlan::default()), ..target(name) }
}

/// A socket called `name` that starts unit `starts`, with systemd's limits.
pub(crate) fn socket(name: &str, starts: u16) -> UnitPlan {
    let limit = |burst| StartLimit { interval: Micros::from_secs(2), burst };
    let socket = Socket {
        name: "",
        accept: false,
        per_source: 0,
        flush_pending: false,
        remove_on_stop: false,
        pass_to_all: false,
        user: "",
        group: "",
        mode: 0o666,
        directory_mode: 0o755,
        symlinks: StrList::default(),
        quick: false,
        listen: List::default(),
        trigger_limit: limit(20),
        poll_limit: limit(15),
    };
    let related = vec![(Relation::Triggers, starts)];
    UnitPlan { related, trigger: Some(Kind::Socket(socket)), ..target(name) }
}

/// The same, which takes connections: a start of one of the services `starts` for each.
pub(crate) fn accepting(name: &str, starts: &[u16]) -> UnitPlan {
    let plan = socket(name, 0);
    let related = starts.iter().map(|id| (Relation::Triggers, *id)).collect();
    let trigger = plan.trigger.map(|kind| match kind {
        Kind::Socket(socket) => Kind::Socket(Socket { accept: true, ..socket }),
        other @ (Kind::Target | Kind::Service | Kind::Path(_) | Kind::Timer(_) | Kind::Device(_)) => other,
    });
    UnitPlan { related, trigger, ..plan }
}

/// A path unit called `name` that starts unit `starts`, with systemd's limit.
pub(crate) fn path(name: &str, starts: u16) -> UnitPlan {
    let path = Path {
        make_directory: false,
        directory_mode: 0o755,
        watches: List::default(),
        trigger_limit: StartLimit { interval: Micros::from_secs(2), burst: 200 },
    };
    let related = vec![(Relation::Triggers, starts)];
    UnitPlan { related, trigger: Some(Kind::Path(path)), ..target(name) }
}

/// A timer called `name` that starts unit `starts`, exactly and at no time yet.
pub(crate) fn timer(name: &str, starts: u16, change: impl FnOnce(&mut Timer<'static>)) -> UnitPlan {
    let mut timer = Timer {
        spans: List::default(),
        calendars: List::default(),
        on_clock_change: false,
        accuracy: Micros::ZERO,
        randomized_delay: Micros::ZERO,
        fixed_delay: 0,
        persistent: false,
        remain_after_elapse: true,
        defer_reactivation: false,
    };
    change(&mut timer);
    let related = vec![(Relation::Triggers, starts)];
    UnitPlan { related, trigger: Some(Kind::Timer(timer)), ..target(name) }
}

/// `OnActiveSec=` and its kind, for [`timer`]; they live as long as the test.
pub(crate) fn spans(all: &[(TimerBase, Micros)]) -> List<'static, Span> {
    let spans: Vec<Span> = all.iter().map(|(base, span)| Span { base: *base, span: *span }).collect();
    List::new(list(&spans).leak())
}

/// `OnCalendar=*-*-* HOUR:00:00`, likewise.
pub(crate) fn daily(hour: u32) -> List<'static, Calendar<'static>> {
    let every = |first, last| List::new(list(&[Steps { first, last, step: 1 }]).leak());
    let calendar = Calendar {
        weekdays: 127,
        years: every(1970, 2199),
        months: 0xfff,
        days: u32::MAX >> 1,
        from_end: false,
        hours: 1 << hour,
        minutes: 1,
        seconds: every(0, 0),
    };
    List::new(list(&[calendar]).leak())
}

impl UnitPlan {
    /// With its service changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ServicePlan)) -> Self {
        if let Some(service) = &mut self.service {
            change(service);
        }
        self
    }
}

impl Default for ServicePlan {
    fn default() -> Self {
        Self {
            service_type: ServiceType::Simple,
            remain_after_exit: false,
            restart: Restart::No,
            restart_delay: Micros::from_millis(100),
            success: ExitSet::default(),
            prevent: ExitSet::default(),
            force: ExitSet::default(),
            timeout_start: Micros::from_secs(90),
            timeout_stop: Micros::from_secs(90),
            timeout_abort: Micros::from_secs(90),
            start_failure_mode: FailureMode::Terminate,
            stop_failure_mode: FailureMode::Terminate,
            runtime_max: Micros::FOREVER,
            runtime_extra: Micros::ZERO,
            restart_direct: false,
            restart_steps: 0,
            restart_delay_max: Micros::FOREVER,
            restart_growth: 1.0,
            exit_with_last: false,
            pid_file: "",
            guess_main_pid: true,
            notify_access: NotifyAccess::None,
            ready_fd: 0,
            watchdog: Micros::ZERO,
            oom_policy: OomPolicy::Stop,
            kill: Kill {
                mode: KillMode::ControlGroup,
                signal: 15,
                restart_signal: 15,
                final_signal: 9,
                watchdog_signal: 6,
                send_sighup: false,
                send_sigkill: true,
            },
            commands: vec![(CommandKind::Start, false)],
            user: None,
            group: None,
            runtime_directory: false,
            preserve: Preserve::No,
            private_tmp: PrivateTmp::No,
            environment_files: "",
            per_connection: false,
            store_max: 0,
            store_preserve: Preserve::Restart,
        }
    }
}

/// What the board of a table watches over: nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// Ids of the vital units; one of them may be down for ten seconds, and the boot is good after five.
    pub(crate) vital: Vec<u16>,
    /// For how many microseconds one may be down after all were restarted together; 0: they are not.
    pub(crate) group_patience: u64,
    pub(crate) on_good: Option<u16>,
    pub(crate) on_sick: Option<u16>,
    pub(crate) rescue: Option<u16>,
    /// Whether there is a watchdog: it waits for six seconds, is fed every two, and for a shutdown of a minute.
    pub(crate) watchdog: bool,
}

impl Watched {
    /// How long a vital unit may be down.
    pub(crate) const PATIENCE: Micros = Micros::from_secs(10);
    const GOOD_AFTER: Micros = Micros::from_secs(5);
    /// Between two feedings.
    pub(crate) const INTERVAL: Micros = Micros::from_secs(2);
    const TIMEOUT: Micros = Micros::from_secs(6);
    const SHUTDOWN: Micros = Micros::from_secs(60);
}

/// The table of `plans`; unit 0 is the default target. There are `identities` names, whose baked numbers are the first
/// of `range` in order and whose hashed numbers are the last.
pub(crate) fn bake(plans: &[UnitPlan], range: UidRange, identities: u16, watched: &Watched) -> Vec<u8> {
    let vital = ids(watched.vital.iter().copied().map(UnitId));
    let names: Vec<String> = (0..identities).map(|n| format!("user{n}")).collect();
    let records: Vec<Identity<'_>> = names
        .iter()
        .zip(0..)
        .map(|(name, n)| Identity { name, baked: range.first + n, hashed: range.last.saturating_sub(n) })
        .collect();
    let slots = SLOTS.min(u8::try_from(identities).unwrap_or(SLOTS));
    let identities = list(&records);
    let allow = list(&allow());
    let board = Board {
        name: "test",
        default_target: UnitId(0),
        uids: range,
        identities: List::new(&identities),
        filters: List::default(),
        slices: List::default(),
        hostname: "",
        environment: StrList::default(),
        log: LogTarget::Console,
        on_panic: PanicAction::Halt,
        panic_delay: Micros::ZERO,
        transient: Transient { slots, ..Transient::NONE },
        may_lack: 0,
        allow: List::new(&allow),
        rescue: watched.rescue.map(UnitId),
        volatile: StrList::default(),
        initramfs: None,
        aliases: StrList::new(ALIASES.as_bytes()).expect("a list"),
        vital: Vital {
            units: IdList::new(&vital).expect("whole ids"),
            patience: Watched::PATIENCE,
            group_patience: Micros(watched.group_patience),
            good_after: Watched::GOOD_AFTER,
            on_good: watched.on_good.map(UnitId),
            on_sick: watched.on_sick.map(UnitId),
        },
        watchdog: if watched.watchdog {
            Watchdog {
                device: "/dev/watchdog0",
                timeout: Watched::TIMEOUT,
                pretimeout: Micros::ZERO,
                interval: Watched::INTERVAL,
                shutdown: Watched::SHUTDOWN,
                kexec: Micros::ZERO,
                probe: "/",
            }
        } else {
            Watchdog::NONE
        },
    };
    let lists: Vec<Lists> = (0..plans.len()).map(|at| Lists::of(plans, at)).collect();
    let units: Vec<Unit<'_>> = plans.iter().zip(&lists).map(|(plan, lists)| lists.unit(plan)).collect();
    encode(Arch::X86_64, [0; 16], &board, &units).expect("a plan within the limits")
}

/// What follows from unit `id` for others, with the inverses of what they say of it.
fn related(plans: &[UnitPlan], id: u16) -> Vec<u8> {
    let own = plans[usize::from(id)].related.iter().copied();
    let others = (0..).zip(plans).flat_map(|(n, other)| other.related.iter().map(move |one| (n, *one)));
    let inverse = others.filter(|(_, (_, to))| *to == id).filter_map(|(n, (relation, _))| match relation {
        Relation::Conflicts => Some((Relation::Conflicts, n)),
        Relation::Upholds => Some((Relation::UpheldBy, n)),
        Relation::Triggers => Some((Relation::TriggeredBy, n)),
        Relation::Requisite
        | Relation::BoundBy
        | Relation::Parts
        | Relation::StoppedAlong
        | Relation::ReloadedAlong
        | Relation::UpheldBy
        | Relation::TriggeredBy
        | Relation::OnFailure
        | Relation::OnSuccess
        | Relation::Joined => None,
    });
    let all: Vec<(Vec<u8>, Relation)> =
        own.chain(inverse).map(|(relation, other)| (ids([UnitId(other)]), relation)).collect();
    let records: Vec<Related<'_>> = all
        .iter()
        .map(|(units, relation)| Related {
            relation: *relation,
            units: IdList::new(units).expect("pairs of bytes"),
        })
        .collect();
    list(&records)
}

/// The bytes that a unit's record borrows.
struct Lists {
    wants: Vec<u8>,
    requires: Vec<u8>,
    required_by: Vec<u8>,
    after: Vec<u8>,
    before: Vec<u8>,
    related: Vec<u8>,
    commands: Vec<Vec<u8>>,
    directories: Vec<u8>,
    conditions: Vec<u8>,
}

impl Lists {
    fn of(plans: &[UnitPlan], at: usize) -> Self {
        let plan = &plans[at];
        let id = u16::try_from(at).expect("few units");
        let inverse = |relation: fn(&UnitPlan) -> &Vec<u16>| {
            ids((0..).zip(plans).filter(|(_, other)| relation(other).contains(&id)).map(|(n, _)| UnitId(n)))
        };
        let own = |list: &[u16]| ids(list.iter().copied().map(UnitId));
        let argv = strings(["/bin/true"]);
        let argv = StrList::new(&argv).expect("a list");
        let (commands, runtime) = match &plan.service {
            None => (vec![vec![]; 7], false),
            Some(service) => {
                let of = |kind| {
                    let lines = service.commands.iter().filter(|(its, _)| *its == kind);
                    let lines = lines.map(|(_, ignore_failure)| Command {
                        call: Call::Execute,
                        path: "/bin/true",
                        argv,
                        ignore_failure: *ignore_failure,
                        expand: true,
                        privilege: Privilege::Restricted,
                    });
                    list(&lines.collect::<Vec<_>>())
                };
                (CommandKind::ALL.map(of).into(), service.runtime_directory)
            }
        };
        let names = strings(["dir"]);
        let names = StrList::new(&names).expect("a list");
        let runtime = runtime.then_some(Directories {
            kind: DirectoryKind::Runtime,
            mode: 0o755,
            names,
            links: StrList::EMPTY,
        });
        Self {
            wants: own(&plan.wants),
            requires: own(&plan.requires),
            required_by: inverse(|plan| &plan.requires),
            after: own(&plan.after),
            before: inverse(|plan| &plan.after),
            related: related(plans, id),
            commands,
            directories: list(runtime.as_slice()),
            conditions: list(plan.conditions.as_slice()),
        }
    }

    fn unit<'a>(&'a self, plan: &'a UnitPlan) -> Unit<'a> {
        let ids = |bytes: &'a Vec<u8>| IdList::new(bytes).expect("pairs of bytes");
        let head = Head {
            name: Name::new(&plan.name).expect("a unit name"),
            description: "",
            wants: ids(&self.wants),
            requires: ids(&self.requires),
            required_by: ids(&self.required_by),
            after: ids(&self.after),
            before: ids(&self.before),
            related: List::new(&self.related),
            manners: plan.manners,
            file_state: FileState::Static,
            conditions: List::new(&self.conditions),
            start_limit: plan.start_limit,
        };
        Unit {
            head,
            kind: plan.trigger.unwrap_or(if plan.service.is_some() { Kind::Service } else { Kind::Target }),
            reboot_argument: "again",
            job_timeout_reboot_argument: "late",
            service: plan.service.as_ref().map(|service| Service {
                of_socket: matches!(plan.trigger, Some(Kind::Socket(_))),
                ..self.service(service)
            }),
        }
    }

    fn service<'a>(&'a self, plan: &'a ServicePlan) -> Service<'a> {
        let commands = |kind: usize| List::new(&self.commands[kind]);
        Service {
            of_socket: false,
            service_type: plan.service_type,
            remain_after_exit: plan.remain_after_exit,
            restart: plan.restart,
            restart_delay: plan.restart_delay,
            success_exit_status: plan.success,
            restart_prevent_exit_status: plan.prevent,
            restart_force_exit_status: plan.force,
            timeout_start: plan.timeout_start,
            timeout_stop: plan.timeout_stop,
            timeout_abort: plan.timeout_abort,
            start_failure_mode: plan.start_failure_mode,
            stop_failure_mode: plan.stop_failure_mode,
            runtime_max: plan.runtime_max,
            runtime_extra: plan.runtime_extra,
            restart_direct: plan.restart_direct,
            restart_steps: plan.restart_steps,
            restart_delay_max: plan.restart_delay_max,
            restart_growth: plan.restart_growth.to_bits(),
            exit_with_last: plan.exit_with_last,
            pid_file: plan.pid_file,
            guess_main_pid: plan.guess_main_pid,
            notify_access: plan.notify_access,
            ready_fd: plan.ready_fd,
            watchdog: plan.watchdog,
            reload_signal: 1,
            oom_policy: plan.oom_policy,
            non_blocking: false,
            per_connection: plan.per_connection,
            store_max: plan.store_max,
            store_preserve: plan.store_preserve,
            kill: plan.kill,
            commands: Commands {
                condition: commands(0),
                start_pre: commands(1),
                start: commands(2),
                start_post: commands(3),
                reload: commands(4),
                stop: commands(5),
                stop_post: commands(6),
            },
            exec: self.exec(plan),
        }
    }

    fn exec<'a>(&'a self, plan: &'a ServicePlan) -> Exec<'a> {
        Exec {
            user: "",
            group: "",
            supplementary_groups: StrList::default(),
            dynamic_user: plan.user.is_some(),
            user_identity: plan.user.map(IdentityId),
            group_identity: plan.group.map(IdentityId),
            environment: StrList::default(),
            environment_files: StrList::new(plan.environment_files.as_bytes()).expect("NUL at the end"),
            pass_environment: StrList::default(),
            unset_environment: StrList::default(),
            search_path: "",
            login_environment: LoginEnvironment::IfUser,
            working_directory: "",
            working_directory_optional: false,
            umask: 0o022,
            rlimits: List::default(),
            capability_bounding_set: u64::MAX,
            ambient_capabilities: 0,
            no_new_privileges: false,
            private_tmp: plan.private_tmp,
            secure_bits: 0,
            keyring: Keyring::Private,
            view_besides: None,
            view_privileged: None,
            view: View::HOST,
            landlock: Landlock::NONE,
            namespaces: Namespaces::HOST,
            scheduling: Scheduling::UNSET,
            cgroup: Cgroup::PLAIN,
            filter: None,
            no_write_execute: false,
            remove_ipc: false,
            directories: List::new(&self.directories),
            runtime_directory_preserve: plan.preserve,
            credentials: StrList::default(),
            credential_values: &[],
            stdin: Stdin::Null,
            stdout: Stdout::Null,
            stderr: Stdout::Null,
            stdin_path: "",
            stdin_data: &[],
            stdout_path: "",
            stderr_path: "",
            tty_path: "",
            terminal: Terminal::AS_IT_IS,
            syslog_identifier: "",
            logging: Logging::DEFAULT,
            ignore_sigpipe: true,
            posture: StrList::default(),
        }
    }
}
