//! From the model to the table's records: the same values, lists as bytes in an arena.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use bumpalo::Bump;
use serde::Serialize;
use siphasher::sip::SipHasher24;
use tomte::table::{
    self, Allow, Arch, Board as BoardRecord, Cgroup, Command, CommandKind, Commands, Directories, Exec,
    Filter, Head, IdList, Identity as IdentityRecord, IdentityId, Kind, Landlock, List, Micros, Mount, Name,
    Namespaces, Privilege, Related, Scheduling, Service, Span, StrList, Timer, Unit, UnitId, View,
    limits::FILTERS_MAX,
};

use super::{
    cgroups, conditions, credentials, filters::Filters, identities::Identity, posture, transient, trigger,
};
use crate::{
    allow::Known,
    board::Board,
    boot,
    cgroup::Cgroups,
    model::{self, Elapse, TimerBase},
    mounts,
    order::{Graph, Node},
    seccomp::Program,
    values::{self, calendar::Compiled},
};

/// What units have in common, and name by a number.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) arch: Arch,
    pub(super) identities: &'a [Identity],
    pub(super) filters: &'a Filters,
    pub(super) cgroups: &'a Cgroups,
    /// The image's static users and groups.
    pub(super) known: &'a Known,
}

/// The board's record.
pub(super) fn board<'a>(
    arena: &'a Bump,
    board: &'a Board,
    graph: &Graph,
    shared: Shared<'a>,
) -> Result<BoardRecord<'a>> {
    let config = &board.config;
    let records: Vec<IdentityRecord<'_>> = shared
        .identities
        .iter()
        .map(|one| IdentityRecord { name: &one.name, baked: one.baked, hashed: one.hashed })
        .collect();
    let filter = |program: &Program| Filter { program: arena.alloc_slice_copy(&program.bytes()) };
    let cgroup_filter = |program: &Vec<u8>| Filter { program: arena.alloc_slice_copy(program) };
    let filters: Vec<Filter<'_>> = shared
        .filters
        .programs
        .iter()
        .map(filter)
        .chain(shared.cgroups.programs.iter().map(cgroup_filter))
        .collect();
    ensure!(
        filters.len() <= FILTERS_MAX,
        "{} different filters of system calls, devices and the network; FILTERS_MAX is {FILTERS_MAX}",
        filters.len()
    );
    let names: Vec<&str> = shared.identities.iter().map(|one| one.name.as_str()).collect();
    let allow = config
        .allow
        .iter()
        .map(|rule| {
            let (who, number) = rule.resolve(&names, shared.known)?;
            let units = strings(arena, rule.units.iter().cloned())?;
            Ok(Allow { who, number, verbs: rule.bits(), units })
        })
        .collect::<Result<Vec<_>>>()?;
    let health = boot::record(arena, board, graph)?;
    Ok(BoardRecord {
        name: &board.name,
        default_target: graph.default_target,
        uids: board.uids(),
        identities: list(arena, &records),
        filters: list(arena, &filters),
        slices: cgroups::slices(arena, shared.cgroups)?,
        hostname: &config.hostname,
        environment: strings(
            arena,
            config.environment.iter().map(|(name, value)| format!("{name}={value}")),
        )?,
        log: config.log.into(),
        on_panic: config.panic.action.into(),
        panic_delay: config.panic.delay.0,
        may_lack: config.missing_kernel_feature.may_lack(),
        transient: transient::pieces(arena, board, shared)?,
        allow: list(arena, &allow),
        rescue: health.rescue,
        vital: health.vital,
        watchdog: health.watchdog,
        volatile: strings(arena, boot::volatile(config))?,
        initramfs: boot::initramfs(graph),
        aliases: strings(arena, graph.aliases.iter().flat_map(|(alias, unit)| [alias, unit]).cloned())?,
    })
}

