//! What a seed stands for: the units of a world, and which things go wrong in it.
//!
//! Swarm testing: each world has its own subset of faults, so that rare combinations get worlds of their own.

use fastrand::Rng;
use tomte::table::{
    CommandKind, Condition, ExitSet, FailureMode, JobMode, KillMode, Kind, Manners, Micros, NotifyAccess,
    OomPolicy, Preserve, PrivateTmp, Relation, Restart, ServiceType, StartLimit, Subject, Timer, TimerBase,
    UidRange,
};

use super::fixture::{
    ServicePlan, UnitPlan, Watched, accepting, daily, path, service, socket, spans, target, timer,
};

/// `OnFailureJobMode=` and its kind. Of those that heed nobody few: with them less can be judged.
fn job_mode(rng: &mut Rng) -> JobMode {
    match rng.u8(..60) {
        0 => JobMode::IgnoreRequirements,
        1..20 => JobMode::Fail,
        20..30 => JobMode::Isolate,
        _ => JobMode::Replace,
    }
}

/// Most units of a world.
const UNITS_MAX: u16 = 14;

/// A world before it begins.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) units: Vec<UnitPlan>,
    pub(crate) identities: u16,
    pub(crate) range: UidRange,
    pub(crate) faults: Faults,
    /// Whether units stop and start others.
    pub(crate) related: bool,
    /// Whether the run ends by itself, with a report.
    pub(crate) until_idle: bool,
    /// How long things may go wrong, in microseconds.
    pub(crate) trouble: u64,
    /// What the board watches over.
    pub(crate) watched: Watched,
}

/// How often each thing goes wrong, in 1 of 100 chances.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) crash: u8,
    /// Services that do not say what they should.
    pub(crate) silent: u8,
    /// Services that say what they should not.
    pub(crate) nonsense: u8,
    pub(crate) clean_exit: u8,
    pub(crate) hang: u8,
    /// SIGKILL that was the kernel's, for want of memory.
    pub(crate) out_of_memory: u8,
    pub(crate) ignores_term: u8,
    pub(crate) slow_to_die: u8,
    pub(crate) forks: u8,
    /// Programs whose children have children, and so on.
    pub(crate) bombs: u8,
    /// The kernel kills all processes of a unit for want of memory.
    pub(crate) oom_kills: u8,
    /// Children that are killed on their way to execve, without a word.
    pub(crate) dies_early: u8,
    pub(crate) step_fails: u8,
    pub(crate) spawn_fails: u8,
    pub(crate) unfit: u8,
    pub(crate) static_user: u8,
    pub(crate) unclean: u8,
    pub(crate) late_empty: u8,
    pub(crate) lost_empty: u8,
    pub(crate) unmet: u8,
    pub(crate) examiner_dies: u8,
    pub(crate) clock_jumps: u8,
    pub(crate) requests: u8,
    pub(crate) strangers: u8,
    pub(crate) clients_leave: u8,
    /// A hundred requests, or a hundred notices of one service, at once.
    pub(crate) floods: u8,
    pub(crate) reexecs: u8,
    /// PID 1 fails and loses the event that it was at.
    pub(crate) failures: u8,
    /// What sockets and paths wait for comes.
    pub(crate) arrivals: u8,
    /// Somebody mounts and unmounts by hand.
    pub(crate) hands: u8,
    /// A turn is over before all actions are carried out: other events come first.
    pub(crate) short_turns: u8,
}