/// A unit's record.
pub(super) fn unit<'a>(arena: &'a Bump, node: &'a Node, shared: Shared<'_>) -> Result<Unit<'a>> {
    let unit = &node.unit;
    let after: BTreeSet<UnitId> = node.after.keys().copied().collect();
    let head = Head {
        name: Name::new(&unit.name).with_context(|| format!("{:?} is no unit name", unit.name))?,
        description: &unit.description,
        wants: ids(arena, &node.wants)?,
        requires: ids(arena, &node.requires)?,
        required_by: ids(arena, &node.required_by)?,
        after: ids(arena, &after)?,
        before: ids(arena, &node.before)?,
        conditions: conditions::records(arena, &unit.conditions, shared.arch),
        related: related(arena, node)?,
        manners: unit.manners,
        file_state: unit.file_state,
        start_limit: unit.start_limit,
    };
    Ok(Unit {
        head,
        kind: match &unit.kind {
            model::Kind::Target => Kind::Target,
            model::Kind::Service(_) | model::Kind::Mount(_) | model::Kind::Swap(_) => Kind::Service,
            model::Kind::Timer(one) => Kind::Timer(timer(arena, &unit.name, one)),
            model::Kind::Socket(one) => Kind::Socket(trigger::socket(arena, one)?),
            model::Kind::Path(one) => Kind::Path(trigger::path(arena, one)),
            model::Kind::Device(node) => Kind::Device(node),
            model::Kind::Slice(_) => bail!("{}: the table has no {} units", unit.name, unit.kind.suffix()),
        },
        reboot_argument: &unit.reboot_argument,
        job_timeout_reboot_argument: &unit.job_timeout_reboot_argument,
        service: match unit.kind.service() {
            Some(one) => Some(service(arena, node, one, shared).with_context(|| unit.name.clone())?),
            None => None,
        },
    })
}

fn service<'a>(
    arena: &'a Bump,
    node: &Node,
    service: &'a model::Service,
    shared: Shared<'_>,
) -> Result<Service<'a>> {
    let (unit, joined) = (&node.unit, node.related.contains_key(&(table::Relation::Joined as u8)));
    let of = |kind: CommandKind| commands(arena, service, kind);
    Ok(Service {
        service_type: service.service_type,
        remain_after_exit: service.remain_after_exit,
        restart: service.restart,
        restart_delay: service.restart_delay,
        success_exit_status: service.success_exit_status,
        restart_prevent_exit_status: service.restart_prevent_exit_status,
        restart_force_exit_status: service.restart_force_exit_status,
        timeout_start: service.timeout_start,
        timeout_stop: service.timeout_stop,
        timeout_abort: service.timeout_abort,
        start_failure_mode: service.start_failure_mode,
        stop_failure_mode: service.stop_failure_mode,
        runtime_max: service.runtime_max,
        runtime_extra: service.runtime_extra,
        restart_direct: service.restart_direct,
        restart_steps: service.restart_steps,
        restart_delay_max: service.restart_delay_max,
        restart_growth: growth(service).to_bits(),
        exit_with_last: service.exit_with_last,
        pid_file: &service.pid_file,
        guess_main_pid: service.guess_main_pid,
        notify_access: service.notify_access,
        ready_fd: service.ready_fd,
        watchdog: service.watchdog,
        reload_signal: service.reload_signal,
        oom_policy: service.oom_policy,
        non_blocking: service.non_blocking,
        of_socket: service.of_socket,
        per_connection: service.per_connection,
        store_max: service.store_max,
        store_preserve: service.store_preserve,
        kill: service.kill,
        commands: Commands {
            condition: of(CommandKind::Condition)?,
            start_pre: of(CommandKind::StartPre)?,
            start: of(CommandKind::Start)?,
            start_post: of(CommandKind::StartPost)?,
            reload: of(CommandKind::Reload)?,
            stop: of(CommandKind::Stop)?,
            stop_post: of(CommandKind::StopPost)?,
        },
        exec: Exec {
            namespaces: namespaces(service, joined),
            ..exec(arena, service, cgroups::of(arena, unit, shared)?, shared)?
        },
    })
}

/// No timer waits for company for longer than this.
const ACCURACY_MAX: Micros = Micros::from_secs(366 * 86_400);

/// A timer's record.
fn timer<'a>(arena: &'a Bump, name: &str, timer: &model::Timer) -> Timer<'a> {
    let base = |base: TimerBase| match base {
        TimerBase::Active => table::TimerBase::Active,
        TimerBase::Boot => table::TimerBase::Boot,
        TimerBase::Startup => table::TimerBase::Startup,
        TimerBase::UnitActive => table::TimerBase::UnitActive,
        TimerBase::UnitInactive => table::TimerBase::UnitInactive,
    };
    let (mut spans, mut calendars) = (Vec::new(), Vec::new());
    for elapse in &timer.elapses {
        match &elapse.value {
            Elapse::Span(from, span) => spans.push(Span { base: base(*from), span: *span }),
            Elapse::Calendar(calendar) => calendars.push(calendar.compile()),
        }
    }
    let calendars: Vec<_> = calendars.iter().map(Compiled::record).collect();
    let calendars = arena.alloc_slice_copy(&table::list(&calendars));
    let hash = SipHasher24::new().hash(name.as_bytes());
    Timer {
        spans: list(arena, &spans),
        calendars: List::new(calendars),
        on_clock_change: timer.on_clock_change,
        accuracy: timer.accuracy.min(ACCURACY_MAX),
        randomized_delay: timer.randomized_delay,
        fixed_delay: if timer.fixed_random_delay { hash.max(1) } else { 0 },
        persistent: timer.persistent,
        remain_after_elapse: timer.remain_after_elapse,
        defer_reactivation: timer.defer_reactivation,
    }
}

/// What follows from the unit for others.
fn related<'a>(arena: &'a Bump, node: &'a Node) -> Result<List<'a, Related<'a>>> {
    let one = |(relation, units): &(table::Relation, BTreeSet<UnitId>)| {
        Ok(Related { relation: *relation, units: ids(arena, units)? })
    };
    let records: Vec<Related<'_>> = node.related.values().map(one).collect::<Result<_>>()?;
    Ok(list(arena, &records))
}

/// By how much the delay of a restart grows with each of its steps.
fn growth(service: &model::Service) -> f64 {
    if service.restart_steps == 0 {
        return 1.0;
    }
    let whole = service.restart_delay_max.0 as f64 / service.restart_delay.0 as f64;
    whole.powf(1.0 / f64::from(service.restart_steps))
}

fn commands<'a>(
    arena: &'a Bump,
    service: &'a model::Service,
    kind: CommandKind,
) -> Result<List<'a, Command<'a>>> {
    let of_kind = service.commands.iter().filter(|(of, _)| *of == kind);
    let records: Vec<Command<'_>> = of_kind.map(|(_, one)| command(arena, one)).collect::<Result<_>>()?;
    Ok(list(arena, &records))
}

/// A command line's record.
pub(super) fn command<'a>(arena: &'a Bump, command: &'a model::Command) -> Result<Command<'a>> {
    Ok(Command {
        call: command.call,
        path: &command.path,
        argv: strings(arena, &command.argv)?,
        ignore_failure: command.ignore_failure,
        expand: command.expand,
        privilege: command.privilege,
    })
}