impl Faults {
    /// Each of them.
    fn each(&mut self) -> [&mut u8; 31] {
        let Self {
            crash,
            silent,
            nonsense,
            clean_exit,
            hang,
            out_of_memory,
            ignores_term,
            slow_to_die,
            forks,
            bombs,
            oom_kills,
            dies_early,
            step_fails,
            spawn_fails,
            unfit,
            static_user,
            unclean,
            late_empty,
            lost_empty,
            unmet,
            examiner_dies,
            clock_jumps,
            requests,
            strangers,
            clients_leave,
            floods,
            reexecs,
            failures,
            arrivals,
            hands,
            short_turns,
        } = self;
        [
            crash,
            silent,
            nonsense,
            clean_exit,
            hang,
            out_of_memory,
            ignores_term,
            slow_to_die,
            forks,
            bombs,
            oom_kills,
            dies_early,
            step_fails,
            spawn_fails,
            unfit,
            static_user,
            unclean,
            late_empty,
            lost_empty,
            unmet,
            examiner_dies,
            clock_jumps,
            requests,
            strangers,
            clients_leave,
            floods,
            reexecs,
            failures,
            arrivals,
            hands,
            short_turns,
        ]
    }

    /// As few of them as it takes for the world to fail still.
    pub(crate) fn fewest(mut self, fails: &mut dyn FnMut(Self) -> bool) -> Self {
        for at in 0..self.each().len() {
            let mut fewer = self;
            if core::mem::take(fewer.each()[at]) > 0 && fails(fewer) {
                self = fewer;
            }
        }
        self
    }

    /// Those that there are, in words.
    pub(crate) fn told(self) -> String {
        let all = format!("{self:?}").replace("Faults { ", "").replace(" }", "");
        let there: Vec<&str> = all.split(", ").filter(|fault| !fault.ends_with(": 0")).collect();
        if there.is_empty() { "nothing".into() } else { there.join(", ") }
    }

    fn of(rng: &mut Rng) -> Self {
        let mut some = |most: u8| if rng.bool() { rng.u8(1..=most) } else { 0 };
        Self {
            crash: some(60),
            silent: some(30),
            nonsense: some(60),
            clean_exit: some(60),
            hang: some(20),
            out_of_memory: some(50),
            ignores_term: some(50),
            slow_to_die: some(20),
            forks: some(50),
            bombs: some(20),
            oom_kills: some(20),
            dies_early: some(20),
            step_fails: some(30),
            spawn_fails: some(30),
            unfit: some(60),
            static_user: some(30),
            unclean: some(30),
            late_empty: some(40),
            lost_empty: some(10),
            unmet: some(50),
            examiner_dies: some(20),
            clock_jumps: some(10),
            requests: some(90),
            strangers: some(20),
            clients_leave: some(30),
            floods: some(5),
            reexecs: some(10),
            failures: some(3),
            arrivals: some(95),
            short_turns: some(40),
            hands: some(60),
        }
    }
}

impl Plan {
    pub(crate) fn of(rng: &mut Rng) -> Self {
        let count = rng.u16(2..=UNITS_MAX);
        let identities = rng.u16(1..=4);
        // Small ranges make numbers meet.
        let size = u32::from(identities) + rng.u32(0..=6);
        let kinds = *pick(rng, &[QUIET, QUIET, FIGHTING, TOGETHER]);
        let mut units: Vec<_> = (0..count).map(|id| unit(rng, id, count, identities, kinds)).collect();
        // A oneshot that is upheld runs for ever and ever.
        let ends = |plan: &UnitPlan| {
            plan.service.as_ref().is_some_and(|service| service.service_type == ServiceType::Oneshot)
        };
        let ends: Vec<bool> = units.iter().map(ends).collect();
        for plan in &mut units {
            plan.related.retain(|(kind, id)| *kind != Relation::Upholds || !ends[usize::from(*id)]);
        }
        // And who needs one that ends goes down with it, and comes back if he is upheld.
        if units.iter().any(|plan| plan.related.iter().any(|(kind, _)| *kind == Relation::Upholds)) {
            units.iter_mut().filter_map(|plan| plan.service.as_mut()).for_each(|one| {
                one.remain_after_exit |= one.service_type == ServiceType::Oneshot;
            });
        }
        let triggered = rng.u8(..3) == 0 && add_triggers(rng, &mut units);
        Self {
            units,
            identities,
            range: UidRange { first: 1000, last: 1000 + size },
            faults: Faults::of(rng),
            related: !kinds.is_empty() || triggered,
            until_idle: rng.u8(..8) == 0,
            trouble: rng.u64(1..=600) * 1_000_000,
            watched: if rng.u8(..3) == 0 { watched(rng, count) } else { Watched::default() },
        }
    }
}