fn exec<'a>(
    arena: &'a Bump,
    service: &'a model::Service,
    cgroup: Cgroup<'a>,
    shared: Shared<'_>,
) -> Result<Exec<'a>> {
    let exec = &service.exec;
    let identity = |name: &str| {
        let place = shared.identities.iter().position(|identity| identity.name == name);
        let place = place.filter(|_| exec.dynamic_user)?;
        u16::try_from(place).ok().map(IdentityId)
    };
    let (user, group) = (exec.user.value.as_str(), exec.group.value.as_str());
    let view = mounts::view(exec);
    let privileged = service.commands.iter().any(|(_, one)| one.privilege == Privilege::Full);
    let privileged = mounts::view_privileged(exec).filter(|_| privileged);
    let rules = mounts::landlock(exec, &view);
    let posture = BTreeSet::from_iter(posture::of(exec, &service.resources, &rules));
    let directories: Vec<Directories<'_>> =
        exec.directories.iter().map(|one| directory(arena, one)).collect::<Result<_>>()?;
    Ok(Exec {
        user,
        group,
        supplementary_groups: strings(arena, exec.supplementary_groups.iter().map(|group| &group.value))?,
        dynamic_user: exec.dynamic_user,
        user_identity: identity(user),
        group_identity: identity(if group.is_empty() { user } else { group }),
        environment: strings(arena, &exec.environment)?,
        environment_files: strings(arena, &exec.environment_files)?,
        pass_environment: strings(arena, &exec.pass_environment)?,
        unset_environment: strings(arena, &exec.unset_environment)?,
        search_path: arena.alloc_str(&exec.search_path.join(":")),
        login_environment: exec.login_environment,
        working_directory: &exec.working_directory,
        working_directory_optional: exec.working_directory_optional,
        umask: exec.umask,
        rlimits: list(arena, &exec.rlimits),
        capability_bounding_set: exec.capability_bounding_set,
        ambient_capabilities: exec.ambient_capabilities,
        no_new_privileges: exec.no_new_privileges,
        private_tmp: exec.private_tmp,
        secure_bits: exec.secure_bits,
        keyring: exec.keyring,
        view: view_record(arena, &view),
        view_besides: mounts::view_besides(exec).map(|view| view_record(arena, &view)),
        view_privileged: privileged.map(|view| view_record(arena, &view)),
        landlock: landlock(arena, &rules)?,
        namespaces: namespaces(service, false),
        scheduling: scheduling(arena, &exec.scheduling),
        cgroup,
        filter: shared.filters.of(&exec.system_calls),
        no_write_execute: exec.system_calls.write_execute,
        remove_ipc: exec.remove_ipc,
        directories: list(arena, &directories),
        runtime_directory_preserve: exec.runtime_directory_preserve,
        credentials: strings(arena, credentials::sources(&exec.credentials))?,
        credential_values: arena.alloc_slice_copy(&credentials::values(&exec.credentials)),
        stdin: exec.stdin,
        stdout: exec.stdout,
        stderr: exec.stderr,
        stdin_path: &exec.stdin_path,
        stdin_data: &exec.stdin_data,
        stdout_path: &exec.stdout_path,
        stderr_path: &exec.stderr_path,
        tty_path: &exec.tty_path,
        terminal: exec.terminal,
        syslog_identifier: &exec.syslog_identifier,
        logging: exec.logging,
        ignore_sigpipe: exec.ignore_sigpipe,
        posture: strings(arena, posture)?,
    })
}

/// The record of the namespaces besides that of mounts, for a unit that has them in common with others or not.
fn namespaces(service: &model::Service, joined: bool) -> Namespaces<'_> {
    let (exec, wanted) = (&service.exec, &service.exec.namespaces);
    let new = wanted.network && wanted.network_path.is_empty() || wanted.ipc && wanted.ipc_path.is_empty();
    let any = wanted.network || wanted.ipc || !wanted.network_path.is_empty() || !wanted.ipc_path.is_empty();
    let several = service.commands.len() > 1;
    Namespaces {
        network: wanted.network,
        ipc: wanted.ipc,
        processes: wanted.pids,
        hostname: exec.protect.hostname,
        users: wanted.users,
        network_path: &wanted.network_path,
        ipc_path: &wanted.ipc_path,
        kept: new && several || any && joined,
    }
}