impl Plan {
    /// Makes unit `id` a target that has nothing to do with others.
    pub(crate) fn make_idle(&mut self, id: u16) {
        let idle = target(&format!("u{id}.target"));
        self.units[usize::from(id)] = idle;
        for unit in &mut self.units {
            for list in [&mut unit.wants, &mut unit.requires, &mut unit.after] {
                list.retain(|other| *other != id);
            }
            // Who starts nobody cannot be what starts others.
            unit.related.retain(|(_, other)| *other != id);
            let starts = unit.related.iter().any(|(relation, _)| *relation == Relation::Triggers);
            if unit.trigger.is_some_and(|kind| !matches!(kind, Kind::Device(_))) && !starts {
                (unit.trigger, unit.service) = (None, None);
            }
        }
        self.watched.vital.retain(|vital| *vital != id);
    }

    /// The table that somebody may want in the place of this one: some services are others there.
    pub(crate) fn other(&self, rng: &mut Rng) -> Self {
        let mut other = self.clone();
        for UnitPlan { name, service, .. } in &mut other.units {
            if let Some(service) = service.as_mut().filter(|_| rng.bool()) {
                service.timeout_stop = Micros::from_secs(service.timeout_stop.0 / 1_000_000 + 1);
                service.runtime_directory = rng.bool();
                // Who leaves processes behind keeps his number: their unit is not down when he is up again.
                let thorough = matches!(service.kill.mode, KillMode::ControlGroup | KillMode::Mixed);
                if thorough && service.kill.send_sigkill && !name.ends_with(".mount") {
                    service.user = rng.bool().then(|| rng.u16(..self.identities));
                    service.group = service.user;
                }
            }
        }
        other
    }
}

/// A board that watches over some of its `count` units.
fn watched(rng: &mut Rng, count: u16) -> Watched {
    let mut some = || rng.bool().then(|| rng.u16(1..count));
    Watched {
        on_good: some(),
        on_sick: some(),
        rescue: some(),
        group_patience: [0, 3_000_000, 15_000_000][rng.usize(..3)],
        vital: (1..count).filter(|_| rng.u8(..4) == 0).collect(),
        watchdog: rng.bool(),
    }
}

/// Unit `id` of `count`. It comes after units of higher numbers only, so there are no cycles.
fn unit(rng: &mut Rng, id: u16, count: u16, identities: u16, kinds: &[Relation]) -> UnitPlan {
    let mut some = |one_in: u16| (id + 1..count).filter(|_| rng.u16(..one_in) == 0).collect::<Vec<_>>();
    let (wants, requires, mut after) = (some(4), some(6), some(4));
    let wants = if id == 0 { (1..count).collect() } else { wants };
    if rng.bool() {
        after.extend(requires.iter().copied());
        after.sort_unstable();
        after.dedup();
    }
    let start_limit =
        StartLimit { interval: Micros::from_secs(*pick(rng, &[0, 1, 10, 10, 60])), burst: rng.u32(0..=5) };
    let some = Condition {
        subject: Subject::PathExists,
        assert: rng.bool(),
        trigger: false,
        negate: false,
        parameter: "/some",
    };
    let conditions = if rng.u8(..6) == 0 { vec![some] } else { vec![] };
    let related = related(rng, id, count, kinds);
    let manners = Manners {
        stop_when_unneeded: id != 0 && !kinds.is_empty() && rng.u8(..8) == 0,
        allow_isolate: rng.u8(..4) != 0,
        refuse_manual_stop: rng.u8(..8) == 0,
        on_failure_mode: job_mode(rng),
        on_success_mode: job_mode(rng),
        job_timeout: if rng.u8(..8) == 0 { Micros::from_secs(rng.u64(1..60)) } else { Micros::ZERO },
        job_running_timeout: if rng.u8(..8) == 0 { Micros::from_secs(rng.u64(1..60)) } else { Micros::ZERO },
        ..Manners::DEFAULT
    };
    let plan =
        UnitPlan { wants, requires, after, conditions, related, manners, ..target(&format!("u{id}.target")) };
    if id == 0 || rng.u8(..6) == 0 {
        return if id != 0 && rng.bool() { device(plan, id) } else { plan };
    }
    let mount = rng.u8(..6) == 0;
    let name = format!("u{id}.{}", if mount { "mount" } else { "service" });
    let service = service(&name).with(|plan| {
        change(rng, plan, identities);
        if mount {
            become_mount(plan);
        }
    });
    let service = service.service;
    UnitPlan { name, start_limit, service, ..plan }
}

/// What the bake makes of a device that units name: nobody waits for it for ever, and nobody can stop it.
fn device(plan: UnitPlan, id: u16) -> UnitPlan {
    let manners = Manners {
        refuse_manual_stop: true,
        ignore_on_isolate: true,
        stop_when_unneeded: false,
        job_running_timeout: Micros::from_secs(90),
        ..plan.manners
    };
    let name = format!("u{id}.device");
    UnitPlan { name, manners, conditions: vec![], trigger: Some(Kind::Device("/dev/some")), ..plan }
}

/// Some services get a socket, path or timer that starts them, before which they do not start; whether there is any.
fn add_triggers(rng: &mut Rng, units: &mut Vec<UnitPlan>) -> bool {
    let before = units.len();
    for id in 1..before {
        if units[id].service.is_none() || rng.bool() {
            continue;
        }
        let trigger = u16::try_from(units.len()).expect("few units");
        let starts = u16::try_from(id).expect("few units");
        let plan = match rng.u8(..4) {
            3 => {
                units[id].start_limit.interval = Micros::ZERO;
                if let Some(service) = &mut units[id].service {
                    (service.restart, service.per_connection) = (Restart::No, true);
                }
                accepting(&format!("u{trigger}.socket"), &[starts])
            }
            0 => socket(&format!("u{trigger}.socket"), starts),
            1 => path(&format!("u{trigger}.path"), starts),
            _ => timer(&format!("u{trigger}.timer"), starts, |timer| change_timer(rng, timer)),
        };
        let commands = matches!(plan.trigger, Some(Kind::Socket(_))) && rng.bool();
        let service = commands
            .then(|| service(&plan.name).with(|one| become_socket(rng, one)))
            .and_then(|one| one.service);
        units.push(UnitPlan { service, ..plan });
        units[0].wants.push(trigger);
        units[id].after.push(trigger);
    }
    units.len() > before
}

/// Some time comes for the timer, and perhaps again and again.
fn change_timer(rng: &mut Rng, timer: &mut Timer<'static>) {
    let bases = [
        TimerBase::Active,
        TimerBase::Boot,
        TimerBase::Startup,
        TimerBase::UnitActive,
        TimerBase::UnitInactive,
    ];
    let mut all = vec![];
    while all.is_empty() || rng.bool() {
        all.push((*pick(rng, &bases), Micros::from_secs(rng.u64(60..600))));
    }
    timer.spans = spans(&all);
    if rng.bool() {
        timer.calendars = daily(rng.u32(..24));
    }
    timer.on_clock_change = rng.u8(..4) == 0;
    timer.accuracy = Micros::from_secs(*pick(rng, &[0, 0, 1, 60]));
    timer.randomized_delay = Micros::from_secs(*pick(rng, &[0, 0, 1, 600]));
    timer.persistent = rng.bool();
    timer.defer_reactivation = rng.bool();
}