/// The record of the share of the machine.
fn scheduling<'a>(arena: &'a Bump, wanted: &model::Scheduling) -> Scheduling<'a> {
    /// Without a level: the kernel's default.
    const IO_LEVEL: u8 = 4;
    let mut affinity = vec![0_u8; wanted.affinity.last().map_or(0, |last| usize::from(*last) / 8 + 1)];
    for processor in &wanted.affinity {
        affinity[usize::from(*processor) / 8] |= 1 << (processor % 8);
    }
    let io = wanted.io_class.is_some() || wanted.io_priority.is_some();
    // A level without a class is of the class that has levels, and so is what has no class (ioprio-util.c).
    let (class, level) =
        (wanted.io_class.filter(|class| *class != 0).unwrap_or(2), wanted.io_priority.unwrap_or(IO_LEVEL));
    // A priority counts for policies that have them; setting any of the three sets all (exec-invoke.c).
    let asked = wanted.policy.is_some() || wanted.priority.is_some() || wanted.reset_on_fork;
    let policy = asked.then(|| wanted.policy.unwrap_or(0));
    let realtime = policy.is_some_and(values::scheduling::is_realtime);
    let priority = if realtime { wanted.priority.unwrap_or(1).max(1) } else { 0 };
    let text = |number: Option<String>| arena.alloc_str(&number.unwrap_or_default());
    Scheduling {
        nice: wanted.nice.map(|nice| (i16::from(nice) + 20) as u8),
        policy,
        priority,
        reset_on_fork: wanted.reset_on_fork,
        affinity: arena.alloc_slice_copy(&affinity),
        io_priority: io.then(|| u16::from(class) << 13 | u16::from(level)),
        personality: wanted.personality,
        oom_score_adjust: text(wanted.oom_score_adjust.map(|score| score.to_string())),
        coredump_filter: text(wanted.coredump_filter.map(|filter| format!("{filter:#x}"))),
        timer_slack: text(wanted.timer_slack.map(|slack| slack.to_string())),
    }
}

/// The record of what the processes see of the file system.
fn view_record<'a>(arena: &'a Bump, view: &mounts::View) -> View<'a> {
    let records: Vec<Mount<'a>> = view
        .mounts
        .iter()
        .map(|one| Mount {
            path: arena.alloc_str(&one.path),
            content: one.content,
            source: arena.alloc_str(&one.source),
            set: one.set,
            only: one.only,
            clear: one.clear,
            optional: one.optional,
        })
        .collect();
    let root = arena.alloc_str(&view.root);
    View { own: view.own, root, propagation: view.propagation, mounts: list(arena, &records) }
}

/// The record of Landlock's rules.
fn landlock<'a>(arena: &'a Bump, rules: &mounts::Landlock) -> Result<Landlock<'a>> {
    let paths = |paths: &Option<Vec<String>>| paths.as_ref().map(|paths| strings(arena, paths)).transpose();
    Ok(Landlock {
        writable: paths(&rules.writable)?,
        executable: paths(&rules.executable)?,
        beside_mounts: rules.beside_mounts,
    })
}

/// The record of one directory setting.
pub(super) fn directory<'a>(arena: &'a Bump, directory: &'a model::Directories) -> Result<Directories<'a>> {
    Ok(Directories {
        kind: directory.kind,
        mode: directory.mode,
        names: strings(arena, &directory.names)?,
        links: strings(arena, directory.links.iter().flat_map(|(name, link)| [name, link]))?,
    })
}

/// `records` as a list in `arena`.
pub(super) fn list<'a, T: Serialize>(arena: &'a Bump, records: &[T]) -> List<'a, T> {
    List::new(arena.alloc_slice_copy(&table::list(records)))
}

/// `strings` as a list in `arena`.
pub(super) fn strings<'a, S: AsRef<str>>(
    arena: &'a Bump,
    strings: impl IntoIterator<Item = S>,
) -> Result<StrList<'a>> {
    let bytes = arena.alloc_slice_copy(&table::strings(strings));
    StrList::new(bytes).context("a list of strings that is none")
}

fn ids<'a>(arena: &'a Bump, ids: &BTreeSet<UnitId>) -> Result<IdList<'a>> {
    let bytes = arena.alloc_slice_copy(&table::ids(ids.iter().copied()));
    IdList::new(bytes).context("a list of ids that is none")
}