/// What units of one world have to do with each other. What is upheld comes back, so what conflicts with it would, too:
/// such worlds never come to rest.
const QUIET: &[Relation] = &[];
const FIGHTING: &[Relation] = &[
    Relation::Requisite,
    Relation::BoundBy,
    Relation::Parts,
    Relation::Conflicts,
    Relation::Conflicts,
    Relation::OnFailure,
    Relation::OnSuccess,
];
const TOGETHER: &[Relation] = &[
    Relation::BoundBy,
    Relation::Parts,
    Relation::StoppedAlong,
    Relation::ReloadedAlong,
    Relation::Upholds,
    Relation::OnFailure,
    Relation::OnSuccess,
];

/// What follows from unit `id` for others: those with higher numbers only, so that it ends. Boot is left in peace.
fn related(rng: &mut Rng, id: u16, count: u16, kinds: &[Relation]) -> Vec<(Relation, u16)> {
    if id == 0 || id + 1 >= count || kinds.is_empty() || rng.u8(..3) != 0 {
        return vec![];
    }
    (0..rng.u8(1..4)).map(|_| (*pick(rng, kinds), rng.u16(id + 1..count))).collect()
}

/// What the bake makes of a socket's commands.
fn become_socket(rng: &mut Rng, plan: &mut ServicePlan) {
    times(rng, plan);
    plan.kill.mode =
        *pick(rng, &[KillMode::ControlGroup, KillMode::Mixed, KillMode::Process, KillMode::None]);
    plan.kill.send_sigkill = rng.u8(..8) != 0;
    plan.runtime_directory = rng.bool();
    let kinds = [CommandKind::StartPre, CommandKind::StartPost, CommandKind::Stop, CommandKind::StopPost];
    plan.commands = kinds.into_iter().map(|kind| (kind, rng.u8(..8) == 0)).collect();
    plan.commands.retain(|_| rng.bool());
    if plan.commands.is_empty() {
        plan.commands.push((CommandKind::StopPost, false));
    }
}

/// What the bake makes of a mount unit: a oneshot that stays up until it is unmounted.
fn become_mount(plan: &mut ServicePlan) {
    (plan.service_type, plan.remain_after_exit) = (ServiceType::Oneshot, true);
    (plan.restart, plan.watchdog, plan.ready_fd) = (Restart::No, Micros::ZERO, 0);
    (plan.notify_access, plan.runtime_max) = (NotifyAccess::None, Micros::FOREVER);
    (plan.user, plan.group, plan.success) = (None, None, ExitSet::default());
    // Who cannot be killed keeps a mount from ever going, and those who fight it from ever coming to rest.
    (plan.kill.mode, plan.kill.send_sigkill) = (KillMode::ControlGroup, true);
    let kinds = [CommandKind::Start, CommandKind::Reload, CommandKind::Stop, CommandKind::StopPost];
    plan.commands = kinds.map(|kind| (kind, false)).to_vec();
}

fn change(rng: &mut Rng, plan: &mut ServicePlan, identities: u16) {
    readiness(rng, plan);
    plan.remain_after_exit = rng.u8(..3) == 0;
    let oneshot = plan.service_type == ServiceType::Oneshot;
    let restarts: &[Restart] = if oneshot {
        &[Restart::No, Restart::OnFailure, Restart::OnAbnormal, Restart::OnAbort]
    } else {
        &[
            Restart::No,
            Restart::Always,
            Restart::Always,
            Restart::OnSuccess,
            Restart::OnFailure,
            Restart::OnAbnormal,
        ]
    };
    plan.restart = *pick(rng, restarts);
    times(rng, plan);
    plan.kill.mode = *pick(
        rng,
        &[KillMode::ControlGroup, KillMode::ControlGroup, KillMode::Mixed, KillMode::Process, KillMode::None],
    );
    plan.kill.send_sighup = rng.u8(..5) == 0;
    plan.kill.send_sigkill = rng.u8(..8) != 0;
    if rng.u8(..5) == 0 {
        plan.prevent.add_code(7);
        plan.force.add_signal(6);
        plan.success.add_code(3);
    }
    let mut kinds = vec![CommandKind::Start];
    kinds.extend(CommandKind::ALL.into_iter().filter(|_| rng.u8(..6) == 0));
    if !oneshot {
        kinds.dedup();
        let mut starts = 0;
        kinds.retain(|kind| *kind != CommandKind::Start || core::mem::replace(&mut starts, 1) == 0);
    }
    plan.commands = kinds.into_iter().map(|kind| (kind, rng.u8(..8) == 0)).collect();
    if rng.bool() {
        plan.user = Some(rng.u16(..identities));
        plan.group = if rng.u8(..4) == 0 { Some(rng.u16(..identities)) } else { plan.user };
    }
    plan.runtime_directory = rng.u8(..3) == 0;
    plan.preserve = *pick(rng, &[Preserve::No, Preserve::Restart, Preserve::Yes]);
    plan.private_tmp = *pick(rng, &[PrivateTmp::No, PrivateTmp::Connected, PrivateTmp::Disconnected]);
    plan.environment_files = *pick(rng, &["", "-/may/be/missing\0", "/must/be/there\0"]);
}

/// When it counts as up, and what it may say of itself.
fn readiness(rng: &mut Rng, plan: &mut ServicePlan) {
    plan.service_type = *pick(
        rng,
        &[
            ServiceType::Simple,
            ServiceType::Exec,
            ServiceType::Oneshot,
            ServiceType::Notify,
            ServiceType::NotifyReload,
            ServiceType::Forking,
            ServiceType::Dbus,
            ServiceType::Idle,
        ],
    );
    if rng.bool() {
        plan.pid_file = "/run/pid";
    }
    plan.guess_main_pid = rng.u8(..4) != 0;
    plan.exit_with_last = rng.u8(..8) == 0;
    plan.oom_policy = *pick(rng, &[OomPolicy::Continue, OomPolicy::Stop, OomPolicy::Stop, OomPolicy::Kill]);
    let modes = [FailureMode::Terminate, FailureMode::Terminate, FailureMode::Abort, FailureMode::Kill];
    (plan.start_failure_mode, plan.stop_failure_mode) = (*pick(rng, &modes), *pick(rng, &modes));
    if rng.u8(..8) == 0 {
        plan.runtime_max = Micros::from_secs(rng.u64(1..=300));
        plan.runtime_extra = Micros::from_secs(rng.u64(0..=60));
    }
    plan.notify_access = match plan.service_type {
        ServiceType::Notify | ServiceType::NotifyReload => {
            *pick(rng, &[NotifyAccess::Main, NotifyAccess::Exec, NotifyAccess::All])
        }
        ServiceType::Simple
        | ServiceType::Exec
        | ServiceType::Oneshot
        | ServiceType::Forking
        | ServiceType::Dbus
        | ServiceType::Idle => *pick(rng, &[NotifyAccess::None, NotifyAccess::None, NotifyAccess::All]),
    };
    if plan.service_type == ServiceType::Notify && rng.u8(..3) == 0 {
        plan.ready_fd = 3;
    }
    if plan.notify_access != NotifyAccess::None {
        plan.watchdog = Micros::from_secs(*pick(rng, &[0, 0, 1, 30]));
    }
}

/// How long things may take.
fn times(rng: &mut Rng, plan: &mut ServicePlan) {
    if rng.u8(..4) == 0 {
        (plan.restart_steps, plan.restart_growth) = (rng.u32(1..5), 2.0);
        plan.restart_delay_max = Micros::from_secs(20);
    }
    plan.restart_delay = Micros::from_millis(*pick(rng, &[0, 1, 100, 5_000]));
    plan.timeout_start = Micros::from_secs(rng.u64(1..=90));
    plan.timeout_stop = Micros::from_secs(rng.u64(1..=90));
    plan.timeout_abort = Micros::from_secs(rng.u64(1..=90));
}

/// One of `choices`.
pub(crate) fn pick<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}
